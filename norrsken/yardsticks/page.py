"""The page of yardsticks, and what is most important in them: a table that the report shows, too."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from norrsken.config.jobs import ReportSettings
from norrsken.evaluation.scores import digests_of_runs
from norrsken.files import AS_WRITTEN, write_csv
from norrsken.pages import csv_records, picture, write_html

#: The planted changes of which the summary tells how soon the alarm notices them: the change, its size, and its name.
ALARMS = {("gain", 1.0): "one stop brighter", ("focus", 2.0): "blurred by 2 pixels"}

#: What the alarm watches in them: familiarity and confidence, where there is both.
WATCHED = ("both", "confidence")

NOTHING = float("nan")


class Short(NamedTuple):
    """A row of `summary.csv`: a number of a yardstick, with the ends of its 95 % interval where it has them."""

    model: str
    yardstick: str
    measure: str
    value: float
    low: float
    high: float


def write_yardsticks(
    metrics: Sequence[str],
    tables: Mapping[str, Sequence[str]],
    figures: Mapping[str, str],
    titles: Mapping[str, str],
    settings: ReportSettings,
    summary: str,
    output: str,
) -> None:
    """Write `summary.csv` and the page `index.html`.

    metrics: the `metrics.json` of all runs that are judged; the summary says which these were. tables: divisions,
    robustness, trust, drift and alarms: name → the CSV file of each model. figures, titles: of each yardstick, in the
    order of the page.
    """
    read = {name: read_together(paths) for name, paths in tables.items()}
    table = pd.DataFrame(in_short(read))
    table.insert(1, "runs", table["model"].map(digests_of_runs(metrics)))
    write_csv(table, summary)
    page = {
        "settings": settings,
        "rows": csv_records(summary),
        "tables": {name: table.to_dict("records") for name, table in read.items()},
        "figures": {name: picture(path) for name, path in figures.items()},
        "titles": titles,
        "folder": Path(output).parent.as_posix(),
    }
    write_html("yardsticks.html", page, output)


def read_together(paths: Sequence[str]) -> pd.DataFrame:
    """The CSV files of several models as one table."""
    read = [pd.read_csv(path, dtype={"model": str}, **AS_WRITTEN) for path in paths]
    table: pd.DataFrame = pd.concat(read, ignore_index=True)
    return table


def in_short(tables: Mapping[str, pd.DataFrame]) -> Iterator[Short]:
    """What is most important in the tables of all models, the models in the order of the first."""
    for model in tables["divisions"]["model"].unique():
        rows = {name: table[table["model"] == model].to_dict("records") for name, table in tables.items()}
        for row in rows["divisions"]:
            for score in ("f1", "less"):
                if pd.notna(row[score]):
                    yield _short(row, "divisions", f"{score} {row['part']}", score)
        for row in rows["robustness"]:
            if row["change"] == "all":
                yield _short(row, "robustness", "lost", "lost")
        for row in rows["trust"]:
            if row["class"] == "all" and pd.notna(row["value"]):
                yield Short(model, "trust", row["measure"], row["value"], row["low"], row["high"])
        watched = next((name for name in WATCHED for row in rows["alarms"] if row["measure"] == name), None)
        for row in rows["alarms"]:
            name = ALARMS.get((row["change"], row["size"]))
            if name and row["measure"] == watched:
                yield Short(model, "drift", f"rings, {name}", row["rings"], NOTHING, NOTHING)
                yield Short(model, "drift", f"nights, {name}", row["delay"], row["delay_least"], row["delay_most"])


def _short(row: Mapping[Hashable, Any], yardstick: str, measure: str, column: str) -> Short:
    return Short(row["model"], yardstick, measure, row[column], row[f"{column}_low"], row[f"{column}_high"])
