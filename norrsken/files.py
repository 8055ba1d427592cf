"""Reading tables that people write, and writing files so that a reader sees the old file, the new one or none.

Every writer has a temporary name of its own, since two can be at work: a job on a cluster goes on after the Snakemake
that sent it was killed, while the next Snakemake sends the same job again. The later one clears away what the earlier
one has begun, so that nothing is left lying about; the earlier one then fails.
"""

import codecs
import csv
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from norrsken.errors import NorrskenError, raise_listed

if TYPE_CHECKING:
    import pandas as pd


#: A file is read in pieces of this many bytes, so that a large one does not fill the memory.
_PIECE = 2**20

#: How tables are written as CSV: numbers have six significant digits.
_AS_CSV: dict[str, Any] = {"index": False, "float_format": "%.6g", "lineterminator": "\n"}

#: What stands between the cells of tables that are no CSV with commas, and what it is called.
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs"}

#: What to do with a text that cannot be read.
_REMEDY = "Save it in UTF-8, which spreadsheets call “CSV UTF-8”"

#: How files begin that are no text in UTF-8, and what they are. The longer byte-order mark of UTF-32 comes first.
_OTHER_FILES = {
    codecs.BOM_UTF32_LE: "UTF-32, not UTF-8",
    codecs.BOM_UTF32_BE: "UTF-32, not UTF-8",
    codecs.BOM_UTF16_LE: "UTF-16, not UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16, not UTF-8",
    b"PK\x03\x04": "a spreadsheet or another packed file, not a text",
    b"\xd0\xcf\x11\xe0": "an Excel file, not a text",
}

Item = TypeVar("Item")


@contextmanager
def written_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; move it to `path` when the block ends without an error."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _part(target)
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def copy_aside(source: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Copy a file so that the copy is never half there."""
    with written_aside(path) as temporary:
        shutil.copyfile(source, temporary)


@contextmanager
def directory_written_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Do the same as `written_aside` for a whole directory."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _part(target)
    temporary.mkdir()
    try:
        yield temporary
        temporary.stat()  # fails where a later writer has cleared it away: the target stays
        if target.exists():
            shutil.rmtree(target)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


#: How pandas reads a table that `write_csv` has written: only empty cells are missing, not names such as None.
AS_WRITTEN: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}


def write_csv(table: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    """Write a table as CSV, without its index. Numbers have six significant digits; missing values are empty."""
    with written_aside(path) as temporary:
        table.to_csv(temporary, **_AS_CSV)


def csv_bytes(table: "pd.DataFrame") -> bytes:
    """What `write_csv` writes of a table."""
    text: str = table.to_csv(**_AS_CSV)
    return text.encode()


def csv_rows(
    path: str | os.PathLike[str], columns: Sequence[str], error: type[NorrskenError], delimiters: str = ","
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV table that people write, each with the number of its (last) line; empty rows are skipped.

    delimiters: what may stand between the cells; that one is taken by which the header has the columns.
    Raises `error`, with a sentence that names the file and what to do, where the table cannot be read, is not in UTF-8
    (a byte-order mark is skipped), or lacks one of the columns; where a row cannot be taken apart; and after the last
    row, where rows have more or fewer cells than the header.
    """
    lines = text_lines(path, error)
    problems: list[str] = []
    begins = 1
    try:
        first = next(lines, "")
        names = {delimiter: _names(next(csv.reader([first], delimiter=delimiter), [])) for delimiter in delimiters}
        delimiter = max(names, key=lambda key: (set(columns) <= set(names[key]), len(names[key])))
        # Without `strict` a quotation mark that is left open would make one cell of all rows below it.
        reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        header = _names(next(reader, []))
        _check_header(path, header, first, columns, error)
        begins = reader.line_num + 1
        for cells in reader:
            if not any(map(str.strip, cells)):
                pass
            elif len(cells) < len(header):
                problems.append(f"{path}:{begins}: has {len(cells)} cells, the header has {len(header)}")
            elif any(map(str.strip, cells[len(header) :])):
                problems.append(
                    f"{path}:{begins}: has {len(cells)} cells, the header has {len(header)}; a cell that holds "
                    f"{delimiter!r} stands in quotation marks"
                )
            else:
                yield reader.line_num, dict(zip(header, cells, strict=False))
            begins = reader.line_num + 1
    except csv.Error as problem:
        raise error(
            f"{path}:{begins}: the row that begins here is not CSV ({problem}); look for a quotation mark that is left "
            "open, or for one inside a cell, which must be written twice"
        ) from None
    raise_listed(problems, error)


def _names(cells: Sequence[str]) -> list[str]:
    """The names of the columns up to the last one that has a name: spreadsheets write empty ones behind it."""
    names = [name.strip() for name in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _check_header(
    path: str | os.PathLike[str], header: list[str], line: str, columns: Sequence[str], error: type[NorrskenError]
) -> None:
    """Raise `error` where a column is missing, or is there twice."""
    missing = next((name for name in columns if name not in header), None)
    for delimiter, name in _OTHER_DELIMITERS.items():
        if missing is not None and len(next(csv.reader([line], delimiter=delimiter), [])) > len(header):
            raise error(
                f"{path}: the column {missing!r} is missing, because {name} stand between the cells. Save the table "
                "with commas: LibreOffice asks for the field delimiter when it saves CSV (“Edit filter settings”), "
                "Excel takes the list separator from the region settings of the system"
            )
    if missing is not None:
        raise error(f"{path}: the column {missing!r} is missing; found {header or 'an empty first line'}")
    twice = next((name for name in columns if header.count(name) > 1), None)
    if twice is not None:
        raise error(f"{path}: the column {twice!r} is there twice; remove one of them")


def text_lines(path: str | os.PathLike[str], error: type[NorrskenError]) -> Iterator[str]:
    """The lines of a text that people write, with their ends as they are; a byte-order mark is skipped.

    Raises `error` where the file cannot be read, is not in UTF-8, or holds a byte that is no text.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    raise error(_why_nul(path, number, line))
                yield line
    except UnicodeDecodeError:
        raise error(_why_not_utf8(path)) from None
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from None


def _why_nul(path: str | os.PathLike[str], number: int, line: str) -> str:
    """A sentence about a line that holds NUL."""
    every_other = {"\0"} in (set(line[0:8:2]), set(line[1:8:2]))
    if number == 1 and every_other and line.strip("\0\r\n"):
        return f"{path}: seems to be UTF-16, not UTF-8. {_REMEDY}"
    return f"{path}:{number}: holds bytes that are zero, so the file is damaged; take it from a copy"


def _why_not_utf8(path: str | os.PathLike[str]) -> str:
    """A sentence about a file that is not a text in UTF-8: what it seems to be, and what to do."""
    number, line = 1, b""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            for beginning, kind in _OTHER_FILES.items():
                if number == 1 and line.startswith(beginning):
                    return f"{path}: is {kind}. {_REMEDY}"
            try:
                line.decode()
            except UnicodeDecodeError:
                break
    try:
        line.decode("cp1252")
        seems = "; it seems to be cp1252 (Windows)"
    except UnicodeDecodeError:
        seems = ", and it is not known what it is"
    return f"{path}:{number}: is not in UTF-8{seems}. {_REMEDY}"


def _part(target: Path) -> Path:
    """A name that only this process writes to; it keeps the target's suffix, by which some writers choose the format.

    What earlier writers of the target have left is cleared away.
    """
    for leftover in target.parent.glob(".part-*"):
        if leftover.name.split("@", maxsplit=1)[-1] == target.name:
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
    return target.with_name(f".part-{socket.gethostname()}-{os.getpid()}@{target.name}")


def digest(path: str | os.PathLike[str]) -> str | None:
    """SHA-256 of a file; None where it is gone."""
    if not Path(path).exists():
        return None
    text = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            text.update(piece)
    return text.hexdigest()


def to_json(value: Mapping[str, Any]) -> str:
    """The value as JSON, which is the same for the same content."""
    return json.dumps(value, sort_keys=True)


def write_json(value: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write the value as JSON for people, in the order of its keys."""
    with written_aside(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; the next one is made in a thread while the last one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
