"""Reading tables that people write, and writing files so that a reader sees the old file, the new one or none.

Every writer has a temporary name of its own, since two can be at work: a job on a cluster goes on after the Snakemake
that sent it was killed, while the next Snakemake sends the same job again. The later one clears away what the earlier
one has begun, so that nothing is left lying about; the earlier one then fails.
"""

import csv
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from norrsken.errors import NorrskenError

if TYPE_CHECKING:
    import pandas as pd


#: A file is read in pieces of this many bytes, so that a large one does not fill the memory.
_PIECE = 2**20

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


def write_csv(table: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    """Write a table as CSV, without its index. Numbers have six significant digits; missing values are empty."""
    with written_aside(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def csv_rows(
    path: str | os.PathLike[str], columns: Sequence[str], error: type[NorrskenError]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV table that people write, each with the number of its line; missing cells are empty.

    Raises `error` where one of the columns is missing.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, restval="")
        missing = [name for name in columns if name not in (rows.fieldnames or [])]
        if missing:
            raise error(f"{path}: the column {missing[0]!r} is missing; found {rows.fieldnames or 'an empty file'}")
        for row in rows:
            yield rows.line_num, row


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


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; the next one is made in a thread while the last one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
