"""norrsken as a module of another workflow."""

import re
from typing import Any

import pytest
from conftest import CONFIG, ROOT, Project, jobs

from norrsken.status import describe
from norrsken.survey import Survey

#: The workflow of docs/workflow.md: the configuration of the module is under a key of its own configuration.
PAGE = (ROOT / "docs/workflow.md").read_text().split("## Norrsken in another workflow")[1]
EXAMPLE = PAGE.split("```\n")[1].replace("/path/to/norrsken", str(ROOT))

#: One rule of the module otherwise; and a rule whose wildcard has the name of one of the module's.
ADDED = """
use rule ingest_month from norrsken as norrsken_ingest_month with:
    resources:
        mem_mb=config["memory"],

rule survey:
    output: "{release}/survey.json"
    shell: "cp $NORRSKEN_SURVEY {output}"
"""


class Outer:
    """Another workflow in the folder of a project."""

    def __init__(self, project: Project, workflow: str) -> None:
        self.project = project
        project.config = {"norrsken": project.config, "memory": 777}
        project.save()
        project.path("Snakefile").write_text(workflow)

    def snakemake(self, *arguments: str, check: bool = True) -> str:
        return self.project.snakemake("--snakefile", str(self.project.path("Snakefile")), *arguments, check=check)


def test_another_workflow_goes_on_with_the_tables_of_the_module(new_project: Project) -> None:
    outer = Outer(new_project, EXAMPLE + ADDED)
    printed = outer.snakemake()
    assert jobs(printed)["norrsken_ingest_month"] == 2
    assert "mem_mb=777" in printed
    assert "The archive holds 112 files: 112 kept." in printed
    census = new_project.path("results/nights/2015-01/census.csv").read_text()
    assert new_project.path("summary_of_mine.txt").read_text() == census
    summary = outer.snakemake("--summary")
    table = summary[summary.index("output_file") :].splitlines()
    assert re.search(r"^months +2 +· +· +·$", "\n".join(describe(table, new_project.folder)), re.MULTILINE)


def test_jobs_follow_the_plan_also_where_the_other_workflow_has_no_handlers(new_project: Project) -> None:
    outer = Outer(new_project, EXAMPLE.split("onstart:")[0] + ADDED)
    outer.snakemake("elsewhere/survey.json")
    survey = Survey.model_validate_json(new_project.path("elsewhere/survey.json").read_text())
    assert list(survey.months) == ["2014-12", "2015-01"]


def test_everything_can_be_asked_for(new_project: Project) -> None:
    own = new_project.planned()
    planned = jobs(Outer(new_project, EXAMPLE).snakemake("--dry-run", "norrsken_all"))
    assert {name.removeprefix("norrsken_"): n for name, n in planned.items() if name != "norrsken_all"} == own


def test_the_other_workflow_keeps_its_default_target(new_project: Project) -> None:
    """Where its own rule stands first, as without modules."""
    first = "rule mine:\n    input:\n        'summary_of_mine.txt'\n"
    outer = Outer(new_project, first + EXAMPLE.replace("    default_target: True\n", ""))
    assert jobs(outer.snakemake("--dry-run")).keys() == {"mine", "summary_of_mine", "norrsken_ingest_month"}


def test_an_archive_without_images_stops_the_run_by_the_handler(new_project: Project) -> None:
    new_project.path("empty/2015/01/12").mkdir(parents=True)
    new_project.config["archive"]["root"] = "empty"
    assert "'empty' has no image named like" in Outer(new_project, EXAMPLE).snakemake(check=False)
    assert not new_project.path("results").exists()


def test_a_wrong_key_of_the_configuration_is_told(new_project: Project) -> None:
    new_project.config["modles"] = {}
    output = Outer(new_project, EXAMPLE).snakemake("--dry-run", check=False)
    assert "config.yaml: modles: there is no such key; did you mean 'models'?" in output
    assert "Traceback" not in output


def two_modules(other: dict[str, Any]) -> str:
    module = f'module NAME:\n    snakefile: "{ROOT}/Snakefile"\n    config: CONFIG\nuse rule * from NAME as NAME_*\n'
    of = {"first": CONFIG, "second": other}
    return "".join(module.replace("NAME", name).replace("CONFIG", str(config)) for name, config in of.items())


def with_line(line: str) -> str:
    """The example with a line more in its module."""
    return EXAMPLE.replace("    config:\n", f"    {line}\n    config:\n")


@pytest.mark.parametrize(
    ("workflow", "message"),
    [
        (with_line('prefix: "kiruna"'), "module norrsken: norrsken takes no prefix"),
        (with_line('replace_prefix: {"results": "kiruna"}'), "module norrsken: norrsken takes no prefix"),
        (two_modules({**CONFIG, "seeds": [1]}), "module second: its configuration is not that of the first module"),
    ],
    ids=["prefix", "replace_prefix", "two modules"],
)
def test_a_module_works_in_results(new_project: Project, workflow: str, message: str) -> None:
    output = Outer(new_project, workflow).snakemake("--dry-run", check=False)
    assert message in output
    assert "Traceback" not in output
