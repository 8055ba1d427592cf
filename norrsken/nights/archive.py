"""The archive on disk: its leaf directories, and the nights and months that they hold.

Nights are known from the names of directories alone, so that ten years of minutes are listed in a moment. Only the
standard library and trollsift are imported here: the Snakefile is parsed again for every job.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from norrsken.calendar import night_of
from norrsken.config.base import ConfigError
from norrsken.config.config import Config
from norrsken.config.directories import DirectoryPattern, LeafDirectory
from norrsken.nights.names import FrameName, NameReader


def find_directories(root: str | os.PathLike[str], directories: str) -> list[LeafDirectory]:
    """All leaf directories below `root`, by time. Only the directories above the leaves are listed.

    Raises `ConfigError` where the root is missing, nothing fits, or a link leads out of the root.
    """
    pattern = DirectoryPattern(directories)
    if not os.path.isdir(root):
        raise ConfigError(f"archive.root: the directory {os.fspath(root)!r} does not exist")
    inside = os.path.realpath(root)
    paths = [""]
    for level in pattern.levels:
        paths = [path for above in paths for path in _matching(root, inside, above, level)]
    leaves = [leaf for path in paths if (leaf := pattern.leaf(path)) is not None]
    if not leaves:
        raise ConfigError(
            f"archive.root: {os.fspath(root)!r} has no directory like archive.directories, {directories!r}, "
            f"such as {datetime(2015, 1, 12, 18).strftime(directories)!r}"
        )
    return sorted(leaves, key=lambda leaf: (leaf.start, leaf.path))


def _matching(root: str | os.PathLike[str], inside: str, above: str, level: re.Pattern[str]) -> Iterator[str]:
    with os.scandir(os.path.join(root, above)) as entries:
        for entry in entries:
            if not level.fullmatch(entry.name) or not entry.is_dir():
                continue
            if entry.is_symlink() and not is_inside(entry.path, inside):
                raise ConfigError(
                    f"archive.root: {entry.path!r} is a link that leads out of the archive, to "
                    f"{os.path.realpath(entry.path)!r}; mount that folder inside the archive"
                )
            yield f"{above}/{entry.name}" if above else entry.name


def is_inside(path: str | os.PathLike[str], root: str | os.PathLike[str]) -> bool:
    """Whether the path, all links followed, lies in the root."""
    real, inside = os.path.realpath(path), os.path.realpath(root)
    return os.path.commonpath([real, inside]) == inside


def months_of(leaf: LeafDirectory, longitude: float) -> list[str]:
    """The months with nights that reach into the directory's time."""
    months = []
    day = night_of(leaf.start, longitude)
    last = night_of(leaf.end - timedelta(milliseconds=1), longitude)
    while (day.year, day.month) <= (last.year, last.month):
        months.append(f"{day:%Y-%m}")
        day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return months


def directories_by_month(leaves: Iterable[LeafDirectory], longitude: float) -> dict[str, list[str]]:
    """For each month, in order, the paths of the leaf directories that its nights reach into."""
    months: dict[str, list[str]] = {}
    for leaf in leaves:
        for month in months_of(leaf, longitude):
            months.setdefault(month, []).append(leaf.path)
    return {month: sorted(months[month]) for month in sorted(months)}


def why_without_images(config: Config, leaves: Sequence[LeafDirectory]) -> str:
    """A sentence that says why no file of the archive is named like a frame; empty where one is."""
    reader = NameReader(config.cameras)
    example, reason = None, ""
    for leaf in leaves:
        with os.scandir(os.path.join(config.archive.root, leaf.path)) as entries:
            for entry in entries:
                result = reader.read(entry.name)
                if isinstance(result, FrameName):
                    return ""
                example, reason = example or entry.path, reason or result
    instead = f"found {example!r}: {reason}" if example else f"its {len(leaves)} directories are empty"
    patterns = ", ".join(repr(camera.pattern) for camera in config.cameras)
    return f"archive.root: {config.archive.root!r} has no image named like {patterns}; {instead}"


def years_without_data(years: Iterable[int], leaves: Iterable[LeafDirectory]) -> list[int]:
    """The years, of those given, that no directory reaches into."""
    covered = {
        year for leaf in leaves for year in range(leaf.start.year, (leaf.end - timedelta(microseconds=1)).year + 1)
    }
    return [year for year in years if year not in covered]


def truth_folder(root: str) -> Path:
    """The folder of a simulated archive's truth, which lies beside the archive."""
    return Path(root).with_name(f"{Path(root).name}-truth")
