"""Figures of how often each class was seen."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import HashableList
from numpy.typing import NDArray

from norrsken.classes import AURORA, COLOUR_WITHOUT_CLASS
from norrsken.config.label_set import LabelSet
from norrsken.figures.style import LINES, save, say, without_frame

#: Share of clear nights with aurora by UT hour, Kiruna 1985-1994, per cent.
KIRUNA = {
    15: 33, 16: 46, 17: 50, 18: 60, 19: 72, 20: 78, 21: 85, 22: 83, 23: 81, 0: 77, 1: 72, 2: 71, 3: 58, 4: 48, 5: 45,
}  # fmt: skip

#: The bins in the order in which they are drawn, so that nights and winters are in one piece; years stand as they come.
ORDERS: dict[str, list[int]] = {
    "hour": [*range(12, 24), *range(12)],
    "mlt": [*range(12, 24), *range(12)],
    "month": [*range(7, 13), *range(1, 7)],
    "kp": list(range(10)),
}
#: The bins whose beginning and end are marked at the axis; others are marked in their middle.
HOURS = ("hour", "mlt")
AXES = {
    "hour": "universal time, h",
    "mlt": "magnetic local time, h",
    "month": "month",
    "year": "year",
    "kp": "Kp index, rounded down",
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: The panel of the hours observed, that of the nights with aurora, and a place without one: no label is named so.
HOURS_OBSERVED, NIGHTS, EMPTY = " hours", " nights", "."
#: Panels in a line.
COLUMNS = 3


def draw_occurrence(
    table: pd.DataFrame, by: str, label_set: LabelSet, path: str | os.PathLike[str], reference: bool
) -> None:
    """Share of the observed time of aurora and of each class, with 95 % bands, and the hours observed.

    table: as `tabulate_occurrence` makes it; the estimate is drawn, and where it is corrected the counted share too.
    by: hour, mlt, month, year or kp. reference: whether, by hour, the share of nights with aurora is drawn beside that
    of Kiruna 1985-1994.
    """
    rows = table[table["by"] == by].astype({"value": int})
    labels = [*[AURORA] * label_set.pooled, *label_set.judged]
    # What was observed is the same in the rows of every class; nights with aurora are those of all aurora.
    whole = rows[rows["label"] == label_set.judged[0]].set_index("value")
    compared = reference and by == "hour" and AURORA in labels
    observed = set(whole.index[whole["frames_observed"] > 0])
    if not observed:
        figure = Figure(figsize=(6, 1))
        say(figure, "There is no table of the Kp index" if by == "kp" and rows.empty else "No clear frame was observed")
        save(figure, path)
        return
    order = list(ORDERS.get(by, sorted(whole.index)))
    shown = [i for i, value in enumerate(order) if value in observed | set(KIRUNA if compared else ())]
    order = order[shown[0] : shown[-1] + 1]
    last: HashableList[str] = [NIGHTS] * COLUMNS
    lines = _lines(labels) + [last] * compared
    figure = Figure(figsize=(9.6, 2.3 * len(lines)), layout="constrained")
    panels = figure.subplot_mosaic(lines, sharex=True)
    for label in labels:
        of_label = rows[rows["label"] == label].set_index("value").reindex(order)
        _draw_share(panels[label], of_label, label, by, label_set)
    places = _places(order, by)
    panels[HOURS_OBSERVED].bar(places, whole["hours_observed"].reindex(order), 0.86, color=COLOUR_WITHOUT_CLASS)
    panels[HOURS_OBSERVED].set_title("Observing time, clear sky, h", loc="left", fontsize=10)
    if compared:
        nights = rows[rows["label"] == AURORA].set_index("value")
        _draw_nights(panels[NIGHTS], nights.reindex(order), order)
    lowest = [next(line[i] for line in reversed(_lines(labels)) if line[i] != EMPTY) for i in range(COLUMNS)]
    for name, axes in panels.items():
        _mark(axes, order, by)
        axes.tick_params(labelbottom=True, labelsize=8)
        without_frame(axes)
        if name in (*lowest, NIGHTS):
            axes.set_xlabel(AXES[by])
        if name in {line[0] for line in _lines(labels)} - {HOURS_OBSERVED}:
            axes.set_ylabel("observed time, %")
    corrected = (rows["method"] == "corrected").any()
    drawn = "lines: estimated; dotted: counted labels" if corrected else "lines: counted labels, not corrected"
    bands = "bands: 95 % interval over nights, where there are ten"
    figure.suptitle("; ".join([drawn, bands] + ["bars: 95 %, binomial"] * compared), x=0.99, ha="right", fontsize=8)
    save(figure, path)


def _lines(labels: Sequence[str]) -> list[HashableList[str]]:
    """The panels line by line: one for each label, and that of the hours observed."""
    panels = [*labels, HOURS_OBSERVED]
    panels += [EMPTY] * (-len(panels) % COLUMNS)
    return [[*panels[i : i + COLUMNS]] for i in range(0, len(panels), COLUMNS)]


def _draw_share(axes: Axes, rows: pd.DataFrame, label: str, by: str, label_set: LabelSet) -> None:
    colour = label_set.colours.get(label, LINES[0])
    places = _places(list(rows.index), by)
    estimate, low, high, share = (
        100 * rows[name].to_numpy(np.float64) for name in ("estimate", "estimate_low", "estimate_high", "share")
    )
    axes.fill_between(places, low, high, color=colour, alpha=0.25, linewidth=0)
    if (rows["method"] == "corrected").any():
        axes.plot(places, share, color=colour, linestyle=":", linewidth=1.2)
    axes.plot(places, estimate, color=colour, marker="o", markersize=3, linewidth=1.4)
    top = _top(np.concatenate([estimate, share]), high)
    axes.set_ylim(0, 1.08 * top if top > 0 else 1)
    title = label_set.titles.get(label) or any_aurora(label_set)
    axes.set_title(title, loc="left", fontsize=10, color=colour, weight="bold")


def _top(shares: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Up to where a panel reaches: bands of bins with few nights must not squeeze the curves."""
    highest = float(np.nanmax(shares, initial=0))
    return min(float(np.nanmax(high, initial=highest)), max(2.5 * highest, 5.0))


def any_aurora(label_set: LabelSet) -> str:
    """What all auroral classes together are called."""
    others = [label.title.lower() for label in label_set.without_aurora]
    return f"Aurora, any class but {others[0]}" if len(others) == 1 else "Aurora, all its classes"


def _draw_nights(axes: Axes, rows: pd.DataFrame, order: Sequence[int]) -> None:
    places = _places(order, "hour")
    known = [KIRUNA.get(hour, np.nan) for hour in order]
    axes.plot(places, known, color=LINES[2], marker="s", markersize=4, linestyle="--",
              label="share of clear nights, Kiruna 1985-1994")  # fmt: skip
    share, low, high = (100 * rows[f"nights_{name}"].to_numpy(np.float64) for name in ("share", "low", "high"))
    axes.errorbar(places, share, [share - low, high - share], color=LINES[0], marker="o", markersize=4, elinewidth=1,
                  label="nights with aurora in three frames or more of the hour, of those observed for 30 minutes",
    )  # fmt: skip
    axes.set_ylim(0, 105)
    axes.set_ylabel("nights, %")
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0)


def _places(order: Sequence[int], by: str) -> NDArray[np.float64]:
    """Where the bins are drawn: hours in the middle between their beginning and end."""
    return np.arange(len(order), dtype=np.float64) + (0.5 if by in HOURS else 0)


def _mark(axes: Axes, order: Sequence[int], by: str) -> None:
    """Write the names of the bins at the axis: those of hours at their beginning."""
    names = [MONTHS[value - 1] if by == "month" else str(value) for value in order]
    if by in HOURS:
        names.append(str((order[-1] + 1) % 24))
    every = max(1, -(-len(names) // 9))
    axes.set_xticks(range(0, len(names), every), names[::every])
    margin = 0 if by in HOURS else 0.5
    axes.set_xlim(-margin, len(names) - 1 + margin)
