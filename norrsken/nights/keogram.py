"""Keograms: of each processed frame the column that begins at the zenith, side by side over a night, north up."""

import os
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from norrsken.config.site import CROP
from norrsken.files import written_aside

#: A keogram has one column for each minute, from noon to noon.
MINUTES = 1440
MS_PER_MINUTE = 60_000

#: A frame stands no longer than this, in milliseconds; a space that is longer than usual by this factor is an outage.
_LONGEST = 15 * MS_PER_MINUTE
_NO_OUTAGE = 1.5

#: Rows are doubled, so that a night is a picture of about 6 : 1.
_STRETCH = 2
_LEFT, _TOP, _BOTTOM, _RIGHT = 64, 30, 44, 16

#: Where the sky is in the picture, in pixels: pages that draw over it need this.
LAYOUT = {
    "left": _LEFT,
    "top": _TOP,
    "minutes": MINUTES,
    "sky": CROP * _STRETCH,
    "width": _LEFT + MINUTES + _RIGHT,
    "height": _TOP + CROP * _STRETCH + _BOTTOM,
}
_BACKGROUND, _GAP, _INK = (24, 26, 30), (58, 62, 70), (222, 224, 228)


class Keogram:
    """Collects columns of processed frames and draws the night.

    A column is the mean of the frames of its minute: a fast camera's keogram shows all that it has. Where a minute has
    none because the next frame is not due yet, the last one stands.
    """

    def __init__(self, start: datetime, times: NDArray[np.int64]) -> None:
        """start: the local noon that opens the night. times: (n,) ms since 1970 of the frames that will come."""
        self.start = start
        self.columns = np.empty((CROP, MINUTES, 3), np.uint8)
        self.columns[:] = _GAP
        self._is_dark = len(times) > 0
        self._start = round(start.timestamp() * 1000)
        since = np.unique(times) - self._start
        #: For each minute with frames, the first minute in which they do not stand any more.
        self._until: dict[int, int] = {}
        for begin, end in zip(since, since + _standing(since), strict=True):
            minute = int(begin // MS_PER_MINUTE)
            self._until[minute] = max(minute + 1, int(end // MS_PER_MINUTE))
        self._minute, self._frames = -1, 0
        self._sum = np.zeros((CROP, 3), np.uint32)

    def add(self, time: int, image: NDArray[np.uint8]) -> None:
        """Add a processed frame, in order of time (ms since 1970), at one of the times that were to come."""
        minute = (time - self._start) // MS_PER_MINUTE
        if minute != self._minute:
            self._minute, self._frames = minute, 0
            self._sum[:] = 0
        self._frames += 1
        self._sum += image[:, CROP // 2]
        mean = (2 * self._sum + self._frames) // (2 * self._frames)  # rounded half up
        self.columns[:, minute : self._until.get(minute, minute + 1)] = mean[:, None]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Draw the night with a time axis in UTC, north up, and write it as PNG. Gaps stay grey.

        The picture holds no name of the place and no date: pages write them, so that a new name repeats no night.
        """
        picture = Image.new("RGB", (_LEFT + MINUTES + _RIGHT, _TOP + CROP * _STRETCH + _BOTTOM), _BACKGROUND)
        picture.paste(Image.fromarray(np.repeat(self.columns, _STRETCH, axis=0)), (_LEFT, _TOP))
        draw = ImageDraw.Draw(picture)
        font, bottom = ImageFont.load_default(15), _TOP + CROP * _STRETCH
        if self._frames == 0:
            nothing = "no usable frame" if self._is_dark else "no dark frame"
            draw.text((_LEFT + MINUTES / 2, _TOP + CROP), nothing, _INK, font, anchor="mm")
        for text, row in (("N", 0.06), ("zenith", 0.5), ("S", 0.94)):
            draw.text((_LEFT - 8, _TOP + row * CROP * _STRETCH), text, _INK, font, anchor="rm")
        hour = self.start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        while (x := (hour - self.start) / timedelta(minutes=1)) < MINUTES:
            long = hour.hour % 2 == 0
            draw.line([(_LEFT + x, bottom), (_LEFT + x, bottom + (7 if long else 4))], _INK)
            if long:
                draw.text((_LEFT + x, bottom + 10), f"{hour:%H}", _INK, font, anchor="mt")
            hour += timedelta(hours=1)
        draw.text((_LEFT + MINUTES, bottom + 27), "UTC, hours", _INK, font, anchor="rt")
        with written_aside(path) as temporary:
            picture.save(temporary, compress_level=1)


def _standing(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """For how long each frame stands: until the next is due, so that a slow camera's night has no stripes.

    times: (n,) in milliseconds, in order. When the next is due is told by the median of the five spaces around. A space
    that is up to half longer is no outage. Frames more than a quarter of an hour apart stand alone.
    """
    if len(times) < 2:
        return np.zeros(len(times), np.int64)
    spaces = np.diff(times)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(spaces, 2, mode="symmetric"), 5)
    due = np.median(around, axis=1).astype(np.int64)
    due, spaces = np.append(due, due[-1]), np.append(spaces, due[-1])
    standing = np.where(spaces <= _NO_OUTAGE * due, spaces, due)
    return np.where(due <= _LONGEST, standing, 0)


#: Minutes between the altitudes of Sun and Moon on the page; a straight line between two is 0.05° off at most.
STEP = 30
