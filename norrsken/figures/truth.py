"""Figures of the catalogue of a simulated archive beside the truth."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from norrsken.config.label_set import LabelSet
from norrsken.figures.style import draw_counts, save, without_frame


def draw_confusion(frames: pd.DataFrame, label_set: LabelSet, path: Path) -> None:
    """Frames by their true label (rows) and by the label that the catalogue gives them (columns)."""
    rows, columns, classes = label_set.names.labels, label_set.catalogue_labels, len(label_set.classes)
    counts = pd.crosstab(frames["true"], frames["label"]).reindex(index=rows, columns=columns, fill_value=0)
    figure = Figure(figsize=(7.2, 6), layout="constrained")
    axes = figure.subplots()
    draw_counts(axes, counts.to_numpy(np.float64), rows, 8, label_set, columns)
    axes.axhline(classes - 0.5, color="white", linewidth=1)
    axes.axvline(classes - 0.5, color="white", linewidth=1)
    axes.set_xlabel("catalogue")
    axes.set_ylabel("truth (frames)")
    save(figure, path)


def draw_occurrence(table: pd.DataFrame, label_set: LabelSet, path: Path) -> None:
    """Share of each class by UT hour around midnight, in the catalogue and in truth.

    table: as `catalogue.truth.compare_occurrence` makes it.
    """
    table = table[table["hour"].notna()].astype({"hour": int})
    classes = [label for label in label_set.classes if label.name in label_set.judged]
    hours: NDArray[np.int64] = np.array([*range(12, 24), *range(12)])
    hours = hours[np.isin(hours, table["hour"])]
    columns, number = 4, len(classes)
    lines = number // columns + 1  # so that the last place is free for the legend
    figure = Figure(figsize=(9.6, 2.2 * lines), layout="constrained")
    figure.subplots(lines, columns, sharex=True)
    flat = figure.axes
    for i, (axes, label) in enumerate(zip(flat, classes, strict=False)):
        rows = table[table["label"] == label.name].set_index("hour").reindex(hours)
        places = np.arange(len(hours))
        true, dominant, counted, estimate, low, high = (
            100 * rows[name].to_numpy(np.float64)
            for name in ("true", "dominant", "counted", "estimate", "estimate_low", "estimate_high")
        )
        axes.bar(places, true, 0.9, color=label.colour, alpha=0.5, label="truly of the class")
        axes.bar(places, dominant - true, 0.9, true, color=label.colour, alpha=0.2, label="truly dominated by it")
        axes.step(places, counted, where="mid", color="black", linestyle=":", linewidth=1.2, label="counted")
        if (rows["method"] == "corrected").any():
            reach = np.maximum([estimate - low, high - estimate], 0)
            axes.errorbar(places, estimate, reach, color="black", linestyle="none", marker="o",
                      markersize=2.5, elinewidth=0.8, label="estimated, 95 %")  # fmt: skip
        axes.set_title(label.title, color=label.colour, fontweight="bold", fontsize=10)
        axes.set_xticks(places[::2], [f"{hour:02d}" for hour in hours[::2]])
        axes.set_ylim(0, None)
        without_frame(axes)
        if i + columns >= number:
            axes.set_xlabel("UT hour")
            axes.tick_params(labelbottom=True)
        if i % columns == 0:
            axes.set_ylabel("frames taken for clear, %")
    for axes in flat[number:]:
        axes.set_axis_off()
    flat[-1].legend(*flat[0].get_legend_handles_labels(), loc="center", frameon=False)
    save(figure, path)
