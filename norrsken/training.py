"""One run: a model, a seed, a split → the trained model, its history, its predictions on test frames, its scores."""

import csv
import json
import logging
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from norrsken import __version__, models, scores, tables
from norrsken.classes import CLASSES
from norrsken.config import RunSettings
from norrsken.dataset import Part, read_split
from norrsken.features import read_features
from norrsken.files import written_aside

log = logging.getLogger(__name__)

HISTORY_COLUMNS = ("epoch", "learning_rate", "train_loss", "validation_loss", "validation_f1", "seconds")
LIBRARIES = ("numpy", "scikit-image", "scikit-learn", "torch", "torchvision")


def train_run(
    dataset: str,
    features: str | None,
    split: str,
    seed: int,
    settings: RunSettings,
    history: str,
    predictions: str,
    metrics: str,
) -> None:
    """Train on the split's train frames, predict its test frames, and write the run's files.

    The model's file lies beside `metrics`, which names it and is written last.
    """
    train, test = read_split(dataset, split)
    classifier = models.build(settings.model, seed)
    log.info("%s, seed %d: %d train and %d test frames", settings.name, seed, len(train.labels), len(test.labels))
    train_inputs, test_inputs = _inputs(train, test, features)
    start = time.perf_counter()
    rows = classifier.fit(train_inputs, train.labels)
    seconds = time.perf_counter() - start
    prediction = classifier.predict(test_inputs)
    predicted = prediction.probabilities.argmax(axis=1)
    versions = {"norrsken": __version__, "python": platform.python_version()}
    versions |= {library: version(library) for library in LIBRARIES}
    record = {
        "model": settings.name,
        "split": split,
        "seed": seed,
        **scores.macro_scores(test.labels, predicted),
        "per_class": scores.scores_by_class(test.labels, predicted),
        "confusion": scores.confusion(test.labels, predicted),
        "parameters": classifier.parameters,
        "seconds": round(seconds, 3),
        "device": classifier.device,
        "train_frames": len(train.labels),
        "test_frames": len(test.labels),
        "model_file": f"model{classifier.suffix}",
        "settings": settings.plain(),
        "versions": versions,
    }
    with written_aside(Path(metrics).with_name(f"model{classifier.suffix}")) as temporary:
        classifier.save(temporary, {"settings": settings.plain(), "version": __version__})
    _write_history(history, rows)
    _write_predictions(predictions, test, predicted, prediction, settings)
    with written_aside(metrics) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    log.info("macro precision %.3f, recall %.3f, F1 %.3f", *(record[name] for name in scores.SCORE_NAMES))


def _inputs(train: Part, test: Part, features: str | None) -> tuple[np.ndarray, np.ndarray]:
    """What the classifier sees of train and test: the images, or the features where a file of them is given."""
    if features is None:
        return train.images, test.images
    vectors = read_features(features, [*train.frame_ids.tolist(), *test.frame_ids.tolist()])
    return vectors[: len(train.labels)], vectors[len(train.labels) :]


def _write_history(path: str, rows: Sequence[Mapping[str, float]]) -> None:
    with written_aside(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, HISTORY_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write_predictions(
    path: str, test: Part, predicted: np.ndarray, prediction: models.Prediction, settings: RunSettings
) -> None:
    names = np.array(CLASSES)
    columns = {
        "frame_id": pa.array(test.frame_ids),
        "label": pa.array(names[test.labels]),
        "predicted": pa.array(names[predicted]),
        **{f"p_{name}": pa.array(prediction.probabilities[:, i]) for i, name in enumerate(CLASSES)},
    }
    embedding = None if prediction.embeddings is None else list(prediction.embeddings)
    columns["embedding"] = pa.array(embedding or [None] * len(test.labels), pa.list_(pa.float32()))
    tables.write(path, pa.table(columns), tables.PREDICTIONS_TABLE, settings.plain())
