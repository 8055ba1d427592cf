"""What every classifier can do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """probabilities: (n, 7) float32 in class order, rows sum to 1. embeddings: (n, m) float32 before the last layer."""

    probabilities: NDArray[np.float32]
    embeddings: NDArray[np.float32] | None


class Classifier(Protocol):
    """A classifier of processed frames, or of their features where its settings name some.

    Inputs are (n, 128, 128, 3) uint8 or (n, m) float32; labels are (n,) codes in class order.
    """

    suffix: str
    """Of the model's file: `.safetensors` or `.skops`."""

    device: str
    """Where it runs, for the record."""

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""

    def fit(self, inputs: NDArray[Any], labels: NDArray[np.int64]) -> Sequence[Mapping[str, float]]:
        """Train; return the history, a row an epoch, empty where there are none."""

    def predict(self, inputs: NDArray[Any]) -> Prediction: ...

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        """Write the trained model; `about` goes into the file where its format has a place for it."""
