"""Times chosen from keograms: the table, and what it does to the labelled frames of a release."""

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from norrsken.dataset.selections import SelectionError, Span, read_selections
from norrsken.report.census import count_selections

LONGITUDE = 20.42
HEAD = "night,start,end,annotator\n"


def read(folder: Path, rows: str):
    path = folder / "selections.csv"
    path.write_text(HEAD + rows)
    return read_selections(path, LONGITUDE)


def test_spans_are_read_by_night_and_a_night_may_hold_nothing(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "2015-01-12,2015-01-12T22:00:00Z,2015-01-13T01:30:00Z,anna\n"
        "2015-01-12,2015-01-12T18:00:00Z,2015-01-12T19:00:00Z,anna\n"
        "2015-01-14,,,anna\n",
    )
    assert list(found.nights) == [date(2015, 1, 12), date(2015, 1, 14)]
    first = datetime(2015, 1, 12, 18, tzinfo=UTC)
    assert found.nights[date(2015, 1, 12)][0] == Span(first, datetime(2015, 1, 12, 19, tzinfo=UTC), "anna")
    assert found.nights[date(2015, 1, 14)] == []


@pytest.mark.parametrize(
    ("time", "chosen"), [("17:59:59", False), ("18:00:00", True), ("18:59:59", True), ("19:00:00", False)]
)
def test_the_start_belongs_to_a_span_and_the_end_does_not(tmp_path: Path, time: str, chosen: bool) -> None:
    found = read(tmp_path, "2015-01-12,2015-01-12T18:00:00Z,2015-01-12T19:00:00Z,anna\n")
    assert found.holds(date(2015, 1, 12), datetime.fromisoformat(f"2015-01-12T{time}+00:00")) == chosen
    assert not found.holds(date(2015, 1, 13), datetime.fromisoformat(f"2015-01-12T{time}+00:00"))


def test_what_anyone_chose_counts(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "2015-01-12,2015-01-12T18:00:00Z,2015-01-12T19:00:00Z,anna\n"
        "2015-01-12,2015-01-12T18:30:00Z,2015-01-12T20:00:00Z,bertil\n",
    )
    for hour, chosen in ((18, True), (19, True), (20, False)):
        assert found.holds(date(2015, 1, 12), datetime(2015, 1, 12, hour, tzinfo=UTC)) == chosen


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2015-01-12,2015-01-12T19:00:00Z,2015-01-12T18:00:00Z,anna", "ends at 2015-01-12T18:00:00Z, not after"),
        ("2015-01-12,2015-01-12T09:00:00Z,2015-01-12T12:00:00Z,anna", "2015-01-12T09:00:00Z is not in the night"),
        ("2015-01-12,2015-01-12T18:00:00Z,2015-01-13T11:00:00Z,anna", "2015-01-13T11:00:00Z is not in the night"),
        ("2015-01-12,18:00,19:00,anna", "start is '18:00', expected a time such as"),
        ("2015-01-12,2015-01-12T18:00:00Z,,anna", "end is '', expected a time such as"),
        ("12.1.2015,,,anna", "night is '12.1.2015', expected the date of its evening such as 2015-01-12"),
        ("9999-12-31,,,anna", "night is '9999-12-31', expected the date"),
        ("2015-01-12,0001-01-01T00:00:00+09:00,2015-01-12T19:00:00Z,anna", "start is '0001-01-01T00:00:00+09:00'"),
        ("2015-01-12,,", "has 3 cells, the header has 4"),
    ],
)
def test_a_wrong_span_is_named_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(SelectionError, match=r"selections\.csv:2: ") as error:
        read(tmp_path, row + "\n")
    assert message in str(error.value)


def test_overlapping_spans_of_one_annotator_are_refused(tmp_path: Path) -> None:
    rows = (
        "2015-01-12,2015-01-12T18:00:00Z,2015-01-12T19:00:00Z,anna\n"
        "2015-01-12,2015-01-12T18:30:00Z,2015-01-12T20:00:00Z,anna\n"
    )
    with pytest.raises(SelectionError, match=r"selections\.csv:3: overlaps with 18:00–19:00 of the same annotator"):
        read(tmp_path, rows)


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "selections.csv"
    path.write_text("night,from,to\n")
    with pytest.raises(SelectionError, match="the column 'start' is missing"):
        read_selections(path, LONGITUDE)


def test_a_table_of_a_spreadsheet_is_read_or_named(tmp_path: Path) -> None:
    path = tmp_path / "selections.csv"
    text = HEAD + "2015-01-12,2015-01-12 18:00:00, 2015-01-12 19:00:00 ,Åsa\r\n,,,\r\n"
    path.write_bytes(text.encode("utf-8-sig"))
    assert [span.annotator for span in read_selections(path, LONGITUDE).nights[date(2015, 1, 12)]] == ["Åsa"]
    path.write_bytes(text.encode("cp1252"))
    with pytest.raises(SelectionError, match=r"selections.csv:2: is not in UTF-8; it seems to be cp1252"):
        read_selections(path, LONGITUDE)
    path.write_text(text.replace(",", ";"))
    with pytest.raises(SelectionError, match="'night' is missing, because semicolons stand between the cells"):
        read_selections(path, LONGITUDE)


@pytest.mark.parametrize(
    ("years", "counts"),
    [
        ([2013], (0, 0, 0)),
        ([2014], (3, 2, 1 + 2)),
        ([2015], (3, 2, 3 + 0.5)),
        ([2015, 2014], (5, 3, 6.5)),
        ([2014, 2016], (4, 2, 3)),
    ],
)
def test_selections_are_counted_for_the_years_of_the_release(
    tmp_path: Path, years: list[int], counts: tuple[int, int, float]
) -> None:
    """The night of New Year's Eve belongs to both years, with the hours that lie in each."""
    path = tmp_path / "selections.csv"
    path.write_text(
        HEAD + "2014-12-30,2014-12-30T18:00:00Z,2014-12-30T19:00:00Z,anna\n"
        "2014-12-31,2014-12-31T22:00:00Z,2015-01-01T02:00:00Z,anna\n"
        "2014-12-31,2015-01-01T01:00:00Z,2015-01-01T03:00:00Z,bertil\n"
        "2014-03-01,,,anna\n"
        "2015-01-12,2015-01-12T18:00:00Z,2015-01-12T18:30:00Z,anna\n"
        "2015-12-31,,,anna\n"
    )
    assert tuple(count_selections(str(path), LONGITUDE, years).iloc[0]) == pytest.approx(counts)


def test_a_release_without_selections_counts_none() -> None:
    pd.testing.assert_frame_equal(
        count_selections(None, LONGITUDE, [2015]),
        pd.DataFrame(columns=["nights_looked_at", "nights_chosen", "hours_chosen"]),
    )
