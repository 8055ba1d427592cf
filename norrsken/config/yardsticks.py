"""What `config.yaml` may say of the yardsticks by which models are judged besides their scores."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from norrsken.config.base import Name, Settings
from norrsken.config.models import Model, SequenceNetwork
from norrsken.errors import quoted


class Yardsticks(Settings):
    """By what, and how thoroughly, `snakemake yardsticks` judges models."""

    models: list[Name] = Field(
        default=[],
        description="Entries of models that are judged; none: the one that catalogue.model names, otherwise all that "
        "see single frames and learn agreed labels",
    )
    runs: int = Field(default=3, ge=1, description="How many runs of each model are judged: those of the first seeds")
    labelled: list[Annotated[int, Field(ge=20)]] = Field(
        default=[50, 100, 300, 1000, 3000],
        description="Numbers of labelled frames, drawn by night, from which each model is trained anew",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for key, values in (("models", self.models), ("labelled", self.labelled)):
            if len({*values}) < len(values):
                raise ValueError(f"{key} has the same entry twice: {', '.join(map(str, values))}")
        return self


def can_be_judged(model: Model) -> bool:
    """Whether the model sees single frames and learns agreed labels: the other divisions are of such frames."""
    return not isinstance(model, SequenceNetwork) and getattr(model, "targets", "agreed") == "agreed"


def check_yardsticks(chosen: Iterable[str], models: Mapping[str, Model]) -> None:
    """Raise `ValueError` where a model that shall be judged is not there, or cannot be judged."""
    able = [name for name, model in models.items() if can_be_judged(model)]
    for name in chosen:
        if name not in able:
            found = "learns votes or sees several frames" if name in models else "is not under models"
            raise ValueError(
                f"yardsticks.models has {name!r}, which {found}; expected models that see single frames and learn "
                f"agreed labels: {quoted(able)}"
            )
