"""The general classifier, which comes with the program: `tools/train_general.py` made it of the simulated sky alone."""

from norrsken.classify.model import Ensemble
from norrsken.config.general import FOLDER

#: Its files: the classifier.json, and beside it what that names.
CLASSIFIER = FOLDER / "classifier.json"


def general() -> Ensemble:
    """The general classifier."""
    return Ensemble(CLASSIFIER)
