"""The best model of a release, which the figures show, and the files of its runs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import tables
from norrsken.config.jobs import FigureSettings
from norrsken.evaluation.calibration import class_names, mean_probabilities
from norrsken.evaluation.scores import read_metrics


def best_row(scores: pd.DataFrame, methods: Mapping[str, str], models: Sequence[str] | None = None) -> dict[Any, Any]:
    """The row of `table2.csv` of the best model; where a split is by night, of its runs on that.

    Validation decides which is the best, as it does for the catalogue; the test only tells how good it is. Where none
    of the models has kept frames out, nothing but the test is left to decide. methods: the methods of the splits, by
    name. models: those that are eligible; None: all.
    """
    by_night = [name for name, method in methods.items() if method == "night"]
    eligible = scores[scores["split"].isin(by_night)] if by_night else scores
    if models is not None:
        eligible = eligible[eligible["model"].isin(models)]
    decides = "validation_f1" if eligible["validation_f1"].notna().any() else "f1_mean"
    return eligible.sort_values(decides, ascending=False, kind="stable").iloc[0].to_dict()


@dataclass(frozen=True)
class Runs:
    """The runs of a model on a split. folder: that of the release, in which each run has a folder of its own."""

    folder: Path
    split: str
    model: str
    seeds: Sequence[int]

    def metrics(self) -> list[dict[str, Any]]:
        return read_metrics(self._files("metrics.json"))

    def predictions(self) -> list[pd.DataFrame]:
        files = self._files("predictions.parquet")
        return [tables.read_predictions(path) for path in files]

    def histories(self) -> list[pd.DataFrame]:
        return [pd.read_csv(path) for path in self._files("history.csv")]

    def _files(self, name: str) -> list[Path]:
        return [self.folder / self.split / self.model / str(seed) / name for seed in self.seeds]


class Best:
    """The best model, the best network and the simplest rival of a release, by its `table2.csv`."""

    def __init__(self, table2: str | os.PathLike[str], settings: FigureSettings) -> None:
        scores, folder = pd.read_csv(table2), Path(settings.folder)
        row = best_row(scores, settings.methods)
        self.any = Runs(folder, row["split"], row["model"], settings.seeds[row["model"]])
        networks = [model for model, kind in settings.kinds.items() if kind == "network"]
        #: The best network; None where the configuration has no network.
        self.network = None
        if networks:
            row = best_row(scores, settings.methods, networks)
            self.network = Runs(folder, row["split"], row["model"], settings.seeds[row["model"]])
        neighbours = [model for model, kind in settings.kinds.items() if kind == "nearest-neighbours"]
        rival = next((model for model in neighbours if model != self.any.model), None)
        #: The rival, 3NN in the paper's Figure 7; None where no nearest neighbours stand beside the best model.
        self.rival = None if rival is None else Runs(folder, self.any.split, rival, settings.seeds[rival])


def mistakes(predictions: Sequence[pd.DataFrame], number: int) -> list[tuple[str, str, str, float]]:
    """The frames that the runs together misclassify, those first of which they are most sure.

    Returns at most `number` of them: frame id, agreed label, prediction, and its mean probability over the runs.
    """
    probabilities = mean_probabilities(predictions)
    classes = class_names(predictions[0])
    predicted: NDArray[np.str_] = np.array(classes)[probabilities.argmax(axis=1)]
    sure = probabilities.max(axis=1)
    labels = predictions[0]["label"].to_numpy(str)
    wrong = np.flatnonzero(predicted != labels)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][:number]
    frames = predictions[0]["frame_id"].tolist()
    return [(frames[i], labels[i], predicted[i], float(sure[i])) for i in chosen]
