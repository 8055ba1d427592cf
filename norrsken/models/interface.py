"""What every classifier can do, and what its file says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from norrsken.config.base import Settings
from norrsken.config.jobs import RunSettings
from norrsken.config.site import FrameSource


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of n inputs.

    probabilities: (n, classes) float32 in class order, rows sum to 1. embeddings: (n, m) float32, what enters the last
    layer; None where the model has none. maps: (n, k) float32, mean and deviation of each map that comes out of the
    layers that were asked for; None where none were.
    """

    probabilities: NDArray[np.float32]
    embeddings: NDArray[np.float32] | None
    maps: NDArray[np.float32] | None = None


class Card(Settings):
    """What a model's file says: enough to use it on other frames, and to refuse frames that do not fit it.

    extractor: digest of the network that computes the model's features; None where no network does.
    """

    classes: list[str]
    run: RunSettings
    split: str
    seed: int
    frames: FrameSource
    extractor: str | None
    program_version: str


#: One row for each epoch: epoch, learning_rate, train_loss, validation_…, images_per_second, seconds.
History = Sequence[dict[str, float]]


class Classifier(Protocol):
    """A classifier of processed frames, or of their features where its settings name some.

    Inputs are (n, 128, 128, 3) uint8 or (n, m) float32, and `Stacks` of such for a sequence; labels are (n,) codes in
    class order. What is trained with cross-entropy takes votes too: (n, classes) float32, how much each class counts
    for each input.
    """

    suffix: str
    """The suffix of the model's file: `.safetensors` or `.skops`."""

    device: str
    """The name of the device on which it runs, for the record."""

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""

    @property
    def stock_parameters(self) -> int | None:
        """Parameters of the network as published, with 1,000 outputs, which Table 2 of the paper counts."""

    @property
    def converged(self) -> bool:
        """Whether the training came to its end, rather than was cut off."""

    def fit(
        self,
        inputs: Any,
        labels: NDArray[Any],
        kept_out: NDArray[np.bool_] | None = None,
        checkpoint: Path | None = None,
    ) -> History:
        """Train; return the history, empty where there are no epochs.

        kept_out: (n,), inputs that are not trained on, and only serve to follow the training; None: there are none.
        checkpoint: a file from which a stopped training goes on, and which is kept up to date; the caller removes it.
        """

    def predict(self, inputs: Any, layers: Sequence[str] = ()) -> Prediction:
        """layers: of a network, whose maps are told too; others have none."""

    def save(self, path: Path, card: Card) -> None:
        """Write the trained model with its card."""

    def load(self, path: Path) -> None:
        """Read the model from a file that `save` has written."""
