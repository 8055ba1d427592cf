"""Which classifier the catalogue uses, how sure it may be, and when it gives no class.

The runs of one model on one split, one for each seed, are averaged. Their probabilities are calibrated by one
temperature (Guo et al. 2017), which is fitted on frames that each run kept out of its training. A frame is not
classified below the confidence at which the asked share of those frames is right.
"""

import json
import logging
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from norrsken.classify.model import TINY, Classifier, FrameClassifier, Judgement, Member, averaged, tempered
from norrsken.dataset.splits import held_out, read_images, read_split
from norrsken.errors import NorrskenError
from norrsken.evaluation.bootstrap import MIN_UNITS, interval, redrawn
from norrsken.evaluation.calibration import expected_calibration_error
from norrsken.evaluation.scores import macro_scores, read_metrics
from norrsken.files import written_aside
from norrsken.schemas import p

log = logging.getLogger(__name__)

#: Temperatures that are tried, as exponents of e: from a twentieth to twenty.
_TEMPERATURES = (-3.0, 3.0)


class CatalogueError(NorrskenError):
    """The archive cannot be classified as asked."""


def choose_model(histories: Mapping[str, Sequence[str]]) -> str:
    """The model that does best on the validation frames at the end of its training, mean over its runs.

    histories: model → the `history.csv` of its runs. Raises `CatalogueError` where no model keeps validation frames.
    """
    scores = {}
    for model, paths in histories.items():
        last = [pd.read_csv(path).tail(1) for path in paths]
        if all(len(rows) and rows["validation_f1"].notna().all() for rows in last):
            scores[model] = float(np.mean([rows["validation_f1"].iloc[0] for rows in last]))
    if not scores:
        raise CatalogueError(
            "no model of the configuration has a validation_share, so none can be chosen: name one as catalogue.model"
        )
    log.info("macro F1 on validation frames: %s", ", ".join(f"{m} {s:.3f}" for m, s in scores.items()))
    return max(scores, key=lambda model: scores[model])


def make_classifier(
    metrics: Sequence[str], histories: Sequence[str], dataset: str, precision: float, output: str
) -> None:
    """Write `classifier.json` for the one model whose runs are given, or for the best of several.

    metrics, histories: the `metrics.json` and the `history.csv` of the runs of all candidates on one split, in the same
    order. The rest is as in `calibrate`.
    """
    runs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for run, path, history in zip(read_metrics(metrics), metrics, histories, strict=True):
        runs[run["model"]].append((path, history))
    chosen = next(iter(runs))
    if len(runs) > 1:
        chosen = choose_model({model: [history for _, history in pairs] for model, pairs in runs.items()})
    calibrate([path for path, _ in runs[chosen]], dataset, precision, output)


def calibrate(metrics: Sequence[str], dataset: str, precision: float, output: str) -> None:
    """Write `classifier.json` for the runs of one model on one split.

    metrics: the `metrics.json` of the runs, beside which their models lie. precision: what must be reached on the
    frames that the runs kept out. A model that keeps none out is used as it is, and every frame gets a class.
    """
    runs = read_metrics(metrics)
    files = [os.path.join(os.path.dirname(path), run["model_file"]) for path, run in zip(metrics, runs, strict=True)]
    members = [FrameClassifier(file) for file in files]
    split = runs[0]["split"]
    train, test, _, classes = read_split(dataset, split)
    other = next((member for member in members if member.classes != classes), None)
    if other is not None:
        raise CatalogueError(
            f"{other.path} tells {', '.join(other.classes)} apart, but the data set has {', '.join(classes)}: "
            "train the model anew"
        )
    share = float(getattr(members[0].card.run.model, "validation_share", 0.0))
    temperature, least, validation = 1.0, 0.0, None
    if share > 0:
        kept_out = [held_out(train.labels, share, member.card.seed) for member in members]
        predictions = [
            m.predict(read_images(dataset, train.frame_ids[k].tolist())) for m, k in zip(members, kept_out, strict=True)
        ]
        labels = np.concatenate([train.labels[k] for k in kept_out])
        nights = np.concatenate([train.nights[k] for k in kept_out])
        probabilities = np.concatenate(predictions).astype(np.float64)
        temperature = fit_temperature(probabilities, labels)
        probabilities = tempered(probabilities, temperature)
        least = least_confidence(probabilities, labels, precision)
        validation = judge(probabilities, labels, nights, least, classes)
    tested = averaged(members, temperature, read_images(dataset, test.frame_ids.tolist()))
    result = Classifier(
        name=f"{split}/{runs[0]['model']}",
        members=[
            Member(path=os.path.relpath(member.path, Path(output).parent), sha256=member.digest) for member in members
        ],
        temperature=temperature,
        least_confidence=least,
        asked_precision=precision,
        validation=validation,
        test=judge(tested, test.labels, test.nights, least, classes),
    )
    with written_aside(output) as temporary:
        temporary.write_text(json.dumps(result.plain(), indent=2) + "\n", encoding="utf-8")
    log.info("%s: temperature %.3f, least confidence %.3f", result.name, temperature, least)


def fit_temperature(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature at which the labels are most likely. probabilities: (n, classes); labels: codes (n,)."""

    def loss(exponent: float) -> float:
        likely = tempered(probabilities, float(np.exp(exponent)))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(likely, TINY)).mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=_TEMPERATURES, method="bounded").x)), 4)


def least_confidence(probabilities: NDArray[np.float64], labels: NDArray[np.int64], precision: float) -> float:
    """The lowest confidence such that the asked share of the frames with it or more is right; 1 where there is none."""
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[order]
    reached = np.flatnonzero(np.cumsum(right) / np.arange(1, len(right) + 1) >= precision)
    if not len(reached):
        log.warning("no confidence reaches a precision of %.2f: nothing will be classified", precision)
        return 1.0
    # It is rounded down, so that the frame itself is not below it.
    return float(np.floor(confidence[order][reached[-1]] * 1e6) / 1e6)


def judge(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    nights: NDArray[np.datetime64],
    least: float,
    classes: Sequence[str],
) -> Judgement:
    """How right the classifier is.

    probabilities: (n, classes). labels: codes, (n,). nights: (n,), NaT where not known.
    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    classified, right = confidence >= least, predicted == labels
    units, codes = np.unique(nights, return_inverse=True)
    low = high = None
    if len(units) >= MIN_UNITS and classified.any():
        counts = np.zeros((len(units), 2))
        np.add.at(counts, (codes[classified], right[classified].astype(int)), 1)
        drawn = redrawn(counts)
        with np.errstate(invalid="ignore"):
            low, high = (round(bound, 4) for bound in interval(drawn[:, 1] / drawn.sum(axis=1)))
    table = pd.DataFrame(probabilities, columns=[*map(p, classes)])
    table["label"], table["predicted"] = np.array(classes)[labels], np.array(classes)[predicted]
    return Judgement(
        frames=len(labels),
        precision=round(float(right[classified].mean()), 4) if classified.any() else None,
        low=low,
        high=high,
        classified=round(float(classified.mean()), 4),
        f1=round(macro_scores(labels, predicted, len(classes))["f1"], 4),
        calibration_error=round(expected_calibration_error(table), 4),
    )
