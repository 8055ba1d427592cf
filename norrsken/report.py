"""The report of a release: one self-contained HTML page, to be laid beside the paper."""

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from norrsken import tables
from norrsken.best import best_row
from norrsken.classes import COLOURS
from norrsken.config import LabelSettings, ReportSettings
from norrsken.dataset import read_images, sample_frames
from norrsken.drift import drift
from norrsken.html import csv_records, data_url, picture, write_html
from norrsken.paths import NIGHTS
from norrsken.scores import SCORE_NAMES


def write_report(
    labelled: str,
    dataset: str,
    confusions: Sequence[str],
    figures: Sequence[tuple[str, str, str]],
    sources: Mapping[str, Any] | None,
    settings: ReportSettings,
    output: str,
) -> None:
    """Write `index.html` from the tables and figures that lie in its folder.

    confusions: the figures of all models. figures: title, caption and path of each other one. sources: what people said
    (`Plan.label_sources`), read only to say how far the release has drifted from it.
    """
    folder = Path(output).parent
    scores = pd.read_csv(folder / "table2.csv").fillna({"note": ""})
    methods = {name: split.method for name, split in settings.splits.items()}
    page = {
        "settings": settings,
        "best": best_row(scores, methods),
        "test_frames": _test_frames(dataset, settings),
        "frames": csv_records(folder / "frames.csv"),
        "selection": csv_records(folder / "selection.csv"),
        "table1": csv_records(folder / "table1.csv"),
        "table2": [row for _, row in scores.groupby("split", sort=False)],
        "by_split": _by_split(scores),
        "agreement": csv_records(folder / "agreement.csv"),
        "consistency": csv_records(folder / "consistency.csv"),
        "course": not pd.read_csv(folder / "course.csv").empty,
        "labelling": {name: picture(folder / f"figures/{name}.png").data for name in ("annotators", "course")},
        "resources": csv_records(folder / "resources.csv"),
        "summary": json.loads((folder / "summary.json").read_text(encoding="utf-8")),
        "samples": _samples(dataset),
        "figures": [(Path(path).stem, title, caption, *picture(path)) for title, caption, path in figures],
        "confusions": [_figure(path, scores) for path in confusions],
        "left_out": tables.left_out(labelled),
        "adjudicated": int((tables.read_without_images(labelled)["verdict"] == "adjudicated").sum()),
        "drifted": [] if sources is None else _drift(labelled, sources),
        "score_names": SCORE_NAMES,
        "folder": folder.as_posix(),
    }
    write_html("report.html", page, output)


def _by_split(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Macro F1 of each model on each split, side by side: the splits, then a row a model."""
    table = scores.pivot_table(index="model", columns="split", values="f1_mean", sort=False)
    return [{"model": model, "f1": row.to_dict()} for model, row in table.iterrows()]


def _drift(labelled: str, sources: Mapping[str, Any]) -> list[str]:
    labels, adjudicated, selections = (sources[name] for name in ("labels", "adjudicated", "selections"))
    settings = LabelSettings.model_validate(sources["settings"])
    return drift(labelled, labels, adjudicated, selections, os.path.dirname(NIGHTS), settings)


def _samples(dataset: str) -> list[dict[str, Any]]:
    """A frame of each class that has one: the one of median brightness, which is neither the best nor the worst."""
    frames = {name: frame for name, (frame,) in sample_frames(dataset, 1).items()}
    samples = []
    for (name, frame), image in zip(frames.items(), read_images(dataset, list(frames.values())), strict=True):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        samples.append({"name": name, "colour": COLOURS[name], "frame_id": frame, "data": data_url(buffer.getvalue())})
    return samples


def _test_frames(dataset: str, settings: ReportSettings) -> dict[str, int]:
    columns = [f"split_{split}" for split in settings.splits]
    table = tables.read(dataset, tables.dataset_table(settings.splits), columns).to_pandas()
    return {split: int((table[f"split_{split}"] == "test").sum()) for split in settings.splits}


def _figure(path: str, scores: pd.DataFrame) -> dict[str, Any]:
    split, model = Path(path).stem.removeprefix("confusion_").split("_", 1)
    f1 = scores.loc[(scores["split"] == split) & (scores["model"] == model), "f1_mean"].iloc[0]
    return {"split": split, "model": model, "f1": f1, **picture(path)._asdict()}
