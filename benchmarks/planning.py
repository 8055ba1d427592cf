"""`snakemake -n` on a decade: 2,500 empty nights and 90 runs.

Usage: python benchmarks/planning.py
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def decade() -> Iterator[date]:
    """2,500 nights from mid-August to April, 250 a year from 2010."""
    for i in range(2500):
        year, day = divmod(i, 250)
        yield date(2010 + year, 1, 1) + timedelta(day if day < 110 else day + 115)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        config = yaml.safe_load((ROOT / "config.yaml").read_text())
        config["models"] = {f"model{i}": config["models"]["resnet18"] for i in range(9)}
        del config["releases"]["kiruna-2010-2019"]["splits"]["night"]
        (here / "config.yaml").write_text(yaml.safe_dump(config))
        for night in decade():
            (here / "archive" / night.strftime("%Y/%m/%d")).mkdir(parents=True)
        (here / "labels").mkdir()
        for name in ("annotator1", "annotator2"):
            (here / "labels" / f"{name}.csv").write_text("frame_id,label\n")
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(here)]
        for _ in range(3):
            start = time.perf_counter()
            done = subprocess.run([*command, "-n", "--cores", "1"], check=True, capture_output=True, text=True)
            seconds = time.perf_counter() - start
            jobs = dict(
                line.split()[:2] for line in done.stdout.split("Job stats:")[1].splitlines()[3:15] if line.split()
            )
            print(f"{seconds:.1f} s for {jobs['ingest_month']} months and {jobs['train_run']} runs (under 10 s)")


if __name__ == "__main__":
    main()
