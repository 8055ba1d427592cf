"""Keograms: of each processed frame the column that begins at the zenith, side by side over a night, north up."""

import os
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from norrsken.config.site import CROP
from norrsken.files import written_aside
from norrsken.nights.keogram_axis import PLAIN, Axis, Scale, said_in_png

#: A keogram has one column for each minute, from noon to noon.
MINUTES = 1440
MS_PER_MINUTE = 60_000

#: Frames of a keogram that are further apart stand alone, in milliseconds; a space that is longer than usual by this
#: factor is an outage.
_LONGEST = 15 * MS_PER_MINUTE
_NO_OUTAGE = 1.5

#: Rows are doubled, so that a night is a picture of about 6 : 1.
_STRETCH = 2
_LEFT, _TOP, _BOTTOM, _RIGHT = 64, 30, 44, 64

#: Where the sky is in the picture, in pixels: pages that draw over it need this. Pictures made before there was an axis
#: of latitude are narrower, by a margin on the right: pages show all at the scale of their height, flush left.
LAYOUT = {
    "left": _LEFT,
    "top": _TOP,
    "minutes": MINUTES,
    "sky": CROP * _STRETCH,
    "rows": CROP,
    "width": _LEFT + MINUTES + _RIGHT,
    "height": _TOP + CROP * _STRETCH + _BOTTOM,
}
_BACKGROUND, _GAP, _INK = (24, 26, 30), (58, 62, 70), (222, 224, 228)


class Keogram:
    """Collects columns of processed frames and draws the night.

    A column is the mean of the frames of its minute: a fast camera's keogram shows all that it has. Where a minute has
    none because the next frame is not due yet, the last one stands.
    """

    def __init__(self, start: datetime, times: NDArray[np.int64], axis: Axis | None = None) -> None:
        """start: the local noon that opens the night. times: (n,) ms since 1970 of the frames that will come.

        axis: where the rows look, see `axis_of`; None where nobody knows: N, zenith and S.
        """
        self.start, self.axis = start, axis or PLAIN
        # A column lies in one piece, because it is written more often than the picture.
        self.columns = np.empty((MINUTES, CROP, 3), np.uint8).swapaxes(0, 1)
        self.columns[:] = _GAP
        self._is_dark = len(times) > 0
        self._start = round(start.timestamp() * 1000)
        since = np.unique(times) - self._start
        #: For each minute with frames, the first minute in which they do not stand any more.
        self._until: dict[int, int] = {}
        for begin, end in zip(since, since + standing(since), strict=True):
            minute = int(begin // MS_PER_MINUTE)
            self._until[minute] = max(minute + 1, int(end // MS_PER_MINUTE))
        self._minute, self._frames = -1, 0
        self._sum = np.zeros((CROP, 3), np.uint32)

    def add(self, time: int, image: NDArray[np.uint8]) -> None:
        """Add a processed frame, in order of time (ms since 1970), at one of the times that were to come."""
        minute = (time - self._start) // MS_PER_MINUTE
        column: NDArray[np.integer] = image[:, CROP // 2]
        if minute != self._minute:
            self._minute, self._frames = minute, 1
            self._sum[:] = column
        else:
            self._frames += 1
            self._sum += column
            column = (2 * self._sum + self._frames) // (2 * self._frames)  # the mean, rounded half up
        self.columns[:, minute : self._until.get(minute, minute + 1)] = column[:, None]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Draw the night with a time axis in UTC, north up, and write it as PNG. Gaps stay grey.

        The picture holds no name of the place and no date: pages write them, so that a new name repeats no night.
        """
        picture = Image.new("RGB", (LAYOUT["width"], LAYOUT["height"]), _BACKGROUND)
        picture.paste(Image.fromarray(np.repeat(self.columns, _STRETCH, axis=0)), (_LEFT, _TOP))
        draw = ImageDraw.Draw(picture)
        font, bottom = ImageFont.load_default(15), _TOP + CROP * _STRETCH
        if self._frames == 0:
            nothing = "no usable frame" if self._is_dark else "no dark frame"
            draw.text((_LEFT + MINUTES / 2, _TOP + CROP), nothing, _INK, font, anchor="mm")
        _draw_scale(draw, self.axis.left, _LEFT, -1)
        if self.axis.right:
            _draw_scale(draw, self.axis.right, _LEFT + MINUTES, 1)
        hour = self.start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        while (x := (hour - self.start) / timedelta(minutes=1)) < MINUTES:
            long = hour.hour % 2 == 0
            draw.line([(_LEFT + x, bottom), (_LEFT + x, bottom + (7 if long else 4))], _INK)
            if long:
                draw.text((_LEFT + x, bottom + 10), f"{hour:%H}", _INK, font, anchor="mt")
            hour += timedelta(hours=1)
        draw.text((_LEFT + MINUTES, bottom + 27), "UTC, hours", _INK, font, anchor="rt")
        with written_aside(path) as temporary:
            picture.save(temporary, compress_level=1, pnginfo=said_in_png(self.axis))


def _draw_scale(draw: ImageDraw.ImageDraw, scale: Scale, edge: int, side: int) -> None:
    """Draw a scale beside the sky. side: −1 left, 1 right of it. edge: where the sky begins or has ended, pixels."""
    font = ImageFont.load_default(15)
    for row, text in scale.ticks:
        y = _TOP + (row + 0.5) * _STRETCH  # the middle of the row
        draw.text((edge + 8 * side, y), text, _INK, font, anchor="rm" if side < 0 else "lm")
        if scale.title:
            # Two pixels, as a row has: a mark of one would lie beside the middle.
            left, top = edge - 6 if side < 0 else edge, round(y) - 1
            draw.rectangle([left, top, left + 5, top + 1], _INK)
    if scale.title:
        upright = ImageFont.TransposedFont(ImageFont.load_default(13), Image.Transpose.ROTATE_90)
        _, _, width, height = upright.getbbox(scale.title)
        x = 4 if side < 0 else LAYOUT["width"] - 6 - width
        draw.text((x, _TOP + (CROP * _STRETCH - height) / 2), scale.title, _INK, upright)


def standing(times: NDArray[np.int64], longest: int = _LONGEST, alone: int = 0) -> NDArray[np.int64]:
    """For how long each frame stands: until the next is due, so that a slow camera's night has no stripes.

    times: (n,) in milliseconds, in order. When the next is due is told by the median of the five spaces around. A space
    that is up to half longer is no outage. Frames that are further apart than `longest` stand for `alone`.
    """
    if len(times) < 2:
        return np.full(len(times), alone, np.int64)
    spaces = np.diff(times)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(spaces, 2, mode="symmetric"), 5)
    due = np.median(around, axis=1).astype(np.int64)
    due, spaces = np.append(due, due[-1]), np.append(spaces, due[-1])
    stands = np.where(spaces <= _NO_OUTAGE * due, spaces, due)
    return np.where(due <= longest, stands, alone)


#: Minutes between the altitudes of Sun and Moon on the page; a straight line between two is 0.05° off at most.
STEP = 30
