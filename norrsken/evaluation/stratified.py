"""Shares of a population, estimated from a sample that was drawn unevenly: so many of each stratum."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from norrsken.evaluation.bootstrap import wilson

#: Per cent of a distribution that lie below a 95 % interval's upper end.
_UPPER = 0.975


#: Fewer units than these say little of how many there are.
_FEW = 5


@dataclass(frozen=True)
class Strata:
    """How a sample was drawn. of: the stratum of each of its n units, (n,). sizes: units of each in the population."""

    of: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """How many units of the population each stands for: (n,). A sample of which a part is lost stands for all."""
        counts = np.bincount(self.of, minlength=len(self.sizes))
        weights: NDArray[np.float64] = (self.sizes / np.maximum(counts, 1))[self.of]
        return weights


class Estimate(NamedTuple):
    """A share of a population with its 95 % interval; nan where none of the sample is of it."""

    value: float
    low: float
    high: float


def share(part: NDArray[np.bool_], whole: NDArray[np.bool_], strata: Strata, known: bool) -> Estimate:
    """The share of some units among others in the population: part, a part of whole, (n,) each, of the sample's units.

    known: whether it is known of each unit of the population if it is of the whole; otherwise any stratum may hold some
    of which the sample has none.

    It is a ratio of sums of weights (Hájek 1971), whose variance is that of its linear part within the strata, with the
    correction for a finite population (Särndal, Swensson & Wretman 1992, section 5.6). The interval is Wilson's, of as
    many independent trials as would vary as much, with Student's t (Korn & Graubard 1998). Where all or none are part,
    so that the variance says nothing, the trials are those that weights of this unevenness are worth (Kish 1965). Where
    hardly any of a whole that is not known are on one side, each trial is as heavy as the heaviest unit may be: a few
    of them may have been missed.
    """
    weights = strata.weights
    total = float(weights[whole].sum())
    if total == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    value = float(weights[part & whole].sum()) / total
    linear = (part & whole) - value * whole
    counts = np.bincount(strata.of, minlength=len(strata.sizes)).astype(np.float64)
    drawn = np.maximum(counts, 1)
    mean = np.bincount(strata.of, linear, len(counts)) / drawn
    squares = np.bincount(strata.of, (linear - mean[strata.of]) ** 2, len(counts))
    # A single unit of a stratum says nothing of how units differ there: it counts in full.
    single = counts == 1
    squares[single] = np.bincount(strata.of, linear**2, len(counts))[single]
    left = 1 - np.minimum(drawn / np.maximum(strata.sizes, 1), 1)
    variance = float(np.sum(strata.sizes**2.0 * left * squares / np.maximum(counts - 1, 1) / drawn)) / total**2
    uneven = float(np.sum(weights[whole] * (weights[whole] - 1)))
    trials = total**2 / uneven if uneven > 0 else np.inf
    if variance > 0:
        trials = min(trials, value * (1 - value) / variance)
    incomplete = weights > 1
    if not known and incomplete.any() and min((part & whole).sum(), (whole & ~part).sum()) < _FEW:
        trials = min(trials, total / float(weights[incomplete].max()))
    z = student.ppf(_UPPER, max(len(strata.of) - np.count_nonzero(counts), 1))
    (low,), (high,) = wilson(np.array([value]), np.array([trials]), z)
    return Estimate(value, float(low), float(high))
