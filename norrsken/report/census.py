"""What became of the archive's frames: how many the filters kept, and what people chose of them."""

from collections.abc import Iterable, Sequence

import pandas as pd

from norrsken import schemas, tables
from norrsken.dataset.selections import read_selections


def count_frames(months: Iterable[str], years: Sequence[int]) -> pd.DataFrame:
    """Frames of each UTC year by their status: year, frames, and a column for each of `schemas.STATUSES`.

    months: directories of the night tables.
    """
    counts = pd.DataFrame(0, index=pd.Index(years, name="year"), columns=list(schemas.STATUSES))
    for path in tables.night_tables(months):
        rows = tables.read(path, schemas.NIGHT_TABLE, ["time", "status"]).to_pandas()
        of_night = pd.crosstab(rows["time"].dt.year, rows["status"].astype(str))
        counts = counts.add(of_night.reindex(index=counts.index, columns=counts.columns, fill_value=0))
    counts.insert(0, "frames", counts.sum(axis=1))
    return counts.reset_index()


def count_selections(path: str | None, longitude: float) -> pd.DataFrame:
    """What was chosen from keograms, in one row: nights looked at, nights with a chosen time, hours that anybody chose.

    path: the table of selections; None: every kept frame counts, and the table has no row.
    """
    columns = ["nights_looked_at", "nights_chosen", "hours_chosen"]
    if path is None:
        return pd.DataFrame(columns=columns)
    nights = read_selections(path, longitude).nights
    seconds, end = 0.0, None
    for span in (span for night in sorted(nights) for span in nights[night]):  # in order of their starts
        start = span.start if end is None else max(span.start, end)
        seconds += max((span.end - start).total_seconds(), 0)
        end = span.end if end is None else max(span.end, end)
    chosen = sum(bool(spans) for spans in nights.values())
    return pd.DataFrame([(len(nights), chosen, seconds / 3600)], columns=columns)
