"""How far a model can be trusted: risk against coverage, sets of classes, calibration by class."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import PAPER
from judged import JudgedFrames, write_judged
from matplotlib.image import imread
from numpy.typing import NDArray

from norrsken.evaluation.bootstrap import MIN_UNITS
from norrsken.evaluation.calibration import tempered
from norrsken.figures.trust import draw_risk, draw_trust
from norrsken.paper import CLASSES
from norrsken.yardsticks.trust import ALL, GRID, binned_errors, judge_trust, measure_risk, within_chance

FIRST = np.datetime64("2015-01-01")


def judged_frames(nights: int, each: int = 20) -> tuple[JudgedFrames, NDArray[np.float64]]:
    """Frames whose labels are drawn from the probabilities that are told of them, which are therefore calibrated.

    The first two fifths of the nights are the test, the next two the validation.
    """
    random = np.random.default_rng(1)
    night = np.repeat(np.arange(nights), each)
    said = tempered(random.dirichlet(np.ones(len(CLASSES)), len(night)), 0.4)
    labels = (said.cumsum(axis=1) > random.random(len(night))[:, None]).argmax(axis=1)
    parts = np.array(["test", "test", "validation", "validation", "train"])[night * 5 // nights]
    images = np.zeros((len(night), 128, 128, 3), np.uint8)
    return JudgedFrames(labels.astype(np.int64), FIRST + night, parts, images), said


def judge(
    folder: Path, frames: JudgedFrames, said: NDArray[np.float64], method: str = "night"
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three tables; trust by measure and class."""
    outputs = [str(folder / f"{name}.csv") for name in ("trust", "risk", "reliability")]
    judge_trust(*write_judged(folder, frames, [said], method), None, *outputs)
    trust, risk, reliability = map(pd.read_csv, outputs)
    return trust.set_index(["measure", "class"]), risk, reliability


def test_risk_of_six_frames_is_as_computed_by_hand() -> None:
    wrong, confidence = np.array([0, 1, 0, 0, 1, 0], bool), np.array([0.5, 0.6, 0.9, 0.8, 0.4, 0.95])
    found = measure_risk(wrong, confidence)
    # By confidence: right, right, right, wrong, right, wrong.
    by_hand = np.array([0, 0, 0, 1 / 4, 1 / 5, 2 / 6])
    assert found.area == pytest.approx(by_hand.mean())
    assert found.excess == pytest.approx(by_hand.mean() - (1 / 5 + 2 / 6) / 6)
    assert found.accuracy == pytest.approx([4 / 5, 4 / 6, 4 / 6, 4 / 6])
    assert found.curve[GRID == 0.5] == pytest.approx(0)


def test_a_perfect_order_has_no_excess_and_equal_confidence_the_mean_over_all_orders() -> None:
    wrong = np.arange(1000) >= 900
    found = measure_risk(wrong, np.linspace(1, 0, 1000))
    assert found.excess == pytest.approx(0)
    # The closed form for many frames, Geifman, Uziel & El-Yaniv (2019), equation 4.
    assert found.area == pytest.approx(0.1 + 0.9 * np.log(0.9), abs=1e-3)
    assert measure_risk(wrong, np.full(1000, 0.5)).area == pytest.approx(0.1)


def test_calibrated_probabilities_are_found_so_and_sharpened_ones_are_mended(tmp_path: Path) -> None:
    frames, said = judged_frames(100)
    sharp = tempered(said, 0.5)
    trust, risk, reliability = judge(tmp_path, frames, sharp)
    assert trust["value"]["temperature", ALL] == pytest.approx(2, abs=0.2)
    for name in (ALL, *CLASSES):
        assert trust["low"]["overconfidence_before", name] > 0
    inside = [trust["low"]["overconfidence", n] < 0 < trust["high"]["overconfidence", n] for n in (ALL, *CLASSES)]
    assert sum(inside) >= len(inside) - 1  # of intervals of 95 %
    assert trust["low"]["class_calibration_error", ALL] == 0 < trust["low"]["class_calibration_error_before", ALL]
    for loss in ("brier", "log_loss"):
        assert trust["value"][loss, ALL] < trust["value"][f"{loss}_before", ALL]
        by_class = trust["value"][loss].drop(ALL)
        whole = by_class.sum() if loss == "brier" else np.average(by_class, weights=trust["frames"][loss].drop(ALL))
        assert trust["value"][loss, ALL] == pytest.approx(whole)
    # Half of the validation nights fit the sets, with some 50 frames a class.
    for name in (ALL, *CLASSES):
        assert trust["value"]["set_coverage", name] == pytest.approx(0.9, abs=0.03 if name == ALL else 0.1)
        assert 1 <= trust["value"]["set_size", name] <= len(CLASSES)
    test = frames.parts == "test"
    right = sharp[test].argmax(axis=1) == frames.labels[test]
    assert trust["value"]["accuracy_at_100", ALL] == pytest.approx(right.mean())
    assert risk["risk"].iloc[-1] == pytest.approx(1 - right.mean())
    assert (risk["low"] <= risk["risk"]).all()
    assert (risk["risk"] <= risk["high"]).all()
    assert reliability.groupby("class")["frames"].sum().eq(test.sum()).all()
    figures = tmp_path / "trust.png", tmp_path / "risk.png"
    draw_trust(pd.concat([trust.reset_index()] * 2), PAPER, figures[0])
    draw_risk(risk, figures[1])
    for figure in figures:
        assert imread(figure)[..., :3].std() > 0.01


def test_the_error_of_a_calibrated_class_is_told_from_chance_as_often_as_promised() -> None:
    random = np.random.default_rng(2)
    found = []
    for _ in range(60):
        said = random.random(300)
        errors = binned_errors(said, (random.random(300) < said).astype(float), np.arange(300) // 10)
        found.append(within_chance(errors).low == 0)
        # Where all that is told is too high by 0.3, so is the error.
        wrong = binned_errors(said, (random.random(300) < said - 0.3).astype(float), np.arange(300) // 10)
        true = np.minimum(said, 0.3).mean()
        assert within_chance(wrong).low > 0
        assert within_chance(wrong).high > true
    assert np.mean(found) >= 0.9


def test_few_nights_have_no_intervals_and_unknown_ones_a_sentence(tmp_path: Path) -> None:
    few, said = judged_frames(15)
    for name in ("few", "unknown"):
        (tmp_path / name).mkdir()
    trust, risk, _ = judge(tmp_path / "few", few, said)
    assert len(np.unique(few.nights[few.parts == "test"])) < MIN_UNITS
    assert trust["low"].isna().all()
    assert risk["low"].isna().all()
    assert "are needed" in trust["note"]["set_coverage", ALL]
    assert "fewer than" in trust["note"]["temperature", ALL]
    unknown = few._replace(nights=np.full(len(few.labels), "NaT", "datetime64[D]"))
    trust, risk, _ = judge(tmp_path / "unknown", unknown, said, "random")
    assert "not by night" in trust["note"]["set_coverage", ALL]
    # There the units are frames.
    assert risk["low"].notna().all()
    assert trust["low"].notna()["brier", ALL]
