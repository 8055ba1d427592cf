"""Labelled frames → the clean data set: the frames on which all annotators agree, divided into train and test.

Section 2.2: "Only the images with agreeing labels were used for training the network."
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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

#: The key in `tables.about` under which a data set says which of its splits could not be made, and why.
NOT_MADE_KEY = "splits_not_made"

#: Frames whose brightness is measured at a time.
AT_A_TIME = 1024

#: How many divisions by night are drawn; the one that divides the classes most evenly is taken.
NIGHT_DRAWS = 200

#: How many orders of the nights are drawn for the validation, and the shares for which one shall be even.
VALIDATION_DRAWS, VALIDATION_SHARES = 1000, (0.1, 0.2, 0.3)


class DatasetError(NorrskenError):
    """The clean frames, or a split of them, are not there or cannot be divided as asked."""


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

    def of(self, rows: NDArray[np.bool_]) -> "Part":
        """Some of the frames, without images. rows: (n,)."""
        return Part(self.frame_ids[rows], self.labels[rows], self.nights[rows], None)


class Division(NamedTuple):
    """The clean frames of a data set as a split divides them.

    source: how their images were processed. classes: the names of the codes of their labels. split: how it was made.
    """

    train: Part
    test: Part
    source: FrameSource
    classes: tuple[str, ...]
    split: Split

    @property
    def by_night(self) -> bool:
        """Whether no night is in both parts."""
        return self.split.method == "night"

    def validation(self, share: float, seed: int) -> NDArray[np.bool_]:
        """Which training frames are kept out of the training for validation: (n,) bool.

        On a split by night whole nights, as even over the classes as they can be, drawn once for the split: the same
        for all seeds, and those of a smaller share are among those of a larger one. One night at least stays to train
        on, so that of a single night none is kept out. On other splits the share of each class, drawn by the seed.
        """
        labels, nights = self.train.labels, self.train.nights
        if not self.by_night or share == 0:
            codes = range(len(self.classes))
            return drawn_by_class(labels, codes, share, np.random.default_rng(seed))
        return np.isin(nights, _validation_nights(labels, nights, share, self.split.seed))


def split_dataset(labelled: str, splits: Mapping[str, Split], output: str) -> None:
    """Write `dataset.parquet`: the frames of `labelled.parquet` that have a class, with a column for each split.

    A split that cannot be made gets no column. The log and the file say why, and `read_split` raises it, so that the
    runs on this split fail and the others do not wait for it. Raises `DatasetError` where no split can be made.
    """
    clean, rows = _clean_frames(labelled)
    names = tables.label_names(labelled)
    classes = names.classes
    made: dict[str, pa.Array] = {}
    not_made: dict[str, str] = {}
    for name, split in splits.items():
        try:
            test = _divided(clean, split, classes)
        except DatasetError as error:
            not_made[name] = (
                f"the split {name!r} ({split.method}) cannot be made: {error}. For a report without it, take it out of "
                "the release's splits"
            )
            log.error("%s: %s", labelled, not_made[name])
            continue
        if split.method in ("random", "stratified") and _drawn(clean, schemas.BALANCED).any():
            log.warning(
                "split %r (%s): its test frames are of a sample that is even over the classes, so that its scores hold "
                "for that sample, not for the archive; a split by night tests on nights that were sampled by time",
                name,
                split.method,
            )
        _warn_of_missing(np.array(clean["label"].to_pylist()), test, name, classes)
        made[f"split_{name}"] = pa.array(np.where(test, "test", "train"))
    if not made:
        raise DatasetError("\n".join(f"{labelled}: {reason}" for reason in not_made.values()))
    settings = {name: split.plain() for name, split in splits.items()}
    drawn = "probability" in clean.column_names
    schema = schemas.dataset_table([name for name in splits if name not in not_made], classes, drawn)
    more = {
        tables.FRAMES_KEY: tables.frame_source(labelled).plain(),
        **tables.labels_metadata(names),
        **({NOT_MADE_KEY: not_made} if not_made else {}),
    }
    with tables.writer(output, schema, settings, **more) as writer:
        for group in tables.in_row_groups(_with_splits(labelled, rows, made)):
            writer.write_table(group.select(schema.names).cast(schema))


def _clean_frames(labelled: str) -> tuple[pa.Table, NDArray[np.bool_]]:
    """The frames of `labelled.parquet` that have a class, without images; and which of all its rows they are.

    Raises `DatasetError` where there is none, or where a frame is there twice.
    """
    with tables.opened(labelled, schemas.labelled_table([]), ["frame_id", "verdict", "label", "night"]) as file:
        names = file.schema_arrow.names
        more = [name for name in ("part", "probability") if name in names]
        columns = ["frame_id", "verdict", "label", "night", *more]
        table = file.read(columns)
    rows = pc.is_in(table["verdict"], pa.array(["agreed", "adjudicated"]))
    clean = table.filter(rows)
    if clean.num_rows == 0:
        raise DatasetError(f"{labelled}: there is no frame on which all annotators agree")
    frame, times = Counter(clean["frame_id"].to_pylist()).most_common(1)[0]
    if times > 1:
        raise DatasetError(f"{labelled}: the frame {frame} is there {times} times; a frame may be there once")
    return clean, rows.to_numpy()


def _with_splits(labelled: str, rows: NDArray[np.bool_], made: Mapping[str, pa.Array]) -> Iterator[pa.Table]:
    """The clean frames with their columns of splits, a row group at a time. rows: which rows of the file are clean."""
    read = done = 0
    columns = ["frame_id", "time", "night", "label", "image"]
    with tables.opened(labelled, schemas.labelled_table([]), columns) as file:
        drawn = ["probability", "part"] if "probability" in file.schema_arrow.names else []
        for group in range(file.num_row_groups):
            frames = file.read_row_group(group, [*columns, *drawn])
            clean = frames.filter(pa.array(rows[read : read + len(frames)]))
            for name, parts in made.items():
                clean = clean.append_column(name, parts.slice(done, len(clean)))
            read, done = read + len(frames), done + len(clean)
            yield clean


def _divided(clean: pa.Table, split: Split, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the clean frames are for the test: (n,). Raises `DatasetError` with the reason where it cannot be."""
    frames = clean["frame_id"].to_pylist()
    nights = np.array(clean["night"].to_pylist(), dtype="datetime64[D]")
    if split.method == "night":
        _refuse_some(frames, np.isnat(nights), "whose time is not known")
    if split.method == "published":
        parts = clean["part"].to_pylist() if "part" in clean.column_names else [None] * len(frames)
        _refuse_some(frames, np.array([part is None for part in parts]), "that are said to be neither train nor test")
        test: NDArray[np.bool_] = np.array(parts) == "test"
    else:
        test = divide(np.array(clean["label"].to_pylist()), nights, split, classes, _nights_by_time(clean, nights))
    if test.all() or not test.any():
        found = np.unique(nights)
        of = f"are all of the night {found[0]}" if split.method == "night" and len(found) == 1 else "were divided"
        side = "test" if test.any() else "train"
        raise DatasetError(f"the {len(test)} clean frames {of}, and all fell to {side}; both parts need some frames")
    return test


def _drawn(clean: pa.Table, part: str) -> NDArray[np.bool_]:
    """Which frames were drawn for a part of a balanced sample: (n,)."""
    if "probability" not in clean.column_names:
        return np.zeros(len(clean), bool)
    drawn: NDArray[np.bool_] = np.array(clean["part"].to_pylist(), dtype=object) == part
    return drawn


def _nights_by_time(clean: pa.Table, nights: NDArray[np.datetime64]) -> NDArray[np.datetime64] | None:
    """The nights of a balanced sample that were sampled by time; None where there is no such sample.

    nights: of the frames, (n,). A night of which any frame was drawn evenly over the classes is none of them.
    """
    balanced, by_time = (_drawn(clean, part) for part in schemas.SAMPLE_PARTS)
    if not (balanced.any() or by_time.any()):
        return None
    found: NDArray[np.datetime64] = np.setdiff1d(nights[by_time], nights[balanced])
    return found


def _refuse_some(frames: Sequence[str], which: NDArray[np.bool_], why: str) -> None:
    """Raise `DatasetError` where something is wrong with some of the frames. which: (n,)."""
    if which.any():
        first = frames[int(which.argmax())]
        raise DatasetError(f"there are clean frames {why}: {which.sum()} of {len(frames)}; the first is {first}")


def _warn_of_missing(labels: NDArray[np.str_], test: NDArray[np.bool_], name: str, classes: Iterable[str]) -> None:
    """Warn of classes that have frames on one side only. labels, test: (n,)."""
    for label in classes:
        chosen = labels == label
        if chosen.any() and not (chosen & ~test).any():
            log.warning("split %r has no training frame of the class %r", name, label)
        if chosen.any() and not (chosen & test).any():
            log.warning("split %r has no test frame of the class %r", name, label)


def divide(
    labels: NDArray[np.str_],
    nights: NDArray[np.datetime64],
    split: Split,
    classes: Iterable[str],
    by_time: NDArray[np.datetime64] | None = None,
) -> NDArray[np.bool_]:
    """Which frames are for the test: (n,) bool, the same for the same seed. labels, nights: (n,).

    by_time: the nights that a split by night may take for the test; None: any.
    """
    random = np.random.default_rng(split.seed)
    test = np.zeros(len(labels), bool)
    match split.method:
        case "random":
            test[random.permutation(len(labels))[: round(split.test_share * len(labels))]] = True
        case "stratified":
            test = drawn_by_class(labels, classes, split.test_share, random)
        case "night":
            test = np.isin(nights, _test_nights(labels, nights, split, random, by_time))
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


def _test_nights(
    labels: NDArray[np.str_],
    nights: NDArray[np.datetime64],
    split: Split,
    random: np.random.Generator,
    by_time: NDArray[np.datetime64] | None,
) -> NDArray[np.datetime64]:
    """Whole nights for the test that hold about the asked share of every class: the best of many random draws.

    Where only the nights `by_time` may be taken, they hold about the asked share of all frames, and of the classes as
    much as these nights have; if together they hold less, all of them are for the test. Raises `DatasetError` where
    there is none.
    """
    names, counts = _count_by_night(labels, nights)
    (able,) = np.nonzero(np.ones(len(names), bool) if by_time is None else np.isin(names, by_time))
    if len(able) == 0:
        raise DatasetError("of the nights that were sampled by time none has a clean frame, so that none can be a test")
    names, of_able = names[able], counts[able]
    held_by_able = of_able.sum(axis=0)
    share = split.test_share if by_time is None else min(split.test_share * counts.sum() / of_able.sum(), 1.0)
    goal = share * held_by_able
    # At least one night stays on either side.
    most = min(len(able), max(len(counts) - 1, 1))
    best, best_error = names[:1], np.inf
    for _ in range(NIGHT_DRAWS):
        order = random.permutation(len(names))
        held = of_able[order].cumsum(axis=0)
        # The test gets the number of nights whose frames come nearest to the share asked for.
        size = int(np.abs(held.sum(axis=1)[:most] - goal.sum()).argmin()) + 1
        error = float((np.abs(held[size - 1] - goal) / np.maximum(held_by_able, 1)).sum())
        if error < best_error:
            best, best_error = names[order[:size]], error
    return best


def _validation_nights(
    labels: NDArray[np.int64], nights: NDArray[np.datetime64], share: float, seed: int
) -> NDArray[np.datetime64]:
    """The first nights of the most even order: best in the mean over `VALIDATION_SHARES`, of many random ones."""
    names, counts = _count_by_night(labels, nights)
    random, total = np.random.default_rng([seed, 1]), counts.sum(axis=0)
    best, best_error = np.arange(len(names)), np.inf
    for _ in range(VALIDATION_DRAWS if len(names) > 1 else 0):
        order = random.permutation(len(names))
        held = counts[order].cumsum(axis=0)
        first = [held[_number_of_nights(held, each) - 1] for each in VALIDATION_SHARES]
        error = float(np.abs(np.array(first) / total - np.array(VALIDATION_SHARES)[:, None]).sum())
        if error < best_error:
            best, best_error = order, error
    chosen: NDArray[np.datetime64] = names[best[: _number_of_nights(counts[best].cumsum(axis=0), share)]]
    return chosen


def _number_of_nights(held: NDArray[np.int64], share: float) -> int:
    """How many nights come nearest to a share of the frames: at least one, and one less than there are at most.

    held: (nights, classes), the frames of the first nights together.
    """
    frames = held.sum(axis=1)
    return int(np.abs(frames[:-1] - share * frames[-1]).argmin()) + 1 if len(frames) > 1 else 0


def _count_by_night(
    labels: NDArray[Any], nights: NDArray[np.datetime64]
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """The nights, in order, and their frames of each class that there is: (nights, classes)."""
    names, night = np.unique(nights, return_inverse=True)
    classes, code = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), np.int64)
    np.add.at(counts, (night, code), 1)
    return names, counts


def read_split(path: str | os.PathLike[str], split: str, images: bool = False) -> Division:
    """The train and the test frames of a split of `dataset.parquet`, in its order; with their images if asked for.

    Raises `DatasetError` for a split that could not be made, with the reason.
    """
    about = tables.about(path)
    reason = about.get(NOT_MADE_KEY, {}).get(split)
    if reason is not None:
        raise DatasetError(f"{path}: {reason}")
    column = f"split_{split}"
    table = tables.read(path, schemas.dataset_table([split]), ["frame_id", "label", "night", column])
    classes = tables.label_names(path, table).classes
    train, test = (_part(table, column, part, classes) for part in ("train", "test"))
    if images:
        train, test = (with_images(path, part) for part in (train, test))
    made = Split.model_validate(about["settings"][split])
    return Division(train, test, tables.frame_source(path, table), classes, made)


def _part(table: pa.Table, column: str, part: str, classes: Sequence[str]) -> Part:
    rows = table.filter(pc.equal(table[column], part))
    codes = [classes.index(label) for label in rows["label"].to_pylist()]
    nights = rows["night"].to_numpy().astype("datetime64[D]")
    return Part(np.array(rows["frame_id"].to_pylist()), np.array(codes, np.int64), nights, None)


def with_images(path: str | os.PathLike[str], part: Part) -> Part:
    """The same frames with their images."""
    return replace(part, images=read_images(path, part.frame_ids.tolist()))


def read_images(path: str | os.PathLike[str], frame_ids: Sequence[str]) -> NDArray[np.uint8]:
    """The images of these frames of `dataset.parquet`, (n, 128, 128, 3), in the order asked for.

    Only the row groups that hold one of them are read, each once.
    """
    return tables.images_of(path, frame_ids)


def sample_frames(dataset: str | os.PathLike[str], each: int) -> dict[str, list[str]]:
    """Frames of each class, evenly from its darkest to its brightest: class → frame ids."""
    table = tables.read(dataset, schemas.dataset_table([]), ["frame_id", "label"])
    brightness = np.concatenate([part.mean(axis=(1, 2, 3)) for part in tables.image_parts(dataset, AT_A_TIME)])
    frames, labels = (np.array(table[name].to_pylist()) for name in ("frame_id", "label"))
    samples = {}
    for name in tables.label_names(dataset, table).classes:
        (members,) = np.nonzero(labels == name)
        if len(members):
            order = members[np.argsort(brightness[members], kind="stable")]
            places = ((np.arange(each) + 0.5) / each * len(order)).astype(int)
            samples[name] = frames[order[np.unique(places)]].tolist()
    return samples
