"""What directory times cannot show: files replaced in place, or brought with old times.

Snakemake repeats a month when the time of one of its directories is newer than the month's tables. `rescan` compares
names and sizes instead.
"""

import csv
import os
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from norrsken.config import Config
from norrsken.paths import NIGHTS
from norrsken.plan import Plan


def changed_directories(config: Config, results: str = ".") -> dict[str, list[str]]:
    """Leaf directories whose files differ from the night tables, with the paths that differ.

    results: the folder in which the workflow ran. Directories of months that are not made yet are passed over: the
    workflow makes them anyway.
    """
    plan = Plan(config)
    recorded: dict[str, dict[str, int | None]] = defaultdict(dict)
    made = set()
    for month, directories in plan.months.items():
        folder = Path(results, NIGHTS.format(month=month))
        if not folder.is_dir():
            continue
        made.update(directories)
        for table in folder.glob("*.parquet"):
            rows = pq.read_table(table, columns=["path", "bytes"])
            for path, size in zip(rows["path"].to_pylist(), rows["bytes"].to_pylist(), strict=True):
                recorded[os.path.dirname(path)][path] = size
        with (folder / "unrecognised.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                recorded[os.path.dirname(row["path"])][row["path"]] = None
    unmade = {
        d for month, ds in plan.months.items() for d in ds if not Path(results, NIGHTS.format(month=month)).is_dir()
    }
    changed = {}
    for directory in sorted(made - unmade):
        now = _listing(config.archive.root, directory)
        then = recorded[directory]
        # An unrecognised file has no recorded size: that it is still there is all that can be compared.
        differing = [
            p
            for p in sorted(now.keys() | then.keys())
            if p not in now or p not in then or then[p] not in (None, now[p])
        ]
        if differing:
            changed[directory] = differing
    return changed


def touch(config: Config, directories: list[str]) -> None:
    """Set the directories' times to now, so that the workflow repeats their months."""
    for directory in directories:
        os.utime(os.path.join(config.archive.root, directory))


def _listing(root: str, directory: str) -> dict[str, int]:
    with os.scandir(os.path.join(root, directory)) as entries:
        return {
            f"{directory}/{entry.name}".encode("utf-8", "backslashreplace").decode(): entry.stat(
                follow_symlinks=False
            ).st_size
            for entry in entries
        }
