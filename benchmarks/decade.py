"""What a decade costs from end to end on this machine, by extrapolation: hours and gigabytes of each stage.

Usage: python benchmarks/decade.py [NETWORK …], by default resnet18 and tf_efficientnet_lite0

The nights are the 2,500 of the other benchmarks; how many frames they have, and what Sun and Moon leave of them, is
computed for every tenth. Some of them, in different months, are drawn and ingested, and what is kept of one is
classified with ten networks with random weights. Statistics, pages and export are of all 2,500 nights of
benchmarks/occurrence.py and benchmarks/night_pages.py, which are measured there and take minutes; only their gigabytes
and those of the export follow from here. The frames lie in the page cache, so that a slower disk adds its own time.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from catalogue import write_classifier
from ingest import settings as night_settings
from planning import decade
from training import CONFIG, THREADS

from norrsken.catalogue.export import write_export
from norrsken.catalogue.frames import classify_month
from norrsken.nights.ingest import ingest_month
from norrsken.simulation.exposure import encode
from norrsken.simulation.night import Night, scene

#: So many of a night's frames are drawn. They follow each other again and again, so that neighbours in a table differ.
DRAWN = 24

#: Places of the nights that are ingested, in the list of all 2,500: four seasons of different years.
SAMPLE = (20, 700, 1330, 2140)

RUNS = 10
HOUR = 3600


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def write_night(root: Path, night: Night) -> Iterator[Path]:
    """All frames of a night, as a camera would leave them; yields their folders."""
    minutes = night.minutes()
    files = [
        encode(scene(night, minutes[len(minutes) * i // DRAWN], CONFIG.cameras[0]).photograph()) for i in range(DRAWN)
    ]
    for place, minute in enumerate(minutes):
        moment = night.time(minute)
        path = root / f"{moment:%Y/%m/%d}" / f"KRN{moment:%Y%m%dT%H%M%S}E06000Q.JPG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[place % DRAWN])
        yield path.parent


def row(stage: str, hours: float, gigabytes: float | None, note: str) -> None:
    print(f"| {stage} | {hours:.2f} | {'' if gigabytes is None else f'{gigabytes:.1f}'} | {note} |", flush=True)


def main() -> None:
    cv2.setNumThreads(1)
    days = list(decade())
    nights = [Night.of(day, CONFIG.site, seed=0) for day in days[::10]]
    taken = len(days) * float(np.mean([len(night.minutes()) for night in nights]))
    dark = len(days) * float(np.mean([night.dark(CONFIG.filter)[night.minutes()].sum() for night in nights]))
    print(f"{len(days)} nights: {taken:,.0f} frames, {dark:,.0f} of them kept by Sun and Moon")
    print(f"torch {torch.__version__}, {THREADS} threads for networks, one for the rest")
    print("\n| stage | hours | GB | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        here, spent, kept, read = Path(temporary), 0.0, 0, 0
        months = []
        for place in SAMPLE:
            day = days[place]
            night = Night.of(day, CONFIG.site, 0)
            folders = sorted({str(path) for path in write_night(here / f"archive{place}", night)})
            month = f"{day:%Y-%m}"
            made = [str(here / kind / month) for kind in ("nights", "keograms")]
            settings = night_settings().model_copy(update={"filter": CONFIG.filter})
            start = time.perf_counter()
            counts = ingest_month(str(here / f"archive{place}"), folders, month, settings, made[0], made[1], 1)
            spent, kept, read = spent + time.perf_counter() - start, kept + counts["kept"], read + counts.total()
            months.append((counts["kept"], month))
        archived = sum(size(here / f"archive{place}") for place in SAMPLE)
        row("archive", 0, archived / read * taken / 1e9, f"{archived / read / 1e3:.0f} kB a frame")
        written = size(here / "nights") + size(here / "keograms")
        # What is rejected costs next to nothing, so the time follows the frames that are kept.
        row(
            "ingest",
            spent / kept * dark / HOUR,
            written / kept * dark / 1e9,
            f"{1e3 * spent / kept:.2f} ms a kept frame",
        )
        frames, month = max(months)
        for name in sys.argv[1:] or ("resnet18", "tf_efficientnet_lite0"):
            write_classifier(name, here, RUNS)
            target = here / f"catalogue-{name}" / month
            target.parent.mkdir()
            start = time.perf_counter()
            tables, classifier, condition = here / "nights" / month, here / "classifier.json", here / "condition.json"
            classify_month(str(tables), str(classifier), str(condition), CONFIG.site, str(target))
            spent = time.perf_counter() - start
            each = f"{1e3 * spent / frames:.1f} ms a frame, {RUNS} runs and the sky's condition"
            row(f"classify, {name}", spent / frames * dark / HOUR, size(target) / frames * dark / 1e9, each)
        export = CONFIG.export_settings(CONFIG.release)
        start = time.perf_counter()
        write_export([str(target)], str(classifier), [], export, str(here / "export"))
        spent = time.perf_counter() - start
        row("export", spent / frames * dark / HOUR, size(here / "export") / frames * dark / 1e9, "")


if __name__ == "__main__":
    main()
