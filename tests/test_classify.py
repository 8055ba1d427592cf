"""`norrsken classify`: a trained model on JPEGs and night tables, without the training data."""

import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG_OF_ALL_KINDS, EVENINGS, write_evening

from norrsken import models, stages, tables
from norrsken.classes import CLASSES
from norrsken.cli import main
from norrsken.config import Config, FrameSource
from norrsken.features import Extractor
from norrsken.models.interface import Card
from norrsken.nights import ingest_month

CONFIGURATION = Config.model_validate(CONFIG_OF_ALL_KINDS)
START = datetime.fromisoformat(EVENINGS[2]).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evening in the archive, its night table, and a model of each kind that was trained on it."""
    folder = tmp_path_factory.mktemp("project")
    write_evening(folder / "archive", EVENINGS[2])
    settings = CONFIGURATION.night_settings(CONFIGURATION.cameras)
    day = next((folder / "archive").glob("*/*/*"))
    ingest_month(
        str(folder / "archive"), [str(day)], "2015-01", settings, str(folder / "nights"), str(folder / "keograms"), 1
    )
    table = tables.read(folder / "nights/2015-01-15.parquet", tables.NIGHT_TABLE)
    images = tables.images(table["image"])
    source = FrameSource(processing=stages.PROCESSING, cameras=CONFIGURATION.cameras)
    for name in CONFIGURATION.models:
        run = CONFIGURATION.run_settings(name)
        extractor = Extractor(run.features) if run.features else None
        inputs = extractor(images) if extractor else images
        classifier = models.build(run.model, 0, inputs.shape[-1])
        classifier.fit(inputs, np.arange(len(images)) % 7)
        digest = extractor.about.get("digest") if extractor else None
        card = Card(
            classes=list(CLASSES), run=run, split="night", seed=0, frames=source, extractor=digest, program_version="1"
        )
        (folder / name).mkdir()
        classifier.save(folder / name / f"model{classifier.suffix}", card)
        np.save(folder / name / "expected.npy", classifier.predict(inputs).probabilities)
    return folder


def model_file(folder: Path, name: str) -> Path:
    return next((folder / name).glob("model.*"))


def classify(project: Path, name: str, *paths: Path, csv: Path) -> pd.DataFrame:
    arguments = ["classify", str(model_file(project, name)), *map(str, paths), "--csv", str(csv)]
    assert main(arguments) == 0
    return pd.read_csv(csv)


@pytest.mark.parametrize("name", list(CONFIGURATION.models))
def test_a_night_table_and_its_jpegs_give_what_the_model_gave(project: Path, tmp_path: Path, name: str) -> None:
    expected = np.load(project / name / "expected.npy")
    for path in (project / "nights/2015-01-15.parquet", project / "archive", project / "nights"):
        found = classify(project, name, path, csv=tmp_path / "found.csv")
        probabilities = found[[f"p_{label}" for label in CLASSES]].to_numpy()
        np.testing.assert_allclose(probabilities, expected, atol=1e-4)
        assert found["label"].tolist() == [CLASSES[i] for i in expected.argmax(axis=1)]
        assert pd.to_datetime(found["time"]).tolist() == [START + timedelta(minutes=i) for i in range(28)]
    assert found["frame"].iloc[0] == "KRN20150115T180000"


def test_it_prints_a_table(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jpegs = sorted((project / "archive").rglob("*.JPG"))[:3]
    assert main(["classify", str(model_file(project, "svm-linear")), *map(str, jpegs)]) == 0
    printed = pd.read_fwf(io.StringIO(capsys.readouterr().out))
    assert len(printed) == 3
    assert set(printed["label"]) <= set(CLASSES)


def test_frames_that_cannot_be_read_are_named_and_the_others_classified(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = sorted((project / "archive").rglob("*.JPG"))[0]
    cut_off = tmp_path / good.name
    cut_off.write_bytes(good.read_bytes()[:3000])
    other_name = tmp_path / "IMG_0001.JPG"
    shutil.copy(good, other_name)
    missing = tmp_path / "KRN20150115T190000E06000Q.JPG"
    paths = [str(path) for path in (cut_off, good, other_name, missing)]
    assert main(["classify", str(model_file(project, "svm-linear")), *paths, "--csv", str(tmp_path / "a.csv")]) == 1
    assert pd.read_csv(tmp_path / "a.csv")["frame"].tolist() == [str(good)]
    said = capsys.readouterr().err
    assert f"not classified: {cut_off}: " in said
    assert f"not classified: {other_name}: the name does not fit the pattern" in said
    assert f"not classified: {missing}: No such file or directory" in said


def test_frames_that_were_processed_otherwise_are_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pq.read_table(project / "nights/2015-01-15.parquet")
    (camera,) = CONFIGURATION.cameras
    other = FrameSource(processing=stages.PROCESSING, cameras=[camera.model_copy(update={"block": 1})])
    path = tmp_path / "2015-01-15.parquet"
    tables.write(path, table, tables.NIGHT_TABLE, {}, frames=other.plain())
    assert main(["classify", str(model_file(project, "svm-linear")), str(path)]) == 1
    said = capsys.readouterr().err
    assert f"{path}: its frames are 264 × 260 pixels, rotated by 90°, flipped, in blocks of 1" in said
    assert "in blocks of 2" in said
    tables.write(path, table, tables.NIGHT_TABLE, {})
    assert main(["classify", str(model_file(project, "svm-linear")), str(path)]) == 1
    assert f"{path}: does not say how its frames were processed" in capsys.readouterr().err


def test_a_model_of_another_processing_or_other_weights_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, table = str(model_file(project, "linear")), str(project / "nights/2015-01-15.parquet")
    with monkeypatch.context() as patched:
        patched.setattr(stages, "PROCESSING", 2)
        assert main(["classify", model, table]) == 1
        assert "trained on frames of processing 1, this program makes 2" in capsys.readouterr().err
    monkeypatch.setattr("norrsken.models.pretrained._digest", lambda network: "0123456789abcdef")
    assert main(["classify", model, table]) == 1
    assert "its features came from a network with other weights" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.safetensors", "model.skops", "missing.safetensors", "metrics.json"])
def test_a_file_that_is_no_model_is_named(
    project: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if not name.startswith("missing"):
        path.write_text(json.dumps({"f1": 1}))
    assert main(["classify", str(path), str(project / "nights")]) == 1
    assert f"norrsken: {path}: " in capsys.readouterr().err
