"""One run: a model, a seed, a split → the trained model, its history, its predictions on test frames, its scores."""

import csv
import json
import logging
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import __version__, models, scores, tables
from norrsken.classes import CLASSES, model_title
from norrsken.config import RunSettings
from norrsken.dataset import Part, read_images, read_split
from norrsken.features import NETWORK_KEY, read_features
from norrsken.figures.training import draw_history
from norrsken.files import written_aside

log = logging.getLogger(__name__)

HISTORY_COLUMNS = (
    "epoch",
    "learning_rate",
    "train_loss",
    "validation_loss",
    *(f"validation_{name}" for name in scores.SCORE_NAMES),
    "images_per_second",
    "seconds",
)
LIBRARIES = ("numpy", "scikit-image", "scikit-learn", "timm", "torch", "torchvision")

#: What is said of scores that must not be taken for more than they are.
RANDOM_FEATURES, NOT_CONVERGED = "random features", "not trained to convergence"


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

    Beside `metrics`, which is written last, lie the model, a figure of the history where there is one, and, while the
    run is under way, a checkpoint: a run that was stopped goes on, and ends with the same weights.
    """
    train, test = read_split(dataset, split)
    log.info("%s, seed %d: %d train and %d test frames", settings.name, seed, len(train.labels), len(test.labels))
    inputs = read_inputs(dataset, features, [*train.frame_ids.tolist(), *test.frame_ids.tolist()])
    train_inputs, test_inputs = inputs[: len(train.labels)], inputs[len(train.labels) :]
    classifier = models.build(settings.model, seed, width=inputs.shape[-1])
    folder = Path(metrics).parent
    for earlier in (*folder.glob("model.*"), folder / "history.png"):  # of other settings: Snakemake does not know them
        earlier.unlink(missing_ok=True)
    checkpoint = folder / "checkpoint.safetensors"
    start = time.perf_counter()
    rows = classifier.fit(train_inputs, train.labels, checkpoint)
    # Of a run that goes on, the seconds before it was stopped count too.
    seconds = sum(row["seconds"] for row in rows) if rows else time.perf_counter() - start
    prediction = classifier.predict(test_inputs)
    predicted = prediction.probabilities.argmax(axis=1)
    extractor = {} if features is None else tables.about(features).get(NETWORK_KEY, {})
    record: dict[str, Any] = {
        "model": settings.name,
        "split": split,
        "seed": seed,
        **scores.macro_scores(test.labels, predicted),
        "per_class": scores.scores_by_class(test.labels, predicted),
        "confusion": scores.confusion(test.labels, predicted),
        "parameters": classifier.parameters,
        "stock_parameters": extractor.get("parameters", classifier.stock_parameters),
        "notes": _notes(settings, classifier),
        "seconds": round(seconds, 3),
        "images_per_second": round(_speed(rows, len(train.labels), seconds), 1),
        "device": classifier.device,
        "train_frames": len(train.labels),
        "test_frames": len(test.labels),
        "model_file": f"model{classifier.suffix}",
        "settings": settings.plain(),
        "versions": _versions(),
    }
    card = models.Card(
        classes=list(CLASSES),
        run=settings,
        split=split,
        seed=seed,
        frames=tables.frame_source(dataset),
        extractor=extractor.get("digest"),
        program_version=__version__,
    )
    classifier.save(folder / f"model{classifier.suffix}", card)
    if rows:
        title = [model_title(settings.name), f"seed {seed}", f"split “{split}”", *record["notes"]]
        draw_history(rows, ", ".join(title), folder / "history.png")
    _write_history(history, rows)
    _write_predictions(predictions, test, predicted, prediction, settings)
    with written_aside(metrics) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    log.info("macro precision %.3f, recall %.3f, F1 %.3f", *(record[name] for name in scores.SCORE_NAMES))


def read_inputs(dataset: str, features: str | None, frame_ids: Sequence[str]) -> NDArray[Any]:
    """What a classifier sees of frames: their images, or their features where a file of them is given."""
    return read_images(dataset, frame_ids) if features is None else read_features(features, frame_ids)


def _notes(settings: RunSettings, classifier: models.Classifier) -> list[str]:
    random = getattr(settings.features, "weights", None) == "random"
    return [RANDOM_FEATURES] * random + [NOT_CONVERGED] * (not classifier.converged)


def _speed(rows: models.History, frames: int, seconds: float) -> float:
    """Images a second of training: the median over the epochs, which a busy moment does not change."""
    return float(np.median([row["images_per_second"] for row in rows])) if rows else frames / max(seconds, 1e-6)


def _versions() -> dict[str, str]:
    versions = {"norrsken": __version__, "python": platform.python_version()}
    return versions | {library: version(library) for library in LIBRARIES}


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
