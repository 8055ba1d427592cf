"""The matrix from a camera's colours to those of others, from their frames alone: without spectral data.

Two things of the night sky have about the same colour everywhere: the dark sky, and green aurora, whose light is one
line. What the camera sees of them is compared with what the frames of a release show.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.colour import light_of_levels
from norrsken.config.colour import Tone
from norrsken.errors import NorrskenError

Colour = NDArray[np.float64]

#: Of a frame, the darkest and the greenest pixels that are looked at; of the frames, the share with the most green.
_DARKEST, _GREENEST, _GREEN_FRAMES = 0.2, 0.02, 0.1

#: Frames that are looked at, and so many of green aurora are needed.
_MOST, _LEAST_GREEN = 4000, 20

#: Green aurora exceeds the dark sky by so much more in green than in red and blue, in shares of full light.
_GREEN = 0.004


class Seen(NamedTuple):
    """What a camera sees, red, green and blue in linear light, 0…1: (3,) each. frames: of green aurora."""

    dark: Colour
    green: Colour
    frames: int


def seen(paths: Iterable[Path], tone: Tone) -> Seen:
    """What the frames of tables with images show: the median dark sky, and the median excess of green aurora over it.

    Raises `NorrskenError` where too few frames show green aurora.
    """
    light = light_of_levels(tone)
    paths = list(paths)
    each = max(_MOST // max(len(paths), 1), 1)
    dark, excess = [], []
    for path in paths:
        images = _some_images(path, each)
        for image in images:
            pixels = light[image.reshape(-1, 3)].astype(np.float64)
            brightness = pixels.sum(axis=1)
            below = pixels[brightness <= np.quantile(brightness, _DARKEST)].mean(axis=0)
            green = _greenness(pixels)
            above = pixels[green >= np.quantile(green, 1 - _GREENEST)].mean(axis=0)
            dark.append(below)
            excess.append(above - below)
    if not dark:
        raise NorrskenError("no frames were found in the tables")
    of_frames = np.array(excess)
    greenness = _greenness(of_frames)
    greenest = np.argsort(-greenness)[: max(round(_GREEN_FRAMES * len(dark)), _LEAST_GREEN)]
    chosen = greenest[greenness[greenest] >= _GREEN]
    if len(chosen) < _LEAST_GREEN:
        raise NorrskenError(
            f"{paths[0]}{'' if len(paths) == 1 else ' and others'}: {len(chosen)} of {len(dark)} frames show green "
            f"aurora; {_LEAST_GREEN} are needed"
        )
    return Seen(np.median(dark, axis=0), np.median(of_frames[chosen], axis=0), len(chosen))


def _greenness(light: Colour) -> Colour:
    """How much more green than red and blue there is in light: (n, 3) → (n,)."""
    return np.asarray(light[:, 1] - (light[:, 0] + light[:, 2]) / 2)


def _some_images(path: Path, number: int) -> NDArray[np.uint8]:
    """The images of so many rows of a table, spread over it: (n, 128, 128, 3)."""
    parts = [np.empty((0, *schemas.IMAGE_SHAPE), np.uint8)]
    with tables.opened(path, schemas.NIGHT_TABLE, ["image"]) as file:
        groups = range(file.num_row_groups)[:: max(file.num_row_groups // number, 1)]
        for group in groups:
            kept = file.read_row_group(group, columns=["image"])["image"].drop_null()
            rows = np.unique(np.linspace(0, len(kept) - 1, max(number // len(groups), 1)).astype(int))
            if len(kept):
                parts.append(tables.images(kept.take(pa.array(rows))))
    return np.concatenate(parts)


def matrix(own: Seen, others: Seen) -> NDArray[np.float64]:
    """The 3 × 3 matrix that takes the camera's dark sky and green aurora to the others', and changes the rest least.

    What lies in no direction of both is scaled as green aurora is. Raises `NorrskenError` where dark sky and aurora
    have about the same colour, so that one matrix cannot take both.
    """
    gain = float(others.green[1] / own.green[1])
    found = np.stack([own.dark, own.green], axis=1)
    lengths = np.linalg.norm(found, axis=0)
    if abs(found[:, 0] @ found[:, 1]) > 0.995 * lengths.prod():
        raise NorrskenError("dark sky and green aurora have the same colour: no matrix can be found from them")
    wanted = np.stack([others.dark, others.green], axis=1)
    return np.asarray(gain * np.eye(3) + (wanted - gain * found) @ np.linalg.pinv(found))
