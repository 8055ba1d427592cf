"""Times that people chose from keograms as worth labelling (section 2.1: areas of potential auroral emission)."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from norrsken.calendar import night_of
from norrsken.errors import NorrskenError, raise_listed
from norrsken.files import csv_rows

COLUMNS = ("night", "start", "end", "annotator")

#: The years in which an archive can have been taken; a mistyped one is not.
YEARS = range(1900, 2101)

Moment = TypeVar("Moment", date, datetime)


class SelectionError(NorrskenError):
    """A table of selections cannot be used; the message lists the first problems with file and line."""


@dataclass(frozen=True)
class Span:
    """A chosen time, UTC; the start belongs to it, the end does not."""

    start: datetime
    end: datetime
    annotator: str


@dataclass(frozen=True)
class Selections:
    """The times that were chosen of each night that somebody looked at; a night may have none."""

    nights: dict[date, list[Span]] = field(default_factory=dict)

    def holds(self, night: date, time: datetime) -> bool:
        """Whether somebody chose that time."""
        return any(span.start <= time < span.end for span in self.nights.get(night, []))


def read_selections(path: str | os.PathLike[str], longitude: float) -> Selections:
    """Read `selections.csv`: night, start, end, annotator. A row without times says that nothing was chosen.

    longitude: the site's, in degrees east; it decides when a night begins and ends. Raises `SelectionError` for a table
    that cannot be read, and for spans that end before they begin, reach out of their night, or overlap another one of
    the same annotator.
    """
    nights: dict[date, list[Span]] = defaultdict(list)
    problems = []
    for line, cells in csv_rows(path, COLUMNS, SelectionError):
        row = {name: cells[name].strip() for name in COLUMNS}
        try:
            night = _read(date, row["night"], "night", "the date of its evening such as 2015-01-12")
            span = _span(row, night, longitude)
            if span is not None:
                _refuse_overlap(span, nights[night])
                nights[night].append(span)
            else:
                nights[night]  # looked at, nothing chosen
        except ValueError as error:
            problems.append(f"{path}:{line}: {error}")
    raise_listed(problems, SelectionError)
    return Selections({night: sorted(spans, key=lambda span: span.start) for night, spans in nights.items()})


def _span(row: dict[str, str], night: date, longitude: float) -> Span | None:
    """The span of a row, or None where nothing was chosen; raises `ValueError` for a wrong span."""
    if not row["start"] and not row["end"]:
        return None
    start, end = (_time(row[name], name) for name in ("start", "end"))
    if end <= start:
        raise ValueError(f"ends at {row['end']}, not after its start {row['start']}")
    for moment, name in ((start, "start"), (end - timedelta(microseconds=1), "end")):
        if night_of(moment, longitude) != night:
            raise ValueError(f"{name} {row[name]} is not in the night {night}")
    return Span(start, end, row["annotator"])


def _time(text: str, name: str) -> datetime:
    time = _read(datetime, text, name, "a time such as 2015-01-12T18:30:00Z")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _read(kind: type[Moment], text: str, name: str, expected: str) -> Moment:
    """A date or time in one of `YEARS`; raises `ValueError` for anything else."""
    try:
        moment = kind.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.year not in YEARS:
        raise ValueError(f"{name} is {text!r}, expected {expected}")
    return moment


def _refuse_overlap(span: Span, others: list[Span]) -> None:
    for other in others:
        if other.annotator == span.annotator and span.start < other.end and other.start < span.end:
            raise ValueError(f"overlaps with {other.start:%H:%M}–{other.end:%H:%M} of the same annotator")
