"""Writing so that a reader sees the old file, the new file or none, never half of one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def written_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; move it to `path` when the block ends without an error."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".part-{target.name}")  # keeps the suffix, which some writers go by
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def directory_written_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """As `written_aside`, for a whole directory. What a killed writer left beside it is cleared first."""
    target = Path(path)
    temporary = target.with_name(f".part-{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if target.exists():
            shutil.rmtree(target)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_csv(table: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    """Write a table as CSV, without its index; numbers with six digits, what is missing empty."""
    with written_aside(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
