"""How often each class occurs, as an estimate: what the classifier confuses, and what it expects, are taken out.

Labels mislead where they are counted: classes are confused, frames without a class are nowhere, and the classifier
expects the classes to be as frequent as they were among its training frames, which people had chosen where aurora was
likely. So each observed frame counts for every class, with a probability that is corrected twice.

Confusion: a multinomial logistic regression on the logarithms of the classifier's probabilities (Kull et al. 2019,
arXiv 1910.12656) is fitted to labelled frames of validation nights, which the classifier has not seen. Frequency:
within each hour of each night the shares of the classes are those that make the frames most likely (Saerens et al.
2002, doi 10.1162/089976602753284446). One share for the whole archive would not do: it holds long quiet times, in which
the classes are told apart more easily than near aurora, where the labelled frames are from.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from norrsken.catalogue.judge import Frames, number_of_nights
from norrsken.classify.classifier_file import LEAST
from norrsken.config.base import Settings
from norrsken.errors import NorrskenError
from norrsken.evaluation.bootstrap import MIN_UNITS

#: A correction needs so many validation frames of each class, of `MIN_UNITS` nights in all.
LEAST_FRAMES = 10

#: How often the correction is fitted to other nights, drawn with replacement.
REFITS = 30

#: The shares in an hour begin at those of the validation frames, which weigh as much as so many seconds of frames.
PRIOR_SECONDS = 600.0

#: The shares in an hour are known when none changes by more than this, or after so many steps.
_CLOSE, _STEPS = 1e-4, 200


class CorrectionError(NorrskenError):
    """A file does not hold a correction."""


class Fit(Settings):
    """A fitted correction. weights: (classes, classes), of the logarithms of the probabilities for each class; offsets:
    (classes,); shares: of the classes among the frames that it was fitted to, (classes,).
    """

    weights: list[list[float]]
    offsets: list[float]
    shares: list[float]

    def probabilities(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities of the classes, from those that the classifier gives: (n, classes) → (n, classes)."""
        scores = _logarithms(found) @ np.array(self.weights).T + self.offsets
        result: NDArray[np.float64] = softmax(scores, axis=1)
        return result


class Correction(Settings):
    """What `correction.json` says.

    classes: those that can be observed. frames, nights: of the validation, to which it was fitted. fits: first to all
    of these nights, then to some drawn with replacement; none where the frames are too few. missing: what they lack.
    """

    classes: list[str]
    frames: int
    nights: int
    missing: str | None
    fits: list[Fit]


def read_correction(path: str) -> Correction:
    """What a `correction.json` says. Raises `CorrectionError` for another file."""
    try:
        return Correction.model_validate_json(Path(path).read_bytes())
    except ValidationError as error:
        raise CorrectionError(f"{path}: not a catalogue's correction.json: {error.errors()[0]['msg']}") from None


def no_correction(judged: Sequence[str]) -> Correction:
    """What stands for a correction where nobody has labelled frames. judged: the classes that can be observed."""
    missing = "the release has no labelled frames to fit it to"
    return Correction(classes=list(judged), frames=0, nights=0, missing=missing, fits=[])


def fit_correction(
    frames: Frames, classes: Sequence[str], judged: Sequence[str], part: str = "validation"
) -> Correction:
    """Fit to the validation frames of the classes that can be observed.

    frames: of nights that the classifier has not seen. classes: in the order of the probabilities. judged: those that
    can be observed. part: what these frames are called.
    """
    columns = np.array([classes.index(name) for name in judged], np.intp)
    some = frames.of(np.isin(frames.labels, columns))
    place = np.zeros(len(classes), np.intp)
    place[columns] = np.arange(len(columns))
    found, labels = some.probabilities[:, columns], place[some.labels]
    night, nights = np.unique(some.nights, return_inverse=True)[1], number_of_nights(some.nights)
    missing = _missing(np.bincount(labels, minlength=len(columns)), nights, judged, part)
    fits: list[Fit] = []
    if missing is None:
        fits.append(_fit(found, labels, np.ones(len(labels))))
        random = np.random.default_rng(0)
        while len(fits) <= REFITS:
            times = random.multinomial(nights, np.full(nights, 1 / nights))[night].astype(np.float64)
            if len(np.unique(labels[times > 0])) == len(columns):  # nothing can be fitted where a class is not drawn
                fits.append(_fit(found, labels, times))
    return Correction(classes=list(judged), frames=len(labels), nights=nights, missing=missing, fits=fits)


def _missing(counts: NDArray[np.int64], nights: int, judged: Sequence[str], part: str) -> str | None:
    """What frames of this part lack for a correction; None: nothing. counts: of each class that can be observed."""
    if len(judged) < 2:
        return "fewer than two of the classes can be observed"
    if nights < MIN_UNITS:
        return f"the classifier has {nights} {part} night{'s' * (nights != 1)}, and a correction needs {MIN_UNITS}"
    few = [f"{name} ({count})" for name, count in zip(judged, counts, strict=True) if count < LEAST_FRAMES]
    return f"fewer than {LEAST_FRAMES} {part} frames of {', '.join(few)}" if few else None


def _fit(found: NDArray[np.float64], labels: NDArray[np.intp], times: NDArray[np.float64]) -> Fit:
    """Fit to frames, each of which counts some times: (n, classes), (n,), (n,)."""
    used = times > 0
    logs, labels, times = _logarithms(found[used]), labels[used], times[used]
    mean, deviation = logs.mean(axis=0), np.maximum(logs.std(axis=0), LEAST)
    model = LogisticRegression(max_iter=1000).fit((logs - mean) / deviation, labels, times)
    weights, offsets = model.coef_, model.intercept_
    if len(weights) == 1:  # of two classes it gives only the second
        weights, offsets = np.concatenate([0 * weights, weights]), np.append(0.0, offsets)
    weights = weights / deviation
    offsets = offsets - weights @ mean
    shares = np.bincount(labels, times) / times.sum()
    rounded = (np.round(values, 6).tolist() for values in (weights, offsets, shares))
    return Fit(**dict(zip(("weights", "offsets", "shares"), rounded, strict=True)))


def _logarithms(found: NDArray[np.float64]) -> NDArray[np.float64]:
    logs: NDArray[np.float64] = np.log(np.maximum(found, LEAST))
    return logs


def corrected(
    found: NDArray[np.float64], starts: NDArray[np.intp], seconds: NDArray[np.float64], fit: Fit
) -> NDArray[np.float64]:
    """The corrected probabilities of frames in order of time: (n, classes) → (n, classes).

    starts: the first frame of each hour of each night, (hours,). seconds: for which a frame of it stands, (hours,).
    """
    prior = np.array(fit.shares)
    # A frame may be multiplied by anything, and arrays with a row for each class are worked on several times as fast.
    scores = np.array(fit.weights) @ _logarithms(found.T) + (np.array(fit.offsets) - np.log(prior))[:, None]
    likely = np.exp(scores - scores.max(axis=0))
    frames, strength = np.diff(starts, append=len(found)), PRIOR_SECONDS / seconds
    hour, chances = np.repeat(np.arange(len(starts)), frames), np.empty_like(likely)
    shares, expected = np.tile(prior[:, None], len(starts)), strength * prior[:, None]
    for _ in range(_STEPS):
        np.take(shares, hour, axis=1, out=chances, mode="clip")
        chances *= likely
        chances /= chances.sum(axis=0)
        before, shares = shares, (np.add.reduceat(chances, starts, axis=1) + expected) / (frames + strength)
        if np.abs(shares - before).max() < _CLOSE:
            break
    result: NDArray[np.float64] = chances.T
    return result
