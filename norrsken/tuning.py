"""Settings of a model, compared on a validation part of the training frames; the test frames are never touched."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from norrsken import models
from norrsken.classes import CLASSES
from norrsken.config import Config, ConfigError, check
from norrsken.dataset import divide, read_split
from norrsken.model_settings import Model
from norrsken.plan import Plan
from norrsken.scores import macro_scores
from norrsken.training import read_inputs


def tune(
    config: Config, model: str, tries: Mapping[str, Sequence[str]], split: str | None, seeds: int
) -> Iterator[str]:
    """Train the model with every combination of the values; yield a line of scores for each, as soon as it is there.

    A fifth of the split's training frames is kept out for the scores, divided as the split itself is: by night where
    the split is by night, so that frames a minute apart do not stand on both sides.
    """
    if model not in config.models:
        raise ConfigError(f"models has no entry {model!r}; it has {', '.join(config.models)}")
    plan = Plan(config)
    name = split or next(iter(plan.release.splits))
    if name not in plan.release.splits:
        raise ConfigError(f"releases.{plan.name}.splits has no {name!r}; it has {', '.join(plan.release.splits)}")
    train, _ = read_split(plan.dataset, name)
    inputs = read_inputs(plan.dataset, next(iter(plan.features([model])), None), train.frame_ids.tolist())
    labels = np.array(CLASSES)[train.labels]
    held_out = plan.release.splits[name].model_copy(update={"test_share": 0.2, "seed": 0})
    validation = divide(labels, train.nights, held_out)
    yield f"{(~validation).sum()} frames to train on, {validation.sum()} to score, of the training frames of {name!r}"
    yield f"{'settings':50s} {'macro F1':>16s} {'loss':>8s}"
    for values in product(*tries.values()):
        chosen = dict(zip(tries, values, strict=True))
        settings = _with(config, model, chosen)
        found = []
        for seed in range(seeds):
            classifier = models.build(settings, seed, inputs.shape[-1])
            classifier.fit(inputs[~validation], train.labels[~validation])
            probabilities = classifier.predict(inputs[validation]).probabilities
            truth = train.labels[validation]
            likely = probabilities[np.arange(len(truth)), truth]
            loss = -np.log(np.maximum(likely, 1e-6)).mean()
            found.append((macro_scores(truth, probabilities.argmax(axis=1))["f1"], loss))
        f1, losses = np.array(found).T
        spread = f" ± {f1.std(ddof=1):.3f}" if seeds > 1 else ""
        shown = ", ".join(f"{key} {value}" for key, value in chosen.items())
        yield f"{shown:50s} {f'{f1.mean():.3f}{spread}':>16s} {losses.mean():8.3f}"


def _with(config: Config, model: str, chosen: Mapping[str, str]) -> Model:
    """The model's settings with other values, checked as the configuration is."""
    raw = config.model_dump(mode="json")
    raw["models"][model] |= chosen
    return check(raw, "norrsken tune").models[model]
