"""Which classes of a frame cannot be excluded: sets that hold the right class as often as promised.

This is split conformal prediction by class (Vovk, Gammerman & Shafer 2005, doi 10.1007/b106715, chapter 4.5), with
crepes: a class is left out where its probability is lower than on nine of ten frames of that class. The promise holds
for frames that are drawn as the calibration frames were: frames to which an annotator gives a class.
"""

from collections.abc import Sequence

import numpy as np
from crepes import ConformalClassifier
from numpy.typing import NDArray

from norrsken.catalogue.judge import Frames, number_of_nights, share, whose_frames
from norrsken.classify.classifier_file import SetJudgement, SetLimit, Sets
from norrsken.classify.verdict import possible_classes
from norrsken.dataset.votes import Votes
from norrsken.evaluation.validation import enough_for_sets

#: The share of frames whose class shall be in their set.
CONFIDENCE = 0.9


def drawn_labels(votes: Votes, seed: int = 0) -> NDArray[np.int64]:
    """The class that one annotator gives to each frame, drawn among those who give one: codes, (n,)."""
    chance = np.random.default_rng(seed).random(len(votes.shares))
    # The last class with a share ends the sum, whatever rounding has made of it.
    reached = votes.shares.cumsum(axis=1) / votes.shares.sum(axis=1, keepdims=True) > chance[:, None]
    codes: NDArray[np.int64] = reached.argmax(axis=1)
    return codes


def fit_limits(frames: Frames, classes: Sequence[str]) -> dict[str, SetLimit]:
    """The limit of each class, from frames of nights that decided nothing else.

    A class with too few frames shares its limit with the other such classes, or with all, where these are too few.
    """
    limits = {}
    whose = whose_frames(frames.labels, len(classes), lambda rows: enough_for_sets(frames.nights[rows]))
    for code, (name, (of, rows)) in enumerate(zip(classes, whose, strict=True)):
        own, chosen = frames.of(rows), frames.labels == code
        limits[name] = SetLimit(
            probability=_least_possible(own.probabilities[np.arange(len(own.labels)), own.labels]),
            frames=int(chosen.sum()),
            nights=number_of_nights(frames.nights[chosen]),
            of=of,
        )
    return limits


def _least_possible(probabilities: NDArray[np.float64]) -> float:
    """The lowest probability of their class, of calibration frames (n,), with which a frame may still be of it."""
    conformal = ConformalClassifier()
    conformal.fit(alphas=1 - probabilities)
    chance = conformal.predict_p(1 - probabilities, smoothing=False)
    # It is rounded down, so that the frame itself is not below it.
    return float(np.floor(probabilities[chance > 1 - CONFIDENCE].min() * 1e6) / 1e6)


def judge_sets(frames: Frames, possible: NDArray[np.bool_]) -> SetJudgement:
    """How the sets of labelled frames do. possible: (n, classes)."""
    covered = possible[np.arange(len(frames.labels)), frames.labels]
    return SetJudgement(
        frames=len(frames.labels),
        nights=number_of_nights(frames.nights),
        coverage=share(covered, frames.nights),
        size=share(possible.sum(axis=1), frames.nights),
    )


def make_sets(calibration: Frames, test: Frames, agreed: NDArray[np.bool_], classes: Sequence[str]) -> Sets:
    """The sets' limits, and how they do on frames of other nights.

    agreed: (n,), which of the test frames all annotators give their class.
    """
    limits = fit_limits(calibration, classes)
    possible = possible_classes(test.probabilities, np.array([limits[name].probability for name in classes]))
    parts = {"labelled": np.ones_like(agreed), "agreed": agreed, "ambiguous": ~agreed}
    of_parts = {part: judge_sets(test.of(rows), possible[rows]) for part, rows in parts.items()}
    by_class = {}
    for code, name in enumerate(classes):
        rows = test.labels == code
        by_class[name] = judge_sets(test.of(rows), possible[rows])
    return Sets(confidence=CONFIDENCE, limits=limits, by_class=by_class, **of_parts)
