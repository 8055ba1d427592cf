"""Where the site is under the auroral oval: quasi-dipole latitude and magnetic local time.

PyIRI (Naval Research Laboratory) has spherical harmonics of ApexPy's coordinates on the ground for each year from 1900
to 2030. They agree with ApexPy to about 0.05° and 0.02 h, and jump at new year: by 0.02° and 0.012 h at Kiruna.
"""

import logging
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from norrsken.config.site import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS = np.float32(24)


#: Degrees on both sides over which the gradient of magnetic latitude is taken.
_STEP = 0.5


def magnetic_north(site: Place, time: int) -> float:
    """The azimuth in which quasi-dipole latitude grows most, degrees east of true north: arcs lie across it.

    time: milliseconds since 1970 UTC.
    """

    def latitude(north: float, east: float) -> float:
        away = site.model_copy(update={"latitude": site.latitude + north, "longitude": site.longitude + east})
        return float(magnetic_coordinates(np.array([time], np.int64), away)[0][0])

    northward, eastward = latitude(_STEP, 0) - latitude(-_STEP, 0), latitude(0, _STEP) - latitude(0, -_STEP)
    return float(np.degrees(np.arctan2(eastward / np.cos(np.radians(site.latitude)), northward)))


def magnetic_coordinates(times: NDArray[np.int64], site: Place) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Quasi-dipole latitude of the site, degrees, and magnetic local time there, hours in [0, 24): each (n,) float32.

    times: (n,) milliseconds since 1970 UTC. Magnetic local time is the difference in quasi-dipole longitude to the
    subsolar point on the ground, as Laundal and Richmond (2017, doi 10.1007/s11214-016-0275-y) define it. For years
    that PyIRI does not have it takes the nearest, and logs so.
    """
    raising = logging.raiseExceptions
    from PyIRI.sh_library import Apex, find_subsolar

    logging.raiseExceptions = raising  # PyIRI switches it off, for the whole program

    latitude, mlt = np.empty(len(times), np.float32), np.empty(len(times), np.float32)
    years = times.astype("datetime64[ms]").astype("datetime64[Y]").astype(np.int64) + 1970
    for year in np.unique(years):
        of_year = years == year
        subsolar = [find_subsolar(_EPOCH + timedelta(milliseconds=int(time))) for time in times[of_year]]
        longitudes, latitudes = zip((site.longitude, site.latitude), *subsolar, strict=True)
        magnetic, magnetic_longitudes = Apex(latitudes, longitudes, datetime(year, 1, 1, tzinfo=UTC), "GEO_2_QD")
        latitude[of_year] = magnetic[0]
        mlt[of_year] = (magnetic_longitudes[0] - magnetic_longitudes[1:] + 180) / 15 % 24
    return latitude, mlt % _HOURS  # what was just below 24 is 24 in single precision
