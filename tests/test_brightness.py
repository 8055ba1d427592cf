"""Pictures that are dark with the Sun up tell that a clock is wrong."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import write_frame
from test_nights import SETTINGS, ingest

from norrsken.astronomy import sun_and_moon_altitude
from norrsken.calendar import night_start
from norrsken.config.site import Place
from norrsken.nights.brightness import Sample, clock_warning, read_samples, to_measure

MAINE = Place(station="NEA", latitude=46.0, longitude=-69.0, elevation=200)
KIRUNA = Place(station="KRN", latitude=67.84, longitude=20.42, elevation=425)
FAIRBANKS = Place(station="FAI", latitude=64.84, longitude=-147.72, elevation=130)


def measured(site: Place, ahead: float, nights: int, minutes: range, by_day: float = 140.0) -> list[Sample]:
    """What is measured where names are ahead of UTC by some hours; minutes: after local noon, as the names give it."""
    samples = []
    random = np.random.default_rng(2)
    for night in (date(2015, 3, 12 + i) for i in range(nights)):
        start = night_start(night, site.longitude)
        named = np.array([round((start + timedelta(minutes=m)).timestamp() * 1000) for m in minutes], np.int64)
        light = sun_and_moon_altitude(named - round(ahead * 3_600_000), site)[0]
        brightness = np.interp(light, [-12, -2, 2], [40, 190, by_day]) + random.uniform(-5, 5, len(named))
        sun = sun_and_moon_altitude(named, site)[0]
        chosen = sorted(to_measure(sun, sun <= -10))
        samples += [Sample(str(night), int(named[k]), float(sun[k]), float(brightness[k])) for k in chosen]
    return samples


DAY_AND_NIGHT, NIGHT = range(0, 1440, 5), range(60, 5 * 60, 5)


@pytest.mark.parametrize("site", [MAINE, KIRUNA, FAIRBANKS])
def test_a_right_clock_is_not_warned_of(site: Place) -> None:
    assert clock_warning(measured(site, 0, 5, DAY_AND_NIGHT), site) == ""


@pytest.mark.parametrize(("site", "ahead"), [(MAINE, -5), (FAIRBANKS, -9), (KIRUNA, 8), (KIRUNA, 4), (MAINE, 10)])
def test_an_offset_that_holds_over_three_nights_is_named(site: Place, ahead: float) -> None:
    said = clock_warning(measured(site, ahead, 4, DAY_AND_NIGHT), site)
    direction = "ahead of" if ahead > 0 else "behind"
    assert any(f"about {abs(ahead) + off:g} h {direction}" in said for off in (-1, 0, 1)), said


def test_two_nights_and_frames_of_the_night_alone_are_asked_about() -> None:
    for samples in (measured(MAINE, -5, 2, DAY_AND_NIGHT), measured(MAINE, -6, 5, NIGHT)):
        said = clock_warning(samples, MAINE)
        assert said.endswith(
            "Are the names in another time than archive.clock says? Or is the camera's shutter closed by day?"
        )


def test_a_closed_shutter_is_no_wrong_clock() -> None:
    assert clock_warning(measured(MAINE, 0, 5, DAY_AND_NIGHT, by_day=-10.0), MAINE) == ""


def test_a_month_keeps_what_it_has_measured(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    for hour in (10, 11, 12, 18, 19, 20):
        write_frame(root, datetime(2015, 3, 12, hour, 50, tzinfo=UTC), "faint")
    samples = read_samples([ingest(root, "2015-03"), tmp_path / "nothing"])
    assert [f"{datetime.fromtimestamp(s.time / 1000, UTC):%H}" for s in samples] == ["10", "11", "12", "18", "19", "20"]
    assert (samples[0].sun_altitude > 3, samples[-1].sun_altitude < -15) == (True, True)
    assert {s.night for s in samples} == {"2015-03-12"}
    assert clock_warning(samples, SETTINGS.site) == ""
