"""Settings of a model, compared on a validation part of the training frames; the test frames are never touched."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from norrsken.config.base import ConfigError
from norrsken.config.config import Config, check
from norrsken.config.models import NIGHT_SHARE, SequenceNetwork, SingleFrameModel
from norrsken.dataset.splits import read_split, with_images
from norrsken.evaluation.scores import macro_scores
from norrsken.models import classifiers
from norrsken.training.run import read_inputs


def tune(
    config: Config,
    model: str,
    tries: Mapping[str, Sequence[str]],
    split: str | None,
    seeds: int,
    dataset: str,
    features: str | None,
) -> Iterator[str]:
    """Train the model with every combination of the values; yield a line of scores for each, as soon as it is there.

    A fifth of the split's training frames is kept out for the scores: on a split by night its validation nights, so
    that frames a minute apart do not stand on both sides.

    split: its name; None: the first of the release. dataset: the release's `dataset.parquet`. features: the file
    of the features that the model needs; None where it needs none. Raises `ConfigError` for a split that is not there.
    """
    _with(config, model, {})  # refuses a sequence before any frame is read
    splits = config.releases[config.release].splits
    name = split or next(iter(splits))
    if name not in splits:
        raise ConfigError(f"releases.{config.release}.splits has no {name!r}; it has {', '.join(splits)}")
    division = read_split(dataset, name)
    train, classes = division.train, division.classes
    validation = division.validation(NIGHT_SHARE, seed=0)
    parts = [train.of(rows) for rows in (~validation, validation)]
    if features is None:
        parts = [with_images(dataset, part) for part in parts]
    inputs, scored = read_inputs(parts, features)
    labels, truth = (part.labels for part in parts)
    yield f"{len(labels)} frames to train on, {len(truth)} to score, of the training frames of {name!r}"
    yield f"{'settings':50s} {'macro F1':>16s} {'loss':>8s}"
    for values in product(*tries.values()):
        chosen = dict(zip(tries, values, strict=True))
        settings = _with(config, model, chosen)
        results = []
        for seed in range(seeds):
            classifier = classifiers.build(settings, seed, len(classes), inputs.shape[-1])
            classifier.fit(inputs, labels)
            probabilities = classifier.predict(scored).probabilities
            likely = probabilities[np.arange(len(truth)), truth]
            loss = -np.log(np.maximum(likely, 1e-6)).mean()
            results.append((macro_scores(truth, probabilities.argmax(axis=1), len(classes))["f1"], loss))
        f1, losses = np.array(results).T
        spread = f" ± {f1.std(ddof=1):.3f}" if seeds > 1 else ""
        description = ", ".join(f"{key} {value}" for key, value in chosen.items())
        yield f"{description:50s} {f'{f1.mean():.3f}{spread}':>16s} {losses.mean():8.3f}"


def _with(config: Config, model: str, chosen: Mapping[str, str]) -> SingleFrameModel:
    """The model's settings with other values, checked as the configuration is. Raises `ConfigError` for a sequence."""
    raw = config.model_dump(mode="json")
    raw["models"][model] |= chosen
    settings = check(raw, "norrsken tune").models[model]
    if isinstance(settings, SequenceNetwork):
        raise ConfigError(f"models.{model} is a sequence; norrsken tune tries models that see single frames")
    return settings
