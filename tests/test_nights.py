"""Archive → night tables: statuses, order, what is listed, what is drawn."""

import csv
import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, REAL_FRAMES, jpeg, picture, write_frame
from PIL import Image

from norrsken import schemas, tables
from norrsken.config.config import Config
from norrsken.config.jobs import NightSettings
from norrsken.nights import ingest as nights
from norrsken.nights.archive import find_directories
from norrsken.nights.images import decode, process
from norrsken.nights.keogram import Keogram

EVENING = datetime(2015, 1, 12, 18, 30, tzinfo=UTC)
SETTINGS = Config.model_validate(CONFIG).night_settings(Config.model_validate(CONFIG).cameras)


def ingest(root: Path, month: str = "2015-01", settings: NightSettings = SETTINGS, workers: int = 1) -> Path:
    """Ingest a month; return the directory of its tables."""
    directories = sorted(str(root / leaf.path) for leaf in find_directories(root, settings.directories))
    output = root.parent / "nights" / month
    keograms = root.parent / "keograms" / month
    nights.ingest_month(str(root), directories, month, settings, str(output), str(keograms), workers)
    return output


def statuses(path: Path) -> dict[str, str]:
    rows = tables.read(path, schemas.NIGHT_TABLE, ["path", "status"]).to_pylist()
    return {Path(row["path"]).name: row["status"] for row in rows}


def unrecognised(folder: Path) -> dict[str, str]:
    with (folder / "unrecognised.csv").open() as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    write_frame(root, EVENING, "arcs")
    return root


def test_the_table_has_the_columns_and_types_of_its_schema(archive: Path) -> None:
    table = pq.read_table(ingest(archive) / "2015-01-12.parquet")
    assert table.schema.remove_metadata().equals(schemas.NIGHT_TABLE.remove_metadata(), check_metadata=False)
    row = table.to_pylist()[0]
    assert row["frame_id"] == "KRN20150112T183000"
    assert row["time"] == EVENING
    assert row["night"] == date(2015, 1, 12)
    assert row["path"] == "2015/01/12/KRN20150112T183000E06000Q.JPG"
    assert row["bytes"] == (archive / row["path"]).stat().st_size
    assert row["exposure_ms"] == 6000
    assert row["sun_altitude"] < -15


def test_the_image_is_the_processed_frame(archive: Path) -> None:
    table = pq.read_table(ingest(archive) / "2015-01-12.parquet")
    data = next(archive.rglob("*.JPG")).read_bytes()
    camera = SETTINGS.cameras[0]
    np.testing.assert_array_equal(tables.images(table["image"])[0], process(decode(data, camera), camera))


def test_the_file_tells_how_it_was_made(archive: Path) -> None:
    about = tables.about(ingest(archive) / "2015-01-12.parquet")
    assert about["schema_version"] == tables.SCHEMA_VERSION
    assert about["settings"] == json.loads(json.dumps(SETTINGS.plain()))
    assert about["program_version"]


def test_each_frame_has_the_first_status_that_applies(archive: Path) -> None:
    day = archive / "2015/01/12"
    good = jpeg(picture("arcs", 1))
    files = {
        "KRN20150112T110000E00100Q.JPG": ("sun", b"not opened"),
        "KRN20150112T190000E06000Q.JPG": ("unreadable", good[:1000]),
        "KRN20150112T190100E06000Q.JPG": ("unreadable", b""),
        "KRN20150112T190200E06000Q.JPG": ("unreadable", b"<html></html>"),
        "KRN20150112T190300E06000Q.JPG": ("geometry", jpeg(picture("arcs", 1)[:100])),
        "KRN20150112T190400E06000Q.JPG": ("kept", good),
        "KRN20150112T190400E06001Q.JPG": ("duplicate", good),
        "KRN20150112T190500E06000Q.JPG": ("unreadable", good[:1000]),
        "KRN20150112T190500E06001Q.JPG": ("kept", good),
        "KRN20150112T190600E06000Q.JPG": ("kept", good),
        "KRN20150112T190600E06001Q.JPG": ("unreadable", good[:1000]),
        "KRN20150112T190700E06000Q.JPG": ("geometry", jpeg(picture("arcs", 1)[:100])),
        "KRN20150112T190700E06001Q.JPG": ("kept", good),
    }
    for name, (_, data) in files.items():
        (day / name).write_bytes(data)
    path = ingest(archive) / "2015-01-12.parquet"
    found = statuses(path)
    assert {name: found[name] for name in files} == {name: status for name, (status, _) in files.items()}
    table = pq.read_table(path)
    kept = [row["frame_id"] for row in table.to_pylist() if row["status"] == "kept"]
    assert len(kept) == len(set(kept))
    assert [image is not None for image in table["image"].to_pylist()] == [s == "kept" for s in found.values()]


def test_a_frame_with_the_moon_up_is_rejected_and_still_drawn(archive: Path) -> None:
    settings = SETTINGS.model_copy(update={"filter": SETTINGS.filter.model_copy(update={"moon_altitude_max": -90})})
    folder = ingest(archive, settings=settings)
    assert statuses(folder / "2015-01-12.parquet") == {"KRN20150112T183000E06000Q.JPG": "moon"}
    assert drawn_minutes(archive) == [EVENING]


def drawn_minutes(archive: Path) -> list[datetime]:
    """The minutes of the night that have a column in its keogram."""
    picture = np.asarray(Image.open(archive.parent / "keograms/2015-01/2015-01-12.png"))
    band = picture[40, 64 : 64 + 1440].astype(int)
    gap = np.array(Image.new("RGB", (1, 1), (58, 62, 70)))[0, 0].astype(int)
    start = datetime(2015, 1, 12, 10, 38, 19, 200_000, tzinfo=UTC)
    minutes = [start + timedelta(minutes=int(i)) for i in np.flatnonzero((band != gap).any(axis=1))]
    return [minute.replace(second=0, microsecond=0) + timedelta(minutes=1) for minute in minutes]


@pytest.mark.parametrize("limit", ["sun", "moon"])
def test_a_frame_exactly_at_a_limit_stays(archive: Path, limit: str) -> None:
    times = np.array([round(EVENING.timestamp() * 1000)], np.int64)
    sun, moon = nights.sun_and_moon_altitude(times, SETTINGS.site)
    exact = float((sun if limit == "sun" else moon)[0])
    for maximum, status in ((exact, "kept"), (float(np.nextafter(exact, -99)), limit)):
        changed = SETTINGS.filter.model_copy(update={f"{limit}_altitude_max": maximum})
        folder = ingest(archive, settings=SETTINGS.model_copy(update={"filter": changed}))
        assert list(statuses(folder / "2015-01-12.parquet").values()) == [status]


def test_of_the_rejected_frames_that_no_keogram_shows_few_are_opened(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Kiruna the Sun is hardly up in January; in March it is, and at most five frames tell of the clock."""
    write_frame(archive, EVENING.replace(hour=12), "arcs")
    for minute in range(20):
        write_frame(archive, datetime(2015, 3, 12, 12, minute, tzinfo=UTC), "arcs")
    opened: list[str] = []
    real: Callable[..., object] = nights._open

    def spy(root: str, frame: nights.FrameFile, *more: object) -> object:
        opened.append(frame.path)
        return real(root, frame, *more)

    monkeypatch.setattr(nights, "_open", spy)
    ingest(archive)
    assert opened == ["2015/01/12/KRN20150112T183000E06000Q.JPG"]
    opened.clear()
    ingest(archive, "2015-03")
    assert 2 <= len(opened) <= 5


def test_the_morning_belongs_to_the_evening_before(archive: Path) -> None:
    write_frame(archive, datetime(2015, 2, 1, 3, tzinfo=UTC), "arcs")
    write_frame(archive, datetime(2015, 2, 1, 18, tzinfo=UTC), "arcs")
    assert {path.stem for path in ingest(archive).glob("*.parquet")} == {"2015-01-12", "2015-01-31"}
    assert {path.stem for path in ingest(archive, "2015-02").glob("*.parquet")} == {"2015-02-01"}


def test_files_that_are_no_frames_are_listed_once_with_a_reason(archive: Path) -> None:
    day = archive / "2015/01/12"
    (day / "Thumbs.db").write_bytes(b"")
    (day / "KRN20150112T200000E06000Q.JPG").symlink_to("/dev/null")
    (day / "KRN20150112T201000E06000Q.JPG").mkdir()
    os.mkfifo(day / "KRN20150112T202000E06000Q.JPG")
    (day / "KRN20160505T183000E06000Q.JPG").write_bytes(b"another year's")
    found = unrecognised(ingest(archive))
    assert {Path(path).name: reason for path, reason in found.items()} == {
        "Thumbs.db": "the name does not fit the pattern of the camera in force",
        "KRN20150112T200000E06000Q.JPG": "a link that leads out of the archive",
        "KRN20150112T201000E06000Q.JPG": "a folder that archive.directories does not name",
        "KRN20150112T202000E06000Q.JPG": "not a regular file",
        "KRN20160505T183000E06000Q.JPG": "the time in the name does not belong in its folder",
    }
    write_frame(archive, datetime(2015, 2, 1, 18, tzinfo=UTC), "arcs")
    (archive / "2015/02/01/notes.txt").write_text("read by two months")
    assert "2015/02/01/notes.txt" not in unrecognised(ingest(archive))
    assert "2015/02/01/notes.txt" in unrecognised(ingest(archive, "2015-02"))


def test_rows_are_sorted_by_time_then_path_over_row_groups(archive: Path) -> None:
    for i in reversed(range(150)):
        (archive / "2015/01/12" / f"KRN20150112T{20 + i // 60:02d}{i % 60:02d}00E06000Q.JPG").write_bytes(b"x")
    path = ingest(archive) / "2015-01-12.parquet"
    table = pq.read_table(path, columns=["time", "path"])
    keys = list(zip(table["time"].to_pylist(), table["path"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    assert len(keys) == 151
    assert pq.ParquetFile(path).num_row_groups == 3


def test_workers_do_not_change_the_tables(archive: Path) -> None:
    for day in (13, 14):
        write_frame(archive, EVENING.replace(day=day), "arcs")
    one = {path.name: path.read_bytes() for path in ingest(archive, workers=1).iterdir()}
    two = {path.name: path.read_bytes() for path in ingest(archive, workers=2).iterdir()}
    assert one == two
    assert len(one) == 6


def test_an_empty_month_has_an_empty_directory(archive: Path) -> None:
    assert {path.name for path in ingest(archive, "2015-02").iterdir()} == {
        *("unrecognised.csv", "census.csv", "brightness.csv")
    }


def test_a_keogram_has_columns_where_frames_are_and_gaps_elsewhere() -> None:
    start = datetime(2015, 1, 12, 10, 38, 19, 200_000, tzinfo=UTC)
    minutes = [400, 401, 402, 500]
    times = np.array([start.timestamp() * 1000 + minute * 60_000 + 1 for minute in minutes], np.int64)
    keogram = Keogram(start, times)
    image = np.zeros((128, 128, 3), np.uint8)
    image[:10] = 200  # north
    for time in times:
        keogram.add(int(time), image)
    filled = np.flatnonzero((keogram.columns[:, :, 0] == 200).any(axis=0))
    assert filled.tolist() == minutes
    assert keogram.columns[0, 400].tolist() == [200] * 3
    assert keogram.columns[127, 400].tolist() == [0] * 3


def test_a_slow_cameras_keogram_has_no_stripes_but_shows_outages() -> None:
    start = datetime(2015, 1, 12, 12, tzinfo=UTC)
    times = np.array([start.timestamp() * 1000 + minute * 60_000 for minute in (0, 10, 20, 30, 100, 110)], np.int64)
    keogram = Keogram(start, times)
    for time in times:
        keogram.add(int(time), np.full((128, 128, 3), 9, np.uint8))
    filled = np.flatnonzero(keogram.columns[0, :, 0] == 9)
    assert filled.tolist() == [*range(40), *range(100, 120)]


def test_single_frames_are_not_spread() -> None:
    start = datetime(2015, 1, 12, 12, tzinfo=UTC)
    times = np.array([start.timestamp() * 1000 + minute * 60_000 for minute in (0, 40, 90)], np.int64)
    keogram = Keogram(start, times)
    for time in times:
        keogram.add(int(time), np.full((128, 128, 3), 9, np.uint8))
    assert np.flatnonzero(keogram.columns[0, :, 0] == 9).tolist() == [0, 40, 90]


def keogram_of(seconds: Sequence[float], values: Sequence[int] | None = None) -> np.ndarray:
    """The first row of a keogram of frames at these seconds after noon, with one value each; gaps are -1."""
    start = datetime(2015, 1, 12, 10, 38, 19, 200_000, tzinfo=UTC)
    times = np.array([start.timestamp() * 1000 + 1000 * second for second in seconds], np.int64)
    keogram = Keogram(start, times)
    for time, value in zip(times, values or [9] * len(times), strict=True):
        keogram.add(int(time), np.full((128, 128, 3), value, np.uint8))
    row = keogram.columns[0].astype(int)
    return np.where((row == row[:, :1]).all(axis=1), row[:, 0], -1)


@pytest.mark.parametrize("cadence", [10, 45, 59.9, 61, 78, 90, 119, 300, 430])
def test_no_cadence_makes_stripes(cadence: float) -> None:
    jitter = np.random.default_rng(1).uniform(0, cadence / 5, 200)
    seconds = [20_000 + cadence * i + late for i, late in enumerate(jitter)]
    row = keogram_of(seconds)
    first, last = int(seconds[0] // 60), int(seconds[-1] // 60)
    assert (row[first : last + 1] == 9).all()
    assert (row[:first] == -1).all()
    assert (row[last + 2 + int(cadence // 60) :] == -1).all()


def test_a_camera_that_gets_slower_makes_no_stripes_and_outages_stay() -> None:
    fast, slow = np.arange(0, 7200, 10), np.arange(7200, 14_400, 130)
    row = keogram_of([*fast, *slow, *(slow + 14_400)])
    assert (row[:240] == 9).all()
    assert (row[245:360] == -1).all()
    assert (row[360:475] == 9).all()


def test_a_column_is_the_mean_of_its_minute() -> None:
    row = keogram_of([0, 15, 30, 45, 60, 75, 240], [10, 20, 30, 41, 7, 8, 90])
    assert row[:5].tolist() == [25, 8, -1, -1, 90]


def test_a_keogram_says_what_is_true_of_its_night(tmp_path: Path) -> None:
    start = datetime(2015, 1, 12, 10, 38, 19, 200_000, tzinfo=UTC)
    pictures = []
    for times in ([], [round(start.timestamp() * 1000) + 36_000_000]):
        Keogram(start, np.array(times, np.int64)).save(tmp_path / "keogram.png")
        pictures.append(np.asarray(Image.open(tmp_path / "keogram.png")))
    none_dark, none_usable = pictures
    assert (none_dark != none_usable).any()
    assert len(np.unique(none_dark[:30].reshape(-1, 3), axis=0)) == 1  # no title: pages write it


@pytest.mark.skipif(not REAL_FRAMES.is_dir(), reason=f"the real frames are not there: {REAL_FRAMES}")
def test_real_frames_of_another_camera_by_configuration_alone(tmp_path: Path) -> None:
    archive = tmp_path / "archive" / "2014"
    archive.mkdir(parents=True)
    for path in REAL_FRAMES.glob("*.jpg"):
        (archive / path.name).write_bytes(path.read_bytes())
    site = {"station": "LYR", "latitude": 78.148, "longitude": 16.043, "elevation": 520}
    camera = {"width": 720, "height": 480, "rotate": 0, "flip": False, "pattern": "{time:%Y%m%d%H%M%S}.jpg"}
    settings = NightSettings.model_validate(
        {
            **SETTINGS.model_dump(),
            "site": site,
            "directories": "%Y",
            "filter": {},
            "cameras": [{**CONFIG["cameras"][0], **camera}],
        }
    )
    found: dict[str, str] = {}
    for month in ("2013-12", "2014-02"):
        folder = tmp_path / "nights" / month
        nights.ingest_month(
            str(archive.parent), [str(archive)], month, settings, str(folder), str(tmp_path / "keograms" / month), 1
        )
        for path in folder.glob("*.parquet"):
            found |= statuses(path)
            kept = pq.read_table(path, filters=[("status", "=", "kept")])
            for row in kept.select(["path", "image"]).to_pylist():
                raw = np.asarray(Image.open(archive.parent / row["path"]))
                expected = process(raw, settings.cameras[0])
                assert row["image"] == expected.tobytes()
    assert len(found) == 10
    assert {name: s for name, s in found.items() if s != "kept"} == {
        "20140218171340.jpg": "sun",
        "20140218235440.jpg": "moon",
    }
