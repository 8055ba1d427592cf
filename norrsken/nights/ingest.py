"""Archive → night tables and keograms: find the frames of a month's nights, filter, decode, process, write.

One process works through a night frame by frame and writes row groups as it goes, so its memory does not depend on
the number of frames.
"""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
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
from norrsken.astronomy import COVERED, sun_and_moon_altitude
from norrsken.calendar import night_of, night_start
from norrsken.config.base import ConfigError
from norrsken.config.directories import DirectoryPattern, LeafDirectory
from norrsken.config.jobs import NightSettings
from norrsken.config.site import FrameSource
from norrsken.files import directory_written_aside, write_csv
from norrsken.nights.archive import GONE, LINK_OUT, is_inside, lasting_reason, months_of, why_no_file
from norrsken.nights.brightness import Sample, to_measure, write_samples
from norrsken.nights.census import count_month, write_counts
from norrsken.nights.images import Image, UnreadableImage, WrongGeometry, buffer_for, outside, process, read_frame
from norrsken.nights.keogram import Keogram
from norrsken.nights.keogram_axis import axis_of
from norrsken.nights.kept import keep, take_back
from norrsken.nights.names import NameReader, frame_id, printable

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
    root: str,
    directories: Iterable[str],
    month: str,
    settings: NightSettings,
    nights: str,
    keograms: str,
    workers: int,
    kept: str | None = None,
) -> Counter[str]:
    """Write a table and a keogram of each night of a month, `unrecognised.csv`, `census.csv` and `brightness.csv`.

    Returns the frames by status.

    root: the archive's root. directories: the paths, root included, of the leaf directories that the month's nights
    reach into. nights, keograms: the directories to write. workers: processes, each of which works on whole nights.
    kept: where what is made stays, and what the archive has lost is taken back from (see `nights.kept`); None: nowhere.
    """
    frames, unrecognised = list_frames(root, directories, month, settings)
    with directory_written_aside(keograms) as keogram_part, directory_written_aside(nights) as night_part:
        write_csv(pd.DataFrame(unrecognised, columns=["path", "reason"]), night_part / "unrecognised.csv")
        back = take_back(Path(kept), root, frames, night_part, keogram_part) if kept else set()
        frames = {night: files for night, files in frames.items() if night not in back}
        made = joblib.Parallel(n_jobs=min(workers, max(len(frames), 1)))(
            joblib.delayed(ingest_night)(
                root, night, frames[night], settings, night_part / f"{night}.parquet", keogram_part / f"{night}.png"
            )
            for night in sorted(frames)
        )
        counts = [count for count, _ in made]
        write_counts(count_month(night_part, root), night_part)
        write_samples((sample for _, samples in made for sample in samples), night_part)
    if kept:
        keep(Path(nights), Path(keograms), Path(kept))
    for night, count in zip(sorted(frames), counts, strict=True):
        log.info("%s: %s", night, ", ".join(f"{n} {status}" for status, n in count.most_common()))
    log.info("%s: %d nights, %d unrecognised files", month, len(frames) + len(back), len(unrecognised))
    return sum(counts, Counter())


def list_frames(
    root: str, directories: Iterable[str], month: str, settings: NightSettings
) -> tuple[dict[date, list[FrameFile]], list[tuple[str, str]]]:
    """The frames of each night of the month, by time and path, and the unrecognised files with the reason.

    Where two months read a directory, the later one lists its unrecognised files. What cannot be read now, but may be
    read later, raises `OSError`: see `archive.lasting_reason`.
    """
    longitude, inside = settings.site.longitude, os.path.realpath(root)
    reader = NameReader(settings.cameras, settings.clock, longitude)
    pattern = DirectoryPattern(settings.directories, settings.clock, settings.folders)
    nights: dict[date, list[FrameFile]] = defaultdict(list)
    unrecognised: list[tuple[str, str]] = []
    for directory in (Path(path).relative_to(root).as_posix() for path in directories):
        leaf = pattern.leaf(directory)
        if leaf is None:
            raise ConfigError(f"{directory!r} is not a directory of the archive {root!r} like {settings.directories!r}")
        reading = months_of(leaf, longitude)
        left_out: list[tuple[str, str]] = []
        try:
            with os.scandir(os.path.join(root, directory)) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            listed, left_out = [], [(directory, lasting_reason(error, root))]
        if not is_inside(os.path.join(root, directory), inside):  # it has been replaced since the plan was made
            listed, left_out = [], [(directory, LINK_OUT)]
        for entry in listed:
            path = f"{directory}/{entry.name}"
            frame = _read_entry(entry, path, leaf, reader, inside, settings.site.station)
            if isinstance(frame, str):
                left_out.append((path, frame))
                continue
            night = night_of(_datetime(frame), longitude)
            its_month = f"{night:%Y-%m}"
            if its_month not in reading:
                left_out.append((path, "the time in the name does not belong in its folder"))
            elif its_month == month:
                nights[night].append(frame)
        if month == reading[-1]:
            unrecognised += [(printable(path), reason) for path, reason in left_out if reason != GONE]
    for frames in nights.values():
        frames.sort(key=lambda frame: (frame.time, frame.path))
    return dict(nights), sorted(unrecognised)


def _read_entry(
    entry: os.DirEntry[str], path: str, leaf: LeafDirectory, reader: NameReader, inside: str, station: str
) -> FrameFile | str:
    """An entry of a leaf directory as a frame, or why it is none."""
    try:
        problem = why_no_file(entry, inside)
        if problem:
            return problem
        name = reader.read(entry.name, leaf)
        if isinstance(name, str):
            return name
        if not COVERED[0] <= name.time < COVERED[1]:
            return f"the ephemeris of Sun and Moon covers {COVERED[0]:%Y} to {COVERED[1]:%Y} only"
        size = entry.stat().st_size
    except OSError as error:
        return lasting_reason(error, inside)
    milliseconds = round(name.time.timestamp() * 1000)
    return FrameFile(milliseconds, path, size, name.exposure_ms, name.camera, frame_id(station, name.time))


def _datetime(frame: FrameFile) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=frame.time)


def ingest_night(
    root: str, night: date, frames: Sequence[FrameFile], settings: NightSettings, table: Path, keogram: Path
) -> tuple[Counter[str], list[Sample]]:
    """Filter, decode and process the frames of one night, in order of time and path; write its table and keogram.

    A frame that Sun or Moon reject and that the keogram does not show is not opened, but for a few that tell whether
    the clock is right: see `brightness`. Returns the frames by status, and what was measured.
    """
    cv2.setNumThreads(1)  # the nights are what runs in parallel
    times = np.array([frame.time for frame in frames], np.int64)
    sun, moon = sun_and_moon_altitude(times, settings.site)
    in_keogram = sun <= settings.keogram.sun_altitude_max
    rejected = np.select(
        [sun > settings.filter.sun_altitude_max, moon > settings.filter.moon_altitude_max], ["sun", "moon"], ""
    )
    buffers = [buffer_for(camera) for camera in settings.cameras]
    shown = {frames[i].camera for i in np.flatnonzero(in_keogram).tolist()}
    known = all(settings.cameras[camera].on_reference_grid for camera in shown)
    axis = axis_of(settings.site, settings.keogram.latitude) if known else None
    picture = Keogram(night_start(night, settings.site.longitude), times[in_keogram], axis)
    columns = _columns(night, frames, sun, moon)
    counts: Counter[str] = Counter()
    measured, samples = to_measure(sun, in_keogram), list[Sample]()
    up = settings.site.up
    source = FrameSource(processing=stages.PROCESSING, cameras=settings.cameras, clock=settings.clock, up=up)
    shares = [outside(camera, up) for camera in settings.cameras]
    with tables.writer(table, schemas.NIGHT_TABLE, settings.plain(), frames=source.plain()) as output:
        batch = _RowGroups(output, columns)
        for _, group in groupby(range(len(frames)), key=lambda i: frames[i].time // 1000):
            second = list(group)
            statuses: dict[int, str] = {}
            reasons: dict[int, str | None] = {}
            images: dict[int, Image] = {}
            for i in sorted(second, key=lambda i: frames[i].path):
                if rejected[i] and not in_keogram[i] and i not in measured:
                    statuses[i] = str(rejected[i])
                    continue
                image, status, reasons[i] = _open(root, frames[i], settings, buffers)
                if image is not None and i in measured:
                    samples.append(Sample(str(night), frames[i].time, float(sun[i]), float(image.mean())))
                if rejected[i]:
                    status, reasons[i] = str(rejected[i]), None
                elif image is not None and "kept" in statuses.values():
                    status = "duplicate"
                elif image is not None:
                    images[i] = image
                statuses[i] = status
                if image is not None and in_keogram[i] and status != "duplicate":
                    picture.add(frames[i].time, image)
            for i in second:
                batch.add(statuses[i], reasons.get(i), images.get(i), shares[frames[i].camera])
                counts[statuses[i]] += 1
        batch.flush()
    picture.save(keogram)
    return counts, samples


def _open(
    root: str, frame: FrameFile, settings: NightSettings, buffers: Sequence[Image]
) -> tuple[Image | None, str, str | None]:
    """The processed frame and `kept`, or None, the status and why. An error that may pass stops the night."""
    camera = settings.cameras[frame.camera]
    try:
        image = read_frame(os.path.join(root, frame.path), camera, buffers[frame.camera])
    except UnreadableImage as error:
        return None, "unreadable", str(error)
    except WrongGeometry as error:
        return None, "geometry", str(error)
    except OSError as error:
        return None, "unreadable", lasting_reason(error, root)
    return process(image, camera, settings.site.up), "kept", None


class _RowGroups:
    """Collects what is found out about frames and writes a row group whenever one is full."""

    def __init__(self, output: pq.ParquetWriter, columns: pa.Table) -> None:
        self.output, self.columns, self.written = output, columns, 0
        self.statuses: list[str] = []
        self.reasons: list[str | None] = []
        self.outside: list[float | None] = []
        self.images = np.zeros((tables.ROW_GROUP, *schemas.IMAGE_SHAPE), np.uint8)

    def add(self, status: str, reason: str | None, image: NDArray[np.uint8] | None, outside: float) -> None:
        self.outside.append(outside if status == "kept" else None)
        if image is not None:
            self.images[len(self.statuses)] = image
        self.statuses.append(status)
        self.reasons.append(reason)
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
        rows = self.columns.slice(self.written, n)
        reasons, outside = pa.array(self.reasons, pa.string()), pa.array(self.outside, pa.float32())
        for name, column in (("status", statuses), ("reason", reasons), ("outside", outside), ("image", images)):
            rows = rows.append_column(name, column)
        self.output.write_table(rows.select(schemas.NIGHT_TABLE.names).cast(schemas.NIGHT_TABLE))
        self.written += n
        self.statuses.clear()
        self.reasons.clear()
        self.outside.clear()


def _columns(night: date, frames: Sequence[FrameFile], sun: NDArray[np.float64], moon: NDArray[np.float64]) -> pa.Table:
    """All columns of the night table but status, reason, outside and image."""
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
