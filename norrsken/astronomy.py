"""Altitudes of the Sun and Moon, with Skyfield and the ephemeris de421 (section 2.1). Nothing is downloaded."""

import atexit
import logging
import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skyfield.api import Loader, wgs84
from skyfield_data import get_skyfield_data_path

from norrsken.config import Site

MS_PER_DAY = 86_400_000

#: The series of the Earth's nutation takes 11 kB a time: not for a whole night of a fast camera at once.
TIMES_AT_ONCE = 256


@cache
def _ephemeris() -> tuple[Any, Any]:
    """Skyfield's time scale and the ephemeris that `skyfield-data` carries."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load = Loader(get_skyfield_data_path(), verbose=False)
    if caught:
        # Earth's orientation changes an altitude by far less than 0.01°; Skyfield's built-in table serves.
        logging.getLogger(__name__).debug("skyfield-data: %s", caught[0].message)
    ephemeris = load("de421.bsp")
    atexit.register(ephemeris.close)
    return load.timescale(builtin=True), ephemeris


def sun_and_moon_altitude(times: NDArray[np.int64], site: Site) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Apparent altitude of the Sun's and the Moon's centre at the site, without refraction.

    times: (n,) milliseconds since 1970-01-01 UTC, between 1900 and 2053.
    Returns two (n,) arrays in degrees.
    """
    timescale, ephemeris = _ephemeris()
    place = ephemeris["earth"] + wgs84.latlon(site.latitude, site.longitude, site.elevation)
    altitudes = np.empty((2, len(times)))
    for start in range(0, len(times), TIMES_AT_ONCE):
        part = slice(start, start + TIMES_AT_ONCE)
        days, milliseconds = np.divmod(times[part], MS_PER_DAY)
        observer = place.at(timescale.utc(1970, 1, 1 + days, 0, 0, milliseconds / 1000))
        for row, body in enumerate(("sun", "moon")):
            altitudes[row, part] = observer.observe(ephemeris[body]).apparent().altaz()[0].degrees
    return altitudes[0], altitudes[1]
