"""A trained model on other frames: JPEGs as archived, or night tables. Nothing of the training data is needed."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import models, stages, tables
from norrsken.archive import NameReader
from norrsken.classes import CLASSES
from norrsken.config import FrameSource
from norrsken.errors import NorrskenError
from norrsken.features import Extractor
from norrsken.images import UnreadableImage, WrongGeometry, process, read_frame

#: Frames a step.
BATCH = 256


class ClassifyError(NorrskenError):
    """Frames that the model cannot be used on."""


@dataclass(frozen=True)
class Frames:
    """Processed frames: names (n,), times, images (n, 128, 128, 3) uint8."""

    names: Sequence[str]
    times: Sequence[pd.Timestamp]
    images: NDArray[np.uint8]


class FrameClassifier:
    """A model and what computes its features, ready for frames that were processed as those that it was trained on."""

    def __init__(self, model: str | Path) -> None:
        """Raises `ModelError` for what is not a model's file, `ClassifyError` where its features cannot be computed."""
        self.path = model
        self.classifier, self.card = models.load(model)
        if self.card.frames.processing != stages.PROCESSING:
            raise ClassifyError(
                f"{model}: trained on frames of processing {self.card.frames.processing}, this program makes "
                f"{stages.PROCESSING}; train it anew"
            )
        self._extractor = None if self.card.run.features is None else Extractor(self.card.run.features)
        if self._extractor is not None and self._extractor.about.get("digest") != self.card.extractor:
            raise ClassifyError(f"{model}: its features came from a network with other weights ({self.card.extractor})")

    def classify(self, paths: Iterable[str], problems: list[str]) -> Iterator[pd.DataFrame]:
        """Classify the frames of night tables and JPEGs, a table of at most some hundred frames at a time.

        Columns: frame (path of the JPEG, or frame id), time, label, p_breakup …. Files that cannot be classified are
        left out, and why is added to `problems`. Raises `ClassifyError` for a table whose frames do not fit the model.
        """
        for frames in _ahead(self._read(paths, problems)):
            probabilities = self.predict(frames.images)
            labels = np.array(CLASSES)[probabilities.argmax(axis=1)]
            scores = {f"p_{name}": probabilities[:, i] for i, name in enumerate(CLASSES)}
            yield pd.DataFrame({"frame": frames.names, "time": frames.times, "label": labels, **scores})

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, 7) in class order."""
        inputs: NDArray[Any] = images if self._extractor is None else self._extractor(images)
        return self.classifier.predict(inputs).probabilities

    def _read(self, paths: Iterable[str], problems: list[str]) -> Iterator[Frames]:
        """Night tables among the paths as they come; JPEGs between them together."""
        jpegs: list[str] = []
        for path in _files(paths):
            if path.endswith(".parquet"):
                yield from _read_jpegs(jpegs, self.card.frames, problems)
                jpegs = []
                yield from _read_night_table(path, self.card.frames, self.path)
            else:
                jpegs.append(path)
        yield from _read_jpegs(jpegs, self.card.frames, problems)


def _files(paths: Iterable[str]) -> Iterator[str]:
    """The paths; of a folder all JPEGs and Parquet files in it and below, in order."""
    for path in paths:
        if os.path.isdir(path):
            names = (os.path.join(root, name) for root, _, files in os.walk(path) for name in files)
            yield from sorted(name for name in names if name.lower().endswith((".jpg", ".jpeg", ".parquet")))
        else:
            yield path


def _read_night_table(path: str, expected: FrameSource, model: str | Path) -> Iterator[Frames]:
    """The kept frames of a night table."""
    found = tables.frame_source(path)
    if found.processing != expected.processing or not set(_geometries(found)) <= set(_geometries(expected)):
        raise ClassifyError(f"{path}: its frames are {_described(found)}; {model} knows {_described(expected)}")
    columns = ["frame_id", "time", "status", "image"]
    with tables.opened(path, tables.NIGHT_TABLE, columns) as file:
        kept: list[pa.Table] = []
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns)
            kept.append(rows.filter(pc.equal(rows["status"].cast(pa.string()), "kept")))
            # Row groups are smaller than a step, and hold frames that were not kept.
            last = group == file.num_row_groups - 1
            if (last or sum(map(len, kept)) >= BATCH) and any(map(len, kept)):
                some = pa.concat_tables(kept)
                yield Frames(
                    some["frame_id"].to_pylist(), some["time"].to_pandas().tolist(), tables.images(some["image"])
                )
                kept = []


def _read_jpegs(paths: Sequence[str], source: FrameSource, problems: list[str]) -> Iterator[Frames]:
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
            problems.append(f"{path}: {error.strerror if isinstance(error, OSError) else error}")
            return None

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), BATCH):
            read_frames = [frame for frame in pool.map(read, paths[start : start + BATCH]) if frame is not None]
            if read_frames:
                names, times, images = zip(*read_frames, strict=True)
                yield Frames(names, times, np.stack(images))


def _geometries(source: FrameSource) -> list[tuple[int, int, int, bool, int]]:
    """What decides which pixels the cameras' frames give: width, height, rotation, flip and block, each once."""
    return list(dict.fromkeys((c.width, c.height, c.rotate, c.flip, c.block) for c in source.cameras))


def _described(source: FrameSource) -> str:
    cameras = (
        f"{width} × {height} pixels, rotated by {rotate}°{', flipped' * flip}, in blocks of {block}"
        for width, height, rotate, flip, block in _geometries(source)
    )
    return f"{' or '.join(cameras) or 'of no camera'} (processing {source.processing})"


def _ahead(items: Iterator[Frames]) -> Iterator[Frames]:
    """Read the next item while the last one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
