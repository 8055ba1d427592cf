"""A release made of a folder of pictures and a table: what `config.yaml` says of it, and what its reader is given."""

from collections import Counter
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from norrsken.config.base import Name, Settings
from norrsken.config.label_set import DEFAULT, LabelNames
from norrsken.config.splits import Split
from norrsken.errors import quoted

#: A label as a table has it: YAML reads `0:` as a number.
TableLabel = Annotated[str, Field(coerce_numbers_to_str=True)]

#: The columns that need not be there where the configuration does not name them otherwise, by key.
USUAL = {"label": "label", "time": "time", "part": "part"}


class FrameColumns(Settings):
    """What the columns of the table are called.

    The labels stand in one column, or in one for each annotator. Of the columns `label`, `time` and `part` none need be
    there, but one that has another name here must.
    """

    path: str = Field(default="path", min_length=1, description="Column that names the picture")
    label: str | None = Field(
        default=USUAL["label"],
        min_length=1,
        description="Column of the label; where it is not there, or null, all columns that have no other use are "
        "labels, each by the annotator after whom it is called",
    )
    annotators: list[Annotated[str, Field(min_length=1)]] = Field(
        default=[], description="Columns of labels, one for each annotator, where these are not all other columns"
    )
    time: str | None = Field(
        default=USUAL["time"], min_length=1, description="Column of the time (ISO 8601; UTC unless it says otherwise)"
    )
    part: str | None = Field(
        default=USUAL["part"], min_length=1, description="Column that says train or test, for the published division"
    )

    @property
    def needed(self) -> list[str]:
        """The columns without which the table cannot be the one that is meant."""
        renamed = [getattr(self, key) for key, usual in USUAL.items() if getattr(self, key) not in (None, usual)]
        return [self.path, *self.annotators, *renamed]

    @model_validator(mode="after")
    def _each_for_one_thing(self) -> Self:
        if self.annotators and self.label not in (None, USUAL["label"]):
            raise ValueError(
                f"label is {self.label!r} and annotators are {quoted(self.annotators)}; the labels stand either in one "
                "column or in one for each annotator"
            )
        label = None if self.annotators else self.label
        counts = Counter(name for name in (self.path, label, *self.annotators, self.time, self.part) if name)
        twice = next((name for name, count in counts.items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"the column {twice!r} is named twice; each column is for one thing")
        return self


class FramesRelease(Settings):
    """Pictures that others have published or labelled: a folder, and a table that says what they show."""

    source: Literal["frames"] = Field(
        description="Where its frames come from: the archive, a published data set, or pictures with a table"
    )
    title: str = Field(description="What the release is, for the head of the report")
    label_set: str = Field(
        default=DEFAULT, description="The labels: the name of a set that comes with the program, or a file"
    )
    path: str = Field(description="Folder of the pictures")
    table: str = Field(description="CSV file with a row for each picture")
    columns: FrameColumns = Field(default=FrameColumns(), description="What the columns of the table are called")
    file: str = Field(
        default="{path}", description="File of a picture below the folder, made of its cell in the column path"
    )
    relabel: dict[TableLabel, str | None] = Field(
        default={},
        description="Labels of the table and what they are in the label set; null: the picture counts as not labelled",
    )
    splits: dict[Name, Split] = Field(min_length=1, description="Named divisions; every model is run on each")

    @property
    def sources(self) -> dict[str, str]:
        """The folder of the pictures, and the table."""
        return {"folder": self.path, "table": self.table}

    @property
    def years(self) -> list[int]:
        """None of the archive's. This and the next properties let a plan treat all releases alike."""
        return []

    @property
    def labels(self) -> list[str]:
        return []

    @property
    def divided(self) -> list[str]:
        return []

    @property
    def adjudicated(self) -> None:
        return None

    @property
    def selections(self) -> None:
        return None

    @property
    def frozen(self) -> bool:
        return False

    @field_validator("file")
    @classmethod
    def _makes_a_name(cls, file: str) -> str:
        try:
            fields = {(name, "{" in (how or "")) for _, name, how, _ in Formatter().parse(file) if name is not None}
            # A cell must not tell how wide the name is: `{path:{path}}` would do so.
            if fields == {("path", False)} and file.format(path="1"):
                return file
        except ValueError:
            pass
        raise ValueError(
            f"{file!r} does not make a file name of a path; expected text with {{path}}, or with {{path:0>5}}.png, "
            "which makes 00017.png of 17"
        )

    @model_validator(mode="after")
    def _has_the_columns_of_its_splits(self) -> Self:
        columns = {"published": ("part", self.columns.part), "night": ("time", self.columns.time)}
        for name, split in self.splits.items():
            key, column = columns.get(split.method, ("", ""))
            if column is None:
                raise ValueError(f"splits.{name} has the method {split.method}, but columns.{key} is null")
        return self


class FramesSettings(Settings):
    """What shapes the labelled frames of a folder of pictures."""

    longitude: float
    columns: FrameColumns
    file: str
    relabel: dict[str, str | None]
    label_names: LabelNames
