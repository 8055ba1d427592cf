"""What all figures share: colours, names of classes at axes, PNG with a vector file beside it."""

import os
from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from norrsken.config.label_set import LabelSet
from norrsken.files import written_aside
from norrsken.paper import model_title

#: Colours of lines that are not classes.
LINES = ("#000000", "#D55E00", "#0072B2")

#: Colours of models beside each other (Okabe & Ito 2008) and the marks that tell them apart without colour.
MODEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800", "#7A5195")
MODEL_MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


def save(figure: Figure, png: str | os.PathLike[str], dpi: int = 150) -> None:
    """Write a figure as PNG and, beside it and under the same name, as PDF."""
    for path in (Path(png), Path(png).with_suffix(".pdf")):
        with written_aside(path) as temporary:
            # Without its date a PDF is the same each time.
            figure.savefig(temporary, dpi=dpi, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)


def colour_classes(axes: Axes, label_set: LabelSet) -> None:
    """Colour the names of the classes at both axes, where they are the first names."""
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for text, label in zip(labels, label_set.classes, strict=False):
            text.set_color(label.colour)
            text.set_fontweight("bold")


def draw_counts(
    axes: Axes,
    counts: NDArray[np.float64],
    names: Sequence[str],
    size: float,
    label_set: LabelSet,
    columns: Sequence[str] | None = None,
) -> AxesImage:
    """A table of counts (rows, columns) as a heat map: per cent of the row, large, and the count, small.

    names: the labels of the rows, the classes first. size: that of the large text, in points. columns: the labels of
    the columns, where they are not those of the rows.
    """
    titles = label_set.titles
    frames = counts.sum(axis=1, keepdims=True)
    share = 100 * np.divide(counts, frames, out=np.zeros_like(counts), where=frames > 0)
    image = axes.imshow(share, cmap="cividis", vmin=0, vmax=100)
    for row, column in zip(*np.nonzero(counts), strict=True):
        text: dict[str, Any] = {
            "ha": "center",
            "va": "center",
            "color": "black" if share[row, column] > 55 else "white",
        }
        axes.text(column, row - 0.1, f"{share[row, column]:.0f} %", fontsize=size, **text)
        axes.text(column, row + 0.24, f"{round(counts[row, column], 1):g}", fontsize=0.75 * size, **text)
    axes.set_xticks(range(counts.shape[1]), [titles[n] for n in columns or names], rotation=35, ha="right")
    axes.set_yticks(range(len(names)), [f"{titles[n]} ({f:.0f})" for n, f in zip(names, frames[:, 0], strict=True)])
    colour_classes(axes, label_set)
    axes.tick_params(length=0, labelsize=max(size, 8))
    axes.spines[:].set_visible(False)
    return image


def model_styles(models: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How the line of each model is drawn, by its name; more models than there are colours begin anew."""
    looks = zip(cycle(MODEL_COLOURS), cycle(MODEL_MARKS), strict=False)
    return {
        model: {"color": colour, "marker": mark, "label": model_title(model)}
        for model, (colour, mark) in zip(models, looks, strict=False)
    }


def without_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def say(figure: Figure, sentence: str) -> None:
    """Write a sentence in place of what cannot be drawn."""
    for axes in figure.axes or [figure.subplots()]:
        axes.set_axis_off()
    figure.axes[0].text(0.5, 0.5, sentence, ha="center", transform=figure.axes[0].transAxes)
