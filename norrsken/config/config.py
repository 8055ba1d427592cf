"""The configuration: what `config.yaml` may say, checked before any job starts.

Only pydantic and the standard library are imported here: the Snakefile is parsed again for every job.
"""

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from norrsken.config.base import ConfigError, Name, Settings
from norrsken.config.jobs import (
    ExportSettings,
    KeogramPageSettings,
    LabellingSettings,
    LabelSettings,
    NightSettings,
    PublishedSettings,
    ReportSettings,
    RunSettings,
)
from norrsken.config.models import Features, Model
from norrsken.config.releases import ArchiveRelease, Release
from norrsken.config.site import Archive, Camera, Filter, KeogramSettings, Site
from norrsken.errors import quoted

#: Names that no release and no split can have, because other folders of `results/` and of a release have them.
RESERVED_RELEASES = {"nights", "keograms", "logs", "benchmarks", "curation"}
RESERVED_SPLITS = {"features", "report", "catalogue", "labelling", "disagreements"}


class Config(Settings):
    """The whole of `config.yaml`."""

    site: Site
    cameras: list[Camera] = Field(min_length=1)
    archive: Archive
    filter: Filter = Filter()
    keogram: KeogramSettings = KeogramSettings()
    release: Name = Field(description="The release to work on; --config release=NAME picks another")
    releases: dict[Name, Release] = Field(min_length=1)
    features: dict[Name, Features] = Field(
        default={}, description="Features of the frames, which are computed once for each release"
    )
    models: dict[Name, Model] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Each model is run once with each of these seeds"
    )

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
            raise ValueError(f"release {self.release!r} is not under releases, which has {quoted(self.releases)}")
        if "run" in self.models:
            raise ValueError(
                "models.run: the target train_run would have the name of a rule; give the model another name"
            )
        for name, model in self.models.items():
            features = getattr(model, "features", None)
            if features is not None and features not in self.features:
                raise ValueError(
                    f"models.{name}.features is {features!r}, which is not under features: {quoted(self.features)}"
                )
        for name, release in self.releases.items():
            wanted = getattr(getattr(release, "catalogue", None), "model", None)
            if wanted is not None and wanted not in self.models:
                raise ValueError(
                    f"releases.{name}.catalogue.model is {wanted!r}, which is not under models: {quoted(self.models)}"
                )
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds has the same seed twice")
        return self

    def model(self, name: str) -> Model:
        """An entry of models; raises `ConfigError` where there is none of that name."""
        if name not in self.models:
            raise ConfigError(f"models has no entry {name!r}; it has {', '.join(self.models)}")
        return self.models[name]

    # Each rule of the workflow is given only the part that it needs: a change elsewhere does not repeat its jobs.

    def night_settings(self, cameras: list[Camera]) -> NightSettings:
        """The settings of night tables for a time in which these cameras were in force."""
        return NightSettings(
            site=self.site,
            cameras=cameras,
            directories=self.archive.directories,
            filter=self.filter,
            keogram=self.keogram,
        )

    def keogram_page_settings(self) -> KeogramPageSettings:
        """The settings of the page on which times are chosen from keograms."""
        return KeogramPageSettings(site=self.site, filter=self.filter)

    def labelling_settings(self, release: str) -> LabellingSettings:
        """The settings of a release's labelling pages; its annotators are those of its label tables."""
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
        """The settings of a release's labelled frames."""
        chosen = self._of_archive(release)
        return LabelSettings(station=self.site.station, longitude=self.site.longitude, years=sorted(chosen.years))

    def published_settings(self, release: str) -> PublishedSettings:
        """The settings of a published data set's labelled frames, which the site's cameras took."""
        classes = getattr(self.releases[release], "classes", None)
        site = self.site
        return PublishedSettings(station=site.station, longitude=site.longitude, cameras=self.cameras, classes=classes)

    def _of_archive(self, release: str) -> ArchiveRelease:
        chosen = self.releases[release]
        if not isinstance(chosen, ArchiveRelease):
            raise ConfigError(f"release {release!r} is a published data set: nobody labels its frames here")
        return chosen

    def run_settings(self, model: str) -> RunSettings:
        """The settings of a model's runs."""
        name = getattr(self.models[model], "features", None)
        return RunSettings(name=model, model=self.models[model], features=self.features[name] if name else None)

    def export_settings(self, release: str) -> ExportSettings:
        """The settings of a release's exported catalogue."""
        chosen = self._of_archive(release)
        licence = "" if chosen.catalogue is None else chosen.catalogue.licence
        return ExportSettings(release=release, title=chosen.title, site=self.site, licence=licence)

    def report_settings(self, release: str) -> ReportSettings:
        """The settings of a release's report."""
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
    value = problem["input"]
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
            ending = f", found {value!r}" if not isinstance(value, dict | list) else ""
            return f"{source}: {key}: {problem['msg'][0].lower()}{problem['msg'][1:]}{ending}"


def _known_keys() -> set[str]:
    """All keys of all parts, for the hint at a misspelled one."""
    schema = Config.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    return {key for part in parts for key in part.get("properties", {})}
