"""The minutes before and after: which frames are the neighbours in time of another one.

Section 4 proposes "labeled stacks of consecutive images with, for example, ~10 images". A neighbour is the kept frame
that is nearest to a whole number of steps away. Where there is none, its place is empty; what lies beyond a gap, or was
taken by another camera, is no neighbour.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from norrsken import schemas, tables
from norrsken.config.context import Context
from norrsken.config.site import FrameSource
from norrsken.errors import NorrskenError

#: The longest time between two frames that still belong together, in steps: one or two frames may be missing.
GAP_STEPS = 3

#: A place without a frame.
NONE = -1


class ContextError(NorrskenError):
    """A table has no neighbours of its frames, or not those that are asked for."""


class Windows(NamedTuple):
    """n frames, each between its neighbours, among m frames of which each is there once.

    places: (n, t) int64, rows of the m frames by time, `NONE` where there is no neighbour; the frame itself stands
    after those `before`. minutes: (n, t) float32, the time of each after the frame itself; 0 where there is none.
    """

    places: NDArray[np.int64]
    minutes: NDArray[np.float32]

    def of(self, rows: Any) -> "Windows":
        """Some of the n: a slice, or an index for arrays."""
        return Windows(self.places[rows], self.minutes[rows])

    @classmethod
    def alone(cls, frames: int, context: Context) -> "Windows":
        """So many frames, each without its neighbours."""
        places = np.full((frames, context.before + 1 + context.after), NONE)
        places[:, context.before] = np.arange(frames)
        return cls(places, np.zeros(places.shape, np.float32))


class Film(NamedTuple):
    """When n frames were taken, by time, and by which camera in which night: those that may be seen together.

    times: (n,) int64, milliseconds. cameras, nights: (n,) int64, a number of each.
    """

    times: NDArray[np.int64]
    cameras: NDArray[np.int64]
    nights: NDArray[np.int64]

    def of(self, rows: Any) -> "Film":
        """Some of the frames: a slice, or an index for arrays."""
        return Film(*(column[rows] for column in self))

    @classmethod
    def joined(cls, films: Iterable["Film"]) -> "Film":
        """Several films, one after another; one at least."""
        return cls(*map(np.concatenate, zip(*films, strict=True)))


def film_of(table: pa.Table, source: FrameSource) -> Film:
    """The film of the frames of a table, with `time` and `night`, that are sorted by time."""
    times = tables.milliseconds(table)
    nights = table["night"].cast(pa.int32()).to_numpy().astype(np.int64)
    return Film(times, camera_numbers(source, times), nights)


@dataclass(frozen=True)
class Stacks:
    """n stacks of frames, of which each is held once. frames: (m, …), images or vectors. windows: of n of them."""

    frames: NDArray[Any]
    windows: Windows

    def __len__(self) -> int:
        return len(self.windows.places)

    def __getitem__(self, rows: Any) -> "Stacks":
        """Some of the stacks: a slice, or an index for arrays."""
        return Stacks(self.frames, self.windows.of(rows))

    def compact(self) -> "Stacks":
        """The same without the frames that are in none of the stacks."""
        used, places = np.unique(self.windows.places, return_inverse=True)
        none = int(used[:1].tolist() == [NONE])
        places = places.reshape(self.windows.places.shape) - none
        return Stacks(self.frames[used[none:]], Windows(places, self.windows.minutes))


def windows(times: NDArray[np.int64], cameras: NDArray[np.int64], context: Context) -> Windows:
    """All of m frames between their neighbours. times: (m,) milliseconds, rising. cameras: (m,), of which each is."""
    step = context.minutes * 60_000
    offsets = np.arange(-context.before, context.after + 1)
    wanted = times[:, None] + offsets * step
    right = np.searchsorted(times, wanted)
    either = np.stack([np.maximum(right - 1, 0), np.minimum(right, len(times) - 1)])
    away = times[either] - wanted
    # A frame is the neighbour at one place only: half a step away it belongs to the earlier one.
    fits = (away >= -step / 2) & (away < step / 2) & (cameras[either] == cameras[:, None])
    nearest = np.where(fits, np.abs(away), np.inf).argmin(axis=0)[None]
    places, there = (np.take_along_axis(array, nearest, 0)[0] for array in (either, fits))
    places[:, context.before], there[:, context.before] = np.arange(len(times)), True
    minutes = np.where(there, (times[places] - times[:, None]) / 60_000, np.nan)
    for outward in (minutes[:, context.before :], minutes[:, context.before :: -1]):  # views: from the frame itself
        reached = np.zeros(len(times))
        for place in range(1, outward.shape[1]):
            outward[np.abs(outward[:, place] - reached) > GAP_STEPS * context.minutes, place:] = np.nan
            reached = np.where(np.isnan(outward[:, place]), reached, outward[:, place])
    there = ~np.isnan(minutes)
    return Windows(np.where(there, places, NONE), np.where(there, minutes, 0).astype(np.float32))


def camera_numbers(source: FrameSource, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which camera took each frame, as a number: times (m,), milliseconds → (m,).

    It is the day since 1970 on which the camera came, so that the numbers of several tables are of the same cameras.
    """
    changes: list[date] = [date.min, *sorted({*(camera.valid_from for camera in source.cameras), *source.replaced})]
    days = np.array(changes, "datetime64[D]")
    place = np.searchsorted(days.astype("datetime64[ms]").astype(np.int64), times, side="right") - 1
    numbers: NDArray[np.int64] = days.astype(np.int64)[place]
    return numbers


def read_windows(
    labelled: str | os.PathLike[str], frame_ids: Sequence[str], context: Context
) -> tuple[NDArray[np.str_], Windows]:
    """These frames of `labelled.parquet` between their neighbours, and the ids of all frames that are among them.

    context: how many of the neighbours that the table has. Raises `ContextError` where it has fewer.
    """
    held = require_context(labelled, context)
    table = tables.read(labelled, schemas.labelled_table([], context=True), ["frame_id", "time", "neighbours"])
    ids, times = pd.Index(table["frame_id"].to_pylist()), tables.milliseconds(table)
    rows = tables.rows_of(table, frame_ids, labelled)
    listed = [[*table["neighbours"][row].as_py()] for row in rows]
    names = np.array(listed, object).reshape(len(rows), held.before + held.after)
    names = np.insert(names, held.before, list(frame_ids), axis=1)
    names = names[:, held.before - context.before : held.before + context.after + 1]
    places = ids.get_indexer(pd.Index(names.ravel())).reshape(names.shape)
    if (places[~pd.isna(names)] < 0).any():
        raise ContextError(f"{labelled}: a neighbour of a frame is missing; make it anew")
    places = np.where(pd.isna(names), NONE, places)
    used = np.unique(places[places != NONE])
    minutes = np.where(places == NONE, 0, (times[places] - times[rows][:, None]) / 60_000).astype(np.float32)
    among = np.where(places == NONE, NONE, np.searchsorted(used, places))
    return ids[used].to_numpy(str), Windows(among, minutes)


def require_context(labelled: str | os.PathLike[str], context: Context) -> Context:
    """Which neighbours `labelled.parquet` holds; raises `ContextError` where they are not all that are asked for."""
    held = context_of(labelled)
    if held is None or not held.holds(context):
        raise ContextError(
            f"{labelled}: holds {held or 'no neighbours of its frames'}, but {context} is asked for; make it anew with "
            "this context"
        )
    return held


def context_of(labelled: str | os.PathLike[str]) -> Context | None:
    """Which neighbours `labelled.parquet` holds; None where it holds none."""
    settings = tables.about(labelled).get("settings", {}).get("context")
    return None if settings is None else Context.model_validate(settings)
