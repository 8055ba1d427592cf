"""Sun and Moon altitudes against values of another run of Skyfield (de421) at Longyearbyen."""

from datetime import UTC, datetime

import numpy as np
import pytest

from norrsken.astronomy import heavens, sun_and_moon_altitude
from norrsken.config.site import Site

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


@pytest.mark.parametrize(("latitude", "longitude"), [(67.84, 20.41), (78.148, 16.043), (-90, 0)])
def test_frames_of_a_night_have_the_altitudes_that_each_has_alone(latitude: float, longitude: float) -> None:
    """Nights over a century and midnight; the nutation of single times is not interpolated."""
    site = SVALBARD.model_copy(update={"latitude": latitude, "longitude": longitude})
    for year in range(1901, 2053, 30):
        night = milliseconds([f"{year}-12-20T13:00:00"]) + np.sort(
            np.random.default_rng(year).integers(0, 72_000_000, 90)
        )
        alone = [sun_and_moon_altitude(night[i : i + 1], site) for i in range(0, 90, 9)]
        together = np.array(sun_and_moon_altitude(night, site))[:, ::9]
        np.testing.assert_allclose(together, np.concatenate(alone, axis=1), rtol=0, atol=1e-11)
        assert (together.astype(np.float32) == np.concatenate(alone, axis=1).astype(np.float32)).all()


def test_altitudes_are_computed_in_double_precision() -> None:
    sun, moon = sun_and_moon_altitude(milliseconds(["2014-01-01T06:20:52"]), SVALBARD)
    assert sun.dtype == moon.dtype == np.float64


def test_the_heavens_have_the_same_sun_and_moon() -> None:
    times = milliseconds(list(KNOWN))
    sky = heavens(times, SVALBARD)
    np.testing.assert_allclose([sky.sun_altitude, sky.moon_altitude], sun_and_moon_altitude(times, SVALBARD), atol=1e-9)
    np.testing.assert_allclose(sky.rotation @ sky.rotation.transpose(0, 2, 1), [np.eye(3)] * len(times), atol=1e-9)


def test_the_moon_is_full_when_it_was() -> None:
    """Full on 2018-01-31 at 13:27 UTC, new on 2018-01-17 at 02:17 UTC."""
    full, new = heavens(milliseconds(["2018-01-31T13:27:00", "2018-01-17T02:17:00"]), SVALBARD).moon_phase
    assert full > 0.998
    assert new < 0.002
