"""Files and folders written aside, by one writer and by two at once; tables of people, read or named."""

import os
from pathlib import Path

import pandas as pd
import pytest

from norrsken.errors import NorrskenError
from norrsken.files import csv_bytes, csv_rows, directory_written_aside, write_csv, written_aside


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    writer = written_aside(path)
    writer.__enter__().write_text("half")
    assert not writer.__exit__(OSError, OSError("disk full"), None)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.txt", "strange@name.txt"])
def test_what_a_killed_writer_left_is_cleared(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other, path = tmp_path / "b.txt", tmp_path / name
    left = []
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda path, missing_ok: None)
        patched.setattr("socket.gethostname", lambda: "node-7")
        for target in (path, other):
            writer = written_aside(target)
            left.append(writer.__enter__())
            left[-1].write_text("half")
            del writer
    with written_aside(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert not left[0].exists()
    assert left[1].exists()  # of another file


def test_of_two_writers_of_a_folder_the_later_one_wins_and_the_earlier_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "2015-01"
    earlier, later = directory_written_aside(folder), directory_written_aside(folder)
    first = earlier.__enter__()
    (first / "a.parquet").write_text("earlier")
    monkeypatch.setattr(os, "getpid", lambda: 7)
    second = later.__enter__()
    (second / "a.parquet").write_text("later")
    assert first != second
    with pytest.raises(FileNotFoundError):
        (first / "b.parquet").write_text("earlier")
    later.__exit__(None, None, None)
    with pytest.raises(FileNotFoundError):
        earlier.__exit__(None, None, None)
    assert [path.read_text() for path in folder.iterdir()] == ["later"]
    assert list(tmp_path.iterdir()) == [folder]


class TableError(NorrskenError):
    """The kind of error that a caller wants."""


def rows(folder: Path, content: bytes, delimiters: str = ",") -> list[tuple[int, dict[str, str]]]:
    path = folder / "anna.csv"
    path.write_bytes(content)
    return list(csv_rows(path, ["frame_id", "label"], TableError, delimiters))


def why(folder: Path, content: bytes) -> str:
    """What the error says behind the file's name."""
    with pytest.raises(TableError) as error:
        rows(folder, content)
    text = str(error.value)
    assert text.startswith(f"{folder}/anna.csv:")
    return text.removeprefix(f"{folder}/anna.csv:")


@pytest.mark.parametrize("beginning", [b"", b"\xef\xbb\xbf"], ids=["UTF-8", "with a byte-order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_table_in_utf8_is_read(tmp_path: Path, beginning: bytes, end: bytes) -> None:
    lines = ["frame_id, label ,anm,,", "KRN1,arcs,grön båge,,", ",,,,", "", "KRN2,edge,,,"]
    assert rows(tmp_path, beginning + end.join(line.encode() for line in lines) + end) == [
        (2, {"frame_id": "KRN1", "label": "arcs", "anm": "grön båge"}),
        (5, {"frame_id": "KRN2", "label": "edge", "anm": ""}),
    ]


TABLE = "frame_id,label,anm\nKRN1,arcs,grön båge\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TABLE.encode("cp1252"), "2: is not in UTF-8; it seems to be cp1252 (Windows). Save it in UTF-8, which"),
        (TABLE.encode("utf-16"), " is UTF-16, not UTF-8. Save it in UTF-8, which spreadsheets call “CSV UTF-8”"),
        (b"\xfe\xff" + TABLE.encode("utf-16-be"), " is UTF-16, not UTF-8"),
        (TABLE.encode("utf-32"), " is UTF-32, not UTF-8"),
        (TABLE.replace("ö", "o").replace("å", "a").encode("utf-16-le"), " seems to be UTF-16, not UTF-8"),
        (TABLE.replace("ö", "o").replace("å", "a").encode("utf-16-be"), " seems to be UTF-16, not UTF-8"),
        (b"PK\x03\x04\x14\x00\x08\xff", " is a spreadsheet or another packed file, not a text"),
        (b"frame_id,label\nKRN1,arcs\nKRN2,\x81\xff\n", "3: is not in UTF-8, and it is not known what it is"),
        (b"frame_id,label\nKRN1,arcs\n" + bytes(100), "3: holds bytes that are zero, so the file is damaged"),
    ],
)
def test_another_encoding_is_named_with_the_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    assert why(tmp_path, content).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"frame_id,label\nKRN1\nKRN2,edge,x,y\n", "2: has 1 cells, the header has 2"),
        (b"frame_id,label\nKRN1,edge,x,y\n", "2: has 4 cells, the header has 2; a cell that holds ',' stands in"),
        (b'frame_id,label\nKRN1,"arcs\nKRN2,edge\n', "2: the row that begins here is not CSV (unexpected end of data)"),
        (b'frame_id,label\nKRN1,arcs\nKRN2,"edge\nKRN3,"arcs"\n', "3: the row that begins here is not CSV"),
        (b"frame_id,label\nKRN1," + b"x" * 200_000 + b"\n", "2: the row that begins here is not CSV (field larger"),
        (b"x" * 200_000, "1: the row that begins here is not CSV (field larger"),
        (b"frame_id;label\nKRN1;arcs\n", " the column 'frame_id' is missing, because semicolons stand between the"),
        (b"frame_id\tlabel\nKRN1\tarcs\n", " the column 'frame_id' is missing, because tabs stand between the cells."),
        (b"frame,label\n", " the column 'frame_id' is missing; found ['frame', 'label']"),
        (b"", " the column 'frame_id' is missing; found an empty first line"),
        (b"frame_id,label,label\n", " the column 'label' is there twice"),
    ],
)
def test_a_table_that_cannot_be_taken_apart_is_named_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    assert why(tmp_path, content).startswith(message)


def test_all_rows_of_another_length_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    found = []
    path = tmp_path / "anna.csv"
    path.write_text("frame_id,label\nKRN1\nKRN2,edge\nKRN3,edge,faint\n")
    with pytest.raises(TableError) as error:
        found += [row["frame_id"] for _, row in csv_rows(path, ["frame_id"], TableError)]
    assert [line.removeprefix(f"{path}:")[0] for line in str(error.value).splitlines()] == ["2", "4"]


def test_a_caller_can_take_the_delimiters_of_spreadsheets(tmp_path: Path) -> None:
    for delimiter in ",;\t":
        content = f'frame_id{delimiter}label\nKRN1{delimiter}"a,b;c"\n'.encode()
        assert rows(tmp_path, content, ",;\t") == [(2, {"frame_id": "KRN1", "label": "a,b;c"})]


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    names = {".": "Is a directory", "gone.csv": "No such file or directory", "a/b.csv": "Not a directory"}
    for path, reason in ((tmp_path / name, reason) for name, reason in names.items()):
        with pytest.raises(TableError, match=f"{path}: cannot be read: {reason}"):
            list(csv_rows(path, ["frame_id"], TableError))


def test_the_bytes_of_a_table_are_those_that_are_written(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["Åsa", None], "share": [1 / 3, 2.0]})
    write_csv(table, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == csv_bytes(table) == "name,share\nÅsa,0.333333\n,2\n".encode()
