"""How near a frame is to those that a classifier was trained on, in the features that its network has of it.

The distance is that of Mahalanobis, as Lee et al. (2018, arXiv 1807.03888) use it against frames of another kind. It is
told as a share: of frames through cameras that the classifier has not seen, which lie farther out than this one.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from norrsken.files import written_aside

Floats = NDArray[np.float32]


class Familiarity:
    """Where the features of training frames lie, and how far away those of other familiar frames are.

    mean: (m,). axes: (m, k), directions in which the features of training frames have the deviation 1. distances: (q,),
    of frames of cameras that the classifier has not seen, rising.
    """

    def __init__(self, mean: Floats, axes: Floats, distances: Floats) -> None:
        self._mean, self._axes, self._distances = mean, axes, distances

    @classmethod
    def fit(cls, features: Floats, others: Floats, directions: int) -> "Familiarity":
        """features: (n, m), of training frames. others: (q, m), of frames of other cameras. directions: k."""
        unit = _unit(features)
        mean = unit.mean(axis=0)
        _, deviations, axes = np.linalg.svd(unit - mean, full_matrices=False)
        scale = np.sqrt(len(features)) / np.maximum(deviations[:directions], 1e-6)
        found = cls(mean, np.ascontiguousarray(axes[:directions].T * scale, np.float32), np.empty(0, np.float32))
        return cls(found._mean, found._axes, np.sort(found.distance(others)))

    def distance(self, features: Floats) -> Floats:
        """Distances of Mahalanobis: (n, m) → (n,)."""
        return np.asarray(np.linalg.norm((_unit(features) - self._mean) @ self._axes, axis=1), np.float32)

    def of(self, features: Floats) -> Floats:
        """The share of familiar frames that lie farther out: (n, m) → (n,), from 1, in the middle, to 0."""
        nearer = np.searchsorted(self._distances, self.distance(features))
        return np.asarray(1 - nearer / len(self._distances), np.float32)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Familiarity":
        return cls(**load_file(path))

    def write(self, path: str | os.PathLike[str]) -> None:
        with written_aside(path) as temporary:
            save_file({"mean": self._mean, "axes": self._axes, "distances": self._distances}, Path(temporary))


def _unit(features: Floats) -> Floats:
    """Features without their length, which tells how strong a form is rather than which: (n, m) → (n, m)."""
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6), np.float32)
