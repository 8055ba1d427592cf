"""A page on which labels of frames are settled: of frames that annotators labelled differently, or perhaps wrongly."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from norrsken import tables
from norrsken.config.label_set import LabelSet
from norrsken.dataset.agreement import was_settled
from norrsken.dataset.labels import LabelError
from norrsken.files import csv_rows, directory_written_aside
from norrsken.pages import write_frame, write_page

#: Frames that are held in memory at a time.
AT_A_TIME = 1000


class Group(NamedTuple):
    """Frames that are shown together. heading: what they have in common."""

    heading: str
    frames: list[str]


def write_settling_page(
    labelled: str,
    release: str,
    title: str,
    guide: str,
    groups: Sequence[Group],
    label_set: LabelSet,
    adjudicated: str | None,
    output: str,
    said: dict[str, str] | None = None,
) -> None:
    """Write `index.html` and, beside it, the frames as PNG.

    labelled: `labelled.parquet`. title, guide: what the page is, and what its frames are. adjudicated: the release's
    table of what is settled, if it has one; all of it is exported again, also where the page does not show the frame or
    the release does not have it, so that a page never takes back what was settled on another one. said: what stands
    below a frame, by its id.
    """
    rows = (
        csv_rows(adjudicated, ["frame_id", "label"], LabelError) if adjudicated and Path(adjudicated).exists() else ()
    )
    earlier = {row["frame_id"].strip(): row["label"].strip() for _, row in rows}
    with directory_written_aside(output) as folder:
        (folder / "frames").mkdir()
        write_frames(labelled, [frame for group in groups for frame in group.frames], folder / "frames")
        page = {
            "release": release,
            "title": title,
            "guide": guide,
            "groups": [group._asdict() for group in groups],
            "said": said or {},
            "settled": earlier | settled(tables.read_labelled(labelled)),
            "labels": [label.plain() for label in (*label_set.classes, *label_set.exclusions)],
        }
        write_page("settling", page, folder / "index.html")


def write_frames(labelled: str, frames: Sequence[str], folder: Path) -> None:
    """Write frames of a table as PNG."""
    for here, images in tables.image_batches(labelled, frames, AT_A_TIME):
        for frame, image in zip(frames[here], images, strict=True):
            write_frame(image, folder / f"{frame}.png")


def settled(labelled: pd.DataFrame) -> dict[str, str]:
    """What a table of adjudications has settled in `labelled.parquet`: frame id → label."""
    found = labelled[was_settled(labelled)].set_index("frame_id")
    return {str(frame): str(label) for frame, label in found["label"].fillna(found["verdict"]).items()}
