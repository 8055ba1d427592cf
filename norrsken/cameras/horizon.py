"""The horizon circle of an all-sky camera: the round edge of the sky in its frames, before the dark surround."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from norrsken.config.lens import LEAST_HORIZON

Field = NDArray[np.float64]

#: The longest side on which the circle is looked for, pixels: its edge is never sharper than that.
_SIDE = 720

#: How far from the circle a point of the edge may lie, as a share of the radius: skylines and lamps lie farther off.
_NEAR = 0.012

#: The edge must be seen on this share of the circle as far as it lies in the picture, or on this share of the whole.
_LEAST_SEEN, _LEAST_WHOLE = 0.5, 0.45

#: The least share of the whole circle that must lie in the picture.
_LEAST_INSIDE = 0.35

#: Rays from the centre along which the edge is looked for.
_RAYS = 360

#: The least step of brightness at the edge, levels.
_LEAST_STEP = 2.0


class Horizon(NamedTuple):
    """A circle in the frame. x, y: its centre, radius: pixels, with pixel centres at whole numbers.

    sure: the share of the circle, as far as it lies in the picture, along which the edge of the sky is seen, 0…1.
    """

    x: float
    y: float
    radius: float
    sure: float


def find_horizon(frames: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Horizon | None:
    """The horizon circle in raw frames of one camera, or None where there is none: a picture full of sky, a landscape.

    frames: (n, h, w, 3) uint8. The circle may be cut off by the picture's edges; the surround may be black or grey.
    """
    step = max(1, round(max(frames[0].shape[:2]) / _SIDE))
    picture = _brightest(frames, step)
    best, most = None, 0.0
    for circle in _candidates(picture):
        found, whole = _refine(picture, circle)
        # The edge of an aurora can be a perfect arc: a circle that is seen all around goes before.
        if found is not None and whole > most:
            best, most = found, whole
    if best is None or best.radius * step < LEAST_HORIZON or (best.sure < _LEAST_SEEN and most < _LEAST_WHOLE):
        return None
    x, y = ((value + 0.5) * step - 0.5 for value in best[:2])
    return Horizon(x, y, best.radius * step, best.sure)


def _brightest(frames: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], step: int) -> NDArray[np.float32]:
    """The brightest level of each pixel in all frames, without letters and stars: (h / step, w / step)."""
    height, width = (side // step for side in frames[0].shape[:2])
    highest = np.zeros((height, width), np.uint8)
    for frame in frames:
        part = np.ascontiguousarray(frame[: height * step, : width * step].max(axis=2))
        small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        # The median takes away what is thin: letters, stars, hot pixels; it keeps edges where they are.
        highest = np.maximum(highest, cv2.medianBlur(small, 7))
    return highest.astype(np.float32)


def _candidates(picture: NDArray[np.float32]) -> list[Field]:
    """Circles (x, y, radius) around what is not as bright as the corners, for several thresholds."""
    height, width = picture.shape
    side = max(4, min(height, width) // 24)
    corners = [picture[rows, columns] for rows in _ends(side) for columns in _ends(side)]
    surround = float(np.median([np.median(corner) for corner in corners]))
    away = np.abs(picture - surround)
    highest = float(np.percentile(away, 95))
    circles = []
    for level in np.unique(np.round(np.geomspace(2, max(highest * 0.7, 3), 7), 1)):
        part = _largest((away > level).astype(np.uint8))
        if part is None:
            continue
        points = _outline(part)
        circle = _ransac(points, height, width) if len(points) >= 30 else None
        if circle is not None:
            circles.append(circle)
    return circles


def _ends(side: int) -> tuple[slice, slice]:
    return slice(None, side), slice(-side, None)


def _largest(mask: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The largest connected part of a mask, closed; None where it is less than 5 % of the picture."""
    closed = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if len(stats) < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    if stats[largest, cv2.CC_STAT_AREA] < 0.05 * mask.size:
        return None
    return np.asarray(labels == largest, np.uint8)


def _outline(part: NDArray[np.uint8]) -> Field:
    """Points of the outer outline of a part that do not lie at the picture's border: (n, 2)."""
    height, width = part.shape
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(outlines, key=len)[:, 0].astype(np.float64)
    x, y = points.T
    inside = (x > 3) & (x < width - 4) & (y > 3) & (y < height - 4)
    return np.asarray(points[inside])


def _through(points: Field) -> Field:
    """The circle (x, y, radius) that fits points (n, 2) best in the algebraic sense."""
    matrix = np.column_stack([2 * points, np.ones(len(points))])
    x, y, c = np.linalg.lstsq(matrix, (points**2).sum(axis=1), rcond=None)[0]
    return np.array([x, y, np.sqrt(max(c + x * x + y * y, 0))])


def _plausible(circle: Field, height: int, width: int) -> bool:
    """Whether the centre lies well in the picture and the circle is neither tiny nor far larger than the picture."""
    x, y, radius = circle
    middle = 0.15 * width < x < 0.85 * width and 0.15 * height < y < 0.85 * height
    return bool(middle and 0.2 * min(height, width) < radius < 0.75 * max(height, width))


def _ransac(points: Field, height: int, width: int) -> Field | None:
    """The circle near which most points lie, of 200 drawn through three of them; always the same draws."""
    random = np.random.default_rng(0)
    best, most = None, 0
    for chosen in random.integers(0, len(points), (200, 3)):
        circle = _through(points[chosen])
        if not _plausible(circle, height, width):
            continue
        near = np.abs(np.hypot(*(points - circle[:2]).T) - circle[2]) < _NEAR * circle[2]
        if near.sum() > most:
            best, most = near, int(near.sum())
    return None if best is None or most < 20 else _through(points[best])


def _refine(picture: NDArray[np.float32], circle: Field) -> tuple[Horizon | None, float]:
    """The circle through the steepest fall of brightness along rays, near a first circle; the share of it that is seen.

    This is a share of the whole circle, with what lies outside the picture.
    """
    height, width = picture.shape
    angle = np.arange(_RAYS) * (2 * np.pi / _RAYS)
    rays = np.column_stack([np.cos(angle), np.sin(angle)])
    share = whole = 0.0
    for reach in (0.08, 0.04, 0.03):
        edge, step = _edges(picture, circle, rays, reach)
        inside = np.isfinite(step)
        # On most of the circle, the sky is either brighter than the surround or darker.
        way = 1.0 if np.nanmedian(np.where(inside, step, np.nan)) >= 0 else -1.0
        seen = inside & (way * np.nan_to_num(step) > _LEAST_STEP)
        if inside.mean() < _LEAST_INSIDE or seen.sum() < 20:
            return None, 0.0
        points = circle[:2] + edge[seen, None] * rays[seen]
        circle = _fit(points, circle)
        if not _plausible(circle, height, width):
            return None, 0.0
        near = np.abs(np.hypot(*(points - circle[:2]).T) - circle[2]) < _NEAR * circle[2]
        share, whole = float(near.sum() / inside.sum()), float(near.sum() / _RAYS)
    return Horizon(float(circle[0]), float(circle[1]), float(circle[2]), share), whole


def _edges(picture: NDArray[np.float32], circle: Field, rays: Field, reach: float) -> tuple[Field, Field]:
    """For each ray: the distance from the centre at which brightness changes, and how much it falls there.

    reach: how far from the circle is looked, as a share of the radius. NaN where the ray leaves the picture before.
    """
    height, width = picture.shape
    x, y, radius = circle
    distance = np.arange(radius * (1 - reach) - 2, radius * (1 + reach) + 3)
    at = [(x + distance * rays[:, :1]).astype(np.float32), (y + distance * rays[:, 1:]).astype(np.float32)]
    levels = cv2.remap(picture, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    fall = levels[:, :-4] - levels[:, 4:]
    # The eye sees ratios: a lamp before the edge shall not outweigh the edge of a dark sky.
    relative = fall / np.sqrt(np.maximum(levels[:, :-4] + levels[:, 4:], 4))
    # The outermost of the strong changes: a skyline lies inside the circle, and it is not round.
    strong = np.abs(relative) >= 0.5 * np.abs(relative).max(axis=1, keepdims=True)
    last = strong.shape[1] - 1 - strong[:, ::-1].argmax(axis=1)
    after = np.arange(strong.shape[1]) >= last[:, None] - 4
    where = np.where(after, np.abs(relative), 0).argmax(axis=1)
    ray = np.arange(len(rays))
    step: Any = fall[ray, where].astype(np.float64)
    ends = np.array([x, y]) + radius * rays
    out = (ends[:, 0] < 4) | (ends[:, 0] > width - 5) | (ends[:, 1] < 4) | (ends[:, 1] > height - 5)
    return distance[where + 2], np.where(out, np.nan, step)


def _fit(points: Field, circle: Field) -> Field:
    """The circle near points (n, 2), by least squares in which points far off count little."""

    def off(at: Field) -> Field:
        return np.asarray(np.hypot(*(points - at[:2]).T) - at[2])

    return np.asarray(least_squares(off, circle, loss="cauchy", f_scale=0.004 * circle[2] + 0.5).x)
