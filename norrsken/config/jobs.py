"""The parts of the configuration that single jobs are given, so that a change elsewhere does not repeat them."""

from pydantic import Field

from norrsken.config.base import Name, Settings, is_none
from norrsken.config.colour import Response
from norrsken.config.context import Context
from norrsken.config.directories import Folders
from norrsken.config.label_set import DEFAULT, Label, LabelNames, LabelSet, read_label_set
from norrsken.config.models import Features, Model, Network
from norrsken.config.releases import Order
from norrsken.config.site import Camera, Conditions, Filter, KeogramSettings, Place, Site
from norrsken.config.splits import Split


class NightSettings(Settings):
    """What shapes the night tables and keograms of a month; `Config.night_settings` gathers it."""

    site: Place
    cameras: list[Camera]
    directories: str
    filter: Filter
    keogram: KeogramSettings
    clock: str = Field(default="UTC", exclude_if=lambda clock: clock == "UTC")
    folders: Folders = Field(default="day", exclude_if=lambda folders: folders == "day")
    masks: dict[str, str] = Field(default={}, exclude_if=lambda masks: not masks)


class KeogramPageSettings(Settings):
    """What the page of keograms shows besides the keograms; `Config.keogram_page_settings` gathers it."""

    site: Site
    filter: Filter


class NightPageSettings(Settings):
    """What the pages of the catalogue's nights show besides its tables; `Config.night_page_settings` gathers it."""

    site: Site
    filter: Filter
    label_set: LabelSet


class ConditionPageSettings(Conditions):
    """What shapes the page on which conditions are labelled; `Config.condition_page_settings` gathers it."""

    station: str


class LabellingSettings(Settings):
    """What shapes the labelling pages of a release; `Config.labelling_settings` gathers it.

    labels: those that are offered. references: where they are defined. of_class: the class whose frames are offered, in
    an earlier release.
    """

    release: Name
    longitude: float
    years: list[int]
    orders: dict[str, Order]
    every: int
    repeats: float
    seed: int
    labels: list[Label]
    references: list[str]
    of_class: str | None


class SampleSettings(Settings):
    """What shapes a balanced sample of a release's frames; `Config.sample_settings` gathers it.

    frames: how many are drawn. test_share: the share of the nights that are sampled by time, and of the frames drawn.
    """

    longitude: float
    years: list[int]
    frames: int
    test_share: float
    seed: int


class LabelSettings(Settings):
    """What shapes the labelled frames of a release; `Config.label_settings` gathers it.

    label_names: None: those of the paper. relabel: labels in the tables → labels of the set, or None. Where these are
    as they were before there were others, they are not written, so that nothing is made again for them.
    """

    station: str
    longitude: float
    years: list[int]
    label_names: LabelNames | None = Field(default=None, exclude_if=is_none)
    relabel: dict[str, str | None] = Field(default={}, exclude_if=lambda value: not value)
    context: Context | None = Field(default=None, exclude_if=is_none)

    @property
    def names(self) -> LabelNames:
        """The labels of the release's set."""
        return self.label_names or read_label_set(DEFAULT).names


class PublishedSettings(Settings):
    """What shapes the labelled frames of a published data set; `Config.published_settings` gathers it."""

    station: str
    longitude: float
    cameras: list[Camera]
    classes: list[str] | None


class RunSettings(Settings):
    """What shapes the runs of one model: its name, its own entry and the entry of its features, not those of others.

    context: of a sequence, the neighbours that it sees. frames: of a trained sequence, what sees each frame.
    """

    name: Name
    model: Model
    features: Features | None = None
    context: Context | None = Field(default=None, exclude_if=is_none)
    frames: Network | None = Field(default=None, exclude_if=is_none)


class FigureSettings(Settings):
    """What a figure of the report needs besides tables; `Config.figure_settings` sets only what this figure needs.

    folder: the folder of the release's results, in which the runs lie. root: the archive's root. nights: the folder in
    which each month has a folder of night tables.
    """

    folder: str = ""
    seeds: dict[Name, list[int]] = Field(default={})
    methods: dict[Name, str] = Field(default={})
    kinds: dict[Name, str] = Field(default={})
    responses: dict[str, Response] = Field(default={})
    cameras: list[Camera] = Field(default=[])
    up: float = 0.0
    root: str = ""
    nights: str = ""
    label_set: LabelSet | None = None


class ReportSettings(Settings):
    """What the report says of a release besides its tables."""

    site: Site
    name: Name
    title: str
    years: list[int]
    splits: dict[Name, Split]
    label_set: LabelSet
    source: str = "archive"


class ExportSettings(Settings):
    """What an exported catalogue says besides its tables; `Config.export_settings` gathers it."""

    release: Name
    title: str
    site: Site
    label_set: LabelSet
    licence: str = ""
