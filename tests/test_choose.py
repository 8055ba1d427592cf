"""Which model tells the sky's condition: the shipped one, or one fitted to what people said of the site's frames."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import Project, write_evening
from numpy.typing import NDArray

from norrsken import tables
from norrsken.classes import CONDITIONS
from norrsken.classify import condition
from norrsken.classify.choose import Sample, choose_for_site, read_sample
from norrsken.config.config import Config
from norrsken.dataset.labels import LabelError

RANDOM = np.random.default_rng(0)


@pytest.fixture
def project(catalogued: Path, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(catalogued, tmp_path / "project")))


def described(names: NDArray[np.str_], nights: int = 20) -> Sample:
    """Labelled frames of so many nights: each condition stands out in measures of its own, as in no real frame."""
    shipped = condition.shipped()
    measured = RANDOM.normal(size=(len(names), len(shipped.mean))) * shipped.deviation * 0.1 + shipped.mean
    for i, name in enumerate(CONDITIONS):
        measured[names == name, i - 8 :: 4] += 3 * np.array(shipped.deviation[i - 8 :: 4])
    return of_nights(measured, names, nights)


def of_nights(measured: NDArray[np.float64], names: NDArray[np.str_], nights: int = 20) -> Sample:
    dates = np.datetime64("2015-01-01") + np.arange(len(names)) % nights
    return Sample(measured, np.zeros(len(names), bool), names, dates)


def test_a_site_whose_table_tells_more_gets_a_model_of_its_own() -> None:
    names = np.array(CONDITIONS)[RANDOM.integers(0, 4, 240)]
    site = described(names)
    own = choose_for_site(site)
    assert own.clear is None
    assert (condition.predict(site.measured, own) == names).mean() > 0.95
    scores = own.scores
    assert (scores["used"], scores["table_frames"], scores["table_nights"]) == ("the site's table", 240, 20)
    assert {f"table_{name}": (names == name).sum() for name in CONDITIONS}.items() <= scores.items()
    for name in ("shipped", "own"):
        low, score, high = (scores[f"table_{name}{end}"] for end in ("_low", "", "_high"))
        assert low <= score <= high  # type: ignore[operator]
    assert scores["table_own_low"] > scores["table_shipped_high"]  # type: ignore[operator]


def test_a_table_that_tells_nothing_leaves_the_shipped_model() -> None:
    shipped = condition.shipped()
    measured = 2 * RANDOM.normal(size=(300, len(shipped.mean))) * shipped.deviation + shipped.mean
    agrees = of_nights(measured, condition.predict(measured, shipped))  # labels that the shipped model gives, too
    model = choose_for_site(agrees)
    assert model.weights == shipped.weights
    assert model.scores["used"] == "simulated weather"
    assert model.scores["table_shipped"] == 1
    assert model.scores["table_own"] < 1  # type: ignore[operator]
    few = choose_for_site(Sample(*(column[:80] for column in agrees)))
    assert few.scores["table_frames"] == 80
    assert "table_own" not in few.scores
    assert choose_for_site(Sample(*(column[:0] for column in agrees))).scores["table_frames"] == 0


def test_a_condition_that_no_frame_has_is_never_found() -> None:
    names = np.where(np.arange(200) % 3 == 0, "clear", "bright")
    site = described(names, nights=8)
    own = choose_for_site(site)
    assert set(condition.predict(site.measured, own)) == {"clear", "bright"}
    assert own.scores["table_own"] > 0.9  # type: ignore[operator]
    assert own.scores["table_own_low"] is None  # of eight nights
    assert set(condition.predict(site.measured, condition.fit(site.measured, ["cloudy"] * 200))) == {"cloudy"}
    three = condition.fit(site.measured, [*names[:199], "bad"])
    assert "cloudy" not in condition.predict(RANDOM.normal(size=site.measured.shape) * 5, three)


def test_a_table_of_conditions_is_read_with_what_cannot_be_used(project: Project) -> None:
    months = [str(folder) for folder in sorted(project.path("results/nights").iterdir())]
    settings = Config.model_validate(project.config).condition_labels()
    table, rows = project.path("sky.csv"), ["frame_id,label,repeat"]
    for night in sorted(project.path("results/nights").glob("*/*.parquet")):
        kept = pq.read_table(night, columns=["frame_id", "status"]).to_pandas().query("status == 'kept'")
        rows += [f"{frame},{name}," for frame, name in zip(kept["frame_id"], CONDITIONS, strict=False)]
    rows += [
        f"{rows[1].split(',')[0]},bad,1",
        "KRN20141220T185959,clear,",
        "KRN20010101T000000,clear,",
        "frame,bright,",
    ]
    table.write_text("\n".join(rows))
    new = np.array(["2015-01-15"], "datetime64[D]")
    read, not_used = read_sample(str(table), months, new, settings)
    assert read.labels.tolist() == list(CONDITIONS) * 3
    assert "2015-01-15" not in read.nights.astype(str)
    assert not_used == {"table_missing": 3, "table_filtered": 0, "table_hidden": 4}
    images = tables.images_of(project.path("results/nights/2014-12/2014-12-20.parquet"), [rows[1].split(",")[0]])
    assert read.measured[0] == pytest.approx(condition.measure(images)[0], rel=1e-3, abs=1e-3)
    empty, _ = read_sample(str(table), [], new, settings)
    assert len(empty.labels) == len(empty.measured) == 0
    table.write_text("frame_id,label\nKRN20141220T180000,clear\nKRN20141220T180100,foggy\n")
    with pytest.raises(LabelError, match=r"sky.csv:3: the label 'foggy' is none of clear, cloudy, bright, bad"):
        read_sample(str(table), months, new, settings)


def test_the_catalogue_follows_the_sites_table_and_only_its_months(project: Project) -> None:
    project.config["conditions"] = {"table": "labels/conditions.csv"}
    project.save()
    assert "conditions.table: there is no 'labels/conditions.csv' yet" in project.snakemake("-n")
    project.path("results/small/catalogue/condition.json").unlink()
    assert "labels/conditions.csv" in project.snakemake("-n", check=False)  # nothing is fitted without it
    project.path("labels/conditions.csv").write_text(
        "frame_id,label\nKRN20141220T180000,clear\nKRN20990101T000000,bad\n"
    )
    assert project.planned("nights") == {}
    project.run("results/small/catalogue/index.html")
    scores = condition.read_condition(project.path("results/small/catalogue/condition.json")).scores
    assert (scores["table_frames"], scores["table_missing"], scores["used"]) == (1, 1, "simulated weather")
    assert "release_clear" not in scores
    page = project.path("results/small/catalogue/index.html").read_text()
    assert "has 1 labelled frame" in page
    write_evening(project.path("archive"), "2016-02-01T18:00")
    planned = project.planned("results/small/catalogue/condition.json")
    assert planned.get("choose_condition", 0) == 0
