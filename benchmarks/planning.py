"""How long Snakemake takes to start here, beside a start on an empty Snakefile.

Two starts are measured: `snakemake -n` on a decade of 2,500 nights and 90 runs of which nothing was made, and
`snakemake` where everything was made: on that decade, and on a project of one month and 4 runs. A start on an empty
Snakefile with the same options stands beside each. All are repeated in turn, so that a machine that slows down slows
all of them.

Usage: python benchmarks/planning.py [rounds]
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import yaml

ROOT = Path(__file__).parent.parent


def decade() -> Iterator[date]:
    """2,500 nights from mid-August to April, 250 a year from 2010."""
    for i in range(2500):
        year, day = divmod(i, 250)
        yield date(2010 + year, 1, 1) + timedelta(day if day < 110 else day + 115)


def make_project(here: Path, nights: list[date], models: int, seeds: int) -> None:
    """A project of empty nights, but for one frame, that has not run yet."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["models"] = {f"model{i}": config["models"]["resnet18"] for i in range(models)}
    config["seeds"] = list(range(seeds))
    release = config["releases"]["kiruna-2010-2019"]
    release["years"] = sorted({night.year for night in nights})
    del release["splits"]["night"]
    for night in nights:
        (here / "archive" / night.strftime("%Y/%m/%d")).mkdir(parents=True)
    (here / "archive" / nights[0].strftime("%Y/%m/%d/KRN%Y%m%dT180000E06000Q.JPG")).touch()
    (here / "labels").mkdir()
    for name in ("annotator1", "annotator2"):
        (here / "labels" / f"{name}.csv").write_text("frame_id,label\n")
    (here / "config.yaml").write_text(yaml.safe_dump(config))


def snakemake(snakefile: Path, here: Path, *options: str) -> str:
    """Run Snakemake in a folder, return what it said."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(here)]
    done = subprocess.run([*command, "--cores", "1", *options], check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


def finish(here: Path) -> None:
    """Make empty files of all that the workflow would make, and let Snakemake take them for finished."""
    for line in snakemake(ROOT / "Snakefile", here, "--summary").splitlines():
        path = here / line.split("\t")[0]
        if line.startswith("results/"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix else path.mkdir(exist_ok=True)
    snakemake(ROOT / "Snakefile", here, "--touch", "--quiet", "all")


def main(rounds: int = 7) -> None:
    with tempfile.TemporaryDirectory() as folder:
        new, done, small, empty = (Path(folder) / name for name in ("new", "done", "small", "empty"))
        make_project(new, list(decade()), models=9, seeds=10)
        shutil.copytree(new, done)
        make_project(small, [date(2015, 1, day) for day in range(1, 21)], models=2, seeds=2)
        for project in (done, small):
            finish(project)
        empty.mkdir()
        (empty / "Snakefile").touch()
        starts: dict[str, tuple[Path, Path, list[str]]] = {
            "empty Snakefile, -n": (empty, empty, ["-n"]),
            "decade, -n": (ROOT, new, ["-n"]),
            "empty Snakefile": (empty, empty, []),
            "decade, finished": (ROOT, done, []),
            "small, finished": (ROOT, small, []),
        }
        seconds: dict[str, list[float]] = {name: [] for name in starts}
        said = {}
        for _ in range(rounds):
            for name, (workflow, project, options) in starts.items():
                start = time.perf_counter()
                said[name] = snakemake(workflow / "Snakefile", project, *options)
                seconds[name].append(time.perf_counter() - start)
        stats = said["decade, -n"].split("Job stats:")[1].splitlines()[3:]
        jobs = dict(line.split()[:2] for line in stats if len(line.split()) == 2)
        print(f"the decade has {jobs['ingest_month']} months and {jobs['train_run']} runs, {jobs['total']} jobs in all")
        for name in ("decade, finished", "small, finished"):
            assert "Nothing to be done" in said[name], said[name]
        for name, taken in seconds.items():
            beside = median(seconds["empty Snakefile, -n" if name.endswith("-n") else "empty Snakefile"])
            print(f"{name:20} {median(taken):5.2f} s  {median(taken) / beside:.2f} times an empty Snakefile")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
