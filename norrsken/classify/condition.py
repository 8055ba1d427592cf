"""What a frame shows of the sky at all: clear, cloudy, bright, or nothing that can be used.

The model is a multinomial logistic regression on what is measured in the processed frame, and on products of that. The
one that comes with norrsken was fitted to the simulated weather (`tools/fit_condition.py`), since no archive comes with
a table of its clouds. A release with enough rejected frames gets a model of its own, where that tells them better from
the agreed frames on nights that it has not seen.
"""

import json
import logging
import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold

from norrsken import schemas, tables
from norrsken.classes import CONDITIONS
from norrsken.config.base import Settings
from norrsken.dataset.splits import read_split
from norrsken.files import written_aside

log = logging.getLogger(__name__)

Features = NDArray[np.float64]

#: What is measured in a frame, in this order. All are logarithms but the last two.
MEASURES = (
    "dark",  # luminance below which 5, 50, 90, 99 % of the pixels lie
    "middle",
    "bright",
    "high",
    "red",  # of all pixels, red and blue beside green
    "blue",
    "red_dark",  # likewise of their dark quarter
    "blue_dark",
    "coarse",  # deviation of the luminance between blocks of 16 pixels, beside its mean
    "medium",  # likewise of blocks of 4 pixels from their surroundings
    "fine",  # likewise of pixels from their 3 × 3 median: noise
    "edge",  # luminance at the edge of the crop beside that of its middle
    "glare",  # luminance of the brightest block of 16 pixels beside the middle one
    "red_glare",  # red and blue beside green in that block
    "blue_glare",
    "beam",  # excess of green above which 0.3 % of the pixels lie, in what is thinner than 5 pixels: a laser
    "stars",  # share of pixels that stand out from their surroundings by STAR
    "greenish",  # deviation of green less red, beside the luminance
    "unevenly",  # deviation of the root of that share of stars between blocks of 32 pixels
)

#: A star stands out from its surroundings by at least this many levels.
STAR = 18

#: A frame is black when hardly any pixel is brighter than the first level (a real one of Longyearbyen reaches 10, dark
#: real sky is above 18), and overexposed when half of the pixels are as bright as the second.
BLACK, OVEREXPOSED = 12, 250

#: A frame whose colours deviate by less than this from their mean shows nothing: noise alone makes as much.
FLAT = 0.5

#: A frame that differs by less than this from the one before, in the mean over pixels, is the same: noise makes more.
FROZEN = 0.02

#: A release needs so many rejected frames, of at least so many nights, for a model of its own.
LEAST_REJECTED, FOLDS = 50, 5


class Condition(Settings):
    """A fitted model, and how well it does: what `condition.json` says.

    weights: (4, k) in the order of `CONDITIONS`, of the terms that `_terms` gives for measures shifted by mean and
    divided by deviation. clear: (k,), the weights of a model for clear against the rest, where the release has its own.
    scores: how well both do.
    """

    weights: list[list[float]]
    mean: list[float]
    deviation: list[float]
    clear: list[float] | None = None
    scores: dict[str, float | int | str | None] = Field(default={})


def measure(images: NDArray[np.uint8]) -> Features:
    """Measure processed frames: (n, 128, 128, 3) uint8 → (n, m) in the order of `MEASURES`."""
    return np.array([_measure_one(frame) for frame in images]).reshape(len(images), len(MEASURES))


def _measure_one(frame: NDArray[np.uint8]) -> list[float]:
    """Measure one frame: with OpenCV, frame by frame, this is ten times as fast as with NumPy on all of them."""
    luminance = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    dark, quarter, middle, bright, high = _levels(luminance, [0.05, 0.25, 0.5, 0.9, 0.99])
    red, green, blue, _ = cv2.mean(frame)
    mask = cv2.compare(luminance, float(quarter), cv2.CMP_LE)
    red_dark, green_dark, blue_dark, _ = cv2.mean(frame, mask)
    blocks = cv2.resize(luminance, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.resize(luminance, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = float(blocks.mean()) + 1
    fine = float(cv2.absdiff(luminance, cv2.medianBlur(luminance, 3)).mean())
    medium = float(np.abs(small - cv2.blur(small, (5, 5))).mean())
    greenish = frame[::4, ::4, 1].astype(np.float32) - frame[::4, ::4, 0]
    inner, edge = float(blocks[2:-2, 2:-2].mean()), float((blocks.sum() - blocks[1:-1, 1:-1].sum()) / 28)
    coloured = cv2.resize(frame, (8, 8), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    red_glare, green_glare, blue_glare = coloured[blocks.argmax()].astype(np.float64)
    values = [dark + 1, middle + 1, bright + 1, high + 1, (red + 1) / (green + 1), (blue + 1) / (green + 1)]
    values += [(red_dark + 1) / (green_dark + 1), (blue_dark + 1) / (green_dark + 1)]
    values += [float(blocks.std()) / mean + 1e-3, medium / mean + 1e-3, fine / mean + 1e-3, (edge + 1) / (inner + 1)]
    values += [(blocks.max() + 1) / (np.median(blocks) + 1), (red_glare + 1) / (green_glare + 1)]
    stars = (_small(luminance) >= STAR).reshape(4, 32, 4, 32).mean(axis=(1, 3))
    values += [(blue_glare + 1) / (green_glare + 1), (_beam(frame) + 1) / mean, float(stars.mean()) + 1e-4]
    return [*np.log(values).tolist(), float(greenish.std()) / mean, float(np.sqrt(stars).std())]


def _beam(frame: NDArray[np.uint8]) -> float:
    """The excess of green in the thin lines of a frame."""
    red, green, blue = cv2.split(frame)
    return float(_levels(_small(cv2.blur(cv2.subtract(green, cv2.max(red, blue)), (3, 3))), [0.997])[0])


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What stands out from its surroundings and is narrower than 5 pixels."""
    narrow: NDArray[np.uint8] = cv2.morphologyEx(image, cv2.MORPH_TOPHAT, np.ones((5, 5), np.uint8))
    return narrow


def _levels(image: NDArray[np.uint8], shares: list[float]) -> NDArray[np.intp]:
    """The levels at or below which such shares of the pixels lie."""
    below = np.cumsum(cv2.calcHist([image], [0], None, [256], [0, 256])) / image.size
    return np.searchsorted(below, shares)


def bad(images: NDArray[np.uint8], before: NDArray[np.uint8] | None = None) -> NDArray[np.bool_]:
    """Which frames are black, overexposed, of one colour, or the same as the one before: (n, 128, 128, 3) → (n,).

    before: the frame before the first, of the same night.
    """
    useless = np.zeros(len(images), bool)
    for i, frame in enumerate(images):
        brighter = np.count_nonzero(frame > BLACK) / frame.size
        glaring = np.count_nonzero(frame >= OVEREXPOSED) / frame.size
        again = before is not None and cv2.norm(frame, before, cv2.NORM_L1) / frame.size < FROZEN
        useless[i] = brighter < 0.01 or glaring > 0.5 or again or cv2.meanStdDev(frame)[1].max() < FLAT
        before = frame
    return useless


def conditions(
    images: NDArray[np.uint8], model: Condition, before: NDArray[np.uint8] | None = None
) -> NDArray[np.str_]:
    """The sky's condition in processed frames of one night in order: (n, 128, 128, 3) uint8 → (n,)."""
    return np.where(bad(images, before), "bad", predict(measure(images), model))


def predict(measured: Features, model: Condition) -> NDArray[np.str_]:
    """The most probable condition by what was measured: (n, m) → (n,)."""
    terms = _terms(measured, model)
    scores = terms @ np.array(model.weights).T
    codes = scores.argmax(axis=1)
    if model.clear is not None:
        codes = np.where(terms @ np.array(model.clear) > 0, 0, scores[:, 1:].argmax(axis=1) + 1)
    names: NDArray[np.str_] = np.array(CONDITIONS)[codes]
    return names


def fit(measured: Features, labels: Iterable[str], weights: NDArray[np.float64] | None = None) -> Condition:
    """A model for the conditions in frames. measured: (n, m); labels: (n,), of `CONDITIONS`; weights: (n,)."""
    mean, deviation = measured.mean(axis=0), np.maximum(measured.std(axis=0), 1e-6)
    empty = Condition(weights=[], mean=mean.tolist(), deviation=deviation.tolist())
    regression = LogisticRegression(C=0.3, fit_intercept=False, max_iter=5000)
    regression.fit(_terms(measured, empty), [CONDITIONS.index(label) for label in labels], weights)
    return empty.model_copy(update={"weights": regression.coef_.round(5).tolist()})


def shipped() -> Condition:
    """The model that comes with norrsken."""
    return Condition.model_validate_json(files("norrsken.classify").joinpath("condition.json").read_text("utf-8"))


def read_condition(path: str | os.PathLike[str]) -> Condition:
    return Condition.model_validate_json(Path(path).read_text(encoding="utf-8"))


def write_condition(model: Condition, path: str | os.PathLike[str]) -> None:
    with written_aside(path) as temporary:
        temporary.write_text(json.dumps(model.plain(), indent=1) + "\n", encoding="utf-8")


def choose_condition(labelled: str, dataset: str, split: str, output: str) -> None:
    """Write `condition.json` for a release: `choose` with the clear and the rejected frames of `labelled.parquet`.

    Rejected are the frames whose label stands for a sky that cannot be judged; clear are the others that have a class.
    dataset, split: on a split by night, frames of its test nights are left out, so that they are new to the model.
    """
    division = read_split(dataset, split)
    left_out = division.test.nights if division.by_night else np.empty(0, "datetime64[D]")
    hidden = pa.array(tables.label_names(labelled).hidden_sky, pa.string())
    measured, clear, nights = [], [], []
    with tables.opened(labelled, schemas.labelled_table([]), ["verdict", "label", "night", "image"]) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, ["verdict", "label", "night", "image"])
            rejected = pc.or_(pc.is_in(rows["verdict"], hidden), pc.is_in(rows["label"], hidden))
            new = pa.array(np.isin(rows["night"].to_numpy().astype("datetime64[D]"), left_out))
            used = pc.and_(pc.or_(rejected, pc.is_valid(rows["label"])), pc.invert(new))
            rows, rejected = rows.filter(used), rejected.filter(used)
            if len(rows):
                measured.append(measure(tables.images(rows["image"])))
                clear.append(~np.array(rejected))
                nights.append(rows["night"].to_numpy().astype("datetime64[D]"))
    if measured:
        model = choose(np.concatenate(measured), np.concatenate(clear), np.concatenate(nights))
    else:
        model = choose(np.empty((0, len(MEASURES))), np.empty(0, bool), np.empty(0, "datetime64[D]"))
    log.info("%s", model.scores)
    write_condition(model, output)


def take_shipped(output: str) -> None:
    """Write `condition.json` for a release of which no frame chooses it."""
    write_condition(choose(np.empty((0, len(MEASURES))), np.empty(0, bool), np.empty(0, "datetime64[D]")), output)


def choose(measured: Features, clear: NDArray[np.bool_], nights: NDArray[np.datetime64]) -> Condition:
    """The shipped model, or one that tells the release's rejected frames better from its agreed ones.

    measured: (n, m), of agreed and rejected frames. clear: (n,), whether agreed. nights: (n,), for cross-validation.
    """
    model = shipped()
    terms, known = _terms(measured, model), predict(measured, model) == "clear"
    scores = dict(model.scores)
    scores |= {"release_clear": int(clear.sum()), "release_rejected": int((~clear).sum()), "used": "simulated weather"}
    if clear.any() and not clear.all():
        scores["release_shipped"] = round(float(balanced_accuracy_score(clear, known)), 4)
    if (~clear).sum() < LEAST_REJECTED or len(np.unique(nights[~clear])) < FOLDS or clear.sum() < LEAST_REJECTED:
        return model.model_copy(update={"scores": scores})
    predicted = np.zeros(len(clear), bool)
    for train, test in GroupKFold(FOLDS).split(terms, clear, nights):
        predicted[test] = terms[test] @ _fit_clear(terms[train], clear[train]) > 0
    scores["release_own"] = round(float(balanced_accuracy_score(clear, predicted)), 4)
    if balanced_accuracy_score(clear, predicted) <= balanced_accuracy_score(clear, known):
        return model.model_copy(update={"scores": scores})
    weights = _fit_clear(terms, clear).round(5).tolist()
    return model.model_copy(update={"clear": weights, "scores": scores | {"used": "the release's rejected frames"}})


def _fit_clear(terms: Features, clear: NDArray[np.bool_]) -> Features:
    regression = LogisticRegression(C=0.1, class_weight="balanced", fit_intercept=False, max_iter=5000).fit(
        terms, clear
    )
    weights: Features = regression.coef_[0]
    return weights


def _terms(measured: Features, model: Condition) -> Features:
    """One, the measures with mean 0 and deviation 1, and their products: (n, m) → (n, k)."""
    scaled = (measured - np.array(model.mean)) / np.array(model.deviation)
    first, second = np.triu_indices(scaled.shape[1])
    return np.column_stack([np.ones(len(scaled)), scaled, scaled[:, first] * scaled[:, second]])
