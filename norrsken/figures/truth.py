"""Figures of the catalogue of a simulated archive beside the truth."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from norrsken.classes import CATALOGUE_LABELS, CLASSES, COLOURS, LABELS, TITLES
from norrsken.figures.style import draw_counts, save, without_frame


def draw_confusion(frames: pd.DataFrame, path: Path) -> None:
    """Frames by their true label (rows) and by the label that the catalogue gives them (columns)."""
    counts = pd.crosstab(frames["true"], frames["label"]).reindex(index=LABELS, columns=CATALOGUE_LABELS, fill_value=0)
    figure = Figure(figsize=(7.2, 6), layout="constrained")
    axes = figure.subplots()
    titles = [[TITLES[name] for name in names] for names in (LABELS, CATALOGUE_LABELS)]
    draw_counts(axes, counts.to_numpy(np.float64), titles[0], 8, titles[1])
    axes.axhline(len(CLASSES) - 0.5, color="white", linewidth=1)
    axes.axvline(len(CLASSES) - 0.5, color="white", linewidth=1)
    axes.set_xlabel("catalogue")
    axes.set_ylabel("truth (frames)")
    save(figure, path)


def draw_occurrence(table: pd.DataFrame, path: Path) -> None:
    """Share of each class by UT hour around midnight, in the catalogue and in truth."""
    hours: NDArray[np.int64] = np.array([*range(12, 24), *range(12)])
    hours = hours[np.isin(hours, table["hour"])]
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    figure.subplots(2, 4, sharex=True)
    flat = figure.axes
    for axes, name in zip(flat, CLASSES, strict=False):
        rows = table[table["label"] == name].set_index("hour").reindex(hours)
        places = np.arange(len(hours))
        axes.bar(places, 100 * rows["true"], 0.9, color=COLOURS[name], alpha=0.35, label="true")
        axes.step(places, 100 * rows["found"], where="mid", color="black", linewidth=1.2, label="catalogue")
        axes.set_title(TITLES[name], color=COLOURS[name], fontweight="bold", fontsize=10)
        axes.set_xticks(places[::2], [f"{hour:02d}" for hour in hours[::2]])
        axes.set_ylim(0, None)
        without_frame(axes)
    for axes in flat[3:7]:
        axes.set_xlabel("UT hour")
        axes.tick_params(labelbottom=True)
    for axes in (flat[0], flat[4]):
        axes.set_ylabel("frames taken for clear, %")
    flat[7].set_axis_off()
    flat[7].legend(*flat[0].get_legend_handles_labels(), loc="center", frameon=False)
    save(figure, path)
