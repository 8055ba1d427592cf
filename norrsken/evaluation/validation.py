"""Which model is best. The validation frames decide it, so that the test frames are left to tell how good it is."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from norrsken import tables
from norrsken.evaluation.calibration import class_names
from norrsken.evaluation.scores import macro_scores


def validation_f1(
    metrics: Iterable[Mapping[str, Any]],
    validations: Iterable[str | os.PathLike[str]],
    deciding: Collection[str] | None = None,
) -> dict[tuple[str, str], float]:
    """Macro F1 on the validation frames, mean over the runs: (split, model) → F1. Models without such frames lack.

    metrics, validations: the `metrics.json` and the paths of the `validation.parquet` of all runs, in the same order.
    On a split by night all models are compared on the same frames: those that each of them has kept out. On another
    split each run has drawn its own. deciding: ids of the frames that count; None: all do.
    """
    runs: dict[str, dict[str, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    by_night: dict[str, bool] = {}
    for run, path in zip(metrics, validations, strict=True):
        frames = tables.read_predictions(path)
        if deciding is not None:
            frames = frames[frames["frame_id"].isin(deciding)]
        by_night[run["split"]] = run["split_method"] == "night"
        if len(frames):
            runs[run["split"]][run["model"]].append(frames)
    found = {}
    for split, models in runs.items():
        common = None
        if by_night[split]:
            common = set.intersection(*(set(frames["frame_id"]) for each in models.values() for frames in each))
        for model, each in models.items():
            found[split, model] = float(np.mean([_f1(frames, common) for frames in each]))
    return found


def _f1(frames: pd.DataFrame, only: set[str] | None) -> float:
    """Macro F1 of predictions; only: ids of the frames that count."""
    chosen = frames if only is None else frames[frames["frame_id"].isin(only)]
    classes = class_names(frames)
    truth, predicted = (chosen[name].map(classes.index).to_numpy(np.int64) for name in ("label", "predicted"))
    return macro_scores(truth, predicted, len(classes))["f1"]


def best_of(scores: Mapping[str, float]) -> str:
    """The model with the highest score; of equal ones the first. scores: model → F1."""
    return max(scores, key=lambda model: scores[model])
