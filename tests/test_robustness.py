"""How models do on changed frames: that the changes are what they say, and that the numbers are those of the runs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from norrsken.figures.robustness import draw_robustness
from norrsken.files import AS_WRITTEN
from norrsken.paper import CLASSES
from norrsken.yardsticks import changes
from norrsken.yardsticks.changes import CHANGES, STRENGTHS
from norrsken.yardsticks.robustness import (
    SETTINGS,
    RobustnessError,
    Said,
    example_frames,
    judge_robustness,
    tabulate,
)

Frames = NDArray[np.uint8]

BY_NAME = {change.name: change for change in CHANGES}
IDS = [f"KRN20150112T18300{second}" for second in range(4)]


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Four frames of an arc of other brightness each, over a sky with some noise."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:128, :128]
    arc = np.exp(-(((y - 50 - 10 * np.sin(x / 30)) / 6) ** 2))[..., None] * [60, 120, 50]
    sky = random.normal([35, 32, 30], 2, (4, 128, 128, 3))
    return np.clip(sky + arc * np.array([0.5, 0.8, 1, 1.3])[:, None, None, None], 0, 255).astype(np.uint8)


def light(frame: NDArray[np.floating] | Frames) -> NDArray[np.float64]:
    return np.asarray((np.asarray(frame) / 255) ** (1 / 0.45), np.float64)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_stronger_change_changes_more(change: changes.Change, frames: Frames) -> None:
    assert len(change.values) == STRENGTHS
    away = [np.abs(change(frames, IDS, s + 1).astype(int) - frames).mean(axis=(1, 2, 3)) for s in range(STRENGTHS)]
    assert (np.diff([np.zeros(4), *away], axis=0) > 0).all()  # of each frame


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_frame_changes_in_the_same_way_in_each_batch(change: changes.Change, frames: Frames) -> None:
    before = frames.copy()
    together, backwards = change(frames, IDS, 3), change(frames[::-1], IDS[::-1], 3)
    np.testing.assert_array_equal(together, backwards[::-1])
    np.testing.assert_array_equal(together[2:3], change(frames[2:3], IDS[2:3], 3))
    np.testing.assert_array_equal(frames, before)


def test_what_happens_before_the_processing_leaves_a_frame_as_it_is_where_it_does_nothing(frames: Frames) -> None:
    random = np.random.default_rng()
    np.testing.assert_array_equal(changes.hot_pixels(frames[0], 0, random), frames[0])
    np.testing.assert_array_equal(changes.noise(frames[0], np.inf, random), frames[0])


class Side(np.random.Generator):
    """Random numbers of which the first says which side is taken."""

    def __init__(self, first: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.first = first

    def random(self, *_: object) -> float:  # type: ignore[override]
        return self.first


def test_brightness_is_told_in_stops_of_light(frames: Frames) -> None:
    brighter, darker = (changes.brightness(frames[0], 1, Side(first)) for first in (0, 0.9))
    bright = frames[0] > 60  # where a level is a small step of light
    np.testing.assert_allclose(light(brighter)[bright] / light(frames[0])[bright], 2, rtol=0.05)
    np.testing.assert_allclose(light(darker)[bright] / light(frames[0])[bright], 0.5, rtol=0.05)


def test_white_balance_leaves_green(frames: Frames) -> None:
    red, green, blue = np.moveaxis(light(changes.white_balance(frames[0], 1.5, Side(0))), -1, 0)
    before = light(frames[0])
    np.testing.assert_array_equal(green, before[..., 1])
    bright = before.min(axis=-1) > light(np.array(60))
    np.testing.assert_allclose(red[bright] / before[bright, 0], 1.5, rtol=0.05)
    np.testing.assert_allclose(blue[bright] / before[bright, 2], 1 / 1.5, rtol=0.05)


def test_a_turn_by_90_degrees_is_a_turn_about_the_zenith(frames: Frames) -> None:
    turned = changes.rotation(frames[0], 90, Side(0))
    # The zenith is in row and column 64, so that the first row and column have nothing opposite.
    np.testing.assert_array_equal(turned[1:, 1:], np.rot90(frames[0][1:, 1:]))


def test_a_shift_moves_whole_pixels_and_shows_the_mirrored_sky(frames: Frames) -> None:
    moved = {np.random.default_rng(seed).integers(4): seed for seed in range(30)}
    assert sorted(moved) == [0, 1, 2, 3]
    up, down, left, right = (changes.shift(frames[0], 5, np.random.default_rng(moved[i])) for i in range(4))
    np.testing.assert_array_equal(up[:-5], frames[0][5:])
    np.testing.assert_array_equal(up[-5:], frames[0][-2:-7:-1])
    np.testing.assert_array_equal(down[5:], frames[0][:-5])
    np.testing.assert_array_equal(left[:, :-5], frames[0][:, 5:])
    np.testing.assert_array_equal(right[:, 5:], frames[0][:, :-5])


def test_cover_and_hot_pixels_are_as_many_as_they_say() -> None:
    frame = np.full((128, 128, 3), 200, np.uint8)
    for share in BY_NAME["cover"].values:
        covered = light(changes.cover(frame, share, np.random.default_rng(3)))[..., 0] < 0.55 * light(frame)[0, 0, 0]
        assert covered.mean() == pytest.approx(share, abs=0.01)
        assert share == 0.5 or not covered[64, 64]  # from the side inwards
    black = np.zeros((128, 128, 3), np.uint8)
    shining = (changes.hot_pixels(black, 0.05, np.random.default_rng(3)) > 0).any(axis=-1).sum()
    assert 0 < shining <= 4 * round(0.0005 * 256**2)  # each is in four pixels at most


def test_haze_lowers_the_contrast_by_its_share(frames: Frames) -> None:
    before, after = light(frames[3]), light(changes.haze(frames[3], 0.4, np.random.default_rng()))
    assert np.ptp(after[..., 1]) == pytest.approx(0.6 * np.ptp(before[..., 1]), rel=0.05)
    assert after.min() > before.min()


def test_blur_keeps_the_light_and_noise_the_mean(frames: Frames) -> None:
    random = np.random.default_rng(0)
    assert light(changes.blur(frames[0], 3, random)).mean() == pytest.approx(light(frames[0]).mean(), rel=0.02)
    flat = np.full((128, 128, 3), 120, np.uint8)
    fine, coarse = (changes.noise(flat, electrons, random).astype(float) for electrons in (4000, 1000))
    assert fine.mean() == pytest.approx(120, abs=0.5)
    assert coarse.std() == pytest.approx(2 * fine.std(), rel=0.1)  # a quarter of the light, so twice the noise


@pytest.fixture(scope="module")
def judged(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    output = tmp_path_factory.mktemp("robustness") / "robustness.csv"
    release = finished / "results/small"
    runs = sorted(map(str, release.glob("random/svm-linear/*/metrics.json")))
    judge_robustness(runs, str(release / "dataset.parquet"), str(output))
    return pd.read_csv(output, **AS_WRITTEN)


def test_unchanged_frames_have_the_scores_of_the_runs(judged: pd.DataFrame, finished: Path) -> None:
    runs = [json.loads(p.read_text()) for p in finished.glob("results/small/random/svm-linear/*/metrics.json")]
    first = judged.iloc[0]
    assert (first["change"], first["strength"], first["lost"]) == ("none", 0, 0)
    assert first["f1"] == pytest.approx(np.mean([run["f1"] for run in runs]), abs=1e-5)
    predictions = [pd.read_parquet(p) for p in finished.glob("results/small/random/svm-linear/*/predictions.parquet")]
    right = np.mean([(table["label"] == table["predicted"]).mean() for table in predictions])
    sure = np.mean([table.filter(like="p_").max(axis=1).mean() for table in predictions])
    assert first["accuracy"] == pytest.approx(right, abs=1e-5)
    assert first["confidence"] == pytest.approx(sure, abs=1e-5)
    assert first["over"] == pytest.approx(sure - right, abs=1e-5)


def test_there_is_a_row_for_each_change_and_strength_and_their_means(judged: pd.DataFrame) -> None:
    each = judged.dropna(subset="strength").iloc[1:]
    assert list(zip(each["change"], each["strength"], strict=True)) == [
        (change.name, strength) for change in CHANGES for strength in range(1, STRENGTHS + 1)
    ]
    means = judged[judged["strength"].isna()].set_index("change")
    np.testing.assert_allclose(means["f1"].drop("all"), each.groupby("change", sort=False)["f1"].mean(), atol=1e-5)
    assert means.loc["all", "lost"] == pytest.approx(each["lost"].mean(), abs=1e-5)
    assert each["f1"].min() < judged["f1"].iloc[0]
    assert judged["nights"].eq(4).all()
    assert judged.filter(like="_low").isna().all(axis=None)  # nights are too few


def test_the_figure_shows_a_frame_in_all_strengths(judged: pd.DataFrame, finished: Path, tmp_path: Path) -> None:
    dataset = finished / "results/small/dataset.parquet"
    examples = example_frames(str(dataset), "random")
    assert list(examples) == [change.name for change in CHANGES]
    table = pd.read_parquet(dataset, columns=["image", "split_random"])
    tested = {*table.loc[table["split_random"] == "test", "image"]}
    (unchanged,) = {shown[0].tobytes() for shown in examples.values()}
    assert unchanged in tested
    assert all(len(np.unique(shown, axis=0)) == STRENGTHS + 1 for shown in examples.values())
    draw_robustness(pd.concat([judged, judged.assign(model="resnet18")]), examples, tmp_path / "robustness.png")
    with Image.open(tmp_path / "robustness.png") as image:
        assert len(image.convert("RGB").getcolors(2**24) or ()) > 1000
    assert (tmp_path / "robustness.pdf").read_bytes().startswith(b"%PDF")


def test_intervals_are_of_the_same_draws_of_nights() -> None:
    random = np.random.default_rng(0)
    truth, units = random.integers(7, size=240), np.arange(240) // 12
    right = np.where(random.random((2, 240)) < 0.8, truth, random.integers(7, size=(2, 240))).astype(np.uint8)
    predicted = np.stack([right] * len(SETTINGS))
    # Of one change a night is lost as a whole.
    predicted[1, :, units == 3] = (truth[units == 3, None] + 1) % 7
    said = Said(predicted, np.full(predicted.shape, 0.8, np.float32))
    table = tabulate(said, truth, units, CLASSES)
    np.testing.assert_array_equal(table.loc[2:50, ["lost", "lost_low", "lost_high"]], 0)
    one = table.iloc[1]
    assert one["lost_low"] == 0 < one["lost"] < one["lost_high"]  # some draws have that night not at all
    assert one["accuracy_low"] < one["accuracy"] < one["accuracy_high"]
    assert one["f1_low"] < one["f1"] < one["f1_high"]
    assert one["over"] == pytest.approx(0.8 - one["accuracy"])
    assert one["confidence_low"] == pytest.approx(one["confidence_high"])


def test_runs_of_two_models_are_refused(finished: Path, tmp_path: Path) -> None:
    runs = [str(finished / f"results/small/random/{model}/0/metrics.json") for model in ("3nn", "svm-linear")]
    with pytest.raises(RobustnessError, match="of one model on one split, found"):
        judge_robustness(runs, str(finished / "results/small/dataset.parquet"), str(tmp_path / "robustness.csv"))
