"""The report of a release: one self-contained HTML page, to compare with the paper."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from norrsken import schemas, tables
from norrsken.classify.classifier_file import read_classifier
from norrsken.config.jobs import LabelSettings, ReportSettings
from norrsken.config.label_set import LabelSet
from norrsken.dataset.drift import drift
from norrsken.dataset.splits import read_images, sample_frames
from norrsken.evaluation.scores import SCORE_NAMES, digests_of_runs
from norrsken.evaluation.validation import SET_FRAMES, SET_NIGHTS
from norrsken.pages import csv_records, data_url, picture, write_html
from norrsken.report.runs import best_row


def write_report(
    labelled: str,
    dataset: str,
    tables_shown: Mapping[str, str],
    people: Mapping[str, str],
    confusions: Sequence[str],
    figures: Sequence[tuple[str, str, str]],
    summary: str,
    sources: Mapping[str, Any] | None,
    classifier: str | None,
    settings: ReportSettings,
    output: str,
    yardsticks: str | None = None,
    judged: Sequence[str] = (),
) -> None:
    """Write `index.html`, which shows the tables and figures of a release.

    tables_shown: `table1`, `table2`, `agreement`, `consistency`, `course`, `resources` and, where they are there,
    `frames`, `selection`, `census`, `noise`, `votes` and `audit`: name → CSV file. people: figures of what the
    annotators said, name → path. confusions: the figures of all models. figures: title, caption and path of the others.
    summary: `summary.json`. sources: what people said (`provenance.label_sources`), read only to say how far the
    release has drifted from it. classifier: the `classifier.json` of the catalogue, if models of the release make one.
    yardsticks: `summary.csv` of the yardsticks, if they were made. judged: the `metrics.json` of the runs that
    `snakemake yardsticks` would judge now.
    """
    scores = pd.read_csv(tables_shown["table2"]).fillna({"note": "", "paper_note": ""})
    methods = {name: split.method for name, split in settings.splits.items()}
    tabulated = (
        "frames", "selection", "census", "table1", "agreement", "consistency", "resources", "noise", "votes", "audit",
    )  # fmt: skip
    told = [] if yardsticks is None else csv_records(yardsticks)
    page = {
        "settings": settings,
        "best": best_row(scores, methods),
        "test_frames": _test_frames(dataset, settings),
        **{name: csv_records(tables_shown[name]) if name in tables_shown else [] for name in tabulated},
        "table2": [row for _, row in scores.groupby("split", sort=False)],
        "by_split": _by_split(scores),
        "course": not pd.read_csv(tables_shown["course"]).empty,
        "labelling": {name: picture(path).data for name, path in people.items()},
        "summary": json.loads(Path(summary).read_text(encoding="utf-8")),
        "samples": _samples(dataset, settings.label_set),
        "figures": [(Path(path).stem, title, caption, *picture(path)) for title, caption, path in figures],
        "confusions": [_figure(path, scores) for path in confusions],
        "left_out": tables.left_out(labelled),
        "adjudicated": int((tables.read_labelled(labelled)["verdict"] == "adjudicated").sum()),
        "sampled": "probability" in tables.read_labelled(labelled),
        "drifted": [] if sources is None else _drift(labelled, sources),
        "classifier": None if classifier is None else read_classifier(classifier),
        "classifier_file": classifier,
        "audit_file": tables_shown.get("audit"),
        "yardsticks": told,
        "yardsticks_file": yardsticks,
        "yardsticks_differ": _differ(told, judged),
        "enough_for_sets": (SET_FRAMES, SET_NIGHTS),
        "score_names": SCORE_NAMES,
        "folder": Path(output).parent.as_posix(),
    }
    write_html("report.html", page, output)


def _differ(yardsticks: Sequence[Mapping[str, Any]], judged: Sequence[str]) -> list[str]:
    """The models of which the yardsticks have judged other runs than there are now. yardsticks: rows of the summary."""
    then, now = {row["model"]: row["runs"] for row in yardsticks}, digests_of_runs(judged)
    return [model for model in {**then, **now} if then.get(model) != now.get(model)]


def _by_split(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Macro F1 of each model on all splits, side by side: one row for each model."""
    table = scores.pivot_table(index="model", columns="split", values="f1_mean", sort=False)
    return [{"model": model, "f1": row.to_dict()} for model, row in table.iterrows()]


def _drift(labelled: str, sources: Mapping[str, Any]) -> list[str]:
    labels, divided, adjudicated, selections = (
        sources[name] for name in ("labels", "divided", "adjudicated", "selections")
    )
    settings = LabelSettings.model_validate(sources["settings"])
    return drift(labelled, labels, divided, adjudicated, selections, sources["nights"], settings)


def _samples(dataset: str, label_set: LabelSet) -> list[dict[str, Any]]:
    """A frame of each class that has one: the one of median brightness, which is neither the best nor the worst."""
    frames = {name: frame for name, (frame,) in sample_frames(dataset, 1).items()}
    samples = []
    for (name, frame), image in zip(frames.items(), read_images(dataset, list(frames.values())), strict=True):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        title, colour = label_set.titles[name], label_set.colours[name]
        samples.append({"title": title, "colour": colour, "frame_id": frame, "data": data_url(buffer.getvalue())})
    return samples


def _test_frames(dataset: str, settings: ReportSettings) -> dict[str, int]:
    columns = [f"split_{split}" for split in settings.splits]
    table = tables.read(dataset, schemas.dataset_table(settings.splits), columns).to_pandas()
    return {split: int((table[f"split_{split}"] == "test").sum()) for split in settings.splits}


def _figure(path: str, scores: pd.DataFrame) -> dict[str, Any]:
    split, model = Path(path).stem.removeprefix("confusion_").split("_", 1)
    f1 = scores.loc[(scores["split"] == split) & (scores["model"] == model), "f1_mean"].iloc[0]
    return {"split": split, "model": model, "f1": f1, **picture(path)._asdict()}
