"""The simulated archive has the camera's format, the true Sun and Moon, and what every archive has of broken files."""

from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import CONFIG, Project

from norrsken import rescan
from norrsken.archive import FrameName, NameReader
from norrsken.config import Config, load
from norrsken.errors import NorrskenError
from norrsken.images import UnreadableImage, WrongGeometry, decode, process, turn
from norrsken.simulation import Episode, _turn_back, simulate

#: A night of first quarter: the Moon sets in the evening.
NIGHT = date(2018, 1, 23)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    simulate(configuration(folder), [NIGHT], seed=1, workers=2)
    return folder


def configuration(folder: Path) -> Config:
    raw = Config.model_validate(CONFIG).model_dump()
    raw["archive"]["root"] = str(folder / "archive")
    raw["releases"]["small"] |= {"years": [2018], "labels": [str(folder / "labels/anna.csv")]}
    return Config.model_validate(raw)


def test_frames_have_the_archives_names_and_the_cameras_size(archive: Path) -> None:
    config = configuration(archive)
    reader, camera = NameReader(config.cameras), config.cameras[0]
    outcomes: Counter[str] = Counter()
    for path in archive.glob("archive/2018/01/23/*"):
        if isinstance(reader.read(path.name), FrameName):
            try:
                decode(path.read_bytes(), camera)
                outcomes["good"] += 1
            except UnreadableImage:
                outcomes["unreadable"] += 1
            except WrongGeometry:
                outcomes["geometry"] += 1
        else:
            outcomes["unrecognised"] += 1
    assert outcomes == {"good": 597, "unreadable": 3, "geometry": 1, "unrecognised": 1}


def test_the_same_seed_gives_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    simulate(configuration(tmp_path), [NIGHT], seed=1, workers=1)
    for path in [*archive.rglob("*.JPG"), archive / "labels/anna.csv"]:
        assert (tmp_path / path.relative_to(archive)).read_bytes() == path.read_bytes()


def test_an_archive_that_is_there_is_never_written_into(archive: Path) -> None:
    with pytest.raises(
        NorrskenError, match="archive exists; a simulated archive is written only where there is nothing"
    ):
        simulate(configuration(archive), [NIGHT], seed=1, workers=1)


def test_turning_back_undoes_the_turn() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (260, 264, 3), dtype=np.uint8)
    camera = Config.model_validate(CONFIG).cameras[0]
    for rotate in (0, 90, 180, 270):
        for flip in (False, True):
            turned = camera.model_copy(update={"rotate": rotate, "flip": flip})
            np.testing.assert_array_equal(turn(_turn_back(frame, turned), turned), frame)


def test_the_aurora_of_an_arc_runs_east_west_in_the_processed_frame(archive: Path) -> None:
    from datetime import UTC, datetime

    from norrsken.simulation import _frame

    camera = load(Path(__file__).parent.parent / "demo/config.yaml").cameras[0]
    time = datetime(2018, 1, 15, 20, tzinfo=UTC)
    green = process(_frame(camera, Episode(time, "arcs", 3), time, -40, -30, 0), camera)[..., 1].astype(float)
    assert green.mean(axis=1).std() > 3 * green.mean(axis=0).std()


def test_rescan_finds_what_directory_times_do_not_show(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    config = load("config.yaml")
    assert rescan.changed_directories(config) == {}
    frame = next(project.path("archive/2015/01/15").iterdir())
    frame.write_bytes(frame.read_bytes() + b"longer")
    relative = frame.relative_to(project.path("archive")).as_posix()
    assert rescan.changed_directories(config) == {"2015/01/15": [relative]}
    assert project.planned("nights") == {}
    rescan.touch(config, ["2015/01/15"])
    assert project.planned("nights") == {"ingest_month": 1}


def test_rescan_finds_files_that_came_with_old_times(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.chdir(project.folder)
    day = project.path("archive/2014/12/20")
    before = day.stat()
    (day / "stray.txt").write_text("came by rsync")
    os.utime(day, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert rescan.changed_directories(load("config.yaml")) == {"2014/12/20": ["2014/12/20/stray.txt"]}
