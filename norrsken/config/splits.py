"""What `config.yaml` may say of a split."""

from typing import Literal

from pydantic import Field

from norrsken.config.base import Settings


class Split(Settings):
    """How the clean frames of a release are divided into train and test."""

    method: Literal["random", "stratified", "night", "published"] = Field(
        description="random: frames at random (the paper); stratified: the same share of each class; night: no night "
        "is in both parts; published: as the published data set is divided"
    )
    test_share: float = Field(
        default=0.22, gt=0, lt=1, description="Share of frames for the test (the paper: 846/3846)"
    )
    seed: int = Field(default=0, ge=0, description="Seed of the division")
