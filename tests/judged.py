"""A data set and the files of a run on it, for what judges runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.paper import CLASSES


class JudgedFrames(NamedTuple):
    """Clean frames. nights: (n,) datetime64[D], NaT where not known. parts: (n,), train, validation or test."""

    labels: NDArray[np.int64]
    nights: NDArray[np.datetime64]
    parts: NDArray[np.str_]
    images: NDArray[np.uint8]

    @property
    def ids(self) -> NDArray[np.str_]:
        return np.array([f"KRN{i:06d}" for i in range(len(self.labels))])


def write_judged(
    folder: Path, frames: JudgedFrames, runs: Sequence[NDArray[np.floating]], method: str = "night", **more: object
) -> tuple[list[str], list[str], list[str], str]:
    """Write them, and the files of the runs: paths of metrics, predictions and validations, and of the data set.

    runs: the probabilities of all frames by each run, (n, 7). more: what else `metrics.json` says.
    """
    labels, dataset = np.array(CLASSES)[frames.labels], folder / "dataset.parquet"
    times = pa.array(frames.nights.astype("datetime64[ms]"), pa.timestamp("ms", "UTC"))
    columns = {"frame_id": frames.ids, "time": times, "night": pa.array(frames.nights, pa.date32()), "label": labels}
    split = np.where(frames.parts == "test", "test", "train")
    table = pa.table(columns | {"image": tables.image_column(frames.images), "split_night": split})
    tables.write(dataset, table, schemas.dataset_table(["night"]), {})
    schema = schemas.predictions_table(CLASSES)
    paths: dict[str, list[str]] = {"metrics": [], "predictions": [], "validations": []}
    for seed, said in enumerate(runs):
        run = folder / str(seed)
        run.mkdir()
        scores = dict.fromkeys(("precision", "recall", "f1"), 0.5)
        known = {"model": "judged", "split": "night", "split_method": method, "seed": seed, "model_file": "model"}
        empty: dict[str, object] = {name: {} for name in ("per_class", "settings", "versions")}
        empty |= {name: [] for name in ("confusion", "notes")}
        (run / "metrics.json").write_text(json.dumps(known | scores | empty | more))
        paths["metrics"].append(str(run / "metrics.json"))
        for name, part in (("predictions", "test"), ("validations", "validation")):
            rows = frames.parts == part
            of_classes = {f"p_{c}": said[rows, i].astype(np.float32) for i, c in enumerate(CLASSES)}
            told = {"frame_id": frames.ids[rows], "label": labels[rows]} | of_classes
            told |= {"predicted": np.array(CLASSES)[said[rows].argmax(axis=1)]}
            told |= {"embedding": pa.nulls(int(rows.sum()), pa.list_(pa.float32()))}
            paths[name].append(str(run / f"{name}.parquet"))
            tables.write(paths[name][-1], pa.table(told).select(schema.names), schema, {})
    return paths["metrics"], paths["predictions"], paths["validations"], str(dataset)
