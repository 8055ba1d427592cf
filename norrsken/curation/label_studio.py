"""Labels from Label Studio, and tasks for it, for teams that label there.

Formats: https://labelstud.io/guide/task_format (JSON) and its CSV export, which has a column for each key of a task's
data and for each control of the interface.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from norrsken.config.label_set import LabelSet
from norrsken.errors import NorrskenError
from norrsken.files import written_aside

#: The control of the labelling interface that `interface` describes.
CONTROL = "label"


class LabelStudioError(NorrskenError):
    """An export cannot be read, or would replace a table."""


class Annotation(NamedTuple):
    """The label that an annotator gave to a frame. seconds: Label Studio's lead_time."""

    frame_id: str
    label: str
    annotator: str
    seconds: str
    time: str


def interface(label_set: LabelSet) -> str:
    """The labelling interface to paste into a project's settings."""
    labels = (*label_set.classes, *label_set.exclusions)
    choices = "".join(f'    <Choice value="{label.name}" hotkey="{label.key}"/>\n' for label in labels)
    return f"""<View>
  <Image name="image" value="$image" smoothing="false"/>
  <Choices name="{CONTROL}" toName="image" choice="single" required="true">
{choices}  </Choices>
</View>
"""


def tasks(folder: str | Path, url: str) -> list[dict[str, Any]]:
    """A task for each frame of the labelling pages, by time. url: where Label Studio finds that folder's `frames`."""
    frames = sorted((Path(folder) / "frames").rglob("*.png"))
    if not frames:
        raise LabelStudioError(f"{folder}: no frames/NIGHT/FRAME.png; make the labelling pages first")
    return [
        {"data": {"image": f"{url.rstrip('/')}/{path.parent.name}/{path.name}", "frame_id": path.stem}}
        for path in frames
    ]


def write_tables(export: str | Path, folder: str | Path, label_set: LabelSet, problems: list[str]) -> dict[Path, int]:
    """Write `ANNOTATOR.csv` for each annotator of an export; return the number of labels in each.

    Annotations without a frame or without one of the set's labels are left out, and `problems` says so. A second label
    of an annotator for the same frame counts as a repeat. Raises `LabelStudioError` where a table is there already.
    """
    tables: dict[Path, list[Annotation]] = defaultdict(list)
    for where, annotation in _annotations(Path(export), label_set):
        if isinstance(annotation, str):
            problems.append(f"{export}: {where}: {annotation}")
        else:
            tables[Path(folder) / f"{annotation.annotator}.csv"].append(annotation)
    for path in tables:
        if path.exists():
            raise LabelStudioError(f"{path} is there already: nothing is written. Move it away first")
    for path, annotations in tables.items():
        labelled: set[str] = set()
        with written_aside(path) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["frame_id", "label", "order", "seconds", "repeat", "time"])
            for order, (frame, label, _, seconds, time) in enumerate(sorted(annotations, key=lambda a: a.time), 1):
                writer.writerow([frame, label, order, seconds, int(frame in labelled), time])
                labelled.add(frame)
    return {path: len(annotations) for path, annotations in tables.items()}


def _annotations(export: Path, label_set: LabelSet) -> Iterator[tuple[str, Annotation | str]]:
    """Where each annotation stands, and the annotation, or a sentence where it cannot be used."""
    if export.suffix == ".csv":
        with export.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            for row in rows:
                yield f"line {rows.line_num}", _annotation(row, _choices(row.get(CONTROL) or ""), row, label_set)
        return
    try:
        exported = json.loads(export.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LabelStudioError(f"{export}: neither .csv nor JSON: {error}") from None
    if not isinstance(exported, list) or not all(isinstance(task, dict) and "data" in task for task in exported):
        raise LabelStudioError(f"{export}: expected a list of tasks with their data: the export named JSON")
    for task in exported:
        for annotation in task.get("annotations", []):
            if not annotation.get("was_cancelled"):  # skipped
                choices = [name for r in annotation.get("result", []) for name in r.get("value", {}).get("choices", [])]
                origin = {**annotation, "annotator": annotation.get("completed_by")}
                yield f"task {task.get('id')}", _annotation(task["data"], choices, origin, label_set)


def _choices(cell: str) -> list[str]:
    """The choices in a cell of the CSV export, in which one stands as it is, several as JSON."""
    return list(json.loads(cell)["choices"]) if cell.startswith("{") else [cell] if cell else []


def _annotation(
    data: dict[str, Any], choices: list[str], origin: dict[str, Any], label_set: LabelSet
) -> Annotation | str:
    """The annotation of a frame, or a sentence where it cannot be used.

    data: the data of the task. origin: has annotator, lead_time and created_at.
    """
    image = Path(str(data.get("image") or "").split("?d=")[-1]).stem
    frame = str(
        data.get("frame_id") or re.sub(r"^[0-9a-f]{8}-", "", image)
    )  # Label Studio gives uploaded files a prefix
    if not frame:
        return "neither frame_id nor image tells which frame it is"
    labels = (*label_set.classes, *label_set.exclusions)
    names = {said.lower(): label.name for label in labels for said in (label.title, label.name)}
    if len(choices) != 1 or choices[0].lower() not in names:
        expected = ", ".join(label_set.names.labels)
        return f"{frame}: found {', '.join(choices) or 'no choice'}, expected one of {expected}"
    annotator = origin.get("annotator")
    if isinstance(annotator, dict):
        annotator = annotator.get("email") or annotator.get("id")
    name = re.sub(r"[^A-Za-z0-9-]+", "-", str(annotator or "").split("@")[0]).strip("-") or "annotator"
    times = (str(origin.get(key) or "") for key in ("lead_time", "created_at"))
    return Annotation(frame, names[choices[0].lower()], name, *times)
