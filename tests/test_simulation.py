"""A simulated archive has the camera's format, is the same for the same seed, and never touches what is not its own."""

import json
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import CONFIG

from norrsken import tables
from norrsken.cli import main
from norrsken.config.config import Config
from norrsken.errors import NorrskenError
from norrsken.nights.archive import find_directories, truth_folder
from norrsken.nights.images import UnreadableImage, WrongGeometry, decode, turn, turn_back
from norrsken.nights.names import FrameName, NameReader
from norrsken.simulation.archive import WRITTEN, simulate
from norrsken.simulation.night import SUN_BELOW, Night
from norrsken.simulation.truth import TRUTH_TABLE

#: The last nights of spring with frames, 121 and 40 of them. With this seed the first one has a breakup to label.
NIGHTS, SEED = [date(2018, 4, 22), date(2018, 4, 24)], 32


def configuration(folder: Path) -> Config:
    raw = Config.model_validate(CONFIG).model_dump()
    raw["archive"]["root"] = str(folder / "archive")
    raw["filter"]["sun_altitude_max"] = SUN_BELOW
    raw["releases"]["small"] |= {
        "years": [2018],
        "labels": [str(folder / f"labels/{a}.csv") for a in "ab"],
        "selections": str(folder / "labels/selections.csv"),
        "labelling": {"repeats": 0},
    }
    return Config.model_validate(raw)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first night."""
    folder = tmp_path_factory.mktemp("simulated")
    simulate(configuration(folder), NIGHTS[:1], seed=SEED, workers=1)
    return folder


@pytest.fixture(scope="module")
def both_nights(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same archive after the second night."""
    folder = Path(shutil.copytree(archive, tmp_path_factory.mktemp("simulated"), dirs_exist_ok=True))
    simulate(configuration(folder), NIGHTS, seed=SEED, workers=1)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_record(found: dict[str, bytes]) -> dict[str, bytes]:
    """The files without the record of all tables that were ever written."""
    return {name: content for name, content in found.items() if not name.endswith(WRITTEN)}


def test_frames_have_the_archives_names_and_the_cameras_size(both_nights: Path) -> None:
    config = configuration(both_nights)
    reader, camera = NameReader(config.cameras), config.cameras[0]
    paths = [truth_folder(config.archive.root) / f"{night}.parquet" for night in NIGHTS]
    truth = pd.concat(tables.read(path, TRUTH_TABLE).to_pandas() for path in paths)
    outcomes: Counter[str] = Counter()
    for path in (path for path in (both_nights / "archive").rglob("*") if path.is_file()):
        if not isinstance(reader.read(path.name), FrameName):
            outcomes["unrecognised"] += 1
            continue
        try:
            decode(path.read_bytes(), camera)
            outcomes["good"] += 1
        except UnreadableImage:
            outcomes["unreadable"] += 1
        except WrongGeometry:
            outcomes["geometry"] += 1
    flaws = Counter(truth["flaw"].dropna())
    assert len(flaws) > 1, "nights without broken files show nothing"
    assert outcomes["unreadable"] == flaws["cut off"] + flaws["empty"] + flaws["HTML"]
    assert outcomes["geometry"] == flaws["wrong size"]
    assert outcomes["good"] == len(truth) - outcomes["unreadable"] - outcomes["geometry"] + flaws["doubled"]
    assert outcomes["unrecognised"] == flaws["stray file"]


def test_names_are_in_the_clock_of_the_archive(tmp_path: Path) -> None:
    """A night in another clock, in a folder of the night, is read as the times of its minutes."""
    plain, night = configuration(tmp_path), NIGHTS[1]
    camera = plain.cameras[0].model_copy(update={"pattern": "KRN{time:%H%M%S}E{exposure_ms:05d}Q.JPG"})
    entry = plain.archive.model_copy(update={"clock": "America/Chicago", "folders": "night"})
    config = plain.model_copy(update={"archive": entry, "cameras": [camera]})
    simulate(config, [night], seed=SEED, workers=1)
    (leaf,) = find_directories(entry.root, entry.directories, entry.clock, entry.folders)
    reader = NameReader([camera], entry.clock, config.site.longitude)
    names = [reader.read(path.name, leaf) for path in Path(entry.root).rglob("*.JPG")]
    assert leaf.night == night
    drawn = Night.of(night, config.site, SEED)
    assert {name.time for name in names if isinstance(name, FrameName)} == {drawn.time(m) for m in drawn.minutes()}
    utc = config.model_copy(update={"archive": entry.model_copy(update={"clock": "UTC"})})
    with pytest.raises(NorrskenError, match="was simulated with clock = America/Chicago, not UTC"):
        simulate(utc, [night], seed=SEED, workers=1)


def test_truth_lies_beside_the_archive_and_not_in_it(archive: Path) -> None:
    assert {path.name for path in archive.iterdir()} == {"archive", "archive-truth", "labels"}
    assert not [path for path in (archive / "archive").rglob("*") if path.suffix in (".parquet", ".csv")]


def test_the_same_seed_gives_the_same_bytes_and_a_killed_simulation_goes_on(
    archive: Path, both_nights: Path, tmp_path: Path
) -> None:
    """Whether one night comes after the other or both at once."""
    config = configuration(tmp_path)
    simulate(config, NIGHTS, seed=SEED, workers=2)
    whole = files(tmp_path)
    assert without_record(whole) == without_record(files(both_nights))
    lines = files(archive)["labels/a.csv"].splitlines()
    assert len(lines) > 1, "a night without a label shows nothing"
    assert whole["labels/a.csv"].splitlines()[: len(lines)] == lines
    # As a kill in the second night leaves it: some frames, no truth, labels of before.
    (truth_folder(config.archive.root) / f"{NIGHTS[1]}.parquet").unlink()
    sorted((tmp_path / "archive").rglob("*.JPG"))[-1].unlink()
    (tmp_path / "labels/a.csv").unlink()
    simulate(config, NIGHTS, seed=SEED, workers=1)
    assert files(tmp_path) == whole


def test_an_archive_that_was_not_simulated_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    with pytest.raises(NorrskenError, match=r"archive exists, and .*archive-truth does not say that it is simulated"):
        simulate(configuration(tmp_path), NIGHTS, seed=SEED, workers=1)
    (tmp_path / "archive").rmdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/b.csv").write_text("frame_id,label\n")
    with pytest.raises(NorrskenError, match=r"labels/b.csv exists"):
        simulate(configuration(tmp_path), NIGHTS, seed=SEED, workers=1)
    assert not (tmp_path / "archive").exists()


def test_another_seed_is_not_mixed_into_an_archive(archive: Path) -> None:
    before = files(archive)
    with pytest.raises(NorrskenError, match=f"{NIGHTS[0]}.parquet was simulated with seed = {SEED}, not 2"):
        simulate(configuration(archive), NIGHTS, seed=2, workers=1)
    assert files(archive) == before


@pytest.mark.parametrize("name", ["a.csv", "selections.csv"])
def test_a_table_that_a_person_has_changed_is_never_replaced(archive: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(archive, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "labels" / name
    table.write_bytes(table.read_bytes() + b"what a person adds\n")
    before = files(tmp_path)
    with pytest.raises(NorrskenError, match=rf"labels/{name} is not as a simulation has written it: somebody has"):
        simulate(configuration(tmp_path), NIGHTS, seed=SEED, workers=1)
    assert files(tmp_path) == before, "nothing is written"
    table.unlink()
    simulate(configuration(tmp_path), NIGHTS[:1], seed=SEED, workers=1)
    assert files(tmp_path) == files(archive)


def test_a_table_that_is_changed_while_the_nights_are_simulated_stays(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(archive, tmp_path, dirs_exist_ok=True)
    table = tmp_path / "labels/b.csv"

    def change(*_: object) -> int:
        table.write_text("frame_id,label\n")
        return 0

    monkeypatch.setattr("norrsken.simulation.archive._simulate_night", change)
    with pytest.raises(NorrskenError, match=r"labels/b.csv is not as"):
        simulate(configuration(tmp_path), NIGHTS, seed=SEED, workers=1)
    assert table.read_text() == "frame_id,label\n"


@pytest.mark.parametrize("record", [None, "", "[]", '{"half'])
def test_without_a_record_of_what_was_written_the_truth_decides(
    archive: Path, tmp_path: Path, record: str | None
) -> None:
    """So it is with an archive that an earlier version has simulated."""
    shutil.copytree(archive, tmp_path, dirs_exist_ok=True)
    written = tmp_path / "archive-truth" / WRITTEN
    written.unlink()
    if record is not None:
        written.write_text(record)
    simulate(configuration(tmp_path), NIGHTS[:1], seed=SEED, workers=1)
    assert files(tmp_path) == files(archive)
    written.unlink()
    (tmp_path / "labels/a.csv").write_text("frame_id,label\n")
    with pytest.raises(NorrskenError, match=r"labels/a.csv is not as"):
        simulate(configuration(tmp_path), NIGHTS[:1], seed=SEED, workers=1)


def test_a_simulation_that_was_killed_between_two_tables_goes_on(
    archive: Path, both_nights: Path, tmp_path: Path
) -> None:
    """The first table and what is remembered are new; the second table is of before."""
    shutil.copytree(both_nights, tmp_path, dirs_exist_ok=True)
    whole = files(tmp_path)
    shutil.copy(archive / "labels/selections.csv", tmp_path / "labels")
    assert files(tmp_path) != whole
    both = [json.loads((folder / "archive-truth" / WRITTEN).read_text()) for folder in (archive, tmp_path)]
    (tmp_path / "archive-truth" / WRITTEN).write_text(json.dumps(both[0] | both[1]))
    simulate(configuration(tmp_path), NIGHTS, seed=SEED, workers=1)
    assert without_record(files(tmp_path)) == without_record(whole)


def test_nights_without_darkness_have_no_frames(tmp_path: Path) -> None:
    assert simulate(configuration(tmp_path), [date(2018, 6, 10)], seed=SEED, workers=1) == 0


def test_turning_back_undoes_the_turn() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (260, 264, 3), dtype=np.uint8)
    camera = Config.model_validate(CONFIG).cameras[0]
    for rotate in (0, 90, 180, 270):
        for flip in (False, True):
            turned = camera.model_copy(update={"rotate": rotate, "flip": flip})
            np.testing.assert_array_equal(turn(turn_back(frame, turned), turned), frame)


@pytest.mark.parametrize(
    ("nights", "complaint"), [("2018-13-01", "invalid _nights value"), ("2018-02-02:2018-02-01", "before the first")]
)
def test_misspelled_nights_are_named(nights: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", nights])
    error = capsys.readouterr().err
    assert nights in error
    assert complaint in error


def test_a_night_can_be_watched(both_nights: Path, tmp_path: Path) -> None:
    import cv2

    from norrsken.nights.movie import film_night

    film = tmp_path / "night.webm"
    frames = film_night(configuration(both_nights), NIGHTS[1], film)
    video = cv2.VideoCapture(str(film))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == frames > 30
    with pytest.raises(NorrskenError, match="no frame of the night 2018-04-25"):
        film_night(configuration(both_nights), date(2018, 4, 25), film)
