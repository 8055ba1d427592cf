"""Pictures that others have published or labelled, and the table that says what they show → `labelled.parquet`.

The pictures are square and may have any size; they come to 128 × 128 pixels here. Their north is taken to be up and
their east right, since nothing in such files says it.
"""

import csv
import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from norrsken import schemas, stages, tables
from norrsken.calendar import night_of
from norrsken.config.frames_release import FrameColumns, FramesSettings
from norrsken.config.site import CROP, FrameSource
from norrsken.dataset.labels import outcome
from norrsken.errors import NorrskenError, quoted, raise_listed
from norrsken.files import text_lines, to_json

log = logging.getLogger(__name__)

#: Formats that are read. Pillow knows many more, some of which are no images of pixels or start another program.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")

#: Sides of a picture, in pixels. Smaller ones show nothing; larger ones would fill the memory.
SIDES = (16, 8192)
_SQUARE = f"a square of {SIDES[0]} to {SIDES[1]} pixels a side"

#: What may stand between the cells of a table. Spreadsheets write semicolons where the comma is the decimal point.
DELIMITERS = (",", ";", "\t")

#: What the columns of the part and of the time may say.
PARTS, YEARS = ("train", "test"), range(1900, 2100)

#: Why pictures of the table are left out.
UNLABELLED, UNMAPPED = "a picture without a label", "a label that is mapped to nothing"


class FramesError(NorrskenError):
    """The pictures or their table cannot be used; the message lists the first problems."""


class Layout(NamedTuple):
    """How a table is laid out. line: of its header. names: its columns.

    labels: the columns of labels. annotators: the same where each is an annotator's, else none. time, part: their
    columns, or None where the table has none.
    """

    line: int
    delimiter: str
    names: list[str]
    labels: list[str]
    annotators: list[str]
    time: str | None
    part: str | None


class Row(NamedTuple):
    """What the table says of a picture. name: its file below the folder. labels: one for each column of labels.

    unmapped: whether one of the labels is mapped to nothing.
    """

    line: int
    name: str
    time: datetime | None
    part: str | None
    labels: tuple[str | None, ...]
    unmapped: bool

    @property
    def frame_id(self) -> str:
        path = PurePosixPath(self.name)
        return str(path.parent / path.stem).replace("/", "-")

    def differences(self, other: "Row", layout: Layout) -> list[str]:
        """In what this row says something else of the same picture than an earlier one."""
        columns = ("time", "part", *layout.labels)
        mine, theirs = ((row.time, row.part, *row.labels) for row in (self, other))
        return [
            f"{what} is {here or 'empty'} here and {there or 'empty'} in line {other.line}"
            for what, here, there in zip(columns, mine, theirs, strict=True)
            if here != there
        ]


def pictures_table(annotators: Iterable[str], exclusions: Iterable[str] = ()) -> pa.Schema:
    """Schema of `labelled.parquet` of a folder of pictures with a table; exclusions: as in `schemas.verdicts`."""
    return pa.schema(
        [
            schemas.field("frame_id", pa.string(), "path of the picture without its suffix, with - for /"),
            schemas.TIME.with_nullable(True),
            schemas.NIGHT.with_nullable(True),
            *(one for annotator in annotators for one in schemas.annotator_fields(annotator)),
            schemas.field(
                "part", pa.string(), "train or test, as the table says; null: it does not say", nullable=True
            ),
            schemas.field("verdict", pa.string(), "what is said of it: " + ", ".join(schemas.verdicts(exclusions))),
            schemas.field("label", pa.string(), "the class agreed upon; null elsewhere", nullable=True),
            schemas.field("image", schemas.IMAGE, "the picture, brought to 128 × 128 pixels"),
        ]
    )


def read_pictures(folder: str, table: str, settings: FramesSettings, output: str) -> None:
    """Write `labelled.parquet` of a folder of pictures and a table, in the table's order.

    Pictures without a label are left out and counted. Raises `FramesError` for tables and pictures that cannot be used.
    """
    layout, rows, left_out = read_table(table, settings)
    paths = find_pictures(folder, table, rows)
    schema = pictures_table(layout.annotators, settings.label_names.exclusions)
    problems: list[str] = []
    # Nothing is known of the cameras, so that no camera's frames can be said to look like these pictures.
    source = FrameSource(processing=stages.PROCESSING, cameras=[]).plain()
    more = {tables.FRAMES_KEY: source, **tables.labels_metadata(settings.label_names)}
    with tables.writer(output, schema, settings.plain(), **more) as writer:
        for start in range(0, len(rows), tables.ROW_GROUP):
            frames = []
            for path in paths[start : start + tables.ROW_GROUP]:
                try:
                    frames.append(to_frame(read_picture(path)))
                except FramesError as error:
                    problems.append(str(error))
            if not problems:
                group = rows[start : start + tables.ROW_GROUP]
                writer.write_table(_table(group, np.stack(frames), layout, settings, schema))
        raise_listed(problems, FramesError)
        writer.add_key_value_metadata({tables.LEFT_OUT_KEY: to_json(left_out)})
    for reason, count in left_out.items():
        log.warning("%s: %d pictures left out: %s", table, count, reason)


def read_table(path: str | os.PathLike[str], settings: FramesSettings) -> tuple[Layout, list[Row], Counter[str]]:
    """The layout of a table, its pictures that have a label, each once, and how many have none, by reason.

    Raises `FramesError` for what is wrong in the table, with its line.
    """
    pictures: dict[str, Row] = {}
    problems: list[str] = []
    seen: set[str] = set()
    try:
        lines = text_lines(path, FramesError)
        layout = _find_header(path, lines, settings.columns)
        for line, cells in _rows_below(layout, lines):
            where = f"{path}:{line}"
            if len(cells) < len(layout.names) or any(cells[len(layout.names) :]):
                problems.append(f"{where}: has {len(cells)} cells, the header has {len(layout.names)}")
                continue
            row = _row(where, line, dict(zip(layout.names, cells, strict=False)), layout, settings, problems)
            seen.update(cells[layout.names.index(column)] for column in layout.labels)
            differing = row.differences(pictures.setdefault(row.name, row), layout)
            problems += [f"{where}: {row.name}: {what}" for what in differing]
    except csv.Error as error:
        raise FramesError(f"{path}: cannot be read as CSV: {error}") from None
    raise_listed(problems, FramesError)
    unused = [label for label in settings.relabel if label not in seen]
    if unused:
        log.warning("%s: relabel names %s, which the table does not have", path, quoted(unused))
    rows = [row for row in pictures.values() if any(row.labels)]
    left_out = Counter(UNMAPPED if row.unmapped else UNLABELLED for row in pictures.values() if not any(row.labels))
    if not rows:
        raise FramesError(f"{path}: there is no picture with a label below the header, line {layout.line}")
    _check_frame_ids(path, rows)
    return layout, rows, left_out


def _find_header(path: str | os.PathLike[str], lines: Iterator[str], columns: FrameColumns) -> Layout:
    """The first line that has all needed columns; the iterator then stands behind it."""
    found: list[str] = []
    for number, line in enumerate(lines, 1):
        # Each line is read by itself: a quotation mark in the text above the header must not swallow the header.
        ways = [_cells(next(csv.reader([line], delimiter=delimiter), [])) for delimiter in DELIMITERS]
        for delimiter, names in zip(DELIMITERS, ways, strict=True):
            layout = _layout(number, delimiter, [names[0].lstrip("# "), *names[1:]], columns) if names else None
            if layout is not None:
                _say_layout(path, layout, columns)
                return layout
        names = max(ways, key=len)
        # What the columns are called can only be guessed: above the last lines that all have as many cells.
        if any(names) and len(names) != len(found):
            found = names
    if not found:
        raise FramesError(f"{path}: is empty")
    labels = "" if columns.annotators or columns.label in columns.needed else ", and one of labels"
    raise FramesError(
        f"{path}: no line has the columns {quoted(columns.needed)}{labels}; found {quoted(found)}. Say under columns "
        "of the release what they are called"
    )


def _layout(line: int, delimiter: str, names: list[str], columns: FrameColumns) -> Layout | None:
    """The layout of a table with this header; None where it cannot be the header."""
    if not set(columns.needed) <= set(names):
        return None
    time, part = (name if name in names else None for name in (columns.time, columns.part))
    annotators = columns.annotators
    if not annotators and columns.label in names:
        return Layout(line, delimiter, names, [columns.label], [], time, part)
    annotators = annotators or [name for name in names if name and name not in (columns.path, time, part)]
    return Layout(line, delimiter, names, annotators, annotators, time, part) if annotators else None


def _say_layout(path: str | os.PathLike[str], layout: Layout, columns: FrameColumns) -> None:
    """Say how the table is read, and what of it is not; raises `FramesError` where a column is there twice."""
    used = [columns.path, *layout.labels, *filter(None, (layout.time, layout.part))]
    twice = next((name for name in used if layout.names.count(name) > 1), None)
    if twice is not None:
        raise FramesError(f"{path}:{layout.line}: the column {twice!r} is there twice")
    log.info("%s: the header is line %d; the labels are in %s", path, layout.line, quoted(layout.labels))
    others = [name for name in layout.names if name not in used]
    if others:
        log.info("%s: the columns %s are not read", path, quoted(others))


def _rows_below(layout: Layout, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header with the numbers of their lines; empty ones and a second header are skipped."""
    reader = csv.reader(lines, delimiter=layout.delimiter)
    for cells in map(_cells, reader):
        if any(cells) and cells != layout.names:
            yield layout.line + reader.line_num, cells


def _cells(cells: Iterable[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def _row(
    where: str, line: int, cells: Mapping[str, str], layout: Layout, settings: FramesSettings, problems: list[str]
) -> Row:
    """What a row says; `problems` gets a sentence for each cell that says nothing that can be used."""
    names = settings.label_names.labels
    guessed = layout.annotators and not settings.columns.annotators
    hint = "; columns.annotators of the release can say which columns are labels" if guessed else ""
    labels: list[str | None] = []
    unmapped = False
    for column in layout.labels:
        label = settings.relabel.get(cells[column], cells[column] or None)
        unmapped |= label is None and cells[column] != ""
        if label is not None and label not in names:
            known = ", ".join(names)
            problems.append(f"{where}: the label {label!r} in the column {column!r} is none of {known}{hint}")
        labels.append(label)
    path = cells[settings.columns.path]
    if not path:
        problems.append(f"{where}: the column {settings.columns.path!r} is empty, expected the name of a picture")
    part = cells[layout.part].lower() if layout.part is not None else None
    if part is not None and part not in PARTS and any(labels):
        problems.append(f"{where}: the part {part!r} is none of {', '.join(PARTS)}")
    time = None
    if layout.time is not None and cells[layout.time]:
        try:
            time = _time(cells[layout.time])
        except ValueError:
            problems.append(f"{where}: {cells[layout.time]!r} is not a time such as 2015-01-12T18:30:00")
    # A path such as ./a.png names the same picture as a.png.
    name = str(PurePosixPath(settings.file.format(path=path)))
    return Row(line, name, time, part or None, tuple(labels), unmapped)


def _time(text: str) -> datetime:
    """A time in UTC, to the millisecond; raises `ValueError` for anything else, and for a date alone."""
    time = datetime.fromisoformat(text)
    if len(text) <= len("2015-01-12") or time.year not in YEARS:
        raise ValueError
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _check_frame_ids(path: str | os.PathLike[str], rows: Sequence[Row]) -> None:
    """Raise `FramesError` where two pictures would have the same frame id."""
    first: dict[str, Row] = {}
    problems = []
    for row in rows:
        before = first.setdefault(row.frame_id, row)
        if before is not row:
            problems.append(
                f"{path}:{row.line}: {row.name} and {before.name}, line {before.line}, would have the same frame id, "
                f"{row.frame_id!r}; rename one"
            )
    raise_listed(problems, FramesError)


def find_pictures(folder: str, table: str, rows: Sequence[Row]) -> list[Path]:
    """The files of the rows' pictures; raises `FramesError` for those that are not there or lie outside the folder.

    Files of the folder that the table does not name are said.
    """
    root, problems, paths = os.path.realpath(folder), [], []
    for row in rows:
        path, name = Path(folder, row.name), PurePosixPath(row.name)
        inside = row.name.isprintable() and not name.is_absolute() and ".." not in name.parts
        # A link may lead to another file of the folder, as in archives of git-annex, but not out of it.
        if not inside or not Path(os.path.realpath(path)).is_relative_to(root):
            problems.append(f"{table}:{row.line}: {row.name!r} does not name a file inside {folder}")
        elif not os.path.isfile(path):
            problems.append(f"{table}:{row.line}: there is no file {path}")
        paths.append(path)
    raise_listed(problems, FramesError)
    _say_unnamed(folder, paths)
    return paths


def _say_unnamed(folder: str, paths: Sequence[Path]) -> None:
    """Say how many files of the folder the table does not name, of those that have a suffix as its pictures have."""
    named, suffixes = {*paths}, {path.suffix.lower() for path in paths}
    there = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    unnamed = sorted(path for path in there if path.suffix.lower() in suffixes and path not in named)
    if unnamed:
        log.warning("%d pictures have no labelled row in the table, such as %s", len(unnamed), unnamed[0])


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A square picture: (n, n) uint8 where it is grey, (n, n, 3) uint8 RGB where it has colours.

    Transparency is dropped. Raises `FramesError` for other files, with what was found and what was expected.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; their size is checked here before they are decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                _check_picture(path, image)
                if image.mode == "P":  # by way of RGBA, since a palette's transparency is lost with a warning otherwise
                    return np.asarray(image.convert("RGBA").convert("RGB"))
                return np.asarray(image.convert("L" if image.mode in ("L", "LA") else "RGB"))
    except FramesError:
        raise
    except Image.DecompressionBombError:
        _refuse(path, "far too many pixels", _SQUARE)
    except Exception as error:  # a broken file raises whatever its decoder stumbles over
        raise FramesError(f"{path}: cannot be read as a picture: {error}") from None


def _check_picture(path: Path, image: Image.Image) -> None:
    """Raise `FramesError` where an opened picture, which is not decoded yet, cannot be used."""
    width, height = image.size
    if width != height or not SIDES[0] <= width <= SIDES[1]:
        _refuse(path, f"{width} × {height} pixels", _SQUARE)
    if getattr(image, "is_animated", False):
        _refuse(path, "several pictures", "one")
    # Pillow says how the file stores its pixels in the tiles. It would cut colours of 16 bits to their upper 8.
    if image.mode.startswith(("I", "F")) or any(";16" in str(tile.args) for tile in getattr(image, "tile", [])):
        _refuse(path, "more than 8 bits a channel", "8: scale the brightness of all pictures alike and save them so")
    if image.mode not in ("L", "LA", "RGB", "RGBA", "P"):
        _refuse(path, f"the channels {''.join(image.getbands())}", "grey or RGB")


def _refuse(path: Path, found: str, expected: str) -> NoReturn:
    raise FramesError(f"{path}: has {found}, expected {expected}")


def to_frame(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A square picture, (n, n) or (n, n, 3) uint8, as a frame (128, 128, 3) uint8.

    A larger one is averaged over the area of each pixel, a smaller one is interpolated linearly. The channels of a grey
    one are equal.
    """
    if picture.shape[0] != CROP:
        way = cv2.INTER_AREA if picture.shape[0] > CROP else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, (CROP, CROP), interpolation=way), np.uint8)
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _table(
    rows: Sequence[Row], frames: NDArray[np.uint8], layout: Layout, settings: FramesSettings, schema: pa.Schema
) -> pa.Table:
    """The rows with their frames, (n, 128, 128, 3) uint8."""
    outcomes = [outcome(row.labels, None, settings.label_names.exclusions) for row in rows]
    columns = {
        "frame_id": [row.frame_id for row in rows],
        "time": [row.time for row in rows],
        "night": [None if row.time is None else night_of(row.time, settings.longitude) for row in rows],
        "part": [row.part for row in rows],
        "verdict": [verdict for verdict, _ in outcomes],
        "label": [label for _, label in outcomes],
        "image": tables.image_column(frames),
    }
    for i, annotator in enumerate(layout.annotators):
        columns |= {field.name: [None] * len(rows) for field in schemas.annotator_fields(annotator)}
        columns[f"label_{annotator}"] = [row.labels[i] for row in rows]
    return pa.table(columns, schema)
