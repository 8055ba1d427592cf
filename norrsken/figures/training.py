"""Figures of how a training went."""

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from norrsken.evaluation.scores import SCORE_NAMES
from norrsken.figures.style import LINES, save, without_frame


def draw_history(histories: Sequence[pd.DataFrame], title: str, path: str | os.PathLike[str]) -> None:
    """Loss and validation scores by epoch, a line for each run of a model. histories: `history.csv` of each run."""
    figure = Figure(figsize=(7.2, 3), layout="constrained")
    loss, score = figure.subplots(1, 2)
    panels = [
        (loss, {"train_loss": "training", "validation_loss": "validation"}),
        (score, {f"validation_{name}": name.replace("f1", "F1") for name in SCORE_NAMES}),
    ]
    for axes, columns in panels:
        for (column, label), colour in zip(columns.items(), LINES, strict=False):
            _draw_runs(axes, histories, column, label, colour, marked=True)
        if axes.lines:
            axes.legend(frameon=False, fontsize=8)
    _finish(figure, "macro score, validation", title, path)


def draw_curves(histories: Sequence[pd.DataFrame], title: str, path: str | os.PathLike[str]) -> None:
    """Loss and validation F1 of all runs of a model by epoch. histories: `history.csv` of each run."""
    figure = Figure(figsize=(7.2, 3), layout="constrained")
    loss, score = figure.subplots(1, 2)
    panels = [(loss, "train_loss", "training", LINES[0]), (loss, "validation_loss", "validation", LINES[1])]
    panels.append((score, "validation_f1", "validation", LINES[1]))
    for axes, column, label, colour in panels:
        _draw_runs(axes, histories, column, label, colour, marked=False)
    if loss.lines:
        loss.legend(frameon=False, fontsize=8)
    _finish(figure, "macro F1, validation", title, path)


def _draw_runs(
    axes: Axes, histories: Sequence[pd.DataFrame], column: str, label: str, colour: str, marked: bool
) -> None:
    """A column by epoch, a line for each run that has it; the first has the label. marked: epochs, where few."""
    runs = [rows for rows in histories if column in rows and rows[column].notna().any()]
    for i, rows in enumerate(runs):
        named: dict[str, Any] = {"label": label} if i == 0 else {}
        marker = "o" if marked and len(rows) < 12 else None
        axes.plot(
            rows["epoch"], rows[column], color=colour, alpha=0.6, linewidth=1, marker=marker, markersize=3, **named
        )


def _finish(figure: Figure, score_label: str, title: str, path: str | os.PathLike[str]) -> None:
    """Name the axes of loss and score, and write the figure."""
    panels: list[Any] = figure.axes
    loss, score = panels
    loss.set_ylabel("cross-entropy")
    loss.set_ylim(0, None)
    score.set_ylabel(score_label)
    score.set_ylim(0, 1)
    for axes in panels:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        without_frame(axes)
    figure.suptitle(title, fontsize=10)
    save(figure, path)
