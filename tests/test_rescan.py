"""`norrsken rescan` finds what directory times do not show."""

import os
from pathlib import Path

import pytest
from conftest import Project

from norrsken.config.config import load
from norrsken.nights import rescan
from norrsken.plan import Plan


def changed() -> dict[str, list[str]]:
    """What rescan finds in the project in whose folder we are."""
    months = Plan(load("config.yaml")).survey.months
    return rescan.changed_directories("archive", months, {month: Path("results/nights", month) for month in months})


def test_rescan_finds_what_directory_times_do_not_show(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    assert changed() == {}
    frame = next(project.path("archive/2015/01/15").iterdir())
    frame.write_bytes(frame.read_bytes() + b"longer")
    relative = frame.relative_to(project.path("archive")).as_posix()
    assert changed() == {"2015/01/15": [relative]}
    assert project.planned("nights") == {}
    rescan.touch("archive", ["2015/01/15"])
    assert project.planned("nights") == {"ingest_month": 1, "write_keogram_page": 1}


def test_rescan_finds_files_that_came_with_old_times(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    day = project.path("archive/2014/12/20")
    before = day.stat()
    (day / "stray.txt").write_text("came by rsync")
    os.utime(day, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed() == {"2014/12/20": ["2014/12/20/stray.txt"]}
