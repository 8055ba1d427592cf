"""The export of the catalogue: a folder that a data repository takes as it is."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
import yaml
from conftest import PAPER, documented_lines
from test_overview import write_classifier

from norrsken import schemas, tables
from norrsken.catalogue.export import ExportError, write_export
from norrsken.classes import CONDITIONS, DECISIONS, NOT_CLASSIFIED, REASONS, SEEN
from norrsken.config.jobs import ExportSettings
from norrsken.config.site import Site
from norrsken.paper import CLASSES

SETTINGS = ExportSettings(
    label_set=PAPER,
    release="kiruna",
    title="Aurora over Kiruna & elsewhere",
    site=Site(name="Kiruna", station="KRN", latitude=67.84, longitude=20.42, elevation=425),
    licence="CC-BY-4.0",
)
LABELS = (*CLASSES, NOT_CLASSIFIED)


def write_night(folder: Path, start: str, frames: int, model: str = "night/resnet18") -> None:
    """Frames a minute from `start`; the first has no exposure."""
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    times = [first + timedelta(minutes=i) for i in range(frames)]
    probabilities = np.random.default_rng(frames).dirichlet(np.ones(7), frames).astype(np.float32)
    columns = {
        "frame_id": [f"KRN{time:%Y%m%dT%H%M%S}" for time in times],
        "time": times,
        "night": [first.date()] * frames,
        "exposure_ms": [None, *[6000] * (frames - 1)],
        **{name: np.linspace(-20, 20, frames) for name in ("sun_altitude", "moon_altitude", "magnetic_latitude")},
        "mlt": np.linspace(20, 22, frames),
        "condition": [CONDITIONS[i % 4] for i in range(frames)],
        "label": [LABELS[i % 8] for i in range(frames)],
        "reason": [None if i % 8 < 7 else REASONS[i // 8 % 3] for i in range(frames)],
        "aurora": [(*DECISIONS, None)[i % 4] for i in range(frames)],
        "aurora_probability": pa.array(np.linspace(0, 1, frames), pa.float32(), mask=np.arange(frames) % 4 == 3),
        "seen": [SEEN[i % 4] for i in range(frames)],
        "confidence": probabilities.max(axis=1),
        "entropy": np.linspace(0, 2.8, frames),
        "possible": pa.array([[], ["arcs"], ["arcs", "discrete"], None] * frames, pa.list_(pa.string())).slice(
            0, frames
        ),
        "familiarity": pa.array(np.linspace(0, 1, frames), pa.float32(), mask=np.arange(frames) % 3 == 1),
        **{f"p_{name}": probabilities[:, i] for i, name in enumerate(CLASSES)},
        "model": [model] * frames,
    }
    path = folder / f"{first:%Y-%m}" / f"{first:%Y-%m-%d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(path, pa.table(columns), schemas.catalogue_table(CLASSES), {})


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights in two months; one goes over into 2015, in which the model changes."""
    folder = tmp_path_factory.mktemp("catalogue")
    write_night(folder, "2014-12-30T18:00", 20)
    write_night(folder, "2014-12-31T23:50", 30)
    write_night(folder, "2015-01-15T18:00", 25, "night/linear")
    (folder / "events.csv").write_text("night,label\n2014-12-30,arcs\n")
    write_classifier(folder)
    return folder


@pytest.fixture(scope="module")
def exported(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(catalogue, tmp_path_factory.mktemp("exported") / "export")


def export(catalogue: Path, output: Path, settings: ExportSettings = SETTINGS) -> Path:
    months = [str(catalogue / "2014-12"), str(catalogue / "2015-01")]
    write_export(months, str(catalogue / "classifier.json"), [str(catalogue / "events.csv")], settings, str(output))
    return output


def rows(catalogue: Path) -> pd.DataFrame:
    paths = tables.night_tables([str(catalogue / "2014-12"), str(catalogue / "2015-01")])
    return pd.concat(tables.read(path, schemas.catalogue_table(CLASSES)).to_pandas() for path in paths)


def test_each_frame_is_in_the_csv_file_of_its_utc_year(catalogue: Path, exported: Path) -> None:
    found = {
        year: pd.read_csv(exported / f"catalogue_{year}.csv", dtype={"exposure_ms": "Int32"}) for year in (2014, 2015)
    }
    assert [len(table) for table in found.values()] == [30, 45]
    assert found[2015]["time"].iloc[0] == "2015-01-01T00:00:00Z"
    assert list(found[2014].columns) == schemas.catalogue_table(CLASSES).names
    joined, expected = pd.concat(found.values()), rows(catalogue)
    for name in ("frame_id", "label", "condition", "model"):
        assert joined[name].tolist() == expected[name].astype(str).tolist()
    assert joined["night"].tolist() == expected["night"].astype(str).tolist()
    assert {"arcs", "arcs discrete"} <= set(joined["possible"].dropna())
    sets = [" ".join(names) or None if names is not None else None for names in expected["possible"]]
    assert joined["possible"].astype(object).where(joined["possible"].notna(), None).tolist() == sets
    assert joined["exposure_ms"].isna().tolist() == expected["exposure_ms"].isna().tolist()
    np.testing.assert_allclose(joined["p_arcs"], expected["p_arcs"], atol=5.1e-5)


def test_netcdf_holds_what_the_tables_hold(catalogue: Path, exported: Path) -> None:
    expected = rows(catalogue)
    expected = expected[expected["time"].dt.year == 2015]
    with netCDF4.Dataset(exported / "catalogue_2015.nc") as dataset:
        assert dataset["time"][:].tolist() == [time.timestamp() for time in expected["time"]]
        assert dataset["frame_id"][:].tolist() == expected["frame_id"].tolist()
        nights = netCDF4.num2date(dataset["night"][:], dataset["night"].units, only_use_cftime_datetimes=False)
        assert [night.date() for night in nights] == expected["night"].tolist()
        assert dataset["exposure_ms"][:].mask.tolist() == expected["exposure_ms"].isna().tolist()
        np.testing.assert_array_equal(dataset["sun_altitude"][:], expected["sun_altitude"])
        np.testing.assert_array_equal(dataset["probability"][:], expected[[f"p_{name}" for name in CLASSES]])
        assert dataset["class_name"][:].tolist() == list(CLASSES)
        for name in ("label", "condition", "model"):
            meanings = np.array(dataset[name].flag_meanings.split())
            assert name != "model" or meanings.tolist() == ["night_resnet18", "night_linear"]
            assert dataset[name].flag_values.tolist() == list(range(len(meanings)))
            assert meanings[dataset[name][:]].tolist() == expected[name].str.replace("/", "_").tolist()
        possible = dataset["possible"]
        assert possible.flag_meanings.split() == list(CLASSES)
        assert possible.flag_masks.tolist() == [1 << code for code in range(len(CLASSES))]
        sets = [
            [name for name, bit in zip(CLASSES, possible.flag_masks, strict=True) if bits & bit] for bits in possible
        ]
        assert sets == [[] if names is None else list(names) for names in expected["possible"]]
        assert dataset.time_coverage_start == "2015-01-01T00:00:00Z"
        assert dataset.time_coverage_end == "2015-01-15T18:24:00Z"
        assert dataset["probability"].chunking()[1] == 7
        assert dataset["label"].filters()["complevel"] == 4


#: A frame's variables that have no dimension besides the time.
BY_TIME = {"frame_id", "night", "exposure_ms", "mlt", "condition", "label", "reason", "aurora", "model", "possible"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("new_defaults", [False, True])
def test_years_open_in_xarray_as_one_data_set(catalogue: Path, exported: Path, new_defaults: bool) -> None:
    expected = rows(catalogue)
    years = [xr.open_dataset(path) for path in sorted(exported.glob("catalogue_*.nc"))]
    with xr.set_options(use_new_combine_kwarg_defaults=new_defaults):
        data = xr.concat(years, "time", combine_attrs="drop_conflicts")
        assert data.identical(xr.combine_by_coords(years, combine_attrs="drop_conflicts"))
        assert list(xr.concat(years, "time").variables) == list(data.variables)
    # What has no time gets none: it is the same in all years, and would be repeated for each frame.
    by_time = {name for name, one in data.variables.items() if one.dims == ("time",)}
    assert by_time >= BY_TIME
    assert data["probability"].dims == ("time", "class")
    others = {name: one.dims for name, one in data.variables.items() if "time" not in one.dims}
    assert others["test_precision"] == others["class_name"] == ("class",)
    assert others["latitude"] == others["station_name"] == ()
    # The model differs between the years, and a night goes over from one into the next.
    for name in ("label", "condition", "model"):
        meanings = np.array(data[name].attrs["flag_meanings"].split())
        assert meanings[data[name].values].tolist() == expected[name].str.replace("/", "_").tolist()
    assert data["frame_id"].values.tolist() == expected["frame_id"].tolist()
    assert np.isnan(data["exposure_ms"].values).tolist() == expected["exposure_ms"].isna().tolist()
    assert data["label"].groupby("night").count().values.tolist() == [20, 30, 25]
    assert data.sel(time="2015-01-15").sizes["time"] == 25
    assert data.set_xindex("night").sel(night="2014-12-31").sizes["time"] == 30
    arcs = data.set_xindex("class_name")["probability"].sel(class_name="arcs")
    np.testing.assert_array_equal(arcs, expected["p_arcs"])
    assert data.attrs["title"] == SETTINGS.title
    assert data.attrs["source"].endswith("with night/resnet18, night/linear")
    assert not {"id", "time_coverage_start", "time_coverage_end"} & data.attrs.keys()


def test_the_lines_of_the_page_on_xarray(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results/RELEASE/catalogue").mkdir(parents=True)
    (tmp_path / "results/RELEASE/catalogue/export").symlink_to(exported)
    monkeypatch.chdir(tmp_path)
    exec(documented_lines("exchange.md", "xarray"), {})
    assert "night" in capsys.readouterr().out


def test_what_xarray_writes_again_is_the_same(exported: Path, tmp_path: Path) -> None:
    with xr.open_dataset(exported / "catalogue_2015.nc") as year:
        year.isel(time=slice(10)).to_netcdf(tmp_path / "again.nc")
        with xr.open_dataset(tmp_path / "again.nc") as again:
            xr.testing.assert_identical(again, year.isel(time=slice(10)))


def test_what_frames_would_be_by_themselves_is_exported(catalogue: Path, tmp_path: Path) -> None:
    shutil.copytree(catalogue, tmp_path / "catalogue")
    for path in tables.night_tables([str(tmp_path / "catalogue/2014-12"), str(tmp_path / "catalogue/2015-01")]):
        night = pq.read_table(path)
        night = night.append_column(schemas.ALONE_LABEL, night["label"])
        for name in reversed(CLASSES):
            night = night.append_column(schemas.alone(name), night[f"p_{name}"])
        tables.write(path, night, schemas.catalogue_table(CLASSES, in_time=True), {})
    exported = export(tmp_path / "catalogue", tmp_path / "export")
    found = pd.read_csv(exported / "catalogue_2015.csv")
    assert list(found.columns) == schemas.catalogue_table(CLASSES, in_time=True).names
    assert found["alone_arcs"].equals(found["p_arcs"])
    dictionary = pd.read_csv(exported / "data_dictionary.csv", keep_default_na=False).set_index("column")
    assert list(dictionary.loc[["alone_arcs", "alone_label"], "unit"]) == ["1", ""]
    with netCDF4.Dataset(exported / "catalogue_2015.nc") as dataset:
        np.testing.assert_array_equal(dataset["probability_alone"][:], dataset["probability"][:])
        assert dataset["alone_label"].flag_meanings == dataset["label"].flag_meanings


def test_the_text_says_what_there_is(exported: Path, catalogue: Path, tmp_path: Path) -> None:
    readme = (exported / "README.md").read_text()
    assert "# Aurora over Kiruna & elsewhere" in readme
    assert "75 frames of an all-sky camera, 2014-12-30 to 2015-01-15" in readme
    assert "night/resnet18, night/linear" in readme
    assert readme.rstrip().endswith("CC-BY-4.0")
    for path in exported.iterdir():
        assert f"| {path.name} | " in readme
    dictionary = pd.read_csv(exported / "data_dictionary.csv", keep_default_na=False)
    of_frames = dictionary[dictionary["file"] == "catalogue_{year}.csv"]
    assert of_frames["column"].tolist() == schemas.catalogue_table(CLASSES).names
    described = set(zip(dictionary["file"], dictionary["column"], strict=True))
    for path in exported.glob("*.csv"):
        if path.name != "data_dictionary.csv":
            of_file = re.sub(r"\d{4}", "{year}", path.name)
            assert {(of_file, name) for name in pd.read_csv(path)} <= described
    assert dict(zip(dictionary["column"], dictionary["unit"], strict=True))["moon_altitude"] == "degree"
    citation = yaml.safe_load((exported / "CITATION.cff").read_text())
    assert citation["type"] == "dataset"
    assert citation["license"] == "CC-BY-4.0"
    unlicensed = export(catalogue, tmp_path / "export", SETTINGS.model_copy(update={"licence": ""}))
    assert "Not stated yet" in (unlicensed / "README.md").read_text()
    assert "license" not in yaml.safe_load((unlicensed / "CITATION.cff").read_text())


def test_checksums_are_those_of_all_other_files(exported: Path) -> None:
    sums = dict(line.split("  ")[::-1] for line in (exported / "checksums.sha256").read_text().splitlines())
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in exported.iterdir()
        if path.name != "checksums.sha256"
    }
    assert (exported / "events.csv").read_text() == "night,label\n2014-12-30,arcs\n"


def test_the_same_catalogue_gives_the_same_bytes(catalogue: Path, exported: Path, tmp_path: Path) -> None:
    again = export(catalogue, tmp_path / "export")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in exported.iterdir()
    }


def test_a_catalogue_without_frames_is_refused_and_the_last_export_stays(catalogue: Path, tmp_path: Path) -> None:
    output = export(catalogue, tmp_path / "export")
    (tmp_path / "2016-01").mkdir()
    with pytest.raises(ExportError, match=r"2016-01: no classified frames"):
        write_export([str(tmp_path / "2016-01")], str(catalogue / "classifier.json"), [], SETTINGS, str(output))
    assert (output / "checksums.sha256").exists()


CHECKER = shutil.which("compliance-checker", path=Path(sys.executable).parent)


@pytest.mark.skipif(CHECKER is None, reason="compliance-checker is not installed")
def test_netcdf_meets_the_cf_conventions(exported: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ["--test=cf:1.11", "--criteria=strict", "--format=json", f"--output={report}"]
    subprocess.run([str(CHECKER), *options, str(exported / "catalogue_2015.nc")], check=False, timeout=120)
    found = json.loads(report.read_text())["cf:1.11"]
    assert [check["msgs"] for check in found["all_priorities"] if check["value"][0] < check["value"][1]] == []
    assert found["scored_points"] == found["possible_points"] > 100
