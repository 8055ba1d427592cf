"""What is before, beside and behind the simulated aurora: Milky Way, planets, traffic, clouds, frost, skylines."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d
from skyfield.api import Star, wgs84
from test_sky import CAMERA, CONFIG, LENS, UP, clear_night, expected_pixel, minute_of, quiet_night

from norrsken.astronomy import _ephemeris
from norrsken.config.lens import KIRUNA_LENS
from norrsken.config.site import Camera, SimulatedCamera, Skyline
from norrsken.simulation.cameras import random_camera
from norrsken.simulation.clouds import Clouds, clouds_of
from norrsken.simulation.display import MINUTES
from norrsken.simulation.dome import covered
from norrsken.simulation.lens import lens_of
from norrsken.simulation.milkyway import milky_way
from norrsken.simulation.night import Night, scene
from norrsken.simulation.sky import TOWN
from norrsken.simulation.skyline import heights
from norrsken.simulation.trails import Aircraft, Satellite, Traffic, trails
from norrsken.simulation.weather import SPOILING

NIGHT = quiet_night(date(2018, 1, 15))


def altitude_and_azimuth(body: object, moment: tuple[int, ...]) -> tuple[float, float]:
    timescale, ephemeris = _ephemeris()
    place = ephemeris["earth"] + wgs84.latlon(CONFIG.site.latitude, CONFIG.site.longitude)
    found = ephemeris[body] if isinstance(body, str) else body
    altitude, azimuth, _ = place.at(timescale.utc(*moment)).observe(found).apparent().altaz()
    return altitude.degrees, azimuth.degrees


# Far away.


@pytest.mark.parametrize("hour", [18, 22])
def test_the_milky_way_lies_along_the_galactic_plane(hour: int) -> None:
    """Bright in Cassiopeia and Perseus, dark at 30° from the plane, where Polaris and Capella's neighbours are not."""
    moment = (2018, 1, 15, hour)
    light = milky_way(NIGHT.heavens.rotation[minute_of(NIGHT, f"2018-01-15T{hour}:00")], LENS)

    def around(ra_hours: float, dec: float) -> float:
        x, y = expected_pixel(KIRUNA_LENS, *altitude_and_azimuth(Star(ra_hours=ra_hours, dec_degrees=dec), moment))
        top, left = LENS.corner
        row, column = (round((at + 0.5) * len(light) / LENS.side - 0.5) for at in (y - top, x - left))
        return float(light[row - 1 : row + 2, column - 1 : column + 2].mean())

    plane = [around(0.67, 62.0), around(2.33, 61.0)]  # l = 121° and 135°, b within 1°
    beside = [around(6.0, 75.0), around(2.53, 89.3), around(1.1, 35.0)]  # b = 23°, 27° and −28°
    assert min(plane) > 3 * max(beside)


@pytest.mark.parametrize(
    ("planet", "night", "moment", "magnitude"),
    [
        ("jupiter barycenter", date(2015, 2, 19), (2015, 2, 19, 20), -2.5),
        ("venus", date(2017, 1, 25), (2017, 1, 25, 16), -4.7),
        ("mars", date(2018, 1, 16), (2018, 1, 17, 3), None),  # hardly above the horizon
    ],
)
def test_planets_stand_where_the_ephemeris_says(
    planet: str, night: date, moment: tuple[int, ...], magnitude: float | None
) -> None:
    altitude, azimuth = altitude_and_azimuth(planet, moment)
    drawn = quiet_night(night)
    names = ["venus", "mars", "jupiter barycenter", "saturn barycenter"]
    minute = minute_of(drawn, f"{moment[0]}-{moment[1]:02d}-{moment[2]:02d}T{moment[3]:02d}:00")
    vector = drawn.heavens.rotation[minute] @ drawn.planets.at(minute / MINUTES)[:, names.index(planet)]
    assert np.degrees(np.arcsin(vector[2])) == pytest.approx(altitude, abs=0.05)
    assert np.degrees(np.arctan2(vector[1], vector[0])) % 360 == pytest.approx(azimuth, abs=0.1)
    if magnitude is None:
        return
    assert drawn.planets.magnitude[names.index(planet)] == pytest.approx(magnitude, abs=0.2)
    x, y = (round(at) for at in expected_pixel(KIRUNA_LENS, altitude, azimuth))
    image = scene(drawn, minute, CAMERA).photograph().astype(int).sum(axis=2)
    assert image[y - 1 : y + 2, x - 1 : x + 2].max() > 700


# What flies.


def lights_of(traffic: Traffic, minute: int, seconds: float = 6) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Places in Kiruna's frame, (n, 2), and colours of the lights of a minute."""
    points = trails(traffic, NIGHT.heavens, minute, seconds, LENS)
    assert points is not None
    return np.stack([points.column, points.row], axis=1), points.colour


def test_a_satellite_leaves_a_streak_as_long_as_it_moves() -> None:
    """At 500 km it flies 7.6 km a second, so that it moves by 0.87° a second in the zenith."""
    minute = 300  # about 16 UT: sunlit up there
    satellite = Satellite(closest=60 * minute + 3, aside=0.0, heading=0.0, height=500, magnitude=2)
    for seconds in (6.0, 3.0):
        at, _ = lights_of(Traffic((), (satellite,)), minute, seconds)
        length = np.hypot(*(at[-1] - at[0]))
        assert length == pytest.approx(np.radians(0.87 * seconds) * KIRUNA_LENS.scale, rel=0.05)
        assert np.ptp(at[:, 0]) > 5 * np.ptp(at[:, 1])  # the frame has north on the left


def test_satellites_are_dark_in_the_shadow_of_the_earth() -> None:
    lit = []
    for minute in (minute_of(NIGHT, "2018-01-15T15:00"), minute_of(NIGHT, "2018-01-15T23:00")):
        satellite = Satellite(closest=60 * minute, aside=0.0, heading=0.0, height=500, magnitude=2)
        lit.append(float(lights_of(Traffic((), (satellite,)), minute)[1].sum()))
    assert lit[0] > 0
    assert lit[1] == 0


@pytest.mark.parametrize("aside", [-10.0, 10.0])
def test_an_aircraft_shows_the_lamp_of_its_near_wing_and_flashes(aside: float) -> None:
    """What passes to the right of its heading shows its left wing, which is red."""
    plane = Aircraft(closest=60 * 500, aside=aside, heading=1.0, speed=0.24, height=10, magnitude=-1, flash=1.2)
    at, colour = lights_of(Traffic((plane,), ()), 500)
    red, green, _ = colour[0]
    assert bool(red > green) is (aside > 0)
    white = (colour.max(axis=1) > 5 * np.median(colour.max(axis=1))) & (colour[:, 1] > 0.5 * colour[:, 0])
    assert white.sum() == 5
    gaps = np.hypot(*np.diff(at[white], axis=0).T)
    distance = np.hypot(10, 10)
    assert gaps == pytest.approx(1.2 * 0.24 / distance * KIRUNA_LENS.scale, rel=0.15)


def test_some_frames_of_a_night_have_trails_and_most_have_none() -> None:
    dark = NIGHT.minutes()[120:-120]
    seen = [
        (p := trails(NIGHT.traffic, NIGHT.heavens, m, 6, LENS)) is not None and p.colour.max(initial=0) > 0.002
        for m in dark
    ]
    assert np.mean(seen) < 0.3


# Clouds.


def cloudy(cirrus: float, **weather: float) -> Night:
    changed = {"cover": 0.6, "thickness": 2.0, "cirrus": cirrus} | weather
    drawn = clear_night(date(2015, 3, 17))
    return replace(
        drawn, weather=replace(drawn.weather, **{name: np.full(MINUTES, value) for name, value in changed.items()})
    )


def test_a_night_of_cirrus_has_thin_cloud_that_lets_the_aurora_through() -> None:
    minutes = range(400, 1000, 50)
    high, low = ([clouds_of(cloudy(cirrus).weather, minute, LENS) for minute in minutes] for cirrus in (1.0, 0.0))

    def mean(seen: list[Clouds], what: str) -> float:
        return float(np.mean([getattr(clouds, what) for clouds in seen]))

    assert mean(high, "high") > 2 * mean(high, "low")
    assert mean(low, "low") > 2 * mean(low, "high")
    assert mean(high, "opacity") < mean(low, "opacity")


@pytest.mark.parametrize("cirrus", [0.0, 1.0])
def test_clouds_drift_without_a_jump(cirrus: float) -> None:
    weather = cloudy(cirrus).weather
    one, next_one, later = (clouds_of(weather, minute, LENS).opacity.ravel() for minute in (573, 574, 633))
    near, far = (np.corrcoef(one, other)[0, 1] for other in (next_one, later))
    assert far + 0.2 < near < 0.9999
    assert near > 0.6


def test_the_truth_says_what_both_layers_and_haze_take() -> None:
    night = cloudy(0.5, haze=0.3)
    clouds = clouds_of(night.weather, 573, LENS)
    taken = 1 - np.exp(-(clouds.low + clouds.high + clouds.haze))
    assert scene(night, 573, CAMERA).shares.cloud == pytest.approx(taken[LENS.measured].mean(), abs=1e-4)


def test_haze_glows_around_the_moon() -> None:
    clear = quiet_night(date(2018, 1, 30))
    minute = minute_of(clear, "2018-01-30T22:00")
    hazy = replace(clear, weather=replace(clear.weather, haze=np.full(MINUTES, 0.3)))
    altitude, azimuth = clear.heavens.moon_altitude[minute], clear.heavens.moon_azimuth[minute]
    x, y = (round(at) for at in expected_pixel(KIRUNA_LENS, float(altitude) + 12, float(azimuth)))
    ours, other = (
        scene(night, minute, CAMERA).photograph()[y - 3 : y + 4, x - 3 : x + 4].mean() for night in (clear, hazy)
    )
    assert other > ours + 3


# On the dome and around the camera.


def test_frost_grows_from_the_rim_and_reaches_the_crop_where_it_spoils_a_frame() -> None:
    drawn = clear_night(date(2015, 3, 17)).weather
    rows, columns = LENS.measured
    for share, least in ((0.05, 0.0), (SPOILING["snow"] + 0.01, 0.02), (0.6, 0.4)):
        snow = covered(replace(drawn, snow=np.full(MINUTES, share), frost=True), 0, LENS)
        assert snow is not None
        assert snow[LENS.grid.radius > 0.95].mean() > snow[LENS.grid.radius < 0.5].mean()
        assert least <= snow[rows, columns].mean() <= least + 0.4
    assert covered(drawn, 0, LENS) is None


def with_surroundings(**simulated: object) -> Camera:
    return CAMERA.model_copy(update={"simulated": SimulatedCamera.model_validate({"noise": 0} | simulated)})


@pytest.mark.parametrize("kind", ["trees", "hill", "buildings"])
def test_a_skyline_hides_the_sky_below_it_and_no_more(kind: Skyline) -> None:
    high = heights(LENS, kind)
    assert np.array_equal(high, heights(lens_of(CAMERA, UP), kind))
    assert np.radians(3) < high.max() < np.radians(30)
    camera, minute = with_surroundings(skyline=kind), NIGHT.minutes()[30]  # bright twilight
    ours, free = (
        scene(NIGHT, minute, of).photograph().astype(int).sum(axis=2)
        for of in (camera, with_surroundings(skyline="none"))
    )
    at = int(minimum_filter1d(high, 21, mode="wrap").argmax())  # a degree wide at least, which a mast is not
    lowest, highest = np.degrees([high[at - 10 : at + 11].min(), high[at - 10 : at + 11].max()])
    azimuth = np.degrees(at / len(high) * 2 * np.pi) + UP
    for altitude, hidden in ((lowest / 2, True), (highest + 3, False)):
        x, y = (round(of) for of in expected_pixel(KIRUNA_LENS, altitude, azimuth))
        assert bool(ours[y, x] < 0.8 * free[y, x]) is hidden
    assert abs(ours - free)[LENS.corner[0] + 115 : LENS.corner[0] + 345, 250:470].max() < 3


def test_towns_are_lit_by_different_lamps() -> None:
    """Equally bright to the eye, to within a few per cent."""
    eye = np.array([0.299, 0.587, 0.114])
    assert [float(eye @ colour) for colour in TOWN.values()] == pytest.approx([0.655] * 4, rel=0.03)
    west = [scene(NIGHT, 700, with_surroundings(town=town)).light[LENS.grid.east < -0.8].mean(axis=0) for town in TOWN]
    assert len({round(float(colour[2] / colour[0]), 2) for colour in west}) == len(TOWN)


def test_cameras_at_random_have_all_surroundings() -> None:
    cameras = [random_camera(date(2015, 1, day), 0, CAMERA.pattern).simulated for day in range(1, 32)]
    assert {camera.skyline for camera in cameras} == {"roofs", "trees", "hill", "buildings", "none"}
    assert {camera.town for camera in cameras} == set(TOWN)
    assert not {"skyline", "town"} & set(SimulatedCamera().model_dump())
