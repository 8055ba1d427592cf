"""A first look at an archive: the entries of `config.yaml` that would read it, and what they would miss.

Nothing is read but names, the heads of some pictures, and a few whole ones, in which the horizon circle is looked for.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from norrsken.cameras.horizon import Horizon, find_horizon
from norrsken.config.base import ConfigError
from norrsken.config.directories import DirectoryPattern
from norrsken.config.lens import Lens
from norrsken.config.observatory import MOST_LEFT_OUT
from norrsken.config.site import CROP, Camera
from norrsken.nights.archive import DENIED, FOLDER, HIDDEN, why_no_file
from norrsken.nights.guess import Example, Guess, guess, template
from norrsken.nights.images import UnreadableImage, WrongGeometry, read_frame
from norrsken.nights.names import NamePattern, printable, time_of
from norrsken.nights.png import SIGNATURE, PngError, png_header

_PICTURES = (".jpg", ".jpeg", ".png")

#: Examples of names of one template, of pictures that are opened of one pattern, and the least share of an own camera.
_EXAMPLES, _OPENED, _LEAST_SHARE = 60, 24, 0.01

#: So many pictures of a camera are read whole.
_WHOLE = 6

#: A block of pixels should be about so many degrees at the zenith, in a picture whose short side is the whole sky.
_DEGREES_OF_BLOCK, _DEGREES_OF_SKY = 0.7, 180


class _Camera(NamedTuple):
    """Pictures of one pattern and one size. first: the date of the first of them that was opened."""

    pattern: str
    width: int
    height: int
    first: date
    example: str


class _Kind:
    """The pictures of one template."""

    def __init__(self) -> None:
        self.files, self.examples, self._random = 0, list[Example](), np.random.default_rng(0)

    def add(self, example: Example) -> None:
        """Count a picture; a random choice of all of them is kept."""
        self.files += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(example)
        elif (place := int(self._random.integers(self.files))) < _EXAMPLES:
            self.examples[place] = example


def inspect(root: str | os.PathLike[str]) -> Iterator[str]:
    """Lines that say how the archive could be read: entries of a configuration, with comments.

    Raises `ConfigError` where it has no pictures, or none whose folders and names tell date and time.
    """
    if not os.path.isdir(root):
        raise ConfigError(f"the directory {os.fspath(root)!r} does not exist")
    kinds: dict[tuple[str, str], _Kind] = {}
    others: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for folder, name, problem in _walk(root):
        stem, ending = os.path.splitext(name)
        if not problem and ending.lower() in _PICTURES and name.isprintable():
            kinds.setdefault((template(folder), template(stem)), _Kind()).add(Example(folder, name))
            continue
        reason = problem or f"files that end in {ending.lower() or 'nothing'}"
        others[reason] += 1
        examples.setdefault(reason, f"{folder}/{name}".lstrip("/"))
    if not kinds:
        found = "; ".join(f"{files} {reason}" for reason, files in others.most_common(3)) or "it is empty"
        raise ConfigError(f"{os.fspath(root)!r} has no JPEG and no PNG: {found}")
    guesses = {key: guess(kind.examples) for key, kind in kinds.items()}
    read: Counter[str] = Counter()
    for key, found_guess in guesses.items():
        if found_guess is not None:
            read[found_guess.directories] += round(kinds[key].files * found_guess.share)
    if not read:
        largest = max(kinds.values(), key=lambda kind: kind.files)
        example = "/".join(largest.examples[0]).lstrip("/")
        raise ConfigError(
            f"{os.fspath(root)!r}: no pattern was found that reads {printable(example)!r}; a folder's name must tell "
            "the year at least, and the names of files the time"
        )
    directories = read.most_common(1)[0][0]
    chosen = {key: one for key, one in guesses.items() if one is not None and one.directories == directories}
    least = _LEAST_SHARE * sum(kinds[key].files for key in chosen)
    chosen = {key: one for key, one in chosen.items() if kinds[key].files >= least}
    patterns = {one.pattern: [e for k, o in chosen.items() if o.pattern == one.pattern for e in kinds[k].examples]
                for one in chosen.values()}  # fmt: skip
    yield from _archive_entry(root, directories, patterns)
    yield from _camera_entries(root, directories, patterns)
    yield from _missed(kinds, chosen, others, examples)


def _walk(root: str | os.PathLike[str]) -> Iterator[tuple[str, str, str]]:
    """Folder, name, and why it is not read (empty for a file) of everything below the root. Links stay inside."""
    inside, todo, seen = os.path.realpath(root), [""], set[str]()
    while todo:
        folder = todo.pop()
        if (real := os.path.realpath(os.path.join(root, folder))) in seen:
            continue  # links can lead in a circle
        seen.add(real)
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield folder, "", DENIED
            continue
        for entry in listed:
            problem = why_no_file(entry, inside)
            if problem == FOLDER and entry.name.isprintable():
                todo.append(f"{folder}/{entry.name}".lstrip("/"))
            elif problem != HIDDEN:
                yield folder, entry.name, problem


def _times(directories: str, pattern: str, examples: Sequence[Example]) -> list[tuple[datetime, Example]]:
    """The times, as the names tell them, of those examples that the patterns read, in order."""
    folders, names = DirectoryPattern(directories), NamePattern(pattern)
    found = []
    for example in examples:
        leaf, fields = folders.leaf(example.folder), names.fields(example.name)
        time = time_of(fields, leaf) if leaf is not None and isinstance(fields, dict) else ""
        if isinstance(time, datetime):
            found.append((time, example))
    return sorted(found)


def _archive_entry(root: str | os.PathLike[str], directories: str, patterns: dict[str, list[Example]]) -> Iterator[str]:
    times = [one for pattern, examples in patterns.items() for one in _times(directories, pattern, examples)]
    yield "archive:"
    yield f"  root: {json.dumps(os.fspath(root), ensure_ascii=False)}"
    yield f"  directories: {json.dumps(directories, ensure_ascii=False)}"
    if all("%z" in pattern for pattern in patterns):
        yield "  clock: UTC # the names tell their difference to UTC"
    else:
        clock, why = _clock(root, times)
        yield f"  clock: {clock} # {why}"
    if not any("%d" in pattern or "%j" in pattern for pattern in patterns):
        yield "  folders: day # the names tell no date; night, where a folder holds the night from its evening on"


def _clock(root: str | os.PathLike[str], times: Sequence[tuple[datetime, Example]]) -> tuple[str, str]:
    """The clock of the names, and how it is known: from the times at which the files were written, where they agree."""
    written = []
    for time, example in times:
        try:
            modified = os.stat(os.path.join(root, *example)).st_mtime
        except OSError:
            continue
        quarters = (datetime.fromtimestamp(modified, UTC) - time) / timedelta(minutes=15)
        if abs(quarters) < 4 * 15 and -0.1 < quarters - round(quarters) < 0.4:  # written soon after it was taken
            written.append(-15 * round(quarters))
    common = Counter(written).most_common(2)
    agreeing = sum(count for _, count in common)
    if agreeing < 0.8 * len(times) or len(times) < 3:
        return "UTC", "this is assumed, the files do not tell: +01:00 or Europe/Stockholm, where it is another"
    minutes = common[0][0]
    if len(common) == 2 and common[1][1] > 0.1 * agreeing:
        both = " and ".join(_difference(minutes) for minutes, _ in common)
        return "UTC", f"the files were written at differences of {both}: name the zone, such as Europe/Stockholm"
    if minutes == 0:
        return "UTC", "the files were written at these times"
    return f'"{_difference(minutes)}"', "by the times at which the files were written; a zone where summer time counts"


def _difference(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _camera_entries(
    root: str | os.PathLike[str], directories: str, patterns: dict[str, list[Example]]
) -> Iterator[str]:
    cameras: list[_Camera] = []
    all_opened: list[_Camera] = []
    remarks: list[str] = []
    for pattern, examples in patterns.items():
        times = _times(directories, pattern, examples)
        opened = times[:: max(len(times) // _OPENED, 1)]
        problems: Counter[str] = Counter()
        sizes: list[_Camera] = []
        for time, example in opened:
            path = "/".join(example)
            size, problem = _size(os.path.join(root, path))
            problems[problem] += 1
            if size is not None:
                sizes.append(_Camera(pattern, *size, time.date(), path))
        all_opened += sizes
        remarks += [f"{n} of {len(opened)} opened files of {pattern}: {why}" for why, n in problems.items() if why]
        runs = [
            one for before, one in zip([None, *sizes], sizes, strict=False) if before is None or not _alike(before, one)
        ]
        if len({(one.width, one.height) for one in runs}) < len(runs):
            most = Counter((one.width, one.height) for one in sizes).most_common(1)[0][0]
            runs = [next(one for one in sizes if (one.width, one.height) == most)]
            remarks.append(f"the size of {pattern} changes to and fro; the most frequent one is given")
        cameras += runs
    cameras.sort(key=lambda camera: camera.first)
    yield "cameras:"
    used = set[date]()
    for camera in cameras:
        if camera.first in used:
            remarks.append(
                f"{camera.width} × {camera.height} pixels, {camera.pattern}, such as {printable(camera.example)}, are "
                "there at the same time: an archive has one camera at a time, so give each its own configuration"
            )
            continue
        used.add(camera.first)
        yield f'  - valid_from: "{camera.first}" # the first that was looked at; earlier is allowed'
        yield '    name: "" # make and lens'
        yield f"    width: {camera.width}"
        yield f"    height: {camera.height}"
        alike = [one.example for one in all_opened if one.pattern == camera.pattern and _alike(one, camera)]
        yield from _lens_entry(camera, find_horizon(frames) if (frames := _frames(root, camera, alike)) else None)
        yield f"    pattern: {json.dumps(camera.pattern, ensure_ascii=False)}"
        if min(camera.width, camera.height) < CROP:
            remarks.append(f"{camera.width} × {camera.height} pixels are too few; {CROP} are needed")
    for remark in remarks:
        yield f"# {remark}"


def _frames(root: str | os.PathLike[str], camera: _Camera, paths: Sequence[str]) -> list[NDArray[np.uint8]]:
    """Some readable pictures of a camera, as archived: (height, width, 3) each."""
    frames = []
    size = _of_size(camera)
    for path in paths[:: max(len(paths) // _WHOLE, 1)][:_WHOLE]:
        with suppress(UnreadableImage, WrongGeometry, OSError):
            frames.append(read_frame(os.path.join(root, path), size))
    return frames


def _of_size(camera: _Camera, lens: Lens | None = None) -> Camera:
    """A camera of which no more is known than the size of its frames, and perhaps a lens: it is not checked."""
    return Camera.model_construct(
        valid_from=camera.first, width=camera.width, height=camera.height, pattern=camera.pattern, lens=lens
    )


def _lens_entry(camera: _Camera, circle: Horizon | None) -> Iterator[str]:
    """The lens that the horizon circle suggests; without one, how the frame is turned and averaged."""
    look = f"look at {json.dumps(printable(camera.example), ensure_ascii=False)}"
    if circle is not None:
        lens = Lens(
            zenith=(round(circle.x, 1), round(circle.y, 1)), horizon=round(circle.radius, 1), north=0, east="left"
        )
        if _of_size(camera, lens).left_out(0) <= MOST_LEFT_OUT:
            yield "    lens: # by the horizon circle in the frames; norrsken calibrate finds all of it from the stars"
            yield f"      zenith: [{lens.zenith[0]:g}, {lens.zenith[1]:g}]"
            yield f"      horizon: {lens.horizon:g}"
            yield "      projection: sine # r = f sin(alpha theta)"
            yield f"      alpha: {lens.alpha:g} # a guess: that of a common lens"
            yield f"      north: 0 # {look}: where true north is, degrees clockwise from up"
            yield "      east: left # where east is when north is up: left in most cameras, which look up"
            return
    block = max(1, round(_DEGREES_OF_BLOCK * min(camera.width, camera.height) / _DEGREES_OF_SKY))
    block = min(block, min(camera.width, camera.height) // CROP) or 1
    yield f"    rotate: 0 # {look}: north must come to"
    yield "    flip: false # the top and east to the right"
    yield f"    block: {block} # right if the short side of the picture is the whole sky"


def _alike(one: _Camera, other: _Camera) -> bool:
    return (one.width, one.height) == (other.width, other.height)


def _size(path: str) -> tuple[tuple[int, int] | None, str]:
    """Width and height of a picture, None where it cannot be read; and why it is no frame, empty where it is one."""
    try:
        data = Path(path).read_bytes()
        if data.startswith(SIGNATURE):
            header = png_header(data)
            colours = header.channels == 3 and header.bits == 8 and not header.palette
            return (header.width, header.height), "" if colours else "PNG, but not RGB of 8 bits, which is not read"
        height, width, colourspace, _ = simplejpeg.decode_jpeg_header(data)
    except (OSError, ValueError, PngError) as error:
        return None, f"cannot be read: {error}"
    return (width, height), "" if colourspace in ("YCbCr", "RGB") else f"{colourspace}, not three colours: not read"


def _missed(
    kinds: dict[tuple[str, str], _Kind],
    chosen: dict[tuple[str, str], Guess],
    others: Counter[str],
    examples: dict[str, str],
) -> Iterator[str]:
    """Comments on what the entries read and miss."""
    reads = sum(round(kinds[key].files * one.share) for key, one in chosen.items())
    total = sum(kind.files for kind in kinds.values())
    yield f"# Read: {reads:,} of {total:,} pictures, by their names."
    left = sorted((kind.files, key) for key, kind in kinds.items() if key not in chosen)[::-1]
    for files, key in left[:5]:
        yield f"# Missed: {files:,} pictures such as {printable('/'.join(kinds[key].examples[0]).lstrip('/'))}"
    if len(left) > 5:
        yield f"# Missed: {sum(files for files, _ in left[5:]):,} pictures of {len(left) - 5} more kinds of names"
    for reason, files in others.most_common(5):
        yield f"# Not pictures: {files:,} {reason}, such as {printable(examples[reason])}"
