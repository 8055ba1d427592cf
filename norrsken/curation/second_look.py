"""The page of the frames whose labels are most likely wrong, to look at them a second time and to settle them."""

import pandas as pd

from norrsken.config.label_set import LabelSet
from norrsken.curation.settling import Group, write_settling_page

#: The most frames on the page, and how many of them have a heading.
MOST, TOGETHER = 1000, 100


def write_second_look_page(
    labelled: str, quality: pd.DataFrame, release: str, label_set: LabelSet, output: str
) -> None:
    """Write `index.html` and, beside it, the frames as PNG: those with the most doubtful label first.

    labelled: `labelled.parquet`. quality: of `judge_labels`, whose labels that the frame likely has are not doubted.
    """
    doubted = quality[quality["label"] != quality["likely"]].sort_values("quality", kind="stable")
    doubted = doubted[doubted["frame_id"].isin(doubted["frame_id"].unique()[:MOST])]
    titles = label_set.titles
    said = {
        str(frame): "; ".join(
            [
                *(f"{name}: {titles[label]}" for name, label in zip(rows["annotator"], rows["label"], strict=True)),
                f"rather {titles[rows['likely'].iloc[0]]}",
            ]
        )
        for frame, rows in doubted.groupby("frame_id")
    }
    frames = doubted["frame_id"].unique().tolist()
    parts = [frames[start : start + TOGETHER] for start in range(0, len(frames), TOGETHER)]
    write_settling_page(
        labelled,
        release,
        f"Labels of {release} worth a second look",
        "These are the frames with a class that is most likely wrong, by all annotators and a classifier of other "
        "nights together; the most doubtful come first.",
        [Group(f"{1 + TOGETHER * i} to {TOGETHER * i + len(part)}", part) for i, part in enumerate(parts)],
        label_set,
        output,
        said,
    )
