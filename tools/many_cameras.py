"""Simulated nights through cameras drawn at random: what the general classifier and the sky's condition are fitted to.

`drawn(FOLDER)` gives the frames. It draws what the folder lacks, a file a night, so that what was stopped goes on. That
takes half an hour on two cores, and 2 GB.
"""

import zlib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken.config.config import load
from norrsken.config.site import Camera
from norrsken.paper import CLASSES
from norrsken.simulation import sky
from norrsken.simulation.archive import REJECTING_CLOUD
from norrsken.simulation.cameras import random_camera
from norrsken.simulation.decade import label_minutes, season
from norrsken.simulation.display import MINUTES, aurora_of
from norrsken.simulation.night import Night, Scene, scene
from norrsken.simulation.weather import SPOILING

ROOT = Path(__file__).parent.parent
CONFIG = load(ROOT / "config.yaml")
PATTERN = "{time:%Y%m%dT%H%M%S}.jpg"

#: Another sky than that of the demo, of the benchmarks and of `norrsken simulate`, whose seed is 0 unless said.
SEED = 2024

#: Nights; random cameras of each.
NIGHTS, CAMERAS = 480, 3

#: So many of these nights are drawn once more at other latitudes, for the weather alone.
ELSEWHERE = 300

#: Frames of a night of whatever weather, and so many more of breakups and of each weather that spoils frames.
FRAMES, MORE = 6, 3

#: Away from Kiruna the light of the town is down to this share of it, and cameras are up to so many times as sensitive.
DARKEST, MOST_SENSITIVE = 0.02, 6.0

#: Below this latitude there is no aurora.
AURORAL = 52.0

#: A breakup in kR: a model that takes it for glare or moonlight would miss what matters most.
BREAKUP = 20.0

#: Moonlight and twilight at the zenith, in the simulation's units, of some three times the dark sky's own light.
BRIGHT = 0.02


def true_condition(shown: Scene, light: float) -> str:
    """light: of Moon and twilight at the zenith."""
    if shown.spoilt:
        return "bad"
    if shown.shares.cloud > REJECTING_CLOUD:
        return "cloudy"
    return "bright" if light > BRIGHT else "clear"


def clean_minutes(night: Night, evening: date) -> dict[int, str]:
    """The minutes of a night to which two annotators, who are offered some, give the same class, and this class."""
    labelled, _ = label_minutes(night, evening, CONFIG)
    if labelled.empty:
        return {}
    clean = labelled[(labelled["one"] == labelled["two"]) & labelled["one"].isin(CLASSES)]
    return dict(zip(clean.index.tolist(), clean["one"].tolist(), strict=True))


def weather_minutes(night: Night, evening: date, frames: int = FRAMES) -> list[tuple[int, str]]:
    """Minutes of whatever weather, and of what is rare; and what spoils them, or `breakup`, or nothing."""
    random = np.random.default_rng([SEED, evening.toordinal()])
    minutes = np.array(night.minutes(), np.intp)
    breakup = night.course.aurora.breakup > BREAKUP
    some = {"": (minutes, frames), "breakup": (minutes[breakup[minutes]], MORE)}
    some |= {what: (minutes[night.weather.spoilt(what)[minutes]], MORE) for what in SPOILING}
    return [
        (minute, kind)
        for kind, (which, most) in some.items()
        for minute in random.choice(which, min(most, len(which)), replace=False).tolist()
    ]


def write(path: Path, rows: list[tuple[str, int, int, str, str, str]], images: list[NDArray[np.uint8]]) -> None:
    table = np.array(rows, dtype=[("night", "U10"), ("minute", "i4"), ("camera", "i4"), ("label", "U10"),
                                  ("condition", "U10"), ("kind", "U10")])  # fmt: skip
    part = path.with_suffix(".part.npz")
    np.savez(part, rows=table, images=np.array(images, np.uint8).reshape(-1, 128, 128, 3))
    part.rename(path)


def draw_night(folder: Path, evening: date) -> None:
    """Write a night's clean frames and frames of all weather, each through the reference camera (0) and random ones."""
    path = folder / f"{evening}.npz"
    if path.exists():
        return
    cv2.setNumThreads(1)
    night = Night.of(evening, CONFIG.site, SEED)
    cameras = [CONFIG.cameras[0], *(random_camera(evening, SEED + k, PATTERN) for k in range(1, CAMERAS + 1))]
    rows, images = [], []
    for minute, label in clean_minutes(night, evening).items():
        for number, camera in enumerate(cameras):
            image = scene(night, minute, camera).processed()
            rows.append((evening.isoformat(), minute, number, label, "", ""))
            images.append(image)
    for i, (minute, kind) in enumerate(weather_minutes(night, evening)):
        light = sky.moonlight(night.heavens, minute) + sky.twilight(float(night.heavens.sun_altitude[minute]))
        for number in (0, 1 + i % CAMERAS):
            shown = scene(night, minute, cameras[number])
            rows.append((evening.isoformat(), minute, number, "", true_condition(shown, light), kind))
            images.append(shown.processed())
    write(path, rows, images)


def elsewhere(evening: date) -> tuple[Night, list[Camera]]:
    """A night at another latitude, under a sky that may be darker, and cameras that may be more sensitive."""
    random = np.random.default_rng([SEED, evening.toordinal(), 1])
    latitude = float(random.uniform(25, 80) * random.choice([-1, 1], p=[0.25, 0.75]))
    site = CONFIG.site.model_copy(update={"latitude": latitude, "longitude": float(random.uniform(-180, 180))})
    night = Night.of(evening, site, SEED + 1)
    night = replace(night, town=night.town * np.float32(np.exp(random.uniform(np.log(DARKEST), 0))))
    if abs(latitude) < AURORAL:
        none = aurora_of(np.full(MINUTES, -3.0), np.arange(MINUTES) / 60, np.empty(0, np.int64), random)
        night = replace(night, course=replace(night.course, aurora=none))
    cameras = []
    for k in range(CAMERAS):
        camera = random_camera(evening, SEED + 10 + k, PATTERN)
        gain = camera.simulated.gain * float(np.exp(random.uniform(0, np.log(MOST_SENSITIVE))))
        cameras.append(camera.model_copy(update={"simulated": camera.simulated.model_copy(update={"gain": gain})}))
    return night, cameras


def draw_elsewhere(folder: Path, evening: date) -> None:
    """Write frames of all weather on a night at another latitude, each through one of some random cameras."""
    path = folder / f"elsewhere-{evening}.npz"
    if path.exists():
        return
    cv2.setNumThreads(1)
    night, cameras = elsewhere(evening)
    rows, images = [], []
    for i, (minute, kind) in enumerate(weather_minutes(night, evening, 2 * FRAMES)):
        light = sky.moonlight(night.heavens, minute) + sky.twilight(float(night.heavens.sun_altitude[minute]))
        shown = scene(night, minute, cameras[i % CAMERAS])
        rows.append((evening.isoformat(), minute, 1 + i % CAMERAS, "", true_condition(shown, light), kind))
        images.append(shown.processed())
    write(path, rows, images)


@dataclass(frozen=True)
class Drawn:
    """Frames of all nights that were drawn.

    table: a row for each: night, minute, camera (0: the reference camera; others were drawn at random), label (empty:
    of weather), condition (empty: with a label), kind (see `weather_minutes`), elsewhere, part. images: (n, 128, 128,
    3) uint8.
    """

    table: pd.DataFrame
    images: NDArray[np.uint8]

    def where(self, rows: pd.Series) -> "Drawn":
        """Some of the frames."""
        return Drawn(self.table[rows].reset_index(drop=True), self.images[rows.to_numpy()])


def part_of(night: str) -> str:
    """What a night is for: five of seven to train on, one each for the validation and the test."""
    return (*["train"] * 5, "validation", "test")[zlib.crc32(night.encode()) % 7]


def drawn(folder: Path) -> Drawn:
    """The frames of all nights, drawn where the folder lacks them."""
    folder.mkdir(parents=True, exist_ok=True)
    nights = season(SEED)[:NIGHTS]
    away = nights[:ELSEWHERE]
    work = [joblib.delayed(draw_elsewhere)(folder, night) for night in away]
    work += [joblib.delayed(draw_night)(folder, night) for night in nights]
    joblib.Parallel(n_jobs=-1, batch_size=1)(work)
    files = [(folder / f"elsewhere-{night}.npz", True) for night in sorted(away)]
    files += [(folder / f"{night}.npz", False) for night in sorted(nights)]
    tables, images = [], []
    for path, elsewhere in files:
        with np.load(path) as file:
            tables.append(pd.DataFrame(file["rows"]).assign(elsewhere=elsewhere))
            images.append(file["images"])
    table = pd.concat(tables, ignore_index=True)
    return Drawn(table.assign(part=table["night"].map(part_of)), np.concatenate(images))
