"""Archives as people have them: layouts of folders, names, clocks, links, kinds of files."""

import io
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CONFIG, HEIGHT, WIDTH, jpeg, picture
from PIL import Image
from pydantic import ValidationError

from norrsken.config.directories import DirectoryPattern
from norrsken.config.jobs import NightSettings
from norrsken.config.site import Archive, Camera
from norrsken.nights.archive import directories_by_month, find_tree
from norrsken.nights.ingest import list_frames
from norrsken.nights.names import (
    BEFORE,
    ENDING,
    EXPOSURE,
    NO_DATE,
    NO_FRAME,
    OTHER_CAMERA,
    OTHER_DATE,
    TWO_DATES,
    FrameName,
    NameReader,
)

SITE = {"station": "KRN", "latitude": 67.84, "longitude": 20.42, "elevation": 425}


def camera(pattern: str, valid_from: str = "2009-01-01") -> Camera:
    return Camera.model_validate({**CONFIG["cameras"][0], "pattern": pattern, "valid_from": valid_from})


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write(root: Path, *paths: str, data: bytes = b"") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def listed(
    root: Path, pattern: str, directories: str, **archive: Any
) -> tuple[dict[str, tuple[date, str]], dict[str, str]]:
    """Night and UTC time of each frame of an archive, by path, as its months tell; and what is left out, with why."""
    site = archive.pop("site", SITE)
    settings = NightSettings.model_validate(
        {"site": site, "cameras": [camera(pattern)], "directories": directories, "filter": {}, "keogram": {}, **archive}
    )
    tree = find_tree(root, directories, **archive)
    found: dict[str, tuple[date, str]] = {}
    left_out = {one.path: one.reason for one in tree.left_out}
    for month, folders in directories_by_month(tree.leaves, settings.site.longitude).items():
        frames, unrecognised = list_frames(str(root), [str(root / path) for path in folders], month, settings)
        left_out |= dict(unrecognised)
        for night, files in frames.items():
            for file in files:
                assert file.path not in found
                found[file.path] = (night, f"{datetime.fromtimestamp(file.time / 1000, UTC):%Y-%m-%dT%H:%M:%S}")
    return found, left_out


def times(found: Mapping[str, tuple[date, str]]) -> list[str]:
    return [time for _, time in found.values()]


def test_hours_of_a_night_folder_carry_the_next_days_date(tmp_path: Path) -> None:
    evening, morning = (
        "cam/20150131/night/31_23/c_20150131_230000.jpg",
        "cam/20150131/night/01_02/c_20150201_020000.jpg",
    )
    write(tmp_path, evening, morning, "cam/20150131/night/03_02/c_20150203_020000.jpg")
    found, left_out = listed(tmp_path, "c_{time:%Y%m%d_%H%M%S}.jpg", "cam/%Y%m%d/night/%d_%H")
    assert found == {
        evening: (date(2015, 1, 31), "2015-01-31T23:00:00"),
        morning: (date(2015, 1, 31), "2015-02-01T02:00:00"),
    }
    assert left_out == {"cam/20150131/night/03_02": "a folder whose name tells no real date, or two of them"}


@pytest.mark.parametrize(
    ("pattern", "path", "day"),
    [
        ("%Y%m%d-%j", "20150131-031", date(2015, 1, 31)),
        ("%Y%m%d-%j", "20150131-032", None),  # both on one level: they must agree
        ("%Y%m%d/%j", "20150131/032", date(2015, 2, 1)),
        ("%Y%m%d/%j", "20150131/033", None),
        ("%Y/%m/%Y-%m-%d", "2015/02/2015-03-01", None),  # the level that completes the date names no other one
        ("%Y%m%d/%Y-%m-%d/%d_%H", "20151231/2016-01-01/01_03", date(2016, 1, 1)),
        ("%Y%m%d/%Y-%m-%d/%d_%H", "20151231/2016-01-01/31_23", None),
        ("%Y/%m/%d", "2015/1/5", date(2015, 1, 5)),
        ("%Y-%j", "2015-31", date(2015, 1, 31)),
        ("cam1%m-%Y-%d", "cam11-2015-1", None),  # a digit stands beside the month
        ("%Y%m%d", "2015105", None),
    ],
)
def test_codes_that_come_again_agree_or_name_the_next_day_below(pattern: str, path: str, day: date | None) -> None:
    leaf = DirectoryPattern(pattern).leaf(path)
    assert (leaf and leaf.day) == day


def test_unpadded_numbers_are_read(tmp_path: Path) -> None:
    write(tmp_path, "2015/1/5/2015-1-5_3-4-5.jpg", "2015/01/06/2015-01-06_03-04-05.jpg")
    found, _ = listed(tmp_path, "{time:%Y-%m-%d_%H-%M-%S}.jpg", "%Y/%m/%d")
    assert sorted(times(found)) == ["2015-01-05T03:04:05", "2015-01-06T03:04:05"]


def test_names_that_tell_the_time_only_take_the_date_of_their_folder(tmp_path: Path) -> None:
    write(tmp_path, "2015-01-20/03-00-00.jpg", "2015-01-20/21-00-00.jpg")
    found, _ = listed(tmp_path, "{time:%H-%M-%S}.jpg", "%Y-%m-%d")
    assert [*found.values()] == [
        (date(2015, 1, 19), "2015-01-20T03:00:00"),
        (date(2015, 1, 20), "2015-01-20T21:00:00"),
    ]
    found, _ = listed(tmp_path, "{time:%H-%M-%S}.jpg", "%Y-%m-%d", folders="night")
    assert sorted(found.values()) == [
        (date(2015, 1, 20), "2015-01-20T21:00:00"),
        (date(2015, 1, 20), "2015-01-21T03:00:00"),
    ]


def test_a_folder_of_a_night_may_end_the_month(tmp_path: Path) -> None:
    write(tmp_path, "2015-01-31/03-00-00.jpg", "2015-01-31/20150201T030000.jpg")
    assert [*listed(tmp_path, "{time:%H-%M-%S}.jpg", "%Y-%m-%d", folders="night")[0].values()] == [
        (date(2015, 1, 31), "2015-02-01T03:00:00")
    ]
    assert [*listed(tmp_path, "{time:%Y%m%dT%H%M%S}.jpg", "%Y-%m-%d")[0].values()] == [
        (date(2015, 1, 31), "2015-02-01T03:00:00")
    ]


def test_names_with_the_time_only_in_folders_of_hours(tmp_path: Path) -> None:
    write(tmp_path, "20150131/31_23/23-59-59.jpg", "20150131/31_23/00-00-02.jpg", "20150131/01_00/00-00-10.jpg")
    found, _ = listed(tmp_path, "{time:%H-%M-%S}.jpg", "%Y%m%d/%d_%H")
    assert sorted(times(found)) == ["2015-01-31T23:59:59", "2015-02-01T00:00:02", "2015-02-01T00:00:10"]


def test_a_name_with_the_day_of_the_month_fits_its_folder_or_the_next_day() -> None:
    leaf = DirectoryPattern("%Y-%m-%d").leaf("2015-01-31")
    reader = NameReader([camera("{time:%d_%H%M}.jpg")])
    assert reader.read("01_0310.jpg", leaf) == FrameName(datetime(2015, 2, 1, 3, 10, tzinfo=UTC), None, 0)
    assert reader.read("31_2310.jpg", leaf) == FrameName(datetime(2015, 1, 31, 23, 10, tzinfo=UTC), None, 0)
    assert reader.read("12_2310.jpg", leaf) == OTHER_DATE
    assert reader.read("12_2310.jpg", DirectoryPattern("%Y-%m").leaf("2015-01")) == NO_DATE


@pytest.mark.parametrize(
    ("clock", "name", "expected"),
    [
        ("UTC", "20150120_230000", "2015-01-20T23:00:00"),
        ("+01:00", "20150121_000000", "2015-01-20T23:00:00"),
        ("-05:00", "20150120_180000", "2015-01-20T23:00:00"),
        ("Europe/Stockholm", "20150121_000000", "2015-01-20T23:00:00"),
        ("Europe/Stockholm", "20150401_000000", "2015-03-31T22:00:00"),
        ("Europe/Stockholm", "20151025_023000", "2015-10-25T00:30:00"),  # the first of the two
    ],
)
def test_names_are_in_the_archives_clock(clock: str, name: str, expected: str) -> None:
    read = NameReader([camera("{time:%Y%m%d_%H%M%S}.jpg")], clock).read(f"{name}.jpg")
    assert isinstance(read, FrameName)
    assert read.time.isoformat() == f"{expected}+00:00"


def test_an_offset_in_the_name_goes_before_the_clock() -> None:
    reader = NameReader([camera("c_{time:%Y%m%dT%H%M%S%z}.jpg")], "Asia/Tokyo")
    for name in ("c_20150121T000000+0100.jpg", "c_20150120T183000-04:30.jpg", "c_20150120T230000Z.jpg"):
        assert reader.read(name) == FrameName(datetime(2015, 1, 20, 23, tzinfo=UTC), None, 0)


def test_folders_in_local_time_belong_to_the_months_of_their_utc_times(tmp_path: Path) -> None:
    """In Alaska a night's local evening is the next day in UTC; folder and night have the evening's date."""
    alaska = {"station": "FYU", "latitude": 66.6, "longitude": -145.2, "elevation": 130}
    write(tmp_path, "20150131/20150131_190000.jpg", "20150201/20150201_060000.jpg")
    pattern = "{time:%Y%m%d_%H%M%S}.jpg"
    found, left_out = listed(tmp_path, pattern, "%Y%m%d", clock="America/Anchorage", site=alaska)
    assert [*found.values()] == [
        (date(2015, 1, 31), "2015-02-01T04:00:00"),
        (date(2015, 1, 31), "2015-02-01T15:00:00"),
    ]
    assert not left_out


@pytest.mark.parametrize("clock", ["", "local", "+25:00", "Europe", "Europe/Kiruna", 1.5, "../etc/passwd"])
def test_other_clocks_are_refused(clock: object) -> None:
    with pytest.raises(ValueError, match="clock"):
        Archive.model_validate({"root": "archive", "clock": clock})


@pytest.mark.parametrize(("written", "clock"), [("+10:30", "+10:30"), (630, "+10:30"), (-660, "-11:00")])
def test_yaml_reads_a_difference_as_a_number_in_base_60(written: object, clock: str) -> None:
    assert Archive.model_validate({"root": "archive", "clock": written}).clock == clock


def test_links_are_read_where_they_stay_in_the_archive(tmp_path: Path) -> None:
    root, day = tmp_path / "archive", "2015/01/20"
    write(root, ".annex/a1", ".annex/b2", data=b"12345")
    write(tmp_path, "outside.jpg")
    (root / day).mkdir(parents=True)
    for name, target in {
        "210000": "../../../.annex/a1",
        "220000": root / ".annex/b2",
        "230000": "../../../../outside.jpg",
        "231000": "../../../.annex/dropped",
        "232000": "20150120_232000.jpg",
    }.items():
        (root / day / f"20150120_{name}.jpg").symlink_to(target)
    found, left_out = listed(root, "{time:%Y%m%d_%H%M%S}.jpg", "%Y/%m/%d")
    assert times(found) == ["2015-01-20T21:00:00", "2015-01-20T22:00:00"]
    assert left_out == {
        ".annex": "a hidden folder",
        f"{day}/20150120_230000.jpg": "a link that leads out of the archive",
        f"{day}/20150120_231000.jpg": "a link to a file that is not there",
        f"{day}/20150120_232000.jpg": "a link to a file that is not there",
    }


@pytest.mark.parametrize("ending", [".JPG", ".jpg", ".jpeg", ".Jpeg", ".png", ".PNG"])
@pytest.mark.parametrize("of_pattern", [".JPG", ".jpeg", ".png"])
def test_an_ending_stands_for_all_of_pictures(ending: str, of_pattern: str) -> None:
    reader = NameReader([camera(f"KRN{{time:%Y%m%dT%H%M%S}}Q{of_pattern}")])
    assert isinstance(reader.read(f"KRN20150120T210000Q{ending}"), FrameName)
    assert reader.read("KRN20150120T210000Q.fits") == ENDING
    assert reader.read("KRN20150120T210000Q") == NO_FRAME
    assert reader.read(f"KRN20150120T210000Q{ending}.part") == NO_FRAME


def test_png_beside_jpeg_of_the_same_second_is_a_duplicate(tmp_path: Path) -> None:
    from test_nights import SETTINGS, ingest, statuses

    image = picture("arcs", 1)
    for hour, names in {18: (".JPG", ".png"), 19: (".png",), 20: (".jpeg",)}.items():
        for name in names:
            data = png(image) if name == ".png" else jpeg(image)
            write(tmp_path / "archive/2015/01/12", f"KRN20150112T{hour}0000E06000Q{name}", data=data)
    assert SETTINGS.cameras[0].pattern.endswith(".JPG")
    assert statuses(ingest(tmp_path / "archive") / "2015-01-12.parquet") == {
        "KRN20150112T180000E06000Q.JPG": "kept",
        "KRN20150112T180000E06000Q.png": "duplicate",
        "KRN20150112T190000E06000Q.png": "kept",
        "KRN20150112T200000E06000Q.jpeg": "kept",
    }
    assert image.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("B20080120T210000.jpg", BEFORE),
        ("A20150120T210000.jpg", OTHER_CAMERA),
        ("B20150120T210000E99999999999.jpg", NO_FRAME),
        ("C20250120T210000E99999999999.jpg", EXPOSURE),
        ("C20250120T210000Elong.jpg", EXPOSURE),
        ("C20250120T210000E-1.jpg", EXPOSURE),
        ("D20250120-021T210000.jpg", NO_FRAME),
    ],
)
def test_the_reason_is_the_true_one(name: str, reason: str) -> None:
    cameras = [
        camera("A{time:%Y%m%dT%H%M%S}.jpg", "2009-01-01"),
        camera("B{time:%Y%m%dT%H%M%S}.jpg", "2010-01-01"),
        camera("C{time:%Y%m%dT%H%M%S}E{exposure_ms}.jpg", "2020-01-01"),
    ]
    assert NameReader(cameras).read(name) == reason


def test_a_month_before_the_first_camera_has_its_reason() -> None:
    assert NameReader([]).read("KRN20150120T210000Q.JPG") == BEFORE


def test_codes_that_come_again_in_a_name_must_agree() -> None:
    reader = NameReader([camera("{time:%Y%m%d-%j}_{time:%d_%H%M}.jpg")])
    assert isinstance(reader.read("20150120-020_20_2100.jpg"), FrameName)
    assert reader.read("20150120-021_20_2100.jpg") == TWO_DATES
    assert reader.read("20150120-020_21_2100.jpg") == TWO_DATES


@pytest.mark.parametrize("exposure", ["{exposure_ms:05d}", "{exposure_ms:d}", "{exposure_ms}", "{exposure_ms:.1f}"])
def test_exposures_are_read_in_each_notation(exposure: str) -> None:
    reader = NameReader([camera(f"{{time:%Y%m%dT%H%M%S}}E{exposure}.jpg")])
    read = reader.read("20150120T210000E06000.jpg")
    assert isinstance(read, FrameName)
    assert read.exposure_ms == 6000


@pytest.mark.parametrize(
    "pattern", ["{time:%Y", "{time:%Q}.jpg", "{time:%Y}{x[0]}", "{time:%Y}{a:G}", "{time:%Y}{Y_0}"]
)
def test_patterns_that_cannot_be_read_are_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        camera(pattern)


@pytest.mark.parametrize(
    ("pattern", "good"),
    [
        ("{time:%d.%b%y %I-%M-%S%p}_{gain}E{exposure_ms}.jpg", "31.Dec15 11-59-59pm_aE6.jpg"),
        ("c{time:%j%H}.JPG", "c36523.jpg"),
    ],
)
def test_whatever_the_name_it_is_read_or_not(pattern: str, good: str) -> None:
    random = np.random.default_rng(3)
    reader, leaf, read = NameReader([camera(pattern)]), DirectoryPattern("%Y-%m-%d").leaf("2015-12-31"), 0
    for _ in range(1000):
        name = list(good)
        for place in random.integers(0, len(name), random.integers(0, 3)):
            name[place] = str(random.choice([*"0123456789-.acdepDJ{}%²٣\n"]))
        read += isinstance(reader.read("".join(name), leaf), FrameName)
    assert 333 < read < 1000


def test_a_name_that_is_not_utf8_is_named_with_escapes(tmp_path: Path) -> None:
    write(tmp_path, "2015/01/20/20150120_210000.jpg")
    os.mkdir(os.fsencode(tmp_path) + b"/bilder fr\xe5n 2015")
    (tmp_path / "2015/01/20" / os.fsdecode(b"bild\xe5.jpg")).write_bytes(b"")
    found, left_out = listed(tmp_path, "{time:%Y%m%d_%H%M%S}.jpg", "%Y/%m/%d")
    assert len(found) == 1
    assert left_out.pop("2015/01/20/bild\\udce5.jpg") == "the name has characters that cannot be printed"
    assert [*left_out.values()] == ["a folder that archive.directories does not name"]


def test_braces_in_paths_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path / "{archive}", "cam{0}/2015/20150120_210000{x}.jpg")
    found, _ = listed(tmp_path / "{archive}", "{time:%Y%m%d_%H%M%S}{{x}}.jpg", "cam{0}/%Y")
    assert times(found) == ["2015-01-20T21:00:00"]
