"""What the results of a release were made of, as its report and its `summary.json` say it."""

import os
from pathlib import Path
from typing import Any

from norrsken import paths
from norrsken.calendar import months_of_years
from norrsken.plan import Plan


def label_sources(plan: Plan) -> dict[str, Any] | None:
    """What people said, and the settings with which it is merged; None for a release that is not of the archive.

    The report reads this only to say how far a frozen release has drifted. As inputs these would remake it.
    """
    if plan.sources:
        return None
    return {
        "labels": plan.release.labels,
        "divided": plan.release.divided,
        "adjudicated": plan.release.adjudicated,
        "selections": plan.release.selections,
        "nights": os.path.dirname(paths.NIGHTS),
        "settings": plan.config.label_settings(plan.name).plain(),
    }


def configuration(plan: Plan) -> dict[str, Any]:
    """All of the configuration that shapes the release's scores; its `frozen` and `catalogue` do not."""
    config, release = plan.config, plan.release.plain()
    for name in ("frozen", "catalogue"):
        release.pop(name, None)
    return {
        "release": {"name": plan.name, **release},
        "seeds": config.seeds,
        **{name: getattr(config, name).plain() for name in ("site", "archive", "filter")},
        "cameras": [{"name": camera.name, **camera.plain()} for camera in config.cameras],
        "features": {name: entry.plain() for name, entry in sorted(config.features.items())},
        "models": {name: entry.plain() for name, entry in sorted(config.models.items())},
    }


def benchmarks(plan: Plan) -> dict[str, list[str]]:
    """Snakemake's benchmark files of the jobs that the release's runs stand on, by rule.

    Those of features and runs are in the order of `features` and `metrics`.
    """
    models = plan.config.models
    features = [f"{plan.name}/{Path(path).stem}" for path in plan.features(models)]
    runs = [os.path.relpath(os.path.dirname(path), "results") for path in plan.metrics(models)]
    jobs = {
        "ingest_month": sorted(months_of_years(plan.release.years)),
        "merge_labels": [plan.name],
        "read_published": [plan.name],
        "read_pictures": [plan.name],
        "split_dataset": [plan.name],
        "extract_features": features,
        "train_run": runs,
    }
    return {rule: [f"{paths.BENCHMARKS}/{rule}/{job}.tsv" for job in names] for rule, names in jobs.items()}
