"""The frames before and after a labelled one: which they are, and how a release holds them."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, write_evening
from test_labels import CONFIGURATION, SETTINGS, frame, ingest, merge

from norrsken import schemas, tables
from norrsken.config.base import ConfigError
from norrsken.config.config import check
from norrsken.config.context import Context
from norrsken.config.site import Camera, FrameSource
from norrsken.dataset.context import (
    NONE,
    ContextError,
    Windows,
    camera_numbers,
    context_of,
    read_windows,
    require_context,
    windows,
)

MINUTE = 60_000


def places(minutes: list[float], context: Context, cameras: list[int] | None = None) -> list[list[int]]:
    times = np.array([round(minute * MINUTE) for minute in minutes])
    found = windows(times, np.zeros(len(times), int) if cameras is None else np.array(cameras), context)
    there = found.places != NONE
    away = (times[found.places] - times[:, None]) / MINUTE
    np.testing.assert_allclose(found.minutes, np.where(there, away, 0), atol=1e-6)
    return [list(row) for row in found.places.tolist()]


def test_neighbours_are_the_nearest_frames_a_step_apart() -> None:
    context = Context(before=2, after=1)
    assert places([0, 1, 2, 3], context) == [[-1, -1, 0, 1], [-1, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, -1]]
    assert places([0, 1.1, 1.4, 2], context)[3] == [0, 1, 3, -1]
    assert places([0, 1, 3], context) == [[-1, -1, 0, 1], [-1, 0, 1, -1], [1, -1, 2, -1]]


def test_a_frame_half_way_between_two_places_is_at_one_of_them() -> None:
    assert places([0, 1.5, 3], Context(before=0, after=2)) == [[0, -1, 1], [1, -1, 2], [2, -1, -1]]


def test_a_camera_of_another_cadence_has_neighbours_a_step_apart() -> None:
    half_minutes = [place / 2 for place in range(9)]
    assert places(half_minutes, Context(before=1, after=1))[4] == [2, 4, 6]
    assert places([0, 5, 10], Context(before=1, after=1, minutes=5))[1] == [0, 1, 2]


def test_what_lies_beyond_a_gap_or_was_taken_by_another_camera_is_no_neighbour() -> None:
    context = Context(before=5, after=5)
    assert places([0, 4, 5], context)[1][5:] == [1, 2, -1, -1, -1, -1]
    assert places([0, 4, 5], context)[0] == [-1] * 5 + [0] + [-1] * 5  # four minutes are more than three steps
    assert places([0, 3, 5], context)[0][5:] == [0, -1, -1, 1, -1, 2]
    assert places([0, 1, 2, 3], Context(before=2, after=2), [0, 0, 1, 1])[1] == [-1, 0, 1, -1, -1]


def test_a_window_can_be_of_the_frame_alone() -> None:
    found = Windows.alone(3, Context(before=1, after=1))
    assert found.places.tolist() == [[-1, 0, -1], [-1, 1, -1], [-1, 2, -1]]
    assert not found.minutes.any()


def test_the_camera_of_a_frame_changes_on_its_date() -> None:
    camera = Camera.model_validate(CONFIG["cameras"][0] | {"valid_from": "2015-01-01"})
    source = FrameSource(processing=1, cameras=[camera], replaced=[date(2015, 1, 16)])
    times = np.array(["2015-01-15T23:59", "2015-01-16T00:00"], "datetime64[ms]").astype(np.int64)
    before, after = camera_numbers(source, times)
    assert before != after


def with_context(**keys: float) -> object:
    return SETTINGS.model_copy(update={"context": Context.model_validate(keys)})


@pytest.fixture
def evening(tmp_path: Path) -> Path:
    """A folder with the night tables of one evening: 14 frames, a minute apart."""
    write_evening(tmp_path / "archive", "2015-01-15T18:00", 14)
    ingest(tmp_path)
    return tmp_path


def test_a_release_holds_each_neighbour_once(evening: Path) -> None:
    rows = [(frame(3), "arcs"), (frame(5), "patchy"), (frame(13), "faint")]
    plain = pq.read_table(merge(evening, anna=rows))
    assert "neighbours" not in plain.column_names
    path = merge(evening, with_context(before=2, after=1), anna=rows)
    table = pq.read_table(path)
    assert table["frame_id"].to_pylist() == [frame(m) for m in (1, 2, 3, 4, 5, 6, 11, 12, 13)]
    neighbours = dict(zip(table["frame_id"].to_pylist(), table["neighbours"].to_pylist(), strict=True))
    assert neighbours[frame(3)] == [frame(1), frame(2), frame(4)]
    assert neighbours[frame(5)] == [frame(3), frame(4), frame(6)]
    assert neighbours[frame(13)] == [frame(11), frame(12), None]
    assert neighbours[frame(4)] is None
    night = pq.read_table(evening / "nights/2015-01/2015-01-15.parquet")
    pixels = dict(zip(night["frame_id"].to_pylist(), night["image"].to_pylist(), strict=True))
    assert [pixels[f] for f in table["frame_id"].to_pylist()] == table["image"].to_pylist()
    assert tables.read_labelled(path)["frame_id"].tolist() == [row[0] for row in rows]
    labelled = table.filter(np.array(table["verdict"].to_pylist()) != schemas.NEIGHBOUR)
    assert labelled.select(plain.column_names).to_pydict() == plain.to_pydict()
    assert context_of(path) == Context(before=2, after=1)


def test_windows_are_read_from_the_release(evening: Path) -> None:
    rows = [(frame(3), "arcs"), (frame(5), "patchy"), (frame(13), "faint")]
    path = merge(evening, with_context(before=2, after=1), anna=rows)
    frames, found = read_windows(path, [frame(13), frame(3)], Context(before=2, after=1))
    assert frames.tolist() == [frame(m) for m in (1, 2, 3, 4, 11, 12, 13)]
    assert found.places.tolist() == [[4, 5, 6, NONE], [0, 1, 2, 3]]
    assert found.minutes.tolist() == [[-2, -1, 0, 0], [-2, -1, 0, 1]]
    frames, found = read_windows(path, [frame(3)], Context(before=1, after=0))
    assert frames.tolist() == [frame(2), frame(3)]
    assert found.places.tolist() == [[0, 1]]


def test_more_context_than_the_release_holds_is_refused(evening: Path) -> None:
    rows = [(frame(3), "arcs")]
    path = merge(evening, with_context(before=1, after=1), anna=rows)
    with pytest.raises(ContextError, match="holds 1 frames before and 1 after, 1 minutes apart, but 2 frames before"):
        read_windows(path, [frame(3)], Context(before=2, after=1))
    with pytest.raises(ContextError, match="holds no neighbours of its frames"):
        read_windows(merge(evening, anna=rows), [frame(3)], Context(before=2, after=1))


def test_a_frozen_release_with_less_context_than_is_asked_for_is_refused(evening: Path) -> None:
    path = merge(evening, with_context(before=1, after=1), anna=[(frame(3), "arcs")])
    require_context(path, Context(before=1, after=0))
    with pytest.raises(ContextError, match="make it anew with this context"):
        require_context(path, Context(before=2))


@pytest.mark.parametrize("method", ["random", "stratified"])
def test_a_release_with_context_is_split_by_night_only(method: str) -> None:
    release = CONFIG["releases"]["small"] | {"context": {"before": 5}, "splits": {"other": {"method": method}}}
    with pytest.raises(ConfigError, match=f"splits.other is {method}, but the release has a context"):
        check(CONFIG | {"releases": {"small": release}})
    assert CONFIGURATION.releases["small"]


def test_a_context_of_nothing_is_refused() -> None:
    release = CONFIG["releases"]["small"] | {"context": {"before": 0, "after": 0}, "splits": {"n": {"method": "night"}}}
    with pytest.raises(ConfigError, match="a context has one frame at least"):
        check(CONFIG | {"releases": {"small": release}})
