"""What directory times cannot show: files replaced in place, or brought with old times.

Snakemake repeats a month when the time of one of its directories is newer than the month's tables. `rescan` compares
names and sizes instead.
"""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path

from norrsken import schemas, tables
from norrsken.nights.archive import lasting_reason
from norrsken.nights.kept import lost_nights
from norrsken.nights.names import printable


def changed_directories(
    root: str, months: Mapping[str, Sequence[str]], folders: Mapping[str, Path]
) -> dict[str, list[str]]:
    """Leaf directories whose files differ from the night tables, with the paths that differ.

    root: the archive's root. months: month → the leaf directories below the root that its nights reach into. folders:
    month → the directory of its night tables. Directories of months that have no night tables yet are passed over,
    since the workflow works on them anyway.
    """
    made = {month for month, folder in folders.items() if folder.is_dir()}
    recorded: dict[str, dict[str, int | None]] = defaultdict(dict)
    lost = lost_nights(str(folders[month]) for month in made)
    of_lost = set[str]()
    for month in made:
        for path, size, night in _recorded(folders[month]):
            recorded[os.path.dirname(path)][path] = size
            if night in lost:
                of_lost.add(os.path.dirname(path))
    unmade = {directory for month in months.keys() - made for directory in months[month]}
    changed = {}
    for directory in sorted({directory for month in made for directory in months[month]} - unmade):
        now, then = _listing(root, directory), recorded[directory]
        # Of nights that have lost frames nothing is made anew, whatever comes and goes.
        paths = now.keys() & then.keys() if directory in of_lost else now.keys() | then.keys()
        differing = [path for path in sorted(paths) if _differs(path, now, then)]
        if differing:
            changed[directory] = differing
    return changed


def _recorded(folder: Path) -> Iterator[tuple[str, int | None, str]]:
    """The files that a month's tables name, their sizes and nights; None and "" for unrecognised files."""
    for table in folder.glob("*.parquet"):
        rows = tables.read(table, schemas.NIGHT_TABLE, ["path", "bytes"])
        yield from zip(rows["path"].to_pylist(), rows["bytes"].to_pylist(), repeat(table.stem))
    with (folder / "unrecognised.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row["path"], None, ""


def _differs(path: str, now: Mapping[str, int], then: Mapping[str, int | None]) -> bool:
    return path not in now or path not in then or then[path] not in (None, now[path])


def touch(root: str, directories: Iterable[str]) -> None:
    """Set the directories' times to now, so that the workflow repeats their months."""
    for directory in directories:
        os.utime(os.path.join(root, directory))


def _listing(root: str, directory: str) -> dict[str, int]:
    """The files of a directory with their sizes; none where it must not be read or is gone."""
    sizes = {}
    try:
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                sizes[printable(f"{directory}/{entry.name}")] = _size(entry)
    except OSError as error:
        lasting_reason(error, root)  # raises it where it may pass
    return sizes


def _size(entry: os.DirEntry[str]) -> int:
    """The size of a file or, where a link leads to one, of that; of a link that leads nowhere its own."""
    try:
        return entry.stat().st_size
    except OSError:
        return entry.stat(follow_symlinks=False).st_size
