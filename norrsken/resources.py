"""What the jobs of a release took: Snakemake's benchmark files, summed by rule."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from norrsken import tables
from norrsken.features import NETWORK_KEY

BENCHMARKS = Path("results/benchmarks")

#: Seconds, threads (only with benchmark-extended, as the profiles have it), highest resident memory in MB.
COLUMNS = ["s", "threads", "max_rss"]


def tabulate_resources(
    release: str, months: Iterable[str], features: Iterable[str], metrics: Iterable[str]
) -> pd.DataFrame:
    """A row a rule that the release's runs stand on: rule, jobs, core_hours, gpu_hours, peak_memory_mb.

    Snakemake's files tell only of the attempt that succeeded. core_hours: time × threads that the job held. gpu_hours:
    time of the jobs that computed on a GPU. features, metrics: the files that the jobs made; they name the device.
    """
    on_gpu = {
        "ingest_month": dict.fromkeys(months, False),
        "merge_labels": {release: False},
        "read_published": {release: False},
        "split_dataset": {release: False},
        "extract_features": {
            f"{release}/{Path(path).stem}": tables.about(path)[NETWORK_KEY].get("device", "cpu") != "cpu"
            for path in features
        },
        "train_run": {
            Path(path).parent.relative_to("results").as_posix(): json.loads(Path(path).read_text())["device"] != "cpu"
            for path in metrics
        },
    }
    rows = []
    for rule, jobs in on_gpu.items():
        found = [
            pd.read_csv(path, sep="\t", na_values="-").reindex(columns=COLUMNS).assign(gpus=int(gpu))
            for name, gpu in jobs.items()
            if (path := BENCHMARKS / rule / f"{name}.tsv").exists()
        ]
        if found:
            table = pd.concat(found)
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
