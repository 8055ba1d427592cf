"""Points of light in the frames of an all-sky camera: stars, and what looks like them."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from norrsken.cameras.horizon import Horizon

Field = NDArray[np.float64]

#: Longer frames are made smaller by a whole number, to at most this side: a pixel is then 0.12°, and a tenth is enough.
_SIDE = 1600

#: A spot stands out by so many times the noise around it.
_LEAST_CLEAR = 4.0

#: Of more spots in a frame, the clearest are kept.
MOST_SPOTS = 400

#: Spots that stay within so many pixels while the sky turned by so many degrees are hot pixels, lamps or letters.
_STAYS, _TURNED = 1.2, 4.0


class Spots(NamedTuple):
    """Spots in a frame, the clearest first: xy (n, 2) pixels, brightness and how far it is above the noise, (n,)."""

    xy: Field
    brightness: Field
    clear: Field

    def of(self, kept: NDArray[np.bool_] | slice) -> "Spots":
        return Spots(self.xy[kept], self.brightness[kept], self.clear[kept])


def find_spots(frame: NDArray[np.uint8], circle: Horizon) -> Spots:
    """The points of light in a frame inside the horizon circle."""
    step = -(-max(frame.shape[:2]) // _SIDE)
    grey = frame.astype(np.float32).mean(axis=2)
    if step > 1:
        height, width = (side // step for side in grey.shape)
        grey = cv2.resize(grey[: height * step, : width * step], (width, height), interpolation=cv2.INTER_AREA)
    sharp = cv2.GaussianBlur(grey, (0, 0), 1.0)
    above = sharp - cv2.GaussianBlur(grey, (0, 0), 4.0)
    usual = float(np.mean(np.abs(above)))
    # Bright stars are no noise of their neighbours; 1.25 makes a mean deviation a standard deviation.
    noise = 1.25 * cv2.blur(np.minimum(np.abs(above), 4 * usual), (31, 31)) + 0.05
    y, x = np.nonzero((above == cv2.dilate(above, np.ones((5, 5)))) & (above > _LEAST_CLEAR * noise))
    edge = (x > 1) & (x < above.shape[1] - 2) & (y > 1) & (y < above.shape[0] - 2)
    place = np.column_stack([x, y]) * step + (step - 1) / 2
    inside = np.hypot(*(place - [circle.x, circle.y]).T) < 0.97 * circle.radius
    x, y = x[edge & inside], y[edge & inside]
    right, down = (sharp[y, x + 1] - sharp[y, x - 1]) / 2, (sharp[y + 1, x] - sharp[y - 1, x]) / 2
    xx = sharp[y, x + 1] + sharp[y, x - 1] - 2 * sharp[y, x]
    yy = sharp[y + 1, x] + sharp[y - 1, x] - 2 * sharp[y, x]
    xy = (sharp[y + 1, x + 1] + sharp[y - 1, x - 1] - sharp[y + 1, x - 1] - sharp[y - 1, x + 1]) / 4
    with np.errstate(divide="ignore", invalid="ignore"):
        # A star is as sharp along as across; a streak, a letter or the edge of a cloud is not.
        round_ = (xx < 0) & (yy < 0) & ((xx + yy) ** 2 < 8 * (xx * yy - xy * xy))
        centre = np.column_stack([x - np.clip(right / xx, -0.7, 0.7), y - np.clip(down / yy, -0.7, 0.7)])
    clear = (above / noise)[y, x]
    order = np.argsort(-clear[round_])[:MOST_SPOTS]
    found = Spots(centre * step + (step - 1) / 2, above[y, x].astype(np.float64), clear.astype(np.float64))
    return Spots(*(column[round_][order] for column in found))


def without_what_stays(spots: list[Spots], times: NDArray[np.int64]) -> list[Spots]:
    """The spots without those that stay where they are while the sky turns: hot pixels, lamps, letters."""
    turned = (times[:, None] - times) / 86_164_091 * 360 % 360
    far = np.minimum(turned, 360 - turned) > _TURNED
    trees = [cKDTree(of.xy) if len(of.xy) else None for of in spots]
    kept = []
    for number, of in enumerate(spots):
        others = [trees[other] for other in np.flatnonzero(far[number])]
        stays = np.zeros(len(of.xy))
        for tree in others:
            if tree is not None and len(of.xy):
                stays += tree.query(of.xy)[0] < _STAYS
        # A star comes by chance where another was, now and then; a hot pixel is seen in most frames.
        kept.append(of.of(stays < max(1, len(others) / 3)))
    return kept
