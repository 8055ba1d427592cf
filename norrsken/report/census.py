"""What became of the archive's frames: how many the filters kept, and what people chose of them."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from norrsken import schemas, tables
from norrsken.calendar import night_start
from norrsken.dataset.selections import read_selections
from norrsken.nights.kept import lost_nights


def count_frames(months: Sequence[str], years: Sequence[int], lost: Collection[str]) -> pd.DataFrame:
    """Frames of each UTC year by their status: year, frames, a column for each of `schemas.STATUSES`, and gone.

    months: directories of the night tables. lost: the months of which the archive has nothing more. gone: the frames
    that the archive has no more; those of a night count in the year of its evening.
    """
    gone = pd.Series(0, index=pd.Index(years, name="year"))
    nights = lost_nights(months)
    counts = pd.DataFrame(0, index=pd.Index(years, name="year"), columns=list(schemas.STATUSES))
    for path in tables.night_tables(months):
        rows = tables.read(path, schemas.NIGHT_TABLE, ["time", "status"]).to_pandas()
        of_night = pd.crosstab(rows["time"].dt.year, rows["status"].astype(str))
        counts = counts.add(of_night.reindex(index=counts.index, columns=counts.columns, fill_value=0))
        if int(path.stem[:4]) in gone.index:
            night = nights.get(path.stem)
            gone[int(path.stem[:4])] += len(rows) if path.stem[:7] in lost else night.gone if night else 0
    counts.insert(0, "frames", counts.sum(axis=1))
    return counts.assign(gone=gone).reset_index()


def count_selections(path: str | None, longitude: float, years: Sequence[int]) -> pd.DataFrame:
    """What was chosen from keograms, in one row: nights looked at, nights with a chosen time, hours that anybody chose.

    path: the table of selections; None: every kept frame counts, and the table has no row. longitude: the site's, in
    degrees east. years: UTC years of the release. Only the nights that reach into one of them count, and of the chosen
    time only what lies in them, as only their frames do.
    """
    columns = ["nights_looked_at", "nights_chosen", "hours_chosen"]
    if path is None:
        return pd.DataFrame(columns=columns)
    nights = {
        night: [part for span in spans for part in _in_years(span.start, span.end, years)]
        for night, spans in read_selections(path, longitude).nights.items()
        if _in_years(night_start(night, longitude), night_start(night, longitude) + timedelta(days=1), years)
    }
    seconds, until = 0.0, None
    for start, end in (part for night in sorted(nights) for part in nights[night]):  # in order of their starts
        seconds += max((end - (start if until is None else max(start, until))).total_seconds(), 0)
        until = end if until is None else max(end, until)
    chosen = sum(bool(parts) for parts in nights.values())
    return pd.DataFrame([(len(nights), chosen, seconds / 3600)], columns=columns)


def _in_years(start: datetime, end: datetime, years: Sequence[int]) -> list[tuple[datetime, datetime]]:
    """The parts of a time that lie in the UTC years, in order of their starts."""
    spans = ((datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)) for year in sorted(years))
    parts = [(max(start, first), min(end, following)) for first, following in spans]
    return [(begin, finish) for begin, finish in parts if begin < finish]
