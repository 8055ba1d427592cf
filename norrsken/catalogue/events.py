"""Events: times in which one class lasted; and onsets: beginnings of one class, breakups in the paper's set."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.config.releases import EventSettings
from norrsken.files import ahead

EVENT_COLUMNS = (
    "night", "label", "start", "end", "minutes", "frames", "peak", "peak_time", "peak_frame", "ended_by", "mlt_start",
    "longest_gap_minutes",
)  # fmt: skip
ONSET_COLUMNS = ("night", "time", "frame_id", "mlt", "frames")

#: Frames of its class that an onset needs: more than two.
ONSET_FRAMES = 3

#: Seconds between frames beyond which they are not consecutive: 6 minutes in Partamies et al. 2024.
ONSET_GAP = 360.0

#: Seconds without a frame of the class before an onset, so that a substorm counts once.
ONSET_QUIET = 600.0


def find_events(
    months: Iterable[str], settings: EventSettings, classes: Sequence[str], onset: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Times in which a class lasted, by start, one row for each; and the onsets, by time.

    months: directories of the nights' tables, which are read once for both. classes: those of the catalogue. onset: the
    class that begins at an onset (breakup, in the paper's set); None: there are no onsets.

    An event of a class begins at a clear frame that is labelled so with at least the probability `settings.begins`, and
    lasts while its probability is at least `settings.ends`, frames are clear and the next one is at most
    `settings.gap_minutes` away. Events of different classes may overlap, since each class is looked at by itself.

    Columns of events: night; label; start, end: times of the first and last frame, UTC; minutes: between them and one
    step more, the night's median; frames; peak, peak_time, peak_frame: the highest probability, and when; ended_by:
    `class` (the probability fell), `sky` (no longer clear), `gap` or `night` (no more frames in it); mlt_start in
    hours; longest_gap_minutes: between two of its frames.

    An onset is the first of more than two consecutive clear frames that are labelled so, at most 6 minutes apart,
    as in Partamies et al. 2024 (doi 10.5194/angeo-42-103-2024). Here, besides, no frame of the 10 minutes before
    it is labelled so: a substorm counts once; and the frame right before it is clear and at most 6 minutes older,
    since what comes out of a cloud or a gap may have begun at any time. Columns of onsets: night, time (UTC),
    frame_id, mlt (hours), frames (of the run that begins).
    """
    columns = ["frame_id", *map(schemas.p, classes)]
    events, onsets = [], []
    for frames in monthly_frames(months, columns, classes):
        events.append(_events_of(frames, settings, classes))
        if onset is not None:
            onsets.append(onsets_of(frames, onset))
    by_start = _joined(events, EVENT_COLUMNS).sort_values("start", kind="stable", ignore_index=True)
    return by_start, _joined(onsets, ONSET_COLUMNS)


def monthly_frames(
    months: Iterable[str], more: Sequence[str] = (), classes: Sequence[str] = ()
) -> Iterator[pd.DataFrame]:
    """The frames of each month that has any, by time: time, night, mlt, condition, label, and the columns `more`.

    classes: needed where `more` has columns of their probabilities.
    Besides, `step`: seconds to the next frame of the night, infinite for the last one. One month is read while the one
    before is worked on.
    """
    yield from ahead(_months(months, more, classes))


def _months(months: Iterable[str], more: Sequence[str], classes: Sequence[str]) -> Iterator[pd.DataFrame]:
    schema = schemas.catalogue_table(classes)
    columns = ["time", "night", "mlt", "condition", "label", *more]
    for month in sorted(months):
        nights = [tables.read(path, schema, columns) for path in tables.night_tables([month])]
        if any(len(night) for night in nights):
            frames: pd.DataFrame = pa.concat_tables(nights).to_pandas(date_as_object=False)
            last = (frames["night"] != frames["night"].shift(-1)).to_numpy()
            frames["step"] = np.where(last, np.inf, np.diff(_seconds(frames["time"]), append=0))
            yield frames


def cadence(frames: pd.DataFrame, longest: float) -> pd.Series:
    """The median step of each frame's night, in seconds, of the steps up to `longest`; nan where there is none."""
    steps = frames["step"].where(frames["step"] <= longest)
    medians: pd.Series = steps.groupby(frames["night"]).transform("median")
    return medians


def _events_of(frames: pd.DataFrame, settings: EventSettings, classes: Sequence[str]) -> pd.DataFrame:
    """The events of a month."""
    probabilities = frames[[*map(schemas.p, classes)]].to_numpy()
    labels, step = frames["label"].to_numpy(), frames["step"].to_numpy()
    clear, longest = (frames["condition"] == "clear").to_numpy(), 60 * settings.gap_minutes
    spans = []
    for place, name in enumerate(classes):
        p = probabilities[:, place]
        first, last = _runs(clear & (p >= settings.ends), step <= longest)
        # A run of frames that are probable enough holds one event, from its first sure frame on, if it has one.
        sure = np.flatnonzero(clear & (p >= settings.begins) & (labels == name))
        first = np.append(sure, len(p))[np.searchsorted(sure, first)]
        spans.append(np.stack([np.full(len(first), place), first, last])[:, first <= last])
    label, first, last = np.concatenate(spans, axis=1)
    seconds = _seconds(frames["time"])
    minutes = (seconds[last] - seconds[first] + cadence(frames, longest).fillna(0).to_numpy()[last]) / 60
    lasting = minutes >= settings.least_minutes
    label, first, last, minutes = label[lasting], first[lasting], last[lasting], minutes[lasting]
    events = list(zip(label, first, last, strict=True))
    peak = np.array([a + probabilities[a : b + 1, place].argmax() for place, a, b in events], np.intp)
    gaps = [step[a:b].max(initial=0) / 60 for _, a, b in events]
    reasons = [np.isinf(step), step > longest, ~np.append(clear[1:], True)]
    night, time, frame_id, mlt = (frames[name].array for name in ("night", "time", "frame_id", "mlt"))
    columns = (
        night[first], np.array(classes)[label], time[first], time[last], minutes, last - first + 1,
        probabilities[peak, label], time[peak], frame_id[peak],
        np.select([reason[last] for reason in reasons], ["night", "gap", "sky"], "class"), mlt[first], gaps,
    )  # fmt: skip
    return pd.DataFrame(dict(zip(EVENT_COLUMNS, columns, strict=True)))


def onsets_of(frames: pd.DataFrame, label: str) -> pd.DataFrame:
    """The onsets of a month: beginnings of a class."""
    clear, so_labelled = (frames["condition"] == "clear").to_numpy(), (frames["label"] == label).to_numpy()
    near, seconds = frames["step"].to_numpy() <= ONSET_GAP, _seconds(frames["time"])
    first, last = _runs(clear & so_labelled, near)
    before = pd.Series(seconds).where(so_labelled).ffill().shift().to_numpy()
    again = seconds - before <= ONSET_QUIET
    watched = np.append(False, (clear & near)[:-1])
    count = last - first + 1
    counted = watched[first] & ~again[first] & (count >= ONSET_FRAMES)
    onsets: pd.DataFrame = frames[["night", "time", "frame_id", "mlt"]].iloc[first[counted]]
    return onsets.assign(frames=count[counted])


def _runs(held: NDArray[np.bool_], near: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last frames of the runs of frames in which something holds; near: the next frame follows soon. (n,)."""
    goes_on = held[:-1] & held[1:] & near[:-1]
    first, last = held & ~np.append(False, goes_on), held & ~np.append(goes_on, False)
    return np.flatnonzero(first), np.flatnonzero(last)


def _seconds(times: pd.Series) -> NDArray[np.float64]:
    """Seconds since 1970."""
    milliseconds = times.dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
    seconds: NDArray[np.float64] = milliseconds / 1000
    return seconds


def _joined(monthly: Sequence[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """The tables of the months as one table, with dates and times in ISO 8601."""
    table = pd.concat(monthly, ignore_index=True) if monthly else pd.DataFrame(columns=columns)
    for name, kind in table.dtypes.items():
        if isinstance(kind, pd.DatetimeTZDtype):
            table[name] = np.strings.add(_iso(table[name].dt.tz_localize(None), "s"), "Z")
    table["night"] = _iso(pd.to_datetime(table["night"]), "D")
    return table


def _iso(times: pd.Series, unit: Literal["s", "D"]) -> NDArray[np.str_]:
    """Times in ISO 8601, to the second or to the day."""
    return np.datetime_as_string(times.to_numpy("datetime64[ms]"), unit)
