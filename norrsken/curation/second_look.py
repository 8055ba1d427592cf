"""The page of the frames whose labels are most likely wrong, to look at them a second time and to settle them."""

import pandas as pd

from norrsken import tables
from norrsken.config.label_set import LabelSet
from norrsken.curation.settling import Group, write_settling_page
from norrsken.dataset.agreement import annotators

#: The most frames on the page, and how many of them have a heading.
MOST, TOGETHER = 1000, 100


def write_second_look_page(
    labelled: str, quality: pd.DataFrame, adjudicated: str | None, release: str, label_set: LabelSet, output: str
) -> None:
    """Write `index.html` and, beside it, the frames as PNG: those with the most doubtful label first.

    labelled: `labelled.parquet`. quality: of `judge_labels`, whose labels that the frame likely has are not doubted.
    adjudicated: see `write_settling_page`.
    """
    doubted = quality[quality["label"] != quality["likely"]].sort_values("quality", kind="stable")
    likely = doubted.drop_duplicates("frame_id").set_index("frame_id")["likely"].head(MOST)
    table = tables.read_labelled(labelled).set_index("frame_id").loc[likely.index]
    titles, names = label_set.titles, annotators(table)
    said = {}
    for frame, labels in zip(likely.index, table[[f"label_{name}" for name in names]].to_numpy(), strict=True):
        given = [f"{name}: {titles[label]}" for name, label in zip(names, labels, strict=True)]
        said[frame] = "; ".join([*given, f"rather {titles[likely[frame]]}"])
    frames = likely.index.tolist()
    parts = [frames[start : start + TOGETHER] for start in range(0, len(frames), TOGETHER)]
    write_settling_page(
        labelled,
        release,
        f"Labels of {release} worth a second look",
        "These are the frames with a class that is most likely wrong, by all annotators and a classifier of other "
        "nights together; the most doubtful come first.",
        [Group(f"{1 + TOGETHER * i} to {TOGETHER * i + len(part)}", part) for i, part in enumerate(parts)],
        label_set,
        adjudicated,
        output,
        said,
    )
