"""The page of the catalogue: what was classified, how far to trust it, and what the sky did."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from norrsken import tables
from norrsken.classes import CATALOGUE_LABELS, CLASSES
from norrsken.classify.condition import read_condition
from norrsken.classify.model import read_classifier
from norrsken.config.jobs import ReportSettings
from norrsken.pages import csv_records, picture, write_html


def write_overview(
    months: Iterable[str],
    classifier: str,
    condition: str,
    tables_shown: Mapping[str, str],
    figures: Mapping[str, str],
    truth: bool,
    settings: ReportSettings,
    output: str,
) -> None:
    """Write `index.html` of the catalogue.

    months: directories of the nights' tables. classifier, condition: `classifier.json` and `condition.json`.
    tables_shown: `untrained`, `occurrence`, `events` and `onsets`: name → CSV file. figures: title → path. truth:
    whether the catalogue is compared with a simulation.
    """
    chosen = read_classifier(classifier)
    occurrence, events = pd.read_csv(tables_shown["occurrence"]), pd.read_csv(tables_shown["events"])
    minutes = events.groupby("label")["minutes"]
    by_class = minutes.agg(["size", "median"]).reindex(CLASSES).dropna()
    page = {
        "settings": settings,
        "classifier": chosen,
        "condition": read_condition(condition),
        "left_out": tables.left_out(*tables.night_tables(months)).total(),
        "by_night": settings.splits[chosen.name.split("/")[0]].method == "night",
        "observed": occurrence.loc[occurrence["by"] == "all", "hours_observed"].max(),
        **{name: csv_records(tables_shown[name]) for name in ("untrained", "events", "onsets")},
        "catalogue_labels": CATALOGUE_LABELS,
        "figures": [(title, picture(path)) for title, path in figures.items()],
        "by_class": [(name, int(row["size"]), row["median"]) for name, row in by_class.iterrows()],
        "truth": truth,
        "folder": Path(output).parent.as_posix(),
    }
    write_html("catalogue.html", page, output)
