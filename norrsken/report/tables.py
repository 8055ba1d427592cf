"""Tables 1 and 2 of the paper: our numbers beside the paper's, also in Markdown and LaTeX as the paper sets them."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from norrsken.config.label_set import LabelNames, LabelSet
from norrsken.dataset.sample import weights
from norrsken.evaluation.scores import SCORE_NAMES, notes
from norrsken.files import written_aside
from norrsken.paper import PAPER_LABELS, PAPER_TABLE2, PAPER_YEARS, model_title, not_the_papers


def set_table1(table: pd.DataFrame, label_set: LabelSet) -> pd.DataFrame:
    """The cells of Table 1 as text. table: `table1.csv`; years and labels stand one below the other."""
    counts = [name for name in map(str, table) if name.startswith(("train_", "test_"))]
    heads = {name: " ".join(name.split("_", 1)[::-1]).capitalize() for name in counts}
    columns = {"name": "", **heads, "images": "Images", "percent": "%"}
    columns |= {name: f"Paper: {name.removeprefix('paper_')}" for name in map(str, table) if name.startswith("paper_")}
    cells = table[list(columns)].copy().astype(object)
    cells["name"] = [label_set.titles.get(name, str(name).capitalize()) for name in table["name"]]
    for name in columns:
        if name not in ("name", "percent"):
            cells[name] = ["–" if pd.isna(value) else f"{value:,.0f}" for value in table[name]]
    cells["percent"] = [f"{value:.2f}" for value in table["percent"]]
    return cells.rename(columns=columns)


def set_table2(table: pd.DataFrame) -> pd.DataFrame:
    """The cells of Table 2 as text: mean ± deviation over the runs [95 % interval over test frames], and the paper's.

    table: `table2.csv`.
    """
    cells = pd.DataFrame({"Split": table["split"], "Model": [model_title(model) for model in table["model"]]})
    for name in SCORE_NAMES:
        head = name.capitalize()
        cells[head] = [
            _score(row[f"{name}_mean"], row[f"{name}_sd"]) + _interval(row[f"{name}_low"], row[f"{name}_high"])
            for _, row in table.iterrows()
        ]
        if f"paper_{name}" in table:
            rows = (row for _, row in table.iterrows())
            cells[f"Paper: {head}"] = [_score(row[f"paper_{name}"], row[f"paper_{name}_sd"]) for row in rows]
    cells["Parameters"] = [f"{value:,.0f}" for value in table["parameters"]]
    notes_of = table[[name for name in ("note", "paper_note") if name in table]].fillna("")
    cells["Note"] = ["; ".join(filter(None, row)) for row in notes_of.itertuples(index=False)]
    return cells


def write_set(cells: pd.DataFrame, markdown: str | os.PathLike[str], latex: str | os.PathLike[str]) -> None:
    """Write a table of text in Markdown and as a LaTeX tabular, for the package booktabs."""
    ruled = ["---"] + ["---:"] * (len(cells.columns) - 1)
    rows = [list(map(str, cells)), ruled, *cells.astype(str).to_numpy().tolist()]
    lines = ("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in rows)
    with written_aside(markdown) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    with written_aside(latex) as temporary:
        columns = "l" + "r" * (len(cells.columns) - 1)
        temporary.write_text(cells.to_latex(index=False, escape=True, column_format=columns), encoding="utf-8")


def _score(mean: float, deviation: float) -> str:
    if pd.isna(mean):
        return "–"
    return f"{mean:.2f}" if pd.isna(deviation) else f"{mean:.2f} ± {deviation:.2f}"


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f" [{low:.2f}, {high:.2f}]"


def table1(labelled: pd.DataFrame, dataset: pd.DataFrame, years: Sequence[int], label_set: LabelSet) -> pd.DataFrame:
    """The counts of the paper's Table 1: by UTC year (its left half) and by label with train and test (its right half).

    labelled: `time`, `verdict`, `label`; dataset: `label`, the `split_{split}` columns. years: empty where the frames'
    times are not known. The paper's numbers stand beside where the labels are the paper's. `percent` is the share of
    the frames; where they are a sample, it is the share of the archive that they stand for.
    """
    outcome, year_of, weight = (
        labelled["label"].fillna(labelled["verdict"]),
        labelled["time"].dt.year,
        weights(labelled),
    )
    by_year, by_label = year_of.value_counts(), outcome.value_counts()
    shares = {"year": weight.groupby(year_of).sum(), "label": weight.groupby(outcome).sum()}
    splits = [name for name in map(str, dataset) if name.startswith("split_")]
    rows: list[dict[str, object]] = [
        {"part": "year", "name": year, "images": by_year.get(year, 0), "paper_images": PAPER_YEARS.get(year)}
        for year in years
    ]
    if rows:
        rows.append(
            {"part": "year", "name": "total", "images": len(labelled), "paper_images": sum(PAPER_YEARS.values())}
        )
    names = label_set.names
    for label in (*names.labels, "disagreement", "incomplete"):
        if label == "incomplete" and label not in by_label:
            continue
        row = {"part": "label", "name": label, "images": by_label.get(label, 0)}
        if label in names.classes:
            row |= _train_and_test(dataset[dataset["label"] == label], splits)
        theirs = PAPER_LABELS.get(label, (None, None, None))
        rows.append(row | {"paper_train": theirs[0], "paper_test": theirs[1], "paper_images": theirs[2]})
    total = {"part": "label", "name": "total", "images": len(labelled), **_train_and_test(dataset, splits)}
    train, test, images = (sum(filter(None, column)) for column in zip(*PAPER_LABELS.values(), strict=True))
    rows.append(total | {"paper_train": train, "paper_test": test, "paper_images": images})
    table = pd.DataFrame(rows)
    total_weight = weight.sum()
    held = [
        total_weight if name == "total" else shares[part].get(name, 0.0)
        for part, name in zip(table["part"], table["name"], strict=True)
    ]
    table["percent"] = (100 * np.array(held, np.float64) / max(total_weight, 1)).round(2)
    counts = [f"{part}_{name.removeprefix('split_')}" for name in splits for part in ("train", "test")]
    compared = ["paper_train", "paper_test", "paper_images"] if label_set.is_papers else []
    ordered = ["part", "name", *counts, "images", "percent", *compared]
    return table[ordered].astype({name: "Int64" for name in ordered if name not in ("part", "name", "percent")})


def _train_and_test(dataset: pd.DataFrame, splits: Iterable[str]) -> dict[str, int]:
    return {
        f"{part}_{split.removeprefix('split_')}": int((dataset[split] == part).sum())
        for split in splits
        for part in ("train", "test")
    }


def table2(
    metrics: Iterable[dict[str, Any]], names: LabelNames, validation: Mapping[tuple[str, str], float]
) -> pd.DataFrame:
    """Mean and standard deviation over the runs of each model and split, beside the paper's Table 2.

    The deviation divides by n − 1 and is empty for one run. `{score}_distance`: from the paper's mean, in deviations of
    the two together; empty where neither has any. `stock_parameters` are those of the network with the 1,000 outputs of
    ImageNet, which the paper counts; `paper_parameters` are millions, rounded by the paper. `note` says what keeps a
    row from being compared: random features, or runs that were not trained to convergence. `paper_note` says what is
    not the paper's: the model, or where it starts and how it is trained. `validation_f1` is what the
    best model is chosen by, of `validation_f1`; empty where no frames were kept out. The paper's columns, and the
    distance from it, are there where the labels of the release are the paper's.
    """
    rows = []
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for run in metrics:
        groups[run["split"], run["model"]].append(run)
    for (split, model), members in groups.items():
        runs = pd.DataFrame(members)
        row: dict[str, Any] = {"model": model, "split": split}
        for name in SCORE_NAMES:
            row |= {f"{name}_mean": runs[name].mean(), f"{name}_sd": runs[name].std(ddof=1)}
        row["validation_f1"] = validation.get((split, model))
        row |= {"runs": len(runs), "parameters": runs["parameters"].iloc[0]}
        theirs = PAPER_TABLE2.get(model)
        for name in (*SCORE_NAMES, "parameters"):
            row[f"paper_{name}"] = getattr(theirs, name, None)
            if name in SCORE_NAMES:
                row[f"paper_{name}_sd"] = getattr(theirs, f"{name}_sd", None)
                row[f"{name}_distance"] = _distance(row, name)
        row |= {"stock_parameters": runs["stock_parameters"].iloc[0], "note": notes(members)}
        row["paper_note"] = not_the_papers(model, members[0]["settings"])
        rows.append(row)
    table = pd.DataFrame(rows).astype({"stock_parameters": "Int64", "validation_f1": "float64"})
    if names.are_papers:
        return table
    return table.drop(
        columns=[name for name in map(str, table) if name.startswith("paper_") or name.endswith("_distance")]
    )


def _distance(row: Mapping[str, Any], name: str) -> float:
    """From the paper's mean to ours, in standard deviations; nan where runs do not differ but by rounding."""
    theirs, deviations = row[f"paper_{name}"], np.nan_to_num([row[f"{name}_sd"], row[f"paper_{name}_sd"] or 0.0])
    spread = float(np.hypot(*deviations))
    return float("nan") if theirs is None or spread < 1e-9 else (row[f"{name}_mean"] - theirs) / spread
