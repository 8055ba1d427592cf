"""Write simulated nights as an archive, their truth beside it, and the tables of the annotators.

The seed and its date alone decide a night, so that nights can be added and a killed simulation can go on. The tables
are then made anew; but a table that a person has changed since is never replaced.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import simplejpeg
from numpy.typing import NDArray
from trollsift import Parser

from norrsken import paths, tables
from norrsken.config.base import ConfigError
from norrsken.config.config import Config
from norrsken.config.jobs import LabellingSettings
from norrsken.config.label_set import Simulated
from norrsken.config.releases import Order
from norrsken.config.site import Camera
from norrsken.config.timecodes import zone
from norrsken.curation.labelling import sequence
from norrsken.dataset.selections import COLUMNS
from norrsken.errors import NorrskenError
from norrsken.files import csv_bytes, digest, to_json, written_aside
from norrsken.nights.archive import truth_folder
from norrsken.nights.grid import mask_of
from norrsken.nights.names import camera_in_force, frame_id
from norrsken.schemas import AUDIT_TABLE
from norrsken.simulation import annotators
from norrsken.simulation.cameras import all_keys, cameras_yaml, random_cameras
from norrsken.simulation.exposure import encode
from norrsken.simulation.night import Night, scene
from norrsken.simulation.truth import (
    TRUTH_TABLE,
    labels,
    simulated_by,
    weights_of,
    worth_labelling,
)

log = logging.getLogger(__name__)

#: This number is raised when the same seed gives other frames than before.
VERSION = 3

#: What is wrong with some files of every archive; each night has a few of them.
FLAWS = ("cut off", "empty", "HTML", "wrong size", "doubled", "stray file")

#: In the folder of the truth: the SHA-256 of each table that a simulation of this archive has ever written → its name.
#: Of all, not only of the last ones, because a simulation can be killed between two tables.
WRITTEN = "tables.json"

#: In the folder of the truth: the configuration's entry `cameras` where they were drawn at random.
CAMERAS = "cameras.yaml"

#: Frames worth labelling that are no farther apart are chosen as one span.
SAME_SPAN = timedelta(minutes=5)

#: A frame in which clouds take away more than this share of the light is `rejected` in truth.
REJECTING_CLOUD = 0.3


def simulate(config: Config, nights: Iterable[date], seed: int, workers: int, any_camera: bool = False) -> int:
    """Write the frames of these nights into the archive, and the tables that people would make of all nights.

    any_camera: each UTC date has a camera that is drawn at random, in place of the configured ones, and `CAMERAS` in
    the folder of the truth says what they are. Returns the number of new frames. The same seed gives the same bytes.
    Nights that are there already are left alone.
    Raises `NorrskenError` where the archive or a table was not made by a simulation, or by one with other settings,
    where a table was changed since, and where the release's label set does not say which labels stand for the simulated
    sky.
    """
    simulated_by(config.label_set(config.release))
    config.labelling_settings(config.release)  # raises where nobody labels the release's frames
    truths = truth_folder(config.archive.root)
    settings = _settings(config, seed)
    pattern = config.cameras[0].pattern
    if any_camera:
        settings["cameras"] = ["drawn at random", pattern]
    _refuse_what_is_not_simulated(config, truths, settings)
    _refuse_changed_tables(config, truths, seed)
    missing = sorted(night for night in set(nights) if not _truth_file(truths, night).exists())
    frames = 0

    def seen_by(night: date) -> list[Camera]:
        return random_cameras([night], seed, pattern) if any_camera else config.cameras

    work = (joblib.delayed(_simulate_night)(config, seen_by(night), night, seed, settings) for night in missing)
    for night, count in zip(missing, joblib.Parallel(n_jobs=workers, return_as="generator")(work), strict=True):
        log.info("%s: %d frames", night, count)
        frames += count
    if any_camera:
        made = [date.fromisoformat(path.stem) for path in truths.glob("*.parquet")]
        with written_aside(truths / CAMERAS) as part:
            part.write_text(cameras_yaml(random_cameras(made, seed, pattern)), encoding="utf-8")
    _write_labels(config, truths, seed)
    return frames


def label_audit(config: Config, seed: int) -> int:
    """Write the tables of the auditors of the release's catalogue, as simulated people would label its sample.

    Returns the number of frames of each table. Raises `NorrskenError` where no sample was drawn, where a table was not
    written by a simulation, and for frames that this archive's simulation has not made.
    """
    sample = paths.AUDIT_SAMPLE.format(release=config.release)
    catalogue = getattr(config.releases[config.release], "catalogue", None)
    if catalogue is None or not Path(sample).exists():
        raise NorrskenError(f"there is no {sample} yet; draw it with snakemake audit")
    simulated = simulated_by(config.label_set(config.release))
    truths, settings = truth_folder(config.archive.root), config.labelling_settings(config.release)
    settings = settings.model_copy(update={"seed": catalogue.audit.seed})
    others = len(config.releases[config.release].labels)  # the auditors are other people than the annotators
    drawn = tables.read(sample, AUDIT_TABLE, ["frame_id", "night"]).to_pandas()
    nights = [(night, frames["frame_id"].tolist()) for night, frames in drawn.groupby("night", sort=True)]
    shown = []
    for night, frames in nights:
        file = _truth_file(truths, night)
        if not file.exists():
            raise NorrskenError(f"{file}: it is not there, but {sample} has frames of this night")
        truth = tables.read(file, TRUTH_TABLE).to_pandas()
        rows = pd.Index(truth["frame_id"]).get_indexer(pd.Index(frames))
        if (rows < 0).any():
            raise NorrskenError(f"{file}: no simulation has made {frames[int((rows < 0).argmax())]} of {sample}")
        shown.append((truth, rows))
    for auditor, path in enumerate(catalogue.audit.tables(config.release), others):
        _write_table(path, _label_table(path, shown, auditor, "random", seed, simulated, settings), truths)
    return len(drawn)


def _truth_file(folder: Path, night: date) -> Path:
    return folder / f"{night}.parquet"


def _settings(config: Config, seed: int) -> dict[str, Any]:
    """What decides the frames of a night, beside its date."""
    return {
        "seed": seed,
        "version": VERSION,
        "site": config.site.model_dump(mode="json"),
        "cameras": [_camera_settings(camera) for camera in config.cameras],
        "directories": config.archive.directories,
        "clock": config.archive.clock,
        "folders": config.archive.folders,
    }


def _camera_settings(camera: Camera) -> dict[str, Any]:
    """What decides a camera's frames."""
    drawn = all_keys(camera)
    mask = mask_of(camera)
    if mask is not None:  # of a mask that is a file the rest tells the name only
        drawn["mask_digest"] = hashlib.sha256(mask.tobytes()).hexdigest()
    settings: dict[str, Any] = json.loads(to_json(drawn))  # as they are read again
    return settings


def _refuse_what_is_not_simulated(config: Config, truths: Path, settings: dict[str, Any]) -> None:
    made = sorted(truths.glob("*.parquet"))
    if not made:
        release = config.releases[config.release]
        for path in filter(None, (config.archive.root, release.selections, *release.labels)):
            if Path(path).exists():
                raise NorrskenError(
                    f"{path} exists, and {truths} does not say that it is simulated: nothing is written. "
                    "Give the configuration another archive.root and labels, or remove them"
                )
        return
    before = {"clock": "UTC", "folders": "day", **tables.about(made[0])["settings"]}
    for key, value in settings.items():
        if before.get(key) != value:
            raise NorrskenError(
                f"{made[0]} was simulated with {key} = {before.get(key)}, not {value}; remove "
                f"{config.archive.root} and {truths} to begin anew"
            )


def _simulate_night(config: Config, cameras: list[Camera], night: date, seed: int, settings: dict[str, Any]) -> int:
    """Write a night's frames, then its truth; return the number of frames."""
    cv2.setNumThreads(1)  # the nights are what runs in parallel
    sky = Night.of(night, config.site, seed)
    rows, doubles = [], []
    for minute in sky.minutes():
        time = sky.time(minute)
        camera = camera_in_force(cameras, time)
        if camera is None:
            raise ConfigError(f"no camera of the configuration was in force at {time:%Y-%m-%d}")
        view = scene(sky, minute, camera)
        shown = time.astimezone(zone(config.archive.clock))
        name = _name(camera, shown, view.exposure_ms)
        of_folder = datetime.combine(night, shown.time()) if config.archive.folders == "night" else shown
        path = Path(config.archive.root) / of_folder.strftime(config.archive.directories) / name
        with written_aside(path) as temporary:
            temporary.write_bytes(encode(view.photograph(), camera.simulated.quality))
        doubles.append(_name(camera, shown, view.exposure_ms + 1))
        rows.append(
            {
                "frame_id": frame_id(config.site.station, time),
                "time": time,
                "night": night,
                "path": path.relative_to(config.archive.root).as_posix(),
                "sun_altitude": sky.heavens.sun_altitude[minute],
                "moon_altitude": sky.heavens.moon_altitude[minute],
                **asdict(view.shares),
                "spoilt": view.spoilt,
            }
        )
    truth = pd.DataFrame(rows, columns=[*TRUTH_TABLE.names])
    if rows:
        truth["flaw"] = _spoil_files(
            config, truth["path"].tolist(), doubles, np.random.default_rng([seed, night.toordinal(), 1])
        )
        rejected = (truth["cloud"] > REJECTING_CLOUD) | truth["spoilt"]
        truth["label"] = labels(weights_of(truth), rejected.to_numpy())
        dark = pd.Series(sky.dark(config.filter)[sky.minutes()])
        truth["offered"] = worth_labelling(truth, dark) & truth["flaw"].isna()
    table = pa.Table.from_pandas(truth, TRUTH_TABLE, preserve_index=False)
    tables.write(_truth_file(truth_folder(config.archive.root), night), table, TRUTH_TABLE, settings)
    return len(truth)


def _name(camera: Camera, time: datetime, exposure_ms: int) -> str:
    name: str = Parser(camera.pattern).compose({"time": time, "exposure_ms": exposure_ms})
    return name


def _spoil_files(
    config: Config, paths: Sequence[str], doubles: Sequence[str], random: np.random.Generator
) -> list[str | None]:
    """Spoil some files as in every archive: cut off, empty, of another size, HTML named as an image, doubled, stray.

    doubles: the name of a second file of the same second. Returns what is wrong with each file, or None.
    """
    flaws: list[str | None] = [None] * len(paths)
    chosen = random.choice(len(paths), min(len(paths), 1 + random.poisson(2)), replace=False)
    for i, flaw in zip(sorted(chosen.tolist()), random.permutation(FLAWS), strict=False):
        path, flaws[i] = Path(config.archive.root) / paths[i], str(flaw)
        match flaw:
            case "cut off":
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            case "empty":
                path.write_bytes(b"")
            case "HTML":
                path.write_text("<html><body>404 Not Found</body></html>\n")
            case "wrong size":
                path.write_bytes(simplejpeg.encode_jpeg(np.zeros((120, 160, 3), np.uint8)))
            case "doubled":
                path.with_name(doubles[i]).write_bytes(path.read_bytes())
            case _:
                path.with_name("Thumbs.db").write_bytes(b"\0")
    return flaws


def _label_tables(config: Config, truths: Path, seed: int) -> Iterator[tuple[str, bytes]]:
    """The selections and the label tables of the release, as the pages of `norrsken.curation` would give them."""
    release, settings = config.releases[config.release], config.labelling_settings(config.release)
    simulated = simulated_by(config.label_set(config.release))
    offered = list(_offered(truths, config))
    if release.selections is not None:
        yield release.selections, csv_bytes(_selections(truths, next(iter(settings.orders))))
    shown = [(truth, np.arange(len(truth))) for truth in offered]
    for annotator, path in enumerate(release.labels):
        order = settings.orders[Path(path).stem]
        yield path, _label_table(path, shown, annotator, order, seed, simulated, settings)


def _label_table(
    path: str,
    nights: Sequence[tuple[pd.DataFrame, NDArray[np.intp]]],
    annotator: int,
    order: Order,
    seed: int,
    simulated: Simulated,
    settings: LabellingSettings,
) -> bytes:
    """The table of somebody who labels frames, some of them twice.

    path: its name is that of the annotator. nights: the truth of each, and the rows of the frames that are labelled.
    """
    frames = [name for truth, rows in nights for name in truth["frame_id"].iloc[rows]]
    answers = [
        [
            label
            for truth, rows in nights
            for label in annotators.annotate(truth, annotator, order, seed, simulated, again)[rows]
        ]
        for again in (False, True)
    ]
    shown = sequence(len(frames), Path(path).stem, order, settings)
    return csv_bytes(annotators.record(frames, answers, shown, annotator, seed))


def _refuse_changed_tables(config: Config, truths: Path, seed: int) -> None:
    """Raise `NorrskenError` where a table of the release is there that no simulation has written.

    Archives that were simulated before `WRITTEN` was kept have none. Their tables are what the truth gives now, unless
    somebody has changed them, or a simulation was killed before it wrote them: then they are refused too.
    """
    release = config.releases[config.release]
    paths = [path for path in filter(None, (release.selections, *release.labels)) if Path(path).exists()]
    written = _written(truths)
    if all(digest(path) in written for path in paths):
        return
    for path, content in _label_tables(config, truths, seed):
        if path in paths and digest(path) == hashlib.sha256(content).hexdigest():
            _remember(truths, path, content)
    for path in paths:
        _refuse_changed_table(path, truths)


def _refuse_changed_table(path: str, truths: Path) -> None:
    if Path(path).exists() and digest(path) not in _written(truths):
        raise NorrskenError(
            f"{path} is not as a simulation has written it: somebody has changed it, so it is not replaced. Move it "
            "away to have it made again, or name other tables in the release"
        )


def _written(truths: Path) -> dict[str, str]:
    """What `WRITTEN` says; nothing where it is not there or was damaged, so that the truth decides."""
    try:
        written = json.loads((truths / WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return written if isinstance(written, dict) else {}


def _remember(truths: Path, path: str, content: bytes) -> None:
    """Add a table to `WRITTEN`, before it is written."""
    written, new = _written(truths), hashlib.sha256(content).hexdigest()
    if new not in written:
        with written_aside(truths / WRITTEN) as part:
            part.write_text(to_json(written | {new: Path(path).name}) + "\n", encoding="utf-8")


def _write_labels(config: Config, truths: Path, seed: int) -> None:
    """Write the selections and the label tables of the release."""
    for path, content in _label_tables(config, truths, seed):
        _write_table(path, content, truths)


def _write_table(path: str, content: bytes, truths: Path) -> None:
    """Write a table of people; raises `NorrskenError` where somebody has changed the one that is there."""
    _refuse_changed_table(path, truths)  # also while the nights were simulated
    _remember(truths, path, content)
    with written_aside(path) as part:
        part.write_bytes(content)


def _selections(truths: Path, annotator: str) -> pd.DataFrame:
    """The spans of the frames that are worth labelling; a night without any has a row that says so."""
    rows = []
    for path in sorted(truths.glob("*.parquet")):
        truth = tables.read(path, TRUTH_TABLE, ["time", "offered"]).to_pandas()
        times = truth["time"][truth["offered"]]
        spans = times.groupby((times.diff() > SAME_SPAN).cumsum()).agg(["min", "max"])
        stamps = [(first, last + timedelta(minutes=1)) for first, last in spans.itertuples(index=False)]
        rows += [(path.stem, f"{start:%FT%TZ}", f"{end:%FT%TZ}", annotator) for start, end in stamps]
        rows += [] if stamps else [(path.stem, "", "", annotator)]
    return pd.DataFrame(rows, columns=[*COLUMNS])


def _offered(truths: Path, config: Config) -> Iterator[pd.DataFrame]:
    """The frames of each simulated night that annotators were given, in order of time.

    Without a table of selections these are all frames that the filters keep, not only those worth labelling.
    """
    selected = config.releases[config.release].selections is not None
    for path in sorted(truths.glob("*.parquet")):
        truth = tables.read(path, TRUTH_TABLE).to_pandas()
        kept = truth["flaw"].isna() & (truth["sun_altitude"] <= config.filter.sun_altitude_max)
        kept &= truth["moon_altitude"] <= config.filter.moon_altitude_max
        chosen = truth["offered"] if selected else kept
        if chosen.any():
            yield truth[chosen]
