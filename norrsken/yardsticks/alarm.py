"""An alarm for nights that are no longer like those of the past: a conformal test martingale.

Each night is one number. Its p-value is the share of all nights so far that have smaller ones (Vovk, Gammerman & Shafer
2005, doi 10.1007/b106715, chapter 7.1). As long as the nights are exchangeable, the p-values are independent and evenly
spread, and no bet on them can be expected to win. The alarm bets a capital of 1 on small and on large ones, and rings
where the capital reaches a threshold. By Ville's inequality the chance that it ever does so without a change is at most
1 / threshold, however many nights come (Vovk 2021, doi 10.1214/20-STS817).

The bets are powers, ε p^(ε − 1) (Vovk, Nouretdinov & Gammerman 2003). Each night a part of the capital is shared out
again among the bets and what is kept back, as in the simple jumper (Vovk et al. 2021, PMLR 152, 191), so that a change
that comes late is found as well.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The exponents of the bets on small p-values; those on large ones have the same.
EXPONENTS = (0.15, 0.4, 0.7)

#: The part of the capital that is kept back at first, and whenever it is shared out.
KEPT_BACK = 0.5

#: The part of the capital that is shared out each night.
JUMP = 0.01

#: The capital at which the alarm rings.
THRESHOLD = 100.0


def p_values(reference: Floats, nights: Floats, seed: int = 0) -> Floats:
    """The p-value of each night among the reference and all nights before it: (m,) or (k, m), (k, n) → (k, n).

    Equal numbers are put in an order of chance. k streams are judged, each by itself.
    """
    streams, number = nights.shape
    every = np.broadcast_to(reference, (streams, reference.shape[-1]))
    chance = np.random.default_rng(seed).random(nights.shape)
    found = np.empty(nights.shape)
    for night in range(number):
        before = np.concatenate([every, nights[:, :night]], axis=1)
        this = nights[:, [night]]
        below, equal = (before < this).sum(axis=1), (before == this).sum(axis=1)
        found[:, night] = (below + chance[:, night] * (equal + 1)) / (before.shape[1] + 1)
    return found


def capital(p: Floats) -> Floats:
    """The logarithm to base 10 of the capital after each night: p-values (k, n) → (k, n)."""
    exponents = np.array(EXPONENTS)
    shares = np.array([KEPT_BACK, *[(1 - KEPT_BACK) / (2 * len(exponents))] * (2 * len(exponents))])
    held, logarithm, found = np.tile(shares, (len(p), 1)), np.zeros(len(p)), np.empty(p.shape)
    # The ends are left out, at which a bet would pay without limit.
    some = np.clip(p, 1e-9, 1 - 1e-9)
    for night in range(p.shape[1]):
        low, high = some[:, [night]], 1 - some[:, [night]]
        pays = [np.ones_like(low), *(exponents * side ** (exponents - 1) for side in (low, high))]
        held = held * np.concatenate(pays, axis=1)
        # The capital is kept as a logarithm beside its parts, which add up to 1 again.
        total = held.sum(axis=1)
        logarithm = logarithm + np.log10(total)
        held = (1 - JUMP) * held / total[:, None] + JUMP * shares
        found[:, night] = logarithm
    return found


def watch(reference: Floats, nights: Floats, seed: int = 0) -> Floats:
    """The logarithm to base 10 of the alarm's capital after each night: (m,) or (k, m), (k, n) → (k, n).

    reference: the numbers of nights before, in any order. nights: those that are watched, by time.
    """
    return capital(p_values(reference, nights, seed))


def together(logarithms: list[Floats]) -> Floats:
    """The same of the mean of several capitals.

    The p-values that they bet on are of the same nights, so that the mean is no martingale. But where it reaches the
    threshold, one of them has: the chance of that is at most the number of capitals / threshold.
    """
    every = np.array(logarithms)
    highest = every.max(axis=0)
    mean: Floats = highest + np.log10(np.mean(10.0 ** (every - highest), axis=0))
    return mean


def first_ring(logarithm: Floats, threshold: float = THRESHOLD) -> NDArray[np.int64]:
    """The number of the night, from 0, on which the alarm rings first: (k, n) → (k,); n where it does not ring."""
    rings = logarithm >= np.log10(threshold)
    return np.asarray(np.where(rings.any(axis=1), rings.argmax(axis=1), logarithm.shape[1]), np.int64)
