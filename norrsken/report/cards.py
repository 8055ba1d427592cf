"""Model cards (Mitchell et al. 2019): what a model is, how well it does, and what it must not be used for."""

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd

from norrsken import __version__, tables
from norrsken.classes import in_words
from norrsken.classify.classifier_file import Sets, read_classifier
from norrsken.config.jobs import ReportSettings
from norrsken.config.label_set import LabelSet
from norrsken.evaluation.calibration import expected_calibration_error
from norrsken.evaluation.scores import SCORE_NAMES, notes, read_metrics
from norrsken.files import AS_WRITTEN, written_aside
from norrsken.pages import csv_records
from norrsken.paper import model_title

#: How many confusions a card names.
CONFUSIONS = 5


class SplitRuns(NamedTuple):
    """The runs of a model on one split: their `metrics.json` as read, and the paths of their predictions."""

    metrics: list[dict[str, Any]]
    predictions: list[str]


def write_card(
    metrics: Sequence[str],
    predictions: Sequence[str],
    table2: str,
    votes: str | None,
    classifier: str | None,
    noise: str | None,
    settings: ReportSettings,
    output: str | os.PathLike[str],
) -> None:
    """Write the card of a model, in Markdown.

    metrics, predictions: the `metrics.json` and the `predictions.parquet` of the model's runs on all splits, in the
    same order. table2: `table2.csv`, which has the intervals. votes: `votes.csv`; None: the models were not judged by
    frames on which annotators differ. classifier: the `classifier.json` of the catalogue, if models of the release make
    one. noise: `label_noise.csv`; None: there are no annotators.
    """
    scores, all_metrics = pd.read_csv(table2), read_metrics(metrics)
    first = all_metrics[0]
    runs: dict[str, SplitRuns] = defaultdict(lambda: SplitRuns([], []))
    for run, path in zip(all_metrics, predictions, strict=True):
        runs[run["split"]].metrics.append(run)
        runs[run["split"]].predictions.append(path)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("norrsken"),
        autoescape=jinja2.select_autoescape(["html"]),  # a card is Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["in_words"] = in_words
    text = environment.get_template("card.md").render(
        title=model_title(first["model"]),
        settings=settings,
        version=__version__,
        seeds=len({run["seed"] for run in all_metrics}),
        note=notes(all_metrics),
        parameters=f"{first['parameters']:,}",
        devices=" and ".join(sorted({run["device"] for run in all_metrics})),
        model_settings=sorted(first["settings"]["model"].items()),
        context=first["settings"].get("context"),
        versions=", ".join(f"{name} {version}" for name, version in first["versions"].items()),
        splits=[_split(runs[split], scores, settings) for split in settings.splits],
        votes=[] if votes is None else [row for row in csv_records(votes) if row["model"] == first["model"]],
        sets=_sets(classifier, first["model"]),
        noise=[] if noise is None else _noise(pd.read_csv(noise, **AS_WRITTEN), settings.label_set),
        ambiguous={run["split"]: run["ambiguous_frames"] for run in all_metrics if "ambiguous_frames" in run},
    )
    with written_aside(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _sets(classifier: str | None, model: str) -> Sets | None:
    """How the sets of classes of the catalogue do, where this model makes it."""
    chosen = None if classifier is None else read_classifier(classifier)
    return chosen.sets if chosen is not None and chosen.name.split("/")[1] == model else None


def _noise(table: pd.DataFrame, label_set: LabelSet) -> list[tuple[str, str]]:
    """The estimated noise of the labels of each class that has one, mean over the annotators."""
    means = table.groupby("label")["noise"].mean().reindex(list(label_set.class_names)).dropna()
    return [(label_set.titles[str(name)], f"{noise:.2f}") for name, noise in means.items()]


def _split(runs: SplitRuns, scores: pd.DataFrame, settings: ReportSettings) -> dict[str, Any]:
    """What the card says of the runs on one split."""
    metrics = runs.metrics
    split, model = metrics[0]["split"], metrics[0]["model"]
    row = scores[(scores["split"] == split) & (scores["model"] == model)].iloc[0]
    tested = [tables.read_predictions(path) for path in runs.predictions]
    errors = [expected_calibration_error(run) for run in tested]
    classes = settings.label_set.classes
    rows = [{"title": one.title, "frames": metrics[0]["per_class"][one.name]["frames"]} for one in classes]
    for name, cells in zip(settings.label_set.class_names, rows, strict=True):
        cells |= {score: _mean([run["per_class"][name][score] for run in metrics]) for score in SCORE_NAMES}
    macro: dict[str, Any] = {"title": "**macro average**", "frames": metrics[0]["test_frames"]}
    for score in SCORE_NAMES:
        low, high = row[f"{score}_low"], row[f"{score}_high"]
        interval = "" if pd.isna(low) else f" [{low:.2f}, {high:.2f}]"
        macro[score] = _mean([run[score] for run in metrics]) + interval
    return {
        "name": split,
        "method": settings.splits[split].method,
        "by_night": bool(settings.years),
        "has_interval": not pd.isna(row["f1_low"]),
        "train_frames": f"{metrics[0]['train_frames']:,}",
        "validation_frames": f"{metrics[0]['validation_frames']:,}",
        "test_frames": f"{metrics[0]['test_frames']:,}",
        "rows": [macro, *rows],
        "calibration": _mean(errors, 3),
        "confusions": _confusions(np.mean([run["confusion"] for run in metrics], axis=0), settings.label_set),
    }


def _confusions(mean: Any, label_set: LabelSet) -> list[dict[str, str]]:
    """The largest shares of a class that are taken for another one. mean: (classes, classes) counts."""
    titles = [label.title for label in label_set.classes]
    share = 100 * mean / np.maximum(mean.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(share, 0)
    order = np.dstack(np.unravel_index(np.argsort(-share, axis=None, kind="stable"), share.shape))[0]
    return [
        {"truth": titles[i], "predicted": titles[k], "percent": f"{share[i, k]:.0f}"}
        for i, k in order[:CONFUSIONS]
        if share[i, k] >= 1
    ]


def _mean(values: Sequence[float], digits: int = 2) -> str:
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"
