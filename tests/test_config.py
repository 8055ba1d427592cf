"""The configuration is checked in full, and says what is wrong in plain sentences."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from conftest import CONFIG, ROOT, Edit, refusal

from norrsken.config.base import ConfigError
from norrsken.config.config import Config, check, json_schema, load


@pytest.mark.parametrize("path", ["config.yaml", "demo/config.yaml"])
def test_the_projects_own_configurations_are_right(path: str) -> None:
    load(ROOT / path)


def test_the_reference_is_the_papers() -> None:
    config = load(ROOT / "config.yaml")
    assert (config.site.latitude, config.site.longitude, config.site.elevation) == (67.84, 20.42, 425)
    assert (config.filter.sun_altitude_max, config.filter.moon_altitude_max) == (-15, 0)
    release = config.releases[config.release]
    assert release.years == list(range(2010, 2020))
    assert round(release.splits["random"].test_share * 3846) == 846
    assert len(config.seeds) == 10


def test_the_schema_is_in_step_with_the_models() -> None:
    stored = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert stored == json_schema(), "run: norrsken schema > workflow/schemas/config.schema.json"


@pytest.mark.parametrize("path", ["config.yaml", "demo/config.yaml"])
def test_editors_are_told_the_schema(path: str) -> None:
    first = (ROOT / path).read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert ((ROOT / path).parent / first.split("=")[1]).resolve() == ROOT / "workflow/schemas/config.schema.json"


def test_every_key_of_the_schema_is_described() -> None:
    described_by_their_class = {
        "site", "cameras", "archive", "filter", "keogram", "conditions", "releases", "features", "models"
    }  # fmt: skip
    for name, part in {**json_schema()["$defs"], "": json_schema()}.items():
        for key, value in part["properties"].items():
            if key != "kind" and key not in described_by_their_class:
                assert "description" in value or "const" in value, f"{name}.{key}"


WRONG: list[tuple[Edit, str]] = [
    (lambda c: c.update(siet=1), "siet: there is no such key; did you mean 'site'?"),
    (lambda c: c["site"].update(lattitude=1), "site.lattitude: there is no such key; did you mean 'latitude'?"),
    (lambda c: c["site"].update(latitude=678), "site.latitude: input should be less than or equal to 90, found 678"),
    (lambda c: c["site"].update(latitude="north"), "site.latitude: input should be a valid number"),
    (lambda c: c["site"].pop("station"), "site.station: this key is missing"),
    (
        lambda c: c["releases"]["small"].update(labelling={"orders": {"anne": "time"}}),
        "labelling.orders has 'anne', but labels has tables of 'anna', 'bertil' only",
    ),
    (lambda c: c["cameras"][0].update(rotate=45), "cameras.0.rotate: input should be 0, 90, 180 or 270, found 45"),
    (lambda c: c["cameras"][0].update(block=3), "give 86 blocks on the short side; the crop needs 128"),
    (lambda c: c["cameras"][0].update(pattern="a.jpg"), "has no time field"),
    (lambda c: c["cameras"][0].update(pattern="%Y/{time:%d}"), "directories belong to archive.directories"),
    (lambda c: c["cameras"].append(c["cameras"][0]), "cameras must stand in order of valid_from"),
    (lambda c: c["archive"].update(directories="%d"), "it needs at least %Y"),
    (lambda c: c.update(release="other"), "release 'other' is not under releases, which has 'small'"),
    (lambda c: c["releases"]["small"].update(years=[]), "releases.small.years: list should have at least 1 item"),
    (lambda c: c["releases"]["small"]["labels"].append("x/anna.csv"), "same annotator's name: anna, bertil, anna"),
    (lambda c: c["releases"].update(nights=c["releases"]["small"]), "'nights' is the name of another folder"),
    (lambda c: c["releases"].update({"../up": c["releases"]["small"]}), "string should match pattern"),
    (
        lambda c: c["releases"]["small"]["splits"]["random"].update(method="odd"),
        "'random', 'stratified', 'night' or 'published'",
    ),
    (lambda c: c["models"].update(run=c["models"]["3nn"]), "models.run: the target train_run"),
    (lambda c: c["models"]["3nn"].update(features="hug"), "models.3nn.features is 'hug', which is not under features"),
    (lambda c: c["models"]["3nn"].update(epochs=3), "models.3nn.epochs: there is no such key"),
    (lambda c: c["models"]["3nn"].update(kind="forest"), "models.3nn: input tag 'forest'"),
    (lambda c: c["models"]["shufflenet"].pop("epochs"), "models.shufflenet.epochs: this key is missing"),
    (lambda c: c.update(seeds=[1, 1]), "seeds has the same seed twice"),
    (lambda c: c["releases"]["small"].update(years=[2015, 2014, 2015]), "releases.small.years: 2015 is there twice"),
    (lambda c: c["releases"].update(x="text"), "config.yaml: releases.x: expected keys and values, found 'text'"),
    (lambda c: c["releases"].update(x=None), "config.yaml: releases.x: expected keys and values, found None"),
    (lambda c: c["releases"].update(x=3), "config.yaml: releases.x: expected keys and values, found 3"),
    (lambda c: c["releases"].update(x=[1]), "config.yaml: releases.x: expected keys and values, found a list"),
    (lambda c: c["releases"]["small"].update(source=None), "releases.small: input tag 'None' found"),
    (lambda c: c["features"].update(hog="text"), "features.hog: expected keys and values, found 'text'"),
    (lambda c: c["features"].update(hog={}), "features.hog.kind: this key is missing"),
    (lambda c: c["models"].update({"3nn": None}), "models.3nn: expected keys and values, found None"),
    (lambda c: c["models"]["3nn"].pop("kind"), "models.3nn.kind: this key is missing"),
    (lambda c: c.update(models=["3nn"]), "models: expected keys and values, found a list"),
    (lambda c: c.update(archive="archive"), "archive: expected keys and values, found 'archive'"),
    (lambda c: c.update(cameras="small"), "cameras: input should be a valid list, found 'small'"),
    (lambda c: c.update(cameras=["small"]), "cameras.0: expected keys and values, found 'small'"),
]


@pytest.mark.parametrize(("edit", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_is_wrong_is_named_with_what_was_expected(edit: Edit, message: str) -> None:
    said = refusal(CONFIG, edit)
    assert message in said
    assert "pydantic" not in said


def test_all_problems_are_told_at_once() -> None:
    raw = copy.deepcopy(CONFIG)
    raw["site"]["latitude"] = 100
    raw["sedes"] = []
    with pytest.raises(ConfigError) as caught:
        check(raw)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("place", "latitude", "longitude"),
    [
        ("Longyearbyen", 78.15, 16.04),
        ("Fairbanks", 64.84, -147.72),
        ("South Pole", -90.0, 0.0),
        ("Syowa", -69.0, 39.58),
        ("Hobart", -42.88, 147.33),
        ("Yellowknife", 62.45, -114.37),
        ("Tjautjas", 67.3, 20.7),
        ("Moshiri, for red aurora", 44.37, 142.27),
    ],
)
def test_real_sites_pass(place: str, latitude: float, longitude: float) -> None:
    raw = copy.deepcopy(CONFIG)
    raw["site"].update(name=place, latitude=latitude, longitude=longitude)
    check(raw)


def test_a_rule_sees_only_its_own_part() -> None:
    config = Config.model_validate(CONFIG)
    changed = copy.deepcopy(CONFIG)
    changed["models"]["svm-linear"]["c"] = 3
    changed["models"]["3nn"]["gpu"] = 1
    other = Config.model_validate(changed)
    assert config.run_settings("3nn").plain() == other.run_settings("3nn").plain()
    assert config.run_settings("svm-linear").plain() != other.run_settings("svm-linear").plain()


def test_settings_come_out_with_sorted_keys() -> None:
    plain = Config.model_validate(CONFIG).plain()
    assert list(plain) == sorted(plain)
    assert list(plain["site"]) == sorted(plain["site"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"- a", "expected keys and values"),
        (b"a: [", "not YAML"),
        (b"a: 2015-13-01", "not YAML: month must be in 1..12"),
        (b"a: !!bool x", "not YAML"),
        (b"a: {b: 1}\nd:\n  - {b: 1, c: 3,\n     b: 2}", r"yaml:4: the key 'b' is there already, in line 3"),
        ("a: Ångström".encode("cp1252"), "is not in UTF-8"),
        ("a: 1".encode("utf-16"), "is not in UTF-8"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "config.yaml").write_bytes(text)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path / "config.yaml")


def test_a_configuration_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "cannot be read: Is a directory"), (tmp_path / "x", "there is no such file")):
        with pytest.raises(ConfigError, match=message):
            load(path)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(yaml.safe_dump(CONFIG).encode("utf-8-sig"))
    assert load(tmp_path / "config.yaml") == check(CONFIG)


def test_yaml_dates_are_as_good_as_strings() -> None:
    raw = yaml.safe_load(yaml.safe_dump(CONFIG).replace("'2009-01-01'", "2009-01-01"))
    assert check(raw) == check(CONFIG)
