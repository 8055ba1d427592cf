"""The forms of the aurora as maps in magnetic coordinates: what falls on each square kilometre at 110 km height.

Sheets are drawn as functions of a position that is displaced first: vortices wind them up, folds and curls bend them,
all of them together, as a flow would.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.simulation.display import Aurora
from norrsken.simulation.textures import Values, changing, sample, smoothstep, texture

Field = NDArray[np.float32]

FORMS = ("breakup", "arcs", "discrete", "patchy")

#: What else is told of a map: which share of its light is in spirals, streamers and omega bands.
PARTS = ("vortices", "streamers", "omega")

#: The maps reach 700 km from the zenith, with cells of 1.4 km overhead and of 13 km at their edge: x = stretch sinh(u).
MAP_CELLS, MAP_REACH, MAP_STRETCH = 320, 700.0, 80.0
MAP_EDGE = np.arcsinh(MAP_REACH / MAP_STRETCH)
_HALF, _COARSE = MAP_CELLS // 2, MAP_CELLS // 4  # for what varies slowly

#: Arcs follow the oval, which bends away equatorward on both sides with twice this radius, in km.
_OVAL = 12000.0

#: A band that leaves east-west by more than this, in radians, is no arc.
_ASKEW = 0.45

#: Seconds that a frame of the night is exposed.
EXPOSURE = 6.0


@dataclass(frozen=True)
class Maps:
    """What shines in a minute. Rows go northward, columns eastward; what is absent is left out.

    forms: light of the green line in kR that each form of `FORMS` sends down a vertical, (320, 320). parts: by name in
    `PARTS`, where the light belongs to such a part, 0…1, (160, 160). veil: light of the red line without green, (80,
    80), kR.
    """

    forms: dict[str, Field]
    parts: dict[str, Field]
    veil: Field | None


@dataclass(frozen=True)
class _Place:
    """Positions in km east and north, as displaced for sheets, (320, 320) each; fine: their finest structure."""

    x: Field
    y: Field
    fine: Field


def flux(aurora: Aurora, seed: int, minute: int) -> Maps:
    """The maps of a minute. aurora: that of the minute. seed: that of the random shapes."""
    x, y = _coordinates(MAP_CELLS)
    xc, yc = _coordinates(_COARSE)
    # Folds bend all sheets together, so that one displacement is enough for all forms.
    bend_x = _whole(sample(changing(seed, 40, minute / 14), xc * 0.7, yc * 0.9, -1.5 * minute, 90))
    bend_y = _whole(sample(changing(seed + 2, 30, minute / 11), xc * 0.55, yc * 0.9, -2.5 * minute))
    forms: dict[str, Field] = {}
    parts: dict[str, Field] = {}
    sheets = max(aurora.arc_brightness.max(), aurora.breakup, aurora.discrete, aurora.band, aurora.streamer.max())
    if sheets > 0.05:
        fine = sample(changing(seed + 4, 5, minute / 1.5, 1.5), x * 0.45, y * 0.08)
        right, up = _wound(aurora, seed, parts)
        if aurora.sway > 1:
            right = right + aurora.sway * _whole(sample(changing(seed + 20, 60, minute / 20), xc * 0.35, yc * 0.35))
            up = up + aurora.sway * _whole(sample(changing(seed + 22, 60, minute / 20), xc * 0.35, yc * 0.35))
        place = _Place(
            x + right + 1.4 * aurora.folds * bend_x,
            y + up + aurora.folds * bend_y + aurora.curls * fine,
            fine,
        )
        forms = _sheets(aurora, seed, minute, place, parts)
    glow = _glow(aurora, seed, minute, x + 10 * bend_x, y + 10 * bend_y, forms, parts)
    if glow is not None:
        forms["patchy"] = glow
    return Maps(forms, parts, _veil(aurora, seed, minute) if aurora.veil > 0.1 else None)


def pulsation(period: Field, phase: Field, exposure: float = EXPOSURE) -> Field:
    """How much more or less than its mean a pulsating patch shines, averaged over an exposure: -1…1.

    period: seconds, of the patch's shape. phase: radians, in the middle of the exposure.
    """
    return np.asarray(np.sinc(np.float32(exposure) / period) * np.sin(phase), np.float32)


@cache
def _coordinates(cells: int) -> tuple[Field, Field]:
    """Kilometres east and north of the zenith of the cells of a map: (cells, cells) each."""
    km = MAP_STRETCH * np.sinh(((np.arange(cells) + 0.5) / cells * 2 - 1) * MAP_EDGE)
    x, y = np.meshgrid(km.astype(np.float32), km.astype(np.float32))
    return x, y


def _whole(coarse: Values) -> Field:
    return np.asarray(cv2.resize(coarse, (MAP_CELLS, MAP_CELLS), interpolation=cv2.INTER_LINEAR), np.float32)


def _wound(aurora: Aurora, seed: int, parts: dict[str, Field]) -> tuple[Field | float, Field | float]:
    """How far vortices displace what is seen at each place, in km east and north: (320, 320) each, or 0.

    They turn counterclockwise as seen from above, along the field (Murphree et al. 1989), most in their middle.
    """
    x, y = _coordinates(_HALF)
    right, up = np.zeros_like(x), np.zeros_like(y)
    inside = np.zeros_like(x)
    if aurora.surge_twist > 0.1:
        east, north = x - aurora.surge_east, y - aurora.surge_north
        inside = _hub(_twist(east, north, aurora.surge_radius, aurora.surge_twist, right, up))
    if aurora.street_twist > 0.1:
        along = x - aurora.street_east
        place = np.floor(along / aurora.street_length + np.float32(0.5))
        some = np.random.default_rng([seed, 0x57E7]).uniform(size=(2, 64)).astype(np.float32)
        size, turn = some[:, place.astype(np.int64) % 64]
        along = along - place * aurora.street_length
        across = y - aurora.street_north + x * x / np.float32(_OVAL)
        radius = aurora.street_radius * (0.6 + 0.7 * size)
        twist = aurora.street_twist * (0.3 + 0.9 * turn)
        inside = np.maximum(inside, _hub(_twist(along, across, radius, twist, right, up)))
    if not inside.any():
        return 0.0, 0.0
    parts["vortices"] = inside
    return _whole(right), _whole(up)


def _twist(east: Values, north: Values, radius: Values, turn: Values, right: Field, up: Field) -> Values:
    """Add the displacement of a vortex, whose middle lies at east = north = 0, to `right` and `up`.

    Returns by what angle, in radians, it turns each place.
    """
    angle = turn * np.exp(-(east * east + north * north) / (radius * radius))
    c, s = np.cos(angle) - np.float32(1), np.sin(angle)
    right += east * c + north * s
    up += north * c - east * s
    return np.asarray(angle)


def _hub(angle: Values) -> Field:
    """Where a vortex has wound a sheet by a quarter of a turn or more: 0…1."""
    return smoothstep(angle, 0.9, 1.6)


def _sheets(aurora: Aurora, seed: int, minute: int, place: _Place, parts: dict[str, Field]) -> dict[str, Field]:
    """All forms that are made of sheets."""
    forms: dict[str, Field] = {}
    discrete: list[Field] = []
    if aurora.arc_brightness.max() > 0.05:
        forms["arcs"] = _arcs(aurora, seed, minute, place)
    if aurora.breakup > 0.3:
        forms["breakup"] = _breakup(aurora, seed, minute, place)
    if aurora.discrete > 0.2:
        discrete.append(_pieces(aurora, seed, minute, place))
    if aurora.band > 0.2:
        band = _band(aurora, seed, minute, place)
        if abs(np.sin(aurora.band_turn)) > np.sin(_ASKEW):
            discrete.append(band)
        else:
            forms["arcs"] = forms["arcs"] + band if "arcs" in forms else band
    if aurora.streamer.max() > 0.2:
        streamers = _streamers(aurora, place)
        discrete.append(streamers)
        parts["streamers"] = smoothstep(_half(streamers), 0.3, 1.5)
    if discrete:
        forms["discrete"] = np.asarray(sum(discrete), np.float32)
    # Fine structure along the sheets, of which each spot becomes a ray when it is raised along the field.
    rays = np.clip(1 + 0.65 * aurora.rays * place.fine, 0.08, 2.5)
    return {form: np.asarray(light * rays, np.float32) for form, light in forms.items()}


def _half(field: Values) -> Field:
    return np.asarray(cv2.resize(field, (_HALF, _HALF), interpolation=cv2.INTER_AREA), np.float32)


def _sheet(across: Values, sharp: float = 2.2) -> Field:
    """A sheet over the distance across it, in widths: sharp on its equatorward side, with a glow around it."""
    d2 = np.where(across < 0, np.float32(sharp), np.float32(1)) * across * across
    return np.asarray(np.exp(-d2) + np.float32(0.12) * np.exp(np.float32(-0.05) * d2), np.float32)


def _along(seed: int, finest: float, x: Field, scale: float, shift: float) -> Field:
    """Smooth random values along a line, of mean 0 and deviation 1."""
    line = texture(seed, finest)[0]
    return np.asarray(np.interp((x * scale + shift) % len(line), np.arange(len(line)), line), np.float32)


def _arcs(aurora: Aurora, seed: int, minute: int, place: _Place) -> Field:
    """East-west sheets, some of them beaded or torn."""
    seen = np.zeros_like(place.x)
    x = _coordinates(MAP_CELLS)[0][0]
    y = place.y + place.x * place.x / np.float32(_OVAL)
    along = np.clip(1 + 0.35 * _along(seed + 6, 60, x, 0.25, -2 * minute), 0.2, 2)
    if aurora.breakup > 0.3:
        # The breakup has taken the arcs' place where it has come to.
        west = float(aurora.breakup_west)
        along = along * (1 - 0.95 * min(float(aurora.breakup) / 5, 1) * smoothstep(x, west - 250, west + 80))
    for k in np.flatnonzero(aurora.arc_brightness > 0.05).tolist():
        strength = aurora.arc_brightness[k] * along
        if k == 0 and aurora.beads > 0.05:
            beads = np.sin(2 * np.pi / aurora.bead_length * x + 0.8 * _along(seed + 18, 40, x, 0.5, 0) + minute)
            strength = strength * (1 + 0.6 * aurora.beads * beads)
        if aurora.arc_torn[k] > 0.02:
            left = smoothstep(_along(seed + 18, 40, x, 0.4, 3 * minute + 100 * k), -0.1, 0.5)
            strength = strength * (1 - aurora.arc_torn[k] * (1 - left))
        across = (y - aurora.arc_north[k] - aurora.arc_tilt[k] * place.x) / aurora.arc_width[k]
        seen += strength.astype(np.float32) * _sheet(across)
    return seen


def _band(aurora: Aurora, seed: int, minute: int, place: _Place) -> Field:
    """One sheet at any angle, which ends somewhere, and winds as it goes."""
    c, s = np.cos(aurora.band_turn), np.sin(aurora.band_turn)
    along, across = place.x * c + place.y * s, place.y * c - place.x * s
    across = across - aurora.band_offset - 25 * np.sin(along / 90 + minute / 9)
    end = 150 * float(np.sin(minute / 25 + seed % 7)) - 150
    ends = smoothstep(along, end - 50, end + 50)
    return np.asarray(aurora.band * ends * _sheet(across / aurora.band_width, 5), np.float32)


def _breakup(aurora: Aurora, seed: int, minute: int, place: _Place) -> Field:
    """Bright curtains, or bands with darker sky between them, in a region that grows poleward and westward."""
    c, s = np.cos(aurora.breakup_turn), np.sin(aurora.breakup_turn)
    y = place.y - aurora.breakup_south
    along, across = place.x * c + y * s, y * c - place.x * s
    height, edge = float(aurora.breakup_north - aurora.breakup_south), float(aurora.breakup_edge)
    region = (
        smoothstep(across, -edge, edge)
        * smoothstep(-across, -height - 2 * edge, -height + 2 * edge)
        * smoothstep(along, float(aurora.breakup_west) - 60, float(aurora.breakup_west) + 60)
    )
    stretch = float(aurora.breakup_stretch)
    banded = aurora.breakup_banded
    finest, slope = (28.0, 3.0) if banded < 0.5 else (9.0, 2.2)  # bands are made of thin sheets
    curls = sample(changing(seed + 8, finest, minute / 3, slope), along * stretch, across * 0.95, 0, 2 * minute)
    curtains = np.exp(-((curls / np.float32(0.45)) ** 2))
    light = (1 - 0.85 * banded) * (np.float32(0.25) + curtains)
    if banded > 0.05:
        for k, where in enumerate(aurora.breakup_bands):
            width = np.float32(14 + 0.06 * height) * (1.3, 0.7, 1)[k]
            d = (across - where * height) / width
            # A sharp equatorward border, and light that fades away poleward in stripes.
            band = np.exp(-np.where(d < 0, np.float32(7), np.float32(0.55)) * d * d)
            light += (1.3, 0.8, 1)[k] * banded * band * (np.float32(0.4) + np.float32(0.6) * curtains)
    return np.asarray(aurora.breakup * region * light, np.float32)


def _pieces(aurora: Aurora, seed: int, minute: int, place: _Place) -> Field:
    """Broken pieces of sheets at any angle: hooks, torn arcs, bundles of rays."""
    c, s = np.cos(aurora.discrete_turn), np.sin(aurora.discrete_turn)
    scale = 1 / aurora.discrete_size
    along, across = (place.x * c + place.y * s) * scale, (place.y * c - place.x * s) * scale
    sheet = sample(changing(seed + 10, 36, minute / 8), along * 0.25, across * 0.75)
    where = changing(seed + 12, 50, minute / 9)
    few = float(aurora.discrete_few)
    there = sample(where, along[2::4, 2::4] * 0.5, across[2::4, 2::4] * 0.8)
    pieces = _whole(smoothstep(there, 0.1 + 0.8 * few, 0.6 + 0.9 * few))
    return np.asarray(aurora.discrete * np.exp(-((sheet / aurora.discrete_thick) ** 2)) * pieces, np.float32)


def _streamers(aurora: Aurora, place: _Place) -> Field:
    """North-south sheets, with a bright head at their equatorward end."""
    seen = np.zeros_like(place.x)
    for k in np.flatnonzero(aurora.streamer > 0.2).tolist():
        head, tail = float(aurora.streamer_head[k]), float(aurora.streamer_tail[k])
        over = place.y - np.float32(head)
        middle = aurora.streamer_east[k] + aurora.streamer_tilt[k] * over + 18 * np.sin(over / 65 + 2 * k)
        across = (place.x - middle) / aurora.streamer_width[k]
        ends = smoothstep(place.y, head - 15, head + 20) * smoothstep(-place.y, -tail - 40, -tail + 40)
        seen += aurora.streamer[k] * ends * _sheet(across, 1.5) * (1 + 0.7 * np.exp(-(((over - 15) / 60) ** 2)))
    return seen


def _glow(
    aurora: Aurora,
    seed: int,
    minute: int,
    x: Field,
    y: Field,
    forms: dict[str, Field],
    parts: dict[str, Field],
) -> Field | None:
    """Diffuse patches that drift eastward and pulsate, on a diffuse glow, perhaps with an undulating poleward border.

    The bright rim of that border is a sheet, and is added to the discrete forms.
    """
    if aurora.patches + aurora.diffuse + aurora.omega <= 0.1:
        return None
    light = aurora.diffuse * smoothstep(y, -330, -120)
    if aurora.patches > 0.05:
        light = light + _patches(aurora, seed, minute, x, y)
    if aurora.omega > 0.15:
        inside, rim = _omega(aurora, x, y)
        held = np.minimum(aurora.omega, 1)
        light = light * (1 - 0.8 * held * (1 - inside)) + 0.35 * aurora.omega * inside
        sheet = 1.6 * aurora.omega * rim
        forms["discrete"] = forms["discrete"] + sheet if "discrete" in forms else sheet
        # The tongues alone make it an omega band: the aurora south of them is as everywhere.
        south = float(aurora.omega_south)
        parts["omega"] = _half(np.maximum(inside, rim) * smoothstep(y, south - 20, south + 20))
    return np.asarray(light, np.float32)


def _patches(aurora: Aurora, seed: int, minute: int, x: Field, y: Field) -> Field:
    """Patches from some tens of km to all of the sky. Each pulsates as a whole, with a period of 5 to 30 s."""
    scale = 1 / aurora.patch_size
    shape = sample(changing(seed + 14, 24, minute / 40), x * (0.6 * scale), y * (0.9 * scale), -4 * minute, minute)
    edge = float(aurora.patch_edge)
    xc, yc = (a[2::4, 2::4] * (0.7 * scale) for a in (x, y))
    # A minute is many periods long, and none is kept exactly: the phase in each frame is by chance.
    phase = np.float32(2 * np.pi) * sample(texture(seed + 16, 50), xc, yc, 173 * minute)
    period = np.exp(np.float32(2.5) + np.float32(0.45) * sample(texture(seed + 16, 50), xc, yc, -4 * minute, 200))
    swing = aurora.pulsation * pulsation(np.clip(period, 5, 30), phase)
    light = aurora.patches * smoothstep(shape, 0.7 - edge, 0.7 + edge) * (0.7 + 0.2 * shape)
    return np.asarray(light * np.clip(0.62 * (1 + _whole(swing)), 0.05, 1.4), np.float32)


def _omega(aurora: Aurora, x: Field, y: Field) -> tuple[Field, Field]:
    """Where the diffuse aurora with its tongues is, and its bright border: 0…1, (320, 320) each."""
    length, height = aurora.omega_length, aurora.omega_height
    h = (y - aurora.omega_south) / height
    u = (x - aurora.omega_east) / length
    u = np.abs(u - np.floor(u) - np.float32(0.5))  # 0 in the middle of a tongue
    up = np.clip(h, 0, 1)
    half = (np.float32(0.2) + aurora.omega_neck * up) * np.sqrt(1 - up**4) + smoothstep(-h, -0.2, 0.05) * np.float32(
        0.4
    )
    depth = np.where(h < 1, (half - u) * length, np.float32(-1e3))  # km inside the border
    depth = np.minimum(depth, 0.7 * (1 - h) * height)
    inside = smoothstep(depth, -12, 18)
    return inside, np.asarray(np.exp(-((depth / np.float32(9)) ** 2)), np.float32)


def _veil(aurora: Aurora, seed: int, minute: int) -> Field:
    """Red aurora from electrons too soft to excite the green line much, in an east-west band: (80, 80), kR."""
    x, y = _coordinates(_COARSE)
    uneven = np.clip(1 + 0.4 * sample(texture(seed + 20, 60), x * 0.3, y * 0.5, -3 * minute), 0.2, 2)
    across = (y + x * x / np.float32(_OVAL) - aurora.veil_north) / aurora.veil_width
    return np.asarray(aurora.veil * uneven * np.exp(-across * across), np.float32)
