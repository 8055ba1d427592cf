"""The sky behind the aurora: stars, Moon, twilight, airglow and the lights of the town, as the true sky has them."""

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.astronomy import Heavens, Planets
from norrsken.config.lens import KIRUNA_LENS
from norrsken.config.site import TownLight
from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.lens import Lens
from norrsken.simulation.milkyway import milky_way
from norrsken.stars import bright_stars

Field = NDArray[np.float32]
Series = NDArray[np.float64]

#: Stars fainter than this (Hipparcos magnitude) are lost in the noise of a frame of 6 s.
FAINTEST = 6.0

#: Direction of the town and its mine from the camera, degrees from true north.
TOWN_AZIMUTH = 282.0

# Colours of the camera: red, green, blue. Light is in units of what fills a pixel in 6 s.
_NIGHT = np.array([0.0078, 0.0078, 0.0058], np.float32)
_TWILIGHT = np.array([0.55, 1.0, 2.8], np.float32)
_FAINT = np.array([1.03, 1.0, 0.94], np.float32)  # the stars of the Milky Way are a little yellower than those drawn
#: Venus, Mars, Jupiter, Saturn.
_PLANETS = np.array([[1.0, 1.0, 0.95], [1.3, 0.95, 0.7], [1.02, 1.0, 0.93], [1.08, 1.0, 0.85]], np.float32)
_MOONLIGHT = np.array([0.82, 0.95, 1.0], np.float32)

#: Colour of the town's light by what lights it, equally bright to the eye. Sodium is that of Kiruna's camera; the
#: others are invented.
TOWN: dict[TownLight, Field] = {
    "sodium": np.array([1.0, 0.56, 0.24], np.float32),
    "white": np.array([0.72, 0.66, 0.52], np.float32),
    "pink": np.array([1.02, 0.435, 0.83], np.float32),
    "orange": np.array([1.20, 0.48, 0.12], np.float32),
}

#: Light of a star of magnitude 0 in Kiruna's frames, in one pixel of this width at the zenith, degrees.
_MAGNITUDE_0 = 2.2
_PIXEL = float(np.degrees(1 / KIRUNA_LENS.scale))

#: Light of one star of magnitude 10 in each square degree. Three real frames of a similar camera (Longyearbyen, 2014)
#: show 0.1 to 0.75 of the Milky Way that the light of stars makes expect, by colour and frame; hence the share.
_FAINT_STARS = np.float32(0.4 * _MAGNITUDE_0 * 1e-4 * _PIXEL**2)

#: Points that overexpose a pixel by more than this have a glare: the lens and the dome spread some of their light. Its
#: rings, invented: radius in pixels and the share of the light in each of eight places.
_GLARING, _GLARE = 0.7, ((1.3, 0.03), (2.6, 0.006))


@dataclass(frozen=True)
class Points:
    """Points of light in the archived frame: column and row in pixels (not whole), colour (n, 3)."""

    column: NDArray[np.float64]
    row: NDArray[np.float64]
    colour: Field

    @classmethod
    def of(cls, vectors: Series, colour: Field, lens: Lens) -> "Points":
        """The points above the horizon, dimmed by the air. vectors: unit vectors to true north, east and up, (3, n).

        A pixel that sees more of the sky sees more of its light, but of a point no more: it is fainter beside the sky.
        """
        north, east, up = vectors
        seen = up > 0.05
        zenith, azimuth = np.arccos(up[seen]), np.arctan2(east[seen], north[seen])
        column, row = lens.projection.pixel(zenith, azimuth, np)
        beside_kirunas = (lens.projection.scale / KIRUNA_LENS.scale) ** 2
        return cls(column, row, colour[seen] * (beside_kirunas * np.exp(-0.16 / up[seen, None])).astype(np.float32))

    def __or__(self, other: "Points") -> "Points":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Points(*(np.concatenate(pair) for pair in pairs))

    def with_glare(self) -> "Points":
        """The same with the glare of those that are overexposed."""
        bright = self.colour.max(axis=1) > _GLARING
        around = np.arange(8) * (np.pi / 4)
        glare = self
        for radius, share in _GLARE:
            column, row = (
                (at[bright, None] + radius * turn(around)).ravel()
                for at, turn in ((self.column, np.cos), (self.row, np.sin))
            )
            glare |= Points(column, row, np.repeat(np.float32(share) * self.colour[bright], 8, axis=0))
        return glare

    def dimmed(self, share: Field, lens: Lens) -> "Points":
        """The points seen through clouds. share: how much light the clouds let pass, (231, 231), 0…1."""
        scale = len(share) / lens.side
        cell = (
            np.clip(((at - first) * scale).astype(int), 0, len(share) - 1)
            for at, first in zip((self.row, self.column), lens.corner, strict=True)
        )
        return replace(self, colour=self.colour * share[tuple(cell)][:, None])

    def none(self) -> "Points":
        return replace(self, colour=self.colour * 0)


def background(heavens: Heavens, at: int, airglow: float, lens: Lens, town: Field, factor: float = 1.0) -> Field:
    """Light of the clear sky without stars and aurora: (231, 231, 3) float32.

    town: the light of the town, (3,), as one of `TOWN` times how bright it is beside Kiruna's. factor: on the light of
    the night sky, beside Kiruna's.
    """
    slant = _slant(lens)  # through the glowing and scattering air
    light = (np.float32(factor * airglow) * (0.6 + 0.4 * slant))[..., None] * _NIGHT + town_glow(lens)[..., None] * town
    faint_stars = cv2.resize(milky_way(heavens.rotation[at], lens), slant.shape) * extinction(lens)[..., 0]
    light += (faint_stars * _FAINT_STARS)[..., None] * _FAINT
    sun_altitude = float(heavens.sun_altitude[at])
    if sun_altitude > -20:
        light += _twilight(sun_altitude, float(heavens.sun_azimuth[at]), lens)[..., None] * _TWILIGHT
    moon = moonlight(heavens, at)
    if moon > 0:
        away = moon_nearness(heavens, at, lens)
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
def pillars(lens: Lens, seed: int) -> Field:
    """Columns over the lamps of the town, which crystals of ice in still, cold air reflect: (231, 231, 1)."""
    random = np.random.default_rng([seed, 3])
    elevation = np.degrees(np.pi / 2 - lens.grid.zenith)
    light = np.zeros_like(elevation)
    for azimuth, height, bright in zip(
        random.normal(TOWN_AZIMUTH, 25, 30), random.uniform(3, 14, 30), random.exponential(0.12, 30), strict=True
    ):
        across = np.arccos(np.clip(_towards(azimuth, lens), -1, 1)) * np.cos(np.radians(elevation))
        light += np.float32(bright) * np.exp(-((across / 0.012) ** 2) - elevation / np.float32(height))
    return np.asarray(light, np.float32)[..., None]


@lru_cache(CAMERAS_KEPT)
def extinction(lens: Lens) -> Field:
    """The share of a light outside the air that reaches the camera: (231, 231, 1)."""
    return np.asarray(np.exp(-0.16 * (_slant(lens) - 1)), np.float32)[..., None]


@lru_cache(CAMERAS_KEPT)
def _slant(lens: Lens) -> Field:
    """The length of the way through the air, 1 at the zenith."""
    return np.asarray(1 / np.maximum(np.cos(lens.grid.zenith), 0.1), np.float32)


def moon_nearness(heavens: Heavens, at: int, lens: Lens) -> Field:
    """Cosine of the angle between lines of sight and the Moon: (231, 231)."""
    return _cos_angle(float(heavens.moon_altitude[at]), float(heavens.moon_azimuth[at]), lens)


def stars(heavens: Heavens, at: int, lens: Lens) -> Points:
    """The stars above the horizon, dimmed by the air."""
    vectors, colour = _catalogue()
    return Points.of(heavens.rotation[at] @ vectors, colour, lens)


def wanderers(planets: Planets, heavens: Heavens, at: int, lens: Lens) -> Points:
    """The bright planets above the horizon, dimmed by the air."""
    vectors = planets.at(at / len(heavens.sun_altitude))
    return Points.of(heavens.rotation[at] @ vectors, point_light(planets.magnitude)[:, None] * _PLANETS, lens)


def point_light(magnitude: float | Series) -> Field:
    """Light of a point of a magnitude, in one of Kiruna's pixels."""
    return np.asarray(_MAGNITUDE_0 * 10 ** (-0.4 * np.asarray(magnitude)), np.float32)


@cache
def _catalogue() -> tuple[NDArray[np.float64], Field]:
    """Unit vectors (3, n) and colours (n, 3) of the stars that the camera can see."""
    vectors, magnitude, b_v = bright_stars(FAINTEST)
    b_v = np.clip(b_v, -0.4, 2)
    colour = point_light(magnitude)[:, None] * np.stack(
        [1 + 0.3 * (b_v - 0.6), np.ones_like(b_v), 1 - 0.35 * (b_v - 0.6)], axis=1
    )
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
