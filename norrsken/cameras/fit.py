"""The search for the lens under which the stars of the catalogue meet spots of light, and the fit of it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from norrsken.astronomy import heavens
from norrsken.cameras.horizon import Horizon
from norrsken.cameras.spots import MOST_SPOTS, Spots
from norrsken.config.lens import Lens, tilted
from norrsken.config.site import Place
from norrsken.stars import bright_stars

Field = NDArray[np.float64]

QUARTER = np.pi / 2

#: Stars lower than this are lost in haze and behind hills: zenith angle, radians.
_LOWEST = np.radians(80)

#: The limits of the magnitude of the faintest star that the fit uses, and that of the search.
_FAINTEST, _SEARCHED = (3.0, 5.5), 3.0

#: Frames that the search looks at; the fit uses all.
_SEARCH_FRAMES = 5

#: The coarse search: steps of north in degrees, squares of α, radius of the circle and shifts of its centre as shares.
_NORTHS = np.radians(np.arange(0, 360, 3.0))
_BENDS = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
_RADII = (0.95, 1.0, 1.05)
_SHIFTS = (-0.05, 0.0, 0.05)
#: Cells of its maps in a radius, and how far from a spot a star may lie there, as a share of the radius.
_CELLS, _BLUR = 100, 0.026

#: Rounds of the fit: how far a star may lie from its spot, degrees, and the faintest magnitude.
_ROUNDS = ((4.5, 2.0), (3.5, 2.5), (2.5, 3.0), (1.7, 3.5), (1.2, 4.0))

#: How well the circle in the picture is trusted to be the horizon: its radius, as a share. Stars soon outweigh it.
_TRUST = 0.05

#: How near to the middle of the horizon circle the axis of a lens is, as a share of the radius: one deviation. The
#: second is for a circle that nobody saw in the frames.
_CENTRED, _GUESSED = 0.02, 0.05

#: The numbers of a lens that stands upright; those of a tilted one are two more.
_UPRIGHT = 5


class Sky(NamedTuple):
    """Catalogue stars above the site in all frames, brightest first in each: (n,) each; vectors (3, n)."""

    vectors: Field
    magnitude: Field
    zenith: Field
    azimuth: Field
    frame: NDArray[np.int64]

    def of(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> "Sky":
        return Sky(self.vectors[:, kept], self.magnitude[kept], self.zenith[kept], self.azimuth[kept], self.frame[kept])


class Pairs(NamedTuple):
    """Stars and the spots that they met: xy (n, 2) and brightness (n,) of the spots."""

    sky: Sky
    xy: Field
    brightness: Field

    def of(self, kept: slice) -> "Pairs":
        return Pairs(self.sky.of(np.arange(len(self.xy))[kept]), self.xy[kept], self.brightness[kept])


class Fit(NamedTuple):
    """A lens as seven numbers, and the sense of azimuths.

    at: x and y of the zenith, pixels a radian at the axis, α², north in radians; and the angle between the zenith and
    the axis, to the right and up in the frame, radians: both are 0 where the camera looks straight up.
    """

    at: Field
    sense: int
    score: float = 0.0
    chance: float = 0.0


def sky_of(times: NDArray[np.int64], place: Place) -> Sky:
    """The stars of the catalogue that stand above the site, in each frame."""
    catalogue = bright_stars(_FAINTEST[1])
    order = np.argsort(catalogue.magnitude)
    parts = []
    for number, rotation in enumerate(heavens(np.asarray(times, np.int64), place).rotation):
        north, east, up = rotation @ catalogue.vectors[:, order]
        seen = up > np.cos(_LOWEST)
        chosen = order[seen]
        parts.append(
            Sky(
                catalogue.vectors[:, chosen],
                catalogue.magnitude[chosen],
                np.arccos(np.clip(up[seen], -1, 1)),
                np.arctan2(east[seen], north[seen]),
                np.full(len(chosen), number),
            )
        )
    return Sky(*(np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)))


def reach(zenith: Field | float, bend_squared: float) -> Any:
    """sin(αθ) / α, the distance from the zenith in units of pixels a radian; θ for α = 0."""
    bend = np.sqrt(max(bend_squared, 1e-9))
    return np.sin(bend * zenith) / bend


def project(at: Field, sense: int, zenith: Field, azimuth: Field) -> Field:
    """Where a lens puts directions: (n, 2) pixels. The same as `Lens.pixel`."""
    clockwise = at[4] + sense * azimuth
    if at[5] or at[6]:
        zenith, clockwise = tilted(zenith, clockwise, *lean(at), np)
    (x, y), r = axis(at), at[2] * reach(zenith, at[3])
    return np.column_stack([x + r * np.sin(clockwise), y - r * np.cos(clockwise)])


def lean(at: Field) -> tuple[float, float]:
    """The angle between the zenith and the axis of a lens, and where it is from there, clockwise from up, radians."""
    return float(np.hypot(at[5], at[6])), float(np.arctan2(at[5], at[6]))


def axis(at: Field) -> Field:
    """Where the axis of a lens is in the frame: x and y, (2,) pixels."""
    tilt, towards = lean(at)
    r = at[2] * reach(tilt, at[3]) if tilt else 0.0
    return np.asarray(at[:2] + r * np.array([np.sin(towards), -np.cos(towards)]))


def search(sky: Sky, spots: list[Spots], circle: Horizon, start: Lens | None) -> list[Fit]:
    """The lenses under which most bright stars lie near spots: the best of both hands and all directions of north."""
    rich = np.argsort([-len(of.xy) for of in spots])[:_SEARCH_FRAMES]
    stars = sky.of((sky.magnitude < _SEARCHED) & np.isin(sky.frame, rich) & (sky.zenith < np.radians(75)))
    maps = _maps(spots, circle)
    side = maps.shape[-1]
    fits = []
    if start is not None:
        fits = [Fit(np.array([*start.zenith, start.scale, start.bend**2, np.radians(start.north), 0, 0]), start.sense)]
    for sense in (1, -1):
        turned = _NORTHS[:, None] + sense * stars.azimuth
        rays = np.stack([np.sin(turned), -np.cos(turned)]).astype(np.float32)
        best, how = np.full(len(_NORTHS), -np.inf), np.zeros((len(_NORTHS), 4))
        for bend, radius in ((bend, radius) for bend in _BENDS for radius in _RADII):
            scale = radius / reach(QUARTER, bend)
            cells = _CELLS * scale * reach(stars.zenith, bend).astype(np.float32) * rays + side // 2
            for right, down in ((right, down) for right in _SHIFTS for down in _SHIFTS):
                column = (cells[0] + (0.5 + right * _CELLS)).astype(np.int32)
                row = (cells[1] + (0.5 + down * _CELLS)).astype(np.int32)
                score = maps[stars.frame, row, column].sum(axis=1)
                better = score > best
                best[better], how[better] = score[better], (right, down, scale, bend)
        fits += [_start_fit(circle, how[at], _NORTHS[at], sense, best[at]) for at in _peaks(best)]
    return fits


def _start_fit(circle: Horizon, how: Field, north: float, sense: int, score: float) -> Fit:
    right, down, scale, bend = how
    x, y = circle.x + right * circle.radius, circle.y + down * circle.radius
    return Fit(np.array([x, y, scale * circle.radius, bend, north, 0, 0]), sense, float(score))


def _maps(spots: list[Spots], circle: Horizon) -> NDArray[np.float32]:
    """Maps of the nearness of spots around the circle's centre, one a frame, with the mean of the surroundings at 0."""
    side = 2 * int(1.25 * _CELLS) + 1
    maps = []
    for of in spots:
        empty = np.full((side, side), 255, np.uint8)
        cell = np.rint((of.xy[:80] - [circle.x, circle.y]) / circle.radius * _CELLS).astype(int) + side // 2
        empty[cell[:, 1], cell[:, 0]] = 0
        away = cv2.distanceTransform(empty, cv2.DIST_L2, 5) if len(cell) else np.full((side, side), 1e3, np.float32)
        near = np.exp(-0.5 * (away / (_BLUR * _CELLS)) ** 2).astype(np.float32)
        maps.append(near - cv2.GaussianBlur(near, (0, 0), 0.15 * _CELLS))
    return np.stack(maps)


def _peaks(score: Field) -> Iterator[int]:
    """The eight highest places of a score around the circle that are higher than the places beside them."""
    highest = np.max([np.roll(score, shift) for shift in (-2, -1, 1, 2)], axis=0)
    peaks = np.flatnonzero(score >= highest)
    yield from peaks[np.argsort(-score[peaks])][:8].tolist()


def match(fit: Fit, sky: Sky, spots: list[Spots], near: float, most: int = MOST_SPOTS) -> Pairs:
    """Stars that have a spot within `near` pixels, one star a spot, the nearest; of the `most` clearest spots."""
    places = project(fit.at, fit.sense, sky.zenith, sky.azimuth)
    stars, xy, brightness = [np.zeros(0, np.int64)], [np.zeros((0, 2))], [np.zeros(0)]
    for number, of in enumerate(spots):
        here = np.flatnonzero(sky.frame == number)
        if not len(here) or not len(of.xy):
            continue
        away, spot = cKDTree(of.xy[:most]).query(places[here], distance_upper_bound=near)
        order = np.argsort(away, kind="stable")
        order = order[np.isfinite(away[order])]
        _, first = np.unique(spot[order], return_index=True)
        chosen = order[first]
        stars.append(here[chosen])
        xy.append(of.xy[spot[chosen]])
        brightness.append(of.brightness[spot[chosen]])
    return Pairs(sky.of(np.concatenate(stars)), np.concatenate(xy), np.concatenate(brightness))


def adjust(fit: Fit, pairs: Pairs, circle: Horizon, width: float, tilt: bool = False) -> Fit:
    """The lens that brings stars to their spots. width: the distance in pixels from which a star counts less.

    tilt: whether the axis may leave the zenith; without, it stays where it is.
    """
    free = 7 if tilt else _UPRIGHT
    size = np.array([circle.radius, circle.radius, circle.radius, 1.0, 1.0, 1.0, 1.0])
    sky = pairs.sky

    def off(part: Field) -> Field:
        at = np.append(part, fit.at[free:]) * size
        away = (project(at, fit.sense, sky.zenith, sky.azimuth) - pairs.xy).ravel()
        trusted = np.append(away / width, (at[2] * reach(QUARTER, at[3]) / circle.radius - 1) / _TRUST)
        return np.append(trusted, _off_middle(at, circle)) if tilt else trusted

    # The zenith of a tilted camera is farther from the middle of the circle.
    most = 0.3 if tilt else 0.15
    middle = np.array([circle.x, circle.y, 0, 0, 0, 0, 0]) / size
    lower = (middle + np.array([-most, -most, 0.3, 0, -np.inf, -0.2, -0.2]))[:free]
    upper = (middle + np.array([most, most, 1.6, 1.0, np.inf, 0.2, 0.2]))[:free]
    begin = np.clip((fit.at / size)[:free], lower + 1e-10, upper - 1e-10)
    scale = np.array([0.01, 0.01, 0.01, 0.1, 0.01, 0.01, 0.01])[:free]
    solved = least_squares(off, begin, bounds=(lower, upper), loss="soft_l1", x_scale=scale)
    return fit._replace(at=np.append(solved.x, fit.at[free:]) * size)


def _off_middle(at: Field, circle: Horizon) -> Field:
    """How far the axis is from the middle of the horizon circle, right and down, in deviations: (2,).

    A shift of the zenith in the frame looks nearly like a tilt; what tells them apart is that the axis lies near the
    middle of the horizon circle, and that angles around a tilted axis are stretched on one side.
    """
    centred = _CENTRED if circle.sure else _GUESSED
    return np.asarray((axis(at) - [circle.x, circle.y]) / (centred * circle.radius))


def covariance(fit: Fit, pairs: Pairs, circle: Horizon) -> Field:
    """How uncertain the numbers of a lens are: (7, 7), with zeros for the tilt where it was not fitted."""
    sky, steps = pairs.sky, np.array([0.1, 0.1, 1e-4 * fit.at[2], 1e-3, 1e-4, 1e-4, 1e-4])
    free = 7 if fit.at[_UPRIGHT:].any() else _UPRIGHT
    # A pixel's fraction is never measured better than this, whatever the spread of a few stars happens to be.
    spread = max(deviation(fit, pairs), 0.05)

    def off(at: Field) -> Field:
        away = project(at, fit.sense, sky.zenith, sky.azimuth).ravel() / spread
        return np.append(away, _off_middle(at, circle)) if free > _UPRIGHT else away

    sides = np.diag(steps)[:free]
    slopes = np.stack([off(fit.at + side) - off(fit.at - side) for side in sides], axis=1) / (2 * steps[:free])
    uncertain = np.zeros((7, 7))
    uncertain[:free, :free] = np.linalg.pinv(slopes.T @ slopes)
    return uncertain


def follow(fit: Fit, sky: Sky, spots: list[Spots], circle: Horizon) -> Fit:
    """The lens near a first one that brings most stars to spots, with its score."""
    for tolerance, faintest in _ROUNDS:
        bright = sky.of(sky.magnitude < faintest)
        near = pixels(tolerance, circle)
        for _ in range(2):
            # As many of the clearest spots as there are stars, and as many again that are none.
            pairs = match(fit, bright, spots, near, 2 * len(bright.frame) // len(spots) + 10)
            if len(pairs.xy) < 5:
                break
            fit = adjust(fit, pairs, circle, near / 3)
    return scored(fit, sky, spots, circle)


def scored(fit: Fit, sky: Sky, spots: list[Spots], circle: Horizon) -> Fit:
    """The lens with its score: how many more stars meet a spot than under the same lens turned, in deviations."""
    bright = sky.of(sky.magnitude < 4.0)
    near = pixels(0.6, circle)
    turned = [
        fit._replace(at=fit.at + np.array([0, 0, 0, 0, turn, 0, 0])) for turn in np.radians(np.arange(30, 331, 30))
    ]
    chance = float(np.mean([len(match(lens, bright, spots, near).xy) for lens in turned]))
    score = (len(match(fit, bright, spots, near).xy) - chance) / np.sqrt(chance + 1)
    return fit._replace(score=float(score), chance=chance)


def pixels(degrees: float, circle: Horizon) -> float:
    """About how many pixels an angle is; never less than one and a half."""
    return float(max(np.radians(degrees) * circle.radius / QUARTER, 1.5))


def differ(one: Fit, other: Fit) -> bool:
    """Whether two lenses are different solutions: mirrored, or turned by more than 5°."""
    turn = np.degrees(one.at[4] - other.at[4])
    return one.sense != other.sense or abs((turn + 180) % 360 - 180) > 5


def as_deep(sky: Sky, spots: list[Spots]) -> Sky:
    """The stars, in each frame down to the magnitude at which as many stand well above the horizon as it has spots."""
    kept = np.zeros(len(sky.frame), bool)
    for number, of in enumerate(spots):
        here = sky.frame == number
        depth = np.sort(sky.magnitude[here & (sky.zenith < np.radians(75))])
        kept |= here & (sky.magnitude < np.clip(depth[min(len(of.xy), len(depth) - 1)], *_FAINTEST))
    return sky.of(kept)


def deviation(fit: Fit, pairs: Pairs) -> float:
    """Standard deviation of a star's place along one axis, pixels, from the median so that outliers do not count."""
    away = project(fit.at, fit.sense, pairs.sky.zenith, pairs.sky.azimuth) - pairs.xy
    return float(1.4826 * np.median(np.abs(away)))
