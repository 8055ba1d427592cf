"""The sky behind the aurora: stars, Moon, twilight, airglow and the lights of the town, as the true sky has them."""

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from norrsken.astronomy import Heavens
from norrsken.config.lens import KIRUNA_LENS
from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.lens import Lens
from norrsken.stars import bright_stars

Field = NDArray[np.float32]

#: Stars fainter than this (Hipparcos magnitude) are lost in the noise of a frame of 6 s.
FAINTEST = 6.0

#: Direction of the town and its mine from the camera, degrees from true north.
TOWN_AZIMUTH = 282.0

# Colours of the camera: red, green, blue. Light is in units of what fills a pixel in 6 s.
_NIGHT = np.array([0.0078, 0.0078, 0.0058], np.float32)
_TWILIGHT = np.array([0.55, 1.0, 2.8], np.float32)
_MOONLIGHT = np.array([0.82, 0.95, 1.0], np.float32)
TOWN = np.array([1.0, 0.56, 0.24], np.float32)


@dataclass(frozen=True)
class Points:
    """Points of light in the archived frame: column and row in pixels (not whole), colour (n, 3)."""

    column: NDArray[np.float64]
    row: NDArray[np.float64]
    colour: Field

    def dimmed(self, share: Field, lens: Lens) -> "Points":
        """The points seen through clouds. share: how much light the clouds let pass, (231, 231), 0…1."""
        scale = len(share) / lens.side
        cell = (
            ((at - first) * scale).astype(int) for at, first in zip((self.row, self.column), lens.corner, strict=True)
        )
        return replace(self, colour=self.colour * share[tuple(cell)][:, None])

    def none(self) -> "Points":
        return replace(self, colour=self.colour * 0)


def background(heavens: Heavens, at: int, airglow: float, lens: Lens, factor: float = 1.0) -> Field:
    """Light of the clear sky without stars and aurora: (231, 231, 3) float32.

    factor: on the light of the town and of the night sky, beside Kiruna's.
    """
    slant = _slant(lens)  # through the glowing and scattering air
    light = (airglow * (0.6 + 0.4 * slant))[..., None] * _NIGHT + _town_light(lens)
    light *= np.float32(factor)
    sun_altitude = float(heavens.sun_altitude[at])
    if sun_altitude > -20:
        light += _twilight(sun_altitude, float(heavens.sun_azimuth[at]), lens)[..., None] * _TWILIGHT
    moon = moonlight(heavens, at)
    if moon > 0:
        away = _cos_angle(float(heavens.moon_altitude[at]), float(heavens.moon_azimuth[at]), lens)
        halo = 0.25 + 0.2 * away**2 + 1.5 * np.exp((away - 1) * 8) + 10 * np.exp((away - 1) * 90)
        halo += 300 * np.exp((away - 1) * 4000)  # the disc, overexposed
        light += (moon * halo * np.sqrt(slant))[..., None] * _MOONLIGHT
    return np.asarray(light, np.float32)


def moonlight(heavens: Heavens, at: int) -> float:
    """Light of the sky under the Moon; 0 while it is below the horizon. A half Moon gives a tenth of a full one."""
    sine = np.sin(np.radians(heavens.moon_altitude[at]))
    return float(0.05 * heavens.moon_phase[at] ** 3 * max(sine, 0) ** 0.7)


def twilight(sun_altitude: float) -> float:
    """Light of the zenith: for every 2.6° that the Sun sinks, from 6° to 18° below the horizon, it falls to a tenth."""
    return float(0.0005 * np.exp(0.88 * min(sun_altitude + 18, 8.5)))


@lru_cache(CAMERAS_KEPT)
def town_glow(lens: Lens) -> Field:
    """Light scattered above the town, brightest at the horizon: (231, 231)."""
    elevation = np.degrees(np.pi / 2 - lens.grid.zenith)
    toward = (1 + _towards(TOWN_AZIMUTH, lens)) / 2
    return np.asarray(
        0.14 * toward**6 * np.exp(-elevation / 7) + 0.012 * toward**2 * np.exp(-elevation / 25), np.float32
    )


@lru_cache(CAMERAS_KEPT)
def extinction(lens: Lens) -> Field:
    """The share of a light outside the air that reaches the camera: (231, 231, 1)."""
    return np.asarray(np.exp(-0.16 * (_slant(lens) - 1)), np.float32)[..., None]


@lru_cache(CAMERAS_KEPT)
def _slant(lens: Lens) -> Field:
    """The length of the way through the air, 1 at the zenith."""
    return np.asarray(1 / np.maximum(np.cos(lens.grid.zenith), 0.1), np.float32)


@lru_cache(CAMERAS_KEPT)
def _town_light(lens: Lens) -> Field:
    return town_glow(lens)[..., None] * TOWN


def stars(heavens: Heavens, at: int, lens: Lens) -> Points:
    """The stars above the horizon, dimmed by the air.

    A pixel that sees more of the sky sees more of its light, but of a star no more: the star is fainter beside it.
    """
    vectors, colour = _catalogue()
    north, east, up = heavens.rotation[at] @ vectors
    seen = up > 0.05
    zenith, azimuth = np.arccos(up[seen]), np.arctan2(east[seen], north[seen])
    column, row = lens.projection.pixel(zenith, azimuth, np)
    beside_kirunas = (lens.projection.scale / KIRUNA_LENS.scale) ** 2
    return Points(column, row, colour[seen] * (beside_kirunas * np.exp(-0.16 / up[seen, None])).astype(np.float32))


@cache
def _catalogue() -> tuple[NDArray[np.float64], Field]:
    """Unit vectors (3, n) and colours (n, 3) of the stars that the camera can see."""
    vectors, magnitude, b_v = bright_stars(FAINTEST)
    b_v = np.clip(b_v, -0.4, 2)
    brightness = 2.2 * 10 ** (-0.4 * magnitude)
    colour = brightness[:, None] * np.stack([1 + 0.3 * (b_v - 0.6), np.ones_like(b_v), 1 - 0.35 * (b_v - 0.6)], axis=1)
    return vectors, colour.astype(np.float32)


def _twilight(sun_altitude: float, sun_azimuth: float, lens: Lens) -> Field:
    toward = (1 + _towards(sun_azimuth, lens)) / 2
    low = np.exp(-np.degrees(np.pi / 2 - lens.grid.zenith) / 22)
    return np.asarray(twilight(sun_altitude) * (1 + 6 * low * toward**2), np.float32)


def _towards(azimuth: float, lens: Lens) -> Field:
    """The same as `Directions.towards`, for an azimuth from true north in degrees."""
    return lens.grid.towards(np.radians(azimuth - lens.up)).astype(np.float32)


def _cos_angle(altitude: float, azimuth: float, lens: Lens) -> Field:
    """Cosine of the angle between the cells' directions and one of the sky, which is given in degrees."""
    height = np.radians(altitude)
    zenith = lens.grid.zenith
    across = np.sin(zenith) * np.cos(height) * _towards(azimuth, lens)
    return np.asarray(across + np.cos(zenith) * np.sin(height), np.float32)
