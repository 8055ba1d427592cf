"""File names of frames, the camera in force at a time, and frame ids."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from trollsift import Parser

from norrsken.config.site import Camera


class FrameName(NamedTuple):
    """What a file name tells: the start of the exposure in UTC, its length if it is there, and which camera it was."""

    time: datetime
    exposure_ms: int | None
    camera: int  # position in the list of cameras


class NameReader:
    """Reads file names with the pattern of the camera that was in force at the time that the name gives."""

    def __init__(self, cameras: Sequence[Camera]) -> None:
        self.cameras, self.parsers = cameras, [Parser(camera.pattern) for camera in cameras]

    def read(self, name: str) -> FrameName | str:
        """What the name tells, or, as a string, why it is not a frame's name."""
        if not name.isprintable():
            return "the name has characters that cannot be printed"
        for i, parser in enumerate(self.parsers):
            try:
                fields = parser.parse(name)
            except ValueError:
                continue
            time = fields["time"].replace(tzinfo=UTC)
            if camera_in_force(self.cameras, time) is self.cameras[i]:
                exposure = fields.get("exposure_ms")
                return FrameName(time, None if exposure is None else int(exposure), i)
        return "the name does not fit the pattern of the camera in force"


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
