"""Label sets: the labels that annotators give and classifiers learn. A release names a shipped set or a file."""

import difflib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from norrsken import paper
from norrsken.classes import AURORA, COLOUR_WITHOUT_CLASS, NOT_CLASSIFIED, OUTCOMES, UNDECIDED, in_words
from norrsken.config.base import ConfigError, Settings, keys_of, problem_sentence
from norrsken.config.yaml_files import parse_yaml, read_yaml
from norrsken.errors import quoted

#: The most classes of a set: more colours than these nobody tells apart.
MOST_CLASSES = 15

#: Keys that do something else on the pages on which people label.
TAKEN_KEYS = {
    "c": "the neighbours in time",
    "p": "a pause",
    "s": "skipping a frame",
    "u": "undoing",
    "0": "opening again",
}

#: Names that a label cannot have: columns and words of the tables in which the labels' names stand too.
TAKEN_NAMES = {
    "frame_id", "time", "night", "path", "part", "bytes", "exposure_ms", "sun_altitude", "moon_altitude", "status",
    "reason", "outside", "image", "verdict", "label", "order", "session", "seconds", "context", "repeat", "annotator",
    "given", "by", "frames", "classified", "confidence", "seconds_median", "features", "predicted", "embedding",
    "magnetic_latitude", "mlt", "condition", "entropy", "familiarity", "possible", "label_possible", "model", "seen",
    "value", "total", "agreed", "adjudicated", "neighbour", "all",
    UNDECIDED, *OUTCOMES,
}  # fmt: skip

#: What columns begin with that have a label's name at their end.
TAKEN_STARTS = ("p_", "votes_")

#: The key under which a Parquet file says which labels it has; a file without it has those of `DEFAULT`.
LABELS_KEY = "labels"

#: The set of a release that names none.
DEFAULT = "kvammen2020"

_EXPECTED = "title: and classes:"

LabelName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=40)]


class Label(Settings):
    """A label that annotators give."""

    name: LabelName = Field(description="Name in tables: letters, digits, hyphens and underscores")
    title: str = Field(min_length=1, description="Name in figures and pages")
    definition: str = Field(min_length=1, description="Sentence by which annotators label")
    colour: Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")] = Field(
        description='Colour in figures, in quotation marks: "#D55E00"'
    )
    key: Annotated[str, Field(pattern=r"^[0-9a-z]$", coerce_numbers_to_str=True)] = Field(
        description="Key on the labelling page: a digit or a letter",
        json_schema_extra={"type": ["string", "integer"], "maximum": 9, "minimum": 1},
    )

    @field_validator("colour", mode="before")
    @classmethod
    def _quoted(cls, colour: Any) -> Any:
        if colour is None:
            raise ValueError('is empty; YAML takes # for a comment, so write the colour in quotation marks: "#D55E00"')
        return colour


class Simulated(Settings):
    """Which labels stand for what the simulated sky shows."""

    clear: dict[str, LabelName] = Field(
        description="Label of each form under a clear sky; the forms are the classes of Kvammen et al. (2020), and "
        "`unknown`, which fits none of them"
    )
    cloudy: LabelName | dict[str, LabelName] = Field(
        description="Label of cloudy frames, or one for each form behind the cloud", union_mode="left_to_right"
    )
    spoilt: LabelName = Field(description="Label of frames with artefacts, such as snow on the dome")

    @model_validator(mode="after")
    def _every_form(self) -> Self:
        for sky, named in (("clear", self.clear), ("cloudy", self.cloudy)):
            if isinstance(named, dict) and set(named) != set(FORMS):
                raise ValueError(f"simulated.{sky} names {quoted(named)}; expected each of {quoted(FORMS)} once")
        return self

    def used(self) -> set[str]:
        """The labels that are named."""
        cloudy = self.cloudy.values() if isinstance(self.cloudy, dict) else [self.cloudy]
        return {*self.clear.values(), *cloudy, self.spoilt}


#: What the simulated sky is said to show, cloud and artefacts apart.
FORMS = (*paper.CLASSES, paper.EXCLUSIONS[0])


class LabelNames(Settings):
    """What decides a data set and a classifier of a set: its names. Files carry it; titles and colours they do not.

    hidden_sky: see `LabelSet`.
    """

    classes: tuple[str, ...]
    exclusions: tuple[str, ...]
    hidden_sky: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels: the classes, then the exclusions."""
        return self.classes + self.exclusions

    @property
    def judged(self) -> tuple[str, ...]:
        """The classes of a sky that can be judged: those that can be observed."""
        return tuple(name for name in self.classes if name not in self.hidden_sky)

    @property
    def are_papers(self) -> bool:
        """Whether the labels are those of the paper, so that its numbers can stand beside."""
        return self.classes == paper.CLASSES and self.exclusions == paper.EXCLUSIONS


class LabelSet(Settings):
    """The labels of a release: classes in priority order, and exclusions, which enter neither training nor test."""

    title: str = Field(min_length=1, description="What the set is, for people")
    references: list[str] = Field(default=[], description="Where it is defined")
    classes: list[Label] = Field(
        max_length=MOST_CLASSES,
        description="Classes in priority order: a frame with several forms gets the first of those that dominate",
    )
    exclusions: list[Label] = Field(
        default=[], description="Labels of frames that enter neither training nor test: ambiguous, or not to be used"
    )
    clear_sky: LabelName | None = Field(
        default=None, description="Class that stands for a clear sky without aurora; null: there is none"
    )
    hidden_sky: list[LabelName] = Field(
        default=[], description="Labels of a sky that cannot be judged: cloud, moonlight, artefacts"
    )
    onset: LabelName | None = Field(
        default=None, description="Class whose beginning is an onset; null: onsets are not sought"
    )
    simulated: Simulated | None = Field(
        default=None, description="Labels of what the simulated sky shows; null: the set cannot be mapped from it"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problem = next(self._problems(), None)
        if problem:
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        yield from self._wrong_labels()
        yield from self._wrong_roles()

    def _wrong_labels(self) -> Iterator[str]:
        if len(self.classes) < 2:
            number = in_words(len(self.classes))
            yield f"the set has {number} class; a classifier needs two at least to tell apart"
        labels = [*self.classes, *self.exclusions]
        for what, values in (
            ("name", [label.name.lower() for label in labels]),
            ("title", [label.title.lower() for label in labels]),
            ("key", [label.key for label in labels]),
            ("colour", [label.colour.upper() for label in labels]),
        ):
            twice = next((value for value, count in Counter(values).items() if count > 1), None)
            if twice is not None:
                same = [label.name for label, value in zip(labels, values, strict=True) if value == twice]
                yield f"the labels {quoted(same)} have the same {what}, {twice!r}"
        for label in labels:
            if label.name.lower() in TAKEN_NAMES:
                yield f"a label cannot be named {label.name!r}, since a column or another word of the tables is"
            start = next((start for start in TAKEN_STARTS if label.name.lower().startswith(start)), None)
            if start is not None:
                yield f"the name {label.name!r} cannot begin with {start!r}, as columns of the tables do"
            if label.key in TAKEN_KEYS:
                use = TAKEN_KEYS[label.key]
                yield f"{label.name!r} has the key {label.key!r}, which is taken on the pages, by {use}"
            other = next((one for one in labels if one is not label and one.name.lower() == label.title.lower()), None)
            if other is not None:
                yield f"{label.name!r} has the title {label.title!r}, which is the name of another label"

    def _wrong_roles(self) -> Iterator[str]:
        names = self.names.labels
        roles = (("clear_sky", self.clear_sky, self.class_names), ("onset", self.onset, self.aurora))
        for key, named, fitting in roles:
            if named is not None and named not in fitting:
                kind = "classes" if key == "clear_sky" else "auroral classes"
                yield f"{key} is {named!r}, which is not one of the {kind} {quoted(fitting)}"
        used = self.simulated.used() if self.simulated else set()
        for key, several in (("hidden_sky", self.hidden_sky), ("simulated", sorted(used))):
            unknown = [name for name in several if name not in names]
            if unknown:
                yield f"{key} names {unknown[0]!r}, which is not one of the labels {quoted(self.names.labels)}"
        if self.clear_sky in self.hidden_sky:
            yield f"{self.clear_sky!r} stands for a clear and for a hidden sky"
        called = [name for name in names if name.lower() == AURORA]
        if called and self.aurora != tuple(called):
            yield (
                f"a label cannot be named {called[0]!r} beside other auroral classes, since tables call all of them "
                "together so"
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes in priority order."""
        return tuple(label.name for label in self.classes)

    @property
    def names(self) -> LabelNames:
        """What decides a data set of these labels."""
        exclusions = tuple(label.name for label in self.exclusions)
        return LabelNames(classes=self.class_names, exclusions=exclusions, hidden_sky=tuple(sorted({*self.hidden_sky})))

    @property
    def catalogue_labels(self) -> tuple[str, ...]:
        """The labels that a frame of the catalogue can have, in the order of flags, tables and pages."""
        return (*self.class_names, NOT_CLASSIFIED)

    @property
    def aurora(self) -> tuple[str, ...]:
        """The classes that show aurora under a sky that can be judged."""
        return tuple(name for name in self.judged if name != self.clear_sky)

    @property
    def without_aurora(self) -> list[Label]:
        """The other classes: a clear sky without aurora, and skies that cannot be judged."""
        return [label for label in self.classes if label.name not in self.aurora]

    @property
    def pooled(self) -> bool:
        """Whether all auroral classes together are counted as `AURORA` too; a class of that name needs no such sum."""
        return bool(self.aurora) and AURORA not in map(str.lower, self.class_names)

    @property
    def judged(self) -> tuple[str, ...]:
        """The classes of a sky that can be judged: those that can be observed."""
        return self.names.judged

    @cached_property
    def titles(self) -> dict[str, str]:
        """The titles of the labels, and of what a frame without a class is called."""
        return {label.name: label.title for label in (*self.classes, *self.exclusions)} | OUTCOMES

    @cached_property
    def colours(self) -> dict[str, str]:
        """The colours of the labels and of `not_classified`."""
        return self.label_colours | {NOT_CLASSIFIED: COLOUR_WITHOUT_CLASS}

    @property
    def label_colours(self) -> dict[str, str]:
        """The colours of the labels alone."""
        return {label.name: label.colour for label in (*self.classes, *self.exclusions)}

    @property
    def is_papers(self) -> bool:
        """Whether the labels are those of the paper, so that its numbers can stand beside."""
        return self.names.are_papers


def read_label_set(name: str | os.PathLike[str]) -> LabelSet:
    """A shipped set by its name, or one's own by the path of its YAML file.

    Raises `ConfigError` with a sentence for each thing that is wrong.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        return _shipped(str(name))
    return _checked(read_yaml(path, _EXPECTED, "; label_set of the release names it"), str(name))


def parse_label_set(text: str, source: str) -> LabelSet:
    """The set that a YAML text describes; source: where it is from, for messages. Errors are as in `read_label_set`."""
    return _checked(parse_yaml(text, source, _EXPECTED), source)


def _checked(raw: Mapping[str, Any], source: str) -> LabelSet:
    try:
        return LabelSet.model_validate(raw)
    except ValidationError as error:
        known = keys_of(LabelSet.model_json_schema())
        raise ConfigError("\n".join(problem_sentence(source, one, known) for one in error.errors())) from None


@cache
def _shipped(name: str) -> LabelSet:
    folder = files("norrsken").joinpath("label_sets")
    names = shipped_label_sets()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(
            f"there is no label set {name!r}{hint}. Those that come with norrsken are {quoted(names)}; one's own is "
            "named by the path of its .yaml file"
        )
    return parse_label_set(folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8"), f"label_sets/{name}.yaml")


def shipped_label_sets() -> list[str]:
    """The names of the sets that come with norrsken."""
    folder = files("norrsken").joinpath("label_sets")
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))


def label_set_schema() -> dict[str, Any]:
    """The JSON schema that editors check a label set with."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **LabelSet.model_json_schema()}
