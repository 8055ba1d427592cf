"""What the minutes before and after are worth: frames alone, smoothed, and sequences, on nights of a simulated sky.

Usage: python benchmarks/neighbours.py FOLDER [MODEL]

FOLDER: that of paper_size.py, with its data set and the runs of MODEL (efficientnet-lite0) on it. Draws into FOLDER,
once, in twenty minutes on two cores: the neighbours of the labelled frames, and every minute of the test nights with its
truth. Then a sequence is trained upon each run, on its frozen embeddings. All are judged on the same frames with limits
made alike on validation nights: each frame by itself, smoothed, and as a sequence.
"""

import time
from dataclasses import asdict
from datetime import date
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from paper_size import CAMERA, CONFIG, SEED, SOURCE

from norrsken import schemas, tables
from norrsken.config.context import Context
from norrsken.config.jobs import LabelSettings
from norrsken.dataset.labels import merge_labels
from norrsken.nights.images import process
from norrsken.nights.names import frame_id
from norrsken.simulation.night import Night, scene

CONTEXT = Context(before=5, after=4)


def draw_night(night: date, labelled: pd.DataFrame, whole: bool, folder: Path) -> None:
    """Write the night table of the frames that are needed, and what they show; see `draw`."""
    cv2.setNumThreads(1)
    table, truth = folder / f"nights/{night:%Y-%m}/{night}.parquet", folder / f"truth/{night}.parquet"
    if truth.exists():
        return
    sky = Night.of(night, CONFIG.site, SEED)
    dark = sky.dark(CONFIG.filter)
    minutes = [minute for minute in sky.minutes() if dark[minute]]
    if not whole:
        at = {round((time.to_pydatetime() - sky.start).total_seconds() / 60) for time in labelled["time"]}
        near = {minute + step for minute in at for step in range(-CONTEXT.before, CONTEXT.after + 1)}
        minutes = [minute for minute in minutes if minute in near]
    rows, images = [], []
    for minute in minutes:
        view = scene(sky, minute, CAMERA)
        images.append(process(view.photograph(), CAMERA, CONFIG.site.up))
        rows.append({"time": sky.time(minute), "spoilt": view.spoilt, **asdict(view.shares)})
    write_night(pd.DataFrame(rows), np.array(images, np.uint8), night, table, truth)


def write_night(shown: pd.DataFrame, images: NDArray[np.uint8], night: date, table: Path, truth: Path) -> None:
    """Write frames as a night table, and what they show beside it."""
    for path in (table, truth):
        path.parent.mkdir(parents=True, exist_ok=True)
    names = [frame_id(CONFIG.site.station, time) for time in shown["time"]]
    columns = {
        "frame_id": names,
        "time": pa.array(shown["time"], pa.timestamp("ms", "UTC")),
        "night": pa.array([night] * len(names), pa.date32()),
        "status": ["kept"] * len(names),
        "image": tables.image_column(images),
    }
    empty = {one.name: pa.nulls(len(names), one.type) for one in schemas.NIGHT_TABLE if one.name not in columns}
    schema = pa.schema([one.with_nullable(True) for one in schemas.NIGHT_TABLE])
    tables.write(table, pa.table(columns | empty).select(schema.names).cast(schema), schema, {}, frames=SOURCE)
    shown.assign(frame_id=names).to_parquet(truth)


def draw(folder: Path) -> None:
    """Write the night tables: of test nights every dark minute, of others labelled frames and their neighbours."""
    clean = tables.read_without_images(folder / "dataset.parquet")
    nights = [(night, frames, (frames["split_night"] == "test").any()) for night, frames in clean.groupby("night")]
    joblib.Parallel(n_jobs=-1, batch_size=1)(joblib.delayed(draw_night)(*night, folder) for night in nights)


def hold(folder: Path) -> Path:
    """Write the labelled frames with their neighbours, as a release with a context has them; say what that takes."""
    output = folder / "context/labelled.parquet"
    if output.exists():
        return output
    output.parent.mkdir(exist_ok=True)
    clean = tables.read_without_images(folder / "dataset.parquet")
    for annotator in ("one", "two"):
        clean[["frame_id", "label"]].to_csv(output.with_name(f"{annotator}.csv"), index=False)
    labels = [str(output.with_name(f"{annotator}.csv")) for annotator in ("one", "two")]
    months = [str(path) for path in (folder / "nights").iterdir()]
    years = sorted({time.year for time in clean["time"]})
    settings = LabelSettings(station=CONFIG.site.station, longitude=CONFIG.site.longitude, years=years, context=CONTEXT)
    start = time.perf_counter()
    merge_labels(labels, [], None, None, months, [], settings, str(output))
    seconds, rows = time.perf_counter() - start, tables.count(output)
    size = output.stat().st_size / 1e6
    print(f"{len(clean)} labelled frames, with neighbours {rows}: {size:.0f} MB, {seconds:.0f} s", flush=True)
    return output
