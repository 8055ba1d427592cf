"""The page of the catalogue: what was classified, how far to trust it, and what the sky did."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from norrsken import tables
from norrsken.catalogue.classifier import read_classifier
from norrsken.catalogue.condition import read_condition
from norrsken.catalogue.untrained import SAID
from norrsken.classes import CLASSES
from norrsken.config import ReportSettings
from norrsken.html import csv_records, picture, write_html


def write_overview(
    months: Iterable[str], figures: Mapping[str, str], truth: bool, settings: ReportSettings, output: str
) -> None:
    """Write `index.html` from the tables that lie in its folder.

    months: directories of the nights' tables. figures: title → path. truth: whether the catalogue is compared with a
    simulation.
    """
    folder = Path(output).parent
    classifier, condition = read_classifier(folder / "classifier.json"), read_condition(folder / "condition.json")
    occurrence, events = pd.read_csv(folder / "occurrence.csv"), pd.read_csv(folder / "events.csv")
    minutes = events.groupby("label")["minutes"]
    found = minutes.agg(["size", "median"]).reindex(CLASSES).dropna()
    page = {
        "settings": settings,
        "classifier": classifier,
        "condition": condition,
        "left_out": tables.left_out(*tables.night_tables(months)).total(),
        "by_night": settings.splits[classifier.name.split("/")[0]].method == "night",
        "observed": occurrence.loc[occurrence["by"] == "all", "hours_observed"].max(),
        "untrained": csv_records(folder / "untrained.csv"),
        "said": SAID,
        "figures": [(title, picture(path)) for title, path in figures.items()],
        "events": csv_records(folder / "events.csv"),
        "onsets": csv_records(folder / "onsets.csv"),
        "by_class": [(name, int(row["size"]), row["median"]) for name, row in found.iterrows()],
        "truth": truth,
        "folder": folder.as_posix(),
    }
    write_html("catalogue.html", page, output)
