"""Cameras are interchangeable: one's model on the other's frames, comparable colours, examples that can be used."""

import importlib
import json
import shutil
from datetime import date
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from conftest import CONFIG, REAL_FRAMES, ROOT, jpeg
from PIL import Image
from test_classify_files import save_model
from test_lens import KIRUNA, SITE

from norrsken import schemas, stages, tables
from norrsken.cameras.colours import Seen, matrix, seen
from norrsken.classify.model import FrameClassifier
from norrsken.cli import main
from norrsken.colour import light_of_levels, matrix_to_reference, to_reference
from norrsken.config.base import ConfigError
from norrsken.config.colour import DEFAULT_TONE, REFERENCE_RESPONSE
from norrsken.config.config import Config, check
from norrsken.config.lens import KIRUNA_LENS, KIRUNA_UP, Lens
from norrsken.config.observatory import load_observatory
from norrsken.config.site import Camera, FrameSource
from norrsken.errors import NorrskenError
from norrsken.lens import grid_in_frame
from norrsken.nights.images import process
from norrsken.nights.ingest import ingest_month
from norrsken.paper import CLASSES
from norrsken.plan import Plan
from norrsken.simulation.night import Night, scene

EXAMPLES = sorted((ROOT / "examples/cameras").glob("*.yaml"))
NIGHT = Night.of(date(2016, 1, 10), SITE, seed=0)
MINUTES = [minute for minute in NIGHT.minutes() if f"{NIGHT.time(minute):%H:%M}" in ("17:04", "21:27", "00:42")]

#: A camera with weak red, strong blue, much crosstalk and another tone.
OTHER = {427.8: (0.20, 0.25, 0.95), 557.7: (0.35, 0.80, 0.20), 630.0: (0.30, 0.10, 0.05)}


def with_lens(**more: object) -> Camera:
    fields = KIRUNA.model_dump(exclude={"rotate", "flip", "block"}) | {"name": "any", "lens": KIRUNA_LENS}
    return Camera.model_validate(fields | more)


# Examples


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_cameras_of_the_examples_are_on_the_reference_grid(path: Path) -> None:
    (camera,) = load_observatory(path).cameras
    assert camera.lens is not None
    assert camera.left_out(load_observatory(path).site.up) == 0
    every_number = [line for line in path.read_text().splitlines() if "zenith:" in line or "horizon:" in line]
    assert every_number


def test_five_cameras_are_described() -> None:
    assert [path.stem for path in EXAMPLES] == [
        "auroramax",
        "kho-sony",
        "kiruna-nikon",
        "kiruna-sony",
        "longyearbyen-nipr",
    ]
    listed = (ROOT / "examples/cameras/README.md").read_text()
    assert all(f"`{path.name}`" in listed for path in EXAMPLES)


def test_kirunas_example_is_the_camera_of_the_configuration() -> None:
    observatory = load_observatory(ROOT / "examples/cameras/kiruna-nikon.yaml")
    noise = np.random.default_rng(0).integers(0, 256, (479, 720, 3), dtype=np.uint8)
    assert observatory.site == SITE
    np.testing.assert_array_equal(process(noise, observatory.cameras[0], KIRUNA_UP), process(noise, KIRUNA))


@pytest.mark.skipif(not REAL_FRAMES.exists(), reason="the real frames are not there")
def test_the_bar_of_the_film_is_filled() -> None:
    observatory = load_observatory(ROOT / "examples/cameras/auroramax.yaml")
    frames = sorted((REAL_FRAMES.parent / "auroramax").glob("*.jpg"))[10:20]
    images = [process(np.asarray(Image.open(frame)), observatory.cameras[0], 0).astype(int) for frame in frames]
    steps = [np.abs(np.diff(image.sum(axis=2), axis=1)).mean(axis=0) for image in images]
    bar, beside = (np.mean([step[part].max() for step in steps]) for part in (slice(56, 72), slice(30, 50)))
    assert bar < 3 * beside


# A model of one camera on the frames of another


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained on frames of Kiruna's camera, and a film of the same sky through another lens."""
    folder = tmp_path_factory.mktemp("other")
    images = np.stack(
        [process(scene(NIGHT, minute, KIRUNA).photograph(), KIRUNA) for minute in NIGHT.minutes()[:140:10]]
    )
    save_model(folder / "model.skops", images, FrameSource(processing=stages.PROCESSING, cameras=[KIRUNA]))
    (folder / "film").mkdir()
    lens = {"zenith": [200, 190], "horizon": 180, "projection": "equidistant", "north": 40, "east": "right"}
    camera = {"valid_from": "2010-01-01", "width": 400, "height": 380, "lens": lens, "pattern": "{index:03d}.jpg"}
    site = SITE.model_dump() | {"name": "Elsewhere"}
    (folder / "camera.yaml").write_text(yaml.safe_dump({"site": site, "cameras": [camera]}))
    (of,) = load_observatory(folder / "camera.yaml").cameras
    for i, minute in enumerate(MINUTES):
        (folder / f"film/{i:03d}.jpg").write_bytes(jpeg(scene(NIGHT, minute, of).photograph()))
    return folder


def test_names_without_a_time_are_classified_with_an_empty_time(folder: Path, tmp_path: Path) -> None:
    command = ["classify", str(folder / "model.skops"), str(folder / "film"), "--csv", str(tmp_path / "a.csv")]
    assert main([*command, "--config", str(folder / "camera.yaml")]) == 0
    found = pd.read_csv(tmp_path / "a.csv")
    assert [Path(frame).name for frame in found["frame"]] == ["000.jpg", "001.jpg", "002.jpg"]
    assert found["time"].isna().all()
    assert found.filter(like="p_").sum(axis=1).tolist() == pytest.approx([1] * 3, abs=1e-3)


def test_without_the_configuration_the_model_does_not_know_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", str(folder / "model.skops"), str(folder / "film"), "--csv", str(tmp_path / "a.csv")]) == 1
    assert "the name does not fit the pattern" in capsys.readouterr().err


def test_a_camera_on_no_grid_of_the_model_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = yaml.safe_load((folder / "camera.yaml").read_text())
    raw["cameras"][0] |= {"lens": None, "rotate": 0, "flip": False, "block": 2}
    (tmp_path / "camera.yaml").write_text(yaml.safe_dump(raw))
    command = ["classify", str(folder / "model.skops"), str(folder / "film"), "--config", str(tmp_path / "camera.yaml")]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "the cameras' frames are 400 × 380 pixels, rotated by 0°, in blocks of 2" in said
    assert "knows on the reference grid" in said


def test_the_workflow_needs_names_with_times(folder: Path) -> None:
    raw = {**CONFIG, **yaml.safe_load((folder / "camera.yaml").read_text())}
    with pytest.raises(ConfigError, match="has no time field"):
        check(raw)


def test_night_tables_of_a_camera_with_a_lens_count_what_is_outside(tmp_path: Path) -> None:
    config = Config.model_validate(
        {
            **CONFIG,
            "cameras": [with_lens(mask=[(350, 0, 369, 478)]).model_dump(mode="json")],
            "keogram": {"latitude": True},
        }
    )
    day = tmp_path / "archive/2016/01/10"
    day.mkdir(parents=True)
    frame = np.full((479, 720, 3), 60, np.uint8)
    frame[:, 350:370] = 255
    (day / "KRN20160110T210000E06000Q.JPG").write_bytes(jpeg(frame))
    (day / "KRN20160110T210100E06000Q.JPG").write_bytes(b"")
    settings = config.night_settings(config.cameras)
    ingest_month(str(tmp_path / "archive"), [str(day)], "2016-01", settings, *(str(tmp_path / n) for n in "nk"), 1)
    table = tables.read(tmp_path / "n/2016-01-10.parquet", schemas.NIGHT_TABLE)
    outside = table["outside"].to_pylist()
    assert outside[0] == pytest.approx(12 / 128, abs=1.5 / 128)  # 22 pixels, and what touches them
    assert outside[1] is None
    assert tables.images(table["image"].slice(0, 1)).max() < 70
    assert "latitude at 110 km" in str(Image.open(tmp_path / "k/2016-01-10.png").info)


def test_another_picture_in_the_file_of_a_mask_makes_the_months_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive/2015/01/12").mkdir(parents=True)
    raw = {**CONFIG, "cameras": [with_lens(mask="mask.png").model_dump(mode="json")]}
    with pytest.raises(ConfigError, match=r"cameras\.0\.mask: there is no file 'mask\.png'"):
        Plan(check(raw))
    found = []
    for side in (10, 20):
        mask = np.zeros((479, 720), np.uint8)
        mask[:side] = 255
        cv2.imwrite("mask.png", mask)
        found.append(Plan(check(raw)).night_settings("2015-01"))
    assert found[0] != found[1]
    assert found[0] | {"masks": {}} == found[1] | {"masks": {}}


# The yardstick


@pytest.fixture
def real_sky(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("real_sky")


def test_stripes_lie_where_the_measures_of_likeness_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    measures = importlib.import_module("likeness").measures
    level = 100 + 50 * np.sin(2 * np.pi * np.arange(128) / 25)
    across = np.repeat(np.broadcast_to(level[:, None], (128, 128))[..., None], 3, axis=2).astype(np.uint8)
    found, other = measures(across), measures(across.transpose(1, 0, 2))
    assert found["east–west"] > 0.99
    assert other["east–west"] < 0.01
    assert found["lit"] == pytest.approx(0.68, abs=0.04)  # a sine is 70 of 100 levels above the lowest for that long
    powers = {name: value for name, value in found.items() if "cells" in name}
    assert max(powers, key=lambda name: powers[name]) == "4–8 cells"  # a Gaussian of 5.6 halves waves of 25 cells


def write_sky(folder: Path, to: Path, rows: list[str]) -> list[str]:
    """A folder of labelled frames, and the arguments that judge the model on it."""
    shutil.copytree(folder / "film", to / "frames", dirs_exist_ok=True)
    shutil.copy(folder / "camera.yaml", to / "config.yaml")
    (to / "labels.csv").write_text("frame,label,condition\n" + "".join(f"{row}\n" for row in rows))
    return [str(to), str(folder / "model.skops"), "--json", str(to / "scores.json")]


def test_models_are_judged_on_labelled_frames_of_any_camera(
    folder: Path, tmp_path: Path, real_sky: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["000.jpg,discrete,clear", "frames/001.jpg,arcs,", "002.jpg,sunset,clear"]
    assert real_sky.main(write_sky(folder, tmp_path, rows)) == 0
    said = capsys.readouterr().out
    assert "| night/svm-linear | 1 | 2 of 3 |" in said
    assert "Condition of the sky, 2 frames" in said
    observatory, table, images = real_sky.read_folder(tmp_path)
    predicted = [FrameClassifier(folder / "model.skops").predict(images).argmax(axis=1)]
    names = [CLASSES[code] for code in predicted[0][:2]]
    (written,) = json.loads((tmp_path / "scores.json").read_text())
    right = [name == label for name, label in zip(names, ("discrete", "arcs"), strict=True)]
    assert written["right"] == pytest.approx(np.mean(right))
    assert (len(table), observatory.site.name) == (3, "Elsewhere")


def test_scores_are_over_the_classes_that_are_there(real_sky: ModuleType) -> None:
    labels = np.array(["arcs", "arcs", "edge", "edge"])
    found = real_sky.scores(labels, np.array(["arcs", "colored", "edge", "not_classified"]))
    assert found.f1 == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert (found.classified, found.right) == pytest.approx((0.75, 2 / 3))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["009.jpg,arcs,"], "there is no frame '009.jpg'"),
        (["000.jpg,sunset,"], "no label is a class of"),
    ],
)
def test_what_is_wrong_with_the_table_is_said(
    folder: Path,
    tmp_path: Path,
    real_sky: ModuleType,
    rows: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert real_sky.main(write_sky(folder, tmp_path, rows)) == 1
    assert message in capsys.readouterr().err


# Colours


def pairs(**more: object) -> list[tuple[np.ndarray, np.ndarray]]:
    """Processed frames of the same minutes through the reference camera and through another."""
    plain = {"noise": 0.0}
    reference, other = with_lens(simulated=plain), with_lens(simulated=plain, response=OTHER, tone=1.8, **more)
    frames = []
    for minute in MINUTES:
        reference_frame, other_frame = (scene(NIGHT, minute, camera).photograph() for camera in (reference, other))
        frames.append((process(reference_frame, reference, KIRUNA_UP), process(other_frame, other, KIRUNA_UP)))
    return frames


def test_the_response_brings_aurora_to_the_reference_cameras_colours() -> None:
    raw, mapped = (
        np.mean([np.abs(a.astype(float) - b).mean() for a, b in pairs(**more)]) for more in ({}, {"colour": "response"})
    )
    assert mapped < 0.3 * raw
    assert mapped < 4


def test_the_reference_camera_and_the_papers_response_are_left_as_they_are() -> None:
    image = np.random.default_rng(0).integers(5, 256, (128, 128, 3), dtype=np.uint8)
    for response in (REFERENCE_RESPONSE, {427.8: 0.65, 557.7: 0.90, 630.0: 0.45}):
        camera = with_lens(response=response, colour="response")
        np.testing.assert_allclose(matrix_to_reference(camera), np.eye(3), atol=1e-12)
        np.testing.assert_array_equal(to_reference(image, camera), image)


def test_one_number_a_line_scales_that_lines_own_colour() -> None:
    camera = with_lens(response={427.8: 0.325, 557.7: 0.90, 630.0: 0.9}, colour="response")
    np.testing.assert_allclose(matrix_to_reference(camera), np.diag([0.5, 1, 2]), atol=1e-12)


def test_a_matrix_may_be_given() -> None:
    camera = with_lens(colour=[[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    image = np.zeros((1, 1, 3), np.uint8) + np.array([10, 200, 30], np.uint8)
    assert to_reference(image, camera)[0, 0].tolist() == [200, 10, 30]


def test_a_tone_is_a_gamma_or_a_curve() -> None:
    assert light_of_levels(2.0)[[0, 128, 255]] == pytest.approx([0, (128 / 255) ** 2, 1])
    assert light_of_levels([(0, 0), (100, 0.5), (255, 1)])[[0, 50, 100, 255]] == pytest.approx([0, 0.25, 0.5, 1])
    assert light_of_levels(DEFAULT_TONE)[255] == 1


def test_response_and_tone_repeat_months_only_where_they_shape_frames() -> None:
    plain, mapped = ({"response": OTHER, "tone": 1.8}, {"response": OTHER, "tone": 1.8, "colour": "response"})
    assert {"response", "tone"} & with_lens(**plain).plain().keys() == set()
    dumped = with_lens(**mapped).plain()
    assert {"response", "tone", "colour"} <= dumped.keys()
    assert with_lens(name="any").plain() == Camera.model_validate(with_lens().plain()).plain()
    assert Camera.model_validate(dumped).response == OTHER


WRONG = [
    (
        {"colour": "response", "response": {557.7: 0.9}},
        "no value at 427.8 nm; colour needs 427.8, 557.7, 630.0",
    ),
    ({"colour": "response", "response": {**OTHER, 630.0: 0.3}}, "one number at some lines and three at others"),
    ({"colour": "response", "response": dict.fromkeys(OTHER, (0.3, 0.4, 0.3))}, "so alike at the three lines"),
    ({"tone": [(0, 0), (100, 0.7), (90, 0.8), (255, 1)]}, "expected points [level, light] that rise from [0, 0]"),
    ({"response": {557.7: 1.5}}, "less than or equal to 1"),
    ({"colour": "srgb"}, "colour"),
]


@pytest.mark.parametrize(("edit", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_what_is_wrong_with_colours_is_said(edit: dict, message: str) -> None:
    raw = {**CONFIG, "cameras": [{**CONFIG["cameras"][0], **edit}]}
    with pytest.raises(ConfigError) as caught:
        check(raw)
    assert message in str(caught.value)


def night_table(path: Path, camera: Camera, source: Camera | None = None) -> Path:
    """A table of processed frames of a display, as a camera sees them."""
    minutes = NIGHT.minutes()[60:600:15]
    images = [process(scene(NIGHT, minute, camera).photograph(), camera, KIRUNA_UP) for minute in minutes]
    column = pa.array([image.tobytes() for image in images], schemas.IMAGE)
    frames = FrameSource(processing=1, cameras=[source or camera]).plain()
    image = schemas.NIGHT_TABLE.field("image")
    tables.write(path, pa.table([column], schema=pa.schema([image])), pa.schema([image]), {}, frames=frames)
    return path


def test_frames_alone_tell_a_matrix_that_brings_colours_nearer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = with_lens(response=OTHER, simulated={"noise": 0.0})
    paths = [night_table(tmp_path / f"{i}.parquet", camera) for i, camera in enumerate((other, with_lens()))]
    site = {"site": SITE.model_dump(), "cameras": [other.model_dump(mode="json")]}
    (tmp_path / "camera.yaml").write_text(yaml.safe_dump(site))
    command = ["calibrate", str(paths[0]), "--colour", str(paths[1]), "--config", str(tmp_path / "camera.yaml")]
    assert main(command) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    raw, mapped = [], []
    camera = other.model_copy(update={"colour": printed["colour"]})
    reference = with_lens(simulated={"noise": 0.0})
    for minute in MINUTES:
        wanted = process(scene(NIGHT, minute, reference).photograph(), reference, KIRUNA_UP).astype(float)
        found = process(scene(NIGHT, minute, other).photograph(), other, KIRUNA_UP)
        raw.append(np.abs(found - wanted).mean())
        mapped.append(np.abs(to_reference(found, camera) - wanted).mean())
    assert np.mean(mapped) < 0.5 * np.mean(raw)


def test_a_matrix_takes_dark_sky_and_green_aurora_where_they_belong() -> None:
    own = Seen(np.array([0.02, 0.03, 0.05]), np.array([0.03, 0.2, 0.02]), 99)
    others = Seen(np.array([0.03, 0.02, 0.02]), np.array([0.05, 0.3, 0.03]), 99)
    found = matrix(own, others)
    np.testing.assert_allclose(found @ own.dark, others.dark)
    np.testing.assert_allclose(found @ own.green, others.green)
    np.testing.assert_allclose(matrix(own, own), np.eye(3), atol=1e-12)
    with pytest.raises(NorrskenError, match="have the same colour"):
        matrix(Seen(own.green, own.green, 1), others)


def test_frames_without_aurora_tell_no_matrix(tmp_path: Path) -> None:
    image = schemas.NIGHT_TABLE.field("image")
    grey = pa.array([np.full((128, 128, 3), 40, np.uint8).tobytes()] * 30, schemas.IMAGE)
    table = pa.table([grey], schema=pa.schema([image]))
    tables.write(tmp_path / "grey.parquet", table, pa.schema([image]), {})
    with pytest.raises(NorrskenError, match="0 of 30 frames show green aurora; 20 are needed"):
        seen([tmp_path / "grey.parquet"], DEFAULT_TONE)


# The command that finds the lens


def test_the_lens_that_is_printed_is_the_cameras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = Lens(zenith=(318, 236), horizon=229, projection="equisolid", north=205, east="left")
    fields = {"valid_from": "2009-01-01", "width": 640, "height": 480, "pattern": "{time:%Y%m%d%H%M}.jpg"}
    camera = Camera.model_validate(fields | {"lens": truth})
    clear = [m for m in NIGHT.minutes() if NIGHT.weather.cover[m] < 0.05 and NIGHT.heavens.sun_altitude[m] < -16]
    for minute in clear[::90][:5]:
        frame = jpeg(scene(NIGHT, minute, camera).photograph())
        (tmp_path / f"{NIGHT.time(minute):%Y%m%d%H%M}.jpg").write_bytes(frame)
    entry = fields | {"rotate": 180, "flip": True, "block": 2}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"site": SITE.model_dump(), "cameras": [entry]}))
    picture = tmp_path / "stars.png"
    command = ["calibrate", str(tmp_path), "--config", str(tmp_path / "config.yaml"), "--picture", str(picture)]
    assert main(command) == 0
    said = capsys.readouterr().out
    (found,) = (Lens.model_validate(lens) for lens in yaml.safe_load(said).values())
    assert "Unsure" not in said
    assert "# With site.up: -5, magnetic north is at the top of frames; now site.up is -9.5" in said
    places = [np.array(grid_in_frame(lens, 0)) for lens in (found, truth)]
    assert np.hypot(*(places[0] - places[1])).max() < 0.3 * 2.8  # 0.3°
    assert Image.open(picture).width > 500


def test_calibrate_names_the_file_that_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(ROOT / "examples/cameras/kiruna-nikon.yaml", tmp_path / "config.yaml")
    (tmp_path / "holiday.jpg").write_bytes(jpeg(np.zeros((479, 720, 3), np.uint8)))
    command = ["calibrate", str(tmp_path / "holiday.jpg"), "--config", str(tmp_path / "config.yaml")]
    assert main(command) == 1
    assert "holiday.jpg: the name does not fit the pattern" in capsys.readouterr().err
    (tmp_path / "KRN20160110T210000E06000Q.JPG").write_bytes(b"no picture")
    assert main(["calibrate", str(tmp_path / "KRN20160110T210000E06000Q.JPG"), *command[2:]]) == 1
    said = capsys.readouterr().err
    assert "KRN20160110T210000E06000Q.JPG: neither JPEG nor PNG" in said
    assert "no frame can be read" in said
