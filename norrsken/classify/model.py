"""A trained model, or several as one, ready for processed frames. Nothing of the training data is needed."""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import stages, tables
from norrsken.classes import NOT_CLASSIFIED, REASONS, SEEN, UNKNOWABLE
from norrsken.classify.classifier_file import ClassifyError, Member, read_classifier
from norrsken.classify.familiarity import Familiarity
from norrsken.config.context import Context
from norrsken.config.site import Camera, FrameSource
from norrsken.dataset.context import Film, Stacks, Windows, windows
from norrsken.evaluation.calibration import tempered
from norrsken.files import digest
from norrsken.models import classifiers
from norrsken.training.features import Extractor

if TYPE_CHECKING:
    from norrsken.models.sequence import SequenceClassifier


class Look(NamedTuple):
    """What a model sees in n frames, each by itself.

    said: for each of its runs, (n, k): the probabilities of the classes; of a sequence what it keeps of a frame.
    familiarity: (n,), see `Familiarity`; None where it has no measure of it.
    """

    said: tuple[NDArray[Any], ...]
    familiarity: NDArray[np.float32] | None = None

    def of(self, rows: Any) -> "Look":
        """Some of the frames: a slice, or an index for arrays."""
        return Look(
            tuple(of_run[rows] for of_run in self.said), None if self.familiarity is None else self.familiarity[rows]
        )


def joined(looks: Sequence[Look]) -> Look:
    """Several looks, one after another; one at least."""
    said = tuple(np.concatenate(of_run) for of_run in zip(*(look.said for look in looks), strict=True))
    familiarity = [look.familiarity for look in looks if look.familiarity is not None]
    return Look(said, np.concatenate(familiarity) if familiarity else None)


class Verdict(NamedTuple):
    """What a model says of n frames.

    probabilities: (n, classes) in class order. familiarity: (n,), see `Familiarity`; None where it has no measure of
    it. labels: (n,). reasons: (n,), of `REASONS`, why a frame is not classified; empty where it is. possible:
    (n, classes), which classes cannot be excluded; None where it has no limits for that. alone: (n, classes), the
    probabilities of each frame by itself; None where the model looks at no others.
    """

    probabilities: NDArray[Any]
    familiarity: NDArray[np.float32] | None
    labels: NDArray[np.str_]
    reasons: NDArray[np.str_]
    possible: NDArray[np.bool_] | None = None
    alone: NDArray[Any] | None = None

    def of(self, rows: Any) -> "Verdict":
        """Some of the frames: a slice, or an index for arrays."""
        some: list[Any] = [None if one is None else one[rows] for one in self]
        return Verdict(*some)

    def but(self, rows: NDArray[np.bool_], others: "Verdict") -> "Verdict":
        """The same, but others in place of some of the frames: rows (n,)."""
        columns: list[Any] = [None if mine is None else mine.copy() for mine in self]
        for mine, other in zip(columns, others, strict=True):
            if mine is not None:
                mine[rows] = other
        return Verdict(*columns)


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

    @property
    def in_time(self) -> bool:
        """Whether it looks at the frames before and after, too."""

    @property
    def context(self) -> Context | None:
        """Which of them a sequence sees; None for what is no sequence."""

    def look(self, images: NDArray[np.uint8]) -> Look:
        """What it sees in processed frames, each by itself: (n, 128, 128, 3) uint8."""

    def conclude(self, look: Look, film: Film | None = None, bad: NDArray[np.bool_] | None = None) -> Verdict:
        """All that it says of frames. film: when they were taken; None: each is judged by itself. bad: see `judge`."""

    def predict(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, classes) in class order."""

    def judge(self, images: NDArray[np.uint8], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """All that it says of processed frames: (n, 128, 128, 3) uint8. bad: (n,), those that show nothing of use."""


class FrameClassifier:
    """A model and what computes its features, ready for frames that were processed as those that it was trained on."""

    measures_familiarity = False

    @property
    def in_time(self) -> bool:
        """Whether it is a sequence."""
        return self.context is not None

    @property
    def context(self) -> Context | None:
        """The neighbours that it sees, if it is a sequence."""
        return self.card.run.context

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
        return self.judge(images).probabilities

    def look(self, images: NDArray[np.uint8]) -> Look:
        """The probabilities of the frames; of a sequence what it keeps of them."""
        return look_through([self], images)

    def said(self, seen: NDArray[Any], windows: Windows | None = None) -> NDArray[np.float32]:
        """The probabilities of n frames, by what it sees in each, (n, k). windows: None: each is judged by itself."""
        if self.context is None:
            return seen
        around = Windows.alone(len(seen), self.context) if windows is None else windows
        return self.sequence.judge(Stacks(seen, around))

    @property
    def sequence(self) -> "SequenceClassifier":
        """The classifier, where it is a sequence."""
        return cast("SequenceClassifier", self.classifier)

    def conclude(self, look: Look, film: Film | None = None, bad: NDArray[np.bool_] | None = None) -> Verdict:
        """The most probable class of each frame, whatever it shows."""
        alone = self.said(look.said[0])
        together = None if self.context is None or film is None else windows(film.times, film.cameras, self.context)
        probabilities = alone if together is None else self.said(look.said[0], together)
        names: NDArray[np.str_] = np.array(self.classes)[probabilities.argmax(axis=1)]
        return Verdict(probabilities, None, names, np.full(len(names), ""), alone=alone if self.in_time else None)

    def judge(self, images: NDArray[np.uint8], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """The same of frames by themselves."""
        return self.conclude(self.look(images), bad=bad)


def look_through(runs: Sequence[FrameClassifier], images: NDArray[np.uint8]) -> Look:
    """What runs of one model see in processed frames; what is the same for several is computed once."""
    if runs[0].context is None:
        inputs = runs[0].inputs(images)  # runs of one model have the same features
        return Look(tuple(run.classifier.predict(inputs).probabilities for run in runs))
    networks = {run.sequence.network_digest: run.sequence for run in runs}
    seen = {digest: network.embed(images) for digest, network in networks.items()}
    return Look(tuple(run.sequence.keep(seen[run.sequence.network_digest]) for run in runs))


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

    @property
    def context(self) -> Context | None:
        """The neighbours that its members see, if they are sequences."""
        return self.members[0].context

    @property
    def in_time(self) -> bool:
        """Whether its members are sequences, or it smooths what they say."""
        return self.context is not None or self.settings.smoothing is not None

    def judge(self, images: NDArray[np.uint8], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """Calibrated probabilities, familiarity, and the most probable class where there is no reason against it."""
        return self.conclude(self.look(images), bad=bad)

    def look(self, images: NDArray[np.uint8]) -> Look:
        """What its members see in frames, and how familiar these are."""
        if self.context is not None:
            return look_through(self.members, images)
        return self.look_at(self.members[0].inputs(images))

    def look_at(self, inputs: NDArray[Any]) -> Look:
        """The same of the inputs of members that see single frames; see `FrameClassifier.inputs`."""
        limit = self.settings.familiarity
        first = self.members[0].classifier.predict(inputs, [] if limit is None else limit.layers)
        others = (member.classifier.predict(inputs) for member in self.members[1:])
        known = None if self._familiarity is None or first.maps is None else self._familiarity.of(first.maps)
        return Look((first.probabilities, *(one.probabilities for one in others)), known)

    def conclude(self, look: Look, film: Film | None = None, bad: NDArray[np.bool_] | None = None) -> Verdict:
        """What it says of frames, by what it has seen in each, and by those before and after where a film is given."""
        alone = probabilities = self._probabilities(look)
        smoothing = self.settings.smoothing
        if film is not None and self.context is not None:
            probabilities = self._probabilities(look, windows(film.times, film.cameras, self.context))
        elif film is not None and smoothing is not None:
            probabilities = smoothing.smooth(alone, film.times, film.nights)
        unsure = ~sure_enough(probabilities, self._limits)
        limit, unfamiliar = self.settings.familiarity, np.zeros_like(unsure)
        if look.familiarity is not None and limit is not None:
            unfamiliar = look.familiarity < limit.limit
        bad = np.zeros_like(unsure) if bad is None else bad
        reasons = np.select([bad, unfamiliar, unsure], REASONS, "")
        labels = self._labels(probabilities, reasons != "")
        possible = None if self._possible is None else possible_classes(probabilities, self._possible)
        return Verdict(probabilities, look.familiarity, labels, reasons, possible, alone if self.in_time else None)

    def _probabilities(self, look: Look, around: Windows | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities of frames, each by itself, or between those around it: (n, classes)."""
        said = [member.said(seen, around) for member, seen in zip(self.members, look.said, strict=True)]
        return tempered(np.mean(said, axis=0), self.settings.temperature)

    def labels_alone(self, verdict: Verdict) -> NDArray[np.str_]:
        """The label that each frame would get by itself: (n,). verdict: of a model that looks at others, too."""
        alone = verdict.probabilities if verdict.alone is None else verdict.alone
        hidden = np.isin(verdict.reasons, UNKNOWABLE)
        return self._labels(alone, hidden | ~sure_enough(alone, self._limits))

    def _labels(self, probabilities: NDArray[np.float64], refused: NDArray[np.bool_]) -> NDArray[np.str_]:
        """The most probable class, where there is no reason against it: (n,)."""
        names: NDArray[np.str_] = np.array(self.classes)[probabilities.argmax(axis=1)]
        return np.where(refused, NOT_CLASSIFIED, names)

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
