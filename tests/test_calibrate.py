"""A camera's lens from the stars in its frames: found within half a degree, or doubted."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import REAL_FRAMES
from numpy.typing import NDArray

from norrsken.astronomy import heavens
from norrsken.cameras.calibrate import Calibration, apart, calibrate
from norrsken.cameras.horizon import find_horizon
from norrsken.config.lens import Lens
from norrsken.config.site import Place
from norrsken.errors import NorrskenError
from norrsken.figures.calibration import draw_calibration
from norrsken.stars import bright_stars

KIRUNA = Place(station="KRN", latitude=67.84, longitude=20.41, elevation=425)
LONGYEARBYEN = Place(station="LYR", latitude=78.148, longitude=16.043, elevation=520)

#: Milliseconds since 1970 of two frames in a winter's night, between which the sky turns by 5°.
TIMES = int(datetime(2016, 1, 10, 21, tzinfo=UTC).timestamp() * 1000) + 1_200_000 * np.arange(2)

LENSES = {
    "as in Kiruna": Lens(zenith=(352, 244), horizon=230, alpha=0.475, north=260.5, east="left"),
    "orthographic": Lens(zenith=(360, 240), horizon=215, projection="orthographic", north=-100, east="left"),
    "cut off": Lens(zenith=(350, 250), horizon=280, projection="equidistant", north=17, east="right"),
    "tilted": Lens(zenith=(349, 248), axis=(360, 237), horizon=225, alpha=0.6, north=150, east="right"),
}


@dataclass(frozen=True)
class Photographer:
    """Draws frames of 480 × 720 pixels: a dark surround, a skyline, letters, hot pixels, noise and stars."""

    lens: Lens
    faintest: float = 4.5
    clouds: float = 0.0
    noise: float = 2.0

    def frame(
        self, rotation: NDArray[np.float64], hot: NDArray[np.int64], random: np.random.Generator
    ) -> NDArray[np.uint8]:
        y, x = np.mgrid[:480, :720]
        out = np.hypot(x - self.lens.centre[0], y - self.lens.centre[1]) / self.lens.horizon
        light = 20 + 15 * out**2 + self._stars(rotation)
        around = np.arctan2(y - self.lens.centre[1], x - self.lens.centre[0])
        light[out > 0.98 - 0.03 * np.sin(3 * around)] *= 0.4
        light[out > 1.01] = 3
        light[hot[:, 0], hot[:, 1]] += 90
        levels = light[..., None] * [0.8, 1.0, 0.9] + random.normal(0, self.noise, (480, 720, 3))
        frame = np.clip(levels, 0, 255).astype(np.uint8)
        return np.asarray(cv2.putText(frame, "all-sky 21:00", (5, 15), 0, 0.4, (255, 255, 255)), np.uint8)

    def _stars(self, rotation: NDArray[np.float64]) -> NDArray[np.float64]:
        catalogue = bright_stars(5.5)
        north, east, up = rotation @ catalogue.vectors
        x, y = self.lens.pixel(np.arccos(up), np.arctan2(east, north), np)
        peak = 4 * 10 ** (-0.4 * (catalogue.magnitude - self.faintest)) * (x / 720 > self.clouds)
        picture = np.zeros((480, 720))
        for x0, y0, height in zip(x[up > 0.05], y[up > 0.05], peak[up > 0.05], strict=True):
            if 6 < x0 < 713 and 6 < y0 < 473:
                row, column = np.mgrid[round(y0) - 4 : round(y0) + 5, round(x0) - 4 : round(x0) + 5]
                picture[row, column] += height * np.exp(-0.5 * ((row - y0) ** 2 + (column - x0) ** 2) / 0.9**2)
        return picture


@cache
def photographs(photographer: Photographer, number: int = len(TIMES)) -> list[NDArray[np.uint8]]:
    """Frames of Kiruna's sky at the first of `TIMES`."""
    random = np.random.default_rng(1)
    hot = random.integers(0, (480, 720), (80, 2))
    return [photographer.frame(rotation, hot, random) for rotation in heavens(TIMES[:number], KIRUNA).rotation]


@cache
def calibrated(name: str) -> Calibration:
    return calibrate(photographs(Photographer(LENSES[name])), TIMES, KIRUNA)


@pytest.mark.parametrize("name", LENSES)
def test_a_lens_is_found_within_half_a_degree_and_for_sure(name: str) -> None:
    found = calibrated(name)
    assert [doubt for doubt in found.doubts if "tilted" not in doubt] == []
    assert apart(LENSES[name], found.lens).max() < (0.1 if name == "tilted" else 0.5)
    assert found.lens.east == LENSES[name].east
    assert (found.lens.projection == "equidistant") == (name == "cut off")
    assert found.residual < 0.3
    assert sum(found.stars) == len(found.matched.x) > 100


def test_the_axis_of_a_tilted_camera_is_found_and_an_upright_one_has_none() -> None:
    found, truth = calibrated("tilted"), LENSES["tilted"]
    assert found.lens.axis == pytest.approx(truth.axis, abs=0.5)
    assert found.lens.zenith == pytest.approx(truth.zenith, abs=0.5)
    assert found.tilt == pytest.approx(np.degrees(truth.tilt[0]), abs=0.2)
    # A wrong place or clock would look the same, so that a large tilt is doubted, however well it fits.
    assert [doubt.split(",")[0] for doubt in found.doubts] == [f"The camera stands tilted by {found.tilt:.1f}°"]
    upright = calibrated("as in Kiruna")
    assert upright.lens.axis is None
    assert upright.tilt < 0.5
    assert not upright.doubts


def test_clouds_over_half_of_the_sky_leave_enough_stars_or_a_doubt() -> None:
    lens = LENSES["as in Kiruna"]
    half = calibrate(photographs(Photographer(lens, clouds=0.5)), TIMES, KIRUNA)
    assert apart(lens, half.lens).max() < 0.5 or half.doubts
    little = calibrate(photographs(Photographer(lens, clouds=0.62), 1), TIMES[:1], KIRUNA)
    assert little.doubts


def test_without_stars_no_lens_is_sure() -> None:
    frames = photographs(Photographer(LENSES["as in Kiruna"], faintest=-3))
    with pytest.raises(NorrskenError, match="stars"):
        calibrate(frames, TIMES, KIRUNA)
    # In a single frame hot pixels cannot be told from stars.
    with suppress(NorrskenError):
        assert calibrate(frames[:1], TIMES[:1], KIRUNA).doubts


@pytest.mark.parametrize(
    ("wrong", "late", "doubt"),
    [
        ({"latitude": 61.0}, 0, "tilted by 6.[89]°, or the place is wrong by about 7[67]0 km:"),
        ({"latitude": 48.0}, 0, ""),
        ({}, 3_600_000, "or the place is wrong by about 6[34]0 km or the clock by about 60 minutes:"),
    ],
)
def test_a_wrong_place_or_clock_is_doubted(wrong: dict[str, float], late: int, doubt: str) -> None:
    frames = photographs(Photographer(LENSES["as in Kiruna"]))
    found = calibrate(frames[:1], TIMES[:1] + late, KIRUNA.model_copy(update=wrong))
    assert found.doubts
    assert re.search(doubt, " ".join(found.doubts))


def test_a_picture_without_a_horizon_circle_needs_a_lens_to_start_from() -> None:
    lens = LENSES["cut off"]
    inner = [frame[100:380, 200:520].copy() for frame in photographs(Photographer(lens))]
    with pytest.raises(NorrskenError, match="horizon circle"):
        calibrate(inner, TIMES, KIRUNA)
    shifted = lens.model_copy(update={"zenith": (150.0, 150.0)})
    start = shifted.model_copy(update={"horizon": 290.0, "north": 0.0, "east": "left"})
    assert apart(shifted, calibrate(inner, TIMES, KIRUNA, start).lens).max() < 2


def test_the_horizon_circle_is_found_where_the_picture_cuts_it_off() -> None:
    for lens in (LENSES["cut off"], LENSES["tilted"]):
        circle = find_horizon(photographs(Photographer(lens)))
        assert circle is not None
        assert np.hypot(circle.x - lens.centre[0], circle.y - lens.centre[1]) < 0.02 * lens.horizon
        assert circle.radius == pytest.approx(lens.horizon, rel=0.03)


def test_the_figure_shows_stars_of_a_frame_and_says_so_where_there_are_none(tmp_path: Path) -> None:
    frames = photographs(Photographer(LENSES["as in Kiruna"]))
    found = calibrated("as in Kiruna")
    draw_calibration(frames[0], found.lens, found.matched.of(0), tmp_path / "lens.png")
    draw_calibration(frames[0], found.lens, found.matched.of(9), tmp_path / "none.png")
    assert (tmp_path / "lens.png").stat().st_size > 20_000
    assert (tmp_path / "none.png").exists()


@pytest.mark.skipif(not REAL_FRAMES.is_dir(), reason="the real frames are not here")
def test_real_frames_give_the_north_that_was_measured_by_hand_and_a_tilt() -> None:
    paths = [path for number, path in enumerate(sorted(REAL_FRAMES.glob("*.jpg"))) if number in (0, 2, 3, 5, 7)]
    moments = [datetime.strptime(path.stem, "%Y%m%d%H%M%S").replace(tzinfo=UTC) for path in paths]
    times = np.array([int(moment.timestamp() * 1000) for moment in moments])
    frames = [np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8) for path in paths]
    found = calibrate(frames, times, LONGYEARBYEN)
    assert found.lens.north == pytest.approx(-29, abs=1.5)
    assert found.lens.east == "left"
    # This camera leans: its zenith is 13 pixels from the middle of its circle, and stars lie as a tilt puts them.
    assert found.lens.zenith == pytest.approx((350, 246), abs=1)
    assert found.lens.axis == pytest.approx((358.5, 235.8), abs=1)
    assert found.lens.horizon == pytest.approx(227, abs=2)
    assert found.tilt == pytest.approx(4.8, abs=0.3)
    assert found.residual < 0.2
    assert [doubt for doubt in found.doubts if "tilted" not in doubt] == []
