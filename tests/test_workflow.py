"""The workflow as a user meets it: targets, errors before any job, reports."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from conftest import CONFIG, ROOT, Project

from norrsken.paper import CLASSES


def test_a_whole_run_makes_every_file_of_the_layout(finished: Path) -> None:
    results = finished / "results"
    for month, nights in {"2014-12": ["2014-12-20", "2014-12-31"], "2015-01": ["2015-01-15", "2015-01-16"]}.items():
        assert sorted(p.name for p in (results / "nights" / month).glob("[!.]*")) == [
            *(f"{night}.parquet" for night in nights),
            "brightness.csv",
            "census.csv",
            "lost.csv",
            "unrecognised.csv",
        ]
        assert sorted(p.name for p in (results / "keograms" / month).glob("[!.]*")) == [f"{n}.png" for n in nights]
    release = results / "small"
    assert pq.read_metadata(release / "labelled.parquet").num_rows == 112
    assert pq.read_metadata(release / "features/hog.parquet").num_rows == 101
    for model in CONFIG["models"]:
        with (release / "random" / model / "scores.csv").open() as file:
            assert [row["seed"] for row in csv.DictReader(file)] == (["0"] if model == "3nn" else ["0", "1"])
    trained_by_epochs = {path.parent.name for path in release.glob("random/*/history.png")}
    assert trained_by_epochs == {path.parent.name for path in release.glob("random/*/history.pdf")} == {"shufflenet"}
    assert {p.name for p in (release / "report").iterdir()} == {
        "agreement.csv",
        "cards",
        "census.csv",
        "consistency.csv",
        "course.csv",
        "figures",
        "frames.csv",
        "index.html",
        "resources.csv",
        "selection.csv",
        "summary.json",
        *(f"table{i}.{suffix}" for i in (1, 2) for suffix in ("csv", "md", "tex")),
    }


def test_the_baselines_tell_the_made_up_classes_apart(finished: Path) -> None:
    metrics = json.loads((finished / "results/small/random/3nn/0/metrics.json").read_text())
    assert metrics["f1"] > 0.9
    assert list(metrics["per_class"]) == list(CLASSES)


def test_every_rule_leaves_a_log_and_a_benchmark(finished: Path) -> None:
    rules = {p.name for p in (finished / "results/logs").iterdir()}
    assert rules == {p.name for p in (finished / "results/benchmarks").iterdir()}
    assert len(rules) == 28


def test_the_report_is_one_self_contained_page(finished: Path) -> None:
    page = (finished / "results/small/report/index.html").read_text()
    assert "A small release" in page
    assert page.count("<img") == 7 + len(CONFIG["models"]) + 8 + 1  # frames, confusions, figures, annotators
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "://" not in page


def test_the_report_escapes_what_it_shows(project: Project) -> None:
    project.config["releases"]["small"]["title"] = "<script>alert(1)</script>"
    project.save()
    project.snakemake("report")
    page = project.path("results/small/report/index.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("nights", {"ingest_month": 2}),
        ("labels", {"ingest_month": 2, "merge_labels": 1}),
        ("dataset", {"ingest_month": 2, "merge_labels": 1, "split_dataset": 1}),
        ("train_shufflenet", {"train_run": 2, "collect_scores": 1}),
        ("train_svm-linear", {"extract_features": 1, "train_run": 2, "collect_scores": 1}),
        ("train", {"extract_features": 1, "train_run": 5, "collect_scores": 3}),
    ],
)
def test_targets(new_project: Project, target: str, expected: dict[str, int]) -> None:
    planned = new_project.planned(target)
    assert {rule: n for rule, n in planned.items() if rule in expected} == expected
    assert "write_report" not in planned


def test_config_release_picks_another_release(project: Project) -> None:
    other = {**CONFIG["releases"]["small"], "years": [2015], "splits": {"night": {"method": "night"}}}
    project.config["releases"]["other"] = other
    project.save()
    assert project.planned() == {}
    planned = project.planned("--config", "release=other")
    assert "ingest_month" not in planned
    assert planned["train_run"] == 5
    project.snakemake("dataset", "--config", "release=other")
    years = {time.year for time in pq.read_table(project.path("results/other/dataset.parquet"))["time"].to_pylist()}
    assert years == {2015}


def test_a_configuration_given_by_name_stands_alone(new_project: Project) -> None:
    config = {**CONFIG, "models": {"only": CONFIG["models"]["3nn"]}}
    new_project.path("other.yaml").write_text(yaml.safe_dump(config))
    assert new_project.planned("train", "--configfile", "other.yaml")["train_run"] == 1
    new_project.path("config.yaml").unlink()
    assert new_project.planned("train", "--configfile", "other.yaml")["train_run"] == 1


Edit = Callable[[dict[str, Any]], object]
ERRORS: list[tuple[Edit, str]] = [
    (lambda c: c["site"].update(latitude=678), "site.latitude: input should be less than or equal to 90, found 678"),
    (lambda c: c.update(modles={}), "modles: there is no such key; did you mean 'models'?"),
    (lambda c: c["archive"].update(root="nowhere"), "archive.root: the directory 'nowhere' does not exist"),
    (lambda c: c["archive"].update(root="labels"), "'labels' has no directory like archive.directories, '%Y/%m/%d'"),
    (lambda c: c["archive"].update(root="empty"), "archive.root: 'empty' has no image named like"),
    (lambda c: c["cameras"][0].update(pattern="{time:%Y%m%d}.png"), "E06000Q.JPG': the name does not fit the pattern"),
    (lambda c: c["releases"]["small"].update(years=[1999]), "has no directory of these years"),
]


@pytest.mark.parametrize(("edit", "message"), ERRORS, ids=[message[:30] for _, message in ERRORS])
def test_errors_come_before_any_job_without_a_traceback(new_project: Project, edit: Edit, message: str) -> None:
    new_project.path("empty/2015/01/12").mkdir(parents=True)
    edit(new_project.config)
    new_project.save()
    output = new_project.snakemake(check=False)
    assert message in output
    assert "Traceback" not in output
    assert not new_project.path("results").exists()


def test_empty_directories_can_be_planned_with_a_warning(new_project: Project) -> None:
    new_project.path("empty/2015/01/12").mkdir(parents=True)
    new_project.config["archive"]["root"] = "empty"
    new_project.save()
    output = new_project.snakemake("--dry-run", "nights")
    assert "'empty' has no image named like" in output


def test_a_release_year_without_data_is_a_warning(project: Project) -> None:
    project.config["releases"]["small"]["years"] = [2014, 2015, 2018]
    project.save()
    assert "The archive has no data of 2018" in project.snakemake("--dry-run")


def test_a_wrong_label_is_told_on_the_terminal_and_in_the_log(new_project: Project) -> None:
    table = new_project.path("labels/anna.csv")
    table.write_text(table.read_text().replace("arcs", "arc", 1))
    output = new_project.snakemake("labels", check=False)
    assert "labels/anna.csv:4: the label 'arc' is none of breakup" in output
    assert "labels/anna.csv:4" in new_project.path("results/logs/merge_labels/small.log").read_text()


def test_a_missing_label_table_is_named_before_any_job(new_project: Project) -> None:
    new_project.path("labels/anna.csv").unlink()
    output = new_project.snakemake("labels", check=False)
    assert "labels/anna.csv" in output
    assert not new_project.path("results/nights").exists()


def test_snakemakes_own_report_works(project: Project) -> None:
    project.snakemake("--report", "report.zip")
    assert project.path("report.zip").stat().st_size > 100_000


def test_snakemakes_linter_is_content(project: Project) -> None:
    assert "your workflow is in a good condition" in project.snakemake("--lint")


def test_the_slurm_profile_is_found_by_name(new_project: Project) -> None:
    command = [*new_project.command("--dry-run", "nights"), "--profile", "slurm"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Using profiles slurm" in done.stderr


def test_the_snakefile_imports_nothing_heavy() -> None:
    code = "import sys; import norrsken.plan, norrsken.stages; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pydantic" in loaded
    for name in ("numpy", "pandas", "torch", "pyarrow", "cv2"):
        assert f"'{name}'" not in loaded


def test_scripts_find_the_package_where_it_is_not_installed(new_project: Project, tmp_path: Path) -> None:
    """As in a conda environment: PYTHONPATH is cleared there, and only the scripts' own folder is searched."""
    script = tmp_path / "find.py"
    script.write_text(
        f"import sys\nsys.path = [p for p in sys.path if p != {str(ROOT)!r}]\n"
        "sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
        f"sys.path.append({str(ROOT / 'workflow/scripts')!r})\nimport norrsken.nights\nprint(norrsken.__file__)\n"
    )
    found = subprocess.run(
        [sys.executable, "-P", str(script)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert Path(found.stdout.strip()).resolve() == ROOT / "norrsken/__init__.py"


def test_months_are_ingested_by_a_pool_as_by_one_process(new_project: Project, finished: Path) -> None:
    new_project.snakemake("nights", "--set-threads", "ingest_month=1")
    for path in (finished / "results/nights").rglob("*.parquet"):
        copy = new_project.folder / path.relative_to(finished)
        assert copy.read_bytes() == path.read_bytes()


def test_two_runs_of_the_same_thing_have_the_same_summary_but_for_times(project: Project) -> None:
    path = project.path("results/small/report/summary.json")
    before = json.loads(path.read_text())
    shutil.rmtree(project.path("results/small"))
    project.snakemake("results/small/report/summary.json")
    after = json.loads(path.read_text())
    assert before.pop("times") != after.pop("times")
    assert before == after
    digest = hashlib.sha256(project.path("labels/anna.csv").read_bytes()).hexdigest()
    assert after["inputs"]["labels/anna.csv"] == digest
    assert after["configuration"]["models"]["3nn"]["neighbours"] == 3
    assert after["devices"]["3nn"] == ["cpu"]


def test_every_model_has_a_card(finished: Path) -> None:
    for model in CONFIG["models"]:
        card = (finished / f"results/small/report/cards/{model}.md").read_text()
        for part in (
            "## Data",
            "## Training",
            "## Scores on the split “random”",
            "must not be used",
            "calibration error",
        ):
            assert part in card
        metrics = json.loads((finished / f"results/small/random/{model}/0/metrics.json").read_text())
        frames = (metrics[f"{part}_frames"] for part in ("train", "validation", "test"))
        assert f"| random | random | {' | '.join(map(str, frames))} |" in card


def test_the_tables_are_set_in_markdown_and_latex(finished: Path) -> None:
    report = finished / "results/small/report"
    for name in ("table1", "table2"):
        markdown, latex = (report / f"{name}.{suffix}" for suffix in ("md", "tex"))
        lines = markdown.read_text().splitlines()
        assert len({line.count(" | ") for line in lines}) == 1
        with (report / f"{name}.csv").open() as file:
            assert len(lines) == 2 + len(list(csv.DictReader(file)))
        assert latex.read_text().startswith("\\begin{tabular}")
        assert latex.read_text().count("\\\\") == len(lines) - 1


def test_the_archive_is_counted_by_year_and_filter(finished: Path) -> None:
    with (finished / "results/small/report/frames.csv").open() as file:
        rows = {int(row["year"]): row for row in csv.DictReader(file)}
    assert {year: int(row["frames"]) for year, row in rows.items()} == {2014: 38, 2015: 74}
    assert all(int(row["kept"]) == int(row["frames"]) for row in rows.values())


def test_two_splits_stand_side_by_side_and_no_network_is_needed(project: Project) -> None:
    project.config["models"] = {"3nn": CONFIG["models"]["3nn"]}
    project.config["releases"]["small"]["splits"]["night"] = {"method": "night", "test_share": 0.3}
    project.save()
    project.snakemake("report")
    page = project.path("results/small/report/index.html").read_text()
    with project.path("results/small/report/table2.csv").open() as file:
        scores = {row["split"]: float(row["f1_mean"]) for row in csv.DictReader(file)}
    assert set(scores) == {"random", "night"}
    gap = page.split("The gap between splits")[1].split("</table>")[0]
    assert re.findall(r"<td>([\d.]+)</td>", gap) == [f"{scores[n]:.2f}" for n in ("random", "night")]
    assert "Training curves" not in page
