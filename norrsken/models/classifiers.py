"""The classifiers behind one interface: `build` gives an untrained one, `load` a trained one."""

import json
import zipfile
from pathlib import Path

from norrsken.config.models import Linear, LinearSvm, NearestNeighbours, Network, SequenceNetwork, SingleFrameModel
from norrsken.errors import NorrskenError
from norrsken.models.interface import Card, Classifier


class ModelError(NorrskenError):
    """A file is not a model of this program, or not one that this version can use."""


def build(settings: SingleFrameModel, seed: int, classes: int, width: int = 0, filled: bool = True) -> Classifier:
    """An untrained classifier of single frames. classes: how many it tells apart. width: that of its features.

    filled: False for one that is loaded next, so that the weights that its training began with need not be there.
    Libraries are imported only for the kind that needs them: torch takes seconds.
    """
    match settings:
        case NearestNeighbours():
            from norrsken.models import scikit

            return scikit.nearest_neighbours(settings, classes)
        case LinearSvm():
            from norrsken.models import scikit

            return scikit.linear_svm(settings, seed, classes)
        case Linear():
            from norrsken.models import network

            return network.linear(settings, seed, classes, width)
        case Network():
            from norrsken.models import network

            return network.network(settings, seed, classes, filled)


def load_to_predict(path: str | Path) -> tuple[Classifier, Card]:
    """The same as `load`, but a network is made faster on a CPU, so that it can no longer be trained or saved."""
    classifier, card = load(path)
    if isinstance(card.run.model, Network | SequenceNetwork):
        from norrsken.models.folded import fold_networks
        from norrsken.models.network import TorchClassifier
        from norrsken.models.sequence import SequenceClassifier

        if isinstance(classifier, TorchClassifier | SequenceClassifier):
            fold_networks(classifier.model)
    return classifier, card


def load(path: str | Path) -> tuple[Classifier, Card]:
    """A trained classifier from its file, and what the file says of it. Nothing in the file is run as code.

    Raises `ModelError` for a file that no run of this program has written.
    """
    file = Path(path)
    if not file.is_file():
        raise ModelError(f"{path}: there is no such file; a run's model is its model.safetensors or model.skops")
    try:
        card, width = _read_card(file)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: not a model that norrsken has written: {error}") from None
    classifier = _empty(card, width)
    try:
        classifier.load(file)
    except Exception as error:  # skops and torch raise errors of many kinds for a damaged file
        raise ModelError(f"{path}: the model is damaged: {type(error).__name__}: {error}") from None
    return classifier, card


def _empty(card: Card, width: int) -> Classifier:
    """A classifier without weights of use, to be loaded."""
    if isinstance(card.run.model, SequenceNetwork):
        from norrsken.models.sequence import sequence

        return sequence(card.run, card.seed, len(card.classes))
    return build(card.run.model, card.seed, len(card.classes), width, filled=False)


def _read_card(path: Path) -> tuple[Card, int]:
    """The card of a model's file, and the number of features of a linear model."""
    if path.suffix == ".skops":
        from norrsken.models.scikit import CARD

        with zipfile.ZipFile(path) as archive:
            return Card.model_validate_json(archive.read(CARD)), 0
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            card = Card.model_validate(json.loads(file.metadata()["norrsken"]))
            # Of a linear model on features; networks do not ask for it.
            return card, file.get_slice("mean").get_shape()[1] if isinstance(card.run.model, Linear) else 0
    except SafetensorError as error:
        raise ValueError(error) from None
