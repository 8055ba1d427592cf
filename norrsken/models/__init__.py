"""The classifiers, behind one interface: `build(settings)` gives a `Classifier`.

A new kind of model is a settings class in `config.Model`, a module here, and a line in `build`.
"""

from norrsken.config import LinearSvm, Model, NearestNeighbours, Network
from norrsken.models.interface import Classifier, Prediction

__all__ = ["Classifier", "Prediction", "build"]


def build(settings: Model, seed: int) -> Classifier:
    """An untrained classifier. Libraries are imported only for the kind that needs them: torch takes seconds."""
    match settings:
        case NearestNeighbours():
            from norrsken.models import scikit

            return scikit.nearest_neighbours(settings)
        case LinearSvm():
            from norrsken.models import scikit

            return scikit.linear_svm(settings, seed)
        case Network():
            from norrsken.models.network import NetworkClassifier

            return NetworkClassifier(settings, seed)
