"""The second test of a model: what its runs say of frames on which the annotators differ.

The agreed test frames ask which class is right. These ask whether a model is in doubt where people are: its
probabilities are compared with the distribution of what they said. A temperature is fitted first, to such frames of the
validation nights, so that a model is not judged by how sure it is of itself.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import tables
from norrsken.classify.frames import BATCH
from norrsken.classify.model import FrameClassifier
from norrsken.dataset.splits import read_split
from norrsken.dataset.votes import Votes, read_votes
from norrsken.evaluation.calibration import cross_entropy, entropy, fit_temperature, probability_columns, tempered
from norrsken.evaluation.scores import read_metrics
from norrsken.schemas import FRAME_ID, NIGHT, field

#: Schema of a model's `votes.parquet`: a row for each test frame and run.
VOTES_TABLE = pa.schema(
    [
        FRAME_ID,
        NIGHT,
        field("seed", pa.int64(), "of the run"),
        field("agreed", pa.bool_(), "whether all annotators give it the same class"),
        field("disagreement", pa.float32(), "entropy of all labels that the annotators gave, bits"),
        field("temperature", pa.float32(), "of the run, fitted to such frames of validation nights"),
        field("entropy", pa.float32(), "of the probabilities at this temperature, bits"),
        field("cross_entropy", pa.float32(), "of the annotators' distribution over the classes beside them, nats"),
        field("brier", pa.float32(), "sum of the squared differences of the two distributions"),
    ]
)


def judge_votes(metrics: Sequence[str], predictions: Sequence[str], dataset: str, labelled: str, output: str) -> None:
    """Write `votes.parquet` of the runs of a model on a split by night.

    metrics, predictions: the `metrics.json`, beside which the models lie, and the `predictions.parquet` of the runs, in
    the same order. Without frames of validation nights to fit it to, the temperature is 1.
    """
    runs, votes = read_metrics(metrics), read_votes(labelled)
    division = read_split(dataset, runs[0]["split"])
    kept_out = [path.with_name("validation.parquet") for path in map(Path, metrics)]
    validated = set.intersection(*(set(tables.read_predictions(path)["frame_id"]) for path in kept_out))
    validation_nights = division.train.nights[np.isin(division.train.frame_ids, list(validated))]
    differing = ~votes.agreed
    fitted = votes.of(differing & np.isin(votes.nights, validation_nights))
    tested = votes.of(differing & np.isin(votes.nights, division.test.nights))
    agreed = votes.of_frames(division.test.frame_ids)
    rows = []
    for path, run, predicted in zip(metrics, runs, predictions, strict=True):
        model = FrameClassifier(Path(path).with_name(run["model_file"]))
        table = tables.read_predictions(predicted).set_index("frame_id").loc[agreed.frame_ids.tolist()]
        known = table[probability_columns(table)].to_numpy(np.float64)
        to_fit, unknown = (mean_probabilities_of([model], labelled, some) for some in (fitted, tested))
        temperature = fit_temperature(to_fit, fitted.shares) if len(to_fit) else 1.0
        for said, some in ((known, agreed), (unknown, tested)):
            rows.append(_judged(tempered(said, temperature), some).assign(seed=run["seed"], temperature=temperature))
    table = pa.Table.from_pandas(pd.concat(rows), VOTES_TABLE, preserve_index=False)
    tables.write(output, table, VOTES_TABLE, runs[0]["settings"])


def mean_probabilities_of(models: Sequence[FrameClassifier], labelled: str, votes: Votes) -> NDArray[np.float64]:
    """What runs of one model say in the mean of frames of `labelled.parquet`: (n, classes)."""
    found = [np.empty((0, votes.shares.shape[1]))]
    for start in range(0, len(votes.frame_ids), BATCH):
        images = tables.images_of(labelled, votes.frame_ids[start : start + BATCH].tolist())
        inputs = models[0].inputs(images)  # the same for all: runs of one model have the same features
        said = [model.classifier.predict(inputs).probabilities for model in models]
        found.append(np.mean(said, axis=0, dtype=np.float64))
    return np.concatenate(found)


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
