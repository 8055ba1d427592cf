"""Frames of a night say together what each of them says less surely."""

import numpy as np
import pytest
from scipy.linalg import expm

from norrsken.evaluation.smoothing import fit_rates, fit_smoothing, smooth, smooth_nights

RATES = np.array([[-0.10, 0.08, 0.02], [0.03, -0.05, 0.02], [0.01, 0.04, -0.05]])
EVEN = np.full(3, 1 / 3)


def walk(steps: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Classes of a process with `RATES` at times that are so many minutes apart."""
    states = [int(random.integers(3))]
    passing = {step: expm(RATES * step).cumsum(axis=1) for step in np.unique(steps)}
    for step in steps:
        states.append(int(np.searchsorted(passing[step][states[-1]], random.random())))
    return np.array(states)


def by_courses(probabilities: np.ndarray, steps: np.ndarray, weight: float) -> np.ndarray:
    """The same as `smooth` by the sum over all courses of a night, for each frame with its own weight of 1."""
    lasting = np.linalg.matrix_power(expm(RATES * 1000), 2)[0]
    own = probabilities / lasting
    total = np.zeros_like(probabilities)
    for course in np.ndindex(*[3] * len(own)):
        chance = lasting[course[0]]
        for i, step in enumerate(steps):
            chance *= expm(RATES * step)[course[i], course[i + 1]]
        said = np.array([own[i, state] for i, state in enumerate(course)])
        for i, state in enumerate(course):
            total[i, state] += chance * said[i] * np.prod(np.delete(said, i) ** weight)
    return total / total.sum(axis=1, keepdims=True)


def times_of(steps: np.ndarray) -> np.ndarray:
    return np.append(0, (steps * 60_000).cumsum()).astype(np.int64)


def test_smoothing_is_the_sum_over_all_courses_of_a_night() -> None:
    random = np.random.default_rng(0)
    probabilities, steps = random.dirichlet(EVEN * 3, 6), np.array([1.0, 1.0, 7.0, 0.5, 1.0])
    for weight in (0.0, 0.3, 1.0):
        found = smooth(probabilities, times_of(steps), RATES, weight)
        np.testing.assert_allclose(found, by_courses(probabilities, steps, weight), atol=1e-9)


def test_a_frame_keeps_its_probabilities_where_others_do_not_count_or_are_far_away() -> None:
    probabilities = np.random.default_rng(1).dirichlet(EVEN * 3, 4)
    np.testing.assert_allclose(smooth(probabilities, times_of(np.ones(3)), RATES, 0.0), probabilities, atol=1e-9)
    far = times_of(np.full(3, 10_000.0))
    np.testing.assert_allclose(smooth(probabilities, far, RATES, 1.0), probabilities, atol=1e-6)
    np.testing.assert_allclose(smooth(probabilities[:1], far[:1], RATES, 1.0), probabilities[:1], atol=1e-9)


def test_a_single_frame_that_differs_is_overruled_unless_a_gap_lies_around_it() -> None:
    likely, other = [0.8, 0.1, 0.1], [0.3, 0.6, 0.1]
    probabilities = np.array([likely] * 5 + [other] + [likely] * 5)
    near = smooth(probabilities, times_of(np.ones(10)), RATES, 1.0)
    assert near[5].argmax() == 0
    far = smooth(probabilities, times_of(np.array([1.0] * 4 + [500.0] * 2 + [1.0] * 4)), RATES, 1.0)
    assert far[5].argmax() == 1


def test_nights_are_smoothed_each_by_itself() -> None:
    random = np.random.default_rng(1)
    probabilities, nights = random.dirichlet(EVEN, 5), np.array([0, 0, 0, 1, 1])
    times = np.array([0, 1, 2, 0, 1]) * 60_000
    found = smooth_nights(probabilities, times, nights, RATES, 0.5)
    for night in (0, 1):
        rows = nights == night
        np.testing.assert_array_equal(found[rows], smooth(probabilities[rows], times[rows], RATES, 0.5))
    assert len(smooth_nights(probabilities[:0], times[:0], nights[:0], RATES, 0.5)) == 0


def test_rates_are_found_again_in_labels_of_some_frames() -> None:
    random = np.random.default_rng(2)
    labels, times, nights = [], [], []
    for night in range(300):
        steps = random.choice([1.0, 4.0, 8.0], 60)
        labels.append(walk(steps, random))
        times.append(times_of(steps))
        nights.append(np.full(61, night))
    found = fit_rates(*map(np.concatenate, (labels, times, nights)), classes=3)
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(found, RATES, atol=0.008)


@pytest.mark.parametrize("labels", [[], [0], [0, 1]])
def test_without_pairs_of_labels_the_rates_are_those_that_are_assumed(labels: list[int]) -> None:
    codes = np.array(labels, np.int64)
    found = fit_rates(codes, np.arange(len(codes)) * 3_600_000, np.zeros(len(codes), np.int64), classes=3)
    assert np.allclose(found - np.diag(np.diagonal(found)), (1 - np.eye(3)) / 60)


def test_speed_and_weight_are_those_at_which_the_labels_are_likely() -> None:
    random = np.random.default_rng(3)
    steps = np.ones(3000)
    truth = walk(steps, random)
    times, nights = times_of(steps), np.zeros(3001, np.int64)

    def loss(probabilities: np.ndarray, speed: float, weight: float) -> float:
        said = smooth_nights(probabilities, times, nights, RATES / 4 * speed, weight)
        return float(-np.log(said[np.arange(3001), truth]).mean())

    apart = random.dirichlet(EVEN * 6, 3001) * 0.6 + 0.4 * np.eye(3)[truth]
    speed, weight = fit_smoothing(apart, times, nights, truth, RATES / 4)
    assert loss(apart, speed, weight) < loss(apart, 1.0, 1e-9) - 0.1
    assert loss(apart, speed, weight) <= min(loss(apart, s, w) for s in (1, 4, 16) for w in (0.1, 0.5, 1)) + 2e-3
    some = np.where(np.arange(3001) % 3 == 0, truth, -1)  # the others only are neighbours
    assert fit_smoothing(apart, times, nights, some, RATES / 4) == pytest.approx((speed, weight), rel=0.5)
    together = np.repeat(apart[::5], 5, axis=0)[:3001]  # the errors of five frames are the same
    assert fit_smoothing(together, times, nights, truth, RATES / 4)[1] < weight / 2
