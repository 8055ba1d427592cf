"""The light of a display: flux maps in magnetic coordinates, raised along the field lines and seen from the ground."""

from functools import cache, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.course import Aurora
from norrsken.simulation.lens import Directions, Lens
from norrsken.simulation.textures import changing, sample, smoothstep, texture

Field = NDArray[np.float32]

FORMS = ("breakup", "arcs", "discrete", "patchy")

EARTH_RADIUS = 6371.0  # km
FOOT = 110.0  # km: the height at which the flux maps lie

#: Field lines over Kiruna lean away from the site's `up`, towards the south, by so many degrees.
LEAN = 12.5

#: The maps reach 700 km from the zenith, with cells of 1.4 km overhead and of 13 km at their edge: x = stretch sinh(u).
MAP_CELLS, MAP_REACH, MAP_STRETCH = 320, 700.0, 80.0
MAP_EDGE = np.arcsinh(MAP_REACH / MAP_STRETCH)
_COARSE = MAP_CELLS // 4  # for what varies slowly

#: Heights, peak and scale height (km) of the light: 557.7 nm; 427.8 nm, a little lower; 427.8 nm and the red bands of
#: molecular nitrogen below the lower border, from electrons of more than 10 keV; 630.0 nm, quenched below 180 km.
_HEIGHTS = {
    "green": (np.arange(98.0, 164.0, 6.0), 112, 11),
    "blue": (np.arange(94.0, 136.0, 10.0), 107, 10),
    "purple": (np.arange(87.0, 102.0, 7.0), 93, 6),
    "red": (np.arange(185.0, 300.0, 22.0), 225, 28),
    "tall": (np.arange(135.0, 250.0, 16.0), 165, 30),  # 557.7 nm under electrons of low energy: high rays
}


def flux(aurora: Aurora, seed: int, minute: int) -> dict[str, Field]:
    """Light of the green line in kR that each form in `FORMS` sends down a vertical: maps (320, 320) float32.

    aurora: that of the minute. seed: that of the random shapes. Rows go northward, columns eastward. Forms that are
    absent are left out.
    """
    x, y = _coordinates()
    xc, yc = x[2::4, 2::4], y[2::4, 2::4]
    # Folds and curls bend all sheets together, so that one displacement is enough for all forms.
    bend_x = _fine(sample(changing(seed, 40, minute / 14), xc * 0.7, yc * 0.9, -1.5 * minute, 90))
    bend_y = _fine(sample(changing(seed + 2, 30, minute / 11), xc * 0.55, yc * 0.9, -2.5 * minute))
    xf = x + 1.4 * aurora.folds * bend_x
    yf = y + aurora.folds * bend_y
    maps: dict[str, Field] = {}
    if aurora.arc_brightness.max() > 0.05:
        maps["arcs"] = _arcs(aurora, seed, minute, x, yf)
    if aurora.breakup > 0.3:
        maps["breakup"] = _breakup(aurora, seed, minute, xf, yf)
    if aurora.discrete > 0.2:
        maps["discrete"] = _discrete(aurora, seed, minute, xf, yf)
    if maps:
        rays = _rays(aurora, seed, minute, xf, yf)
        maps = {form: light * rays for form, light in maps.items()}
    if aurora.patches + aurora.diffuse > 0.1:
        maps["patchy"] = _patches(aurora, seed, minute, x + 10 * bend_x, y + 10 * bend_y)
    return maps


def lines(aurora: Aurora, maps: dict[str, Field], lens: Lens) -> Field:
    """The flux maps as seen from the ground, before the air dims them: (231, 231, 3) float32, kR of the lines
    427.8, 557.7 and 630.0 nm.
    """
    total = np.zeros((MAP_CELLS, MAP_CELLS), np.float32)
    for light in maps.values():
        total += light
    sheets = total - maps["patchy"] if "patchy" in maps else total
    # The oxygen of the red line lives for 110 s, so that its light is spread over some ten kilometres.
    coarse = cv2.resize(sheets, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    red = _raised(1.3 * aurora.red * cv2.GaussianBlur(coarse, (0, 0), 1.3), lens, "red")
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


@cache
def _coordinates() -> tuple[Field, Field]:
    """Kilometres east and north of the zenith of the map's cells, (320, 320) each."""
    km = MAP_STRETCH * np.sinh(((np.arange(MAP_CELLS) + 0.5) / MAP_CELLS * 2 - 1) * MAP_EDGE)
    x, y = np.meshgrid(km.astype(np.float32), km.astype(np.float32))
    return x, y


def _fine(coarse: Field) -> Field:
    return np.asarray(cv2.resize(coarse, (MAP_CELLS, MAP_CELLS), interpolation=cv2.INTER_LINEAR), np.float32)


def _rays(aurora: Aurora, seed: int, minute: int, x: Field, y: Field) -> Field:
    """Fine structure along the sheets, of which each spot becomes a ray when it is raised along the field."""
    fine = sample(changing(seed + 4, 5, minute / 1.5, 1.5), x * 0.45, y * 0.08)
    return np.asarray(np.clip(1 + 0.65 * aurora.rays * fine, 0.08, 2.5), np.float32)


def _arcs(aurora: Aurora, seed: int, minute: int, x: Field, yf: Field) -> Field:
    """East-west sheets, each with a sharp equatorward border and a glow around it."""
    seen = np.zeros_like(x)
    for north, width, brightness, tilt in zip(
        aurora.arc_north, aurora.arc_width, aurora.arc_brightness, aurora.arc_tilt, strict=True
    ):
        if brightness < 0.05:
            continue
        # Arcs follow the oval, which bends away equatorward on both sides.
        centre = north + tilt * x[0] - x[0] * x[0] / 12000
        d = (yf - centre) / width
        d2 = np.where(d < 0, np.float32(2.2), np.float32(1)) * d * d
        seen += brightness * (np.exp(-d2) + np.float32(0.12) * np.exp(np.float32(-0.05) * d2))
    along = texture(seed + 6, 60)[0]
    at = (x[0] * 0.25 - 2 * minute) % len(along)
    return np.asarray(seen * np.clip(1 + 0.35 * np.interp(at, np.arange(len(along)), along), 0.2, 2), np.float32)


def _breakup(aurora: Aurora, seed: int, minute: int, x: Field, y: Field) -> Field:
    """Bright curtains, folded and curled, in a region that grows poleward and westward."""
    region = (
        smoothstep(y, float(aurora.breakup_south) - 30, float(aurora.breakup_south) + 30)
        * smoothstep(-y, -float(aurora.breakup_north) - 25, -float(aurora.breakup_north) + 25)
        * smoothstep(x, float(aurora.breakup_west) - 60, float(aurora.breakup_west) + 60)
    )
    curls = sample(changing(seed + 8, 28, minute / 3), x * 0.5, y * 0.95, 0, 2 * minute)
    curtains = np.exp(-((curls / np.float32(0.45)) ** 2))
    return np.asarray(aurora.breakup * region * (np.float32(0.25) + curtains), np.float32)


def _discrete(aurora: Aurora, seed: int, minute: int, x: Field, y: Field) -> Field:
    """Broken pieces of sheets at any angle: streamers, vortices, torn arcs."""
    c, s = np.cos(aurora.discrete_turn), np.sin(aurora.discrete_turn)
    along, across = x * c + y * s, y * c - x * s
    sheet = sample(changing(seed + 10, 36, minute / 8), along * 0.25, across * 0.75)
    where = changing(seed + 12, 50, minute / 9)
    pieces = _fine(smoothstep(sample(where, along[2::4, 2::4] * 0.5, across[2::4, 2::4] * 0.8), 0.1, 0.6))
    return np.asarray(aurora.discrete * np.exp(-((sheet / np.float32(0.22)) ** 2)) * pieces, np.float32)


def _patches(aurora: Aurora, seed: int, minute: int, x: Field, y: Field) -> Field:
    """Diffuse patches that drift eastward and pulsate, on a diffuse glow."""
    shape = sample(changing(seed + 14, 24, minute / 40), x * 0.6, y * 0.9, -4 * minute, minute)
    # Pulsations are faster than a frame a minute: each frame sees another state of them.
    on = sample(texture(seed + 16, 50), x[2::4, 2::4] * 0.7, y[2::4, 2::4] * 0.7, 173 * minute)
    glow = aurora.diffuse * smoothstep(y, -330, -120)
    return np.asarray(
        aurora.patches * smoothstep(shape, -0.1, 1.5) * np.clip(0.62 + 0.45 * _fine(on), 0.08, 1.4) + glow,
        np.float32,
    )
