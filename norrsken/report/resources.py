"""What the jobs of a release took: Snakemake's benchmark files, summed by rule."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from norrsken import tables
from norrsken.training.features import NETWORK_KEY

#: Seconds, threads (only with benchmark-extended, as the profiles have it), highest resident memory in MB.
COLUMNS = ["s", "threads", "max_rss"]


def tabulate_resources(
    benchmarks: Mapping[str, Sequence[str]], features: Sequence[str], metrics: Sequence[str]
) -> pd.DataFrame:
    """A row a rule that the release's runs stand on: rule, jobs, core_hours, gpu_hours, peak_memory_mb.

    benchmarks: rule → Snakemake's benchmark files of its jobs, those of `extract_features` and `train_run` in the order
    of features and metrics, the files that these jobs made, which name the device. A job whose benchmark is not there
    is left out. The files tell only of the attempt that succeeded. core_hours: time × threads that the job held.
    gpu_hours: time of the jobs that computed on a GPU.
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
