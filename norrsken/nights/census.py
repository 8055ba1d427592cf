"""Everything below the archive's root, counted: what became of it, and why it was left out.

Each month's folder of night tables has a `census.csv`, so that a whole archive is added up without opening its tables.
"""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from norrsken.nights.archive import FOLDER, NO_DAY, LeftOut, count_files
from norrsken.nights.names import printable

#: The table of a month's counts, beside its night tables.
CENSUS = "census.csv"

UNRECOGNISED, ELSEWHERE = "unrecognised", "elsewhere"

#: What a status means, for sentences. `elsewhere`: neither in nor above a leaf directory.
_WORDS = {
    "kept": "kept",
    "sun": "with the Sun up",
    "moon": "with the Moon up",
    "duplicate": "second files of a second",
    "unreadable": "unreadable",
    "geometry": "of another geometry",
    UNRECOGNISED: "not recognised",
    ELSEWHERE: "in no folder of frames",
}
_EXPECTED = ("kept", "sun", "moon", "duplicate")

#: How many reasons are told, and from which share of unrecognised files on a month is warned of.
_REASONS_TOLD = 8
_TOO_MANY = 0.1


class Count(NamedTuple):
    """Files of one status and reason. reason: empty where the status tells all. example: the path of one of them."""

    status: str
    reason: str
    files: int
    example: str


def count_month(nights: str | os.PathLike[str], root: str | os.PathLike[str]) -> list[Count]:
    """The counts of a month, of its night tables and `unrecognised.csv`. nights: their folder. root: the archive's.

    A folder counts as the files in it, at least as one; a hidden one as one.
    """
    from norrsken import schemas, tables

    found: list[Count] = []
    for path in sorted(Path(nights).glob("*.parquet")):
        try:
            rows = tables.read(path, schemas.NIGHT_TABLE, ["status", "reason", "path"])
        except tables.TableError:  # of an earlier version, of a night that the archive has lost
            rows = tables.read(path, schemas.NIGHT_TABLE, ["status", "path"])
        found += [Count(row["status"], row.get("reason") or "", 1, row["path"]) for row in rows.to_pylist()]
    with Path(nights, "unrecognised.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            left_out = LeftOut(row["path"], row["reason"])
            found.append(Count(UNRECOGNISED, left_out.reason, _files(root, left_out), left_out.path))
    return add_up(found)


def write_counts(counts: Iterable[Count], nights: str | os.PathLike[str]) -> None:
    """Write the counts of a month into the folder of its night tables."""
    with Path(nights, CENSUS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Count._fields)
        writer.writerows(counts)


def read_counts(nights: str | os.PathLike[str]) -> list[Count]:
    """The counts that stand in a folder of night tables; none in a folder of an earlier version."""
    try:
        with Path(nights, CENSUS).open(newline="", encoding="utf-8") as file:
            return [
                Count(row["status"], row["reason"], int(row["files"]), row["example"]) for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return []


def count_left_out(root: str | os.PathLike[str], left_out: Iterable[LeftOut]) -> list[Count]:
    """The counts of what lies neither in nor above a leaf directory, as `archive.find_tree` has found it."""
    return add_up(Count(ELSEWHERE, one.reason, _files(root, one), printable(one.path)) for one in left_out)


def count_archive(
    months: Iterable[str | os.PathLike[str]], root: str | os.PathLike[str], left_out: Iterable[tuple[str, str, int]]
) -> list[Count]:
    """The counts of a whole archive. months: folders of night tables. left_out: as in `count_left_out`."""
    made = (count for month in months for count in read_counts(month))
    return add_up([*made, *count_left_out(root, (LeftOut(*one) for one in left_out))])


def _files(root: str | os.PathLike[str], left_out: LeftOut) -> int:
    # Hidden folders, such as git's with millions of objects, are not looked into.
    return max(count_files(root, left_out.path), 1) if left_out.reason in (FOLDER, NO_DAY) else left_out.files


def add_up(counts: Iterable[Count]) -> list[Count]:
    """The counts with one row for each status and reason: in the order of the statuses, the most files first."""
    files: dict[tuple[str, str], int] = {}
    examples: dict[tuple[str, str], str] = {}
    for one in counts:
        key = one.status, one.reason
        files[key] = files.get(key, 0) + one.files
        examples[key] = min(examples.get(key, one.example), one.example)
    order = [*_WORDS]
    rows = (Count(*key, files[key], examples[key]) for key in files)
    return sorted(rows, key=lambda row: (order.index(row.status), -row.files, row.reason))


def sentences(counts: Sequence[Count]) -> list[str]:
    """A few lines on what the archive holds, what was left out of it, and why. counts: of `add_up`."""
    total = sum(one.files for one in counts)
    by_status = {status: sum(one.files for one in counts if one.status == status) for status in _EXPECTED}
    parts = [f"{files:,} {_WORDS[status]}" for status, files in by_status.items() if files]
    lines = [f"The archive holds {_files_in_words(total)}: {', '.join(parts) or 'none of them is a frame'}."]
    odd = sorted((one for one in counts if one.status not in _EXPECTED), key=lambda one: -one.files)
    told = odd[:_REASONS_TOLD]
    lines += [f"  {one.files:,} {_WORDS[one.status]}: {one.reason}; such as {one.example}" for one in told]
    more = odd[_REASONS_TOLD:]
    if more:
        lines.append(f"  {sum(one.files for one in more):,} for {len(more)} more reasons")
    return lines


def too_many_unrecognised(months: Mapping[str, Sequence[Count]]) -> list[str]:
    """A sentence for the months of which more than a tenth of the files are not recognised. months: month → counts."""
    shares = {}
    for month, counts in months.items():
        unrecognised = [one for one in counts if one.status == UNRECOGNISED]
        files, total = sum(one.files for one in unrecognised), sum(one.files for one in counts)
        if files > _TOO_MANY * total:
            shares[month] = (files, total, max(unrecognised, key=lambda one: one.files))
    if not shares:
        return []
    worst = max(shares, key=lambda month: shares[month][0])
    files, total, most = shares[worst]
    where = f"In {worst}" if len(shares) == 1 else f"In {len(shares)} months, from {min(shares)} to {max(shares)},"
    number = f"{files:,} of {total:,} files" + ("" if len(shares) == 1 else f" of {worst}")
    return [
        f"{where} more than a tenth of the files are not recognised: {number}. The most frequent reason: "
        f"{most.reason}; such as {most.example}."
    ]


def _files_in_words(files: int) -> str:
    return "one file" if files == 1 else f"{files:,} files"
