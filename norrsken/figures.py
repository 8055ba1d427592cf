"""Figures of the report, drawn with matplotlib: colours as in `classes.COLOURS`, readable in print."""

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from norrsken.agreement import annotators, confusion
from norrsken.classes import CLASSES, COLOURS, LABELS, TITLES, model_title
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
    _colour_classes(axes)
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


def draw_annotators(labelled: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """What each annotator says of the frames that another one gave a label: per cent of the row, and frames.

    labelled: the columns `label_{annotator}` of `labelled.parquet`.
    """
    pairs = list(combinations(annotators(labelled), 2))
    figure = Figure(figsize=(5.6 * max(len(pairs), 1), 5.2), layout="constrained")
    names = [TITLES[name] for name in LABELS]
    for axes, (a, b) in zip(figure.subplots(1, max(len(pairs), 1), squeeze=False)[0], pairs, strict=False):
        counts = confusion(labelled, a, b).astype(np.float64)
        frames = counts.sum(axis=1, keepdims=True)
        share = 100 * np.divide(counts, frames, out=np.zeros_like(counts), where=frames > 0)
        axes.imshow(share, cmap="cividis", vmin=0, vmax=100)
        for row, column in np.ndindex(*share.shape):
            if counts[row, column]:
                ink = "black" if share[row, column] > 55 else "white"
                axes.text(column, row - 0.12, f"{share[row, column]:.0f} %", ha="center", color=ink, fontsize=7.5)
                axes.text(column, row + 0.3, f"{counts[row, column]:.0f}", ha="center", color=ink, fontsize=6)
        axes.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
        rows = [f"{n} ({f:.0f})" for n, f in zip(names, frames[:, 0], strict=True)]
        axes.set_yticks(range(len(names)), rows, fontsize=8)
        axes.axhline(len(CLASSES) - 0.5, color="white", linewidth=1)
        axes.axvline(len(CLASSES) - 0.5, color="white", linewidth=1)
        _colour_classes(axes)
        axes.set_xlabel(f"label by {b}")
        axes.set_ylabel(f"label by {a} (frames)")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    if not pairs:
        _say(figure, "One annotator: nothing to compare")
    with written_aside(path) as temporary:
        figure.savefig(temporary, dpi=150)


def draw_course(course: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """How each annotator's labels and pace change over the order of the frames, and over sessions.

    course: as `agreement.course` makes it.
    """
    names = list(course["annotator"].unique())
    figure = Figure(figsize=(9.6, 0.9 + 2.3 * max(len(names), 1)), layout="constrained")
    for line, name in zip(figure.subplots(max(len(names), 1), 3, squeeze=False), names, strict=False):
        for axes, by, along in ((line[0], "order", "tenth of the order"), (line[1], "session", "session")):
            rows = course[(course["annotator"] == name) & (course["by"] == by)]
            base = np.zeros(len(rows))
            for label in LABELS:
                share = 100 * rows[label].to_numpy()
                axes.bar(rows["part"], share, 1, base, color=COLOURS[label], label=TITLES[label], linewidth=0)
                base += share
            axes.set_xlabel(along)
            axes.set_ylim(0, 100)
            axes.set_ylabel("frames, %")
        rows = course[(course["annotator"] == name) & (course["by"] == "order")]
        line[2].plot(rows["part"], rows["seconds_median"], color=LINES[0], marker="o", markersize=3)
        line[2].set_xlabel("tenth of the order")
        line[2].set_ylabel("median time, s")
        line[2].set_ylim(0, 1.1 * rows["seconds_median"].max() if rows["seconds_median"].max() > 0 else 1)
        line[0].set_title(name, loc="left", fontsize=10)
        for axes in line:
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.spines[["top", "right"]].set_visible(False)
    if names:
        handles, titles = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, titles, loc="outside lower center", ncols=len(titles), frameon=False, fontsize=8)
    else:
        _say(figure, "The label tables do not say in which order the frames were seen")
    with written_aside(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _colour_classes(axes: Any) -> None:
    """Give the names of the classes at both axes, which are the first there, their colours."""
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, name in zip(labels, CLASSES, strict=False):
            label.set_color(COLOURS[name])
            label.set_fontweight("bold")


def _say(figure: Figure, sentence: str) -> None:
    for axes in figure.axes:
        axes.set_axis_off()
    figure.axes[0].text(0, 0.5, sentence)


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
