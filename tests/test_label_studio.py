"""Label Studio's exports, in the form that its version 1.x writes them."""

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from conftest import PAPER

from norrsken.cli import main
from norrsken.config.jobs import LabelSettings
from norrsken.curation import label_studio
from norrsken.dataset.labels import read_labels

SETTINGS = LabelSettings(station="KRN", longitude=20.42, years=[2015])


def task(number: int, frame: str, *annotations: dict[str, Any], image: str = "") -> dict[str, Any]:
    """A task of the export named JSON."""
    data = {"image": image or f"/data/local-files/?d=frames/2015-01-15/{frame}.png"}
    return {
        "id": number,
        "annotations": list(annotations),
        "file_upload": None,
        "drafts": [],
        "predictions": [],
        "data": data if image else {**data, "frame_id": frame},
        "meta": {},
        "created_at": "2026-01-10T17:58:12.415331Z",
        "updated_at": "2026-01-10T18:20:41.006161Z",
        "inner_id": number,
        "total_annotations": len(annotations),
        "cancelled_annotations": 0,
        "project": 1,
        "comment_authors": [],
    }


def annotation(by: Any, label: str | None, minute: int, cancelled: bool = False) -> dict[str, Any]:
    result = {"value": {"choices": [label]}, "id": "q1W_", "from_name": "label", "to_name": "image", "type": "choices"}
    return {
        "id": minute,
        "completed_by": by,
        "result": [{**result, "origin": "manual"}] if label else [],
        "was_cancelled": cancelled,
        "ground_truth": False,
        "created_at": f"2026-01-10T18:{minute:02d}:41.006161Z",
        "updated_at": f"2026-01-10T18:{minute:02d}:41.006194Z",
        "lead_time": 2.317,
        "prediction": {},
        "result_count": 1,
        "unique_id": "0b7f7f9e-6a4c-4c3e-9d0d-5d1b2f6d7a10",
    }


ANNA = {"id": 1, "first_name": "", "last_name": "", "avatar": None, "email": "anna.berg@example.org", "initials": "an"}


def frame(minute: int) -> str:
    return f"KRN20150115T18{minute:02d}00"


def test_an_export_becomes_a_table_for_each_annotator(tmp_path: Path) -> None:
    tasks = [
        task(1, frame(1), annotation(ANNA, "arcs", 5), annotation(2, "Arcs", 9)),
        task(2, frame(2), annotation(ANNA, "Unknown-complicated", 3), annotation(ANNA, None, 7, cancelled=True)),
        task(3, frame(3), annotation(ANNA, "faint", 6), image=f"/data/upload/1/0a1b2c3d-{frame(3)}.png"),
        task(4, frame(1), annotation(ANNA, "patchy", 11)),
    ]
    export = tmp_path / "project-1-at-2026-01-10-18-30-0b7f7f9e.json"
    export.write_text(json.dumps(tasks))
    assert main(["label-studio", "import", str(export), str(tmp_path / "labels")]) == 0
    with (tmp_path / "labels/anna-berg.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame_id"], row["label"], row["order"], row["repeat"]) for row in rows] == [
        (frame(2), "unknown", "1", "0"),
        (frame(1), "arcs", "2", "0"),
        (frame(3), "faint", "3", "0"),
        (frame(1), "patchy", "4", "1"),
    ]
    given = read_labels(tmp_path / "labels/anna-berg.csv", SETTINGS)[frame(1)]
    assert (given.label, given.repeat, given.seconds, given.order) == ("arcs", "patchy", 2.317, 2)
    assert read_labels(tmp_path / "labels/2.csv", SETTINGS)[frame(1)].label == "arcs"


def test_the_csv_export_is_read_too(tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    head = "annotation_id,annotator,created_at,frame_id,id,image,label,lead_time,updated_at\n"
    lines = [
        f"11,1,2026-01-10T18:05:41.006161Z,{frame(1)},1,/data/local-files/?d=a.png,arcs,2.317,2026-01-10T18:05:41Z\n",
        f"12,1,2026-01-10T18:06:41.006161Z,{frame(2)},2,/data/local-files/?d=b.png,edge,1.2,2026-01-10T18:06:41Z\n",
        f'13,1,2026-01-10T18:07:41.006161Z,{frame(3)},3,/c.png,"{{""choices"":[""edge"",""arcs""]}}",1.2,2026-01-10T18:07Z\n',
        f"14,1,2026-01-10T18:08:41.006161Z,{frame(4)},4,/d.png,,1.2,2026-01-10T18:08:41Z\n",
    ]
    export.write_text(head + "".join(lines))
    problems: list[str] = []
    assert label_studio.write_tables(export, tmp_path / "labels", PAPER, problems) == {tmp_path / "labels/1.csv": 2}
    assert {name: given.label for name, given in read_labels(tmp_path / "labels/1.csv", SETTINGS).items()} == {
        frame(1): "arcs",
        frame(2): "edge",
    }
    assert problems == [
        f"{export}: line 4: {frame(3)}: found edge, arcs, expected one of {', '.join(PAPER.names.labels)}",
        f"{export}: line 5: {frame(4)}: found no choice, expected one of {', '.join(PAPER.names.labels)}",
    ]


def test_what_cannot_be_used_is_named_and_the_rest_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = tmp_path / "export.json"
    export.write_text(
        json.dumps([task(1, frame(1), annotation(1, "blue", 5)), task(2, frame(2), annotation(1, "edge", 6))])
    )
    assert main(["label-studio", "import", str(export), str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "task 1: KRN20150115T180100: found blue, expected one of" in said.err
    assert list(read_labels(tmp_path / "1.csv", SETTINGS)) == [frame(2)]
    assert main(["label-studio", "import", str(export), str(tmp_path)]) == 1
    assert "1.csv is there already: nothing is written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<html>", "neither .csv nor JSON"),
        ('{"detail": "no"}', "expected a list of tasks"),
        ("[1]", "expected a list of tasks"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(label_studio.LabelStudioError, match=why):
        label_studio.write_tables(tmp_path / "export.json", tmp_path, PAPER, [])


def test_tasks_name_the_frames_of_the_labelling_pages(tmp_path: Path) -> None:
    folder = tmp_path / "labelling/frames/2015-01-15"
    folder.mkdir(parents=True)
    for minute in (2, 1):
        (folder / f"{frame(minute)}.png").touch()
    arguments = ["label-studio", "tasks", str(tmp_path / "labelling"), "/data/local-files/?d=frames", "--output"]
    assert main([*arguments, str(tmp_path / "out")]) == 0
    tasks = json.loads((tmp_path / "out/tasks.json").read_text())
    assert [task["data"]["frame_id"] for task in tasks] == [frame(1), frame(2)]
    assert tasks[0]["data"]["image"] == f"/data/local-files/?d=frames/2015-01-15/{frame(1)}.png"
    interface = ElementTree.parse(tmp_path / "out/interface.xml")
    assert [choice.get("value") for choice in interface.iter("Choice")] == list(PAPER.names.labels)
    assert main(["label-studio", "tasks", str(tmp_path / "empty"), "x"]) == 1
