"""Splits: their sizes, what they keep apart, that they repeat, and what happens to one that cannot be made."""

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PAPER

from norrsken import schemas, stages, tables
from norrsken.config.site import FrameSource
from norrsken.config.splits import Split
from norrsken.dataset.agreement import agreement, consistency
from norrsken.dataset.splits import (
    DatasetError,
    Division,
    Part,
    divide,
    read_images,
    read_split,
    sample_frames,
    split_dataset,
)
from norrsken.paper import CLASSES, PAPER_LABELS

LABELS = np.array([label for label in CLASSES for _ in range(PAPER_LABELS[label][2])])
RANDOM = np.random.default_rng(3)
ORDER = RANDOM.permutation(len(LABELS))
#: As in the paper: 3,846 clean frames, here over 120 nights, each class bunched in some of them.
SHUFFLED = LABELS[ORDER]
NIGHTS = np.datetime64("2015-01-01") + (ORDER // 32 + RANDOM.integers(0, 12, len(LABELS))) % 120


def split(method: str, share: float = 0.22, seed: int = 0) -> np.ndarray:
    return divide(
        SHUFFLED, NIGHTS, Split.model_validate({"method": method, "test_share": share, "seed": seed}), CLASSES
    )


@pytest.mark.parametrize("method", ["random", "stratified", "night"])
def test_a_split_repeats_and_depends_on_its_seed(method: str) -> None:
    np.testing.assert_array_equal(split(method), split(method))
    assert (split(method) != split(method, seed=1)).any()


def test_the_random_split_has_the_papers_846_test_frames() -> None:
    assert split("random").sum() == 846


def test_the_stratified_split_takes_the_share_of_every_class() -> None:
    test = split("stratified")
    for label in CLASSES:
        members = label == SHUFFLED
        assert test[members].sum() == round(0.22 * members.sum())


def test_the_night_split_has_no_night_in_both_parts() -> None:
    test = split("night")
    assert not set(NIGHTS[test]) & set(NIGHTS[~test])


def test_the_night_split_keeps_near_the_share_of_frames_and_of_every_class() -> None:
    test = split("night")
    assert test.mean() == pytest.approx(0.22, abs=0.02)
    for label in CLASSES:
        assert 0.05 < test[label == SHUFFLED].mean() < 0.45, label


def test_two_nights_fall_one_on_each_side() -> None:
    nights = np.array(["2015-01-01"] * 5 + ["2015-01-02"] * 5, "datetime64[D]")
    test = divide(np.array(["arcs", "edge"] * 5), nights, Split(method="night", test_share=0.5), CLASSES)
    assert test.sum() == 5


# The file

EVENING = datetime(2015, 1, 12, 18, tzinfo=UTC)


def labelled(path: Path, nights: list[date | None], parts: list[str | None] | None = None) -> Path:
    """Labelled frames of these nights, of all classes in turn; every fifth is a disagreement. Image: its number."""
    rows = range(len(nights))
    schema = (
        schemas.labelled_table([]).set(1, schemas.TIME.with_nullable(True)).set(2, schemas.NIGHT.with_nullable(True))
    )
    columns = {
        "frame_id": [f"KRN{EVENING + timedelta(minutes=i):%Y%m%dT%H%M%S}" for i in rows],
        "time": [EVENING + timedelta(minutes=i) for i in rows],
        "night": nights,
        "verdict": ["disagreement" if i % 5 == 4 else ("agreed", "adjudicated")[i % 2] for i in rows],
        "label": [None if i % 5 == 4 else CLASSES[i % 7] for i in rows],
        "image": pa.array([np.full(schemas.IMAGE_SHAPE, i, np.uint8).tobytes() for i in rows], schemas.IMAGE),
    }
    if parts is not None:
        schema = schema.append(pa.field("part", pa.string()))
        columns["part"] = parts
    source = FrameSource(processing=stages.PROCESSING, cameras=[])
    tables.write(path, pa.table(columns, schema), schema, {}, frames=source.plain())
    return path


def splits(*methods: str) -> dict[str, Split]:
    return {method: Split.model_validate({"method": method}) for method in methods}


def test_a_data_set_has_the_clean_frames_in_row_groups_and_their_images(tmp_path: Path) -> None:
    source = labelled(tmp_path / "labelled.parquet", [date(2015, 1, 1 + i // 10) for i in range(200)])
    split_dataset(str(source), splits("random", "night"), str(tmp_path / "dataset.parquet"))
    path = tmp_path / "dataset.parquet"
    with pq.ParquetFile(path) as file:
        assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [64, 64, 32]
    clean = [i for i in range(200) if i % 5 < 4]
    for name in ("random", "night"):
        division = read_split(path, name, images=True)
        assert division.train.images is not None
        assert division.test.images is not None
        found = [*division.train.images[:, 0, 0, 0], *division.test.images[:, 0, 0, 0]]
        assert sorted(found) == clean
        labels = [*division.train.labels, *division.test.labels]
        assert labels == [i % 7 for i in found]
    ids = division.test.frame_ids[::-1].tolist()
    np.testing.assert_array_equal(read_images(path, ids), division.test.images[::-1])
    assert not set(division.train.nights) & set(division.test.nights)
    assert list(sample_frames(path, 1)) == list(CLASSES)


def divided(nights: np.ndarray, labels: np.ndarray, method: str = "night") -> Division:
    """A division all of whose frames are to train on."""
    train = Part(np.arange(len(labels)).astype(str), labels, nights, None)
    split = Split.model_validate({"method": method})
    return Division(train, train, FrameSource(processing=1, cameras=[]), CLASSES, split)


def test_validation_nights_are_whole_even_over_the_classes_and_nested() -> None:
    random = np.random.default_rng(0)
    nights = np.datetime64("2015-01-01") + np.sort(random.integers(0, 120, 3000))
    # A class comes on few nights, as breakups do.
    labels = (random.integers(0, 7, 120)[(nights - nights[0]).astype(int)] + (random.random(3000) < 0.3)) % 7
    division = divided(nights, labels)
    before = set[np.datetime64]()
    for share in (0.05, 0.1, 0.2, 0.4, 0.8):
        kept_out = division.validation(share, seed=0)
        assert not set(nights[kept_out]) & set(nights[~kept_out])
        assert kept_out.mean() == pytest.approx(share, abs=0.02)
        assert before <= set(nights[kept_out])
        before = set(nights[kept_out])
        np.testing.assert_array_equal(kept_out, division.validation(share, seed=1))  # the same for all seeds
    shares = [division.validation(0.2, 0)[labels == code].mean() for code in range(7)]
    assert max(shares) - min(shares) < 0.1
    assert not division.validation(0, 0).any()


def test_one_night_at_least_stays_to_train_on() -> None:
    labels = np.arange(40) % 7
    days = np.datetime64("2015-01-01")
    assert not divided(np.full(40, days), labels).validation(0.2, 0).any()
    kept_out = divided(days + np.arange(40) // 20, labels).validation(0.9, 0)
    assert kept_out.sum() == 20


def test_on_other_splits_validation_frames_are_drawn_from_each_class_by_the_seed() -> None:
    labels = np.arange(140) % 7
    division = divided(np.full(140, np.datetime64("NaT")), labels, "random")
    first, second = (division.validation(0.1, seed) for seed in (0, 1))
    assert np.bincount(labels[first]).tolist() == np.bincount(labels[second]).tolist() == [2] * 7
    assert (first != second).any()


def test_images_are_read_once_and_only_where_they_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 frames are 5 GB: a table of all of them beside those that are asked for fills the memory twice."""
    path = tmp_path / "dataset.parquet"
    split_dataset(str(labelled(tmp_path / "labelled.parquet", [date(2015, 1, 12)] * 250)), splits("random"), str(path))
    read: list[int] = []
    original = pq.ParquetFile.read_row_group

    def noting(file: pq.ParquetFile, group: int, columns: list[str]) -> pa.Table:
        read.append(int(group))
        return original(file, group, columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noting)
    train = read_split(path, "random").train
    assert read == []
    read_images(path, train.frame_ids[:20].tolist())
    assert read == [0]
    read.clear()
    read_split(path, "random", images=True)
    assert read == [0, 1, 2, 3] * 2  # for the train and for the test frames


@pytest.mark.parametrize(
    ("name", "nights", "parts", "said"),
    [
        ("night", [date(2015, 1, 12)] * 20, None, "the 16 clean frames are all of the night 2015-01-12"),
        ("night", [*[date(2015, 1, 12), date(2015, 1, 13)] * 9, None, None], None,
         "there are clean frames whose time is not known: 1 of 16; the first is KRN20150112T181800"),
        ("published", [None] * 20, None, "neither train nor test: 16 of 16; the first is KRN20150112T180000"),
        ("published", [None] * 20, [*["train", "test"] * 9, None, None],
         "that are said to be neither train nor test: 1 of 16; the first is KRN20150112T181800"),
        ("published", [None] * 20, ["test"] * 20, "the 16 clean frames were divided, and all fell to test"),
        ("stratified", [None] * 8, None, "the 7 clean frames were divided, and all fell to train"),
    ],
)  # fmt: skip
def test_a_split_that_cannot_be_made_does_not_stop_the_others(
    tmp_path: Path,
    name: str,
    nights: list[date | None],
    parts: list[str | None] | None,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    source, path = labelled(tmp_path / "labelled.parquet", nights, parts), tmp_path / "dataset.parquet"
    split_dataset(str(source), splits(name, "random"), str(path))
    assert [record.levelno for record in caplog.records if said in record.message] == [logging.ERROR]
    assert len(read_split(path, "random").test.labels) == round(0.22 * sum(i % 5 < 4 for i in range(len(nights))))
    with pytest.raises(
        DatasetError, match=rf"dataset\.parquet: the split '{name}' \({name}\) cannot be made: .*{said}"
    ):
        read_split(path, name)
    with pytest.raises(DatasetError, match=said):
        split_dataset(str(source), splits(name), str(path))


def test_a_frame_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    source = labelled(tmp_path / "labelled.parquet", [date(2015, 1, 12)] * 20)
    rows = pq.read_table(source)
    pq.write_table(pa.concat_tables([rows, rows.slice(2, 1)]), source)
    with pytest.raises(DatasetError, match=r"labelled\.parquet: the frame KRN20150112T180200 is there 2 times"):
        split_dataset(str(source), splits("random"), str(tmp_path / "dataset.parquet"))


# What annotators say twice, and of frames whose nights are not known


def test_only_who_labelled_a_frame_twice_is_compared_with_themselves() -> None:
    table = pd.DataFrame({
        "label_a": ["arcs", "arcs", "edge"], "repeat_a": [None, None, None],
        "label_b": ["arcs", None, "edge"], "repeat_b": ["edge", "arcs", None],
        "night": [1, 2, 3],
    })  # fmt: skip
    assert consistency(table, PAPER.names)[["annotator", "frames"]].to_numpy().tolist() == [["b", 1]]
    assert len(consistency(table.drop(columns="repeat_b"), PAPER.names)) == 0


def test_frames_without_a_night_are_compared_and_each_counts_as_a_night() -> None:
    random = np.random.default_rng(0)
    a = np.array(CLASSES)[random.integers(0, 7, 60)]
    b = np.where(random.uniform(size=60) < 0.7, a, np.array(CLASSES)[random.integers(0, 7, 60)])
    table = pd.DataFrame({"label_a": a, "label_b": b, "repeat_b": a, "night": pd.Series([None] * 60, dtype=object)})
    columns = ["frames", "agreement", "kappa", "kappa_low", "kappa_high"]
    for compare in (agreement, consistency):
        found, expected = compare(table, PAPER.names), compare(table.assign(night=range(60)), PAPER.names)
        pd.testing.assert_frame_equal(found[columns], expected[columns])
        assert found["frames"].tolist() == [60]
    some = table.assign(night=[1] * 30 + [None] * 30)
    assert agreement(some, PAPER.names)["frames"].tolist() == [60]
