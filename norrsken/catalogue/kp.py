"""A table of the Kp index, which tells how disturbed the geomagnetic field was, for every three hours."""

import os
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken.errors import NorrskenError, raise_listed
from norrsken.files import csv_rows

#: The hours for which a Kp index holds.
KP_HOURS = 3


class KpError(NorrskenError):
    """A table of the Kp index cannot be used; the message lists the first problems with file and line."""


def read_kp(path: str | os.PathLike[str]) -> pd.Series:
    """The Kp index by the start of its three hours (datetime64[ms], UTC), in order of time.

    path: a CSV table of `time`, such as 2015-01-12T18:00Z, and `kp`, from 0 to 9, thirds as 3.33. Hours may be missing.
    Raises `KpError` for what is not such a table.
    """
    values: dict[datetime, float] = {}
    problems = []
    for line, row in csv_rows(path, ("time", "kp"), KpError):
        try:
            time, kp = _start(row["time"]), _kp(row["kp"])
            if time in values:
                raise ValueError(f"time {row['time']} is there twice")
            values[time] = kp
        except ValueError as error:
            problems.append(f"{path}:{line}: {error}")
    raise_listed(problems, KpError)
    starts = pd.DatetimeIndex([time.replace(tzinfo=None) for time in values]).as_unit("ms")
    return pd.Series(list(values.values()), starts, name="kp", dtype=np.float64).sort_index()


def _start(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time is {text!r}, expected a time such as 2015-01-12T18:00Z") from None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    if time.hour % KP_HOURS or time != time.replace(minute=0, second=0, microsecond=0):
        raise ValueError(f"time is {text}, expected the start of three hours: 00, 03, … or 21 UTC")
    return time


def _kp(text: str) -> float:
    try:
        kp = float(text)
    except ValueError:
        kp = np.nan
    if not 0 <= kp <= 9:
        raise ValueError(f"kp is {text!r}, expected 0 to 9; leave out hours in which it is not known")
    return kp


def kp_bins(times: pd.Series, kp: pd.Series | None) -> NDArray[np.intp]:
    """The Kp index at each time, rounded down; -1 where it is not known."""
    if kp is None or kp.empty:
        return np.full(len(times), -1, np.intp)
    time, starts = times.dt.tz_localize(None).to_numpy("datetime64[ms]"), kp.index.to_numpy("datetime64[ms]")
    at = np.searchsorted(starts, time, side="right") - 1
    known = (at >= 0) & (time - starts[at] < np.timedelta64(KP_HOURS, "h"))
    return np.where(known, np.floor(kp.to_numpy()[at]), -1).astype(np.intp)
