"""Label sets: those that come with norrsken are sound, a bad one is told in plain sentences, colours are measured."""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from norrsken import paper
from norrsken.cli import main
from norrsken.config.base import ConfigError
from norrsken.config.label_set import (
    MOST_CLASSES,
    LabelSet,
    label_set_schema,
    parse_label_set,
    read_label_set,
    shipped_label_sets,
)
from norrsken.figures.colour_vision import LEAST_DIFFERENCE, close_pairs, colour_warnings

Edit = Callable[[dict[str, Any]], object]

FOLDER = ROOT / "norrsken/label_sets"
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))

#: A set of one's own with a class of each role.
SMALL: dict[str, Any] = {
    "title": "Small",
    "classes": [
        {"name": "bright", "title": "Bright", "definition": "Much light.", "colour": "#D55E00", "key": "1"},
        {"name": "calm", "title": "Calm", "definition": "Some light.", "colour": "#56B4E9", "key": "a"},
        {"name": "none", "title": "None", "definition": "No light.", "colour": "#33383F", "key": "3"},
    ],
    "exclusions": [{"name": "cloud", "title": "Cloud", "definition": "Cloud.", "colour": "#C9CDD4", "key": "4"}],
    "clear_sky": "none",
    "hidden_sky": ["cloud"],
    "onset": "bright",
}


def edited(edit: Edit) -> str:
    """The small set as YAML, after a change."""
    raw = copy.deepcopy(SMALL)
    edit(raw)
    return yaml.safe_dump(raw, sort_keys=False)


def colours_of(label_set: LabelSet) -> dict[str, str]:
    return {label.name: label.colour for label in (*label_set.classes, *label_set.exclusions)}


def numbered(count: int) -> list[dict[str, Any]]:
    """So many classes, each with a name, a key and a colour of its own."""
    keys = "123456789abdefghijklm"
    return [
        {"name": f"class{i}", "title": f"Class {i}", "definition": "One.", "colour": f"#{i:06X}", "key": keys[i]}
        for i in range(count)
    ]


def test_the_folder_holds_the_sets_that_can_be_named() -> None:
    assert SHIPPED == shipped_label_sets() == ["arcs-single-multiple", "khonet", "kvammen2020", "oath"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_set_is_right_by_its_name_and_by_its_file(name: str) -> None:
    label_set = read_label_set(name)
    assert label_set == read_label_set(FOLDER / f"{name}.yaml")
    assert 2 <= len(label_set.classes) <= MOST_CLASSES
    assert label_set.aurora
    assert label_set.references


@pytest.mark.parametrize("name", SHIPPED)
def test_readers_can_tell_the_colours_of_a_shipped_set_apart(name: str) -> None:
    assert close_pairs(colours_of(read_label_set(name))) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_editors_are_told_the_schema(name: str) -> None:
    first = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (FOLDER / first.split("=")[1]).resolve() == ROOT / "workflow/schemas/label-set.schema.json"


def test_the_schema_is_in_step_with_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    stored = json.loads((ROOT / "workflow/schemas/label-set.schema.json").read_text())
    assert stored == label_set_schema(), "run: norrsken schema --label-set > workflow/schemas/label-set.schema.json"
    assert main(["schema", "--label-set"]) == 0
    assert json.loads(capsys.readouterr().out) == stored


def test_every_key_of_the_schema_is_described() -> None:
    schema = label_set_schema()
    described_by_their_class = {"simulated"}
    for name, part in {**schema["$defs"], "": schema}.items():
        for key, value in part["properties"].items():
            assert key in described_by_their_class or "description" in value, f"{name}.{key}"


def test_the_papers_set_has_the_papers_labels() -> None:
    label_set = read_label_set("kvammen2020")
    assert label_set.class_names == paper.CLASSES
    assert tuple(label.name for label in label_set.exclusions) == paper.EXCLUSIONS
    assert (label_set.clear_sky, label_set.hidden_sky, label_set.onset) == ("faint", ["rejected"], "breakup")


def test_only_the_papers_set_is_the_papers() -> None:
    assert [name for name in SHIPPED if read_label_set(name).is_papers] == ["kvammen2020"]


def test_oath_has_the_six_labels_of_clausen_and_nickisch() -> None:
    label_set = read_label_set("oath")
    assert label_set.class_names == ("arc", "diffuse", "discrete", "cloudy", "moon", "clear")
    assert label_set.exclusions == []
    assert label_set.aurora == ("arc", "diffuse", "discrete")


def test_khonet_counts_aurora_under_a_clear_sky_only() -> None:
    label_set = read_label_set("khonet")
    assert set(label_set.class_names) == {"clear-aurora", "clear-no-aurora", "cloudy-aurora", "cloudy-no-aurora"}
    assert label_set.aurora == ("clear-aurora",)
    assert label_set.simulated is not None
    assert {label_set.simulated.clear[form] for form in paper.CLASSES if form != "faint"} == {"clear-aurora"}
    assert label_set.simulated.spoilt not in label_set.hidden_sky


def test_the_set_with_divided_arcs_differs_from_the_papers_in_the_arcs_only() -> None:
    divided, whole = read_label_set("arcs-single-multiple"), read_label_set("kvammen2020")
    arcs = {"arc-single", "arcs-multiple"}
    assert arcs < set(divided.class_names)
    assert [label for label in divided.classes if label.name not in arcs] == [
        label for label in whole.classes if label.name != "arcs"
    ]
    same = ("exclusions", "clear_sky", "hidden_sky", "onset")
    assert [getattr(divided, key) for key in same] == [getattr(whole, key) for key in same]


def test_a_set_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(edited(lambda s: s["classes"][0].update(key=1)), encoding="utf-8")
    label_set = read_label_set(tmp_path / "own.yaml")
    assert label_set.class_names == ("bright", "calm", "none")
    assert label_set.classes[0].key == "1"
    assert label_set.aurora == ("bright", "calm")


def test_a_class_may_be_named_aurora_where_it_is_the_only_one_that_shows_it() -> None:
    def only_aurora(raw: dict[str, Any]) -> None:
        raw["classes"][0]["name"] = raw["onset"] = "aurora"
        del raw["classes"][1]

    assert parse_label_set(edited(only_aurora), "own.yaml").aurora == ("aurora",)


def test_fifteen_classes_are_the_most() -> None:
    def fifteen(raw: dict[str, Any]) -> None:
        raw.update(classes=numbered(15), clear_sky=None, onset=None, exclusions=[], hidden_sky=[])

    assert len(parse_label_set(edited(fifteen), "own.yaml").classes) == MOST_CLASSES


FORMS = (*paper.CLASSES, "unknown")

WRONG: list[tuple[Edit, str]] = [
    (lambda s: s["classes"][1].update(key="1"), "the labels 'bright', 'calm' have the same key, '1'"),
    (lambda s: s["exclusions"][0].update(key="a"), "the labels 'calm', 'cloud' have the same key, 'a'"),
    (lambda s: s["classes"][1].update(name="bright"), "the labels 'bright', 'bright' have the same name, 'bright'"),
    (lambda s: s["classes"][1].update(name="Bright"), "the labels 'bright', 'Bright' have the same name, 'bright'"),
    (lambda s: s["classes"][1].update(title="Bright"), "the labels 'bright', 'calm' have the same title, 'bright'"),
    (lambda s: s["classes"][1].update(colour="#d55e00"), "the labels 'bright', 'calm' have the same colour"),
    (
        lambda s: s.update(classes=[], clear_sky=None, onset=None),
        "has no class; a classifier needs two at least to tell apart",
    ),
    (
        lambda s: s.update(classes=s["classes"][2:], onset=None),
        "has one class; a classifier needs two at least to tell apart",
    ),
    (lambda s: s.update(classes=numbered(16)), "classes: list should have at most 15 items"),
    (lambda s: s["classes"][1].update(name="time"), "a label cannot be named 'time', since a column or another word"),
    (lambda s: s["classes"][1].update(name="Moon_Altitude"), "a label cannot be named 'Moon_Altitude'"),
    (lambda s: s["classes"][1].update(name="not_classified"), "a label cannot be named 'not_classified'"),
    (lambda s: s["classes"][1].update(key="s"), "'calm' has the key 's', which is taken on the pages"),
    (lambda s: s["classes"][1].update(key=0), "'calm' has the key '0', which is taken on the pages"),
    (lambda s: s["classes"][1].update(key="A"), "classes.1.key: string should match pattern"),
    (lambda s: s["classes"][1].update(name="rather calm"), "classes.1.name: string should match pattern"),
    (lambda s: s["classes"][1].update(colour="blue"), "classes.1.colour: string should match pattern"),
    (lambda s: s["classes"][1].pop("definition"), "classes.1.definition: this key is missing"),
    (lambda s: s.update(clear_sky="clear"), "clear_sky is 'clear', which is not one of the classes 'bright', 'calm'"),
    (lambda s: s.update(clear_sky="cloud"), "clear_sky is 'cloud', which is not one of the classes"),
    (
        lambda s: s.update(onset="breakup"),
        "onset is 'breakup', which is not one of the auroral classes 'bright', 'calm'",
    ),
    (lambda s: s.update(hidden_sky=["fog"]), "hidden_sky names 'fog', which is not one of the labels"),
    (lambda s: s.update(hidden_sky=["none"]), "'none' stands for a clear and for a hidden sky"),
    (lambda s: s["classes"][1].update(name="aurora"), "a label cannot be named 'aurora' beside other auroral classes"),
    (lambda s: s["classes"][1].update(color="#000000"), "color: there is no such key; did you mean 'colour'?"),
    (lambda s: s.update(hiden_sky=[]), "hiden_sky: there is no such key; did you mean 'hidden_sky'?"),
    (
        lambda s: s.update(simulated={"clear": {}, "cloudy": "cloud", "spoilt": "cloud"}),
        "simulated.clear names nothing",
    ),
    (
        lambda s: s.update(simulated={"clear": dict.fromkeys(FORMS, "bright"), "cloudy": "cloud", "spoilt": "snow"}),
        "simulated names 'snow', which is not one of the labels",
    ),
]


@pytest.mark.parametrize(("edit", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_is_wrong_is_named_with_what_was_expected(edit: Edit, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_label_set(edited(edit), "own.yaml")
    assert str(caught.value).startswith("own.yaml: ")
    assert message in str(caught.value)
    assert "pydantic" not in str(caught.value)


def shown_on_the_page() -> list[str]:
    """The YAML texts of docs/label-sets.md: a part of the paper's set, a small set, what it says of the simulation."""
    return re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "docs/label-sets.md").read_text(encoding="utf-8"), re.DOTALL | re.M
    )


def test_the_page_shows_the_papers_set_as_it_is() -> None:
    part, _, _ = shown_on_the_page()
    rest = (FOLDER / "kvammen2020.yaml").read_text(encoding="utf-8")
    for piece in re.split(r"^ +# …\n", part, flags=re.M):
        assert piece in rest
        rest = rest.split(piece, 1)[1]


def test_the_small_set_of_the_page_works_and_gets_no_warning() -> None:
    _, small, simulated = shown_on_the_page()
    label_set = parse_label_set(small + simulated, "docs/label-sets.md")
    assert label_set.aurora == ("aurora",)
    assert colour_warnings(colours_of(label_set)) == []


def test_the_page_names_every_shipped_set_with_its_labels() -> None:
    table = re.findall(r"^\| `([\w-]+)` \| (.*)", (ROOT / "docs/label-sets.md").read_text(encoding="utf-8"), re.M)
    rows = {name: row.split(" | ") for name, row in table if name in SHIPPED}
    assert set(rows) == set(SHIPPED)
    for name, (classes, exclusions, simulated, *_) in rows.items():
        label_set = read_label_set(name)
        assert exclusions == (", ".join(label.name for label in label_set.exclusions) or "none")
        assert simulated == ("yes" if label_set.simulated else "no")
        assert name == "arcs-single-multiple" or classes == ", ".join(label_set.class_names)


@pytest.mark.parametrize(
    ("text", "message"),
    [("- a", "expected keys and values"), ("a: [", "not YAML"), ("a: 1\na: 2", r"own\.yaml:2: the key 'a'")],
)
def test_a_file_that_is_no_label_set(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_label_set(tmp_path / "own.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"own\.yaml: there is no such file"):
        read_label_set(tmp_path / "own.yaml")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_bytes("title: Höjd".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"own\.yaml: is not in UTF-8; save it"):
        read_label_set(tmp_path / "own.yaml")


def test_a_misspelled_shipped_set_gets_a_hint_and_all_names() -> None:
    with pytest.raises(ConfigError) as caught:
        read_label_set("kvammen2002")
    assert "there is no label set 'kvammen2002'; did you mean 'kvammen2020'?" in str(caught.value)
    assert "'arcs-single-multiple', 'khonet', 'kvammen2020', 'oath'" in str(caught.value)


def test_the_command_shows_the_labels_with_keys_and_roles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label-set", "kvammen2020"]) == 0
    said = capsys.readouterr()
    title, head, *rows, colours = said.out.splitlines()
    assert (title, said.err) == ("Kvammen et al. (2020)", "")
    assert head.split() == ["key", "name", "title", "colour", "kind", "role"]
    assert [row.split()[:2] for row in rows] == [
        [str(key), name] for key, name in enumerate((*paper.CLASSES, *paper.EXCLUSIONS), 1)
    ]
    by_name = {row.split()[1]: row for row in rows}
    assert by_name["breakup"].split(maxsplit=5)[2:] == ["Breakup", "#D55E00", "class", "aurora, onset"]
    assert by_name["faint"].endswith("clear sky")
    assert by_name["rejected"].split(maxsplit=5)[4:] == ["exclusion", "hidden sky"]
    assert by_name["unknown"].endswith("exclusion")
    assert colours == "The colours can be told apart, also by colour-blind readers."


def test_the_command_warns_of_colours_but_takes_the_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.yaml").write_text(edited(lambda s: s["classes"][1].update(colour="#D55E10")), encoding="utf-8")
    assert main(["label-set", str(tmp_path / "own.yaml")]) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if "hard to tell apart" in line]
    assert len(warnings) == 1
    assert "'bright' (#D55E00) and 'calm' (#D55E10)" in warnings[0]


@pytest.mark.parametrize(
    ("argument", "message"),
    [("own.yaml", "the labels 'bright', 'calm' have the same key"), ("other", "there is no label set 'other'")],
)
def test_the_command_refuses_a_bad_set(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argument: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(edited(lambda s: s["classes"][1].update(key="1")), encoding="utf-8")
    assert main(["label-set", argument]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("norrsken: ")
    assert message in said.err


@pytest.mark.parametrize(
    ("first", "second", "sight"),
    [
        ("#FF0000", "#009200", "deuteranopia"),  # of the same lightness, L* 53
        ("#FF0000", "#006400", "protanopia"),  # to which full red is dark
        ("#808080", "#888888", "normal sight"),  # eight levels apart
        ("#0072B2", "#0072b2", "normal sight"),
        ("#007090", "#007F5F", "tritanopia"),
    ],
)
def test_a_pair_that_readers_confuse_is_named_with_their_sight(first: str, second: str, sight: str) -> None:
    (pair,) = close_pairs({"one": first, "other": second, "white": "#FFFFFF"})
    assert (pair.first, pair.second, pair.sight) == ("one", "other", sight)
    assert 0 <= pair.difference < LEAST_DIFFERENCE
    (warning,) = colour_warnings({"one": first, "other": second})
    assert f"'one' ({first}) and 'other' ({second}) are hard to tell apart with {sight}" in warning


def test_the_colours_that_matplotlib_takes_first_are_warned_of_and_those_of_okabe_and_ito_are_not() -> None:
    usual = ["#1F77B4", "#FF7F0E", "#2CA02C", "#D62728", "#9467BD", "#8C564B"]
    okabe_ito = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"]
    assert len(close_pairs(dict(zip("abcdef", usual, strict=True)))) >= 3
    assert close_pairs(dict(zip("abcdefgh", okabe_ito, strict=True))) == []


def test_the_closest_pair_is_named_first() -> None:
    found = close_pairs({"a": "#808080", "b": "#888888", "c": "#8C8C8C"})
    assert [pair.difference for pair in found] == sorted(pair.difference for pair in found)
    assert (found[0].first, found[0].second) == ("b", "c")


@pytest.mark.parametrize("colours", [{}, {"a": "#000000"}])
def test_fewer_than_two_colours_make_no_pair(colours: dict[str, str]) -> None:
    assert close_pairs(colours) == []


def test_measuring_colours_is_not_paid_for_where_nobody_asks() -> None:
    code = "import sys, norrsken.figures.colour_vision; sys.exit('colour' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_measuring_colours_says_nothing_of_its_own() -> None:
    code = "from norrsken.figures.colour_vision import close_pairs; close_pairs({'a': '#000000', 'b': '#FFFFFF'})"
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"ColourUsageWarning" not in done.stderr
