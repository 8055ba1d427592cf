"""What is measured in a frame for the sky's condition: brightness, colours and structure, stars, glare and beams."""

import cv2
import numpy as np
from numpy.typing import NDArray

#: What is measured in a frame, in this order. All are logarithms but the last two.
MEASURES = (
    "dark",  # luminance below which 5, 50, 90, 99 % of the pixels lie
    "middle",
    "bright",
    "high",
    "red",  # of all pixels, red and blue beside green
    "blue",
    "red_dark",  # likewise of their dark quarter
    "blue_dark",
    "coarse",  # deviation of the luminance between blocks of 16 pixels, beside its mean
    "medium",  # likewise of blocks of 4 pixels from their surroundings
    "fine",  # likewise of pixels from their 3 × 3 median: noise
    "edge",  # luminance at the edge of the crop beside that of its middle
    "glare",  # luminance of the brightest block of 16 pixels beside the middle one
    "red_glare",  # red and blue beside green in that block
    "blue_glare",
    "beam",  # excess of green above which 0.3 % of the pixels lie, in what is thinner than 5 pixels: a laser
    "stars",  # share of pixels that stand out from their surroundings by STAR
    "greenish",  # deviation of green less red, beside the luminance
    "unevenly",  # deviation of the root of that share of stars between blocks of 32 pixels
)

#: How many numbers the network of `sky_network` gives of a frame: what it sees, and the levels.
SEEN, LEVELS = 1280, 7
WIDTH = SEEN + LEVELS

#: A star stands out from its surroundings by at least this many levels.
STAR = 18


def measures(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Measure processed frames: (n, 128, 128, 3) uint8 → (n, m) in the order of `MEASURES`."""
    return np.array([_measure_one(frame) for frame in images]).reshape(len(images), len(MEASURES))


def _measure_one(frame: NDArray[np.uint8]) -> list[float]:
    """Measure one frame: with OpenCV, frame by frame, this is ten times as fast as with NumPy on all of them."""
    luminance = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    dark, quarter, middle, bright, high = _levels(luminance, [0.05, 0.25, 0.5, 0.9, 0.99])
    red, green, blue, _ = cv2.mean(frame)
    mask = cv2.compare(luminance, float(quarter), cv2.CMP_LE)
    red_dark, green_dark, blue_dark, _ = cv2.mean(frame, mask)
    blocks = cv2.resize(luminance, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.resize(luminance, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = float(blocks.mean()) + 1
    fine = float(cv2.absdiff(luminance, cv2.medianBlur(luminance, 3)).mean())
    medium = float(np.abs(small - cv2.blur(small, (5, 5))).mean())
    greenish = frame[::4, ::4, 1].astype(np.float32) - frame[::4, ::4, 0]
    inner, edge = float(blocks[2:-2, 2:-2].mean()), float((blocks.sum() - blocks[1:-1, 1:-1].sum()) / 28)
    coloured = cv2.resize(frame, (8, 8), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    red_glare, green_glare, blue_glare = coloured[blocks.argmax()].astype(np.float64)
    values = [dark + 1, middle + 1, bright + 1, high + 1, (red + 1) / (green + 1), (blue + 1) / (green + 1)]
    values += [(red_dark + 1) / (green_dark + 1), (blue_dark + 1) / (green_dark + 1)]
    values += [float(blocks.std()) / mean + 1e-3, medium / mean + 1e-3, fine / mean + 1e-3, (edge + 1) / (inner + 1)]
    values += [(blocks.max() + 1) / (np.median(blocks) + 1), (red_glare + 1) / (green_glare + 1)]
    stars = (_small(luminance) >= STAR).reshape(4, 32, 4, 32).mean(axis=(1, 3))
    values += [(blue_glare + 1) / (green_glare + 1), (_beam(frame) + 1) / mean, float(stars.mean()) + 1e-4]
    return [*np.log(values).tolist(), float(greenish.std()) / mean, float(np.sqrt(stars).std())]


def _beam(frame: NDArray[np.uint8]) -> float:
    """The excess of green in the thin lines of a frame."""
    red, green, blue = cv2.split(frame)
    return float(_levels(_small(cv2.blur(cv2.subtract(green, cv2.max(red, blue)), (3, 3))), [0.997])[0])


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What stands out from its surroundings and is narrower than 5 pixels."""
    narrow: NDArray[np.uint8] = cv2.morphologyEx(image, cv2.MORPH_TOPHAT, np.ones((5, 5), np.uint8))
    return narrow


def _levels(image: NDArray[np.uint8], shares: list[float]) -> NDArray[np.intp]:
    """The levels at or below which such shares of the pixels lie."""
    below = np.cumsum(cv2.calcHist([image], [0], None, [256], [0, 256])) / image.size
    return np.searchsorted(below, shares)
