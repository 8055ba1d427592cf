"""Whether a model still sees what it was trained on: scores by year and month, and an alarm that is tried on changes.

The alarm watches one number a night: how far the night's frames are from those trained on, or how sure the model is of
them. The nights kept out for validation are its past. It is tried on test nights in orders of chance, without a change
and with one that is planted from the middle night on.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import tables
from norrsken.catalogue.calibrate import together
from norrsken.catalogue.judge import Frames
from norrsken.classify.model import FrameClassifier
from norrsken.evaluation.bootstrap import MIN_UNITS, interval
from norrsken.evaluation.intervals import count, drawn_f1, f1_of_present
from norrsken.evaluation.scores import model_files, read_metrics
from norrsken.evaluation.validation import kept_out_by_all
from norrsken.files import write_csv
from norrsken.yardsticks import alarm
from norrsken.yardsticks.changes import blur, levels_of, light_of
from norrsken.yardsticks.seen import Images, Seen, Watcher, fit_familiarity
from norrsken.yardsticks.trust import Value, mean_by_unit

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Without a change: test nights after the validation nights; and nights of both in any order, which are exchangeable
#: whatever the split has done.
UNCHANGED, MIXED = "unchanged", "mixed"

#: What the alarm watches; the last is the mean of the capitals of the others.
FAMILIARITY, CONFIDENCE, BOTH = "familiarity", "confidence", "both"

#: Per cent of the orders of nights that lie below the lower end of a band, and above its upper end.
_BAND = 5

#: How orders of chance are named, and that of the archive.
DRAWN, BY_TIME = "drawn", "time"


class Change(NamedTuple):
    """A change of the camera. size: in the unit of its kind. make: frames (n, 128, 128, 3) uint8 → the same."""

    kind: str
    size: float
    make: Callable[[Images], Images]


def with_gain(images: Images, stops: tuple[float, float, float]) -> Images:
    """Frames whose red, green and blue are 2 to the power of `stops` as bright in linear light."""
    gains = 2.0 ** np.array(stops, np.float32)
    return np.stack([levels_of(light_of(image) * gains) for image in images])


def out_of_focus(images: Images, sigma: float) -> Images:
    """Frames whose light is spread by a Gaussian of so many pixels of the processed frame."""
    no_chance = np.random.default_rng(0)
    return np.stack([blur(image, sigma, no_chance) for image in images])


#: The changes that are planted. gain: stops of all colours; colour: stops of red up and of blue down; focus: sigma of a
#: blur, in pixels of the processed frame.
CHANGES = (
    *(Change("gain", size, partial(with_gain, stops=(size,) * 3)) for size in (-1.0, -0.5, 0.5, 1.0)),
    *(Change("colour", size, partial(with_gain, stops=(size, 0.0, -size))) for size in (0.25, 0.5)),
    *(Change("focus", size, partial(out_of_focus, sigma=size)) for size in (0.7, 1.0, 2.0)),
)


def judge_drift(
    metrics: Sequence[str],
    predictions: Sequence[str],
    validations: Sequence[str],
    dataset: str,
    drift: str,
    alarms: str,
    capitals: str,
    orders: int = 200,
    threshold: float = alarm.THRESHOLD,
    changes: Sequence[Change] = CHANGES,
) -> None:
    """Write `drift.csv`, `alarms.csv` and `capitals.csv` of the runs of one model on one split.

    metrics, predictions, validations: the `metrics.json`, beside which the models lie, the `predictions.parquet` and
    the `validation.parquet` of the runs, in the same order. All frames that are not test frames are looked at once, and
    the test frames once and once for each change, by all runs that are given. orders: of chance, in which the nights
    are watched. Where nothing can be told, there is one row with a `note` that says why: without nights, and for the
    alarm also on a split that is not by night or has fewer than `MIN_UNITS` nights for each part.
    """
    runs = read_metrics(metrics)
    clean, classes = tables.read_without_images(dataset), tables.label_names(dataset).classes
    nights = clean.set_index("frame_id")["night"]
    tested = [tables.read_predictions(path) for path in predictions]
    test, test_ids = together(tested, True, nights, classes), tested[0]["frame_id"].tolist()
    kept_out = kept_out_by_all(map(tables.read_predictions, validations), nights)
    model, split = runs[0]["model"], runs[0]["split"]
    watcher = Watcher([FrameClassifier(path) for path in model_files(metrics)])
    learnt = set(clean.loc[clean[f"split_{split}"] == "train", "frame_id"]) - set(kept_out.index)
    seen, past = watcher.look_at(dataset, test_ids), _look(watcher, dataset, kept_out.index.tolist())
    familiarity = None
    new_nights = runs[0]["split_method"] == "night"  # else each run has kept out other frames
    if new_nights and seen.maps is not None and past is not None:
        trained = watcher.look_at(dataset, [frame for frame in nights.index if frame in learnt])
        familiarity = fit_familiarity(trained, past)
    shares = None if familiarity is None or seen.maps is None else familiarity.of(seen.maps).astype(np.float64)
    tables_of = {drift: scores_by_time(test, shares)}
    reason = _why_no_alarm(new_nights, kept_out, test.nights)
    if reason or past is None:
        note = pd.DataFrame([{"measure": "", "note": reason}])
        tables_of |= {alarms: note.reindex(columns=list(Tried.COLUMNS)), capitals: pd.DataFrame(columns=CAPITALS)}
    else:

        def numbers(one: Seen, of: NDArray[np.datetime64]) -> dict[str, Floats]:
            found = {CONFIDENCE: by_night(one.confidence, of)}
            if familiarity is not None and one.maps is not None:
                found = {FAMILIARITY: by_night(-np.log(familiarity.distance(one.maps)), of)} | found
            return found

        reference = numbers(past, kept_out.to_numpy("datetime64[D]"))
        tried = Tried(reference, numbers(seen, test.nights), np.unique(test.nights), orders, threshold)
        tried.without_change()
        for change in changes:
            log.info("%s: %s by %g", model, change.kind, change.size)
            changed = watcher.look_at(dataset, test_ids, change.make)
            tried.with_change(change, numbers(changed, test.nights))
        tables_of |= {alarms: tried.alarms(), capitals: tried.capitals()}
    for path, table in tables_of.items():
        table.insert(0, "model", model)
        write_csv(table, path)


def _look(watcher: Watcher, dataset: str, frame_ids: Sequence[str]) -> Seen | None:
    return watcher.look_at(dataset, frame_ids) if len(frame_ids) else None


def _why_no_alarm(by_night: bool, kept_out: pd.Series, tested: NDArray[np.datetime64]) -> str:
    if not by_night:
        return "no alarm: the split is not by night, so that no night is new to the model"
    past, watched = kept_out.nunique(), len(np.unique(tested[~np.isnat(tested)]))
    if past < MIN_UNITS or watched < 2 * MIN_UNITS:
        return (
            f"no alarm: {past} validation nights and {watched} test nights; {MIN_UNITS} and {2 * MIN_UNITS} are needed"
        )
    return ""


def by_night(values: Floats, nights: NDArray[np.datetime64]) -> Floats:
    """The mean of each night's frames, by time: (n,) → (nights,)."""
    codes = np.unique(nights, return_inverse=True)[1]
    return np.asarray(np.bincount(codes, values) / np.bincount(codes), np.float64)


def scores_by_time(frames: Frames, familiarity: Floats | None) -> pd.DataFrame:
    """Columns by, bin, measure, value, low, high, frames, nights, note: a row for each measure of a year or month.

    The years and months are those of the nights. Macro F1 is the mean over the classes that a bin's frames have.
    familiarity: (n,), of the frames. Where the nights are not known, there is one row with a note.
    """
    columns = ["by", "bin", "measure", *Value._fields, "frames", "nights", "note"]
    if np.isnat(frames.nights).any():
        return pd.DataFrame([{"note": "the times of the frames are not known"}], columns=columns)
    months = frames.nights.astype("datetime64[M]").astype(int)
    rows = []
    for by, bins in (("year", months // 12 + 1970), ("month", months % 12 + 1)):
        for one in np.unique(bins):
            chosen = frames.of(bins == one)
            units = np.unique(chosen.nights, return_inverse=True)[1]
            right = (chosen.probabilities.argmax(axis=1) == chosen.labels).astype(np.float64)
            measured = {
                "f1": _macro_f1(chosen, units),
                "accuracy": mean_by_unit(right, units),
                CONFIDENCE: mean_by_unit(chosen.probabilities.max(axis=1), units),
            }
            if familiarity is not None:
                measured[FAMILIARITY] = mean_by_unit(familiarity[bins == one], units)
            counts = {"frames": len(units), "nights": int(units.max()) + 1, "note": ""}
            for measure, value in measured.items():
                rows.append({"by": by, "bin": int(one), "measure": measure, **value._asdict(), **counts})
    return pd.DataFrame(rows, columns=columns)


def _macro_f1(frames: Frames, units: NDArray[np.int64]) -> Value:
    classes, predicted = frames.probabilities.shape[1], frames.probabilities.argmax(axis=1)
    counts = count(units, frames.labels, predicted[None], classes)
    return Value(float(f1_of_present(counts.sum(axis=0))[0]), *interval(drawn_f1(counts)))


#: The columns of `capitals.csv` but the first: order: `drawn`, of many orders of chance, of which the median and the
#: 5th and 95th percentile are told; or `time`, that of the archive. capital: its logarithm to base 10.
CAPITALS = ["measure", "change", "size", "order", "number", "night", "capital", "low", "high", "threshold"]


class Tried:
    """The alarm, tried on nights in orders of chance.

    reference, watched: measure → the number of each night, of the past (m,), and of the test nights (n,), by time.
    nights: (n,), the dates of these. The change begins with the night in the middle of each order.
    """

    COLUMNS = (
        "measure", "change", "size", "orders", "reference", "before", "after", "false_alarms", "rings", "delay",
        "delay_least", "delay_most", "threshold", "promised", "note",
    )  # fmt: skip

    def __init__(
        self,
        reference: dict[str, Floats],
        watched: dict[str, Floats],
        nights: NDArray[np.datetime64],
        orders: int,
        threshold: float,
    ) -> None:
        self._reference, self._watched, self._nights, self._threshold = reference, watched, nights, threshold
        random = np.random.default_rng(0)
        number = len(nights)
        self._orders = random.permuted(np.tile(np.arange(number), (orders, 1)), axis=1)
        past = len(next(iter(reference.values())))
        self._mixed = random.permuted(np.tile(np.arange(past + number), (orders, 1)), axis=1)
        self._middle, self._past = number // 2, past
        self._rows: list[dict[str, object]] = []
        self._capitals: list[pd.DataFrame] = []

    def without_change(self) -> None:
        """Watch nights that nothing was planted in."""
        mixed = {}
        for measure, past in self._reference.items():
            every = np.concatenate([past, self._watched[measure]])[self._mixed]
            mixed[measure] = alarm.watch(every[:, : self._past], every[:, self._past :])
        self._keep(MIXED, 0.0, mixed, len(self._nights))
        unchanged = Change(UNCHANGED, 0.0, lambda images: images)
        self._try(unchanged, self._watched, len(self._nights))

    def with_change(self, change: Change, changed: dict[str, Floats]) -> None:
        """Watch nights of which those from the middle of each order on are changed. changed: as `watched`."""
        self._try(change, changed, self._middle)

    def alarms(self) -> pd.DataFrame:
        """How often, and how soon, the alarm rings: a row for each measure and change.

        false_alarms: the share of the orders in which it rings before the change, or at all where there is none. rings:
        of the others, the share in which it rings after the change begins. delay: nights until then, the first one is
        1: median, least and most. before, after: nights before the change and from it on. reference: nights of the
        past. promised: the most that false alarms may be, in the mean over draws of nights.
        """
        return pd.DataFrame(self._rows, columns=list(self.COLUMNS))

    def capitals(self) -> pd.DataFrame:
        """The course of the capital, see `CAPITALS`."""
        return pd.concat(self._capitals, ignore_index=True)[CAPITALS]

    def _try(self, change: Change, changed: dict[str, Floats], begins: int) -> None:
        after = np.arange(len(self._nights)) >= begins
        drawn, by_time = {}, {}
        for measure, past in self._reference.items():
            before = self._watched[measure]
            in_order = np.where(after, changed[measure][self._orders], before[self._orders])
            drawn[measure] = alarm.watch(past, in_order)
            by_time[measure] = alarm.watch(past, np.where(after, changed[measure], before)[None])
        self._keep(change.kind, change.size, drawn, begins)
        for measure, course in _with_both(by_time).items():
            table = {"night": self._nights, "capital": course[0], "low": np.nan, "high": np.nan}
            self._add_course(measure, change.kind, change.size, BY_TIME, table)

    def _keep(self, kind: str, size: float, drawn: dict[str, Floats], begins: int) -> None:
        for measure, course in _with_both(drawn).items():
            first, number = alarm.first_ring(course, self._threshold), len(self._nights)
            later = first[first >= begins]
            delays = later[later < number] - begins + 1
            self._rows.append(
                {
                    "measure": measure,
                    "change": kind,
                    "size": size,
                    "orders": len(course),
                    "reference": self._past,
                    "before": begins,
                    "after": number - begins,
                    "false_alarms": float((first < begins).mean()),
                    "rings": len(delays) / len(later) if len(later) and begins < number else np.nan,
                    "delay": np.median(delays) if len(delays) else np.nan,
                    "delay_least": delays.min() if len(delays) else np.nan,
                    "delay_most": delays.max() if len(delays) else np.nan,
                    "threshold": self._threshold,
                    "promised": (len(drawn) if measure == BOTH else 1) / self._threshold,
                    "note": "",
                }
            )
            middle, low, high = np.percentile(course, [50, _BAND, 100 - _BAND], axis=0)
            table = {"night": np.datetime64("NaT"), "capital": middle, "low": low, "high": high}
            self._add_course(measure, kind, size, DRAWN, table)

    def _add_course(self, measure: str, kind: str, size: float, order: str, table: dict[str, object]) -> None:
        course = pd.DataFrame({"number": np.arange(1, len(self._nights) + 1), **table})
        self._capitals.append(
            course.assign(measure=measure, change=kind, size=size, order=order, threshold=self._threshold)
        )


def _with_both(courses: dict[str, Floats]) -> dict[str, Floats]:
    """The courses with that of the mean capital, where there are several."""
    return courses | ({BOTH: alarm.together(list(courses.values()))} if len(courses) > 1 else {})
