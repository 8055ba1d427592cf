"""pyproject.toml, the locked requirements, the conda environment and the image say the same."""

import re
import sys
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement

from norrsken.cli import main

sys.path.insert(0, str(ROOT / "tools"))
import lock

LOCKED = lock.locked_versions()


def needed() -> dict[str, Requirement]:
    found = [Requirement(line) for line in requires("norrsken") or []]
    return {requirement.name.lower(): requirement for requirement in found if not requirement.marker}


def conda() -> dict[str, str]:
    environment = yaml.safe_load((ROOT / "envs/norrsken.yaml").read_text())
    packages = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    return dict(line.split("==") for line in packages)


def test_conda_and_requirements_name_the_same_packages_in_the_same_versions() -> None:
    assert conda() == {name: LOCKED[name] for name in needed()}


def test_locked_versions_lie_in_the_ranges_of_pyproject() -> None:
    for name, requirement in needed().items():
        assert requirement.specifier.contains(LOCKED[name]), requirement


def test_what_runs_here_is_what_is_locked() -> None:
    assert {name: version(name).split("+")[0] for name in needed()} == {name: LOCKED[name] for name in needed()}


#: What asilib and pyaurorax want otherwise.
OTHERWISE = {"field.txt": {"python-dateutil"}, "camera.txt": set()}


@pytest.mark.parametrize("name", OTHERWISE)
def test_environments_beside_have_the_same_versions(name: str) -> None:
    """`make lock` does not write them: this says what to change after it."""
    known = {**lock.locked_versions(lock.DEV), **LOCKED}
    beside = lock.locked_versions(ROOT / "envs" / name)
    assert len(beside) > 15
    differing = {package for package, found in beside.items() if known.get(package, found) != found}
    assert differing <= OTHERWISE[name]


def test_every_rule_with_a_script_has_an_environment() -> None:
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        text = path.read_text()
        assert text.count("script:") == text.count('"../../envs/norrsken.yaml"'), path


def test_every_script_has_the_name_of_its_rule() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    for path in (ROOT / "workflow/scripts").glob("*.py"):
        # The figures of the report are a rule each, and have one script.
        assert f"rule {path.stem}:" in rules or path.stem == "draw_figure"
        assert f'"../scripts/{path.name}"' in rules


def test_the_description_of_the_tables_is_in_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tables"]) == 0
    assert Path(ROOT / "docs/tables.md").read_text() == capsys.readouterr().out, "run: norrsken tables > docs/tables.md"


def test_the_image_has_the_python_of_conda_and_all_that_the_workflow_reads() -> None:
    dependencies = yaml.safe_load((ROOT / "envs/norrsken.yaml").read_text())["dependencies"]
    (python,) = re.findall(r"^FROM python:([\d.]+)-slim$", (ROOT / "Containerfile").read_text(), re.MULTILINE)
    assert f"python ={python}" in dependencies
    let_through = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert [name for name in sorted(let_through) if not (ROOT / name).exists()] == []
    sources = [ROOT / "Snakefile", *ROOT.glob("workflow/rules/*.smk")]
    read = {name for path in sources for name in re.findall(r'"\.\./\.\./(\w+)/', path.read_text())}
    assert {"Snakefile", "norrsken", "profiles", "pyproject.toml", "workflow", *read} - let_through == set()
