"""Figures of the report, drawn with matplotlib: colours as in `classes.COLOURS`, readable in print."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from norrsken.classes import CLASSES, COLOURS, TITLES, model_title
from norrsken.files import written_aside


def draw_confusion(metrics: Sequence[Mapping[str, Any]], path: str | os.PathLike[str]) -> None:
    """Confusion matrix as the paper's Figure 4: per cent of a true class, mean over the runs, and mean counts.

    metrics: the `metrics.json` of the runs of one model on one split.
    """
    mean: NDArray[np.float64] = np.mean([run["confusion"] for run in metrics], axis=0)
    frames = mean.sum(axis=1, keepdims=True)
    share = 100 * np.divide(mean, frames, out=np.zeros_like(mean), where=frames > 0)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="cividis", vmin=0, vmax=100)
    for row, column in np.ndindex(*share.shape):
        if mean[row, column] == 0:
            continue
        ink = "black" if share[row, column] > 55 else "white"
        axes.text(column, row - 0.1, f"{share[row, column]:.0f} %", ha="center", va="center", color=ink, fontsize=9)
        axes.text(column, row + 0.24, f"{mean[row, column]:.3g}", ha="center", va="center", color=ink, fontsize=6.5)
    names = [TITLES[name] for name in CLASSES]
    axes.set_xticks(range(len(CLASSES)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(CLASSES)), [f"{n} ({f:.0f})" for n, f in zip(names, frames[:, 0], strict=True)])
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, name in zip(labels, CLASSES, strict=True):
            label.set_color(COLOURS[name])
            label.set_fontweight("bold")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("agreed label (test frames)")
    model, f1 = metrics[0]["model"], np.mean([run["f1"] for run in metrics])
    runs = f"{len(metrics)} run{'s' if len(metrics) > 1 else ''}"
    axes.set_title(f"{model_title(model)}, split “{metrics[0]['split']}”: macro F1 {f1:.2f}, {runs}", fontsize=11)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="share of the class's test frames, %", shrink=0.8)
    with written_aside(path) as temporary:
        figure.savefig(temporary, dpi=160)
