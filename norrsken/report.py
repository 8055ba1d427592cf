"""The report of a release: one self-contained HTML page, to be laid beside the paper."""

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from PIL import Image

from norrsken import __version__, tables
from norrsken.best import best_row
from norrsken.classes import COLOURS, TITLES, model_title
from norrsken.config import LabelSettings, ReportSettings
from norrsken.dataset import read_images, sample_frames
from norrsken.drift import drift
from norrsken.files import written_aside
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
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("norrsken"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "score": _score,
        "spread": _spread,
        "interval": _interval,
        "count": _count,
        "amount": _amount,
        "millions": _millions,
        "title": _title,
    }
    page = environment.get_template("report.html").render(
        settings=settings,
        best=best_row(scores, methods),
        test_frames=_test_frames(dataset, settings),
        frames=_rows(folder / "frames.csv"),
        selection=_rows(folder / "selection.csv"),
        table1=_rows(folder / "table1.csv"),
        table2=[row for _, row in scores.groupby("split", sort=False)],
        by_split=_by_split(scores),
        agreement=_rows(folder / "agreement.csv"),
        consistency=_rows(folder / "consistency.csv"),
        course=not pd.read_csv(folder / "course.csv").empty,
        labelling={name: _data((folder / f"figures/{name}.png").read_bytes()) for name in ("annotators", "course")},
        resources=_rows(folder / "resources.csv"),
        summary=json.loads((folder / "summary.json").read_text(encoding="utf-8")),
        samples=_samples(dataset),
        figures=[
            (Path(path).stem, title, caption, _data(Path(path).read_bytes()), _width(path))
            for title, caption, path in figures
        ],
        confusions=[_figure(path, scores) for path in confusions],
        left_out=tables.left_out(labelled),
        adjudicated=int((tables.read_without_images(labelled)["verdict"] == "adjudicated").sum()),
        drifted=[] if sources is None else _drift(labelled, sources),
        score_names=SCORE_NAMES,
        folder=folder.as_posix(),
        version=__version__,
    )
    with written_aside(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


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
        samples.append({"name": name, "colour": COLOURS[name], "frame_id": frame, "data": _data(buffer.getvalue())})
    return samples


def _test_frames(dataset: str, settings: ReportSettings) -> dict[str, int]:
    columns = [f"split_{split}" for split in settings.splits]
    table = tables.read(dataset, tables.dataset_table(settings.splits), columns).to_pandas()
    return {split: int((table[f"split_{split}"] == "test").sum()) for split in settings.splits}


def _figure(path: str, scores: pd.DataFrame) -> dict[str, Any]:
    split, model = Path(path).stem.removeprefix("confusion_").split("_", 1)
    f1 = scores.loc[(scores["split"] == split) & (scores["model"] == model), "f1_mean"].iloc[0]
    return {"split": split, "model": model, "f1": f1, "data": _data(Path(path).read_bytes()), "width": _width(path)}


def _width(png: str) -> int:
    """Of a figure on the page: in the size that its text was made for."""
    with Image.open(png) as image:
        dots: float = image.info["dpi"][0]
        return round(image.width * 96 / dots)


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table; none where the release has no such table."""
    if not path.exists():
        return []
    return [{str(key): value for key, value in row.items()} for row in pd.read_csv(path).to_dict("records")]


def _score(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def _spread(value: float) -> str:
    return "" if pd.isna(value) else f"± {value:.2f}"


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"[{low:.2f}, {high:.2f}]"


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
