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
    """Collects columns of processed frames and draws the night."""

    def __init__(self, start: datetime, times: NDArray[np.int64]) -> None:
        """start: the local noon that opens the night. times: (n,) ms since 1970 of the frames that will come."""
        self.start = start
        self.columns = np.empty((CROP, MINUTES, 3), np.uint8)
        self.columns[:] = _GAP
        self._last_minute = -1
        # A frame of a slow camera stands until the next is due, so that its night has no stripes of gaps. Frames more
        # than a quarter of an hour apart stand alone.
        spacing = float(np.median(np.diff(times))) / MS_PER_MINUTE if len(times) > 1 else 1.0
        self._width = round(spacing) if 1 <= spacing <= 15 else 1

    def add(self, time: int, image: NDArray[np.uint8]) -> None:
        """Add a processed frame, in order of time (ms since 1970); of several in a minute the first is shown."""
        minute = int((time - self.start.timestamp() * 1000) // MS_PER_MINUTE)
        if minute > self._last_minute:
            self.columns[:, minute : minute + self._width] = image[:, CROP // 2, None]
            self._last_minute = minute

    def save(self, path: str | os.PathLike[str], title: str) -> None:
        """Draw the night with a time axis in UTC, north up, and write it as PNG. Gaps stay grey."""
        picture = Image.new("RGB", (_LEFT + MINUTES + _RIGHT, _TOP + CROP * _STRETCH + _BOTTOM), _BACKGROUND)
        picture.paste(Image.fromarray(np.repeat(self.columns, _STRETCH, axis=0)), (_LEFT, _TOP))
        draw = ImageDraw.Draw(picture)
        font, bottom = ImageFont.load_default(15), _TOP + CROP * _STRETCH
        draw.text((_LEFT, _TOP / 2), title, _INK, font, anchor="lm")
        if self._last_minute < 0:
            draw.text((_LEFT + MINUTES / 2, _TOP + CROP), "no dark frame", _INK, font, anchor="mm")
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


#: Minutes between the altitudes of Sun and Moon on the page; a straight line between two is 0.05° off at most.
STEP = 30
