"""Figures of how models do on other divisions of the data set, and with fewer labels."""

import os
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from norrsken.figures.style import model_styles, save, say, without_frame
from norrsken.paths import FEWER, SAME_NIGHTS

#: What the parts of `divisions.csv` are called in the figure.
TITLES = {
    "split": "the split of Table 2",
    SAME_NIGHTS: "other frames of\nthe same nights",
    "year": "a year that is new: {}",
    "camera": "a camera that is new: {}",
}
#: Numbers of labels that are nearer than by this factor have no room at the axis.
NEAR = 1.3

#: How far apart the models of a division are drawn, of the distance between two divisions.
APART = 0.6


def draw_divisions(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Macro F1 on each division with 95 % intervals and, beside it, how far it is below that of the split.

    table: `divisions.csv` of all models, one after the other.
    """
    shown = table[~table["part"].str.startswith(FEWER) & table["f1"].notna()]
    parts, styles = list(dict.fromkeys(shown["part"])), model_styles(dict.fromkeys(table["model"]))
    figure = Figure(figsize=(9.2, 1.6 + len(parts) * (0.3 + 0.14 * len(styles))), layout="constrained")
    scores, less = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    for place, (model, style) in enumerate(styles.items()):
        rows = shown[shown["model"] == model].set_index("part")
        at = np.array([parts.index(part) for part in rows.index]) + APART * ((place + 0.5) / len(styles) - 0.5)
        _points(scores, rows, "f1", at, style)
        _points(less, rows, "less", at, style)
    scores.set_yticks(range(len(parts)), [_title(part) for part in parts])
    scores.set_ylim(len(parts) - 0.5, -0.5)
    scores.set_xlabel("macro F1 on the division’s test frames")
    less.set_xlabel("lower than on the split of Table 2,\non the same frames")
    less.axvline(0, color="#888", linewidth=1, linestyle="--", zorder=0)
    for axes in (scores, less):
        axes.grid(axis="x", color="#ddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        without_frame(axes)
    figure.legend(*scores.get_legend_handles_labels(), frameon=False, ncols=4, loc="outside upper left")
    save(figure, path)


def draw_labels(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Macro F1 on the test frames over the number of labelled frames, with 95 % intervals.

    table: as for `draw_divisions`.
    """
    rows = table[(table["part"].str.startswith(FEWER) | (table["part"] == "split")) & table["f1"].notna()]
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    if not rows["part"].str.startswith(FEWER).any():
        say(figure, "There are too few labelled frames to leave some out")
        save(figure, path)
        return
    numbers: list[float] = []
    for number in sorted(rows["train_frames"].unique(), reverse=True):
        if not numbers or number < numbers[-1] / NEAR:
            numbers.append(number)
    for model, style in model_styles(dict.fromkeys(table["model"])).items():
        own = rows[rows["model"] == model].sort_values("train_frames")
        axes.plot(own["train_frames"], own["f1"], linewidth=1.6, markersize=5, **style)
        axes.fill_between(own["train_frames"], own["f1_low"], own["f1_high"], color=style["color"], alpha=0.15, lw=0)
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:,.0f}" for number in numbers], rotation=40, ha="right", rotation_mode="anchor")
    axes.minorticks_off()
    axes.set_ylim(0, 1)
    axes.set_xlabel("labelled frames to train on (logarithmic)")
    axes.set_ylabel("macro F1 on the test frames")
    axes.grid(color="#ddd", linewidth=0.6)
    without_frame(axes)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    save(figure, path)


def _title(part: str) -> str:
    kind, _, value = part.partition("-")
    return TITLES.get(part) or TITLES[kind].format(value)


def _points(axes: Axes, rows: pd.DataFrame, name: str, at: NDArray[np.float64], style: dict[str, Any]) -> None:
    """A value of each row with its interval, where it has one."""
    values, low, high = (rows[column].to_numpy(float) for column in (name, f"{name}_low", f"{name}_high"))
    known = ~np.isnan(low)
    axes.hlines(at[known], low[known], high[known], color=style["color"], linewidth=1.4)
    axes.plot(values, at, linestyle="", markersize=5, **style)
