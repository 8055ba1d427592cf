"""A trained model classifies other frames: pictures as archived, or night tables. No training data are needed."""

import logging
import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.api.typing import NaTType

from norrsken import schemas, tables
from norrsken.classify.condition import conditions, shipped
from norrsken.classify.files import Problem, frame_files, frame_name, of_system
from norrsken.classify.film import Filming
from norrsken.classify.known_cameras import of_known_cameras, replaced_on, require_grid, unknown_camera
from norrsken.classify.verdict import FrameModel, Look, joined
from norrsken.config.site import Camera, FrameSource
from norrsken.errors import NorrskenError
from norrsken.files import ahead
from norrsken.nights.images import UnreadableImage, WrongGeometry, process, read_frame
from norrsken.nights.names import NameReader

log = logging.getLogger(__name__)

#: Frames in a step.
BATCH = 256

#: Steps whose frames are judged together at most, by a model that looks at those before and after.
HELD = 20


def columns(model: FrameModel) -> tuple[str, ...]:
    """The columns of a table of classified frames; see `classify`."""
    more = ("condition", "familiarity", "reason") if model.measures_familiarity else ()
    return ("frame", "time", "label", *map(schemas.p, model.classes), *more)


@dataclass(frozen=True)
class Frames:
    """Processed frames: names (n,), times, images (n, 128, 128, 3) uint8."""

    names: Sequence[str]
    times: Sequence[pd.Timestamp | NaTType]
    images: NDArray[np.uint8]


def classify(
    model: FrameModel,
    paths: Iterable[str],
    problems: dict[str, Problem],
    done: Container[str] = (),
    source: FrameSource | None = None,
    filming: Filming | None = None,
    watch: Callable[[Frames], object] | None = None,
) -> Iterator[pd.DataFrame]:
    """Classify the frames of night tables and pictures, a table of some hundred frames, or of a night, at a time.

    Columns: frame (see `files.frame_name`, or the frame id), time, label, and the probability of each class of the
    model. The time is empty where the names of a camera's files tell none. Of a model that measures familiarity also
    the sky's condition, the familiarity, and the reason where a frame is not classified. source: of the pictures; None:
    they are of the cameras that the model was trained on. Frames in `done` are left out. So are files that cannot be
    read or do not fit the model, and why is added to `problems`, by path. filming: what remembers the frames of the
    call before, for a model that looks at those before and after; None: there was none. watch: is shown all frames,
    before the table that tells their classes.
    """
    sky = shipped() if model.measures_familiarity else None
    if source is not None:
        require_grid(source, model)
    films, cameras = filming or Filming(model), source or model.source
    held: list[Seen] = []
    for frames in ahead(_read(model, paths, problems, done, cameras)):
        if watch is not None:
            watch(frames)
        look = model.look(frames.images)
        condition = None if sky is None else conditions(frames.images, sky, sky=look.sky)
        seen = Seen(frames.names, frames.times, look, condition)
        if not model.in_time:
            yield _said(model, [seen], films, cameras)
            continue
        if held and not films.goes_on(held[-1].times, frames.times):
            yield _said(model, held, films, cameras)
            held = []
        held.append(seen)
        if len(held) > HELD:  # in the polar night frames go on for months; the last ones wait for those after them
            yield _said(model, held, films, cameras).iloc[: -len(seen.names)]
            held = held[-1:]
    if held:
        yield _said(model, held, films, cameras)


class Seen(NamedTuple):
    """n frames, by what a model sees in them. condition: (n,), of the sky; None where it is not asked for."""

    names: Sequence[str]
    times: Sequence[pd.Timestamp | NaTType]
    look: Look
    condition: NDArray[np.str_] | None


def _said(model: FrameModel, held: Sequence[Seen], films: Filming, cameras: FrameSource) -> pd.DataFrame:
    """The table of frames that are judged together."""
    names, times = [name for seen in held for name in seen.names], [time for seen in held for time in seen.times]
    look = joined([seen.look for seen in held])
    known = [seen.condition for seen in held if seen.condition is not None]
    condition = np.concatenate(known) if known else None
    bad = None if condition is None else condition == "bad"
    verdict = films.judge(times, look, bad, cameras) if model.in_time else model.conclude(look, bad=bad)
    scores = {schemas.p(name): verdict.probabilities[:, i] for i, name in enumerate(model.classes)}
    found: dict[str, Any] = {"frame": names, "time": times, "label": verdict.labels, **scores}
    found |= {"condition": condition, "familiarity": verdict.familiarity, "reason": verdict.reasons}
    return pd.DataFrame(found)[[*columns(model)]]


def _read(
    model: FrameModel,
    paths: Iterable[str],
    problems: dict[str, Problem],
    done: Container[str],
    source: FrameSource,
) -> Iterator[Frames]:
    """Read the night tables among the paths in their order; pictures between two of them are read together."""
    pictures: list[str] = []
    # Frames are read ahead, so that those of a table that is still worked on are not done yet.
    read: set[str] = set()
    for path in dict.fromkeys(frame_files(paths, problems)):
        if path.lower().endswith(".parquet"):
            yield from _read_pictures(pictures, source, problems, model.in_time)
            pictures = []
            try:
                for frames in _read_night_table(path, model, done, read):
                    read.update(frames.names)
                    yield frames
            except OSError as error:
                problems[path] = of_system(error)
            except (NorrskenError, pa.ArrowException, ValueError, OverflowError) as error:
                # What is damaged makes Arrow and Python raise errors of many kinds.
                text = str(error).removeprefix(f"{path}: ") or type(error).__name__
                cause = error.__cause__
                problems[path] = of_system(cause) if isinstance(cause, OSError) else Problem(text, lasting=True)
        elif frame_name(path) not in done:
            pictures.append(path)
    yield from _read_pictures(pictures, source, problems, model.in_time)


def _read_night_table(path: str, model: FrameModel, done: Container[str], read: Container[str]) -> Iterator[Frames]:
    """The kept frames of a night table that are neither done nor read. Raises `ClassifyError` where they do not fit."""
    listed = tables.read(path, schemas.NIGHT_TABLE, ["frame_id", "time", "status"])
    kept = listed.filter(pc.equal(listed["status"].cast(pa.string()), "kept"))
    if not of_known_cameras(path, kept["time"], model).all():
        raise unknown_camera(path, model)
    if all(frame in done or frame in read for frame in kept["frame_id"].to_pylist()):
        return  # its images need not be read
    for rows in tables.kept_frames(path, ["frame_id", "time", "image"], BATCH):
        frames = rows["frame_id"].to_pylist()
        new = rows.filter(pa.array([frame not in done and frame not in read for frame in frames]))
        if len(new):
            names, times = new["frame_id"].to_pylist(), new["time"].to_pandas().tolist()
            yield Frames(names, times, tables.images(new["image"]))


def _named_time(reader: NameReader, path: str) -> datetime:
    """The time that the name of a picture tells; the last of all where it tells none."""
    found = reader.camera_and_time(os.path.basename(path))
    time = None if isinstance(found, str) else found[1]
    return datetime.max.replace(tzinfo=UTC) if time is None else time


def _read_pictures(
    paths: Sequence[str], source: FrameSource, problems: dict[str, Problem], by_time: bool
) -> Iterator[Frames]:
    """Decode and process archived pictures in threads, which run at the same time: no step holds Python's lock.

    by_time: whether they come by time, not in the order of their paths.
    """
    reader = NameReader(source.cameras, source.clock)
    if by_time:
        paths = sorted(paths, key=lambda path: _named_time(reader, path))

    def camera_and_time(path: str) -> tuple[Camera, pd.Timestamp | NaTType]:
        found = reader.camera_and_time(os.path.basename(path))
        if isinstance(found, str):
            os.stat(path)  # it says so where there is no such file
            raise UnreadableImage(f"{found}; the pattern is {reader.patterns or 'of no camera'}")
        camera, time = found
        if time is None:
            return camera, pd.NaT
        day = replaced_on(source, camera, time.date())
        if day is not None:
            raise UnreadableImage(
                f"another camera came on {day}, which the model does not know; classify the night table"
            )
        return camera, pd.Timestamp(time)

    def read(path: str) -> tuple[str, pd.Timestamp | NaTType, NDArray[np.uint8]] | None:
        try:
            camera, time = camera_and_time(path)
            return frame_name(path), time, process(read_frame(path, camera), camera, source.up)
        except OSError as error:
            problems[path] = of_system(error)
        except (UnreadableImage, WrongGeometry) as error:
            problems[path] = Problem(str(error), lasting=True)
        return None

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), BATCH):
            read_frames = [frame for frame in pool.map(read, paths[start : start + BATCH]) if frame is not None]
            if read_frames:
                names, times, images = zip(*read_frames, strict=True)
                yield Frames(names, times, np.stack(images))
