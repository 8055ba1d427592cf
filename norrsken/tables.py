"""The one way to write and to read Parquet tables, whose schemas are in `norrsken.schemas`."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from norrsken import __version__
from norrsken.config.label_set import DEFAULT, LABELS_KEY, LabelNames, read_label_set
from norrsken.config.site import FrameSource
from norrsken.errors import NorrskenError
from norrsken.files import to_json, written_aside
from norrsken.schemas import ALONE_LABEL, IMAGE, IMAGE_SHAPE, NEIGHBOUR, NIGHT_TABLE, predictions_table

SCHEMA_VERSION = 1
METADATA_KEY = b"norrsken"
LEFT_OUT_KEY = b"norrsken.left_out"

#: The key in `about` that says how the frames were processed.
FRAMES_KEY = "frames"

#: Frames in a row group: 3 MB of images, so that a reader can stream, and find single frames without reading a night.
ROW_GROUP = 64


class TableError(NorrskenError):
    """A file is not the table that was expected."""


@contextmanager
def writer(
    path: str | os.PathLike[str], schema: pa.Schema, settings: Mapping[str, Any], **more: Mapping[str, Any]
) -> Iterator[pq.ParquetWriter]:
    """A Parquet writer that streams row groups to a temporary file and moves it to `path` at the end.

    more: what else the file shall say of itself; see `about`.
    """
    about = {"schema_version": SCHEMA_VERSION, "program_version": __version__, "settings": settings, **more}
    described = schema.with_metadata({METADATA_KEY: to_json(about)})
    # Images are never searched, so that they need no minimum and maximum. Only what repeats gets a dictionary: numbers
    # with one take a sixth longer to read, and more room.
    searched = [name for name in schema.names if name not in ("image", "embedding", "features")]
    repeating = [one.name for one in schema if pa.types.is_dictionary(one.type)]
    # Noisy frames shrink to 0.78 with LZ4, to 0.64 with zstd, which writes in 1.5 times and reads in twice the time.
    options: dict[str, Any] = {"compression": "lz4", "use_dictionary": repeating}
    with (
        written_aside(path) as temporary,
        pq.ParquetWriter(temporary, described, write_statistics=searched, **options) as output,
    ):
        yield output


def in_row_groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of `ROW_GROUP` rows, of which the last may have fewer."""
    rows: pa.Table | None = None
    for part in parts:
        rows = part if rows is None else pa.concat_tables([rows, part])
        while len(rows) >= ROW_GROUP:
            yield rows.slice(0, ROW_GROUP)
            rows = rows.slice(ROW_GROUP)
    if rows is not None and len(rows):
        yield rows


def write(
    path: str | os.PathLike[str],
    table: pa.Table,
    schema: pa.Schema,
    settings: Mapping[str, Any],
    left_out: Mapping[str, int] | None = None,
    **more: Mapping[str, Any],
) -> None:
    """Write a whole table: with images in groups of `ROW_GROUP` rows, else in one. left_out: see `left_out`."""
    size = ROW_GROUP if "image" in schema.names else None
    with writer(path, schema, settings, **more) as output:
        output.write_table(table.select(schema.names).cast(schema), row_group_size=size)
        if left_out:
            output.add_key_value_metadata({LEFT_OUT_KEY: to_json(left_out)})


def read(path: str | os.PathLike[str], schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some of its columns; raise `TableError` where the file is another table.

    The file may have columns that the schema does not name.
    """
    wanted = list(columns or schema.names)
    with _parquet(path) as file:
        # Threads cost more than they save on a night's few columns.
        table = file.read(columns=wanted, use_threads="image" in wanted)
    _check(path, table.schema, schema, wanted)
    return table


def columns(path: str | os.PathLike[str]) -> list[str]:
    """The names of a table's columns."""
    with _named(path):
        names: list[str] = pq.read_schema(path).names
    return names


def read_without_images(path: str | os.PathLike[str]) -> pd.DataFrame:
    """All columns of a table but the images."""
    with _named(path):
        names = [name for name in columns(path) if name != "image"]
        frame: pd.DataFrame = pq.read_table(path, columns=names).to_pandas()
        return frame


def read_labelled(path: str | os.PathLike[str]) -> pd.DataFrame:
    """All columns of `labelled.parquet` but the images, without frames that are there as neighbours of others only."""
    frames = read_without_images(path)
    if "neighbours" not in frames:
        return frames
    return frames[frames["verdict"] != NEIGHBOUR].drop(columns="neighbours").reset_index(drop=True)


def read_where(path: str | os.PathLike[str], column: str, values: Sequence[Any], columns: Sequence[str]) -> pa.Table:
    """The rows whose `column` is one of the values, reading only row groups that can hold them."""
    with _named(path):
        return pq.read_table(path, columns=list(columns), filters=[(column, "in", values)])


@contextmanager
def opened(
    path: str | os.PathLike[str], schema: pa.Schema, columns: Sequence[str] | None = None
) -> Iterator[pq.ParquetFile]:
    """Open a table to read its row groups one by one."""
    with _parquet(path) as file:
        _check(path, file.schema_arrow, schema, columns or schema.names)
        yield file


@contextmanager
def _parquet(path: str | os.PathLike[str]) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file. Arrow takes a name that is not UTF-8 only as bytes."""
    with _named(path), pa.OSFile(os.fsencode(path)) as source, pq.ParquetFile(source) as file:
        yield file


def _check(path: str | os.PathLike[str], actual: pa.Schema, expected: pa.Schema, columns: Iterable[str]) -> None:
    """Raise `TableError` where one of the columns is missing or of another type."""
    for name in columns:
        kind, position = expected.field(name).type, actual.get_field_index(name)
        if position < 0:
            raise TableError(f"{path}: the column {name!r} ({kind}) is missing")
        if actual.field(position).type != kind:
            raise TableError(f"{path}: the column {name!r} is {actual.field(position).type}, expected {kind}")


@contextmanager
def _named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in the error when Arrow cannot read it. Where the system could not, its error is the cause."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        of_system = isinstance(error, OSError) and error.errno is not None
        raise TableError(f"{path}: cannot be read as Parquet: {error}") from (error if of_system else None)


def rows_of(table: pa.Table, frame_ids: Sequence[str], path: str | os.PathLike[str]) -> list[int]:
    """Where these frames stand in a table that was read from `path`.

    Where the table has a `status`, only kept rows count: a duplicate has the id of the frame that was kept in its
    stead. Raises `TableError` where a frame is missing, or where the table has an id twice.
    """
    ids = table["frame_id"].to_pylist()
    rows = list(range(len(ids)))
    if "status" in table.column_names:
        rows = np.flatnonzero(pc.equal(table["status"].cast(pa.string()), "kept")).tolist()
    row = {ids[i]: i for i in rows}
    if len(row) < len(rows):
        frame, times = Counter(ids[i] for i in rows).most_common(1)[0]
        raise TableError(f"{path}: the frame {frame} is there {times} times, and it is not known which one is meant")
    missing = [frame for frame in frame_ids if frame not in row]
    if missing:
        raise TableError(f"{path}: the frame {missing[0]} and {len(missing) - 1} more are missing; make it anew")
    return [row[frame] for frame in frame_ids]


def image_batches(
    path: str | os.PathLike[str], frame_ids: Sequence[str], size: int
) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """The images of these frames, so many at a time, in the order asked for, and their places in it.

    Only the row groups that hold one of them are read, for each part each once. Raises `TableError` as `rows_of` does.
    """
    with _parquet(path) as file:
        columns = ["frame_id", *({"status"} & set(file.schema_arrow.names))]
        _check(path, file.schema_arrow, NIGHT_TABLE, [*columns, "image"])
        rows = rows_of(file.read(columns=columns), frame_ids, path)
        for start in range(0, len(rows), size):
            here = slice(start, min(start + size, len(rows)))
            yield here, images_at(file, rows[here])


def images_of(path: str | os.PathLike[str], frame_ids: Sequence[str]) -> NDArray[np.uint8]:
    """The images of these frames of a table, (n, 128, 128, 3), in the order asked for; see `image_batches`."""
    for _, found in image_batches(path, frame_ids, max(len(frame_ids), 1)):
        return found
    return np.empty((0, *IMAGE_SHAPE), np.uint8)


def images_at(file: pq.ParquetFile, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
    """The images in these rows of a table, (n, 128, 128, 3), in the order asked for; each row group is read once."""
    wanted = np.asarray(rows, np.int64)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    starts = np.cumsum([0, *sizes])
    groups = np.searchsorted(starts, wanted, side="right") - 1
    order = np.argsort(groups, kind="stable")
    found = np.empty((len(wanted), *IMAGE_SHAPE), np.uint8)
    for places in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        if len(places):
            group = groups[places[0]]
            column = file.read_row_group(group, ["image"])["image"]
            found[places] = images(column.take(pa.array(wanted[places] - starts[group])))
    return found


def image_parts(path: str | os.PathLike[str], size: int) -> Iterator[NDArray[np.uint8]]:
    """The images of all rows of a table, `size` at a time: (size, 128, 128, 3), the last part may have fewer."""
    with _parquet(path) as file:
        _check(path, file.schema_arrow, NIGHT_TABLE, ["image"])
        rows = file.metadata.num_rows
        for start in range(0, rows, size):
            yield images_at(file, np.arange(start, min(start + size, rows)))


def kept_frames(path: str | os.PathLike[str], columns: Sequence[str], step: int) -> Iterator[pa.Table]:
    """The kept frames of a night table in order, as tables of at least `step` rows; the last one may have fewer.

    The file is read as the tables are asked for. columns: the columns of each table.
    """
    wanted = list(dict.fromkeys([*columns, "status"]))
    with opened(path, NIGHT_TABLE, wanted) as file:
        kept: list[pa.Table] = []
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, wanted)
            kept.append(rows.filter(pc.equal(rows["status"].cast(pa.string()), "kept")).select(list(columns)))
            # A row group is smaller than a step and holds frames that were not kept: several make a table.
            last = group == file.num_row_groups - 1
            if (last or sum(map(len, kept)) >= step) and any(map(len, kept)):
                yield pa.concat_tables(kept)
                kept = []


def night_tables(months: Iterable[str]) -> list[Path]:
    """The tables of all nights, by time. months: the directories of the months."""
    return sorted(path for month in months for path in Path(month).glob("*.parquet"))


def judged_in_time(months: Iterable[str]) -> bool:
    """Whether the frames of a catalogue are judged by those before and after, too. months: its directories."""
    path = next(iter(night_tables(months)), None)
    return path is not None and ALONE_LABEL in columns(path)


def about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file says of itself: schema version, program version, settings, and whatever its writer added."""
    with _parquet(path) as file:
        return _about(path, file.schema_arrow)


def _about(path: str | os.PathLike[str], schema: pa.Schema) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    except ValueError:
        raise TableError(f"{path}: what it says of itself cannot be read; make it anew") from None
    return result


def label_names(path: str | os.PathLike[str], table: pa.Table | None = None) -> LabelNames:
    """Which labels a release's table has; one that does not say it has those of the paper.

    table: what was read from `path`, where that is at hand; otherwise the file is opened.
    """
    names = (about(path) if table is None else _about(path, table.schema)).get(LABELS_KEY)
    return read_label_set(DEFAULT).names if names is None else LabelNames.model_validate(names)


def require_labels(path: str | os.PathLike[str], names: LabelNames) -> None:
    """Raise `TableError` where a release's table has other labels than its label set, as a frozen one may."""
    found = label_names(path)
    if found != names:
        raise TableError(
            f"{path}: was made with the labels {', '.join(found.labels)}; the label set of the release has "
            f"{', '.join(names.labels)}, or calls others a hidden sky. Name the former set, or delete the file to make "
            "it anew"
        )


def labels_metadata(names: LabelNames) -> dict[str, Mapping[str, Any]]:
    """What `writer` shall say of a release's labels, so that `label_names` finds them.

    The paper's labels are not named: its data sets, and those that were made before there were others, are the same to
    the byte, and nothing is trained again for a word.
    """
    return {} if names == read_label_set(DEFAULT).names else {LABELS_KEY: names.plain()}


def read_predictions(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A run's test frames with their probabilities, a column for each class of the file."""
    with _named(path):
        classes = [name.removeprefix("p_") for name in pq.read_schema(path).names if name.startswith("p_")]
    frame: pd.DataFrame = read(path, predictions_table(classes)).to_pandas()
    return frame


def frame_source(path: str | os.PathLike[str], table: pa.Table | None = None) -> FrameSource:
    """How the frames of a table were processed; raises `TableError` where it does not say so.

    table: what was read from `path`, where that is at hand; otherwise the file is opened.
    """
    source = (about(path) if table is None else _about(path, table.schema)).get(FRAMES_KEY)
    if source is None:
        raise TableError(f"{path}: does not say how its frames were processed; make it anew with this program")
    try:
        return FrameSource.model_validate(source)
    except ValidationError:
        raise TableError(f"{path}: how its frames were processed cannot be read; make it anew") from None


def count(path: str | os.PathLike[str]) -> int:
    """The number of rows of a table."""
    with _named(path):
        rows: int = pq.read_metadata(path).num_rows
    return rows


def left_out(*paths: str | os.PathLike[str]) -> Counter[str]:
    """How many labelled frames did not enter `labelled.parquet`, or how many kept ones the catalogue, by reason."""
    return sum((_left_out(pq.read_metadata(path).metadata) for path in paths), Counter[str]())


def left_out_of(table: pa.Table) -> Counter[str]:
    """The same of what was read from one file."""
    return _left_out(table.schema.metadata)


def _left_out(metadata: Mapping[bytes, bytes] | None) -> Counter[str]:
    return Counter(json.loads((metadata or {}).get(LEFT_OUT_KEY, b"{}")))


def milliseconds(table: pa.Table) -> NDArray[np.int64]:
    """The column `time` of a table as milliseconds since 1970: (n,)."""
    times: NDArray[np.int64] = table["time"].cast(pa.int64()).to_numpy()
    return times


def positions(column: pa.ChunkedArray, names: Sequence[str]) -> NDArray[np.int64]:
    """Where each value of a column of names stands among some names: (n,); -1 where it is none of them."""
    found = pc.fill_null(pc.index_in(column.cast(pa.string()), pa.array(names, pa.string())), -1)
    places: NDArray[np.int64] = found.cast(pa.int64()).to_numpy()
    return places


def images(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """An image column as an array (n, 128, 128, 3) uint8. Raises `TableError` for a null, which has no pixels."""
    if column.null_count:
        raise TableError(f"{column.null_count} of {len(column)} rows have no image: their frames were not kept")
    size = IMAGE.byte_width
    chunks = [
        np.frombuffer(chunk.buffers()[1], np.uint8, len(chunk) * size, chunk.offset * size)
        for chunk in column.chunks
        if len(chunk)
    ]
    joined = np.concatenate(chunks) if chunks else np.empty(0, np.uint8)
    return joined.reshape(-1, *IMAGE_SHAPE)


def image_column(frames: NDArray[np.uint8]) -> pa.Array:
    """Images (n, 128, 128, 3) uint8 as a column."""
    return pa.FixedSizeBinaryArray.from_buffers(IMAGE, len(frames), [None, pa.py_buffer(np.ascontiguousarray(frames))])
