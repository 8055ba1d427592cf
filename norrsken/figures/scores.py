"""Figures of how well the classes are told apart."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from norrsken.config.label_set import LabelSet
from norrsken.evaluation.calibration import expected_calibration_error, mean_probabilities, reliability
from norrsken.evaluation.scores import notes
from norrsken.figures.style import LINES, colour_classes, draw_counts, save, without_frame
from norrsken.paper import model_title


def draw_confusion(metrics: Sequence[Mapping[str, Any]], label_set: LabelSet, path: str | os.PathLike[str]) -> None:
    """Confusion matrix as the paper's Figure 4: per cent of a true class, mean over the runs, and mean counts.

    metrics: the `metrics.json` of the runs of one model on one split.
    """
    mean: NDArray[np.float64] = np.mean([run["confusion"] for run in metrics], axis=0)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    image = draw_counts(axes, mean, label_set.class_names, 9, label_set)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("agreed label (test frames)")
    model, f1 = metrics[0]["model"], np.mean([run["f1"] for run in metrics])
    runs = f"{len(metrics)} run{'s' if len(metrics) > 1 else ''}"
    axes.set_title(f"{model_title(model)}, split “{metrics[0]['split']}”: macro F1 {f1:.2f}, {runs}", fontsize=11)
    note = notes(metrics)
    if note:
        axes.annotate(
            note, (1, -0.2), xycoords="axes fraction", ha="right", va="top", annotation_clip=False, fontsize=10,
            bbox={"boxstyle": "round", "fc": "#fdf6e7", "ec": "#E69F00"},
        )  # fmt: skip
    figure.colorbar(image, ax=axes, label="share of the class's test frames, %", shrink=0.8)
    save(figure, path, 160)


def draw_class_accuracy(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], label_set: LabelSet, path: str | os.PathLike[str]
) -> None:
    """Accuracy (recall) by class of some models beside each other, as the paper's Figure 7; with ± a deviation.

    runs: model → the `metrics.json` of its runs on one split.
    """
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.subplots()
    width, classes = 0.8 / len(runs), label_set.class_names
    # The class gives the colour, so the model is told by the filling.
    fillings: list[dict[str, Any]] = [{"facecolor": "white", "hatch": "////"}, {}]
    for i, metrics in enumerate(runs.values()):
        recall = 100 * np.array([[run["per_class"][name]["recall"] for name in classes] for run in metrics])
        spread = recall.std(axis=0, ddof=1) if len(recall) > 1 else None
        places = np.arange(len(classes)) + (i - (len(runs) - 1) / 2) * width
        bars = axes.bar(places, recall.mean(axis=0), width, yerr=spread, capsize=2, error_kw={"linewidth": 1})
        for bar, label in zip(bars, label_set.classes, strict=True):
            bar.set(**{"facecolor": label.colour, "edgecolor": label.colour, **fillings[i % 2]})
    frames = [next(iter(runs.values()))[0]["per_class"][name]["frames"] for name in classes]
    names = [f"{label.title}\n{n} frames" for label, n in zip(label_set.classes, frames, strict=True)]
    axes.set_xticks(range(len(classes)), names, fontsize=8)
    colour_classes(axes, label_set)
    for text in axes.get_yticklabels():
        text.set(color="black", fontweight="normal")
    axes.set_ylabel("frames recognised, %")
    axes.set_ylim(0, 105)
    without_frame(axes)
    keys = [Patch(**{"facecolor": "#888", "edgecolor": "#888", **fillings[i % 2]}) for i in range(len(runs))]
    names = [model_title(model) for model in runs]
    figure.legend(keys, names, frameon=False, ncols=len(runs), loc="outside upper right")
    save(figure, path)


def draw_precision_recall(
    predictions: Sequence[pd.DataFrame], label_set: LabelSet, path: str | os.PathLike[str]
) -> None:
    """Precision against recall of each class, one against the rest, with the mean probability over the runs.

    predictions: those of the runs of one model on one split.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    labels, probabilities = predictions[0]["label"], mean_probabilities(predictions)
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    for i, label in enumerate(label_set.classes):
        truth = (labels == label.name).to_numpy()
        if truth.any():
            precision, recall, _ = precision_recall_curve(truth, probabilities[:, i])
            area = average_precision_score(truth, probabilities[:, i])
            said = f"{label.title}: {area:.2f} ({truth.sum()})"
            axes.step(recall, precision, where="post", color=label.colour, label=said)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.02)
    without_frame(axes)
    figure.legend(title="average precision (frames)", frameon=False, fontsize=8, loc="outside right center")
    save(figure, path)


def draw_reliability(predictions: Sequence[pd.DataFrame], path: str | os.PathLike[str]) -> None:
    """How often a prediction is right by how sure the model was of it, and the expected calibration error.

    predictions: those of the runs of one model on one split.
    """
    figure = Figure(figsize=(4.6, 4.8), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    errors = np.array([expected_calibration_error(run) for run in predictions])
    above.plot([0, 1], [0, 1], color="#888", linewidth=1, linestyle="--")
    pooled = reliability(pd.concat(predictions))
    above.plot(pooled["confidence"], pooled["accuracy"], color=LINES[2], marker="o", markersize=4)
    spread = f" ± {errors.std(ddof=1):.3f}" if len(errors) > 1 else ""
    above.set_title(f"expected calibration error {errors.mean():.3f}{spread}", fontsize=10)
    above.set_ylabel("share that is right")
    above.set_ylim(0, 1.02)
    below.bar(pooled.index, 100 * pooled["frames"] / pooled["frames"].sum(), 0.09, align="edge", color="#888")
    below.set_xlabel("confidence of the prediction")
    below.set_ylabel("frames, %")
    below.set_xlim(0, 1)
    for axes in (above, below):
        without_frame(axes)
    save(figure, path)
