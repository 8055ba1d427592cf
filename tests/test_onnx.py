"""A classifier as one ONNX file: the same probabilities as torch's, and frames classified where there is no torch."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import pytest
from conftest import CONFIG, ROOT, documented_lines

from norrsken import schemas, stages, tables
from norrsken.classify.general import CLASSIFIER
from norrsken.classify.model import Ensemble
from norrsken.classify.onnx_file import OnnxClassifier
from norrsken.cli import main
from norrsken.config.jobs import RunSettings
from norrsken.config.models import NearestNeighbours, Network
from norrsken.config.site import Camera, FrameSource
from norrsken.exchange.library import ExchangeError, library
from norrsken.exchange.onnx import TOLERANCE, Graph, export_onnx
from norrsken.files import digest
from norrsken.models import classifiers
from norrsken.models.interface import Card

CLASSES = ["röd", "grön", "blå"]
SOURCE = FrameSource(processing=stages.PROCESSING, cameras=[Camera.model_validate(CONFIG["cameras"][0])])

#: A pool of equal parts, a dark level that is taken out, frames that are resampled.
NETWORK = Network(kind="network", architecture="squeezenet1_1", input_size=48, level="dark", epochs=4, batch_size=8)

_RANDOM = np.random.default_rng(0)
#: Noise of one colour on another one.
FRAMES = (
    _RANDOM.uniform(0, 120, (37, 1, 1, 3))
    + _RANDOM.uniform(0, 130, (37, 128, 128, 3)) * _RANDOM.uniform(size=(37, 1, 1, 3))
).astype(np.uint8)

#: An environment that `make test-field` makes: what classifies frames at a camera, and nothing more.
ALONE = ROOT / ".venv-camera/bin/norrsken"


def write_classifier(folder: Path, settings: Any = NETWORK, **more: Any) -> Path:
    """A `classifier.json` of two runs that have learnt a little."""
    members = []
    for seed in (0, 1):
        model = classifiers.build(settings, seed, len(CLASSES), 40)
        if isinstance(settings, Network):
            model.fit(FRAMES, FRAMES.mean(axis=(1, 2)).argmax(axis=1))
        else:
            model.fit(np.random.default_rng(seed).random((9, 40)).astype(np.float32), np.arange(9) % 3)
        run = RunSettings(name="some", model=settings)
        card = Card(
            classes=CLASSES, run=run, split="night", seed=seed, frames=SOURCE, extractor=None, program_version="0"
        )
        path = folder / f"{seed}/model{model.suffix}"
        path.parent.mkdir(parents=True)
        model.save(path, card)
        members.append({"path": str(path.relative_to(folder)), "sha256": digest(path)})
    share = {"value": 1.0, "low": None, "high": None}
    judged = {"frames": 1, "nights": 1, "precision": share, "classified": share, "f1": 1.0, "calibration_error": 0.0}
    said = {
        "name": "night/some",
        "members": members,
        "temperature": 0.31,
        "fitted_on": "ensemble",
        "asked_precision": 0.5,
        "least_confidence": 0.3,
        "limits": {
            name: {"confidence": c, "frames": 1, "nights": 1, "of": "all"}
            for name, c in zip(CLASSES, (0.3, 0.4, 0.36), strict=True)
        },
        "aurora": None,
        "validation": None,
        "test": judged | {"by_class": {}, "with_aurora": None, "without_aurora": None},
        "seen": {"train": [], "validation": [], "test": []},
    }
    (folder / "classifier.json").write_text(json.dumps(said | more))
    return folder / "classifier.json"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A classifier and its ONNX file."""
    folder = tmp_path_factory.mktemp("onnx")
    classifier, file = write_classifier(folder), folder / "all.onnx"
    assert export_onnx(classifier, file) < TOLERANCE
    return classifier, file


def test_the_graph_says_what_the_classifier_says(exported: tuple[Path, Path]) -> None:
    mine, other = (model.judge(FRAMES) for model in (OnnxClassifier(exported[1]), Ensemble(exported[0])))
    assert np.abs(mine.probabilities - other.probabilities).max() < 1e-4
    assert other.probabilities.std(axis=0).max() > 0.01  # the frames differ, so that equality means something
    assert list(mine.labels) == list(other.labels)
    assert set(mine.labels) > {"not_classified"}
    assert list(mine.reasons) == list(other.reasons)


def test_none_and_one_frame(exported: tuple[Path, Path]) -> None:
    model = OnnxClassifier(exported[1])
    assert model.judge(FRAMES[:0]).probabilities.shape == (0, 3)
    assert np.allclose(model.predict(FRAMES[:1]), model.predict(FRAMES)[:1], atol=1e-6)


def test_the_file_tells_everyone_what_it_takes_and_gives(exported: tuple[Path, Path]) -> None:
    model = onnx.load(exported[1])
    onnx.checker.check_model(model)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["classes"] == "röd,grön,blå"
    assert "RGB, 128 x 128 pixels" in about["grid"]
    (frames,), (probabilities,) = model.graph.input, model.graph.output
    assert frames.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [d.dim_value for d in frames.type.tensor_type.shape.dim][1:] == [128, 128, 3]
    assert (frames.name, probabilities.name) == ("frames", "probabilities")


def test_only_networks_that_see_single_frames_can_be_exported(tmp_path: Path) -> None:
    classifier = write_classifier(tmp_path, NearestNeighbours(kind="nearest-neighbours", features="hog", neighbours=3))
    with pytest.raises(ExchangeError, match="of kind nearest-neighbours: only networks that see single frames"):
        Graph(Ensemble(classifier))


def test_what_is_no_file_of_ours_is_refused_with_a_sentence(
    exported: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn, other, newer = tmp_path / "torn.onnx", tmp_path / "other.onnx", tmp_path / "newer.onnx"
    torn.write_bytes(exported[1].read_bytes()[:1000])
    for path, changed in ((other, None), (newer, '{"name": "x", "wings": 2}')):
        model = onnx.load(exported[1])
        for entry in model.metadata_props:
            if entry.key == "norrsken_classifier":
                entry.key, entry.value = ("else", "") if changed is None else (entry.key, changed)
        onnx.save(model, path)
    for path, sentence in (
        (tmp_path / "gone.onnx", "there is no such file"),
        (torn, "onnxruntime cannot run it"),
        (other, "its metadata have no norrsken_classifier: expected a file that norrsken export onnx has written"),
        (newer, "written by norrsken"),
    ):
        assert main(["classify", str(path), str(tmp_path)]) == 1
        said = capsys.readouterr().err
        assert f"norrsken: {path}: {sentence}" in said
        assert "Traceback" not in said


def test_a_file_alone_classifies_nothing(exported: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", str(exported[1])]) == 1
    assert "expected a model and frames" in capsys.readouterr().err


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ExchangeError, match=r"norrsken export onnx needs onnxscript .*; install it beside norrsken"):
        export_onnx("classifier.json", Path("x.onnx"))
    assert library("json", "a test", "nothing") is json


def test_nothing_is_written_where_the_graph_differs(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("norrsken.exchange.onnx.TOLERANCE", -1)
    with pytest.raises(ExchangeError, match="the graph differs from torch by"):
        export_onnx(exported[0], tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_without_torch_no_module_needs_it(exported: tuple[Path, Path]) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'timm', 'torchvision', 'sklearn', 'netCDF4', 'matplotlib', 'skyfield'):\n"
        "    sys.modules[name] = None\n"
        "from norrsken.classify.frames import classify\n"
        "from norrsken.classify.table import follow\n"
        "from norrsken.classify.onnx_file import OnnxClassifier\n"
        "print(OnnxClassifier(sys.argv[1]).classes)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, exported[1]], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert said.returncode == 0, said.stderr
    assert "röd" in said.stdout


def test_the_lines_of_the_page(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {"image": tables.image_column(FRAMES), "status": pa.array(["kept"] * len(FRAMES))}
    schema = pa.schema([one.with_nullable(True) for one in schemas.NIGHT_TABLE])
    table = pa.table({one.name: columns.get(one.name, pa.nulls(len(FRAMES), one.type)) for one in schema})
    path = tmp_path / "results/nights/2018-01/2018-01-14.parquet"
    path.parent.mkdir(parents=True)
    tables.write(path, table.cast(schema), schema, {})
    (tmp_path / "general.onnx").symlink_to(exported[1])
    monkeypatch.chdir(tmp_path)
    exec(documented_lines("exchange.md", "ONNX"), {})
    assert "['röd', 'grön', 'blå'] [0." in capsys.readouterr().out


@pytest.mark.field
@pytest.mark.skipif(not ALONE.exists(), reason="there is no .venv-camera: make test-field")
def test_a_small_computer_says_what_torch_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The general classifier, with familiarity, condition and reasons, in an environment without torch."""
    python = ALONE.with_name("python")
    assert subprocess.run([python, "-c", "import torch"], check=False, capture_output=True).returncode == 1
    file = tmp_path / "general.onnx"
    assert main(["export", "onnx", "general", str(file)]) == 0
    shutil.copy(ROOT / "demo/config.yaml", tmp_path)
    (tmp_path / "labels").mkdir()
    logging.disable(logging.INFO)
    subprocess.run(
        [sys.executable, "-m", "norrsken", "simulate", "2015-04-10"], check=True, cwd=tmp_path, capture_output=True
    )
    frames = sorted(map(str, (tmp_path / "archive").rglob("*.JPG")))[::5]
    config = ["--config", str(tmp_path / "config.yaml")]
    command = [ALONE, "classify", file, *frames, *config, "--csv", "alone.csv"]
    subprocess.run(command, check=False, cwd=tmp_path, env={}, capture_output=True)
    main(["classify", "--general", *frames, *config, "--csv", str(tmp_path / "torch.csv")])
    alone, torch = (pd.read_csv(tmp_path / name).fillna("") for name in ("alone.csv", "torch.csv"))
    assert len(alone) > 50
    assert alone["label"].nunique() > 2
    numbers = [name for name in alone if name.startswith("p_")]
    assert np.abs(alone[numbers] - torch[numbers]).to_numpy().max() <= 1.01e-4  # they have four decimals
    assert np.abs(alone["familiarity"] - torch["familiarity"]).max() < 2e-3
    same = ["frame", "time", "label", "condition", "reason"]
    pd.testing.assert_frame_equal(alone[same], torch[same])
    command = [ALONE, "classify", CLASSIFIER, frames[0]]
    refused = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "which is not installed here; .onnx files need onnxruntime, all other models torch" in refused.stderr
