"""The archive on disk: its leaf directories, and the nights and months that they hold.

Nights are known from the names of directories alone, so that ten years of minutes are listed in a moment. Only the
standard library and trollsift are imported here: the Snakefile is parsed again for every job.
"""

import errno
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from norrsken.calendar import night_of
from norrsken.config.base import ConfigError
from norrsken.config.config import Config
from norrsken.config.directories import DirectoryPattern, Folders, LeafDirectory
from norrsken.nights.names import FrameName, NameReader, printable

#: Why something of the archive is not read, in words that can be counted.
FOLDER = "a folder that archive.directories does not name"
HIDDEN = "a hidden folder"
STRAY = "a file above the folders of frames"
NO_DAY = "a folder whose name tells no real date, or two of them"
LINK_OUT = "a link that leads out of the archive"
LINK_DEAD = "a link to a file that is not there"
NO_FILE = "not a regular file"
GONE = "it was deleted while the archive was read"
DENIED = "it must not be read: permission denied"

#: The reasons of folders that are left out as a whole.
FOLDERS = (FOLDER, HIDDEN, NO_DAY)

_LASTING = {errno.EACCES: DENIED, errno.EPERM: DENIED, errno.ENOENT: GONE, errno.ENOTDIR: GONE, errno.ELOOP: LINK_DEAD}


class LeftOut(NamedTuple):
    """What is not read, by its path below the root, and why; `.` is the root.

    files: of one folder that are left out for this reason, of which `path` is one; 1 for a folder.
    """

    path: str
    reason: str
    files: int = 1


class Tree(NamedTuple):
    """What is below an archive's root: the leaf directories, by time, and what is neither one nor above or in one."""

    leaves: list[LeafDirectory]
    left_out: list[LeftOut]


def find_directories(
    root: str | os.PathLike[str], directories: str, clock: str = "UTC", folders: Folders = "day"
) -> list[LeafDirectory]:
    """All leaf directories below `root`, by time; see `find_tree`, of which this is a part."""
    return find_tree(root, directories, clock, folders).leaves


def find_tree(root: str | os.PathLike[str], directories: str, clock: str = "UTC", folders: Folders = "day") -> Tree:
    """All leaf directories below `root`, by time, and what is left out. Only directories above the leaves are listed.

    clock, folders: how their names are meant; see `DirectoryPattern`. Raises `ConfigError` where the root is missing
    or nothing fits, and `OSError` where something cannot be read now, but perhaps later.
    """
    pattern = DirectoryPattern(directories, clock, folders)
    if not os.path.isdir(root):
        raise ConfigError(f"archive.root: the directory {os.fspath(root)!r} does not exist")
    inside = os.path.realpath(root)
    left_out: list[LeftOut] = []
    paths = [""]
    for level in pattern.levels:
        paths = [path for above in paths for path in _matching(root, inside, above, level, left_out)]
    leaves = []
    for path in paths:
        leaf = pattern.leaf(path)
        if leaf is None:
            left_out.append(LeftOut(path, NO_DAY))
        else:
            leaves.append(leaf)
    left_out.sort()
    if not leaves:
        found = f"; found {printable(left_out[0].path)!r}: {left_out[0].reason}" if left_out else "; it is empty"
        raise ConfigError(
            f"archive.root: {os.fspath(root)!r} has no directory like archive.directories, {directories!r}, "
            f"such as {datetime(2015, 1, 12, 18).strftime(directories)!r}{found}"
        )
    return Tree(sorted(leaves, key=lambda leaf: (leaf.start, leaf.path)), left_out)


def _matching(
    root: str | os.PathLike[str], inside: str, above: str, level: re.Pattern[str], left_out: list[LeftOut]
) -> Iterator[str]:
    """The directories in one that fit a level of the pattern; what else is there is added to `left_out`."""
    try:
        with os.scandir(os.path.join(root, above)) as entries:
            listed = list(entries)
    except OSError as error:
        left_out.append(LeftOut(above or ".", lasting_reason(error, root)))
        return
    files: defaultdict[str, list[str]] = defaultdict(list)
    for entry in listed:
        path = f"{above}/{entry.name}" if above else entry.name
        reason = _why_no_level(entry, inside, level)
        if not reason:
            yield path
        elif reason in FOLDERS:
            left_out.append(LeftOut(path, reason))
        else:
            files[reason].append(path)
    left_out += [LeftOut(min(paths), reason, len(paths)) for reason, paths in files.items()]


def _why_no_level(entry: os.DirEntry[str], inside: str, level: re.Pattern[str]) -> str:
    """Why an entry is no directory of this level; empty where it is."""
    if entry.is_symlink():
        if not is_inside(entry.path, inside):
            return LINK_OUT
        if not os.path.exists(entry.path):
            return LINK_DEAD
    if not entry.is_dir():
        return STRAY
    if level.fullmatch(entry.name):
        return ""
    return HIDDEN if entry.name.startswith(".") else FOLDER


def why_no_file(entry: os.DirEntry[str], inside: str) -> str:
    """Why an entry of a leaf directory is not read as a file; empty where it is. inside: the root's real path.

    Links are followed where they stay in the archive, as in those of git-annex.
    """
    if entry.is_file(follow_symlinks=False):
        return ""
    if entry.is_symlink():
        if not is_inside(entry.path, inside):
            return LINK_OUT
        if not os.path.exists(entry.path):
            return LINK_DEAD
        if entry.is_file():
            return ""
    if entry.is_dir():
        return HIDDEN if entry.name.startswith(".") else FOLDER
    return NO_FILE


def lasting_reason(error: OSError, root: str | os.PathLike[str]) -> str:
    """Why something cannot be read, where that lasts: it is forbidden or gone. Raises the error where it may pass.

    It may pass where the disk or the network is at fault (EIO, ESTALE, ETIMEDOUT, ...), and where the whole archive is
    gone, which a mount that is away looks like.
    """
    reason = _LASTING.get(error.errno or 0)
    if reason is None or (reason == GONE and not _is_there(root)):
        raise error
    return reason


def _is_there(root: str | os.PathLike[str]) -> bool:
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def is_inside(path: str | os.PathLike[str], root: str | os.PathLike[str]) -> bool:
    """Whether the path, all links followed, lies in the root."""
    real, inside = os.path.realpath(path), os.path.realpath(root)
    return os.path.commonpath([real, inside]) == inside


def count_files(root: str | os.PathLike[str], path: str) -> int:
    """The files in a folder below the root and in all folders below it, links counted and not followed."""
    return sum(len(files) for _, _, files in os.walk(os.path.join(root, path)))


def months_of(leaf: LeafDirectory, longitude: float) -> list[str]:
    """The months with nights that reach into the directory's time."""
    if leaf.night is not None:
        return [f"{leaf.night:%Y-%m}"]
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
    archive = config.archive
    reader = NameReader(config.cameras, archive.clock, config.site.longitude)
    example, reason = None, ""
    for leaf in leaves:
        try:
            with os.scandir(os.path.join(archive.root, leaf.path)) as entries:
                for entry in entries:
                    result = reader.read(entry.name, leaf)
                    if isinstance(result, FrameName):
                        return ""
                    example, reason = example or entry.path, reason or result
        except OSError as error:
            example, reason = example or leaf.path, reason or lasting_reason(error, archive.root)
    instead = f"found {example!r}: {reason}" if example else f"its {len(leaves)} directories are empty"
    return f"archive.root: {config.archive.root!r} has no image named like {reader.patterns}; {instead}"


def years_without_data(years: Iterable[int], leaves: Iterable[LeafDirectory]) -> list[int]:
    """The years, of those given, that no directory reaches into."""
    covered = {
        year for leaf in leaves for year in range(leaf.start.year, (leaf.end - timedelta(microseconds=1)).year + 1)
    }
    return [year for year in years if year not in covered]


def truth_folder(root: str) -> Path:
    """The folder of a simulated archive's truth, which lies beside the archive."""
    return Path(root).with_name(f"{Path(root).name}-truth")
