"""The plan is a value: it is made once and handed to jobs, and what was made of a night stays."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from conftest import Project, write_evening, write_frame

from norrsken import survey, tables
from norrsken.config.config import load
from norrsken.nights.kept import lost_nights

NIGHT = "results/nights/2015-01/2015-01-15.parquet"
KEOGRAM = "results/keograms/2015-01/2015-01-15.png"


def sent(project: Project, rule: str, target: str, check: bool = True) -> str:
    """Run a job as a cluster does: another Snakemake, told that it is not the one that plans."""
    remote = ("--mode", "remote", "--executor", "local", "--force", "--allowed-rules", rule)
    return project.snakemake(*remote, "--", target, check=check)


def test_a_survey_is_the_same_after_it_was_handed_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv(survey.VARIABLE, raising=False)
    assert survey.handed_on() is None
    found = survey.look(load("config.yaml"))
    survey.hand_on(found, project.folder)
    assert survey.handed_on() == found
    assert sorted(found.months) == ["2014-12", "2015-01"]


def test_dry_runs_write_nothing(new_project: Project) -> None:
    new_project.snakemake("--dry-run")
    assert not new_project.path(survey.FOLDER).exists()


def test_a_job_follows_the_plan_of_the_process_that_sent_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `frozen: true` from the first run, the labelled frames appear between the plan and a queued job."""
    monkeypatch.chdir(project.folder)
    project.config["releases"]["small"]["frozen"] = True
    project.save()
    labelled = project.path("results/small/labelled.parquet")
    aside = labelled.rename(labelled.with_suffix(".aside"))
    survey.hand_on(survey.look(load("config.yaml")), project.folder)
    aside.rename(labelled)
    write_evening(project.path("archive"), "2016-02-01T18:00")  # a month that the plan does not have
    counts = "results/small/report/frames.csv"
    sent(project, "count_frames", counts)
    sent(project, "write_keogram_page", "results/curation/keograms.html")
    monkeypatch.delenv(survey.VARIABLE)
    assert "count_frames" in sent(project, "count_frames", counts, check=False)


def test_a_frozen_release_needs_no_archive(frozen_project: Project) -> None:
    shutil.move(frozen_project.path("archive"), frozen_project.path("elsewhere"))
    for target in ("train_3nn", "all"):
        if target == "all":
            frozen_project.path("archive").mkdir()  # a mount that is away; before, there is nothing at all
        assert "nothing new is taken from the archive" in frozen_project.snakemake("--dry-run")
        frozen_project.config["models"]["3nn"]["neighbours"] += 1
        frozen_project.save()
        done = frozen_project.run(target)
        assert done["train_run"] == 1
        assert "ingest_month" not in done
    assert "What the archive holds" in frozen_project.path("results/small/report/index.html").read_text()


def test_an_open_release_says_that_its_archive_is_not_there(project: Project) -> None:
    shutil.move(project.path("archive"), project.path("elsewhere"))
    assert "'archive' does not exist" in project.snakemake("--dry-run", check=False)


def test_an_archive_that_moves_and_other_names_repeat_nothing(project: Project) -> None:
    shutil.move(project.path("archive"), project.path("elsewhere"))
    project.config["archive"]["root"] = "elsewhere"
    project.config["site"]["name"] = "Somewhere else"
    project.config["cameras"][0]["name"] = "Another name"
    project.config["releases"]["small"]["title"] = "Another title"
    project.save()
    assert not {"ingest_month", "merge_labels", "train_run"} & set(project.planned())


def test_a_frame_that_comes_while_its_month_is_worked_on_is_taken_by_the_next_run(project: Project) -> None:
    """The tables are then newer than the folder to which the frame came."""
    write_frame(project.path("archive"), datetime(2015, 1, 15, 19, 0, tzinfo=UTC), "arcs")
    for path in project.path("results/nights/2015-01").iterdir():
        os.utime(path)
    assert project.planned("nights")["ingest_month"] == 1


def test_a_folder_whose_time_lies_ahead_does_no_harm(project: Project) -> None:
    write_frame(project.path("archive"), datetime(2015, 1, 15, 19, 0, tzinfo=UTC), "arcs")
    day = project.path("archive/2015/01/15")
    os.utime(day, (day.stat().st_mtime + 7200,) * 2)
    printed = project.snakemake("nights")
    assert printed.count("The time of 2015/01/15 in the archive lies ahead: the clock of a computer is wrong.") == 1
    assert pq.read_table(project.path(NIGHT), columns=["status"]).num_rows == 29
    assert project.planned("nights") == {}


def test_what_was_made_of_a_night_stays_when_the_archive_loses_it(project: Project) -> None:
    before = {name: project.path(name).read_bytes() for name in (NIGHT, KEOGRAM)}
    shutil.rmtree(project.path("archive/2015/01/15"))
    assert "The archive has lost 28 frames of 2015-01-15: what was made of them stays" in project.snakemake("nights")
    assert {name: project.path(name).read_bytes() for name in before} == before
    month = project.path("results/nights/2015-01")
    assert [row[0:3] for row in lost_nights([str(month)]).values()] == [("2015-01-15", 28, 28)]
    assert project.planned("nights") == {}
    # Some of its frames, and a new one.
    evening = project.path("archive/2015/01/16")
    next(evening.iterdir()).unlink()
    write_frame(project.path("archive"), datetime(2015, 1, 16, 20, 0, tzinfo=UTC), "arcs")
    project.snakemake("nights")
    assert lost_nights([str(month)])["2015-01-16"][1:] == (28, 1, 1)
    assert tables.count(month / "2015-01-16.parquet") == 28
    # A person decides otherwise.
    for path in project.path("results/kept/2015-01").glob("2015-01-16.*"):
        path.unlink()
    project.snakemake("nights", "--forcerun", "ingest_month")
    assert tables.count(month / "2015-01-16.parquet") == 28
    assert "2015-01-16" not in lost_nights([str(month)])


def test_frames_whose_names_are_read_in_another_clock_are_not_lost(project: Project) -> None:
    project.config["archive"]["clock"] = "+12:00"
    project.save()
    assert "has lost" not in project.snakemake("nights")
    made = {path.stem for path in project.path("results/nights/2015-01").glob("*.parquet")}
    assert made == {path.stem for path in project.path("results/kept/2015-01").glob("*.parquet")}
    assert "2015-01-14" in made  # 18:00 in that clock is 06:00 UTC, of the night before
    assert lost_nights(str(path) for path in project.path("results/nights").iterdir()) == {}


def test_a_month_that_the_archive_has_no_more_is_a_source(project: Project) -> None:
    shutil.rmtree(project.path("archive/2015"))
    write_frame(project.path("archive"), datetime(2014, 12, 20, 21, 0, tzinfo=UTC), "arcs")
    printed = project.snakemake("nights")
    assert "The archive has nothing more of 2015-01: what was made of it stays." in printed
    assert project.path(NIGHT).exists()
    # What a failed job has taken away comes back.
    shutil.rmtree(project.path("results/nights/2015-01"))
    project.snakemake("nights")
    assert project.path(NIGHT).exists()


def test_a_layout_that_changes_makes_its_nights_anew(project: Project) -> None:
    for path in list(project.path("archive").glob("*/*/*")):
        path.rename(project.path("archive") / "".join(path.parts[-3:]))
    project.config["archive"]["directories"] = "%Y%m%d"
    project.save()
    project.snakemake("nights")
    assert lost_nights(str(path) for path in project.path("results/nights").iterdir()) == {}
    paths = pq.read_table(project.path(NIGHT), columns=["path"])["path"].to_pylist()
    assert paths[0].startswith("20150115/")


def test_planning_reads_no_heavy_library(project: Project) -> None:
    code = "import sys; from norrsken.plan import Plan; from norrsken.config.config import load; "
    code += "Plan(load('config.yaml')); print({'numpy', 'pandas', 'torch', 'pyarrow', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=project.folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
