"""Where pixels look: directions of a camera's frame and of the reference grid, and where they meet a height.

The reference grid is the 128 × 128 directions in which the pixels of Kiruna's processed frame look (Kvammen et al.
2020, section 2.1). Its zenith is the centre of the cell in row 64 and column 64, its first row is the most northern,
and east is right. The azimuth at its top is the site's `up`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from norrsken.config.lens import KIRUNA_LENS, Lens, tilted
from norrsken.config.site import CROP, Camera, Place

Field = NDArray[np.float64]

#: Row and column of the grid's zenith, and pixels of Kiruna's frame in a cell.
ZENITH, CELL = CROP // 2, 2

#: What is worked out for a camera is kept for the last cameras only: an archive may have one for each date.
CAMERAS_KEPT = 8

#: Semi-axes of the Earth's ellipsoid WGS84, km.
_EQUATOR, _POLE = 6378.137, 6356.752314


def directions(lens: Lens, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[Field, Field]:
    """Zenith angle and azimuth from true north by east, radians, of places in the archived frame.

    x, y: pixels, arrays of one shape. The zenith angle is NaN where the projection has none so far out; below the
    horizon it is more than π/2.
    """
    right, up = np.asarray(x - lens.centre[0], np.float64), np.asarray(lens.centre[1] - y, np.float64)
    r, clockwise = np.hypot(right, up) / lens.focal_length, np.arctan2(right, up)
    with np.errstate(invalid="ignore"):
        zenith = np.arcsin(r) / lens.bend if lens.bend else r
    if lens.axis is not None:
        tilt, towards = lens.tilt
        zenith, clockwise = tilted(zenith, clockwise, -tilt, towards, np)
    return zenith, lens.sense * (clockwise - np.radians(lens.north)) % (2 * np.pi)


def grid_directions() -> tuple[Field, Field]:
    """Zenith angle and azimuth, clockwise from the top, of the cells of the reference grid, radians: (128, 128)."""
    row, column = np.mgrid[:CROP, :CROP].astype(np.float64)
    upright = KIRUNA_LENS.model_copy(update={"zenith": (ZENITH, ZENITH), "horizon": KIRUNA_LENS.horizon / CELL})
    return directions(upright.model_copy(update={"north": 0.0, "east": "right"}), column, row)


def grid_in_frame(lens: Lens, up: float) -> tuple[Field, Field]:
    """Where the cells of the reference grid are in the archived frame: x and y in pixels, (128, 128) each.

    up: the azimuth at the grid's top, degrees east of true north.
    """
    zenith, azimuth = grid_directions()
    x, y = lens.pixel(zenith, azimuth + np.radians(up), np)
    return np.asarray(x), np.asarray(y)


class Skymap(NamedTuple):
    """Where the pixels of a frame look, degrees; NaN below the horizon. All are float64 of the frame's shape.

    azimuth: from true north by east, in [0, 360). elevation: above the horizon. latitude, longitude: geodetic, of the
    point at the asked height in which the line of sight meets it.
    """

    azimuth: Field
    elevation: Field
    latitude: Field
    longitude: Field


def skymap(place: Place, height: float = 110.0, camera: Camera | None = None) -> Skymap:
    """Where each pixel looks, and where its line of sight meets a height in km above the ellipsoid WGS84.

    camera: the pixels are those of its archived frame, (height, width); it must have a lens. None: those of the
    processed frame, (128, 128), of every camera on the reference grid.
    """
    if camera is None:
        zenith, azimuth = grid_directions()
        azimuth = azimuth + np.radians(place.up)
    elif camera.lens is None:
        raise ValueError(f"the camera of {camera.valid_from} has no lens, so that nobody knows where its pixels look")
    else:
        y, x = np.mgrid[: camera.height, : camera.width].astype(np.float64)
        zenith, azimuth = directions(camera.lens, x, y)
    below = ~(zenith <= np.pi / 2)
    zenith = np.where(below, np.nan, zenith)
    latitude, longitude = at_height(zenith, azimuth, place, height)
    around = np.where(below, np.nan, np.degrees(azimuth) % 360)
    return Skymap(around, 90 - np.degrees(zenith), latitude, longitude)


def at_height(zenith: Field, azimuth: Field, place: Place, height: float) -> tuple[Field, Field]:
    """Geodetic latitude and longitude, degrees, where lines of sight from the site meet a height in km.

    zenith, azimuth: radians, from true north. The surface at that height is the ellipsoid whose semi-axes are longer by
    it, which is within 1 m of the true one.
    """
    phi, lam = np.radians(place.latitude), np.radians(place.longitude)
    vertical = np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    east = np.array([-np.sin(lam), np.cos(lam), 0.0])
    north = np.cross(vertical, east)
    squared = _EQUATOR**2, _EQUATOR**2, _POLE**2
    curvature = np.sqrt(vertical**2 @ squared)
    here = vertical * squared / curvature + vertical * place.elevation / 1000
    sight = (
        np.cos(zenith)[..., None] * vertical
        + (np.sin(zenith) * np.cos(azimuth))[..., None] * north
        + (np.sin(zenith) * np.sin(azimuth))[..., None] * east
    )
    # |here + t sight| on the ellipsoid of unit axes: a quadratic equation in t, whose larger root lies ahead.
    axes = np.array([_EQUATOR + height, _EQUATOR + height, _POLE + height])
    a, b = np.sum((sight / axes) ** 2, axis=-1), np.sum(sight * here / axes**2, axis=-1)
    c = np.sum((here / axes) ** 2) - 1
    t = (-b + np.sqrt(b * b - a * c)) / a
    point = here + t[..., None] * sight
    flat = (axes[0] / axes[2]) ** 2
    latitude = np.arctan2(point[..., 2] * flat, np.hypot(point[..., 0], point[..., 1]))
    return np.degrees(latitude), np.degrees(np.arctan2(point[..., 1], point[..., 0]))
