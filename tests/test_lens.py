"""A camera with a lens gives the picture that Kiruna's camera would have given; directions are those of the sky."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT
from numpy.typing import NDArray
from skyfield.api import wgs84

from norrsken.config.base import ConfigError
from norrsken.config.config import load
from norrsken.config.lens import KIRUNA_LENS, KIRUNA_UP, Lens
from norrsken.config.observatory import Observatory
from norrsken.config.site import Camera, Site
from norrsken.lens import at_height, directions, grid_directions, grid_in_frame, skymap
from norrsken.nights.images import crop_outline, outside, process, upright

KIRUNA = load(ROOT / "config.yaml").cameras[0]
SITE = Site(station="KRN", name="Kiruna", latitude=67.84, longitude=20.42, elevation=425, up=KIRUNA_UP)

LENSES = {
    "kiruna": KIRUNA_LENS,
    "equidistant": Lens(zenith=(371.5, 371.5), horizon=360, projection="equidistant", north=12, east="left"),
    "film": Lens(zenith=(164, 116), horizon=97, projection="equisolid", north=100, east="right"),
    "orthographic": Lens(zenith=(300, 250), horizon=240, projection="orthographic", north=-29, east="left"),
    "fine": Lens(zenith=(710, 705), horizon=695, alpha=0.6, north=350, east="right"),
}
LENSES["tilted"] = LENSES["orthographic"].model_copy(update={"axis": (318.0, 241.0)})
LENSES["tilted equidistant"] = LENSES["equidistant"].model_copy(update={"axis": (330.0, 390.0)})
SIZES = {
    "tilted": (640, 480),
    "tilted equidistant": (744, 744),
    "kiruna": (720, 479),
    "equidistant": (744, 744),
    "film": (320, 240),
    "orthographic": (640, 480),
    "fine": (1416, 1416),
}


def camera(name: str, **more: object) -> Camera:
    width, height = SIZES[name]
    fields = {"valid_from": "2009-01-01", "name": name, "pattern": "{time:%Y%m%d%H%M%S}.jpg", "lens": LENSES[name]}
    return Camera.model_validate({**fields, "width": width, "height": height, **more})


def sky(zenith: NDArray[np.float64], azimuth: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A smooth sky of three colours whose value tells the direction, (…, 3)."""
    north, east = np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth)
    colours = [128 + 90 * north, 128 + 90 * east, 40 + 160 * np.cos(zenith) ** 2]
    return np.nan_to_num(np.stack(colours, axis=-1)).round().astype(np.uint8)


def photograph(of: Camera) -> NDArray[np.uint8]:
    y, x = np.mgrid[: of.height, : of.width].astype(float)
    assert of.lens is not None
    return sky(*directions(of.lens, x, y))


@pytest.mark.parametrize("name", LENSES)
@pytest.mark.parametrize("up", [0.0, -9.5, 130.0])
def test_each_pixel_of_the_processed_frame_looks_where_the_grid_says(name: str, up: float) -> None:
    zenith, azimuth = grid_directions()
    expected = sky(zenith, azimuth + np.radians(up)).astype(int)
    processed = process(photograph(camera(name)), camera(name), up)
    seen = np.ones((128, 128), bool)
    seen[processed.max(axis=2) == 0] = False
    assert seen.mean() == pytest.approx(1 - outside(camera(name), up), abs=0.001)
    difference = np.abs(processed - expected).max(axis=2)[seen]
    assert difference.mean() < 0.8
    assert np.quantile(difference, 0.999) <= 3


def test_kirunas_lens_gives_the_four_steps_to_the_bit() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (479, 720, 3), dtype=np.uint8)
    with_lens = KIRUNA.model_copy(update={"lens": KIRUNA_LENS, "rotate": None, "flip": None, "block": None})
    np.testing.assert_array_equal(process(noise, with_lens, KIRUNA_UP), process(noise, KIRUNA))
    np.testing.assert_allclose(
        crop_outline(with_lens, KIRUNA_UP).min(axis=0), crop_outline(KIRUNA, 0).min(axis=0) + 1, atol=1e-6
    )  # the one is of the outer cells' middles, two pixels wide


@pytest.mark.parametrize("name", LENSES)
def test_directions_and_pixels_are_each_others_inverse(name: str) -> None:
    lens = LENSES[name]
    zenith = np.radians([0.0, 20, 45, 60, 89 if lens.axis is None else 70])
    azimuth = np.radians([0.0, 15, 100, 250, 359])
    x, y = lens.pixel(zenith, azimuth, np)
    back = directions(lens, x, y)
    np.testing.assert_allclose(back[0], zenith, atol=1e-6)
    np.testing.assert_allclose(np.degrees(back[1][1:]), np.degrees(azimuth[1:]), atol=1e-6)
    assert lens.pixel(0.5, 0.5) == pytest.approx(tuple(lens.pixel(np.array(0.5), np.array(0.5), np)))


def test_the_horizon_lies_at_the_horizon_and_north_where_the_lens_says() -> None:
    for lens in (lens for lens in LENSES.values() if lens.axis is None):
        x, y = lens.pixel(np.pi / 2, 0.0)
        away = np.hypot(x - lens.zenith[0], y - lens.zenith[1])
        clockwise = np.degrees(np.arctan2(x - lens.zenith[0], lens.zenith[1] - y))
        assert away == pytest.approx(lens.horizon)
        assert (clockwise - lens.north + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
        right = lens.pixel(0.3, np.pi / 2)
        turned = np.degrees(np.arctan2(right[0] - lens.zenith[0], lens.zenith[1] - right[1])) - clockwise
        assert (turned % 360 == pytest.approx(90)) == (lens.east == "right")


def test_a_mask_is_filled_from_its_neighbours_and_counted() -> None:
    plain, masked = camera("equidistant"), camera("equidistant", mask=[(362, 0, 381, 743)])
    frame = photograph(plain)
    drawn = frame.copy()
    drawn[:, 362:382] = 255
    filled = process(drawn, masked).astype(int)
    assert np.abs(filled - process(frame, plain)).max() <= 8  # the sky bends there
    assert np.abs(process(drawn, plain).astype(int) - process(frame, plain)).max() > 100
    assert 6.4 / 128 <= outside(masked, 0) <= 10 / 128
    assert outside(plain, 0) == 0


def test_what_no_neighbour_can_fill_is_black() -> None:
    masked = camera("film", mask=[(0, 0, 319, 239)])
    assert process(photograph(masked), masked).max() == 0
    assert outside(masked, 0) == 1


def test_cells_outside_the_picture_are_black_and_counted() -> None:
    cut = camera("kiruna", lens=KIRUNA_LENS.model_copy(update={"zenith": (360.5, 118.0)}))
    processed = process(np.full((479, 720, 3), 200, np.uint8), cut, KIRUNA_UP)
    black = (processed == 0).all(axis=2)
    assert black.mean() == pytest.approx(outside(cut, KIRUNA_UP))
    assert black[:, :4].all()
    assert not black[:, 6:].any()


def test_a_png_is_a_mask_too(tmp_path: Path) -> None:
    bar = np.zeros((744, 744), np.uint8)
    bar[:, 362:382] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), bar)
    by_file, by_list = (camera("equidistant", mask=mask) for mask in (str(tmp_path / "mask.png"), [(362, 0, 381, 743)]))
    frame = photograph(by_list)
    np.testing.assert_array_equal(process(frame, by_file), process(frame, by_list))
    cv2.imwrite(str(tmp_path / "small.png"), bar[:100])
    with pytest.raises(ConfigError, match="744 × 100 pixels; expected those of the frame, 744 × 744"):
        process(frame, camera("equidistant", mask=str(tmp_path / "small.png")))
    with pytest.raises(ConfigError, match="not there, or no picture"):
        process(frame, camera("equidistant", mask=str(tmp_path / "none.png")))


def test_single_bright_pixels_are_taken_away_only_where_cells_are_coarse_enough() -> None:
    for name, taken in {"kiruna": True, "film": False}.items():
        of = camera(name)
        frame = np.zeros((of.height, of.width, 3), np.uint8)
        x, y = (round(float(a[40, 40])) for a in grid_in_frame(LENSES[name], 0))
        frame[y, x] = 255
        assert (process(frame, of).max() == 0) == taken


def vector(zenith: NDArray[np.float64], azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.cos(zenith)])


def test_a_tilted_lens_sees_the_zenith_and_its_axis_where_it_says() -> None:
    for lens in (LENSES["tilted"], LENSES["tilted equidistant"]):
        assert lens.axis is not None
        assert lens.pixel(0.0, 0.0) == pytest.approx(lens.zenith)
        zenith, azimuth = directions(lens, *(np.array([value]) for value in lens.axis))
        assert zenith[0] == pytest.approx(lens.tilt[0])
        assert lens.pixel(zenith[0], azimuth[0]) == pytest.approx(lens.axis)
        # Directions 40° from the axis are on a circle around it, and as far from one another as on the sphere.
        around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        r = lens.focal_length * (np.sin(lens.bend * 0.7) / 1 if lens.bend else 0.7)
        away, at = directions(lens, lens.axis[0] + r * np.sin(around), lens.axis[1] - r * np.cos(around))
        vectors = vector(away, at)
        axis = vector(zenith, azimuth)[:, 0]
        np.testing.assert_allclose(axis @ vectors, np.cos(0.7), atol=1e-9)
        beside = (vectors * np.roll(vectors, 1, axis=1)).sum(axis=0)
        np.testing.assert_allclose(beside, beside[0], atol=1e-9)
        # North is where the lens says at the zenith itself.
        x, y = lens.pixel(0.001, 0.0)
        clockwise = np.degrees(np.arctan2(x - lens.zenith[0], lens.zenith[1] - y))
        assert (clockwise - lens.north + 180) % 360 - 180 == pytest.approx(0, abs=2)


UPRIGHT = [name for name, lens in LENSES.items() if lens.axis is None]


@pytest.mark.parametrize("name", UPRIGHT)
def test_a_whole_frame_comes_out_upright_with_east_on_the_right(name: str) -> None:
    of = camera(name)
    lens, frame = LENSES[name], np.zeros((of.height, of.width, 3), np.uint8)
    for channel, azimuth in enumerate((0.0, 90.0)):
        x, y = lens.pixel(0.7, np.radians(azimuth + 20))
        cv2.circle(
            frame, (round(x), round(y)), max(round(lens.horizon / 40), 1), [255 * (i == channel) for i in range(3)], -1
        )
    turned = upright(frame, of, up=20)
    places = [np.argwhere(turned[..., channel] > 100).mean(axis=0) - turned.shape[0] // 2 for channel in (0, 1)]
    assert places[0][0] < -0.3 * lens.horizon
    assert abs(places[0][1]) < 2
    assert places[1][1] > 0.3 * lens.horizon
    assert abs(places[1][0]) < 2


def test_lines_of_sight_meet_a_height_where_skyfield_says() -> None:
    zenith, azimuth = (np.radians(a) for a in np.meshgrid([0.0, 30, 60, 85], [0.0, 77, 181, 290]))
    latitude, longitude = at_height(zenith, azimuth, SITE, 110)
    here = wgs84.latlon(SITE.latitude, SITE.longitude, SITE.elevation)
    for place in np.ndindex(zenith.shape):
        there = wgs84.latlon(latitude[place], longitude[place], 110_000)
        difference = there.itrs_xyz.km - here.itrs_xyz.km
        phi, lam = np.radians(SITE.latitude), np.radians(SITE.longitude)
        axes = np.array(
            [
                [-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)],
                [-np.sin(lam), np.cos(lam), 0],
                [np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)],
            ]
        )
        north, east, vertical = axes @ difference / np.linalg.norm(difference)
        assert np.arccos(vertical) == pytest.approx(zenith[place], abs=2e-5)
        if zenith[place] > 0:
            assert np.arctan2(east, north) % (2 * np.pi) == pytest.approx(azimuth[place], abs=1e-4)


def test_one_function_tells_where_all_pixels_look() -> None:
    grid = skymap(SITE)
    assert grid.elevation[64, 64] == 90
    assert (grid.latitude[64, 64], grid.longitude[64, 64]) == pytest.approx((67.84, 20.42), abs=1e-4)
    assert grid.azimuth[20, 64] == pytest.approx(360 + KIRUNA_UP)
    assert grid.latitude[20, 64] > 68.3
    assert grid.longitude[64, 100] > 21
    frame = skymap(SITE, 110, KIRUNA.model_copy(update={"lens": KIRUNA_LENS}))
    assert frame.azimuth.shape == (479, 720)
    assert np.isnan(frame.elevation[0, 0])
    assert np.isnan(frame.latitude[0, 0])
    np.testing.assert_allclose(frame.elevation[112:368:2, 232:488:2].max(), 89.8, atol=0.3)
    with pytest.raises(ValueError, match="has no lens"):
        skymap(SITE, 110, KIRUNA)


WRONG = [
    ({"lens": {"horizon": 20}}, "horizon is 20 pixels; expected 32 at least"),
    ({"lens": {"zenith": [30, 240]}}, "of the crop lies outside the picture of 720 × 479 pixels; expected 10% at most"),
    ({"lens": {"axis": [200, 240]}}, "is 161 pixels from the zenith; expected 0.35 of horizon at most"),
    ({"lens": {"projection": "equisolid", "alpha": 0.4}}, "alpha belongs to the projection sine, not to equisolid"),
    ({"lens": {"projection": "flat"}}, "'sine', 'equidistant', 'equisolid' or 'orthographic', found 'flat'"),
    ({"lens": {"nord": 3}}, "cameras.0.lens.nord: there is no such key; did you mean 'north'?"),
    ({"rotate": 0}, "rotate is 0, but lens.north is 260.5, to which a turn by 90 is nearest"),
    ({"flip": False}, "flip is false, but lens.east is left"),
    ({"mask": [[0, 0, 720, 10]]}, "mask [0, 0, 720, 10] is not inside the frame"),
    ({"mask": [[20, 0, 10, 10]]}, "mask [20, 0, 10, 10] is not inside the frame"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_what_is_wrong_with_a_lens_is_said_in_a_sentence(edit: dict, message: str, tmp_path: Path) -> None:
    from norrsken.config.config import check
    from norrsken.config.yaml_files import read_yaml

    raw = read_yaml(ROOT / "config.yaml", "site:")
    lens = KIRUNA_LENS.model_dump(mode="json", exclude_unset=True) | edit.pop("lens", {})
    if lens["projection"] == "equisolid" and "alpha" not in edit:
        lens["alpha"] = 0.4
    raw["cameras"][0] |= {"lens": lens, **edit}
    with pytest.raises(ConfigError) as caught:
        check(raw)
    assert message in str(caught.value)


def test_a_lens_may_be_said_beside_the_turns_that_it_agrees_with() -> None:
    fields = {"site": SITE, "archive": {"root": "a"}}
    for north, east, rotate, flip in ((260.5, "left", 90, True), (-29, "left", 0, True), (100, "right", 270, False)):
        lens = {"zenith": [360, 240], "horizon": 230, "north": north, "east": east}
        entry = {"valid_from": "2009-01-01", "width": 720, "height": 480, "rotate": rotate, "flip": flip, "block": 2}
        entry |= {"lens": lens, "pattern": "{time:%Y%m%d%H%M%S}.jpg"}
        Observatory.model_validate({**fields, "cameras": [entry]})


def test_all_cameras_with_a_lens_and_kirunas_own_are_on_one_grid() -> None:
    assert {camera(name).grid for name in LENSES} == {KIRUNA.grid} == {"on the reference grid"}
    other = KIRUNA.model_copy(update={"height": 480})
    assert other.grid == "720 × 480 pixels, rotated by 90°, flipped, in blocks of 2"


@pytest.mark.parametrize("name", LENSES)
def test_a_job_reads_the_lens_that_it_is_handed(name: str) -> None:
    """Jobs are handed all settings of a camera, also those that the configuration does not name."""
    assert Lens.model_validate(LENSES[name].plain()) == LENSES[name]
