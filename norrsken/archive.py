"""The archive on disk: leaf directories, the nights and months they hold, file names, frame ids.

Nights are found from directory names alone, so that ten years of minutes are listed in a moment. Only the standard
library and trollsift are imported here: the Snakefile is parsed again for every job.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from trollsift import Parser

from norrsken.config import Camera, Config, ConfigError
from norrsken.directories import DirectoryPattern, LeafDirectory


def find_directories(root: str | os.PathLike[str], directories: str) -> list[LeafDirectory]:
    """All leaf directories below `root`, by time. Only directories above the leaves are listed.

    Raises `ConfigError` where the root is missing, nothing fits, or a link leads out of the root.
    """
    pattern = DirectoryPattern(directories)
    if not os.path.isdir(root):
        raise ConfigError(f"archive.root: the directory {os.fspath(root)!r} does not exist")
    inside = os.path.realpath(root)
    found = [""]
    for level in pattern.levels:
        found = [path for above in found for path in _matching(root, inside, above, level)]
    leaves = [leaf for path in found if (leaf := pattern.leaf(path)) is not None]
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


def night_offset(longitude: float) -> timedelta:
    """What to add to UTC so that the date of the sum is the night's name: local mean solar time less half a day.

    In whole milliseconds, the resolution of the tables: 20.42° E gives 1 h 21 min 40.8 s − 12 h.
    """
    return timedelta(milliseconds=round(longitude * 240_000)) - timedelta(hours=12)


def night_of(time: datetime, longitude: float) -> date:
    """The night of a time: from one local mean solar noon (included) to the next, named by its evening's date."""
    return (time + night_offset(longitude)).date()


def night_start(night: date, longitude: float) -> datetime:
    """The local mean solar noon, in UTC, that opens a night."""
    return datetime(night.year, night.month, night.day, tzinfo=UTC) - night_offset(longitude)


def month_span(month: str, longitude: float) -> tuple[datetime, datetime]:
    """The time [start, end) in UTC of all nights whose name falls in the month, e.g. `2015-01`."""
    first = date.fromisoformat(f"{month}-01")
    following = (first + timedelta(days=31)).replace(day=1)
    return night_start(first, longitude), night_start(following, longitude)


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


class FrameName(NamedTuple):
    """What a file name tells: the start of the exposure in UTC, its length if that is there, and whose frame it is."""

    time: datetime
    exposure_ms: int | None
    camera: int  # position in the list of cameras


class NameReader:
    """Reads file names with the pattern of the camera that was in force at the time that the name gives."""

    def __init__(self, cameras: Sequence[Camera]) -> None:
        self.cameras, self.parsers = cameras, [Parser(camera.pattern) for camera in cameras]

    def read(self, name: str) -> FrameName | str:
        """What the name tells, or, as a string, why it is not a frame's name."""
        if not name.isprintable():
            return "the name has characters that cannot be printed"
        for i, parser in enumerate(self.parsers):
            try:
                fields = parser.parse(name)
            except ValueError:
                continue
            time = fields["time"].replace(tzinfo=UTC)
            if camera_in_force(self.cameras, time) is self.cameras[i]:
                exposure = fields.get("exposure_ms")
                return FrameName(time, None if exposure is None else int(exposure), i)
        return "the name does not fit the pattern of the camera in force"


def camera_in_force(cameras: Sequence[Camera], time: datetime) -> Camera | None:
    """The camera of a time: the last whose `valid_from` has come. None before the first."""
    return next((camera for camera in reversed(cameras) if camera.valid_from <= time.date()), None)


def cameras_between(cameras: Sequence[Camera], start: datetime, end: datetime) -> list[Camera]:
    """The cameras that were in force at some time in [start, end): a month's own part of the configuration."""
    chosen = []
    for i, camera in enumerate(cameras):
        begins_in_time = camera.valid_from <= end.date()
        ends_in_time = i + 1 == len(cameras) or cameras[i + 1].valid_from > start.date()
        if begins_in_time and ends_in_time:
            chosen.append(camera)
    return chosen


def frame_id(station: str, time: datetime) -> str:
    """Station and UTC second, e.g. `KRN20150112T183000`."""
    return f"{station}{time:%Y%m%dT%H%M%S}"


def printable(path: str) -> str:
    """A path as it can be written into a table: bytes of a name that are not UTF-8 are shown with escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


def why_without_images(config: Config, leaves: Sequence[LeafDirectory]) -> str:
    """Why no file of the archive is named like a frame; empty at the first that is."""
    reader = NameReader(config.cameras)
    example, reason = None, ""
    for leaf in leaves:
        with os.scandir(os.path.join(config.archive.root, leaf.path)) as entries:
            for entry in entries:
                result = reader.read(entry.name)
                if isinstance(result, FrameName):
                    return ""
                example, reason = example or entry.path, reason or result
    found = f"found {example!r}: {reason}" if example else f"its {len(leaves)} directories are empty"
    patterns = ", ".join(repr(camera.pattern) for camera in config.cameras)
    return f"archive.root: {config.archive.root!r} has no image named like {patterns}; {found}"


def years_without_data(years: Iterable[int], leaves: Iterable[LeafDirectory]) -> list[int]:
    """Those of the years that no directory reaches into."""
    covered = {
        year for leaf in leaves for year in range(leaf.start.year, (leaf.end - timedelta(microseconds=1)).year + 1)
    }
    return [year for year in years if year not in covered]


def months_of_years(years: Iterable[int]) -> set[str]:
    """The months whose nights hold frames of these UTC years: theirs, and the December before each.

    A year's first hours belong to the night of the last evening before it.
    """
    return {f"{year - 1}-12" for year in years} | {f"{year}-{month:02d}" for year in years for month in range(1, 13)}


def truth_folder(root: str) -> Path:
    """Where the truth of a simulated archive lies: beside it."""
    return Path(root).with_name(f"{Path(root).name}-truth")
