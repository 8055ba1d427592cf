"""Figures of whether models still see what they were trained on: scores by year and month, and the alarm."""

import os
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from norrsken.figures.occurrence import MONTHS, ORDERS
from norrsken.figures.style import model_styles, save, say, without_frame
from norrsken.paper import model_title

#: The panels of the scores, from above, and what they say at their axis.
_MEASURES = {
    "f1": "macro F1",
    "accuracy": "right, %",
    "confidence": "confidence, %",
    "familiarity": "familiarity, %",
}

#: The changes that are drawn beside nights without one: how they begin, and the one of a kind that is drawn, colour.
_CHANGES = {
    ("unchanged", 0.0): ("no change", "#000000"),
    ("gain", 1.0): ("one stop brighter", "#E69F00"),
    ("gain", -1.0): ("one stop darker", "#0072B2"),
    ("colour", 0.5): ("redder by half a stop, less blue", "#CC79A7"),
    ("focus", 1.0): ("blurred by 1 pixel", "#009E73"),
}

_WATCHED = {"familiarity": "watching familiarity", "confidence": "watching confidence", "both": "watching both"}


def draw_drift(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Macro F1, accuracy, confidence and familiarity by year and by month, a colour for each model, with intervals.

    table: `drift.csv` of all models, one below the other. The lines are 95 % intervals over the nights.
    """
    known = table.dropna(subset=["measure"])
    measures = [name for name in _MEASURES if (known["measure"] == name).any()]
    if not measures:
        figure = Figure(figsize=(6, 1))
        say(figure, "The times of the test frames are not known")
        save(figure, path)
        return
    years = sorted(known.loc[known["by"] == "year", "bin"].unique())
    months = [month for month in ORDERS["month"] if month in set(known.loc[known["by"] == "month", "bin"])]
    figure = Figure(figsize=(9, 1.2 + 1.5 * len(measures)), layout="constrained")
    panels = figure.subplots(
        len(measures), 2, sharey="row", sharex="col", squeeze=False, width_ratios=[len(years) + 1, len(months) + 1]
    )
    styles = model_styles(known["model"].unique())
    for column, (by, order) in enumerate((("year", years), ("month", months))):
        for axes, measure in zip(panels[:, column], measures, strict=True):
            rows = known[(known["by"] == by) & (known["measure"] == measure)]
            for place, (model, style) in enumerate(styles.items()):
                aside = (place - (len(styles) - 1) / 2) * min(0.15, 0.7 / len(styles))
                _draw_points(axes, rows[rows["model"] == model].set_index("bin").reindex(order), style, aside, measure)
            if column == 0:
                axes.set_ylabel(_MEASURES[measure])
            axes.grid(axis="y", color="#ddd", linewidth=0.6)
            without_frame(axes)
        names = [str(int(one)) if by == "year" else MONTHS[int(one) - 1] for one in order]
        panels[-1, column].set_xticks(range(len(order)), names, fontsize=9, rotation=45 if len(order) > 8 else 0)
        panels[-1, column].set_xlim(-0.6, len(order) - 0.4)
        panels[-1, column].set_xlabel("year of the night" if by == "year" else "month of the night")
    handles = [panels[0, 0].plot([], [], linestyle="", **style)[0] for style in styles.values()]
    figure.legend(handles=handles, frameon=False, fontsize=9, ncols=4, loc="outside upper center")
    save(figure, path)


def _draw_points(axes: Axes, rows: pd.DataFrame, style: dict[str, Any], aside: float, measure: str) -> None:
    """The values of a model in their bins; those without an interval, of few nights, are hollow."""
    scale = 1 if measure == "f1" else 100
    at, colour = np.arange(len(rows)) + aside, style["color"]
    axes.vlines(at, scale * rows["low"], scale * rows["high"], color=colour, linewidth=1.5)
    sure = rows["low"].notna().to_numpy()
    for which, filling in ((sure, colour), (~sure, "white")):
        values = scale * rows["value"].to_numpy()[which]
        axes.plot(at[which], values, style["marker"], markersize=4, color=colour, mfc=filling)


def draw_alarm(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """The capital of the alarm over the nights, without a change and with some, a line of panels for each model.

    table: `capitals.csv` of all models, one below the other. Lines are medians of orders of chance, bands hold nine of
    ten. The left panel of a model is what is watched first.
    """
    drawn = table[table["order"] == "drawn"]
    if drawn.empty:
        figure = Figure(figsize=(6, 1))
        say(figure, "No model was tried on enough nights")
        save(figure, path)
        return
    models = list(dict.fromkeys(drawn["model"]))
    watched = [name for name in _WATCHED if (drawn["measure"] == name).any()]
    size = (1.5 + 3.2 * max(len(watched), 2), 1.3 + 2.6 * len(models))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(models), len(watched), sharex=True, sharey=True, squeeze=False)
    handles = {}
    for row, model in zip(panels, models, strict=True):
        for axes, measure in zip(row, watched, strict=True):
            rows = drawn[(drawn["model"] == model) & (drawn["measure"] == measure)]
            if rows.empty:
                axes.text(0.5, 0.5, "not measured", ha="center", color="#666", transform=axes.transAxes)
            for change, (name, colour) in _CHANGES.items():
                course = rows[(rows["change"] == change[0]) & (rows["size"] == change[1])]
                if not course.empty:
                    handles[name] = axes.plot(course["number"], course["capital"], color=colour, linewidth=1.6)[0]
                    axes.fill_between(
                        course["number"], course["low"], course["high"], color=colour, alpha=0.15, linewidth=0
                    )
            handles["alarm"] = axes.axhline(
                np.log10(drawn["threshold"].iloc[0]), color="#D55E00", linewidth=1.2, linestyle="--"
            )
            axes.axvline(
                drawn.loc[drawn["model"] == model, "number"].max() // 2 + 0.5, color="#888", linewidth=1, linestyle=":"
            )
            axes.set_title(f"{model_title(model)},\n{_WATCHED[measure]}", fontsize=9)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            without_frame(axes)
        row[0].set_ylabel("capital, log$_{10}$")
    for axes in panels[-1]:
        axes.set_xlabel("test nights, in an order of chance")
    figure.legend([*handles.values()], [*handles], frameon=False, fontsize=9, ncols=3, loc="outside upper center")
    save(figure, path)
