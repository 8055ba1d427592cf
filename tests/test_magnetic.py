"""Quasi-dipole latitude and magnetic local time."""

import logging
import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from norrsken.catalogue.magnetic import magnetic_coordinates
from norrsken.config.site import Site

KIRUNA = Site(name="Kiruna", station="KRN", latitude=67.84, longitude=20.42, elevation=425)


def milliseconds(*times: datetime) -> np.ndarray:
    return np.array([round(time.timestamp() * 1000) for time in times], np.int64)


def test_they_agree_with_apexpy_where_its_documentation_gives_values() -> None:
    site = KIRUNA.model_copy(update={"latitude": 60.0, "longitude": 15.0})
    latitude, mlt = magnetic_coordinates(milliseconds(datetime(2015, 2, 10, 18, tzinfo=UTC)), site)
    assert latitude.dtype == mlt.dtype == np.float32
    assert latitude[0] == pytest.approx(56.590, abs=0.1)
    assert mlt[0] == pytest.approx(19.108, abs=0.05)


def test_each_frame_has_what_a_call_for_its_time_alone_gives() -> None:
    from PyIRI.sh_library import Apex

    start = datetime(2015, 12, 31, 15, 0, 30, 250_000, tzinfo=UTC)
    times = [start + timedelta(minutes=37 * i) for i in range(24)]
    found = magnetic_coordinates(milliseconds(*times), KIRUNA)
    expected = np.array([np.ravel(Apex(KIRUNA.latitude, KIRUNA.longitude, time, "GEO_2_MLT")) for time in times]).T
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert {time.year for time in times} == {2015, 2016}


def test_magnetic_local_time_stays_below_24_hours() -> None:
    start = datetime(2015, 1, 12, 12, tzinfo=UTC)
    times = milliseconds(*(start + timedelta(minutes=i) for i in range(24 * 60)))
    latitude, mlt = magnetic_coordinates(times, KIRUNA)
    assert mlt.min() >= 0
    assert mlt.max() < 24
    (midnight,) = np.flatnonzero(np.diff(mlt) < 0)
    assert mlt[midnight] > 23.9
    assert mlt[midnight + 1] < 0.1
    assert np.diff(np.unwrap(mlt, period=24)) == pytest.approx(1 / 60, rel=0.3)
    assert np.ptp(latitude) == 0
    assert magnetic_coordinates(times[:0], KIRUNA)[1].shape == (0,)


def test_logging_and_warnings_stay_as_they_were() -> None:
    before = logging.raiseExceptions, list(logging.root.handlers), logging.root.level
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        magnetic_coordinates(milliseconds(datetime(2015, 1, 12, 18, tzinfo=UTC)), KIRUNA)
    assert (logging.raiseExceptions, list(logging.root.handlers), logging.root.level) == before
    assert logging.raiseExceptions
