"""Classified frames as NetCDF: one time series at a fixed place (CF conventions 1.11, section 9 and appendix H.2)."""

import os
import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import netCDF4
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import schemas
from norrsken.classes import CONDITIONS, DECISIONS, NOT_CLASSIFIED, REASONS, SEEN, in_words
from norrsken.classify.classifier_file import Judgement
from norrsken.config.site import Site

#: The units of the catalogue's columns, as UDUNITS writes them; other columns have none.
UNITS = {
    "exposure_ms": "ms",
    "sun_altitude": "degree",
    "moon_altitude": "degree",
    "magnetic_latitude": "degree",
    "mlt": "hour",
    "aurora_probability": "1",
    "confidence": "1",
    "entropy": "bit",
    "familiarity": "1",
}

#: The columns of numbers, which are variables of the same name.
_NUMBERS = (
    "sun_altitude", "moon_altitude", "magnetic_latitude", "mlt", "aurora_probability", "confidence", "entropy",
    "familiarity",
)  # fmt: skip

#: The coordinates of what changes with time, but for the time itself.
_COORDINATES = "latitude longitude altitude station_name night"

_NO_EXPOSURE = np.int32(-1)

#: What the flags say of a frame that is classified, so that there is no reason, and of one without a decision.
_NONE = "none"

#: Frames in a chunk, which holds some days; the library's own choice would be one frame.
_CHUNK = 4096


class FrameSeries:
    """A new NetCDF-4 file to which frames are appended, by time.

    Numbers are as in the table; `condition`, `label` and `model` are int8 with `flag_values` and `flag_meanings`;
    `possible` has a bit for each class, `flag_masks`. The probabilities of the classes are `probability` (time, class),
    and those of frames by themselves `probability_alone`, where they are judged by others, too (in_time).

    Files of the same classes and models can be joined along time: a flag then means the same in all of them.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        site: Site,
        classes: Sequence[str],
        models: Sequence[str],
        in_time: bool = False,
    ) -> None:
        """models: those of the whole catalogue, also where this file has frames of some of them only."""
        self._classes = tuple(classes)
        # The columns of names, of which a variable holds the place in this list.
        self._flags: dict[str, Sequence[str]] = {
            "condition": CONDITIONS,
            "label": (*classes, NOT_CLASSIFIED),
            "reason": (_NONE, *REASONS),
            "aurora": (*DECISIONS, _NONE),
            "seen": SEEN,
            "model": models,
        }
        # The variables of probabilities, and the columns of which they consist.
        self._probabilities = {"probability": [*map(schemas.p, classes)]}
        if in_time:
            self._flags[schemas.ALONE_LABEL] = self._flags["label"]
            self._probabilities["probability_alone"] = [*map(schemas.alone, classes)]
        self._schema = schemas.catalogue_table(classes, in_time)
        self.frames = 0
        self._dataset = netCDF4.Dataset(path, "w")
        self._id_length = len(f"{site.station}20150112T183000")
        for name, size in {"time": None, "class": len(classes), "frame_id_length": self._id_length}.items():
            self._dataset.createDimension(name, size)
        self._define_place(site)
        self._define_columns()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dataset.close()

    def append(self, rows: pd.DataFrame) -> None:
        """Append rows of `schemas.catalogue_table`."""
        here = slice(self.frames, self.frames + len(rows))
        self.frames = here.stop
        columns: dict[str, Any] = {
            "time": rows["time"].to_numpy("datetime64[ms]").astype(np.int64) / 1000,
            "frame_id": rows["frame_id"].to_numpy().astype(f"U{self._id_length}"),
            "night": rows["night"].to_numpy("datetime64[D]").astype(np.int32),
            "exposure_ms": rows["exposure_ms"].fillna(_NO_EXPOSURE).to_numpy(np.int32),
            **{name: rows[names].to_numpy() for name, names in self._probabilities.items()},
            "possible": self._bits(rows["possible"]),
            **{name: rows[name].to_numpy() for name in _NUMBERS},
        }
        for name, values in self._flags.items():
            named = rows[name].astype(object).fillna(_NONE).astype(str)
            columns[name] = named.map(values.index).to_numpy(np.int8)
        for name, values in columns.items():
            self._dataset[name][here] = values

    def _bits(self, possible: "pd.Series[Any]") -> NDArray[np.int64]:
        """A bit for each class that cannot be excluded, the first class's the lowest: (n,); 0 where none is told."""
        of_each, bits = possible.dropna(), np.zeros(len(possible), np.int64)
        names = np.concatenate([np.array([], str), *of_each])
        (told,) = np.nonzero(possible.notna())
        rows = np.repeat(told, of_each.str.len().to_numpy(np.int64))
        np.add.at(bits, rows, np.left_shift(1, pd.Index(self._classes).get_indexer(pd.Index(names))))
        return bits

    def judge(self, judgements: Mapping[str, Judgement], of: str = "") -> None:
        """Write how good the classifier is for each class, with 95 % intervals over nights.

        judgements: by part. of: what the frames of the parts are, such as `simulated `.
        """
        texts = {
            "precision": "share of right ones among the frames that got the class",
            "classified": "share that got the class, of the frames of which it is the most probable one",
        }
        names: list[str] = []
        for part, judged in judgements.items():
            for name, text in texts.items():
                shares = [getattr(judged.by_class[each], name) for each in self._classes]
                for end, ending in (("value", ""), ("low", ", low end of 95 %"), ("high", ", high end of 95 %")):
                    values = [np.nan if getattr(share, end) is None else getattr(share, end) for share in shares]
                    names.append(f"{part}_{name}" + ("" if end == "value" else f"_{end}"))
                    self._define(
                        names[-1],
                        "f4",
                        ("class",),
                        long_name=f"{text}, on {of}{part} frames{ending}",
                        units="1",
                        coordinates="class_name",
                        _FillValue=np.float32(np.nan),
                    )[:] = values
        # xarray takes for coordinates what is named here, as it writes it itself: where files are joined along time,
        # what has no time is then neither repeated for each frame nor read.
        self._dataset.setncattr("coordinates", " ".join(names))

    def describe(self, attributes: Mapping[str, str | float]) -> None:
        """Write the global attributes."""
        self._dataset.setncatts(attributes)

    def _define_place(self, site: Site) -> None:
        define = self._define
        define("station_name", str, cf_role="timeseries_id", long_name="code of the station")[...] = site.station
        upwards = {"positive": "up", "axis": "Z"}
        for name, value, unit, attributes in (
            ("latitude", site.latitude, "degrees_north", {}),
            ("longitude", site.longitude, "degrees_east", {}),
            ("altitude", site.elevation, "m", upwards),
        ):
            variable = define(
                name, "f8", (), standard_name=name, long_name=f"{name} of the camera", units=unit, **attributes
            )
            variable[...] = value
        define("class_name", str, ("class",), long_name="auroral class")[:] = np.array(self._classes, object)

    def _define_columns(self) -> None:
        define, time = self._define, ("time",)

        def meaning(column: str) -> str:
            return schemas.meaning(self._schema.field(column))

        # Seconds as computers count them, without leap seconds; whose clock the file names follow is not known.
        since = {
            "units": "seconds since 1970-01-01 00:00:00 Z",
            "calendar": "standard",
            "units_metadata": "leap_seconds: unknown",
        }
        define("time", "f8", time, long_name=meaning("time"), standard_name="time", axis="T", **since)
        # With its encoding, programs read it as a text and not as single bytes.
        of_text = {"coordinates": _COORDINATES, "_Encoding": "utf-8"}
        define("frame_id", "S1", ("time", "frame_id_length"), long_name=meaning("frame_id"), **of_text)
        days = {"units": "days since 1970-01-01", "calendar": "standard"}
        define("night", "i4", time, long_name=meaning("night"), **days)
        exposure = {"long_name": "length of the exposure", "units": UNITS["exposure_ms"], "_FillValue": _NO_EXPOSURE}
        define("exposure_ms", "i4", time, coordinates=_COORDINATES, **exposure)
        for name in _NUMBERS:
            standard = {"standard_name": "solar_elevation_angle"} if name == "sun_altitude" else {}
            define(name, "f4", time, long_name=meaning(name), units=UNITS[name], coordinates=_COORDINATES, **standard)
        for name, values in self._flags.items():
            flags = define(name, "i1", time, long_name=meaning(name), coordinates=_COORDINATES)
            self._set_flags(flags, values)
        possible = define("possible", "i8", time, long_name=meaning("possible"), coordinates=_COORDINATES)
        self._set_flags(possible, self._classes, masks=True)
        together = f"the {in_words(len(self._classes))} sum to 1"
        for name in self._probabilities:
            by_itself = "" if name == "probability" else " by the frame itself"
            probability = {"long_name": f"calibrated probability of each class{by_itself}; {together}", "units": "1"}
            define(name, "f4", ("time", "class"), coordinates=f"{_COORDINATES} class_name", **probability)

    def _define(
        self, name: str, kind: Any, dimensions: tuple[str, ...] = (), **attributes: Any
    ) -> "netCDF4.Variable[Any]":
        packing: dict[str, Any] = {}
        if "time" in dimensions:
            chunks = [_CHUNK, *(len(self._dataset.dimensions[other]) for other in dimensions[1:])]
            packing = {"compression": "zlib", "complevel": 4, "chunksizes": chunks}
        fill = attributes.pop("_FillValue", None)
        variable = self._dataset.createVariable(name, kind, dimensions, fill_value=fill, **packing)
        variable.setncatts(attributes)
        return variable

    def _set_flags(self, variable: "netCDF4.Variable[Any]", names: Sequence[str], masks: bool = False) -> None:
        """masks: whether several of the names can hold at once, each with a bit of its own."""
        # Section 3.5 allows letters, digits and a few signs; a blank ends a meaning.
        meanings = " ".join(re.sub(r"[^A-Za-z0-9_.+@-]", "_", name) for name in names)
        values = np.arange(len(names), dtype=np.int8)
        flags = {"flag_masks": np.left_shift(1, values, dtype=np.int64)} if masks else {"flag_values": values}
        variable.setncatts({**flags, "flag_meanings": meanings})


def unit(column: str) -> str:
    """The unit of a column of the catalogue, as UDUNITS writes it; empty where it has none."""
    of_class = column.startswith(("p_", "alone_")) and column != schemas.ALONE_LABEL
    return "1" if of_class else UNITS.get(column, "")
