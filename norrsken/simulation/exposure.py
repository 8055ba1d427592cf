"""From the light of the sky to the archived frame: vignetting, tone curve, noise, hot pixels, orientation, JPEG."""

from functools import cache

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from norrsken.config.site import Camera
from norrsken.nights.images import turn_back
from norrsken.simulation.lens import Lens, lens_of
from norrsken.simulation.sky import Points

Field = NDArray[np.float32]
Image = NDArray[np.uint8]

#: What red, green and blue pixels see of 427.8, 557.7 and 630.0 nm. The largest value of each line is the paper's
#: (figure 1: 0.65, 0.90, 0.45 of the peak); the rest is read off aurora in frames of a similar camera.
RESPONSE = np.array([[0.14, 0.22, 0.45], [0.10, 0.90, 0.05], [0.65, 0.07, 0.03]], np.float32)

#: Light of 1 kR in 6 s, in units of what fills a pixel.
KILORAYLEIGH = np.float32(0.02)

#: The full exposure, in ms, and the shorter ones in twilight, each with the altitude above which the Sun must be.
FULL_EXPOSURE = 6000
_EXPOSURES = ((-9.0, 1000), (-11.0, 2000), (-13.0, 3000), (-15.0, 4000))

#: Standard deviation of the noise by the level of a pixel (0…255), before JPEG, as measured in real frames.
_NOISE_LEVELS, _NOISE = (0, 10, 45, 70, 140, 255), (0.8, 1.2, 4.9, 3.6, 2.4, 1.4)
_BLACK = (3.5, 1.0, 3.5)
QUALITY = 95

_SHIFTS = 64  # in so many ways, in each direction, the noise can be laid over a frame


def exposure_ms(sun_altitude: float) -> int:
    """Exposure by the Sun's altitude: 6 s in darkness, 2 s at −9.8° (Kiruna, 2017-09-22)."""
    return next((ms for least, ms in _EXPOSURES if sun_altitude > least), FULL_EXPOSURE)


def seen_by_camera(lines: Field) -> Field:
    """The red, green and blue that the camera sees of light in three lines, kR: (n, m, 3) → (n, m, 3)."""
    return np.asarray((lines.reshape(-1, 3) @ (RESPONSE.T * KILORAYLEIGH)).reshape(lines.shape), np.float32)


def expose(light: Field, stars: Points, milliseconds: int, camera: Camera, random: np.random.Generator) -> Image:
    """The frame as archived: (height, width, 3) uint8.

    light: (231, 231, 3), in units of what fills a pixel in 6 s. stars: already dimmed by cloud.
    """
    lens = lens_of(camera)
    factor = np.float32(milliseconds / FULL_EXPOSURE)
    level = _tone(light * (factor * _vignetting(lens)[..., None]))
    noise = np.interp(level[..., 1], _NOISE_LEVELS, _NOISE).astype(np.float32)
    rows, columns = lens.window
    side = lens.side
    level = cv2.resize(level, (side, side), interpolation=cv2.INTER_LINEAR)
    noise = cv2.resize(cv2.merge([noise] * 3), (side, side), interpolation=cv2.INTER_LINEAR)
    _add_stars(level, stars, factor, lens)
    top, left = random.integers(0, _SHIFTS, 2)
    level = cv2.add(level, cv2.multiply(_grain(side)[top : top + side, left : left + side], noise))
    level = cv2.add(cv2.multiply(level, _inside(lens)), _dark(lens)[rows, columns].astype(np.float32))
    frame = _dark(lens).copy()
    frame[rows, columns] = cv2.convertScaleAbs(np.maximum(level, 0, out=level))
    return turn_back(frame, camera)


def encode(frame: Image) -> bytes:
    data: bytes = simplejpeg.encode_jpeg(frame, quality=QUALITY, colorsubsampling="420")
    return data


def _tone(light: Field) -> Field:
    """The camera's tone curve, 0…255: a gamma of 1 / 2.2 with a soft shoulder."""
    return np.asarray(255 * (1 - np.exp(-1.8 * np.maximum(light, 0))) ** np.float32(0.45), np.float32)


def _add_stars(level: Field, stars: Points, factor: np.float32, lens: Lens) -> None:
    """Add the stars, round spots of about a pixel, by sharing the light of each among four pixels."""
    rows, columns = lens.window
    x, y = stars.column - columns.start, stars.row - rows.start
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    inside = (left >= 0) & (top >= 0) & (left < level.shape[1] - 1) & (top < level.shape[0] - 1)
    x, y, left, top, colour = x[inside], y[inside], left[inside], top[inside], stars.colour[inside] * factor
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - right - (x - left)) * np.abs(1 - down - (y - top))
            # Light adds up before the tone curve: undo it for these few pixels.
            there = level[top + down, left + right]
            before = -np.log(1 - np.clip(there / 255, 0, 0.999) ** np.float32(1 / 0.45)) / np.float32(1.8)
            level[top + down, left + right] = _tone(before + colour * share[:, None].astype(np.float32))


@cache
def _vignetting(lens: Lens) -> Field:
    """The share of the light that the lens lets pass, which is less towards the edge: (231, 231)."""
    return np.asarray(1 - 0.35 * np.minimum(lens.grid.radius, 1) ** 2, np.float32)


@cache
def _inside(lens: Lens) -> Field:
    """1 inside the horizon circle, with a soft edge and a skyline of hills and roofs: on the window's own pixels, for
    each colour.
    """
    fine = lens.directions(lens.side)
    azimuth = np.arctan2(fine.east, fine.north)
    skyline = 0.985 - 0.006 * (1 + np.sin(3 * azimuth + 1)) - 0.05 * np.exp(-(((azimuth - 1.9) / 0.1) ** 4))
    inside = np.clip((skyline - fine.radius) * lens.radius / 3 + 0.5, 0, 1)
    return np.repeat(inside[..., None], 3, axis=2).astype(np.float32)


@cache
def _grain(side: int) -> Field:
    """Noise of deviation 1, drawn once: each frame shows another part of it."""
    return np.random.default_rng(0).standard_normal((side + _SHIFTS, side + _SHIFTS, 3), np.float32)


@cache
def _dark(lens: Lens) -> Image:
    """The frame of a closed shutter, with the sensor's hot pixels: (height, width, 3)."""
    random = np.random.default_rng(1)
    level = np.array(_BLACK, np.float32) + np.float32(_NOISE[0]) * random.standard_normal(
        (lens.height, lens.width, 3), np.float32
    )
    n = lens.height * lens.width // 6000
    at = random.integers(0, lens.height, n), random.integers(0, lens.width, n), random.integers(0, 3, n)
    level[at] += random.exponential(25, n).astype(np.float32)
    dark: Image = np.clip(level, 0, 255).astype(np.uint8)
    return dark
