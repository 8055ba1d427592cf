"""Ingest against bare decoding and against the plain version, memory by night length, two workers against one.

Every figure is a ratio of two measurements in this run. Usage: python benchmarks/ingest.py
"""

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import joblib
import numpy as np
import scipy.ndimage
import simplejpeg

from norrsken.config.config import Config, load
from norrsken.config.jobs import NightSettings
from norrsken.config.lens import KIRUNA_LENS
from norrsken.config.site import Camera
from norrsken.simulation.exposure import encode
from norrsken.simulation.night import Night, scene

ROOT = Path(__file__).parent.parent

#: Ingests a month in a process of its own, twice, and then decodes some of its files alone. It prints the seconds of
#: the second time, the highest memory in MB, the frames by status, and the seconds of decoding a file: into new memory,
#: and into memory that is reused.
CHILD = """
import json, pathlib, resource, sys, time
import numpy as np, simplejpeg
from norrsken.config.jobs import NightSettings
from norrsken.nights.ingest import ingest_month
root, month, settings, output, workers = json.loads(sys.argv[1])
paths = sorted(pathlib.Path(root).rglob("*.JPG"))
directories = sorted({str(path.parent) for path in paths})
settings = NightSettings.model_validate(settings)
for _ in range(2):
    start = time.perf_counter()
    counts = ingest_month(root, directories, month, settings, output + "/n", output + "/k", workers)
    seconds = time.perf_counter() - start
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
files, decoding = [path.read_bytes() for path in paths[:160]], []
for buffer in (None, np.empty((settings.cameras[0].height, settings.cameras[0].width, 3), np.uint8)):
    simplejpeg.decode_jpeg(files[0], buffer=buffer)
    start = time.perf_counter()
    for data in files:
        simplejpeg.decode_jpeg(data, buffer=buffer)
    decoding.append((time.perf_counter() - start) / len(files))
print(json.dumps([seconds, memory, counts, *decoding]))
"""


#: What a camera may have beside the four steps: its lens, a mask as wide as that of the AuroraMAX film, its colours.
RESPONSE = {427.8: (0.20, 0.25, 0.95), 557.7: (0.35, 0.80, 0.20), 630.0: (0.30, 0.10, 0.05)}
MORE: dict[str, dict[str, Any]] = {
    "a lens": {"lens": KIRUNA_LENS},
    "a lens and a mask": {"lens": KIRUNA_LENS, "mask": [(350, 0, 369, 478)]},
    "a lens and colours": {"lens": KIRUNA_LENS, "colour": "response", "response": RESPONSE},
}


class Ingested(NamedTuple):
    """What one call of `CHILD` has measured. bare, reused: seconds of decoding a file alone, in the same process."""

    seconds: float
    memory: float
    counts: dict[str, int]
    bare: float
    reused: float


def settings(more: str = "") -> NightSettings:
    """Kiruna's camera, every frame kept whatever the Moon does. more: of `MORE`."""
    config: Config = load(ROOT / "config.yaml")
    dark = config.filter.model_copy(update={"moon_altitude_max": 90.0})
    cameras = [camera.model_copy(update=MORE.get(more, {})) for camera in config.cameras]
    return config.night_settings(cameras).model_copy(update={"filter": dark})


def jpegs(camera: Camera, number: int) -> list[bytes]:
    """Frames of a simulated night, spread over its hours, about 60 kB each."""
    night = Night.of(date(2015, 12, 9), load(ROOT / "config.yaml").site, seed=0)
    minutes = night.minutes()
    return [encode(scene(night, minutes[len(minutes) * i // number], camera).photograph()) for i in range(number)]


def write_night(root: Path, files: list[bytes], day: int, frames: int) -> None:
    """A night of so many frames between 16:00 and 04:00 UTC, all in the dark, on 2015-12-`day`."""
    start = datetime(2015, 12, day, 16, tzinfo=UTC)
    for i in range(frames):
        moment = start + timedelta(seconds=int(i * 12 * 3600 / frames))
        path = root / f"{moment:%Y/%m/%d}" / f"KRN{moment:%Y%m%dT%H%M%S}E06000Q.JPG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[i % len(files)])


def ingest(root: Path, output: Path, workers: int = 1, more: str = "") -> Ingested:
    """Ingest an archive; one worker has one core, on which its files are decoded alone, too."""
    argument = json.dumps([str(root), "2015-12", settings(more).plain(), str(output), workers])
    command = ["taskset", "-c", "0"] if workers == 1 and sys.platform == "linux" else []
    done = subprocess.run([*command, sys.executable, "-c", CHILD, argument], check=True, capture_output=True, text=True)
    return Ingested(*json.loads(done.stdout))


def bare_decoding(files: list[bytes], reuse: bool) -> float:
    """Seconds a frame of the fastest decoder, from bytes in memory, into new memory each time or into the same."""
    camera = settings().cameras[0]
    buffer = np.empty((camera.height, camera.width, 3), np.uint8) if reuse else None
    start = time.perf_counter()
    for data in files:
        simplejpeg.decode_jpeg(data, buffer=buffer)
    return (time.perf_counter() - start) / len(files)


def plain_version(files: list[bytes]) -> float:
    """Seconds a frame of the four steps as one would write them down first: SciPy's median, NumPy's mean."""
    start = time.perf_counter()
    for data in files:
        turned = np.rot90(simplejpeg.decode_jpeg(data), -1)[:, ::-1]
        median = np.stack([scipy.ndimage.median_filter(turned[..., i], 3) for i in range(3)], axis=-1)
        height, width = median.shape[0] // 2, median.shape[1] // 2
        mean = median[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
        np.floor(mean + 0.5).astype(np.uint8)[116:244, 56:184]
    return (time.perf_counter() - start) / len(files)


def main() -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        files = jpegs(settings().cameras[0], 160)
        print(f"{len(files)} different frames, {np.mean([len(f) for f in files]) / 1000:.0f} kB on average")

        write_night(here / "night", files, 20, 720)
        nights = [ingest(here / "night", here / f"out{repeat}") for repeat in range(9)]
        frames = np.array([1000 * night.seconds / night.counts["kept"] for night in nights])
        bare, reused = (1000 * np.array([getattr(night, name) for night in nights]) for name in ("bare", "reused"))
        frame = float(np.median(frames))
        print(
            f"ingest {frame:.2f} ms a decoded frame, decoding {np.median(bare):.2f}, into reused memory "
            f"{np.median(reused):.2f} (medians of {len(nights)})"
        )
        # Each night is compared with the decoding that came after it, because the machine's speed drifts.
        ratios, others = frames / bare, frames / reused
        print(
            f"ingest / bare decoding: {np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f}; aimed at: at "
            f"most 1.25); reusing memory {np.median(others):.2f}"
        )
        print(f"plain version / ingest: {1000 * plain_version(files[:20]) / frame:.0f} (at least 30)")

        times: dict[str, list[float]] = {more: [] for more in ("", *MORE)}
        for repeat in range(7):
            for more, found in times.items():
                found.append(ingest(here / "night", here / f"{more}{repeat}", more=more).seconds)
        for more in MORE:
            ratio = np.median(np.array(times[more]) / times[""])
            print(f"ingest with {more} / without: {ratio:.2f} (a lens: at most 1.3)")

        memory = {}
        for number in (500, 5000):
            write_night(here / f"night{number}", files, 20, number)
            memory[number] = ingest(here / f"night{number}", here / f"memory{number}").memory
        print(f"memory: {memory[500]:.0f} MB for 500 frames a night, {memory[5000]:.0f} for 5000 (at most 20 % more)")

        for day in (10, 12, 14, 16):
            write_night(here / "four", files, day, 720)
        gains, limits = [], []
        with joblib.Parallel(2) as pool:
            pool([joblib.delayed(bare_decoding)(files, reuse=True)] * 2)
            for i in range(5):
                one, two = (ingest(here / "four", here / f"w{n}-{i}", n).seconds for n in (1, 2))
                gains.append(one / two)
                alone = bare_decoding(files, reuse=True)
                together = max(pool([joblib.delayed(bare_decoding)(files, reuse=True)] * 2))
                limits.append(2 * alone / together)
        gain, limit = float(np.median(gains)), float(np.median(limits))
        print(f"two workers do {gain:.2f} times the work of one; two bare decoders on this machine {limit:.2f}")


if __name__ == "__main__":
    main()
