"""Damaged input of every kind gives a result, or an error of the program's own kind that names the file.

`make test` tries a few fixed examples of each kind, `make fuzz` as many as FUZZ_EXAMPLES says, from a seed.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import CONFIG, PAPER, ROOT, jpeg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from norrsken import tables
from norrsken.classify.classifier_file import read_classifier
from norrsken.config.config import Config, load
from norrsken.config.directories import DirectoryPattern
from norrsken.config.label_set import read_label_set
from norrsken.curation.label_studio import write_tables
from norrsken.dataset.labels import read_labels
from norrsken.dataset.selections import read_selections
from norrsken.errors import NorrskenError
from norrsken.evaluation.scores import read_metrics
from norrsken.models import classifiers
from norrsken.nights.images import UnreadableImage, WrongGeometry, read_frame
from norrsken.nights.names import NameReader

CONFIGURATION = Config.model_validate(CONFIG)
CAMERA = CONFIGURATION.cameras[0]
LABELS = CONFIGURATION.label_settings("small")

#: A long run looks elsewhere each time, a short one always at the same.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
SHORT = settings(
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """What happens to files: they are cut off, overwritten, mixed up, encoded otherwise, or something else."""
    kind = draw(st.sampled_from(["cut", "overwrite", "insert", "double", "encode", "other"]))
    where, junk = draw(st.floats(0, 1)), draw(st.binary(max_size=40))
    encoding = draw(st.sampled_from(["utf-16", "cp1252", "utf-8-sig", "utf-32"]))

    def damaged(data: bytes) -> bytes:
        at = int(where * len(data))
        match kind:
            case "cut":
                return data[:at]
            case "overwrite":
                return data[:at] + junk + data[at + len(junk) :]
            case "insert":
                return data[:at] + junk + data[at:]
            case "double":
                return data[at:] + data
            case "encode":
                return data.decode("latin-1").encode(encoding, "replace")
        return junk

    return damaged


def survives(read: Callable[[Path], Any], path: Path, *allowed: type[Exception]) -> None:
    """Read a file: any result will do, and any error that says what is wrong with it."""
    said = path.name
    try:
        read(path)
    except NorrskenError as error:
        said = str(error)
    except allowed:
        pass
    assert path.name in said


def tried(data: bytes, change: Callable[[bytes], bytes], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(change(data))
    return path


FRAME = jpeg(np.random.default_rng(0).integers(0, 255, (CAMERA.height, CAMERA.width, 3)).astype(np.uint8))


@SHORT
@given(change=damage())
def test_frames(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tried(FRAME, change, tmp_path / "KRN20150115T180000E06000Q.JPG")
    survives(lambda file: read_frame(file, CAMERA), path, UnreadableImage, WrongGeometry)


LABEL_TABLE = "frame_id,label,order,seconds,repeat\n" + "".join(
    f"KRN20150115T18{i:02d}00,{PAPER.names.labels[i % 9]},{i},1.5,{int(i > 20)}\n" for i in range(25)
)


@SHORT
@given(change=damage())
def test_label_tables(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    survives(lambda path: read_labels(path, LABELS), tried(LABEL_TABLE.encode(), change, tmp_path / "anna.csv"))


SELECTIONS = "night,start,end,annotator\n" + "".join(
    f"2015-01-{day},2015-01-{day}T18:00:00Z,2015-01-{day}T19:00:00Z,änna\n" for day in range(10, 20)
)


@SHORT
@given(change=damage())
def test_selections(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tried(SELECTIONS.encode(), change, tmp_path / "selections.csv")
    survives(lambda file: read_selections(file, 20.42), path)


EXPORT: list[dict[str, Any]] = [
    {
        "id": i,
        "data": {"image": f"/data/local-files/?d=frames/KRN20150115T18{i:02d}00.png"},
        "annotations": [
            {
                "completed_by": {"email": f"anna{i % 2}@example.org"},
                "result": [{"from_name": "label", "type": "choices", "value": {"choices": ["arcs"]}}],
                "lead_time": 2.5,
                "created_at": "2020-01-01T00:00:00Z",
            }
        ],
    }
    for i in range(5)
]
ROWS = "image,label,annotator\n" + "".join(f"KRN20150115T18{i:02d}00.png,arcs,anna\n" for i in range(9))


@SHORT
@given(change=damage(), suffix=st.sampled_from([".json", ".csv", ".CSV"]))
def test_exports_of_label_studio(change: Callable[[bytes], bytes], suffix: str, tmp_path: Path) -> None:
    data = json.dumps(EXPORT) if suffix == ".json" else ROWS
    path = tried(data.encode(), change, tmp_path / f"export{suffix}")
    shutil.rmtree(tmp_path / "labels", ignore_errors=True)
    survives(lambda file: write_tables(file, tmp_path / "labels", PAPER, []), path)


#: What JSON and YAML can hold where something else is expected.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def replaced(value: Any, path: list[int], other: Any) -> Any:
    """The value with another one somewhere in it."""
    if not path or not isinstance(value, dict | list) or not value:
        return other
    if isinstance(value, list):
        at = path[0] % len(value)
        return [*value[:at], replaced(value[at], path[1:], other), *value[at + 1 :]]
    key = list(value)[path[0] % len(value)]
    return {**value, key: replaced(value[key], path[1:], other)}


WHERE = st.lists(st.integers(0, 30), min_size=1, max_size=5)


@SHORT
@given(where=WHERE, other=VALUES)
@example(where=[0], other="text")
@example(where=[4], other={"x": "text"})
def test_exports_with_other_values(where: list[int], other: Any, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(replaced(EXPORT, where, other)))
    shutil.rmtree(tmp_path / "labels", ignore_errors=True)
    survives(lambda file: write_tables(file, tmp_path / "labels", PAPER, []), path)


@SHORT
@given(where=WHERE, other=VALUES)
@example(where=[5], other={"x": "text"})
def test_configurations(where: list[int], other: Any, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(replaced(CONFIG, where, other)))
    survives(load, path)


@SHORT
@given(change=damage())
def test_damaged_configurations(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    survives(load, tried((ROOT / "config.yaml").read_bytes(), change, tmp_path / "config.yaml"))


LABEL_SET = (ROOT / "norrsken/label_sets/kvammen2020.yaml").read_bytes()


@SHORT
@given(change=damage(), where=WHERE, other=VALUES, bytes_too=st.booleans())
def test_label_sets(
    change: Callable[[bytes], bytes], where: list[int], other: Any, bytes_too: bool, tmp_path: Path
) -> None:
    data = yaml.safe_dump(replaced(yaml.safe_load(LABEL_SET), where, other)).encode()
    survives(read_label_set, tried(data, change if bytes_too else lambda same: same, tmp_path / "own.yaml"))


@SHORT
@given(name=st.text(max_size=30) | st.from_regex(r"KRN\d{1,9}T\d{1,7}E\d{0,12}Q\.(JPG|jpeg|png)", fullmatch=True))
@example(name="KRN20150115T180000E99999999999Q.JPG")
@example(name="KRN20800115T180000E06000Q.JPG")
def test_names(name: str) -> None:
    assert NameReader(CONFIGURATION.cameras).read(name) is not None


@SHORT
@given(path=st.text(max_size=20) | st.from_regex(r"[12]\d{3}/\d{1,2}/\d{1,2}(/\d{1,2})?", fullmatch=True))
def test_trees(path: str) -> None:
    for pattern in ("%Y/%m/%d", "%Y%m%d", "%Y/%j", "%Y/%m/%d/%H"):
        DirectoryPattern(pattern).leaf(path)


@SHORT
@given(change=damage(), where=WHERE, other=VALUES)
def test_what_runs_have_written(
    change: Callable[[bytes], bytes], where: list[int], other: Any, finished: Path, tmp_path: Path
) -> None:
    run = finished / "results/small/random/shufflenet/0"
    readers: dict[str, Callable[[Path], Any]] = {
        "metrics.json": lambda path: read_metrics([path]),
        "predictions.parquet": tables.read_predictions,
        "validation.parquet": tables.read_predictions,
        "model.safetensors": classifiers.load,
    }
    for name, read in readers.items():
        survives(read, tried((run / name).read_bytes(), change, tmp_path / name))
    neighbours = finished / "results/small/random/3nn/0/model.skops"
    survives(classifiers.load, tried(neighbours.read_bytes(), change, tmp_path / "model.skops"))
    metrics = json.loads((run / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps(replaced(metrics, where, other)))
    survives(lambda path: read_metrics([path]), tmp_path / "metrics.json")


SHARE = {"value": 1, "low": None, "high": None}
CLASSIFIER = {
    "name": "random/3nn",
    "members": [{"path": "model.skops", "sha256": "0"}],
    "temperature": 1.0,
    "fitted_on": "nothing",
    "asked_precision": 0.9,
    "least_confidence": 0.5,
    "limits": {"arcs": {"confidence": 0.5, "frames": 0, "nights": 0, "of": "all"}},
    "aurora": {
        "classes": ["arcs"],
        "clear_sky": "faint",
        "slope": 1.0,
        "intercept": 0.0,
        "yes": 0.9,
        "no": 0.1,
        "fitted_on": "labels",
    },
    "validation": None,
    "test": {
        "frames": 1,
        "nights": 1,
        "precision": SHARE,
        "classified": SHARE,
        "f1": 1,
        "calibration_error": 0,
        "by_class": {},
        "with_aurora": {"frames": 1, "nights": 1, "yes": SHARE, "no": SHARE},
        "without_aurora": None,
    },
    "seen": {"train": ["2015-01-12"], "validation": [], "test": []},
}


@SHORT
@given(change=damage(), where=WHERE, other=VALUES)
def test_classifiers_of_catalogues(
    change: Callable[[bytes], bytes], where: list[int], other: Any, tmp_path: Path
) -> None:
    path = tried(json.dumps(CLASSIFIER).encode(), change, tmp_path / "classifier.json")
    survives(read_classifier, path)
    path.write_text(json.dumps(replaced(CLASSIFIER, where, other)))
    survives(read_classifier, path)


def test_a_damage_that_is_no_error_of_its_own_kind_is_found(tmp_path: Path) -> None:
    """The fuzz can fail: a reader that ends in a traceback does not survive."""
    (tmp_path / "file").write_text("{")
    with pytest.raises(ValueError, match="Expecting property name"):
        survives(lambda path: json.loads(path.read_text()), tmp_path / "file")
