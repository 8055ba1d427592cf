"""Where frames come from: the site, its cameras, its archive. This much of a configuration is enough to read frames."""

import os
from typing import Self

from pydantic import Field, ValidationError, model_validator

from norrsken.config.base import ConfigError, Settings, keys_of, problem_sentence
from norrsken.config.site import Archive, Camera, FrameSource, Site
from norrsken.config.yaml_files import read_yaml
from norrsken.stages import PROCESSING

#: A camera whose crop lacks more than this share of the picture is not on the reference grid.
MOST_LEFT_OUT = 0.1

#: A quarter turn is the nearest one to a lens when it is within 45°; a degree more is forgiven, where two are as near.
_NEAREST = 46.0


class Observatory(Settings):
    """The site, the cameras and the archive of a configuration."""

    site: Site
    cameras: list[Camera] = Field(min_length=1)
    archive: Archive = Archive(root="archive")

    @model_validator(mode="after")
    def _cameras_fit(self) -> Self:
        dates = [camera.valid_from for camera in self.cameras]
        if dates != sorted(set(dates)):
            raise ValueError("cameras must stand in order of valid_from, each date once")
        for number, camera in enumerate(self.cameras):
            if camera.lens is not None:
                self._lens_fits(f"cameras.{number}", camera)
        return self

    def _lens_fits(self, where: str, camera: Camera) -> None:
        """Raise `ValueError` where a lens leaves the picture, or contradicts rotate or flip."""
        lens, up = camera.lens, self.site.up
        assert lens is not None
        left_out = camera.left_out(up)
        if left_out > MOST_LEFT_OUT:
            raise ValueError(
                f"{where}.lens: {left_out:.0%} of the crop lies outside the picture of {camera.width} × "
                f"{camera.height} pixels; expected {MOST_LEFT_OUT:.0%} at most: look at zenith and horizon"
            )
        if camera.flip is not None and camera.flip != (lens.east == "left"):
            flip = str(camera.flip).lower()
            raise ValueError(f"{where}.flip is {flip}, but lens.east is {lens.east}; leave flip out")
        if camera.rotate is not None:
            top = lens.north + lens.sense * up  # of the grid, clockwise from the frame's upward direction
            away = abs((camera.rotate + top + 180) % 360 - 180)
            if away > _NEAREST:
                nearest = round(-top / 90) * 90 % 360
                raise ValueError(
                    f"{where}.rotate is {camera.rotate}, but lens.north is {lens.north:g}, to which a turn by "
                    f"{nearest} is nearest; leave rotate out"
                )

    @property
    def frame_source(self) -> FrameSource:
        """How frames of these cameras are processed."""
        return FrameSource(processing=PROCESSING, cameras=self.cameras, clock=self.archive.clock, up=self.site.up)


def load_observatory(path: str | os.PathLike[str]) -> Observatory:
    """Read site, cameras and archive of a configuration, whatever else it has or lacks."""
    raw = read_yaml(path, "site: and cameras:", "; name the configuration with --config")
    known = {key: value for key, value in raw.items() if key in Observatory.model_fields}
    try:
        return Observatory.model_validate(known)
    except ValidationError as error:
        keys = keys_of(Observatory.model_json_schema())
        raise ConfigError("\n".join(problem_sentence(str(path), one, keys) for one in error.errors())) from None
