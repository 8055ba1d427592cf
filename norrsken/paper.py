"""The numbers of Kvammen et al. (2020) with which results are compared."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A place on the ground, degrees north and east."""

    latitude: float
    longitude: float


#: Where the camera of the paper stands (section 2.1).
KIRUNA = Place(67.84, 20.42)


class PaperScore(NamedTuple):
    """A row of Table 2: mean and standard deviation over ten runs; parameters in millions."""

    title: str
    precision: float
    precision_sd: float
    recall: float
    recall_sd: float
    f1: float
    f1_sd: float
    parameters: float


#: Table 2, by the names that the models have in `config.yaml`.
PAPER_TABLE2 = {
    "3nn": PaperScore("3NN", 0.84, 0.0, 0.56, 0.0, 0.58, 0.0, 0),
    "5nn": PaperScore("5NN", 0.66, 0.0, 0.54, 0.0, 0.53, 0.0, 0),
    "svm-linear": PaperScore("Linear SVM", 0.78, 0.0, 0.70, 0.0, 0.72, 0.0, 0),
    "clausen-nickisch": PaperScore("Clausen and Nickisch (2018)", 0.88, 0.01, 0.87, 0.01, 0.88, 0.01, 43),
    "vgg16": PaperScore("VGG-16", 0.84, 0.02, 0.80, 0.03, 0.81, 0.02, 138),
    "vgg19": PaperScore("VGG-19", 0.82, 0.04, 0.78, 0.03, 0.79, 0.03, 143),
    "alexnet": PaperScore("AlexNet", 0.88, 0.03, 0.88, 0.03, 0.87, 0.03, 60),
    "resnet18": PaperScore("ResNet-18", 0.92, 0.02, 0.87, 0.05, 0.89, 0.04, 11),
    "resnet50": PaperScore("ResNet-50", 0.92, 0.03, 0.89, 0.04, 0.90, 0.03, 25),
}


#: The left half of Table 1: the number of frames in each year.
PAPER_YEARS = {
    2010: 479,
    2011: 1506,
    2012: 2498,
    2013: 0,
    2014: 1684,
    2015: 2835,
    2016: 2037,
    2017: 1733,
    2018: 996,
    2019: 262,
}


#: The right half of Table 1: the numbers of train, test and all frames with each label; None where they are not used.
PAPER_LABELS: dict[str, tuple[int | None, int | None, int]] = {
    "breakup": (113, 33, 146),
    "colored": (97, 36, 133),
    "arcs": (636, 195, 831),
    "discrete": (150, 44, 194),
    "patchy": (1691, 459, 2150),
    "edge": (167, 50, 217),
    "faint": (146, 29, 175),
    "unknown": (None, None, 2630),
    "rejected": (None, None, 1078),
    "disagreement": (None, None, 6476),
}

#: The classes in priority order (section 2.2), and the labels of frames that enter neither training nor test.
CLASSES = ("breakup", "colored", "arcs", "discrete", "patchy", "edge", "faint")
EXCLUSIONS = ("unknown", "rejected")


#: Titles of models of our own configurations that the paper does not have.
OTHER_TITLES = {
    "clausen-nickisch-lite0": "Clausen & Nickisch's way, on EfficientNet-Lite0",
    "efficientnet-lite0": "EfficientNet-Lite0",
    "convnext-tiny": "ConvNeXt-T",
}

#: The settings of a network that are not as in the paper wherever a run tells them.
NOT_THE_PAPERS = ("weights", "level", "cameras", "optimizer")


def model_title(model: str) -> str:
    """The name of a model in tables and figures: the paper's, ours, or that in the configuration."""
    return PAPER_TABLE2[model].title if model in PAPER_TABLE2 else OTHER_TITLES.get(model, model)


def not_the_papers(model: str, settings: Mapping[str, Any]) -> str:
    """What is not the paper's of a row of Table 2; empty where nothing is. settings: those of a run."""
    if model not in PAPER_TABLE2:
        return "not in the paper"
    changed = {key: value for key, value in settings["model"].items() if key in NOT_THE_PAPERS}
    network = (settings.get("features") or {}).get("network", "inception_v4")
    if network.split(".")[0] != "inception_v4":
        changed["features"] = network
    return "not as in the paper: " + ", ".join(f"{key} {value}" for key, value in changed.items()) if changed else ""
