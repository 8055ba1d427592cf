"""The general classifier, which comes with the program: `tools/train_general.py` made it of the simulated sky alone."""

from pathlib import Path

import norrsken
from norrsken.classify.model import Ensemble

#: What it is called in a configuration and in the tables.
NAME = "general"

#: Its files: the classifier.json, and beside it what that names.
CLASSIFIER = Path(norrsken.__file__).with_name("general") / "classifier.json"


def general() -> Ensemble:
    """The general classifier."""
    return Ensemble(CLASSIFIER)
