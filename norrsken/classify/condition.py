"""What a frame shows of the sky at all: clear, cloudy, bright, or nothing that can be used.

The model is linear in what a network (`sky_network`) sees of the processed frame and in what is measured in it
(`sky_measures`). It comes with norrsken and was fitted to the simulated weather through many cameras
(`tools/fit_condition.py`), since no archive comes with a table of its clouds. `norrsken.classify.choose` fits one to
what people said of the frames of a site or a release.
"""

import json
import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from norrsken.classes import CONDITIONS
from norrsken.classify.sky_measures import MEASURES, WIDTH, measures
from norrsken.config.base import Settings
from norrsken.files import written_aside

Features = NDArray[np.float64]

#: A frame is black when hardly any pixel is brighter than the first level, and blocks of 16 pixels deviate by less than
#: the second: a real one of Longyearbyen reaches 10 and deviates by 0.1, a dark sky through a camera that is not very
#: sensitive may be as dark, but deviates by 1. It is overexposed when half of the pixels are as bright as the third.
BLACK, EVEN, OVEREXPOSED = 12, 0.3, 250

#: A frame whose colours deviate by less than this from their mean shows nothing: noise alone makes as much.
FLAT = 0.5

#: A frame that differs by less than this from the one before, in the mean over pixels, is the same: noise makes more.
FROZEN = 0.02

#: The weight of the constant term of a condition that is never found: all scores of others are far above it.
NEVER = -1e6

#: Inverse strength of the regularisation where a model is fitted to some hundred frames.
STRENGTH = 0.1


class Condition(Settings):
    """A fitted model, and how well it does: what `condition.json` says.

    weights: (4, k) in the order of `CONDITIONS`, of the terms that `terms` gives for measures shifted by mean and
    divided by deviation. clear: (k,), the weights of a model for clear against the rest, where the release has its own.
    scores: how well both do.
    """

    weights: list[list[float]]
    mean: list[float]
    deviation: list[float]
    clear: list[float] | None = None
    scores: dict[str, float | int | str | None] = Field(default={})


def measure(images: NDArray[np.uint8], sky: NDArray[np.floating] | None = None) -> Features:
    """What the shipped network sees of processed frames, and `MEASURES`: (n, 128, 128, 3) uint8 → (n, m).

    sky: what that network sees, (n, WIDTH), where it has looked already; None: it looks now.
    """
    if sky is None:
        from norrsken.classify.sky_network import seen

        sky = seen(images)
    return np.column_stack([sky, measures(images)])


def bad(images: NDArray[np.uint8], before: NDArray[np.uint8] | None = None) -> NDArray[np.bool_]:
    """Which frames are black, overexposed, of one colour, or the same as the one before: (n, 128, 128, 3) → (n,).

    before: the frame before the first, of the same night.
    """
    useless = np.zeros(len(images), bool)
    for i, frame in enumerate(images):
        black = np.count_nonzero(frame > BLACK) / frame.size < 0.01
        if black:
            black = cv2.resize(frame.astype(np.float32), (8, 8), interpolation=cv2.INTER_AREA).mean(axis=2).std() < EVEN
        glaring = np.count_nonzero(frame >= OVEREXPOSED) / frame.size
        again = before is not None and cv2.norm(frame, before, cv2.NORM_L1) / frame.size < FROZEN
        useless[i] = black or glaring > 0.5 or again or cv2.meanStdDev(frame)[1].max() < FLAT
        before = frame
    return useless


def conditions(
    images: NDArray[np.uint8],
    model: Condition,
    before: NDArray[np.uint8] | None = None,
    sky: NDArray[np.floating] | None = None,
) -> NDArray[np.str_]:
    """The sky's condition in processed frames of one night in order: (n, 128, 128, 3) uint8 → (n,).

    before: see `bad`. sky: see `measure`.
    """
    return np.where(bad(images, before), "bad", predict(measure(images, sky), model))


def predict(measured: Features, model: Condition) -> NDArray[np.str_]:
    """The most probable condition by what was measured: (n, m) → (n,)."""
    described = terms(measured, model)
    scores = described @ np.array(model.weights).T
    codes = scores.argmax(axis=1)
    if model.clear is not None:
        codes = np.where(described @ np.array(model.clear) > 0, 0, scores[:, 1:].argmax(axis=1) + 1)
    names: NDArray[np.str_] = np.array(CONDITIONS)[codes]
    return names


def fit(measured: Features, labels: Iterable[str], weights: NDArray[np.float64] | None = None) -> Condition:
    """A model for the conditions in frames. measured: (n, m); labels: (n,), of `CONDITIONS`; weights: (n,).

    It knows `MEASURES` alone: on some hundred frames of a real site these did better than all that the network sees. A
    condition that is not among the labels is never found.
    """
    from sklearn.linear_model import LogisticRegression

    empty = shipped().model_copy(update={"weights": [], "scores": {}})
    described, codes = terms(measured, empty), np.array([CONDITIONS.index(label) for label in labels])
    found, known = np.zeros((len(CONDITIONS), described.shape[1])), np.unique(codes)
    few = of_measures(described.shape[1])
    found[np.setdiff1d(np.arange(len(CONDITIONS)), known), 0] = NEVER
    if len(known) > 1:
        regression = LogisticRegression(C=STRENGTH, fit_intercept=False, max_iter=5000).fit(
            described[:, few], codes, weights
        )
        # For two conditions there is one row: of the second beside the first.
        found[np.ix_(known[-len(regression.coef_) :], few)] = regression.coef_
    return empty.model_copy(update={"weights": found.round(5).tolist()})


def shipped() -> Condition:
    """The model that comes with norrsken."""
    return Condition.model_validate_json(files("norrsken.classify").joinpath("condition.json").read_text("utf-8"))


def read_condition(path: str | os.PathLike[str]) -> Condition:
    return Condition.model_validate_json(Path(path).read_text(encoding="utf-8"))


def write_condition(model: Condition, path: str | os.PathLike[str]) -> None:
    with written_aside(path) as temporary:
        temporary.write_text(json.dumps(model.plain(), indent=1) + "\n", encoding="utf-8")


def of_measures(count: int) -> NDArray[np.intp]:
    """The places of one, `MEASURES` and their products among so many terms."""
    return np.concatenate([[0], np.arange(1 + WIDTH, count)])


def terms(measured: Features, model: Condition) -> Features:
    """One, all that is measured with mean 0 and deviation 1, and the products of `MEASURES`: (n, m) → (n, k)."""
    scaled = (measured - np.array(model.mean)) / np.array(model.deviation)
    few = scaled[:, -len(MEASURES) :]
    first, second = np.triu_indices(len(MEASURES))
    return np.column_stack([np.ones(len(scaled)), scaled, few[:, first] * few[:, second]])
