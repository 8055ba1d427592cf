"""The fisheye lens of the simulated camera: which direction of the sky each pixel sees."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from norrsken.config.site import Camera

Field = NDArray[np.float32]

#: r = f sin(αθ): the projection of the Nikkor 8 mm f/2.8.
ALPHA = 0.475

#: Kiruna's horizon circle in the archived frame: its centre in shares of width and height, its radius in the height's.
CENTRE, RADIUS = (360.5 / 720, 240.5 / 479), 230 / 479

#: The sky is drawn on a grid of so many cells on a side over the horizon circle: half of Kiruna's pixels, so that the
#: crop has as many as the processed frame. Stars, noise and edges are drawn on the camera's own pixels.
CELLS = 231

#: The frame's up is magnetic north; this is its azimuth at Kiruna, in degrees from true north by east.
UP_AZIMUTH = -9.5


@dataclass(frozen=True)
class Lens:
    """The horizon circle in a frame that is turned north up: its centre and radius in pixels of that frame."""

    width: int
    height: int
    x: float
    y: float
    radius: float

    @property
    def side(self) -> int:
        """Side in pixels of the window: the square around the circle."""
        return 2 * int(np.ceil(self.radius)) + 2

    @cached_property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the window."""
        top, left = (round(centre - self.side / 2) for centre in (self.y, self.x))
        return slice(top, top + self.side), slice(left, left + self.side)

    def pixel(self, zenith: NDArray[np.float64], azimuth: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Column and row in the turned frame of directions: zenith angle and azimuth from the frame's up, radians."""
        r = self.radius * np.sin(ALPHA * zenith) / np.sin(ALPHA * np.pi / 2)
        return self.x + r * np.sin(azimuth), self.y - r * np.cos(azimuth)

    @cached_property
    def grid(self) -> "Directions":
        """The directions in which the cells of the grid over the window look."""
        return self.directions(CELLS)

    def directions(self, cells: int) -> "Directions":
        """The directions in which `cells` × `cells` equal cells over the window look."""
        rows, columns = self.window
        step = self.side / cells
        at = (np.arange(cells) + 0.5) * step - 0.5  # pixel centres have whole coordinates
        east, north = np.meshgrid((columns.start + at - self.x) / self.radius, (self.y - rows.start - at) / self.radius)
        radius = np.hypot(east, north)
        zenith = np.arcsin(np.minimum(radius, 1) * np.sin(ALPHA * np.pi / 2)) / ALPHA
        unit = np.maximum(radius, 1e-6)
        return Directions(*(np.asarray(a, np.float32) for a in (radius, zenith, east / unit, north / unit)))


@dataclass(frozen=True)
class Directions:
    """Directions of a grid's cells. All arrays (n, n) float32; the first row is the most northern, east is right.

    radius: distance from the centre, 1 on the horizon. zenith: angle from the zenith, radians, at most π/2.
    east, north: unit vector of the azimuth, from the frame's up.
    """

    radius: Field
    zenith: Field
    east: Field
    north: Field

    def towards(self, azimuth: float) -> NDArray[np.float64]:
        """Cosine of the angle between the cells' azimuths and one from the frame's up, radians."""
        return np.asarray(self.north * np.cos(azimuth) + self.east * np.sin(azimuth), np.float64)


@cache
def lens_of(camera: Camera) -> Lens:
    """The lens of a camera: Kiruna's, scaled to the frame's size."""
    swapped = camera.rotate in (90, 270)
    width, height = (camera.height, camera.width) if swapped else (camera.width, camera.height)
    x, y = CENTRE[::-1] if swapped else CENTRE
    return Lens(width, height, x * width, y * height, RADIUS * min(width, height))
