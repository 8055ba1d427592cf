"""How far a model can be trusted on test nights: risk against coverage, sets of classes, calibration by class.

The runs of one model on one split are averaged and calibrated as a catalogue does it. What is fitted, the temperature
and the limits of the sets, is fitted on validation frames and judged on test frames.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import tables
from norrsken.catalogue.calibrate import sets_of, together
from norrsken.catalogue.judge import LIMIT_FRAMES, LIMIT_NIGHTS, Frames, enough, number_of_nights
from norrsken.catalogue.sets import make_sets
from norrsken.catalogue.smoothing import said_alone
from norrsken.classify.classifier_file import SetJudgement, Sets
from norrsken.classify.model import FrameClassifier
from norrsken.evaluation.bootstrap import MIN_UNITS, interval, quotient, redrawn, share_intervals, times_drawn
from norrsken.evaluation.calibration import BINS, cross_entropy, fit_temperature
from norrsken.evaluation.intervals import units_of
from norrsken.evaluation.scores import model_files, read_metrics
from norrsken.evaluation.validation import SET_FRAMES, SET_NIGHTS, kept_out_by_all, nights_aside
from norrsken.files import write_csv

Floats = NDArray[np.float64]

#: All classes together, in the column `class`.
ALL = "all"

#: Shares of the frames, the most confident ones, of which it is told how many are right.
COVERAGES = (0.8, 0.9, 0.95, 1.0)

#: Where the curve of the risk is told.
GRID = np.arange(1, 51) / 50

#: The ending of a measure before the temperature.
BEFORE = "_before"


class Value(NamedTuple):
    """A number with the ends of its 95 % interval; nan where there is none."""

    value: float
    low: float
    high: float


NOTHING = Value(float("nan"), float("nan"), float("nan"))


class Risk(NamedTuple):
    """How often the most confident frames are wrong.

    curve: at each coverage of `GRID`, (50,). accuracy: at each of `COVERAGES`. area: under the curve over all frames,
    AURC (Geifman & El-Yaniv 2017). excess: of it, over that of an order in which all wrong frames come last, E-AURC
    (Geifman, Uziel & El-Yaniv 2019).
    """

    curve: Floats
    accuracy: Floats
    area: float
    excess: float


def judge_trust(
    metrics: Sequence[str],
    predictions: Sequence[str],
    validations: Sequence[str],
    dataset: str,
    labelled: str | None,
    trust: str,
    risk: str,
    reliability: str,
) -> None:
    """Write `trust.csv`, `risk.csv` and `reliability.csv` of the runs of one model on one split.

    metrics, predictions, validations: the `metrics.json`, beside which the models lie, the `predictions.parquet` and
    the `validation.parquet` of the runs, in the same order. labelled: `labelled.parquet`, whose frames on which
    annotators differ count for the sets, too; None: only those of the data set count. Where nights are not known, the
    units of the intervals are frames; where there are fewer than `MIN_UNITS`, there are none. Where something cannot be
    judged, its row is empty and its `note` says why.
    """
    runs = read_metrics(metrics)
    clean, classes = tables.read_without_images(dataset), tables.label_names(dataset).classes
    nights, by_night = clean.set_index("frame_id")["night"], runs[0]["split_method"] == "night"
    validated, tested = ([tables.read_predictions(path) for path in paths] for paths in (validations, predictions))
    kept_out, test = together(validated, by_night, nights, classes), together(tested, True, nights, classes)
    common = kept_out_by_all(validated, nights) if by_night else nights[:0]
    aside = nights_aside(common)
    decides = kept_out.of(~np.isin(kept_out.nights, aside))
    temperature, note = 1.0, "no validation frames: the temperature is 1"
    if len(decides.labels):
        temperature, note = fit_temperature(decides.probabilities, decides.labels), ""
        if not enough(decides):
            note = (
                f"fitted to fewer than {LIMIT_FRAMES} frames of {LIMIT_NIGHTS} nights: it may harm more than it helps"
            )
    after, units = test.tempered(temperature), units_of(pd.Series(test.nights))
    counts = len(decides.labels), number_of_nights(decides.nights)
    rows = [_row("temperature", ALL, Value(temperature, np.nan, np.nan), *counts, note)]
    measured, curve = _risk_rows(after, units)
    rows += measured
    for frames, ending in ((test, BEFORE), (after, "")):
        rows += _calibration_rows(frames, units, classes, ending)
    members = model_files(metrics)
    if len(aside):
        sets = _sets(members, labelled, kept_out.tempered(temperature), after, aside, classes, temperature)
        rows += _set_rows(sets, classes)
    else:
        rows += [
            _row(name, ALL, NOTHING, 0, 0, _why_no_sets(by_night, common)) for name in ("set_coverage", "set_size")
        ]
    for table, path in (
        (pd.DataFrame(rows), trust),
        (curve, risk),
        (reliability_by_class(after, units, classes), reliability),
    ):
        table.insert(0, "model", runs[0]["model"])
        write_csv(table, path)


def mean_by_unit(values: Floats, units: NDArray[np.int64]) -> Value:
    """The mean of numbers of frames with its interval over the units that they are of: (n,), (n,)."""
    if not len(values):
        return NOTHING
    codes = np.unique(units, return_inverse=True)[1]
    counts = np.zeros((int(codes.max()) + 1, 2))
    np.add.at(counts, codes, np.column_stack([values, np.ones(len(values))]))
    if len(counts) < MIN_UNITS:
        return Value(float(values.mean()), np.nan, np.nan)
    drawn = redrawn(counts)
    return Value(float(values.mean()), *interval(drawn[:, 0] / drawn[:, 1]))


def measure_risk(wrong: NDArray[np.bool_], confidence: Floats) -> Risk:
    """How often the most confident frames are wrong. wrong, confidence: (n,), one frame at least.

    Frames with the same confidence stand in an order of chance, of which this is the mean.
    """
    order = np.argsort(-confidence, kind="stable")
    return _risk(wrong[order].astype(np.float64), np.unique(-confidence[order], return_inverse=True)[1])


def _risk(wrong: Floats, ties: NDArray[np.intp]) -> Risk:
    """The same of frames that are in order. ties: a number that is equal where the confidence is, (n,), from 0."""
    frames = np.arange(1, len(wrong) + 1)
    of_tie = np.divide(np.bincount(ties, wrong), np.maximum(np.bincount(ties), 1))
    risk = np.cumsum(of_tie[ties]) / frames
    # What rounding makes a little more than a whole number of frames is that number.
    curve, accuracy = (
        risk[np.ceil(len(wrong) * np.array(shares) - 1e-9).astype(int) - 1] for shares in (GRID, COVERAGES)
    )
    right = len(wrong) - wrong.sum()
    best = (np.maximum(frames - right, 0) / frames).mean()
    return Risk(curve, 1 - accuracy, float(risk.mean()), float(risk.mean() - best))


def _risk_rows(frames: Frames, units: NDArray[np.int64]) -> tuple[list[dict[str, object]], pd.DataFrame]:
    """The rows of the risk, and the curve: coverage, risk, low, high."""
    confidence = frames.probabilities.max(axis=1)
    wrong = frames.probabilities.argmax(axis=1) != frames.labels
    found, drawn = measure_risk(wrong, confidence), _drawn_risks(wrong, confidence, units)

    def with_interval(of: Callable[[Risk], float]) -> Value:
        return Value(float(of(found)), *interval(np.array([of(one) for one in drawn] or [np.nan])))

    counts = len(wrong), number_of_nights(frames.nights)
    rows = [
        _row("area_under_risk", ALL, with_interval(lambda one: one.area), *counts),
        _row("excess_area_under_risk", ALL, with_interval(lambda one: one.excess), *counts),
    ]
    for i, coverage in enumerate(COVERAGES):
        name = f"accuracy_at_{100 * coverage:g}"
        rows.append(_row(name, ALL, with_interval(partial(_accuracy_at, i)), *counts))
    points = [with_interval(partial(_risk_at, i)) for i in range(len(GRID))]
    curve = pd.DataFrame(points).rename(columns={"value": "risk"})
    curve.insert(0, "coverage", GRID)
    return rows, curve


def _accuracy_at(place: int, risk: Risk) -> float:
    return float(risk.accuracy[place])


def _risk_at(place: int, risk: Risk) -> float:
    return float(risk.curve[place])


def _drawn_risks(wrong: NDArray[np.bool_], confidence: Floats, units: NDArray[np.int64]) -> list[Risk]:
    """The risk in each draw of the units with replacement; none where there are too few units."""
    number = int(units.max()) + 1
    if number < MIN_UNITS:
        return []
    order = np.argsort(-confidence, kind="stable")
    ties = np.unique(-confidence[order], return_inverse=True)[1]
    sorted_wrong, sorted_units = wrong[order].astype(np.float64), units[order]
    risks = []
    for times in times_drawn(number):
        rows = np.repeat(np.arange(len(order)), times[sorted_units].astype(int))
        risks.append(_risk(sorted_wrong[rows], ties[rows]))
    return risks


def _calibration_rows(
    frames: Frames, units: NDArray[np.int64], classes: Sequence[str], ending: str
) -> list[dict[str, object]]:
    """The rows of the calibration, the Brier score and the log loss, of all classes together and of each.

    The Brier scores of the classes add up to that of all. The log loss of a class is that of its frames.
    """
    said, labels = frames.probabilities, frames.labels
    truth = np.eye(len(classes))[labels]
    predicted, confidence = said.argmax(axis=1), said.max(axis=1)
    over, squares = confidence - (predicted == labels), (said - truth) ** 2
    nats = cross_entropy(said, labels)
    everywhere = len(labels), number_of_nights(frames.nights)

    def of_frames(rows: NDArray[np.bool_]) -> tuple[int, int]:
        return int(rows.sum()), number_of_nights(frames.nights[rows])

    errors = [binned_errors(said[:, code], truth[:, code], units) for code in range(len(classes))]
    both = np.mean(errors, axis=0)
    top = binned_errors(confidence, 1.0 - (predicted != labels), units)
    rows = [
        _row(f"calibration_error{ending}", ALL, within_chance(top), *everywhere),
        _row(f"class_calibration_error{ending}", ALL, within_chance(both), *everywhere),
        _row(f"overconfidence{ending}", ALL, mean_by_unit(over, units), *everywhere),
        _row(f"brier{ending}", ALL, mean_by_unit(squares.sum(axis=1), units), *everywhere),
        _row(f"log_loss{ending}", ALL, mean_by_unit(nats, units), *everywhere),
    ]
    for code, name in enumerate(classes):
        given, own = predicted == code, labels == code
        rows += [
            _row(f"class_calibration_error{ending}", name, within_chance(errors[code]), *everywhere),
            _row(f"overconfidence{ending}", name, mean_by_unit(over[given], units[given]), *of_frames(given)),
            _row(f"brier{ending}", name, mean_by_unit(squares[:, code], units), *everywhere),
            _row(f"log_loss{ending}", name, mean_by_unit(nats[own], units[own]), *of_frames(own)),
        ]
    return rows


def _bins(said: Floats) -> NDArray[np.int64]:
    """The bin of each probability: (n,) → (n,)."""
    return np.minimum((said * BINS).astype(np.int64), BINS - 1)


def binned_errors(said: Floats, true: Floats, units: NDArray[np.int64]) -> Floats:
    """Mean distance, over bins, of a probability and of how often it comes true: (1 + draws,).

    said, true: (n,), the probability and 0 or 1. The first is that of the frames (of one class: Kull et al. 2019; of
    the predicted class: Guo et al. 2017). The others tell how much of it may be chance: how far draws of the units are
    from the frames, in the same mean; nan where there are too few units.
    """
    sums = np.zeros((int(units.max()) + 1, BINS + 1))
    np.add.at(sums, (units, _bins(said)), said - true)
    sums[:, BINS] = np.bincount(units)
    whole = sums.sum(axis=0)
    drawn = redrawn(sums) if len(sums) >= MIN_UNITS else np.full((1, BINS + 1), np.nan)
    found, others = (each[..., :BINS] / each[..., BINS:] for each in (whole, drawn))
    return np.concatenate([[np.abs(found).sum()], np.abs(others - found).sum(axis=1)])


def within_chance(errors: Floats) -> Value:
    """An error of `binned_errors`, or a mean of several, with an interval that holds in 95 % of the cases at least.

    Chance makes distances larger, so that the percentiles of draws would not reach down to 0 even where all is well.
    But it cannot change their mean by more than what it is itself in that mean, so all that is nearer may be true.
    """
    error, chance = float(errors[0]), float(np.percentile(errors[1:], 95))
    return (
        Value(error, max(error - chance, 0.0), error + chance) if np.isfinite(chance) else Value(error, np.nan, np.nan)
    )


def reliability_by_class(frames: Frames, units: NDArray[np.int64], classes: Sequence[str]) -> pd.DataFrame:
    """How often a probability comes true, by bins of it: columns class, probability, share, low, high, frames, nights.

    Rows: the bins with frames, of the probability of each class, and of that of the predicted class (`all`).
    """
    truth = np.eye(len(classes))[frames.labels]
    top = frames.probabilities.argmax(axis=1) == frames.labels
    said = np.column_stack([frames.probabilities, frames.probabilities.max(axis=1)])
    true = np.column_stack([truth, top])
    number, names = int(units.max()) + 1, [*classes, ALL]
    counts = np.zeros((number, BINS, len(names), 3))
    for code in range(len(names)):
        of_frame = np.column_stack([np.ones(len(said)), true[:, code], said[:, code]])
        np.add.at(counts[:, :, code], (units, _bins(said[:, code])), of_frame)
    sums, with_any = counts.sum(axis=0), (counts[..., 0] > 0).sum(axis=0)
    share = quotient(sums[..., 1], sums[..., 0])
    drawn = redrawn(counts[..., :2])
    shares = quotient(drawn[..., 1], drawn[..., 0])
    none = np.isnan(shares).all(axis=0)
    low, high = share_intervals(
        np.where(none, 0, share), np.nanvar(np.where(none, 0, shares), axis=0, ddof=1), with_any
    )
    bins, columns = np.nonzero(sums[..., 0])
    places = bins, columns
    table = {
        "class": np.array(names)[columns],
        "probability": (sums[..., 2] / np.maximum(sums[..., 0], 1))[places],
        "share": share[places],
        "low": low[places],
        "high": high[places],
        "frames": sums[..., 0][places].astype(int),
        "nights": with_any[places],
    }
    return pd.DataFrame(table).sort_values(["class", "probability"], key=_in_order(names)).reset_index(drop=True)


def _in_order(names: Sequence[str]) -> Callable[[pd.Series], pd.Series]:
    return lambda column: column.map(names.index) if column.name == "class" else column


def _sets(
    members: Sequence[Path],
    labelled: str | None,
    kept_out: Frames,
    test: Frames,
    aside: NDArray[np.datetime64],
    classes: Sequence[str],
    temperature: float,
) -> Sets:
    """The sets, fitted to the nights aside; also to their frames on which annotators differ, where these are given."""
    if labelled is None:
        calibration = kept_out.of(np.isin(kept_out.nights, aside))
        return make_sets(calibration, test, np.ones(len(test.labels), bool), classes)
    said = said_alone([FrameClassifier(member) for member in members], labelled, temperature)
    return sets_of(said, labelled, kept_out, test, aside, classes)


def _why_no_sets(by_night: bool, common: pd.Series) -> str:
    if not by_night:
        return "no sets: the split is not by night, so that no validation nights can be set aside"
    return (
        f"no sets: every second of {common.nunique()} validation nights, with {len(common)} frames in all, is too "
        f"little; {SET_FRAMES} frames of {SET_NIGHTS} nights are needed"
    )


def _set_rows(sets: Sets, classes: Sequence[str]) -> list[dict[str, object]]:
    """The rows of the sets; of all frames also for those on which annotators agree and differ apart."""
    judged: list[tuple[str, str, SetJudgement]] = [("", ALL, sets.labelled)]
    judged += [("_agreed", ALL, sets.agreed), ("_ambiguous", ALL, sets.ambiguous)]
    judged += [("", name, sets.by_class[name]) for name in classes]
    rows = []
    for ending, name, one in judged:
        for measure, share in (("set_coverage", one.coverage), ("set_size", one.size)):
            numbers = [np.nan if number is None else number for number in (share.value, share.low, share.high)]
            rows.append(_row(measure + ending, name, Value(*numbers), one.frames, one.nights))
    return rows


def _row(measure: str, name: str, value: Value, frames: int, nights: int, note: str = "") -> dict[str, object]:
    return {"measure": measure, "class": name, **value._asdict(), "frames": frames, "nights": nights, "note": note}
