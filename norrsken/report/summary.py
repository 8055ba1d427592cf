"""Where a release's results come from, for programs: what went in, with what it was made, and what came out."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from norrsken import __version__, stages, tables
from norrsken.files import digest, written_aside


def write_summary(
    configuration: Mapping[str, Any],
    sources: Iterable[str],
    dataset: str,
    metrics: Sequence[Mapping[str, Any]],
    table2: str,
    output: str | os.PathLike[str],
) -> None:
    """Write `summary.json`.

    sources: the tables that people made; those that are gone are null. metrics: the `metrics.json` of all runs. What
    differs when the same work is done again stands under `times`, and nowhere else.
    """
    scores = pd.read_csv(table2)
    summary = {
        "program": {"name": "norrsken", "version": __version__, "commit": _commit(), "stages": _stages()},
        "packages": _same(run["versions"] for run in metrics),
        "configuration": configuration,
        "inputs": {path: digest(path) for path in sources},
        "dataset": {"frames": tables.count(dataset), "sha256": digest(dataset)},
        "seeds": sorted({run["seed"] for run in metrics}),
        "devices": {model: _of(metrics, model, "device") for model in scores["model"].unique()},
        "scores": json.loads(scores.to_json(orient="records", double_precision=6)),
        "times": {
            "train_seconds": {f"{r['split']}/{r['model']}/{r['seed']}": r["seconds"] for r in metrics},
        },
    }
    with written_aside(output) as temporary:
        temporary.write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _commit() -> str | None:
    """The commit of the clone from which the program runs; None where there is no clone or no git."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _stages() -> dict[str, int]:
    return {name.lower(): number for name, number in vars(stages).items() if isinstance(number, int)}


def _of(metrics: Sequence[Mapping[str, Any]], model: str, key: str) -> list[str]:
    return sorted({run[key] for run in metrics if run["model"] == model})


def _same(versions: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """The versions of packages with which the runs were made; more than one where they differ."""
    packages: dict[str, set[str]] = {}
    for run in versions:
        for name, version in run.items():
            packages.setdefault(name, set()).add(version)
    return {name: sorted(packages[name]) for name in sorted(packages)}
