"""How sure scores are, and how models compare, against what is known without a bootstrap."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import PAPER

from norrsken import schemas, tables
from norrsken.evaluation.bootstrap import MIN_UNITS
from norrsken.evaluation.calibration import expected_calibration_error, mean_probabilities, reliability
from norrsken.evaluation.intervals import draw, intervals, macro
from norrsken.evaluation.scores import confusion, macro_scores
from norrsken.paper import CLASSES
from norrsken.report.tables import table2

RANDOM = np.random.default_rng(0)


def test_macro_scores_of_a_matrix_are_those_of_the_frames() -> None:
    labels, predicted = RANDOM.integers(0, 7, (2, 300))
    for known in (labels, labels % 5):  # with classes that nobody gave
        expected = macro_scores(known, predicted, len(CLASSES))
        found = macro(np.array(confusion(known, predicted, len(CLASSES)), float))
        assert found == pytest.approx([expected[name] for name in ("precision", "recall", "f1")])


def test_the_interval_is_as_wide_as_the_binomial_says() -> None:
    """Of 400 frames of one class 80 % are right: recall has a standard error of 0.02."""
    counts = np.zeros((400, 1, 7, 7))
    counts[:320, 0, 2, 2] = counts[320:, 0, 2, 3] = 1
    low, high = np.percentile(7 * draw(counts)[:, 1], [2.5, 97.5])
    assert (high - low) / 2 == pytest.approx(1.96 * 0.02, rel=0.08)
    assert (low + high) / 2 == pytest.approx(0.8, abs=0.005)


def test_a_class_that_is_missing_in_a_draw_is_left_out_of_its_mean() -> None:
    counts = np.zeros((20, 1, 7, 7))
    for k in range(7):
        counts[:, 0, k, k] = 1
    counts[1:, 0, 6, 6] = 0  # a single night has frames of this class
    assert draw(counts) == pytest.approx(1)
    assert macro(counts[1:].sum(axis=0))[0, 1] == pytest.approx(6 / 7)


def write(folder: Path, nights: int | None, frames: int = 600) -> tuple[list[dict[str, object]], list[Path], Path]:
    """Two runs of a good and of a bad model, and the data set."""
    labels = np.array(CLASSES)[np.arange(frames) % 7]
    night = [None] * frames if nights is None else [date(2015, 1, 1) + timedelta(i % nights) for i in range(frames)]
    ids = [f"KRN{i}" for i in range(frames)]
    images = tables.image_column(np.zeros((frames, 128, 128, 3), np.uint8))
    schema = schemas.dataset_table(["random"])
    columns = {"frame_id": ids, "time": [None] * frames, "night": night, "label": labels, "image": images}
    dataset = folder / "dataset.parquet"
    tables.write(dataset, tables.pa.table({**columns, "split_random": ["test"] * frames}, schema), schema, {})
    metrics, paths = [], []
    for model, right in (("good", 0.9), ("bad", 0.8)):
        for seed in range(2):
            hits = np.random.default_rng([seed, len(model)]).random(frames) < right
            predicted = np.where(hits, labels, np.roll(labels, 1))
            shares = {f"p_{name}": np.where(predicted == name, 0.7, 0.05).astype(np.float32) for name in CLASSES}
            order = np.random.default_rng(seed).permutation(frames)
            table = tables.pa.table({"frame_id": ids, "label": labels, "predicted": predicted, **shares})
            table = table.append_column("embedding", tables.pa.nulls(frames, tables.pa.list_(tables.pa.float32())))
            paths.append(folder / f"{model}{seed}.parquet")
            tables.write(paths[-1], table.take(order), schemas.predictions_table(CLASSES), {})
            codes = [np.array([CLASSES.index(name) for name in names]) for names in (labels, predicted)]
            known = {"parameters": 1, "stock_parameters": None, "notes": [], "seed": seed, "settings": {"model": {}}}
            metrics.append({"model": model, "split": "random", **known, **macro_scores(*codes, len(CLASSES))})
    return metrics, paths, dataset


def test_models_are_compared_on_the_same_draws(tmp_path: Path) -> None:
    metrics, paths, dataset = write(tmp_path, nights=60)
    found = intervals(metrics, paths, dataset, {}).set_index("model")
    table = table2(metrics, PAPER.names, {}).set_index("model")
    for model in ("good", "bad"):
        assert found.loc[model, "f1_low"] < table.loc[model, "f1_mean"] < found.loc[model, "f1_high"]
    assert found.loc["good", ["behind", "behind_low", "behind_high"]].tolist() == [0, 0, 0]
    assert found.loc["bad", "behind"] == pytest.approx(table.loc["good", "f1_mean"] - table.loc["bad", "f1_mean"])
    assert 0 < found.loc["bad", "behind_low"] < found.loc["bad", "behind"] < found.loc["bad", "behind_high"]


def test_few_nights_give_no_interval_and_unknown_nights_count_by_frame(tmp_path: Path) -> None:
    few = intervals(*write(tmp_path, nights=MIN_UNITS - 1), {}).set_index("model")
    assert few["f1_low"].isna().all()
    assert few.loc["bad", "behind"] > 0
    assert intervals(*write(tmp_path, nights=None), {})["f1_low"].notna().all()


def test_the_distance_from_the_paper_is_in_deviations_of_both() -> None:
    runs = [{"model": "resnet18", "split": "random", "seed": i, "precision": 0.9, "recall": 0.9} for i in range(2)]
    more = {"parameters": 1, "stock_parameters": None, "notes": [], "settings": {"model": {}}}
    table = table2(
        [{**run, **more, "f1": f1} for run, f1 in zip(runs, (0.93, 0.97), strict=True)], PAPER.names, {}
    ).iloc[0]
    assert table["f1_distance"] == pytest.approx((0.95 - 0.89) / np.hypot(np.std([0.93, 0.97], ddof=1), 0.04))
    own = table2([{**runs[0], **more, "model": "own", "f1": 0.9}], PAPER.names, {}).iloc[0]
    assert pd.isna(own["f1_distance"])
    knn = [{**run, **more, "model": "3nn", "seed": i, "f1": 0.391} for i, run in enumerate(runs + runs[:1])]
    alike = table2(knn, PAPER.names, {}).iloc[0]  # the deviation of three equal numbers is not quite 0
    assert pd.isna(alike["f1_distance"])


def test_calibration_of_a_model_that_is_as_sure_as_it_may_be() -> None:
    confidence = RANDOM.uniform(1 / 7, 1, 40_000)
    right = RANDOM.random(40_000) < confidence
    table = pd.DataFrame({f"p_{name}": (1 - confidence) / 6 for name in CLASSES})
    table["p_arcs"] = confidence
    table["predicted"], table["label"] = "arcs", np.where(right, "arcs", "edge")
    assert expected_calibration_error(table) < 0.02
    table["label"] = np.where(RANDOM.random(40_000) < confidence / 2, "arcs", "edge")
    assert expected_calibration_error(table) == pytest.approx(confidence.mean() / 2, abs=0.02)
    assert reliability(table)["frames"].sum() == 40_000


def test_probabilities_are_averaged_by_frame_whatever_their_order() -> None:
    one = pd.DataFrame({"frame_id": ["a", "b"], **{f"p_{name}": [0.0, 0.0] for name in CLASSES}})
    one["p_arcs"], one["p_edge"] = [1.0, 0.0], [0.0, 1.0]
    both = mean_probabilities([one, one.iloc[::-1]])
    assert both[:, CLASSES.index("arcs")].tolist() == [1.0, 0.0]
