"""The page on which people choose times from keograms (section 2.1: areas of potential auroral emission)."""

import os
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from norrsken import schemas, tables
from norrsken.astronomy import sun_and_moon_altitude
from norrsken.calendar import night_start
from norrsken.config.jobs import KeogramPageSettings
from norrsken.nights.keogram import LAYOUT, STEP
from norrsken.pages import write_page


def write_keogram_page(
    nights: Iterable[str], keograms: Iterable[str], settings: KeogramPageSettings, output: str
) -> None:
    """Write the page of all nights; it shows the keograms where they lie, by their paths relative to its own.

    nights, keograms: the directories of the months.
    """
    pictures = {path.stem: path for folder in keograms for path in Path(folder).glob("*.png")}
    rows = list(_nights(nights, pictures, settings.site.longitude, Path(output).parent))
    starts = np.array([row["start"] for row in rows], np.int64)
    times = (starts[:, None] * 1000 + np.arange(0, 24 * 60 + 1, STEP) * 60_000).ravel()
    sun, moon = (altitudes.reshape(len(rows), -1).round(1) for altitudes in sun_and_moon_altitude(times, settings.site))
    for i, row in enumerate(rows):
        row |= {"sun": sun[i].tolist(), "moon": moon[i].tolist()}
    page = {
        "site": settings.site.name,
        "station": settings.site.station,
        "sun_altitude_max": settings.filter.sun_altitude_max,
        "moon_altitude_max": settings.filter.moon_altitude_max,
        "step_minutes": STEP,
        "layout": LAYOUT,
        "nights": rows,
    }
    write_page("keograms", page, output)


def _nights(
    months: Iterable[str], pictures: dict[str, Path], longitude: float, beside: Path
) -> Iterator[dict[str, Any]]:
    """What the page says of each night, in order. start: seconds since 1970 of the local noon that opens it."""
    for path in tables.night_tables(months):
        with tables.opened(path, schemas.NIGHT_TABLE, ["status"]) as file:
            status = file.read(["status"])["status"]
        yield {
            "night": path.stem,
            "start": round(night_start(date.fromisoformat(path.stem), longitude).timestamp()),
            "frames": len(status),
            "kept": pc.sum(pc.equal(status.cast("string"), "kept")).as_py() or 0,
            "keogram": os.path.relpath(pictures[path.stem], beside),
        }
