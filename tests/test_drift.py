"""Whether a model still sees what it was trained on: scores by year and month, and the alarm."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from judged import JudgedFrames, write_judged
from matplotlib.image import imread
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from norrsken.catalogue.judge import Frames
from norrsken.classify.model import FrameClassifier
from norrsken.config.general import FOLDER
from norrsken.evaluation.bootstrap import MIN_UNITS
from norrsken.figures.drift import draw_alarm, draw_drift
from norrsken.yardsticks.alarm import first_ring, p_values, together, watch
from norrsken.yardsticks.drift import CHANGES, MIXED, UNCHANGED, judge_drift, out_of_focus, scores_by_time, with_gain
from norrsken.yardsticks.seen import Watcher

MODEL = FOLDER / "model-0.safetensors"


def test_the_alarm_rings_no_more_often_than_promised_without_a_change_and_soon_after_one() -> None:
    random = np.random.default_rng(0)
    nights = random.exponential(size=(1000, 140))
    past, watched = nights[:, :60], nights[:, 60:]
    for threshold in (10.0, 50.0):
        rings = first_ring(watch(past, watched), threshold) < watched.shape[1]
        assert 0 < rings.mean() <= 1 / threshold
    for changed in (watched - 3, watched + 3):
        after = np.where(np.arange(80) >= 40, changed, watched)
        late = first_ring(watch(past, after), 50.0)
        assert (late[late >= 40] < 60).mean() > 0.99


def test_p_values_are_even_over_exchangeable_nights_also_equal_ones() -> None:
    random = np.random.default_rng(0)
    nights = random.integers(0, 5, (500, 60)).astype(float)
    found = p_values(nights[:, :20], nights[:, 20:])
    share, _ = np.histogram(found, 10, (0, 1))
    assert share / found.size == pytest.approx(0.1, abs=0.01)
    # Those of a stream do not depend on each other.
    assert abs(np.corrcoef(found[:, 5], found[:, 6])[0, 1]) < 0.1


def test_a_mean_of_capitals_is_that_of_their_numbers() -> None:
    assert together([np.array([[2.0]]), np.array([[0.0]])]) == pytest.approx(np.log10(50.5))


def test_a_stop_doubles_the_light_and_a_blur_keeps_it() -> None:
    images = np.full((1, 128, 128, 3), 60, np.uint8)
    brighter = with_gain(images, (1.0, 0.0, -1.0))
    assert (brighter[0, 0, 0] / 60.0) ** (1 / 0.45) == pytest.approx([2, 1, 0.5], abs=0.03)
    images[0, 64, 64] = 255
    blurred = out_of_focus(images, 1.0)
    assert blurred[0, 64, 64].max() < 255
    assert blurred.mean() == pytest.approx(images.mean(), abs=0.1)


def test_scores_by_year_and_month_are_those_of_their_frames() -> None:
    random = np.random.default_rng(0)
    nights = np.datetime64("2014-11-20") + np.repeat(np.arange(60), 6)
    said, labels = random.dirichlet(np.ones(7), 360), random.integers(0, 7, 360)
    table = scores_by_time(Frames(said, labels, nights), said[:, 0]).set_index(["by", "bin", "measure"]).sort_index()
    for by, one, rows in (("year", 2014, nights < np.datetime64("2015-01-01")), ("month", 11, slice(0, 66))):
        values, predicted = table["value"][by, one], said[rows].argmax(axis=1)
        assert values["f1"] == pytest.approx(f1_score(labels[rows], predicted, average="macro"))
        assert values["accuracy"] == pytest.approx((labels[rows] == predicted).mean())
        assert values["confidence"] == pytest.approx(said[rows].max(axis=1).mean())
        assert values["familiarity"] == pytest.approx(said[rows, 0].mean())
    enough = table["nights"] >= MIN_UNITS
    assert table["low"].notna().eq(enough).all()
    assert enough.any()
    unknown = Frames(said, labels, np.full(360, "NaT", "datetime64[D]"))
    assert scores_by_time(unknown, None)["note"].tolist() == ["the times of the frames are not known"]


def test_a_network_is_watched_in_the_last_layer_of_each_size() -> None:
    images = np.random.default_rng(0).integers(0, 255, (3, 128, 128, 3)).astype(np.uint8)
    run = FrameClassifier(MODEL)
    seen = Watcher([run]).look(images)
    assert seen.confidence == pytest.approx(run.predict(images).max(axis=1), abs=1e-6)
    # Mean and deviation of the maps of the last block of each size.
    assert seen.maps is not None
    assert seen.maps.shape == (3, 2 * (16 + 24 + 40 + 112 + 320))


def pictures(number: int) -> NDArray[np.uint8]:
    """Frames of noise that is smooth over some pixels, as dark as the sky."""
    random = np.random.default_rng(0)
    noise = random.normal(50, 25, (number, 128, 128, 3))
    return out_of_focus(np.clip(noise, 0, 255).astype(np.uint8), 0.6)


def judge(folder: Path, nights: int, method: str = "night") -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three tables. Three fifths of the nights are the test, a fifth the validation; each has one frame."""
    number = np.arange(nights)
    parts = np.array(["test", "validation", "test", "train", "test"])[number % 5]
    images = pictures(len(number))
    labels = np.random.default_rng(1).integers(0, 7, len(number))
    frames = JudgedFrames(labels, np.datetime64("2015-01-01") + number, parts, images)
    said = FrameClassifier(MODEL).predict(images)
    paths = write_judged(folder, frames, [said], method, model_file=str(MODEL))
    outputs = [str(folder / f"{name}.csv") for name in ("drift", "alarms", "capitals")]
    judge_drift(*paths, *outputs, orders=50, threshold=20.0, changes=[one for one in CHANGES if one.size == 2])
    drift, alarms, capitals = map(pd.read_csv, outputs)
    return drift, alarms, capitals


def test_a_network_rings_the_alarm_where_the_frames_are_out_of_focus(tmp_path: Path) -> None:
    drift, alarms, capitals = judge(tmp_path, 100)
    assert set(drift["measure"]) == {"f1", "accuracy", "confidence", "familiarity"}
    familiarity = alarms[alarms["measure"] == "familiarity"].set_index("change")
    assert familiarity["false_alarms"][MIXED] <= 0.05
    assert familiarity["rings"].drop([UNCHANGED, MIXED]).tolist() == [1.0]
    assert familiarity["delay_most"]["focus"] <= familiarity["after"]["focus"] == 30
    last = capitals[(capitals["number"] == 60) & (capitals["order"] == "time")].set_index(["measure", "change"])
    assert last["capital"]["familiarity", "focus"] > np.log10(20) > last["capital"]["familiarity", UNCHANGED]
    for draw, table in ((draw_drift, drift), (draw_alarm, capitals)):
        draw(table, tmp_path / "figure.png")
        assert imread(tmp_path / "figure.png")[..., :3].std() > 0.01


def test_few_nights_and_other_splits_have_no_alarm_and_say_why(tmp_path: Path) -> None:
    for method, why in (("night", "are needed"), ("random", "not by night")):
        (tmp_path / method).mkdir()
        drift, alarms, capitals = judge(tmp_path / method, 8, method)
        assert drift["low"].isna().all()
        assert drift["value"].notna().all()
        assert why in alarms["note"].item()
        assert capitals.empty
        draw_alarm(capitals, tmp_path / "figure.png")
