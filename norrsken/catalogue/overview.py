"""The page of the catalogue: what was classified, how far to trust it, and what the sky did."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from norrsken import tables
from norrsken.catalogue.availability import summed
from norrsken.catalogue.correction import no_correction, read_correction
from norrsken.catalogue.judge import LIMIT_FRAMES, LIMIT_NIGHTS
from norrsken.catalogue.reasons import count_reasons, unlike
from norrsken.classes import AURORA, AVAILABILITY, UNDECIDED
from norrsken.classify.classifier_file import read_classifier
from norrsken.classify.condition import read_condition
from norrsken.config.general import GENERAL
from norrsken.config.jobs import ReportSettings
from norrsken.config.label_set import LabelSet
from norrsken.evaluation.validation import SET_FRAMES, SET_NIGHTS
from norrsken.pages import csv_records, picture, write_html


def write_overview(
    months: Sequence[str],
    classifier: str,
    correction: str | None,
    condition: str,
    tables_shown: Mapping[str, str],
    figures: Mapping[str, str],
    availability_figure: str,
    truth: bool,
    settings: ReportSettings,
    output: str,
) -> None:
    """Write `index.html` of the catalogue.

    months: directories of the nights' tables. classifier, correction, condition: JSON files of these names; there is no
    correction, nor the table `untrained`, of a release without labels. tables_shown: `untrained`, `occurrence`,
    `events`, `onsets`, `availability` and, where the catalogue was audited, `audit`: name → CSV file. figures: title →
    path, of occurrence. availability_figure: path. truth: whether the catalogue is compared with a simulation.
    """
    chosen, counts, judged = read_classifier(classifier), count_reasons(months), settings.label_set.judged
    general = chosen.name == GENERAL
    occurrence, events = pd.read_csv(tables_shown["occurrence"]), pd.read_csv(tables_shown["events"])
    minutes = events.groupby("label")["minutes"]
    by_class = minutes.agg(["size", "median"]).reindex(list(settings.label_set.class_names)).dropna()
    page = {
        "settings": settings,
        "classifier": chosen,
        "general": general,
        "model": "" if general else chosen.name.split("/")[1],
        "warning": unlike(counts),
        "reasons": counts,
        "frames": counts.total(),
        "classes": list(settings.label_set.class_names),
        "shared": any(limit.of != "class" for limit in chosen.limits.values()),
        "limit_frames": LIMIT_FRAMES,
        "limit_nights": LIMIT_NIGHTS,
        "enough_for_sets": (SET_FRAMES, SET_NIGHTS),
        "condition": read_condition(condition),
        "left_out": tables.left_out(*tables.night_tables(months)).total(),
        "by_night": not general and settings.splits[chosen.name.split("/")[0]].method == "night",
        "observed": occurrence.loc[occurrence["by"] == "all", "hours_observed"].max(),
        "correction": no_correction(judged) if correction is None else read_correction(correction),
        "occurrence": _occurrence(occurrence, settings.label_set),
        **{name: csv_records(tables_shown[name]) for name in ("events", "onsets")},
        "untrained": csv_records(tables_shown["untrained"]) if "untrained" in tables_shown else None,
        "audit": csv_records(tables_shown["audit"]) if "audit" in tables_shown else None,
        "sky_clear": "sky_clear" if "clear" in settings.label_set.class_names else "clear",
        "aurora": _aurora(settings.label_set),
        "catalogue_labels": settings.label_set.catalogue_labels,
        "verdicts": _verdicts(settings.label_set, general),
        "availability": _availability(pd.read_csv(tables_shown["availability"])),
        "availability_figure": picture(availability_figure),
        "figures": [(title, picture(path)) for title, path in figures.items()],
        "by_class": [(name, int(row["size"]), row["median"]) for name, row in by_class.iterrows()],
        "truth": truth,
        "folder": Path(output).parent.as_posix(),
    }
    write_html("catalogue.html", page, output)


def _occurrence(occurrence: pd.DataFrame, label_set: LabelSet) -> list[dict[Hashable, Any]]:
    """The rows of all observed time, with titles, without classes that cannot be observed."""
    titles = label_set.titles | {AURORA: "Any aurora", UNDECIDED: "Undecided whether aurora"}
    rows = occurrence[(occurrence["by"] == "all") & ~occurrence["label"].isin(label_set.hidden_sky)]
    return rows.assign(title=rows["label"].map(titles)).to_dict("records")


def _availability(table: pd.DataFrame) -> dict[str, Any]:
    """What the page says of the dark hours; there are none where it was never dark. table: see `availability`."""
    hours = summed(table)
    parts = [(title, hours[name]) for name, title in AVAILABILITY.items() if hours[name] > 0]
    return {"nights": len(table), "first": table["night"].min(), "last": table["night"].max(), "parts": parts, **hours}


def _verdicts(label_set: LabelSet, general: bool) -> dict[str, str]:
    """What the page says of each verdict on frames that the classifier was not trained on.

    general: whether it is the general classifier, which is tested on all frames.
    """
    frames = "Frames" if general else "Test frames"
    ambiguous = [label for label in label_set.exclusions if label.name not in label_set.hidden_sky]
    exclusions = {label.name: f"All annotators: {label.title.lower()}" for label in label_set.exclusions}
    if len(ambiguous) == 1:
        exclusions[ambiguous[0].name] = "All annotators: fits no class"
    return {
        "agreed": f"{frames} on which the annotators agree",
        "adjudicated": f"{frames} whose label was settled",
        **exclusions,
        "disagreement": "The annotators disagree",
    }


def _aurora(label_set: LabelSet) -> str:
    """Sentences that say which classes are aurora, and what the others stand for."""
    titles = label_set.titles
    if label_set.clear_sky and [label.name for label in label_set.without_aurora] == [label_set.clear_sky]:
        clear = titles[label_set.clear_sky].lower()
        return f"Aurora is any class but {clear}; {clear} is a clear sky without clearly visible aurora."
    sentences = [f"Aurora is {_quoted(label_set.aurora, titles)}."] if label_set.aurora else []
    if label_set.clear_sky:
        sentences.append(f"{_quoted([label_set.clear_sky], titles)} is a clear sky without clearly visible aurora.")
    hidden = [name for name in label_set.class_names if name in label_set.hidden_sky]
    if hidden:
        verb = "stands" if len(hidden) == 1 else "stand"
        sentences.append(
            f"{_quoted(hidden, titles)} {verb} for a sky that cannot be judged: it does not count as observed."
        )
    return " ".join(sentences)


def _quoted(names: Iterable[str], titles: Mapping[str, str]) -> str:
    return " and ".join(f"“{titles[name]}”" for name in names)
