"""A trained model on other frames: JPEGs as archived, or night tables. Nothing of the training data is needed."""

import fcntl
import logging
import os
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import models, stages, tables
from norrsken.ahead import ahead
from norrsken.archive import NameReader
from norrsken.classes import CLASSES
from norrsken.config import Camera, FrameSource
from norrsken.errors import NorrskenError
from norrsken.features import Extractor
from norrsken.files import csv_rows
from norrsken.images import UnreadableImage, WrongGeometry, process, read_frame
from norrsken.summary import digest

log = logging.getLogger(__name__)

#: Frames a step.
BATCH = 256

#: Of the CSV file of classified frames; `model` is the beginning of its digest.
COLUMNS = ("frame", "time", "label", *(f"p_{name}" for name in CLASSES), "model")


class ClassifyError(NorrskenError):
    """Frames that the model cannot be used on, or a file that is not of frames that it has classified."""


@dataclass(frozen=True)
class Frames:
    """Processed frames: names (n,), times, images (n, 128, 128, 3) uint8."""

    names: Sequence[str]
    times: Sequence[pd.Timestamp]
    images: NDArray[np.uint8]


class FrameModel(Protocol):
    """What classifies frames: one model, or several as one."""

    @property
    def path(self) -> str | Path:
        """Its file, for messages."""

    @property
    def digest(self) -> str:
        """SHA-256 of its file."""

    @property
    def source(self) -> FrameSource:
        """How frames must have been processed."""

    def predict(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, 7) in class order."""

    def labels(self, probabilities: NDArray[Any]) -> NDArray[np.str_]:
        """What frames with these probabilities are called: (n, 7) → (n,)."""


class FrameClassifier:
    """A model and what computes its features, ready for frames that were processed as those that it was trained on."""

    def __init__(self, model: str | Path) -> None:
        """Raises `ModelError` for what is not a model's file, `ClassifyError` where its features cannot be computed."""
        self.path = model
        self.classifier, self.card = models.load(model)
        self.digest = str(digest(model))
        self.source = self.card.frames
        if self.source.processing != stages.PROCESSING:
            raise ClassifyError(
                f"{model}: trained on frames of processing {self.source.processing}, this program makes "
                f"{stages.PROCESSING}; train it anew"
            )
        self._extractor = None if self.card.run.features is None else Extractor(self.card.run.features)
        if self._extractor is not None and self._extractor.about.get("digest") != self.card.extractor:
            raise ClassifyError(f"{model}: its features came from a network with other weights ({self.card.extractor})")

    def inputs(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """What the model works on: processed frames (n, 128, 128, 3) uint8 as they are, or their features (n, m)."""
        return images if self._extractor is None else self._extractor(images)

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, 7) in class order."""
        return self.classifier.predict(self.inputs(images)).probabilities

    def labels(self, probabilities: NDArray[Any]) -> NDArray[np.str_]:
        """The most probable class of each frame: (n, 7) → (n,)."""
        names: NDArray[np.str_] = np.array(CLASSES)[probabilities.argmax(axis=1)]
        return names


def classify(
    model: FrameModel, paths: Iterable[str], problems: dict[str, str], done: Container[str] = ()
) -> Iterator[pd.DataFrame]:
    """Classify the frames of night tables and JPEGs, a table of at most some hundred frames at a time.

    Columns: frame (path of the JPEG, or frame id), time, label, p_breakup …. Frames in `done` are left out. So are
    files that cannot be classified, and why is added to `problems`, by path. Raises `ClassifyError` for a table whose
    frames do not fit the model.
    """
    for frames in ahead(_read(model, paths, problems, done)):
        probabilities = model.predict(frames.images)
        scores = {f"p_{name}": probabilities[:, i] for i, name in enumerate(CLASSES)}
        labels = model.labels(probabilities)
        yield pd.DataFrame({"frame": frames.names, "time": frames.times, "label": labels, **scores})


class ClassifiedFrames:
    """A CSV file to which classified frames are added, never twice and always whole rows, by one process at a time.

    done: the frames that it has. Times are ISO 8601 in UTC, probabilities have four decimals. Used in a `with` block,
    at whose end another process may go on.
    """

    def __init__(self, path: Path, model: FrameModel) -> None:
        """Begin the file, or go on with it: a row that was torn when a process was killed is cut off.

        Raises `ClassifyError` where another model has classified its frames, another process is adding to it, or it is
        something else.
        """
        self.path, self.done, self._model = path, set[str](), model.digest[:16]
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            self._file = opened.enter_context(path.open("ab+", buffering=0))
            _lock(self._file, path)
            self._begin()
            for line, row in csv_rows(path, COLUMNS, ClassifyError):
                if row["model"] != self._model:
                    raise ClassifyError(
                        f"{path}, line {line}: classified with the model {row['model']}; {model.path} is "
                        f"{self._model}, which needs a file of its own"
                    )
                self.done.add(row["frame"])
            opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, table: pd.DataFrame) -> None:
        """Add what `classify` gave."""
        text = table.assign(model=self._model).to_csv(
            columns=list(COLUMNS),
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
        header = (",".join(COLUMNS) + "\n").encode()
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
    model: FrameModel, paths: Sequence[str], frames: ClassifiedFrames, seconds: float
) -> Iterator[tuple[int, dict[str, str]]]:
    """Look for new files again and again, without end, and add their frames.

    Yields after each look how many frames it has added, and which files cannot be classified, and why. A file that
    cannot be read may still be written: it counts as such only when the next look finds it unchanged.
    """
    finished: dict[str, tuple[int, int]] = {}  # how they were then: night tables, and files that cannot be classified
    doubtful: dict[str, tuple[int, int]] = {}
    while True:
        states = {path: _state(path) for path in _files(paths) if path not in frames.done}
        new = {path: state for path, state in states.items() if finished.get(path) != state}
        before, problems, told = len(frames.done), dict[str, str](), dict[str, str]()
        for table in classify(model, new, problems, frames.done):
            frames.append(table)
        for path in new.keys() - frames.done:
            if path in problems and doubtful.get(path) != new[path]:
                doubtful[path] = new[path]
            else:
                finished[path] = new[path]
                told |= {path: problems[path]} if path in problems else {}
        yield len(frames.done) - before, told
        time.sleep(seconds)


def _state(path: str) -> tuple[int, int]:
    """Size and time of a file; both are 0 where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _read(model: FrameModel, paths: Iterable[str], problems: dict[str, str], done: Container[str]) -> Iterator[Frames]:
    """Night tables among the paths as they come; JPEGs between them together."""
    jpegs: list[str] = []
    for path in dict.fromkeys(_files(paths)):
        if path.endswith(".parquet"):
            yield from _read_jpegs(jpegs, model.source, problems)
            jpegs = []
            yield from _read_night_table(path, model, done)
        elif path not in done:
            jpegs.append(path)
    yield from _read_jpegs(jpegs, model.source, problems)


def _files(paths: Iterable[str]) -> Iterator[str]:
    """The paths; of a folder all JPEGs and Parquet files in it and below, in order, but those that are hidden."""
    for path in paths:
        if os.path.isdir(path):
            names = (os.path.join(root, n) for root, _, files in os.walk(path) for n in files if not n.startswith("."))
            yield from sorted(name for name in names if name.lower().endswith((".jpg", ".jpeg", ".parquet")))
        else:
            yield path


def of_known_cameras(path: str | Path, times: pa.ChunkedArray, model: FrameModel) -> NDArray[np.bool_]:
    """Which frames of a night table are of cameras like those that the model was trained on: times (n,) → (n,).

    Raises `ClassifyError` where frames were processed otherwise than for the model.
    """
    found = tables.frame_source(path)
    if found.processing != model.source.processing:
        raise _others(path, model)
    geometries = _geometries(model.source)
    known: NDArray[np.bool_] = np.array([_geometry(camera) in geometries for camera in found.cameras])
    first = np.array([camera.valid_from for camera in found.cameras], "datetime64[ms]")
    which = np.searchsorted(first, times.cast(pa.timestamp("ms")).to_numpy(), side="right") - 1
    result: NDArray[np.bool_] = known[which]
    return result


def _others(path: str | Path, model: FrameModel) -> ClassifyError:
    found = _described(tables.frame_source(path))
    return ClassifyError(f"{path}: its frames are {found}; {model.path} knows {_described(model.source)}")


def _read_night_table(path: str, model: FrameModel, done: Container[str]) -> Iterator[Frames]:
    """The kept frames of a night table."""
    listed = tables.read(path, tables.NIGHT_TABLE, ["frame_id", "time", "status"])
    kept = listed.filter(pc.equal(listed["status"].cast(pa.string()), "kept"))
    if not of_known_cameras(path, kept["time"], model).all():
        raise _others(path, model)
    if all(frame in done for frame in kept["frame_id"].to_pylist()):
        return  # without its images
    for rows in tables.kept_frames(path, ["frame_id", "time", "image"], BATCH):
        some = rows.filter(pa.array([frame not in done for frame in rows["frame_id"].to_pylist()]))
        if len(some):
            names, times = some["frame_id"].to_pylist(), some["time"].to_pandas().tolist()
            yield Frames(names, times, tables.images(some["image"]))


def _read_jpegs(paths: Sequence[str], source: FrameSource, problems: dict[str, str]) -> Iterator[Frames]:
    """Archived JPEGs, decoded and processed in threads: both leave Python alone for most of the time."""
    reader = NameReader(source.cameras)

    def read(path: str) -> tuple[str, pd.Timestamp, NDArray[np.uint8]] | None:
        name = reader.read(os.path.basename(path))
        try:
            if isinstance(name, str):
                patterns = ", ".join(repr(camera.pattern) for camera in source.cameras)
                raise UnreadableImage(f"{name}; the model knows {patterns}")
            camera = source.cameras[name.camera]
            return path, pd.Timestamp(name.time), process(read_frame(path, camera), camera)
        except (OSError, UnreadableImage, WrongGeometry) as error:
            problems[path] = str(error.strerror if isinstance(error, OSError) else error)
            return None

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), BATCH):
            read_frames = [frame for frame in pool.map(read, paths[start : start + BATCH]) if frame is not None]
            if read_frames:
                names, times, images = zip(*read_frames, strict=True)
                yield Frames(names, times, np.stack(images))


def _geometry(camera: Camera) -> tuple[int, int, int, bool, int]:
    """What decides which pixels a camera's frame gives: width, height, rotation, flip and block."""
    return camera.width, camera.height, camera.rotate, camera.flip, camera.block


def _geometries(source: FrameSource) -> list[tuple[int, int, int, bool, int]]:
    """Those of the cameras, each once."""
    return list(dict.fromkeys(map(_geometry, source.cameras)))


def _described(source: FrameSource) -> str:
    cameras = (
        f"{width} × {height} pixels, rotated by {rotate}°{', flipped' * flip}, in blocks of {block}"
        for width, height, rotate, flip, block in _geometries(source)
    )
    return f"{' or '.join(cameras) or 'of no camera'} (processing {source.processing})"
