"""Where a run stands: the logs of its jobs, and `snakemake --summary | norrsken status`."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, Project, kill

from norrsken import joblog
from norrsken.errors import NorrskenError
from norrsken.status import KILLED, describe

#: A job that works for a second, or fails at once.
JOB = """
import sys, time
from norrsken.errors import NorrskenError
from norrsken.joblog import log_to
with log_to("job.log"):
    {}
"""


def job(folder: Path, code: str) -> subprocess.Popen[str]:
    path = {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", JOB.format(code)]
    return subprocess.Popen(command, cwd=folder, env=path, stderr=subprocess.PIPE, text=True)


def state(folder: Path) -> tuple[str, str]:
    found = joblog.read(folder / "job.log")
    assert found is not None
    return found.state, found.message


@pytest.mark.parametrize(
    ("code", "message", "trace"),
    [
        ("raise NorrskenError('a.csv: no column label')", "a.csv: no column label", False),
        ("1 / 0", "ZeroDivisionError: division by zero", True),
    ],
)
def test_a_log_says_why_its_job_failed(tmp_path: Path, code: str, message: str, trace: bool) -> None:
    failed = job(tmp_path, code)
    _, terminal = failed.communicate()
    assert failed.returncode == 1
    assert terminal == f"norrsken: {message}\n"
    assert state(tmp_path) == ("failed", message)
    assert ("Traceback" in (tmp_path / "job.log").read_text()) == trace


def test_a_log_says_that_its_job_is_done(tmp_path: Path) -> None:
    assert joblog.read(tmp_path / "job.log") is None
    assert job(tmp_path, "pass").wait() == 0
    assert state(tmp_path) == ("done", "")


def test_a_log_says_that_its_job_runs_and_that_it_was_terminated(tmp_path: Path) -> None:
    running = job(tmp_path, "time.sleep(60)")
    while not (tmp_path / "job.log").exists() or joblog.read(tmp_path / "job.log") is None:
        time.sleep(0.01)
    assert state(tmp_path) == ("running", "")
    running.send_signal(signal.SIGTERM)
    assert running.wait() == 1
    assert state(tmp_path) == ("failed", "ended by SIGTERM: the job was cancelled, or its time was up")


def status(project: Project) -> str:
    """Where the project stands. What Snakemake says beside its summary comes before it."""
    printed = project.snakemake("--summary", "--quiet", "all")
    return "\n".join(describe(printed[printed.index("output_file\t") :].splitlines(), project.folder))


def test_what_is_done_and_waiting_is_counted_by_months_and_runs(project: Project) -> None:
    shutil.rmtree(project.path("results/nights/2015-01"))
    project.config["models"]["3nn"]["neighbours"] = 5
    project.save()
    command = project.command("--summary", "--quiet", "all")  # a process of its own: its stdout is the summary alone
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True)
    rows = [line.rsplit(maxsplit=4) for line in describe(done.stdout.splitlines(), project.folder)]
    assert rows[:4] == [
        ["done", "running", "waiting", "failed"],
        ["months", "1", "·", "1", "·"],
        ["runs of 3nn", "·", "·", "1", "·"],
        # What stands on the month is not known to change before the month is there.
        ["runs of svm-linear", "·", "·", "2", "·"],
    ]


def test_what_failed_and_what_was_killed_is_named_with_its_log(project: Project) -> None:
    obstacle = project.obstruct("results/small/random/3nn/0/model.skops")
    project.config["models"]["3nn"]["neighbours"] = 5
    project.save()
    project.snakemake("--keep-going", "train", check=False)
    said = status(project)
    assert "results/logs/train_run/small/random/3nn/0.log\n      IsADirectoryError: " in said
    shutil.rmtree(obstacle)

    project.config["models"]["shufflenet"]["epochs"] = 1000
    project.save()
    shutil.rmtree(project.path("results/small/random/shufflenet/0"))
    log = project.path("results/logs/train_run/small/random/shufflenet/0.log")
    log.unlink()
    process = project.start("results/small/random/shufflenet/0/metrics.json")  # two runs come in any order
    while process.poll() is None and not log.exists():
        time.sleep(0.01)
    time.sleep(0.5)
    assert "Running:\n  results/logs/train_run/small/random/shufflenet/0.log\n      on " in status(project)
    kill(process)
    project.snakemake("--unlock")
    assert f"results/logs/train_run/small/random/shufflenet/0.log\n      {KILLED}" in status(project)


def test_anything_but_a_summary_is_refused(tmp_path: Path) -> None:
    for text in ("", "Nothing to be done"):
        with pytest.raises(NorrskenError, match=r"snakemake --summary \| norrsken status"):
            list(describe(text.splitlines(), tmp_path))
