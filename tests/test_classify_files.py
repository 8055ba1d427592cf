"""`norrsken classify`: the files that it is given, however they are named, linked, damaged or half-written."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, EVENINGS, looking, write_evening, write_frame

from norrsken import schemas, stages, tables
from norrsken.classify import frames as classifying
from norrsken.classify.files import frame_files
from norrsken.cli import main
from norrsken.config.config import Config
from norrsken.config.site import FrameSource
from norrsken.models import classifiers
from norrsken.models.interface import Card
from norrsken.nights.ingest import ingest_month
from norrsken.paper import CLASSES
from norrsken.training.features import Extractor

CONFIGURATION = Config.model_validate(CONFIG)
START = datetime.fromisoformat(EVENINGS[2]).replace(tzinfo=UTC)
(CAMERA,) = CONFIGURATION.cameras
NOT_UTF8 = os.fsdecode(b"bilder fr\xe5n 2015")


def save_model(path: Path, images: np.ndarray, source: FrameSource) -> None:
    run = CONFIGURATION.run_settings("svm-linear")
    assert run.features is not None
    inputs = Extractor(run.features)(images)
    classifier = classifiers.build(run.model, 0, len(CLASSES), inputs.shape[-1])
    classifier.fit(inputs, np.arange(len(images)) % 7)
    card = Card(
        classes=list(CLASSES), run=run, split="night", seed=0, frames=source, extractor=None, program_version="1"
    )
    classifier.save(path, card)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evening in the archive, its night table, and a model that was trained on it."""
    folder = tmp_path_factory.mktemp("project")
    write_evening(folder / "archive", EVENINGS[2])
    settings = CONFIGURATION.night_settings(CONFIGURATION.cameras)
    days = [str(path) for path in (folder / "archive").glob("*/*/*")]
    ingest_month(
        str(folder / "archive"), days, "2015-01", settings, str(folder / "nights"), str(folder / "keograms"), 1
    )
    source = FrameSource(processing=stages.PROCESSING, cameras=CONFIGURATION.cameras)
    save_model(folder / "model.skops", tables.images(pq.read_table(table(folder))["image"]), source)
    return folder


def table(project: Path) -> Path:
    return project / "nights/2015-01-15.parquet"


def pictures(project: Path) -> list[Path]:
    return sorted((project / "archive").rglob("*.JPG"))


def classify(project: Path, *paths: str | Path, csv: Path, status: int = 0) -> list[str]:
    """Classify into a file; returns its frames."""
    assert main(["classify", str(project / "model.skops"), *map(str, paths), "--csv", str(csv)]) == status
    return frames_of(csv)


def frames_of(csv: Path) -> list[str]:
    names: list[str] = pd.read_csv(csv)["frame"].tolist()
    return names


def follow(
    project: Path, folder: Path, csv: Path, looks: list[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Follow a folder, and after each look do what `looks` says."""
    with looking(looks, monkeypatch):
        assert main(["classify", str(project / "model.skops"), str(folder), "--csv", str(csv), "--follow"]) == 0


# The name of a frame


def test_a_frame_has_one_row_however_its_folder_is_called(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, csv = tmp_path / "in", tmp_path / "frames.csv"
    folder.mkdir()
    for path in pictures(project)[:3]:
        shutil.copy(path, folder)
    (tmp_path / "link").symlink_to("in")
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for path in folder.iterdir():
        (chosen / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    whole = [str(folder / path.name) for path in pictures(project)[:3]]
    for given in ("in", "./in", folder, "link", tmp_path / "link", "in/../link", "chosen", *sorted(folder.iterdir())):
        assert classify(project, given, csv=csv) == whole
    monkeypatch.chdir(folder)
    assert classify(project, ".", pictures(project)[0].name, "../in", csv=csv) == whole


@pytest.mark.parametrize("prefix", ["in/", "./in/", "{tmp}/in/", "link/", "{tmp}/link/", "chosen/", "{tmp}/chosen/"])
def test_a_file_of_an_earlier_version_goes_on_with_what_it_has_not_yet(
    project: Path, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, csv, chosen = tmp_path / "in", tmp_path / "frames.csv", tmp_path / "chosen"
    folder.mkdir()
    chosen.mkdir()
    (tmp_path / "link").symlink_to("in")
    for path in pictures(project)[:3]:
        shutil.copy(path, folder)
        (chosen / path.name).symlink_to(f"../in/{path.name}")
    monkeypatch.chdir(tmp_path)
    classify(project, "in", csv=csv)
    lines = csv.read_text().replace(f"{folder}/", prefix.format(tmp=tmp_path)).splitlines(keepends=True)
    csv.write_text("".join(lines[:3]))
    assert [os.path.basename(name) for name in classify(project, "in", "link", "chosen", csv=csv)] == [
        path.name for path in pictures(project)[:3]
    ]
    assert csv.read_text().startswith("".join(lines[:3]))


def test_relative_paths_that_lead_nowhere_are_told(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    csv = tmp_path / "frames.csv"
    classify(project, pictures(project)[0], csv=csv)
    csv.write_text(csv.read_text().replace(f"{pictures(project)[0].parent}/", "in/"))
    monkeypatch.chdir(tmp_path)
    classify(project, pictures(project)[1], csv=csv)
    assert f"{csv}: 1 frames have a path that leads nowhere from here" in caplog.text


def test_a_link_that_gives_a_file_its_name_tells_the_time(project: Path, tmp_path: Path) -> None:
    """In an archive of git-annex each frame is a link to a file that is named by its digest."""
    objects = tmp_path / ".git/annex/objects"
    objects.mkdir(parents=True)
    for i, path in enumerate(pictures(project)[:2]):
        shutil.copy(path, objects / f"SHA256E-{i}.JPG")
        (tmp_path / path.name).symlink_to(f".git/annex/objects/SHA256E-{i}.JPG")
    names = [str(tmp_path / path.name) for path in pictures(project)[:2]]
    assert classify(project, tmp_path, csv=tmp_path / "frames.csv") == names


def test_a_link_to_a_folder_is_followed_once(project: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/2015").symlink_to(project / "archive/2015")
    (tmp_path / "in/again").symlink_to(tmp_path / "in")
    (tmp_path / "in/gone").symlink_to(tmp_path / "nowhere")
    assert classify(project, tmp_path / "in", csv=tmp_path / "frames.csv") == list(map(str, pictures(project)))


def test_a_frame_that_two_tables_hold_has_one_row(project: Path, tmp_path: Path) -> None:
    shutil.copy(table(project), tmp_path / "copy.parquet")
    assert len(classify(project, table(project), tmp_path, csv=tmp_path / "frames.csv")) == 28


# Names that are not UTF-8


def test_names_that_are_not_utf8_are_classified_and_shown_with_escapes(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / NOT_UTF8
    folder.mkdir()
    shutil.copy(pictures(project)[0], folder)
    shutil.copy(table(project), folder)
    (folder / "KRN20150115T190000E06000Q.JPG").write_bytes(b"\xff\xd8")
    csv = folder / "frames.csv"
    arguments = ["classify", str(project / "model.skops"), str(folder)]
    shown = f"{tmp_path}/bilder fr\\udce5n 2015/"

    def assert_named(said: str) -> None:
        assert said.startswith(f"norrsken: not classified: {shown}KRN20150115T190000E06000Q.JPG: ")
        assert len(said.splitlines()) == 1

    # A process of its own, whose output has the encoding of a terminal.
    result = subprocess.run([sys.executable, "-m", "norrsken", *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert_named(result.stderr)
    assert f"{shown}{pictures(project)[0].name}" in result.stdout
    for _ in range(2):
        assert main([*arguments, "--csv", str(csv)]) == 1
        assert_named(capsys.readouterr().err)
    names = frames_of(csv)
    assert sorted(names)[0] == f"{shown}{pictures(project)[0].name}"
    assert len(names) == len(set(names)) == 1 + 28


def test_a_folder_that_is_not_utf8_is_followed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, csv = tmp_path / NOT_UTF8, tmp_path / NOT_UTF8 / "frames.csv"
    folder.mkdir()
    (folder / "KRN20150115T190000E06000Q.JPG").write_bytes(b"\xff\xd8")
    looks = [partial(shutil.copy, path, folder) for path in (pictures(project)[0], table(project))]
    follow(project, folder, csv, [*looks, lambda: None], monkeypatch)
    assert len(frames_of(csv)) == 1 + 28
    said = capsys.readouterr()
    assert "fr\\udce5n 2015/frames.csv: 28 frames added" in said.out
    assert said.err.count("fr\\udce5n 2015/KRN20150115T190000E06000Q.JPG: ") == 1


def test_a_line_break_in_a_name_does_not_tear_a_row(project: Path, tmp_path: Path) -> None:
    folder, csv = tmp_path / "two\nlines", tmp_path / "frames.csv"
    folder.mkdir()
    shutil.copy(pictures(project)[0], folder)
    for _ in range(2):
        assert classify(project, folder, csv=csv) == [f"{tmp_path}/two\\nlines/{pictures(project)[0].name}"]


# Files that cannot be read, or not yet


def test_a_table_that_cannot_be_read_is_named_and_the_others_are_classified(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half, text, gone, other = (tmp_path / f"{name}.parquet" for name in ("half", "text", "gone", "other"))
    half.write_bytes(table(project).read_bytes()[:50_000])
    text.write_text("frame,label\n")
    rows = pq.read_table(table(project))
    geometry = FrameSource(processing=stages.PROCESSING, cameras=[CAMERA.model_copy(update={"block": 1})])
    tables.write(other, rows, schemas.NIGHT_TABLE, {}, frames=geometry.plain())
    damaged = tmp_path / "damaged.parquet"  # a later row group: those before it are classified
    data = bytearray(table(project).read_bytes())
    data[4:60_000] = bytes(59_996)
    damaged.write_bytes(data)
    paths = [half, text, gone, other, damaged, pictures(project)[0], table(project)]
    assert len(classify(project, *paths, csv=tmp_path / "frames.csv", status=1)) == 1 + 28
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[2] for line in said] == [str(path) for path in (half, text, gone, other, damaged)]
    assert said[0].startswith(f"norrsken: not classified: {half}: cannot be read as Parquet: ")
    assert said[2].endswith(f"{gone}: No such file or directory")
    assert f"{other}: its frames are 264 × 260 pixels, rotated by 90°, flipped, in blocks of 1" in said[3]


@pytest.mark.parametrize("suffix", ["JPG", "parquet"])
def test_a_file_that_vanishes_after_it_was_listed_is_named(
    project: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / f"in/KRN20150115T190000E06000Q.{suffix}"
    gone.parent.mkdir()
    gone.touch()
    shutil.copy(pictures(project)[0], gone.parent)

    def listed(*arguments: object) -> list[str]:
        found = list(frame_files(*arguments))  # type: ignore[arg-type]
        gone.unlink()
        return found

    monkeypatch.setattr(classifying, "frame_files", listed)
    assert len(classify(project, gone.parent, csv=tmp_path / "frames.csv", status=1)) == 1
    assert capsys.readouterr().err == f"norrsken: not classified: {gone}: No such file or directory\n"


def test_a_half_written_table_does_not_end_the_following(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, csv = tmp_path / "in", tmp_path / "frames.csv"
    folder.mkdir()
    path, whole = folder / "night.parquet", table(project).read_bytes()
    said: list[tuple[int, str]] = []

    def put(size: int | None) -> Callable[[], object]:
        def write() -> None:
            said.append((len(frames_of(csv)), capsys.readouterr().err))
            if size is not None:
                path.write_bytes(whole[:size])

        return write

    # It grows; then it stays as it is, and is named; then it is whole; then it is damaged and vanishes.
    looks = [put(1000), put(50_000), put(None), put(None), put(len(whole)), put(2000), put(None), put(None)]
    follow(project, folder, csv, [*looks, path.unlink], monkeypatch)
    assert [frames for frames, _ in said] == [0, 0, 0, 0, 0, 28, 28, 28]
    assert [f"{path}: cannot be read as Parquet: " in err for _, err in said] == [i in (3, 7) for i in range(8)]


def test_what_the_system_says_of_a_file_may_pass(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, csv = tmp_path / "in", tmp_path / "frames.csv"
    folder.mkdir()
    shutil.copy(pictures(project)[0], folder)
    original = classifying.read_frame

    def stale(path: str, camera: object) -> object:
        raise OSError(116, "Stale file handle", path)

    monkeypatch.setattr(classifying, "read_frame", stale)
    again = [lambda: None, lambda: None, lambda: monkeypatch.setattr(classifying, "read_frame", original)]
    follow(project, folder, csv, [*again, lambda: None], monkeypatch)
    assert len(frames_of(csv)) == 1
    assert capsys.readouterr().err.count("Stale file handle") == 1


def test_a_folder_that_cannot_be_listed_is_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shut, original = tmp_path / "in/shut", os.scandir
    shut.mkdir(parents=True)
    shutil.copy(pictures(project)[0], tmp_path / "in")

    def scandir(path: str) -> object:
        if str(path) == str(shut):
            raise PermissionError(13, "Permission denied", path)
        return original(path)

    monkeypatch.setattr("norrsken.classify.files.os.scandir", scandir)
    assert len(classify(project, tmp_path / "in", csv=tmp_path / "frames.csv", status=1)) == 1
    assert f"not classified: {shut}: Permission denied" in capsys.readouterr().err


# The cameras of a model


def test_a_picture_of_a_camera_that_came_after_those_of_the_model_is_not_read_with_the_old_orientation(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tables.images(pq.read_table(table(project))["image"])
    later = CAMERA.model_copy(update={"valid_from": date(2017, 1, 1), "rotate": 180})
    source = FrameSource(processing=stages.PROCESSING, cameras=[CAMERA, later], replaced=[date(2016, 2, 1)])
    save_model(tmp_path / "model.skops", images, source)
    times = [datetime(2016, 1, 31, 23, 59, tzinfo=UTC) + timedelta(minutes=1) * i for i in range(2)]
    before, after = (write_frame(tmp_path / "in", time, "arcs") for time in times)
    last = write_frame(tmp_path / "in", datetime(2017, 1, 1, tzinfo=UTC), "arcs")
    csv = tmp_path / "frames.csv"
    assert main(["classify", str(tmp_path / "model.skops"), str(tmp_path / "in"), "--csv", str(csv)]) == 1
    assert frames_of(csv) == [str(before), str(last)]
    assert f"{after}: another camera came on 2016-02-01, which the model does not know" in capsys.readouterr().err


def test_what_is_known_of_the_ends_of_cameras_is_put_together() -> None:
    """Months of a release are put together; a date on which one of its own cameras came says nothing more."""
    second, fourth = (CAMERA.model_copy(update={"valid_from": date(year, 1, 1), "rotate": 0}) for year in (2016, 2020))
    first = FrameSource(processing=1, cameras=[CAMERA], replaced=[second.valid_from])
    both = first | FrameSource(processing=1, cameras=[second], replaced=[date(2018, 1, 1)])
    assert both.replaced == [date(2018, 1, 1)]
    assert (both | FrameSource(processing=1, cameras=[fourth])).replaced == [date(2018, 1, 1)]
    assert "replaced" not in FrameSource(processing=1, cameras=[CAMERA]).plain()
    assert FrameSource.model_validate(both.plain()).replaced == both.replaced
