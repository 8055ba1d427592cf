"""How near a frame is to those that a network was trained on, in what its layers see of it.

The distance is that of Mahalanobis over mean and deviation of each map of several layers, as Lee et al. (2018, arXiv
1807.03888) use it to find images of another kind; the covariance is that of Ledoit & Wolf (2004). It is told as a
share: of familiar frames, through cameras that the network has not seen, those that lie farther out than this one.
"""

import os

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from norrsken.files import written_aside

Floats = NDArray[np.float32]


class Familiarity:
    """Where the maps of training frames lie, and how far away those of other familiar frames are.

    mean, scale: of the logarithm of each number that the maps give, (m,). axes: (m, m), which turn what is scaled so
    that its squares add up to the square of the distance. distances: (q,), of familiar frames, rising.
    """

    def __init__(self, mean: Floats, scale: Floats, axes: Floats, distances: Floats) -> None:
        self._mean, self._scale, self._axes, self._distances = mean, scale, axes, distances

    @classmethod
    def fit(cls, trained: Floats, familiar: Floats) -> "Familiarity":
        """trained: (n, m), `Prediction.maps` of training frames. familiar: (q, m), of frames of other cameras."""
        from sklearn.covariance import LedoitWolf

        logarithms = _logarithms(trained)
        mean, scale = logarithms.mean(axis=0), logarithms.std(axis=0) + np.float32(1e-6)
        precision = LedoitWolf(assume_centered=True).fit((logarithms - mean) / scale).precision_
        axes = np.linalg.cholesky(precision.astype(np.float64)).astype(np.float32)
        found = cls(mean, scale, axes, np.empty(0, np.float32))
        return cls(mean, scale, axes, np.sort(found.distance(familiar)))

    def distance(self, maps: Floats) -> Floats:
        """Distances of Mahalanobis: (n, m) → (n,)."""
        return np.asarray(np.linalg.norm((_logarithms(maps) - self._mean) / self._scale @ self._axes, axis=1))

    def of(self, maps: Floats) -> Floats:
        """The share of familiar frames that lie farther out: (n, m) → (n,), from 1, in the middle, to 0."""
        nearer = np.searchsorted(self._distances, self.distance(maps))
        return np.asarray(1 - nearer / len(self._distances), np.float32)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Familiarity":
        return cls(**load_file(path))

    def arrays(self) -> dict[str, Floats]:
        """What it consists of, by name: the arguments of the class."""
        found = {"mean": self._mean, "scale": self._scale, "axes": self._axes, "distances": self._distances}
        return {name: np.ascontiguousarray(array, np.float32) for name, array in found.items()}

    def write(self, path: str | os.PathLike[str]) -> None:
        with written_aside(path) as temporary:
            save_file(self.arrays(), temporary)


def _logarithms(maps: Floats) -> Floats:
    """Means and deviations are spread over orders of magnitude; means may be a little below 0."""
    return np.asarray(np.log1p(np.maximum(maps, 0)), np.float32)
