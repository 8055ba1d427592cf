"""Archive → night tables and keograms: find the frames of a month's nights, filter, decode, process, write.

One process works through a night frame by frame and writes row groups as it goes, so its memory does not depend on
the number of frames.
"""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import cv2
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from norrsken import schemas, stages, tables
from norrsken.astronomy import sun_and_moon_altitude
from norrsken.calendar import night_of, night_start
from norrsken.config.base import ConfigError
from norrsken.config.directories import DirectoryPattern
from norrsken.config.jobs import NightSettings
from norrsken.config.site import FrameSource
from norrsken.files import directory_written_aside, write_csv
from norrsken.nights.archive import is_inside, months_of
from norrsken.nights.images import Image, UnreadableImage, WrongGeometry, process, read_frame
from norrsken.nights.keogram import Keogram
from norrsken.nights.names import FrameName, NameReader, frame_id, printable

log = logging.getLogger(__name__)


class FrameFile(NamedTuple):
    """A file of the archive whose name is a frame's."""

    time: int  # milliseconds since 1970-01-01 UTC
    path: str
    bytes: int
    exposure_ms: int | None
    camera: int
    frame_id: str


def ingest_month(
    root: str, directories: Iterable[str], month: str, settings: NightSettings, nights: str, keograms: str, workers: int
) -> Counter[str]:
    """Write a table and a keogram of each night of a month, and `unrecognised.csv`; return the frames by status.

    root: the archive's root. directories: the paths, root included, of the leaf directories that the month's nights
    reach into. nights, keograms: the directories to write. workers: processes, each of which works on whole nights.
    """
    frames, unrecognised = list_frames(root, directories, month, settings)
    with directory_written_aside(keograms) as keogram_part, directory_written_aside(nights) as night_part:
        write_csv(pd.DataFrame(unrecognised, columns=["path", "reason"]), night_part / "unrecognised.csv")
        counts = joblib.Parallel(n_jobs=min(workers, max(len(frames), 1)))(
            joblib.delayed(ingest_night)(
                root, night, frames[night], settings, night_part / f"{night}.parquet", keogram_part / f"{night}.png"
            )
            for night in sorted(frames)
        )
    for night, count in zip(sorted(frames), counts, strict=True):
        log.info("%s: %s", night, ", ".join(f"{n} {status}" for status, n in count.most_common()))
    log.info("%s: %d nights, %d unrecognised files", month, len(frames), len(unrecognised))
    return sum(counts, Counter())


def list_frames(
    root: str, directories: Iterable[str], month: str, settings: NightSettings
) -> tuple[dict[date, list[FrameFile]], list[tuple[str, str]]]:
    """The frames of each night of the month, by time and path, and the unrecognised files with the reason.

    Where two months read a directory, the later one lists its unrecognised files.
    """
    reader, pattern = NameReader(settings.cameras), DirectoryPattern(settings.directories)
    longitude = settings.site.longitude
    nights: dict[date, list[FrameFile]] = defaultdict(list)
    unrecognised: list[tuple[str, str]] = []
    for directory in (Path(path).relative_to(root).as_posix() for path in directories):
        leaf = pattern.leaf(directory)
        if leaf is None or not is_inside(os.path.join(root, directory), root):
            raise ConfigError(f"{directory!r} is not a directory of the archive {root!r} like {settings.directories!r}")
        reading = months_of(leaf, longitude)
        is_last = month == reading[-1]
        with os.scandir(os.path.join(root, directory)) as entries:
            for entry in entries:
                path = f"{directory}/{entry.name}"
                name = reader.read(entry.name)
                if isinstance(name, str):
                    reason = name
                elif not entry.is_file(follow_symlinks=False):
                    reason = "not a regular file"
                else:
                    night = night_of(name.time, longitude)
                    belongs_to = night.isoformat()[:7]
                    if belongs_to == month:
                        nights[night].append(_frame_file(entry, path, name, settings.site.station))
                    if belongs_to in reading:
                        continue
                    reason = f"the time in the name does not belong in a directory named {directory}"
                if is_last:
                    unrecognised.append((printable(path), reason))
    for frames in nights.values():
        frames.sort(key=lambda frame: (frame.time, frame.path))
    return dict(nights), sorted(unrecognised)


def _frame_file(entry: os.DirEntry[str], path: str, name: FrameName, station: str) -> FrameFile:
    size = entry.stat(follow_symlinks=False).st_size
    milliseconds = round(name.time.timestamp() * 1000)
    return FrameFile(milliseconds, path, size, name.exposure_ms, name.camera, frame_id(station, name.time))


def ingest_night(
    root: str, night: date, frames: Sequence[FrameFile], settings: NightSettings, table: Path, keogram: Path
) -> Counter[str]:
    """Filter, decode and process the frames of one night, in order of time and path; write its table and keogram.

    A frame that Sun or Moon reject and that the keogram does not show is not opened.
    """
    cv2.setNumThreads(1)  # the nights are what runs in parallel
    times = np.array([frame.time for frame in frames], np.int64)
    sun, moon = sun_and_moon_altitude(times, settings.site)
    in_keogram = sun <= settings.keogram.sun_altitude_max
    rejected = np.select(
        [sun > settings.filter.sun_altitude_max, moon > settings.filter.moon_altitude_max], ["sun", "moon"], ""
    )
    buffers = [np.empty((camera.height, camera.width, 3), np.uint8) for camera in settings.cameras]
    picture = Keogram(night_start(night, settings.site.longitude), times[in_keogram])
    columns = _columns(night, frames, sun, moon)
    counts: Counter[str] = Counter()
    source = FrameSource(processing=stages.PROCESSING, cameras=settings.cameras)
    with tables.writer(table, schemas.NIGHT_TABLE, settings.plain(), frames=source.plain()) as output:
        batch = _RowGroups(output, columns)
        for _, group in groupby(range(len(frames)), key=lambda i: frames[i].time // 1000):
            second = list(group)
            statuses: dict[int, str] = {}
            images: dict[int, Image] = {}
            for i in sorted(second, key=lambda i: frames[i].path):
                if rejected[i] and not in_keogram[i]:
                    statuses[i] = str(rejected[i])
                    continue
                image, status = _open(root, frames[i], settings, buffers)
                if rejected[i]:
                    status = str(rejected[i])
                elif image is not None and "kept" in statuses.values():
                    status = "duplicate"
                elif image is not None:
                    images[i] = image
                statuses[i] = status
                if image is not None and in_keogram[i] and status != "duplicate":
                    picture.add(frames[i].time, image)
            for i in second:
                batch.add(statuses[i], images.get(i))
                counts[statuses[i]] += 1
        batch.flush()
    picture.save(keogram, f"{settings.site.name}   {night}   {counts['kept']} of {len(frames)} frames kept")
    return counts


def _open(root: str, frame: FrameFile, settings: NightSettings, buffers: Sequence[Image]) -> tuple[Image | None, str]:
    """The processed frame and `kept`, or None and why not. An error of the disk stops the night: it may pass."""
    camera = settings.cameras[frame.camera]
    try:
        image = read_frame(os.path.join(root, frame.path), camera, buffers[frame.camera])
    except UnreadableImage as error:
        log.debug("%s: unreadable: %s", frame.path, error)
        return None, "unreadable"
    except WrongGeometry as error:
        log.debug("%s: geometry: %s", frame.path, error)
        return None, "geometry"
    return process(image, camera), "kept"


class _RowGroups:
    """Collects statuses and images and writes a row group whenever one is full."""

    def __init__(self, output: pq.ParquetWriter, columns: pa.Table) -> None:
        self.output, self.columns, self.written = output, columns, 0
        self.statuses: list[str] = []
        self.images = np.zeros((tables.ROW_GROUP, *schemas.IMAGE_SHAPE), np.uint8)

    def add(self, status: str, image: NDArray[np.uint8] | None) -> None:
        if image is not None:
            self.images[len(self.statuses)] = image
        self.statuses.append(status)
        if len(self.statuses) == tables.ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        n = len(self.statuses)
        if n == 0:
            return
        statuses = pa.array(self.statuses, pa.dictionary(pa.int8(), pa.string()))
        kept = pa.array([status == "kept" for status in self.statuses])
        validity, data = kept.buffers()[1], pa.py_buffer(self.images[:n])
        images = pa.FixedSizeBinaryArray.from_buffers(schemas.IMAGE, n, [validity, data])
        rows = self.columns.slice(self.written, n).append_column("status", statuses).append_column("image", images)
        self.output.write_table(rows.cast(schemas.NIGHT_TABLE))
        self.written += n
        self.statuses.clear()


def _columns(night: date, frames: Sequence[FrameFile], sun: NDArray[np.float64], moon: NDArray[np.float64]) -> pa.Table:
    """All columns of the night table but status and image."""
    values = {
        "frame_id": [frame.frame_id for frame in frames],
        "time": [frame.time for frame in frames],
        "night": [night] * len(frames),
        "path": [frame.path for frame in frames],
        "bytes": [frame.bytes for frame in frames],
        "exposure_ms": [frame.exposure_ms for frame in frames],
        "sun_altitude": sun.astype(np.float32),
        "moon_altitude": moon.astype(np.float32),
    }
    return pa.table({name: pa.array(values[name], schemas.NIGHT_TABLE.field(name).type) for name in values})
