"""Tables 1 and 2 as the paper sets them, in Markdown and LaTeX, ours beside the paper's."""

import os

import pandas as pd

from norrsken.classes import TITLES, model_title
from norrsken.files import written_aside
from norrsken.scores import SCORE_NAMES


def set_table1(table: pd.DataFrame) -> pd.DataFrame:
    """The cells of Table 1 as text. table: `table1.csv`; years and labels stand one below the other."""
    counts = [name for name in map(str, table) if name.startswith(("train_", "test_"))]
    heads = {name: " ".join(name.split("_", 1)[::-1]).capitalize() for name in counts}
    columns = {"name": "", **heads, "images": "Images", "percent": "%"}
    columns |= {"paper_train": "Paper: train", "paper_test": "Paper: test", "paper_images": "Paper: images"}
    cells = table[list(columns)].copy().astype(object)
    cells["name"] = [TITLES.get(name, str(name).capitalize()) for name in table["name"]]
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
        cells[f"Paper: {head}"] = [_score(row[f"paper_{name}"], row[f"paper_{name}_sd"]) for _, row in table.iterrows()]
    cells["Parameters"] = [f"{value:,.0f}" for value in table["parameters"]]
    cells["Note"] = table["note"].fillna("")
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
