"""What the configuration may say of the frames before and after another one."""

from typing import Self

from pydantic import Field, model_validator

from norrsken.config.base import Settings
from norrsken.config.models import SequenceNetwork

#: The most minutes between neighbours, and from a frame to its farthest one: what lies farther apart says little of it.
LONGEST_MINUTES, FARTHEST_MINUTES = 20.0, 120.0


class Context(Settings):
    """The frames before and after a labelled one, for models that see several."""

    before: int = Field(default=5, ge=0, le=60, description="How many frames before the labelled one")
    after: int = Field(default=4, ge=0, le=60, description="How many frames after it")
    minutes: float = Field(
        default=1.0, gt=0, le=LONGEST_MINUTES, description="Minutes from one of these frames to the next"
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.before + self.after == 0:
            raise ValueError("before and after are both 0; a context has one frame at least")
        if max(self.before, self.after) * self.minutes > FARTHEST_MINUTES:
            raise ValueError(
                f"{self} reach farther than {FARTHEST_MINUTES:g} minutes; expected fewer frames, or nearer ones"
            )
        return self

    def __str__(self) -> str:
        return f"{self.before} frames before and {self.after} after, {self.minutes:g} minutes apart"

    def holds(self, other: "Context") -> bool:
        """Whether all frames of another context are among those of this one."""
        return self.before >= other.before and self.after >= other.after and self.minutes == other.minutes


def seen_by(entry: SequenceNetwork, held: Context | None, release: str) -> Context:
    """The neighbours that a sequence sees: those that the release holds, or fewer.

    Raises `ValueError` where it asks for more, or where there is none to see.
    """
    if held is None:
        raise ValueError(
            f"it is a sequence, which sees frames between their neighbours, but releases.{release} has no context"
        )
    before = held.before if entry.before is None else entry.before
    after = held.after if entry.after is None else entry.after
    if before > held.before or after > held.after:
        raise ValueError(
            f"it asks for {before} frames before and {after} after, but the context of releases.{release} has "
            f"{held.before} and {held.after}"
        )
    if before + after == 0:
        raise ValueError("before and after are both 0; a sequence sees one neighbour at least")
    return Context(before=before, after=after, minutes=held.minutes)
