"""Events, onsets, occurrence and availability of a decade: 2,500 nights of 240 frames, random but lasting.

Each is compared with reading the tables that it needs once by Arrow's own reader of data sets, in the same process.

Usage: python benchmarks/occurrence.py
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from planning import decade
from pyarrow import dataset
from scipy.ndimage import gaussian_filter1d

from norrsken import schemas, tables
from norrsken.catalogue.availability import tabulate_availability
from norrsken.catalogue.correction import fit_correction, read_correction
from norrsken.catalogue.events import find_events
from norrsken.catalogue.judge import Frames
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.classes import CONDITIONS, NOT_CLASSIFIED
from norrsken.config.config import load
from norrsken.config.label_set import DEFAULT, read_label_set
from norrsken.config.releases import EventSettings
from norrsken.files import write_json
from norrsken.paper import CLASSES

FRAMES, TURNS = 240, 3
CONFIG = load(Path(__file__).parent.parent / "config.yaml")
PAPER = read_label_set(DEFAULT)


def night_table(night: date, random: np.random.Generator) -> pa.Table:
    """Frames a minute from each other; classes last for minutes, the sky's condition for hours."""
    minutes = pd.date_range(f"{night}T18:00Z", periods=FRAMES, freq="min", unit="ms")
    logits = gaussian_filter1d(random.normal(size=(FRAMES, len(CLASSES))), 4, axis=0) * 20
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    sky = gaussian_filter1d(random.normal(size=FRAMES), 60) > -0.02
    sure = p.max(axis=1) > 0.5
    columns = {
        "frame_id": [f"KRN{minute:%Y%m%dT%H%M%S}" for minute in minutes],
        "time": minutes,
        "night": [night] * FRAMES,
        "exposure_ms": 6000,
        "sun_altitude": -20.0,
        "moon_altitude": -10.0,
        "magnetic_latitude": 64.7,
        "mlt": (minutes.hour + minutes.minute / 60 + 2.6) % 24,
        "condition": np.where(sky, *CONDITIONS[:2]),
        "label": np.where(sure, np.array(CLASSES)[p.argmax(axis=1)], NOT_CLASSIFIED),
        "reason": pd.Series(sure).map({True: None, False: "unsure"}),
        "aurora": np.where(p[:, -1] > 0.5, "no", "yes"),
        "aurora_probability": 1 - p[:, -1],
        "seen": "none",
        "confidence": p.max(axis=1),
        "entropy": -(p * np.log2(p + 1e-9)).sum(axis=1),
        "familiarity": 0.5,
        "possible": [np.array(CLASSES)[row] for row in p > 0.2],
        "model": "night resnet18",
        **{f"p_{name}": p[:, i] for i, name in enumerate(CLASSES)},
    }
    return pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)


def frames_of(night: date, image: pa.Array) -> pa.Table:
    """The night table: as many frames of daylight and of moonlight, together, as there are frames of the catalogue."""
    half = FRAMES // 2
    minutes = pd.date_range(f"{night}T18:00Z", periods=2 * FRAMES, freq="min", unit="ms") - pd.Timedelta(minutes=half)
    status = ["sun"] * half + ["kept"] * FRAMES + ["moon"] * half
    columns: dict[str, object] = {
        "frame_id": [f"KRN{minute:%Y%m%dT%H%M%S}" for minute in minutes],
        "time": minutes,
        "night": [night] * len(minutes),
        "path": [f"{minute:%Y/%m/%d}/KRN{minute:%Y%m%dT%H%M%S}E06000Q.JPG" for minute in minutes],
        "bytes": np.full(len(minutes), 74_000),
        "sun_altitude": np.full(len(minutes), -20, np.float32),
        "moon_altitude": np.full(len(minutes), -10, np.float32),
        "status": status,
        "image": image,
    }
    schema = schemas.NIGHT_TABLE
    return pa.table({one.name: columns.get(one.name, pa.nulls(len(minutes))) for one in schema}).cast(schema)


def write_decade(folder: Path) -> None:
    """The catalogue, the night tables, and a table of the Kp index."""
    random = np.random.default_rng(0)
    black = bytes(schemas.IMAGE.byte_width)
    image = pa.array([None] * (FRAMES // 2) + [black] * FRAMES + [None] * (FRAMES // 2), schemas.IMAGE)
    for night in decade():
        path = Path(f"{night:%Y-%m}") / f"{night}.parquet"
        tables.write(folder / "catalogue" / path, night_table(night, random), schemas.catalogue_table(CLASSES), {})
        tables.write(folder / "nights" / path, frames_of(night, image), schemas.NIGHT_TABLE, {})
    labels = np.arange(700) % len(CLASSES)
    found = random.dirichlet(np.ones(len(CLASSES)) + 5 * np.eye(len(CLASSES))[0], 700)
    found = np.take_along_axis(found, (np.arange(len(CLASSES)) - labels[:, None]) % len(CLASSES), axis=1)
    nights = np.datetime64("2015-01-01") + np.arange(700) % 50
    correction = fit_correction(Frames(found, labels, nights), CLASSES, CLASSES)
    write_json(correction.plain(), folder / "correction.json")
    starts = pd.date_range("2010-01-01", "2020-01-01", freq="3h")
    kp = pd.DataFrame({"time": starts.strftime("%Y-%m-%dT%H:%MZ"), "kp": random.integers(0, 28, len(starts)) / 3})
    kp.to_csv(folder / "kp.csv", index=False, float_format="%.2f")


def measure(folder: Path) -> None:
    """What this process, which has done nothing else, needs for the statistics, and for reading alone, in turns."""
    months, nights = ([str(path) for path in sorted((folder / name).iterdir())] for name in ("catalogue", "nights"))
    kp, correction = str(folder / "kp.csv"), read_correction(str(folder / "correction.json"))
    shared = ["frame_id", "time", "night", "mlt", "condition", "label", "aurora", *map(schemas.p, CLASSES)]
    catalogue, frames = tables.night_tables(months), tables.night_tables(nights)
    works: dict[str, Callable[[], object]] = {
        "events and onsets": lambda: find_events(months, EventSettings(), CLASSES, PAPER.onset),
        "occurrence": lambda: tabulate_occurrence(months, kp, correction, PAPER),
    }
    site, sun = CONFIG.site.place, CONFIG.filter.sun_altitude_max
    availability: dict[str, Callable[[], object]] = {
        "availability": lambda: tabulate_availability(nights, months, site, sun, PAPER.hidden_sky)
    }
    readings: dict[str, Callable[[], object]] = {
        "reading their columns": lambda: read(catalogue, shared),
        "reading all columns": lambda: read(catalogue, None),
        "reading the columns of availability": lambda: (
            read(catalogue, ["time", "condition", "label"]),
            read(frames, ["time", "status"]),
        ),
    }
    taken: dict[str, list[NDArray[np.float64]]] = {}
    for turn in range(TURNS):
        for name, work in (works | availability).items():
            taken.setdefault(name, []).append(timed(work))
        if not turn:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        for name, work in readings.items():
            taken.setdefault(name, []).append(timed(work))
    median = {name: np.median(of, axis=0) for name, of in taken.items()}
    for name, (seconds, cpu) in median.items():
        print(f"{name}: {seconds:.1f} s, on a core {cpu:.1f} s")
    together = np.sum([median[name] for name in works], axis=0)
    ratios = [
        ("events, onsets and occurrence", together, median["reading their columns"]),
        ("the same", together, median["reading all columns"]),
        ("availability", median["availability"], median["reading the columns of availability"]),
    ]
    for (name, needed, reading), beside in zip(ratios, ("their columns", "all columns", "its columns"), strict=True):
        seconds, cpu = needed / reading
        print(f"{name} / reading {beside}: {seconds:.1f}, on a core {cpu:.1f} (at most 3)")
    print(f"peak memory before anything was read by the other reader {peak:.2f} GB (under 0.6 GB)")


def read(paths: Sequence[Path], columns: list[str] | None) -> int:
    """Read tables once by Arrow's reader of data sets; return the rows."""
    return len(dataset.dataset(list(map(str, paths))).to_table(columns=columns))


def timed(work: Callable[[], object]) -> NDArray[np.float64]:
    """Seconds that some work takes, and seconds that it keeps cores busy."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return np.array([time.perf_counter() - start, time.process_time() - cpu])


def main() -> None:
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
        return
    print(f"{date.today()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        write_decade(Path(folder))
        # As in a rule of one thread: matrices are multiplied on one core.
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        subprocess.run([sys.executable, __file__, folder], check=True, env=os.environ | one)


if __name__ == "__main__":
    main()
