"""Figures of frames: how they are processed, samples, mistakes."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from norrsken.config.label_set import LabelSet
from norrsken.figures.style import save, say


def draw_samples(
    rows: Mapping[str, Sequence[NDArray[np.uint8]]], label_set: LabelSet, path: str | os.PathLike[str]
) -> None:
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
            axes.spines[:].set_color(label_set.colours[name])
            axes.spines[:].set_linewidth(1.5)
        line[0].set_ylabel(label_set.titles[name], color=label_set.colours[name], fontweight="bold", fontsize=9)
    _draw_compass(line[-1])
    save(figure, path, 130)


def _draw_compass(axes: Any) -> None:
    """Arrows to magnetic north and east in the lower right of a frame."""
    for text, along in (("N", (0, 0.17)), ("E", (0.17, 0))):
        arrow = {"arrowstyle": "<-", "color": "white", "shrinkA": 0, "shrinkB": 0}
        tip = (0.76 + along[0], 0.08 + along[1])
        axes.annotate(
            text, xy=(0.76, 0.08), xytext=tip, xycoords="axes fraction", arrowprops=arrow, color="white", fontsize=7,
            ha="center", va="center",
        )  # fmt: skip


def draw_processing(
    raw: NDArray[np.uint8],
    outline: NDArray[np.float64],
    processed: NDArray[np.uint8],
    title: str,
    path: str | os.PathLike[str],
) -> None:
    """A raw frame with the crop's frame in red, and the processed frame beside it, as the paper's Figure 2.

    raw: (height, width, 3), as archived. outline: x and y of the crop's edge in it, (n, 2). processed: (128, 128, 3).
    """
    height, width = raw.shape[:2]
    figure = Figure(figsize=(4 * width / height + 4.4, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[width / height, 1])
    left.imshow(raw)
    left.add_patch(Polygon(outline, fill=False, edgecolor="red"))
    left.set_title(f"{title}: as archived, {width} × {height} pixels", fontsize=9, loc="left")
    right.imshow(processed, interpolation="nearest")
    right.set_title(f"processed, {len(processed)} × {len(processed)}", fontsize=9, loc="left")
    for axes in (left, right):
        axes.set_axis_off()
    _draw_compass(right)
    save(figure, path)


def draw_mistakes(
    mistakes: Sequence[tuple[NDArray[np.uint8], str, str, float]], label_set: LabelSet, path: str | os.PathLike[str]
) -> None:
    """Frames that a model takes for something else, as the paper's Figure 6.

    mistakes: frame (128, 128, 3), agreed label, prediction, its probability.
    """
    columns = 6
    lines = max(-(-len(mistakes) // columns), 1)
    figure = Figure(figsize=(1.75 * columns, 2.15 * lines), layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02))
    all_axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in all_axes:
        axes.set_axis_off()
    for axes, (frame, label, predicted, probability) in zip(all_axes, mistakes, strict=False):
        axes.imshow(frame, interpolation="nearest")
        title, colour = label_set.titles[label], label_set.colours[label]
        axes.set_title(title, color=colour, fontsize=9, fontweight="bold", loc="left", pad=2)
        taken = f"taken for {label_set.titles[predicted]}, {probability:.2f}"
        axes.text(0, -0.02, taken, va="top", fontsize=7.5, transform=axes.transAxes)
    if not mistakes:
        say(figure, "No test frame is misclassified")
    save(figure, path)
