"""Label Studio's exports, in the form that its version 1.x writes them."""

import base64
import csv
import json
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple
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


def annotation(
    by: Any, label: str | None, minute: int, cancelled: bool = False, control: str = "label"
) -> dict[str, Any]:
    result = {"value": {"choices": [label]}, "id": "q1W_", "from_name": control, "to_name": "image", "type": "choices"}
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


def by_mail(address: str) -> dict[str, Any]:
    return {**ANNA, "email": address}


class Found(NamedTuple):
    """What an import wrote, what it counted, and what it named."""

    tables: dict[Path, label_studio.Table]
    left_out: Counter[str]
    problems: list[str]


def imported(folder: Path, export: list[dict[str, Any]] | str, name: str = "export.json") -> Found:
    path, problems = folder / name, list[str]()
    path.write_text(export if isinstance(export, str) else json.dumps(export), encoding="utf-8")
    return Found(*label_studio.write_tables(path, folder / "labels", PAPER, problems), problems)


def labelled(folder: Path, name: str) -> dict[str, str]:
    return {frame: given.label for frame, given in read_labels(folder / f"labels/{name}.csv", SETTINGS).items()}


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
    found = imported(tmp_path, head + "".join(lines), "export.csv")
    assert found.tables == {tmp_path / "labels/1.csv": ("1", 2)}
    assert labelled(tmp_path, "1") == {frame(1): "arcs", frame(2): "edge"}
    assert found.problems == [
        f"{export}: line 4: {frame(3)}: found edge, arcs, expected one of {', '.join(PAPER.names.labels)}",
        f"{export}: line 5: {frame(4)}: found no choice, expected one of {', '.join(PAPER.names.labels)}",
    ]


HEAD = "annotation_id,annotator,created_at,frame_id,id,image,label,lead_time,updated_at,was_cancelled\n"
ROWS = (
    f"11,åsa@x.org,2026-01-10T18:05:41Z,{frame(1)},1,/a.png,arcs,2.5,,False\n"
    f"12,åsa@x.org,2026-01-10T18:06:41Z,{frame(2)},2,/b.png,edge,2.5,,True\n"
    f",,,{frame(3)},3,/c.png,,,,\n"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("upper.CSV", HEAD + ROWS),
        (
            "of a spreadsheet.csv",
            "\ufeff" + (HEAD + ROWS).replace(",", ";").replace("2.5", "2,5").replace("\n", "\r\n"),
        ),
        ("export.tsv", (HEAD + ROWS).replace(",", "\t")),
        ("export.TXT", (HEAD + ROWS).replace(",", "\t")),
    ],
)
def test_tables_are_read_as_spreadsheets_and_systems_write_them(tmp_path: Path, name: str, text: str) -> None:
    found = imported(tmp_path, text, name)
    assert found.tables == {tmp_path / "labels/asa.csv": ("åsa@x.org", 1)}
    assert found.problems == []
    assert found.left_out == {"skipped annotations": 1, "tasks without an annotation": 1}
    given = read_labels(tmp_path / "labels/asa.csv", SETTINGS)[frame(1)]
    assert (given.label, given.seconds) == ("arcs", 2.5)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", (HEAD + ROWS).encode("cp1252"), "a.csv:2: is not in UTF-8; it seems to be cp1252"),
        ("a.json", json.dumps([{"data": {"image": "é"}}], ensure_ascii=False).encode("utf-16"), "a.json: is UTF-16"),
        ("a.csv", b"annotator,id,weather\n1,1,arcs\n", "the column 'label' is missing; found"),
        ("a.csv", b"", "the column 'label' is missing"),
        ("a.json", b"[" * 100_000, "neither .csv nor JSON"),
    ],
)
def test_an_export_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(label_studio.LabelStudioError, match=why):
        label_studio.write_tables(tmp_path / name, tmp_path / "labels", PAPER, [])


def test_the_export_json_min_is_read_too(tmp_path: Path) -> None:
    item = {
        "image": "x.png",
        "annotator": 7,
        "annotation_id": 1,
        "created_at": "2026-01-10T18:05:41Z",
        "lead_time": 2.5,
    }
    found = imported(
        tmp_path,
        [
            {**item, "frame_id": frame(1), "id": 1, "label": "arcs"},
            {**item, "frame_id": frame(2), "id": 2, "label": {"choices": ["arcs", "edge"]}},
            {**item, "image": f"/data/upload/1/0a1b2c3d-{frame(3)}.png", "id": 3, "label": [{"choices": ["edge"]}]},
            {**item, "frame_id": frame(4), "id": 4, "annotator": None, "annotation_id": None},
        ],
    )
    assert labelled(tmp_path, "7") == {frame(1): "arcs", frame(3): "edge"}
    assert [problem.split(": ")[1:4] for problem in found.problems] == [
        ["task 2", frame(2), f"found arcs, edge, expected one of {', '.join(PAPER.names.labels)}"]
    ]
    assert found.left_out == {"tasks without an annotation": 1}


def test_two_people_never_become_one(tmp_path: Path) -> None:
    """Their addresses begin alike, or differ in what a name cannot have, or in capitals, or end far behind."""
    long = "a" * 100
    people = {
        "anna@irf.example": "anna-irf-example",
        "anna@unis.example": "anna-unis-example",
        "bo.ek@irf.example": "bo-ek-irf-example-????????",
        "bo-ek@irf.example": "bo-ek-irf-example-????????",
        "Cia@irf.example": "Cia-irf-example",
        "cia@fmi.example": "cia-fmi-example",
        "åsa@x.org": "asa-x-org-????????",
        "äsa@x.org": "asa-x-org-????????",
        f"{long}1@x.org": f"{'a' * 60}-????????",
        f"{long}2@x.org": f"{'a' * 60}-????????",
        "明@x.org": "x-org",
        "annotator@irf.example": "annotator-irf-example",
        "": "annotator",
        "dan@x.org": "dan",
        "7": "7",
    }
    names = label_studio.annotator_names(people)
    assert names.keys() == people.keys()
    assert len({name.lower() for name in names.values()}) == len(people)
    assert all(fnmatchcase(names[person], pattern) for person, pattern in people.items()), names
    tasks = [
        task(
            minute, frame(1), annotation(by_mail(person) if person else None, "arcs" if minute % 2 else "edge", minute)
        )
        for minute, person in enumerate(people)
    ]
    found = imported(tmp_path, tasks)
    assert {table.annotator: path.stem for path, table in found.tables.items()} == names
    assert all(table.labels == 1 for table in found.tables.values())
    assert labelled(tmp_path, "anna-irf-example") == {frame(1): "edge"}
    assert labelled(tmp_path, "anna-unis-example") == {frame(1): "arcs"}


def test_a_name_does_not_depend_on_who_else_was_called_alike_before() -> None:
    """What tells two people apart is made of the person alone, so that a third one renames nobody."""
    two = label_studio.annotator_names(["a.b@x.org", "a-b@x.org"])
    three = label_studio.annotator_names(["a_b@x.org", "a-b@x.org", "a.b@x.org"])
    assert two.items() <= three.items()


def test_labels_without_an_annotator_are_taken_where_they_can_be_only_one_persons(tmp_path: Path) -> None:
    """Before its version 1.0 Label Studio knew no people, called annotations completions, and counted seconds."""
    old = {"created_at": 1604911111, "lead_time": 3.1, "result": annotation(None, "arcs", 1)["result"]}
    found = imported(
        tmp_path,
        [
            {"id": 1, "data": {"image": f"/data/upload/{frame(1)}.png"}, "completions": [old], "predictions": []},
            {"id": 2, "data": {"image": f"/data/upload/{frame(2)}.png"}, "completions": [old, old]},
            {"id": 3, "data": {"image": f"/data/upload/{frame(3)}.png"}, "completions": [{**old, "skipped": True}]},
        ],
    )
    assert found.tables == {tmp_path / "labels/annotator.csv": ("", 2)}
    assert labelled(tmp_path, "annotator") == {frame(1): "arcs", frame(2): "arcs"}
    assert "2020-11-09T08:38:31Z" in (tmp_path / "labels/annotator.csv").read_text()
    assert found.problems == [
        f"{tmp_path}/export.json: task 2: {frame(2)}: has two labels, and it is not said who gave either"
    ]
    assert found.left_out == {"skipped annotations": 1}


def test_another_control_gives_no_label(tmp_path: Path) -> None:
    both = annotation(1, "arcs", 6)
    both["result"] += annotation(1, "unknown", 6, control="weather")["result"]
    found = imported(
        tmp_path,
        [task(1, frame(1), annotation(1, "unknown", 5, control="weather")), task(2, frame(2), both)],
    )
    assert labelled(tmp_path, "1") == {frame(2): "arcs"}
    assert found.problems == [
        f"{tmp_path}/export.json: task 1: {frame(1)}: has a choice of the control 'weather', and none of 'label', "
        "whose choices are the labels"
    ]
    assert found.left_out == {"choices of the control 'weather'": 1}


@pytest.mark.parametrize("result", [None, [], {}, [None], [{"from_name": "label"}], [{"value": None}], "arcs"])
def test_an_annotation_without_a_result_is_named_and_its_neighbours_are_taken(tmp_path: Path, result: Any) -> None:
    broken = {**annotation(1, "arcs", 6), "result": result}
    export = [task(1, frame(1), annotation(1, "arcs", 5)), task(2, frame(2), broken), task(3, frame(3), broken, broken)]
    found = imported(tmp_path, [*export, task(4, frame(4), annotation(1, "edge", 8))])
    assert labelled(tmp_path, "1") == {frame(1): "arcs", frame(4): "edge"}
    assert [problem.split(": ")[1] for problem in found.problems] == ["task 2", "task 3", "task 3"]


def test_what_is_no_label_of_a_person_is_counted_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [
        task(1, frame(1), annotation(ANNA, "arcs", 5), annotation(1, "edge", 6, cancelled=True)),
        {**task(2, frame(2)), "predictions": [{"result": []}, {"result": []}], "drafts": [{"result": []}]},
    ]
    export = tmp_path / "export.json"
    export.write_text(json.dumps(tasks))
    assert main(["label-studio", "import", str(export), str(tmp_path / "labels")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/labels/anna-berg.csv: 1 labels of anna.berg@example.org",
        "left out: 1 skipped annotations",
        "left out: 2 predictions",
        "left out: 1 drafts that were not submitted",
        "left out: 1 tasks without an annotation",
    ]


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [task(1, frame(1))],
        [task(1, frame(1), annotation(1, "arcs", 5, cancelled=True))],
        [task(1, frame(1), annotation(1, "blue", 5))],
    ],
    ids=["empty", "not labelled", "skipped", "of another label set"],
)
def test_an_import_that_finds_nothing_says_so_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tasks: list[dict[str, Any]]
) -> None:
    export = tmp_path / "export.json"
    export.write_text(json.dumps(tasks))
    assert main(["label-studio", "import", str(export), str(tmp_path / "labels")]) == 1
    assert f"norrsken: {export}: no label was found in it: nothing is written\n" in capsys.readouterr().err
    assert not (tmp_path / "labels").exists()


ADDRESS = "s3://b/frames/KRN20150115T180100.png"


@pytest.mark.parametrize(
    "image",
    [
        "/data/local-files/?d=frames/2015-01-15/KRN20150115T180100.png",
        "/data/local-files/?d=frames%2F2015-01-15%2FKRN20150115T180100.png",
        "https://ls.example/data/local-files/?d=my%20frames/KRN20150115T180100.png&t=1",
        "https://b.s3.example/frames/KRN20150115T180100.png?X-Amz-Date=20260101T000000Z&X-Amz-Signature=ab.cd/ef",
        "https://b.example/frames%2FKRN20150115T180100.png#top",
        ADDRESS,
        "gs://b/KRN20150115T180100.PNG",
        "azure-blob://b/2015-01-15/KRN20150115T180100.png",
        "/data/upload/7/1a2b3c4d-KRN20150115T180100.png",
        "/data/upload/f78f75-KRN20150115T180100.png",
        "/data/upload/1/KRN20150115T180100_Ab3dE9x.png",
        "/storage-data/uploaded/?filepath=upload/7/1a2b3c4d-KRN20150115T180100.png",
        f"/tasks/12/presign/?fileuri={base64.urlsafe_b64encode(ADDRESS.encode()).decode()}",
        f"https://ls.example/tasks/12/resolve/?fileuri={base64.urlsafe_b64encode(ADDRESS.encode()).decode().rstrip('=')}",
        "C:\\frames\\KRN20150115T180100.png",
        "KRN20150115T180100",
    ],
)
def test_the_frame_is_found_in_the_address_of_its_image(tmp_path: Path, image: str) -> None:
    assert imported(tmp_path, [task(1, "", annotation(1, "arcs", 5), image=image)]).problems == []
    assert labelled(tmp_path, "1") == {"KRN20150115T180100": "arcs"}


@pytest.mark.parametrize("image", ["/data/upload/1/0a1b2c3d-cat.png", "/KRN20150115T180100/1.png", "?fileuri=%ff", " "])
def test_an_image_that_names_no_frame_is_named(tmp_path: Path, image: str) -> None:
    (problem,) = imported(tmp_path, [task(1, "", annotation(1, "arcs", 5), image=image)]).problems
    assert f"task 1: there is no frame_id, and the image is {image.strip()!r}, expected a name such as" in problem


@pytest.mark.parametrize("broken", [1, None, "a", [], {"id": 2}, {"id": 2, "data": "x"}])
def test_what_is_no_task_is_named_and_its_neighbours_are_taken(tmp_path: Path, broken: Any) -> None:
    found = imported(tmp_path, [task(1, frame(1), annotation(1, "arcs", 5)), broken])
    assert found.problems == [
        f"{tmp_path}/export.json: task 2: has no data, so it is not known which frame it is",
    ]
    assert labelled(tmp_path, "1") == {frame(1): "arcs"}


def test_a_title_that_is_another_labels_name_takes_no_label_from_it(tmp_path: Path) -> None:
    first, second, *others = PAPER.classes
    classes = [first, second.model_copy(update={"title": first.name}), *others]
    (tmp_path / "export.json").write_text(json.dumps([task(1, frame(1), annotation(1, first.name, 5))]))
    label_set = PAPER.model_copy(update={"classes": classes})
    label_studio.write_tables(tmp_path / "export.json", tmp_path / "labels", label_set, [])
    assert labelled(tmp_path, "1") == {frame(1): first.name}


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
