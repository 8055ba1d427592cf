"""Figures of the report, drawn with matplotlib: colours as in `classes.COLOURS`, readable in print."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from norrsken.classes import CLASSES, COLOURS, TITLES, model_title
from norrsken.files import written_aside
from norrsken.scores import SCORE_NAMES, notes

#: Colours of lines that are not classes.
LINES = ("#000000", "#D55E00", "#0072B2")


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
    note = notes(metrics)
    if note:
        axes.annotate(
            note, (1, -0.2), xycoords="axes fraction", ha="right", va="top", annotation_clip=False, fontsize=10,
            bbox={"boxstyle": "round", "fc": "#fdf6e7", "ec": "#E69F00"},
        )  # fmt: skip
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="share of the class's test frames, %", shrink=0.8)
    with written_aside(path) as temporary:
        figure.savefig(temporary, dpi=160)


def draw_history(rows: Sequence[Mapping[str, float]], title: str, path: str | os.PathLike[str]) -> None:
    """Loss and validation scores of a run by epoch. rows: as in `history.csv`."""
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    loss, score = figure.subplots(1, 2)
    marker = "o" if len(rows) < 12 else None
    for axes, names in (
        (loss, {"train_loss": "training", "validation_loss": "validation"}),
        (score, {f"validation_{name}": name.replace("f1", "F1") for name in SCORE_NAMES}),
    ):
        for (name, label), colour in zip(names.items(), LINES, strict=False):
            if name in rows[0]:
                axes.plot(epochs, [row[name] for row in rows], label=label, color=colour, marker=marker, markersize=3)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    loss.set_ylim(0, None)
    loss.set_ylabel("cross-entropy")
    score.set_ylim(0, 1)
    score.set_ylabel("macro score, validation")
    for axes in (loss, score):
        if axes.lines:
            axes.legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    with written_aside(path) as temporary:
        figure.savefig(temporary, dpi=130)


def draw_samples(rows: Mapping[str, Sequence[NDArray[np.uint8]]], path: str | os.PathLike[str]) -> None:
    """Sample frames, a row for each class, as the paper's Figure 3, with the compass of the frames.

    rows: class → frames (n, n, 3) uint8, north up and east right, as many for each class.
    """
    columns = max(len(frames) for frames in rows.values())
    tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    figure = Figure(figsize=(1.6 * columns + 0.4, 1.6 * len(rows)), layout=tight)
    for line, (name, frames) in zip(figure.subplots(len(rows), columns, squeeze=False), rows.items(), strict=True):
        for axes, frame in zip(line, frames, strict=False):
            axes.imshow(frame, interpolation="nearest")
        for axes in line:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color(COLOURS[name])
            axes.spines[:].set_linewidth(1.5)
        line[0].set_ylabel(TITLES[name], color=COLOURS[name], fontweight="bold", fontsize=9)
    _draw_compass(line[-1])
    with written_aside(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _draw_compass(axes: Any) -> None:
    """Arrows to magnetic north and east in the lower right of a frame."""
    for text, along in (("N", (0, 0.17)), ("E", (0.17, 0))):
        arrow = {"arrowstyle": "<-", "color": "white", "shrinkA": 0, "shrinkB": 0}
        tip = (0.76 + along[0], 0.08 + along[1])
        axes.annotate(
            text, xy=(0.76, 0.08), xytext=tip, xycoords="axes fraction", arrowprops=arrow, color="white", fontsize=7,
            ha="center", va="center",
        )  # fmt: skip
