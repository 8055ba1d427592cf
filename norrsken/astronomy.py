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
    if len(times) == 0:
        return np.empty(0), np.empty(0)
    timescale, ephemeris = _ephemeris()
    days, milliseconds = np.divmod(times, MS_PER_DAY)
    time = timescale.utc(1970, 1, 1 + days, 0, 0, milliseconds / 1000)
    observer = (ephemeris["earth"] + wgs84.latlon(site.latitude, site.longitude, site.elevation)).at(time)
    sun, moon = (observer.observe(ephemeris[body]).apparent().altaz()[0].degrees for body in ("sun", "moon"))
    return sun, moon
