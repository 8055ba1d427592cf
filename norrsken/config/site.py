"""What `config.yaml` may say of the site, its cameras, its archive, and which frames are kept."""

import math
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from norrsken.config.base import Settings
from norrsken.config.directories import DirectoryPattern
from norrsken.paper import KIRUNA

#: Side of the processed frame in blocks (Kvammen et al. 2020, section 2.1, step 4).
CROP = 128


#: North pole of the geomagnetic dipole, degrees (IGRF-13, epoch 2015).
DIPOLE_POLE = (80.4, -72.6)


class Site(Settings):
    """Where the camera stands."""

    name: str = Field(description="Name of the place, for titles")
    station: Annotated[str, Field(pattern=r"^[A-Z0-9]+$")] = Field(description="Code that frame ids begin with")
    latitude: float = Field(ge=-90, le=90, description="Degrees north")
    longitude: float = Field(ge=-180, le=180, description="Degrees east")
    elevation: float = Field(ge=-500, le=9000, description="Metres above sea level")

    @property
    def near_kiruna(self) -> bool:
        """Whether it can be compared with Kiruna: it is within a degree of latitude and three of longitude."""
        return abs(self.latitude - KIRUNA.latitude) < 1 and abs(self.longitude - KIRUNA.longitude) < 3

    @model_validator(mode="after")
    def _not_exchanged(self) -> Self:
        here = dipole_latitude(self.latitude, self.longitude)
        there = dipole_latitude(self.longitude, self.latitude) if abs(self.longitude) <= 90 else 0.0
        if abs(here) < 45 < abs(there):
            raise ValueError(
                f"latitude {self.latitude} and longitude {self.longitude} look exchanged: the magnetic latitude there "
                f"is {here:.0f}°, where no aurora is seen, and {there:.0f}° the other way round"
            )
        return self


class Camera(Settings):
    """One camera of the archive, in force from `valid_from` until the next camera's date."""

    valid_from: date = Field(description="First UTC date on which this camera's frames are taken")
    name: str = Field(description="Make and lens, for people")
    width: int = Field(gt=0, description="Width of the archived JPEG in pixels")
    height: int = Field(gt=0, description="Height of the archived JPEG in pixels")
    rotate: Literal[0, 90, 180, 270] = Field(description="Degrees clockwise that bring north to the top")
    flip: bool = Field(description="Mirror east-west after the rotation, so that east is right")
    block: int = Field(ge=1, le=64, description="Side in pixels of the blocks that are averaged")
    pattern: str = Field(
        description="File name in trollsift's notation; {time:…} is needed, {exposure_ms:…} is read where it is there"
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

    def __or__(self, other: Self) -> Self:
        cameras = self.cameras + [camera for camera in other.cameras if camera not in self.cameras]
        return self.model_copy(update={"cameras": sorted(cameras, key=lambda camera: camera.valid_from)})


class Archive(Settings):
    """Where the JPEGs lie."""

    root: str = Field(description="Folder of the archive")
    directories: str = Field(default="%Y/%m/%d", description="Leaf directories below root; %Y, %m, %d, %j, %H, in UTC")

    @field_validator("directories")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        DirectoryPattern(pattern)
        return pattern


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
