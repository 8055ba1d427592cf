"""Intervals over nights or frames: what other nights or frames, drawn with replacement, would have given."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

DRAWS = 2000

#: Per cent of the draws that lie below a 95 % interval; as many lie above it.
_TAIL = 2.5

#: 95 % of a normal distribution lie within so many standard deviations of the mean.
NORMAL = 1.959964


def redrawn(counts: NDArray[np.float64], draws: int = DRAWS, seed: int = 0) -> NDArray[np.float64]:
    """Sums over as many units as there are, drawn with replacement: (units, …) → (draws, …); equal at each call."""
    drawn: NDArray[np.float64] = np.tensordot(_times(len(counts), draws, seed), counts, 1)
    return drawn


@lru_cache(maxsize=32)
def _times(units: int, draws: int, seed: int) -> NDArray[np.float64]:
    """What `times_drawn` says. Tables have many parts of the same units, so some are kept."""
    return times_drawn(units, draws, seed)


def times_drawn(units: int, draws: int = DRAWS, seed: int = 0) -> NDArray[np.float64]:
    """How often each unit is drawn, as for `redrawn`: (draws, units); equal at each call."""
    times = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), draws)
    return times.astype(np.float64)


def quotient(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """The quotient a / b, and nan where there is nothing to divide by: (…), (…) → (…)."""
    a, b = np.broadcast_arrays(a, b)
    found: NDArray[np.float64] = np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)
    return found


def interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of a value in all draws in which it is defined: (draws,) → low, high; nan where it never is."""
    if np.isnan(drawn).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(drawn, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


#: For fewer nights than these no interval is given, since it would be far too narrow.
MIN_UNITS = 10


def share_intervals(
    shares: NDArray[np.float64], variances: NDArray[np.float64], units: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % intervals of shares in bins, from their variances over drawn units: low and high, (bins, labels).

    shares, variances: (bins, labels). units: the nights that each is of, (bins, labels).

    These are Wilson's, of as many independent trials as would vary as much, with Student's t instead of the normal
    distribution (Korn & Graubard 1998, Survey Methodology 24, 193): percentiles of a bootstrap over twenty nights are
    too narrow, above all where a label is rare. How many trials a night is worth is estimated for each label from all
    bins together; one where that cannot be told. nan where a bin has fewer units than `MIN_UNITS`.
    """
    enough = units >= MIN_UNITS
    spread = np.sum(units * variances, axis=0, where=enough)
    expected = np.sum(shares * (1 - shares), axis=0, where=enough)
    worth = np.divide(expected, spread, out=np.ones_like(spread), where=(spread > 0) & (expected > 0))
    trials = np.where(enough, worth * units, np.nan)
    low, high = wilson(shares, trials, student.ppf(1 - _TAIL / 100, np.maximum(units - 1, 1)))
    return low, high


def wilson(
    share: NDArray[np.float64], trials: NDArray[np.float64], z: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Wilson's intervals (1927, doi 10.1080/01621459.1927.10502953): (…), (…) → (2, …), low and high.

    z: how many standard deviations they reach to both sides.
    """
    middle, half = share + z**2 / (2 * trials), z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    ends = np.stack([middle - half, middle + half]) / (1 + z**2 / trials)
    ends[0][share == 0], ends[1][share == 1] = 0, 1
    return np.clip(ends, 0, 1)
