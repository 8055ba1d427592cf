"""Whether a model is as sure as it may be: how sure it is of its predictions, and how often they are right."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: The number of bins of confidence.
BINS = 10


def probability_columns(predictions: pd.DataFrame) -> list[str]:
    """The columns of the classes' probabilities, in class order."""
    return [name for name in map(str, predictions) if name.startswith("p_")]


def class_names(predictions: pd.DataFrame) -> list[str]:
    """The classes of predictions, in their order."""
    return [name.removeprefix("p_") for name in probability_columns(predictions)]


def mean_probabilities(predictions: Sequence[pd.DataFrame]) -> NDArray[np.float64]:
    """Mean over runs of the probabilities of test frames: (n, classes). predictions: those of each run."""
    columns = probability_columns(predictions[0])
    by_run = [run.set_index("frame_id")[columns].reindex(predictions[0]["frame_id"]) for run in predictions]
    mean: NDArray[np.float64] = np.mean([np.asarray(run, np.float64) for run in by_run], axis=0)
    return mean


def reliability(predictions: pd.DataFrame) -> pd.DataFrame:
    """Frames, mean confidence and share of right predictions by bins of confidence, indexed by the bins' lower ends."""
    confidence = predictions[probability_columns(predictions)].max(axis=1)
    right = predictions["label"] == predictions["predicted"]
    bins = np.minimum((confidence.to_numpy() * BINS).astype(int), BINS - 1) / BINS
    table = pd.DataFrame({"confidence": confidence, "accuracy": right, "frames": 1}).groupby(bins)
    return table.agg({"confidence": "mean", "accuracy": "mean", "frames": "sum"})


def expected_calibration_error(predictions: pd.DataFrame) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by frames (Guo et al. 2017)."""
    table = reliability(predictions)
    distance = (table["confidence"] - table["accuracy"]).abs()
    return float(np.average(distance, weights=table["frames"]))
