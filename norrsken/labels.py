"""Labels → `labelled.parquet`: what the annotators said, merged, beside the frames (section 2.2)."""

import csv
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path

import pandas as pd
import pyarrow as pa
from sklearn.metrics import cohen_kappa_score

from norrsken import tables
from norrsken.archive import night_of
from norrsken.classes import CLASSES, EXCLUSIONS, LABELS, PAPER_LABELS, PAPER_YEARS
from norrsken.config import LabelSettings
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
            raise LabelError(f"{path}: the column {missing[0]!r} is missing; found {rows.fieldnames or 'an empty file'}")
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
    wanted, outside = _by_night(lines, settings)
    left_out = Counter({"outside the release's years": outside} if outside else {})
    schema = tables.labelled_table(labels)
    problems = []
    with tables.writer(output, schema, settings.plain()) as writer:
        for night, frames in sorted(wanted.items()):
            found, rejected = find_frames(months, night, frames)
            problems += [f"{lines[f]}: {f} is not in the archive" for f in sorted(frames - rejected.keys() - _ids(found))]
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
    month = next((Path(path) for path in months if Path(path).name == f"{night:%Y-%m}"), None)
    path = month / f"{night}.parquet" if month else None
    if path is None or not path.exists():
        return None, {}
    parts, statuses = [], {}
    with tables.opened(path, tables.NIGHT_TABLE) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, ["frame_id", "status"])
            ids, status = rows["frame_id"].to_pylist(), rows["status"].to_pylist()
            chosen = [i for i, frame in enumerate(ids) if frame in frames and status[i] == "kept"]
            statuses |= {ids[i]: status[i] for i in range(len(ids)) if ids[i] in frames and status[i] != "kept"}
            if chosen:
                parts.append(file.read_row_group(group, ["frame_id", "time", "night", "image"]).take(chosen))
    found = pa.concat_tables(parts) if parts else None
    return found, {frame: status for frame, status in statuses.items() if frame not in _ids(found)}


def verdict(labels: Iterable[str | None]) -> str:
    """What the annotators say together; see `tables.VERDICTS`."""
    given = set(labels)
    if None in given or not given:
        return "incomplete"
    if len(given) > 1:
        return "disagreement"
    (label,) = given
    return label if label in EXCLUSIONS else "agreed"


def agreement(labelled: pd.DataFrame) -> pd.DataFrame:
    """Cohen's kappa and the share of agreement of each pair of annotators.

    labelled: the columns `label_{annotator}` of `labelled.parquet`. `_suitable`: over the frames to which both gave one of
    the seven classes (95 % agreement in the paper, section 2.2). Kappa is empty where it is not defined.
    """
    names = [name.removeprefix("label_") for name in labelled if name.startswith("label_")]
    rows = []
    for a, b in combinations(names, 2):
        both = labelled[[f"label_{a}", f"label_{b}"]].dropna()
        suitable = both[both.isin(CLASSES).all(axis=1)]
        row: dict[str, object] = {"annotator_a": a, "annotator_b": b}
        for suffix, pairs in (("", both), ("_suitable", suitable)):
            first, second = pairs.iloc[:, 0], pairs.iloc[:, 1]
            row |= {f"frames{suffix}": len(pairs), f"agreement{suffix}": (first == second).mean()}
            defined = len(set(first) | set(second)) > 1
            row[f"kappa{suffix}"] = cohen_kappa_score(first, second) if defined else None
        rows.append(row)
    columns = ["annotator_a", "annotator_b"]
    columns += [f"{name}{suffix}" for suffix in ("", "_suitable") for name in ("frames", "agreement", "kappa")]
    return pd.DataFrame(rows, columns=columns)


def table1(labelled: pd.DataFrame, dataset: pd.DataFrame, years: Sequence[int]) -> pd.DataFrame:
    """The counts of the paper's Table 1: by UTC year (its left half) and by label with train and test (its right half).

    labelled: `time`, `verdict`, `label`; dataset: `label` and the `split_{split}` columns.
    """
    outcome = labelled["label"].where(labelled["verdict"] == "agreed", labelled["verdict"])
    by_year, by_label = labelled["time"].dt.year.value_counts(), outcome.value_counts()
    splits = [name for name in dataset if name.startswith("split_")]
    rows: list[dict[str, object]] = []
    for year in years:
        rows.append({"part": "year", "name": year, "images": by_year.get(year, 0), "paper_images": PAPER_YEARS.get(year)})
    rows.append({"part": "year", "name": "total", "images": len(labelled), "paper_images": sum(PAPER_YEARS.values())})
    for label in (*CLASSES, *EXCLUSIONS, "disagreement", "incomplete"):
        if label == "incomplete" and label not in by_label:
            continue
        row = {"part": "label", "name": label, "images": by_label.get(label, 0)}
        if label in CLASSES:
            row |= _train_and_test(dataset[dataset["label"] == label], splits)
        paper = PAPER_LABELS.get(label, (None, None, None))
        rows.append(row | {"paper_train": paper[0], "paper_test": paper[1], "paper_images": paper[2]})
    total = {"part": "label", "name": "total", "images": len(labelled), **_train_and_test(dataset, splits)}
    rows.append(total | {"paper_train": 3000, "paper_test": 846, "paper_images": 14030})
    table = pd.DataFrame(rows)
    table["percent"] = (100 * table["images"] / max(len(labelled), 1)).round(2)
    counts = [f"{part}_{name.removeprefix('split_')}" for name in splits for part in ("train", "test")]
    ordered = ["part", "name", *counts, "images", "percent", "paper_train", "paper_test", "paper_images"]
    return table[ordered].astype({name: "Int64" for name in ordered if name not in ("part", "name", "percent")})


def drift(labelled_path: str, label_paths: Sequence[str], nights: str, settings: LabelSettings) -> list[str]:
    """How the label tables and the night tables differ today from what a release was made of, in plain sentences.

    nights: the directory of the months. What is not there to compare with is said, not passed over.
    """
    names = [Path(path).stem for path in label_paths]
    frozen = tables.read(
        labelled_path, tables.labelled_table(names), ["frame_id", "night", *(f"label_{name}" for name in names)]
    ).to_pandas()
    sentences = []
    for path, name in zip(label_paths, names, strict=True):
        if not Path(path).exists():
            sentences.append(f"{path} is not there to compare with.")
            continue
        wanted, _ = _by_night(read_labels(path), settings, strict=False)
        today = {frame: label for frame, (label, _) in read_labels(path).items() if frame in set().union(*wanted.values())}
        then = frozen.set_index("frame_id")[f"label_{name}"].dropna().to_dict()
        added, gone = len(today.keys() - then.keys()), len(then.keys() - today.keys())
        changed = sum(today[frame] != then[frame] for frame in today.keys() & then.keys())
        if added or gone or changed:
            sentences.append(f"{path}: {added} labels added, {gone} removed, {changed} changed since the release was frozen.")
    differing = missing = 0
    months = [str(path) for path in Path(nights).glob("????-??")]
    for night, rows in frozen.groupby("night"):
        frames = set(rows["frame_id"])
        found, _ = find_frames(months, night, frames)
        missing += len(frames - _ids(found))
        if found is not None:
            differing += _differing(labelled_path, found)
    if differing:
        sentences.append(f"{differing} frames have other pixels in the night tables now than when the release was frozen.")
    if missing:
        sentences.append(f"{missing} frames are not among the kept frames of the night tables now.")
    return sentences


def _differing(labelled_path: str, found: pa.Table) -> int:
    """How many of the found frames have another image in `labelled.parquet`."""
    frozen = tables.read_where(labelled_path, "frame_id", found["frame_id"].to_pylist(), ["frame_id", "image"])
    then = dict(zip(frozen["frame_id"].to_pylist(), frozen["image"].to_pylist(), strict=True))
    now = zip(found["frame_id"].to_pylist(), found["image"].to_pylist(), strict=True)
    return sum(then.get(frame) != image for frame, image in now)


def _by_night(
    lines: Mapping[str, object], settings: LabelSettings, strict: bool = True
) -> tuple[dict[date, set[str]], int]:
    """Frames of the release's years by night, and how many belong to other years."""
    wanted: dict[date, set[str]] = defaultdict(set)
    outside, problems = 0, []
    for frame, line in lines.items():
        try:
            if not frame.startswith(settings.station):
                raise ValueError
            time = datetime.strptime(frame.removeprefix(settings.station), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            problems.append(f"{line}: {frame!r} is not a frame id of this archive, such as {settings.station}20150112T183000")
            continue
        if time.year in settings.years:
            wanted[night_of(time, settings.longitude)].add(frame)
        else:
            outside += 1
    if strict:
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


def _train_and_test(dataset: pd.DataFrame, splits: Iterable[str]) -> dict[str, int]:
    return {
        f"{part}_{split.removeprefix('split_')}": int((dataset[split] == part).sum())
        for split in splits
        for part in ("train", "test")
    }


def _ids(found: pa.Table | None) -> set[str]:
    return set(found["frame_id"].to_pylist()) if found is not None else set()


def _raise_if_any(problems: Sequence[str]) -> None:
    if problems:
        more = [f"… and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise LabelError("\n".join([*problems[:SHOWN], *more]))
