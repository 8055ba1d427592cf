"""What the report and the catalogue show: their figures, by name, with title and with the files they are made of."""

from typing import NamedTuple

from norrsken import paths


class Figure(NamedTuple):
    """A figure of the report: its title, and the files that it is made of."""

    title: str
    inputs: dict[str, str]


_FRAMES, _SCORES = {"dataset": paths.DATASET}, {"table2": paths.TABLE2}

#: The figures of the report in its order, without confusions and annotators. Table 2 stands for all runs: it is made
#: anew when one of them is.
FIGURES = {
    "response": Figure("Figure 1: the camera’s response", {}),
    "processing": Figure("Figure 2: raw and processed frame", _FRAMES),
    "samples": Figure("Figure 3: frames of each class", _FRAMES),
    "embedding": Figure("Figure 5: where the best network puts the test frames", _FRAMES | _SCORES),
    "mistakes": Figure("Figure 6: misclassified frames", _FRAMES | _SCORES),
    "class-accuracy": Figure("Figure 7: accuracy by class", _SCORES),
    "precision-recall": Figure("Precision and recall by class", _SCORES),
    "reliability": Figure("Reliability of the probabilities", _SCORES),
    "curves": Figure("Training curves", _SCORES),
}

#: The figures of the yardsticks in the order of their page: each with the table of every model that it is made of.
YARDSTICKS = {
    "divisions": Figure("Other nights, years and cameras", {"tables": paths.DIVISIONS}),
    "labels": Figure("Fewer labels", {"tables": paths.DIVISIONS}),
    "robustness": Figure("What may happen to a camera", {"tables": paths.ROBUSTNESS}),
    "risk": Figure("Risk and coverage", {"tables": paths.RISK}),
    "trust": Figure("How sure, and how often right", {"tables": paths.TRUST}),
    "drift": Figure("By year and month", {"tables": paths.DRIFT}),
    "alarm": Figure("An alarm", {"tables": paths.CAPITALS}),
}

#: The figures of the report that show no class.
WITHOUT_CLASSES = ("response", "processing", "reliability", "curves")

#: What occurrence can be counted by, and what its figures show.
OCCURRENCE = {
    "hour": "Occurrence by hour of universal time",
    "mlt": "Occurrence by magnetic local time",
    "month": "Occurrence by month",
    "year": "Occurrence by year",
    "kp": "Occurrence by the Kp index",
}
