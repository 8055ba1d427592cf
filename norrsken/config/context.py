"""What the configuration may say of the frames before and after another one."""

from typing import Self

from pydantic import Field, model_validator

from norrsken.config.base import Settings


class Context(Settings):
    """The frames before and after a labelled one, for models that see several."""

    before: int = Field(default=5, ge=0, le=60, description="How many frames before the labelled one")
    after: int = Field(default=4, ge=0, le=60, description="How many frames after it")
    minutes: float = Field(default=1.0, gt=0, le=60, description="Minutes from one of these frames to the next")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.before + self.after == 0:
            raise ValueError("before and after are both 0; a context has one frame at least")
        return self

    def __str__(self) -> str:
        return f"{self.before} frames before and {self.after} after, {self.minutes:g} minutes apart"

    def holds(self, other: "Context") -> bool:
        """Whether all frames of another context are among those of this one."""
        return self.before >= other.before and self.after >= other.after and self.minutes == other.minutes
