"""What frames say together: the classes of a night as a hidden Markov process in continuous time (Rabiner 1989).

A class passes into another at a rate that does not change; the frames are looks at it, at whatever times they were
taken. A frame's likelihood is its calibrated probabilities divided by those that the classes have in the long run, so
that a frame without others near keeps its probabilities. Frames a minute apart err together: what others say of a frame
counts by a power of their likelihoods, the weight.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.optimize import minimize

from norrsken.evaluation.calibration import TINY, cross_entropy

Floats = NDArray[np.float64]

#: Labels farther apart, in minutes, tell nothing of rates: more than one change may lie between them.
LONGEST_STEP = 15.0

#: A rate is fitted as if so many more changes had been seen in the given minutes, shared by all other classes.
PRIOR_CHANGES, PRIOR_MINUTES = 1.0, 30.0

#: Rounds of the fit of rates, and nodes of its integrals.
ROUNDS, NODES = 60, 8

#: Speeds and weights that are tried, and those with which the search begins.
SPEEDS, WEIGHTS, FIRST = (1.0, 100.0), (0.001, 1.0), (5.0, 0.1)


def fit_rates(labels: NDArray[np.int64], times: NDArray[np.int64], nights: NDArray[np.int64], classes: int) -> Floats:
    """At which rate each class passes into each other one, by labels of some frames: (classes, classes), per minute.

    labels: (n,) codes. times: (n,) milliseconds, rising. nights: (n,), a number for each: pairs are of one night. Rows
    sum to 0. By expectation and maximisation for a process that is looked at now and then (Metzner et al. 2007, doi
    10.1103/PhysRevE.76.066702).
    """
    steps = np.diff(times) / 60_000
    near = (np.diff(nights) == 0) & (steps > 0) & (steps <= LONGEST_STEP)
    steps, first, second = steps[near].round(1), labels[:-1][near], labels[1:][near]
    seen = {}
    for step in np.unique(steps):
        counts = np.zeros((classes, classes))
        np.add.at(counts, (first[steps == step], second[steps == step]), 1)
        seen[float(step)] = counts
    others = max(classes - 1, 1)
    rates = _with_diagonal(np.full((classes, classes), PRIOR_CHANGES / PRIOR_MINUTES / others))
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    for _ in range(ROUNDS if seen else 0):
        spent = np.zeros((classes, classes))
        for step, counts in seen.items():
            # M[i, j] of the paper's E-step: an integral over the moment at which i may have passed into j.
            of_pairs = counts / np.maximum(expm(rates * step), TINY)
            for node, share in zip((nodes + 1) / 2, shares / 2, strict=True):
                before, after = expm(rates * step * node), expm(rates * step * (1 - node))
                spent += step * share * (before.T @ of_pairs @ after.T)
        changes, minutes = rates * spent, np.diagonal(spent)
        rates = _with_diagonal(
            (changes + PRIOR_CHANGES / others) / (minutes + PRIOR_MINUTES)[:, None],
        )
    return rates


def _with_diagonal(rates: Floats) -> Floats:
    """The same rates between classes, with a diagonal that makes each row sum to 0."""
    rates = rates.copy()
    np.fill_diagonal(rates, 0)
    np.fill_diagonal(rates, -rates.sum(axis=1))
    return rates


def smooth(probabilities: Floats, times: NDArray[np.int64], rates: Floats, weight: float) -> Floats:
    """The probabilities of each frame given all frames of its night, forwards and backwards: (n, classes).

    probabilities: of the frames alone, (n, classes). times: (n,) milliseconds, rising: across a gap a frame says the
    less the longer it is. rates: see `fit_rates`. weight: of what other frames say of a frame, from 0 to 1.
    """
    if not len(probabilities):
        return probabilities
    lasting = _in_the_long_run(rates)
    own = np.maximum(probabilities, TINY) / lasting
    looks = own**weight
    looks /= looks.max(axis=1, keepdims=True)
    steps = np.round(np.diff(times) / 60_000, 2).tolist()
    passing = {step: expm(rates * step) for step in set(steps)}
    forwards, backwards = np.empty_like(looks), np.ones_like(looks)  # of each frame without what it says itself
    forwards[0] = lasting
    for i, step in enumerate(steps):
        reached = (forwards[i] * looks[i]) @ passing[step]
        forwards[i + 1] = reached / reached.sum()
    for i, step in reversed([*enumerate(steps)]):
        left = passing[step] @ (backwards[i + 1] * looks[i + 1])
        backwards[i] = left / left.sum()
    both = forwards * own * backwards
    together: Floats = both / both.sum(axis=1, keepdims=True)
    return together


def smooth_nights(
    probabilities: Floats, times: NDArray[np.int64], nights: NDArray[np.int64], rates: Floats, weight: float
) -> Floats:
    """The same of several nights, one after another. nights: (n,), a number for each."""
    ends = [0, *(np.flatnonzero(np.diff(nights)) + 1).tolist(), len(nights)]
    parts = [smooth(probabilities[a:b], times[a:b], rates, weight) for a, b in pairwise(ends) if b > a]
    return np.concatenate(parts) if parts else probabilities


def _in_the_long_run(rates: Floats) -> Floats:
    """The shares of time that the classes have when all is forgotten: (classes,)."""
    equations = np.vstack([rates.T, np.ones(len(rates))])
    shares, *_ = np.linalg.lstsq(equations, np.append(np.zeros(len(rates)), 1.0))
    positive = np.maximum(shares, TINY)
    found: Floats = positive / positive.sum()
    return found


def fit_smoothing(
    probabilities: Floats,
    times: NDArray[np.int64],
    nights: NDArray[np.int64],
    labels: NDArray[np.int64],
    rates: Floats,
) -> tuple[float, float]:
    """The speed, by which all rates are multiplied, and the weight at which labels are most likely.

    labels: (n,) codes; below 0 where a frame has none, and only is a neighbour. The rates of labels are too low, since
    what is in between two classes is often not labelled: a speed is 1 at least.
    """
    known = labels >= 0

    def loss(logarithms: NDArray[np.float64]) -> float:
        speed, weight = np.exp(logarithms)
        said = smooth_nights(probabilities, times, nights, rates * speed, float(weight))
        return float(cross_entropy(said[known], labels[known]).mean())

    bounds = [tuple(np.log(ends)) for ends in (SPEEDS, WEIGHTS)]
    found = minimize(loss, np.log(FIRST), method="Nelder-Mead", bounds=bounds, options={"xatol": 0.1, "fatol": 1e-4})
    speed, weight = np.exp(found.x).round(4).tolist()
    return speed, weight
