"""What SLURM costs: a decade of trivial work, and a month of real work, on a cluster of two cores on this machine.

Needs SLURM (Debian: munge slurmctld slurmd slurm-client) and root, and takes half an hour.
Usage: PYTHONPATH=tests python benchmarks/cluster.py
"""

import csv
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, date, datetime
from datetime import time as clock
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from conftest import CONFIG, write_frame, write_labels
from ingest import jpegs, settings, write_night
from planning import decade as nights
from slurm_cluster import Cluster, running

from norrsken.paper import CLASSES

ROOT = Path(__file__).parent.parent


def write_decade(folder: Path) -> None:
    """2,500 nights of a frame each, nine models that are trained in no time, ten seeds."""
    rows = []
    for i, night in enumerate(nights()):
        evening = datetime.combine(night, clock(22), UTC)
        kind = CLASSES[i % len(CLASSES)]
        write_frame(folder / "archive", evening, kind, i)
        rows.append((f"KRN{evening:%Y%m%dT%H%M%S}", kind))
    for name in ("anna", "bertil"):
        write_labels(folder / "labels" / f"{name}.csv", rows[::10])
    config: dict[str, Any] = {**CONFIG, "seeds": list(range(10)), "features": {"hog": {"kind": "hog", "threads": 1}}}
    config["models"] = {f"knn{k}": {**CONFIG["models"]["3nn"], "neighbours": k} for k in range(1, 10)}
    config["releases"] = {"small": {**CONFIG["releases"]["small"], "years": list(range(2010, 2020))}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def write_month(folder: Path) -> None:
    """A month of 25 nights of 700 frames of Kiruna's size."""
    files = jpegs(settings().cameras[0], 40)
    for day in range(1, 26):
        write_night(folder / "archive", files, day, 700)
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["archive"]["root"], config["filter"]["moon_altitude_max"] = "archive", 90
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake(cluster: Cluster, folder: Path, *arguments: str) -> tuple[str, float]:
    """What Snakemake printed, and the seconds that it took."""
    environment = {**cluster.environment, "PWD": str(ROOT)}
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--directory", str(folder), *arguments]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr, time.perf_counter() - start


def script_seconds(folder: Path, rule: str) -> dict[str, float]:
    """Seconds of a rule's scripts, imports included, by the wildcards that Snakemake's comment gives to SLURM."""
    found = {}
    for path in (folder / "results/benchmarks" / rule).rglob("*.tsv"):
        with path.open() as file:
            name = "_".join(path.relative_to(folder / "results/benchmarks" / rule).with_suffix("").parts)
            found[name] = float(next(csv.DictReader(file, delimiter="\t"))["s"])
    return found


def logged_seconds(log: Path) -> float:
    """Seconds between a job's begin and end in its log: its work, without its imports."""
    times = [datetime.fromisoformat(line[:23].replace(",", ".")) for line in log.read_text().splitlines()]
    return (times[-1] - times[0]).total_seconds()


def decade(cluster: Cluster, folder: Path) -> None:
    write_decade(folder)
    said, seconds = snakemake(cluster, folder, "--dry-run", "--quiet", "rules")
    print(f"dry run: {re.findall(r'^total +([0-9]+)', said, re.MULTILINE)[0]} jobs, {seconds:.1f} s")
    _, seconds = snakemake(cluster, folder)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    jobs = cluster.jobs()
    print(f"run: {len(jobs)} SLURM jobs in {seconds:.0f} s, {memory:.0f} MB of Snakemake's main process")
    sent = [job.submitted for job in jobs if job.rule == "ingest_month"]
    print(f"    {len(sent)} months sent within {max(sent) - min(sent):.0f} s")
    lost = defaultdict(list)
    for rule in {job.rule for job in jobs}:
        own = script_seconds(folder, rule)
        for job in jobs:
            if job.rule == rule:
                lost[rule].append(job.ended - job.began - own[job.comment.removeprefix(f"rule_{rule}_wildcards_")])
    for rule, found in sorted(lost.items()):
        print(f"    {rule}: {len(found)} jobs, each {median(found):.1f} s (median) before and after its script")


def month(cluster: Cluster, folder: Path) -> None:
    write_month(folder)
    before = {job.id for job in cluster.jobs()}
    snakemake(cluster, folder, "results/nights/2015-12")
    (job,) = (job for job in cluster.jobs() if job.id not in before)
    work = logged_seconds(folder / "results/logs/ingest_month/2015-12.log")
    held = job.ended - job.began
    print(f"a month of 17,500 frames: {held:.1f} s held, {work:.1f} s of work: {(held - work) / work:.0%} on top")


def main() -> None:
    print(f"{date.today()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "slurm", cpus=1) as cluster:
        for part in (month, decade):
            (Path(folder) / part.__name__).mkdir()
            part(cluster, Path(folder) / part.__name__)


if __name__ == "__main__":
    main()
