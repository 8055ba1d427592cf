"""Labels → `labelled.parquet`: what the annotators said, merged, beside the frames (section 2.2)."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from norrsken import schemas, stages, tables
from norrsken.calendar import frame_time, night_of
from norrsken.config.context import Context
from norrsken.config.jobs import LabelSettings
from norrsken.config.site import FrameSource
from norrsken.dataset.context import camera_numbers, windows
from norrsken.dataset.sample import Drawn, read_drawn
from norrsken.dataset.selections import Selections, read_selections
from norrsken.errors import NorrskenError, raise_listed
from norrsken.files import csv_rows, to_json

log = logging.getLogger(__name__)


class Given(NamedTuple):
    """What an annotator said of a frame, and how; only the label and its line are always there.

    order: place of the frame among those that were shown. seconds: time that the decision took. context: whether the
    frame's neighbours in time were looked at. repeat: the label that the frame got when it was shown again.
    """

    label: str
    line: int
    order: int | None = None
    session: int | None = None
    seconds: float | None = None
    context: bool | None = None
    repeat: str | None = None


#: Numbers of a table from here on are no places, sessions or seconds; the schema's integers end there too.
_MOST = 2**31

#: One annotator's labels by frame id.
LabelTable = dict[str, Given]


class LabelError(NorrskenError):
    """A label table cannot be used; the message lists the first problems with file and line."""


def read_labels(path: str | os.PathLike[str], settings: LabelSettings) -> LabelTable:
    """Read an annotator's table: `frame_id`, `label`; `order`, `session`, `seconds`, `context` where they are there.

    A row with `repeat` = 1 does not count as a label: it says what the annotator said the second time. A row whose
    label `settings.relabel` maps to nothing does not count at all. Raises `LabelError` for unknown labels, for a repeat
    that is neither 1 nor 0, and for a frame with two different labels.
    """
    known, relabel = settings.names.labels, settings.relabel
    labels: LabelTable = {}
    repeats: dict[str, str] = {}
    problems = []
    for line, row in csv_rows(path, ["frame_id", "label"], LabelError):
        frame, label = row["frame_id"].strip(), row["label"].strip()
        before = labels.get(frame)
        new = relabel.get(label, label)
        if new is None:
            continue
        label = new
        repeat = _yes(row.get("repeat", "").strip() or "0")
        if label not in known:
            problems.append(f"{path}:{line}: the label {label!r} is none of {', '.join(known)}")
        elif repeat is None:
            problems.append(f"{path}:{line}: repeat is {row['repeat']!r}, expected 1, or 0 or nothing")
        elif repeat:
            repeats[frame] = label
        elif before is not None and before.label != label:
            problems.append(f"{path}:{line}: {frame} is {label!r} here and {before.label!r} in line {before.line}")
        elif before is None:
            labels[frame] = _given(row, label, line)
    raise_listed(problems, LabelError)
    return {frame: entry._replace(repeat=repeats.get(frame)) for frame, entry in labels.items()}


def _given(row: Mapping[str, str], label: str, line: int) -> Given:
    """The label of a row, and how it was given; a value that is no number, or too large for one, counts as missing."""

    def number(column: str) -> float | None:
        try:
            value = float(row.get(column, ""))
        except ValueError:
            return None
        return value if abs(value) < _MOST else None

    order, session = (None if value is None else int(value) for value in (number("order"), number("session")))
    return Given(label, line, order, session, number("seconds"), _yes(row.get("context", "")))


def _yes(text: str) -> bool | None:
    """What a cell says that is 1 or 0; spreadsheets and programs make 1.0, True or TRUE of it. None: something else."""
    text = text.strip().lower()
    if text in ("true", "false"):
        return text == "true"
    try:
        return {1.0: True, 0.0: False}.get(float(text))
    except ValueError:
        return None


def read_annotators(
    label_paths: Sequence[str], divided: Sequence[str], settings: LabelSettings
) -> tuple[dict[str, LabelTable], set[str]]:
    """The labels of each annotator, whose name is the file's; and the frames that have a label no more.

    divided: tables of some of the annotators in which a class was divided: what they say of a frame replaces what the
    annotator's first table says. A frame has no label any more where its label is mapped to nothing and no such table
    has it. Raises `LabelError` as `read_labels` does.
    """
    labels = {Path(path).stem: read_labels(path, settings) for path in label_paths}
    unmapped = settings.model_copy(update={"relabel": {}})
    for path in divided:
        labels[Path(path).stem] |= read_labels(path, unmapped)
    known = {frame for table in labels.values() for frame in table}
    dropped = {old for old, new in settings.relabel.items() if new is None}
    rows = (row for path in label_paths for _, row in csv_rows(path, ["frame_id", "label"], LabelError) if dropped)
    gone = {row["frame_id"].strip() for row in rows if row["label"].strip() in dropped}
    return labels, gone - known


def merge_labels(
    label_paths: Sequence[str],
    divided: Sequence[str],
    adjudicated: str | None,
    selections: str | None,
    months: Iterable[str],
    cameras: Iterable[date],
    settings: LabelSettings,
    output: str,
) -> None:
    """Write `labelled.parquet` of a release.

    label_paths: one table for each annotator, whose name is the file's; divided: see `read_annotators`. adjudicated: a
    table of what was settled where they disagree; None: nothing was. selections: the table of chosen times; None: all
    times count.
    months: the directories of the night tables. cameras: the dates from which the archive's cameras are valid, so that
    models know when a camera had its end, also where the next one took none of these frames. Frames of other years,
    frames that the filters did not keep, and frames outside the chosen times are left out and counted. Raises
    `LabelError` for frames that are not in the archive.
    """
    labels, gone = read_annotators(label_paths, divided, settings)
    settled = {} if adjudicated is None else read_labels(adjudicated, settings)
    lines = {
        frame: f"{path}:{entry.line}"
        for path, table in reversed(list(zip(label_paths, labels.values(), strict=True)))
        for frame, entry in table.items()
    }
    wanted, outside = frames_by_night(lines, settings)
    left_out = Counter({"outside the release's years": outside} if outside else {})
    if gone:
        left_out["a label that is mapped to nothing"] = len(gone)
    chosen = None if selections is None else read_selections(selections, settings.longitude)
    drawn = read_drawn(label_paths)
    context = settings.context
    size = None if context is None else tables.ROW_GROUP  # nights with all their neighbours are large
    schema = schemas.labelled_table(labels, settings.names.exclusions, bool(drawn), context is not None)
    problems, overruled = [], 0
    source = _frame_source(months, wanted)
    source |= source.model_copy(update={"replaced": sorted(cameras)})
    more = {"frames": source.plain(), **tables.labels_metadata(settings.names)}
    with tables.writer(output, schema, settings.plain(), **more) as writer:
        for night, frames in sorted(wanted.items()):
            kept, rejected = find_frames(months, night, frames, chosen)
            problems += [
                f"{lines[f]}: {f} is not in the archive" for f in sorted(frames - rejected.keys() - frame_ids(kept))
            ]
            left_out.update(rejected.values())
            if kept is not None and not problems:
                merged = _with_labels(kept, labels, settled, settings.names.exclusions)
                overruled += _overruled(merged, labels, settings.names.exclusions)
                merged = _with_drawn(merged, drawn)
                if context is not None:
                    merged = _with_neighbours(merged, months, night, context)
                writer.write_table(merged.select(schema.names).cast(schema), row_group_size=size)
        raise_listed(problems, LabelError)
        writer.add_key_value_metadata({tables.LEFT_OUT_KEY: to_json(left_out)})
    for reason, count in left_out.items():
        log.warning("%d labelled frames left out: %s", count, reason)
    if overruled:
        log.warning("%s: settles %d frames otherwise than all annotators say together", adjudicated, overruled)


def find_frames(
    months: Iterable[str], night: date, frames: set[str], selections: Selections | None
) -> tuple[pa.Table | None, dict[str, str]]:
    """Look up frames of one night in the night tables.

    Returns a table with `frame_id`, `time`, `night`, `image` of those that were kept and chosen, by time; and for the
    others why they were not: their status, or `not selected`. Only the row groups that hold one of the frames are read.
    """
    path = _night_table(months, night)
    if path is None:
        return None, {}
    parts: list[pa.Table] = []
    reasons: dict[str, str] = {}
    # A night that was taken back may be of an earlier version, with fewer columns.
    with tables.opened(path, schemas.NIGHT_TABLE, ["frame_id", "time", "night", "status", "image"]) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, ["frame_id", "time", "status"])
            chosen = []
            for i, (frame, time, status) in enumerate(zip(*(column.to_pylist() for column in rows), strict=True)):
                if frame not in frames:
                    continue
                if status != "kept":
                    reasons.setdefault(frame, status)
                elif selections is not None and not selections.holds(night, time):
                    reasons.setdefault(frame, "not selected")
                else:
                    chosen.append(i)
            if chosen:
                parts.append(file.read_row_group(group, ["frame_id", "time", "night", "image"]).take(chosen))
    kept = pa.concat_tables(parts) if parts else None
    return kept, {frame: reason for frame, reason in reasons.items() if frame not in frame_ids(kept)}


def _night_table(months: Iterable[str], night: date) -> Path | None:
    month = next((path for path in months if Path(path).name == f"{night:%Y-%m}"), None)
    path = None if month is None else Path(month, f"{night}.parquet")
    return path if path is not None and path.exists() else None


def _frame_source(months: Iterable[str], nights: Iterable[date]) -> FrameSource:
    """How the frames of these nights were processed. One night of a month tells, since its tables are made together."""
    source = FrameSource(processing=stages.PROCESSING, cameras=[])
    for night in {f"{night:%Y-%m}": night for night in nights}.values():
        path = _night_table(months, night)
        if path is not None:
            source |= tables.frame_source(path)
    return source


def verdict(labels: Iterable[str | None], exclusions: Collection[str]) -> str:
    """What the annotators say together; see `schemas.verdicts`."""
    given = list(labels)
    distinct = {label for label in given if label is not None}
    if None in given or not given:
        return "incomplete"
    if len(distinct) > 1:
        return "disagreement"
    (label,) = distinct
    return label if label in exclusions else "agreed"


def outcome(labels: Iterable[str | None], settled: Given | None, exclusions: Collection[str]) -> tuple[str, str | None]:
    """Verdict and class of a frame: what the annotators say together, or what it was settled to be instead.

    What not everybody has labelled cannot be settled.
    """
    labels = list(labels)
    together = verdict(labels, exclusions)
    agreed = labels[0] if together == "agreed" else None
    if together == "incomplete" or settled is None or settled.label in (agreed, together):
        return together, agreed
    return (settled.label, None) if settled.label in exclusions else ("adjudicated", settled.label)


def frames_by_night(lines: Mapping[str, str], settings: LabelSettings) -> tuple[dict[date, set[str]], int]:
    """Frames of the release's years by night, and how many belong to other years.

    lines: frame id → file and line where it stands, for the error. Raises `LabelError` for what is not a frame id of
    the archive.
    """
    wanted: dict[date, set[str]] = defaultdict(set)
    outside, problems = 0, []
    for frame, line in lines.items():
        try:
            time = frame_time(frame, settings.station)
        except ValueError:
            problems.append(
                f"{line}: {frame!r} is not a frame id of this archive, such as {settings.station}20150112T183000"
            )
            continue
        if time.year in settings.years:
            wanted[night_of(time, settings.longitude)].add(frame)
        else:
            outside += 1
    raise_listed(problems, LabelError)
    return wanted, outside


def _with_labels(
    kept: pa.Table, labels: Mapping[str, LabelTable], settled: LabelTable, exclusions: Collection[str]
) -> pa.Table:
    frames = kept["frame_id"].to_pylist()
    by_annotator = [
        [entry and entry.label for entry in (table.get(frame) for table in labels.values())] for frame in frames
    ]
    outcomes = [outcome(row, settled.get(frame), exclusions) for frame, row in zip(frames, by_annotator, strict=True)]
    for name, table in labels.items():
        rows = [table.get(frame) for frame in frames]
        for field in schemas.annotator_fields(name):
            column = field.name.removesuffix(f"_{name}")
            kept = kept.append_column(field, pa.array([row and getattr(row, column) for row in rows], field.type))
    verdicts, classes = zip(*outcomes, strict=True)
    return kept.append_column("verdict", pa.array(verdicts)).append_column("label", pa.array(classes, pa.string()))


def _with_neighbours(merged: pa.Table, months: Iterable[str], night: date, context: Context) -> pa.Table:
    """The labelled frames of a night and, once each, the other kept frames that are neighbours of some; by time.

    Neighbours are of the same night, so that no frame of a night to test on is seen beside one to train on.
    """
    path = _night_table(months, night)
    if path is None:
        raise LabelError(f"{night}: its night table is gone")
    rows = tables.read(path, schemas.NIGHT_TABLE, ["frame_id", "time", "status"])
    rows = rows.filter(pc.equal(rows["status"].cast(pa.string()), "kept"))
    times = tables.milliseconds(rows)
    near = windows(times, camera_numbers(tables.frame_source(path), times), context).places
    of_labelled = near[pc.is_in(rows["frame_id"], merged["frame_id"].combine_chunks()).to_numpy()]
    ids = np.array([*rows["frame_id"].to_pylist(), None], object)  # the last one stands for `NONE`
    of_frame = dict(
        zip(ids[of_labelled[:, context.before]], np.delete(ids[of_labelled], context.before, 1), strict=True)
    )
    others = set(ids[of_labelled].ravel()) - {None} - of_frame.keys()
    merged = merged.append_column(
        schemas.NEIGHBOURS, pa.array([of_frame[frame].tolist() for frame in merged["frame_id"].to_pylist()])
    )
    found, _ = find_frames(months, night, others, None)
    if found is None:
        return merged
    found = found.append_column("verdict", pa.array([schemas.NEIGHBOUR] * len(found)))
    return pa.concat_tables([merged, found], promote_options="permissive").sort_by("time")


def _overruled(merged: pa.Table, names: Iterable[str], exclusions: Collection[str]) -> int:
    """How many frames have a label that was settled though all annotators gave the same other one."""
    said = zip(*(merged[f"label_{name}"].to_pylist() for name in names), strict=True)
    results = zip(said, merged["verdict"].to_pylist(), strict=True)
    return sum(verdict(given, exclusions) not in ("disagreement", "incomplete", result) for given, result in results)


def _with_drawn(merged: pa.Table, drawn: Mapping[str, Drawn]) -> pa.Table:
    """The frames with how each was drawn, null where it was not."""
    of_frames = [drawn.get(frame) for frame in merged["frame_id"].to_pylist()]
    for field in schemas.DRAWN:
        merged = merged.append_column(
            field.name, pa.array([one and getattr(one, field.name) for one in of_frames], field.type)
        )
    return merged


def frame_ids(table: pa.Table | None) -> set[str]:
    return set(table["frame_id"].to_pylist()) if table is not None else set()
