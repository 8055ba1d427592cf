"""Outputs of each stage for a fixed input, as digests or numbers beside the stage's version number.

When one differs on purpose, raise the stage's number in `norrsken/stages.py` and write the new digest here.
"""

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import CONFIG, HEIGHT, PAPER, WIDTH, jpeg
from PIL import Image

from norrsken import schemas, stages, tables
from norrsken.catalogue.calibrate import least_confidence
from norrsken.catalogue.correction import fit_correction
from norrsken.catalogue.events import find_events
from norrsken.catalogue.judge import Frames
from norrsken.catalogue.magnetic import magnetic_coordinates
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.classify import condition
from norrsken.classify.general import general
from norrsken.config.config import Config
from norrsken.config.models import Hog
from norrsken.config.releases import EventSettings
from norrsken.config.site import FrameSource
from norrsken.config.splits import Split
from norrsken.dataset.agreement import agreement
from norrsken.dataset.labels import Given, outcome
from norrsken.dataset.splits import Division, Part, divide
from norrsken.evaluation.calibration import entropy, fit_temperature, tempered
from norrsken.models import classifiers
from norrsken.nights import ingest as nights
from norrsken.paper import CLASSES
from norrsken.report.tables import table2
from norrsken.training.features import histogram_of_gradients

CONFIGURATION = Config.model_validate(CONFIG)

DIGESTS = {
    "nights": (4, "97d25ce18d532a09"),
    "labels": (4, "52ef3c863998f932"),
    "adjudication": (1, "b45be8902be694c9"),
    "dataset": (2, "e6b9ad2a2b69725f"),
    "report": (8, "78e4936ecc6fdcfe"),
}
NUMBERS: dict[str, tuple[int, list[float]]] = {
    "features": (2, [1764.0, 0.16469, 0.13427, 0.20471, 0.091306, 0.20471, 0.032777]),
    "catalogue": (
        8,
        [
            *[3.912, 5.4337, 0.65003, -2.6241, 0.045462, -0.78106, 0.0048038, 0.24318, 0.41826, 0.0, 1.0],
            *[0.3116, 1.9644, 64.832, 0.47956, 1.157, 174.0, 202.0, 28.0],
            *[0.2274, 0.19603, 0.12939, 0.12303, 0.10059, 0.089717, 0.13385, 0.86615, 250.0],
        ],
    ),
    "training": (3, [0.33333, 0.0, 0.33333, 0.58629, 0.072658, 0.07935, 0.00069134, 1.9556]),
}


def check(stage: str, *parts: object) -> None:
    """Compare what repeats to the bit on every machine."""
    text = hashlib.sha256()
    for part in parts:
        text.update(part if isinstance(part, bytes) else repr(part).encode())
    assert (getattr(stages, stage.upper()), text.hexdigest()[:16]) == DIGESTS[stage]


def check_numbers(stage: str, *numbers: float) -> None:
    """Compare what differs a little between processors."""
    number, expected = NUMBERS[stage]
    assert getattr(stages, stage.upper()) == number
    assert list(numbers) == pytest.approx(expected, rel=0.01)


def frames() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (28, 128, 128, 3), dtype=np.uint8)


def test_night_tables(tmp_path: Path) -> None:
    day = tmp_path / "archive/2015/01/12"
    day.mkdir(parents=True)
    image = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for i, data in enumerate([jpeg(image), jpeg(image)[:-2], jpeg(image[:99])]):
        for hour in (11, 18):
            (day / f"KRN20150112T{hour}{i:02d}00E06000Q.JPG").write_bytes(data)
    folders = [str(tmp_path / name) for name in ("nights", "keograms")]
    settings = CONFIGURATION.night_settings(CONFIGURATION.cameras)
    nights.ingest_month(str(tmp_path / "archive"), [str(day)], "2015-01", settings, *folders, 1)
    table = tables.read(tmp_path / "nights/2015-01-12.parquet", schemas.NIGHT_TABLE)
    altitudes = [table[name].to_numpy().round(2).tolist() for name in ("sun_altitude", "moon_altitude")]
    exact = table.drop_columns(["sun_altitude", "moon_altitude"]).to_pylist()
    keogram = np.asarray(Image.open(tmp_path / "keograms/2015-01-12.png"))[30:286]  # the picture without its text
    check("nights", altitudes, exact, keogram[:, 64 : 64 + 1440].tobytes())


def test_labels() -> None:
    choices = ("arcs", "edge", "unknown", "rejected", None)
    for stage, settled in (("labels", None), ("adjudication", Given("edge", 1))):
        check(stage, [outcome([a, b], settled, PAPER.names.exclusions) for a in choices for b in choices])


def test_splits() -> None:
    labels = np.array(["arcs", "edge", "faint", "patchy"] * 40)
    days = np.datetime64("2015-01-01") + np.arange(160) // 8
    parts = [divide(labels, days, Split(method=method), CLASSES) for method in ("random", "stratified", "night")]
    codes = np.array([CLASSES.index(label) for label in labels])
    train = Part(np.arange(160).astype(str), codes, days, None)
    source = FrameSource(processing=1, cameras=[])
    divisions = [Division(train, train, source, CLASSES, Split(method=method)) for method in ("random", "night")]
    parts += [division.validation(0.2, 0) for division in divisions]
    check("dataset", [part.nonzero()[0].tolist() for part in parts])


def test_features() -> None:
    found = histogram_of_gradients(frames()[0], Hog(kind="hog"))
    check_numbers("features", len(found), *found[:5].tolist(), float(found.std()))


def test_training() -> None:
    images, labels = frames(), np.arange(28) % 7
    features = images.reshape(28, -1)[:, :64].astype(np.float32)
    found = []
    for name in ("3nn", "svm-linear"):
        classifier = classifiers.build(CONFIGURATION.models[name], 0, len(CLASSES))
        classifier.fit(features, labels)
        found += classifier.predict(features).probabilities[0, :3].tolist()
    network = classifiers.build(CONFIGURATION.models["shufflenet"], 0, len(CLASSES))
    (epoch,) = network.fit(images, labels)
    check_numbers("training", *found, epoch["learning_rate"], epoch["train_loss"])


def test_report() -> None:
    given = {
        "label_a": ["arcs", "edge", "arcs", "faint"],
        "label_b": ["arcs", "arcs", "arcs", "unknown"],
        "night": [1, 1, 2, 2],
    }
    labelled = pd.DataFrame(given)
    fields = {"model": "3nn", "split": "random", "parameters": 0, "stock_parameters": None, "notes": [],
              "settings": {"model": {}}}  # fmt: skip
    runs = [{**fields, "seed": i, "precision": i / 7, "recall": i / 9, "f1": i / 8} for i in range(3)]
    tables_made = [agreement(labelled, PAPER.names), table2(runs, PAPER.names, {})]
    check("report", [table.to_csv(index=False, float_format="%.4g") for table in tables_made])


def test_catalogue(tmp_path: Path) -> None:
    images = frames()
    probabilities = tempered(np.random.default_rng(3).dirichlet(np.ones(7), 300), 0.3)
    labels = np.random.default_rng(4).integers(0, 7, 300)
    labels = np.where(labels > 1, probabilities.argmax(axis=1), labels)
    times = pd.date_range("2015-01-12T18:00Z", periods=300, freq="min", unit="ms")
    latitude, mlt = magnetic_coordinates(times.as_unit("ms").asi8, CONFIGURATION.site)
    names = np.array(CLASSES)[probabilities.argmax(axis=1)]
    rows = pd.DataFrame(probabilities, columns=[f"p_{name}" for name in CLASSES]).assign(
        frame_id="a", time=times, night=date(2015, 1, 12), exposure_ms=6000, sun_altitude=-20.0, moon_altitude=-20.0,
        magnetic_latitude=latitude, mlt=mlt, condition="clear", label=names, confidence=probabilities.max(axis=1),
        entropy=entropy(probabilities), model="a", reason=None, seen="none", aurora="yes", aurora_probability=0.9,
            familiarity=0.5, possible=[[]] * 300,
    )  # fmt: skip
    table = pa.Table.from_pandas(rows, preserve_index=False)
    tables.write(tmp_path / "2015-01/2015-01-12.parquet", table, schemas.catalogue_table(CLASSES), {})
    months = [str(tmp_path / "2015-01")]
    events, _ = find_events(months, EventSettings(least_minutes=0), CLASSES, PAPER.onset)
    # The frames are their own validation, of made-up nights: what matters is that the same comes out.
    nights = np.datetime64("2015-01-12") + np.arange(300) % 20
    correction = fit_correction(Frames(probabilities, labels, nights), CLASSES, CLASSES)
    occurrence = tabulate_occurrence(months, None, correction, PAPER)
    measured, said = condition.measure(images), general().judge(images)
    assert said.familiarity is not None
    check_numbers(
        "catalogue",
        *measured[0, -19::3].tolist(),
        float(measured[0, :-19].mean()),
        float(said.probabilities.max()),
        float(said.familiarity.mean()),
        (condition.conditions(images, condition.shipped()) == "clear").mean(),
        least_confidence(Frames(probabilities, labels, np.full(300, np.datetime64("2015-01-12"))), 0.75),
        fit_temperature(probabilities, labels),
        float(latitude[0]),
        float(mlt[-1]),
        float(rows["entropy"].mean()),
        len(events),
        events["minutes"].sum(),
        occurrence["share"].sum(),
        *occurrence.loc[occurrence["by"] == "all", "estimate"].dropna().tolist(),
        occurrence["hours_observed"].sum(),
    )
