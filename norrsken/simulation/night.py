"""One simulated night: every minute's frame and its truth."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from norrsken.astronomy import Heavens, Planets, heavens, planets
from norrsken.calendar import night_start
from norrsken.config.site import Camera, Filter, Site
from norrsken.nights.images import decode, process
from norrsken.simulation import aurora, exposure, forms, sky, weather
from norrsken.simulation.clouds import Lights, clouds_of, cover_sky
from norrsken.simulation.course import Course, course_of
from norrsken.simulation.display import MINUTES
from norrsken.simulation.dome import covered, snow_on_dome
from norrsken.simulation.lens import Lens, lens_of
from norrsken.simulation.trails import Traffic, traffic_of, trails
from norrsken.simulation.truth import Shares, measure

#: The camera works while the Sun is below this altitude, in degrees.
SUN_BELOW = -9.0


@dataclass(frozen=True)
class Night:
    """All that is decided about a night before its first frame is drawn, whatever camera draws it.

    up: azimuth that the aurora lies across, and the top of the reference grid, degrees east of true north. town: light
    of the town in red, green and blue, beside that of other nights, (3,).
    """

    start: datetime
    up: float
    seed: int
    heavens: Heavens
    course: Course
    weather: weather.Weather
    airglow: float
    planets: Planets
    traffic: Traffic
    town: NDArray[np.float32]

    @classmethod
    def of(cls, night: date, site: Site, seed: int) -> "Night":
        random, others = (np.random.default_rng([seed, night.toordinal(), *also]) for also in ((), (4,)))
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
            planets=planets(first, first + timedelta(minutes=MINUTES), site),
            traffic=traffic_of(others),
            town=_town_of(others),
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

    def processed(self) -> NDArray[np.uint8]:
        """The processed frame, through the JPEG that the camera's archive would hold: (128, 128, 3) uint8."""
        jpeg = exposure.encode(self.photograph(), self.camera.simulated.quality)
        return process(decode(jpeg, self.camera), self.camera, self.lens.up)


def _town_of(random: np.random.Generator) -> NDArray[np.float32]:
    """How the light of the town differs from night to night: the ground is bare or white, the air dry or not."""
    strength, colour = 0.2 * random.standard_normal(), 0.06 * random.standard_normal(3)
    return np.exp(strength + colour - 0.022).astype(np.float32)  # with a mean of 1


def scene(night: Night, minute: int, camera: Camera) -> Scene:
    """The sky, the aurora and the weather of one minute."""
    lens, factor = lens_of(camera, night.up), camera.simulated.background
    shining = night.course.aurora.at(minute)
    maps = forms.flux(shining, night.course.seed, minute)
    dimmed = aurora.lines(shining, maps, lens) * sky.extinction(lens)
    # All but the aurora is light of all wavelengths: up to the end, its colours are those of the reference camera.
    colours = exposure.broadband(camera)
    glow = exposure.seen_by_camera(dimmed, camera) / colours
    town = sky.TOWN[camera.simulated.town] * night.town * np.float32(factor)
    behind = sky.background(night.heavens, minute, night.airglow, lens, town, factor)
    if night.weather.pillars[minute] > 0:
        behind += np.float32(night.weather.pillars[minute]) * sky.pillars(lens, night.weather.seed) * town
    clouds = clouds_of(night.weather, minute, lens)
    sun_altitude = float(night.heavens.sun_altitude[minute])
    moon = sky.moonlight(night.heavens, minute)
    lights = Lights(
        town=town,
        moon=moon,
        twilight=sky.twilight(sun_altitude),
        moon_nearness=sky.moon_nearness(night.heavens, minute, lens) if moon > 0 else None,
    )
    light = cover_sky(glow + behind, clouds, lights, lens)
    snow = covered(night.weather, minute, lens)
    if snow is not None:
        light = snow_on_dome(light, snow, lens, town)
    stray = weather.stray_light(night.weather, minute, lens)
    if stray is not None:
        light = light + stray
    milliseconds = exposure.exposure_ms(sun_altitude)
    stars = sky.stars(night.heavens, minute, lens) | sky.wanderers(night.planets, night.heavens, minute, lens)
    flying = trails(night.traffic, night.heavens, minute, milliseconds / 1000, lens)
    if flying is not None:
        stars |= flying
    passing = 1 - clouds.opacity
    stars = stars.dimmed(passing if snow is None else passing * (1 - snow), lens).with_glare()
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
        exposure_ms=milliseconds,
        shares=measure(maps, dimmed, behind, clouds.opacity, lens),
        spoilt=any(night.weather.spoilt(what)[minute] for what in weather.SPOILING),
    )
