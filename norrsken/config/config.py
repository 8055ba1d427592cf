"""The configuration: what `config.yaml` may say, checked before any job starts.

Only pydantic and the standard library are imported here: the Snakefile is parsed again for every job.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from norrsken import paths
from norrsken.calendar import month_span
from norrsken.classes import CONDITIONS
from norrsken.config.base import ConfigError, Name, keys_of, located, problem_sentence
from norrsken.config.checks import check_catalogues, check_sequences
from norrsken.config.context import Context, seen_by
from norrsken.config.frames_release import FramesRelease, FramesSettings
from norrsken.config.general import GENERAL
from norrsken.config.jobs import (
    ConditionPageSettings,
    ExportSettings,
    FigureSettings,
    KeogramPageSettings,
    LabellingSettings,
    LabelSettings,
    NightPageSettings,
    NightSettings,
    PublishedSettings,
    ReportSettings,
    RunSettings,
    SampleSettings,
)
from norrsken.config.label_set import DEFAULT, LabelNames, LabelSet, read_label_set
from norrsken.config.models import Features, Model, SequenceNetwork
from norrsken.config.observatory import Observatory
from norrsken.config.releases import ArchiveRelease, Release
from norrsken.config.site import Archive, Camera, Conditions, Filter, KeogramSettings
from norrsken.config.yaml_files import read_yaml
from norrsken.config.yardsticks import Yardsticks, check_yardsticks
from norrsken.contents import WITHOUT_CLASSES
from norrsken.errors import quoted

#: Names that no release and no split can have, because other folders of `results/` and of a release have them.
RESERVED_RELEASES = {"nights", "keograms", "logs", "benchmarks", "curation"}
RESERVED_SPLITS = {"features", "report", "catalogue", "labelling", "disagreements", "yardsticks"}

#: The share of test nights in a balanced sample of a release that has no split by night.
SAMPLE_TEST_SHARE = 0.2


class Config(Observatory):
    """The whole of `config.yaml`."""

    archive: Archive
    filter: Filter = Filter()
    keogram: KeogramSettings = KeogramSettings()
    conditions: Conditions = Conditions()
    release: Name = Field(
        description="The release to work on; --config release=NAME picks another; where there is only one, the key may "
        "be left out"
    )
    releases: dict[Name, Release] = Field(min_length=1)
    features: dict[Name, Features] = Field(
        default={}, description="Features of the frames, which are computed once for each release"
    )
    models: dict[Name, Model] = Field(default={}, min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        default=[],
        min_length=1,
        description="Each model is run once with each of these seeds; one that needs none, with the first",
    )
    yardsticks: Yardsticks = Field(default=Yardsticks(), description="By what `snakemake yardsticks` judges models")

    @model_validator(mode="before")
    @classmethod
    def _the_only_release(cls, raw: Any) -> Any:
        releases = raw.get("releases") if isinstance(raw, dict) else None
        if isinstance(releases, dict) and len(releases) == 1 and "release" not in raw:
            return {**raw, "release": next(iter(releases))}
        return raw

    @field_validator("cameras")
    @classmethod
    def _names_tell_times(cls, cameras: list[Camera]) -> list[Camera]:
        for camera in cameras:
            if not camera.has_time:
                raise ValueError(f"pattern {camera.pattern!r} has no time field, such as {{time:%Y%m%dT%H%M%S}}")
        return cameras

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, release in self.releases.items():
            taken = [n for n in [name] if n in RESERVED_RELEASES] + [n for n in release.splits if n in RESERVED_SPLITS]
            if taken:
                raise ValueError(f"releases.{name}: {taken[0]!r} is the name of another folder of the results")
        if self.release not in self.releases:
            raise ValueError(f"release {self.release!r} is not under releases, which has {quoted(self.releases)}")
        self._check_training()
        self._check_general()
        check_catalogues(self.models, self.releases)
        check_yardsticks(self.yardsticks.models, self.models)
        for name in {"run", "otherwise"} & {*self.models}:
            raise ValueError(
                f"models.{name}: the target train_{name} would have the name of a rule; give the model another name"
            )
        for name, model in self.models.items():
            features = getattr(model, "features", None)
            if features is not None and features not in self.features:
                raise ValueError(
                    f"models.{name}.features is {features!r}, which is not under features: {quoted(self.features)}"
                )
        if self.releases[self.release].splits:
            check_sequences(self.models, self._context, self.release)
        for name, release in self.releases.items():
            of = release.labelling.of if isinstance(release, ArchiveRelease) else None
            if of is not None and (of.release == name or of.release not in self.releases):
                raise ValueError(
                    f"releases.{name}.labelling.of.release is {of.release!r}; expected another one of "
                    f"{quoted(self.releases)}"
                )
            if of is not None and not isinstance(self.releases[of.release], ArchiveRelease):
                raise ValueError(f"releases.{name}.labelling.of.release is {of.release!r}, which is not of the archive")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds has the same seed twice")
        return self

    def _check_training(self) -> None:
        """Raise `ValueError` where a release shall be trained on, and it is not said how."""
        trained = next((name for name, release in self.releases.items() if release.splits), None)
        for key in ("models", "seeds"):
            if trained is not None and not getattr(self, key):
                raise ValueError(
                    f"{key} is missing: releases.{trained} has splits, on each of which every model is run"
                )

    def _check_general(self) -> None:
        """Raise `ValueError` where a model takes the general classifier's name, or where that can classify nothing."""
        if GENERAL in self.models:
            raise ValueError(
                f"models.{GENERAL}: the classifier that comes with norrsken has this name; give the model another"
            )
        users = [name for name, release in self.releases.items() if getattr(release, "is_general", False)]
        if users and not any(camera.on_reference_grid for camera in self.cameras):
            raise ValueError(
                f"releases.{users[0]}.catalogue.model is {GENERAL!r}, which knows frames on the reference grid only, "
                "but no entry of cameras has a lens, which brings frames to it; see docs/cameras.md"
            )

    def model(self, name: str) -> Model:
        """An entry of models; raises `ConfigError` where there is none of that name."""
        if name not in self.models:
            raise ConfigError(f"models has no entry {name!r}; it has {', '.join(self.models)}")
        return self.models[name]

    def of_release(self, months: Iterable[str]) -> Self:
        """The same for the release to work on.

        Where it names no years, it has those that these months reach into. Where it has no context, there are no models
        that see frames between their neighbours.
        """
        release = self.releases[self.release]
        if self._context is None and self.sequences:
            alone = {name: model for name, model in self.models.items() if name not in self.sequences}
            return self.model_copy(update={"models": alone}).of_release(months)
        if not isinstance(release, ArchiveRelease) or release.years:
            return self
        spans = [month_span(month, self.site.longitude) for month in months]
        years = sorted({time.year for span in spans for time in span})
        return self.model_copy(
            update={"releases": {**self.releases, self.release: release.model_copy(update={"years": years})}}
        )

    def seeds_of(self, model: str) -> list[int]:
        """The seeds with which a model is run: one where its runs are all alike."""
        return self.seeds if self.models[model].seeded else self.seeds[:1]

    def label_set(self, release: str) -> LabelSet:
        """The label set of a release; raises `ConfigError` where it cannot be used, or the release does not fit it."""
        chosen = self.releases[release]
        label_set = read_label_set(chosen.label_set)
        known = label_set.names.labels
        named = {}
        if isinstance(chosen, ArchiveRelease | FramesRelease):
            named["relabel"] = [label for label in chosen.relabel.values() if label is not None]
        if isinstance(chosen, ArchiveRelease) and chosen.labelling.of is not None:
            named["labelling.of.into"] = chosen.labelling.of.into
        for key, labels in named.items():
            unknown = [label for label in labels if label not in known]
            if unknown:
                raise ConfigError(
                    f"releases.{release}.{key} names {unknown[0]!r}, which is not a label of the set "
                    f"{chosen.label_set!r}: {quoted(known)}"
                )
        tells = read_label_set(DEFAULT).class_names
        if isinstance(chosen, ArchiveRelease) and chosen.is_general and label_set.class_names != tells:
            raise ConfigError(
                f"releases.{release}.catalogue.model is {GENERAL!r}, which tells {quoted(tells)} apart; the label set "
                f"{chosen.label_set!r} has the classes {quoted(label_set.class_names)}: expected {DEFAULT}, or another "
                "catalogue.model"
            )
        return label_set

    # Each rule of the workflow is given only the part that it needs: a change elsewhere does not repeat its jobs.

    def night_settings(self, cameras: list[Camera], masks: Mapping[str, str] | None = None) -> NightSettings:
        """The settings of night tables for a time in which these cameras were in force.

        masks: SHA-256 of the files of cameras' masks, so that another picture in one of them makes the tables anew.
        """
        of_these = {str(camera.mask) for camera in cameras}
        return NightSettings(
            site=self.site.place,
            cameras=cameras,
            directories=self.archive.directories,
            filter=self.filter,
            keogram=self.keogram,
            clock=self.archive.clock,
            folders=self.archive.folders,
            masks={path: digest for path, digest in (masks or {}).items() if path in of_these},
        )

    def keogram_page_settings(self) -> KeogramPageSettings:
        """The settings of the page on which times are chosen from keograms."""
        return KeogramPageSettings(site=self.site, filter=self.filter)

    def condition_page_settings(self) -> ConditionPageSettings:
        """The settings of the page on which the condition of the sky is labelled."""
        return ConditionPageSettings(station=self.site.station, **self.conditions.model_dump())

    def condition_labels(self) -> LabelSettings:
        """The settings of the table of labelled conditions: its frames may be of all years."""
        names = LabelNames(classes=CONDITIONS, exclusions=(), hidden_sky=())
        site = self.site
        return LabelSettings(station=site.station, longitude=site.longitude, years=[], label_names=names)

    def night_page_settings(self, release: str) -> NightPageSettings:
        """The settings of the pages of a release's classified nights."""
        return NightPageSettings(site=self.site, filter=self.filter, label_set=self.label_set(release))

    def labelling_settings(self, release: str) -> LabellingSettings:
        """The settings of a release's labelling pages; its annotators are those of its label tables."""
        chosen = self._of_archive(release)
        annotators = [Path(path).stem for path in chosen.labels]
        orders = {
            name: chosen.labelling.orders.get(name, "random" if i else "time") for i, name in enumerate(annotators)
        }
        label_set, of = self.label_set(release), chosen.labelling.of
        into = of.into if of is not None and of.into else label_set.class_names
        return LabellingSettings(
            release=release,
            longitude=self.site.longitude,
            years=sorted(chosen.years),
            orders=orders,
            labels=[label for label in label_set.classes if label.name in into] + label_set.exclusions,
            references=label_set.references,
            of_class=None if of is None else of.label,
            **chosen.labelling.model_dump(exclude={"orders", "of", "sample", "frames"}),
        )

    def sample_settings(self, release: str) -> SampleSettings:
        """The settings of a release's balanced sample; raises `ConfigError` where the release draws none."""
        chosen = self._of_archive(release)
        if chosen.labelling.frames is None:
            raise ConfigError(f"releases.{release}.labelling.sample is all: no sample is drawn")
        shares = [split.test_share for split in chosen.splits.values() if split.method == "night"]
        return SampleSettings(
            longitude=self.site.longitude,
            years=sorted(chosen.years),
            frames=chosen.labelling.frames,
            test_share=next(iter(shares), SAMPLE_TEST_SHARE),
            seed=chosen.labelling.seed,
        )

    def label_settings(self, release: str) -> LabelSettings:
        """The settings of a release's labelled frames."""
        chosen = self._of_archive(release)
        site, names = self.site, self.label_set(release).names
        return LabelSettings(
            station=site.station,
            longitude=site.longitude,
            years=sorted(chosen.years),
            label_names=None if names == read_label_set(DEFAULT).names else names,
            relabel=chosen.relabel,
            context=chosen.context,
        )

    def published_settings(self, release: str) -> PublishedSettings:
        """The settings of a published data set's labelled frames, which the site's cameras took."""
        classes = getattr(self.releases[release], "classes", None)
        site = self.site
        return PublishedSettings(station=site.station, longitude=site.longitude, cameras=self.cameras, classes=classes)

    def frames_settings(self, release: str) -> FramesSettings:
        """The settings of the labelled frames of a folder of pictures."""
        chosen = self.releases[release]
        if not isinstance(chosen, FramesRelease):
            raise ConfigError(f"release {release!r} is not made of a folder of pictures")
        return FramesSettings(
            longitude=self.site.longitude,
            columns=chosen.columns,
            file=chosen.file,
            relabel=chosen.relabel,
            label_names=self.label_set(release).names,
        )

    def _of_archive(self, release: str) -> ArchiveRelease:
        chosen = self.releases[release]
        if not isinstance(chosen, ArchiveRelease):
            raise ConfigError(f"release {release!r} is not of the archive: nobody labels its frames here")
        return chosen

    def run_settings(self, model: str) -> RunSettings:
        """The settings of a model's runs."""
        entry = self.models[model]
        name = getattr(entry, "features", None)
        return RunSettings(
            name=model,
            model=entry,
            features=self.features[name] if name else None,
            context=seen_by(entry, self._context, self.release) if isinstance(entry, SequenceNetwork) else None,
        )

    @property
    def sequences(self) -> list[str]:
        """The models that see frames between their neighbours."""
        return [name for name, model in self.models.items() if isinstance(model, SequenceNetwork)]

    @property
    def _context(self) -> Context | None:
        """The neighbours that the release to work on holds of its frames."""
        return getattr(self.releases[self.release], "context", None)

    def figure_settings(self, release: str, figure: str) -> dict[str, Any]:
        """The settings of a figure of a release's report, only those that this figure shows, in plain types."""
        shown = {} if figure in WITHOUT_CLASSES else {"label_set": self.label_set(release)}
        match figure:
            case "response":
                settings = FigureSettings(responses={c.name: c.response for c in self.cameras if c.response})
            case "processing":
                nights, root = os.path.dirname(paths.NIGHTS), self.archive.root
                settings = FigureSettings(cameras=self.cameras, up=self.site.up, root=root, nights=nights)
            case "samples":
                settings = FigureSettings(**shown)
            case _:
                settings = FigureSettings(
                    **shown,
                    folder=paths.RELEASE.format(release=release),
                    seeds={name: self.seeds_of(name) for name in self.models},
                    methods={name: split.method for name, split in self.releases[release].splits.items()},
                    kinds={name: model.kind for name, model in self.models.items()},
                )
        return settings.model_dump(mode="json", exclude_unset=True)

    def export_settings(self, release: str) -> ExportSettings:
        """The settings of a release's exported catalogue."""
        chosen = self._of_archive(release)
        licence = "" if chosen.catalogue is None else chosen.catalogue.licence
        return ExportSettings(
            release=release, title=chosen.title, site=self.site, licence=licence, label_set=self.label_set(release)
        )

    def report_settings(self, release: str) -> ReportSettings:
        """The settings of a release's report."""
        chosen = self.releases[release]
        return ReportSettings(
            site=self.site,
            name=release,
            title=chosen.title,
            years=sorted(chosen.years),
            splits=chosen.splits,
            label_set=self.label_set(release),
            source=chosen.source,
        )


def check(raw: dict[str, Any], source: str = "config.yaml") -> Config:
    """Return the checked configuration; raise `ConfigError` with a plain sentence for each thing that is wrong."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        keys = keys_of(Config.model_json_schema())
        sentences = (problem_sentence(source, located(problem), keys) for problem in error.errors())
        raise ConfigError("\n".join(sentences)) from None


def load(path: str | os.PathLike[str]) -> Config:
    """Read and check a configuration file."""
    return check(read_yaml(path, "site: and cameras:", "; name the configuration with --config"), str(path))


def json_schema() -> dict[str, Any]:
    """The JSON schema that editors check `config.yaml` with."""
    schema = Config.model_json_schema()
    schema["required"].remove("release")  # `Config` takes the only one where there is but one
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
