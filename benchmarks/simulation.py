"""Speed of the simulation, and simulated frames beside real ones.

Usage: python benchmarks/simulation.py [FOLDER], a folder of real all-sky JPEGs of about 720 × 480 pixels.
"""

import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import cv2
import joblib
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from norrsken.config.config import load
from norrsken.simulation.archive import simulate
from norrsken.simulation.exposure import encode
from norrsken.simulation.night import Night, scene

CONFIG = load(Path(__file__).parent.parent / "config.yaml")
CAMERA = CONFIG.cameras[0]

#: The night of seed 0 whose frames stand beside real ones; the nights around it are timed.
NIGHT = date(2018, 1, 15)


def draw(minutes: range, night: date) -> float:
    """Seconds that one core takes a frame, JPEG included."""
    cv2.setNumThreads(1)
    drawn = Night.of(night, CONFIG.site, 0)
    chosen = drawn.minutes()[minutes.start : minutes.stop : minutes.step]
    encode(scene(drawn, chosen[0], CAMERA).photograph())
    start = time.perf_counter()
    for minute in chosen:
        encode(scene(drawn, minute, CAMERA).photograph())
    return (time.perf_counter() - start) / len(chosen)


def encoding() -> float:
    """Seconds of bare encoding of such a frame."""
    drawn = Night.of(NIGHT, CONFIG.site, 0)
    image = scene(drawn, drawn.minutes()[300], CAMERA).photograph()
    start = time.perf_counter()
    for _ in range(100):
        encode(image)
    return (time.perf_counter() - start) / 100


def speed() -> None:
    nights = [NIGHT + timedelta(days=30 * i) for i in range(-2, 3)]
    one = [draw(range(50, 400, 9), night) for night in nights]
    bare = encoding()
    print(f"frames a second on one core: {1 / np.median(one):.1f} ({1 / max(one):.1f}–{1 / min(one):.1f} by night)")
    print(f"a frame / bare JPEG encoding of it: {np.median(one) / bare:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        archive = CONFIG.archive.model_copy(update={"root": f"{folder}/archive"})
        release = CONFIG.releases[CONFIG.release].model_copy(update={"labels": [f"{folder}/a.csv", f"{folder}/b.csv"]})
        config = CONFIG.model_copy(update={"archive": archive, "releases": {CONFIG.release: release}})
        start = time.perf_counter()
        frames = simulate(config, [NIGHT, NIGHT + timedelta(days=1)], 0, joblib.cpu_count())
        seconds = time.perf_counter() - start
        print(f"{frames} frames of two nights into an archive on {joblib.cpu_count()} cores: {seconds:.0f} s")


def about(data: bytes) -> dict[str, float | list[int]]:
    """What can be compared of a frame without knowing what it shows."""
    image = simplejpeg.decode_jpeg(data).astype(np.float32)
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    inside = np.hypot(x - image.shape[1] / 2, y - image.shape[0] / 2) < 200
    levels = np.percentile(image[inside], [5, 50, 95], axis=0)
    return {
        "kB": len(data) / 1000,
        "5 %": levels[0].astype(int).tolist(),
        "50 %": levels[1].astype(int).tolist(),
        "95 %": levels[2].astype(int).tolist(),
        **{f"{long}–{short} px": deviation for (long, short), deviation in spectrum(image[112:368, 232:488])},
    }


def spectrum(image: NDArray[np.float32]) -> list[tuple[tuple[int, int], float]]:
    """Deviation in grey levels by wavelength in pixels: of sky and aurora, of fine structure, of noise."""
    grey = image.mean(axis=2)
    window = np.outer(np.hanning(len(grey)), np.hanning(len(grey)))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2 / (window**2).sum() / grey.size
    k = np.hypot(np.fft.fftfreq(len(grey))[:, None], np.fft.fftfreq(len(grey)))
    bands = ((64, 32), (16, 8), (4, 2))
    return [((long, short), float(np.sqrt(power[(k >= 1 / long) & (k < 1 / short)].sum()))) for long, short in bands]


def show(name: str, data: bytes) -> None:
    found = (f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in about(data).items())
    print(f"{name:26s}", ", ".join(found))


def main() -> None:
    speed()
    drawn = Night.of(NIGHT, CONFIG.site, 0)
    print("simulated")
    for minute in drawn.minutes()[10:-10:90]:
        show(f"{drawn.time(minute):%Y-%m-%d %H:%M}", encode(scene(drawn, minute, CAMERA).photograph()))
    for folder in sys.argv[1:]:
        print("real")
        for path in sorted(Path(folder).glob("*.jpg")):
            show(path.name, path.read_bytes())


if __name__ == "__main__":
    main()
