"""Precision, recall and F1 as the paper reports them (section 3, equations 1–3), of runs and over runs."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken.errors import NorrskenError

SCORE_NAMES = ("precision", "recall", "f1")

#: What every `metrics.json` has, and of which kinds.
_KEYS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("model", "split", "split_method"), str),
    "seed": int,
    **dict.fromkeys(SCORE_NAMES, (int, float)),
    **dict.fromkeys(("per_class", "settings", "versions"), dict),
    **dict.fromkeys(("confusion", "notes"), list),
}


class MetricsError(NorrskenError):
    """A file is not what a run has written of its scores."""


def scores_by_class(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of frames of each class. labels, predicted: (n,) codes in class order.

    A score with nothing to divide by is 0.
    """
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(labels, predicted, labels=range(len(classes)), zero_division=0)
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "frames": int(n)}
        for name, p, r, f, n in zip(classes, *columns, strict=True)
    }


def macro_scores(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> dict[str, float]:
    """Mean over the classes of the class's precision, recall and F1. classes: their number."""
    by_class = scores_by_class(labels, predicted, list(map(str, range(classes))))
    return {score: float(np.mean([one[score] for one in by_class.values()])) for score in SCORE_NAMES}


def confusion(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> list[list[int]]:
    """The confusion matrix: counts by truth (rows) and by prediction (columns), in class order."""
    from sklearn.metrics import confusion_matrix

    matrix: list[list[int]] = confusion_matrix(labels, predicted, labels=range(classes)).tolist()
    return matrix


def read_metrics(paths: Iterable[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """The `metrics.json` of several runs. Raises `MetricsError` for a file that is none."""
    metrics = []
    for path in paths:
        try:
            run = json.loads(Path(path).read_bytes())
            missing = [key for key, kind in _KEYS.items() if not isinstance(run[key], kind)]
        except (ValueError, KeyError, TypeError) as error:
            raise MetricsError(f"{os.fspath(path)}: not the metrics.json of a run: {error}; make it anew") from None
        if missing:
            raise MetricsError(f"{os.fspath(path)}: {missing[0]} is {run[missing[0]]!r}; make it anew")
        metrics.append(run)
    return metrics


def model_files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The trained models of runs, which lie beside their `metrics.json`."""
    return [Path(path).parent / run["model_file"] for path, run in zip(paths, read_metrics(paths), strict=True)]


def digests_of_runs(paths: Sequence[str | os.PathLike[str]]) -> dict[str, str]:
    """A digest of the `metrics.json` of all runs of each model, by which it is seen whether the runs are the same."""
    digests: dict[str, Any] = {}
    for path, run in zip(paths, read_metrics(paths), strict=True):
        digests.setdefault(run["model"], hashlib.sha256()).update(Path(path).read_bytes())
    # It must not look like a number in a table.
    return {model: f"sha256-{text.hexdigest()[:16]}" for model, text in digests.items()}


def collect_scores(metrics: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """The runs of a model on a split, one row for each seed: the table `scores.csv`."""
    columns = ["model", "split", "seed", *SCORE_NAMES, "parameters", "seconds"]
    return pd.DataFrame([{name: run[name] for name in columns} for run in metrics]).sort_values("seed")


def notes(runs: Sequence[Mapping[str, Any]]) -> str:
    """What must be known of the scores of a model's runs; empty where there is nothing.

    A note that does not hold for all runs says for how many it does.
    """
    counts = Counter(note for run in runs for note in run["notes"])
    sentences = [
        note if count == len(runs) else f"{note}: {count} of {len(runs)} runs" for note, count in counts.items()
    ]
    return "; ".join(sentences)
