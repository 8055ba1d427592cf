"""The page of yardsticks, and what is most important in them: a table that the report shows, too."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from norrsken.config.jobs import ReportSettings
from norrsken.files import AS_WRITTEN, write_csv
from norrsken.pages import csv_records, picture, write_html

#: The planted changes of which the summary tells how soon the alarm notices them: the change, its size, and its name.
ALARMS = (("gain", 1.0, "one stop brighter"), ("focus", 2.0, "blurred by 2 pixels"))


class Short(NamedTuple):
    """A row of `summary.csv`: a number of a yardstick, with the ends of its 95 % interval where it has them."""

    model: str
    yardstick: str
    measure: str
    value: float
    low: float
    high: float


def write_yardsticks(
    tables: Mapping[str, Sequence[str]],
    figures: Mapping[str, str],
    titles: Mapping[str, str],
    settings: ReportSettings,
    summary: str,
    output: str,
) -> None:
    """Write `summary.csv` and the page `index.html`.

    tables: divisions, robustness, trust, drift and alarms: name → the CSV file of each model. figures, titles: of each
    yardstick, in the order of the page.
    """
    read = {name: pd.concat([pd.read_csv(path, **AS_WRITTEN) for path in paths]) for name, paths in tables.items()}
    write_csv(pd.DataFrame(in_short(read)), summary)
    page = {
        "settings": settings,
        "rows": csv_records(summary),
        "tables": {name: table.to_dict("records") for name, table in read.items()},
        "figures": {name: picture(path) for name, path in figures.items()},
        "titles": titles,
        "folder": Path(output).parent.as_posix(),
    }
    write_html("yardsticks.html", page, output)


def in_short(tables: Mapping[str, pd.DataFrame]) -> Iterable[Short]:
    """What is most important in the tables of all models, the models in the order of the first."""
    for model in tables["divisions"]["model"].unique():
        of = {name: table[table["model"] == model] for name, table in tables.items()}
        yield from _divisions(model, of["divisions"])
        every = of["robustness"].set_index("change").loc["all"]
        yield Short(model, "robustness", "lost", *(every[f"lost{end}"] for end in ("", "_low", "_high")))
        for row in of["trust"].itertuples():
            if row[of["trust"].columns.get_loc("class") + 1] == "all":
                yield Short(model, "trust", row.measure, row.value, row.low, row.high)
        yield from _alarms(model, of["alarms"])


def _divisions(model: str, table: pd.DataFrame) -> Iterable[Short]:
    for row in table[table["f1"].notna()].itertuples():
        yield Short(model, "divisions", f"f1 {row.part}", row.f1, row.f1_low, row.f1_high)
        if pd.notna(row.less):
            yield Short(model, "divisions", f"less {row.part}", row.less, row.less_low, row.less_high)


def _alarms(model: str, table: pd.DataFrame) -> Iterable[Short]:
    nothing = float("nan")
    for change, size, name in ALARMS:
        for row in table[(table["change"] == change) & (table["size"] == size)].tail(1).itertuples():
            yield Short(model, "drift", f"rings, {name}", row.rings, nothing, nothing)
            yield Short(model, "drift", f"nights, {name}", row.delay, row.delay_least, row.delay_most)
