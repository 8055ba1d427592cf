"""Nights, months and years: which night a time belongs to, and which times a month of nights spans."""

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache


@cache
def night_offset(longitude: float) -> timedelta:
    """What to add to UTC so that the date of the sum is the night's name: local mean solar time less half a day.

    It is a whole number of milliseconds, the resolution of the tables: for 20.42° E it is 1 h 21 min 40.8 s − 12 h.
    """
    return timedelta(milliseconds=round(longitude * 240_000)) - timedelta(hours=12)


def night_of(time: datetime, longitude: float) -> date:
    """The night of a time: from one local mean solar noon (included) to the next, named by its evening's date."""
    return (time + night_offset(longitude)).date()


def frame_time(frame_id: str, station: str) -> datetime:
    """The time of a frame, by its id; raises `ValueError` for what is no frame id of the station."""
    if not frame_id.startswith(station):
        raise ValueError(f"{frame_id!r} does not begin with {station!r}")
    return datetime.strptime(frame_id.removeprefix(station), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def night_start(night: date, longitude: float) -> datetime:
    """The local mean solar noon, in UTC, that opens a night."""
    return datetime(night.year, night.month, night.day, tzinfo=UTC) - night_offset(longitude)


def month_span(month: str, longitude: float) -> tuple[datetime, datetime]:
    """The time [start, end) in UTC of all nights whose name falls in the month, e.g. `2015-01`."""
    first, following = _first_days(month)
    return night_start(first, longitude), night_start(following, longitude)


def _first_days(month: str) -> tuple[date, date]:
    """The first day of a month, and that of the next one."""
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1)


def beside_in_polar_night(month: str, latitude: float, sun_altitude: float) -> list[str]:
    """The months before and after, where it is so dark at the noon between them that frames may be near each other.

    latitude: of the site; sun_altitude: below which frames are kept; both in degrees. The Sun's altitude at noon is
    right within a degree, so two more are given.
    """
    first, following = _first_days(month)
    noons = {f"{first - timedelta(days=1):%Y-%m}": first, f"{following:%Y-%m}": following}
    return [other for other, noon in noons.items() if _noon_altitude(noon, latitude) < sun_altitude + 2]


def _noon_altitude(day: date, latitude: float) -> float:
    """The Sun's altitude at noon, degrees, by its mean declination."""
    declination = -23.44 * math.cos(2 * math.pi * (day.timetuple().tm_yday + 10) / 365.25)
    return 90 - abs(latitude - declination)


def months_of_years(years: Iterable[int]) -> set[str]:
    """The months whose nights hold frames of these UTC years: those of each year, and the December before it.

    The first hours of a year belong to the night that began on the last evening before it.
    """
    return {f"{year - 1}-12" for year in years} | {f"{year}-{month:02d}" for year in years for month in range(1, 13)}
