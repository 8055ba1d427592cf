"""The light of a display: its maps raised along the field lines, and seen from the ground."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.display import Aurora
from norrsken.simulation.forms import MAP_CELLS, MAP_EDGE, MAP_STRETCH, Maps
from norrsken.simulation.lens import Directions, Lens

Field = NDArray[np.float32]

EARTH_RADIUS = 6371.0  # km
FOOT = 110.0  # km: the height at which the flux maps lie

#: Field lines over Kiruna lean away from the site's `up`, towards the south, by so many degrees.
LEAN = 12.5

_COARSE = MAP_CELLS // 4  # for what varies slowly

#: Heights, peak and scale height (km) of the light: 557.7 nm; 427.8 nm, a little lower; 427.8 nm and the red bands of
#: molecular nitrogen below the lower border, from electrons of more than 10 keV; 630.0 nm, quenched below 180 km.
_HEIGHTS = {
    "green": (np.arange(96.0, 150.0, 5.0), 109, 9),
    "blue": (np.arange(94.0, 136.0, 10.0), 107, 10),
    "purple": (np.arange(87.0, 102.0, 7.0), 93, 6),
    "red": (np.arange(185.0, 300.0, 22.0), 225, 28),
    "tall": (np.arange(135.0, 250.0, 16.0), 165, 30),  # 557.7 nm under electrons of low energy: high rays
}


def lines(aurora: Aurora, maps: Maps, lens: Lens) -> Field:
    """The flux maps as seen from the ground, before the air dims them: (231, 231, 3) float32, kR of the lines
    427.8, 557.7 and 630.0 nm.
    """
    total = np.zeros((MAP_CELLS, MAP_CELLS), np.float32)
    for light in maps.forms.values():
        total += light
    sheets = total - maps.forms["patchy"] if "patchy" in maps.forms else total
    # The oxygen of the red line lives for 110 s, so that its light is spread over some ten kilometres.
    coarse = 1.3 * aurora.red * cv2.resize(sheets, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    if maps.veil is not None:
        coarse += maps.veil
    red = _raised(cv2.GaussianBlur(coarse, (0, 0), 1.3), lens, "red")
    blue = 0.14 * _raised(total, lens, "blue") + aurora.purple * _raised(sheets, lens, "purple")
    green = _raised(total, lens, "green")
    if aurora.red > 0.2:
        green += 0.5 * aurora.red * _raised(sheets, lens, "tall")
    return np.dstack([blue, green, red])


def seen_at(light: Field, grid: Directions, height: float) -> Field:
    """A map as it is seen at one height in km, without the slant of the lines of sight: of the grid's shape."""
    return _looked_up(light, _layer(grid, height, len(light)))


def _looked_up(light: Field, layer: tuple[Field, Field, Field]) -> Field:
    column, row, _ = layer
    return np.asarray(cv2.remap(light, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _raised(light: Field, lens: Lens, line: str) -> Field:
    """The map's light from all heights of a line, with the slant path through each layer: (231, 231) float32.

    The eye and JPEG see colour less sharply than brightness, so that all lines but the green one are looked up on every
    second cell only.
    """
    heights, peak, scale = _HEIGHTS[line]
    z = (heights - peak) / scale
    shares = np.exp(1 - z - np.exp(-z))  # Chapman 1931
    grid = lens.grid if line == "green" else lens.coarse
    seen: Field | None = None
    for height, share in zip(heights, shares / shares.sum(), strict=True):
        layer = _layer(grid, height, len(light))
        part = _looked_up(light, layer) * (np.float32(share) * layer[2])
        seen = part if seen is None else seen + part
    return np.asarray(cv2.resize(np.asarray(seen), lens.grid.zenith.shape), np.float32)


@lru_cache(32 * CAMERAS_KEPT)
def _layer(grid: Directions, height: float, cells: int) -> tuple[Field, Field, Field]:
    """Where lines of sight meet a height: column and row of the field line's foot on a map of so many cells, and slant.

    All have the grid's shape.
    """
    zenith = grid.zenith.astype(np.float64)
    there = np.arcsin(np.sin(zenith) * EARTH_RADIUS / (EARTH_RADIUS + height))  # zenith angle at that height
    distance = (zenith - there) * (EARTH_RADIUS + FOOT)
    north = distance * grid.north + (height - FOOT) * np.tan(np.radians(LEAN))
    position = [
        ((np.arcsinh(km / MAP_STRETCH) / MAP_EDGE + 1) / 2 * cells - 0.5) for km in (distance * grid.east, north)
    ]
    column, row, slant = (a.astype(np.float32) for a in (*position, 1 / np.cos(there)))
    return column, row, slant
