"""What stands between the camera and the aurora: clouds, haze, snow on the dome, lights, and a camera that fails."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from norrsken.simulation.display import MINUTES
from norrsken.simulation.lens import Lens, standard_radius
from norrsken.simulation.textures import wander

Field = NDArray[np.float32]
Series = NDArray[np.float64]


#: What spoils a frame, so that nobody would want to label it, when it is above these values.
SPOILING = {"black": 0.0, "snow": 0.15, "laser": 0.0, "headlight": 0.0}


@dataclass(frozen=True)
class Weather:
    """A night's weather: each field but the seed, `heading` and `frost` is an array over its 1,440 minutes.

    cover: 0 clear … 1 overcast. thickness: optical depth of the clouds. cirrus: 0 where the clouds are low and thick, 1
    where they are high and thin. haze: optical depth of thin cloud everywhere. wind, high_wind: where the lower and the
    upper clouds have drifted to, pixels of their texture. heading: of either drift, unit vectors to the east and south.
    snow: share of the dome under snow. frost: whether it is frost instead, which grows from the rim.
    pillars: strength of light pillars over the town. laser, headlight: of these lights; 0 where there is none.
    black: the camera sees nothing. outage: no frame.
    """

    seed: int
    cover: Series
    thickness: Series
    cirrus: Series
    haze: Series
    wind: Series
    high_wind: Series
    heading: tuple[tuple[float, float], tuple[float, float]]
    pillars: Series
    snow: Series
    frost: bool
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
    seed = int(random.integers(2**31))
    layers = np.random.default_rng([seed, 2])
    turn, veer = layers.uniform(0, 2 * np.pi), layers.normal(0, 0.6)
    return Weather(
        seed=seed,
        cover=np.asarray(cover),
        thickness=np.exp(0.6 + 0.8 * wander(random, MINUTES, 120)),
        cirrus=1 / (1 + np.exp(-1.5 * (layers.standard_normal() + wander(layers, MINUTES, 120)))),
        haze=np.clip(0.18 * random.standard_normal() + 0.1 * wander(random, MINUTES, 60), 0.02, 0.6),
        wind=np.cumsum(random.uniform(2, 18) * (1 + 0.2 * wander(random, MINUTES, 120))),
        high_wind=np.cumsum(layers.uniform(1, 7) * (1 + 0.1 * wander(layers, MINUTES, 120))),
        heading=((np.cos(turn), np.sin(turn)), (np.cos(turn + veer), np.sin(turn + veer))),
        pillars=gaussian_filter1d(_events(layers, nights=0.06, length=(60, 400)), 10),
        snow=snow,
        frost=bool(layers.random() < 0.5),
        laser=_events(random, nights=0.06, length=(20, 180)),
        headlight=_events(random, nights=0.35, length=(1, 3)),
        black=_events(random, nights=0.12, length=(1, 6)),
        outage=_events(random, nights=0.10, length=(30, 300)),
    )


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
