"""Labels → `labelled.parquet`: what the annotators said, merged, beside the frames (section 2.2)."""

import csv
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from norrsken import stages, tables
from norrsken.archive import night_of
from norrsken.classes import EXCLUSIONS, LABELS
from norrsken.config import FrameSource, LabelSettings
from norrsken.errors import NorrskenError

log = logging.getLogger(__name__)

#: How many problems of a table an error lists.
SHOWN = 5

#: One annotator's labels: frame id → label and the line that says so.
LabelTable = dict[str, tuple[str, int]]


class LabelError(NorrskenError):
    """A label table cannot be used; the message lists the first problems with file and line."""


def read_labels(path: str | os.PathLike[str]) -> LabelTable:
    """Read an annotator's table: columns `frame_id`, `label` and any others; rows with `repeat` = 1 are left out.

    Raises `LabelError` for unknown labels and for a frame with two different labels.
    """
    labels: LabelTable = {}
    problems = []
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        missing = [name for name in ("frame_id", "label") if name not in (rows.fieldnames or [])]
        if missing:
            raise LabelError(
                f"{path}: the column {missing[0]!r} is missing; found {rows.fieldnames or 'an empty file'}"
            )
        for row in rows:
            frame, label = (row["frame_id"] or "").strip(), (row["label"] or "").strip()
            if (row.get("repeat") or "").strip() == "1":
                continue
            if label not in LABELS:
                problems.append(f"{path}:{rows.line_num}: the label {label!r} is none of {', '.join(LABELS)}")
            elif frame in labels and labels[frame][0] != label:
                before, line = labels[frame]
                problems.append(f"{path}:{rows.line_num}: {frame} is {label!r} here and {before!r} in line {line}")
            else:
                labels.setdefault(frame, (label, rows.line_num))
    _raise_if_any(problems)
    return labels


def merge_labels(label_paths: Sequence[str], months: Iterable[str], settings: LabelSettings, output: str) -> None:
    """Write `labelled.parquet` of a release.

    label_paths: one table an annotator, whose name is the file's. months: the directories of the night tables.
    Frames of other years, and frames that the filters did not keep, are left out and counted. Raises `LabelError` for
    frames that are not in the archive at all.
    """
    labels = {Path(path).stem: read_labels(path) for path in label_paths}
    lines = {
        frame: f"{path}:{line}"
        for path, table in reversed(list(zip(label_paths, labels.values(), strict=True)))
        for frame, (_, line) in table.items()
    }
    wanted, outside = frames_by_night(lines, settings)
    left_out = Counter({"outside the release's years": outside} if outside else {})
    schema = tables.labelled_table(labels)
    problems = []
    source = _frame_source(months, wanted).plain()
    with tables.writer(output, schema, settings.plain(), frames=source) as writer:
        for night, frames in sorted(wanted.items()):
            found, rejected = find_frames(months, night, frames)
            problems += [
                f"{lines[f]}: {f} is not in the archive" for f in sorted(frames - rejected.keys() - frame_ids(found))
            ]
            left_out.update(rejected.values())
            if found is not None and not problems:
                writer.write_table(_with_labels(found, labels).select(schema.names).cast(schema))
        _raise_if_any(problems)
        writer.add_key_value_metadata({tables.LEFT_OUT_KEY: tables.to_json(left_out)})
    for reason, count in left_out.items():
        log.warning("%d labelled frames left out: %s", count, reason)


def find_frames(months: Iterable[str], night: date, frames: set[str]) -> tuple[pa.Table | None, dict[str, str]]:
    """Look frames of one night up in the night tables.

    Returns a table with `frame_id`, `time`, `night`, `image` of those that were kept, by time, and the status of those
    that were not. Only the row groups that hold one of the frames are read.
    """
    path = _night_table(months, night)
    if path is None:
        return None, {}
    parts: list[pa.Table] = []
    statuses: dict[str, str] = {}
    with tables.opened(path, tables.NIGHT_TABLE) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, ["frame_id", "status"])
            ids, status = rows["frame_id"].to_pylist(), rows["status"].to_pylist()
            chosen = [i for i, frame in enumerate(ids) if frame in frames and status[i] == "kept"]
            statuses |= {ids[i]: status[i] for i in range(len(ids)) if ids[i] in frames and status[i] != "kept"}
            if chosen:
                parts.append(file.read_row_group(group, ["frame_id", "time", "night", "image"]).take(chosen))
    found = pa.concat_tables(parts) if parts else None
    return found, {frame: status for frame, status in statuses.items() if frame not in frame_ids(found)}


def _night_table(months: Iterable[str], night: date) -> Path | None:
    month = next((path for path in months if Path(path).name == f"{night:%Y-%m}"), None)
    path = None if month is None else Path(month, f"{night}.parquet")
    return path if path is not None and path.exists() else None


def _frame_source(months: Iterable[str], nights: Iterable[date]) -> FrameSource:
    """How the frames of these nights were processed: of one night a month, since a month's tables are made together."""
    source = FrameSource(processing=stages.PROCESSING, cameras=[])
    for night in {f"{night:%Y-%m}": night for night in nights}.values():
        path = _night_table(months, night)
        if path is not None:
            source |= tables.frame_source(path)
    return source


def verdict(labels: Iterable[str | None]) -> str:
    """What the annotators say together; see `tables.VERDICTS`."""
    given = set(labels)
    if None in given or not given:
        return "incomplete"
    if len(given) > 1:
        return "disagreement"
    (label,) = given
    return label if label in EXCLUSIONS else "agreed"


def frames_by_night(lines: Mapping[str, str], settings: LabelSettings) -> tuple[dict[date, set[str]], int]:
    """Frames of the release's years by night, and how many belong to other years.

    lines: frame id → where it stands, for the error. Raises `LabelError` for what is not a frame id of the archive.
    """
    wanted: dict[date, set[str]] = defaultdict(set)
    outside, problems = 0, []
    for frame, line in lines.items():
        try:
            if not frame.startswith(settings.station):
                raise ValueError
            time = datetime.strptime(frame.removeprefix(settings.station), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            problems.append(
                f"{line}: {frame!r} is not a frame id of this archive, such as {settings.station}20150112T183000"
            )
            continue
        if time.year in settings.years:
            wanted[night_of(time, settings.longitude)].add(frame)
        else:
            outside += 1
    _raise_if_any(problems)
    return wanted, outside


def _with_labels(found: pa.Table, labels: Mapping[str, LabelTable]) -> pa.Table:
    frames = found["frame_id"].to_pylist()
    given = [[table.get(frame, (None, 0))[0] for table in labels.values()] for frame in frames]
    verdicts = [verdict(row) for row in given]
    agreed = [row[0] if said == "agreed" else None for row, said in zip(given, verdicts, strict=True)]
    for i, name in enumerate(labels):
        found = found.append_column(f"label_{name}", pa.array([row[i] for row in given], pa.string()))
    return found.append_column("verdict", pa.array(verdicts)).append_column("label", pa.array(agreed, pa.string()))


def frame_ids(found: pa.Table | None) -> set[str]:
    return set(found["frame_id"].to_pylist()) if found is not None else set()


def _raise_if_any(problems: Sequence[str]) -> None:
    if problems:
        more = [f"… and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise LabelError("\n".join([*problems[:SHOWN], *more]))
