"""Labelled frames → the clean data set: the frames on which all annotators agree, divided into train and test.

Section 2.2: "Only the images with agreeing labels were used for training the network."
"""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.config.site import FrameSource
from norrsken.config.splits import Split
from norrsken.errors import NorrskenError

log = logging.getLogger(__name__)

#: How many divisions by night are drawn; the one that divides the classes most evenly is taken.
NIGHT_DRAWS = 200


class DatasetError(NorrskenError):
    """The clean frames cannot be divided as asked."""


@dataclass(frozen=True)
class Part:
    """The train or the test frames of a split.

    frame_ids: (n,). labels: (n,) int64, codes in class order. nights: (n,) datetime64[D]. images: (n, 128, 128, 3)
    uint8, or None where they were not asked for.
    """

    frame_ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    nights: NDArray[np.datetime64]
    images: NDArray[np.uint8] | None


class Division(NamedTuple):
    """The clean frames of a data set as a split divides them.

    source: how their images were processed. classes: the names of the codes of their labels.
    """

    train: Part
    test: Part
    source: FrameSource
    classes: tuple[str, ...]


def split_dataset(labelled: str, splits: Mapping[str, Split], output: str) -> None:
    """Write `dataset.parquet`: the frames of `labelled.parquet` that have a class, with a column for each split."""
    columns = ["frame_id", "time", "night", "label", "image"]
    if any(split.method == "published" for split in splits.values()):
        columns.append("part")
    clean = tables.read_where(labelled, "verdict", ["agreed", "adjudicated"], columns)
    if clean.num_rows == 0:
        raise DatasetError(f"{labelled}: there is no frame on which all annotators agree")
    names = tables.label_names(labelled)
    labels = np.array(clean["label"].to_pylist())
    nights = np.array(clean["night"].to_pylist(), dtype="datetime64[D]")
    for name, split in splits.items():
        if split.method == "night" and np.isnat(nights).any():
            raise DatasetError(f"split {name!r} divides by night, but there are frames whose time is not known")
        if split.method == "published":
            if clean["part"].null_count:
                raise DatasetError(
                    f"split {name!r}: the release does not say which frames are train and which are test"
                )
            test = np.array(clean["part"]) == "test"
        else:
            test = divide(labels, nights, split, names.classes)
        if test.all() or not test.any():
            raise DatasetError(
                f"split {name!r}: {test.sum()} of {len(test)} clean frames ({len(np.unique(nights))} nights) "
                "fell to the test; it needs some frames on both sides"
            )
        for label in names.classes:
            chosen = labels == label
            if chosen.any() and not (chosen & ~test).any():
                log.warning("split %r has no training frame of the class %r", name, label)
            if chosen.any() and not (chosen & test).any():
                log.warning("split %r has no test frame of the class %r", name, label)
        clean = clean.append_column(f"split_{name}", pa.array(np.where(test, "test", "train")))
    settings = {name: split.plain() for name, split in splits.items()}
    source = tables.frame_source(labelled).plain()
    schema = schemas.dataset_table(splits, names.classes)
    tables.write(output, clean, schema, settings, frames=source, **tables.labels_metadata(names))


def divide(
    labels: NDArray[np.str_], nights: NDArray[np.datetime64], split: Split, classes: Iterable[str]
) -> NDArray[np.bool_]:
    """Which frames are for the test: (n,) bool, the same for the same seed. labels, nights: (n,)."""
    random = np.random.default_rng(split.seed)
    test = np.zeros(len(labels), bool)
    match split.method:
        case "random":
            test[random.permutation(len(labels))[: round(split.test_share * len(labels))]] = True
        case "stratified":
            test = drawn_by_class(labels, classes, split.test_share, random)
        case "night":
            test = np.isin(nights, _test_nights(labels, nights, split, random))
    return test


def drawn_by_class(
    labels: NDArray[Any], classes: Iterable[Any], share: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw the same share of every class. labels: (n,), in the terms of `classes`; returns (n,) bool."""
    drawn = np.zeros(len(labels), bool)
    for label in classes:
        (members,) = np.nonzero(labels == label)
        drawn[random.permutation(members)[: round(share * len(members))]] = True
    return drawn


def held_out(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Which training frames a run of this seed keeps out, to follow its training: (n,) bool. labels: codes, (n,)."""
    return drawn_by_class(labels, range(labels.max(initial=-1) + 1), share, np.random.default_rng(seed))


def _test_nights(
    labels: NDArray[np.str_], nights: NDArray[np.datetime64], split: Split, random: np.random.Generator
) -> NDArray[np.datetime64]:
    """Whole nights for the test that hold about the asked share of every class: the best of many random draws."""
    names, night = np.unique(nights, return_inverse=True)
    classes, code = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), int)
    np.add.at(counts, (night, code), 1)
    goal = split.test_share * counts.sum(axis=0)
    best, best_error = names[:1], np.inf
    for _ in range(NIGHT_DRAWS):
        order = random.permutation(len(names))
        held = counts[order].cumsum(axis=0)
        # The test gets the number of nights whose frames come nearest to the share asked for; at least one night stays
        # on either side.
        size = int(np.abs(held.sum(axis=1)[: max(len(names) - 1, 1)] - goal.sum()).argmin()) + 1
        error = float((np.abs(held[size - 1] - goal) / counts.sum(axis=0)).sum())
        if error < best_error:
            best, best_error = names[order[:size]], error
    return best


def read_split(path: str | os.PathLike[str], split: str, images: bool = False) -> Division:
    """The train and the test frames of a split of `dataset.parquet`, in its order; with their images if asked for."""
    column = f"split_{split}"
    columns = ["frame_id", "label", "night", column, *(["image"] if images else [])]
    table = tables.read(path, schemas.dataset_table([split]), columns)
    classes = tables.label_names(path, table).classes
    train, test = (_part(table, column, part, classes) for part in ("train", "test"))
    return Division(train, test, tables.frame_source(path, table), classes)


def _part(table: pa.Table, column: str, part: str, classes: Sequence[str]) -> Part:
    rows = table.filter(pc.equal(table[column], part))
    codes = [classes.index(label) for label in rows["label"].to_pylist()]
    nights = rows["night"].to_numpy().astype("datetime64[D]")
    images = tables.images(rows["image"]) if "image" in rows.column_names else None
    return Part(np.array(rows["frame_id"].to_pylist()), np.array(codes, np.int64), nights, images)


def read_images(path: str | os.PathLike[str], frame_ids: Sequence[str]) -> NDArray[np.uint8]:
    """The images of these frames of `dataset.parquet`, (n, 128, 128, 3), in the order asked for."""
    table = tables.read(path, schemas.dataset_table([]), ["frame_id", "image"])
    return tables.images(table["image"])[tables.rows_of(table, frame_ids, path)]


def sample_frames(dataset: str | os.PathLike[str], each: int) -> dict[str, list[str]]:
    """Frames of each class, evenly from its darkest to its brightest: class → frame ids."""
    table = tables.read(dataset, schemas.dataset_table([]), ["frame_id", "label", "image"])
    brightness = tables.images(table["image"]).mean(axis=(1, 2, 3))
    frames, labels = (np.array(table[name].to_pylist()) for name in ("frame_id", "label"))
    samples = {}
    for name in tables.label_names(dataset, table).classes:
        (members,) = np.nonzero(labels == name)
        if len(members):
            order = members[np.argsort(brightness[members], kind="stable")]
            places = ((np.arange(each) + 0.5) / each * len(order)).astype(int)
            samples[name] = frames[order[np.unique(places)]].tolist()
    return samples
