"""One simulated night: every minute's frame and its truth."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from norrsken.astronomy import Heavens, heavens
from norrsken.calendar import night_start
from norrsken.config.site import Camera, Filter, Site
from norrsken.simulation import aurora, exposure, forms, sky, weather
from norrsken.simulation.course import MINUTES, Course, course_of
from norrsken.simulation.lens import Lens, lens_of
from norrsken.simulation.truth import Shares, measure

#: The camera works while the Sun is below this altitude, in degrees.
SUN_BELOW = -9.0


@dataclass(frozen=True)
class Night:
    """All that is decided about a night before its first frame is drawn, whatever camera draws it.

    up: azimuth that the aurora lies across, and the top of the reference grid, degrees east of true north.
    """

    start: datetime
    up: float
    seed: int
    heavens: Heavens
    course: Course
    weather: weather.Weather
    airglow: float

    @classmethod
    def of(cls, night: date, site: Site, seed: int) -> "Night":
        random = np.random.default_rng([seed, night.toordinal()])
        start = night_start(night, site.longitude)
        first = start.replace(second=0, microsecond=0) + timedelta(minutes=1)  # frames are taken on the minute
        times = np.int64(first.timestamp() * 1000) + np.arange(MINUTES) * 60_000
        hour = first.hour + first.minute / 60
        return cls(
            start=first,
            up=site.up,
            seed=seed,
            heavens=heavens(times, site),
            course=course_of(night, hour, site.longitude, random),
            weather=weather.weather_of(random),
            airglow=float(np.exp(0.25 * random.standard_normal())),
        )

    def minutes(self) -> list[int]:
        """The minutes in which a frame is taken."""
        there = (self.heavens.sun_altitude < SUN_BELOW) & (self.weather.outage == 0)
        return np.flatnonzero(there).tolist()

    def dark(self, limits: Filter) -> NDArray[np.bool_]:
        """The minutes that Sun and Moon do not reject: (1440,)."""
        moon = self.heavens.moon_altitude <= limits.moon_altitude_max
        return np.asarray((self.heavens.sun_altitude <= limits.sun_altitude_max) & moon)

    def time(self, minute: int) -> datetime:
        return self.start + timedelta(minutes=minute)


@dataclass(frozen=True)
class Scene:
    """What is before the lens in one minute.

    lens: the camera's. seed: that of the sensor's noise. light: (231, 231, 3), in units of what fills a pixel in 6 s.
    spoilt: whether nobody would want to label the frame.
    """

    camera: Camera
    lens: Lens
    seed: tuple[int, int]
    light: NDArray[np.float32]
    stars: sky.Points
    exposure_ms: int
    shares: Shares
    spoilt: bool

    def photograph(self) -> NDArray[np.uint8]:
        """The frame as archived: (height, width, 3) uint8."""
        random = np.random.default_rng(self.seed)
        return exposure.expose(self.light, self.stars, self.exposure_ms, self.camera, self.lens, random)


def scene(night: Night, minute: int, camera: Camera) -> Scene:
    """The sky, the aurora and the weather of one minute."""
    lens, factor = lens_of(camera, night.up), camera.simulated.background
    shining = night.course.aurora.at(minute)
    maps = forms.flux(shining, night.course.seed, minute)
    dimmed = aurora.lines(shining, maps, lens) * sky.extinction(lens)
    # All but the aurora is light of all wavelengths: up to the end, its colours are those of the reference camera.
    colours = exposure.broadband(camera)
    glow = exposure.seen_by_camera(dimmed, camera) / colours
    behind = sky.background(night.heavens, minute, night.airglow, lens, factor)
    cloud = weather.opacity(night.weather, minute, lens)
    sun_altitude = float(night.heavens.sun_altitude[minute])
    moon, twilight = sky.moonlight(night.heavens, minute), sky.twilight(sun_altitude)
    light = weather.cover_sky(glow + behind, cloud, twilight, moon, lens, factor)
    light = weather.snow_on_dome(light, night.weather, minute)
    stray = weather.stray_light(night.weather, minute, lens)
    if stray is not None:
        light = light + stray
    stars = sky.stars(night.heavens, minute, lens).dimmed(1 - cloud, lens)
    if night.weather.black[minute] > 0:
        light, stars = np.zeros_like(light), stars.none()
    seen = colours * np.float32(camera.simulated.gain)
    light, stars = light * seen, replace(stars, colour=stars.colour * seen)
    return Scene(
        camera=camera,
        lens=lens,
        seed=(night.seed, int(night.time(minute).timestamp())),
        light=light,
        stars=stars,
        exposure_ms=exposure.exposure_ms(sun_altitude),
        shares=measure(maps, dimmed, behind, cloud, lens),
        spoilt=any(night.weather.spoilt(what)[minute] for what in weather.SPOILING),
    )
