"""What `config.yaml` may say of the site, its cameras, its archive, and which frames are kept."""

import math
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from norrsken.config.base import Settings, is_none
from norrsken.config.colour import DEFAULT_TONE, Matrix, Response, Tone, check_response, check_tone
from norrsken.config.directories import DirectoryPattern, Folders
from norrsken.config.lens import KIRUNA_LENS, Lens
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
    up: float = Field(
        default=0.0,
        ge=-180,
        le=180,
        exclude_if=lambda up: up == 0,
        description="Azimuth at the top of the processed frame, degrees east of true north; best that of the corrected "
        "geomagnetic pole",
    )

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


#: Width, height, rotate, flip and block of Kiruna's camera, 2010–2019: its processed frames define the reference grid.
KIRUNA_FRAME = (720, 479, 90, True, 2)


@cache
def _cells() -> list[tuple[float, float]]:
    """Zenith angle and azimuth from the top, radians, of every fourth cell of the reference grid, a way."""
    pixels = [KIRUNA_FRAME[4] * (cell - CROP // 2) for cell in range(2, CROP, 4)]
    places = [(right, up, math.hypot(right, up) / KIRUNA_LENS.focal_length) for right in pixels for up in pixels]
    return [(math.asin(r) / KIRUNA_LENS.bend, math.atan2(right, up)) for right, up, r in places]


#: What may stand around a simulated camera, and what may light its town.
Skyline = Literal["roofs", "trees", "hill", "buildings", "none"]
TownLight = Literal["sodium", "white", "pink", "orange"]


class SimulatedCamera(Settings):
    """How `norrsken simulate` photographs the sky with this camera, apart from its lens, response and tone."""

    noise: float = Field(default=1.0, ge=0, le=10, description="The sensor's noise, beside that of the Nikon D700")
    vignetting: float = Field(default=0.35, ge=0, lt=1, description="Share of the light that is lost at the horizon")
    background: float = Field(default=1.0, ge=0, le=100, description="Light of town and night sky, beside Kiruna's")
    gain: float = Field(
        default=1.0,
        gt=0,
        le=100,
        exclude_if=lambda gain: gain == 1,
        description="Sensitivity and aperture together, beside Kiruna's",
    )
    skyline: Skyline = Field(
        default="roofs",
        exclude_if=lambda skyline: skyline == "roofs",
        description="What stands around the camera: Kiruna's roofs and mast, trees, a hill, buildings, or nothing",
    )
    town: TownLight = Field(
        default="sodium",
        exclude_if=lambda town: town == "sodium",
        description="Light of the town: sodium lamps, white lamps, or greenhouses, pink or orange",
    )
    quality: int = Field(default=95, ge=1, le=100, description="JPEG quality of the archived frames")


class Camera(Settings):
    """One camera of the archive, in force from `valid_from` until the next camera's date."""

    valid_from: date = Field(description="First UTC date on which this camera's frames are taken")
    name: str = Field(default="", exclude=True, description="Make and lens, for people")
    width: int = Field(gt=0, description="Width of the archived JPEG in pixels")
    height: int = Field(gt=0, description="Height of the archived JPEG in pixels")
    lens: Lens | None = Field(
        default=None,
        exclude_if=is_none,
        description="Where each pixel looks; it brings the frame to the reference grid",
    )
    mask: list[tuple[int, int, int, int]] | str | None = Field(
        default=None,
        exclude_if=is_none,
        description="What is drawn or stands in the picture, filled from its neighbours: rectangles of pixels [left, "
        "top, right, bottom], all four inside, or a PNG of the frame's size, not black where the mask is; needs a lens",
    )
    rotate: Literal[0, 90, 180, 270] | None = Field(
        default=None,
        exclude_if=is_none,
        description="Degrees clockwise that bring north to the top; a lens tells it",
    )
    flip: bool | None = Field(
        default=None,
        exclude_if=is_none,
        description="Mirror east-west after the rotation, so that east is right; a lens tells it",
    )
    block: int | None = Field(
        default=None,
        ge=1,
        le=64,
        exclude_if=is_none,
        description="Side in pixels of the blocks that are averaged; a lens tells it",
    )
    pattern: str = Field(
        description="File name in trollsift's notation; {time:…} is needed by all but norrsken classify, "
        "{exposure_ms:…} is read where it is there; an ending .jpg, .jpeg or .png stands for all three"
    )
    response: Response = Field(
        default={},
        description="Response at wavelengths in nm, relative to the highest: of red, green and blue, or of the line's "
        "own colour alone",
    )
    tone: Tone = Field(
        default=DEFAULT_TONE,
        description="How light becomes a level: light = (level / 255)^tone, or points [level, light] of a curve",
    )
    colour: Literal["response"] | Matrix | None = Field(
        default=None,
        exclude_if=is_none,
        description="Bring colours to those of the reference camera: by response, or by a matrix of 3 × 3 numbers that "
        "norrsken calibrate --colour prints",
    )
    simulated: SimulatedCamera = Field(default=SimulatedCamera(), exclude=True, description="For norrsken simulate")

    def __hash__(self) -> int:
        """The hash of some fields in which cameras differ; dicts and lists have no hash."""
        return hash((self.valid_from, self.name, self.pattern, self.width, self.lens))

    @field_validator("pattern")
    @classmethod
    def _is_a_name(cls, pattern: str) -> str:
        if "/" in pattern:
            raise ValueError(f"{pattern!r} describes a file name; directories belong to archive.directories")
        name_expression(pattern)  # raises ValueError where it cannot be read
        return pattern

    @field_validator("tone")
    @classmethod
    def _rises(cls, tone: Tone) -> Tone:
        return check_tone(tone)

    @model_validator(mode="after")
    def _reaches_the_crop(self) -> Self:
        if self.lens is not None:
            return self
        missing = [key for key in ("rotate", "flip", "block") if getattr(self, key) is None]
        if missing:
            raise ValueError(f"{missing[0]} is missing; a camera needs rotate, flip and block, or a lens instead")
        if self.mask is not None:
            raise ValueError("mask needs a lens: the frames of a camera without one are processed as in the paper")
        blocks = min(self.width, self.height) // self.blocks
        if blocks < CROP:
            raise ValueError(
                f"{self.width} × {self.height} pixels in blocks of {self.blocks} give {blocks} blocks on the short "
                f"side; the crop needs {CROP}"
            )
        return self

    @model_validator(mode="after")
    def _masks_the_frame(self) -> Self:
        for left, top, right, bottom in self.mask if isinstance(self.mask, list) else []:
            if not (0 <= left <= right < self.width and 0 <= top <= bottom < self.height):
                raise ValueError(
                    f"mask [{left}, {top}, {right}, {bottom}] is not inside the frame; expected [left, top, right, "
                    f"bottom] from [0, 0] to [{self.width - 1}, {self.height - 1}]"
                )
        return self

    @model_validator(mode="after")
    def _knows_its_colours(self) -> Self:
        if self.colour == "response":
            check_response(self.response)
        return self

    @model_serializer(mode="wrap")
    def _only_what_shapes_frames(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Response and tone shape frames where colours are mapped; elsewhere a change of them shall repeat nothing."""
        fields: dict[str, Any] = handler(self)
        if self.colour is None:
            fields.pop("tone", None)
        if self.colour != "response":
            fields.pop("response", None)
        return fields

    @property
    def blocks(self) -> int:
        """Side in pixels of the blocks that are averaged, of a camera without a lens."""
        return self.block or 1

    @property
    def has_time(self) -> bool:
        """Whether the names of its files tell a time."""
        return "{time:%" in self.pattern

    @property
    def on_reference_grid(self) -> bool:
        """Whether its processed frames look where the reference grid does: with a lens, and Kiruna's by definition."""
        return self.lens is not None or (self.width, self.height, self.rotate, self.flip, self.block) == KIRUNA_FRAME

    @property
    def grid(self) -> str:
        """The directions in which its processed frames look, in words: models belong to them, not to a camera."""
        if self.on_reference_grid:
            return "on the reference grid"
        return (
            f"{self.width} × {self.height} pixels, rotated by {self.rotate}°{', flipped' * bool(self.flip)}, in blocks "
            f"of {self.blocks}"
        )

    def left_out(self, up: float) -> float:
        """The share of the reference grid that lies outside the picture, by every fourth cell; 0 without a lens.

        up: the azimuth at the grid's top, degrees.
        """
        if self.lens is None:
            return 0.0
        places = [self.lens.pixel(zenith, azimuth + math.radians(up)) for zenith, azimuth in _cells()]
        inside: list[bool] = [-0.5 <= x <= self.width - 0.5 and -0.5 <= y <= self.height - 0.5 for x, y in places]
        return 1 - sum(inside) / len(inside)


class FrameSource(Settings):
    """How frames were processed: this goes with them from the night tables to the models that are trained on them."""

    processing: int = Field(description="`stages.PROCESSING`: which pixels a camera's frame gives")
    cameras: list[Camera]
    clock: str = Field(
        default="UTC", exclude_if=lambda clock: clock == "UTC", description="Clock of the names of the cameras' files"
    )
    up: float = Field(
        default=0.0, exclude_if=lambda up: up == 0, description="Azimuth at the top of the processed frames, degrees"
    )
    replaced: list[date] = Field(
        default=[],
        exclude_if=lambda days: not days,
        description="UTC dates on which a camera came that is not among these, so that the one before it had its end",
    )

    def __or__(self, other: Self) -> Self:
        cameras = self.cameras + [camera for camera in other.cameras if camera not in self.cameras]
        clock, up = (self.clock, self.up) if self.cameras else (other.clock, other.up)
        ordered = sorted(cameras, key=lambda camera: camera.valid_from)
        replaced = {*self.replaced, *other.replaced} - {camera.valid_from for camera in ordered}
        return self.model_copy(update={"cameras": ordered, "clock": clock, "up": up, "replaced": sorted(replaced)})


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
    """Which frames a keogram shows, and on which axes."""

    sun_altitude_max: float = Field(
        default=-10.0, ge=-90, le=90, description="Frames with the Sun above this altitude are left out"
    )
    latitude: bool = Field(
        default=False,
        exclude_if=lambda latitude: not latitude,
        description="Beside zenith angles, the latitude where the line of sight meets 110 km; needs frames on the "
        "reference grid",
    )


class Conditions(Settings):
    """The condition of the sky in the site's frames, as a person has labelled it in a sample of them."""

    table: str | None = Field(
        default=None,
        min_length=1,
        description="Table of labelled conditions, columns frame_id and label, to which the model of them is fitted; "
        "null: there is none",
    )
    frames: int = Field(default=400, ge=1, le=10_000, description="Frames that the page to label conditions offers")
    seed: int = Field(default=0, ge=0, description="Seed of the choice of these frames, and of their order")


def dipole_latitude(latitude: float, longitude: float) -> float:
    """Latitude in degrees in the geomagnetic dipole's frame: within a few degrees, enough to tell the auroral zone."""
    phi, pole = math.radians(latitude), math.radians(DIPOLE_POLE[0])
    away = math.radians(longitude - DIPOLE_POLE[1])
    sine = math.sin(phi) * math.sin(pole) + math.cos(phi) * math.cos(pole) * math.cos(away)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))
