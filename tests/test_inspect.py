"""`norrsken inspect` prints a configuration that reads the archive."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import CONFIG, HEIGHT, REAL_FRAMES, WIDTH, jpeg, picture
from test_layouts import listed, png, write

from norrsken.cli import main
from norrsken.config.base import ConfigError
from norrsken.config.site import Archive, Camera, Site
from norrsken.nights.inspect import inspect
from norrsken.simulation.night import Night, scene

PICTURE = jpeg(picture("arcs", 1))
TIMES = [datetime(2015, 1, 3, 17, 4, 5) + timedelta(hours=i) * 7.3 for i in range(60)]


def entries(root: Path) -> tuple[Archive, list[Camera], list[str]]:
    """The entries that are printed, checked as a configuration's; and the comments."""
    lines = [*inspect(root)]
    found = yaml.safe_load("\n".join(lines))
    cameras = [Camera.model_validate(camera) for camera in found["cameras"]]
    return Archive.model_validate(found["archive"]), cameras, [line for line in lines if line.startswith("#")]


@pytest.mark.parametrize(
    ("folder", "name", "directories", "pattern"),
    [
        ("%Y/%m/%d", "KRN%Y%m%dT%H%M%SE06000Q.JPG", "%Y/%m/%d", "KRN{time:%Y%m%dT%H%M%S}E{exposure_ms:05d}Q.JPG"),
        ("%Y%m%d", "image-%Y%m%d%H%M%S.jpg", "%Y%m%d", "image-{time:%Y%m%d%H%M%S}.jpg"),
        ("%Y-%m-%d", "%H-%M-%S.jpg", "%Y-%m-%d", "{time:%H-%M-%S}.jpg"),
        ("%Y%m%d-%j", "cam2 %d-%m-%Y %H.%M.jpeg", "%Y%m%d-%j", "cam2 {time:%d-%m-%Y %H.%M}.jpeg"),
        ("site3/%Y/%j", "%y%j%H%M%S.jpg", "site3/%Y/%j", "{time:%y%j%H%M%S}.jpg"),
        ("%Y/%m/%d/ut%H", "%d%m%y_%H%M%S_asi2.jpg", "%Y/%m/%d/ut%H", "{time:%d%m%y_%H%M%S}_asi2.jpg"),
        ("%Y", "c_%Y%m%dT%H%M%S+0100.jpg", "%Y", "c_{time:%Y%m%dT%H%M%S%z}.jpg"),
        (
            lambda time: f"cam/{time - timedelta(hours=12):%Y%m%d}/night/{time:%d_%H}",
            "ccd1_%Y%m%d_%H%M%S.jpg",
            "cam/%Y%m%d/night/%d_%H",
            "ccd1_{time:%Y%m%d_%H%M%S}.jpg",
        ),
        (
            lambda time: f"{time.year}/{time.month}/{time.day}",
            lambda time: f"{time.hour}-{time.minute}-{time.second}.png",
            "%Y/%m/%d",
            "{time:%H-%M-%S}.png",
        ),
    ],
)
def test_the_printed_entries_read_the_archive(
    tmp_path: Path,
    folder: str | Callable[[datetime], str],
    name: str | Callable[[datetime], str],
    directories: str,
    pattern: str,
) -> None:
    for time in TIMES:
        parts = [form(time) if callable(form) else time.strftime(form) for form in (folder, name)]
        write(tmp_path, "/".join(parts), data=PICTURE)
    archive, cameras, comments = entries(tmp_path)
    assert (archive.directories, [camera.pattern for camera in cameras]) == (directories, [pattern])
    assert (cameras[0].width, cameras[0].height, cameras[0].block) == (WIDTH, HEIGHT, 1)
    found, left_out = listed(tmp_path, pattern, directories)
    assert len(found) == len(TIMES)
    assert not left_out
    assert comments == ["# Read: 60 of 60 pictures, by their names."]


def test_what_would_be_missed_is_told(tmp_path: Path) -> None:
    for time in TIMES:
        write(tmp_path, time.strftime("%Y/%m/%d/%Y%m%d_%H%M%S.jpg"), data=PICTURE)
    write(tmp_path, "keograms/all-2015.png", "notes.txt", "2015/01/03/.hidden/x.jpg", data=b"x")
    _, _, comments = entries(tmp_path)
    assert comments == [
        "# Read: 60 of 61 pictures, by their names.",
        "# Missed: 1 pictures such as keograms/all-2015.png",
        "# Not pictures: 1 files that end in .txt, such as notes.txt",
    ]


def test_cameras_that_follow_each_other_have_an_entry_each(tmp_path: Path) -> None:
    larger = jpeg(np.zeros((HEIGHT * 2, WIDTH * 2, 3), np.uint8))
    for i, time in enumerate(TIMES):
        write(tmp_path, time.strftime("%Y/%m/%d/%Y%m%d_%H%M%S.jpg"), data=larger if i >= 30 else PICTURE)
    _, cameras, _ = entries(tmp_path)
    assert [(camera.width, camera.block) for camera in cameras] == [(WIDTH, 1), (2 * WIDTH, 2)]
    assert cameras[0].valid_from < cameras[1].valid_from


def test_grey_pictures_are_named(tmp_path: Path) -> None:
    for time in TIMES[:5]:
        write(tmp_path, time.strftime("%Y/%m/%d/%Y%m%d_%H%M%S.png"), data=png(np.zeros((HEIGHT, WIDTH), np.uint8)))
    assert any("not RGB of 8 bits" in comment for comment in entries(tmp_path)[2])


@pytest.mark.parametrize(("hours", "clock"), [(0, "UTC"), (1, "+01:00"), (-5, "-05:00"), (9.5, "+09:30")])
def test_the_clock_is_told_by_the_times_of_the_files(tmp_path: Path, hours: float, clock: str) -> None:
    for time in TIMES:
        path = time.strftime("%Y%m%d/%Y%m%d_%H%M%S.jpg")
        write(tmp_path, path, data=PICTURE)
        taken = time.replace(tzinfo=UTC) - timedelta(hours=hours)
        os.utime(tmp_path / path, times=(taken.timestamp() + 8,) * 2)
    archive, _, _ = entries(tmp_path)
    assert archive.clock == clock


def test_a_copied_archive_does_not_tell_its_clock(tmp_path: Path) -> None:
    for time in TIMES:
        write(tmp_path, time.strftime("%Y%m%d/%Y%m%d_%H%M%S.jpg"), data=PICTURE)
    assert any("clock: UTC # this is assumed" in line for line in inspect(tmp_path))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "has no JPEG and no PNG: it is empty"),
        (["2015/a.fits"], r"has no JPEG and no PNG: 1 files that end in \.fits"),
        (["pictures/20150120_210000.jpg"], "a folder's name must tell the year at least"),
        (["2015/01/20/aurora.jpg"], "a folder's name must tell the year at least"),
    ],
)
def test_an_archive_that_cannot_be_read_says_why(tmp_path: Path, files: list[str], message: str) -> None:
    write(tmp_path, *files)
    with pytest.raises(ConfigError, match=message):
        list(inspect(tmp_path))


def test_links_in_a_circle_and_odd_names_do_no_harm(tmp_path: Path) -> None:
    for time in TIMES[:9]:
        write(tmp_path, time.strftime("%Y%m%d/%Y%m%d_%H%M%S.jpg"), data=PICTURE)
    (tmp_path / "20150103/again").symlink_to("..")
    (tmp_path / os.fsdecode(b"bild\xe5.jpg")).write_bytes(b"")
    (tmp_path / "20150103/gone.jpg").symlink_to("nothing")
    archive, _, comments = entries(tmp_path)
    assert archive.directories == "%Y%m%d"
    assert comments[0] == "# Read: 9 of 9 pictures, by their names."
    assert any("a link to a file that is not there" in comment for comment in comments)


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for time in TIMES[:9]:
        write(tmp_path, time.strftime("%Y%m%d/%Y%m%d_%H%M%S.jpg"), data=PICTURE)
    assert main(["inspect", str(tmp_path)]) == 0
    printed: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    assert printed["archive"]["directories"] == "%Y%m%d"
    assert CONFIG["archive"].keys() <= printed["archive"].keys()
    assert main(["inspect", str(tmp_path / "nowhere")]) == 1


def test_a_lens_is_proposed_from_the_horizon_circle(tmp_path: Path) -> None:
    lens = {"zenith": [204.5, 190], "horizon": 170, "projection": "equidistant", "north": 40, "east": "left"}
    site = Site(station="KRN", name="Kiruna", latitude=67.84, longitude=20.42, elevation=425)
    entry = {
        "valid_from": "2009-01-01",
        "width": 420,
        "height": 380,
        "lens": lens,
        "pattern": "{time:%Y%m%d%H%M%S}.jpg",
    }
    camera = Camera.model_validate(entry | {"lens": lens})
    night = Night.of(date(2016, 1, 10), site, seed=0)
    for minute in night.minutes()[60::60][:6]:
        time = night.time(minute)
        write(tmp_path, f"{time:%Y/%m/%d/%Y%m%d%H%M%S}.jpg", data=jpeg(scene(night, minute, camera).photograph()))
    (found,) = entries(tmp_path)[1]
    assert found.lens is not None
    assert found.lens.zenith == pytest.approx((204.5, 190), abs=1.5)
    assert found.lens.horizon == pytest.approx(170, rel=0.025)
    assert (found.rotate, found.flip, found.block) == (None, None, None)


@pytest.mark.skipif(not REAL_FRAMES.exists(), reason="the real frames are not there")
def test_a_lens_is_proposed_for_the_camera_of_longyearbyen(tmp_path: Path) -> None:
    shutil.copytree(REAL_FRAMES, tmp_path / "archive/2014")
    (found,) = entries(tmp_path / "archive")[1]
    assert found.lens is not None
    assert found.lens.zenith == pytest.approx((359, 236), abs=6)
    assert found.lens.horizon == pytest.approx(229, abs=4)
