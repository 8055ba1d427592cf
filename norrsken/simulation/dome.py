"""What lies on the dome before the lens, close to it and out of focus: snow, and frost that grows from its rim."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.lens import Lens
from norrsken.simulation.sky import town_glow
from norrsken.simulation.textures import smoothstep, texture
from norrsken.simulation.weather import Weather

Field = NDArray[np.float32]

#: Side of the picture of the dome's crystals, in cells of the sky.
_SIDE = 256


def covered(weather: Weather, at: int, lens: Lens) -> Field | None:
    """How much of the light the snow or frost on the dome spreads, 0…1: (231, 231), or None where there is none."""
    share = float(weather.snow[at])
    if share <= 0.02:
        return None
    size = lens.grid.radius.shape
    clumps = texture(weather.seed + 2, 12, 2.4)[: size[0], : size[1]]
    if weather.frost:
        grown = lens.grid.radius - 1 + np.float32(0.1) * clumps
        edge = -0.12 - share  # what spoils a frame is to reach into the crop
        crystals = cv2.resize(_crystals(weather.seed % 4), size)
        # Behind its edge the frost closes: single ferns, then a rough sheet.
        closed = smoothstep(grown, edge - 0.02, edge + 0.3)
        ferns = smoothstep(grown, edge - 0.16, edge + 0.04) * crystals
        return np.asarray(
            np.float32(0.9) * np.maximum(ferns, closed * (np.float32(0.4) + np.float32(0.6) * crystals)), np.float32
        )
    least = 2.0 - 4 * share
    sheet = smoothstep(clumps, least, least + 0.8)
    flakes = cv2.resize(_flakes(weather.seed % 4), size) * smoothstep(clumps, least - 1.0, least)
    return np.asarray(np.float32(0.92) * cv2.GaussianBlur(np.maximum(sheet, flakes), (0, 0), 1.3), np.float32)


def snow_on_dome(light: Field, snow: Field, lens: Lens, town: Field) -> Field:
    """The light through a dome with snow or frost, which lets through a blurred, dimmed sky and catches town light.

    light: (231, 231, 3). snow: as `covered` gives it. town: colour of the town's light, (3,).
    """
    size = light.shape[1], light.shape[0]
    lit = cv2.GaussianBlur(cv2.resize(light, (58, 58), interpolation=cv2.INTER_AREA), (0, 0), 4)
    # Snow on the dome is near: other lamps than the town's light it, too, so that it is whiter than cloud.
    lit = cv2.resize(lit, size) * np.float32(0.75) + _town_on_dome(lens) * (0.4 * town + np.float32(0.6) * town.mean())
    return np.asarray(light + (lit - light) * snow[..., None], np.float32)


@lru_cache(CAMERAS_KEPT)
def _town_on_dome(lens: Lens) -> Field:
    """Light of the town that snow scatters into the lens, more on the side of the town: (231, 231, 1)."""
    return np.asarray(
        (np.float32(0.018) + cv2.GaussianBlur(town_glow(lens), (0, 0), 18) * np.float32(0.6))[..., None], np.float32
    )


@lru_cache(maxsize=4)
def _crystals(kind: int) -> Field:
    """Ferns of frost, each with six arms that branch at 60°, out of focus: (256, 256), 0…1."""
    random = np.random.default_rng([kind, 0xF057])
    picture = np.zeros((_SIDE, _SIDE), np.float32)
    for x, y, size, turn in zip(
        *random.uniform(0, _SIDE, (2, 130)), random.gamma(4, 5, 130), random.uniform(0, np.pi / 3, 130), strict=True
    ):
        for arm in turn + np.arange(6) * np.pi / 3:
            _line(picture, x, y, arm, size)
            for along in np.arange(0.25, 1, 0.2):
                for side in (-np.pi / 3, np.pi / 3):
                    start = x + along * size * np.cos(arm), y + along * size * np.sin(arm)
                    _line(picture, *start, arm + side, 0.45 * size * (1 - along))
    picture = cv2.GaussianBlur(picture, (0, 0), 0.9)
    return np.asarray(np.clip(picture / np.percentile(picture, 97), 0, 1), np.float32)


@lru_cache(maxsize=4)
def _flakes(kind: int) -> Field:
    """Single flakes, round as what is out of focus is: (256, 256), 0…1."""
    random = np.random.default_rng([kind, 0x5F1A])
    picture = np.zeros((_SIDE, _SIDE), np.float32)
    for x, y, radius, bright in zip(
        *random.uniform(0, _SIDE, (2, 900)), random.gamma(3, 0.6, 900), random.uniform(0.3, 1, 900), strict=True
    ):
        cv2.circle(picture, (round(x * 8), round(y * 8)), round(radius * 8), float(bright), -1, cv2.LINE_AA, 3)
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8), 0, 1), np.float32)


def _line(picture: Field, x: float, y: float, direction: float, length: float) -> None:
    end = x + length * np.cos(direction), y + length * np.sin(direction)
    points = [(round(8 * a), round(8 * b)) for a, b in ((x, y), end)]
    cv2.line(picture, points[0], points[1], 1.0, 1, cv2.LINE_8, 3)
