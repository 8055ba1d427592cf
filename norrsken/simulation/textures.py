"""Smooth randomness: textures for clouds, patches and folds, seamless and changing without a jump; and series."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Field = NDArray[np.float32]
Values = NDArray[np.floating[Any]]

#: Side of a texture in pixels. Its edges join, so that it can be moved for ever.
SIDE = 512


@lru_cache(maxsize=64)  # a night needs some 35
def texture(seed: int, finest: float, slope: float = 3.0) -> Field:
    """A seamless random field (512, 512) of mean 0 and deviation 1.

    finest: the shortest wavelength, in pixels; the longest is a quarter of the side. slope: that of the power
    spectrum, power ~ k^-slope; clouds and auroral patches have about 3 (the same over all scales looks like either).
    """
    k = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE))
    amplitude = np.zeros_like(k)
    band = (k >= 4 / SIDE) & (k <= 1 / finest)
    amplitude[band] = k[band] ** (-slope / 2)
    white = np.fft.rfft2(np.random.default_rng([seed, 0x7E47]).standard_normal((SIDE, SIDE)))
    field = np.fft.irfft2(white * amplitude, (SIDE, SIDE))
    return np.asarray(field / field.std(), np.float32)


def changing(seed: int, finest: float, phase: float, slope: float = 3.0) -> Field:
    """A texture that turns into another and back; its deviation is 1 at every phase (radians)."""
    return np.asarray(
        cv2.addWeighted(
            texture(seed, finest, slope),
            float(np.cos(phase)),
            texture(seed + 1, finest, slope),
            float(np.sin(phase)),
            0,
        ),
        np.float32,
    )


def sample(field: Field, x: Values, y: Values, right: float = 0.0, down: float = 0.0) -> Field:
    """The field at positions (pixels) of two arrays of one shape, moved by so many pixels: (n, m) float32."""
    # Movements by whole tiles are left out, since OpenCV holds positions in 16 bits.
    columns, rows = (np.asarray(a + np.float32(b % SIDE), np.float32) for a, b in ((x, right), (y, down)))
    return np.asarray(cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)


def smoothstep(value: Values, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, and a smooth passage between them."""
    t = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def wander(random: np.random.Generator, shape: int | tuple[int, ...], steps: float) -> NDArray[np.float64]:
    """Normal noise of deviation 1 that changes over so many steps of the last axis."""
    noise = gaussian_filter1d(random.standard_normal(shape), steps / 2, axis=-1, mode="wrap")
    return np.asarray(noise * np.sqrt(np.sqrt(np.pi) * steps))  # the filter has lowered the deviation
