"""The structure of the code: which folder may import which, and that scripts hand on what their rules declare."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "norrsken"

#: The rooms of the package from the ground up: each may import itself and those before it.
FLOORS = (
    "errors", "classes", "paper", "calendar", "stages", "paths", "contents",
    "config",
    "files", "schemas", "tables", "pages", "astronomy", "stars", "lens", "colour", "joblog",
    "evaluation", "cameras", "nights",
    "dataset", "curation",
    "simulation", "models",
    "training",
    "classify",
    "figures",
    "report", "catalogue",
    "yardsticks",
    "exchange",
    "survey", "plan", "targets", "provenance", "remarks", "status", "commands", "cli", "__main__",
)  # fmt: skip

#: Modules of more than `LONGEST` lines, with the reason.
LONGEST = 400
LONG: dict[str, str] = {}

#: Named inputs that a script does not hand on: rule and input, with the reason.
NOT_HANDED_ON = {
    ("classify_month", "others"): "classifier.json names them, beside which they lie",
    ("train_run", "weights"): "the settings name the file; as an input it repeats the runs when it changes",
    ("train_otherwise", "weights"): "the settings name the file; as an input it repeats the runs when it changes",
    ("extract_features", "weights"): "the settings name the file; as an input it repeats the features when it changes",
}

MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The module's name below the package: `config.site`; of a folder's `__init__.py` that of the folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imported(path: Path) -> Iterator[str]:
    """The modules of the package that a module imports anywhere in it, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "norrsken":
                parent = module.removeprefix("norrsken").lstrip(".")
                for alias in node.names:
                    child = f"{parent}.{alias.name}".lstrip(".")
                    yield child if child in NAMES else parent
            case ast.Import():
                for alias in node.names:
                    if alias.name.startswith("norrsken."):
                        yield alias.name.removeprefix("norrsken.")


GRAPH = {name_of(path): set(imported(path)) - {""} for path in MODULES}


def test_every_room_has_a_floor() -> None:
    assert {name.split(".")[0] for name in NAMES - {""}} == set(FLOORS)


def test_no_import_runs_upwards() -> None:
    floor = {room: number for number, room in enumerate(FLOORS)}
    upwards = [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        for other in others
        if module and floor[other.split(".")[0]] > floor[module.split(".")[0]]
    ]
    assert upwards == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter(GRAPH).prepare()  # raises CycleError, which names them


@pytest.mark.parametrize("face", [path for path in MODULES if path.name == "__init__.py"], ids=name_of)
def test_the_face_of_a_stage_imports_nothing(face: Path) -> None:
    tree = ast.parse(face.read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_modules_are_short() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name for name, lines in lengths.items() if lines > LONGEST} == set(LONG)


def test_the_package_knows_nothing_of_snakemake() -> None:
    assert [path for path in MODULES if re.search(r"^\s*(import|from) snakemake", path.read_text(), re.MULTILINE)] == []


def declared_inputs() -> Iterator[tuple[str, str, str]]:
    """Rule, named input and script of every rule that has a script; of inputs without names none."""
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for text in re.split(r"^ *rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            rule = text.split(":")[0] or "draw_figure"  # the rules of the report's figures are made in a loop
            section = re.search(r"^( *)input:\n((?:\1 .*\n)+)", text, re.MULTILINE)
            script = re.search(r'"\.\./scripts/(\w+\.py)"', text)
            if section and script:
                for name in re.findall(rf"^{section[1]}    (\w+)=", section[2], re.MULTILINE):
                    yield rule, name, script[1]


def test_every_script_hands_on_every_named_input_of_its_rule() -> None:
    declared = list(declared_inputs())
    assert len({rule for rule, _, _ in declared}) > 20
    left_out = set()
    for rule, name, script in declared:
        text = (ROOT / "workflow/scripts" / script).read_text()
        if not re.search(rf"\binputs?\.{name}\b|\binputs?\.get\(\"{name}\"", text):
            left_out.add((rule, name))
    assert left_out == set(NOT_HANDED_ON)
