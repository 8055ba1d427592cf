"""A simulated archive has the camera's format, is the same for the same seed, and never touches what is not its own."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import CONFIG
from numpy.typing import NDArray

from norrsken import tables
from norrsken.cli import main
from norrsken.config.base import ConfigError
from norrsken.config.colour import DEFAULT_TONE, Response, Tone
from norrsken.config.config import Config
from norrsken.config.site import Camera
from norrsken.errors import NorrskenError
from norrsken.nights.archive import find_directories, truth_folder
from norrsken.nights.images import UnreadableImage, WrongGeometry, decode, process, read_frame
from norrsken.nights.names import FrameName, NameReader, camera_in_force
from norrsken.simulation.archive import CAMERAS, WRITTEN, simulate
from norrsken.simulation.cameras import random_cameras
from norrsken.simulation.display import MINUTES
from norrsken.simulation.exposure import KILORAYLEIGH, MASK_LEVEL, encode, seen_by_camera
from norrsken.simulation.night import SUN_BELOW, Night, scene
from norrsken.simulation.truth import TRUTH_TABLE

#: The last nights of spring with frames, 121 and 40 of them. With this seed the first one has a breakup to label.
NIGHTS, SEED = [date(2018, 4, 22), date(2018, 4, 24)], 127


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


# What the configuration says of a camera.

CLEAR = {**CONFIG["cameras"][0], "width": 320, "height": 240, "rotate": None, "flip": None, "block": None}
CLEAR |= {"lens": {"zenith": (164.0, 116.0), "horizon": 97, "north": 100.0, "east": "right"}}


def camera_with(noise: float = 0.0, simulated: dict[str, float] | None = None, **keys: object) -> Camera:
    """A small camera, whose sensor makes no noise unless said."""
    return Camera.model_validate({**CLEAR, **keys, "simulated": {"noise": noise, **(simulated or {})}})


@cache
def whole_night(cover: float) -> Night:
    """A night in winter, with the same clouds in all minutes, and nothing else that is in the way."""
    night = Night.of(date(2018, 1, 15), Config.model_validate(CONFIG).site, SEED)
    none, names = np.zeros(MINUTES), ("haze", "snow", "laser", "headlight", "black")
    weather = replace(night.weather, cover=none + cover, thickness=none + 20, **dict.fromkeys(names, none))
    return replace(night, weather=weather)


def frame_of(camera: Camera, cover: float = 0.0) -> NDArray[np.float64]:
    """A dark minute, hours after twilight, with aurora."""
    night = whole_night(cover)
    return scene(night, night.minutes()[400], camera).photograph().astype(float)


def test_the_mask_is_drawn_over_the_frame(tmp_path: Path) -> None:
    """From rectangles, whose sides belong to them, and from a file."""
    plain, drawn = frame_of(camera_with(noise=1)), frame_of(camera_with(noise=1, mask=[(150, 100, 180, 110)]))
    changed = (plain != drawn).any(axis=2)
    assert changed[100:111, 150:181].all()
    assert changed.sum() == 11 * 31
    assert (drawn[changed] == MASK_LEVEL).all()
    path = str(tmp_path / "mask.png")
    cv2.imwrite(path, changed * np.uint8(255))
    np.testing.assert_array_equal(frame_of(camera_with(noise=1, mask=path)), drawn)
    path = str(tmp_path / "small.png")
    cv2.imwrite(path, changed[1:] * np.uint8(255))
    with pytest.raises(ConfigError, match=r"small\.png: 320 × 239 pixels; expected those of the frame, 320 × 240"):
        frame_of(camera_with(noise=1, mask=path))


@pytest.mark.parametrize(("left", "top"), [(60, 80), (-200, 30), (90, -100), (3000, 0)])
def test_a_frame_shows_what_it_has_of_the_horizon_circle(left: int, top: int) -> None:
    """The lens puts the same in a frame that begins elsewhere; the rest lies off the frame, or the circle does."""
    moved = {**CLEAR["lens"], "zenith": (164.0 - left, 116.0 - top)}
    whole, cut = frame_of(camera_with()), frame_of(camera_with(lens=moved))
    there = np.full((240 + 200, 3000 + 200 + 320, 3), whole[0, 0])
    there[100:340, 200:520] = whole
    there = there[top + 100 :, left + 200 :][:240, :320]
    np.testing.assert_array_equal(cut[: len(there), : there.shape[1]], there)


def test_noise_is_as_strong_as_the_configuration_says() -> None:
    none = frame_of(camera_with())
    one, two = (frame_of(camera_with(noise=noise)) - none for noise in (1, 2))
    sky = np.s_[96:136, 144:184]
    assert one[sky].std() > 1
    assert two[sky].std() == pytest.approx(2 * one[sky].std(), rel=0.1)
    assert len(np.unique(none[:10, :10].reshape(-1, 3), axis=0)) == 1, "beside the sky"


@pytest.mark.parametrize("tone", [1.5, [(0, 0), (60, 0.01), (150, 0.2), (255, 1)]])
def test_the_tone_says_how_light_becomes_a_level(tone: Tone) -> None:
    """The light that the configuration's definition finds in both frames is the same."""
    reference = (frame_of(camera_with()) / 255) ** DEFAULT_TONE
    level = frame_of(camera_with(tone=tone))
    light = np.interp(level, *zip(*tone, strict=True)) if isinstance(tone, list) else (level / 255) ** tone
    assert level.max() > 60
    np.testing.assert_allclose(light, reference, atol=0.008)
    assert np.abs(level - frame_of(camera_with())).max() > 15


def test_vignetting_takes_light_from_the_edge() -> None:
    frames = [frame_of(camera_with(simulated={"vignetting": share})) for share in (0.8, 0.0)]
    lost, full = (frame - frame[0, 0] for frame in frames)  # above the level of a closed shutter
    lost /= np.maximum(full, 1)
    assert lost[116, 164].min() > 0.97
    north = lost[116 + 15 : 116 + 18, 164 + 80 : 164 + 83]  # 100° clockwise from the top
    expected = (1 - 0.8 * (np.hypot(81, 16) / 97) ** 2) ** (1 / DEFAULT_TONE)
    np.testing.assert_allclose(north.mean(), expected, rtol=0.08)


@pytest.mark.parametrize("cover", [0.0, 1.0])
def test_a_brighter_town_lights_sky_and_clouds(cover: float) -> None:
    plain = frame_of(camera_with(), cover)
    dark, bright = (frame_of(camera_with(simulated={"background": factor}), cover) for factor in (0.0, 5.0))
    towards = np.radians(100 + 282)  # the azimuth of the town, where north is 100° clockwise from the top
    column, row = (round(164 + 85 * np.sin(towards)), round(116 - 85 * np.cos(towards)))
    at = np.s_[row - 2 : row + 3, column - 2 : column + 3, 0]
    assert 2 * dark[at].mean() < plain[at].mean() < 0.7 * bright[at].mean()


def test_the_response_says_which_colours_a_line_has() -> None:
    """One number stands for the line's own colour; the others then are as strong beside it as Kiruna's camera has."""
    green = np.array([[[0.0, 1.0, 0.0]]], np.float32)  # 1 kR
    red = np.array([[[0.0, 0.0, 1.0]]], np.float32)

    def seen(light: NDArray[np.float32], response: Response) -> list[float]:
        camera = camera_with(response=response)
        return (seen_by_camera(light, camera)[0, 0] / KILORAYLEIGH).round(4).tolist()

    assert seen(green, {}) == pytest.approx([0.22, 0.90, 0.07])
    assert seen(green, {427.8: 0.65, 557.7: 0.90, 630.0: 0.45}) == pytest.approx([0.22, 0.90, 0.07])
    assert seen(green, {557.7: 0.45}) == pytest.approx([0.11, 0.45, 0.035])
    assert seen(red, {557.7: 0.45}) == pytest.approx([0.45, 0.05, 0.03])
    assert seen(red, {630.0: (0.1, 0.2, 0.3)}) == pytest.approx([0.1, 0.2, 0.3])


def test_the_archive_is_written_as_the_camera_says(tmp_path: Path) -> None:
    """With its quality; and a camera that would draw other frames writes nothing into it."""
    camera = camera_with(simulated={"quality": 30})
    config = configuration(tmp_path).model_copy(update={"cameras": [camera]})
    simulate(config, NIGHTS[1:], SEED, workers=1)
    night = Night.of(NIGHTS[1], config.site, SEED)
    truth = tables.read(truth_folder(config.archive.root) / f"{NIGHTS[1]}.parquet", TRUTH_TABLE).to_pandas()
    minute = night.minutes()[int(np.flatnonzero(truth["flaw"].isna())[0])]
    frame = scene(night, minute, camera).photograph()
    path = truth.set_index("time")["path"][night.time(minute)]
    assert (tmp_path / "archive" / path).read_bytes() == encode(frame, 30)
    assert len(encode(frame, 30)) < 0.5 * len(encode(frame))
    others = [
        {"tone": 1.8},
        {"tone": [(0, 0), (100, 0.5), (255, 1)]},
        {"response": {557.7: (0.1, 0.9, 0.0)}},
        {"simulated": {"quality": 31}},
        {"mask": [(0, 0, 9, 9)]},
        {"lens": CLEAR["lens"] | {"east": "left"}},
    ]
    for other in others:
        changed = Camera.model_validate({**CLEAR, "simulated": {"noise": 0, "quality": 30}} | other)
        with pytest.raises(NorrskenError, match="was simulated with cameras = "):
            simulate(config.model_copy(update={"cameras": [changed]}), NIGHTS[1:], SEED, workers=1)
    turned = config.site.model_copy(update={"up": 5.0})
    with pytest.raises(NorrskenError, match="was simulated with site = "):
        simulate(config.model_copy(update={"site": turned}), NIGHTS[1:], SEED, workers=1)
    assert simulate(config, NIGHTS[1:], SEED, workers=1) == 0


@pytest.mark.parametrize("tone", [1.8, [(0, 0), (100, 0.5), (255, 1)]])
def test_the_settings_of_a_camera_are_known_again(tmp_path: Path, tone: Tone) -> None:
    """They are compared with what JSON has kept of them."""
    camera = camera_with(tone=tone, response={557.7: (0.1, 0.9, 0.0), 630.0: 0.4}, mask=[(0, 0, 9, 9)])
    config = configuration(tmp_path).model_copy(update={"cameras": [camera]})
    assert simulate(config, NIGHTS[1:], SEED, workers=1) > 0
    assert simulate(config, NIGHTS[1:], SEED, workers=1) == 0


def test_each_date_may_have_a_camera_drawn_at_random(tmp_path: Path) -> None:
    """The file beside the truth says what they are: with it the archive is read as any other."""
    config = configuration(tmp_path)
    frames = simulate(config, NIGHTS[1:], SEED, workers=1, any_camera=True)
    truths = truth_folder(config.archive.root)
    text = (truths / CAMERAS).read_text(encoding="utf-8")
    cameras = [Camera.model_validate(entry) for entry in yaml.safe_load(text)["cameras"]]
    assert cameras == random_cameras(NIGHTS[1:], SEED, config.cameras[0].pattern)
    assert len({camera.lens for camera in cameras}) == len({camera.tone for camera in cameras}) == len(cameras) == 3
    truth = tables.read(truths / f"{NIGHTS[1]}.parquet", TRUTH_TABLE).to_pandas()
    good = truth[truth["flaw"].isna()]
    for time, path in zip(good["time"], good["path"], strict=True):
        camera = camera_in_force(cameras, time)
        assert camera is not None
        frame = process(read_frame(tmp_path / "archive" / path, camera), camera, config.site.up)
        assert 0 < frame.std() < 100
    assert frames == len(truth) > 30
    assert simulate(config, NIGHTS[1:], SEED, workers=1, any_camera=True) == 0
    with pytest.raises(NorrskenError, match=r"was simulated with cameras = .*drawn at random"):
        simulate(config, NIGHTS[1:], SEED, workers=1)


def test_a_camera_that_is_more_sensitive_sees_more_light() -> None:
    night, camera = Night.of(NIGHTS[0], Config.model_validate(CONFIG).site, SEED), camera_with()
    bright = camera.model_copy(update={"simulated": camera.simulated.model_copy(update={"gain": 2.0})})
    minute = night.minutes()[20]
    once, twice = scene(night, minute, camera), scene(night, minute, bright)
    np.testing.assert_allclose(twice.light, 2 * once.light, rtol=1e-5)
    np.testing.assert_allclose(twice.stars.colour, 2 * once.stars.colour, rtol=1e-5)
    assert twice.shares == once.shares


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
    from norrsken.nights.movie import film_night

    film = tmp_path / "night.webm"
    frames = film_night(configuration(both_nights), NIGHTS[1], film)
    video = cv2.VideoCapture(str(film))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == frames > 30
    with pytest.raises(NorrskenError, match="no frame of the night 2018-04-25"):
        film_night(configuration(both_nights), date(2018, 4, 25), film)
