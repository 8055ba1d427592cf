"""The light of the Milky Way's faint stars, as a camera of little resolution sees it.

The model is a few smooth functions of galactic longitude l and latitude b. How bright the plane is by longitude is
rounded after the photometry that Leinert et al. (1998, A&AS 127, 1) have compiled, without the stars that are drawn
one by one: some 100 stars of magnitude 10 in a square degree in Perseus and Auriga, 250 in Cygnus, 500 in Sagittarius.
The shapes of the dark rift and of the star clouds are invented, and so are the widths.
"""

from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.lens import Lens
from norrsken.simulation.textures import SIDE, texture

Field = NDArray[np.float32]

#: Turns vectors in ICRS into galactic ones (ESA 1997, The Hipparcos and Tycho Catalogues, vol. 1, eq. 1.5.11).
GALACTIC = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [0.4941094279, -0.4448296300, 0.7469822445],
        [-0.8676661490, -0.1980763734, 0.4559837762],
    ]
)

#: Light of the plane by galactic longitude, in stars of magnitude 10 in a square degree.
_LONGITUDE = (0, 15, 30, 50, 75, 95, 120, 150, 180, 215, 250, 290, 330, 360)
_LIGHT = (500, 480, 400, 260, 270, 190, 150, 100, 105, 140, 190, 300, 400, 500)

#: Middle of the dark rift, galactic latitude by longitude, degrees; it runs from Cygnus to beyond the centre.
_RIFT_LONGITUDE, _RIFT = (-30, 0, 30, 60, 85), (2.0, 5.0, 3.0, 1.0, 0.0)

_STEP, _REACH = 0.5, 45  # cells of the map and the latitude at which it ends, degrees


def milky_way(rotation: NDArray[np.float64], lens: Lens) -> Field:
    """The Milky Way outside the air, in stars of magnitude 10 in a square degree: (115, 115).

    rotation: turns vectors in ICRS into (north, east, up), (3, 3).
    """
    x, y, z = (GALACTIC @ rotation.T).astype(np.float32) @ _vectors(lens)
    column = cv2.phase(x, y, angleInDegrees=True).ravel() / _STEP
    row = (np.degrees(np.arcsin(np.clip(z, -1, 1))) + _REACH) / _STEP
    side = len(lens.coarse.zenith)
    seen = cv2.remap(_map(), column.reshape(side, side), row.reshape(side, side), cv2.INTER_LINEAR)
    return np.asarray(seen, np.float32)


@lru_cache(CAMERAS_KEPT)
def _vectors(lens: Lens) -> Field:
    """Unit vectors to true north, true east and up of the coarse grid's cells: (3, 115²)."""
    grid, turn = lens.coarse, np.radians(lens.up)
    north, east = grid.north * np.sin(grid.zenith), grid.east * np.sin(grid.zenith)
    across = north * np.cos(turn) - east * np.sin(turn), north * np.sin(turn) + east * np.cos(turn)
    return np.stack([*across, np.cos(grid.zenith)]).reshape(3, -1).astype(np.float32)


@cache
def _map() -> Field:
    """The Milky Way by galactic latitude (rows, from −45°) and longitude (columns, 0° to 360°)."""
    longitude = np.arange(0, 360 + _STEP, _STEP)
    latitude = np.arange(-_REACH, _REACH + _STEP, _STEP)[:, None]
    plane = np.interp(longitude, _LONGITUDE, _LIGHT) * np.exp(-(np.hypot(latitude + 1, 1.5) - 1.5) / 8)
    before_centre = (longitude + 180) % 360 - 180
    lane = latitude - np.interp(before_centre, _RIFT_LONGITUDE, _RIFT)
    there = np.clip((np.array(85 - before_centre)) / 15, 0, 1) * np.clip((before_centre + 40) / 20, 0, 1)
    fields = [
        np.take(texture(seed, finest, 2.5), np.arange(len(longitude)) % SIDE, axis=1)[: len(latitude)]
        for seed, finest in ((8, 8), (9, 12))
    ]
    clouds, edge = (_seamless(field) for field in fields)
    rift = 1 - 0.7 * there * np.exp(-(((lane + 0.8 * edge) / 2.2) ** 2))
    return np.asarray(plane * rift * np.exp(0.22 * clouds), np.float32)


def _seamless(field: Field) -> Field:
    """A field whose last columns pass into its first."""
    width = 60
    weight = np.linspace(0, 1, width, dtype=np.float32)
    blended = field.copy()
    blended[:, -width:] = field[:, -width:] * (1 - weight) + field[:, :1] * weight
    return blended
