"""What `config.yaml` may say of the site, its cameras, its archive, and which frames are kept."""

import math
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from norrsken.config.base import Settings
from norrsken.config.directories import DirectoryPattern, Folders
from norrsken.config.timecodes import name_expression, zone
from norrsken.paper import KIRUNA

#: Side of the processed frame in blocks (Kvammen et al. 2020, section 2.1, step 4).
CROP = 128


#: North pole of the geomagnetic dipole, degrees (IGRF-13, epoch 2015).
DIPOLE_POLE = (80.4, -72.6)


class Place(Settings):
    """Where the camera stands, without the name that people give to the place."""

    station: Annotated[str, Field(pattern=r"^[A-Z0-9]+$")] = Field(description="Code that frame ids begin with")
    latitude: float = Field(ge=-90, le=90, description="Degrees north")
    longitude: float = Field(ge=-180, le=180, description="Degrees east")
    elevation: float = Field(ge=-500, le=9000, description="Metres above sea level")

    @property
    def near_kiruna(self) -> bool:
        """Whether it can be compared with Kiruna: it is within a degree of latitude and three of longitude."""
        return abs(self.latitude - KIRUNA.latitude) < 1 and abs(self.longitude - KIRUNA.longitude) < 3

    @property
    def looks_exchanged(self) -> str:
        """A sentence where aurora is hardly ever seen, but would be with the coordinates exchanged; else empty.

        It is no error: the aurora of May 2024 was seen there, too.
        """
        here = dipole_latitude(self.latitude, self.longitude)
        there = dipole_latitude(self.longitude, self.latitude) if abs(self.longitude) <= 90 else 0.0
        if abs(here) >= 45 or abs(there) <= 45:
            return ""
        return (
            f"site: latitude {self.latitude} and longitude {self.longitude} look exchanged: the magnetic latitude "
            f"there is {here:.0f}°, where aurora is hardly ever seen, and {there:.0f}° the other way round."
        )


class Site(Place):
    """The place with its name."""

    name: str = Field(description="Name of the place, for titles")

    @property
    def place(self) -> Place:
        """The place alone, for jobs that repeat nothing when people call it otherwise."""
        return Place(**self.model_dump(exclude={"name"}))


class Camera(Settings):
    """One camera of the archive, in force from `valid_from` until the next camera's date."""

    valid_from: date = Field(description="First UTC date on which this camera's frames are taken")
    name: str = Field(default="", exclude=True, description="Make and lens, for people")
    width: int = Field(gt=0, description="Width of the archived JPEG in pixels")
    height: int = Field(gt=0, description="Height of the archived JPEG in pixels")
    rotate: Literal[0, 90, 180, 270] = Field(description="Degrees clockwise that bring north to the top")
    flip: bool = Field(description="Mirror east-west after the rotation, so that east is right")
    block: int = Field(ge=1, le=64, description="Side in pixels of the blocks that are averaged")
    pattern: str = Field(
        description="File name in trollsift's notation; {time:…} is needed, {exposure_ms:…} is read where it is there; "
        "an ending .jpg, .jpeg or .png stands for all three"
    )
    response: dict[float, Annotated[float, Field(ge=0, le=1)]] = Field(
        default={}, exclude=True, description="Response at wavelengths in nm, relative to the highest; it is only drawn"
    )

    def __hash__(self) -> int:
        """The hash of some fields in which cameras differ; the dict of responses has no hash."""
        return hash((self.valid_from, self.name, self.pattern))

    @field_validator("pattern")
    @classmethod
    def _has_time(cls, pattern: str) -> str:
        if "{time:%" not in pattern:
            raise ValueError(f"{pattern!r} has no time field, such as {{time:%Y%m%dT%H%M%S}}")
        if "/" in pattern:
            raise ValueError(f"{pattern!r} describes a file name; directories belong to archive.directories")
        name_expression(pattern)  # raises ValueError where it cannot be read
        return pattern

    @model_validator(mode="after")
    def _reaches_the_crop(self) -> Self:
        blocks = min(self.width, self.height) // self.block
        if blocks < CROP:
            raise ValueError(
                f"{self.width} × {self.height} pixels in blocks of {self.block} give {blocks} blocks on the short "
                f"side; the crop needs {CROP}"
            )
        return self


class FrameSource(Settings):
    """How frames were processed: this goes with them from the night tables to the models that are trained on them."""

    processing: int = Field(description="`stages.PROCESSING`: which pixels a camera's frame gives")
    cameras: list[Camera]
    clock: str = Field(
        default="UTC", exclude_if=lambda clock: clock == "UTC", description="Clock of the names of the cameras' files"
    )

    replaced: list[date] = Field(
        default=[],
        exclude_if=lambda days: not days,
        description="UTC dates on which a camera came that is not among these, so that the one before it had its end",
    )

    def __or__(self, other: Self) -> Self:
        cameras = self.cameras + [camera for camera in other.cameras if camera not in self.cameras]
        clock = self.clock if self.cameras else other.clock
        ordered = sorted(cameras, key=lambda camera: camera.valid_from)
        replaced = {*self.replaced, *other.replaced} - {camera.valid_from for camera in ordered}
        return self.model_copy(update={"cameras": ordered, "clock": clock, "replaced": sorted(replaced)})


class Archive(Settings):
    """Where the JPEGs and PNGs lie, and how their names are read."""

    root: str = Field(description="Folder of the archive")
    directories: str = Field(default="%Y/%m/%d", description="Leaf directories below root; %Y, %m, %d, %j, %H")
    clock: str = Field(
        default="UTC",
        description="Clock of the names of files and directories: UTC, a difference such as +01:00, or a zone such as "
        "Europe/Stockholm; %z in a name goes before",
    )
    folders: Folders = Field(
        default="day",
        description="What a directory that is named by a day holds: the times of that date (day), or the night that "
        "begins on its evening (night)",
    )

    @field_validator("directories")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        DirectoryPattern(pattern)
        return pattern

    @field_validator("clock", mode="before")
    @classmethod
    def _clock(cls, clock: object) -> object:
        if isinstance(clock, int) and not isinstance(clock, bool):  # YAML reads +10:00 as a number in base 60
            clock = f"{'-' if clock < 0 else '+'}{abs(clock) // 60:02d}:{abs(clock) % 60:02d}"
        if isinstance(clock, str):
            zone(clock)
        return clock

    @property
    def pattern(self) -> DirectoryPattern:
        """How the time of a leaf directory is read from its path."""
        return DirectoryPattern(self.directories, self.clock, self.folders)


class Filter(Settings):
    """Which frames are kept (section 2.1), by apparent altitudes in degrees, without refraction."""

    sun_altitude_max: float = Field(
        default=-15.0, ge=-90, le=90, description="Frames with the Sun above this altitude are left out"
    )
    moon_altitude_max: float = Field(
        default=0.0, ge=-90, le=90, description="Frames with the Moon above this altitude are left out"
    )


class KeogramSettings(Settings):
    """Which frames a keogram shows."""

    sun_altitude_max: float = Field(
        default=-10.0, ge=-90, le=90, description="Frames with the Sun above this altitude are left out"
    )


def dipole_latitude(latitude: float, longitude: float) -> float:
    """Latitude in degrees in the geomagnetic dipole's frame: within a few degrees, enough to tell the auroral zone."""
    phi, pole = math.radians(latitude), math.radians(DIPOLE_POLE[0])
    away = math.radians(longitude - DIPOLE_POLE[1])
    sine = math.sin(phi) * math.sin(pole) + math.cos(phi) * math.cos(pole) * math.cos(away)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))
