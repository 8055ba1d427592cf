"""A catalogue as records of AuroraX, made and read back by the real pyaurorax, without a network."""

import inspect
import json
import socket
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyaurorax
import pytest
import yaml

from norrsken import tables
from norrsken.calendar import night_of
from norrsken.cli import main
from norrsken.config.label_set import DEFAULT, read_label_set
from norrsken.config.site import Site
from norrsken.exchange.aurorax import CHUNK, FIELD_NAME, Source, data_source, read_records, write_records
from norrsken.exchange.library import ExchangeError
from norrsken.schemas import catalogue_table

CLASSES = ("ribbon", "mist", "dark")
SITE = Site(name="Kiruna", station="KRN", latitude=67.84, longitude=20.42, elevation=425)
SOURCE = Source("norrsken", "kiruna", "RGB ASI")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def rows(
    times: Sequence[datetime], labels: Sequence[str], classes: Sequence[str] = CLASSES, station: str = "KRN"
) -> pa.Table:
    """Classified frames, with a confidence that tells their place in the list."""
    n = len(times)
    confidence = [0.5 + 0.001 * i for i in range(n)]
    values = {
        "frame_id": [f"{station}{time:%Y%m%dT%H%M%S}" for time in times],
        "time": [time.replace(tzinfo=UTC) for time in times],
        "night": [night_of(time.replace(tzinfo=UTC), SITE.longitude) for time in times],
        "label": labels,
        "condition": ["cloudy" if label == "not_classified" else "clear" for label in labels],
        "confidence": confidence,
        "familiarity": [None if i % 2 else 0.4321 for i in range(n)],
        "seen": ["none"] * n,
        "model": ["general"] * n,
        **{f"p_{name}": [0.5] * n for name in classes},
    }
    schema = catalogue_table(classes)
    columns = {one.name: values.get(one.name, [None if one.nullable else 0] * n) for one in schema}
    return pa.table({name: pa.array(column, schema.field(name).type) for name, column in columns.items()})


def save(folder: Path, table: pa.Table, classes: Sequence[str] = CLASSES) -> str:
    """Write a night of a catalogue; returns the folder of its month."""
    night = table["night"][0].as_py()
    path = folder / f"{night:%Y-%m}" / f"{night}.parquet"
    tables.write(path, table, catalogue_table(classes), {})
    return str(path.parent)


def written(months: Sequence[str], output: Path, site: Site = SITE) -> list[pyaurorax.search.EphemerisData]:
    write_records(months, site, CLASSES, "A title", SOURCE, output)
    return list(read_records(output))


EVENING = datetime(2018, 1, 14, 18, 0)


def test_a_record_is_that_of_the_real_package(tmp_path: Path) -> None:
    times = [EVENING + timedelta(minutes=i) for i in range(3)]
    month = save(tmp_path, rows(times, ["ribbon", "not_classified", "dark"]))
    records = written([month], tmp_path / "out.json")
    assert all(type(record) is pyaurorax.search.EphemerisData for record in records)
    assert [record.epoch for record in records] == times
    source = data_source(SITE, CLASSES, "A title", SOURCE)
    assert vars(records[0].data_source) == vars(source)
    assert (source.source_type, source.instrument_type) == (pyaurorax.search.SOURCE_TYPE_GROUND, "RGB ASI")
    schema, managers = source.ephemeris_metadata_schema, pyaurorax.PyAuroraX().search
    allowed = {field["field_name"]: field["allowed_values"] for field in schema}
    for record in records:
        assert managers.metadata.validate(schema, record.metadata, quiet=True)
        for name, values in allowed.items():
            assert not values or record.metadata[name] in values
    assert records[0].metadata == {
        FIELD_NAME: "classified as ribbon",
        "norrsken_ml_v1_confidence": 50.0,
        "norrsken_ml_v1_condition": "clear",
        "norrsken_ml_v1_familiarity": 43.21,
    }
    assert records[1].metadata == {
        FIELD_NAME: "not classified",
        "norrsken_ml_v1_confidence": 50.1,
        "norrsken_ml_v1_condition": "cloudy",
        "norrsken_ml_v1_familiarity": None,
    }
    # What is read back is what the package sends of a record that is made by hand.
    here = pyaurorax.search.Location(67.84, 20.42)
    there = managers.util.ground_geo_to_sbtrace(here, times[2])
    by_hand = pyaurorax.search.EphemerisData(source, times[2], here, here, there, None, records[2].metadata)
    lines = json.loads((tmp_path / "out.json").read_text())["records"]
    assert lines[2] == by_hand.to_json_serializable()
    assert lines[2]["epoch"] == "2018-01-14T18:02:00.000Z"
    assert lines[2]["location_gsm"] == {"lat": None, "lon": None}


def test_a_minute_has_the_frame_nearest_to_it_and_none_without_frames(tmp_path: Path) -> None:
    seconds = [-35, -20, 10, 25, 30, 55, 70, 200, 330]
    labels = ["mist"] * len(seconds)
    month = save(tmp_path, rows([EVENING + timedelta(seconds=s) for s in seconds], labels))
    found = {
        record.epoch: round((record.metadata[f"{FIELD_NAME}_confidence"] - 50) / 0.1)
        for record in written([month], tmp_path / "out.json")
    }
    minute = timedelta(minutes=1)
    # −35 s → −1 min; −20, 10, 25 s → 0; 30, 55, 70 s → 1 min; 200 s → 3 min; 330 s, half before 6 min → 6 min.
    expected = {-1: 0, 0: 2, 1: 5, 3: 7, 6: 8}
    assert found == {EVENING + i * minute: place for i, place in expected.items()}


def test_a_minute_of_two_nights_is_one_record(tmp_path: Path) -> None:
    noon = datetime(2018, 1, 15, 10, 38)
    times = [noon + timedelta(seconds=s) for s in (-60, 19, 20, 61)]  # local noon is at 10:38:19.2
    first, second = rows(times[:2], ["mist", "ribbon"]), rows(times[2:], ["dark", "mist"])
    assert first["night"][1] != second["night"][0]
    for table in (first, second):
        month = save(tmp_path, table)
    labels = [record.metadata[FIELD_NAME] for record in written([month], tmp_path / "out.json")]
    assert labels == [f"classified as {name}" for name in ("mist", "ribbon", "mist")]


def test_months_are_written_by_time_whatever_their_order(tmp_path: Path) -> None:
    months = [save(tmp_path, rows([datetime(2018, m, 14, 18)], ["mist"])) for m in (3, 1, 2)]
    assert [record.epoch.month for record in written(months, tmp_path / "out.json")] == [1, 2, 3]


def test_a_southern_camera_has_its_conjugate_point_in_the_north_and_an_equatorial_one_has_none(tmp_path: Path) -> None:
    month = save(tmp_path, rows([EVENING], ["mist"]))
    places = {"latitude": -69.0, "longitude": 39.6}
    (record,) = written([month], tmp_path / "out.json", SITE.model_copy(update=places))
    assert (
        (record.sbtrace.lat, record.sbtrace.lon) == (-69.0, 39.6) == (record.location_geo.lat, record.location_geo.lon)
    )
    assert record.nbtrace.lat == pytest.approx(66, abs=3)  # Syowa's is in Iceland
    assert record.nbtrace.lon == pytest.approx(-17, abs=8)
    (record,) = written([month], tmp_path / "out.json", SITE.model_copy(update={"latitude": 10.0, "longitude": 0.0}))
    assert (record.location_geo.lat, record.sbtrace.lat, record.sbtrace.lon) == (10.0, None, None)


def test_frames_of_another_site_are_refused(tmp_path: Path) -> None:
    months = [
        save(tmp_path, rows([EVENING], ["mist"])),
        save(tmp_path, rows([datetime(2018, 2, 1, 18)], ["mist"], station="KRNB")),
    ]
    with pytest.raises(
        ExchangeError, match=r"2018-02-01.parquet: the frame KRNB20180201T180000 is not of the station KRN,"
    ):
        written(months, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_a_catalogue_of_other_classes_is_refused(tmp_path: Path) -> None:
    month = save(tmp_path, rows([EVENING], ["mist"], ("mist", "haze")), ("mist", "haze"))
    expected = r"2018-01-14.parquet: has the classes haze, mist; the label set of the release has dark, mist, ribbon"
    with pytest.raises(ExchangeError, match=expected):
        written([month], tmp_path / "out.json")


def test_a_night_of_two_catalogues_is_refused(tmp_path: Path) -> None:
    months = [save(tmp_path / name, rows([EVENING], ["mist"])) for name in ("one", "two")]
    with pytest.raises(
        ExchangeError, match=r"two/2018-01/2018-01-14.parquet: the night 2018-01-14 is also in .*one/2018-01"
    ):
        written(months, tmp_path / "out.json")


def test_a_catalogue_without_frames_and_a_file_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match=r"empty: no classified frames"):
        written([str(tmp_path / "empty")], tmp_path / "out.json")
    month = save(tmp_path, rows([EVENING], ["mist"]))
    output = tmp_path / "out.json"
    written([month], output)
    whole = output.read_text()
    for damaged, why in (
        (whole[:-4], "has no end"),
        (whole[:-40], "is no file of"),
        ("{}", "is no file of"),
        ("", "is no file"),
    ):
        output.write_text(damaged)
        with pytest.raises(ExchangeError, match=why):
            list(read_records(output))


def test_memory_does_not_grow_with_the_nights(tmp_path: Path) -> None:
    def peak(nights: int) -> int:
        folder = tmp_path / str(nights)
        for i in range(nights):
            times = [EVENING + timedelta(days=i, minutes=m) for m in range(200)]
            save(folder, rows(times, ["mist"] * 200))
        months = [str(path) for path in folder.iterdir()]
        tracemalloc.start()
        assert write_records(months, SITE, CLASSES, "A title", SOURCE, tmp_path / "out.json").records == 200 * nights
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(1)
    assert peak(16) < 1.3 * peak(4)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A configuration and a catalogue of 700 minutes; returns the folder of its month."""
    classes = read_label_set(DEFAULT).class_names
    camera = {"valid_from": "2009-01-01", "width": 264, "height": 260, "rotate": 90, "flip": True, "block": 2}
    split = {"night": {"method": "night"}}
    config = {
        "site": SITE.model_dump(),
        "cameras": [{**camera, "pattern": "KRN{time:%Y%m%dT%H%M%S}.JPG"}],
        "archive": {"root": "archive"},
        "releases": {"one": {"title": "First", "years": [2018], "labels": ["labels/anna.csv"], "splits": split}},
        "models": {"alexnet": {"kind": "network", "architecture": "alexnet", "epochs": 1}},
        "seeds": [0],
    }
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(yaml.safe_dump(config))
    table = rows([EVENING + timedelta(minutes=i) for i in range(700)], [classes[0]] * 700, classes)
    return save(tmp_path / "results/one/catalogue", table, classes)


def test_the_command_writes_the_file_and_shows_what_would_be_sent(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "aurorax", project, "out.json", "--dry-upload"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "out.json: 700 records, one a minute"
    assert lines[1] == "An upload would send to program 'norrsken', platform 'kiruna',"
    assert lines[2] == "instrument_type 'RGB ASI', source_type 'ground':"
    assert lines[3] == "700 records in 1 request, from 2018-01-14T18:00:00.000Z to 2018-01-15T05:39:00.000Z"
    records = list(read_records("out.json"))
    assert json.loads(lines[4].removeprefix("the first: ")) == records[0].to_json_serializable()
    assert lines[5:] == ["Nothing was sent."]
    assert main(["export", "aurorax", project, "out.json", "--platform", "krn", "--release", "one"]) == 0
    assert capsys.readouterr().out == "out.json: 700 records, one a minute\n"
    assert next(read_records("out.json")).data_source.platform == "krn"
    assert main(["export", "aurorax", project, "out.json", "--release", "two"]) == 1
    assert "--release is 'two'; config.yaml has 'one'" in capsys.readouterr().err


def test_an_upload_has_as_many_requests_as_the_package_makes() -> None:
    upload = inspect.signature(pyaurorax.search.EphemerisManager.upload)
    assert upload.parameters["chunk_size"].default == CHUNK


def test_nothing_in_the_package_sends() -> None:
    text = (Path(__file__).parent.parent.parent / "norrsken/exchange/aurorax.py").read_text()
    assert ".upload(" not in text
    assert np.all([word not in text for word in ("requests.post", "urlopen", "PyAuroraX(")])
