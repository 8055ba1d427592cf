"""What became of the dark hours of each night: as a table whose parts add up to them, and as a picture."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import PAPER
from PIL import Image
from test_events import write_night as write_classified
from test_occurrence import NONE

from norrsken import schemas, tables
from norrsken.astronomy import sun_and_moon_altitude
from norrsken.calendar import night_start
from norrsken.catalogue.availability import PARTS, summed, tabulate_availability
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.classes import CONDITIONS
from norrsken.config.site import Place
from norrsken.figures.availability import COLOURS, draw_availability
from norrsken.figures.colour_vision import close_pairs

KIRUNA = Place(station="KRN", latitude=67.84, longitude=20.42, elevation=425)
HAWAII = Place(station="MLO", latitude=19.54, longitude=-155.58, elevation=3397)
NIGHT = date(2015, 1, 12)
COLUMNS = [f"hours_{part}" for part in PARTS]


def write_frames(
    folder: Path, status: str | Sequence[str], minutes: Sequence[float], night: date = NIGHT, start: str = "20:00"
) -> None:
    """Write the table of a night, whose frames were taken so many minutes after the start."""
    times = pd.DatetimeIndex([pd.Timestamp(f"{night}T{start}Z") + timedelta(minutes=m) for m in minutes]).as_unit("ms")
    rows = {
        "frame_id": [f"KRN{time:%Y%m%dT%H%M%S}" for time in times],
        "time": times,
        "night": [night] * len(times),
        "path": "a.jpg",
        "bytes": 1,
        "exposure_ms": None,
        "sun_altitude": 0.0,
        "moon_altitude": 0.0,
        "status": status,
        "reason": None,
        "outside": None,
        "image": None,
    }
    table = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    tables.write(folder / "nights" / f"{night:%Y-%m}" / f"{night}.parquet", table, schemas.NIGHT_TABLE, {})


def available(
    folder: Path, site: Place = KIRUNA, sun_altitude_max: float = -15, hidden_sky: Sequence[str] = ()
) -> pd.DataFrame:
    """The table of what lies in the folder, whose parts add up to the dark hours."""
    months = [[str(path) for path in (folder / name).glob("????-??")] for name in ("nights", "catalogue")]
    table = tabulate_availability(*months, site, sun_altitude_max, hidden_sky)
    np.testing.assert_allclose(table[COLUMNS].sum(axis=1), table["hours_dark"], atol=1e-4 * len(PARTS))
    assert (table[COLUMNS] >= 0).all().all()
    return table.set_index("night")


def minutes_of(table: pd.DataFrame) -> dict[str, float]:
    """The minutes of the only night, of all parts that have any but `no_frame`."""
    (row,) = table[COLUMNS].to_dict("records")
    del row["hours_no_frame"]
    return {name.removeprefix("hours_"): pytest.approx(60 * hours, abs=0.01) for name, hours in row.items() if hours}


def test_a_nights_dark_hours_divide_by_what_became_of_them(tmp_path: Path) -> None:
    status = ["kept"] * 60 + ["moon"] * 30 + ["unreadable", "geometry"] * 5
    write_frames(tmp_path, status, range(100))
    # Of the last ten frames kept the classifier does not know the camera.
    labels = ["arcs"] * 40 + ["patchy"] * 10
    condition = ["clear"] * 10 + ["cloudy"] * 12 + ["bright"] * 9 + ["bad"] * 4 + ["clear"] * 10 + ["cloudy"] * 5
    write_classified(tmp_path / "catalogue", labels, condition=condition)
    expected = {"cloudy": 17, "bright": 9, "bad": 4, "other_camera": 10, "moon": 30, "unusable": 10}
    assert minutes_of(available(tmp_path)) == {"observed": 20, **expected}
    # A cloudy frame is cloudy, whatever its label stands for.
    assert minutes_of(available(tmp_path, hidden_sky=["patchy"])) == {"observed": 15, "hidden_sky": 5, **expected}


def test_it_is_dark_while_the_sun_is_low(tmp_path: Path) -> None:
    write_frames(tmp_path, "moon", [0])
    noon = round(night_start(NIGHT, KIRUNA.longitude).timestamp() * 1000)
    for altitude in (-15.0, -18.0, -90.0, 0.0, 90.0):
        each_minute = noon + 60_000 * np.arange(1440) + 30_000
        sun, _ = sun_and_moon_altitude(each_minute, KIRUNA)
        (dark,) = available(tmp_path, sun_altitude_max=altitude)["hours_dark"]
        assert dark == pytest.approx((sun <= altitude).sum() / 60, abs=1.5 / 60)


def test_all_nights_from_the_first_to_the_last_have_a_row(tmp_path: Path) -> None:
    write_frames(tmp_path, "moon", range(60), date(2015, 1, 30))
    write_frames(tmp_path, "moon", range(90), date(2015, 6, 2))
    table = available(tmp_path)
    assert list(table.index) == [f"{day:%Y-%m-%d}" for day in pd.date_range("2015-01-30", "2015-06-02")]
    assert table.loc["2015-01-30", "hours_moon"] == pytest.approx(1)
    # The camera was off, or the archive has a gap.
    assert (table.loc["2015-01-31":"2015-03-31", "hours_no_frame"] > 3).all()
    assert (table["hours_no_frame"] == table["hours_dark"])[1:].all()
    # In summer it does not get dark, and frames of daylight count for nothing.
    assert (table.loc["2015-05-01":, "hours_dark"] == 0).all()


def test_a_frame_stands_until_the_next_is_due(tmp_path: Path) -> None:
    slow = [0, 5, 10, 15, 20, 60, 65, 70, 75, 80]  # every five minutes, with an outage of 40 minutes
    write_frames(tmp_path, "moon", slow)
    assert minutes_of(available(tmp_path)) == {"moon": 50}
    # Frames that are far from each other, and one that is alone, stand for a minute.
    write_frames(tmp_path, "moon", [0, 11, 22, 33])
    assert minutes_of(available(tmp_path)) == {"moon": 4}
    write_frames(tmp_path, "moon", [0])
    assert minutes_of(available(tmp_path)) == {"moon": 1}


def test_one_frame_of_a_second_counts(tmp_path: Path) -> None:
    status = ["duplicate", "kept", "kept", "unreadable", "moon", "duplicate"]
    write_frames(tmp_path, status, [0, 0.5 / 60, 1, 1 + 0.5 / 60, 2, 2 + 0.5 / 60])
    write_classified(tmp_path / "catalogue", ["arcs"] * 2, minutes=[0.5 / 60, 1])
    found = minutes_of(available(tmp_path))
    assert found.keys() == {"observed", "moon"}


def test_frames_from_noon_to_noon_cover_all_of_the_dark_time(tmp_path: Path) -> None:
    """Also the time between nightfall and the first dark frame; of a slow camera this is long."""
    minutes = list(range(0, 1440, 9))
    first = round(pd.Timestamp(f"{NIGHT}T11:00Z").timestamp() * 1000)
    sun, _ = sun_and_moon_altitude(first + 60_000 * np.array(minutes), KIRUNA)
    write_frames(tmp_path, np.where(sun > -15, "sun", "kept").tolist(), minutes, start="11:00")
    dark = [minute for minute, altitude in zip(minutes, sun, strict=True) if altitude <= -15]
    write_classified(tmp_path / "catalogue", ["arcs"] * len(dark), minutes=dark, start="11:00")
    (row,) = available(tmp_path).to_dict("records")
    assert row["hours_observed"] == row["hours_dark"] > 13


def test_hours_observed_are_those_of_occurrence(tmp_path: Path) -> None:
    """To the rounding, where frames are evenly spaced in the dark: occurrence does not end at dawn, nor at a gap."""
    random = np.random.default_rng(0)
    for day in range(40):
        night, number = NIGHT + timedelta(day), int(random.integers(1, 400))
        minutes = np.arange(number) / random.choice([1, 2, 3])
        write_frames(tmp_path, "kept", minutes, night)
        condition = random.choice(CONDITIONS, number)
        labels = random.choice(PAPER.class_names, number).tolist()
        write_classified(tmp_path / "catalogue", labels, night, minutes=minutes, condition=condition)
    for hidden in ([], ["patchy", "arcs"]):
        found = available(tmp_path, hidden_sky=hidden)
        months = [str(path) for path in (tmp_path / "catalogue").iterdir()]
        occurrence = tabulate_occurrence(months, None, NONE, PAPER.model_copy(update={"hidden_sky": hidden}))
        hours = occurrence[(occurrence["by"] == "all") & (occurrence["label"] == "faint")]["hours_observed"].item()
        assert found["hours_observed"].sum() == pytest.approx(hours, abs=1e-4 * len(found))
        assert hours > 10


def test_nights_without_a_catalogue_have_hours_too(tmp_path: Path) -> None:
    write_frames(tmp_path, "moon", range(60))
    write_classified(tmp_path / "catalogue", [])
    assert minutes_of(available(tmp_path)) == {"moon": 60}
    assert summed(available(tmp_path).reset_index())["moon"] == pytest.approx(1, abs=1e-4)
    empty = tabulate_availability([], [], KIRUNA, -15, [])
    assert list(empty.columns) == ["night", "hours_dark", *COLUMNS]
    assert summed(empty) == dict.fromkeys(("dark", *PARTS), 0)


def test_near_the_equator_nights_lie_in_two_utc_days(tmp_path: Path) -> None:
    write_frames(tmp_path, "moon", range(60), date(2015, 7, 1), start="22:00")  # noon in Hawaii: no frame of the night
    write_frames(tmp_path, "moon", range(720, 780), date(2015, 7, 2), start="22:00")
    table = available(tmp_path, HAWAII)
    assert table["hours_dark"].between(8, 12).all()
    assert table["hours_moon"].round(3).tolist() == [0, 1]


def made_up(first: str, last: str, dark: Sequence[float]) -> pd.DataFrame:
    """A table of nights that have all parts; dark: hours of a night for each month."""
    nights = pd.date_range(first, last)
    shares = np.random.default_rng(0).dirichlet(np.ones(len(PARTS)), len(nights))
    hours = np.array(dark)[nights.month - 1]
    columns = {column: hours * shares[:, i] for i, column in enumerate(COLUMNS)}
    return pd.DataFrame({"night": nights.strftime("%Y-%m-%d"), "hours_dark": hours, **columns})


NORTH = (14, 11, 7, 2, 0, 0, 0, 0, 5, 9, 13, 15)


@pytest.mark.parametrize(
    ("first", "last", "latitude", "dark", "seasons"),
    [
        ("2015-01-12", "2015-01-12", 67.8, NORTH, 1),
        ("2015-01-03", "2015-02-28", 67.8, NORTH, 1),
        ("2014-10-01", "2016-03-01", 67.8, NORTH, 2),
        ("2010-01-01", "2019-12-31", 67.8, NORTH, 11),
        ("2010-01-01", "2012-12-31", -70, NORTH[6:] + NORTH[:6], 3),
        ("2014-01-01", "2015-12-31", 19.5, [9] * 12, 3),
        ("2015-05-05", "2015-06-05", 67.8, NORTH, 0),
    ],
)
def test_seasons_are_drawn_below_each_other(
    tmp_path: Path, first: str, last: str, latitude: float, dark: Sequence[float], seasons: int
) -> None:
    draw_availability(made_up(first, last, dark), latitude, tmp_path / "figure.png")
    assert (tmp_path / "figure.pdf").exists()
    with Image.open(tmp_path / "figure.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert image.width > 800
    observed = (pixels == np.array([int(COLOURS["observed"][i : i + 2], 16) for i in (1, 3, 5)])).all(axis=2)
    # Lines of the picture in which there is any observed time are those of the seasons, and of the legend.
    filled = observed.any(axis=1)
    assert np.count_nonzero(np.diff(filled.astype(int), prepend=0) > 0) == (seasons + 1 if seasons else 0)


def test_readers_tell_the_colours_apart() -> None:
    assert tuple(COLOURS) == PARTS
    assert close_pairs(COLOURS) == []
