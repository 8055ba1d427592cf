"""The lens of an all-sky camera from the stars in its frames: where is the zenith, where is north, how does it bend.

Spots of light are found in each frame. A search over all directions of north, both hands and all projections finds the
lens under which most bright stars meet a spot; a fit then makes it exact, with fainter and fainter stars. What speaks
against the result is said in sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr

from norrsken.cameras.fit import (
    QUARTER,
    Fit,
    Pairs,
    Sky,
    adjust,
    as_deep,
    deviation,
    differ,
    follow,
    match,
    pixels,
    project,
    reach,
    scored,
    search,
    sky_of,
)
from norrsken.cameras.horizon import Horizon, find_horizon
from norrsken.cameras.spots import Spots, find_spots, without_what_stays
from norrsken.config.lens import Lens
from norrsken.config.site import Place
from norrsken.errors import NorrskenError
from norrsken.lens import directions, grid_directions

Field = NDArray[np.float64]

#: Below this α the projection is equidistant: at 60° the two differ by less than 0.1°.
_LEAST_BEND = 0.1

#: When the result is doubted: fewer stars; a larger residual, formal error or difference between halves, degrees; a
#: lower score; a weaker rank correlation of magnitude and brightness; stars in fewer eighths of the sky, or 90 % of
#: them nearer than this to the zenith, degrees.
_LEAST_MATCHED, _MOST_RESIDUAL, _MOST_ERROR, _MOST_BETWEEN = 20, 0.5, 0.25, 0.8
_LEAST_SCORE, _LEAST_RANK, _LEAST_SECTORS, _LEAST_OUT = 8.0, 0.3, 5, 40.0

#: The result is doubted, too, where less than this share of the brightest stars have a spot, of so many a frame, and no
#: larger share of the clearest spots are stars. Under clouds the first is small, with hot pixels the second.
_LEAST_EXPLAINED, _BRIGHTEST, _CLEAREST = 0.5, 30, 20

#: The tilt from which the result is doubted, degrees. A lens has no tilt, so that directions are off by a third of it.
#: A wrong place or a wrong clock looks the same: an hour is a tilt of 3° in Svalbard, and more in the south.
_MOST_TILT = 2.5

#: How near to the middle of the horizon circle the axis of the lens is, as a share of the radius: one deviation.
_CENTRED = 0.02


class Matched(NamedTuple):
    """Stars that were found, (n,) each. vectors: unit vectors in ICRS, (3, n). frame: its number among the frames.

    x, y: where the spot is, predicted_x, predicted_y: where the lens puts the star, pixels. magnitude: Hp. zenith,
    azimuth: radians, from true north by east.
    """

    vectors: Field
    magnitude: Field
    frame: NDArray[np.int64]
    x: Field
    y: Field
    predicted_x: Field
    predicted_y: Field
    zenith: Field
    azimuth: Field

    def of(self, number: int) -> "Matched":
        """The stars of one frame."""
        here = self.frame == number
        return Matched(self.vectors[:, here], *(column[here] for column in self[1:]))


@dataclass(frozen=True)
class Calibration:
    """A camera's lens, and how good it is.

    residual: root mean square distance of the matched stars from their places, degrees of the sky. stars: of each
    frame, how many were matched. error: formal error (one standard deviation) of directions in the crop, where it is
    largest, degrees. tilt: between the axis of the lens and the zenith, degrees; a wrong place or a wrong clock looks
    like it. doubts: sentences that say why the lens may be wrong; empty where it is sure.
    """

    lens: Lens
    residual: float
    error: float
    tilt: float
    matched: Matched
    stars: list[int]
    doubts: list[str]


def calibrate(
    frames: Sequence[NDArray[np.uint8]], times: NDArray[np.int64], place: Place, start: Lens | None = None
) -> Calibration:
    """The lens of the camera that took these frames.

    frames: n of (h, w, 3) uint8 RGB, of one size; times: (n,) milliseconds since 1970-01-01 UTC. start: a lens whose
    zenith and horizon are near the truth; without it, the frames must show the horizon circle. Raises `NorrskenError`
    where no lens is found at all.
    """
    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1 or len(times) != len(frames):
        raise NorrskenError("The frames must be of one size, at least one, with one time each.")
    circle = find_horizon(frames) if start is None else Horizon(*start.zenith, start.horizon, 1.0)
    if circle is None:
        raise NorrskenError("The frames show no horizon circle; say where zenith and horizon are about.")
    spots = without_what_stays([find_spots(frame, circle) for frame in frames], times)
    if sum(len(of.xy) for of in spots) < 6:
        raise NorrskenError("The frames show no stars.")
    sky = sky_of(times, place)
    fits = [follow(fit, sky, spots, circle) for fit in search(sky, spots, circle, start)]
    best = max(fits, key=lambda fit: fit.score)
    other = max((fit.score for fit in fits if differ(fit, best)), default=0.0)
    return _finish(best, other, sky, spots, circle)


def _finish(best: Fit, other: float, sky: Sky, spots: list[Spots], circle: Horizon) -> Calibration:
    """The last rounds of the fit, with as many stars as there are spots. other: the score of the next best lens."""
    everything, sky = sky, as_deep(sky, spots)
    near = pixels(1.0, circle)
    for _ in range(4):
        pairs = match(best, sky, spots, near)
        if len(pairs.xy) < 6:
            raise NorrskenError("No lens brings the stars of the catalogue to the spots in the frames.")
        best = adjust(best, pairs, circle, near / 4)
        near = float(np.clip(4 * deviation(best, pairs), pixels(0.25, circle), pixels(1.0, circle)))
    pairs = match(best, sky, spots, near)
    best = scored(adjust(best, pairs, circle, near / 4), sky, spots, circle)
    lens = _lens(best)
    if len(pairs.xy) < 6:
        raise NorrskenError("No lens brings the stars of the catalogue to the spots in the frames.")
    matched = _matched(lens, pairs)
    residual = float(np.sqrt(np.mean(off(lens, matched) ** 2)))
    halves = [_lens(adjust(best, pairs.of(slice(half, None, 2)), circle, near / 4)) for half in (0, 1)]
    error, (tilt, tilt_error) = _error(best, pairs, lens), _tilt(best, pairs, circle)
    stars = np.bincount(matched.frame, minlength=len(spots)).tolist()
    doubts = _chance_doubts(best, other, pairs)
    if _explained(best, everything, spots, circle) < _LEAST_EXPLAINED:
        doubts.append(
            "Most bright stars of the catalogue have no spot in the frames, and most clear spots are no star."
        )
    doubts += _doubts(matched, residual, error, float(apart(*halves).max()))
    if tilt - tilt_error > _MOST_TILT:
        doubts.append(f"The camera stands tilted by {tilt:.1f}°, or the place or the times are wrong.")
    return Calibration(lens, residual, error, tilt, matched, stars, doubts)


def _lens(fit: Fit) -> Lens:
    """The lens as the configuration has it: pixels and degrees with two decimals, α with three."""
    x, y, scale, bend_squared, north = fit.at
    bend = float(np.sqrt(np.clip(bend_squared, 0, 1)))
    bent = bend >= _LEAST_BEND
    horizon = scale * reach(QUARTER, bend_squared if bent else 0.0)
    kind = {"projection": "sine", "alpha": round(bend, 3)} if bent else {"projection": "equidistant"}
    return Lens(
        zenith=(round(float(x), 2), round(float(y), 2)),
        horizon=round(float(horizon), 2),
        north=round(float((np.degrees(north) + 180) % 360 - 180), 2),
        east="right" if fit.sense > 0 else "left",
        **kind,
    )


def _matched(lens: Lens, pairs: Pairs) -> Matched:
    sky = pairs.sky
    x, y = (np.asarray(value) for value in lens.pixel(sky.zenith, sky.azimuth, np))
    spot_x, spot_y = pairs.xy.T
    return Matched(sky.vectors, sky.magnitude, sky.frame, spot_x, spot_y, x, y, sky.zenith, sky.azimuth)


def _angle(zenith: Field, azimuth: Field, other_zenith: Field, other_azimuth: Field) -> Field:
    """The angle between directions, degrees; exact for small ones too."""
    across = np.sin(zenith) * np.sin(other_zenith) * np.sin((azimuth - other_azimuth) / 2) ** 2
    return np.asarray(np.degrees(2 * np.arcsin(np.sqrt(np.sin((zenith - other_zenith) / 2) ** 2 + across))))


def off(lens: Lens, matched: Matched) -> Field:
    """The angle between each star and the direction in which the lens sees its spot, degrees."""
    return np.nan_to_num(_angle(*directions(lens, matched.x, matched.y), matched.zenith, matched.azimuth), nan=90.0)


def apart(one: Lens, other: Lens) -> Field:
    """How far two lenses differ about where the reference grid's pixels look, degrees: (32, 32), every fourth cell."""
    zenith, azimuth = (field[2::4, 2::4] for field in grid_directions())
    return np.nan_to_num(_angle(zenith, azimuth, *directions(other, *one.pixel(zenith, azimuth, np))), nan=90.0)


def _error(fit: Fit, pairs: Pairs, lens: Lens) -> float:
    """The formal error of directions in the crop where it is largest, degrees: one standard deviation."""
    sky, steps = pairs.sky, np.array([0.1, 0.1, 1e-4 * fit.at[2], 1e-3, 1e-4])
    ahead = [project(fit.at + step, fit.sense, sky.zenith, sky.azimuth) for step in np.diag(steps)]
    behind = [project(fit.at - step, fit.sense, sky.zenith, sky.azimuth) for step in np.diag(steps)]
    slopes = np.stack([(a - b).ravel() for a, b in zip(ahead, behind, strict=True)], axis=1) / (2 * steps)
    # A pixel's fraction is never measured better than this, whatever the spread of a few stars happens to be.
    spread = max(deviation(fit, pairs), 0.05)
    covariance = spread**2 * np.linalg.pinv(slopes.T @ slopes)
    draws = np.random.default_rng(0).multivariate_normal(fit.at, covariance, 30)
    return float(np.sqrt(np.mean([apart(lens, _lens(fit._replace(at=draw))) ** 2 for draw in draws], axis=0)).max())


def _tilt(fit: Fit, pairs: Pairs, circle: Horizon) -> tuple[float, float]:
    """The tilt of the lens's axis from the zenith, degrees, and its formal error.

    A shift of the zenith in the frame looks nearly like a tilt; what tells them apart is that the axis lies near the
    middle of the horizon circle, and that angles around a tilted axis are stretched on one side.
    """
    sky = pairs.sky
    sine = np.sin(sky.zenith)
    vectors = np.column_stack([sine * np.cos(sky.azimuth), sine * np.sin(sky.azimuth), np.cos(sky.zenith)])
    size = np.array([*[circle.radius] * 3, 1, 1, 1, 1])
    spread, middle = max(deviation(fit, pairs), 0.05), np.array([circle.x, circle.y])

    def off(at: Field) -> Field:
        at = at * size
        north, east, up = Rotation.from_rotvec([at[5], at[6], 0]).apply(vectors).T
        places = project(at, fit.sense, np.arccos(np.clip(up, -1, 1)), np.arctan2(east, north))
        return np.concatenate([((places - pairs.xy) / spread).ravel(), (at[:2] - middle) / (_CENTRED * circle.radius)])

    solved = least_squares(off, np.append(fit.at, [0, 0]) / size, loss="soft_l1", x_scale=0.01)
    covariance = np.linalg.pinv(solved.jac.T @ solved.jac)
    return float(np.degrees(np.hypot(*solved.x[5:]))), float(np.degrees(np.sqrt(np.trace(covariance[5:, 5:]))))


def _explained(fit: Fit, sky: Sky, spots: list[Spots], circle: Horizon) -> float:
    """The share of the brightest stars that have a spot, or that of the clearest spots that are stars, if it is larger.

    sky: all stars, brightest first in each frame.
    """
    near = pixels(0.75, circle)
    stars, found, clear, known = 0, 0, 0, 0
    for number, of in enumerate(spots):
        here = np.flatnonzero((sky.frame == number) & (sky.zenith < np.radians(70)))
        bright = here[:_BRIGHTEST]
        stars, found = stars + len(bright), found + len(match(fit, sky.of(bright), spots, near).xy)
        clear += min(len(of.xy), _CLEAREST)
        known += len(match(fit, sky.of(here), spots, near, _CLEAREST).xy)
    return max(found / max(stars, 1), known / max(clear, 1))


def _chance_doubts(best: Fit, other: float, pairs: Pairs) -> list[str]:
    """Why the stars may have met their spots by chance."""
    doubts = []
    if best.score < _LEAST_SCORE:
        doubts.append("Stars of the catalogue meet spots hardly more often than by chance.")
    if other > 0.5 * best.score:
        doubts.append("Another direction of north, or a mirrored frame, fits nearly as well.")
    if len(pairs.xy) > 5 and not spearmanr(pairs.sky.magnitude, pairs.brightness)[0] < -_LEAST_RANK:
        doubts.append("The bright stars of the catalogue do not meet the bright spots of the frames.")
    return doubts


def _doubts(matched: Matched, residual: float, error: float, halves: float) -> list[str]:
    """Why the lens may be inexact. halves: how far the lenses differ that each half of the stars gives, degrees."""
    doubts = []
    if len(matched.x) < _LEAST_MATCHED:
        doubts.append(f"Only {len(matched.x)} stars were matched; {_LEAST_MATCHED} are needed to be sure.")
    if residual > _MOST_RESIDUAL:
        doubts.append(f"The stars lie {residual:.2f}° from their places; at most {_MOST_RESIDUAL}° is expected.")
    if error > _MOST_ERROR:
        doubts.append(f"Directions are uncertain by {error:.2f}° (one standard deviation) in a part of the crop.")
    if halves > _MOST_BETWEEN:
        doubts.append(f"Each half of the stars gives another lens: they differ by up to {halves:.2f}° in the crop.")
    sectors = len(np.unique((matched.azimuth % (2 * np.pi) / (np.pi / 4)).astype(int)))
    if sectors < _LEAST_SECTORS:
        doubts.append("Stars were found only in a part of the sky; elsewhere the lens is a guess.")
    elif np.degrees(np.percentile(matched.zenith, 90)) < _LEAST_OUT:
        doubts.append("Stars were found only near the zenith; farther out the lens is a guess.")
    return doubts
