"""What was made of a night stays, also when the archive has lost its files.

A camera may keep its last days only, and disks are cleared. So each finished night's table and keogram has a second
name, a hard link, in a folder that no rule of the workflow declares and Snakemake therefore never deletes. A night that
has lost frames is not made anew of the rest: it is taken back from there, and marked in `lost.csv` beside its table.
Nothing is forgotten unless a person deletes it there.
"""

import csv
import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

from norrsken import schemas, tables

log = logging.getLogger(__name__)

#: The table of a month's nights that have lost frames, beside their tables.
LOST = "lost.csv"


class File(Protocol):
    """A file of the archive whose name is a frame's."""

    @property
    def frame_id(self) -> str: ...


class Lost(NamedTuple):
    """A night that has lost frames. frames: in its table; gone: those that the archive has no more; new: those that
    the archive has but the table does not.
    """

    night: str
    frames: int
    gone: int
    new: int


def take_back(
    kept: Path, root: str | os.PathLike[str], frames: Mapping[date, Sequence[File]], nights: Path, keograms: Path
) -> set[date]:
    """Put the tables and keograms of nights that have lost frames back, and write `lost.csv`.

    kept: the month's folder of second names. root: the archive's root. frames: what it has of each night. nights,
    keograms: the folders to write to. Returns the nights that must not be made. A frame is lost when its file is gone
    and no other has its time, not when other settings read its name as of another time.
    """
    back, lost = set[date](), []
    for table in sorted(kept.glob("????-??-??.parquet")):
        night, keogram = date.fromisoformat(table.stem), table.with_suffix(".png")
        try:
            rows = tables.read(table, schemas.NIGHT_TABLE, ["frame_id", "path"])
        except tables.TableError as error:
            log.warning("%s: it cannot be taken back: %s", table, error)
            continue
        had = dict(zip(rows["frame_id"].to_pylist(), rows["path"].to_pylist(), strict=True))
        has = {frame.frame_id for frame in frames.get(night, [])}
        gone = sum(not os.path.lexists(os.path.join(root, had[frame])) for frame in had.keys() - has)
        if not gone or not keogram.exists():
            continue
        _second_name(table, nights / table.name)
        _second_name(keogram, keograms / keogram.name)
        back.add(night)
        lost.append(Lost(str(night), len(had), gone, len(has - had.keys())))
        log.warning("%s: the archive has lost %d of its %d frames; it stays as it is", night, gone, len(had))
    with (nights / LOST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Lost._fields)
        writer.writerows(lost)
    return back


def keep(nights: Path, keograms: Path, kept: Path) -> None:
    """Give the tables and keograms of a month their second names. nights, keograms: the finished folders.

    A night that is not among them, though the archive has lost nothing of it, was made with other settings: its frames
    are now read as of another night, or as none.
    """
    kept.mkdir(parents=True, exist_ok=True)
    for table in kept.glob("????-??-??.parquet"):
        if not (nights / table.name).exists():
            table.unlink()
            table.with_suffix(".png").unlink(missing_ok=True)
    for table in nights.glob("????-??-??.parquet"):
        for path in (table, keograms / f"{table.stem}.png"):
            _second_name(path, kept / path.name)


def lost_nights(months: Iterable[str]) -> dict[str, Lost]:
    """The nights of these months that have lost frames. months: directories of night tables."""
    found = {}
    for month in months:
        path = Path(month, LOST)
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                for night, *counts in list(csv.reader(file))[1:]:
                    found[night] = Lost(night, *map(int, counts))
    return found


def sentences(lost: Mapping[str, Lost]) -> list[str]:
    """A sentence on the nights that have lost frames, if there are any. lost: of `lost_nights`."""
    if not lost:
        return []
    frames, first = sum(night.gone for night in lost.values()), min(lost)
    nights = first if len(lost) == 1 else f"{len(lost)} nights from {first} to {max(lost)}"
    frame = "one frame" if frames == 1 else f"{frames:,} frames"
    new = sum(night.new for night in lost.values())
    taken = f"; {new:,} new frames of them are not taken" if new else ""
    return [f"The archive has lost {frame} of {nights}: what was made of them stays as it is{taken}."]


def _second_name(path: Path, name: Path) -> None:
    """Give a file a second name, in place of what has that name; a copy where the disk knows no hard links."""
    part = name.with_name(f".part-{os.getpid()}-{name.name}")
    part.unlink(missing_ok=True)
    try:
        os.link(path, part)
    except OSError:
        shutil.copy2(path, part)
    os.replace(part, name)
