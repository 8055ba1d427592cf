"""`snakemake --profile slurm` on a real SLURM: slurmctld, slurmd and munge with two nodes on this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, Project

from slurm import Cluster, missing_programs, running


class ClusterProject(Project):
    """A project whose jobs SLURM runs, started as the README says, from the project's root."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder)
        self.cluster = cluster

    def command(self, *arguments: str, root: Path = ROOT) -> list[str]:
        # The plugin first asks after 40 s what has become of a job: too long for jobs of a few seconds.
        quick = ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
        snakemake = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--latency-wait", "10"]
        return [*snakemake, *quick, "--directory", str(self.folder), *arguments]

    def submit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end, whatever that is."""
        environment = {**self.cluster.environment, "PWD": str(ROOT)}  # as a shell would set it
        return subprocess.run(
            self.command(*arguments), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )


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


def test_a_few_jobs_go_to_their_partitions(cluster: Cluster, fresh: Path, tmp_path: Path) -> None:
    project = ClusterProject(Path(shutil.copytree(fresh, tmp_path / "project")), cluster)
    before = {job.id for job in cluster.jobs()}
    done = project.submit("results/small/random/3nn/0/metrics.json", "results/small/random/shufflenet/0/metrics.json")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = [job for job in cluster.jobs() if job.id not in before]
    assert {job.state for job in jobs} == {"COMPLETED"}
    by_rule = {rule: [job for job in jobs if job.rule == rule] for rule in {job.rule for job in jobs}}
    assert {rule: len(members) for rule, members in by_rule.items()} == {
        "ingest_month": 2, "merge_labels": 1, "split_dataset": 1, "extract_features": 1, "train_run": 2,
    }  # fmt: skip
    network = next(job for job in by_rule["train_run"] if "shufflenet" in job.comment)
    assert network.partition == "gpu"
    assert len(network.gpus) == 1
    for job in jobs:
        if job is not network:
            assert (job.partition, job.gpus) == ("cpu", frozenset())
