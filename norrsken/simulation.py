"""A small made-up archive for the demo and the tests: plain shapes, one for each class, in a camera's own format.

It is no model of the aurora. What it writes has the camera's size, orientation, file names and directories, the true
Sun and Moon, a few broken files, and the tables of two made-up annotators.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
import simplejpeg
from numpy.typing import NDArray
from trollsift import Parser

from norrsken.archive import camera_in_force, frame_id
from norrsken.astronomy import sun_and_moon_altitude
from norrsken.classes import CLASSES, EXCLUSIONS
from norrsken.config import CROP, Camera, Config, ConfigError
from norrsken.errors import NorrskenError
from norrsken.files import write_csv, written_aside

#: UTC hours of the evening between which a simulated night has frames: from twilight into the dark.
FIRST_HOUR, LAST_HOUR = 14, 24

#: Kinds of sky, in an order that is shuffled again and again, so that every night has each of them.
KINDS = ("breakup", "colored", "arcs", "arcs", "discrete", "patchy", "patchy", "edge", "faint", "rejected")
GREEN, RED, PURPLE, ORANGE = (0.30, 1.0, 0.42), (1.0, 0.18, 0.22), (0.62, 0.25, 1.0), (1.0, 0.62, 0.30)

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Episode:
    """Some minutes of one kind of sky: from `start`, with shapes drawn from `seed`."""

    start: datetime
    kind: str
    seed: int


def simulate(config: Config, nights: Sequence[date], seed: int, workers: int) -> int:
    """Write the frames of these nights into the archive, and the label tables; return how many frames.

    The same seed gives the same bytes. Truth is written beside the archive, as `truth.csv`, never read again. Raises
    `NorrskenError` where an archive or a label table is there already.
    """
    tables = config.releases[config.release].labels
    for path in (config.archive.root, *tables):
        if Path(path).exists():
            raise NorrskenError(f"{path} exists; a simulated archive is written only where there is nothing yet")
    made = joblib.Parallel(n_jobs=workers)(joblib.delayed(_simulate_night)(config, night, seed) for night in nights)
    truth = pd.DataFrame([row for rows in made for row in rows], columns=["frame_id", "truth", "path", "kept"])
    kept = truth[truth["kept"]]
    _break_files(kept["path"].tolist())
    write_csv(truth.drop(columns="kept"), Path(config.archive.root).parent / "truth.csv")
    labelled = list(zip(kept["frame_id"], kept["truth"], strict=True))[::3]
    for i, table in enumerate(tables):
        rows = _annotate(labelled, np.random.default_rng([seed, i]))
        write_csv(pd.DataFrame(rows, columns=["frame_id", "label"]), table)
    return len(truth)


def _simulate_night(config: Config, night: date, seed: int) -> list[tuple[str, str, str, bool]]:
    """Write a night's frames; return of each its id, kind and path, and whether the filter keeps it."""
    cv2.setNumThreads(1)
    start = datetime(night.year, night.month, night.day, FIRST_HOUR, tzinfo=UTC)
    minutes = [start + timedelta(minutes=i) for i in range(60 * (LAST_HOUR - FIRST_HOUR))]
    sun, moon = sun_and_moon_altitude(np.array([int(t.timestamp() * 1000) for t in minutes]), config.site)
    kept = (sun <= config.filter.sun_altitude_max) & (moon <= config.filter.moon_altitude_max)
    episodes = _episodes(start, minutes[-1], np.random.default_rng([seed, night.toordinal()]))
    rows = []
    for i, time in enumerate(minutes):
        episode = max((e for e in episodes if e.start <= time), key=lambda e: e.start)
        camera = camera_in_force(config.cameras, time)
        if camera is None:
            raise ConfigError(f"no camera of the configuration was in force at {time:%Y-%m-%d}")
        frame = _frame(camera, episode, time, float(sun[i]), float(moon[i]), seed)
        exposure = 2000 if sun[i] > -12 else 6000
        name = Parser(camera.pattern).compose({"time": time.replace(tzinfo=None), "exposure_ms": exposure})
        path = Path(config.archive.root) / time.strftime(config.archive.directories) / name
        with written_aside(path) as temporary:
            temporary.write_bytes(simplejpeg.encode_jpeg(frame, quality=90, colorsubsampling="420"))
        rows.append((frame_id(config.site.station, time), episode.kind, str(path), bool(kept[i])))
    return rows


def _episodes(start: datetime, end: datetime, random: np.random.Generator) -> list[Episode]:
    episodes: list[Episode] = []
    kinds: list[str] = []
    while start < end:
        kinds = kinds or random.permutation(KINDS).tolist()
        episodes.append(Episode(start, kinds.pop(), int(random.integers(2**31))))
        start += timedelta(minutes=int(random.integers(6, 20)))
    return episodes


def _frame(camera: Camera, episode: Episode, time: datetime, sun: float, moon: float, seed: int) -> NDArray[np.uint8]:
    """One archived frame (height, width, 3) uint8, drawn at a third of the size with north up, then turned back."""
    swapped = camera.rotate in (90, 270)
    width, height = (camera.height, camera.width) if swapped else (camera.width, camera.height)
    half_crop = CROP * camera.block / 2  # the unit of length: the crop reaches from −1 to 1
    u, v = np.meshgrid(
        ((np.arange(width // 3) * 3 + 1) - width / 2) / half_crop,
        (height / 2 - (np.arange(height // 3) * 3 + 1)) / half_crop,
    )
    random = np.random.default_rng(episode.seed)
    age = (time - episode.start) / timedelta(minutes=1)
    light = _sky(u, v, sun, moon, random) + _shape(
        episode.kind, u.astype(np.float32), v.astype(np.float32), age, random
    )
    light *= (np.hypot(u, v) < 1.8)[..., None]
    full = cv2.resize(light.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    noise = np.random.default_rng([seed, int(time.timestamp())])
    y, x = noise.integers(0, 128, 2)
    full += _grain(height + 128, width + 128)[y : y + height, x : x + width]
    stars = noise.integers(0, (height, width), (150, 2))
    full[stars[:, 0], stars[:, 1]] += noise.uniform(20, 160, (150, 1)).astype(np.float32)
    return _turn_back(np.clip(full + 0.5, 0, 255).astype(np.uint8), camera)


@cache
def _grain(height: int, width: int) -> Array:
    """Sensor noise, drawn once: each frame shows another part of it."""
    return np.random.default_rng(0).standard_normal((height, width, 3), np.float32) * 5


def _sky(u: NDArray[np.float64], v: NDArray[np.float64], sun: float, moon: float, random: np.random.Generator) -> Array:
    """Airglow, town light near the horizon, twilight and moonlight."""
    glow = np.array([9.0, 13.0, 12.0]) * random.uniform(0.8, 1.3)
    twilight = np.array([25.0, 50.0, 110.0]) * np.exp(min(sun + 10, 4) / 3)
    moonlight = np.array([60.0, 60.0, 62.0]) * max(np.sin(np.radians(moon)), 0)
    town = np.exp(-(((np.hypot(u, v) - 1.8) / 0.25) ** 2) - ((u - 1) ** 2 + (v + 1) ** 2))
    return np.asarray(glow + twilight + moonlight + town[..., None] * 90 * np.array(ORANGE), np.float32)


def _shape(kind: str, u: Array, v: Array, age: float, random: np.random.Generator) -> Array:
    """The light of one kind of sky (h, w, 3), 0…255. u: east, v: north, in units of half the crop; age: minutes."""
    wave = random.uniform(-1, 1, 8)
    drift = age / 60
    match kind:
        case "arcs":
            bands = range(int(random.integers(1, 4)))
            return _light(sum(_band(u, v, wave[k] * 0.7 - drift, 0.09, 0.05, wave + k) for k in bands), 140, GREEN)
        case "breakup":
            folds = sum(_band(u, v, k * 0.5 - 0.8 + drift, 0.22, 0.3, wave * 2 + k) for k in range(4))
            return _light(folds * (0.6 + _clouds(u.shape, 6, random)), 230, (0.5, 1.0, 0.55))
        case "colored":
            at, high, low = wave[0] * 0.4 - drift, random.uniform(0.3, 1), random.uniform(0, 0.8)
            green = _light(_band(u, v, at, 0.14, 0.15, wave), 120, GREEN)
            red = _light(_band(u, v, at + 0.4, 0.25, 0.15, wave), 130 * high, RED)
            return green + red + _light(_band(u, v, at - 0.18, 0.08, 0.15, wave), 110 * low, PURPLE)
        case "discrete":
            light = np.zeros_like(u)
            for k in range(int(random.integers(2, 5))):
                angle, (x, y) = random.uniform(0.3, 2.8), random.uniform(-0.7, 0.7, 2)
                along = (u - x) * np.cos(angle) + (v - y) * np.sin(angle)
                across = -(u - x) * np.sin(angle) + (v - y) * np.cos(angle) + 0.8 * wave[k] * along**2 - drift * 0.3
                light += np.exp(-((along / 0.45) ** 2) - (across / 0.1) ** 2)
            return _light(light, 120, GREEN)
        case "patchy":
            patches = np.clip(_clouds(u.shape, 9, random) * 1.8 - 0.55, 0, 1) * (1 + 0.3 * np.sin(age + wave[0]))
            return _light(patches, 55, (0.45, 1.0, 0.5))
        case "edge":
            angle = random.choice([np.pi / 2, -np.pi / 2]) + wave[0] * 0.3
            return _light(_band(u, u * np.cos(angle) + v * np.sin(angle), 1.08, 0.16, 0.04, wave), 130, GREEN)
        case "rejected":
            return _light(0.35 + 0.65 * _clouds(u.shape, 5, random), 120, ORANGE)
        case _:
            return _light(np.ones_like(u), random.uniform(0, 6), GREEN)


def _band(u: Array, v: Array, at: float, width: float, bend: float, wave: NDArray[np.float64]) -> Array:
    centre = at + 0.1 * wave[3] * u + bend * np.sin(2.2 * u + 3 * wave[4]) + bend / 2 * np.sin(5 * u + 3 * wave[5])
    return np.asarray(np.exp(-(((v - centre) / width) ** 2)), np.float32)


def _clouds(shape: tuple[int, ...], cells: int, random: np.random.Generator) -> Array:
    """Smooth noise of 0…1 with about so many bumps along the frame."""
    coarse = random.uniform(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(np.clip(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), 0, 1), np.float32)


def _light(brightness: Array | int, scale: float, colour: tuple[float, float, float]) -> Array:
    return np.asarray(np.asarray(brightness)[..., None] * scale * np.array(colour), np.float32)


def _turn_back(frame: NDArray[np.uint8], camera: Camera) -> NDArray[np.uint8]:
    """Undo step 1 of the processing: from north up to the archived orientation."""
    flipped = frame[:, ::-1] if camera.flip else frame
    return np.ascontiguousarray(np.rot90(flipped, camera.rotate // 90))


def _break_files(dark: Sequence[str]) -> None:
    """What every archive has: files cut off, empty, of another size, HTML named as an image, doubles, strays."""
    cut, empty, html, small, double = (Path(dark[len(dark) * k // 7]) for k in range(1, 6))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    empty.write_bytes(b"")
    html.write_text("<html><body>404 Not Found</body></html>\n")
    small.write_bytes(simplejpeg.encode_jpeg(np.zeros((120, 160, 3), np.uint8)))
    if "E06000" in double.name:
        double.with_name(double.name.replace("E06000", "E06001")).write_bytes(double.read_bytes())
    cut.with_name("Thumbs.db").write_bytes(b"\0")


def _annotate(truth: Sequence[tuple[str, str]], random: np.random.Generator) -> list[tuple[str, str]]:
    """Labels of an annotator who is mostly right, at times unsure, and now and then takes a class for the next."""
    rows = []
    for frame, kind in truth:
        label, chance = kind, random.uniform()
        if kind in CLASSES and chance < 0.12:
            label = EXCLUSIONS[0]
        elif kind in CLASSES and chance < 0.16:
            label = CLASSES[(CLASSES.index(kind) + 1) % len(CLASSES)]
        rows.append((frame, label))
    return rows
