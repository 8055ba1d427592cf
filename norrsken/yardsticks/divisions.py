"""What a model would have scored if the data set had been divided in another way, or had been smaller.

Scores on test nights hold for other nights of the same years, by the same cameras, with as many labels. Here the model
is trained anew on other divisions of the same frames: with frames of the test nights among those to train on, as a
division at random has them; without one year; without the frames of one camera; with fewer labels. Each is compared
with the runs of the split by night on the frames that both were tested on, drawn by night and alike for both.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.config.jobs import RunSettings
from norrsken.config.models import SequenceNetwork, SingleFrameModel, Training
from norrsken.dataset.context import camera_numbers
from norrsken.dataset.splits import Division, Part, drawn_by_class, read_split, with_images
from norrsken.evaluation.bootstrap import interval
from norrsken.evaluation.intervals import counts_by_night, drawn_f1, f1_of_present
from norrsken.evaluation.scores import read_metrics
from norrsken.files import write_csv
from norrsken.models import classifiers
from norrsken.models.interface import Prediction
from norrsken.paths import FEWER, SAME_NIGHTS
from norrsken.training.run import read_inputs, write_predictions

log = logging.getLogger(__name__)

#: The share of each test night's frames on which models that know the other frames of the night are tested.
SAME_NIGHTS_SHARE = 0.5

#: With fewer frames there are more passes over them, so that as many steps are taken; but not more than so many times.
MOST_PASSES = 10

#: The keys under which a file of predictions says on how many frames its model was trained, or why there is none.
TRAINED_KEY, REASON_KEY = "train_frames", "reason"


class NoDivisionError(Exception):
    """The data set cannot be divided so; the message says why."""


class Rows(NamedTuple):
    """Which frames a model is trained and tested on: (n,) bool each, of all clean frames."""

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


def train_otherwise(
    dataset: str, features: str | None, split: str, part: str, seed: int, settings: RunSettings, output: str
) -> None:
    """Train a model with a seed on another division, and write what it says of the test frames.

    part: `same-nights`, `year-2014`, `camera-2016-09-01` (the day on which the camera came) or `labels-300`. split:
    the one that it is compared with. The file has the schema of `predictions.parquet`; where the data set cannot be
    divided so, it has no rows, and its metadata say why. A training that was stopped goes on.
    """
    if isinstance(settings.model, SequenceNetwork):
        raise TypeError(f"{settings.name} is a sequence, which is trained on one division only")
    model, division = settings.model, read_split(dataset, split)
    frames = _joined(division)
    try:
        rows = _rows(dataset, division, frames, part, seed)
        train, test = frames.of(rows.train), frames.of(rows.test)
        kept_out = _kept_out(division, train, part, model, seed)
    except NoDivisionError as reason:
        log.warning("%s: %s", part, reason)
        nothing = Prediction(np.empty((0, len(division.classes)), np.float32), None)
        no_frames = frames.of(np.zeros(len(frames.labels), bool))
        write_predictions(output, no_frames, division.classes, nothing, settings, **{REASON_KEY: str(reason)})
        return
    log.info(
        "%s, %s, seed %d: %d train and %d test frames", settings.name, part, seed, len(train.labels), len(test.labels)
    )
    if features is None:
        train, test = (with_images(dataset, one) for one in (train, test))
    inputs, tested = read_inputs([train, test], features)
    if isinstance(model, Training) and part.startswith(FEWER):
        passes = min(MOST_PASSES, round(len(division.train.labels) / len(train.labels)))
        model = model.model_copy(update={"epochs": model.epochs * passes})
    classifier = classifiers.build(model, seed, len(division.classes), width=inputs.shape[-1])
    checkpoint = Path(output).with_suffix(".checkpoint.safetensors")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    classifier.fit(inputs, train.labels, kept_out, checkpoint)
    said = Prediction(classifier.predict(tested).probabilities, None)
    write_predictions(output, test, division.classes, said, settings, **{TRAINED_KEY: len(train.labels)})
    checkpoint.unlink(missing_ok=True)


def _kept_out(division: Division, train: Part, part: str, model: SingleFrameModel, seed: int) -> NDArray[np.bool_]:
    """Which training frames are kept out, as in the runs of Table 2: (n,). Raises `NoDivisionError` for too few others.

    Where other frames of the same nights are tested on, or where there are few nights, they are drawn by class.
    """
    split = division.split
    if part == SAME_NIGHTS or part.startswith(FEWER):
        split = split.model_copy(update={"method": "random"})
    kept_out = division._replace(train=train, split=split).validation(model.kept_out(division.split.method), seed)
    learnt = train.labels[~kept_out]
    if len(np.unique(learnt)) < 2:
        raise NoDivisionError("the frames to train on are all of one class")
    if len(learnt) < getattr(model, "neighbours", 1):
        raise NoDivisionError(f"there are fewer frames to train on than neighbours: {len(learnt)}")
    return kept_out


def _joined(division: Division) -> Part:
    """The frames to train on and, after them, those of the test, without images."""
    train, test = division.train, division.test
    return Part(
        np.concatenate([train.frame_ids, test.frame_ids]),
        np.concatenate([train.labels, test.labels]),
        np.concatenate([train.nights, test.nights]),
        None,
    )


def _rows(dataset: str, division: Division, frames: Part, part: str, seed: int) -> Rows:
    """The frames of a division. Raises `NoDivisionError` where there are none to train or to test on."""
    kind, _, value = part.partition("-")
    in_test = np.arange(len(frames.labels)) >= len(division.train.labels)
    if part.startswith(FEWER):
        return Rows(_some_nights(frames, ~in_test, int(value), [division.split.seed, 3, seed]), in_test)
    if not division.by_night:
        raise NoDivisionError(f"the split is {division.split.method}, which no other nights can be compared with")
    if part == SAME_NIGHTS:
        return _same_nights(frames, in_test, [division.split.seed, 2])
    if kind == "year":
        test = frames.nights.astype("datetime64[Y]") == np.datetime64(value, "Y")
    else:
        clean = tables.read(dataset, schemas.dataset_table([]), ["frame_id", "time"])
        when = tables.milliseconds(clean.take(tables.rows_of(clean, frames.frame_ids.tolist(), dataset)))
        cameras = camera_numbers(division.source, when)
        test = cameras == np.datetime64(value, "D").astype(int)
    if not test.any():
        raise NoDivisionError("no clean frame is of it")
    # A camera may come in the middle of a night.
    train = ~np.isin(frames.nights, frames.nights[test])
    if len(np.unique(frames.nights[train])) < 2:
        raise NoDivisionError("the other clean frames are of one night at most")
    return Rows(train, test)


def _same_nights(frames: Part, in_test: NDArray[np.bool_], seed: Sequence[int]) -> Rows:
    """Half of each test night's frames are trained on in place of as many others, the other half is tested on."""
    random = np.random.default_rng(seed)
    nights = np.unique(frames.nights[in_test])
    test = np.zeros(len(in_test), bool)
    test[in_test] = drawn_by_class(frames.nights[in_test], nights, SAME_NIGHTS_SHARE, random)
    known = in_test & ~test
    (others,) = np.nonzero(~in_test)
    if not test.any() or not 0 < known.sum() < len(others):
        raise NoDivisionError("the test nights have too few frames to divide them, or more than there are to train on")
    train = ~in_test | known
    train[random.permutation(others)[: known.sum()]] = False
    return Rows(train, test)


def _some_nights(frames: Part, train: NDArray[np.bool_], number: int, seed: Sequence[int]) -> NDArray[np.bool_]:
    """So many of the frames to train on, of as few nights as hold them, in an order drawn by the seed: (n,) bool.

    Of the last night as many are taken as are missing. Frames whose night is not known are drawn one by one.
    """
    (places,) = np.nonzero(train)
    if number >= len(places):
        raise NoDivisionError(f"there are {len(places)} labelled frames to train on in all")
    random = np.random.default_rng(seed)
    shuffled = random.permutation(places)
    of_night = frames.nights[shuffled]
    if not np.isnat(of_night).any():
        nights = random.permutation(np.unique(of_night))
        shuffled = np.concatenate([shuffled[of_night == night] for night in nights])
    chosen = np.zeros(len(train), bool)
    chosen[shuffled[:number]] = True
    return chosen


def compare_divisions(
    metrics: Sequence[str], predictions: Sequence[str], others: Mapping[str, Sequence[str]], dataset: str, output: str
) -> None:
    """Write `divisions.csv`: how well the model does on each division, and beside the split by night.

    metrics, predictions: of the model's runs on the split. others: part → what `train_otherwise` wrote, for each seed.
    Columns: model, split, part, train_frames, test_frames, nights; `f1`, the macro F1 over the classes that the test
    frames have, mean over the runs, `f1_low`, `f1_high`, `f1_sd` over the runs; `common`, the frames that were tested
    on both divisions, `less`, by how much its F1 on them is below that of the split, `less_low`, `less_high`; note.
    Intervals are over nights, and empty for fewer than `MIN_UNITS`.
    """
    runs = read_metrics(metrics)
    classes = tables.label_names(dataset).classes
    nights = tables.read_without_images(dataset).set_index("frame_id")["night"]
    split = [_said(path) for path in predictions]
    about = {"model": runs[0]["model"], "split": runs[0]["split"]}
    rows = [about | {"part": "split", "train_frames": runs[0]["train_frames"]} | _scores(split, nights, classes)]
    for part, paths in others.items():
        files = {path: tables.about(path) for path in paths}
        reasons = [said[REASON_KEY] for said in files.values() if REASON_KEY in said]
        made = [path for path, said in files.items() if REASON_KEY not in said]
        row = about | {"part": part, "note": reasons[0] if reasons else ""}
        if made:
            tested = [_said(path) for path in made]
            row["train_frames"] = files[made[0]][TRAINED_KEY]
            row |= _scores(tested, nights, classes) | _less(tested, split, nights, classes)
        if made and reasons:
            row["note"] = f"{len(reasons)} of {len(paths)} runs were not made: {reasons[0]}"
        rows.append(row)
    columns = [
        "model", "split", "part", "train_frames", "test_frames", "nights", "f1", "f1_low", "f1_high", "f1_sd",
        "common", "less", "less_low", "less_high", "note",
    ]  # fmt: skip
    write_csv(pd.DataFrame(rows, columns=columns), output)


def _said(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The label of each test frame and what was predicted, by its id."""
    return tables.read_predictions(path).set_index("frame_id")[["label", "predicted"]]


def _scores(runs: Sequence[pd.DataFrame], nights: pd.Series, classes: Sequence[str]) -> dict[str, Any]:
    counts = counts_by_night(runs, nights, classes)
    by_run = f1_of_present(counts.sum(axis=0))
    low, high = interval(drawn_f1(counts))
    spread = float(np.std(by_run, ddof=1)) if len(by_run) > 1 else None
    frames = nights.loc[runs[0].index]
    return {
        "test_frames": len(frames),
        "nights": frames.nunique() if frames.notna().all() else None,
        "f1": by_run.mean(),
        "f1_low": low,
        "f1_high": high,
        "f1_sd": spread,
    }


def _less(
    runs: Sequence[pd.DataFrame], split: Sequence[pd.DataFrame], nights: pd.Series, classes: Sequence[str]
) -> dict[str, Any]:
    common = runs[0].index.intersection(split[0].index, sort=False)
    if not len(common):
        return {"common": 0}
    these, those = (counts_by_night([run.loc[common] for run in each], nights, classes) for each in (runs, split))
    low, high = interval(drawn_f1(those) - drawn_f1(these))
    less = f1_of_present(those.sum(axis=0)).mean() - f1_of_present(these.sum(axis=0)).mean()
    return {"common": len(common), "less": less, "less_low": low, "less_high": high}
