"""Where the pixels of a camera look, for other programs: a skymap in NetCDF with CF conventions 1.11."""

import os
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import netCDF4
import numpy as np

from norrsken import __version__
from norrsken.config.observatory import Observatory
from norrsken.config.site import Camera, Site
from norrsken.exchange.library import ExchangeError
from norrsken.files import written_aside
from norrsken.lens import Field, skymap

#: Heights in km at which lines of sight are mapped; auroral arcs have their lower edge between the first two.
HEIGHTS = (90, 110, 150)


class Skymaps(NamedTuple):
    """Where pixels look, degrees; NaN below the horizon. All are float64.

    azimuth, elevation: (height, width) of the frame. latitude, longitude: (heights, height, width), geodetic, of the
    points at which the lines of sight meet each height.
    """

    azimuth: Field
    elevation: Field
    latitude: Field
    longitude: Field


def skymaps(site: Site, camera: Camera | None = None, heights: Sequence[float] = HEIGHTS) -> Skymaps:
    """Where the pixels of a camera's archived frames look; of processed frames on the reference grid without one.

    Rows count from the top, as in the frame. heights: km above the ellipsoid. Raises `ExchangeError` where the camera
    has no lens.
    """
    if camera is not None and camera.lens is None:
        raise ExchangeError(
            f"the camera of {camera.valid_from} has no lens, so that nobody knows where the pixels of its archived "
            "frames look; norrsken calibrate finds it from stars"
        )
    found = [skymap(site.place, height, camera) for height in heights]
    latitude, longitude = (np.stack([getattr(one, name) for one in found]) for name in ("latitude", "longitude"))
    return Skymaps(found[0].azimuth, found[0].elevation, latitude, longitude)


def require_grid(cameras: Sequence[Camera]) -> None:
    """Raise `ExchangeError` where the processed frames of one of the cameras are not on the reference grid."""
    for camera in cameras:
        if not camera.on_reference_grid:
            raise ExchangeError(
                f"the camera of {camera.valid_from} has no lens, so that nobody knows where the pixels of its "
                "processed frames look; norrsken calibrate finds it from stars"
            )


def chosen_camera(cameras: Sequence[Camera], valid_from: date | None) -> Camera:
    """The camera of this date; without one, the only camera. Raises `ExchangeError` where it is not known which."""
    dates = ", ".join(str(camera.valid_from) for camera in cameras)
    if valid_from is None and len(cameras) > 1:
        raise ExchangeError(
            f"the configuration has {len(cameras)} cameras, valid from {dates}; name one: --camera DATE"
        )
    for camera in cameras:
        if valid_from in (None, camera.valid_from):
            return camera
    raise ExchangeError(f"--camera is {valid_from}; expected the valid_from of a camera: {dates}")


def write_skymap(observatory: Observatory, output: str | os.PathLike[str], camera: Camera | None) -> tuple[int, int]:
    """Write azimuth, elevation (y, x), latitude and longitude (height, y, x); returns how many rows and columns.

    camera: see `skymaps`; without one, all cameras of the configuration must be on the reference grid.
    """
    if camera is None:
        require_grid(observatory.cameras)
    maps = skymaps(observatory.site, camera)
    with written_aside(output) as temporary, netCDF4.Dataset(temporary, "w") as dataset:
        for name, size in (("height", len(HEIGHTS)), *zip(("y", "x"), maps.azimuth.shape, strict=True)):
            dataset.createDimension(name, size)
        _write_coordinates(dataset, maps, observatory.site)
        angles = {"units": "degree", "coordinates": "site_latitude site_longitude site_altitude"}
        around = "direction in which the pixel looks, clockwise from true north; NaN below the horizon"
        above = "angle of that direction above the horizon; NaN below it"
        _write(dataset, "azimuth", maps.azimuth, ("y", "x"), long_name=around, **angles)
        _write(dataset, "elevation", maps.elevation, ("y", "x"), long_name=above, **angles)
        for name, unit in (("latitude", "degrees_north"), ("longitude", "degrees_east")):
            meets = f"geodetic {name} at which the pixel's line of sight meets the height"
            cells = ("height", "y", "x")
            _write(dataset, name, getattr(maps, name), cells, standard_name=name, long_name=meets, units=unit)
        dataset.setncatts(_attributes(observatory.site, camera))
    rows, columns = maps.azimuth.shape
    return rows, columns


def _write_coordinates(dataset: netCDF4.Dataset, maps: Skymaps, site: Site) -> None:
    """The heights, the rows and columns, and the place of the camera."""
    height = {"standard_name": "height_above_reference_ellipsoid", "units": "km", "positive": "up", "axis": "Z"}
    _write(dataset, "height", np.array(HEIGHTS, float), ("height",), long_name="height above WGS84", **height)
    for name, size, origin in (("y", maps.azimuth.shape[0], "top"), ("x", maps.azimuth.shape[1], "left")):
        meaning = f"pixels from the {origin} of the frame to the middle of the pixel, the first is 0"
        _write(dataset, name, np.arange(size, dtype=np.int32), (name,), long_name=meaning, units="1")
    for name, value, unit, upwards in (
        ("latitude", site.latitude, "degrees_north", {}),
        ("longitude", site.longitude, "degrees_east", {}),
        ("altitude", site.elevation, "m", {"positive": "up"}),
    ):
        attributes = {"standard_name": name, "long_name": f"{name} of the camera", "units": unit, **upwards}
        _write(dataset, f"site_{name}", np.array(value), (), **attributes)


def _write(dataset: netCDF4.Dataset, name: str, values: Any, dimensions: tuple[str, ...], **attributes: str) -> None:
    packing: dict[str, Any] = {"compression": "zlib", "complevel": 4} if len(dimensions) > 1 else {}
    fill = np.nan if values.dtype.kind == "f" and len(dimensions) > 1 else None
    variable = dataset.createVariable(name, values.dtype, dimensions, fill_value=fill, **packing)
    variable.setncatts(attributes)
    variable[...] = values


def _attributes(site: Site, camera: Camera | None) -> dict[str, str]:
    """Global attributes: which frames the skymap belongs to."""
    if camera is None:
        frames = f"processed frames on the reference grid, 128 × 128 pixels, {site.up:g}° east of true north at the top"
    else:
        frames = f"archived frames, {camera.width} × {camera.height} pixels, from {camera.valid_from}"
    return {
        "Conventions": "CF-1.11",
        "title": f"Where the pixels of the all-sky camera at {site.name} look",
        "institution": site.name,
        "source": f"lens of the camera as its configuration describes it; {frames}",
        "history": f"written by norrsken {__version__}",
        "comment": f"station {site.station}; {frames}; the first row is at the top of the frame",
        "references": "Kvammen et al. (2020), https://doi.org/10.1029/2020JA027808",
    }
