"""Figures of how a training went."""

import os
from collections.abc import Sequence

import pandas as pd
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
            runs = [rows for rows in histories if column in rows and rows[column].notna().any()]
            for i, rows in enumerate(runs):
                marker = "o" if len(rows) < 12 else None
                named = {"label": label} if i == 0 else {}
                axes.plot(
                    rows["epoch"],
                    rows[column],
                    color=colour,
                    alpha=0.6,
                    linewidth=1,
                    marker=marker,
                    markersize=3,
                    **named,
                )
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        without_frame(axes)
        if axes.lines:
            axes.legend(frameon=False, fontsize=8)
    loss.set_ylim(0, None)
    loss.set_ylabel("cross-entropy")
    score.set_ylim(0, 1)
    score.set_ylabel("macro score, validation")
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def draw_curves(histories: Sequence[pd.DataFrame], title: str, path: str | os.PathLike[str]) -> None:
    """Loss and validation F1 of all runs of a model by epoch. histories: `history.csv` of each run."""
    figure = Figure(figsize=(7.2, 3), layout="constrained")
    loss, score = figure.subplots(1, 2)
    panels = [(loss, "train_loss", "training", LINES[0]), (loss, "validation_loss", "validation", LINES[1])]
    panels.append((score, "validation_f1", "validation", LINES[1]))
    for axes, column, label, colour in panels:
        for i, rows in enumerate(histories):
            if column in rows and rows[column].notna().any():
                named = {"label": label} if i == 0 else {}
                axes.plot(rows["epoch"], rows[column], color=colour, alpha=0.6, linewidth=1, **named)
    loss.set_ylabel("cross-entropy")
    loss.set_ylim(0, None)
    score.set_ylabel("macro F1, validation")
    score.set_ylim(0, 1)
    for axes in (loss, score):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        without_frame(axes)
    if loss.lines:
        loss.legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    save(figure, path)
