"""What the workflow has to make for a configuration: months of the archive, files of a release.

Nothing heavy is imported here: the Snakefile is parsed again for every job.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from norrsken import paths
from norrsken.calendar import beside_in_polar_night, month_span, months_of_years
from norrsken.config.base import ConfigError
from norrsken.config.config import Config
from norrsken.config.general import GENERAL
from norrsken.config.label_set import LabelSet
from norrsken.config.models import OnGpu, SequenceNetwork, weights_file
from norrsken.config.releases import ArchiveRelease, Audit, Catalogue, ClassFrames, Release, draws_sample
from norrsken.config.yardsticks import can_be_judged
from norrsken.contents import FIGURES, OCCURRENCE
from norrsken.nights.names import cameras_between
from norrsken.survey import Survey, look


class Plan:
    """The files that a configuration asks for. `targets.up_to` makes complete lists of them."""

    def __init__(self, config: Config, survey: Survey | None = None) -> None:
        """survey: what was found on the disk; None: it is looked up now, and `look` may raise `ConfigError`."""
        self.name = config.release
        self.label_set: LabelSet = config.label_set(self.name)
        self.survey = look(config) if survey is None else survey
        #: The months of the archive, and those that it has no more but of which tables are there.
        self.months = sorted([*self.survey.months, *self.survey.lost])
        self.config = config.of_release(self.months)
        self.idle = [name for name in config.models if name not in self.config.models]  # for want of a context
        self.release: Release = self.config.releases[self.name]
        #: Where the frames of a release that is not of the archive come from, by name; none for one of the archive.
        self.sources: dict[str, str] = getattr(self.release, "sources", {})

    @property
    def frozen(self) -> bool:
        """Whether the release's labelled frames are a source now, which nothing remakes."""
        return self.survey.frozen

    @property
    def trains(self) -> bool:
        """Whether models are trained on the release, so that there is a report."""
        return bool(self.release.splits)

    @property
    def has_labels(self) -> bool:
        """Whether the release has labelled frames. Where nothing is trained on them, their tables may come later."""
        return self.trains or self.frozen or bool(self.release.labels and not self.survey.unlabelled)

    # One month

    def night_settings(self, month: str) -> dict[str, Any]:
        """The settings of a month's tables; a camera that comes later does not change them."""
        cameras = cameras_between(self.config.cameras, *month_span(month, self.config.site.longitude))
        return self.config.night_settings(cameras, self.survey.masks).plain()

    def all_months(self, path: str) -> list[str]:
        """A path for each month."""
        return [path.replace("{month}", month) for month in self.months]

    # One release

    @property
    def labelled(self) -> str:
        return paths.LABELLED.format(release=self.name)

    @property
    def dataset(self) -> str:
        return paths.DATASET.format(release=self.name)

    @property
    def release_months(self) -> list[str]:
        """The directories of the night tables that the release's years reach into."""
        wanted = months_of_years(self.release.years)
        return [paths.NIGHTS.format(month=month) for month in self.months if month in wanted]

    @property
    def adjudicated(self) -> list[str]:
        """The table of settled disagreements: one or none."""
        return [] if self.release.adjudicated is None else [self.release.adjudicated]

    @property
    def earlier(self) -> list[str]:
        """The labelled frames of another release, of which one class is labelled again: one or none.

        Raises `ConfigError` where they are not there, since no rule of this release makes them.
        """
        of = self._divided_class
        path = "" if of is None else paths.LABELLED.format(release=of.release)
        if of is not None and not os.path.exists(path):
            raise ConfigError(
                f"releases.{self.name}.labelling.of: there is no {path!r} yet; make it with "
                f"snakemake labels --config release={of.release}"
            )
        return [path] if path else []

    @property
    def divides(self) -> bool:
        """Whether the labelling pages offer the frames of a class of another release, not those of the archive."""
        return self._divided_class is not None

    @property
    def _divided_class(self) -> ClassFrames | None:
        return self.release.labelling.of if isinstance(self.release, ArchiveRelease) else None

    @property
    def sample(self) -> list[str]:
        """The table of the balanced sample that the labelling pages offer: one or none."""
        return [paths.SAMPLE.format(release=self.name)] if draws_sample(self.release) else []

    @property
    def selections(self) -> list[str]:
        """The table of chosen times: one or none."""
        return [] if self.release.selections is None else [self.release.selections]

    @property
    def figures(self) -> list[str]:
        """The figures of the report, in its order; a published data set and models without epochs do not have all."""
        networks = any(model.kind == "network" for model in self.config.models.values())
        response = any(camera.response for camera in self.config.cameras)
        wanted = {"response": response, "processing": not self.sources, "curves": networks}
        return [name for name in FIGURES if wanted.get(name, True)]

    @property
    def counts(self) -> dict[str, str]:
        """The files that count the archive's frames: of a frozen release those that exist, of other frames none."""
        if self.sources:
            return {}
        files = {name: path.format(release=self.name) for name, path in paths.COUNTS.items()}
        return {name: path for name, path in files.items() if not self.frozen or name in self.survey.counted}

    # Its catalogue

    @property
    def catalogue(self) -> Catalogue | None:
        """How every kept frame is classified; None where no catalogue is wanted, and for frames from elsewhere."""
        return getattr(self.release, "catalogue", None)

    @property
    def is_general(self) -> bool:
        """Whether the general classifier makes the catalogue."""
        return getattr(self.release, "is_general", False)

    @property
    def general(self) -> list[str]:
        """Where the files of the general classifier are copied to for the catalogue, its classifier.json first."""
        return [paths.CLASSIFIER.replace("classifier.json", name) for name in self.survey.general]

    @property
    def classifies(self) -> bool:
        """Whether a catalogue is made: it needs frames to classify, and a model that can be chosen for it."""
        return bool(self.months) and (self.is_general or bool(self.candidates))

    def audit_settings(self, audit: Audit) -> dict[str, Any]:
        """What shapes the audit's pages: those of the release's labelling pages, for the auditors."""
        auditors = [Path(path).stem for path in audit.tables(self.name)]
        settings = self.config.labelling_settings(self.name)
        labels = [*self.label_set.classes, *self.label_set.exclusions]
        more = {"orders": dict.fromkeys(auditors, "random"), "seed": audit.seed, "of_class": None, "every": 1}
        return settings.model_copy(update={**more, "labels": labels}).plain()

    @property
    def audit(self) -> list[str]:
        """The table that judges the catalogue by its audit: one or none."""
        return [paths.AUDIT.format(release=self.name)] if self.classifies and self.survey.audited else []

    @property
    def audited(self) -> list[str]:
        """That table and what it judges, on which the report then stands; none where there is no such table."""
        months = [path.format(release=self.name) for path in self.all_months(paths.CATALOGUE)]
        return [*months, *self.audit] if self.audit else []

    @property
    def own_classifier(self) -> list[str]:
        """The `classifier.json` that models of the release make for its catalogue: one or none."""
        return [paths.CLASSIFIER.format(release=self.name)] if self.classifies and self.candidates else []

    @property
    def catalogue_split(self) -> str:
        """The split whose runs classify the archive: the first by night, since its scores hold for other nights."""
        splits = self.release.splits
        return next((name for name, split in splits.items() if split.method == "night"), next(iter(splits)))

    @property
    def candidates(self) -> list[str]:
        """The release's models of which the best on validation frames classifies the archive; one where it is named."""
        if self.catalogue is None or self.is_general:
            return []
        if self.catalogue.model is not None:
            return [self.catalogue.model]
        models = self.config.models.items()
        method = self.release.splits[self.catalogue_split].method
        smooth = self.catalogue.smoothing  # what looks at the frames before and after is not smoothed besides
        able = [name for name, model in models if not (smooth and isinstance(model, SequenceNetwork))]
        return [name for name in able if self.config.models[name].kept_out(method) > 0]

    def months_beside(self, month: str) -> list[str]:
        """The night tables of the months before and after, where a sequence may see frames of them."""
        if not any(self._frames_of(model) for model in self.candidates):
            return []
        dark = beside_in_polar_night(month, self.config.site.latitude, self.config.filter.sun_altitude_max)
        return [paths.NIGHTS.format(month=other) for other in dark if other in self.months]

    def most_of(self, resource: str, names: Iterable[str] = ()) -> int:
        """The most threads or GPUs that one of the models, or their features, asks for.

        names: of models; none: the candidates, and what networks ask for where the general classifier is used.
        """
        if self.is_general and not names:
            return int(OnGpu.model_fields[resource].default)
        models = [self.config.models[name] for name in names or self.candidates]
        features = [self.config.features.get(getattr(model, "features", None) or "") for model in models]
        return max(int(getattr(entry, resource, 0)) for entry in (*models, *features))

    @property
    def occurrence_by(self) -> list[str]:
        """What occurrence is counted by."""
        by_kp = self.catalogue is not None and self.catalogue.kp is not None
        return [by for by in OCCURRENCE if by != "kp" or by_kp]

    @property
    def truth(self) -> str | None:
        """The truth of a simulated archive; None for a real one, and for labels that the simulation does not know."""
        return None if self.label_set.simulated is None else self.survey.truth

    def features(self, models: Iterable[str]) -> list[str]:
        """The files of features that models need, each once; one model needs one or none."""
        needed = {getattr(self.config.model(model), "features", None) for model in models}
        return [paths.FEATURES.format(release=self.name, features=name) for name in sorted(filter(None, needed))]

    def weights(self, features: str) -> list[str]:
        """The file of weights with which features are computed: one or none."""
        return weights_file(self.config.features[features])

    def weights_of(self, model: str) -> list[str]:
        """The file of weights from which a network starts: one or none."""
        return weights_file(self.config.model(model))

    def labelled_of(self, model: str) -> list[str]:
        """The labelled frames, where a model is trained on more than the clean ones: on votes, or on neighbours."""
        return [self.labelled] if model in self._learn_votes or self._frames_of(model) else []

    @property
    def _learn_votes(self) -> list[str]:
        return [name for name, model in self.config.models.items() if getattr(model, "targets", None) == "votes"]

    def _frames_of(self, model: str) -> str | None:
        """What sees each frame of a sequence: a model, or general; None of other models."""
        entry = self.config.model(model)
        return entry.frames if isinstance(entry, SequenceNetwork) else None

    def with_frames(self, models: Iterable[str]) -> list[str]:
        """These models and, before each sequence, the one whose runs see its frames; each once."""
        pairs = [(self._frames_of(model), model) for model in models]
        return [name for name in dict.fromkeys(chain.from_iterable(pairs)) if name not in (None, GENERAL)]

    def frames_run(self, model: str, split: str, seed: str) -> list[str]:
        """The metrics of the run whose model sees each frame of a sequence's run: one or none."""
        run = paths.METRICS.format(release=self.name, split=split, model=self._frames_of(model), seed=seed)
        return [] if self._frames_of(model) in (None, GENERAL) else [run]

    @property
    def judged_votes(self) -> dict[tuple[str, str], str]:
        """Split by night and model → the file that judges the model by frames on which annotators differ.

        None where no model is trained on such frames.
        """
        splits = [name for name, split in self.release.splits.items() if split.method == "night"]
        pairs = [(split, model) for split in splits for model in self.config.models if self._learn_votes]
        return {(s, m): paths.JUDGED_VOTES.format(release=self.name, split=s, model=m) for s, m in pairs}

    @property
    def votes(self) -> list[str]:
        """The table of these: one or none."""
        return [paths.VOTES.format(release=self.name)] if self.judged_votes else []

    # Its yardsticks

    @property
    def judged(self) -> list[str]:
        """The models that `snakemake yardsticks` judges."""
        able = [name for name, model in self.config.models.items() if can_be_judged(model)]
        named = None if self.catalogue is None else self.catalogue.model
        return self.config.yardsticks.models or [name for name in able if name == named] or able

    def judged_seeds(self, model: str) -> list[int]:
        """The seeds of the runs of a model that are judged."""
        return self.config.seeds_of(model)[: self.config.yardsticks.runs]

    def judged_runs(self, path: str, model: str) -> list[str]:
        """A file of each of these runs, on the split of the catalogue."""
        return [
            path.format(release=self.name, split=self.catalogue_split, model=model, seed=seed)
            for seed in self.judged_seeds(model)
        ]

    @property
    def yardsticks(self) -> dict[str, list[str]]:
        """Their summary and its SHA-256, where they were made, so that the report shows them as they are now."""
        found = self.survey.yardsticks
        return {"yardsticks": [paths.YARDSTICK_SUMMARY.format(release=self.name), found]} if found else {}

    @property
    def judged_now(self) -> list[str]:
        """The metrics of the runs that would be judged now, where the report shows yardsticks."""
        return [path for model in self.judged if self.yardsticks for path in self.judged_runs(paths.METRICS, model)]

    @property
    def other_divisions(self) -> list[str]:
        """The divisions of the data set on which a judged model is trained anew, by their names in paths."""
        years, cameras = sorted(self.release.years), []
        if years:
            begin, end = datetime(years[0], 1, 1, tzinfo=UTC), datetime(years[-1] + 1, 1, 1, tzinfo=UTC)
            cameras = cameras_between(self.config.cameras, begin, end)
        by_night = self.release.splits[self.catalogue_split].method == "night"
        return [
            *([paths.SAME_NIGHTS] if by_night else []),
            *(f"year-{year}" for year in years if by_night and len(years) > 1),
            *(f"camera-{camera.valid_from}" for camera in cameras if by_night and len(cameras) > 1),
            *(f"{paths.FEWER}{number}" for number in sorted(self.config.yardsticks.labelled)),
        ]

    def otherwise(self, model: str) -> dict[str, list[str]]:
        """What a judged model says on each other division, with each seed: division → files."""
        return {
            part: [
                paths.OTHERWISE.format(release=self.name, model=model, part=part, seed=seed)
                for seed in self.judged_seeds(model)
            ]
            for part in self.other_divisions
        }

    def metrics(self, models: Iterable[str], splits: Iterable[str] | None = None) -> list[str]:
        """The metrics of the models' runs, on these splits or on all."""
        return self._of_runs(paths.METRICS, models, splits or self.release.splits)

    def _of_runs(self, path: str, models: Iterable[str], splits: Iterable[str]) -> list[str]:
        """A file of each run of the models on the splits."""
        return [
            path.format(release=self.name, split=split, model=model, seed=seed)
            for split in splits
            for model in models
            for seed in self.config.seeds_of(model)
        ]

    def predictions(self, models: Iterable[str], splits: Iterable[str] | None = None) -> list[str]:
        """The predictions of the models' runs, in the order of `metrics`."""
        return self._of_runs(paths.PREDICTIONS, models, splits or self.release.splits)

    def histories(self, models: Iterable[str], splits: Iterable[str]) -> list[str]:
        """The histories of the models' runs on these splits, in the order of `metrics`."""
        return self._of_runs(paths.HISTORY, models, splits)

    def validations(self, models: Iterable[str], splits: Iterable[str] | None = None) -> list[str]:
        """The predictions of the frames that the models' runs kept out, in the order of `metrics`."""
        return self._of_runs(paths.VALIDATION, models, splits or self.release.splits)

    def scores(self, models: Iterable[str]) -> list[str]:
        return [
            paths.SCORES.format(release=self.name, split=split, model=model)
            for split in self.release.splits
            for model in models
        ]

    def confusions(self) -> list[str]:
        return [
            paths.CONFUSION.format(release=self.name, split=split, model=model)
            for split in self.release.splits
            for model in self.config.models
        ]

    def history_figures(self) -> list[str]:
        """A figure of the trainings of each model that is trained by epochs, on each split."""
        by_epochs = [name for name, model in self.config.models.items() if hasattr(model, "epochs")]
        return [
            paths.HISTORY_FIGURE.format(release=self.name, split=split, model=model)
            for split in self.release.splits
            for model in by_epochs
        ]
