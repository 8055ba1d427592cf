"""A trained model, or several as one, ready for processed frames. Nothing of the training data is needed."""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import stages, tables
from norrsken.classes import NOT_CLASSIFIED, REASONS, SEEN
from norrsken.classify.classifier_file import ClassifyError, Member, read_classifier
from norrsken.classify.familiarity import Familiarity
from norrsken.config.site import Camera, FrameSource
from norrsken.evaluation.calibration import tempered
from norrsken.files import digest
from norrsken.models import classifiers
from norrsken.training.features import Extractor


class Verdict(NamedTuple):
    """What a model says of n frames.

    probabilities: (n, classes) in class order. familiarity: (n,), see `Familiarity`; None where it has no measure of
    it. labels: (n,). reasons: (n,), of `REASONS`, why a frame is not classified; empty where it is. possible:
    (n, classes), which classes cannot be excluded; None where it has no limits for that.
    """

    probabilities: NDArray[Any]
    familiarity: NDArray[np.float32] | None
    labels: NDArray[np.str_]
    reasons: NDArray[np.str_]
    possible: NDArray[np.bool_] | None = None


class FrameModel(Protocol):
    """What classifies frames: one model, or several as one."""

    @property
    def path(self) -> str | Path:
        """The model's file, for messages."""

    @property
    def digest(self) -> str:
        """SHA-256 of the model's file."""

    @property
    def source(self) -> FrameSource:
        """How frames must have been processed."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that it tells apart, in its order."""

    @property
    def measures_familiarity(self) -> bool:
        """Whether it tells how near frames are to those that it was trained on."""

    def predict(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, classes) in class order."""

    def judge(self, images: NDArray[np.uint8], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """All that it says of processed frames: (n, 128, 128, 3) uint8. bad: (n,), those that show nothing of use."""


class FrameClassifier:
    """A model and what computes its features, ready for frames that were processed as those that it was trained on."""

    measures_familiarity = False

    def __init__(self, model: str | Path) -> None:
        """Raises `ModelError` for what is not a model's file, `ClassifyError` where its features cannot be computed."""
        self.path = model
        self.classifier, self.card = classifiers.load(model)
        self.digest = str(digest(model))
        self.source, self.classes = self.card.frames, tuple(self.card.classes)
        if self.source.processing != stages.PROCESSING:
            raise ClassifyError(
                f"{model}: trained on frames of processing {self.source.processing}, this program makes "
                f"{stages.PROCESSING}; train it anew"
            )
        self._extractor = None if self.card.run.features is None else Extractor(self.card.run.features)
        if self._extractor is not None and self._extractor.about.get("digest") != self.card.extractor:
            raise ClassifyError(f"{model}: its features came from a network with other weights ({self.card.extractor})")

    def inputs(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """What the model works on: processed frames (n, 128, 128, 3) uint8 as they are, or their features (n, m)."""
        return images if self._extractor is None else self._extractor(images)

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, classes) in class order."""
        return self.classifier.predict(self.inputs(images)).probabilities

    def judge(self, images: NDArray[np.uint8], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """The most probable class of each frame, whatever it shows."""
        probabilities = self.predict(images)
        names: NDArray[np.str_] = np.array(self.classes)[probabilities.argmax(axis=1)]
        return Verdict(probabilities, None, names, np.full(len(names), ""))


def of_known_cameras(path: str | Path, times: pa.ChunkedArray, model: FrameModel) -> NDArray[np.bool_]:
    """Which frames of a night table are on a grid that the model was trained on: times (n,) → (n,).

    Raises `ClassifyError` where frames were processed otherwise than for the model.
    """
    source = tables.frame_source(path)
    if source.processing != model.source.processing:
        raise unknown_camera(path, model)
    grids = _grids(model.source)
    changes = [(camera.valid_from, camera.grid in grids) for camera in source.cameras]
    changes = sorted([(date.min, False), *changes, *((day, False) for day in source.replaced)])
    days, known = (np.array(column) for column in zip(*changes, strict=True))
    taken = times.cast(pa.timestamp("ms")).to_numpy()
    result: NDArray[np.bool_] = known[np.searchsorted(days.astype("datetime64[ms]"), taken, side="right") - 1]
    return result


def replaced_on(source: FrameSource, camera: Camera, day: date) -> date | None:
    """On which date a camera had been replaced by one that the source does not know; None where it had not on `day`."""
    return next((other for other in sorted(source.replaced) if camera.valid_from < other <= day), None)


def unknown_camera(path: str | Path, model: FrameModel) -> ClassifyError:
    """The error for a table of frames that were processed otherwise than for the model."""
    processed = _described(tables.frame_source(path))
    return ClassifyError(f"{path}: its frames are {processed}; {model.path} knows {_described(model.source)}")


def require_grid(source: FrameSource, model: FrameModel) -> None:
    """Raise `ClassifyError` where none of the cameras gives frames on a grid that the model knows."""
    known = _grids(model.source)
    if not any(camera.grid in known for camera in source.cameras):
        raise ClassifyError(
            f"the cameras' frames are {_described(source)}; {model.path} knows {_described(model.source)}: a lens "
            "brings a camera to the reference grid"
        )


def _grids(source: FrameSource) -> list[str]:
    """The grids of the cameras' frames, each once."""
    return list(dict.fromkeys(camera.grid for camera in source.cameras))


def _described(source: FrameSource) -> str:
    return f"{' or '.join(_grids(source)) or 'of no camera'} (processing {source.processing})"


class Ensemble:
    """The runs of a `classifier.json` as one calibrated `FrameModel`. settings: what the file says."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises `ClassifyError` where the file of a member is gone or has changed."""
        self.path, self.settings, self.digest = Path(path), read_classifier(path), str(digest(path))
        self.members = [FrameClassifier(self._file(member)) for member in self.settings.members]
        familiarity = self.settings.familiarity
        self._familiarity = None if familiarity is None else Familiarity.read(self._file(familiarity))
        self.source, self.classes = self.members[0].source, self.members[0].classes
        self._parts = {night: part for part in SEEN for night in getattr(self.settings.seen, part, ())}
        other = next((member for member in self.members if member.classes != self.classes), None)
        if other is not None:
            raise ClassifyError(
                f"{path}: {other.path} has the classes {', '.join(other.classes)}; {self.members[0].path} has "
                f"{', '.join(self.classes)}; make the classifier anew"
            )
        if set(self.settings.limits) != set(self.classes):
            raise ClassifyError(f"{path}: limits are not those of {', '.join(self.classes)}; make the classifier anew")
        self._limits = np.array([self.settings.limits[name].confidence for name in self.classes])
        sets = self.settings.sets
        self._possible = None if sets is None else np.array([sets.limits[name].probability for name in self.classes])

    def _file(self, named: Member) -> Path:
        """A file beside `classifier.json`; raises `ClassifyError` where it is gone or has changed."""
        file = self.path.parent / named.path
        sha256 = digest(file)
        if sha256 != named.sha256:
            raise ClassifyError(
                f"{self.path}: {file} is {'gone' if sha256 is None else 'another file now'}; make the classifier anew"
            )
        return file

    @property
    def measures_familiarity(self) -> bool:
        """Whether it tells how near frames are to those that it was trained on."""
        return self._familiarity is not None

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Calibrated probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, classes) in class order."""
        return self.judge(images).probabilities

    def judge(self, images: NDArray[np.uint8], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """Calibrated probabilities, familiarity, and the most probable class where there is no reason against it."""
        # The inputs are the same for all: runs of one model have the same features.
        return self.judge_inputs(self.members[0].inputs(images), bad)

    def judge_inputs(self, inputs: NDArray[Any], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """The same of the inputs of the members; see `FrameClassifier.inputs`."""
        limit = self.settings.familiarity
        layers = [] if limit is None else limit.layers
        said = [self.members[0].classifier.predict(inputs, layers)]
        said += [member.classifier.predict(inputs) for member in self.members[1:]]
        probabilities = tempered(np.mean([one.probabilities for one in said], axis=0), self.settings.temperature)
        unsure = ~sure_enough(probabilities, self._limits)
        familiarity, unfamiliar = None, np.zeros_like(unsure)
        if self._familiarity is not None and limit is not None and said[0].maps is not None:
            familiarity = self._familiarity.of(said[0].maps)
            unfamiliar = familiarity < limit.limit
        bad = np.zeros_like(unsure) if bad is None else bad
        reasons = np.select([bad, unfamiliar, unsure], REASONS, "")
        labels = np.where(reasons == "", np.array(self.classes)[probabilities.argmax(axis=1)], NOT_CLASSIFIED)
        possible = None if self._possible is None else possible_classes(probabilities, self._possible)
        return Verdict(probabilities, familiarity, labels, reasons, possible)

    def seen(self, nights: Sequence[date]) -> list[str]:
        """What each night was to the classifier: `train`, `validation`, `test` or `none`."""
        return [self._parts.get(night, "none") for night in nights]


def sure_enough(probabilities: NDArray[Any], limits: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames get their most probable class: (n, classes) → (n,). limits: of each class, (classes,)."""
    enough: NDArray[np.bool_] = probabilities.max(axis=1) >= limits[probabilities.argmax(axis=1)]
    return enough


def possible_classes(probabilities: NDArray[Any], limits: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which classes cannot be excluded: (n, classes) → (n, classes); the most probable one never is.

    limits: the lowest probability of each class, (classes,).
    """
    possible: NDArray[np.bool_] = probabilities >= limits
    possible[np.arange(len(possible)), probabilities.argmax(axis=1)] = True
    return possible
