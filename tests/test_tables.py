"""Tables are written whole or not at all, and what is not the expected table is named."""

from pathlib import Path

import numpy as np
import pyarrow as pa
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
