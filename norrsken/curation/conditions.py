"""The page on which a person labels the condition of the sky in a sample of the archive's kept frames.

The sample is spread over nights, since the frames of a night are alike, and evenly over the archive's time. No model
chooses it. What a night offers depends on that night and the seed alone; how many nights do, on how many there are. So
a frame is offered again when the archive grows, unless frames of new nights take its place, and one that stands in the
table of labels is always offered.
"""

import math
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from norrsken import schemas, tables
from norrsken.config.jobs import ConditionPageSettings
from norrsken.curation.labelling import LabellingError, Shown, Task, write_task
from norrsken.files import csv_rows, directory_written_aside
from norrsken.pages import write_frame

#: Where the table is put, if the configuration does not name one yet.
TABLE = "labels/conditions.csv"

#: A night offers this many frames at most.
MOST_OF_NIGHT = 5

#: Multiples of the golden ratio, without their whole part, lie evenly however many there are.
_GOLDEN = (math.sqrt(5) - 1) / 2

#: The conditions as the page offers them. Their order and their names are those of `classes.CONDITIONS`.
LABELS = (
    {
        "name": "clear",
        "title": "Clear",
        "definition": "Stars or aurora are seen in nearly all of the frame.",
        "key": "c",
    },
    {
        "name": "cloudy",
        "title": "Cloudy",
        "definition": "Cloud covers so much that aurora could not be judged.",
        "key": "o",
    },
    {"name": "bright", "title": "Bright", "definition": "Moonlight or twilight lights up the sky.", "key": "b"},
    {
        "name": "bad",
        "title": "Bad",
        "definition": "Nothing can be used: black, snow or frost, glare, a lens cap.",
        "key": "x",
    },
)

GUIDE = (
    "Say of each frame what it shows of the sky at all. If two labels fit, bad goes before all others, and cloudy "
    "before bright. Thin cloud through which stars are seen is clear. Whether there is aurora does not matter. "
    "The workflow uses the table that conditions.table names in its configuration."
)


class Candidate(NamedTuple):
    """A frame that may be offered. rank: how many of its night go before it. place: of its night; both decide."""

    rank: int
    place: float
    night: Path
    frame_id: str


def write_condition_page(
    months: Iterable[str], table: str | None, settings: ConditionPageSettings, output: str
) -> None:
    """Write `index.html` and, below `frames/`, the frames as PNG.

    months: the directories of the night tables. table: the labels that are there already, whose frames stay on the
    page. Raises `LabellingError` where no frame was kept.
    """
    labelled = set() if table is None else {row["frame_id"] for _, row in csv_rows(table, ["frame_id"], LabellingError)}
    chosen = choose_frames(tables.night_tables(months), labelled, settings)
    if not chosen:
        raise LabellingError("no frame of the archive was kept, so that there is none to label")
    target = Path(settings.table or TABLE)
    task = Task(
        title=f"Condition of the sky, {settings.station}",
        kept=("curation", f"conditions {settings.station}"),
        file=target.stem,
        folder=f"{target.parent}/",
        labels=LABELS,
        guide=GUIDE,
        neighbours=False,
    )
    with directory_written_aside(output) as folder:
        frames = [f"{night.stem}/{frame_id}" for night, ids in chosen.items() for frame_id in ids]
        for night, ids in chosen.items():
            (folder / "frames" / night.stem).mkdir(parents=True)
            for frame_id, image in zip(ids, tables.images_of(night, ids), strict=True):
                write_frame(image, folder / "frames" / night.stem / f"{frame_id}.png")
        order = np.random.default_rng(settings.seed).permutation(len(frames))
        write_task(task, frames, [Shown(int(frame), False) for frame in order], folder / "index.html")


def choose_frames(
    nights: Iterable[Path], labelled: Iterable[str], settings: ConditionPageSettings
) -> dict[Path, list[str]]:
    """The frames that are offered, by night and time. nights: tables. labelled: ids of frames that are offered anyway.

    Each night offers its first frame before any offers its second one.
    """
    known, offered, always = set(labelled), [], []
    for night in nights:
        kept = _kept_frames(night)
        always += [(night, frame_id) for frame_id in kept if frame_id in known]
        offered += _candidates(night, kept, settings.seed)
    first = [(one.night, one.frame_id) for one in sorted(offered)[: settings.frames]]
    chosen: dict[Path, list[str]] = {}
    for night, frame_id in sorted({*first, *always}):
        chosen.setdefault(night, []).append(frame_id)
    return chosen


def _kept_frames(night: Path) -> list[str]:
    """The ids of a night's kept frames, by time."""
    rows = tables.read(night, schemas.NIGHT_TABLE, ["frame_id", "status"])
    kept: list[str] = rows.filter(pc.equal(rows["status"].cast("string"), "kept"))["frame_id"].to_pylist()
    return kept


def _candidates(night: Path, kept: list[str], seed: int) -> list[Candidate]:
    """What a night may offer: its frames lie evenly over it, from a place that is drawn for it."""
    day = date.fromisoformat(night.stem).toordinal()
    start = np.random.default_rng([seed, day]).random()
    place = (day * _GOLDEN + np.random.default_rng(seed).random()) % 1
    frames = dict.fromkeys(kept[int((start + rank * _GOLDEN) % 1 * len(kept))] for rank in range(MOST_OF_NIGHT) if kept)
    return [Candidate(rank, place, night, frame_id) for rank, frame_id in enumerate(frames)]
