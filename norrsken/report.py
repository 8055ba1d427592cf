"""The report of a release: one self-contained HTML page, to be laid beside the paper."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from PIL import Image

from norrsken import __version__, tables
from norrsken.classes import CLASSES, COLOURS, TITLES, model_title
from norrsken.config import LabelSettings, ReportSettings
from norrsken.drift import drift
from norrsken.files import written_aside
from norrsken.paths import NIGHTS
from norrsken.scores import SCORE_NAMES


def write_report(
    labelled: str,
    dataset: str,
    table1: str,
    table2: str,
    agreement: str,
    consistency: str,
    annotators: str,
    course: str,
    course_figure: str,
    resources: str,
    figures: Sequence[str],
    sources: Mapping[str, Any] | None,
    settings: ReportSettings,
    output: str,
) -> None:
    """Write `index.html` from the tables and figures of the report, all given by their paths.

    sources: what people said (`Plan.label_sources`), read only to say how far the release has drifted from it.
    """
    scores = pd.read_csv(table2).fillna({"note": ""})
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("norrsken"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "score": _score,
        "spread": _spread,
        "count": _count,
        "amount": _amount,
        "millions": _millions,
        "title": _title,
    }
    page = environment.get_template("report.html").render(
        settings=settings,
        best=_best(scores, settings),
        test_frames=_test_frames(dataset, settings),
        table1=_rows(table1),
        table2=[row for _, row in scores.groupby("split", sort=False)],
        agreement=_rows(agreement),
        consistency=_rows(consistency),
        annotators=_data(Path(annotators).read_bytes()),
        course=None if pd.read_csv(course).empty else _data(Path(course_figure).read_bytes()),
        resources=_rows(resources),
        samples=_samples(dataset),
        figures=[_figure(path, scores) for path in figures],
        left_out=tables.left_out(labelled),
        adjudicated=int((tables.read_without_images(labelled)["verdict"] == "adjudicated").sum()),
        drifted=[] if sources is None else _drift(labelled, sources),
        score_names=SCORE_NAMES,
        folder=Path(output).parent.as_posix(),
        version=__version__,
    )
    with written_aside(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _drift(labelled: str, sources: Mapping[str, Any]) -> list[str]:
    labels, adjudicated, selections = (sources[name] for name in ("labels", "adjudicated", "selections"))
    settings = LabelSettings.model_validate(sources["settings"])
    return drift(labelled, labels, adjudicated, selections, os.path.dirname(NIGHTS), settings)


def _best(scores: pd.DataFrame, settings: ReportSettings) -> dict[Any, Any]:
    """The row of the best model: on nights it has never seen, where a split tells that."""
    by_night = [name for name, split in settings.splits.items() if split.method == "night"]
    eligible = scores[scores["split"].isin(by_night)] if by_night else scores
    return eligible.sort_values("f1_mean", ascending=False).iloc[0].to_dict()


def _samples(dataset: str) -> list[dict[str, Any]]:
    """A frame of each class that has one: the one of median brightness, which is neither the best nor the worst."""
    table = tables.read(dataset, tables.dataset_table([]), ["frame_id", "label", "image"])
    images, names = tables.images(table["image"]), np.array(table["label"].to_pylist())
    samples = []
    for name in CLASSES:
        (members,) = np.nonzero(names == name)
        if len(members):
            order = np.argsort(images[members].mean(axis=(1, 2, 3)), kind="stable")
            chosen = int(members[order[len(order) // 2]])
            buffer = io.BytesIO()
            Image.fromarray(images[chosen]).save(buffer, "PNG")
            frame = table["frame_id"][chosen].as_py()
            samples.append({"name": name, "colour": COLOURS[name], "frame_id": frame, "data": _data(buffer.getvalue())})
    return samples


def _test_frames(dataset: str, settings: ReportSettings) -> dict[str, int]:
    columns = [f"split_{split}" for split in settings.splits]
    table = tables.read(dataset, tables.dataset_table(settings.splits), columns).to_pandas()
    return {split: int((table[f"split_{split}"] == "test").sum()) for split in settings.splits}


def _figure(path: str, scores: pd.DataFrame) -> dict[str, Any]:
    split, model = Path(path).stem.removeprefix("confusion_").split("_", 1)
    f1 = scores.loc[(scores["split"] == split) & (scores["model"] == model), "f1_mean"].iloc[0]
    return {"split": split, "model": model, "f1": f1, "data": _data(Path(path).read_bytes())}


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _rows(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in pd.read_csv(path).to_dict("records")]


def _score(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def _spread(value: float) -> str:
    return "" if pd.isna(value) else f"± {value:.2f}"


def _count(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:,.0f}"


def _amount(value: float) -> str:
    if pd.isna(value) or value >= 10:
        return _count(value)
    return "< 0.01" if 0 < value < 0.01 else f"{value:.2g}"


def _millions(value: float) -> str:
    return _count(value) if pd.isna(value) or value < 1e5 else f"{value / 1e6:.1f} M"


def _title(name: str) -> str:
    """The paper's name of a class or model, where it has one."""
    return TITLES.get(name) or model_title(name)
