"""What the page of the running night shows of the sky: its keogram so far, and its last frame."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from norrsken.astronomy import COVERED, sun_and_moon_altitude
from norrsken.calendar import night_start
from norrsken.config.site import CROP, Camera, FrameSource, Place
from norrsken.nights.images import Image, UnreadableImage, WrongGeometry, process, read_frame, upright
from norrsken.nights.keogram import MINUTES, MS_PER_MINUTE, Keogram
from norrsken.nights.names import NameReader
from norrsken.pages import data_url

#: The longer side of the last frame on the page, pixels.
SIDE = 640

#: Without a place nobody knows when it is dark: the axis then has this many hours at least.
LEAST_HOURS = 6

#: Minutes between the altitudes of the Sun by which the axis of a night is chosen.
_STEP = 10

#: The Sun's altitude at the begin and end of the civil twilight, degrees.
_TWILIGHT = -6.0

#: JPEG quality of what the page shows: it is fetched anew with every frame.
_QUALITY = 88


class Span(NamedTuple):
    """Minutes of a night, from its noon: from `begin` up to `end`, at whole hours of UT."""

    begin: int
    end: int


class MinuteColumns:
    """The columns of a night's frames, added up by minutes, so that frames may come in any order.

    start: the noon that opens the night, in ms since 1970.
    """

    def __init__(self, start: int) -> None:
        self._start = start
        self._sums = np.zeros((MINUTES, CROP, 3), np.uint32)
        self._counts = np.zeros(MINUTES, np.uint32)

    def add(self, time: int, image: Image) -> None:
        """Add a processed frame of the night. time: in ms since 1970."""
        minute = (time - self._start) // MS_PER_MINUTE
        self._sums[minute] += image[:, CROP // 2]
        self._counts[minute] += 1

    def keogram(self, times: NDArray[np.int64], span: Span) -> Image:
        """The sky of the night's `Keogram` in some of its minutes: (128, minutes, 3).

        times: (n,) in ms, in order, of all frames of the night; they tell how long each stands.
        """
        drawn = Keogram(datetime.fromtimestamp(self._start / 1000, UTC), times)
        for minute in np.flatnonzero(self._counts):
            count = self._counts[minute]
            column = ((2 * self._sums[minute] + count) // (2 * count)).astype(np.uint8)  # rounded half up
            drawn.add(self._start + int(minute) * MS_PER_MINUTE, np.broadcast_to(column[:, None], (CROP, CROP, 3)))
        return drawn.columns[:, span.begin : span.end]


class Pictures:
    """Reads archived pictures again, by the names of their frames. source: of their cameras."""

    def __init__(self, source: FrameSource) -> None:
        self._source, self._reader = source, NameReader(source.cameras, source.clock)

    def upright(self, name: str) -> Image | None:
        """The whole picture with its top up and east right, small; None where there is no such picture any more."""
        found = self._read(name)
        return None if found is None else small(upright(*found, self._source.up))

    def processed(self, names: Sequence[str]) -> list[Image | None]:
        """The processed frames: (128, 128, 3) each; None where there is no such picture any more."""

        def read(name: str) -> Image | None:
            found = self._read(name)
            return None if found is None else process(*found, self._source.up)

        with ThreadPoolExecutor() as pool:
            return list(pool.map(read, names))

    def _read(self, name: str) -> tuple[Image, Camera] | None:
        found = self._reader.camera_and_time(os.path.basename(name))
        if isinstance(found, str):
            return None
        try:
            return read_frame(name, found[0]), found[0]
        except (OSError, UnreadableImage, WrongGeometry):
            return None


def dark_minutes(night: date, place: Place | None) -> Span | None:
    """The minutes of a night between its twilights; None where they are not known, or it does not get dark."""
    start = night_start(night, 0.0 if place is None else place.longitude)
    if place is None or not COVERED[0] <= start <= COVERED[1]:
        return None
    minutes = np.arange(0, MINUTES + 1, _STEP)
    sun, _ = sun_and_moon_altitude(round(start.timestamp()) * 1000 + minutes * MS_PER_MINUTE, place)
    dark = minutes[sun < _TWILIGHT]
    return Span(int(dark[0]), int(dark[-1])) if len(dark) else None


def axis_span(start: int, times: NDArray[np.int64], dark: Span | None) -> Span:
    """The minutes that the page shows: all that have frames, and the dark ones, from a whole hour of UT to another.

    start: the noon that opens the night, and times, (n,), of its frames, one at least; in ms since 1970.
    """
    minutes = (times - start) / MS_PER_MINUTE
    first, last = float(minutes.min()), float(minutes.max()) + 1
    if dark is not None:
        first, last = min(first, dark.begin), max(last, dark.end)
    past = start / MS_PER_MINUTE % 60  # minutes of the noon past the hour
    begin = int(np.floor((first + past) / 60) * 60 - past)
    end = int(np.ceil((last + past) / 60) * 60 - past)
    if dark is None:
        end = max(end, begin + 60 * LEAST_HOURS)
    return Span(max(begin, 0), min(end, MINUTES))


def small(image: Image) -> Image:
    """A picture with no side longer than `SIDE`: (height, width, 3)."""
    height, width = image.shape[:2]
    if max(height, width) <= SIDE:
        return image
    size = (round(width * SIDE / max(height, width)), round(height * SIDE / max(height, width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def as_jpeg(image: Image) -> str:
    """An image, (height, width, 3), as the address of a JPEG."""
    return data_url(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=_QUALITY), "jpeg")
