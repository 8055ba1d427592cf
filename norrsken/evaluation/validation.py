"""Which model is best. The validation frames decide it, so that the test frames are left to tell how good it is."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import tables
from norrsken.evaluation.calibration import class_names
from norrsken.evaluation.scores import macro_scores

#: So many frames, of so many nights, are enough to tell which classes cannot be excluded.
SET_FRAMES, SET_NIGHTS = 60, 8


def validation_f1(
    metrics: Iterable[Mapping[str, Any]], validations: Iterable[str | os.PathLike[str]], nights: pd.Series
) -> dict[tuple[str, str], float]:
    """Macro F1 on the validation frames, mean over the runs: (split, model) → F1. Models without such frames lack.

    metrics, validations: the `metrics.json` and the paths of the `validation.parquet` of all runs, in the same order.
    nights: the night of each frame id. On a split by night all models are compared on the same frames: those that each
    of them has kept out, but for the nights that are set aside. On another split each run has drawn its own.
    """
    runs: dict[str, dict[str, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    by_night: dict[str, bool] = {}
    for run, path in zip(metrics, validations, strict=True):
        frames = tables.read_predictions(path)
        by_night[run["split"]] = run["split_method"] == "night"
        if len(frames):
            runs[run["split"]][run["model"]].append(frames)
    found = {}
    for split, models in runs.items():
        deciding = None
        if by_night[split]:
            deciding = kept_out_by_all([frames for each in models.values() for frames in each], nights)
            deciding = deciding[~np.isin(deciding, nights_aside(deciding))]
        for model, each in models.items():
            found[split, model] = float(np.mean([_f1(frames, deciding) for frames in each]))
    return found


def kept_out_by_all(runs: Iterable[pd.DataFrame], nights: pd.Series) -> pd.Series:
    """The night of each frame that all runs have kept out, by its id. runs: the validation frames of those with any."""
    kept_out = [set(frames["frame_id"]) for frames in runs if len(frames)]
    return nights.loc[sorted(set.intersection(*kept_out)) if kept_out else []]


def nights_aside(nights: pd.Series) -> NDArray[np.datetime64]:
    """The validation nights that decide nothing but which classes cannot be excluded: every second one, by time.

    So both halves are of all seasons. nights: of the validation frames; where those of the half are too few, none is
    set aside.
    """
    days = nights.to_numpy("datetime64[D]")
    aside: NDArray[np.datetime64] = np.unique(days[~np.isnat(days)])[1::2]
    return aside if enough_for_sets(days[np.isin(days, aside)]) else aside[:0]


def enough_for_sets(nights: NDArray[np.datetime64]) -> bool:
    """Whether it can be told, from frames of these nights, which classes cannot be excluded: (n,)."""
    return len(nights) >= SET_FRAMES and len(np.unique(nights[~np.isnat(nights)])) >= SET_NIGHTS


def _f1(frames: pd.DataFrame, only: pd.Series | None) -> float:
    """Macro F1 of predictions; only: the frames that count, by their ids."""
    chosen = frames if only is None else frames[frames["frame_id"].isin(only.index)]
    classes = class_names(frames)
    truth, predicted = (chosen[name].map(classes.index).to_numpy(np.int64) for name in ("label", "predicted"))
    return macro_scores(truth, predicted, len(classes))["f1"]


def best_of(scores: Mapping[str, float]) -> str:
    """The model with the highest score; of equal ones the first. scores: model → F1."""
    return max(scores, key=lambda model: scores[model])
