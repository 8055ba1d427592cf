"""What stands around the camera and hides the lowest sky. All of it is invented, and decided by the camera alone."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from norrsken.config.site import Skyline
from norrsken.lens import CAMERAS_KEPT
from norrsken.simulation.lens import Lens

Field = NDArray[np.float32]
Heights = NDArray[np.float64]

#: Azimuths in which a skyline is worked out.
_AZIMUTHS = 7200

#: Share of the sky's light that the ground and what stands on it send back: snow in the dark of trees and walls.
_ALBEDO = {"roofs": 0.0, "trees": 0.05, "hill": 0.3, "buildings": 0.12, "none": 0.0}


@lru_cache(CAMERAS_KEPT)
def open_sky(lens: Lens, kind: Skyline) -> Field:
    """1 where the sky is seen, 0 beyond the horizon circle and where something stands before it, with soft edges: on
    the pixels of the window that lie in the frame, for each colour.
    """
    fine = lens.directions(lens.side)
    azimuth = np.arctan2(fine.east, fine.north)
    if kind == "roofs":
        skyline = 0.985 - 0.006 * (1 + np.sin(3 * azimuth + 1)) - 0.05 * np.exp(-(((azimuth - 1.9) / 0.1) ** 4))
    else:
        skyline = np.full_like(azimuth, 0.99)
    inside = np.clip((skyline - fine.radius) * lens.projection.horizon / 3 + 0.5, 0, 1)
    if kind not in ("roofs", "none"):
        height = heights(lens, kind)[(azimuth * np.float32(_AZIMUTHS / (2 * np.pi))).astype(int) % _AZIMUTHS]
        pixels = (np.pi / 2 - height - fine.zenith) * lens.projection.scale
        inside = np.minimum(inside, np.clip(pixels / 2 + 0.5, 0, 1))
    return np.repeat(inside[lens.in_window][..., None], 3, axis=2).astype(np.float32)


@lru_cache(CAMERAS_KEPT)
def ground(lens: Lens, kind: Skyline) -> Field | None:
    """How bright what hides the sky is beside the whole sky, on the same pixels, for each colour; None where black."""
    if not _ALBEDO[kind]:
        return None
    before = open_sky(lens, "none") - open_sky(lens, kind)
    return np.asarray(np.float32(_ALBEDO[kind]) * before, np.float32)


@lru_cache(CAMERAS_KEPT)
def heights(lens: Lens, kind: Skyline) -> Heights:
    """How high the skyline stands, radians, in 7,200 azimuths from the site's `up` by east."""
    x, y = lens.projection.zenith
    random = np.random.default_rng(
        [lens.width, lens.height, round(10 * x), round(10 * y), round(lens.projection.horizon)]
    )
    azimuth: Heights = np.linspace(0, 2 * np.pi, _AZIMUTHS, endpoint=False)
    rolling = sum(
        random.normal(0, 1 / k) * np.sin(k * azimuth + random.uniform(0, 2 * np.pi)) for k in range(1, 9)
    ) * np.ones(_AZIMUTHS)
    height = np.full(_AZIMUTHS, 0.5)
    if kind == "hill":
        away = _away(azimuth, random.uniform(0, 2 * np.pi))
        height = np.maximum(1.2 + 0.7 * rolling + random.uniform(8, 15) * np.exp(-((away / 0.8) ** 2)), 0.5)
    elif kind == "trees":
        height = np.maximum(1.5 + 0.8 * rolling, 0.5)
        # In groups, with gaps between them.
        stands = random.choice(random.uniform(0, 2 * np.pi, 14), 130) + random.normal(0, 0.11, 130)
        for middle, tall in zip(stands, random.gamma(3.5, 1.4, 130), strict=True):
            away = _away(azimuth, middle)
            # A spruce: narrow, with its branches in steps.
            step = 1 + 0.25 * np.sin(away * random.uniform(300, 500))
            height = np.maximum(height, tall + 1 - np.degrees(away) * step * random.uniform(3.0, 5.0))
    elif kind == "buildings":
        for start, wide, tall in zip(
            random.uniform(0, 2 * np.pi, 9), random.uniform(0.1, 0.5, 9), random.gamma(4, 2.2, 9), strict=True
        ):
            height = np.where((azimuth - start) % (2 * np.pi) < wide, np.maximum(height, tall), height)
        mast = random.uniform(0, 2 * np.pi)
        height = np.where((azimuth - mast) % (2 * np.pi) < 0.012, 14, height)
    return np.asarray(np.radians(height), np.float64)


def _away(azimuth: Heights, from_one: float) -> Heights:
    """How far azimuths are from one, radians."""
    return np.abs((azimuth - from_one + np.pi) % (2 * np.pi) - np.pi)
