"""How much a model loses when frames are not as they should be, and whether it knows: ten changes, five strengths.

As ImageNet-C does (Hendrycks & Dietterich 2019, arXiv 1903.12261), but of the test frames of a release, with the
changes of `norrsken.yardsticks.changes`. The mean over all of them is told as the F1 that is lost, not as ImageNet-C's
mean corruption error, which divides by the errors of AlexNet.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import tables
from norrsken.classify.model import FrameClassifier, look_through
from norrsken.dataset.splits import read_split
from norrsken.errors import NorrskenError
from norrsken.evaluation.bootstrap import DRAWS, MIN_UNITS, interval, redrawn
from norrsken.evaluation.intervals import count, macro, units_of
from norrsken.evaluation.scores import SCORE_NAMES, model_files, read_metrics
from norrsken.files import write_csv
from norrsken.yardsticks.changes import CHANGES, STRENGTHS, Change

log = logging.getLogger(__name__)

#: Frames that are changed and judged at a time.
GROUP = 256

#: What stands for all changes together.
ALL = "all"

#: No change, and then each change in each strength.
SETTINGS: tuple[tuple[Change | None, int], ...] = (
    (None, 0),
    *((change, strength) for change in CHANGES for strength in range(1, STRENGTHS + 1)),
)

#: The columns that have an interval each.
SCORES = ("f1", "lost", "accuracy", "confidence", "over")


class RobustnessError(NorrskenError):
    """The model cannot be judged on changed frames."""


class Said(NamedTuple):
    """What runs say of n frames under all `SETTINGS`.

    predicted: codes in class order, (settings, runs, n) uint8. confidence: the probability of that class, (settings,
    runs, n) float32.
    """

    predicted: NDArray[np.uint8]
    confidence: NDArray[np.float32]


def judge_robustness(metrics: Sequence[str], dataset: str, output: str) -> None:
    """Write `robustness.csv` of one model on one split.

    metrics: the `metrics.json` of its runs, beside which lie their models. dataset: `dataset.parquet`. The columns are
    those of `tabulate`, after model and split. Probabilities are those of the runs, without the temperature of the
    catalogue. Raises `RobustnessError` for a sequence, and where the classes are not those of the data set.
    """
    runs = read_metrics(metrics)
    (model, split), *others = {(run["model"], run["split"]) for run in runs}
    if others:
        raise RobustnessError(f"expected the runs of one model on one split, found {model}/{split} and {others[0]}")
    test, classes = (division := read_split(dataset, split)).test, division.classes
    members = [FrameClassifier(path) for path in model_files(metrics)]
    for member in members:
        if member.in_time:
            raise RobustnessError(
                f"{model} sees each frame between its neighbours, which are not changed with it: it cannot be judged so"
            )
        if member.classes != tuple(classes):
            raise RobustnessError(
                f"{member.path} tells {', '.join(member.classes)} apart, but the data set has {', '.join(classes)}: "
                "train the model anew"
            )
    ids = test.frame_ids.tolist()
    said = judge_changes(tables.image_batches(dataset, ids, GROUP), ids, members)
    nights = pd.Series(test.nights)
    table = tabulate(said, test.labels, units_of(nights), classes)
    table.insert(0, "model", model)
    table.insert(1, "split", split)
    table["test_frames"] = len(ids)
    table["nights"] = nights.nunique() if nights.notna().all() else pd.NA
    write_csv(table, output)
    mean = table.set_index("change").loc[ALL]
    log.info("%s: macro F1 %.3f, and %.3f less under all changes", model, table["f1"].iloc[0], mean["lost"])


def judge_changes(
    batches: Iterable[tuple[slice, NDArray[np.uint8]]], frame_ids: Sequence[str], runs: Sequence[FrameClassifier]
) -> Said:
    """What runs of one model say of frames under all `SETTINGS`. Each frame is read once, each change of it made once.

    batches: places and frames (b, 128, 128, 3) uint8 of all n frames, whose ids are given.
    """
    shape = (len(SETTINGS), len(runs), len(frame_ids))
    said = Said(np.zeros(shape, np.uint8), np.zeros(shape, np.float32))
    for here, frames in batches:
        for place, (change, strength) in enumerate(SETTINGS):
            shown = frames if change is None else change(frames, frame_ids[here], strength)
            for run, probabilities in enumerate(look_through(runs, shown).said):
                said.predicted[place, run, here] = probabilities.argmax(axis=1)
                said.confidence[place, run, here] = probabilities.max(axis=1)
    return said


def example_frames(dataset: str, split: str) -> dict[str, NDArray[np.uint8]]:
    """A test frame as it is, and in each strength of each change: change → (6, 128, 128, 3) uint8, for the figure.

    It is the frame than which a twentieth of the test frames have more contrast, so that there is something to see.
    """
    ids = read_split(dataset, split).test.frame_ids.tolist()
    batches = tables.image_batches(dataset, ids, GROUP)
    contrast = np.concatenate([part.std(axis=(1, 2)).max(axis=1) for _, part in batches])
    name = ids[int(np.argsort(contrast, kind="stable")[19 * len(ids) // 20])]
    frame = tables.images_of(dataset, [name])
    return {
        change.name: np.concatenate([frame, *(change(frame, [name], strength + 1) for strength in range(STRENGTHS))])
        for change in CHANGES
    }


def tabulate(said: Said, truth: NDArray[np.int64], units: NDArray[np.int64], classes: Sequence[str]) -> pd.DataFrame:
    """Scores under each change and strength: means over the runs, with 95 % intervals over units.

    truth: codes in class order; units: nights, see `units_of`; (n,) both. Columns: `change`; `strength`, 0 for no
    change, empty for the mean over the five strengths, which of the change `all` is that over all changes, too;
    `value` in `unit`; `f1`, macro; `lost`, how much less that is than without a change, on the same draws of units;
    `accuracy`; `confidence`, the mean probability of the most probable class; `over`, how far that is above the
    accuracy. `{score}_low` and `{score}_high` are empty for fewer than `MIN_UNITS` units.
    """
    found = [
        _measure(predicted, confidence, truth, units, len(classes)) for predicted, confidence in zip(*said, strict=True)
    ]
    whole, drawn = (np.stack(parts) for parts in zip(*found, strict=True))
    rows = [
        {
            "change": "none" if change is None else change.name,
            "strength": strength,
            "value": None if change is None else change.values[strength - 1],
            "unit": "" if change is None else change.unit,
            **_scores(whole, drawn, [place]),
        }
        for place, (change, strength) in enumerate(SETTINGS)
    ]
    of_changes: Mapping[str, list[int]] = {
        **{one.name: [i for i, (change, _) in enumerate(SETTINGS) if change is one] for one in CHANGES},
        ALL: [i for i, (change, _) in enumerate(SETTINGS) if change is not None],
    }
    rows += [
        {"change": name, "strength": None, "value": None, "unit": "", **_scores(whole, drawn, places)}
        for name, places in of_changes.items()
    ]
    return pd.DataFrame(rows).astype({"strength": "Int64", "value": "float64"})


def _measure(
    predicted: NDArray[np.uint8],
    confidence: NDArray[np.float32],
    truth: NDArray[np.int64],
    units: NDArray[np.int64],
    classes: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Macro F1, accuracy and confidence, means over the runs: of all frames, (3,), and of the draws, (draws, 3)."""
    counts = count(units, truth, predicted.astype(np.int64), classes)
    sure = np.bincount(units, confidence.mean(axis=0, dtype=np.float64)).astype(np.float64)
    known = counts.sum(axis=(0, 1, 3)) > 0
    whole = _of_sums(counts.sum(axis=0)[None], sure.sum()[None], np.zeros_like(known))[0]
    if len(counts) < MIN_UNITS:
        return whole, np.full((DRAWS, 3), np.nan)
    return whole, _of_sums(redrawn(counts), redrawn(sure), known)


def _of_sums(counts: NDArray[np.float64], sure: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same of sums over units: confusion matrices (draws, runs, n, n) and confidence (draws,) → (draws, 3)."""
    frames = counts.sum(axis=(-2, -1))
    f1 = macro(counts, known)[..., SCORE_NAMES.index("f1")]
    right = np.trace(counts, axis1=-2, axis2=-1) / frames
    return np.stack([f1.mean(axis=1), right.mean(axis=1), sure / frames[:, 0]], axis=1)


def _scores(whole: NDArray[np.float64], drawn: NDArray[np.float64], places: Sequence[int]) -> dict[str, float]:
    """The columns of scores: means over some of the settings, by their places."""
    value, draws = whole[places].mean(axis=0), drawn[places].mean(axis=0)
    scores: dict[str, float] = {}
    for name, one, many in zip(SCORES, _told(value, whole[0]), _told(draws, drawn[0]), strict=True):
        scores[name] = float(one)
        scores[f"{name}_low"], scores[f"{name}_high"] = interval(many)
    return scores


def _told(measured: NDArray[np.float64], unchanged: NDArray[np.float64]) -> NDArray[np.float64]:
    """The `SCORES` of what was measured with a change and without: (…, 3), (…, 3) → (5, …)."""
    (f1, accuracy, confidence), whole = np.moveaxis(measured, -1, 0), unchanged[..., 0]
    return np.stack([f1, whole - f1, accuracy, confidence, confidence - accuracy])
