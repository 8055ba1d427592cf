"""One odd thing in an archive stops nothing else, and nothing is left out without being counted."""

import errno
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import HEIGHT, WIDTH, jpeg, picture, write_frame
from PIL import Image
from test_layouts import png
from test_nights import EVENING, SETTINGS, ingest, statuses, unrecognised

from norrsken.config.base import ConfigError
from norrsken.config.site import Place
from norrsken.nights import archive as archives
from norrsken.nights import census, rescan
from norrsken.nights import ingest as nights
from norrsken.nights.archive import find_directories, find_tree

DAY = "2015/01/12"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    write_frame(root, EVENING, "arcs")
    return root


def reasons(path: Path) -> dict[str, tuple[str, str | None]]:
    """Status and reason of each frame of a table that is not kept, by the file's name."""
    rows = pq.read_table(path, columns=["path", "status", "reason"]).to_pylist()
    return {Path(row["path"]).name: (row["status"], row["reason"]) for row in rows if row["status"] != "kept"}


def frame(minute: int, ending: str = ".JPG") -> str:
    return f"KRN20150112T19{minute:02d}00E06000Q{ending}"


def test_a_frame_that_is_not_used_has_its_reason(archive: Path) -> None:
    good, small = jpeg(picture("arcs", 1)), jpeg(picture("arcs", 1)[:100])
    grey = png(np.zeros((HEIGHT, WIDTH), np.uint8))
    equal = jpeg(np.full((HEIGHT, WIDTH, 3), 50, np.uint8))
    files = [good[:-2], b"", b"<html></html>", small, grey, png(picture("arcs", 1))[:-20], equal]
    for minute, data in enumerate(files):
        (archive / DAY / frame(minute)).write_bytes(data)
    (archive / DAY / "KRN20150112T110000E00100Q.JPG").write_bytes(b"rejected by the Sun, not opened")
    assert reasons(ingest(archive) / "2015-01-12.parquet") == {
        frame(0): ("unreadable", "Premature end of JPEG file"),
        frame(1): ("unreadable", "an empty file"),
        frame(2): ("unreadable", "neither JPEG nor PNG"),
        frame(3): ("geometry", f"{WIDTH} × 100 pixels, not {WIDTH} × {HEIGHT}"),
        frame(4): ("geometry", "grey: one channel, not three"),
        frame(5): ("unreadable", "PNG without its end"),
        "KRN20150112T110000E00100Q.JPG": ("sun", None),
    }


def test_a_date_that_the_ephemeris_does_not_cover_stops_nothing(archive: Path) -> None:
    name = "KRN20800101T000012E06000Q.JPG"
    for folder in ("2080/01/01", DAY):
        (archive / folder).mkdir(parents=True, exist_ok=True)
        (archive / folder / name).write_bytes(b"")
    assert len(find_directories(archive, "%Y/%m/%d")) == 2
    folder = ingest(archive)
    assert list(statuses(folder / "2015-01-12.parquet").values()) == ["kept"]
    reason = "the ephemeris of Sun and Moon covers 1900 to 2053 only"
    assert unrecognised(folder) == {f"{DAY}/{name}": reason}
    later = ingest(archive, "2080-01")
    assert unrecognised(later) == {f"2080/01/01/{name}": reason}
    assert not list(later.glob("*.parquet"))


@pytest.mark.parametrize(("number", "reason"), [(errno.EACCES, archives.DENIED), (errno.ENOENT, archives.GONE)])
def test_a_frame_that_must_not_be_read_or_is_gone_is_unreadable(
    archive: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    (archive / DAY / frame(0)).write_bytes(b"")
    read = nights.read_frame

    def open_or_fail(path: str, *more: object) -> object:
        if path.endswith(frame(0)):
            raise OSError(number, os.strerror(number), path)
        return read(path, *more)

    monkeypatch.setattr(nights, "read_frame", open_or_fail)
    table = ingest(archive) / "2015-01-12.parquet"
    assert reasons(table) == {frame(0): ("unreadable", reason)}
    assert list(statuses(table).values()).count("kept") == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
def test_an_error_that_may_pass_stops_the_month(archive: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(path: str, *more: object) -> object:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(nights, "read_frame", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        ingest(archive)
    assert not (archive.parent / "nights/2015-01").exists()


def test_a_mount_that_goes_away_makes_no_frame_unreadable(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = nights.read_frame

    def unmount_first(path: str, *more: object) -> object:
        shutil.rmtree(archive)
        archive.mkdir()
        return read(path, *more)

    monkeypatch.setattr(nights, "read_frame", unmount_first)
    with pytest.raises(FileNotFoundError):
        ingest(archive)


def refusing(folder: Path) -> Callable[..., object]:
    """`os.scandir` as it is for somebody who must not read a folder, also where the tests run as root."""
    scan = os.scandir

    def scandir(path: str | os.PathLike[str]) -> object:
        if Path(path) == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    return scandir


def test_a_folder_that_must_not_be_read_is_named(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_frame(archive, EVENING.replace(day=13), "arcs")
    monkeypatch.setattr(os, "scandir", refusing(archive / "2015/01/13"))
    folder = ingest(archive)
    assert [path.stem for path in folder.glob("*.parquet")] == ["2015-01-12"]
    assert unrecognised(folder) == {"2015/01/13": archives.DENIED}
    monkeypatch.setattr(os, "scandir", refusing(archive / "2014"))
    (archive / "2014/01/12").mkdir(parents=True)
    tree = find_tree(archive, "%Y/%m/%d")
    assert tree.left_out == [("2014", archives.DENIED, 1)]
    assert len(tree.leaves) == 2


def test_a_folder_that_is_deleted_while_the_month_is_worked_on_stops_nothing(archive: Path) -> None:
    directories = [str(archive / DAY), str(archive / "2015/01/13")]
    output = [str(archive.parent / name) for name in ("nights", "keograms")]
    nights.ingest_month(str(archive), directories, "2015-01", SETTINGS, *output, 1)
    assert [path.stem for path in (archive.parent / "nights").glob("*.parquet")] == ["2015-01-12"]
    assert unrecognised(archive.parent / "nights") == {}
    shutil.rmtree(archive)
    with pytest.raises(FileNotFoundError):
        nights.ingest_month(str(archive), directories, "2015-01", SETTINGS, *output, 1)


def test_an_archive_without_any_frame_has_its_census(tmp_path: Path) -> None:
    (tmp_path / "archive" / DAY).mkdir(parents=True)
    (tmp_path / "archive" / DAY / "Thumbs.db").write_bytes(b"")
    counts = census.read_counts(ingest(tmp_path / "archive"))
    assert census.sentences(counts) == [
        "The archive holds one file: none of them is a frame.",
        "  1 not recognised: the name does not fit the pattern of the camera in force; such as 2015/01/12/Thumbs.db",
    ]


def test_everything_below_the_root_is_counted(archive: Path) -> None:
    for path in (
        "notes.txt",
        "2015/readme",
        "thumbs/2015/a.jpg",
        "thumbs/2015/b.jpg",
        ".cache/c",
        f"{DAY}/small/a.jpg",
        f"{DAY}/small/b.jpg",
        f"{DAY}/Thumbs.db",
        f"{DAY}/{frame(0)}",
        "2015/02/30/a.jpg",
    ):
        (archive / path).parent.mkdir(parents=True, exist_ok=True)
        (archive / path).write_bytes(b"")
    tree = find_tree(archive, "%Y/%m/%d")
    month = census.read_counts(ingest(archive))
    counts = census.add_up([*month, *census.count_left_out(archive, tree.left_out)])
    assert counts == [
        ("kept", "", 1, f"{DAY}/KRN20150112T183000E06000Q.JPG"),
        ("unreadable", "an empty file", 1, f"{DAY}/{frame(0)}"),
        ("unrecognised", archives.FOLDER, 2, f"{DAY}/small"),
        ("unrecognised", "the name does not fit the pattern of the camera in force", 1, f"{DAY}/Thumbs.db"),
        ("elsewhere", archives.STRAY, 2, "2015/readme"),
        ("elsewhere", archives.FOLDER, 2, "thumbs"),
        ("elsewhere", archives.NO_DAY, 1, "2015/02/30"),
        ("elsewhere", archives.HIDDEN, 1, ".cache"),
    ]
    assert sum(one.files for one in counts) == sum(path.is_file() for path in archive.rglob("*"))
    told = census.sentences(counts)
    assert told[0] == "The archive holds 11 files: 1 kept."
    assert "  2 in no folder of frames: a folder that archive.directories does not name; such as thumbs" in told


def test_a_month_of_which_much_is_not_recognised_is_warned_of() -> None:
    good, bad = census.Count("kept", "", 90, "a"), census.Count("unrecognised", "of another kind", 11, "b")
    assert census.too_many_unrecognised({"2015-01": [good, bad._replace(files=10)]}) == []
    (one,) = census.too_many_unrecognised({"2015-01": [good, bad], "2015-02": [good]})
    assert one.startswith("In 2015-01 more than a tenth of the files are not recognised: 11 of 101 files.")
    assert "of another kind; such as b" in one
    (two,) = census.too_many_unrecognised({"2015-01": [good, bad], "2015-02": [bad]})
    assert two.startswith("In 2 months, from 2015-01 to 2015-02,")


def test_rescan_follows_links_and_takes_a_folder_without_permission(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = archive / DAY / frame(0)
    (archive / ".annex").mkdir()
    (archive / ".annex/a").write_bytes(jpeg(picture("arcs", 1)))
    link.symlink_to("../../../.annex/a")
    (archive / DAY / frame(1)).symlink_to("../../../.annex/dropped")
    folder = ingest(archive)

    def changed() -> dict[str, list[str]]:
        return rescan.changed_directories(str(archive), {"2015-01": [DAY]}, {"2015-01": folder})

    assert changed() == {}
    (archive / ".annex/a").write_bytes(b"replaced")
    assert changed() == {DAY: [f"{DAY}/{frame(0)}"]}
    monkeypatch.setattr(os, "scandir", refusing(archive / DAY))
    assert set(changed()) == {DAY}


def test_a_root_without_a_fitting_folder_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(ConfigError, match=r"found 'pictures': a folder that archive\.directories does not"):
        find_directories(tmp_path, "%Y/%m/%d")


def test_a_site_at_low_latitude_is_warned_of_and_read() -> None:
    site = {"station": "AAA", "elevation": 0}
    assert "look exchanged" in Place(latitude=20.42, longitude=67.84, **site).looks_exchanged
    assert "look exchanged" in Place(latitude=33.0, longitude=-80.0 + 150.0, **site).looks_exchanged
    assert Place(latitude=67.84, longitude=20.42, **site).looks_exchanged == ""
    assert Place(latitude=33.0, longitude=131.0, **site).looks_exchanged == ""


def test_png_frames_are_kept_like_jpegs(archive: Path) -> None:
    image = picture("edge", 3)
    (archive / DAY / frame(0, ".png")).write_bytes(png(image))
    path = ingest(archive) / "2015-01-12.parquet"
    assert statuses(path)[frame(0, ".png")] == "kept"
    assert datetime(2015, 1, 12, 19, tzinfo=UTC) in pq.read_table(path)["time"].to_pylist()
    assert Image.open(archive.parent / "keograms/2015-01/2015-01-12.png").size[1] > 0
