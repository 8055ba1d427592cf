"""How well the catalogue of a simulated archive does in every weather, by the truth, which no real archive has."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from norrsken import tables
from norrsken.classes import CLASSES, CONDITIONS
from norrsken.config.jobs import ReportSettings
from norrsken.dataset.splits import read_split
from norrsken.figures.truth import draw_confusion, draw_occurrence
from norrsken.files import directory_written_aside, write_csv
from norrsken.pages import picture, write_html
from norrsken.simulation.archive import REJECTING_CLOUD
from norrsken.simulation.truth import TRUTH_TABLE

#: Weather by the share of light that clouds take away: the lower end of each.
WEATHER = {"clear": 0.0, "haze": 0.05, "thin cloud": 0.15, "cloud": REJECTING_CLOUD}


def compare_with_truth(
    months: Iterable[str], truth: str, dataset: str, split: str, settings: ReportSettings, output: str
) -> None:
    """Write `index.html`, `scores.csv`, `condition.csv`, `occurrence.csv` and figures.

    months: the directories of the catalogue. truth: the folder of the simulation's tables. Nights that the classifier
    was trained on are kept apart from those that it has not seen.
    """
    frames = read_frames(months, truth)
    train = read_split(dataset, split).train
    frames["nights"] = np.where(np.isin(frames["night"].to_numpy("datetime64[D]"), train.nights), "trained on", "new")
    clear = frames[frames["condition"] == "clear"]
    with directory_written_aside(output) as folder:
        scores, conditions, occurrence = score(frames), count_conditions(frames), compare_occurrence(clear)
        for name, table in (("scores", scores), ("condition", conditions), ("occurrence", occurrence)):
            write_csv(table, folder / f"{name}.csv")
        draw_confusion(clear[clear["nights"] == "new"], folder / "figures/confusion.png")
        draw_occurrence(occurrence, folder / "figures/occurrence.png")
        figures = {name: picture(folder / f"figures/{name}.png") for name in ("confusion", "occurrence")}
        page = {"settings": settings, "scores": scores.to_dict("records"), "figures": figures}
        page |= {"conditions": conditions.to_dict("records"), "frames": len(frames), "folder": Path(output).as_posix()}
        write_html("truth.html", page, folder / "index.html")


def read_frames(months: Iterable[str], truth: str) -> pd.DataFrame:
    """The frames of all nights.

    Columns: frame_id, time, night, label, confidence, condition, of the catalogue; true (the label), cloud, spoilt,
    weather, of the truth.
    """
    parts = []
    for path in tables.night_tables(months):
        columns = ["frame_id", "time", "night", "label", "confidence", "condition"]
        catalogue = tables.read(path, tables.CATALOGUE_TABLE, columns).to_pandas()
        known = tables.read(Path(truth, path.name), TRUTH_TABLE, ["frame_id", "label", "cloud", "spoilt"])
        parts.append(catalogue.merge(known.to_pandas().rename(columns={"label": "true"}), on="frame_id"))
    frames: pd.DataFrame = pd.concat(parts, ignore_index=True)
    for name in ("label", "condition"):
        frames[name] = frames[name].astype(str)
    cloud = np.searchsorted([*WEATHER.values()], frames["cloud"], side="right") - 1
    frames["weather"] = np.where(frames["spoilt"], "spoilt", np.array([*WEATHER])[cloud])
    return frames


def score(frames: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and F1 of each class by weather, over new nights and nights trained on, of all frames.

    A frame without a class of the seven, in truth or in the catalogue, counts as such: precision is the share of right
    ones among all frames that got the class, recall that among all that are of it. Columns: nights, weather, label,
    frames (of the class), found (that got the class), precision, recall, f1.
    """
    rows = []
    for nights in ("new", "trained on"):
        for weather in ("all", *WEATHER, "spoilt"):
            chosen = frames[(frames["nights"] == nights) & ((weather == "all") | (frames["weather"] == weather))]
            for name in CLASSES:
                has_class, got_class = chosen["true"] == name, chosen["label"] == name
                right = int((has_class & got_class).sum())
                rows.append((nights, weather, name, int(has_class.sum()), int(got_class.sum()), right))
    table = pd.DataFrame(rows, columns=["nights", "weather", "label", "frames", "found", "right"])
    table["precision"] = table["right"] / table["found"].replace(0, np.nan)
    table["recall"] = table["right"] / table["frames"].replace(0, np.nan)
    table["f1"] = 2 * table["right"] / (table["found"] + table["frames"]).replace(0, np.nan)
    return table.drop(columns="right")


def count_conditions(frames: pd.DataFrame) -> pd.DataFrame:
    """Frames by true weather (rows) and by the condition that the catalogue gives (columns)."""
    counts = pd.crosstab(frames["weather"], frames["condition"])
    counts = counts.reindex(index=[*WEATHER, "spoilt"], columns=CONDITIONS, fill_value=0)
    return counts.rename_axis(columns=None).reset_index()


def compare_occurrence(clear: pd.DataFrame) -> pd.DataFrame:
    """By UT hour, the shares of frames taken for clear that show each class: found and true, over all nights.

    Columns: hour, label, frames, found, true.
    """
    rows = []
    for hour, of_hour in clear.groupby(clear["time"].dt.hour):
        for name in CLASSES:
            shares = (of_hour["label"] == name).mean(), (of_hour["true"] == name).mean()
            rows.append((hour, name, len(of_hour), *shares))
    return pd.DataFrame(rows, columns=["hour", "label", "frames", "found", "true"])
