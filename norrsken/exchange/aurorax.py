"""A catalogue as ephemeris records of AuroraX, in JSON as pyaurorax would send them; nothing is ever sent.

AuroraX (University of Calgary) finds conjunctions of satellites with ground instruments by records of a minute each,
whose metadata can say what a classifier saw. pyaurorax is installed in an environment of its own: see
`docs/exchange.md`.
"""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from norrsken import tables
from norrsken.classes import CONDITIONS, NOT_CLASSIFIED
from norrsken.config.site import Site
from norrsken.exchange.library import FIELD, ExchangeError, library
from norrsken.files import written_aside
from norrsken.schemas import catalogue_table, p

#: The field of the records' metadata that says the class, as AuroraX names those of other classifiers.
FIELD_NAME = "norrsken_ml_v1"

#: Records that pyaurorax sends at a time.
CHUNK = 500

#: The columns of the catalogue of which records are made.
_COLUMNS = ("frame_id", "time", "condition", "label", "confidence", "familiarity")

_MINUTE = 60_000

#: The places of a record, each of which is a latitude and a longitude.
_PLACES = ("location_geo", "nbtrace", "sbtrace", "location_gsm")
_EPOCH = "%Y-%m-%dT%H:%M:%S.000Z"


class Source(NamedTuple):
    """How AuroraX calls the camera."""

    program: str
    platform: str
    instrument_type: str


class Written(NamedTuple):
    """What was written: how many records, and the first and the last of them as pyaurorax would send them."""

    records: int
    first: dict[str, Any]
    last: dict[str, Any]


def write_records(
    catalogue: Sequence[str],
    site: Site,
    classes: Sequence[str],
    title: str,
    source: Source,
    output: str | os.PathLike[str],
) -> Written:
    """Write the data source and a record of each minute as JSON, a record in a line; memory is that of a night.

    catalogue: directories of the months. classes: those of the label set. title: of the release. Raises
    `ExchangeError` where there is no frame, where frames are of another station or have other classes, or where a night
    is there twice.
    """
    pyaurorax = _pyaurorax()
    described = data_source(site, classes, title, source)
    count, first, last = 0, dict[str, Any](), dict[str, Any]()
    with written_aside(output) as temporary, temporary.open("w", encoding="utf-8") as file:
        fields = {name: value for name, value in vars(described).items() if name not in ("format", "stats")}
        file.write(f'{{"data_source": {json.dumps(fields, ensure_ascii=False)},\n"records": [')
        for row in _minutes(_nights(catalogue), site.station, classes):
            last = _record(row, site, described, pyaurorax).to_json_serializable()
            first = first or last
            file.write(f"{',' * (count > 0)}\n{json.dumps(last, ensure_ascii=False, allow_nan=False)}")
            count += 1
        if not count:
            raise ExchangeError(f"{', '.join(catalogue) or 'the catalogue'}: no classified frames, nothing to export")
        file.write("\n]}\n")
    return Written(count, first, last)


def read_records(path: str | os.PathLike[str]) -> Iterator[Any]:
    """The records of a file that `write_records` has written, as `pyaurorax.search.EphemerisData`, one at a time."""
    search = _pyaurorax()
    with open(path, encoding="utf-8") as file:
        try:
            source = search.DataSource(**json.loads(file.readline().rstrip(",\n") + "}")["data_source"])
            next(file, "")
            for line in file:
                if line.startswith("]}"):
                    return
                record = json.loads(line.rstrip(",\n"))
                places = {name: search.Location(**record[name]) for name in _PLACES}
                epoch = datetime.strptime(record["epoch"], _EPOCH)
                yield search.EphemerisData(source, epoch, metadata=record["metadata"], **places)
        except (ValueError, KeyError, TypeError) as error:
            raise ExchangeError(f"{path}: is no file of norrsken export aurorax ({error}); make it anew") from None
    raise ExchangeError(f"{path}: has no end, since it was not written to the end; make it anew")


def described_upload(written: Written, source: Source) -> Iterator[str]:
    """What would be sent to AuroraX, in lines for people."""
    yield f"An upload would send to program {source.program!r}, platform {source.platform!r},"
    yield f"instrument_type {source.instrument_type!r}, source_type 'ground':"
    requests = max(written.records // CHUNK, 1)
    parts = f"{requests} request{'s' * (requests > 1)}"
    yield f"{written.records} records in {parts}, from {written.first['epoch']} to {written.last['epoch']}"
    yield f"the first: {json.dumps(written.first, ensure_ascii=False)}"
    yield "Nothing was sent."


def data_source(site: Site, classes: Sequence[str], title: str, source: Source) -> Any:
    """The `pyaurorax.search.DataSource` of the camera, with the schema of its records' metadata."""
    search = _pyaurorax()
    says = [_said(label) for label in (*classes, NOT_CLASSIFIED)]
    schema = [
        _described(FIELD_NAME, f"Class of the frame by norrsken: {title}", "string", says),
        _described(f"{FIELD_NAME}_confidence", "The highest of the classes' calibrated probabilities, per cent"),
        _described(f"{FIELD_NAME}_condition", "Condition of the sky", "string", CONDITIONS),
        _described(
            f"{FIELD_NAME}_familiarity",
            "Share of simulated frames that are less like those the classifier was trained on, per cent; null where "
            "the classifier has no measure of it",
        ),
    ]
    return search.DataSource(
        **source._asdict(),
        source_type=search.SOURCE_TYPE_GROUND,
        display_name=f"{source.program} {site.station}",
        metadata={"site": site.name, "release": title},
        maintainers=[],
        ephemeris_metadata_schema=schema,
        data_product_metadata_schema=[],
    )


def _pyaurorax() -> Any:
    return library("pyaurorax.search", "norrsken export aurorax", FIELD)


def _described(name: str, meaning: str, kind: str = "double", allowed: Sequence[str] = ()) -> dict[str, Any]:
    """A field of the metadata, as AuroraX describes it."""
    return {
        "field_name": name,
        "description": meaning,
        "data_type": kind,
        "allowed_values": list(allowed),
        "searchable": True,
    }


def _nights(catalogue: Sequence[str]) -> list[Path]:
    """The tables of all nights by time, whatever folders they lie in."""
    paths = sorted(tables.night_tables(catalogue), key=lambda path: path.name)
    for before, path in pairwise(paths):
        if path.name == before.name:
            raise ExchangeError(
                f"{path}: the night {path.stem} is also in {before.parent}; export one release of one site at a time"
            )
    return paths


def _minutes(paths: Sequence[Path], station: str, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The row of each full minute by time: of the frames that are nearest to this minute, the nearest one.

    A frame counts for one minute only, that from which it is less than half a minute away, or just half before. Of two
    that are as near it is the earlier one.
    """
    for _, rows in groupby(_nearest(paths, station, classes), key=lambda row: row["minute"]):
        # Two nights may share a minute, since they meet at noon.
        yield min(rows, key=lambda row: row["away"])


def _nearest(paths: Sequence[Path], station: str, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of `_minutes`, night by night.

    Raises `ExchangeError` where a frame is of another station, or a table has other classes.
    """
    schema, expected = catalogue_table(classes), {p(name) for name in classes}
    for path in paths:
        found = {name for name in tables.columns(path) if name.startswith("p_")}
        if found != expected:
            named = (", ".join(sorted(name.removeprefix("p_") for name in names)) for names in (found, expected))
            raise ExchangeError("{}: has the classes {}; the label set of the release has {}".format(path, *named))
        rows = tables.read(path, schema, _COLUMNS)
        others = rows.filter(pc.invert(pc.match_substring_regex(rows["frame_id"], rf"^{station}\d{{8}}T\d{{6}}$")))
        if len(others):
            raise ExchangeError(
                f"{path}: the frame {others['frame_id'][0]} is not of the station {station}, which the configuration "
                "names; export the catalogue of each site with its own configuration"
            )
        frame: pd.DataFrame = rows.drop_columns(["frame_id"]).to_pandas()
        times = frame["time"].to_numpy("datetime64[ms]").astype(np.int64)
        frame["minute"] = (times + _MINUTE // 2) // _MINUTE
        frame["away"] = np.abs(times - frame["minute"] * _MINUTE)
        nearest: list[Any] = frame.loc[frame.groupby("minute")["away"].idxmin()].to_dict("records")
        yield from nearest


def _record(row: dict[str, Any], site: Site, source: Any, search: Any) -> Any:
    """The `EphemerisData` of a row of the catalogue.

    Places are filled as those of other ground instruments: the footprint in the camera's hemisphere is the camera's
    place, below the aurora at its zenith, and the other one is its conjugate point.
    """
    epoch = datetime(1970, 1, 1) + timedelta(milliseconds=int(row["minute"]) * _MINUTE)
    familiarity = row["familiarity"]
    metadata = {
        FIELD_NAME: _said(row["label"]),
        f"{FIELD_NAME}_confidence": _per_cent(row["confidence"]),
        f"{FIELD_NAME}_condition": row["condition"],
        f"{FIELD_NAME}_familiarity": None if pd.isna(familiarity) else _per_cent(familiarity),
    }
    here = search.Location(site.latitude, site.longitude)
    there = _conjugate(here, epoch, search)
    north, south = (here, there) if site.latitude >= 0 else (there, here)
    return search.EphemerisData(source, epoch, here, north, south, metadata=metadata)


def _said(label: str) -> str:
    """A label in the words that AuroraX has for what classifiers say."""
    return "not classified" if label == NOT_CLASSIFIED else f"classified as {label}"


def _per_cent(share: float) -> float:
    return round(100 * float(share), 2)


def _conjugate(here: Any, epoch: datetime, search: Any) -> Any:
    """The magnetically conjugate `Location` in the other hemisphere, by AACGM as pyaurorax has it.

    Its latitude and longitude are None where AACGM has none, as near the equator.
    """
    util = search.util.UtilManager()
    trace = util.ground_geo_to_sbtrace if here.lat >= 0 else util.ground_geo_to_nbtrace
    there = trace(here, epoch)
    return there if np.isfinite([there.lat, there.lon]).all() else search.Location()
