"""Yardsticks: what a model would have scored on other divisions of the data set, and with fewer labels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import CONFIG, Edit, refusal

from norrsken import schemas, stages, tables
from norrsken.config.config import check
from norrsken.config.jobs import RunSettings
from norrsken.config.label_set import LabelNames
from norrsken.config.models import NearestNeighbours
from norrsken.config.site import FrameSource
from norrsken.config.splits import Split
from norrsken.dataset.splits import divide, read_split
from norrsken.evaluation.scores import read_metrics
from norrsken.figures.divisions import draw_divisions, draw_labels
from norrsken.plan import Plan
from norrsken.training.run import train_run
from norrsken.yardsticks.divisions import compare_divisions, train_otherwise

CLASSES = ("arcs", "faint")
SETTINGS = RunSettings(name="1nn", model=NearestNeighbours(kind="nearest-neighbours", features="some", neighbours=1))
NIGHTS, EACH = 30, 12


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two years, in which a frame is more like the frames of its class and night than like others.

    What the classes look like turns round in 2015, when another camera comes.
    """
    folder = tmp_path_factory.mktemp("release")
    random = np.random.default_rng(0)
    night = np.repeat(np.arange(NIGHTS), EACH)
    days = np.where(night < NIGHTS // 2, np.datetime64("2014-03-01"), np.datetime64("2015-03-01")) + night % 15
    times = days + np.tile(np.arange(EACH) * np.timedelta64(5, "m"), NIGHTS) + np.timedelta64(20, "h")
    labels = np.array(CLASSES)[random.integers(0, 2, len(night))]
    ids = [f"KRN{time:%Y%m%dT%H%M%S}" for time in pd.to_datetime(times)]
    split = Split(method="night", test_share=0.4)
    part = np.where(divide(labels, days, split, CLASSES), "test", "train")
    table = {
        "frame_id": ids,
        "time": pa.array(times.astype("datetime64[ms]")).cast(pa.timestamp("ms", "UTC")),
        "night": pa.array(days),
        "label": labels,
        "image": tables.image_column(np.zeros((len(ids), 128, 128, 3), np.uint8)),
        "split_night": part,
    }
    schema = schemas.dataset_table(["night"], CLASSES)
    names = LabelNames(classes=CLASSES, exclusions=(), hidden_sky=())
    cameras = check(
        {**CONFIG, "cameras": [CONFIG["cameras"][0], CONFIG["cameras"][0] | {"valid_from": "2015-01-01"}]}, ""
    )
    source = FrameSource(processing=stages.PROCESSING, cameras=cameras.cameras).plain()
    more = {tables.FRAMES_KEY: source, **tables.labels_metadata(names)}
    tables.write(folder / "dataset.parquet", pa.table(table).cast(schema), schema, {"night": split.plain()}, **more)
    turned = np.where(days < np.datetime64("2015-01-01"), 1, -1)
    features = np.zeros((len(ids), 4), np.float32)
    features[:, 0] = np.where(labels == "arcs", 1, -1) * turned + random.normal(0, 1, len(ids))
    features[:, 1:3] = 40 * random.normal(size=(NIGHTS, 2))[night]
    features[:, 3] = np.where(labels == "arcs", 3, -3) * random.choice([-1, 1], NIGHTS)[night]  # only its night tells
    rows = pa.table({"frame_id": ids, "features": pa.array(list(features), pa.list_(pa.float32()))})
    tables.write(folder / "features.parquet", rows, schemas.FEATURES_TABLE, {})
    run = {name: str(folder / f"{name}.parquet") for name in ("predictions", "validation")}
    train_run(
        str(folder / "dataset.parquet"), str(folder / "features.parquet"), "night", 0, SETTINGS,
        str(folder / "history.csv"), **run, metrics=str(folder / "metrics.json"),
    )  # fmt: skip
    return folder


def other(release: Path, part: str, seed: int = 0) -> str:
    path = str(release / f"{part}-{seed}.parquet")
    train_otherwise(*(str(release / name) for name in ("dataset.parquet", "features.parquet")), "night", part, seed,
                    SETTINGS, path)  # fmt: skip
    return path


def compared(release: Path, *parts: str) -> pd.DataFrame:
    others = {part: [other(release, part)] for part in parts}
    files = ([str(release / "metrics.json")], [str(release / "predictions.parquet")])
    compare_divisions(*files, others, str(release / "dataset.parquet"), str(release / "divisions.csv"))
    return pd.read_csv(release / "divisions.csv").set_index("part")


def test_each_division_is_scored_beside_the_split(release: Path, tmp_path: Path) -> None:
    parts = ["same-nights", "year-2014", "year-2015", "year-2016", "camera-2015-01-01", "labels-40", "labels-1000"]
    table = compared(release, *parts)
    division = read_split(release / "dataset.parquet", "night")
    assert table.loc["split", "f1"] == pytest.approx(read_metrics([str(release / "metrics.json")])[0]["f1"], abs=1e-5)
    # Whoever knows the night knows the class, so that a division at random flatters.
    same = table.loc["same-nights"]
    assert same["train_frames"] == len(division.train.labels)
    assert same["test_frames"] == same["common"] == len(division.test.labels) // 2
    assert same["f1"] > 0.9 > 0.7 > table.loc["split", "f1"]
    assert same["less"] < same["less_high"] < -0.2
    # The year of the other camera is all that this camera took.
    year, camera = table.loc["year-2015"], table.loc["camera-2015-01-01"]
    assert year["test_frames"] == camera["test_frames"] == (NIGHTS // 2) * EACH
    assert year["f1"] == camera["f1"]
    assert year["common"] == (division.test.nights >= np.datetime64("2015-01-01")).sum()
    assert table.loc["labels-40", "train_frames"] == 40
    assert table.loc["labels-40", "test_frames"] == len(division.test.labels)
    assert "no clean frame" in table.loc["year-2016", "note"]
    assert f"{len(division.train.labels)} labelled frames" in table.loc["labels-1000", "note"]
    assert table.loc[["year-2016", "labels-1000"], "f1"].isna().all()
    for draw in (draw_divisions, draw_labels):
        draw(table.reset_index(), tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_fewer_labels_are_of_as_few_nights_as_hold_them_and_each_seed_draws_others(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []
    build = "norrsken.yardsticks.divisions.classifiers.build"

    class Spy:
        def fit(self, inputs: np.ndarray, *_: object) -> None:
            trained.append(inputs)

        def predict(self, inputs: np.ndarray) -> "Spy":
            self.probabilities = np.full((len(inputs), 2), 0.5, np.float32)
            return self

    monkeypatch.setattr(build, lambda *_, **__: Spy())
    for seed in (0, 1, 0):
        other(release, "labels-40", seed)
    first, second, again = trained
    assert len(np.unique(first[:, 1])) == -(-40 // EACH)  # feature 1 tells the night
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(yardsticks={"models": ["resnet"]}), "yardsticks.models has 'resnet', which is not under"),
        (lambda c: c.update(yardsticks={"labelled": [50, 50]}), "labelled has the same entry twice: 50, 50"),
        (lambda c: c.update(yardsticks={"labelled": [3]}), "yardsticks.labelled.0"),
        (lambda c: c["models"].update(otherwise=c["models"]["3nn"]), "models.otherwise: the target train_otherwise"),
    ],
)
def test_what_cannot_be_judged_is_named(edit: Edit, message: str) -> None:
    assert message in refusal(CONFIG, edit)


def test_the_catalogues_model_is_judged_where_none_is_chosen(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh)
    every = Plan(check(CONFIG, ""))
    assert every.judged == list(CONFIG["models"])
    named = {**CONFIG["releases"]["small"], "catalogue": {"model": "3nn"}, "splits": {"night": {"method": "night"}}}
    one = Plan(check({**CONFIG, "releases": {"small": named}, "yardsticks": {"labelled": [30]}}, ""))
    assert one.judged == ["3nn"]
    assert one.other_divisions == ["same-nights", "year-2014", "year-2015", "labels-30"]
    assert every.other_divisions == [f"labels-{n}" for n in (50, 100, 300, 1000, 3000)]  # its split is at random
