"""The running night in two small files for a web server, kept current while frames are classified as they come.

`tonight.json` is for programs, and docs/catalogue.md describes it. `tonight.html` shows the same to people, with the
last frame and the keogram so far.
"""

from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.typing import NaTType

from norrsken import __version__, schemas
from norrsken.calendar import night_of, night_start
from norrsken.classes import CONDITIONS, NOT_CLASSIFIED
from norrsken.classify.classifier_file import ClassifyError
from norrsken.classify.frames import Frames, columns
from norrsken.classify.shown_classes import ShownClass
from norrsken.classify.tonight_sky import MinuteColumns, Pictures, as_jpeg, axis_span, dark_minutes
from norrsken.classify.verdict import FrameModel
from norrsken.config.observatory import Observatory
from norrsken.files import csv_rows, write_json
from norrsken.nights.images import Image
from norrsken.nights.keogram_axis import PLAIN, axis_of
from norrsken.pages import write_page

#: The files, which another program may fetch by these names.
JSON, PAGE = "tonight.json", "tonight.html"

#: A frame whose time is later than now by more than this is not of tonight: its clock is wrong, or read wrongly.
_AHEAD = timedelta(hours=1)

#: Frames of a camera that takes one an hour are not joined on the strip: larger spaces do not tell its usual one.
_LONGEST_SPACE = 15 * 60

#: Seconds that a frame stands for where there is no second one.
_USUAL_SPACE = 60.0


class _Mark(NamedTuple):
    """A frame on the strip. time: ms since 1970. kind: position of its class; behind the last one: not classified.

    condition: position in `CONDITIONS`; −1 where it is not measured. confidence: per cent.
    """

    time: int
    kind: int
    condition: int
    confidence: int


@dataclass(frozen=True)
class _Said:
    """What was said of a frame. time: ms since 1970; None where its name tells none. probabilities: (classes,)."""

    frame: str
    time: int | None
    label: str
    probabilities: Sequence[float]
    condition: str | None
    reason: str


class _Seen(NamedTuple):
    """A processed frame. time: ms since 1970; None where its name tells none."""

    frame: str
    time: int | None
    image: Image


@dataclass
class _Night:
    """What is known of a night so far. start: the noon that opens it, ms since 1970. marks: in order of time."""

    night: date
    start: int
    sky: MinuteColumns
    marks: list[_Mark] = field(default_factory=list)

    @property
    def times(self) -> NDArray[np.int64]:
        """The times of the marks, ms since 1970."""
        return np.array([mark.time for mark in self.marks], np.int64)


class Tonight:
    """Keeps the two files in a folder current. It holds one night, the newest, so its memory does not grow.

    A night goes from one mean solar noon of the site to the next; without a configuration, which says where the site
    is, from one noon of UT to the next. Of frames whose names tell no time the last one is shown, but they are on no
    strip. What a row of the CSV file says of a frame stays as it is, so it does here.
    """

    def __init__(
        self,
        folder: Path,
        model: FrameModel,
        observatory: Observatory | None,
        classes: Sequence[ShownClass],
        seconds: float,
    ) -> None:
        """observatory: where the frames come from; None: the model knows their cameras. classes: those of the model.

        seconds: between two looks for new frames.
        """
        self._folder, self._model, self._classes, self._seconds = folder, model, classes, seconds
        self._site = None if observatory is None else observatory.site
        source = model.source if observatory is None else observatory.frame_source
        known = self._site is not None and all(camera.on_reference_grid for camera in source.cameras)
        self._axis = axis_of(self._site.place, latitude=False) if known and self._site is not None else PLAIN
        self._pictures = Pictures(source)
        self._longitude = 0.0 if self._site is None else self._site.longitude
        self._night: _Night | None = None
        self._last: _Said | None = None
        #: The newest processed frame: its picture may be gone, or it came in a table.
        self._seen: _Seen | None = None
        self._left_out: Counter[str] = Counter()
        self._changed: datetime | None = None  # when frames last came
        self._is_written = False

    def resume(self, csv: Path) -> None:
        """Take the newest night of a file of classified frames, with the pictures of it that are still there.

        One picture of each minute is read again: this is enough for the keogram.
        """
        pictures: dict[int, str] = {}
        night = self._night
        for line, row in csv_rows(csv, (*columns(self._model), "model"), ClassifyError):
            try:
                said = _of_row(row, self._model.classes)
                mark = self._take(said)
            except ValueError as error:
                raise ClassifyError(f"{csv}, line {line}: not as norrsken classify wrote it: {error}") from None
            if self._night is not night:
                night, pictures = self._night, {}
            if mark is not None and night is not None:
                pictures.setdefault((mark.time - night.start) // 60_000, said.frame)
        self._left_out.clear()  # they are told of what comes now
        if night is not None:
            images = self._pictures.processed(list(pictures.values()))
            for minute, image in zip(pictures, images, strict=True):
                if image is not None:
                    night.sky.add(night.start + minute * 60_000, image)

    def see(self, frames: Frames) -> None:
        """Take the images of frames that are classified, before `add` tells their classes."""
        for name, stamp, image in zip(frames.names, frames.times, frames.images, strict=True):
            time = _ms(stamp)
            night = None if time is None else self._turned_to(time)
            if night is not None and time is not None:
                night.sky.add(time, image)
            if self._is_last(time, self._seen):
                self._seen = _Seen(name, time, image)

    def add(self, table: pd.DataFrame) -> None:
        """Take what `norrsken.classify.frames.classify` says of frames."""
        found = {name: table[name].tolist() for name in ("frame", "time", "label")}
        found |= {name: table[name].tolist() for name in ("condition", "reason") if name in table}
        scores = table[[schemas.p(name) for name in self._model.classes]].to_numpy(np.float64)
        for i, frame in enumerate(found["frame"]):
            condition, reason = (found[name][i] if name in found else "" for name in ("condition", "reason"))
            time = _ms(found["time"][i])
            self._take(_Said(frame, time, found["label"][i], scores[i].tolist(), condition or None, reason))
        self._changed, self._is_written = datetime.now(UTC), False

    def write(self) -> None:
        """Write the page where something came since, and then the JSON, which says when there was a look."""
        if not self._is_written:
            write_page("tonight", self._shown(), self._folder / PAGE)
            self._is_written = True
        write_json(self._told(), self._folder / JSON)

    def _turned_to(self, time: int) -> _Night | None:
        """The night of a time, ms since 1970, which begins anew with its first frame; None where it is an earlier one.

        Nor is there one for a time that has not come yet.
        """
        if _is_ahead(time):
            return None
        night = night_of(datetime.fromtimestamp(time / 1000, UTC), self._longitude)
        if self._night is None or night > self._night.night:
            start = round(night_start(night, self._longitude).timestamp() * 1000)
            self._night = _Night(night, start, MinuteColumns(start))
        return self._night if night == self._night.night else None

    def _is_last(self, time: int | None, before: _Said | _Seen | None) -> bool:
        """Whether a frame of a time takes the place of the one that was the last before.

        Where a frame has a time, those without one are never the last.
        """
        if time is None:
            return self._night is None
        night = self._turned_to(time)
        return night is not None and (before is None or before.time is None or time >= before.time)

    def _take(self, said: _Said) -> _Mark | None:
        """Take what is said of a frame; its mark, if it is one of the newest night."""
        if self._is_last(said.time, self._last):
            self._last = said
        if said.time is None:
            self._left_out["without_time"] += 1
            return None
        night = self._turned_to(said.time)
        if night is None:
            self._left_out["ahead"] += _is_ahead(said.time)
            return None
        kind = [*self._model.classes, NOT_CLASSIFIED].index(said.label)
        condition = -1 if said.condition is None else CONDITIONS.index(said.condition)
        mark = _Mark(said.time, kind, condition, round(100 * max(said.probabilities)))
        insort(night.marks, mark)
        return mark

    def _told(self) -> dict[str, Any]:
        """What the JSON says."""
        marks = [] if self._night is None else self._night.marks
        names = [*self._model.classes, NOT_CLASSIFIED]
        measured = self._model.measures_familiarity
        clear = [mark for mark in marks if mark.condition == CONDITIONS.index("clear")]
        of = Counter(mark.condition for mark in marks)
        site = self._site
        return {
            "site": None if site is None else {key: getattr(site, key) for key in ("name", "latitude", "longitude")},
            "night": None if self._night is None else self._night.night.isoformat(),
            "updated": _clock(datetime.now(UTC)),
            "changed": _clock(self._changed),
            "frames": len(marks),
            "without_time": self._left_out["without_time"],
            "ahead": self._left_out["ahead"],
            "last": self._last_told(),
            "labels": _counted(marks, names),
            "labels_clear": _counted(clear, names) if measured else None,
            "conditions": {name: of[i] for i, name in enumerate(CONDITIONS)} if measured else None,
            "classes": [{"name": one.name, "title": one.title, "colour": one.colour} for one in self._classes],
            "model": self._model.digest[:16],
            "version": __version__,
        }

    def _last_told(self) -> dict[str, Any] | None:
        """What the JSON says of the last frame."""
        said = self._last
        if said is None:
            return None
        return {
            "frame": Path(said.frame).name,
            "time": None if said.time is None else _clock(datetime.fromtimestamp(said.time / 1000, UTC)),
            "label": said.label,
            "confidence": round(max(said.probabilities), 4),
            "reason": said.reason or None,
            "condition": said.condition,
            "probabilities": {
                name: round(value, 4) for name, value in zip(self._model.classes, said.probabilities, strict=True)
            },
        }

    def _shown(self) -> dict[str, Any]:
        """What the page is made of: what the JSON says, and what is drawn."""
        pictures: dict[str, str] = {}
        if self._last is not None:
            whole = self._pictures.upright(self._last.frame)
            if self._seen is not None and self._seen.frame == self._last.frame:
                seen: Image | None = self._seen.image
            else:
                (seen,) = self._pictures.processed([self._last.frame])
            named = (("frame", whole), ("seen", seen))
            pictures = {name: as_jpeg(image) for name, image in named if image is not None}
        return {
            **self._told(),
            "classes": [one._asdict() for one in self._classes],
            "seconds": self._seconds,
            "in_time": self._model.in_time,
            "conditions_in_order": CONDITIONS,
            "pictures": pictures,
            "drawn": None if self._night is None or not self._night.marks else self._drawn(self._night),
        }

    def _drawn(self, night: _Night) -> dict[str, Any]:
        """What is drawn along the hours of the night. begin, end: of the axis, s since 1970. times: s after begin."""
        times = night.times
        span = axis_span(night.start, times, dark_minutes(night.night, self._site))
        begin, end = (night.start // 1000 + 60 * minute for minute in span)
        steps = np.diff(times) / 1000
        usual = steps[(steps > 0) & (steps <= _LONGEST_SPACE)]
        return {
            "begin": begin,
            "end": end,
            "spacing": float(np.median(usual)) if len(usual) else _USUAL_SPACE,
            "times": (times // 1000 - begin).tolist(),
            "kinds": [mark.kind for mark in night.marks],
            "conditions": [mark.condition for mark in night.marks],
            "confidence": [mark.confidence for mark in night.marks],
            "keogram": as_jpeg(night.sky.keogram(times, span)),
            "rows": schemas.IMAGE_SHAPE[0],
            "ticks": self._axis.left.ticks,
            "axis": self._axis.left.title,
        }


def _counted(marks: Sequence[_Mark], names: Sequence[str]) -> dict[str, int]:
    """How many frames got each label."""
    of = Counter(mark.kind for mark in marks)
    return {name: of[i] for i, name in enumerate(names)}


def _is_ahead(time: int) -> bool:
    """Whether a time, ms since 1970, has not come yet, by so much that it is wrong."""
    return datetime.fromtimestamp(time / 1000, UTC) > datetime.now(UTC) + _AHEAD


def _clock(time: datetime | None) -> str | None:
    """A time as the JSON has it."""
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _ms(time: pd.Timestamp | NaTType) -> int | None:
    """A time as milliseconds since 1970; None where there is none."""
    return None if pd.isna(time) else round(pd.Timestamp(time).timestamp() * 1000)


def _of_row(row: Mapping[str, str], classes: Sequence[str]) -> _Said:
    """What a row of a file of classified frames says."""
    time = round(datetime.fromisoformat(row["time"]).timestamp() * 1000) if row["time"] else None
    scores = [float(row[schemas.p(name)]) for name in classes]
    return _Said(row["frame"], time, row["label"], scores, row.get("condition") or None, row.get("reason", ""))
