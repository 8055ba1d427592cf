"""File names of frames, the camera in force at a time, and frame ids.

A name that is no frame's is not read, and why is told in a few words that do not depend on the name, so that they can
be counted.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import NamedTuple

from norrsken.calendar import night_of
from norrsken.config.directories import LeafDirectory
from norrsken.config.site import Camera
from norrsken.config.timecodes import DATE_CODES, agrees, date_of, name_expression, zone

#: The endings of pictures that are read; a pattern with one of them stands for all, in any case.
_ENDING = re.compile(r"\.(?:jpe?g|png)$", re.IGNORECASE)

#: The largest exposure that the night table holds, in milliseconds.
_MOST_EXPOSURE = 2**31 - 1

UNPRINTABLE = "the name has characters that cannot be printed"
NO_FRAME = "the name does not fit the pattern of the camera in force"
ENDING = "the name ends like that of another kind of file than JPEG and PNG"
BEFORE = "its time is before the valid_from of the first camera"
OTHER_CAMERA = "the name fits a camera that is not in force at its time"
NO_DATE = "the name tells the time only, and its folder tells no day"
TWO_DATES = "the name tells no real date, or two of them"
OTHER_DATE = "the date in the name does not fit the one of its folder"
EXPOSURE = f"the exposure in the name is no number of milliseconds from 0 to {_MOST_EXPOSURE}"


class FrameName(NamedTuple):
    """What a file name tells: the start of the exposure in UTC, its length if it is there, and which camera it was."""

    time: datetime
    exposure_ms: int | None
    camera: int  # position in the list of cameras


class NameReader:
    """Reads file names with the pattern of the camera that was in force at the time that the name gives."""

    def __init__(self, cameras: Sequence[Camera], clock: str = "UTC", longitude: float = 0.0) -> None:
        """clock: of names without `%z`; see `timecodes.zone`. longitude: of the site, which tells its nights."""
        self.cameras, self.zone, self.longitude = cameras, zone(clock), longitude
        self._patterns = [NamePattern(camera.pattern) for camera in cameras]

    @property
    def patterns(self) -> str:
        """The cameras' patterns, for messages."""
        return ", ".join(repr(camera.pattern) for camera in self.cameras)

    def camera_and_time(self, name: str) -> tuple[Camera, datetime | None] | str:
        """The camera and the time of a name, or why it is not a frame's; None for a camera whose names tell no time."""
        found = self.read(name)
        if isinstance(found, FrameName):
            return self.cameras[found.camera], found.time
        for camera, pattern in zip(self.cameras, self._patterns, strict=True):
            if not camera.has_time and isinstance(pattern.fields(name), dict):
                return camera, None
        return found

    def read(self, name: str, folder: LeafDirectory | None = None) -> FrameName | str:
        """What the name tells, or, as a string, why it is not a frame's name.

        folder: the one that holds the file; it tells the date where the name tells the time only. In a folder that is
        a night, the time lies in that night; in a folder of an hour, it is the nearest one; else the folder's date
        holds. In the hour that a zone's clocks repeat in autumn, the first of the two is taken.
        """
        if not name.isprintable():
            return UNPRINTABLE
        if not self.cameras:
            return BEFORE
        reasons = []
        for i, pattern in enumerate(self._patterns):
            fields = pattern.fields(name)
            if isinstance(fields, str):
                reasons.append(fields)
                continue
            moment = time_of(fields, folder, self.zone, self.longitude)
            if isinstance(moment, str):
                reasons.append(moment)
                continue
            camera = camera_in_force(self.cameras, moment)
            if camera is not self.cameras[i]:
                reasons.append(BEFORE if camera is None else OTHER_CAMERA)
                continue
            exposure = _exposure(fields.get("exposure_ms"))
            return EXPOSURE if exposure == -1 else FrameName(moment, exposure, i)
        # A pattern that does not fit tells less than one that nearly does.
        return max(reasons, key=lambda reason: (reason != NO_FRAME) + (reason not in (NO_FRAME, ENDING)))


def time_of(
    fields: Mapping[str, str], folder: LeafDirectory | None, clock: tzinfo = UTC, longitude: float = 0.0
) -> datetime | str:
    """The time in UTC of the fields of a name, of `NamePattern.fields`, or why it has none; see `NameReader.read`."""
    hour = int(fields.get("H", fields.get("I", "0")))
    if "p" in fields and "H" not in fields:
        hour = hour % 12 + 12 * (fields["p"].lower() == "pm")
    minute, second = int(fields.get("M", "0")), int(fields.get("S", "0"))
    of_day = time(hour, minute, second, int(fields.get("f", "0").ljust(6, "0")))
    offset = _offset(fields["z"]) if "z" in fields else clock
    if fields.keys() & {"Y", "y"} and fields.keys() & {"d", "j"}:
        day = date_of(fields)
        return TWO_DATES if day is None else _utc(day, of_day, offset)
    if folder is None or folder.day is None:
        return NO_DATE
    around = [folder.day + timedelta(days=days) for days in (0, 1, -1)]
    days = [day for day in around if all(agrees(day, code, fields[code]) for code in fields if code in DATE_CODES)]
    times = [_utc(day, of_day, offset) for day in days]
    if folder.night is not None:
        times = [moment for moment in times if night_of(moment, longitude) == folder.night]
    elif folder.end - folder.start < timedelta(hours=20):
        middle = folder.start + (folder.end - folder.start) / 2
        times.sort(key=lambda moment: abs(moment - middle))
    return times[0] if times else OTHER_DATE


class NamePattern:
    """A camera's pattern as a regular expression. An ending `.jpg`, `.jpeg` or `.png` stands for all three."""

    def __init__(self, pattern: str) -> None:
        self.picture = _ENDING.search(pattern) is not None
        self.expression = name_expression(_ENDING.sub("", pattern))
        #: Of each group, the code of time or the field that it holds.
        self._keys = {group: _key(group) for group in self.expression.groupindex}

    def fields(self, name: str) -> dict[str, str] | str:
        """The codes of time and the fields of a name, or why it does not fit."""
        stem = _ENDING.sub("", name) if self.picture else name
        match = self.expression.fullmatch(stem) if stem != name or not self.picture else None
        if match is None:
            is_stem = self.picture and self.expression.fullmatch(name.rpartition(".")[0]) is not None
            return ENDING if is_stem else NO_FRAME
        fields: dict[str, str] = {}
        for group, key in self._keys.items():
            value = match[group]
            if key in fields and _value(fields[key]) != _value(value):
                return TWO_DATES
            fields.setdefault(key, value)
        return fields


def _key(group: str) -> str:
    """What a group of `name_expression` is called in `NamePattern.fields`."""
    code, _, number = group.rpartition("_")
    return code if number.isdigit() and len(code) == 1 else group


def _value(text: str) -> str:
    """A number without its leading zeros, so that two of them can be compared."""
    return text.lstrip("0").lower()


def _utc(day: date, of_day: time, clock: tzinfo) -> datetime:
    return datetime.combine(day, of_day, clock).astimezone(UTC)


def _offset(text: str) -> tzinfo:
    """The difference to UTC that `%z` gives."""
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _exposure(text: str | None) -> int | None:
    """Milliseconds; None where the name tells none, -1 where they are no number that the night table holds."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return -1
    return round(value) if math.isfinite(value) and 0 <= round(value) <= _MOST_EXPOSURE else -1


def camera_in_force(cameras: Sequence[Camera], time: datetime) -> Camera | None:
    """The camera in force at a time: the last one whose `valid_from` has come; None before the first."""
    return next((camera for camera in reversed(cameras) if camera.valid_from <= time.date()), None)


def cameras_between(cameras: Sequence[Camera], start: datetime, end: datetime) -> list[Camera]:
    """The cameras that were in force at some time in [start, end): those that a month's settings need."""
    chosen = []
    for i, camera in enumerate(cameras):
        begins_in_time = camera.valid_from <= end.date()
        ends_in_time = i + 1 == len(cameras) or cameras[i + 1].valid_from > start.date()
        if begins_in_time and ends_in_time:
            chosen.append(camera)
    return chosen


def frame_id(station: str, time: datetime) -> str:
    """The id of a frame: station and UTC second, e.g. `KRN20150112T183000`."""
    return f"{station}{time:%Y%m%dT%H%M%S}"


def printable(path: str) -> str:
    """A path as it can be written into a table: bytes of a name that are not UTF-8 are shown with escapes."""
    return path.encode("utf-8", "backslashreplace").decode()
