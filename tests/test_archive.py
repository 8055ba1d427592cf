"""Nights, months, directories and file names."""

import os
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from conftest import CONFIG

from norrsken.calendar import month_span, months_of_years, night_of, night_start
from norrsken.config.base import ConfigError
from norrsken.config.directories import DirectoryPattern
from norrsken.config.site import Camera
from norrsken.nights.archive import directories_by_month, find_directories, find_tree, months_of
from norrsken.nights.names import FrameName, NameReader, cameras_between, frame_id

KIRUNA = 20.42


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_kirunas_noon_opens_the_night() -> None:
    noon = utc("2015-01-12T10:38:19.200")
    assert night_start(date(2015, 1, 12), KIRUNA) == noon
    assert night_of(noon, KIRUNA) == date(2015, 1, 12)
    assert night_of(noon - timedelta(milliseconds=1), KIRUNA) == date(2015, 1, 11)


@pytest.mark.parametrize("longitude", [-180, -147.7, -0.1, 0, 20.42, 179.9, 180])
def test_a_night_lasts_from_its_noon_to_the_next(longitude: float) -> None:
    start = night_start(date(2016, 2, 29), longitude)
    assert night_of(start, longitude) == date(2016, 2, 29)
    assert night_of(start + timedelta(hours=24) - timedelta(milliseconds=1), longitude) == date(2016, 2, 29)


def test_a_month_is_all_nights_named_in_it() -> None:
    start, end = month_span("2015-12", KIRUNA)
    assert night_of(start, KIRUNA) == date(2015, 12, 1)
    assert night_of(end, KIRUNA) == date(2016, 1, 1)


def leaf(path: str, pattern: str):
    found = DirectoryPattern(pattern).leaf(path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pattern", "path", "start", "hours"),
    [
        ("%Y/%m/%d", "2015/01/12", "2015-01-12T00:00", 24),
        ("%Y/%Y%m%d", "2015/20150112", "2015-01-12T00:00", 24),
        ("%Y/%m/%d/%H", "2015/01/12/23", "2015-01-12T23:00", 1),
        ("%Y/%j", "2016/366", "2016-12-31T00:00", 24),
        ("%Y-%m", "2015-12", "2015-12-01T00:00", 24 * 31),
        ("camera-%Y", "camera-2016", "2016-01-01T00:00", 24 * 366),
    ],
)
def test_directory_names_tell_their_time(pattern: str, path: str, start: str, hours: int) -> None:
    found = leaf(path, pattern)
    assert (found.start, found.end) == (utc(start), utc(start) + timedelta(hours=hours))


@pytest.mark.parametrize("path", ["2015/02/30", "2015/13/01", "2015/001/12", "2015/01/12/x", "1815/01/12", "a/b/c"])
def test_other_names_are_no_leaf_directories(path: str) -> None:
    assert DirectoryPattern("%Y/%m/%d").leaf(path) is None


def test_a_repeated_code_must_agree() -> None:
    assert DirectoryPattern("%Y/%Y%m%d").leaf("2015/20160112") is None


@pytest.mark.parametrize("pattern", ["", "%m/%d", "%Y/%d", "%Y/%m/%H", "%Y/%B", "../%Y", "%Y//%m", "/%Y/../%m"])
def test_patterns_that_tell_no_date_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"%|root"):
        DirectoryPattern(pattern)


def test_the_first_of_a_month_is_read_by_two_months() -> None:
    assert months_of(leaf("2015/02/01", "%Y/%m/%d"), KIRUNA) == ["2015-01", "2015-02"]
    assert months_of(leaf("2015/02/02", "%Y/%m/%d"), KIRUNA) == ["2015-02"]
    assert months_of(leaf("2015", "%Y"), KIRUNA)[0] == "2014-12"
    assert len(months_of(leaf("2015", "%Y"), KIRUNA)) == 13


def test_every_minute_of_a_directory_belongs_to_a_month_that_reads_it() -> None:
    for longitude in (-180, -100, 0, 100, 180):
        day = leaf("2015/02/01", "%Y/%m/%d")
        for hour in range(24):
            night = night_of(day.start + timedelta(hours=hour), longitude)
            assert f"{night:%Y-%m}" in months_of(day, longitude)


def test_directories_are_found_by_name_alone(tmp_path: Path) -> None:
    for name in ("2015/01/31", "2015/02/01", "2015/02/thumbnails", "2015/notes", "lost+found"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "2015/02/02").write_text("a file, not a directory")
    months = directories_by_month(find_directories(tmp_path, "%Y/%m/%d"), KIRUNA)
    assert months == {"2015-01": ["2015/01/31", "2015/02/01"], "2015-02": ["2015/02/01"]}


def test_a_link_out_of_the_archive_is_refused_and_told(tmp_path: Path) -> None:
    (tmp_path / "outside/01/12").mkdir(parents=True)
    (tmp_path / "archive/2016/01/12").mkdir(parents=True)
    (tmp_path / "archive/2015").symlink_to(tmp_path / "outside")
    tree = find_tree(tmp_path / "archive", "%Y/%m/%d")
    assert [leaf.path for leaf in tree.leaves] == ["2016/01/12"]
    assert tree.left_out == [("2015", "a link that leads out of the archive", 1)]
    shutil.rmtree(tmp_path / "archive/2016")
    with pytest.raises(ConfigError, match="found '2015': a link that leads out of the archive"):
        find_directories(tmp_path / "archive", "%Y/%m/%d")


def test_a_link_inside_the_archive_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk2/01/12").mkdir(parents=True)
    (tmp_path / "2015").symlink_to(tmp_path / "disk2")
    assert [found.path for found in find_directories(tmp_path, "%Y/%m/%d")] == ["2015/01/12"]


def camera(valid_from: str, pattern: str) -> Camera:
    return Camera.model_validate({**CONFIG["cameras"][0], "valid_from": valid_from, "pattern": pattern})


CAMERAS = [
    camera("2000-01-01", "LKRN{time:%Y%m%dT%H%M%S}.JPG"),
    camera("2009-01-01", "KRN{time:%Y%m%dT%H%M%S}E{exposure_ms:05d}Q.JPG"),
    camera("2021-01-01", "{time:%Y-%m-%dT%H.%M.%S.%f}KRN.jpeg"),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("KRN20170922T181800E02000Q.JPG", FrameName(utc("2017-09-22T18:18:00"), 2000, 1)),
        ("LKRN20080922T181800.JPG", FrameName(utc("2008-09-22T18:18:00"), None, 0)),
        ("2021-11-21T17.07.51.250KRN.jpeg", FrameName(utc("2021-11-21T17:07:51.250"), None, 2)),
    ],
)
def test_names_are_read_with_the_camera_in_force(name: str, expected: FrameName) -> None:
    assert NameReader(CAMERAS).read(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "LKRN20170922T181800.JPG",  # the older camera's name, years after it was replaced
        "KRN20170932T181800E02000Q.JPG",
        "KRN20170922T181800E2000Q.JPG",
        "KRN20170922T181800E02000Q.JPG.part",
        "xKRN20170922T181800E02000Q.JPG",
        "KRN20170922T181800E02000Q.JPG\n",
        "Thumbs.db",
    ],
)
def test_other_names_are_not_recognised(name: str) -> None:
    assert isinstance(NameReader(CAMERAS).read(name), str)


def test_a_later_camera_is_no_part_of_earlier_months() -> None:
    assert cameras_between(CAMERAS, *month_span("2015-01", KIRUNA)) == CAMERAS[1:2]
    assert cameras_between(CAMERAS, *month_span("2020-12", KIRUNA)) == CAMERAS[1:]  # its last night reaches into 2021
    assert cameras_between(CAMERAS[1:2], *month_span("2021-01", KIRUNA)) == CAMERAS[1:2]


def test_frame_ids_are_station_and_second() -> None:
    assert frame_id("KRN", utc("2015-01-12T18:30:00.900")) == "KRN20150112T183000"


def test_a_releases_years_read_the_december_before(tmp_path: Path) -> None:
    assert {"2009-12", "2010-01", "2010-12"} <= months_of_years([2010])
    assert "2011-01" not in months_of_years([2010])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_not_utf8_is_not_recognised() -> None:
    assert isinstance(NameReader(CAMERAS).read(os.fsdecode(b"KRN\xff.JPG")), str)
