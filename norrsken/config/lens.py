"""What `config.yaml` may say of a camera's lens, and where that lens puts a direction of the sky in its frame."""

import math
from types import ModuleType
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from norrsken.config.base import Settings, is_none

#: α of r = f sin(αθ) of the projections that have a fixed one; equidistant is the limit for small α.
_ALPHA = {"equidistant": 0.0, "equisolid": 0.5, "orthographic": 1.0}

#: How far from the zenith the axis may be, as a share of the horizon's radius: 0.35 are about 27°.
MOST_TILT = 0.35

#: Half of the pixels' side of the sky: a horizon circle of fewer pixels shows no forms.
LEAST_HORIZON = 32


class Lens(Settings):
    """Where each pixel of the archived frame looks: r = f sin(αθ), with θ the angle from the zenith.

    Coordinates are those of pixel centres: the first pixel is (0, 0), x counts from the left and y from the top.
    """

    zenith: tuple[float, float] = Field(description="x and y of the zenith in the archived frame, pixels")
    axis: tuple[float, float] | None = Field(
        default=None,
        exclude_if=is_none,
        description="x and y of the lens's axis in the archived frame, pixels, where the camera does not look straight "
        "up; null: it is the zenith",
    )
    horizon: float = Field(description="Pixels from the zenith, or from the axis, to what is 90° away from it")
    projection: Literal["sine", "equidistant", "equisolid", "orthographic"] = Field(
        default="sine", description="How the distance r from the zenith grows with the angle θ: sine is r = f sin(αθ)"
    )
    alpha: float = Field(default=0.475, gt=0, le=1, description="α of the projection sine; 0.475: Nikkor 8 mm f/2.8")
    north: float = Field(ge=-360, le=360, description="True north, degrees clockwise from the frame's upward direction")
    east: Literal["left", "right"] = Field(description="Where east is when north is up")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not LEAST_HORIZON <= self.horizon < math.inf:
            raise ValueError(f"horizon is {self.horizon:g} pixels; expected {LEAST_HORIZON} at least")
        if not all(map(math.isfinite, (*self.zenith, *(self.axis or ())))):
            raise ValueError("zenith and axis must be two numbers each")
        if self.axis is not None and math.dist(self.axis, self.zenith) > MOST_TILT * self.horizon:
            raise ValueError(
                f"axis {list(self.axis)} is {math.dist(self.axis, self.zenith):.0f} pixels from the zenith; expected "
                f"{MOST_TILT:g} of horizon at most"
            )
        # Where it is as usual, it may have been written by the program, which hands its jobs all settings.
        if self.alpha != type(self).model_fields["alpha"].default and self.projection != "sine":
            raise ValueError(f"alpha belongs to the projection sine, not to {self.projection}")
        return self

    @property
    def sense(self) -> int:
        """1 where azimuths grow clockwise in the frame, −1 where they grow the other way round."""
        return 1 if self.east == "right" else -1

    @property
    def bend(self) -> float:
        """α of r = f sin(αθ); 0 for r = f θ."""
        return _ALPHA.get(self.projection, self.alpha)

    @property
    def focal_length(self) -> float:
        """The f of r = f sin(αθ), or of r = f θ, pixels."""
        quarter = math.pi / 2
        return self.horizon / (math.sin(self.bend * quarter) if self.bend else quarter)

    @property
    def scale(self) -> float:
        """Pixels a radian at the zenith."""
        return self.focal_length * (self.bend or 1)

    @property
    def centre(self) -> tuple[float, float]:
        """X and y of the lens's axis in the archived frame: of the zenith, if the camera looks straight up."""
        return self.axis or self.zenith

    @property
    def tilt(self) -> tuple[float, float]:
        """Angle between the axis and the zenith, and where the axis is from there, clockwise from up, radians."""
        right, up = self.centre[0] - self.zenith[0], self.zenith[1] - self.centre[1]
        r = math.hypot(right, up) / self.focal_length
        return (math.asin(r) / self.bend if self.bend else r), math.atan2(right, up)

    def pixel(self, zenith: Any, azimuth: Any, xp: ModuleType = math) -> tuple[Any, Any]:
        """Where the lens puts a direction: its x and y in the archived frame.

        zenith: angle from the zenith, azimuth: from true north by east, radians; numbers, or arrays of one shape with
        xp = numpy. The configuration is read for every job and must not import it.
        """
        clockwise = math.radians(self.north) + self.sense * azimuth
        if self.axis is not None:
            zenith, clockwise = tilted(zenith, clockwise, *self.tilt, xp)
        r = self.focal_length * (xp.sin(self.bend * zenith) if self.bend else zenith)
        return self.centre[0] + r * xp.sin(clockwise), self.centre[1] - r * xp.cos(clockwise)


def tilted(away: Any, clockwise: Any, tilt: float, towards: float, xp: ModuleType = math) -> tuple[Any, Any]:
    """The same direction, given by its angle from one pole and clockwise around it, seen from another pole.

    The other pole is `tilt` away in the direction `towards`. A great circle through both keeps its direction. All are
    radians; xp as in `Lens.pixel`.
    """
    along, across = clockwise - towards, xp.sin(away)
    forward = across * xp.cos(along)
    ahead = forward * math.cos(tilt) - xp.cos(away) * math.sin(tilt)
    aside = across * xp.sin(along)
    height = forward * math.sin(tilt) + xp.cos(away) * math.cos(tilt)
    return xp.atan2(xp.hypot(ahead, aside), height), xp.atan2(aside, ahead) + towards


#: The lens of Kiruna's camera, 2010–2019 (section 2.1; `docs/cameras.md` says where the numbers come from). Magnetic
#: north is to the left in its frames, and the azimuth of magnetic north is `KIRUNA_UP`.
KIRUNA_LENS = Lens(zenith=(360.5, 240.5), horizon=230, projection="sine", alpha=0.475, north=260.5, east="left")
KIRUNA_UP = -9.5
