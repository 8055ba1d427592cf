"""Clouds in two layers between the camera and the aurora, and the light of town, Moon and twilight on them.

The lower layer is thick, and the town lights it from below. The upper one is thin cloud in streaks along its own wind,
with the haze: it dims the aurora, spreads its light a little, and glows around the Moon.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.lens import Lens
from norrsken.simulation.sky import TOWN_AZIMUTH, town_glow
from norrsken.simulation.textures import changing, sample
from norrsken.simulation.weather import Weather

Field = NDArray[np.float32]

#: Optical depth of a cloud's field of deviation 1 above its threshold, at the zenith and for a thickness of 1.
_LOW_DEPTH, _HIGH_DEPTH = 0.46, 0.25

#: How far the thresholds move, in deviations, when a night's cloud is all of the other layer.
_SHIFT = 1.2

# Cloud by moonlight and by twilight; red, green, blue.
_MOONLIT = np.array([1.05, 1.2, 1.27], np.float32)
_TWILIT = np.array([0.5, 0.9, 2.4], np.float32)


@dataclass(frozen=True)
class Clouds:
    """Optical depths along the lines of sight, (231, 231) each: of the lower layer, of the upper one, of haze.

    bulge: how far the lower layer hangs down, of deviation 1, (231, 231); 0 where no cloud is in the sky.
    """

    low: Field
    high: Field
    haze: Field
    bulge: Field

    @cached_property
    def through_low(self) -> Field:
        """The share of light that the lower layer lets pass."""
        return np.asarray(cv2.exp(-self.low), np.float32)

    @cached_property
    def through_high(self) -> Field:
        """The same of the upper layer and haze together."""
        return np.asarray(cv2.exp(-(self.high + self.haze)), np.float32)

    @cached_property
    def opacity(self) -> Field:
        """The share of light that all of them take away, 0…1."""
        return np.asarray(1 - self.through_low * self.through_high, np.float32)


@dataclass(frozen=True)
class Lights:
    """What lights clouds.

    town: colour of its light, (3,), times how bright it is beside Kiruna's. moon, twilight: light of the zenith.
    moon_nearness: cosine of the angle to the Moon, (231, 231), None where it is below the horizon.
    """

    town: Field
    moon: float
    twilight: float
    moon_nearness: Field | None


def clouds_of(weather: Weather, at: int, lens: Lens) -> Clouds:
    """The clouds of a minute."""
    cover, thickness, cirrus = (float(of[at]) for of in (weather.cover, weather.thickness, weather.cirrus))
    slant, away = _slant(lens), _plane(lens)
    haze = np.float32(weather.haze[at]) * slant
    low = high = bulge = np.zeros_like(haze)
    if cover > 0.02:
        above = 4.8 * cover - 2.4
        dense = np.float32(thickness) * np.sqrt(slant)
        east, south = 40 * away * lens.grid.east, -40 * away * lens.grid.north  # a plane 40 pixels above the camera
        drift, (along, across) = float(weather.wind[at]), weather.heading[0]
        bulge = sample(changing(weather.seed, 5, at / 50, 3.2), east, south, drift * along, drift * across)
        low = np.float32(_LOW_DEPTH) * dense * np.maximum(bulge + np.float32(above - _SHIFT * cirrus), 0)
        drift, (along, across) = float(weather.high_wind[at]), weather.heading[1]
        streak = np.float32(0.35) * (east * np.float32(along) + south * np.float32(across))
        side = south * np.float32(along) - east * np.float32(across)
        field = sample(changing(weather.seed + 4, 4, at / 90, 2.8), streak, side, drift)
        high = np.float32(_HIGH_DEPTH) * dense * np.maximum(field + np.float32(above - _SHIFT * (1 - cirrus)), 0)
    return Clouds(low=low, high=high, haze=haze, bulge=bulge)


def cover_sky(light: Field, clouds: Clouds, lights: Lights, lens: Lens) -> Field:
    """The sky behind clouds: dimmed, spread, and lit by the town below and the Moon and twilight above.

    light: (231, 231, 3).
    """
    above = np.float32(lights.moon) * _MOONLIT + np.float32(lights.twilight) * _TWILIT
    near: Field | float = 1.0
    if lights.moon_nearness is not None and lights.moon > 0:
        c = lights.moon_nearness
        # Forward scattering, its corona, and the ring at 22° that ice crystals make.
        ring = np.exp(-(((c - np.float32(np.cos(np.radians(22)))) / np.float32(0.012)) ** 2))
        near = np.float32(0.7) + 1.8 * cv2.exp((c - 1) * 9) + 7 * cv2.exp((c - 1) * 120) + np.float32(0.25) * ring
    town = _town_on_clouds(lens)
    # Haze lies low in the light of the town, thin cloud high above it.
    below = town * (clouds.haze + np.float32(0.4) * clouds.high) / (clouds.haze + clouds.high + np.float32(1e-6))
    spread = _spread(light, 115, 1.6)
    light = _mixed(light, clouds.through_high, below, lights.town, near, above, np.float32(0.4) * spread)
    if clouds.low.any():
        solid = 1 - cv2.exp(np.float32(-0.7) * clouds.low)
        below = town * (np.float32(0.55) + np.float32(0.6) * solid) * _relief(clouds.bulge, lens)
        through = np.float32(0.3) + np.float32(1.2) * cv2.exp(np.float32(-0.5) * clouds.low)
        spread = _spread(light, 58, 4.0)
        light = _mixed(light, clouds.through_low, below, lights.town, near * through, above, np.float32(0.35) * spread)
    return light


def _mixed(
    light: Field, through: Field, below: Field, town: Field, near: Field | float, above: Field, spread: Field
) -> Field:
    """The light that a layer lets through, and beside it the layer's own."""
    own = spread + below[..., None] * town
    own += near[..., None] * above if isinstance(near, np.ndarray) else np.float32(near) * above
    own += (light - own) * through[..., None]
    return np.asarray(own, np.float32)


def _spread(light: Field, cells: int, sigma: float) -> Field:
    """The light blurred on so many cells on a side."""
    coarse = cv2.resize(light, (cells, cells), interpolation=cv2.INTER_AREA)
    size = light.shape[1], light.shape[0]
    return np.asarray(cv2.resize(cv2.GaussianBlur(coarse, (0, 0), sigma), size), np.float32)


def _relief(bulge: Field, lens: Lens) -> Field:
    """How much more of the town's light falls on what hangs lower, and on sides that are turned to it: (231, 231)."""
    right, down = _to_town(lens)
    slope = cv2.Sobel(bulge, cv2.CV_32F, 1, 0, scale=right / 8) + cv2.Sobel(bulge, cv2.CV_32F, 0, 1, scale=down / 8)
    return np.asarray(np.clip(1 + np.float32(0.12) * bulge - np.float32(0.6) * slope, 0.6, 1.4), np.float32)


@lru_cache(CAMERAS_KEPT)
def _to_town(lens: Lens) -> tuple[float, float]:
    """The direction of the town in the window, a unit vector to the right and down."""
    azimuth = np.radians(TOWN_AZIMUTH)
    (x0, y0), (x1, y1) = (lens.projection.pixel(zenith, azimuth) for zenith in (0.2, 1.2))
    length = float(np.hypot(x1 - x0, y1 - y0))
    return (x1 - x0) / length, (y1 - y0) / length


@lru_cache(CAMERAS_KEPT)
def _town_on_clouds(lens: Lens) -> Field:
    """Clouds in the light of the town: (231, 231)."""
    return np.float32(0.035) + np.float32(1.3) * town_glow(lens)


@lru_cache(CAMERAS_KEPT)
def _slant(lens: Lens) -> Field:
    """The way through a layer, 1 at the zenith: (231, 231)."""
    return np.asarray(1 / np.maximum(np.cos(lens.grid.zenith), 0.2), np.float32)


@lru_cache(CAMERAS_KEPT)
def _plane(lens: Lens) -> Field:
    """How far from the zenith lines of sight meet a layer, in its heights: (231, 231).

    It ends at 3.5: farther out, clouds would be seen through each other, and finer than the cells.
    """
    tangent = np.tan(np.minimum(lens.grid.zenith, 1.5))
    return np.asarray(tangent / np.sqrt(1 + (tangent / 3.5) ** 2), np.float32)
