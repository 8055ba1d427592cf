"""The configuration: what `config.yaml` may say, checked before any job starts.

Only pydantic and the standard library are imported here: the Snakefile is parsed again for every job.
"""

import difflib
import math
import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from norrsken.classes import CLASSES
from norrsken.directories import DirectoryPattern
from norrsken.errors import NorrskenError
from norrsken.model_settings import Features, Model
from norrsken.settings import Name, Settings

#: Side of the processed frame in blocks (Kvammen et al. 2020, section 2.1, step 4).
CROP = 128

#: North pole of the geomagnetic dipole, degrees (IGRF-13, epoch 2015).
DIPOLE_POLE = (80.4, -72.6)

#: Folders of `results/` and of a release that are something else than a release and a split.
RESERVED_RELEASES = {"nights", "keograms", "logs", "benchmarks", "curation"}
RESERVED_SPLITS = {"features", "report", "catalogue", "labelling", "disagreements"}


class ConfigError(NorrskenError):
    """The configuration, or what it points to, cannot be worked with; the message is for the user."""


class Site(Settings):
    """Where the camera stands."""

    name: str = Field(description="Name of the place, for titles")
    station: Annotated[str, Field(pattern=r"^[A-Z0-9]+$")] = Field(description="Code that frame ids begin with")
    latitude: float = Field(ge=-90, le=90, description="Degrees north")
    longitude: float = Field(ge=-180, le=180, description="Degrees east")
    elevation: float = Field(ge=-500, le=9000, description="Metres above sea level")

    @model_validator(mode="after")
    def _not_exchanged(self) -> Self:
        here = dipole_latitude(self.latitude, self.longitude)
        there = dipole_latitude(self.longitude, self.latitude) if abs(self.longitude) <= 90 else 0.0
        if abs(here) < 45 < abs(there):
            raise ValueError(
                f"latitude {self.latitude} and longitude {self.longitude} look exchanged: the magnetic latitude there "
                f"is {here:.0f}°, where no aurora is seen, and {there:.0f}° the other way round"
            )
        return self


class Camera(Settings):
    """One camera of the archive, in force from `valid_from` until the next camera's date."""

    valid_from: date = Field(description="First UTC date on which this camera's frames are taken")
    name: str = Field(description="Make and lens, for people")
    width: int = Field(gt=0, description="Pixels of the archived JPEG")
    height: int = Field(gt=0, description="Pixels of the archived JPEG")
    rotate: Literal[0, 90, 180, 270] = Field(description="Degrees clockwise that bring north to the top")
    flip: bool = Field(description="Mirror east-west after the rotation, so that east is right")
    block: int = Field(ge=1, le=64, description="Side in pixels of the blocks that are averaged")
    pattern: str = Field(description="File name, in trollsift's notation; {time:…} is needed, {exposure_ms:…} read")
    response: dict[float, Annotated[float, Field(ge=0, le=1)]] = Field(
        default={}, exclude=True, description="Response at wavelengths in nm, relative to the highest; only drawn"
    )

    def __hash__(self) -> int:
        """Of some of what makes it another camera: the dict of responses has no hash."""
        return hash((self.valid_from, self.name, self.pattern))

    @field_validator("pattern")
    @classmethod
    def _has_time(cls, pattern: str) -> str:
        if "{time:%" not in pattern:
            raise ValueError(f"{pattern!r} has no time field, such as {{time:%Y%m%dT%H%M%S}}")
        if "/" in pattern:
            raise ValueError(f"{pattern!r} describes a file name; directories belong to archive.directories")
        return pattern

    @model_validator(mode="after")
    def _reaches_the_crop(self) -> Self:
        blocks = min(self.width, self.height) // self.block
        if blocks < CROP:
            raise ValueError(
                f"{self.width} × {self.height} pixels in blocks of {self.block} give {blocks} blocks on the short "
                f"side; the crop needs {CROP}"
            )
        return self


class FrameSource(Settings):
    """How frames were processed; goes with them from the night tables to the models that are trained on them."""

    processing: int = Field(description="`stages.PROCESSING`: which pixels a camera's frame gives")
    cameras: list[Camera]

    def __or__(self, other: Self) -> Self:
        cameras = self.cameras + [camera for camera in other.cameras if camera not in self.cameras]
        return self.model_copy(update={"cameras": sorted(cameras, key=lambda camera: camera.valid_from)})


class Archive(Settings):
    """Where the JPEGs lie."""

    root: str = Field(description="Folder of the archive")
    directories: str = Field(default="%Y/%m/%d", description="Leaf directories below root; %Y, %m, %d, %j, %H, in UTC")

    @field_validator("directories")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        DirectoryPattern(pattern)
        return pattern


class Filter(Settings):
    """Which frames are kept (section 2.1). Degrees, apparent altitude without refraction."""

    sun_altitude_max: float = Field(default=-15.0, ge=-90, le=90, description="Frames with the Sun above are left out")
    moon_altitude_max: float = Field(default=0.0, ge=-90, le=90, description="Frames with the Moon above are left out")


class KeogramSettings(Settings):
    """Which frames a keogram shows."""

    sun_altitude_max: float = Field(default=-10.0, ge=-90, le=90, description="Frames with the Sun above are left out")


class NightSettings(Settings):
    """What shapes the night tables and keograms of a month; `Config.night_settings` gathers it."""

    site: Site
    cameras: list[Camera]
    directories: str
    filter: Filter
    keogram: KeogramSettings


class Split(Settings):
    """How the clean frames of a release are divided into train and test."""

    method: Literal["random", "stratified", "night", "published"] = Field(
        description="random: any frame (the paper); stratified: by class; night: no night in both parts; "
        "published: as a published data set is divided"
    )
    test_share: float = Field(
        default=0.22, gt=0, lt=1, description="Share of frames for the test (the paper: 846/3846)"
    )
    seed: int = Field(default=0, ge=0, description="Seed of the division")


Order = Literal["time", "random"]
ClassName = Literal["breakup", "colored", "arcs", "discrete", "patchy", "edge", "faint"]


class Labelling(Settings):
    """The pages on which the annotators of a release label its frames."""

    orders: dict[Name, Order] = Field(
        default={},
        description="In which order an annotator sees the frames; unless said: the first by time, others random",
    )
    every: int = Field(default=1, ge=1, description="Only every n-th of the chosen frames is offered")
    repeats: float = Field(default=0.03, ge=0, le=0.5, description="Share of frames that are shown again, unannounced")
    seed: int = Field(default=0, ge=0, description="Seed of the orders")


class EventSettings(Settings):
    """What makes an event of the classified frames: an uninterrupted run of one class."""

    begins: float = Field(
        default=0.6, ge=0, le=1, description="Probability of a class from which an event of it begins"
    )
    ends: float = Field(default=0.4, ge=0, le=1, description="Probability of the class below which it ends")
    least_minutes: float = Field(default=2.0, ge=0, description="Shorter ones are left out")
    gap_minutes: float = Field(default=5.0, gt=0, description="Without a frame for longer, an event ends")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.ends > self.begins:
            raise ValueError(f"ends ({self.ends}) must not be above begins ({self.begins})")
        return self


class Catalogue(Settings):
    """The classification of every kept frame of the archive."""

    model: Name | None = Field(
        default=None, description="Entry of models whose runs are averaged; null: the best on validation frames"
    )
    precision: float = Field(
        default=0.9, ge=0.5, lt=1, description="Of what gets a class so much is right, on validation frames"
    )
    events: EventSettings = Field(default=EventSettings(), description="What makes an event of the classified frames")
    kp: str | None = Field(default=None, description="Table of the Kp index, columns time and kp; null: not used")
    licence: str = Field(default="", description="Licence of the exported catalogue, such as CC-BY-4.0")


class ArchiveRelease(Settings):
    """A named labelled data set, made of the archive's frames and the annotators' tables."""

    source: Literal["archive"] = Field(default="archive", description="The archive, or a published data set")
    title: str = Field(description="What it is, for the head of the report")
    years: list[Annotated[int, Field(ge=1900, le=2052)]] = Field(min_length=1, description="UTC years of its frames")
    labels: list[str] = Field(min_length=1, description="One table an annotator; the file's name is the annotator's")
    adjudicated: str | None = Field(
        default=None, description="Table of labels for frames on which the annotators disagree; null: they are left out"
    )
    selections: str | None = Field(
        default=None, description="Table of the times chosen from keograms; null: every kept frame counts"
    )
    labelling: Labelling = Field(default=Labelling(), description="The pages on which the annotators label frames")
    splits: dict[Name, Split] = Field(min_length=1, description="Named divisions; every model is run on each")
    catalogue: Catalogue | None = Field(
        default=Catalogue(), description="The classification of every kept frame; null: none is made"
    )
    frozen: bool = Field(default=False, description="Made once and for all; thaw it by deleting its labelled.parquet")

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

    @model_validator(mode="after")
    def _orders_of_annotators(self) -> Self:
        names = [Path(path).stem for path in self.labels]
        for name in self.labelling.orders:
            if name not in names:
                raise ValueError(f"labelling.orders has {name!r}, but labels has tables of {_listed(names)} only")
        return self


class PublishedRelease(Settings):
    """The data set that Kvammen et al. published (DataverseNO, doi 10.18710/SSA38J), as unpacked."""

    source: Literal["published"] = Field(description="The archive, or a published data set")
    title: str = Field(description="What it is, for the head of the report")
    path: str = Field(description="Folder that holds TrainingImages and TestImages")
    classes: list[ClassName] | None = Field(
        default=None,
        min_length=len(CLASSES),
        max_length=len(CLASSES),
        description="Classes in the order of the integers in file names; null: proved by Table 1's counts",
    )
    splits: dict[Name, Split] = Field(
        default={"published": Split(method="published")},
        min_length=1,
        description="Named divisions; every model is run on each",
    )

    @property
    def folders(self) -> dict[str, str]:
        """The folder of each part."""
        return {"train": f"{self.path}/TrainingImages", "test": f"{self.path}/TestImages"}

    @property
    def years(self) -> list[int]:
        """None of the archive's; like the following, so that a plan need not ask what kind of release it has."""
        return []

    @property
    def labels(self) -> list[str]:
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
            raise ValueError(f"names {_listed(classes)}; expected each of {_listed(CLASSES)} once")
        return classes


def _source(release: Any) -> str:
    found = release.get("source", "archive") if isinstance(release, dict) else release.source
    return str(found)


Release = Annotated[
    Annotated[ArchiveRelease, Tag("archive")] | Annotated[PublishedRelease, Tag("published")], Discriminator(_source)
]


class KeogramPageSettings(Settings):
    """What the page of keograms shows besides them; `Config.keogram_page_settings` gathers it."""

    site: Site
    filter: Filter


class LabellingSettings(Settings):
    """What shapes the labelling pages of a release; `Config.labelling_settings` gathers it."""

    release: Name
    longitude: float
    years: list[int]
    orders: dict[str, Order]
    every: int
    repeats: float
    seed: int


class LabelSettings(Settings):
    """What shapes the labelled frames of a release; `Config.label_settings` gathers it."""

    station: str
    longitude: float
    years: list[int]


class PublishedSettings(Settings):
    """What shapes the labelled frames of a published data set; `Config.published_settings` gathers it."""

    station: str
    longitude: float
    cameras: list[Camera]
    classes: list[ClassName] | None


class RunSettings(Settings):
    """What shapes the runs of one model: its name, its own entry and that of its features, no other's."""

    name: Name
    model: Model
    features: Features | None = None


class FigureSettings(Settings):
    """What a figure of the report needs besides tables; `Plan.figure_settings` gathers its own part."""

    release: Name
    seeds: list[int] = Field(default=[])
    methods: dict[Name, str] = Field(default={})
    kinds: dict[Name, str] = Field(default={})
    responses: dict[str, dict[float, float]] = Field(default={})
    cameras: list[Camera] = Field(default=[])
    root: str = ""


class ReportSettings(Settings):
    """What the report says of a release besides its tables."""

    site: Site
    name: Name
    title: str
    years: list[int]
    splits: dict[Name, Split]


class ExportSettings(Settings):
    """What an exported catalogue says besides its tables; `Config.export_settings` gathers it."""

    release: Name
    title: str
    site: Site
    licence: str = ""


class Config(Settings):
    """The whole of `config.yaml`."""

    site: Site
    cameras: list[Camera] = Field(min_length=1)
    archive: Archive
    filter: Filter = Filter()
    keogram: KeogramSettings = KeogramSettings()
    release: Name = Field(description="The release to work on; --config release=NAME picks another")
    releases: dict[Name, Release] = Field(min_length=1)
    features: dict[Name, Features] = Field(default={}, description="What is computed of the frames once a release")
    models: dict[Name, Model] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="One run of each model a seed")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        dates = [camera.valid_from for camera in self.cameras]
        if dates != sorted(set(dates)):
            raise ValueError("cameras must stand in order of valid_from, each date once")
        for name, release in self.releases.items():
            taken = [n for n in [name] if n in RESERVED_RELEASES] + [n for n in release.splits if n in RESERVED_SPLITS]
            if taken:
                raise ValueError(f"releases.{name}: {taken[0]!r} is the name of another folder of the results")
        if self.release not in self.releases:
            raise ValueError(f"release {self.release!r} is not under releases, which has {_listed(self.releases)}")
        if "run" in self.models:
            raise ValueError(
                "models.run: the target train_run would be the rule of that name; call the model otherwise"
            )
        for name, model in self.models.items():
            features = getattr(model, "features", None)
            if features is not None and features not in self.features:
                raise ValueError(
                    f"models.{name}.features is {features!r}, which is not under features: {_listed(self.features)}"
                )
        for name, release in self.releases.items():
            wanted = getattr(getattr(release, "catalogue", None), "model", None)
            if wanted is not None and wanted not in self.models:
                raise ValueError(
                    f"releases.{name}.catalogue.model is {wanted!r}, which is not under models: {_listed(self.models)}"
                )
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds has the same seed twice")
        return self

    # Each rule of the workflow sees only its own part, so that nothing else repeats it.

    def night_settings(self, cameras: list[Camera]) -> NightSettings:
        """For night tables of a time in which these cameras were in force."""
        return NightSettings(
            site=self.site,
            cameras=cameras,
            directories=self.archive.directories,
            filter=self.filter,
            keogram=self.keogram,
        )

    def keogram_page_settings(self) -> KeogramPageSettings:
        """For the page on which times are chosen."""
        return KeogramPageSettings(site=self.site, filter=self.filter)

    def labelling_settings(self, release: str) -> LabellingSettings:
        """For the labelling pages of a release: its annotators are those of its label tables."""
        chosen = self._of_archive(release)
        annotators = [Path(path).stem for path in chosen.labels]
        orders = {
            name: chosen.labelling.orders.get(name, "random" if i else "time") for i, name in enumerate(annotators)
        }
        return LabellingSettings(
            release=release,
            longitude=self.site.longitude,
            years=sorted(chosen.years),
            orders=orders,
            **chosen.labelling.model_dump(exclude={"orders"}),
        )

    def label_settings(self, release: str) -> LabelSettings:
        """For the labelled frames of a release."""
        chosen = self._of_archive(release)
        return LabelSettings(station=self.site.station, longitude=self.site.longitude, years=sorted(chosen.years))

    def published_settings(self, release: str) -> PublishedSettings:
        """For the labelled frames of a published data set, which the site's cameras took."""
        classes = getattr(self.releases[release], "classes", None)
        site = self.site
        return PublishedSettings(station=site.station, longitude=site.longitude, cameras=self.cameras, classes=classes)

    def _of_archive(self, release: str) -> ArchiveRelease:
        chosen = self.releases[release]
        if not isinstance(chosen, ArchiveRelease):
            raise ConfigError(f"release {release!r} is a published data set: nobody labels its frames here")
        return chosen

    def run_settings(self, model: str) -> RunSettings:
        """For the runs of a model."""
        name = getattr(self.models[model], "features", None)
        return RunSettings(name=model, model=self.models[model], features=self.features[name] if name else None)

    def export_settings(self, release: str) -> ExportSettings:
        """For the exported catalogue of a release."""
        chosen = self._of_archive(release)
        licence = "" if chosen.catalogue is None else chosen.catalogue.licence
        return ExportSettings(release=release, title=chosen.title, site=self.site, licence=licence)

    def report_settings(self, release: str) -> ReportSettings:
        """For the report of a release."""
        chosen = self.releases[release]
        return ReportSettings(
            site=self.site,
            name=release,
            title=chosen.title,
            years=sorted(chosen.years),
            splits=chosen.splits,
        )


def check(raw: dict[str, Any], source: str = "config.yaml") -> Config:
    """Return the checked configuration; raise `ConfigError` with a plain sentence for each thing that is wrong."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(source, problem) for problem in error.errors())) from None


def load(path: str | os.PathLike[str]) -> Config:
    """Read and check a configuration file."""
    import yaml

    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; name the configuration with --config") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected keys and values, such as site: and cameras:, found {type(raw).__name__}")
    return check(raw, str(path))


def dipole_latitude(latitude: float, longitude: float) -> float:
    """Latitude in degrees in the geomagnetic dipole's frame: good to a few degrees, enough to know the auroral zone."""
    phi, pole = math.radians(latitude), math.radians(DIPOLE_POLE[0])
    away = math.radians(longitude - DIPOLE_POLE[1])
    sine = math.sin(phi) * math.sin(pole) + math.cos(phi) * math.cos(pole) * math.cos(away)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def json_schema() -> dict[str, Any]:
    """The JSON schema that editors check `config.yaml` with."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def _sentence(source: str, problem: Any) -> str:
    """One pydantic problem as a sentence that names the key, what was found and what was expected."""
    # pydantic puts the discriminator's value into the path of a union: models.resnet18.network.epochs.
    location = list(problem["loc"])
    if location[:1] in (["features"], ["models"], ["releases"]) and location[2:3] not in ([], ["[key]"]):
        del location[2]
    key = ".".join(str(part) for part in location) or "the whole"
    found = problem["input"]
    match problem["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(str(location[-1]), _known_keys(), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            return f"{source}: {key}: there is no such key{hint}"
        case "missing":
            return f"{source}: {key}: this key is missing"
        case "value_error":
            return f"{source}: {key}: {problem['ctx']['error']}"
        case _:
            shown = f", found {found!r}" if not isinstance(found, dict | list) else ""
            return f"{source}: {key}: {problem['msg'][0].lower()}{problem['msg'][1:]}{shown}"


def _known_keys() -> set[str]:
    """All keys of all parts, for the hint at a misspelled one."""
    schema = Config.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    return {key for part in parts for key in part.get("properties", {})}


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names)) or "nothing"
