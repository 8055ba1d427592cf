"""Occurrence: how much of the observed time each class was seen, by hour, season, year and magnetic activity."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken.catalogue.events import cadence, monthly_frames
from norrsken.classes import AURORA
from norrsken.config.label_set import LabelSet
from norrsken.errors import NorrskenError, raise_listed
from norrsken.evaluation.bootstrap import MIN_UNITS, interval, redrawn
from norrsken.files import csv_rows

#: A night counts as observed from so many seconds on, and a label as seen on it from so many frames on.
NIGHT_SECONDS = 1800
NIGHT_FRAMES = 3

#: The most seconds for which a frame may stand: the median step of a few scattered frames says nothing.
LONGEST_STEP = 600.0

#: The seconds for which a frame stands where its night has no step.
USUAL_STEP = 60.0

#: The bins into which frames of a night fall.
BINS = {"all": range(1), "hour": range(24), "mlt": range(24), "kp": range(10)}
_OFFSETS = np.cumsum([0, *map(len, BINS.values())])

#: The hours for which a Kp index holds.
KP_HOURS = 3

#: 95 % of a normal distribution lie within so many standard deviations of the mean.
_Z = 1.959964


class KpError(NorrskenError):
    """A table of the Kp index cannot be used; the message lists the first problems with file and line."""


def read_kp(path: str | os.PathLike[str]) -> pd.Series:
    """The Kp index by the start of its three hours (datetime64[ms], UTC), in order of time.

    path: a CSV table of `time`, such as 2015-01-12T18:00Z, and `kp`, from 0 to 9, thirds as 3.33. Hours may be missing.
    Raises `KpError` for what is not such a table.
    """
    values: dict[datetime, float] = {}
    problems = []
    for line, row in csv_rows(path, ("time", "kp"), KpError):
        try:
            time, kp = _start(row["time"]), _kp(row["kp"])
            if time in values:
                raise ValueError(f"time {row['time']} is there twice")
            values[time] = kp
        except ValueError as error:
            problems.append(f"{path}:{line}: {error}")
    raise_listed(problems, KpError)
    starts = pd.DatetimeIndex([time.replace(tzinfo=None) for time in values]).as_unit("ms")
    return pd.Series(list(values.values()), starts, name="kp", dtype=np.float64).sort_index()


def _start(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time is {text!r}, expected a time such as 2015-01-12T18:00Z") from None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    if time.hour % KP_HOURS or time != time.replace(minute=0, second=0, microsecond=0):
        raise ValueError(f"time is {text}, expected the start of three hours: 00, 03, … or 21 UTC")
    return time


def _kp(text: str) -> float:
    try:
        kp = float(text)
    except ValueError:
        kp = np.nan
    if not 0 <= kp <= 9:
        raise ValueError(f"kp is {text!r}, expected 0 to 9; leave out hours in which it is not known")
    return kp


def tabulate_occurrence(months: Iterable[str], kp: str | None, label_set: LabelSet) -> pd.DataFrame:
    """How much of the observed time each label was seen: one row for each bin and label.

    months: directories of the nights' tables. kp: table of the Kp index; see `read_kp`. Only clear frames count, each
    for the median step of its night; and of these not those with a label that stands for a sky that cannot be judged.

    Columns: by, value: the bin: `all`; `hour` (UT) and `mlt` from 0 to 23; `month` from 1 to 12 and `year`, those of
    the night's date; `kp`, rounded down, with a table of it, of frames in its hours. label: the classes,
    `not_classified`, and `aurora`: all auroral classes together, where no class has that name. frames_observed,
    hours_observed: of any label. frames, hours: of this label. share: hours / hours_observed, empty where nothing was
    observed. low, high: its 95 % interval (bootstrap over nights), empty for fewer than 10 nights. nights_observed:
    nights of at least 30 observed minutes in the bin. nights: those of them with at least 3 frames of the label.
    nights_share: nights / nights_observed, with nights_low and nights_high, its 95 % interval (binomial, Wilson's).
    """
    index = None if kp is None else read_kp(kp)
    monthly = [_count(frames, index, label_set) for frames in monthly_frames(months)]
    labels = label_set.catalogue_labels
    nights = pd.DatetimeIndex(np.concatenate([np.empty(0, "datetime64[s]"), *(night for night, _, _ in monthly)]))
    seconds = np.concatenate([np.empty(0), *(step for _, step, _ in monthly)])
    counts = np.concatenate([np.empty((0, _OFFSETS[-1], len(labels))), *(count for _, _, count in monthly)])
    parts = dict(zip(BINS, np.split(counts, _OFFSETS[1:-1], axis=1), strict=True))
    values: dict[str, range] = {**BINS, "month": range(1, 13), "year": range(0)}
    if len(nights):
        values["year"] = range(nights.year.min(), nights.year.max() + 1)
    for by, value in (("month", nights.month), ("year", nights.year)):
        within = value.to_numpy()[:, None] == np.arange(values[by].start, values[by].stop)
        parts[by] = parts["all"] * within[..., None]
    order = [by for by in ("all", "hour", "mlt", "month", "year", "kp") if by != "kp" or index is not None]
    bins = pd.DataFrame([(by, value) for by in order for value in values[by]], columns=["by", "value"])
    bins["value"] = bins["value"].astype("Int64").mask(bins["by"] == "all")
    return _table(bins, np.concatenate([parts[by] for by in order], axis=1), seconds, label_set)


def _count(
    frames: pd.DataFrame, kp: pd.Series | None, label_set: LabelSet
) -> tuple[NDArray[np.datetime64], NDArray[np.float64], NDArray[np.float64]]:
    """The nights of a month, (n,); seconds that a frame of each stands for, (n,); its clear frames, (n, bins, labels).

    The bins are those of `BINS`, the labels those of the catalogue.
    """
    night, nights = pd.factorize(frames["night"])
    seconds = np.empty(len(nights))
    seconds[night] = cadence(frames, LONGEST_STEP).fillna(USUAL_STEP)
    labels = label_set.catalogue_labels
    label = frames["label"].cat.set_categories(labels).cat.codes.to_numpy()
    clear = (frames["condition"] == "clear").to_numpy() & ~frames["label"].isin(label_set.hidden_sky).to_numpy()
    hour, mlt = frames["time"].dt.hour.to_numpy(), frames["mlt"].to_numpy().astype(np.intp) % 24
    counts = np.zeros((len(nights), _OFFSETS[-1], len(labels)))
    for offset, place in zip(_OFFSETS, (np.zeros_like(hour), hour, mlt, _kp_bins(frames["time"], kp)), strict=False):
        known = clear & (place >= 0)
        np.add.at(counts, (night[known], offset + place[known], label[known]), 1)
    return nights.to_numpy("datetime64[s]"), seconds, counts


def _kp_bins(times: pd.Series, kp: pd.Series | None) -> NDArray[np.intp]:
    """The Kp index at each time, rounded down; -1 where it is not known."""
    if kp is None or kp.empty:
        return np.full(len(times), -1, np.intp)
    time, starts = times.dt.tz_localize(None).to_numpy("datetime64[ms]"), kp.index.to_numpy("datetime64[ms]")
    at = np.searchsorted(starts, time, side="right") - 1
    known = (at >= 0) & (time - starts[at] < np.timedelta64(KP_HOURS, "h"))
    return np.where(known, np.floor(kp.to_numpy()[at]), -1).astype(np.intp)


def _table(
    bins: pd.DataFrame, counts: NDArray[np.float64], seconds: NDArray[np.float64], label_set: LabelSet
) -> pd.DataFrame:
    """The columns of `tabulate_occurrence`.

    counts: (nights, bins, labels). seconds: those that a frame of each night stands for, (nights,).
    """
    observed = counts.sum(axis=-1, keepdims=True)
    labels = list(label_set.catalogue_labels)
    if label_set.pooled:
        any_aurora = [name in label_set.aurora for name in labels]
        counts = np.concatenate([counts, counts[..., any_aurora].sum(axis=-1, keepdims=True)], axis=-1)
        labels.append(AURORA)
    hours, hours_observed = (frames * (seconds / 3600)[:, None, None] for frames in (counts, observed))
    enough = observed * seconds[:, None, None] >= NIGHT_SECONDS
    nights = (enough & (counts >= NIGHT_FRAMES)).sum(axis=0)
    nights_observed = enough.sum(axis=0)
    low, high = _intervals(hours, hours_observed)
    nights_low, nights_high = _binomial_intervals(nights, nights_observed)
    columns = {
        "frames_observed": observed.sum(axis=0).astype(np.int64),
        "hours_observed": hours_observed.sum(axis=0),
        "frames": counts.sum(axis=0).astype(np.int64),
        "hours": hours.sum(axis=0),
        "share": _divide(hours.sum(axis=0), hours_observed.sum(axis=0)),
        "low": low,
        "high": high,
        "nights_observed": nights_observed,
        "nights": nights,
        "nights_share": _divide(nights, nights_observed),
        "nights_low": nights_low,
        "nights_high": nights_high,
    }
    table = bins.loc[bins.index.repeat(nights.shape[1])].reset_index(drop=True)
    table["label"] = labels * len(bins)
    return table.assign(**{name: np.broadcast_to(column, nights.shape).ravel() for name, column in columns.items()})


def _intervals(
    hours: NDArray[np.float64], observed: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % intervals of shares: hours (nights, bins, labels) of those observed (nights, bins, 1) → (bins, labels)."""
    bounds = np.full((2, *hours.shape[1:]), np.nan)
    units = (observed > 0).sum(axis=(0, 2))
    if units.max(initial=0) >= MIN_UNITS:
        drawn = redrawn(np.concatenate([hours, observed], axis=-1))
        shares = _divide(drawn[..., :-1], drawn[..., -1:])
        for place, label in np.ndindex(*hours.shape[1:]):
            if units[place] >= MIN_UNITS:
                bounds[:, place, label] = interval(shares[:, place, label])
    return bounds[0], bounds[1]


def _binomial_intervals(
    nights: NDArray[np.int64], observed: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's 95 % intervals (1927, doi 10.1080/01621459.1927.10502953) of shares of nights.

    nights: (bins, labels) of those observed, (bins, 1).
    """
    share, spread = _divide(nights, observed), _divide(np.array(_Z**2), observed)
    half = np.sqrt(spread * share * (1 - share) + spread**2 / 4)
    low, high = ((share + spread / 2 + sign * half) / (1 + spread) for sign in (-1, 1))
    return np.where(nights == 0, 0, low), np.where(nights == observed, 1, high)


def _divide(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """The quotient a / b, and nan where there is nothing to divide by."""
    a, b = np.broadcast_arrays(a, b)
    quotient: NDArray[np.float64] = np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)
    return quotient
