"""What all figures share: colours, names of classes at axes, PNG with a vector file beside it."""

import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from norrsken.classes import CLASSES, COLOURS
from norrsken.files import written_aside

#: Colours of lines that are not classes.
LINES = ("#000000", "#D55E00", "#0072B2")


def save(figure: Figure, png: str | os.PathLike[str], dpi: int = 150) -> None:
    """Write a figure as PNG and, beside it and under the same name, as PDF."""
    for path in (Path(png), Path(png).with_suffix(".pdf")):
        with written_aside(path) as temporary:
            # Without its date a PDF is the same each time.
            figure.savefig(temporary, dpi=dpi, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)


def colour_classes(axes: Axes) -> None:
    """Give the names of the classes at both axes, which are the first there, their colours."""
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, name in zip(labels, CLASSES, strict=False):
            label.set_color(COLOURS[name])
            label.set_fontweight("bold")


def without_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def say(figure: Figure, sentence: str) -> None:
    """A sentence in place of what cannot be drawn."""
    for axes in figure.axes or [figure.subplots()]:
        axes.set_axis_off()
    figure.axes[0].text(0.5, 0.5, sentence, ha="center", transform=figure.axes[0].transAxes)
