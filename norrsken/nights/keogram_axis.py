"""What stands beside the rows of a keogram: zenith angles and latitudes, where it is known where the rows look."""

import json
import math
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from norrsken.config.site import CROP, Place
from norrsken.lens import ZENITH, grid_directions, skymap

#: Zenith angles of the ticks, degrees, and the height in km and the step in degrees of the latitudes.
ANGLES = (40, 20, 0, -20, -40)
HEIGHT, STEP = 110, 0.5

#: Ticks of the latitude stand this many rows apart at least, so that none is written over another.
_APART = 10

_COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")

#: The name under which a PNG says its axis.
_KEYWORD = "norrsken axis"


@dataclass(frozen=True)
class Scale:
    """A scale beside the sky. ticks: row, from 0 at the middle of the first one, and text. No title: no tick marks."""

    title: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Axis:
    """The scales on the left and, where latitude was asked for, on the right."""

    left: Scale
    right: Scale | None = None


#: The axis of a keogram of which nobody knows where its rows look: the zenith is about in the middle.
PLAIN = Axis(
    Scale("", tuple((share * CROP - 0.5, text) for share, text in ((0.06, "N"), (0.5, "zenith"), (0.94, "S"))))
)


def axis_of(place: Place, latitude: bool) -> Axis:
    """The axis of a keogram of frames on the reference grid: zenith angles, and latitudes at 110 km where asked for.

    place: the site; `up` of it tells which direction is at the top, and north is called so up to 22.5° beside it.
    """
    zenith, rows = np.degrees(grid_directions()[0][:, CROP // 2]), np.arange(CROP)
    from_top = np.where(rows < ZENITH, -zenith, zenith)  # rises with the row
    ends = [_COMPASS[round((place.up + turn) / 45) % 8] for turn in (0, 180)]
    angles = [
        (float(np.interp(-angle, from_top, rows)), f"{ends[angle < 0]} {abs(angle)}°" if angle else "0°")
        for angle in ANGLES
    ]
    right = _latitudes(skymap(place, HEIGHT).latitude[:, CROP // 2]) if latitude else None
    return Axis(Scale("zenith angle", tuple(angles)), right)


def _latitudes(latitude: NDArray[np.float64]) -> Scale:
    """The scale of the rows' latitudes, degrees north: (128,). They need not rise or fall all along, as near a pole."""
    south = latitude.max() < 0
    found = []
    for step in range(math.ceil(latitude.min() / STEP), math.floor(latitude.max() / STEP) + 1):
        beyond = latitude - step * STEP
        for row in np.flatnonzero((beyond[:-1] < 0) != (beyond[1:] < 0)):
            share = beyond[row] / (beyond[row] - beyond[row + 1])
            found.append((float(row + share), f"{step * STEP * (-1 if south else 1):.1f}"))
    ticks: list[tuple[float, str]] = []
    for tick in sorted(found):
        if not ticks or tick[0] - ticks[-1][0] >= _APART:
            ticks.append(tick)
    return Scale(f"latitude at {HEIGHT} km, °{'S' if south else 'N'}", tuple(ticks))


def said_in_png(axis: Axis) -> PngInfo | None:
    """The axis for a picture's file, so that pages that show its sky alone can draw the axis anew; None if plain."""
    if axis == PLAIN:
        return None
    info = PngInfo()
    info.add_itxt(_KEYWORD, json.dumps(asdict(axis), ensure_ascii=False))
    return info


def axis_in(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What the file of a keogram says of its axis, as pages have it: the fields of `Axis`, plain where it says none."""
    with Image.open(path) as picture:
        said = picture.info.get(_KEYWORD)
    axis: dict[str, Any] = json.loads(said) if said else asdict(PLAIN)
    return axis
