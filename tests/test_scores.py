"""Macro scores, tables of scores."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import PAPER

from norrsken.evaluation.scores import SCORE_NAMES, collect_scores, confusion, macro_scores, scores_by_class
from norrsken.paper import CLASSES, PAPER_TABLE2
from norrsken.report.tables import set_table2, table2

LABELS = np.array([0, 0, 0, 1, 1, 2, 3, 4, 5, 6])
PREDICTED = np.array([0, 0, 1, 1, 0, 2, 3, 4, 5, 0])


def test_macro_scores_are_the_mean_over_seven_classes() -> None:
    # breakup: 2 of 4 predicted and 2 of 3 true; colored: 1 of 2 and 1 of 2; faint: never predicted.
    scores = macro_scores(LABELS, PREDICTED, len(CLASSES))
    assert scores["precision"] == pytest.approx((0.5 + 0.5 + 4) / 7)
    assert scores["recall"] == pytest.approx((2 / 3 + 0.5 + 4) / 7)
    breakup = 2 * 0.5 * (2 / 3) / (0.5 + 2 / 3)
    assert scores["f1"] == pytest.approx((breakup + 0.5 + 4) / 7)


def test_a_class_that_is_not_there_counts_as_zero() -> None:
    assert macro_scores(np.zeros(4, int), np.zeros(4, int), len(CLASSES))["f1"] == pytest.approx(1 / 7)


def test_scores_by_class_name_their_frames() -> None:
    by_class = scores_by_class(LABELS, PREDICTED, CLASSES)
    assert list(by_class) == list(CLASSES)
    assert by_class["breakup"]["frames"] == 3
    assert by_class["faint"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "frames": 1}


def test_confusion_rows_are_truth() -> None:
    matrix = confusion(LABELS, PREDICTED, len(CLASSES))
    assert matrix[0][:2] == [2, 1]
    assert matrix[6][0] == 1
    assert np.sum(matrix) == len(LABELS)


def runs(model: str, scores: list[float], notes: tuple[str, ...] = (), **changed: str) -> list[dict[str, Any]]:
    fields = {"model": model, "split": "random", "recall": 0.5, "f1": 0.5, "parameters": 11, "seconds": 1.0}
    fields |= {"stock_parameters": None if model == "3nn" else 12, "notes": list(notes)}
    fields["settings"] = {"model": {"kind": "network"} | changed}
    return [{**fields, "seed": 9 - i, "precision": p} for i, p in enumerate(scores)]


def test_scores_are_sorted_by_seed() -> None:
    table = collect_scores(runs("resnet18", [0.1, 0.2, 0.3]))
    assert list(table.columns) == ["model", "split", "seed", "precision", "recall", "f1", "parameters", "seconds"]
    assert table["seed"].tolist() == [7, 8, 9]


def test_table_2_has_mean_and_sample_deviation_beside_the_papers() -> None:
    table = table2([*runs("resnet18", [0.8, 0.9, 1.0]), *runs("my-model", [0.7])], PAPER.names, {})
    row = table.iloc[0]
    assert row["precision_mean"] == pytest.approx(0.9)
    assert row["precision_sd"] == pytest.approx(0.1)
    assert (row["runs"], row["parameters"]) == (3, 11)
    assert (row["paper_precision"], row["paper_f1_sd"], row["paper_parameters"]) == (0.92, 0.04, 11)
    assert (row["stock_parameters"], row["note"]) == (12, "")
    other = table.iloc[1]
    assert pd.isna(other["precision_sd"])
    assert pd.isna(other["paper_precision"])


def test_what_keeps_a_row_from_being_compared_is_noted() -> None:
    cut_off = runs("alexnet", [0.8], ("not trained to convergence",))
    table = table2([*cut_off, *runs("alexnet", [0.9, 1.0]), *runs("3nn", [0.7], ("random features",))], PAPER.names, {})
    assert table["note"].tolist() == ["not trained to convergence: 1 of 3 runs", "random features"]
    assert pd.isna(table["stock_parameters"].iloc[1])


def test_what_is_not_the_papers_is_marked() -> None:
    tuned = runs("resnet18", [0.8], weights="download", optimizer="adamw")
    table = table2([*tuned, *runs("resnet50", [0.9]), *runs("my-model", [0.7])], PAPER.names, {})
    marks = ["not as in the paper: weights download, optimizer adamw", "", "not in the paper"]
    assert table["paper_note"].tolist() == marks
    intervals = {f"{name}_{end}": np.nan for name in SCORE_NAMES for end in ("low", "high")}
    assert set_table2(table.assign(split="night", **intervals))["Note"].tolist() == marks


def test_the_papers_best_is_resnet50() -> None:
    assert max(PAPER_TABLE2, key=lambda name: PAPER_TABLE2[name].f1) == "resnet50"
