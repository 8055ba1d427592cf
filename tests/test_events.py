"""When an event of a class begins and ends, and what counts as the onset of a breakup."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import PAPER

from norrsken import schemas, tables
from norrsken.catalogue.events import find_events
from norrsken.config.releases import EventSettings
from norrsken.paper import CLASSES

NIGHT = date(2015, 1, 12)


def write_night(
    folder: Path,
    labels: Sequence[str],
    night: date = NIGHT,
    start: str = "20:00",
    minutes: Sequence[float] | None = None,
    **columns: Any,
) -> str:
    """Write the catalogue of a night whose frames have these labels, all clear and sure; return its month's directory.

    minutes: of the frames after the start; one a minute unless said. columns: what else the frames are.
    """
    offsets = range(len(labels)) if minutes is None else minutes
    times = pd.DatetimeIndex([pd.Timestamp(f"{night}T{start}Z") + timedelta(minutes=m) for m in offsets]).as_unit("ms")
    rows: dict[str, Any] = {
        "frame_id": [f"KRN{time:%Y%m%dT%H%M%S}" for time in times],
        "time": times,
        "night": [night] * len(times),
        "exposure_ms": 6000,
        **dict.fromkeys(("sun_altitude", "moon_altitude", "magnetic_latitude", "entropy"), 0.0),
        "mlt": (times.hour + times.minute / 60 + 2.5) % 24,
        "condition": "clear",
        "label": labels,
        "reason": None,
        "aurora": [{"faint": "no", "not_classified": "undecided"}.get(label, "yes") for label in labels],
        "aurora_probability": 0.5,
        "familiarity": None,
        "possible": None,
        "seen": "none",
        "confidence": 0.9,
        "model": "night resnet18",
        **{f"p_{name}": np.where(np.array(labels) == name, 0.9, 0.1 / 6) for name in CLASSES},
        **columns,
    }
    path = folder / f"{night:%Y-%m}" / f"{night}.parquet"
    table = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    tables.write(
        path, table if labels else schemas.catalogue_table(CLASSES).empty_table(), schemas.catalogue_table(CLASSES), {}
    )
    return str(path.parent)


def events(month: str, **settings: float) -> pd.DataFrame:
    """Events of arcs."""
    found, _ = find_events([month], EventSettings(**settings), CLASSES, PAPER.onset)
    return found[found["label"] == "arcs"].reset_index(drop=True)


def test_an_event_begins_at_a_sure_frame_and_lasts_until_it_is_improbable(tmp_path: Path) -> None:
    p = [0.5, 0.59, 0.6, 0.8, 0.45, 0.4, 0.39, 0.5, 0.1]
    month = write_night(tmp_path, ["arcs"] * 9, p_arcs=p)
    found = events(month)
    assert len(found) == 1  # 0.5 after the end is not enough for another one
    assert found.iloc[0].to_dict() == {
        "night": "2015-01-12",
        "label": "arcs",
        "start": "2015-01-12T20:02:00Z",
        "end": "2015-01-12T20:05:00Z",
        "minutes": 4,
        "frames": 4,
        "peak": pytest.approx(0.8),
        "peak_time": "2015-01-12T20:03:00Z",
        "peak_frame": "KRN20150112T200300",
        "ended_by": "class",
        "mlt_start": pytest.approx(22 + 32 / 60),
        "longest_gap_minutes": 1,
    }


def test_the_label_decides_where_an_event_begins_not_where_it_ends(tmp_path: Path) -> None:
    labels = ["not_classified", "arcs", "not_classified", "patchy", "patchy"]
    found = events(write_night(tmp_path, labels, p_arcs=[0.9, 0.7, 0.5, 0.45, 0.1]))
    assert found[["start", "end"]].to_numpy().tolist() == [["2015-01-12T20:01:00Z", "2015-01-12T20:03:00Z"]]


def test_gaps_clouds_and_the_end_of_the_night_end_an_event(tmp_path: Path) -> None:
    minutes = [0, 1, 6, 11.5, 12, 13, 14, 15, 16]
    condition = ["clear"] * 5 + ["cloudy"] + ["clear"] * 3
    month = write_night(tmp_path, ["arcs"] * 9, minutes=minutes, condition=condition)
    write_night(tmp_path, ["arcs"] * 3, NIGHT + timedelta(1))
    found = events(month, least_minutes=1)
    assert found["ended_by"].tolist() == ["gap", "sky", "night", "night"]
    assert found["frames"].tolist() == [3, 2, 3, 3]
    assert found["minutes"].tolist() == [7, 1.5, 3, 3]  # a step of a minute, the median, after the last frame
    assert found["longest_gap_minutes"].tolist() == [5, 0.5, 1, 1]


def test_short_events_are_left_out(tmp_path: Path) -> None:
    minutes = np.arange(12) / 3  # an exposure every 20 s
    month = write_night(tmp_path, ["arcs"] * 6 + ["faint"] + ["arcs"] * 5, minutes=minutes)
    assert events(month)["minutes"].tolist() == [2]
    assert len(events(month, least_minutes=1)) == 2


def test_no_frames_no_events(tmp_path: Path) -> None:
    month = write_night(tmp_path, [])
    for found in (
        *find_events([month], EventSettings(), CLASSES, PAPER.onset),
        *find_events([], EventSettings(), CLASSES, PAPER.onset),
    ):
        assert found.empty
        assert {"night", "frames"} <= set(found)


def test_events_of_several_months_stand_in_order(tmp_path: Path) -> None:
    labels = ["arcs"] * 3 + ["patchy"] * 3
    nights = [NIGHT, NIGHT + timedelta(1), NIGHT + timedelta(40)]
    months = {write_night(tmp_path, labels[::step], night) for step, night in zip((1, -1, 1), nights, strict=True)}
    found, _ = find_events(sorted(months, reverse=True), EventSettings(), CLASSES, PAPER.onset)
    assert found["start"].is_monotonic_increasing
    assert found["label"].tolist() == ["arcs", "patchy", "patchy", "arcs", "arcs", "patchy"]


def onsets(month: str) -> list[tuple[str, int]]:
    found = find_events([month], EventSettings(), CLASSES, PAPER.onset)[1]
    return list(zip(found["time"].str[11:16], found["frames"], strict=True))


def test_an_onset_needs_more_than_two_frames_and_quiet_before(tmp_path: Path) -> None:
    labels = ["arcs"] * 3 + ["breakup"] * 2 + ["arcs"] * 12 + ["breakup"] * 3 + ["arcs"] * 9 + ["breakup"] * 5
    labels += ["arcs"] * 10 + ["breakup"] * 4
    # Two frames; three; five, 10 minutes after the last; four, 11 minutes after the last.
    assert onsets(write_night(tmp_path, labels)) == [("20:17", 3), ("20:44", 4)]


def test_a_breakup_out_of_a_cloud_or_a_gap_has_no_onset(tmp_path: Path) -> None:
    labels = ["breakup"] * 4 + ["arcs"] * 26 + ["breakup"] * 4 + ["arcs"] * 2 + ["breakup"] * 4
    minutes = [*range(36), *range(49, 53)]
    condition = ["clear"] * 29 + ["cloudy"] + ["clear"] * 10
    assert onsets(write_night(tmp_path, labels, minutes=minutes, condition=condition)) == []
    assert onsets(write_night(tmp_path, labels, minutes=minutes)) == [("20:30", 4)]


def test_a_cloud_divides_a_breakup(tmp_path: Path) -> None:
    labels = ["arcs"] + ["breakup"] * 4
    condition = ["clear", "clear", "clear", "cloudy", "clear"]
    assert onsets(write_night(tmp_path, labels, condition=condition)) == []
    assert onsets(write_night(tmp_path, labels)) == [("20:01", 4)]
