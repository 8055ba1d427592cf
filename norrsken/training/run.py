"""One run: a model, a seed, a split → the trained model, its history, its predictions on test frames, its scores."""

import csv
import logging
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import __version__, schemas, tables
from norrsken.config.jobs import RunSettings
from norrsken.config.models import Network, SequenceNetwork
from norrsken.dataset.context import Stacks, read_windows
from norrsken.dataset.splits import AT_A_TIME, Division, Part, read_split
from norrsken.dataset.votes import read_votes
from norrsken.evaluation import scores
from norrsken.files import write_json, written_aside
from norrsken.models import classifiers
from norrsken.models.interface import Card, Classifier, History, Prediction
from norrsken.training.features import NETWORK_KEY, read_features

if TYPE_CHECKING:
    from norrsken.models.sequence import SequenceClassifier

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

#: Notes on scores that must not be taken for more than they are.
RANDOM_FEATURES, NOT_CONVERGED = "random features", "not trained to convergence"


class Lesson(NamedTuple):
    """What a classifier is trained on; see `Classifier.fit`. ambiguous: how many are frames without a class."""

    inputs: Any
    targets: NDArray[Any]
    kept_out: NDArray[np.bool_]
    ambiguous: int = 0


def train_run(
    dataset: str,
    features: str | None,
    split: str,
    seed: int,
    settings: RunSettings,
    history: str,
    predictions: str,
    validation: str,
    metrics: str,
    labelled: str | None = None,
    frames: str | None = None,
) -> None:
    """Train on the split's train frames, predict its test frames, and write the run's files.

    validation: where to write the predictions of the training frames that were kept out. labelled: `labelled.parquet`,
    for a model whose targets are votes, and for a sequence; None: its targets are the agreed labels, each of a single
    frame. frames: of a sequence, the `metrics.json` of the run whose model sees each frame; None: the general
    classifier's network does. Beside `metrics`, which is written last, lie the model and, while the run is under way, a
    checkpoint: a run that was stopped goes on, and ends with the same weights.
    """
    in_time = isinstance(settings.model, SequenceNetwork)
    division = read_split(dataset, split, images=features is None and not in_time)
    train, test, classes = division.train, division.test, division.classes
    log.info("%s, seed %d: %d train and %d test frames", settings.name, seed, len(train.labels), len(test.labels))
    classifier: Classifier
    train_inputs: Any
    test_inputs: Any
    begun = time.perf_counter()
    if isinstance(settings.model, SequenceNetwork):
        settings, classifier = _sequence(settings, seed, len(classes), frames)
        train_inputs = read_stacks(train, str(labelled), settings, classifier.to_train)
        # What sees the frames may learn, too: those of the test are seen when it has learnt.
        test_inputs = read_stacks(test, str(labelled), settings, lambda images: images)
    else:
        train_inputs, test_inputs = read_inputs([train, test], features)
        classifier = classifiers.build(settings.model, seed, len(classes), width=train_inputs.shape[-1])
    folder = Path(metrics).parent
    for earlier in folder.glob("model.*"):  # it is of other settings; Snakemake does not know it
        earlier.unlink()
    checkpoint = folder / "checkpoint.safetensors"
    kept_out = division.validation(settings.model.kept_out(division.split.method), seed)
    start = time.perf_counter()
    taught = Lesson(train_inputs, train.labels, kept_out)
    if labelled is not None and isinstance(settings.model, Network):
        taught = with_votes(taught, division, labelled, settings.model.unusable_weight)
    rows = classifier.fit(taught.inputs, taught.targets, taught.kept_out, checkpoint)
    # Where a stopped run goes on, the seconds before count too.
    seconds = sum(row["seconds"] for row in rows) if rows else time.perf_counter() - start
    seconds += (start - begun) * in_time  # a sequence is mostly trained by seeing its frames
    prediction = classifier.predict(test_inputs)
    predicted = prediction.probabilities.argmax(axis=1)
    extractor = {} if features is None else tables.about(features).get(NETWORK_KEY, {})
    record: dict[str, Any] = {
        "model": settings.name,
        "split": split,
        "split_method": division.split.method,
        "seed": seed,
        **scores.macro_scores(test.labels, predicted, len(classes)),
        "per_class": scores.scores_by_class(test.labels, predicted, classes),
        "confusion": scores.confusion(test.labels, predicted, len(classes)),
        "parameters": classifier.parameters,
        "stock_parameters": extractor.get("parameters", classifier.stock_parameters),
        "notes": _notes(settings, classifier),
        "seconds": round(seconds, 3),
        "images_per_second": round(_speed(rows, len(taught.targets), seconds), 1),
        "device": classifier.device,
        "train_frames": len(train.labels),
        **({} if labelled is None or in_time else {"ambiguous_frames": taught.ambiguous}),
        "validation_frames": int(kept_out.sum()),
        "test_frames": len(test.labels),
        "model_file": f"model{classifier.suffix}",
        "settings": settings.plain(),
        "versions": _versions(),
    }
    card = Card(
        classes=list(classes),
        run=settings,
        split=split,
        seed=seed,
        frames=division.source,
        extractor=extractor.get("digest"),
        program_version=__version__,
    )
    classifier.save(folder / f"model{classifier.suffix}", card)
    _write_history(history, rows)
    write_predictions(predictions, test, classes, prediction, settings)
    probabilities = np.empty((0, len(classes)), np.float32)
    if kept_out.any():
        probabilities = classifier.predict(train_inputs[kept_out]).probabilities
    write_predictions(validation, train.of(kept_out), classes, Prediction(probabilities, None), settings)
    write_json(record, metrics)
    checkpoint.unlink(missing_ok=True)
    log.info("macro precision %.3f, recall %.3f, F1 %.3f", *(record[name] for name in scores.SCORE_NAMES))


def with_votes(agreed: Lesson, division: Division, labelled: str, weight: float) -> Lesson:
    """The votes in place of the agreed labels, and the frames on which annotators differ besides.

    On a split by night only those of nights that are neither for the test nor kept out; on a published one only those
    of the part to train on. Other splits have no such frames: there all on which annotators differ are trained on.
    weight: of a frame that some annotators call unusable.
    """
    train, votes = division.train, read_votes(labelled)
    own = votes.of_frames(train.frame_ids)
    targets = own.shares * np.where(own.usable < 1, weight, 1.0)[:, None]
    # The training is followed by the agreed labels of what is kept out, as for any other model.
    targets[agreed.kept_out] = np.eye(targets.shape[1])[train.labels[agreed.kept_out]]
    others = ~votes.agreed
    if division.by_night:
        untouched = np.concatenate([division.test.nights, train.nights[agreed.kept_out]])
        others &= ~np.isnat(votes.nights) & ~np.isin(votes.nights, untouched)
    elif division.split.method == "published":
        parts = tables.read_labelled(labelled).set_index("frame_id")["part"]
        others &= (parts.loc[votes.frame_ids.tolist()] == "train").to_numpy()
    more = votes.of(others)
    if not len(more.frame_ids):
        log.warning("%s: annotators differ on no frame to train on: the agreed ones are learnt", labelled)
    log.info("%d frames more, on which annotators differ; %d unusable for some", len(more.usable), sum(more.usable < 1))
    inputs = np.empty((len(targets) + len(more.frame_ids), *agreed.inputs.shape[1:]), agreed.inputs.dtype)
    inputs[: len(targets)] = agreed.inputs
    for here, images in tables.image_batches(labelled, more.frame_ids.tolist(), AT_A_TIME):
        inputs[len(targets) :][here] = images
    weighted = more.shares * np.where(more.usable < 1, weight, 1.0)[:, None]
    kept_out = np.concatenate([agreed.kept_out, np.zeros(len(weighted), bool)])
    return Lesson(inputs, np.concatenate([targets, weighted]).astype(np.float32), kept_out, len(weighted))


def read_inputs(parts: Sequence[Part], features: str | None) -> list[NDArray[Any]]:
    """What a classifier sees of the frames of each part: their images, or their features where a file of them is given.

    Raises `ValueError` where neither is there.
    """
    if features is not None:
        vectors = read_features(features, [frame for part in parts for frame in part.frame_ids.tolist()])
        return np.split(vectors, np.cumsum([len(part.frame_ids) for part in parts])[:-1])
    images = [part.images for part in parts if part.images is not None]
    if len(images) < len(parts):
        raise ValueError("the frames were read without their images, and there is no file of features")
    return list(images)


def _sequence(
    settings: RunSettings, seed: int, classes: int, frames: str | None
) -> tuple[RunSettings, "SequenceClassifier"]:
    """An untrained sequence, with the weights of what sees each frame, and settings that say what that is."""
    from norrsken.models.network import TorchClassifier
    from norrsken.models.sequence import sequence
    from norrsken.models.weights import GENERAL

    path = GENERAL if frames is None else scores.model_files([frames])[0]
    seeing, card = classifiers.load(path)
    if not isinstance(seeing, TorchClassifier):
        raise ValueError(f"{path}: no network, so that it sees no frames for a sequence")
    settings = settings.model_copy(update={"frames": card.run.model})
    classifier = sequence(settings, seed, classes)
    classifier.see_as(seeing)
    return settings, classifier


def read_stacks(
    part: Part, labelled: str, settings: RunSettings, seen: Callable[[NDArray[np.uint8]], NDArray[Any]]
) -> Stacks:
    """The frames of a part between their neighbours, of which each is held once, by what is seen in it."""
    if settings.context is None:
        raise ValueError(f"{settings.name} is a sequence, and it is not said how many frames it sees")
    names, found = read_windows(labelled, part.frame_ids.tolist(), settings.context)
    held: NDArray[Any] = np.empty(0)
    for here, images in tables.image_batches(labelled, names.tolist(), AT_A_TIME):
        some = seen(images)
        if here.start == 0:
            held = np.empty((len(names), *some.shape[1:]), some.dtype)
        held[here] = some
    return Stacks(held, found)


def _notes(settings: RunSettings, classifier: Classifier) -> list[str]:
    random = getattr(settings.features, "weights", None) == "random"
    return [RANDOM_FEATURES] * random + [NOT_CONVERGED] * (not classifier.converged)


def _speed(rows: History, frames: int, seconds: float) -> float:
    """Images per second of training: the median over the epochs, which a busy moment does not change."""
    return float(np.median([row["images_per_second"] for row in rows])) if rows else frames / max(seconds, 1e-6)


def _versions() -> dict[str, str]:
    versions = {"norrsken": __version__, "python": platform.python_version()}
    return versions | {library: version(library) for library in LIBRARIES}


def _write_history(path: str, rows: Sequence[Mapping[str, float]]) -> None:
    with written_aside(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, HISTORY_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def write_predictions(
    path: str,
    part: Part,
    classes: Sequence[str],
    prediction: Prediction,
    settings: RunSettings,
    **more: Any,
) -> None:
    """Write what a run says of a part's frames, by the schema of `predictions.parquet`. more: for its metadata."""
    names = np.array(classes)
    columns = {
        "frame_id": pa.array(part.frame_ids),
        "label": pa.array(names[part.labels]),
        "predicted": pa.array(names[prediction.probabilities.argmax(axis=1)]),
        **{schemas.p(name): pa.array(prediction.probabilities[:, i]) for i, name in enumerate(classes)},
    }
    embedding = None if prediction.embeddings is None else list(prediction.embeddings)
    columns["embedding"] = pa.array(embedding or [None] * len(part.labels), pa.list_(pa.float32()))
    tables.write(path, pa.table(columns), schemas.predictions_table(classes), settings.plain(), **more)
