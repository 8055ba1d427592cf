"""What a model says of frames, and what a `classifier.json` makes of it: limits, reasons, sets. Needs no torch."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from norrsken.classes import NOT_CLASSIFIED, REASONS, SEEN, UNKNOWABLE
from norrsken.classify.classifier_file import Classifier, ClassifyError
from norrsken.config.context import Context
from norrsken.config.site import FrameSource
from norrsken.dataset.context import Film, Windows, windows


class Look(NamedTuple):
    """What a model sees in n frames, each by itself.

    said: for each of its runs, (n, k): the probabilities of the classes; of a sequence what it keeps of a frame.
    familiarity: (n,), see `Familiarity`; None where it has no measure of it. sky: (n, m), what the network for the
    sky's condition sees, where the model's file holds that network, too.
    """

    said: tuple[NDArray[Any], ...]
    familiarity: NDArray[np.float32] | None = None
    sky: NDArray[np.float32] | None = None

    def of(self, rows: Any) -> "Look":
        """Some of the frames: a slice, or an index for arrays."""
        familiarity, sky = (None if one is None else one[rows] for one in (self.familiarity, self.sky))
        return Look(tuple(of_run[rows] for of_run in self.said), familiarity, sky)


def joined(looks: Sequence[Look]) -> Look:
    """Several looks, one after another; one at least."""
    said = tuple(np.concatenate(of_run) for of_run in zip(*(look.said for look in looks), strict=True))
    familiarity = [look.familiarity for look in looks if look.familiarity is not None]
    sky = [look.sky for look in looks if look.sky is not None]
    return Look(said, np.concatenate(familiarity) if familiarity else None, np.concatenate(sky) if sky else None)


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


class Calibrated:
    """What a `classifier.json` says of frames, by what its runs see in them. settings: what the file says.

    What runs it says how: by `look`, `probabilities_of` and `context`.
    """

    source: FrameSource

    def __init__(self, path: Path, settings: Classifier, classes: tuple[str, ...], digest: str) -> None:
        """Raises `ClassifyError` where the limits are those of other classes."""
        self.path, self.settings, self.classes, self.digest = path, settings, classes, digest
        if set(settings.limits) != set(classes):
            raise ClassifyError(f"{path}: limits are not those of {', '.join(classes)}; make the classifier anew")
        self._parts = {night: part for part in SEEN for night in getattr(settings.seen, part, ())}
        self._limits = np.array([settings.limits[name].confidence for name in classes])
        sets = settings.sets
        self._possible = None if sets is None else np.array([sets.limits[name].probability for name in classes])

    @property
    def measures_familiarity(self) -> bool:
        """Whether it tells how near frames are to those that it was trained on."""
        return self.settings.familiarity is not None

    @property
    def context(self) -> Context | None:
        """The neighbours that it sees, if its runs are sequences."""
        return None

    @property
    def in_time(self) -> bool:
        """Whether its runs are sequences, or it smooths what they say."""
        return self.context is not None or self.settings.smoothing is not None

    def look(self, images: NDArray[np.uint8]) -> Look:
        """What its runs see in processed frames, each by itself: (n, 128, 128, 3) uint8."""
        raise NotImplementedError

    def probabilities_of(self, look: Look, around: Windows | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities of frames, each by itself, or between those around it: (n, classes)."""
        raise NotImplementedError

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Calibrated probabilities of processed frames: (n, 128, 128, 3) uint8 → (n, classes) in class order."""
        return self.judge(images).probabilities

    def judge(self, images: NDArray[np.uint8], bad: NDArray[np.bool_] | None = None) -> Verdict:
        """Calibrated probabilities, familiarity, and the most probable class where there is no reason against it."""
        return self.conclude(self.look(images), bad=bad)

    def conclude(self, look: Look, film: Film | None = None, bad: NDArray[np.bool_] | None = None) -> Verdict:
        """What it says of frames, by what it has seen in each, and by those before and after where a film is given."""
        alone = probabilities = self.probabilities_of(look)
        smoothing = self.settings.smoothing
        if film is not None and self.context is not None:
            probabilities = self.probabilities_of(look, windows(film.times, film.cameras, self.context))
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
