"""A night of a camera with a lens, made without torch: its archive, its table and its keogram."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pytest
import simplejpeg

from norrsken.config.jobs import NightSettings
from norrsken.config.observatory import Observatory
from norrsken.config.site import Filter, KeogramSettings
from norrsken.nights.ingest import ingest_month

mpl.use("agg")

ROOT = Path(__file__).parent.parent.parent
NIGHT = date(2018, 1, 14)

#: A camera whose frames are neither square nor upright, and whose zenith is not in the middle.
LENS = {"zenith": [166, 117], "horizon": 100, "projection": "equisolid", "north": 100, "east": "left"}
CAMERA = {
    "valid_from": "2009-01-01",
    "width": 320,
    "height": 240,
    "lens": LENS,
    "pattern": "KRN{time:%Y%m%dT%H%M%S}.jpg",
}
SITE = {"name": "Kiruna", "station": "KRN", "latitude": 67.84, "longitude": 20.42, "elevation": 425, "up": -9.5}


class Night(NamedTuple):
    """A night that has been processed."""

    observatory: Observatory
    times: list[datetime]
    nights: str
    keogram: Path


def times() -> list[datetime]:
    """Three frames a minute, then one, then a gap, and one in two minutes: 110 frames, which are two row groups."""
    start = datetime(2018, 1, 14, 18, 0, 5)
    fast = [start + timedelta(seconds=20 * i) for i in range(60)]
    slow = [start + timedelta(minutes=20 + i) for i in range(40)]
    rare = [start + timedelta(minutes=90 + 2 * i) for i in range(10)]
    return [*fast, *slow, *rare]


def picture(rng: np.random.Generator, width: int = 320, height: int = 240) -> np.ndarray:
    """Coarse colours, which JPEG keeps: (height, width, 3)."""
    return np.kron(rng.integers(0, 250, (height // 20, width // 20, 3)), np.ones((20, 20, 1))).astype(np.uint8)


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=98, colorsubsampling="444"))


def make_night(
    folder: Path, frames: dict[datetime, np.ndarray], cameras: list[dict[str, object]], night: date = NIGHT
) -> Night:
    """Write the archive of a night and process it, with all frames in its table and in its keogram."""
    root = folder / "archive"
    for time, image in frames.items():
        write(root / f"{time:%Y/%m/%d}/KRN{time:%Y%m%dT%H%M%S}.jpg", image)
    observatory = Observatory.model_validate({"site": SITE, "cameras": cameras, "archive": {"root": str(root)}})
    settings = NightSettings(
        site=observatory.site.place,
        cameras=observatory.cameras,
        directories=observatory.archive.directories,
        filter=Filter(moon_altitude_max=90),
        keogram=KeogramSettings(sun_altitude_max=-15),
    )
    month = f"{night:%Y-%m}"
    nights, keograms = (str(folder / "results" / name / month) for name in ("nights", "keograms"))
    days = sorted({str(path.parent) for path in root.rglob("*.jpg")})
    ingest_month(str(root), days, month, settings, nights, keograms, workers=1)
    return Night(observatory, list(frames), str(folder / "results/nights/{month}"), Path(keograms) / f"{night}.png")


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    rng = np.random.default_rng(7)
    return make_night(tmp_path_factory.mktemp("night"), {time: picture(rng) for time in times()}, [CAMERA])
