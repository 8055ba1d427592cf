"""`norrsken classify`: a trained model on JPEGs and night tables, without the training data."""

import io
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import warm
from conftest import CONFIG_OF_ALL_KINDS, EVENINGS, write_evening

from norrsken import schemas, stages, tables
from norrsken.classify import frames as classifying
from norrsken.classify.model import FrameClassifier
from norrsken.classify.table import ClassifiedFrames
from norrsken.cli import main
from norrsken.config.config import Config
from norrsken.config.site import FrameSource
from norrsken.models import classifiers
from norrsken.models.interface import Card
from norrsken.nights.ingest import ingest_month
from norrsken.paper import CLASSES
from norrsken.training.features import Extractor

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
    table = tables.read(folder / "nights/2015-01-15.parquet", schemas.NIGHT_TABLE)
    images = tables.images(table["image"])
    source = FrameSource(processing=stages.PROCESSING, cameras=CONFIGURATION.cameras)
    for name in CONFIGURATION.models:
        run = CONFIGURATION.run_settings(name)
        extractor = Extractor(run.features) if run.features else None
        inputs = extractor(images) if extractor else images
        classifier = classifiers.build(run.model, 0, len(CLASSES), inputs.shape[-1])
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
        found = classify(project, name, path, csv=tmp_path / f"{path.name}.csv")
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


def test_a_file_of_frames_goes_on_with_those_that_it_has_not_yet(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(project / "archive", archive)
    csv = tmp_path / "frames.csv"
    whole = classify(project, "3nn", archive, csv=csv)
    text = csv.read_text()
    lines = text.splitlines(keepends=True)
    read = count_reads(monkeypatch)
    for kept, missing in ((text, 0), ("".join(lines[:20]), 9), (text[:-40], 1), (lines[0][:30], 28), ("", 28)):
        csv.write_text(kept)
        read.clear()
        pd.testing.assert_frame_equal(classify(project, "3nn", archive, csv=csv), whole)
        assert len(read) == missing
    assert csv.read_text() == text
    assert whole["frame"].tolist() == sorted(str(path) for path in archive.rglob("*.JPG"))
    both = classify(project, "3nn", archive, project / "nights", project / "nights", csv=csv)
    assert len(both) == 2 * 28
    assert not both["frame"].duplicated().any()


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The JPEGs that are read from now on."""
    read: list[str] = []
    original = classifying.read_frame
    monkeypatch.setattr(classifying, "read_frame", lambda path, camera: read.append(path) or original(path, camera))
    return read


@pytest.mark.parametrize("found", ["frame,time,label\n", "night,label\n2014-12-30,arcs", "\x89PNG\n"])
def test_a_file_of_something_else_or_of_another_model_is_left_as_it_is(
    project: Path, tmp_path: Path, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = tmp_path / "frames.csv"
    csv.write_text(found)
    arguments = [str(model_file(project, "3nn")), str(project / "archive"), "--csv", str(csv)]
    assert main(["classify", *arguments]) == 1
    assert (
        f"norrsken: {csv}: not a file of classified frames, which begins with 'frame,time," in capsys.readouterr().err
    )
    assert csv.read_text() == found
    csv.unlink()
    assert main(["classify", *arguments]) == 0
    before = csv.read_text()
    assert main(["classify", str(model_file(project, "svm-linear")), *arguments[1:]]) == 1
    assert f"{csv}, line 2: classified with the model " in capsys.readouterr().err
    assert csv.read_text() == before


def test_two_processes_do_not_add_to_one_file(project: Path, tmp_path: Path) -> None:
    csv, model = tmp_path / "frames.csv", model_file(project, "3nn")
    arguments = ["classify", str(model), str(project / "archive"), "--csv", str(csv)]
    script, printed = tmp_path / "other.py", tmp_path / "printed.log"
    script.write_text(f"import sys; from norrsken.cli import main; sys.exit(main({arguments}))")
    where = {"folder": str(tmp_path), "environment": {**os.environ, "OMP_NUM_THREADS": "1"}, "output": str(printed)}
    with ClassifiedFrames(csv, FrameClassifier(model)):
        with warm.server().running(kind="script", path=str(script), **where) as (_, status):
            assert status() == 1
        assert printed.read_text().startswith(
            f"norrsken: {csv}: another norrsken classify is adding to it; wait until "
        )
    assert len(csv.read_text().splitlines()) == 1
    assert main(arguments) == 0
    assert len(csv.read_text().splitlines()) == 1 + 28


def test_a_folder_is_followed_as_it_fills(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third, broken = sorted((project / "archive").rglob("*.JPG"))[:4]
    folder, csv = tmp_path / "today", tmp_path / "frames.csv"
    folder.mkdir()
    shutil.copy(first, folder)

    def put(path: Path, size: int | None = None) -> None:
        (folder / path.name).write_bytes(path.read_bytes()[:size])

    # After each look: how many frames there are, whether the broken one has been named, and what comes then.
    table = project / "nights/2015-01-15.parquet"
    looks: list[tuple[int, bool, Callable[[], object]]] = [
        (1, False, lambda: (put(second, 3000), put(broken, 3000))),
        (1, False, lambda: (put(second, 4000), put(third))),
        (2, True, lambda: put(second)),
        (3, True, lambda: None),
        (3, True, lambda: put(broken)),
        (4, True, lambda: shutil.copy(table, folder / f".part-1@{table.name}")),
        (4, True, lambda: shutil.copy(table, folder)),
        (4 + 28, True, lambda: None),
    ]
    said: list[str] = []
    read = count_reads(monkeypatch)

    def sleep(seconds: float) -> None:
        assert seconds == 0.5
        if not looks:
            raise KeyboardInterrupt
        frames, named, come = looks.pop(0)
        said.append(capsys.readouterr().err)
        assert len(csv.read_text().splitlines()) == 1 + frames
        assert sum(broken.name in text for text in said) == named
        come()

    monkeypatch.setattr("norrsken.classify.table.time", SimpleNamespace(sleep=sleep))
    model = str(model_file(project, "3nn"))
    assert main(["classify", model, str(folder), "--csv", str(csv), "--follow", "0.5"]) == 0
    assert not looks
    assert not any(second.name in text for text in said)
    assert capsys.readouterr().out.endswith(f"{csv}: stopped, 32 frames\n")
    assert sorted(map(os.path.basename, read)) == sorted(
        [first.name, *[second.name] * 3, third.name, *[broken.name] * 3]
    )
    found = pd.read_csv(csv)
    expected = classify(project, "3nn", project / "archive", csv=tmp_path / "whole.csv")
    assert found["time"].iloc[:4].tolist() == expected["time"].iloc[[0, 2, 1, 3]].tolist()
    assert found["p_arcs"].iloc[4:].tolist() == expected["p_arcs"].tolist()


def test_following_needs_a_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", str(model_file(project, "3nn")), str(project / "archive"), "--follow"]) == 1
    assert "--follow needs a file to add frames to: --csv FILE" in capsys.readouterr().err


def test_frames_that_were_processed_otherwise_are_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pq.read_table(project / "nights/2015-01-15.parquet")
    (camera,) = CONFIGURATION.cameras
    other = FrameSource(processing=stages.PROCESSING, cameras=[camera.model_copy(update={"block": 1})])
    path = tmp_path / "2015-01-15.parquet"
    tables.write(path, table, schemas.NIGHT_TABLE, {}, frames=other.plain())
    assert main(["classify", str(model_file(project, "svm-linear")), str(path)]) == 1
    said = capsys.readouterr().err
    assert f"{path}: its frames are 264 × 260 pixels, rotated by 90°, flipped, in blocks of 1" in said
    assert "in blocks of 2" in said
    tables.write(path, table, schemas.NIGHT_TABLE, {})
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
    monkeypatch.setattr("norrsken.models.pretrained.weights_digest", lambda network: "0123456789abcdef")
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
