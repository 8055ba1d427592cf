"""Whether a model is as sure as it may be: how sure it is of its predictions, and how often they are right."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

#: The number of bins of confidence.
BINS = 10

#: The smallest probability whose logarithm is taken.
TINY = 1e-30

#: Temperatures that are tried, as exponents of e: from a twentieth to twenty.
_TEMPERATURES = (-3.0, 3.0)


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


def tempered(probabilities: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Probabilities (n, classes) after the scores before the softmax are divided by a temperature (Guo et al. 2017)."""
    scores = np.log(np.maximum(np.asarray(probabilities, np.float64), TINY)) / temperature
    result: NDArray[np.float64] = softmax(scores, axis=1)
    return result


def fit_temperature(probabilities: NDArray[np.float64], shares: NDArray[Any]) -> float:
    """The temperature at which the labels are most likely. probabilities: (n, classes); shares: see `cross_entropy`."""

    def loss(exponent: float) -> float:
        return float(cross_entropy(tempered(probabilities, float(np.exp(exponent))), shares).mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=_TEMPERATURES, method="bounded").x)), 4)


def cross_entropy(probabilities: NDArray[np.float64], shares: NDArray[Any]) -> NDArray[np.float64]:
    """Nats that the labels have beside probabilities: (n, classes) → (n,).

    shares: of the labels of each frame, those of each class, (n, classes); where a frame has one label, its code, (n,).
    """
    nats = -np.log(np.maximum(probabilities, TINY))
    if shares.ndim == 1:
        one: NDArray[np.float64] = nats[np.arange(len(shares)), shares]
        return one
    mean: NDArray[np.float64] = (shares * nats).sum(axis=1)
    return mean


def entropy(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The entropy of the classes' probabilities, bits: (n, k) → (n,); 0 where one is 1, log2 k where all are equal."""
    positive = np.maximum(probabilities, np.finfo(float).tiny)
    bits: NDArray[np.float64] = -(positive * np.log2(positive)).sum(axis=1)
    return bits
