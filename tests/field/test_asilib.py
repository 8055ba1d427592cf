"""A night as an Imager of the real asilib: its keogram is norrsken's, and its maps are those of the sky."""

import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path

import asilib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import CAMERA, NIGHT, Night, make_night, picture, times
from PIL import Image
from skyfield.api import Loader, Star, wgs84
from skyfield.toposlib import GeographicPosition
from skyfield.units import Distance
from skyfield_data import get_skyfield_data_path

from norrsken.exchange import asilib as exchange
from norrsken.exchange.asilib import imager
from norrsken.exchange.library import ExchangeError
from norrsken.lens import grid_in_frame
from norrsken.nights.keogram import LAYOUT

#: Right ascension in hours and declination in degrees of stars above Kiruna that evening, in all directions.
STARS = {
    "Vega": (18.616, 38.78),
    "Capella": (5.278, 46.0),
    "Alkaid": (13.792, 49.31),
    "Deneb": (20.69, 45.28),
    "Mirach": (1.162, 35.62),
    "Kochab": (14.845, 74.16),
}

#: What is photographed: the images, a star that is in them, and the height of the map.
SHOWN = [
    ("processed", "Capella", 110),
    ("processed", "Mirach", 90),
    ("processed", "Kochab", 150),
    ("archived", "Vega", 110),
    ("archived", "Capella", 90),
    ("archived", "Alkaid", 150),
    ("archived", "Deneb", 110),
]


def sky(time: datetime, star: str) -> tuple[GeographicPosition, object, float, float]:
    """The place of the camera, the time, and altitude and azimuth of a star there, degrees, by Skyfield."""
    load = Loader(get_skyfield_data_path(), expire=False)
    t = load.timescale().utc(time.year, time.month, time.day, time.hour, time.minute, time.second)
    place = wgs84.latlon(67.84, 20.42, 425)
    hours, degrees = STARS[star]
    at = (load("de421.bsp")["earth"] + place).at(t).observe(Star(ra_hours=hours, dec_degrees=degrees)).apparent()
    altitude, azimuth, _ = at.altaz()
    return place, t, altitude.degrees, azimuth.degrees


def beneath(
    place: GeographicPosition, t: object, altitude: float, azimuth: float, height: float
) -> tuple[float, float]:
    """Latitude and longitude at which a line of sight meets a height in km, by Skyfield and halving."""
    near, far = 0.0, 3000.0
    for _ in range(60):
        middle = (near + far) / 2
        away = place.at(t).from_altaz(alt_degrees=altitude, az_degrees=azimuth, distance=Distance(km=middle))
        point = type(place.at(t))(place.at(t).position.au + away.position.au, t=t, center=399)
        position = wgs84.geographic_position_of(point)
        near, far = (middle, far) if position.elevation.km < height else (near, middle)
    return position.latitude.degrees, position.longitude.degrees


def with_star(folder: Path, star: str) -> tuple[Night, datetime]:
    """A night of dark frames, of which one has a bright spot where the lens puts a star."""
    frames = {datetime(2018, 1, 14, 18, minute): np.full((240, 320, 3), 20, np.uint8) for minute in range(0, 50, 10)}
    time = datetime(2018, 1, 14, 18, 20)
    night = make_night(folder, frames, [CAMERA])
    _, _, altitude, azimuth = sky(time, star)
    x, y = night.observatory.cameras[0].lens.pixel(np.radians(90 - altitude), np.radians(azimuth))
    column, row = round(x), round(y)
    frames[time][row - 2 : row + 3, column - 2 : column + 3] = 250
    return make_night(folder, frames, [CAMERA]), time


def test_its_keogram_is_that_of_norrsken(night: Night) -> None:
    asi = imager(night.observatory, NIGHT, nights=night.nights)
    found, latitudes, columns = asi.keogram()
    # asilib 0.30 lists each time of a colour keogram once for each colour.
    found, columns = found[::3], columns[::3]
    assert list(found) == night.times
    assert (np.diff(latitudes) > 0).all()
    left, top = LAYOUT["left"], LAYOUT["top"]
    ours = np.asarray(Image.open(night.keogram))[top : top + LAYOUT["sky"] : 2, left : left + LAYOUT["minutes"]]
    noon = datetime(2018, 1, 14, 10, 38, 19, 200000)
    minutes = np.array([(time - noon) // timedelta(minutes=1) for time in found])
    assert len(set(minutes)) < len(minutes)
    for minute in set(minutes):
        mean = np.floor(columns[minutes == minute].mean(axis=0) + 0.5)  # norrsken's column is the mean of its minute
        np.testing.assert_array_equal(mean[::-1], ours[:, minute])


@pytest.mark.parametrize(("images", "star", "height"), SHOWN)
def test_its_map_puts_a_star_where_skyfield_says(images: str, star: str, height: float, tmp_path: Path) -> None:
    night, time = with_star(tmp_path, star)
    place, t, altitude, azimuth = sky(time, star)
    asi = imager(night.observatory, NIGHT, height, images, night.nights)[time]
    _, axis = plt.subplots()
    _, mesh = asi.plot_map(ax=axis, min_elevation=5)
    brightness = np.asarray(mesh.get_array()).sum(axis=-1)
    corners = mesh.get_coordinates()
    middles = (corners[:-1, :-1] + corners[1:, 1:] + corners[1:, :-1] + corners[:-1, 1:]) / 4
    spot = brightness > (brightness.max() + brightness.min()) / 2
    longitude, latitude = middles[spot].mean(axis=0)
    expected = beneath(place, t, altitude, azimuth, height)
    of_pixel = np.ptp(middles[spot], axis=0) / 5  # the spot has five pixels a side
    assert abs(latitude - expected[0]) < of_pixel[1] < 0.09
    assert abs(longitude - expected[1]) < of_pixel[0] < 0.25
    plt.close("all")


@pytest.mark.parametrize("images", ["processed", "archived"])
def test_its_skymap_is_that_of_skyfield_in_every_pixel(images: str, night: Night) -> None:
    asi = imager(night.observatory, NIGHT, 110, images, night.nights)
    place, t, _, _ = sky(night.times[0], "Vega")
    sky_of = asi.skymap
    rows, columns = np.nonzero(sky_of["el"] > 12)
    assert len(rows) > 10_000
    for i in np.random.default_rng(3).choice(len(rows), 25, replace=False):
        pixel = rows[i], columns[i]
        expected = beneath(place, t, sky_of["el"][pixel], sky_of["az"][pixel], 110)
        assert (sky_of["lat"][pixel], sky_of["lon"][pixel]) == pytest.approx(expected, abs=1e-3)
    assert sky_of["alt"] == 110


@pytest.mark.parametrize("images", ["processed", "archived"])
def test_its_fisheye_has_north_up_and_east_right_and_the_colours_of_the_frame(images: str, night: Night) -> None:
    asi = imager(night.observatory, NIGHT, images=images, nights=night.nights)[night.times[3]]
    _, axis = plt.subplots()
    _, drawn = asi.plot_fisheye(ax=axis, cardinal_directions="NE")
    assert drawn.origin == "lower"
    (north, aside), (rise, east) = (asi._calc_cardinal_direction(way, 10) for way in "NE")
    assert north > abs(aside)
    assert east > abs(rise)
    np.testing.assert_allclose(drawn.get_array() * 255, asi.data.image, atol=1e-9)
    if images == "archived":  # its skymap belongs to its pixels: those of the lens
        lens = night.observatory.cameras[0].lens
        pixel = (150, 90)
        x, y = lens.pixel(*np.radians([90 - asi.skymap["el"][pixel], asi.skymap["az"][pixel]]))
        file = next(Path(night.observatory.archive.root).rglob(f"*{night.times[3]:%H%M%S}.jpg"))
        archived = exchange.read_frame(file, night.observatory.cameras[0])
        np.testing.assert_array_equal(asi.data.image[pixel], archived[round(float(y)), round(float(x))])
    plt.close("all")


def test_a_satellite_sees_the_brightness_beneath_it(tmp_path: Path) -> None:
    night, time = with_star(tmp_path, "Capella")
    place, t, altitude, azimuth = sky(time, "Capella")
    latitude, longitude = beneath(place, t, altitude, azimuth, 110)
    asi = imager(night.observatory, NIGHT, images="archived", nights=night.nights)
    minutes = np.array([datetime(2018, 1, 14, 18) + timedelta(minutes=i) for i in range(-5, 60)])
    satellite = (minutes, np.array([[latitude, longitude, 110.0]] * len(minutes)))
    conjunction = asilib.Conjunction(asi, satellite)
    assert len(conjunction.find(min_elevation=10)) == 1
    bright = conjunction.intensity()
    assert [row.max() > 200 for row in bright] == [when == time for when in night.times]


def test_a_part_of_a_night_is_what_it_is_in_the_whole(night: Night) -> None:
    asi = imager(night.observatory, NIGHT, nights=night.nights)
    whole = asi.data
    assert list(whole.time) == night.times
    part = asi[night.times[55] : night.times[90]].data
    assert list(part.time) == night.times[55:91]
    np.testing.assert_array_equal(part.image, whole.image[55:91])
    assert asi[night.times[70] + timedelta(seconds=5)].data.time == night.times[70]


def test_asilib_reserves_enough_room_for_any_part_of_any_night() -> None:
    rng = np.random.default_rng(5)
    for spaces in ([60] * 50, [60, 1, 60, 60, 1, 60] * 9, [1, 1, 1, 60], [7], [], rng.integers(1, 90, 60)):
        frames = 1000 * np.concatenate([[0], np.cumsum(spaces)]).astype(np.int64)
        cadence = exchange._cadence(frames)
        for i in range(len(frames)):
            seconds = (frames[i:] - frames[i]) / 1000
            assert ((seconds / cadence).astype(int) + 2 >= 1 + np.arange(len(seconds))).all()
    assert exchange._cadence(np.arange(0, 10**6, 60_000)) == 60


def test_archived_frames_are_read_one_at_a_time(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[str]()
    true_reader = exchange.read_frame
    monkeypatch.setattr(exchange, "read_frame", lambda path, camera: (read.append(path), true_reader(path, camera))[1])
    asi = imager(night.observatory, NIGHT, images="archived", nights=night.nights)
    assert read == []
    tracemalloc.start()
    seen = 0
    for time, image in asi:
        seen += 1
        assert len(read) == seen
        assert (image.shape, time) == ((320, 240, 3), night.times[seen - 1])
    assert seen == len(night.times)
    assert tracemalloc.get_traced_memory()[1] < 8 * image.nbytes
    tracemalloc.stop()


def test_a_damaged_file_of_the_archive_is_named(tmp_path: Path) -> None:
    frames = {time: picture(np.random.default_rng(1)) for time in times()[:3]}
    night = make_night(tmp_path, frames, [CAMERA])
    file = next(Path(night.observatory.archive.root).rglob("*.jpg"))
    file.write_bytes(b"")
    asi = imager(night.observatory, NIGHT, images="archived", nights=night.nights)
    with pytest.raises(ExchangeError, match=rf"{file.name}: an empty file"):
        list(asi)


WITHOUT_LENS = {**CAMERA, "lens": None, "width": 640, "height": 480, "rotate": 0, "flip": False, "block": 3}


@pytest.mark.parametrize("images", ["processed", "archived"])
def test_a_camera_without_a_lens_is_refused(images: str, tmp_path: Path) -> None:
    frames = {time: picture(np.random.default_rng(1), 640, 480) for time in times()[:3]}
    night = make_night(tmp_path, frames, [WITHOUT_LENS])
    with pytest.raises(ExchangeError, match=rf"the camera of 2009-01-01 has no lens.*{images}"):
        imager(night.observatory, NIGHT, images=images, nights=night.nights)


def test_a_night_of_two_cameras_has_processed_frames_of_both_and_no_archived_ones(tmp_path: Path) -> None:
    later = {**CAMERA, "valid_from": "2018-01-15", "lens": {**CAMERA["lens"], "north": -40, "east": "right"}}
    spots = {datetime(2018, 1, 14, 23, 50): (20, 200), datetime(2018, 1, 15, 0, 10): (200, 20)}
    frames = {time: picture(np.random.default_rng(value)) for time, (value, _) in spots.items()}
    night = make_night(tmp_path, frames, [CAMERA, later])
    asi = imager(night.observatory, NIGHT, nights=night.nights)
    assert list(asi.data.time) == list(frames)
    for camera, image, archived in zip(night.observatory.cameras, asi.data.image, frames.values(), strict=True):
        x, y = grid_in_frame(camera.lens, night.observatory.site.up)
        there = archived[y.round().astype(int), x.round().astype(int)].astype(int)
        assert np.median(np.abs(image[::-1] - there)) < 3  # each frame is on the grid by its own lens
    with pytest.raises(ExchangeError, match=r"two cameras took frames.*2009-01-01 and 2018-01-15"):
        imager(night.observatory, NIGHT, images="archived", nights=night.nights)


def test_the_camera_in_force_gives_the_skymap(tmp_path: Path) -> None:
    later = {**CAMERA, "valid_from": "2018-01-10", "lens": {**CAMERA["lens"], "north": 190}}
    frames = {time: picture(np.random.default_rng(1)) for time in times()[:3]}
    night = make_night(tmp_path, frames, [{**WITHOUT_LENS, "pattern": CAMERA["pattern"]}, later])
    asi = imager(night.observatory, NIGHT, images="archived", nights=night.nights)
    assert asi.meta["resolution"] == (240, 320, 3)  # half a turn; the other lens's frames are turned by a quarter
    assert len(asi.data.time) == 3


def test_a_night_without_a_table_is_refused(night: Night) -> None:
    with pytest.raises(ExchangeError, match=r"2018-02-01.parquet: there is no table of the night 2018-02-01"):
        imager(night.observatory, datetime(2018, 2, 1).date(), nights=night.nights)
