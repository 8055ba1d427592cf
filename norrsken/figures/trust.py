"""Figures of how far models can be trusted: risk against coverage, calibration by class."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from norrsken.config.label_set import LabelSet
from norrsken.figures.style import model_styles, save, say, without_frame
from norrsken.paper import model_title

#: The smallest share of the frames that is drawn: the risk of fewer is that of a few frames.
_LEAST_COVERAGE = 0.1

#: Panels in a line.
_COLUMNS = 4


def draw_risk(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """The share of wrong frames among the most confident ones, a line for each model, with 95 % bands over the nights.

    table: `risk.csv` of all models, one below the other.
    """
    figure = Figure(figsize=(6.8, 4.2), layout="constrained")
    axes = figure.subplots()
    drawn = table[table["coverage"] >= _LEAST_COVERAGE - 1e-9]
    for model, style in model_styles(drawn["model"].unique()).items():
        rows = drawn[drawn["model"] == model]
        at = 100 * rows["coverage"]
        axes.fill_between(at, 100 * rows["low"], 100 * rows["high"], color=style["color"], alpha=0.15, linewidth=0)
        axes.plot(at, 100 * rows["risk"], linewidth=1.8, markevery=5, markersize=4, **style)
    axes.set_xlabel("the most confident test frames, %")
    axes.set_ylabel("of these wrong, %")
    axes.set_xlim(100 * _LEAST_COVERAGE, 100)
    axes.set_ylim(0, None)
    axes.grid(color="#ddd", linewidth=0.6)
    without_frame(axes)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    save(figure, path)


def draw_trust(table: pd.DataFrame, label_set: LabelSet, path: str | os.PathLike[str]) -> None:
    """How much surer a model is of each class than it is right, before and after the temperature, a panel a model.

    table: `trust.csv` of all models, one below the other. The lines are 95 % intervals over the nights.
    """
    chosen = table[table["measure"].str.startswith("overconfidence")]
    models = list(dict.fromkeys(chosen["model"]))
    if not models:
        figure = Figure(figsize=(6, 1))
        say(figure, "No model is judged")
        save(figure, path)
        return
    names = ["all", *label_set.class_names]
    columns = min(len(models), _COLUMNS)
    lines = -(-len(models) // columns)
    figure = Figure(figsize=(1.9 + 2.4 * columns, 0.9 + lines * (0.8 + 0.3 * len(names))), layout="constrained")
    panels = np.atleast_1d(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel())
    for axes, model in zip(panels, models, strict=False):
        _draw_model(axes, chosen[chosen["model"] == model], names, label_set)
        axes.set_title(model_title(model), fontsize=10)
    for axes in panels[len(models) :]:
        axes.set_axis_off()
    titles = {"all": "All frames", **label_set.titles}
    for axes in panels[::columns]:
        axes.set_yticks(range(len(names)), [titles[name] for name in names], fontsize=9)
        colours = ["black", *(label.colour for label in label_set.classes)]
        for text, colour in zip(axes.get_yticklabels(), colours, strict=True):
            text.set(color=colour, fontweight="bold")
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    figure.supxlabel("mean confidence less share of right ones, percentage points", fontsize=10)
    marks = [
        Line2D([], [], marker="o", color="#444", markerfacecolor="white", linewidth=1, label="before the temperature"),
        Line2D([], [], marker="o", color="#444", linewidth=1.8, label="after it"),
    ]
    figure.legend(handles=marks, frameon=False, fontsize=9, ncols=2, loc="outside upper right")
    save(figure, path)


def _draw_model(axes: Axes, rows: pd.DataFrame, names: Sequence[str], label_set: LabelSet) -> None:
    colours = {"all": "#000000"} | {label.name: label.colour for label in label_set.classes}
    axes.axvline(0, color="#888", linewidth=1)
    axes.axhline(0.5, color="#ccc", linewidth=0.8)
    of_rows = (
        rows["class"],
        rows["measure"].str.endswith("_before"),
        100 * rows[["low", "value", "high"]].to_numpy(float),
    )
    for name, before, (low, value, high) in zip(*of_rows, strict=True):
        place, colour = names.index(name) + (-0.16 if before else 0.16), colours[name]
        axes.plot([low, high], [place, place], color=colour, linewidth=1 if before else 1.8)
        filling = "white" if before else colour
        axes.plot(value, place, marker="o", markersize=5, color=colour, markerfacecolor=filling)
    axes.grid(axis="x", color="#ddd", linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    without_frame(axes)
