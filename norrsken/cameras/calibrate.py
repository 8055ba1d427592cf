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
from scipy.stats import spearmanr

from norrsken.cameras.fit import (
    QUARTER,
    Fit,
    Pairs,
    Sky,
    adjust,
    as_deep,
    axis,
    covariance,
    deviation,
    differ,
    follow,
    lean,
    match,
    pixels,
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

#: The tilt from which the result is doubted, degrees. A wrong place or a wrong clock moves the zenith among the stars
#: as a tilt does, and no frame tells them apart: an hour is a tilt of 3° in Svalbard, and more in the south.
_MOST_TILT = 2.5

#: An axis is told only where it is so far from the zenith, degrees, and so many of its deviations; where at least so
#: many stars say so; and where they lie nearer to their places with it, by this factor.
_LEAST_TILT, _CLEAR_TILT, _TILT_STARS, _TILT_BETTER = 0.8, 5.0, 20, 0.9


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
    largest, degrees. tilt: between the axis of the lens and the zenith, degrees, even where it is too small for the
    lens to have an axis; a wrong place or a wrong clock looks like it. doubts: sentences that say why the lens may be
    wrong; empty where it is sure.
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
    circle = find_horizon(frames) if start is None else Horizon(*start.centre, start.horizon, 0.0)
    if circle is None:
        raise NorrskenError("The frames show no horizon circle; say where zenith and horizon are about.")
    spots = without_what_stays([find_spots(frame, circle) for frame in frames], times)
    if sum(len(of.xy) for of in spots) < 6:
        raise NorrskenError("The frames show no stars.")
    sky = sky_of(times, place)
    fits = [follow(fit, sky, spots, circle) for fit in search(sky, spots, circle, start)]
    best = max(fits, key=lambda fit: fit.score)
    other = max((fit.score for fit in fits if differ(fit, best)), default=0.0)
    return _finish(best, other, sky, spots, circle, place)


def _finish(best: Fit, other: float, sky: Sky, spots: list[Spots], circle: Horizon, place: Place) -> Calibration:
    """The last rounds of the fit, with as many stars as there are spots. other: the score of the next best lens."""
    everything, sky = sky, as_deep(sky, spots)
    upright, pairs = _rounds(best, sky, spots, circle, tilt=False)
    try:
        tilted, others = _rounds(upright, sky, spots, circle, tilt=True)
    except NorrskenError:  # the few stars do not follow a tilt
        tilted, others = upright, pairs
    tilt, tilt_error = _tilt(tilted, others, circle)
    leans = _leans(tilted, others, circle)
    if leans:
        pairs = others
    best = scored(tilted if leans else upright, sky, spots, circle)
    lens = _lens(best)
    matched = _matched(lens, pairs)
    residual = float(np.sqrt(np.mean(off(lens, matched) ** 2)))
    width = _width(best, pairs, circle)
    halves = [_lens(adjust(best, pairs.of(slice(half, None, 2)), circle, width, leans)) for half in (0, 1)]
    error = _error(best, pairs, circle)
    stars = np.bincount(matched.frame, minlength=len(spots)).tolist()
    doubts = _chance_doubts(best, other, pairs)
    if _explained(best, everything, spots, circle) < _LEAST_EXPLAINED:
        doubts.append(
            "Most bright stars of the catalogue have no spot in the frames, and most clear spots are no star."
        )
    doubts += _doubts(matched, residual, error, float(apart(*halves).max()))
    if tilt - tilt_error > _MOST_TILT:
        doubts.append(_tilt_doubt(tilted, place))
    return Calibration(lens, residual, error, tilt, matched, stars, doubts)


def _rounds(fit: Fit, sky: Sky, spots: list[Spots], circle: Horizon, tilt: bool) -> tuple[Fit, Pairs]:
    """A lens fitted to all stars that it brings near to a spot, round after round, and these stars."""
    near = pixels(1.0, circle)
    for last in (False, False, False, False, True):
        pairs = match(fit, sky, spots, near)
        if len(pairs.xy) < 6:
            raise NorrskenError("No lens brings the stars of the catalogue to the spots in the frames.")
        fit = adjust(fit, pairs, circle, near / 4, tilt)
        if not last:
            near = 4 * _width(fit, pairs, circle)
    return fit, pairs


def _width(fit: Fit, pairs: Pairs, circle: Horizon) -> float:
    """The distance from its place from which a star counts less, pixels."""
    return float(np.clip(deviation(fit, pairs), pixels(0.25, circle) / 4, pixels(1.0, circle) / 4))


def _leans(tilted: Fit, pairs: Pairs, circle: Horizon) -> bool:
    """Whether stars say without doubt that the axis of the lens is not the zenith. pairs: those of the tilted lens."""
    tilt, error = _tilt(tilted, pairs, circle)
    if tilt < max(_LEAST_TILT, _CLEAR_TILT * error) or len(pairs.xy) < _TILT_STARS:
        return False
    level = tilted._replace(at=np.append(tilted.at[:5], [0, 0]))
    upright = adjust(level, pairs, circle, _width(tilted, pairs, circle))
    better = deviation(tilted, pairs) < _TILT_BETTER * deviation(upright, pairs)
    return better and _error(tilted, pairs, circle) < _MOST_ERROR


def _lens(fit: Fit) -> Lens:
    """The lens as the configuration has it: pixels and degrees with two decimals, α with three."""
    x, y, scale, bend_squared, north, *lean = fit.at
    bend = float(np.sqrt(np.clip(bend_squared, 0, 1)))
    bent = bend >= _LEAST_BEND
    horizon = scale * reach(QUARTER, bend_squared if bent else 0.0)
    kind = {"projection": "sine", "alpha": round(bend, 3)} if bent else {"projection": "equidistant"}
    across, down = axis(fit.at)
    return Lens(
        zenith=(round(float(x), 2), round(float(y), 2)),
        axis=(round(float(across), 2), round(float(down), 2)) if any(lean) else None,
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


def _error(fit: Fit, pairs: Pairs, circle: Horizon) -> float:
    """The formal error of directions in the crop where it is largest, degrees: one standard deviation."""
    draws = np.random.default_rng(0).multivariate_normal(fit.at, covariance(fit, pairs, circle), 30)
    lens = _lens(fit)
    return float(np.sqrt(np.mean([apart(lens, _lens(fit._replace(at=draw))) ** 2 for draw in draws], axis=0)).max())


def _tilt(fit: Fit, pairs: Pairs, circle: Horizon) -> tuple[float, float]:
    """The angle between the axis of a lens and the zenith, degrees, and its formal error."""
    error = np.sqrt(np.trace(covariance(fit, pairs, circle)[5:, 5:]))
    return float(np.degrees(lean(fit.at)[0])), float(np.degrees(error))


def _tilt_doubt(fit: Fit, place: Place) -> str:
    """What else than a tilt of the camera would move the zenith among the stars as far as it was found to be."""
    tilt, towards = lean(fit.at)
    wrong = f"the place is wrong by about {round(np.degrees(tilt) * 111, -1):.0f} km"
    # The clock turns the sky around the pole, which moves the zenith to the east or to the west.
    if abs(np.sin(towards - fit.at[4])) > 0.7:
        minutes = 4 * np.degrees(tilt) / np.cos(np.radians(place.latitude))
        wrong += f" or the clock by about {round(minutes, -1):.0f} minutes"
    return f"The camera stands tilted by {np.degrees(tilt):.1f}°, or {wrong}: no star tells which. Check them."


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
    # Frames of other exposures show the same star brighter or fainter: each is compared with its own mean.
    frame, light = pairs.sky.frame, np.log(pairs.brightness)
    magnitude, light = (value - _mean(value, frame)[frame] for value in (pairs.sky.magnitude, light))
    if len(pairs.xy) > 5 and not spearmanr(magnitude, light)[0] < -_LEAST_RANK:
        doubts.append("The bright stars of the catalogue do not meet the bright spots of the frames.")
    return doubts


def _mean(value: Field, frame: NDArray[np.int64]) -> Field:
    """The mean of a value of stars in each frame."""
    return np.asarray(np.bincount(frame, value) / np.maximum(np.bincount(frame), 1))


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
