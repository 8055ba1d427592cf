"""The night pages of a decade: 2,500 nights of 600 frames written, and opened in Chromium.

Usage: python benchmarks/night_pages.py [FOLDER]

FOLDER: where the pages are left, to be looked at.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pyarrow as pa
from pages import CONFIG, random_image
from planning import decade
from playwright.sync_api import Browser, sync_playwright

from norrsken import schemas, tables
from norrsken.catalogue.night_pages import write_night_pages
from norrsken.classes import CONDITIONS, NOT_CLASSIFIED
from norrsken.nights.keogram import LAYOUT
from norrsken.paper import CLASSES

FRAMES = 600
KINDS = np.array([*CLASSES, NOT_CLASSIFIED])
SCHEMA = schemas.catalogue_table(CLASSES)


def schema_of(schema: pa.Schema, columns: dict[str, object]) -> pa.Table:
    """A table of these columns; what is left out is empty."""
    return pa.table({field.name: columns.get(field.name, pa.nulls(FRAMES)) for field in schema}).cast(schema)


def write_night(folder: Path, night: date, random: np.random.Generator) -> list[dict[str, object]]:
    """A night table, its catalogue, and its events: spells of one class, some of them under cloud."""
    times = [datetime(night.year, night.month, night.day, 17, tzinfo=UTC) + timedelta(minutes=i) for i in range(FRAMES)]
    ids = [f"{CONFIG.site.station}{time:%Y%m%dT%H%M%S}" for time in times]
    spell = np.cumsum(random.random(FRAMES) < 0.03)
    kind = random.choice(8, spell[-1] + 1, p=[0.04, 0.04, 0.18, 0.06, 0.2, 0.1, 0.28, 0.1])[spell]
    cloud = random.choice([0, 1], spell.max() // 8 + 1, p=[0.6, 0.4])[spell // 8]
    common: dict[str, object] = {"frame_id": ids, "time": times, "night": [night] * FRAMES}
    altitudes = {name: np.zeros(FRAMES, np.float32) for name in ("sun_altitude", "moon_altitude")}
    # The frames of a night are one noisy picture: they are packed to nothing, but each is as much work to write as PNG.
    image = random.normal(40, 8, schemas.IMAGE_SHAPE).astype(np.uint8).tobytes()
    columns = {"path": ids, "bytes": np.zeros(FRAMES, int), "status": ["kept"] * FRAMES, "image": [image] * FRAMES}
    path = Path(f"{night:%Y-%m}") / f"{night}.parquet"
    tables.write(
        folder / "nights" / path,
        schema_of(schemas.NIGHT_TABLE, common | altitudes | columns),
        schemas.NIGHT_TABLE,
        {},
    )
    confidence = np.clip(0.85 + np.cumsum(random.normal(0, 0.02, FRAMES)), 0.3, 1).astype(np.float32)
    columns = {
        **{field.name: np.zeros(FRAMES, np.float32) for field in SCHEMA if field.type == pa.float32()},
        "condition": [CONDITIONS[i] for i in cloud],
        "label": KINDS[kind],
        "seen": ["none"] * FRAMES,
        "confidence": confidence,
        "model": ["night/resnet18"] * FRAMES,
    }
    tables.write(
        folder / "catalogue" / path,
        schema_of(SCHEMA, common | columns),
        SCHEMA,
        {},
    )
    first = np.flatnonzero(np.diff(spell, prepend=-1))
    return [
        {
            "night": night,
            "label": KINDS[kind[a]],
            "start": times[a].isoformat(),
            "end": times[b - 1].isoformat(),
            "minutes": b - a,
            "peak_time": times[(a + b) // 2].isoformat(),
            "peak_frame": ids[(a + b) // 2],
        }
        for a, b in zip(first, [*first[1:], FRAMES], strict=True)
        if kind[a] < len(CLASSES) - 1 and not cloud[a] and b - a > 2
    ]


def opened(browser: Browser, path: Path, ready: str) -> float:
    """Seconds until a page of 1280 × 800 pixels is ready and painted, the median of five times."""
    times = []
    for _ in range(5):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_function(ready)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        times.append(time.perf_counter() - start)
        page.close()
    return median(times)


def main() -> None:
    print(f"{date.today()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder, random = Path(temporary), np.random.default_rng(0)
        picture = folder / "keogram.png"
        random_image(LAYOUT["height"], LAYOUT["width"], 8).save(picture)
        events, nights = [], list(decade())
        for night in nights:
            events += write_night(folder, night, random)
            keogram = folder / "keograms" / f"{night:%Y-%m}" / f"{night}.png"
            keogram.parent.mkdir(parents=True, exist_ok=True)
            os.link(picture, keogram)
        pd.DataFrame(events).to_csv(folder / "events.csv", index=False)
        months = {
            name: [str(path) for path in sorted((folder / name).iterdir())]
            for name in ("catalogue", "nights", "keograms")
        }
        output = Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "pages"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, cpu = time.perf_counter(), time.process_time()
        write_night_pages(
            **months,
            events=str(folder / "events.csv"),
            lost=[],
            settings=CONFIG.night_page_settings(CONFIG.release),
            output=str(output),
        )
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{len(nights)} nights, {len(months['nights'])} months written in {seconds:.0f} s (under 60 s)")
        print(f"of them on a core {cpu:.0f} s; {len(list(output.rglob('*.png')))} pictures")
        print(f"highest memory {memory / 1e3:.0f} MB; {before / 1e3:.0f} MB before")
        calendar, month = output / "index.html", max(output.glob("2*.html"), key=lambda path: path.stat().st_size)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        drawn = "[...document.images][0].naturalWidth > 0 && document.querySelector('.night:last-child .strip')"
        for name, page, ready in (
            ("calendar", calendar, "document.querySelector('.day')"),
            ("largest month", month, drawn),
        ):
            seconds = opened(browser, page, ready)
            print(f"{name}: {page.stat().st_size / 1e6:.2f} MB, opens in {seconds:.2f} s (under 3 s)")


if __name__ == "__main__":
    main()
