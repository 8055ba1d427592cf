"""The second test of a model: what its runs say of frames on which the annotators differ.

The agreed test frames ask which class is right. These ask whether a model is in doubt where people are: its
probabilities are compared with the distribution of what they said. A temperature is fitted first, to such frames of the
validation nights, so that a model is not judged by how sure it is of itself.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import tables
from norrsken.classify.model import FrameClassifier, look_through
from norrsken.classify.verdict import joined
from norrsken.dataset.context import read_windows
from norrsken.dataset.splits import AT_A_TIME, read_split
from norrsken.dataset.votes import Votes, read_votes
from norrsken.evaluation.calibration import cross_entropy, entropy, fit_temperature, probability_columns, tempered
from norrsken.evaluation.scores import model_files, read_metrics
from norrsken.evaluation.validation import kept_out_by_all
from norrsken.schemas import VOTES_TABLE


def judge_votes(
    metrics: Sequence[str],
    predictions: Sequence[str],
    validations: Sequence[str],
    dataset: str,
    labelled: str,
    output: str,
) -> None:
    """Write `votes.parquet` of the runs of a model on a split by night.

    metrics, predictions, validations: the `metrics.json`, beside which the models lie, the `predictions.parquet` and
    the `validation.parquet` of the runs, in the same order. Without frames of validation nights to fit it to, the
    temperature is 1.
    """
    runs, votes = read_metrics(metrics), read_votes(labelled)
    division = read_split(dataset, runs[0]["split"])
    nights = pd.Series(division.train.nights, division.train.frame_ids)
    common = kept_out_by_all(map(tables.read_predictions, validations), nights)
    differing = ~votes.agreed
    fitted = votes.of(differing & np.isin(votes.nights, common.to_numpy()))
    tested = votes.of(differing & np.isin(votes.nights, division.test.nights))
    agreed = votes.of_frames(division.test.frame_ids)
    models = [FrameClassifier(path) for path in model_files(metrics)]
    to_fit, unknown = (said_of(models, labelled, some.frame_ids) for some in (fitted, tested))
    rows = []
    for i, (run, path) in enumerate(zip(runs, predictions, strict=True)):
        table = tables.read_predictions(path).set_index("frame_id").loc[agreed.frame_ids.tolist()]
        known = table[probability_columns(table)].to_numpy(np.float64)
        temperature = fit_temperature(to_fit[i], fitted.shares) if len(fitted.shares) else 1.0
        for said, some in ((known, agreed), (unknown[i], tested)):
            rows.append(_judged(tempered(said, temperature), some).assign(seed=run["seed"], temperature=temperature))
    judged = pa.Table.from_pandas(pd.concat(rows), VOTES_TABLE, preserve_index=False)
    tables.write(output, judged, VOTES_TABLE, runs[0]["settings"])


def said_of(models: Sequence[FrameClassifier], labelled: str, frame_ids: NDArray[np.str_]) -> NDArray[np.float64]:
    """What each of the runs of one model says of frames of `labelled.parquet`: (runs, n, classes)."""
    if not len(frame_ids):
        return np.empty((len(models), 0, len(models[0].classes)))
    context, names, around = models[0].context, frame_ids, None
    if context is not None:
        names, around = read_windows(labelled, frame_ids.tolist(), context)
    batches = tables.image_batches(labelled, names.tolist(), AT_A_TIME)
    look = joined([look_through(models, images) for _, images in batches])
    return np.array([model.said(seen, around) for model, seen in zip(models, look.said, strict=True)], np.float64)


def _judged(said: NDArray[np.float64], votes: Votes) -> pd.DataFrame:
    """The columns of the table that are not of the whole run."""
    everything = np.column_stack([votes.shares * votes.usable[:, None], 1 - votes.usable])
    return pd.DataFrame(
        {
            "frame_id": votes.frame_ids,
            "night": votes.nights.astype(object),
            "agreed": votes.agreed,
            "disagreement": entropy(everything),
            "entropy": entropy(said),
            "cross_entropy": cross_entropy(said, votes.shares),
            "brier": ((said - votes.shares) ** 2).sum(axis=1),
        }
    )
