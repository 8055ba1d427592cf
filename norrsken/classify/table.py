"""The CSV file to which classified frames are added; files that are classified as they come."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pandas as pd

from norrsken.classify.classifier_file import ClassifyError
from norrsken.classify.files import KnownFrames, Problem, frame_files, frame_name
from norrsken.classify.film import Filming
from norrsken.classify.frames import classify, columns
from norrsken.classify.verdict import FrameModel
from norrsken.config.site import FrameSource
from norrsken.files import csv_rows

if TYPE_CHECKING:
    from norrsken.classify.tonight import Tonight

log = logging.getLogger(__name__)

#: Size and time of a file.
State = tuple[int, int]


class ClassifiedFrames:
    """A CSV file to which classified frames are added, never twice and always whole rows, by one process at a time.

    done: the frames that it has, by the names that `classify` gives them. A row of an earlier version, with a relative
    path or with one through links, stands for the same frame. Times are ISO 8601 in UTC, probabilities have four
    decimals. It is used in a `with` block, at whose end another process may go on.
    """

    def __init__(self, path: Path, model: FrameModel) -> None:
        """Begin the file, or go on with it: a row that was torn when a process was killed is cut off.

        Raises `ClassifyError` where another model has classified its frames, another process is adding to it, or it is
        something else.
        """
        self.path, self.done, self._model = path, set[str](), model.digest[:16]
        # `model` holds the first 16 characters of the digest of the model's file.
        self._columns = (*columns(model), "model")
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            self._file = opened.enter_context(path.open("ab+", buffering=0))
            _lock(self._file, path)
            self._begin()
            known = KnownFrames()
            for line, row in csv_rows(path, self._columns, ClassifyError):
                if row["model"] != self._model:
                    raise ClassifyError(
                        f"{path}, line {line}: classified with the model {row['model']}; {model.path} is "
                        f"{self._model}, which needs a file of its own"
                    )
                self.done.add(known.name(row["frame"]))
            if known.lost:
                log.warning(
                    "%s: %d frames have a path that leads nowhere from here, so they will not be known again: give the "
                    "command in the folder where the file was begun",
                    path,
                    known.lost,
                )
            opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, table: pd.DataFrame) -> None:
        """Add the rows of a table that `classify` has made."""
        text = table.assign(model=self._model).to_csv(
            columns=list(self._columns),
            index=False,
            header=False,
            float_format="%.4f",
            date_format="%Y-%m-%dT%H:%M:%SZ",
            lineterminator="\n",
        )
        self._file.write(text.encode())  # at once: an interrupt comes before or after it
        self.done.update(table["frame"])

    def _begin(self) -> None:
        """Write the header where it is not there, and cut off a torn row."""
        header = (",".join(self._columns) + "\n").encode()
        self._file.seek(0)
        begun = self._file.read(len(header))
        if not header.startswith(begun):
            raise ClassifyError(f"{self.path}: not a file of classified frames, which begins with {header.decode()!r}")
        if begun != header:
            self._file.truncate(0)
            self._file.write(header)
        with self.path.open("rb") as lines:
            whole = sum(len(line) for line in lines if line.endswith(b"\n"))
        self._file.truncate(whole)


def _lock(file: FileIO, path: Path) -> None:
    """Keep others from adding to a file until it is closed; raises `ClassifyError` where another process does."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ClassifyError(
            f"{path}: another norrsken classify is adding to it; wait until it has ended, or name another file"
        ) from None
    except OSError as error:
        log.warning("%s: it cannot be locked here (%s): let only one process at a time add to it", path, error.strerror)


def follow(
    model: FrameModel,
    paths: Sequence[str],
    frames: ClassifiedFrames,
    seconds: float,
    source: FrameSource | None = None,
    tonight: "Tonight | None" = None,
) -> Iterator[tuple[int, dict[str, Problem]]]:
    """Look for new files again and again, without end, and add their frames.

    Yields after each look how many frames it has added, and which files cannot be classified, and why. A file that
    cannot be read may still be written: it counts as such only when the next look finds it unchanged, and it is tried
    again when it changes. What the system says of a file, such as a missing permission, may pass: it is said once, and
    the file is tried at each look. source: as `classify` takes it. tonight: is told of all frames that are added.
    """
    finished: dict[str, State] = {}  # night tables that are done, and files that cannot be classified
    before: dict[str, tuple[State | None, Problem]] = {}  # what was wrong when a file was last tried
    told: dict[str, tuple[State | None, Problem]] = {}
    filming = Filming(model)
    while True:
        problems: dict[str, Problem] = {}
        states = {p: _state(p) for p in frame_files(paths, problems) if frame_name(p) not in frames.done}
        new = {path: state for path, state in states.items() if finished.get(path) != state}
        known = len(frames.done)
        watch = None if tonight is None else tonight.see
        for table in classify(model, new, problems, frames.done, source, filming, watch):
            frames.append(table)
            if tonight is not None:
                tonight.add(table)
        finished |= {
            path: state for path, state in new.items() if path not in problems and frame_name(path) not in frames.done
        }
        sure: dict[str, Problem] = {}
        for path, problem in problems.items():
            found = new.get(path), problem
            if before.get(path) == found:
                if told.get(path) != found:
                    sure[path], told[path] = problem, found
                if problem.lasting and path in new:
                    finished[path] = new[path]
            before[path] = found
        yield len(frames.done) - known, sure
        time.sleep(seconds)


def _state(path: str) -> State:
    """Size and time of a file; both are 0 where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
