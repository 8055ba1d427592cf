"""Model cards (Mitchell et al. 2019): what a model is, how well it does, and what it must not be used for."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from norrsken import __version__
from norrsken.best import Runs
from norrsken.calibration import expected_calibration_error
from norrsken.classes import CLASSES, TITLES, model_title
from norrsken.config import ReportSettings
from norrsken.files import written_aside
from norrsken.scores import SCORE_NAMES, notes

#: Confusions that a card names.
CONFUSIONS = 5


def write_card(runs: Sequence[Runs], table2: str, settings: ReportSettings, output: str | os.PathLike[str]) -> None:
    """Write the card of a model, Markdown. runs: those on each split. table2: for the intervals."""
    scores = pd.read_csv(table2)
    metrics = {own.split: own.metrics() for own in runs}
    every = [run for members in metrics.values() for run in members]
    first = every[0]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("norrsken"),
        autoescape=jinja2.select_autoescape(["html"]),  # a card is Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    text = environment.get_template("card.md").render(
        title=model_title(first["model"]),
        settings=settings,
        version=__version__,
        seeds=len(runs[0].seeds),
        note=notes(every),
        parameters=f"{first['parameters']:,}",
        devices=" and ".join(sorted({run["device"] for run in every})),
        model_settings=sorted(first["settings"]["model"].items()),
        versions=", ".join(f"{name} {version}" for name, version in first["versions"].items()),
        splits=[_split(own, metrics[own.split], scores, settings) for own in runs],
    )
    with written_aside(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _split(
    runs: Runs, metrics: Sequence[Mapping[str, Any]], scores: pd.DataFrame, settings: ReportSettings
) -> dict[str, Any]:
    row = scores[(scores["split"] == runs.split) & (scores["model"] == runs.model)].iloc[0]
    errors = [expected_calibration_error(run) for run in runs.predictions()]
    method = settings.splits[runs.split].method
    rows = [{"title": TITLES[name], "frames": metrics[0]["per_class"][name]["frames"]} for name in CLASSES]
    for name, cells in zip(CLASSES, rows, strict=True):
        cells |= {score: _mean([run["per_class"][name][score] for run in metrics]) for score in SCORE_NAMES}
    macro: dict[str, Any] = {"title": "**macro average**", "frames": metrics[0]["test_frames"]}
    for score in SCORE_NAMES:
        low, high = row[f"{score}_low"], row[f"{score}_high"]
        interval = "" if pd.isna(low) else f" [{low:.2f}, {high:.2f}]"
        macro[score] = _mean([run[score] for run in metrics]) + interval
    return {
        "name": runs.split,
        "method": method,
        "by_night": bool(settings.years),
        "has_interval": not pd.isna(row["f1_low"]),
        "train_frames": f"{metrics[0]['train_frames']:,}",
        "test_frames": f"{metrics[0]['test_frames']:,}",
        "rows": [macro, *rows],
        "calibration": _mean(errors, 3),
        "confusions": _confusions(np.mean([run["confusion"] for run in metrics], axis=0)),
    }


def _confusions(mean: Any) -> list[dict[str, str]]:
    """The largest shares of a class that are taken for another one. mean: (7, 7) counts."""
    share = 100 * mean / np.maximum(mean.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(share, 0)
    order = np.dstack(np.unravel_index(np.argsort(-share, axis=None, kind="stable"), share.shape))[0]
    return [
        {"truth": TITLES[CLASSES[i]], "predicted": TITLES[CLASSES[k]], "percent": f"{share[i, k]:.0f}"}
        for i, k in order[:CONFUSIONS]
        if share[i, k] >= 1
    ]


def _mean(values: Sequence[float], digits: int = 2) -> str:
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"
