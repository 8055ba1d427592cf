"""What `config.yaml` may say of a release: its labels, its splits, and its catalogue."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from norrsken.config.base import Name, Settings, is_none
from norrsken.config.context import Context
from norrsken.config.frames_release import FramesRelease
from norrsken.config.general import GENERAL, PRECISION
from norrsken.config.label_set import DEFAULT, LabelName
from norrsken.config.splits import Split
from norrsken.errors import quoted
from norrsken.paper import CLASSES

#: The description of the key source of all kinds of releases.
SOURCES = "Where its frames come from: the archive, a published data set, or pictures with a table"

Order = Literal["time", "random"]

#: The most frames of a balanced sample: no page holds more.
MOST_DRAWN = 50_000


class ClassFrames(Settings):
    """The frames of one class of another release, which are labelled again to divide the class."""

    release: Name = Field(description="Release in which the frames have the class; its labelled.parquet must be there")
    label: LabelName = Field(description="The class in that release")
    into: list[LabelName] = Field(
        default=[], description="Labels that are offered, besides the exclusions; none: all of the label set"
    )


class Labelling(Settings):
    """The pages on which the annotators of a release label its frames."""

    sample: Literal["all", "balanced"] = Field(
        default="all",
        exclude_if=lambda sample: sample == "all",
        description="all: all chosen frames, or every n-th, are offered; balanced: a sample that is even over the "
        "classes which the general classifier sees, with test nights that are sampled by time",
    )
    frames: int | None = Field(
        default=None,
        ge=1,
        le=MOST_DRAWN,
        exclude_if=is_none,
        description="How many frames a balanced sample has; null: there is no such sample",
    )
    orders: dict[Name, Order] = Field(
        default={},
        description="The order in which an annotator sees the frames; where none is given, the first sees them by "
        "time, the others at random",
    )
    every: int = Field(default=1, ge=1, description="Only every n-th of the chosen frames is offered")
    repeats: float = Field(default=0.03, ge=0, le=0.5, description="Share of frames that are shown again, unannounced")
    seed: int = Field(default=0, ge=0, description="Seed of the orders and of the sample")
    of: ClassFrames | None = Field(
        default=None, description="Only the frames of one class of another release are offered; null: all are"
    )

    @model_validator(mode="after")
    def _sample_fits(self) -> Self:
        if self.sample == "all":
            if self.frames is not None:
                raise ValueError(
                    f"frames is {self.frames}, but sample is all; frames is the size of a sample: write sample: "
                    "balanced, or take frames out"
                )
            return self
        if self.frames is None:
            raise ValueError("sample is balanced, but frames is missing; write how many frames the sample shall have")
        if self.every != 1:
            raise ValueError(
                f"sample is balanced, but every is {self.every}; frames alone says how large the sample is: take every "
                "out"
            )
        if self.of is not None:
            raise ValueError(
                f"sample is balanced, but of offers the frames of the class {self.of.label!r}; a sample is drawn of "
                "the archive: take one of the two out"
            )
        return self


class EventSettings(Settings):
    """What counts as an event in the classified frames: an uninterrupted run of one class."""

    begins: float = Field(default=0.6, ge=0, le=1, description="Probability of a class at which an event of it begins")
    ends: float = Field(default=0.4, ge=0, le=1, description="Probability of the class below which it ends")
    least_minutes: float = Field(default=2.0, ge=0, description="Events that are shorter are left out")
    gap_minutes: float = Field(default=5.0, gt=0, description="An event ends where no frame follows for longer")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.ends > self.begins:
            raise ValueError(f"ends ({self.ends}) must not be above begins ({self.begins})")
        return self


class Audit(Settings):
    """The audit of a catalogue: a random sample of its frames, which people label without seeing what it says."""

    frames: int = Field(default=400, ge=50, le=MOST_DRAWN, description="How many frames are drawn")
    labels: list[str] = Field(
        default=[],
        description="The tables of those who label them, which need not be there yet; none: labels/audit-RELEASE.csv",
    )
    seed: int = Field(default=0, ge=0, description="Seed of the sample and of the order in which it is shown")

    def tables(self, release: str) -> list[str]:
        """The tables of those who label the frames, of a release of this name."""
        return self.labels or [f"labels/audit-{release}.csv"]


class Catalogue(Settings):
    """The classification of every kept frame of the archive."""

    model: Name | None = Field(
        default=None,
        description="Entry of models whose runs are averaged; general: the classifier that comes with norrsken, which "
        "needs no labels; null: the best on validation frames",
    )
    precision: float = Field(
        default=PRECISION,
        ge=0.5,
        lt=1,
        description="Precision that the frames with a class must reach, on validation frames",
    )
    events: EventSettings = Field(
        default=EventSettings(), description="What counts as an event in the classified frames"
    )
    kp: str | None = Field(default=None, description="Table of the Kp index, columns time and kp; null: not used")
    smoothing: bool = Field(
        default=False,
        exclude_if=lambda smoothing: not smoothing,
        description="Whether frames are judged by those before and after, too, without a model that sees several: by "
        "how fast classes pass into each other on labelled nights",
    )
    audit: Audit = Field(
        default=Audit(), exclude_if=lambda audit: audit == Audit(), description="How `snakemake audit` judges it"
    )
    licence: str = Field(default="", description="Licence of the exported catalogue, such as CC-BY-4.0")

    @model_validator(mode="after")
    def _limits_can_be_made(self) -> Self:
        if self.model == GENERAL and self.precision != PRECISION:
            raise ValueError(
                f"precision is {self.precision}, but the limits of the general classifier were made for {PRECISION}: "
                "leave the key out, or name an entry of models"
            )
        if self.model == GENERAL and self.smoothing:
            raise ValueError(
                "smoothing is true, but the general classifier knows nothing of how classes pass into each other: "
                "leave the key out, or name an entry of models"
            )
        return self


class ArchiveRelease(Settings):
    """A named labelled data set, made of the archive's frames and the annotators' tables."""

    source: Literal["archive"] = Field(
        default="archive",
        description=SOURCES,
    )
    title: str = Field(description="What the release is, for the head of the report")
    years: list[Annotated[int, Field(ge=1900, le=2052)]] = Field(
        default=[],
        min_length=1,
        description="UTC years of its frames; with catalogue.model: general it may be left out: all years of the "
        "archive",
    )
    labels: list[str] = Field(
        default=[],
        min_length=1,
        description="One table for each annotator; the file's name is the annotator's name; with catalogue.model: "
        "general it may be left out",
    )
    label_set: str = Field(
        default=DEFAULT,
        description="Labels of the release: the name of a set that comes with norrsken, or a .yaml file",
    )
    relabel: dict[LabelName, LabelName | None] = Field(
        default={}, description="Labels in the tables and what they are in the label set; null: such a label is dropped"
    )
    divided: list[str] = Field(
        default=[], description="Tables in which annotators divided a class; they replace what the same annotator said"
    )
    adjudicated: str | None = Field(
        default=None,
        description="Table of settled labels, for frames on which annotators disagree or are wrong; null: frames on "
        "which they disagree are left out",
    )
    selections: str | None = Field(
        default=None, description="Table of the times chosen from keograms; null: every kept frame counts"
    )
    context: Context | None = Field(
        default=None, description="The frames before and after each labelled one that the release holds; null: none"
    )
    labelling: Labelling = Field(default=Labelling(), description="The pages on which the annotators label frames")
    splits: dict[Name, Split] = Field(
        default={},
        min_length=1,
        description="Named divisions; every model is run on each; with catalogue.model: general it may be left out: "
        "no model is trained",
    )
    catalogue: Catalogue | None = Field(
        default=Catalogue(), description="The classification of every kept frame; null: none is made"
    )
    frozen: bool = Field(
        default=False, description="It is made once and for all; to thaw it, delete its labelled.parquet"
    )

    @field_validator("years")
    @classmethod
    def _each_year_once(cls, years: list[int]) -> list[int]:
        twice = next((year for year in years if years.count(year) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is there twice; expected each year once")
        return years

    @field_validator("splits")
    @classmethod
    def _drawn(cls, splits: dict[str, Split]) -> dict[str, Split]:
        if any(split.method == "published" for split in splits.values()):
            raise ValueError("the method published is for a release whose source is published")
        return splits

    @field_validator("labels")
    @classmethod
    def _annotators(cls, labels: list[str]) -> list[str]:
        names = [Path(path).stem for path in labels]
        if len(set(names)) < len(names):
            raise ValueError(f"two tables have the same annotator's name: {', '.join(names)}")
        return labels

    @property
    def is_general(self) -> bool:
        """Whether the general classifier makes its catalogue."""
        return self.catalogue is not None and self.catalogue.model == GENERAL

    @model_validator(mode="after")
    def _has_labels_or_needs_none(self) -> Self:
        missing = [key for key in ("years", "labels", "splits") if not getattr(self, key)]
        if missing and not self.is_general:
            verb = "is missing; it may be" if len(missing) == 1 else "are missing; they may be"
            raise ValueError(
                f"{' and '.join(missing)} {verb} only with catalogue: {{model: {GENERAL}}}, which needs no training"
            )
        of_labels = ("relabel", "adjudicated", "splits", "frozen")
        idle = [key for key in of_labels if not self.labels and getattr(self, key)]
        if idle:
            raise ValueError(f"{idle[0]} is there, but labels is missing: expected a table for each annotator")
        return self

    @model_validator(mode="after")
    def _smoothing_can_be_fitted(self) -> Self:
        if self.catalogue is not None and self.catalogue.smoothing and self.context is None:
            raise ValueError(
                "catalogue.smoothing is true, but the release has no context: it is fitted to labelled frames between "
                "their neighbours; expected such as context: {before: 5, after: 4}"
            )
        return self

    @model_validator(mode="after")
    def _neighbours_on_one_side(self) -> Self:
        others = [name for name, split in self.splits.items() if self.context is not None and split.method != "night"]
        if others:
            raise ValueError(
                f"splits.{others[0]} is {self.splits[others[0]].method}, but the release has a context: neighbours of "
                "test frames would be trained on, and scores would be too good; expected splits of method night only"
            )
        return self

    @model_validator(mode="after")
    def _auditors_are_others(self) -> Self:
        audit = [] if self.catalogue is None else self.catalogue.audit.labels
        auditors = {Path(path).stem for path in audit}
        if len(auditors) < len(audit) or auditors & {Path(path).stem for path in self.labels}:
            raise ValueError(
                f"catalogue.audit.labels has {quoted(audit)}, labels has {quoted(self.labels)}: expected another file "
                "name for each table, since pages and tables have the names of those who label"
            )
        return self

    @model_validator(mode="after")
    def _orders_of_annotators(self) -> Self:
        names = [Path(path).stem for path in self.labels]
        for path in self.divided:
            if Path(path).stem not in names:
                raise ValueError(f"divided has {path!r}, but labels has tables of {quoted(names)} only")
        for name in self.labelling.orders:
            if name not in names:
                raise ValueError(f"labelling.orders has {name!r}, but labels has tables of {quoted(names)} only")
        return self


class PublishedRelease(Settings):
    """The data set that Kvammen et al. published (DataverseNO, doi 10.18710/SSA38J), as it was unpacked."""

    source: Literal["published"] = Field(description=SOURCES)
    title: str = Field(description="What the release is, for the head of the report")
    path: str = Field(description="Folder that holds TrainingImages and TestImages")
    classes: list[str] | None = Field(
        default=None,
        min_length=len(CLASSES),
        max_length=len(CLASSES),
        json_schema_extra={"items": {"enum": list(CLASSES)}},
        description="Classes in the order of the integers in file names; null: the counts of Table 1 prove them",
    )
    splits: dict[Name, Split] = Field(
        default={"published": Split(method="published")},
        min_length=1,
        description="Named divisions; every model is run on each",
    )

    @property
    def sources(self) -> dict[str, str]:
        """The folders of the two parts, train and test."""
        return {"train": f"{self.path}/TrainingImages", "test": f"{self.path}/TestImages"}

    @property
    def label_set(self) -> str:
        """That of the paper."""
        return DEFAULT

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

    @field_validator("classes")
    @classmethod
    def _each_once(cls, classes: list[str] | None) -> list[str] | None:
        if classes is not None and sorted(classes) != sorted(CLASSES):
            raise ValueError(f"names {quoted(classes)}; expected each of {quoted(CLASSES)} once")
        return classes


def _source(release: Any) -> str | None:
    """What tells the kinds of releases apart; None where it is no release at all, such as a text."""
    if isinstance(release, dict):
        return str(release.get("source", "archive"))
    return getattr(release, "source", None)


Release = Annotated[
    Annotated[ArchiveRelease, Tag("archive")]
    | Annotated[PublishedRelease, Tag("published")]
    | Annotated[FramesRelease, Tag("frames")],
    Discriminator(_source),
]


def draws_sample(release: Release) -> bool:
    """Whether a balanced sample of the release's frames is drawn to be labelled."""
    return isinstance(release, ArchiveRelease) and release.labelling.sample == "balanced"


def sample_warnings(release: Release) -> list[str]:
    """A sentence for each split whose scores would not hold for the archive, since a balanced sample is labelled."""
    return [
        f"The split {name} is not by night, so that its test frames are of the balanced sample: its scores hold for "
        "that sample, not for the archive."
        for name, split in release.splits.items()
        if draws_sample(release) and split.method != "night"
    ]
