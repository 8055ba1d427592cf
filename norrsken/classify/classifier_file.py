"""What a `classifier.json` says: which models are averaged, how sure they must be, and how far to trust them."""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from scipy.special import expit

from norrsken.classes import DECISIONS
from norrsken.config.base import Settings, is_none
from norrsken.errors import NorrskenError
from norrsken.evaluation.smoothing import smooth_nights

#: The smallest probability where odds are compared: a classifier's probabilities mean nothing below.
LEAST = 1e-6


class ClassifyError(NorrskenError):
    """The model cannot be used on the frames, or a file does not hold frames that it has classified."""


class Member(Settings):
    """A file that belongs to a classifier, such as the model of a run that is averaged.

    path: as seen from the folder of `classifier.json`. sha256: of the file.
    """

    path: str
    sha256: str


class Share(Settings):
    """A share, or another mean over frames, with its 95 % interval over nights.

    None where it is not defined, or where the nights are too few.
    """

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


class FamiliarityLimit(Member):
    """From which familiarity on a frame gets a class; see `Familiarity`.

    The file is that of the distances. layers: of the first member's network, whose maps are measured. limit: the least
    familiarity. unseen: the share of simulated frames below it, of cameras and nights that neither the classifier nor
    the limit was fitted to.
    """

    layers: list[str]
    limit: float
    unseen: float


class SetLimit(Settings):
    """From which calibrated probability on a class cannot be excluded.

    frames, nights: the calibration frames of the class. of: whose frames it was calibrated on, as in `Limit`.
    """

    probability: float
    frames: int
    nights: int
    of: Literal["class", "rest", "all"]


class SetJudgement(Settings):
    """How the sets do on labelled frames. coverage: share whose label is in its set. size: classes in a set, mean."""

    frames: int
    nights: int
    coverage: Share
    size: Share


class Sets(Settings):
    """Sets of classes that cannot be excluded; the right one is in a share `confidence` of them.

    limits: for each class. The others are of frames of test nights, by the class that an annotator gave. labelled: all
    of them; agreed: those on which all annotators agree; ambiguous: the others; by_class: all of each class.
    """

    confidence: float
    limits: dict[str, SetLimit]
    labelled: SetJudgement
    agreed: SetJudgement
    ambiguous: SetJudgement
    by_class: dict[str, SetJudgement]


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


class Smoothing(Settings):
    """How what frames of a night say alone becomes what they say together; see `norrsken.evaluation.smoothing`.

    rates: from class to class, per minute, in class order; speed: by how much they are faster than labels tell, which
    are of frames that are easy to label. weight: of what other frames say of one.
    """

    rates: list[list[float]]
    speed: float
    weight: float

    def smooth(
        self,
        probabilities: NDArray[np.float64],
        times: NDArray[np.int64],
        nights: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Probabilities (n, classes) in the order of the rates; see `smooth_nights`."""
        return smooth_nights(probabilities, times, nights, np.array(self.rates) * self.speed, self.weight)


class Classifier(Settings):
    """What `classifier.json` says: enough to classify frames with, and to know how far to trust it.

    fitted_on: `ensemble`: temperature and limits were fitted on frames that no member has seen; `members`: on frames
    that each member kept out for itself, as on splits that are not by night; `nothing`: no frames were kept out.
    limits: for each class. least_confidence: that of all classes together. aurora: None where no class stands for a
    clear sky. familiarity: None where it has no measure of it. sets: None where there are too few labelled frames of
    nights that nothing else was fitted to. smoothing: None where each frame counts alone, or a sequence sees others.
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
    sets: Sets | None = Field(default=None, exclude_if=is_none)
    smoothing: Smoothing | None = Field(default=None, exclude_if=is_none)
    validation: Judgement | None
    test: Judgement
    seen: Seen

    @property
    def judgements(self) -> dict[str, Judgement]:
        """How the classifier does on each part of the labelled frames on which it was judged."""
        return ({"validation": self.validation} if self.validation else {}) | {"test": self.test}


def read_classifier(path: str | os.PathLike[str]) -> Classifier:
    """What a `classifier.json` says. Raises `ClassifyError` for another file."""
    try:
        return Classifier.model_validate_json(Path(path).read_bytes())
    except ValidationError as error:
        raise ClassifyError(f"{path}: not a catalogue's classifier.json: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """The key of what is wrong first in a file that the program has written, and what is wrong."""
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: {problem['msg']}"
