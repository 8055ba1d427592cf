"""A trained model, or several as one, ready for processed frames. Nothing of the training data is needed."""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from scipy.special import expit, softmax

from norrsken import stages, tables
from norrsken.classes import DECISIONS, NOT_CLASSIFIED, REASONS, SEEN
from norrsken.classify.familiarity import Familiarity
from norrsken.config.base import Settings, is_none
from norrsken.config.site import Camera, FrameSource
from norrsken.errors import NorrskenError
from norrsken.files import digest
from norrsken.models import classifiers
from norrsken.training.features import Extractor

#: The smallest probability whose logarithm is taken.
TINY = 1e-30

#: The same where odds are compared: a classifier's probabilities mean nothing below.
LEAST = 1e-6


class ClassifyError(NorrskenError):
    """The model cannot be used on the frames, or a file does not hold frames that it has classified."""


class Verdict(NamedTuple):
    """What a model says of n frames.

    probabilities: (n, classes) in class order. familiarity: (n,), see `Familiarity`; None where it has no measure of
    it. labels: (n,). reasons: (n,), of `REASONS`, why a frame is not classified; empty where it is.
    """

    probabilities: NDArray[Any]
    familiarity: NDArray[np.float32] | None
    labels: NDArray[np.str_]
    reasons: NDArray[np.str_]


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


class Member(Settings):
    """A run that is averaged: its model's file, as seen from the folder of `classifier.json`, and its SHA-256."""

    path: str
    sha256: str


class Share(Settings):
    """A share, with its 95 % interval over nights; None where it is not defined, or where the nights are too few."""

    value: float | None
    low: float | None
    high: float | None


class ClassJudgement(Settings):
    """How the classifier does on frames of which a class is the most probable one.

    frames, nights: how many there are. classified: the share that got the class, since they are sure enough.
    precision: the share of right ones among these. calibration_error: expected calibration error; None of no frames.
    """

    frames: int
    nights: int
    classified: Share
    precision: Share
    calibration_error: float | None


class Decided(Settings):
    """How frames are decided of which it is known whether they show aurora. yes, no: the share decided so."""

    frames: int
    nights: int
    yes: Share
    no: Share


class Judgement(Settings):
    """How the classifier does on some labelled frames.

    nights: how many they are of. precision: the share of right ones among the frames that got a class. classified: the
    share that got one. f1: macro F1 when each frame gets its most probable class. calibration_error: expected
    calibration error. by_class: the same for each class. with_aurora, without_aurora: how the decision on aurora does
    on frames with an auroral class, and on those of a clear sky; None where the classes allow no decision.
    """

    frames: int
    nights: int
    precision: Share
    classified: Share
    f1: float
    calibration_error: float
    by_class: dict[str, ClassJudgement]
    with_aurora: Decided | None
    without_aurora: Decided | None


class Limit(Settings):
    """From which confidence on a frame gets a class.

    frames, nights: how many validation frames had the class as the most probable one. of: whose frames it was fitted
    to: those of the `class`; where they are too few, those of the `rest`, of all such classes together; where these are
    too few as well, those of `all` classes.
    """

    confidence: float
    frames: int
    nights: int
    of: Literal["class", "rest", "all"]


class FamiliarityLimit(Settings):
    """From which familiarity on a frame gets a class; see `Familiarity`.

    path, sha256: of the file of distances, as `Member` has them. layers: of the first member's network, whose maps are
    measured. limit: the least familiarity. unseen: the share of simulated frames below it, of cameras and nights that
    neither the classifier nor the limit was fitted to.
    """

    path: str
    sha256: str
    layers: list[str]
    limit: float
    unseen: float


class Seen(Settings):
    """What the nights of the data set were to the classifier: each is in one list only.

    A night of which any run saw a frame is one to train on.
    """

    train: list[date]
    validation: list[date]
    test: list[date]


class AuroraDecision(Settings):
    """How aurora is told from a clear sky without it.

    The odds of aurora are those of the auroral `classes` beside `clear_sky`, through a logistic curve (Platt 1999). It
    is fitted as if half of the frames showed aurora: labelled frames are chosen where aurora is likely, and an archive
    is not. A frame shows aurora from the probability `yes` on, none up to `no`, and is undecided in between. fitted_on:
    `validation`, the frames of that part; `labels`: these are too few, so only the shares of the labels are taken out.
    """

    classes: list[str]
    clear_sky: str
    slope: float
    intercept: float
    yes: float
    no: float
    fitted_on: Literal["validation", "labels"]

    def probability(self, probabilities: NDArray[Any], classes: Sequence[str]) -> NDArray[np.float64]:
        """The probability that frames show aurora: (n, classes) → (n,). classes: in their order."""
        curve = self.slope * log_odds_of_aurora(probabilities, classes, self.classes, self.clear_sky) + self.intercept
        result: NDArray[np.float64] = expit(curve)
        return result

    def decide(self, probability: NDArray[np.float64]) -> NDArray[np.str_]:
        """What is decided at these probabilities of aurora, one of `DECISIONS`: (n,) → (n,)."""
        no, yes, undecided = DECISIONS
        return np.where(probability >= self.yes, yes, np.where(probability <= self.no, no, undecided))


def log_odds_of_aurora(
    probabilities: NDArray[Any], classes: Sequence[str], aurora: Sequence[str], clear_sky: str
) -> NDArray[np.float64]:
    """The logarithm of the odds of some classes beside the clear sky: (n, classes) → (n,). classes: in their order."""
    shown = np.isin(classes, aurora)
    odds = [
        np.maximum(probabilities[:, which].sum(axis=1, dtype=np.float64), LEAST)
        for which in (shown, np.isin(classes, clear_sky))
    ]
    result: NDArray[np.float64] = np.log(odds[0] / odds[1])
    return result


class Classifier(Settings):
    """What `classifier.json` says: enough to classify frames with, and to know how far to trust it.

    fitted_on: `ensemble`: temperature and limits were fitted on frames that no member has seen; `members`: on frames
    that each member kept out for itself, as on splits that are not by night; `nothing`: no frames were kept out.
    limits: for each class. least_confidence: that of all classes together. aurora: None where no class stands for a
    clear sky. familiarity: None where it has no measure of it.
    """

    name: str
    members: list[Member]
    temperature: float
    fitted_on: Literal["ensemble", "members", "nothing"]
    asked_precision: float
    least_confidence: float
    limits: dict[str, Limit]
    aurora: AuroraDecision | None
    familiarity: FamiliarityLimit | None = Field(default=None, exclude_if=is_none)
    validation: Judgement | None
    test: Judgement
    seen: Seen

    @property
    def judgements(self) -> dict[str, Judgement]:
        """How the classifier does on each part of the labelled frames on which it was judged."""
        return ({"validation": self.validation} if self.validation else {}) | {"test": self.test}


def tempered(probabilities: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    """Probabilities (n, classes) after the scores before the softmax are divided by a temperature."""
    scores = np.log(np.maximum(np.asarray(probabilities, np.float64), TINY)) / temperature
    result: NDArray[np.float64] = softmax(scores, axis=1)
    return result


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

    def _file(self, named: Member | FamiliarityLimit) -> Path:
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
        first = self.members[0].classifier
        said = [first.predict(inputs) if limit is None else first.predict(inputs, limit.layers)]
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
        return Verdict(probabilities, familiarity, labels, reasons)

    def seen(self, nights: Sequence[date]) -> list[str]:
        """What each night was to the classifier: `train`, `validation`, `test` or `none`."""
        return [self._parts.get(night, "none") for night in nights]


def sure_enough(probabilities: NDArray[Any], limits: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames get their most probable class: (n, classes) → (n,). limits: of each class, (classes,)."""
    enough: NDArray[np.bool_] = probabilities.max(axis=1) >= limits[probabilities.argmax(axis=1)]
    return enough


def read_classifier(path: str | os.PathLike[str]) -> Classifier:
    """What a `classifier.json` says. Raises `ClassifyError` for another file."""
    try:
        return Classifier.model_validate_json(Path(path).read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"])) or "the whole"
        raise ClassifyError(f"{path}: not a catalogue's classifier.json: {key}: {problem['msg']}") from None
