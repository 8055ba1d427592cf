"""Altitudes of the Sun and Moon, with Skyfield and the ephemeris de421 (section 2.1). Nothing is downloaded."""

import atexit
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from skyfield.api import Loader, wgs84
from skyfield.magnitudelib import planetary_magnitude
from skyfield_data import get_skyfield_data_path

from norrsken.config.site import Place

MS_PER_DAY, MS_PER_HOUR = 86_400_000, 3_600_000

#: The times that the ephemeris covers, with a week to spare: de421 reaches from 1899-07-29 to 2053-10-09.
COVERED = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2053, 10, 1, tzinfo=UTC))

#: Times that are worked on at once: each takes 2 kB, or 22 kB where Skyfield sums the series of its nutation, which is
#: too much for a whole night of a fast camera.
TIMES_AT_ONCE = 1024


@cache
def _ephemeris() -> tuple[Any, Any]:
    """Skyfield's time scale and the ephemeris that `skyfield-data` carries."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load = Loader(get_skyfield_data_path(), verbose=False)
    if caught:
        # Earth's orientation changes an altitude by far less than 0.01°; Skyfield's built-in table is enough.
        logging.getLogger(__name__).debug("skyfield-data: %s", caught[0].message)
    ephemeris = load("de421.bsp")
    atexit.register(ephemeris.close)
    return load.timescale(builtin=True), ephemeris


def sun_and_moon_altitude(times: NDArray[np.int64], site: Place) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Apparent altitude of the Sun's and the Moon's centre at the site, without refraction.

    times: (n,) milliseconds since 1970-01-01 UTC, in `COVERED`; Skyfield raises its `EphemerisRangeError` for others.
    Returns two (n,) arrays in degrees.
    """
    sun, moon = _altitudes(times, site, ("sun", "moon"))
    return sun, moon


def _altitudes(times: NDArray[np.int64], site: Place, bodies: tuple[str, ...]) -> NDArray[np.float64]:
    """The altitudes of some bodies, degrees: (bodies, n)."""
    altitudes = np.empty((len(bodies), len(times)))
    for part, _, seen in _observed(times, site, bodies):
        for row, body in enumerate(seen):
            altitudes[row, part] = body.altaz()[0].degrees
    return altitudes


def dark_times(start: int, end: int, altitude: float, site: Place) -> NDArray[np.float64]:
    """When the Sun is not above an altitude: the beginning and end of each such time, by time, (n, 2).

    start, end: between which times; all are milliseconds since 1970-01-01 UTC. altitude: degrees, as of
    `sun_and_moon_altitude`. The Sun is computed each hour: the sine of its altitude is smooth, and a cubic spline
    through it is right within 0.001°, which is a few seconds unless the Sun just reaches the altitude.
    """
    # Three hours more at both ends, where a spline is worse.
    hours = np.arange(start // MS_PER_HOUR - 3, -(-end // MS_PER_HOUR) + 4)
    (sun,) = _altitudes(hours * MS_PER_HOUR, site, ("sun",))
    above = CubicSpline(hours, np.sin(np.radians(sun)) - np.sin(np.radians(altitude)))
    crossings = MS_PER_HOUR * above.roots(extrapolate=False)
    edges = np.concatenate([[start], crossings[(crossings > start) & (crossings < end)], [end]])
    is_dark = above((edges[1:] + edges[:-1]) / 2 / MS_PER_HOUR) <= 0
    times: NDArray[np.float64] = np.stack([edges[:-1], edges[1:]], axis=1)[is_dark]
    return times


@dataclass(frozen=True)
class Heavens:
    """Where stars, Sun and Moon stand over a site at n times. Angles are in degrees, azimuths from true north by east.

    rotation: (n, 3, 3), turns vectors in ICRS into (north, east, up). moon_phase: the lit share of the Moon's disc.
    """

    rotation: NDArray[np.float64]
    sun_altitude: NDArray[np.float64]
    sun_azimuth: NDArray[np.float64]
    moon_altitude: NDArray[np.float64]
    moon_azimuth: NDArray[np.float64]
    moon_phase: NDArray[np.float64]


def heavens(times: NDArray[np.int64], site: Place) -> Heavens:
    """The heavens over a site; times: (n,) milliseconds since 1970-01-01 UTC."""
    columns: list[list[Any]] = []
    for _, observer, (sun, moon) in _observed(times, site):
        rotation = np.moveaxis(observer.target.rotation_at(observer.t), -1, 0)
        phase = (1 - np.cos(sun.separation_from(moon).radians)) / 2
        columns.append([rotation, *(angle.degrees for body in (sun, moon) for angle in body.altaz()[:2]), phase])
    return Heavens(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))


#: The planets that are brighter than most stars, as the ephemeris names them.
_PLANETS = ("venus", "mars", "jupiter barycenter", "saturn barycenter")


@dataclass(frozen=True)
class Planets:
    """Venus, Mars, Jupiter and Saturn in a span of a few days at most.

    first, last: unit vectors in ICRS at the span's ends, (3, 4). magnitude: visual (Mallama and Hilton 2018), (4,).
    """

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    magnitude: NDArray[np.float64]

    def at(self, share: float) -> NDArray[np.float64]:
        """Their vectors when this share of the span has passed: (3, 4). In a day they move by little over a degree."""
        return self.first + share * (self.last - self.first)


def planets(first: datetime, last: datetime, site: Place) -> Planets:
    """The planets over a site between two times."""
    timescale, ephemeris = _ephemeris()
    place = ephemeris["earth"] + wgs84.latlon(site.latitude, site.longitude, site.elevation)
    vectors, magnitudes = [], []
    for time in (first, last):
        observer = place.at(timescale.from_datetime(time))
        seen = [observer.observe(ephemeris[planet]) for planet in _PLANETS]
        position = np.stack([planet.apparent().position.au for planet in seen], axis=1)
        vectors.append(position / np.linalg.norm(position, axis=0))
        magnitudes.append([float(planetary_magnitude(planet)) for planet in seen])
    return Planets(first=vectors[0], last=vectors[1], magnitude=np.mean(magnitudes, axis=0))


def _observed(
    times: NDArray[np.int64], site: Place, bodies: tuple[str, ...] = ("sun", "moon")
) -> Iterator[tuple[slice, Any, list[Any]]]:
    """For each part of the times: its slice, the observer at them, the apparent positions of the bodies."""
    timescale, ephemeris = _ephemeris()
    place = ephemeris["earth"] + wgs84.latlon(site.latitude, site.longitude, site.elevation)
    for start in range(0, len(times), TIMES_AT_ONCE):
        part = slice(start, start + TIMES_AT_ONCE)
        days, milliseconds = np.divmod(times[part], MS_PER_DAY)
        moments = timescale.utc(1970, 1, 1 + days, 0, 0, milliseconds / 1000)
        _interpolate_nutation(timescale, moments)
        observer = place.at(moments)
        yield part, observer, [observer.observe(ephemeris[body]).apparent() for body in bodies]


def _interpolate_nutation(timescale: Any, times: Any) -> None:
    """Give Skyfield's times the Earth's nutation, where they are closer together than an hour.

    Its series has 1,365 terms, and to sum them takes most of the time of the Sun's and the Moon's altitudes. The
    shortest term has a period of days, so that a cubic spline through each hour is right within 1e-11°.
    """
    # Two hours more at both ends, where a spline is worse.
    hours = np.arange(np.floor(24 * times.tt.min()) - 2, np.ceil(24 * times.tt.max()) + 3)
    if len(hours) < len(times.tt):
        spline = CubicSpline(hours, timescale.tt_jd(hours / 24)._nutation_angles_radians, axis=1)
        times._nutation_angles_radians = spline(24 * times.tt)  # as Skyfield's own almanac sets it
