"""The baselines of section 3.1: nearest neighbours and a linear support vector machine, with scikit-learn."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from norrsken.config.models import LinearSvm, NearestNeighbours
from norrsken.files import to_json, written_aside
from norrsken.models.interface import Card, Prediction

#: The card in a skops file, which is a zip archive.
CARD = "norrsken.json"


class ScikitClassifier:
    """A scikit-learn estimator as a `Classifier`."""

    suffix = ".skops"
    device = "cpu"
    stock_parameters = None

    def __init__(
        self,
        estimator: Any,
        classes: int,
        probabilities: Callable[[Any, NDArray[np.float32]], NDArray[Any]],
        parameters: Callable[[Any], int],
    ) -> None:
        """A classifier of this estimator. classes: how many there are, also of those without training frames.

        probabilities: (estimator, inputs) → (n, number of classes seen). parameters: estimator → how many it has.
        """
        self.estimator, self._classes = estimator, classes
        self._probabilities, self._parameters = probabilities, parameters

    @property
    def parameters(self) -> int:
        return self._parameters(self.estimator)

    @property
    def converged(self) -> bool:
        """Whether scikit-learn ended before `max_iter`, where it stops in any case; neighbours need no training."""
        steps = getattr(self.estimator, "n_iter_", None)
        return steps is None or bool(np.max(steps) < self.estimator.max_iter)

    def fit(
        self,
        inputs: NDArray[np.float32],
        labels: NDArray[np.int64],
        kept_out: NDArray[np.bool_] | None = None,
        checkpoint: Path | None = None,
    ) -> list[dict[str, float]]:
        if kept_out is not None:
            inputs, labels = inputs[~kept_out], labels[~kept_out]
        self.estimator.fit(inputs, labels)
        return []

    def predict(self, inputs: NDArray[np.float32], layers: Sequence[str] = ()) -> Prediction:
        # A class without a training frame has probability 0.
        probabilities = np.zeros((len(inputs), self._classes), np.float32)
        probabilities[:, self.estimator.classes_] = self._probabilities(self.estimator, inputs)
        return Prediction(probabilities, None)

    def save(self, path: Path, card: Card) -> None:
        with written_aside(path) as temporary:
            skops.io.dump(self.estimator, temporary)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(CARD, to_json(card.plain()))

    def load(self, path: Path) -> None:
        """Take the estimator of a file that `save` has written. skops refuses types that could run code."""
        self.estimator = skops.io.load(path)


def nearest_neighbours(settings: NearestNeighbours, classes: int) -> ScikitClassifier:
    """K nearest neighbours; the probability of a class is its share of the neighbours. They need no seed."""
    estimator = KNeighborsClassifier(settings.neighbours, n_jobs=settings.threads)
    return ScikitClassifier(estimator, classes, lambda fitted, inputs: fitted.predict_proba(inputs), lambda fitted: 0)


def linear_svm(settings: LinearSvm, seed: int, classes: int) -> ScikitClassifier:
    """A linear SVM for each class against the rest; the probabilities are the softmax of the distances.

    They order the classes as the SVMs do, but are not calibrated.
    """
    estimator = LinearSVC(C=settings.c, random_state=seed)
    return ScikitClassifier(
        estimator, classes, _softmax, lambda fitted: int(fitted.coef_.size + fitted.intercept_.size)
    )


def _softmax(fitted: LinearSVC, inputs: NDArray[np.float32]) -> NDArray[Any]:
    distances = fitted.decision_function(inputs)
    if distances.ndim == 1:  # two classes only
        distances = np.column_stack([-distances, distances])
    return np.asarray(softmax(distances, axis=1))
