"""Figure of how models do on changed frames: a panel for each change, with a frame in all strengths above it."""

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from norrsken.figures.style import model_styles, save, without_frame

_COLUMNS = 2


def draw_robustness(
    table: pd.DataFrame, examples: Mapping[str, NDArray[np.uint8]], path: str | os.PathLike[str]
) -> None:
    """Macro F1 by strength, and below it how far confidence is above accuracy, with 95 % intervals over nights.

    table: `robustness.csv` of all models on one split, one below the other. examples: change → the frames over its
    panel, one for each strength from 0 on, (6, 128, 128, 3) uint8.
    """
    rows, styles = -(-len(examples) // _COLUMNS), model_styles(table["model"].unique())
    figure = Figure(figsize=(5.2 * _COLUMNS, 3.3 * rows + 0.4), layout="constrained")
    beyond = table[["over", "over_low", "over_high"]].abs().max().max()
    most = max(0.05, np.ceil(20 * beyond) / 20)
    grid = figure.add_gridspec(rows, _COLUMNS)
    for panel, (change, frames) in enumerate(examples.items()):
        parts = grid[panel // _COLUMNS, panel % _COLUMNS].subgridspec(3, 1, height_ratios=[1.15, 2, 1])
        strip, score, over = (figure.add_subplot(parts[part]) for part in range(3))
        _draw_strip(strip, frames, change)
        of_panel = table[(table["change"] == change) | (table["change"] == "none")].dropna(subset="strength")
        for model, style in styles.items():
            of_change = of_panel[of_panel["model"] == model]
            for axes, name in ((score, "f1"), (over, "over")):
                strength = of_change["strength"].astype(int)
                low, high = (of_change[f"{name}_{end}"].astype(float) for end in ("low", "high"))
                axes.fill_between(strength, low, high, color=style["color"], alpha=0.15, linewidth=0)
                axes.plot(strength, of_change[name], markersize=4, linewidth=1.2, **style)
        values = of_panel[of_panel["change"] == change].drop_duplicates("strength")
        score.set_ylim(0, 1)
        score.set_ylabel("macro F1", fontsize=8)
        over.set_ylim(-most, most)
        over.axhline(0, color="#888", linewidth=0.8, linestyle="--", zorder=0)
        over.set_ylabel("confidence\n− accuracy", fontsize=8)
        over.set_xlabel(values["unit"].iloc[0], fontsize=8)
        for axes in (score, over):
            axes.set_xlim(-0.5, len(frames) - 0.5)
            axes.tick_params(labelsize=8)
            without_frame(axes)
        score.set_xticks(range(len(frames)), [])
        over.set_xticks(range(len(frames)), ["none", *(f"{value:g}" for value in values["value"])])
    handles, names = score.get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, ncols=min(len(styles), 5), loc="outside upper center")
    save(figure, path)


def _draw_strip(axes: Axes, frames: NDArray[np.uint8], change: str) -> None:
    """The frames beside each other, each above its strength."""
    for place, frame in enumerate(frames):
        axes.imshow(frame, extent=(place - 0.47, place + 0.47, 0, 0.94), interpolation="nearest")
    axes.set_xlim(-0.5, len(frames) - 0.5)
    axes.set_ylim(0, 0.94)
    axes.set_anchor("S")
    axes.set_axis_off()
    axes.set_title(change[0].upper() + change[1:], fontsize=10, fontweight="bold", loc="left", pad=3)
