"""A trained model classifies other frames: JPEGs as archived, or night tables. No training data are needed."""

import logging
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.classify.model import FrameModel, of_known_cameras, unknown_camera
from norrsken.config.site import FrameSource
from norrsken.files import ahead
from norrsken.nights.images import UnreadableImage, WrongGeometry, process, read_frame
from norrsken.nights.names import NameReader

log = logging.getLogger(__name__)

#: Frames in a step.
BATCH = 256


@dataclass(frozen=True)
class Frames:
    """Processed frames: names (n,), times, images (n, 128, 128, 3) uint8."""

    names: Sequence[str]
    times: Sequence[pd.Timestamp]
    images: NDArray[np.uint8]


def classify(
    model: FrameModel, paths: Iterable[str], problems: dict[str, str], done: Container[str] = ()
) -> Iterator[pd.DataFrame]:
    """Classify the frames of night tables and JPEGs, a table of at most some hundred frames at a time.

    Columns: frame (path of the JPEG, or frame id), time, label, and the probability of each class of the model. Frames
    in `done` are left out. So are files that cannot be classified, and why is added to `problems`, by path. Raises
    `ClassifyError` for a table whose frames do not fit the model.
    """
    for frames in ahead(_read(model, paths, problems, done)):
        probabilities = model.predict(frames.images)
        scores = {schemas.p(name): probabilities[:, i] for i, name in enumerate(model.classes)}
        labels = model.labels(probabilities)
        yield pd.DataFrame({"frame": frames.names, "time": frames.times, "label": labels, **scores})


def _read(model: FrameModel, paths: Iterable[str], problems: dict[str, str], done: Container[str]) -> Iterator[Frames]:
    """Read the night tables among the paths in their order; JPEGs between two of them are read together."""
    jpegs: list[str] = []
    for path in dict.fromkeys(frame_files(paths)):
        if path.endswith(".parquet"):
            yield from _read_jpegs(jpegs, model.source, problems)
            jpegs = []
            yield from _read_night_table(path, model, done)
        elif path not in done:
            jpegs.append(path)
    yield from _read_jpegs(jpegs, model.source, problems)


def frame_files(paths: Iterable[str]) -> Iterator[str]:
    """The paths; for a folder all JPEGs and Parquet files in it and below, in order, without hidden ones."""
    for path in paths:
        if os.path.isdir(path):
            names = (os.path.join(root, n) for root, _, files in os.walk(path) for n in files if not n.startswith("."))
            yield from sorted(name for name in names if name.lower().endswith((".jpg", ".jpeg", ".parquet")))
        else:
            yield path


def _read_night_table(path: str, model: FrameModel, done: Container[str]) -> Iterator[Frames]:
    """The kept frames of a night table."""
    listed = tables.read(path, schemas.NIGHT_TABLE, ["frame_id", "time", "status"])
    kept = listed.filter(pc.equal(listed["status"].cast(pa.string()), "kept"))
    if not of_known_cameras(path, kept["time"], model).all():
        raise unknown_camera(path, model)
    if all(frame in done for frame in kept["frame_id"].to_pylist()):
        return  # its images need not be read
    for rows in tables.kept_frames(path, ["frame_id", "time", "image"], BATCH):
        new = rows.filter(pa.array([frame not in done for frame in rows["frame_id"].to_pylist()]))
        if len(new):
            names, times = new["frame_id"].to_pylist(), new["time"].to_pandas().tolist()
            yield Frames(names, times, tables.images(new["image"]))


def _read_jpegs(paths: Sequence[str], source: FrameSource, problems: dict[str, str]) -> Iterator[Frames]:
    """Decode and process archived JPEGs in threads, which run at the same time: neither step holds Python's lock."""
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
