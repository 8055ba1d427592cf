"""How far label tables and night tables have moved away from a frozen release."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from norrsken import tables
from norrsken.config.jobs import LabelSettings
from norrsken.dataset.agreement import annotators
from norrsken.dataset.labels import (
    LabelTable,
    find_frames,
    frame_ids,
    frames_by_night,
    outcome,
    read_annotators,
    read_labels,
)
from norrsken.dataset.selections import Selections, read_selections


def drift(
    labelled: str,
    label_paths: Sequence[str],
    divided: Sequence[str],
    adjudicated: str | None,
    selections: str | None,
    nights: str,
    settings: LabelSettings,
) -> list[str]:
    """What differs today from what `labelled.parquet` was made of, in plain sentences; none where nothing does.

    label_paths: the annotators' tables; divided: those in which they divided a class. adjudicated: the table of settled
    disagreements. selections: the table of chosen times. nights: the folder of the months' night tables. A table that
    cannot be compared gets a sentence too.
    """
    frozen = tables.read_labelled(labelled).set_index("frame_id")
    months = [str(path) for path in Path(nights).glob("????-??")]
    tables_of_people = [*label_paths, *divided, *filter(None, (adjudicated, selections))]
    gone = [path for path in tables_of_people if not Path(path).exists()]
    sentences = [f"{path} is not there to compare with." for path in gone]
    there, divided_there = ([path for path in paths if path not in gone] for paths in (label_paths, divided))
    by_annotator, _ = read_annotators(there, [path for path in divided_there if _has_first(path, there)], settings)
    for path, table in zip(there, by_annotator.values(), strict=True):
        differing = _differing_labels(frozen, f"label_{Path(path).stem}", table)
        if differing:
            sentences.append(f"{path} has other labels for {differing} of its frames now.")
    if adjudicated is not None and adjudicated not in gone:
        differing = _differing_outcomes(frozen, read_labels(adjudicated, settings), settings.names.exclusions)
        if differing:
            sentences.append(f"{adjudicated} settles {differing} of its frames otherwise now.")
    chosen = None if selections is None or selections in gone else read_selections(selections, settings.longitude)
    added = _newly_labelled(set(frozen.index), list(by_annotator.values()), chosen, months, settings)
    if added:
        sentences.append(f"{added} more frames of its years are labelled now.")
    differing = missing = unselected = 0
    for night in frozen["night"].unique():
        frames = set(frozen.index[frozen["night"] == night])
        kept, reasons = find_frames(months, night, frames, chosen)
        outside = list(reasons.values()).count("not selected")
        unselected += outside
        missing += len(frames - frame_ids(kept)) - outside
        differing += 0 if kept is None else _differing_images(labelled, kept)
    if differing:
        sentences.append(f"{differing} of its frames have other pixels in the night tables now.")
    if unselected:
        sentences.append(f"{unselected} of its frames are outside the chosen times now.")
    if missing:
        sentences.append(f"{missing} of its frames are not among the kept frames of the night tables now.")
    return sentences


def _has_first(path: str, label_paths: Sequence[str]) -> bool:
    """Whether the first table of the annotator of a table of divided labels is there."""
    return Path(path).stem in {Path(first).stem for first in label_paths}


def _differing_labels(frozen: pd.DataFrame, column: str, table: LabelTable) -> int:
    then = frozen[column] if column in frozen else pd.Series(None, frozen.index, dtype=object)
    now = pd.Series([entry and entry.label for entry in map(table.get, frozen.index)], frozen.index, dtype=object)
    return int((then.fillna("") != now.fillna("")).sum())


def _differing_outcomes(frozen: pd.DataFrame, settled: LabelTable, exclusions: Sequence[str]) -> int:
    columns = ["verdict", "label", *(f"label_{name}" for name in annotators(frozen))]
    verdicts = frozen[columns].astype(object).where(frozen[columns].notna(), None)
    return sum(
        outcome(labels, settled.get(frame), exclusions) != (then, label)
        for frame, then, label, *labels in verdicts.itertuples(name=None)
    )


def _newly_labelled(
    known: set[str],
    label_tables: Sequence[LabelTable],
    selections: Selections | None,
    months: list[str],
    settings: LabelSettings,
) -> int:
    new = {frame: "" for table in label_tables for frame in table if frame not in known}
    by_night, _ = frames_by_night(new, settings)
    return sum(len(frame_ids(find_frames(months, night, frames, selections)[0])) for night, frames in by_night.items())


def _differing_images(labelled: str, kept: pa.Table) -> int:
    frames = kept["frame_id"].to_pylist()
    frozen = tables.read_where(labelled, "frame_id", frames, ["frame_id", "image"])
    then = dict(zip(frozen["frame_id"].to_pylist(), frozen["image"].to_pylist(), strict=True))
    return sum(then[frame] != image for frame, image in zip(frames, kept["image"].to_pylist(), strict=True))
