"""Files and folders written aside, by one writer and by two at once."""

import os
from pathlib import Path

import pytest

from norrsken.files import directory_written_aside, written_aside


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
