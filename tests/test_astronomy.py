"""Sun and Moon altitudes against values of another run of Skyfield (de421) at Longyearbyen."""

from datetime import UTC, datetime

import numpy as np
import pytest

from norrsken.astronomy import sun_and_moon_altitude
from norrsken.config import Site

SVALBARD = Site(name="Longyearbyen", station="LYR", latitude=78.148, longitude=16.043, elevation=520)
KNOWN = {
    "2014-01-01T06:20:52": (-18.454, -14.625),
    "2014-02-18T17:13:40": (-11.439, -14.100),
    "2014-02-18T23:54:40": (-22.996, 2.115),
    "2014-02-24T02:00:10": (-18.114, -14.375),
    "2014-02-25T23:34:10": (-20.613, -24.489),
}


def milliseconds(times: list[str]) -> np.ndarray:
    return np.array([round(datetime.fromisoformat(t).replace(tzinfo=UTC).timestamp() * 1000) for t in times], np.int64)


def test_altitudes_are_the_known_ones() -> None:
    sun, moon = sun_and_moon_altitude(milliseconds(list(KNOWN)), SVALBARD)
    assert np.column_stack([sun, moon]) == pytest.approx(np.array(list(KNOWN.values())), abs=6e-4)


def test_many_times_at_once_are_the_same_as_one_by_one() -> None:
    times = milliseconds(list(KNOWN))
    together = sun_and_moon_altitude(times, SVALBARD)
    single = [sun_and_moon_altitude(times[i : i + 1], SVALBARD) for i in range(len(times))]
    np.testing.assert_allclose(together, np.concatenate(single, axis=1), rtol=0, atol=1e-9)


def test_altitudes_are_computed_in_double_precision() -> None:
    sun, moon = sun_and_moon_altitude(milliseconds(["2014-01-01T06:20:52"]), SVALBARD)
    assert sun.dtype == moon.dtype == np.float64
