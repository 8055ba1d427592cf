"""Availability: what became of the dark hours of each night, so that one sees how much of an archive tells anything."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.astronomy import MS_PER_HOUR, dark_times
from norrsken.calendar import night_start
from norrsken.catalogue.occurrence import LONGEST_STEP, USUAL_STEP
from norrsken.classes import AVAILABILITY, CONDITIONS
from norrsken.config.site import Place
from norrsken.nights.keogram import standing
from norrsken.schemas import STATUSES

#: What became of the hours, as positions; the last one has no frames.
PARTS = tuple(AVAILABILITY)
_PLACE = {name: place for place, name in enumerate(PARTS)}

#: What the frames of each status are; of those kept the catalogue tells more. Frames of daylight take part in what
#: follows them. Duplicates are nothing: of several frames of a second only the first one counts.
_OF_STATUS = {"kept": "other_camera", "moon": "moon", "unreadable": "unusable", "geometry": "unusable"}
_DAYLIGHT, _NOTHING = -1, -2

#: The same by the positions of `STATUSES` and `CONDITIONS`.
_PART_OF_STATUS = np.array(
    [_PLACE[_OF_STATUS[name]] if name in _OF_STATUS else _DAYLIGHT if name == "sun" else _NOTHING for name in STATUSES]
)
_PART_OF_CONDITION = np.array([_PLACE["observed" if name == "clear" else name] for name in CONDITIONS])
_KEPT, _CLEAR = STATUSES.index("kept"), CONDITIONS.index("clear")

#: Decimal places of hours, less than a second.
_DECIMALS = 4


def tabulate_availability(
    nights: Iterable[str], catalogue: Iterable[str], site: Place, sun_altitude_max: float, hidden_sky: Iterable[str]
) -> pd.DataFrame:
    """How the dark hours of each night divide, from the first night of which there are files to the last one.

    nights, catalogue: directories of the months' tables. sun_altitude_max: altitude in degrees above which the Sun
    rejects frames; it is dark where it is not. hidden_sky: the labels that stand for a sky that cannot be judged.

    Columns: night; hours_dark; and those of `AVAILABILITY`, which add up to it. A frame stands until the next one is
    due; one that is more than 10 minutes from others, for a minute. hours_observed is the time of the frames that
    `occurrence` counts as observed: kept, of a clear sky, and without a label of a hidden one.
    """
    tables_of = {date.fromisoformat(path.stem): path for path in tables.night_tables(nights)}
    classified = {path.stem: path for path in tables.night_tables(catalogue)}
    columns = ["hours_dark", *(f"hours_{part}" for part in PARTS)]
    hidden, rows = frozenset(hidden_sky), []
    for of_month in _by_month(tables_of):
        starts = [_noon(night, site) for night in (*of_month, of_month[-1] + timedelta(days=1))]
        darkness = _Darkness(dark_times(starts[0], starts[-1], sun_altitude_max, site))
        for night, start, end in zip(of_month, starts, starts[1:], strict=False):
            hours = np.zeros(len(PARTS))
            if night in tables_of:
                times, parts = _frames(tables_of[night], classified.get(str(night)), hidden)
                hours = darkness.divided(times, parts, end)
            dark = float(darkness.hours(start, end))
            hours[-1] = max(dark - hours.sum(), 0)
            rows.append((str(night), dark, *hours))
    table = pd.DataFrame(rows, columns=["night", *columns])
    return table.round(dict.fromkeys(columns, _DECIMALS))


def _by_month(nights: Iterable[date]) -> Iterable[list[date]]:
    """All nights from the first to the last one, month by month."""
    found = sorted(nights)
    days = pd.date_range(found[0], found[-1]) if found else pd.DatetimeIndex([])
    months: defaultdict[str, list[date]] = defaultdict(list)
    for day in days:
        months[f"{day:%Y-%m}"].append(day.date())
    return months.values()


def _noon(night: date, site: Place) -> int:
    """When a night begins, in milliseconds since 1970."""
    return round(night_start(night, site.longitude).timestamp() * 1000)


class _Darkness:
    """How much of a time is dark. Times are milliseconds since 1970."""

    def __init__(self, times: NDArray[np.float64]) -> None:
        """times: as `dark_times` gives them."""
        self._edges = times.ravel()
        lengths = np.diff(times, axis=1)
        self._before = np.stack([np.cumsum(lengths) - lengths[:, 0], np.cumsum(lengths)], axis=1).ravel()

    def hours(self, start: NDArray[np.int64] | int, end: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """Dark hours between two times, or between those of each pair: (n,)."""
        if not len(self._edges):
            return np.zeros(np.shape(start))
        before = [np.interp(np.asarray(time), self._edges, self._before) for time in (start, end)]
        between: NDArray[np.float64] = np.subtract(before[1], before[0]) / MS_PER_HOUR
        return between

    def divided(self, times: NDArray[np.int64], parts: NDArray[np.int64], end: int) -> NDArray[np.float64]:
        """The dark hours of a night's frames, by part: (len(PARTS),). times, parts: (n,), of `_frames`. end: of it."""
        stands = standing(times, round(1000 * LONGEST_STEP), round(1000 * USUAL_STEP))
        known = parts >= 0
        hours = self.hours(times, np.minimum(times + stands, end))
        return np.bincount(parts[known], hours[known], len(PARTS)).astype(np.float64)


def _frames(
    path: Path, classified: Path | None, hidden_sky: frozenset[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The frames of a night: their times, milliseconds since 1970, in order, and what their time counts for, (n,).

    path: the table of the night. classified: its table in the catalogue.
    """
    night = tables.read(path, schemas.NIGHT_TABLE, ["time", "status"])
    times, status = tables.milliseconds(night), tables.positions(night["status"], STATUSES)
    parts = _PART_OF_STATUS[status]
    if classified is not None:
        known, said = _said(classified, hidden_sky)
        at = np.searchsorted(known, times)
        of_catalogue = (status == _KEPT) & (np.append(known, _NOTHING)[at] == times)
        parts = np.where(of_catalogue, np.append(said, _NOTHING)[at], parts)
    # Of others of the same second, one that was kept goes first, then the Moon.
    order = np.flatnonzero(parts != _NOTHING)
    order = order[np.lexsort((parts[order], times[order] // 1000))]
    order = order[np.diff(times[order] // 1000, prepend=-1) > 0]
    # The frame before nightfall stands until the next one.
    parts = parts[order]
    dark = np.flatnonzero(parts != _DAYLIGHT)
    next_dark = np.searchsorted(dark, np.arange(len(parts)))
    return times[order], np.append(parts[dark], _DAYLIGHT)[next_dark]


def _said(path: Path, hidden_sky: frozenset[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The times of the classified frames of a night, milliseconds, in order, and what their time counts for: (n,)."""
    table = tables.read(path, schemas.catalogue_table(), ["time", "condition", "label"])
    condition, times = tables.positions(table["condition"], CONDITIONS), tables.milliseconds(table)
    hidden = tables.positions(table["label"], sorted(hidden_sky)) >= 0
    parts = np.where(hidden & (condition == _CLEAR), _PLACE["hidden_sky"], _PART_OF_CONDITION[condition])
    order = np.argsort(times, kind="stable")
    return times[order], parts[order]


def summed(table: pd.DataFrame) -> Mapping[str, float]:
    """The hours of all nights: `dark`, and those of `AVAILABILITY`. table: as `tabulate_availability` makes it."""
    return {name: float(table[f"hours_{name}"].sum()) for name in ("dark", *PARTS)}
