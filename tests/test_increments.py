"""What is repeated when something changes, and what is not. Every test runs real Snakemake."""

import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import ROOT, Project, jobs, kill, write_evening, write_frame

#: What sums up the runs of one model, and what shows all of them.
SUMMING_UP = dict.fromkeys(
    (
        "collect_scores",
        "draw_class_accuracy",
        "draw_confusion",
        "draw_curves",
        "draw_embedding",
        "draw_mistakes",
        "draw_precision_recall",
        "draw_reliability",
        "tabulate_resources",
        "tabulate_scores",
        "write_report",
        "write_summary",
    ),
    1,
) | {"write_card": 3}

#: Shows all nights.
PAGE = {"write_keogram_page": 1}


def test_a_second_run_does_nothing(project: Project) -> None:
    assert project.run() == {}


def test_reordered_keys_of_the_configuration_repeat_nothing(project: Project) -> None:
    project.config = {key: project.config[key] for key in reversed(project.config)}
    project.config["models"] = dict(reversed(project.config["models"].items()))
    project.save()
    assert project.planned("nights") == {}
    assert project.planned("train") == {}


def test_a_new_year_runs_only_its_months_and_the_december_before(frozen_project: Project) -> None:
    write_evening(frozen_project.path("archive"), "2016-01-01T02:00")
    write_evening(frozen_project.path("archive"), "2016-02-01T18:00")
    frozen_project.config["models"]["3nn"]["neighbours"] = 5
    frozen_project.save()
    assert frozen_project.planned() == {"ingest_month": 3, **PAGE, "train_run": 1, **SUMMING_UP}
    assert frozen_project.run("nights") == {"ingest_month": 3, **PAGE}
    # 2016-01-01T02:00 belongs to the night of 2015-12-31.
    months = {path.name for path in frozen_project.path("results/nights").iterdir()}
    assert months == {"2014-12", "2015-01", "2015-12", "2016-01", "2016-02"}


def test_a_new_year_repeats_the_december_before_and_no_training_of_a_frozen_release(frozen_project: Project) -> None:
    write_evening(frozen_project.path("archive"), "2015-12-30T18:00")
    assert frozen_project.run() == {"ingest_month": 1, **PAGE}
    write_evening(frozen_project.path("archive"), "2016-01-01T02:00")
    before = frozen_project.path("results/nights/2015-12").stat().st_mtime
    assert frozen_project.run() == {"ingest_month": 2, **PAGE}
    assert frozen_project.path("results/nights/2015-12").stat().st_mtime > before


def test_a_new_year_outside_an_open_releases_years_repeats_no_training(project: Project) -> None:
    write_evening(project.path("archive"), "2016-02-02T18:00")
    assert project.run() == {"ingest_month": 1, **PAGE}


def test_a_changed_model_repeats_only_its_runs(project: Project) -> None:
    project.config["models"]["svm-linear"]["c"] = 0.5
    project.save()
    assert project.planned("train_svm-linear") == {"train_run": 2, "collect_scores": 1}
    assert project.planned("train_3nn") == {}
    assert project.planned() == {"train_run": 2, **SUMMING_UP}


def test_more_gpus_repeat_nothing(project: Project) -> None:
    project.config["models"]["shufflenet"]["gpu"] = 2
    project.save()
    assert project.planned() == {}


def test_a_new_seed_runs_only_the_new_runs(project: Project) -> None:
    project.config["seeds"].append(2)
    project.save()
    planned = project.planned()
    assert planned["train_run"] == 2, "the nearest neighbours have nothing random"
    assert "extract_features" not in planned


def add_a_label(project: Project) -> None:
    """A new frame of an old night is labelled by one annotator."""
    table = project.path("labels/anna.csv")
    table.write_text(table.read_text().rsplit("\n", 2)[0] + "\n")


def test_a_label_row_repeats_what_an_open_release_makes_of_it(project: Project) -> None:
    add_a_label(project)
    planned = project.planned()
    assert "ingest_month" not in planned
    assert planned["merge_labels"] == planned["split_dataset"] == 1
    assert planned["train_run"] == 5


def test_a_label_row_does_not_touch_a_frozen_release_but_its_report_can_tell(frozen_project: Project) -> None:
    add_a_label(frozen_project)
    assert frozen_project.run() == {}
    frozen_project.run("--forcerun", "write_report")
    page = frozen_project.path("results/small/report/index.html").read_text()
    assert "labels/anna.csv has other labels for 1 of its frames now." in page


def test_a_file_added_to_one_day_repeats_only_its_month(frozen_project: Project) -> None:
    write_frame(frozen_project.path("archive"), datetime(2015, 1, 15, 19, 0, tzinfo=UTC), "arcs")
    before = frozen_project.path("results/nights/2014-12").stat().st_mtime_ns
    assert frozen_project.run() == {"ingest_month": 1, **PAGE}
    assert frozen_project.path("results/nights/2014-12").stat().st_mtime_ns == before
    table = pq.read_table(frozen_project.path("results/nights/2015-01/2015-01-15.parquet"), columns=["status"])
    assert table.num_rows == 29


@pytest.mark.parametrize("with_metadata", [True, False])
def test_a_fresh_clone_repeats_nothing_of_a_frozen_release(
    frozen_project: Project, tmp_path: Path, with_metadata: bool
) -> None:
    clone = tmp_path / "clone"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name, follow_symlinks=False)  # with the time of now
    for table in frozen_project.path("labels").iterdir():
        os.utime(table)
    os.utime(frozen_project.path("config.yaml"))
    if not with_metadata:
        shutil.rmtree(frozen_project.path(".snakemake"))
    command = frozen_project.command("--dry-run", root=clone)
    done = subprocess.run(command, cwd=frozen_project.folder, capture_output=True, text=True, check=True)
    assert jobs(done.stdout + done.stderr) == {}


def failing(project: Project, *arguments: str) -> None:
    """Let a run of 3nn fail."""
    obstacle = project.obstruct("results/small/random/3nn/0/model.skops")
    project.config["models"]["3nn"]["neighbours"] = 5
    project.save()
    project.snakemake("--keep-going", *arguments, check=False)
    shutil.rmtree(obstacle)
    assert not project.path("results/small/random/3nn/0/metrics.json").exists()


@pytest.mark.parametrize("target", ["all", "train", "train_3nn", "report"])
def test_a_run_that_failed_is_repeated_and_what_sums_it_up_from_every_target(project: Project, target: str) -> None:
    failing(project, target)
    planned = project.planned(target)
    expected = {"train_run": 1, "collect_scores": 1}
    assert planned == (expected if target.startswith("train") else {**expected, **SUMMING_UP})


def test_after_a_failure_scores_and_report_show_the_new_runs(project: Project) -> None:
    before = project.path("results/small/random/3nn/scores.csv").stat().st_mtime_ns
    failing(project)
    project.run()
    assert project.path("results/small/random/3nn/scores.csv").stat().st_mtime_ns > before
    assert project.path("results/small/report/index.html").stat().st_mtime_ns > before
    assert project.run() == {}


def test_a_failed_month_is_repeated_from_the_labels_target(project: Project) -> None:
    shutil.rmtree(project.path("results/nights/2015-01"))
    assert project.planned("labels")["ingest_month"] == 1


def test_a_killed_run_leaves_no_half_written_file_and_goes_on(new_project: Project, finished: Path) -> None:
    moments = {"nights": "results/nights/.part-*", "train_shufflenet": "results/logs/train_run/small/random/*/0.log"}
    for target, moment in moments.items():
        process = new_project.start(target)
        while process.poll() is None and not list(new_project.folder.glob(moment)):
            time.sleep(0.01)
        assert process.poll() is None, new_project.path("killed.log").read_text()
        kill(process)
        new_project.snakemake("--unlock")  # what Snakemake asks for after a SIGKILL: two must not work in one folder
        for path in new_project.folder.glob("results/**/*.parquet"):
            if not any(part.startswith(".part-") for part in path.parts):
                pq.read_table(path)
        new_project.run("dataset")
    new_project.run("train")
    assert new_project.run("train") == {}
    assert not list(new_project.folder.glob("results/**/.part-*"))
    for name in ("nights/2015-01/2015-01-15.parquet", "small/dataset.parquet", "small/features/hog.parquet"):
        assert pq.read_table(new_project.path("results") / name) == pq.read_table(finished / "results" / name)
