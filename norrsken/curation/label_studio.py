"""Labels from Label Studio, and tasks for it, for teams that label there.

Formats: https://labelstud.io/guide/task_format (JSON), and the exports CSV, TSV and JSON-MIN, which have a column or a
key for each key of a task's data and for each control of the interface.
"""

import base64
import binascii
import csv
import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from norrsken.config.label_set import LabelSet
from norrsken.errors import NorrskenError
from norrsken.files import csv_rows, text_lines, written_aside

#: The control of the labelling interface that `interface` describes.
CONTROL = "label"

#: The name of the table of labels of which an export does not say who gave them.
NOBODY = "annotator"

#: A name of an annotator is cut off here, since it becomes the name of a file.
_LONGEST_NAME = 60

#: A frame's id; in the name of an image Label Studio puts a code before or behind it, where the file was uploaded.
_FRAME = re.compile(r"(?<![A-Za-z0-9])[A-Z0-9]+\d{8}T\d{6}(?![A-Za-z0-9])", re.ASCII)


class LabelStudioError(NorrskenError):
    """An export cannot be read, or would replace a table."""


class Annotation(NamedTuple):
    """The label that an annotator gave to a frame.

    annotator: e-mail address or number; empty: the export does not say it. seconds: Label Studio's lead_time.
    """

    frame_id: str
    label: str
    annotator: str
    seconds: str
    time: str


class Table(NamedTuple):
    """The table of an annotator: see `Annotation`, and the number of labels."""

    annotator: str
    labels: int


class Imported(NamedTuple):
    """The tables that were written; and how many things of the export are no labels of a person, by what they are."""

    tables: dict[Path, Table]
    left_out: Counter[str]


class _Said(NamedTuple):
    """What an export says in one place.

    data: of the task. choices: those of each control. by: has the annotator, lead_time and created_at.
    """

    where: str
    data: Mapping[str, Any]
    choices: Mapping[str, list[str]]
    by: Mapping[str, Any]

    @property
    def other_controls(self) -> list[str]:
        """The controls whose choices are no labels."""
        return sorted(self.choices.keys() - {CONTROL})


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


def write_tables(export: str | Path, folder: str | Path, label_set: LabelSet, problems: list[str]) -> Imported:
    """Write `ANNOTATOR.csv` for each annotator of an export, each person in a table of their own.

    A second label of an annotator for the same frame counts as a repeat. An annotation that cannot be used is left out,
    and `problems` gets a sentence with its place in the export; where none can be used, no table is written. Raises
    `LabelStudioError` where the file is no export, or a table is there already.
    """
    left_out: Counter[str] = Counter()
    said = _table_rows(export, left_out) if _is_table(export) else _tasks(export, problems, left_out)
    of_person: dict[str, list[Annotation]] = defaultdict(list)
    of_nobody: set[str] = set()
    for one in said:
        annotation = _annotation(one, label_set)
        if isinstance(annotation, str):
            problems.append(f"{export}: {one.where}: {annotation}")
            continue
        frame, by = annotation.frame_id, annotation.annotator
        if not by and frame in of_nobody:  # it may be a repeat, or the label of a second person
            problems.append(f"{export}: {one.where}: {frame}: has two labels, and it is not said who gave either")
            continue
        of_person[by].append(annotation)
        of_nobody.update(() if by else (frame,))
        left_out.update(f"choices of the control {control!r}" for control in one.other_controls)
    names = annotator_names(of_person)
    paths = {person: Path(folder) / f"{names[person]}.csv" for person in of_person}
    for path in paths.values():
        if path.exists():
            raise LabelStudioError(f"{path} is there already: nothing is written. Move it away first")
    for person, path in paths.items():
        _write(path, of_person[person])
    return Imported({paths[by]: Table(by, len(given)) for by, given in of_person.items()}, left_out)


def annotator_names(people: Collection[str]) -> dict[str, str]:
    """A name for each annotator, which becomes the name of their table; two of them never get the same one.

    It is what stands before the @ of the e-mail address, or the number. Where this does not tell two people apart, it
    is the whole address; and where they differ only in characters that a name cannot have, with a digest of it.
    """
    ways = {person: _ways(person) for person in people}
    taken = dict.fromkeys(people, 0)
    while True:
        names = {person: ways[person][taken[person]] for person in people}
        counts = Counter(map(str.lower, names.values()))  # Anna.csv and anna.csv are the same file on some disks
        alike = [
            person
            for person, name in names.items()
            if (not name or counts[name.lower()] > 1) and taken[person] + 1 < len(ways[person])
        ]
        if not alike:
            return names
        for person in alike:
            taken[person] += 1


def _ways(person: str) -> list[str]:
    """The names that an annotator can have, the best first."""
    if not person:
        return [NOBODY]
    short, whole = (_plain(text) for text in (person.split("@", maxsplit=1)[0], person))
    return [short, whole, f"{whole or NOBODY}-{hashlib.sha256(person.encode()).hexdigest()[:8]}"]


def _plain(text: str) -> str:
    """The text in letters, digits and hyphens, which a name has; `Åsa Öberg` becomes `Asa-Oberg`."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", ascii_text)[:_LONGEST_NAME].strip("-")


def _write(path: Path, annotations: list[Annotation]) -> None:
    """Write an annotator's table in order of time."""
    labelled: set[str] = set()
    with written_aside(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["frame_id", "label", "order", "seconds", "repeat", "time"])
        for order, (frame, label, _, seconds, time) in enumerate(sorted(annotations, key=lambda a: a.time), 1):
            writer.writerow([frame, label, order, seconds, int(frame in labelled), time])
            labelled.add(frame)


# Reading exports


def _is_table(export: str | Path) -> bool:
    return Path(export).suffix.lower() in (".csv", ".tsv", ".txt")


def _table_rows(export: str | Path, left_out: Counter[str]) -> Iterator[_Said]:
    """What the rows of a CSV or TSV export say; spreadsheets save it with semicolons."""
    for line, row in csv_rows(export, [CONTROL], LabelStudioError, ",;\t"):
        yield from _flat(f"line {line}", row, left_out)


def _tasks(export: str | Path, problems: list[str], left_out: Counter[str]) -> Iterator[_Said]:
    """What the tasks of a JSON or JSON-MIN export say."""
    try:
        exported = json.loads("".join(text_lines(export, LabelStudioError)))
    except (ValueError, RecursionError) as error:
        raise LabelStudioError(f"{export}: neither .csv nor JSON: {error}") from None
    listed = [exported] if _is_task(exported) else exported
    if not isinstance(listed, list) or (listed and not any(map(_is_task, listed))):
        raise LabelStudioError(f"{export}: expected a list of tasks with their data: the export named JSON")
    for number, task in enumerate(listed, 1):
        where = f"task {(_text(task.get('id')) if isinstance(task, dict) else '') or number}"
        if not _is_task(task):
            problems.append(f"{export}: {where}: has no data, so it is not known which frame it is")
        elif isinstance(task.get("data"), dict):
            yield from _annotations(where, task, left_out)
        else:
            yield from _flat(where, task, left_out)


def _is_task(value: object) -> bool:
    """Whether this is a task with its data, or an item of JSON-MIN."""
    return isinstance(value, dict) and (
        isinstance(value.get("data"), dict) or "annotation_id" in value or CONTROL in value
    )


def _annotations(where: str, task: Mapping[str, Any], left_out: Counter[str]) -> Iterator[_Said]:
    """The annotations of a task, which were called completions before version 1.0."""
    for key, what in (("predictions", "predictions"), ("drafts", "drafts that were not submitted")):
        left_out.update([what] * len(_listed(task.get(key))))
    annotations = [one for key in ("annotations", "completions") for one in _listed(task.get(key))]
    if not annotations:
        left_out["tasks without an annotation"] += 1
    for one in annotations:
        annotation = one if isinstance(one, dict) else {}
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            left_out["skipped annotations"] += 1
            continue
        choices: dict[str, list[str]] = defaultdict(list)
        for result in _listed(annotation.get("result")):
            if isinstance(result, dict):
                choices[str(result.get("from_name"))] += _choices(result.get("value"))
        yield _Said(where, task["data"], choices, {**annotation, "annotator": annotation.get("completed_by")})


def _flat(where: str, row: Mapping[str, Any], left_out: Counter[str]) -> Iterator[_Said]:
    """What a row of a table, or an item of JSON-MIN, says: data, choices and annotator stand side by side."""
    choices = _choices(row.get(CONTROL))
    if _text(row.get("was_cancelled")).lower() in ("true", "1"):
        left_out["skipped annotations"] += 1
    elif not choices and not _text(row.get("annotation_id")) and not _person(row.get("annotator")):
        left_out["tasks without an annotation"] += 1
    else:
        yield _Said(where, row, {CONTROL: choices}, row)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """A text or a number as text; empty for anything else."""
    if not isinstance(value, str | int | float):
        return ""
    text = str(value).strip()
    # JSON can hold what a table cannot: a zero byte, half of a surrogate pair.
    return text if text.isprintable() else ascii(text)[1:-1]


def _choices(value: object) -> list[str]:
    """The choices in a value, each once: text, `{"choices": […]}`, a list of both, or one of these as JSON."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    choices: list[object] = []
    for part in value if isinstance(value, list) else [value]:
        of_part = part.get("choices") if isinstance(part, dict) else part
        choices += of_part if isinstance(of_part, list) else [of_part]
    given = (_text(choice) if isinstance(choice, str | int | float) else "no text" for choice in choices if choice)
    return list(dict.fromkeys(filter(None, given)))


def _annotation(said: _Said, label_set: LabelSet) -> Annotation | str:
    """The annotation of a frame, or a sentence where it cannot be used."""
    frame, image = _text(said.data.get("frame_id")), _text(said.data.get("image"))
    if frame and not _FRAME.fullmatch(frame):
        return f"the frame_id is {frame!r}, expected one such as KRN20150112T183000"
    frame = frame or _frame_of(image)
    if not frame:
        return f"there is no frame_id, and the image is {image!r}, expected a name such as KRN20150112T183000.png"
    labels = (*label_set.classes, *label_set.exclusions)
    # A name comes before a title, which may be the name of another label.
    names = {label.title.lower(): label.name for label in labels} | {label.name.lower(): label.name for label in labels}
    choices = said.choices.get(CONTROL, [])
    if not choices and said.other_controls:
        others = ", ".join(map(repr, said.other_controls))
        return f"{frame}: has a choice of the control {others}, and none of {CONTROL!r}, whose choices are the labels"
    if len(choices) != 1 or choices[0].lower() not in names:
        expected = ", ".join(label_set.names.labels)
        return f"{frame}: found {', '.join(choices) or 'no choice'}, expected one of {expected}"
    name, by = names[choices[0].lower()], said.by
    seconds = re.sub(r"^(\d+),(\d+)$", r"\1.\2", _text(by.get("lead_time")))  # as spreadsheets of many countries say
    return Annotation(frame, name, _person(by.get("annotator")), seconds, _time(by.get("created_at")))


def _frame_of(image: str) -> str:
    """The id of the frame that an image's address or path names; empty where it names none.

    The name stands at the end of the path, or in the query: `?d=frames/NAME.png` of local files, `?filepath=` of
    uploaded ones, and `?fileuri=` of a storage, in Base64.
    """
    path, _, query = image.replace("\\", "/").partition("?")
    values = [value for _, value in parse_qsl(query)]
    for text in (unquote(path), *map(unquote, values), *map(_from_base64, values)):
        found = _FRAME.findall(text.split("#")[0].rsplit("/", maxsplit=1)[-1])
        if found:
            return str(found[-1])
    return ""


def _from_base64(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _person(annotator: object) -> str:
    """Who an annotator is: e-mail address or number; empty where it is not said."""
    if isinstance(annotator, dict):
        return _text(annotator.get("email")) or _text(annotator.get("id"))
    return _text(annotator)


def _time(created: object) -> str:
    """When an annotation was made; before version 1.0 it is in seconds since 1970."""
    if isinstance(created, int | float):
        try:
            return f"{datetime.fromtimestamp(created, UTC):%Y-%m-%dT%H:%M:%SZ}"
        except (ValueError, OverflowError, OSError):
            return ""
    return _text(created)
