"""A sample that is even over the classes of a classifier: how it is drawn, and what is made of its labels."""

import copy
import json
import logging
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, PAPER, Project, jobs, write_evening
from numpy.typing import NDArray

from norrsken import schemas, stages, tables
from norrsken.classify.sample import SampleError, draw_sample
from norrsken.config.base import ConfigError
from norrsken.config.config import Config, check
from norrsken.config.jobs import SampleSettings
from norrsken.config.releases import sample_warnings
from norrsken.config.site import FrameSource
from norrsken.config.splits import Split
from norrsken.curation.labelling import write_labelling_pages
from norrsken.curation.sample import drawn, filled, nights_by_time, places
from norrsken.dataset.agreement import agreement
from norrsken.dataset.labels import merge_labels
from norrsken.dataset.sample import Drawn, SampleTableError, read_drawn, weights
from norrsken.dataset.splits import DatasetError, divide, split_dataset
from norrsken.nights.ingest import ingest_month
from norrsken.paper import CLASSES
from norrsken.report.page import write_report
from norrsken.report.tables import table1

CONFIGURATION = Config.model_validate(CONFIG)
SETTINGS = SampleSettings(longitude=20.42, years=[2014, 2015], frames=40, test_share=0.25, seed=0)


#: Standard deviations of red between the classes of `Reds`.
REDS = (8, 30)


class Reds:
    """A stand-in for the general classifier: how strongly a frame's red varies tells the class."""

    path, digest, classes = "stand-in", "0", ("weak", "middle", "strong")

    def __init__(self, cameras: bool = True) -> None:
        self.source = FrameSource(processing=stages.PROCESSING, cameras=CONFIGURATION.cameras if cameras else [])
        self.classified = 0

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        self.classified += len(images)
        return np.eye(3)[np.digitize(images[..., 0].std(axis=(1, 2)), REDS)]

    def labels(self, probabilities: NDArray[np.float64]) -> NDArray[np.str_]:
        return np.array(self.classes)[probabilities.argmax(axis=1)]


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [
        ([100, 100, 100], 30, [10, 10, 10]),
        ([2, 100, 100], 30, [2, 14, 14]),
        ([2, 5, 100], 30, [2, 5, 23]),
        ([0, 3, 9, 100], 20, [0, 3, 9, 8]),
        ([100, 100, 100], 31, [11, 10, 10]),
        ([1, 100, 100], 30, [1, 15, 14]),
        ([5, 5], 30, [5, 5]),
        ([5, 5], 0, [0, 0]),
        ([5, 5], 1, [1, 0]),
    ],
)
def test_classes_give_as_equally_as_they_can(sizes: list[int], total: int, expected: list[int]) -> None:
    assert filled(sizes, total).tolist() == expected


def test_what_classes_give_has_one_level() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        sizes = random.integers(0, 60, 7)
        total = int(random.integers(0, 300))
        given = filled(sizes, total)
        assert given.sum() == min(total, sizes.sum())
        assert (given <= sizes).all()
        short = given < sizes
        if short.any():  # those that could give more give the most, and hardly differ
            assert np.ptp(given[short]) <= 1
            assert given.max() - given[short].min() <= 1


def test_frames_have_their_places_by_seed_and_name() -> None:
    names = [f"KRN2015{i:09d}" for i in range(2000)]
    first = places(names, 0)
    np.testing.assert_array_equal(first, places(names, 0))
    np.testing.assert_array_equal(first[::-1], places(names[::-1], 0))
    assert (first != places(names, 1)).all()
    assert abs(np.corrcoef(first.astype(float), np.arange(2000))[0, 1]) < 0.1


def test_of_each_stratum_the_first_frames_are_drawn() -> None:
    place = np.array([5, 1, 4, 2, 3, 0], np.uint64)
    taken = drawn(place, np.array([0, 0, 0, 2, 2, 2]), np.array([2, 0, 1]))
    assert taken.tolist() == [False, True, True, False, False, True]


def test_nights_keep_their_side_when_an_archive_grows() -> None:
    days = [date(2014, 1, 1) + timedelta(days=i) for i in range(600)]
    early, late = nights_by_time(days[:300], 0.25, 3), nights_by_time(days, 0.25, 3)
    assert early == {night for night in late if night < days[300]}
    assert 0.2 < len(late) / 600 < 0.3
    assert len(nights_by_time(days[:2], 0.01, 3)) == len(nights_by_time(days[:2], 0.99, 3)) == 1
    assert nights_by_time(days[:1], 0.5, 3) == set()


def sample_of(project: Project, settings: SampleSettings = SETTINGS, classifier: Reds | None = None) -> pd.DataFrame:
    months = sorted(str(path) for path in project.path("results/nights").iterdir())
    output = project.path("results/small/sample.parquet")
    draw_sample(months, None, classifier or Reds(), settings, str(output))
    return tables.read(output, schemas.SAMPLE_TABLE).to_pandas()


def kept(project: Project) -> pd.DataFrame:
    paths = sorted(project.path("results/nights").rglob("*.parquet"))
    frames = pd.concat([tables.read(path, schemas.NIGHT_TABLE).to_pandas() for path in paths])
    frames = frames[frames["status"] == "kept"]
    images = np.stack([np.frombuffer(image, np.uint8).reshape(schemas.IMAGE_SHAPE) for image in frames["image"]])
    return frames.assign(code=Reds().predict(images).argmax(axis=1)).set_index("frame_id")


def test_a_sample_is_even_over_the_classes_and_by_time_in_test_nights(project: Project) -> None:
    sample, frames = sample_of(project), kept(project)
    assert len(sample) == 40
    assert sample["time"].is_monotonic_increasing
    by_time = sample[sample["part"] == "time"]
    others = sample[sample["part"] == "balanced"]
    assert not set(by_time["night"]) & set(others["night"])
    assert len(by_time) == 10
    in_test = frames["night"].isin(by_time["night"])
    assert by_time["probability"].tolist() == [10 / in_test.sum()] * 10
    sizes = frames[~in_test]["code"].value_counts().reindex(range(3), fill_value=0)
    codes = frames.loc[others["frame_id"], "code"]
    given = filled(sizes.to_numpy(), 30)
    np.testing.assert_array_equal(codes.value_counts().reindex(range(3), fill_value=0), given)
    assert (sizes > 0).sum() >= 2
    np.testing.assert_allclose(others["probability"], (given / np.maximum(sizes, 1))[codes])
    # A sample stands for all frames, and for those of each class.
    assert (1 / sample["probability"]).sum() == pytest.approx(len(frames))
    pd.testing.assert_frame_equal(sample, sample_of(project))
    assert set(sample["frame_id"]) != set(sample_of(project, SETTINGS.model_copy(update={"seed": 1}))["frame_id"])


def test_years_and_chosen_times_are_kept_to(project: Project) -> None:
    only = sample_of(project, SETTINGS.model_copy(update={"years": [2014]}))
    assert set(only["time"].dt.year) == {2014}
    table = project.path("selections.csv")
    table.write_text(
        "night,start,end,annotator\n"
        "2015-01-15,2015-01-15T18:05:00Z,2015-01-15T18:10:00Z,anna\n"
        "2015-01-16,2015-01-16T18:05:00Z,2015-01-16T18:15:00Z,anna\n"
    )
    output = project.path("sample.parquet")
    draw_sample([str(project.path("results/nights/2015-01"))], str(table), Reds(), SETTINGS, str(output))
    chosen = tables.read(output, schemas.SAMPLE_TABLE).to_pandas()
    assert len(chosen) == 15
    assert (chosen["probability"] == 1).all()
    with pytest.raises(SampleError, match="no frame of the release's years was kept"):
        sample_of(project, SETTINGS.model_copy(update={"years": [1999]}))


def test_in_a_large_archive_only_some_frames_are_classified(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("norrsken.classify.sample.MOST_CLASSIFIED", 50)
    classifier = Reds()
    sample = sample_of(project, SETTINGS.model_copy(update={"frames": 20}), classifier)
    assert classifier.classified == 50
    assert len(sample) == 20
    assert (1 / sample["probability"]).sum() == pytest.approx(len(kept(project)))


def test_frames_of_a_camera_that_the_classifier_does_not_know(project: Project) -> None:
    with pytest.raises(SampleError, match=r"knows none of the cameras .*norrsken calibrate"):
        sample_of(project, classifier=Reds(cameras=False))


def test_an_archive_that_grows_is_drawn_again_and_most_frames_stay(project: Project) -> None:
    before = sample_of(project)
    write_evening(project.path("archive"), "2015-02-16T18:00", 10)
    root = project.path("archive")
    folders = [str(project.path(f"results/{name}/2015-02")) for name in ("nights", "keograms")]
    settings = CONFIGURATION.night_settings(CONFIGURATION.cameras)
    ingest_month(str(root), [str(root / "2015/02/16")], "2015-02", settings, folders[0], folders[1], 1)
    after = sample_of(project)
    assert len(after) == 40
    assert (1 / after["probability"]).sum() == pytest.approx(len(kept(project)))
    assert len(set(before["frame_id"]) & set(after["frame_id"])) > 20


# What is made of a sample


def test_pages_offer_the_sample_and_say_nothing_of_classes(project: Project) -> None:
    sample = sample_of(project)
    months = sorted(str(path) for path in project.path("results/nights").iterdir())
    settings = CONFIGURATION.labelling_settings("small")
    path = project.path("results/small/sample.parquet")
    write_labelling_pages(months, None, None, settings, str(project.path("labelling")), str(path))
    frames = sorted(path.stem for path in project.path("labelling/frames").rglob("*.png"))
    assert frames == sorted(sample["frame_id"])
    text = project.path("labelling/anna.html").read_text()
    drawn_as = re.search(r'"drawn": ?({.*?\})', text)
    assert drawn_as is not None
    how = json.loads(drawn_as[1])
    assert {frame: tuple(values) for frame, values in how.items()} == {
        row.frame_id: (row.probability, row.part) for row in sample.itertuples()
    }
    write_labelling_pages(months, None, None, settings, str(project.path("labelling")))
    assert '"drawn"' not in project.path("labelling/anna.html").read_text()


def write_table(path: Path, rows: list[tuple[object, ...]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = "frame_id,label,probability,part\n"
    path.write_text(header + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return str(path)


def test_label_tables_say_how_frames_were_drawn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [("a", "arcs", 0.5, "time"), ("b", "edge", 0.25, "balanced"), ("c", "edge", "", ""), ("d", "edge", 9, "x")]
    anna = write_table(tmp_path / "anna.csv", rows)
    bertil = write_table(tmp_path / "bertil.csv", [("a", "edge", 0.5, "time"), ("b", "edge", 0.2, "balanced")])
    (tmp_path / "carla.csv").write_text("frame_id,label\na,arcs\n")
    with caplog.at_level(logging.WARNING):
        found = read_drawn([anna, bertil, str(tmp_path / "carla.csv")])
    assert found == {"a": Drawn(0.5, "time"), "b": Drawn(0.25, "balanced")}
    assert "1 frames were drawn otherwise in another annotator's table" in caplog.text


@pytest.mark.parametrize("wrong", ["0", "1.5", "", "x", "nan"])
def test_a_probability_that_is_none_is_named_with_its_line(tmp_path: Path, wrong: str) -> None:
    path = write_table(tmp_path / "anna.csv", [("a", "arcs", 1, "time"), ("b", "arcs", wrong, "time")])
    with pytest.raises(SampleTableError, match=r"anna.csv:3: the probability of b is .*, expected a number above 0"):
        read_drawn([path])


def test_labels_and_data_set_keep_how_frames_were_drawn_and_tests_are_by_time(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    sample = sample_of(project)
    truth = pd.read_csv(project.path("labels/anna.csv")).set_index("frame_id")["label"]
    rows = [(row.frame_id, truth[row.frame_id], row.probability, row.part) for row in sample.itertuples()]
    drawn_before = set(sample["frame_id"])
    other = next(frame for frame in truth.index if frame not in drawn_before and frame.startswith("KRN201412"))
    anna = write_table(project.path("drawn/anna.csv"), [*rows, (other, "arcs", "", "")])
    months = sorted(str(path) for path in project.path("results/nights").iterdir())
    labelled, dataset = (str(project.path(f"{name}.parquet")) for name in ("labelled", "dataset"))
    settings = CONFIGURATION.label_settings("small")
    merge_labels([anna], [], None, None, months, [], settings, labelled)
    merged = tables.read_without_images(labelled).set_index("frame_id")
    expected = sample.set_index("frame_id")
    assert merged.loc[expected.index, "part"].tolist() == expected["part"].tolist()
    np.testing.assert_array_equal(merged.loc[expected.index, "probability"], expected["probability"])
    assert merged.loc[other, ["probability", "part"]].isna().all()
    splits = {name: Split.model_validate({"method": name, "test_share": 0.25}) for name in ("night", "random")}
    with caplog.at_level(logging.WARNING):
        split_dataset(labelled, splits, dataset)
    assert "split 'random' (random): its test frames are of a sample that is even over the classes" in caplog.text
    assert "split 'night' (night): its test" not in caplog.text
    clean = tables.read_without_images(dataset)
    assert set(clean.loc[clean["split_night"] == "test", "night"]) == set(sample.loc[sample["part"] == "time", "night"])
    assert set(clean.loc[clean["part"] == "balanced", "split_night"]) == {"train"}


def test_only_nights_that_were_sampled_by_time_are_tested_on() -> None:
    nights = np.datetime64("2015-01-01") + np.arange(40).repeat(5)
    labels = np.array(CLASSES)[np.arange(200) % 7]
    by_time = nights[150:][::5]
    for share, size in ((0.5, 50), (0.25, 50), (0.1, 20)):
        test = divide(labels, nights, Split(method="night", test_share=share), CLASSES, by_time)
        assert test.sum() == size
        assert set(nights[test]) <= set(by_time)
    with pytest.raises(DatasetError, match="of the nights that were sampled by time none has a clean frame"):
        divide(labels, nights, Split(method="night"), CLASSES, by_time[:0])


def test_shares_weigh_each_frame_by_one_over_its_probability() -> None:
    """Two arcs drawn with 1/10 stand for twenty frames, two breakups with 1/2 for four; an older frame for none."""
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(["2014-02-01", "2014-02-01", "2015-02-01", "2015-02-01", "2015-02-01"], utc=True),
            "night": [date(2014, 2, 1)] * 2 + [date(2015, 2, 1)] * 3,
            "verdict": ["agreed", "agreed", "agreed", "disagreement", "agreed"],
            "label": ["arcs", "arcs", "breakup", None, "edge"],
            "label_a": ["arcs", "arcs", "breakup", "breakup", "edge"],
            "label_b": ["arcs", "arcs", "breakup", "arcs", "edge"],
            "probability": [0.1, 0.1, 0.5, 0.5, None],
        }
    )
    np.testing.assert_allclose(weights(frame), [10, 10, 2, 2, 0])
    assert (weights(frame.drop(columns="probability")) == 1).all()
    assert (weights(frame.assign(probability=np.nan)) == 1).all()
    dataset = pd.DataFrame({"label": ["arcs", "arcs", "breakup", "edge"], "split_night": "train"})
    table = table1(frame, dataset, [2014, 2015], PAPER).set_index(["part", "name"])
    expected = {"arcs": 83.33, "breakup": 8.33, "disagreement": 8.33, "edge": 0.0, "total": 100.0}
    assert {name: table.loc[("label", name), "percent"] for name in expected} == expected
    assert (table.loc[("year", 2014), "percent"], table.loc[("year", 2015), "percent"]) == (83.33, 16.67)
    assert table.loc[("label", "arcs"), "images"] == 2
    agreed = agreement(frame, PAPER.names).iloc[0]
    assert agreed["frames"] == 5
    assert agreed["agreement"] == pytest.approx(22 / 24)
    chance = (20 * 22 + 4 * 2) / 24**2
    assert agreed["kappa"] == pytest.approx((22 / 24 - chance) / (1 - chance))


def test_the_report_says_that_shares_are_weighed(project: Project) -> None:
    release, report = project.path("results/small"), project.path("results/small/report")
    labelled = pq.read_table(release / "labelled.parquet")
    columns = {"probability": pa.array([0.5] * len(labelled)), "part": pa.array(["balanced"] * len(labelled))}
    for name, column in columns.items():
        labelled = labelled.append_column(name, column)
    pq.write_table(labelled, project.path("labelled.parquet"))
    shown = ("table1", "table2", "agreement", "consistency", "course", "resources")
    write_report(
        str(project.path("labelled.parquet")),
        str(release / "dataset.parquet"),
        {name: str(report / f"{name}.csv") for name in shown},
        {name: str(report / f"figures/{name}.png") for name in ("annotators", "course")},
        [],
        [],
        str(report / "summary.json"),
        None,
        None,
        CONFIGURATION.report_settings("small"),
        str(project.path("index.html")),
    )
    text = project.path("index.html").read_text()
    assert "The shares (%) weigh each frame by one over its probability" in text
    assert "the scores hold for that sample, not for the archive" in text
    assert "weigh each frame" not in (report / "index.html").read_text()


# The configuration and the workflow


@pytest.mark.parametrize(
    ("labelling", "message"),
    [
        ({"frames": 100}, "labelling: frames is 100, but sample is all"),
        ({"sample": "balanced"}, "labelling: sample is balanced, but frames is missing"),
        ({"sample": "balanced", "frames": 100, "every": 2}, "labelling: sample is balanced, but every is 2"),
        ({"sample": "balanced", "frames": 60_000}, "labelling.frames: input should be less than or equal to 50000"),
        ({"sample": "even"}, "labelling.sample: input should be 'all' or 'balanced'"),
        (
            {"sample": "balanced", "frames": 100, "of": {"release": "other", "label": "arcs"}},
            "labelling: sample is balanced, but of offers the frames of the class 'arcs'",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(labelling: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(configured(labelling))
    assert f"releases.small.{message}" in str(caught.value)


def configured(labelling: dict[str, object]) -> dict[str, Any]:
    raw = copy.deepcopy(CONFIG)
    raw["releases"]["small"]["labelling"] = labelling
    return raw


def test_a_sample_changes_nothing_where_none_is_drawn() -> None:
    without = check(CONFIG).releases["small"].plain()["labelling"]
    assert not {"sample", "frames"} & without.keys()
    assert check(configured({"sample": "all"})).releases["small"].plain()["labelling"] == without
    config = check(configured({"sample": "balanced", "frames": 100}))
    assert config.sample_settings("small").test_share == 0.2
    with pytest.raises(ConfigError, match="no sample is drawn"):
        check(CONFIG).sample_settings("small")
    raw = configured({"sample": "balanced", "frames": 100})
    raw["releases"]["small"]["splits"]["night"] = {"method": "night", "test_share": 0.3}
    assert check(raw).sample_settings("small").test_share == 0.3
    (warning,) = sample_warnings(check(raw).releases["small"])
    assert warning.startswith("The split random is not by night")


def test_the_rule_is_there_only_where_a_sample_is_drawn(project: Project) -> None:
    assert "draw_sample" not in project.planned("labelling")
    project.config["releases"]["small"]["labelling"] = {"sample": "balanced", "frames": 40}
    project.save()
    printed = project.snakemake("--dry-run", "labelling")
    assert {rule: jobs(printed)[rule] for rule in ("draw_sample", "write_labelling_pages")} == {
        "draw_sample": 1,
        "write_labelling_pages": 1,
    }
    assert "The split random is not by night" in printed
    assert "your workflow is in a good condition" in project.snakemake("--lint")
