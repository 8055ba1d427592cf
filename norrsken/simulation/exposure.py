"""From the light of the sky to the archived frame: vignetting, tone curve, noise, hot pixels, masks, JPEG."""

from functools import lru_cache

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from norrsken.config.colour import DEFAULT_TONE, LINES, REFERENCE_RESPONSE, at_line, by_line
from norrsken.config.site import Camera, SimulatedCamera
from norrsken.lens import CAMERAS_KEPT
from norrsken.nights.grid import mask_of
from norrsken.simulation.lens import Lens
from norrsken.simulation.sky import Points
from norrsken.simulation.skyline import ground, open_sky

Field = NDArray[np.float32]
Image = NDArray[np.uint8]

#: Light of 1 kR in 6 s, in units of what fills a pixel.
KILORAYLEIGH = np.float32(0.02)

#: The full exposure, in ms, and the shorter ones in twilight, each with the altitude above which the Sun must be.
FULL_EXPOSURE = 6000
_EXPOSURES = ((-9.0, 1000), (-11.0, 2000), (-13.0, 3000), (-15.0, 4000))

#: Standard deviation of the noise by the level of a pixel (0…255), before JPEG, as measured in real frames of the
#: reference camera's tone.
_NOISE_LEVELS, _NOISE = (0, 10, 45, 70, 140, 255), (0.8, 1.2, 4.9, 3.6, 2.4, 1.4)
_BLACK = (3.5, 1.0, 3.5)

#: Level of what a camera's mask covers: bars, letters, a mast.
MASK_LEVEL = 190

_SHIFTS = 64  # in so many ways, in each direction, the noise can be laid over a frame
_FINE = 16  # steps of a level in which tone curves other than the reference camera's are tabulated


def exposure_ms(sun_altitude: float) -> int:
    """Exposure by the Sun's altitude: 6 s in darkness, 2 s at −9.8° (Kiruna, 2017-09-22)."""
    return next((ms for least, ms in _EXPOSURES if sun_altitude > least), FULL_EXPOSURE)


def seen_by_camera(lines: Field, camera: Camera) -> Field:
    """The red, green and blue that a camera sees of light in three lines, kR: (…, 3) → (…, 3)."""
    return _seen(lines, _response(camera))


def broadband(camera: Camera) -> Field:
    """How much more of light of all wavelengths red, green and blue see than in the reference camera: (3,).

    The light of town, Moon, stars and airglow has no lines; a colour's response to it is taken to be as its response to
    the three lines together.
    """
    reference = np.array(by_line(REFERENCE_RESPONSE), np.float32)
    return np.asarray(_response(camera).sum(axis=0) / reference.sum(axis=0), np.float32)


def seen_by_reference(lines: Field) -> Field:
    """The same of the reference camera."""
    return _seen(lines, np.array(by_line(REFERENCE_RESPONSE), np.float32))


def _seen(lines: Field, response: Field) -> Field:
    return np.asarray((lines.reshape(-1, 3) @ (response * KILORAYLEIGH)).reshape(lines.shape), np.float32)


@lru_cache(CAMERAS_KEPT)
def _response(camera: Camera) -> Field:
    """What red, green and blue pixels (columns) see of 427.8, 557.7 and 630.0 nm (rows): (3, 3).

    Where the configuration tells only how much a line's own colour sees, the others see as much beside it as in the
    reference camera; a line of which it tells nothing is seen as there.
    """
    rows = np.array(by_line(REFERENCE_RESPONSE), np.float32)
    for row, (line, own) in zip(rows, LINES.items(), strict=True):
        value = at_line(camera.response, line)
        if value is not None:
            row[:] = value if isinstance(value, tuple) else row * (value / row[own])
    return rows


def expose(
    light: Field, stars: Points, milliseconds: int, camera: Camera, lens: Lens, random: np.random.Generator
) -> Image:
    """The frame as archived: (height, width, 3) uint8.

    light: (231, 231, 3), in units of what fills a pixel in 6 s. stars: already dimmed by cloud. lens: the camera's.
    """
    settings = camera.simulated
    factor = np.float32(milliseconds / FULL_EXPOSURE)
    level = _tone(light * (factor * _vignetting(lens, settings.vignetting)[..., None]))
    noise = np.interp(level[..., 1], _NOISE_LEVELS, _NOISE).astype(np.float32) * np.float32(settings.noise)
    side = lens.side
    level = cv2.resize(level, (side, side), interpolation=cv2.INTER_LINEAR)
    noise = cv2.resize(cv2.merge([noise] * 3), (side, side), interpolation=cv2.INTER_LINEAR)
    _add_stars(level, stars, factor, lens)
    top, left = random.integers(0, _SHIFTS, 2)
    level = cv2.add(level, cv2.multiply(_grain(side)[top : top + side, left : left + side], noise))
    frame = _closed(camera).copy()
    if level[lens.in_window].size:  # else the whole horizon circle lies off the frame
        dark = _dark(camera.width, camera.height, settings.noise)[lens.in_frame].astype(np.float32)
        seen = cv2.multiply(level[lens.in_window], open_sky(lens, settings.skyline))
        before = ground(lens, settings.skyline)
        if before is not None:
            seen += before * _tone(light.mean(axis=(0, 1)) * factor)
        frame[lens.in_frame] = _developed(cv2.add(seen, dark), camera)
    masked = mask_of(camera)
    if masked is not None:
        frame[masked] = MASK_LEVEL
    return frame


def encode(frame: Image, quality: int = SimulatedCamera().quality) -> bytes:
    """The JPEG of a frame; quality: 1 to 100."""
    data: bytes = simplejpeg.encode_jpeg(frame, quality=quality, colorsubsampling="420")
    return data


def _tone(light: Field) -> Field:
    """The reference camera's tone curve, 0…255: a gamma of 1 / 2.2 with a soft shoulder."""
    return np.asarray(255 * (1 - np.exp(-1.8 * np.maximum(light, 0))) ** np.float32(1 / DEFAULT_TONE), np.float32)


def _developed(level: Field, camera: Camera) -> Image:
    """Levels of the reference camera's tone, noise and all, in the camera's own: of the same shape."""
    if camera.tone == DEFAULT_TONE:
        return np.asarray(cv2.convertScaleAbs(np.maximum(level, 0)), np.uint8)
    return np.asarray(_curve(camera)[np.clip(level * np.float32(_FINE), 0, 255 * _FINE).astype(np.uint16)])


@lru_cache(CAMERAS_KEPT)
def _closed(camera: Camera) -> Image:
    """The frame of a closed shutter, in the camera's tone: (height, width, 3)."""
    dark = _dark(camera.width, camera.height, camera.simulated.noise)
    return _developed(dark.astype(np.float32), camera)


@lru_cache(CAMERAS_KEPT)
def _curve(camera: Camera) -> Image:
    """The camera's levels by those of the reference camera's tone, which are counted in sixteenths: (4081,)."""
    light = np.linspace(0, 1, 255 * _FINE + 1) ** DEFAULT_TONE
    if isinstance(camera.tone, list):
        levels, lights = zip(*camera.tone, strict=True)
        level = np.interp(light, lights, levels)
    else:
        level = 255 * light ** (1 / camera.tone)
    return np.asarray(np.rint(level), np.uint8)


def _add_stars(level: Field, stars: Points, factor: np.float32, lens: Lens) -> None:
    """Add the stars, round spots of about a pixel, by sharing the light of each among four pixels."""
    first_row, first_column = lens.corner
    x, y = stars.column - first_column, stars.row - first_row
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    inside = (left >= 0) & (top >= 0) & (left < level.shape[1] - 1) & (top < level.shape[0] - 1)
    x, y, left, top, colour = x[inside], y[inside], left[inside], top[inside], stars.colour[inside] * factor
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - right - (x - left)) * np.abs(1 - down - (y - top))
            # Light adds up before the tone curve: undo it for these few pixels.
            there = level[top + down, left + right]
            before = -np.log(1 - np.clip(there / 255, 0, 0.999) ** np.float32(DEFAULT_TONE)) / np.float32(1.8)
            level[top + down, left + right] = _tone(before + colour * share[:, None].astype(np.float32))


@lru_cache(CAMERAS_KEPT)
def _vignetting(lens: Lens, lost: float) -> Field:
    """The share of the light that the lens lets pass: (231, 231). lost: the share that does not at the horizon."""
    return np.asarray(1 - lost * np.minimum(lens.grid.radius, 1) ** 2, np.float32)


@lru_cache(CAMERAS_KEPT)
def _grain(side: int) -> Field:
    """Noise of deviation 1, drawn once: each frame shows another part of it."""
    return np.random.default_rng(0).standard_normal((side + _SHIFTS, side + _SHIFTS, 3), np.float32)


@lru_cache(CAMERAS_KEPT)
def _dark(width: int, height: int, noise: float) -> Image:
    """What a closed shutter leaves on the sensor, hot pixels and all: (height, width, 3). noise: beside Kiruna's."""
    random = np.random.default_rng(1)
    level = np.array(_BLACK, np.float32) + np.float32(noise * _NOISE[0]) * random.standard_normal(
        (height, width, 3), np.float32
    )
    n = height * width // 6000
    at = random.integers(0, height, n), random.integers(0, width, n), random.integers(0, 3, n)
    level[at] += np.float32(noise) * random.exponential(25, n).astype(np.float32)
    dark: Image = np.clip(level, 0, 255).astype(np.uint8)
    return dark
