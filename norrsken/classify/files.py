"""The files that `norrsken classify` is given, and the name of each frame: the same by every way to its file."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

#: The endings of the files of a folder that are taken, in any case.
ENDINGS = (".jpg", ".jpeg", ".png", ".parquet")

_FRAME_ID = re.compile(r"[A-Z0-9]+\d{8}T\d{6}")


class Problem(NamedTuple):
    """Why a file was not classified. lasting: whether that cannot pass as long as the file stays as it is."""

    text: str
    lasting: bool

    def __str__(self) -> str:
        return self.text


def of_system(error: OSError) -> Problem:
    """What the system says of a file; a network may come back, a permission may be given."""
    return Problem(os.strerror(error.errno) if error.errno else str(error), lasting=False)


def frame_files(paths: Iterable[str], problems: dict[str, Problem]) -> Iterator[str]:
    """The paths by which the files are known (see `real_path`); of a folder all pictures and Parquet files.

    The files of a folder and of those below come in order, without hidden ones; a link to a folder is followed. A
    folder that cannot be listed is added to `problems`.
    """
    for path in paths:
        if os.path.isdir(path):
            yield from sorted(_files_below(os.path.realpath(path), problems))
        else:
            yield real_path(path)


def _files_below(folder: str, problems: dict[str, Problem]) -> Iterator[str]:
    folders, seen = [folder], {folder}
    while folders:
        here = folders.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        below = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                        if below not in seen:  # a link may lead back
                            folders.append(below)
                            seen.add(below)
                    elif entry.name.lower().endswith(ENDINGS):
                        yield real_path(entry.path) if entry.is_symlink() else entry.path
        except OSError as error:
            problems[here] = of_system(error)


def real_path(path: str) -> str:
    """The absolute path of a file without links.

    Where a link gives the file another name, the link's name stays, since it tells the time of the frame.
    """
    real = os.path.realpath(path)
    folder, name = os.path.split(path)
    return real if os.path.basename(real) == name else os.path.join(os.path.realpath(folder), name)


def frame_name(path: str) -> str:
    """What the column `frame` holds of a picture: its path, in which what cannot be printed is escaped."""
    if path.isprintable():
        return path
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


class KnownFrames:
    """Finds the names of frames by what earlier versions wrote: paths as they were given, and ids of night tables.

    lost: relative paths whose folder is not there, seen from here.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._folders: dict[str, tuple[str, set[str] | None]] = {}

    def name(self, cell: str) -> str:
        """The name of the frame that a cell of the column `frame` stands for."""
        if _FRAME_ID.fullmatch(cell):
            return cell
        folder, name = os.path.split(cell)
        real, links = self._folder(folder)
        if links is None and not os.path.isabs(cell):
            self.lost += 1
        path = os.path.join(real, name)
        return frame_name(real_path(path) if links and name in links else path)

    def _folder(self, folder: str) -> tuple[str, set[str] | None]:
        """A folder without links, and which of its files are links; None where it is not there."""
        if folder not in self._folders:
            real = os.path.realpath(folder)
            try:
                with os.scandir(real) as entries:
                    links: set[str] | None = {entry.name for entry in entries if entry.is_symlink()}
            except OSError:
                links = None
            self._folders[folder] = real, links
        return self._folders[folder]
