"""How right a classifier is on labelled frames, all in all, for each class, and in its decision on aurora."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import schemas
from norrsken.classify.classifier_file import (
    AuroraDecision,
    Classifier,
    ClassJudgement,
    Decided,
    Judgement,
    Share,
)
from norrsken.classify.verdict import sure_enough
from norrsken.evaluation.bootstrap import MIN_UNITS, interval, redrawn
from norrsken.evaluation.calibration import expected_calibration_error, tempered
from norrsken.evaluation.scores import macro_scores

#: So many frames, of so many nights, are enough to fit a limit to.
LIMIT_FRAMES, LIMIT_NIGHTS = 40, 8


class Frames(NamedTuple):
    """Labelled frames and what a classifier says of them.

    probabilities: (n, classes) float64. labels: codes, (n,). nights: (n,) datetime64[D], NaT where not known.
    """

    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    nights: NDArray[np.datetime64]

    def of(self, rows: NDArray[np.bool_]) -> "Frames":
        """Some of the frames: rows (n,)."""
        return Frames(self.probabilities[rows], self.labels[rows], self.nights[rows])

    def tempered(self, temperature: float) -> "Frames":
        """The same, with probabilities that a temperature has calibrated."""
        return self._replace(probabilities=tempered(self.probabilities, temperature))


def joined(parts: Iterable[Frames]) -> Frames:
    """Frames of several parts, one after the other."""
    return Frames(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def enough(frames: Frames) -> bool:
    """Whether a limit can be fitted to these frames."""
    return len(frames.labels) >= LIMIT_FRAMES and number_of_nights(frames.nights) >= LIMIT_NIGHTS


Whose = Literal["class", "rest", "all"]


def whose_frames(
    codes: NDArray[np.int64], classes: int, enough: Callable[[NDArray[np.bool_]], bool]
) -> list[tuple[Whose, NDArray[np.bool_]]]:
    """Whose frames the limit of each class is fitted to, and which these are: (n,).

    Its own; where they are not enough, those of the rest, of all such classes together; where these are not enough
    either, all. codes: the class of each frame, (n,).
    """
    few = [code for code in range(classes) if not enough(codes == code)]
    rest = np.isin(codes, few)
    shared: tuple[Whose, NDArray[np.bool_]] = ("rest", rest) if enough(rest) else ("all", np.ones_like(rest))
    return [shared if code in few else ("class", codes == code) for code in range(classes)]


def number_of_nights(nights: NDArray[np.datetime64]) -> int:
    """How many nights there are among those that are known."""
    return len(np.unique(nights[~np.isnat(nights)]))


def judge(
    frames: Frames, limits: NDArray[np.float64], aurora: AuroraDecision | None, classes: Sequence[str]
) -> Judgement:
    """How right the classifier is, all in all and for each class. limits: the confidence of each class, (classes,)."""
    predicted = frames.probabilities.argmax(axis=1)
    classified = sure_enough(frames.probabilities, limits)
    right = predicted == frames.labels
    table = pd.DataFrame(frames.probabilities, columns=[*map(schemas.p, classes)])
    table["label"], table["predicted"] = np.array(classes)[frames.labels], np.array(classes)[predicted]
    # A class that neither the frames nor the classifier have is no failure.
    there = np.unique([frames.labels, predicted])
    macro = macro_scores(np.searchsorted(there, frames.labels), np.searchsorted(there, predicted), len(there))
    by_class = {}
    for code, name in enumerate(classes):
        given = predicted == code
        by_class[name] = ClassJudgement(
            frames=int(given.sum()),
            nights=number_of_nights(frames.nights[given]),
            classified=share(classified[given], frames.nights[given]),
            precision=share(right[given & classified], frames.nights[given & classified]),
            calibration_error=_rounded(expected_calibration_error(table[given])) if given.any() else None,
        )
    return Judgement(
        frames=len(frames.labels),
        nights=number_of_nights(frames.nights),
        precision=share(right[classified], frames.nights[classified]),
        classified=share(classified, frames.nights),
        f1=_rounded(macro["f1"]),
        calibration_error=_rounded(expected_calibration_error(table)),
        by_class=by_class,
        with_aurora=aurora and _decided(frames, aurora, aurora.classes, classes),
        without_aurora=aurora and _decided(frames, aurora, [aurora.clear_sky], classes),
    )


def _decided(frames: Frames, aurora: AuroraDecision, of: Sequence[str], classes: Sequence[str]) -> Decided:
    """How the frames of some classes are decided."""
    some = frames.of(np.isin(np.array(classes)[frames.labels], of))
    decided = aurora.decide(aurora.probability(some.probabilities, classes))
    return Decided(
        frames=len(some.labels),
        nights=number_of_nights(some.nights),
        yes=share(decided == "yes", some.nights),
        no=share(decided == "no", some.nights),
    )


def share(which: NDArray[Any], nights: NDArray[np.datetime64]) -> Share:
    """The share of true ones, or the mean of numbers, with its interval over the nights. which, nights: (n,)."""
    if not len(which):
        return Share(value=None, low=None, high=None)
    units, codes = np.unique(nights, return_inverse=True)
    bounds: dict[str, Any] = {"low": None, "high": None}
    if len(units) >= MIN_UNITS:
        counts = np.zeros((len(units), 2))
        np.add.at(counts, codes, np.column_stack([which, np.ones(len(which))]))
        drawn = redrawn(counts)
        bounds = dict(zip(bounds, map(_rounded, interval(drawn[:, 0] / drawn[:, 1])), strict=True))
    return Share(value=_rounded(float(which.mean())), **bounds)


def _rounded(value: float) -> float:
    return round(float(value), 4)


def scores_of(classifier: Classifier) -> pd.DataFrame:
    """How good a classifier is, as a table: a row for all classes together and one for each, of validation and test.

    The columns are those of `columns.COLUMNS`.
    """
    rows: list[dict[str, Any]] = []
    for part, judged in classifier.judgements.items():
        both: dict[str, Judgement | ClassJudgement] = {"all": judged, **judged.by_class}
        for label, one in both.items():
            limit = classifier.limits.get(label)
            row: dict[str, Any] = {"part": part, "label": label, "frames": one.frames, "nights": one.nights}
            row["limit"] = None if limit is None else limit.confidence
            row["limit_of"] = "" if limit is None else limit.of
            for name in ("precision", "classified"):
                share: Share = getattr(one, name)
                row |= {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
            rows.append(row | {"calibration_error": one.calibration_error})
    return pd.DataFrame(rows)
