"""How sure scores are, and how much better one model is than another: a bootstrap over the test frames.

Five of the paper's seven classes have 29 to 50 test frames (Table 1), so that its deviations over ten runs, which are
all tested on the same frames, say little of how sure a score is. Here the test frames are drawn anew: whole nights
of them, where their times are known, since the frames of a night are alike.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.evaluation.bootstrap import DRAWS, MIN_UNITS, interval, redrawn
from norrsken.evaluation.scores import SCORE_NAMES
from norrsken.evaluation.validation import best_of


def intervals(
    metrics: Iterable[Mapping[str, Any]],
    predictions: Iterable[str | os.PathLike[str]],
    dataset: str | os.PathLike[str],
    validation: Mapping[tuple[str, str], float],
) -> pd.DataFrame:
    """95 % intervals of the mean macro scores of each model on each split, and of its distance to the split's best.

    The best is that on validation frames, so that another one may be ahead of it here. validation: of `validation_f1`;
    without models of the split the best is that of the test.

    metrics, predictions: the `metrics.json` and the paths of the `predictions.parquet` of all runs, in the same order.
    Columns: model, split, `{score}_low`, `{score}_high`, empty for fewer than `MIN_UNITS` nights; `behind`: how far the
    mean macro F1 is behind that of the best, `behind_low`, `behind_high`. The same frames are drawn for all models of a
    split, so that what is difficult for all does not count as a difference.
    """
    nights = tables.read_without_images(dataset).set_index("frame_id")["night"]
    runs: dict[str, dict[str, list[str | os.PathLike[str]]]] = defaultdict(lambda: defaultdict(list))
    for run, path in zip(metrics, predictions, strict=True):
        runs[run["split"]][run["model"]].append(path)
    classes = tables.label_names(dataset).classes
    rows = []
    for split, paths in runs.items():
        models = {model: read_counts(model_paths, nights, classes) for model, model_paths in paths.items()}
        drawn = {model: draw(counts) for model, counts in models.items()}
        whole = {model: macro(counts.sum(axis=0)).mean(axis=0) for model, counts in models.items()}
        f1 = SCORE_NAMES.index("f1")
        judged = {model: validation[split, model] for model in models if (split, model) in validation}
        best = best_of(judged or {model: float(scores[f1]) for model, scores in whole.items()})
        for model, scores in drawn.items():
            row: dict[str, object] = {"model": model, "split": split}
            for i, name in enumerate(SCORE_NAMES):
                row[f"{name}_low"], row[f"{name}_high"] = interval(scores[:, i])
            row["behind"] = whole[best][f1] - whole[model][f1]
            row["behind_low"], row["behind_high"] = interval(drawn[best][:, f1] - scores[:, f1])
            rows.append(row)
    return pd.DataFrame(rows)


def read_counts(
    paths: Sequence[str | os.PathLike[str]], nights: pd.Series, classes: Sequence[str]
) -> NDArray[np.float64]:
    """Confusion matrices of each night's frames, or of each frame where nights are not known: (units, runs, n, n).

    paths: the predictions of the runs of one model on one split. nights: the night of each frame id.
    classes: the n classes.
    """
    columns = ["frame_id", "label", "predicted"]
    predictions = [
        tables.read(path, schemas.predictions_table(classes), columns).to_pandas().set_index("frame_id")
        for path in paths
    ]
    return counts_by_night(predictions, nights, classes)


def counts_by_night(
    predictions: Sequence[pd.DataFrame], nights: pd.Series, classes: Sequence[str]
) -> NDArray[np.float64]:
    """The same of predictions in memory, of the same frames: label and predicted, by the frame's id.

    The units are in the order in which the first run has frames of them.
    """
    same = [table.loc[predictions[0].index] for table in predictions]
    truth = same[0]["label"].map(classes.index).to_numpy(np.int64)
    predicted = np.stack([table["predicted"].map(classes.index).to_numpy(np.int64) for table in same])
    return count(units_of(nights.loc[predictions[0].index]), truth, predicted, len(classes))


def units_of(nights: pd.Series) -> NDArray[np.int64]:
    """The unit that each frame belongs to, numbers from 0 on: its night, or itself where nights are not known."""
    codes, _ = pd.factorize(nights if nights.notna().all() else pd.Series(range(len(nights))))
    return codes.astype(np.int64)


def count(
    units: NDArray[np.int64], truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Confusion matrices of each unit's frames: (units, runs, classes, classes).

    units, truth: of the frames, (n,). predicted: of each run, (runs, n). Both are codes in class order.
    """
    counts = np.zeros((units.max() + 1, len(predicted), classes, classes))
    for run, codes in enumerate(predicted):
        np.add.at(counts, (units, np.intp(run), truth, codes), 1)
    return counts


def draw(counts: NDArray[np.float64], draws: int = DRAWS) -> NDArray[np.float64]:
    """Macro scores, mean over the runs, of draws of the units with replacement: (units, runs, n, n) → (draws, 3).

    All are nan where there are fewer than `MIN_UNITS` units.
    """
    if len(counts) < MIN_UNITS:
        return np.full((draws, len(SCORE_NAMES)), np.nan)
    scores: NDArray[np.float64] = macro(redrawn(counts, draws), counts.sum(axis=(0, 1, 3)) > 0).mean(axis=1)
    return scores


def macro(counts: NDArray[np.float64], known: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Macro precision, recall and F1 of confusion matrices: (…, n, n) → (…, 3), as in `scores.macro_scores`.

    known: (n,), classes of which there are frames at all: where a draw has none of them, the mean is over the others.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    truth, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    by_class = np.stack([_divide(right, predicted), _divide(right, truth), _divide(2 * right, truth + predicted)], -2)
    left_out = np.zeros(truth.shape, bool) if known is None else known & (truth == 0)
    weights = np.broadcast_to(~left_out[..., None, :], by_class.shape)
    scores: NDArray[np.float64] = np.average(by_class, axis=-1, weights=weights)
    return scores


def f1_of_present(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Macro F1 over the classes that there are frames of: (…, n, n) → (…)."""
    f1: NDArray[np.float64] = macro(counts, np.ones(counts.shape[-1], bool))[..., SCORE_NAMES.index("f1")]
    return f1


def drawn_f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same, mean over the runs, in draws of the units: (units, runs, n, n) → (draws,); nan for too few units."""
    if len(counts) < MIN_UNITS:
        return np.full(DRAWS, np.nan)
    drawn: NDArray[np.float64] = f1_of_present(redrawn(counts, DRAWS)).mean(axis=1)
    return drawn


def _divide(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotient a / b, and 0 where there is nothing to divide by."""
    return np.divide(a, b, out=np.zeros_like(a, dtype=np.float64), where=b > 0)
