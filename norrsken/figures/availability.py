"""A figure of what became of the dark hours of each night."""

import os

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from norrsken.classes import AVAILABILITY
from norrsken.figures.style import save, say, without_frame

#: The colour of each part, in the order of the stack. Readers with any kind of sight tell them apart.
COLOURS = {
    "observed": "#0B6E4F",
    "cloudy": "#8FA3B8",
    "bright": "#F2A93B",
    "bad": "#A33B00",
    "hidden_sky": "#45526B",
    "other_camera": "#56B4E9",
    "moon": "#FFF3B8",
    "unusable": "#111111",
    "no_frame": "#E6E6EA",
}

#: The colour of lines around what is filled.
_INK = "#374151"

#: Up to so many days are shown with a mark for each week.
_FEW_DAYS = 93

#: The height of a season, and of what stands above and below all of them, in inches.
_SEASON, _AROUND = 0.85, 1.2


def draw_availability(table: pd.DataFrame, latitude: float, path: str | os.PathLike[str]) -> None:
    """A line for each season, in which each night is a bar of its dark hours, by what became of them.

    table: as `catalogue.availability.tabulate_availability` makes it. latitude: of the site. A season holds the nights
    of one winter: from July in the north and from January in the south. Only months in which it gets dark are shown.
    """
    dates = pd.DatetimeIndex(table["night"])
    first = 7 if latitude >= 0 else 1
    season = dates.year - (dates.month < first)
    starts = pd.to_datetime({"year": season, "month": first, "day": 1})
    table = table.assign(season=season, day=(dates - pd.DatetimeIndex(starts)).days)
    is_dark = table[table["hours_dark"] > 0]
    if is_dark.empty:
        figure = Figure(figsize=(6, 1))
        say(figure, "No night of the archive is dark")
        save(figure, path)
        return
    seasons = sorted(is_dark["season"].unique())
    figure = Figure(figsize=(9.6, _SEASON * max(len(seasons), 2) + _AROUND), layout="constrained")
    lines = np.atleast_1d(figure.subplots(len(seasons), sharex=True, sharey=True))
    for axes, year in zip(lines, seasons, strict=True):
        _draw_season(axes, table[table["season"] == year])
        name = f"{year}" if first == 1 else f"{year}–{(year + 1) % 100:02d}"
        axes.set_title(name, loc="left", fontsize=9, weight="bold", pad=2)
    _mark(lines[-1], first, is_dark["day"].min(), is_dark["day"].max())
    lines[0].set_ylim(0, np.ceil(is_dark["hours_dark"].max() / 2) * 2)
    lines[0].yaxis.set_major_locator(MaxNLocator(4, integer=True))
    figure.supylabel("dark time a night, h", fontsize=9)
    _explain(figure, is_dark)
    save(figure, path)


def _explain(figure: Figure, rows: pd.DataFrame) -> None:
    """The legend: which share of the dark hours each part is, of those that there are."""
    whole = rows["hours_dark"].sum()
    sums = {part: rows[f"hours_{part}"].sum() for part in COLOURS}
    handles = [
        Patch(facecolor=COLOURS[part], edgecolor=_INK, linewidth=0.5, label=f"{AVAILABILITY[part]}, {share:.1f} %")
        for part, share in ((part, 100 * hours / whole) for part, hours in sums.items() if hours > 0)
    ]
    legend = figure.legend(
        handles=handles,
        title=f"Of {whole:,.0f} dark hours from {rows['night'].iloc[0]} to {rows['night'].iloc[-1]}:",
        loc="outside upper left",
        ncols=4,
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        alignment="left",
    )
    legend.get_title().set_fontweight("bold")


def _draw_season(axes: Axes, rows: pd.DataFrame) -> None:
    """The nights of a season. A night is as wide as a day, and nights stand without gaps."""
    edges = np.append(rows["day"], rows["day"].iloc[-1] + 1) - 0.5
    bottom = np.zeros(len(rows))
    for part, colour in COLOURS.items():
        top = bottom + rows[f"hours_{part}"].to_numpy()
        axes.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
        bottom = top
    axes.stairs(rows["hours_dark"], edges, color=_INK, linewidth=0.6)
    axes.tick_params(labelsize=8)
    axes.tick_params(axis="x", which="minor", length=0)
    axes.grid(axis="x", color=_INK, alpha=0.25, linewidth=0.5)
    without_frame(axes)


def _mark(axes: Axes, first: int, begin: int, end: int) -> None:
    """Write the months at the axis, each between its beginning and end; first: that of a season."""
    starts = pd.date_range(f"2019-{first:02d}-01", periods=13, freq="MS")
    days = (starts - starts[0]).days.to_numpy()
    shown = slice(np.searchsorted(days, begin, side="right") - 1, np.searchsorted(days, end, side="right") + 1)
    axes.set_xticks(days[shown] - 0.5, [])
    axes.set_xlim(days[shown][0] - 0.5, days[shown][-1] - 0.5)
    if days[shown][-1] - days[shown][0] <= _FEW_DAYS:
        months = list(zip(days[shown][:-1], starts[shown], strict=False))
        weeks = [(day + date - 1, f"{date} {start:%b}") for day, start in months for date in (1, 8, 15, 22)]
        axes.set_xticks(*zip(*weeks, strict=True), minor=True)
        axes.tick_params(axis="x", which="minor", length=3)
    else:
        middles = (days[shown][1:] + days[shown][:-1]) / 2 - 0.5
        axes.set_xticks(middles, [f"{start:%b}" for start in starts[shown][:-1]], minor=True)
    axes.tick_params(axis="x", which="minor", labelsize=8)
    axes.set_xlabel("night, by the date of its evening", fontsize=9)
