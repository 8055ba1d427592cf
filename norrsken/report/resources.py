"""What the jobs of a release took: Snakemake's benchmark files, summed by rule."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from norrsken import tables
from norrsken.training.features import NETWORK_KEY

#: Columns of a benchmark: seconds; threads, only with benchmark-extended, which the profiles set; peak memory in MB.
COLUMNS = ["s", "threads", "max_rss"]


def tabulate_resources(
    benchmarks: Mapping[str, Sequence[str]], features: Sequence[str], metrics: Sequence[str]
) -> pd.DataFrame:
    """One row for each rule that the release's runs stand on: rule, jobs, core_hours, gpu_hours, peak_memory_mb.

    benchmarks: rule → Snakemake's benchmark files of its jobs. features, metrics: the files that the jobs of
    `extract_features` and `train_run` made, in the order of their benchmarks; they name the device. A job whose
    benchmark is not there is left out. A benchmark tells only of the attempt that succeeded. core_hours: time × threads
    that the job held. gpu_hours: time of the jobs that computed on a GPU.
    """
    devices = {
        "extract_features": [tables.about(path)[NETWORK_KEY].get("device", "cpu") for path in features],
        "train_run": [json.loads(Path(path).read_text(encoding="utf-8"))["device"] for path in metrics],
    }
    rows = []
    for rule, paths in benchmarks.items():
        jobs = [
            pd.read_csv(path, sep="\t", na_values="-").reindex(columns=COLUMNS).assign(gpus=int(device != "cpu"))
            for path, device in zip(paths, devices.get(rule, ["cpu"] * len(paths)), strict=True)
            if Path(path).exists()
        ]
        if jobs:
            table = pd.concat(jobs)
            hours = table["s"] / 3600
            rows.append(
                {
                    "rule": rule,
                    "jobs": len(table),
                    "core_hours": (hours * table["threads"]).sum(skipna=False),
                    "gpu_hours": (hours * table["gpus"]).sum(),
                    "peak_memory_mb": table["max_rss"].max(),
                }
            )
    return pd.DataFrame(rows)
