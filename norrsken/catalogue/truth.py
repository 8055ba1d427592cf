"""How well the catalogue of a simulated archive does in every weather, by the truth, which no real archive has."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from norrsken import schemas, tables
from norrsken.classes import AURORA, CONDITIONS, DECISIONS
from norrsken.config.general import GENERAL
from norrsken.config.jobs import ReportSettings
from norrsken.config.label_set import LabelSet
from norrsken.figures.truth import draw_confusion, draw_occurrence
from norrsken.files import directory_written_aside, write_csv
from norrsken.pages import picture, write_html
from norrsken.simulation.archive import REJECTING_CLOUD
from norrsken.simulation.truth import MEASURES, TRUTH_TABLE, dominant_labels, true_labels

#: Weather by the share of light that clouds take away: the lower end of each.
WEATHER = {"clear": 0.0, "haze": 0.05, "thin cloud": 0.15, "cloud": REJECTING_CLOUD}


def compare_with_truth(
    months: Iterable[str], occurrence: str, truth: str, settings: ReportSettings, output: str
) -> None:
    """Write `index.html`, `scores.csv`, `aurora.csv`, `condition.csv`, `occurrence.csv` and figures.

    months: the directories of the catalogue. occurrence: its table of shares. truth: the folder of the simulation's
    tables. Nights that the classifier was trained on, or that chose it and its limits, are kept apart from those that
    it has not seen.
    """
    frames = read_frames(months, truth, settings.label_set)
    seen = frames["seen"].isin(["train", "validation"])
    frames["nights"] = np.where(seen, "trained on", "new")
    clear = frames[frames["condition"] == "clear"]
    with directory_written_aside(output) as folder:
        written = {
            "scores": score(frames, settings.label_set),
            "aurora": count_decisions(clear, settings.label_set),
            "condition": count_conditions(frames),
            "occurrence": compare_occurrence(clear, pd.read_csv(occurrence), settings.label_set),
        }
        for name, table in written.items():
            write_csv(table, folder / f"{name}.csv")
        draw_confusion(clear[clear["nights"] == "new"], settings.label_set, folder / "figures/confusion.png")
        draw_occurrence(written["occurrence"], settings.label_set, folder / "figures/occurrence.png")
        figures = {name: picture(folder / f"figures/{name}.png") for name in ("confusion", "occurrence")}
        page = {
            "settings": settings,
            "figures": figures,
            "shown": _shown(settings.label_set),
            "frames": len(frames),
            "general": frames["model"].eq(GENERAL).any(),
            "parts": ["new", "trained on"] if seen.any() else ["new"],
            "folder": Path(output).as_posix(),
            **{name: table.to_dict("records") for name, table in written.items()},
            "errors": errors_of_shares(written["occurrence"]).to_dict("records"),
        }
        write_html("truth.html", page, folder / "index.html")


def _shown(label_set: LabelSet) -> dict[str, str]:
    """The class that the head of the page speaks of: that of onsets, else the first one; and how it is spoken of."""
    name = label_set.onset or label_set.class_names[0]
    title = label_set.titles[name].lower()
    if label_set.onset:
        return {"name": name, "title": title, "plural": f"the {title}s", "right": f"{title}s"}
    return {"name": name, "title": title, "plural": f"the frames with {title}", "right": "so in truth"}


def read_frames(months: Iterable[str], truth: str, label_set: LabelSet) -> pd.DataFrame:
    """The frames of all nights.

    Columns: frame_id, time, night, seen, label, aurora, condition, model, of the catalogue; true (the label), dominant
    (the class of the form that weighs most, also where true is no class), cloud, spoilt, weather, of the truth.
    """
    parts = []
    for path in tables.night_tables(months):
        columns = ["frame_id", "time", "night", "seen", "label", "aurora", "condition", "model"]
        catalogue = tables.read(path, schemas.catalogue_table(), columns).to_pandas()
        known = tables.read(Path(truth, path.name), TRUTH_TABLE, ["frame_id", "label", "spoilt", *MEASURES]).to_pandas()
        known["true"], known["dominant"] = true_labels(known, label_set), dominant_labels(known, label_set)
        parts.append(catalogue.merge(known[["frame_id", "true", "dominant", "cloud", "spoilt"]], on="frame_id"))
    frames: pd.DataFrame = pd.concat(parts, ignore_index=True)
    for name in ("label", "aurora", "condition", "seen", "model"):
        frames[name] = frames[name].astype(str)
    cloud = np.searchsorted([*WEATHER.values()], frames["cloud"], side="right") - 1
    frames["weather"] = np.where(frames["spoilt"], "spoilt", np.array([*WEATHER])[cloud])
    return frames


def score(frames: pd.DataFrame, label_set: LabelSet) -> pd.DataFrame:
    """Precision, recall and F1 of each class by weather, over new nights and nights trained on, of all frames.

    A frame without a class, in truth or in the catalogue, counts as such: precision is the share of right
    ones among all frames that got the class, recall that among all that are of it. Columns: nights, weather, label,
    frames (of the class), found (that got the class), precision, recall, f1.
    """
    rows = []
    for nights in ("new", "trained on"):
        for weather in ("all", *WEATHER, "spoilt"):
            chosen = frames[(frames["nights"] == nights) & ((weather == "all") | (frames["weather"] == weather))]
            for name in label_set.class_names:
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


def count_decisions(clear: pd.DataFrame, label_set: LabelSet) -> pd.DataFrame:
    """Frames that are taken for clear, by what truly dominates them and by whether they are said to show aurora.

    Columns: nights, shows (`aurora`, or the name of the clear sky), and the decisions.
    """
    shows = clear["dominant"].where(~clear["dominant"].isin(label_set.aurora), AURORA)
    counts = pd.crosstab([clear["nights"], shows.rename("shows")], clear["aurora"])
    return counts.reindex(columns=DECISIONS, fill_value=0).rename_axis(columns=None).reset_index()


def compare_occurrence(clear: pd.DataFrame, occurrence: pd.DataFrame, label_set: LabelSet) -> pd.DataFrame:
    """Shares of the classes in the frames taken for clear, by UT hour and in all, found and true, over all nights.

    Columns: hour (empty of all), label, frames; true: the share of frames that are of the class; dominant: of those
    that it dominates, though it may be too weak for the class; counted, estimate, estimate_low, estimate_high, method:
    what the catalogue says, from `occurrence`.
    """
    observed = clear[~clear["label"].isin(label_set.hidden_sky)]
    said = occurrence.rename(columns={"value": "hour", "share": "counted"})
    said = said[said["by"].isin(["all", "hour"]) & (said["frames_observed"] > 0)]
    said = said[["hour", "label", "counted", "estimate", "estimate_low", "estimate_high", "method"]]
    rows = []
    for hour, of_hour in [(np.nan, observed), *observed.groupby(observed["time"].dt.hour)]:
        for name in label_set.judged:
            shares = (of_hour["true"] == name).mean(), (of_hour["dominant"] == name).mean()
            rows.append((hour, name, len(of_hour), *shares))
    known = pd.DataFrame(rows, columns=["hour", "label", "frames", "true", "dominant"])
    return known.merge(said, on=["hour", "label"]).astype({"hour": "Int64"})


def errors_of_shares(compared: pd.DataFrame) -> pd.DataFrame:
    """By class: the shares of all frames, and how far counted and estimated ones are from the true ones by hour.

    compared: see `compare_occurrence`. Columns: its own of all frames; counted_error, estimate_error: the mean
    distance, in the hours, from the share of the frames that the class dominates.
    """
    hours = compared[compared["hour"].notna()]
    whole = compared[compared["hour"].isna()].set_index("label")
    for name in ("counted", "estimate"):
        distance = (hours[name] - hours["dominant"]).abs()
        whole[f"{name}_error"] = distance.groupby(hours["label"]).mean()
    return whole.reset_index()
