"""Tables are written whole or not at all, and what is not the expected table is named."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from norrsken import schemas, tables
from norrsken.paper import CLASSES

FEATURES = pa.table({"frame_id": ["KRN1"], "features": [[1.0, 2.0]]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "features.parquet"
    tables.write(path, FEATURES, schemas.FEATURES_TABLE, {"kind": "hog"})
    return path


def test_what_is_written_is_read(path: Path) -> None:
    assert tables.read(path, schemas.FEATURES_TABLE).to_pylist() == FEATURES.to_pylist()
    assert tables.about(path)["settings"] == {"kind": "hog"}


@pytest.mark.parametrize("size", [0, 3, 200])
def test_a_file_that_is_cut_off_is_named(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    for read in (
        lambda: tables.read(path, schemas.FEATURES_TABLE),
        lambda: tables.read_without_images(path),
        lambda: tables.read_where(path, "frame_id", ["KRN1"], ["features"]),
    ):
        with pytest.raises(tables.TableError, match=r"features\.parquet: cannot be read as Parquet"):
            read()


def test_a_missing_column_and_another_type_are_named(path: Path) -> None:
    with pytest.raises(tables.TableError, match=r"the column 'label' \(string\) is missing"):
        tables.read(path, schemas.predictions_table(CLASSES))
    other = pa.schema([pa.field("frame_id", pa.int64())])
    with pytest.raises(tables.TableError, match="the column 'frame_id' is string, expected int64"):
        tables.read(path, other)


def test_a_writer_that_fails_leaves_the_old_file(path: Path) -> None:
    before = path.read_bytes()

    def fails_half_way() -> None:
        with tables.writer(path, schemas.FEATURES_TABLE, {}) as output:
            output.write_table(FEATURES.cast(schemas.FEATURES_TABLE))
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        fails_half_way()
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_images_go_through_a_column_unchanged() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 128, 128, 3), dtype=np.uint8)
    column = pa.chunked_array([tables.image_column(frames[:2]), tables.image_column(frames[2:])])
    np.testing.assert_array_equal(tables.images(column), frames)
    np.testing.assert_array_equal(tables.images(column.slice(1, 3)), frames[1:4])
    assert tables.images(column.slice(0, 0)).shape == (0, 128, 128, 3)


def test_a_row_without_an_image_is_refused() -> None:
    column = pa.chunked_array([pa.array([bytes(128 * 128 * 3), None], schemas.IMAGE)])
    with pytest.raises(tables.TableError, match="1 of 2 rows have no image"):
        tables.images(column)


def night_table(path: Path, rows: list[tuple[str, str, int | None]]) -> Path:
    """A table like that of a night, of frame ids, statuses and images of one level; null where that is None."""
    ids, statuses, levels = (list(column) for column in zip(*rows, strict=True))
    images = [None if level is None else np.full(schemas.IMAGE_SHAPE, level, np.uint8).tobytes() for level in levels]
    schema = pa.schema([schemas.NIGHT_TABLE.field(name) for name in ("frame_id", "status", "image")])
    columns = {"frame_id": ids, "status": statuses, "image": pa.array(images, schemas.IMAGE)}
    tables.write(path, pa.table(columns), schema, {})
    return path


def test_frames_are_looked_up_among_kept_rows(tmp_path: Path) -> None:
    rows = [("KRN1", "kept", 1), ("KRN1", "duplicate", None), ("KRN2", "unreadable", None), ("KRN2", "kept", 2),
            ("KRN3", "moon", None)]  # fmt: skip
    path = night_table(tmp_path / "night.parquet", rows)
    assert tables.images_of(path, ["KRN2", "KRN1", "KRN2"])[:, 0, 0, 0].tolist() == [2, 1, 2]
    with pytest.raises(tables.TableError, match=r"night\.parquet: the frame KRN3 and 0 more are missing"):
        tables.images_of(path, ["KRN1", "KRN3"])


def test_an_id_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = night_table(tmp_path / "night.parquet", [("KRN1", "kept", 1), ("KRN2", "kept", 2), ("KRN2", "kept", 3)])
    with pytest.raises(tables.TableError, match=r"night\.parquet: the frame KRN2 is there 2 times"):
        tables.images_of(path, ["KRN1"])
    features = pa.table({"frame_id": ["KRN1", "KRN1"]})
    with pytest.raises(tables.TableError, match=r"features\.parquet: the frame KRN1 is there 2 times"):
        tables.rows_of(features, ["KRN1"], "features.parquet")


def test_only_the_row_groups_that_are_needed_are_read_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = night_table(tmp_path / "night.parquet", [(f"KRN{i}", "kept", i % 256) for i in range(300)])
    read: list[int] = []
    original = pq.ParquetFile.read_row_group

    def noting(file: pq.ParquetFile, group: int, *arguments: object) -> pa.Table:
        read.append(int(group))
        return original(file, group, *arguments)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noting)
    wanted = [299, 70, 5, 64, 298, 127, 0]
    assert tables.images_of(path, [f"KRN{i}" for i in wanted])[:, 0, 0, 0].tolist() == [i % 256 for i in wanted]
    assert read == [0, 1, 4]
    read.clear()
    assert [len(part) for part in tables.image_parts(path, 128)] == [128, 128, 44]
    assert read == [0, 1, 2, 3, 4]
    assert tables.images_of(path, []).shape == (0, 128, 128, 3)


def test_a_table_in_a_folder_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"fr\xe5n")
    folder.mkdir()
    path = night_table(tmp_path / "night.parquet", [("KRN1", "kept", 1)]).rename(folder / "night.parquet")
    assert tables.images_of(path, ["KRN1"]).mean() == 1
    assert tables.read(path, schemas.NIGHT_TABLE, ["frame_id"]).num_rows == 1
    assert tables.about(path)["settings"] == {}
