"""The second test, tabulated: how near each model comes to what annotators say of frames on which they differ."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import tables
from norrsken.evaluation.bootstrap import MIN_UNITS, interval, redrawn
from norrsken.schemas import VOTES_TABLE

#: What is tabulated of each frame.
SCORES = ("cross_entropy", "brier")

_OF_SCORE = ("mean", "sd", "low", "high")

COLUMNS = (
    *("model", "split", "targets", "frames", "nights", "runs", "temperature"),
    *(f"{score}_{what}" for score in SCORES for what in _OF_SCORE),
    *("behind", "behind_low", "behind_high", "correlation_mean", "correlation_sd"),
)

_NONE = float("nan"), float("nan")


def tabulate_votes(
    judged: Mapping[tuple[str, str], str | os.PathLike[str]],
) -> pd.DataFrame:
    """The table `votes.csv`: a row for each model and split.

    judged: (split, model) → its `votes.parquet`. Columns: model, split, targets (what it was trained on), frames,
    nights, runs, temperature; of cross-entropy (nats) and Brier score the mean over the frames on which annotators
    differ, its deviation over the runs and a 95 % interval over nights; `behind`: by how much the cross-entropy is
    above that of the split's lowest, with its interval, the same nights drawn for both; correlation: of the entropy of
    the probabilities and the annotators' disagreement, over all test frames, mean and deviation.
    """
    frames = {key: tables.read(path, VOTES_TABLE).to_pandas() for key, path in judged.items()}
    differing = {key: rows[~rows["agreed"]] for key, rows in frames.items() if not rows["agreed"].all()}
    counts = {key: _by_night(rows) for key, rows in differing.items()}
    drawn = {key: _means(redrawn(of_nights)) for key, of_nights in counts.items() if len(of_nights) >= MIN_UNITS}
    table = []
    for (split, model), rows in differing.items():
        key = split, model
        first = min((other for other in counts if other[0] == split), key=lambda other: _whole(counts[other]))
        row: dict[str, Any] = {"model": model, "split": split, "targets": _targets(judged[key])}
        row |= {"frames": rows["frame_id"].nunique(), "nights": len(counts[key]), "runs": rows["seed"].nunique()}
        row["temperature"] = rows.groupby("seed")["temperature"].first().mean()
        for i, name in enumerate(SCORES):
            by_run = rows.groupby("seed")[name].mean()
            row |= {f"{name}_mean": by_run.mean(), f"{name}_sd": by_run.std(ddof=1)}
            row[f"{name}_low"], row[f"{name}_high"] = interval(drawn[key][i]) if key in drawn else _NONE
        row["behind"] = _whole(counts[key]) - _whole(counts[first])
        row["behind_low"], row["behind_high"] = interval(drawn[key][0] - drawn[first][0]) if key in drawn else _NONE
        together = frames[key].groupby("seed")[["entropy", "disagreement"]]
        correlation = pd.Series([run["entropy"].corr(run["disagreement"]) for _, run in together])
        table.append(row | {"correlation_mean": correlation.mean(), "correlation_sd": correlation.std(ddof=1)})
    return pd.DataFrame(table, columns=[*COLUMNS])


def _targets(path: str | os.PathLike[str]) -> str:
    """What a model was trained on, by the settings of its runs."""
    return str(tables.about(path)["settings"]["model"].get("targets", "agreed"))


def _by_night(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Sums over the frames of each night, mean over the runs, and their number: (nights, scores + 1)."""
    runs = rows["seed"].nunique()
    summed = rows.groupby("night", sort=True)[[*SCORES]].sum().to_numpy(np.float64) / runs
    return np.column_stack([summed, rows.groupby("night", sort=True).size().to_numpy() / runs])


def _means(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each score: (…, scores + 1) → (scores, …)."""
    means: NDArray[np.float64] = np.moveaxis(sums[..., :-1] / sums[..., -1:], -1, 0)
    return means


def _whole(counts: NDArray[np.float64]) -> float:
    """The mean cross-entropy over all nights."""
    return float(_means(counts.sum(axis=0))[0])
