"""The pages for people, of a decade, in Chromium: 2,500 nights of keograms, 14,030 frames to label.

Usage: python benchmarks/pages.py
"""

import os
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from PIL import Image
from planning import decade
from playwright.sync_api import Browser, Page, sync_playwright

from norrsken import schemas, tables
from norrsken.config.config import load
from norrsken.curation.keograms import write_keogram_page
from norrsken.curation.labelling import write_labelling_page
from norrsken.nights.keogram import LAYOUT

CONFIG = load(Path(__file__).parent.parent / "config.yaml")
FRAMES = 14_030

#: In the page: press a key, wait until the next frame is decoded and the browser paints; milliseconds.
LABEL = """async (times) => {
  const found = [], image = document.getElementById("image");
  for (let i = 0; i < times; i++) {
    await new Promise((done) => setTimeout(done, 200));
    const start = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: String(1 + (i % 9)) }));
    await image.decode();
    await new Promise(requestAnimationFrame);
    found.push(performance.now() - start);
  }
  return found;
}"""

#: In the page: scroll by a tenth of a night each time the browser paints; milliseconds between paints.
SCROLL = """async (times) => {
  const found = [], nights = document.getElementById("nights");
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < times; i++) {
    nights.scrollBy(0, 40);
    const now = await new Promise(requestAnimationFrame);
    found.push(now - last);
    last = now;
  }
  return found;
}"""


def random_image(height: int, width: int, smooth: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (height // smooth + 1, width // smooth + 1, 3), np.uint8)
    return Image.fromarray(noise.repeat(smooth, axis=0).repeat(smooth, axis=1)[:height, :width])


def write_nights(folder: Path) -> Path:
    """Empty night tables, and keograms of the usual size."""
    picture = folder / "keogram.png"
    random_image(LAYOUT["height"], LAYOUT["width"], 2).save(picture)
    nights = list(decade())
    for night in nights:
        month = f"{night:%Y-%m}"
        for name in ("nights", "keograms"):
            (folder / "results" / name / month).mkdir(parents=True, exist_ok=True)
        path = folder / "results/nights" / month / f"{night}.parquet"
        tables.write(path, schemas.NIGHT_TABLE.empty_table(), schemas.NIGHT_TABLE, {})
        shutil.copy(picture, folder / "results/keograms" / month / f"{night}.png")
    months = sorted({f"{night:%Y-%m}" for night in nights})
    tables_of, keograms = (
        [str(folder / "results" / name / month) for month in months] for name in ("nights", "keograms")
    )
    page = folder / "results/curation/keograms.html"
    start = time.perf_counter()
    write_keogram_page(tables_of, keograms, CONFIG.keogram_page_settings(), str(page))
    seconds, size = time.perf_counter() - start, page.stat().st_size / 1e6
    print(f"{len(nights)} nights: page of {size:.1f} MB written in {seconds:.1f} s")
    return page


def write_frames(folder: Path) -> Path:
    """A labelling page with the frames of twenty nights."""
    picture = folder / "frame.png"
    random_image(128, 128, 2).save(picture)
    frames = [
        f"2015-01-{1 + i // 720:02d}/KRN201501{1 + i // 720:02d}T{i % 720 // 60:02d}{i % 60:02d}00"
        for i in range(FRAMES)
    ]
    for frame in frames:
        path = folder / "labelling/frames" / f"{frame}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(picture, path)
    page = folder / "labelling/bertil.html"
    write_labelling_page(frames, "bertil", "random", CONFIG.labelling_settings(CONFIG.release), page)
    return page


def opened(browser: Browser, path: Path, ready: str) -> tuple[Page, float]:
    """A page of 1280 × 800 pixels, and the seconds until a picture of it is there, the median of five times."""
    times = []
    for _ in range(5):
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_function(f"document.querySelector('{ready}')?.naturalWidth > 0")
        times.append(time.perf_counter() - start)
    return page, median(times)


def spread(milliseconds: list[float]) -> str:
    return f"{median(milliseconds):.0f} ms, 95 % under {quantiles(milliseconds, n=20)[-1]:.0f} ms"


def main() -> None:
    print(f"{date.today()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(temporary)
        keograms, frames = write_nights(folder), write_frames(folder)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page, seconds = opened(browser, keograms, ".sky img")
        print(f"page of keograms opens in {seconds:.2f} s (under 3 s)")
        paints = page.evaluate(SCROLL, 600)
        print(f"scrolling through 60 nights: {spread(paints)} between paints")
        page, seconds = opened(browser, frames, "#image")
        print(f"page of {FRAMES:,} frames opens in {seconds:.2f} s (under 3 s)")
        delays = page.evaluate(LABEL, 100)
        print(f"from key to next frame: {spread(delays)} (under 50 ms)")


if __name__ == "__main__":
    main()
