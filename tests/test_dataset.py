"""Splits: their sizes, what they keep apart, that they repeat."""

import numpy as np
import pytest

from norrsken.config.splits import Split
from norrsken.dataset.splits import divide
from norrsken.paper import CLASSES, PAPER_LABELS

LABELS = np.array([label for label in CLASSES for _ in range(PAPER_LABELS[label][2])])
RANDOM = np.random.default_rng(3)
ORDER = RANDOM.permutation(len(LABELS))
#: As in the paper: 3,846 clean frames, here over 120 nights, each class bunched in some of them.
SHUFFLED = LABELS[ORDER]
NIGHTS = np.datetime64("2015-01-01") + (ORDER // 32 + RANDOM.integers(0, 12, len(LABELS))) % 120


def split(method: str, share: float = 0.22, seed: int = 0) -> np.ndarray:
    return divide(
        SHUFFLED, NIGHTS, Split.model_validate({"method": method, "test_share": share, "seed": seed}), CLASSES
    )


@pytest.mark.parametrize("method", ["random", "stratified", "night"])
def test_a_split_repeats_and_depends_on_its_seed(method: str) -> None:
    np.testing.assert_array_equal(split(method), split(method))
    assert (split(method) != split(method, seed=1)).any()


def test_the_random_split_has_the_papers_846_test_frames() -> None:
    assert split("random").sum() == 846


def test_the_stratified_split_takes_the_share_of_every_class() -> None:
    test = split("stratified")
    for label in CLASSES:
        members = label == SHUFFLED
        assert test[members].sum() == round(0.22 * members.sum())


def test_the_night_split_has_no_night_in_both_parts() -> None:
    test = split("night")
    assert not set(NIGHTS[test]) & set(NIGHTS[~test])


def test_the_night_split_keeps_near_the_share_of_frames_and_of_every_class() -> None:
    test = split("night")
    assert test.mean() == pytest.approx(0.22, abs=0.02)
    for label in CLASSES:
        assert 0.05 < test[label == SHUFFLED].mean() < 0.45, label


def test_two_nights_fall_one_on_each_side() -> None:
    nights = np.array(["2015-01-01"] * 5 + ["2015-01-02"] * 5, "datetime64[D]")
    test = divide(np.array(["arcs", "edge"] * 5), nights, Split(method="night", test_share=0.5), CLASSES)
    assert test.sum() == 5
