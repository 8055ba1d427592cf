"""The lens of the simulated camera: which directions of the sky the cells of the drawn sky and the pixels see."""

import math
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from norrsken.config.lens import KIRUNA_LENS
from norrsken.config.lens import Lens as Projection
from norrsken.config.site import KIRUNA_FRAME, Camera
from norrsken.lens import CAMERAS_KEPT, directions, grid_directions, grid_in_frame
from norrsken.nights.images import place_in_archive

Field = NDArray[np.float32]
Cells = NDArray[np.intp]

#: The sky is drawn on a grid of so many cells on a side over the horizon circle: half of Kiruna's pixels, so that the
#: reference grid has as many where it lies. Stars, noise and edges are drawn on the camera's own pixels.
CELLS = 231

#: The truth is measured in every second cell of the reference grid, in both directions.
MEASURED = slice(None, None, 2)


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions of a grid's cells. All arrays are (n, n) float32; their order is that of the grid, whatever it is.

    radius: distance from the zenith in the frame, 1 on the horizon. zenith: angle from the zenith, radians, at most
    π/2. east, north: unit vector of the azimuth from the site's `up`, which is north here; 0 in the zenith itself.
    """

    radius: Field
    zenith: Field
    east: Field
    north: Field

    def towards(self, azimuth: float) -> NDArray[np.float64]:
        """Cosine of the angle between the cells' azimuths and one from the site's `up`, radians."""
        return np.asarray(self.north * np.cos(azimuth) + self.east * np.sin(azimuth), np.float64)


@dataclass(frozen=True)
class Lens:
    """A lens in front of the archived frame, as it lies in the archive.

    width, height: of the frame in pixels. projection: where the lens puts a direction in it. up: azimuth at the top of
    the reference grid, degrees east of true north.
    """

    width: int
    height: int
    projection: Projection
    up: float

    @cached_property
    def side(self) -> int:
        """Side in pixels of the window: the square around the horizon circle, of which parts may lie off the frame."""
        return 2 * int(np.ceil(self.projection.horizon)) + 2

    @cached_property
    def corner(self) -> tuple[int, int]:
        """Row and column in the frame of the window's first pixel; negative where the window begins before it."""
        x, y = self.projection.centre
        return math.floor(y - self.side / 2 + 0.5), math.floor(x - self.side / 2 + 0.5)

    @cached_property
    def in_frame(self) -> tuple[slice, slice]:
        """Rows and columns of the frame that the window covers; empty slices where it lies off the frame."""
        top, left = self.corner
        return _overlap(top, self.side, self.height), _overlap(left, self.side, self.width)

    @cached_property
    def in_window(self) -> tuple[slice, slice]:
        """The same rows and columns, counted in the window."""
        rows, columns = self.in_frame
        top, left = self.corner
        return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)

    @cached_property
    def grid(self) -> Directions:
        """The directions in which the cells of the grid over the window look: (231, 231)."""
        return self.directions(CELLS)

    @cached_property
    def coarse(self) -> Directions:
        """The same of half as many cells on a side."""
        return self.directions(CELLS // 2)

    @cached_property
    def measured(self) -> tuple[Cells, Cells]:
        """Rows and columns of the grid's cells in which the truth is measured, (64, 64) each, as `reference` has them.

        They look in the same directions through every lens, to within half a cell.
        """
        x, y = (np.asarray(at)[MEASURED, MEASURED] for at in grid_in_frame(self.projection, self.up))
        top, left = self.corner
        row, column = ((at + 0.5) * CELLS / self.side - 0.5 for at in (y - top, x - left))
        return np.rint(row).astype(np.intp), np.rint(column).astype(np.intp)

    def directions(self, cells: int) -> Directions:
        """The directions in which `cells` × `cells` equal cells over the window look."""
        at = (np.arange(cells) + 0.5) * (self.side / cells) - 0.5  # pixel centres have whole coordinates
        top, left = self.corner
        x, y = np.meshgrid(left + at, top + at)
        right, down = x - self.projection.centre[0], y - self.projection.centre[1]
        zenith, azimuth = directions(self.projection, x, y)
        return _directions(np.hypot(right, down) / self.projection.horizon, zenith, azimuth - np.radians(self.up))


@cache
def reference() -> Directions:
    """The directions in which the truth is measured: every second cell of the reference grid, (64, 64)."""
    zenith, azimuth = (angle[MEASURED, MEASURED] for angle in grid_directions())
    return _directions(standard_radius(zenith), zenith, azimuth)


def standard_radius(zenith: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance from the zenith, 1 on the horizon, at which Kiruna's lens puts zenith angles, radians.

    What is a shape in the sky is drawn by it, so that it does not depend on the lens through which it is seen.
    """
    return np.asarray(np.sin(KIRUNA_LENS.bend * zenith) * KIRUNA_LENS.focal_length / KIRUNA_LENS.horizon, np.float64)


def _directions(radius: NDArray[np.float64], zenith: NDArray[np.float64], azimuth: NDArray[np.float64]) -> Directions:
    """azimuth: from the site's `up`. Zenith angles below the horizon, or of no direction (NaN), become π/2."""
    away = radius > 1e-6
    east, north = np.sin(azimuth) * away, np.cos(azimuth) * away
    return Directions(*(np.asarray(a, np.float32) for a in (radius, np.fmin(zenith, np.pi / 2), east, north)))


@lru_cache(CAMERAS_KEPT)
def lens_of(camera: Camera, up: float) -> Lens:
    """A camera's lens. up: azimuth at the top of the reference grid, degrees east of true north.

    A camera of which the configuration tells no lens has Kiruna's, as large as its frame allows, and turned so that
    `rotate` and `flip` bring `up` to the top and east to the right.
    """
    return Lens(camera.width, camera.height, camera.lens or _kirunas(camera, up), up)


def _kirunas(camera: Camera, up: float) -> Projection:
    width, height, *_ = KIRUNA_FRAME
    # As shares of the sides. Kiruna's turn is a transposition, after which x and y have changed places.
    shares = KIRUNA_LENS.zenith[0] / width, KIRUNA_LENS.zenith[1] / height
    rotate, flip = camera.rotate or 0, bool(camera.flip)
    if rotate in (90, 270):
        x, y = shares[1] * camera.height, shares[0] * camera.width
    else:
        x, y = shares[0] * camera.width, shares[1] * camera.height
    y, x = place_in_archive(y, x, camera)
    east = "left" if flip else "right"
    turned_back = {"zenith": (x, y), "horizon": KIRUNA_LENS.horizon / height * min(camera.width, camera.height)}
    return KIRUNA_LENS.model_copy(update=turned_back | {"north": (-rotate + (up if flip else -up)) % 360, "east": east})


def _overlap(start: int, length: int, pixels: int) -> slice:
    """The part of a stretch from `start` that lies within the first pixels."""
    first = min(max(start, 0), pixels)
    return slice(first, min(max(start + length, first), pixels))
