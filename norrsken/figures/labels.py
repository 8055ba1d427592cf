"""Figures of what the annotators said."""

import os
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from norrsken.config.label_set import LabelSet
from norrsken.dataset.agreement import annotators, confusion
from norrsken.figures.style import LINES, draw_counts, save, say


def draw_annotators(labelled: pd.DataFrame, label_set: LabelSet, path: str | os.PathLike[str]) -> None:
    """What each annotator says of the frames that another one gave a label: per cent of the row, and frames.

    labelled: the columns `label_{annotator}` of `labelled.parquet`.
    """
    pairs = list(combinations(annotators(labelled), 2))
    figure = Figure(figsize=(5.6 * max(len(pairs), 1), 5.2), layout="constrained")
    names, classes = label_set.names, len(label_set.classes)
    for axes, (a, b) in zip(figure.subplots(1, max(len(pairs), 1), squeeze=False)[0], pairs, strict=False):
        draw_counts(axes, confusion(labelled, a, b, names), names.labels, 7.5, label_set)
        axes.axhline(classes - 0.5, color="white", linewidth=1)
        axes.axvline(classes - 0.5, color="white", linewidth=1)
        axes.set_xlabel(f"label by {b}")
        axes.set_ylabel(f"label by {a} (frames)")
    if not pairs:
        say(figure, "One annotator: nothing to compare")
    save(figure, path, 150)


def draw_course(course: pd.DataFrame, label_set: LabelSet, path: str | os.PathLike[str]) -> None:
    """How each annotator's labels and pace change over the order of the frames, and over sessions.

    course: as `agreement.course` makes it.
    """
    names = list(course["annotator"].unique())
    figure = Figure(figsize=(9.6, 0.9 + 2.3 * max(len(names), 1)), layout="constrained")
    for line, name in zip(figure.subplots(max(len(names), 1), 3, squeeze=False), names, strict=False):
        for axes, by, along in ((line[0], "order", "tenth of the order"), (line[1], "session", "session")):
            rows = course[(course["annotator"] == name) & (course["by"] == by)]
            base = np.zeros(len(rows))
            for label in (*label_set.classes, *label_set.exclusions):
                share = 100 * rows[label.name].to_numpy()
                axes.bar(rows["part"], share, 1, base, color=label.colour, label=label.title, linewidth=0)
                base += share
            axes.set_xlabel(along)
            axes.set_ylim(0, 100)
            axes.set_ylabel("frames, %")
        rows = course[(course["annotator"] == name) & (course["by"] == "order")]
        line[2].plot(rows["part"], rows["seconds_median"], color=LINES[0], marker="o", markersize=3)
        line[2].set_xlabel("tenth of the order")
        line[2].set_ylabel("median time, s")
        line[2].set_ylim(0, 1.1 * rows["seconds_median"].max() if rows["seconds_median"].max() > 0 else 1)
        line[0].set_title(name, loc="left", fontsize=10)
        for axes in line:
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.spines[["top", "right"]].set_visible(False)
    if names:
        handles, titles = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, titles, loc="outside lower center", ncols=len(titles), frameon=False, fontsize=8)
    else:
        say(figure, "The label tables do not say in which order the frames were seen")
    save(figure, path, 130)
