"""`snakemake --profile slurm` on a real SLURM: slurmctld, slurmd and munge with two nodes on this machine."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import ROOT, Project, kill, write_evening
from slurm_cluster import Cluster, Job, missing_programs, running, wait_until

#: What differs between two runs of the same thing.
TIMES = {"seconds", "times", "images_per_second", "device", "core_hours", "gpu_hours", "peak_memory_mb"}


#: Snakemake, whose SLURM plugin asks every second what has become of the jobs: it would ask ever less often. Ctrl-C
#: reaches it also where these tests run in the background, which would let it be ignored.
SNAKEMAKE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor
Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, value: None)
main()
"""


class ClusterProject(Project):
    """A project whose jobs SLURM runs, started as the README says, from the project's root."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder)
        self.cluster = cluster
        self.before = {job.id for job in cluster.jobs()}

    def command(self, *arguments: str, root: Path = ROOT) -> list[str]:
        snakemake = [sys.executable, "-c", SNAKEMAKE, "--profile", "slurm", "--directory", str(self.folder)]
        # Snakemake ends only when the span has passed in which it may send no more than so many jobs.
        quick = ["--latency-wait", "10", "--slurm-init-seconds-before-status-checks", "1"]
        quick += ["--max-jobs-per-timespan", "20/2s"]
        return [*snakemake, *quick, *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own; what it says is in `said`."""
        environment = {**self.cluster.environment, "PWD": str(ROOT)}  # as a shell would set it
        with self.path("said.log").open("wb") as log:
            return subprocess.Popen(
                self.command(*arguments), cwd=ROOT, env=environment, start_new_session=True, stdout=log, stderr=log
            )

    def submit(self, *arguments: str) -> Counter[str]:
        """Run Snakemake to its end; return the SLURM jobs that it sent, by rule."""
        self.before = {job.id for job in self.cluster.jobs()}
        assert self.start(*arguments).wait() == 0, self.said
        return Counter(job.rule for job in self.jobs())

    @property
    def said(self) -> str:
        return self.path("said.log").read_text()

    def jobs(self, comment: str = "") -> list[Job]:
        """The SLURM jobs since the last `submit` began."""
        return [job for job in self.cluster.jobs() if job.id not in self.before and comment in job.comment]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes that are up; the test is skipped where they cannot be made."""
    absent = missing_programs()
    if absent:
        pytest.skip(f"no SLURM here: {', '.join(absent)} not found (Debian: munge slurmctld slurmd slurm-client)")
    if os.geteuid() != 0:
        pytest.skip("SLURM's daemons are started by root only")
    with running(tmp_path_factory.mktemp("slurm")) as started:
        yield started


@pytest.fixture
def new(cluster: Cluster, fresh: Path, tmp_path: Path) -> ClusterProject:
    """A project that has not run yet."""
    return ClusterProject(Path(shutil.copytree(fresh, tmp_path / "project")), cluster)


@pytest.fixture
def done(cluster: Cluster, finished: Path, tmp_path: Path) -> ClusterProject:
    """A project after a whole run, on this machine without SLURM."""
    return ClusterProject(Path(shutil.copytree(finished, tmp_path / "project")), cluster)


def same(found: Path, expected: Path) -> None:
    """The files of two folders hold the same, but for times and names of devices."""
    assert _files(found) == _files(expected)
    for name in _files(found):
        assert _content(found / name) == _content(expected / name), name


def _files(folder: Path) -> set[str]:
    paths = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {str(path) for path in paths if path.parts[0] not in ("logs", "benchmarks")}


def _content(path: Path) -> object:
    match path.suffix:
        case ".parquet":
            return pq.read_table(path).to_pydict()
        case ".json":
            return {key: value for key, value in json.loads(path.read_text()).items() if key not in TIMES}
        case ".csv":
            with path.open() as file:
                return [{key: row[key] for key in row if key not in TIMES} for row in csv.DictReader(file)]
        case ".skops" | ".html":  # they hold times
            return None
        case _:
            return path.read_bytes()


def without_cluster(project: Project, copy: Path) -> Path:
    """The results of the same project as it is now, run on this machine."""
    undisturbed = Project(Path(shutil.copytree(project.folder, copy)))
    undisturbed.snakemake("train")
    return undisturbed.path("results")


def wait_for(jobs: Callable[[], list[Job]], what: str) -> None:
    wait_until(lambda: bool(jobs()), 120, what)


@pytest.mark.cluster
def test_everything_is_as_without_a_cluster_and_only_what_is_new_is_sent(new: ClusterProject, finished: Path) -> None:
    sent = new.submit()
    assert sent.items() >= {
        "ingest_month": 2, "merge_labels": 1, "split_dataset": 1, "extract_features": 1, "train_run": 5,
    }.items()  # fmt: skip
    assert {job.state for job in new.jobs()} == {"COMPLETED"}
    for job in new.jobs():
        network = "shufflenet" in job.comment
        assert (job.partition, len(job.gpus)) == (("gpu", 1) if network else ("cpu", 0)), job.comment
    same(new.path("results"), finished / "results")
    assert new.submit() == {}

    for evening in ("2016-01-10T18:00", "2016-02-10T18:00"):
        write_evening(new.path("archive"), evening, 5)
    assert new.submit() == {"ingest_month": 2}
    assert {job.comment[-7:] for job in new.jobs()} == {"2016-01", "2016-02"}

    new.config["models"]["shufflenet"] |= {"epochs": 2, "threads": 1}
    new.config["seeds"] = list(range(6))
    new.save()
    assert new.submit("train_shufflenet") == {"train_run": 6}
    runs = new.jobs("shufflenet")
    assert len(runs) == 6
    for run in runs:
        assert (run.partition, len(run.gpus)) == ("gpu", 1)
    for one, other in combinations(runs, 2):  # six runs, four GPUs
        assert one.gpus != other.gpus or one.ended <= other.began or other.ended <= one.began


@pytest.mark.cluster
def test_the_catalogue_is_as_without_a_cluster_and_what_classifies_has_a_gpu(
    cluster: Cluster, catalogued: Path, tmp_path: Path
) -> None:
    new = ClusterProject(Path(shutil.copytree(catalogued, tmp_path / "project")), cluster)
    shutil.rmtree(new.path("results/small/catalogue"))
    classifying = {"calibrate_classifier": 1, "classify_month": 2, "judge_untrained": 1}
    assert new.submit("catalogue") == {
        **classifying,
        "tabulate_availability": 1,
        "write_night_pages": 1,
        "write_export": 1,
    }
    same(new.path("results/small/catalogue"), catalogued / "results/small/catalogue")
    for job in new.jobs():
        assert (job.partition, len(job.gpus)) == (("gpu", 1) if job.rule in classifying else ("cpu", 0)), job.rule


@pytest.mark.cluster
@pytest.mark.parametrize(
    "resources",
    [
        ["train_run:gpu_model=a100"],
        ["train_run:gpu=0", "train_run:gres='gpu:a100:1' if wildcards.model not in ['3nn', 'svm-linear'] else ''"],
    ],
    ids=["a type", "gres"],
)
def test_gpus_can_be_asked_for_by_type_and_as_gres(done: ClusterProject, resources: list[str]) -> None:
    for model in ("3nn", "shufflenet"):
        shutil.rmtree(done.path(f"results/small/random/{model}/0"))
    assert done.submit("train", "--set-resources", *resources) == {"train_run": 2}
    assert {(job.partition, len(job.gpus)) for job in done.jobs("shufflenet")} == {("gpu", 1)}
    assert {(job.partition, len(job.gpus)) for job in done.jobs("3nn")} == {("cpu", 0)}


@pytest.mark.cluster
def test_a_job_that_fails_once_is_repeated_and_one_that_always_fails_stops_only_what_stands_on_it(
    done: ClusterProject, tmp_path: Path
) -> None:
    done.config["models"]["3nn"]["neighbours"] = 5
    done.config["models"]["svm-linear"]["c"] = 0.5
    done.save()
    undisturbed = without_cluster(done, tmp_path / "undisturbed")
    obstacles = {model: done.obstruct(f"results/small/random/{model}/0/model.skops") for model in ("3nn", "svm-linear")}
    process = done.start("train")
    once = "small_random_svm-linear_0"
    wait_for(lambda: [job for job in done.jobs(once) if job.state == "FAILED"], "a run of svm-linear has failed")
    shutil.rmtree(obstacles["svm-linear"])
    assert process.wait() == 1
    assert [job.state for job in done.jobs(once)] == ["FAILED", "COMPLETED"]
    always = done.jobs("small_random_3nn_0")
    assert [job.state for job in always] == ["FAILED", "FAILED"]
    assert [job.memory_mb for job in always] == [8000, 16000]
    assert "results/logs/train_run/small/random/3nn/0.log" in done.said
    assert "model.skops" in done.path("results/logs/train_run/small/random/3nn/0.log").read_text()
    same(done.path("results/small/random/svm-linear"), undisturbed / "small/random/svm-linear")
    same(done.path("results/small/random/svm-linear/1"), undisturbed / "small/random/svm-linear/1")
    assert not done.path("results/small/random/3nn/0/metrics.json").exists()

    shutil.rmtree(obstacles["3nn"])
    assert done.submit("train") == {"train_run": 1}
    same(done.path("results/small/random"), undisturbed / "small/random")


@pytest.mark.cluster
def test_trainings_that_are_cancelled_or_too_long_or_lose_their_node_go_on_from_their_checkpoint(
    done: ClusterProject, tmp_path: Path
) -> None:
    done.config["models"] = {"shufflenet": done.config["models"]["shufflenet"] | {"epochs": 80, "threads": 1}}
    done.config["seeds"] = [0, 1, 2]
    done.save()
    undisturbed = without_cluster(done, tmp_path / "undisturbed")
    runs = done.path("results/small/random/shufflenet")
    process = done.start("train", "--set-resources", "train_run:runtime=30 * attempt")
    checkpoints = [runs / str(seed) / "checkpoint.safetensors" for seed in range(3)]
    wait_until(lambda: all(path.exists() for path in checkpoints), 150, "all runs have a checkpoint")
    nodes = Counter(job.node for job in done.jobs())
    assert sorted(nodes.values()) == [1, 2]
    lonely = min(nodes, key=lambda node: nodes[node])
    (lost,) = (job for job in done.jobs() if job.node == lonely)
    too_long, cancelled = (job for job in done.jobs() if job.node != lonely)
    done.cluster.stop_processes(too_long)
    done.cluster.limit(too_long, 1)
    done.cluster.cancel(cancelled)
    done.cluster.kill_node(lonely)
    wait_for(lambda: [job for job in done.jobs(lost.comment) if job.state == "NODE_FAIL"], "SLURM misses the node")
    done.cluster.start_node(lonely)
    assert process.wait() == 0, done.said
    for job, state, minutes in ((lost, "NODE_FAIL", 30), (too_long, "TIMEOUT", 1), (cancelled, "CANCELLED", 30)):
        first, second = done.jobs(job.comment)
        assert (first.minutes, first.memory_mb, first.state) == (minutes, 8000, state)
        assert (second.minutes, second.memory_mb, second.state) == (60, 16000, "COMPLETED")
    for seed in range(3):
        log = done.path(f"results/logs/train_run/small/random/shufflenet/{seed}.log")
        assert "goes on after epoch" in log.read_text()
    same(runs, undisturbed / "small/random/shufflenet")


@pytest.mark.cluster
def test_an_interrupted_snakemake_cancels_its_jobs_and_is_started_again(new: ClusterProject, finished: Path) -> None:
    """Ctrl-C."""
    process = new.start("nights")
    wait_for(lambda: [job for job in new.jobs("ingest_month") if job.state == "RUNNING"], "a month is worked on")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 1
    # SLURM takes its time to end what Snakemake has cancelled.
    wait_until(lambda: {job.state for job in new.jobs()} == {"CANCELLED"}, 120, "all jobs are cancelled")
    assert new.submit("nights") == {"ingest_month": 2}
    same(new.path("results/nights"), finished / "results/nights")


@pytest.mark.cluster
def test_a_killed_snakemake_is_started_again_while_its_jobs_go_on(new: ClusterProject, finished: Path) -> None:
    for rule in ("ingest_month", "train_run"):
        process = new.start("train_shufflenet")
        wait_for(lambda rule=rule: [job for job in new.jobs(rule) if job.state == "RUNNING"], f"{rule} runs")
        second = new.start()  # somebody else, at the same time
        assert second.wait() == 1
        assert "Directory cannot be locked" in new.said
        kill(process)
        assert new.start("--unlock").wait() == 0
    new.submit("train_shufflenet")
    wait_until(lambda: all(job.state != "RUNNING" for job in new.cluster.jobs()), 60, "old jobs have ended")
    runs = "small/random/shufflenet"  # beside them the whole run has drawn their history
    for part in ("nights", "keograms", f"{runs}/0", f"{runs}/1"):
        same(new.path("results") / part, finished / "results" / part)
    assert _content(new.path("results") / runs / "scores.csv") == _content(finished / "results" / runs / "scores.csv")
    assert new.submit("train_shufflenet") == {}
