"""What stands beside the rows of a keogram: zenith angles where they are, latitudes where they are, else N and S."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from norrsken.config.site import KeogramSettings, Place
from norrsken.lens import at_height, grid_directions
from norrsken.nights.keogram import LAYOUT, Keogram
from norrsken.nights.keogram_axis import PLAIN, Axis, Scale, axis_in, axis_of

KIRUNA = Place(station="KRN", latitude=67.84, longitude=20.41, elevation=425, up=-9.5)
HALLEY = Place(station="HLB", latitude=-75.5, longitude=-26.6, elevation=30, up=180)


def save(path: Path, axis: Axis | None) -> np.ndarray:
    """The picture of a night without a frame."""
    Keogram(datetime(2015, 1, 12, 10, 38, 19, tzinfo=UTC), np.empty(0, np.int64), axis).save(path)
    return np.asarray(Image.open(path)).astype(int)


def latitude_scale(place: Place) -> Scale:
    scale = axis_of(place, latitude=True).right
    assert scale is not None
    return scale


def marks(picture: np.ndarray, x: int) -> list[float]:
    """The middles of the tick marks in a column of pixels, as rows of the keogram."""
    bright = np.flatnonzero(picture[:, x].min(axis=1) > 200)
    runs = np.split(bright, np.flatnonzero(np.diff(bright) > 1) + 1)
    return [((run[0] + run[-1] + 1) / 2 - LAYOUT["top"]) / 2 - 0.5 for run in runs]


@pytest.mark.parametrize("angle", [40, 20, 0, -20, -40])
def test_a_tick_is_at_the_row_that_looks_there(angle: int) -> None:
    zenith = np.degrees(grid_directions()[0][:, 64])
    of_rows = np.where(np.arange(128) < 64, zenith, -zenith)
    text = f"{'N' if angle > 0 else 'S'} {abs(angle)}°" if angle else "0°"
    (row,) = [row for row, label in axis_of(KIRUNA, latitude=False).left.ticks if label == text]
    assert abs(row - np.abs(of_rows - angle).argmin()) <= 0.5


@pytest.mark.parametrize(("latitude", "up"), [(68.0, 0.0), (68.5, -9.5), (-75.5, 180.0)])
def test_the_zenith_is_at_the_latitude_of_the_site(latitude: float, up: float) -> None:
    scale = latitude_scale(KIRUNA.model_copy(update={"latitude": latitude, "up": up}))
    (row,) = [row for row, text in scale.ticks if text == f"{abs(latitude):.1f}"]
    assert row == pytest.approx(64, abs=0.001)


def test_latitudes_are_where_lines_of_sight_meet_110_km() -> None:
    zenith = grid_directions()[0][:, 64]
    for row, text in latitude_scale(KIRUNA).ticks:
        angle = np.interp(row, np.arange(128), np.where(np.arange(128) < 64, zenith, -zenith))
        azimuth = np.radians(KIRUNA.up) + (np.pi if angle < 0 else 0)
        latitude, _ = at_height(np.array([abs(angle)]), np.array([azimuth]), KIRUNA, 110.0)
        assert latitude[0] == pytest.approx(float(text), abs=0.002)


def test_latitudes_rise_to_the_north_and_are_half_degrees() -> None:
    texts = [text for _, text in latitude_scale(KIRUNA).ticks]
    assert texts == ["68.5", "68.0", "67.5", "67.0"]
    south = latitude_scale(HALLEY)
    assert south.title == "latitude at 110 km, °S"  # without a sign, and the pole is up
    assert [text for _, text in south.ticks] == ["76.5", "76.0", "75.5", "75.0"]


def test_the_ends_are_called_by_where_the_top_looks() -> None:
    def ends(up: float) -> tuple[str, str]:
        ticks = axis_of(KIRUNA.model_copy(update={"up": up}), latitude=False).left.ticks
        return ticks[0][1], ticks[-1][1]

    assert ends(-9.5) == ("N 40°", "S 40°")
    assert ends(50) == ("NE 40°", "SW 40°")
    assert ends(180) == ends(-180) == ("S 40°", "N 40°")
    assert ends(-90) == ("W 40°", "E 40°")


@pytest.mark.parametrize("latitude", [67.84, 89.95, -89.95, 0.0])
@pytest.mark.parametrize("up", [0, 60, 88, 90, 180])
def test_no_latitude_is_written_over_another(latitude: float, up: float) -> None:
    place = KIRUNA.model_copy(update={"latitude": latitude, "up": up})
    rows = [row for row, _ in latitude_scale(place).ticks]
    assert (np.diff(rows) >= 10).all()
    assert all(0 <= row <= 127 for row in rows)


def test_the_picture_has_its_ticks_at_their_rows(tmp_path: Path) -> None:
    axis = axis_of(KIRUNA, latitude=True)
    assert axis.right is not None
    picture = save(tmp_path / "keogram.png", axis)
    edge = LAYOUT["left"]
    left, right = marks(picture, edge - 3), marks(picture, edge + LAYOUT["minutes"] + 3)
    assert left == pytest.approx([row for row, _ in axis.left.ticks], abs=0.26)  # half a pixel
    assert right == pytest.approx([row for row, _ in axis.right.ticks], abs=0.26)


def test_an_axis_leaves_the_sky_and_the_size_as_they_are(tmp_path: Path) -> None:
    plain = save(tmp_path / "plain.png", None)
    sky = slice(30, 286), slice(64, 64 + 1440)
    for latitude in (False, True):
        picture = save(tmp_path / "keogram.png", axis_of(KIRUNA, latitude))
        assert picture.shape == plain.shape == (LAYOUT["height"], LAYOUT["width"], 3)
        assert (picture[sky] == plain[sky]).all()
        assert (picture[286:] == plain[286:]).all()  # the hours
        beside = picture[:, 64 + 1440 :]
        assert (beside == beside[0, 0]).all() == (not latitude)


def test_without_an_axis_there_are_n_zenith_and_s(tmp_path: Path) -> None:
    assert [text for _, text in PLAIN.left.ticks] == ["N", "zenith", "S"]
    picture = save(tmp_path / "keogram.png", None)
    assert (picture[:, LAYOUT["left"] - 3] == picture[0, 0]).all()  # no tick marks: nobody knows where the rows look
    written = np.flatnonzero((picture[30:286, :64] != picture[0, 0]).any(axis=(1, 2)))
    lines = np.split(written, np.flatnonzero(np.diff(written) > 9) + 1)
    assert [round(float(line.mean()) / 256, 1) for line in lines] == [0.1, 0.5, 0.9]
    assert "norrsken axis" not in Image.open(tmp_path / "keogram.png").info


def test_a_picture_says_its_axis_to_pages(tmp_path: Path) -> None:
    axis = axis_of(KIRUNA, latitude=True)
    save(tmp_path / "keogram.png", axis)
    said = axis_in(tmp_path / "keogram.png")
    assert said["left"]["title"] == "zenith angle"
    assert [tuple(tick) for tick in said["left"]["ticks"]] == list(axis.left.ticks)
    assert axis.right is not None
    assert [tuple(tick) for tick in said["right"]["ticks"]] == list(axis.right.ticks)
    save(tmp_path / "plain.png", None)
    assert [text for _, text in axis_in(tmp_path / "plain.png")["left"]["ticks"]] == ["N", "zenith", "S"]
    assert axis_in(tmp_path / "plain.png")["right"] is None


def test_a_configuration_that_asks_for_no_latitude_makes_nothing_again() -> None:
    assert KeogramSettings().plain() == KeogramSettings(latitude=False).plain() == {"sun_altitude_max": -10.0}
    assert KeogramSettings(latitude=True).plain() == {"sun_altitude_max": -10.0, "latitude": True}
