"""What stands between the camera and the aurora: clouds, haze, snow on the dome, lights, and a camera that fails."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.course import MINUTES
from norrsken.simulation.lens import Lens, standard_radius
from norrsken.simulation.sky import TOWN, town_glow
from norrsken.simulation.textures import changing, sample, smoothstep, texture, wander

Field = NDArray[np.float32]
Series = NDArray[np.float64]


#: What spoils a frame, so that nobody would want to label it, when it is above these values.
SPOILING = {"black": 0.0, "snow": 0.15, "laser": 0.0, "headlight": 0.0}


@dataclass(frozen=True)
class Weather:
    """A night's weather: each field but the seed is an array over its 1,440 minutes.

    cover: 0 clear … 1 overcast. thickness: optical depth of the clouds. haze: optical depth of thin cloud everywhere.
    snow: share of the dome under snow. wind: where the clouds have drifted to, pixels of their texture.
    laser, headlight: strength of the light, 0 where there is none. black: the camera sees nothing. outage: no frame.
    """

    seed: int
    cover: Series
    thickness: Series
    haze: Series
    snow: Series
    wind: Series
    laser: Series
    headlight: Series
    black: Series
    outage: Series

    def spoilt(self, what: str) -> NDArray[np.bool_]:
        """The minutes in which one of `SPOILING` spoils the frame: (1440,)."""
        too_much: NDArray[np.bool_] = getattr(self, what) > SPOILING[what]
        return too_much


def weather_of(random: np.random.Generator) -> Weather:
    """The weather of a night."""
    base = 1.2 * random.standard_normal() - 0.9
    cover = 1 / (1 + np.exp(-3 * (base + 0.8 * wander(random, MINUTES, 80) + 0.25 * wander(random, MINUTES, 12))))
    snow = np.zeros(MINUTES)
    if random.uniform() < 0.08:
        fell = random.integers(0, MINUTES)
        snow = random.uniform(0.2, 0.9) * np.exp(-np.clip(np.arange(MINUTES) - fell, 0, None) / random.uniform(60, 400))
        snow[:fell] = 0
    return Weather(
        seed=int(random.integers(2**31)),
        cover=np.asarray(cover),
        thickness=np.exp(0.6 + 0.8 * wander(random, MINUTES, 120)),
        haze=np.clip(0.18 * random.standard_normal() + 0.1 * wander(random, MINUTES, 60), 0.02, 0.6),
        snow=snow,
        wind=np.cumsum(random.uniform(2, 18) * (1 + 0.2 * wander(random, MINUTES, 120))),
        laser=_events(random, nights=0.06, length=(20, 180)),
        headlight=_events(random, nights=0.35, length=(1, 3)),
        black=_events(random, nights=0.12, length=(1, 6)),
        outage=_events(random, nights=0.10, length=(30, 300)),
    )


def opacity(weather: Weather, at: int, lens: Lens) -> Field:
    """The share of light that clouds and haze take away, 0…1: (231, 231) float32."""
    grid = lens.grid
    cover, slant = float(weather.cover[at]), 1 / np.maximum(np.cos(grid.zenith), 0.2)
    clear = np.exp(-np.float32(weather.haze[at]) * slant)
    if cover > 0.02:
        away = np.tan(np.minimum(grid.zenith, 1.42)) * 40  # on a plane 40 pixels above the camera
        drift = float(weather.wind[at])
        field = sample(
            changing(weather.seed, 6, at / 50, 3.4), away * grid.east, -away * grid.north, drift, 0.3 * drift
        )
        thick = np.maximum(field + np.float32(4.8 * cover - 2.4), 0)  # a field of deviation 1 above a threshold
        clear = clear * np.exp(-np.float32(0.45 * weather.thickness[at]) * thick * np.sqrt(slant))
    return np.asarray(1 - clear, np.float32)


def cover_sky(light: Field, cloud: Field, glow: float, moon: float, lens: Lens, factor: float = 1.0) -> Field:
    """The sky behind clouds: dimmed, spread, and lit by the town below and the Moon and twilight above.

    light: (231, 231, 3). cloud: opacity (231, 231). glow: twilight, moon: moonlight at the zenith. factor: on the light
    of the town, beside Kiruna's.
    """
    lit = np.float32(factor) * _lit_clouds(lens) + np.float32(
        np.array([0.6, 0.7, 0.75]) * moon + np.array([0.5, 0.9, 2.4]) * glow
    )
    through = cv2.resize(cv2.GaussianBlur(cv2.resize(light, (58, 58)), (0, 0), 5), cloud.shape[::-1])
    lit += np.float32(0.35) * through
    return np.asarray(light + (lit - light) * cloud[..., None], np.float32)


@lru_cache(CAMERAS_KEPT)
def _lit_clouds(lens: Lens) -> Field:
    """Clouds in the light of the town: (231, 231, 3)."""
    return (np.float32(0.035) + np.float32(1.3) * town_glow(lens))[..., None] * TOWN


def snow_on_dome(light: Field, weather: Weather, at: int) -> Field:
    """The light under snow on the dome, which lets through a blurred, dimmed sky."""
    share = float(weather.snow[at])
    if share <= 0.02:
        return light
    field = texture(weather.seed + 2, 12)[: len(light), : len(light)]
    covered = smoothstep(field, 2.0 - 4 * share, 2.6 - 4 * share)[..., None]
    blurred = cv2.GaussianBlur(light, (0, 0), 14) * 0.75 + np.array([0.012, 0.010, 0.008], np.float32)
    return np.asarray(light * (1 - covered) + blurred * covered, np.float32)


def stray_light(weather: Weather, at: int, lens: Lens) -> Field | None:
    """A car's headlight and a laser beam: (231, 231, 3), or None where there is neither."""
    if weather.headlight[at] == 0 and weather.laser[at] == 0:
        return None
    direction = np.random.default_rng([weather.seed, 1]).uniform(0, 2 * np.pi, 2)
    grid = lens.grid
    radius = standard_radius(grid.zenith)
    light = np.zeros((*grid.zenith.shape, 3), np.float32)
    if weather.headlight[at] > 0:
        toward = (1 + grid.towards(direction[0])) / 2
        glare = toward**5 * np.exp((radius - 1) / 0.25)
        light += (0.8 * np.float32(weather.headlight[at]) * glare)[..., None] * np.array([1.0, 0.9, 0.7], np.float32)
    if weather.laser[at] > 0:
        along = radius * grid.towards(direction[1])
        across = radius * grid.towards(direction[1] + np.pi / 2)
        beam = np.exp(-((across / 0.012) ** 2)) * ((along > -0.02) & (along < 1)) * (0.3 + along)
        light += (0.5 * np.float32(weather.laser[at]) * beam)[..., None] * np.array([0.15, 1.0, 0.2], np.float32)
    return light


def _events(random: np.random.Generator, nights: float, length: tuple[int, int]) -> Series:
    """What comes `nights` times a night on average, for minutes between two lengths: its strength, else 0, (1440,)."""
    strength = np.zeros(MINUTES)
    for _ in range(random.poisson(nights)):
        start = random.integers(240, 1200)
        strength[start : start + random.integers(*length, endpoint=True)] = random.uniform(0.5, 1.5)
    return strength
