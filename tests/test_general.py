"""A configuration without labels: the general classifier makes the catalogue, and labels may come later."""

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import CONFIG, HEIGHT, WIDTH, Edit, Project, jobs, refusal, write_evening, write_labels
from filelock import FileLock

from norrsken import survey
from norrsken.catalogue.correction import no_correction
from norrsken.catalogue.reasons import unlike
from norrsken.config.base import ConfigError
from norrsken.config.config import check
from norrsken.config.general import FOLDER, GENERAL
from norrsken.paper import CLASSES
from norrsken.plan import Plan

LENS = {"zenith": [131.5, 129.5], "horizon": 125, "projection": "equidistant", "north": 0, "east": "left"}

CAMERA = {
    "valid_from": "2009-01-01",
    "width": WIDTH,
    "height": HEIGHT,
    "lens": LENS,
    "pattern": CONFIG["cameras"][0]["pattern"],
}

#: All that a catalogue without labels needs.
MINIMAL: dict[str, Any] = {
    "site": CONFIG["site"],
    "cameras": [CAMERA],
    "archive": {"root": "archive"},
    "releases": {"first": {"title": "First catalogue", "catalogue": {"model": "general"}}},
}

#: What a run makes of an archive of one month.
WITHOUT_LABELS = dict.fromkeys(
    (
        "choose_condition", "classify_month", "copy_general", "find_events", "ingest_month",
        "tabulate_availability", "tabulate_occurrence", "write_catalogue", "write_export", "write_keogram_page",
        "write_night_pages",
    ),
    1,
)  # fmt: skip


@pytest.fixture(scope="session")
def first(shared: Path) -> Project:
    """The project after its first run."""
    with FileLock(shared / "general.lock"):
        folder, done = shared / "general" / "project", shared / "general.done"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            write_evening(folder / "archive", "2015-01-15T18:00", 21)
            (folder / "config.yaml").write_text(yaml.safe_dump(MINIMAL, sort_keys=False))
            assert jobs(Project(folder).snakemake()) == WITHOUT_LABELS
            done.touch()
    return Project(folder)


@pytest.fixture
def minimal(first: Project, tmp_path: Path) -> Project:
    """A copy of it."""
    return Project(Path(shutil.copytree(first.folder, tmp_path / "general")))


def page_of(project: Project) -> str:
    return re.sub(r"<[^>]+>", "", project.path("results/first/catalogue/index.html").read_text())


def test_site_cameras_archive_and_a_release_make_a_catalogue(first: Project) -> None:
    folder = first.path("results/first")
    assert [path.name for path in folder.iterdir()] == ["catalogue"]
    frames = pd.read_csv(folder / "catalogue/export/catalogue_2015.csv")
    assert len(frames) == 21
    assert set(frames["model"]) == {GENERAL}
    assert set(frames["seen"]) == {"none"}
    assert set(pd.read_csv(folder / "catalogue/occurrence.csv")["method"].dropna()) <= {"counted"}
    page = page_of(first)
    assert "classified by the general classifier, which comes with norrsken" in page
    assert "simulated test frames, through cameras that it has not seen" in page.lower()
    assert "since the release has no labelled frames to fit it to" in page
    assert "What it was never trained on" not in page
    readme = (folder / "catalogue/export/README.md").read_text()
    assert "How good the classifier is on this archive is not known. Of" in readme


def test_the_catalogue_keeps_its_own_copy_of_the_classifier(first: Project) -> None:
    for path in FOLDER.iterdir():
        assert first.path(f"results/first/catalogue/{path.name}").read_bytes() == path.read_bytes()


def test_a_second_run_does_nothing_and_a_new_month_only_itself(minimal: Project) -> None:
    assert minimal.planned() == {}
    assert "your workflow is in a good condition" in minimal.snakemake("--lint")
    write_evening(minimal.path("archive"), "2015-03-15T20:00", 3)
    planned = minimal.planned()
    assert "copy_general" not in planned
    assert planned["classify_month"] == 1


def test_labels_come_as_a_next_step(minimal: Project) -> None:
    assert "releases.first.labels is missing: name a table" in minimal.snakemake("--dry-run", "labelling", check=False)
    minimal.config["releases"]["first"]["labels"] = ["labels/anna.csv"]
    minimal.save()
    printed = minimal.snakemake("labelling")
    assert "There is no 'labels/anna.csv' yet: the catalogue is made without labels." in printed
    assert minimal.path("results/first/labelling/anna.html").exists()
    assert minimal.planned() == {}
    frames = sorted(path.name.split("E")[0] for path in minimal.path("archive").rglob("*.JPG"))
    labels = [*(CLASSES[i % len(CLASSES)] for i in range(14)), *["rejected"] * 7]
    write_labels(minimal.path("labels/anna.csv"), zip(frames, labels, strict=True))
    done = minimal.run()
    assert {"merge_labels", "judge_untrained", "write_disagreement_page"} <= set(done)
    assert not {"split_dataset", "train_run", "write_report", "choose_condition", "classify_month"} & set(done)
    judged = pd.read_csv(minimal.path("results/first/catalogue/untrained.csv"))
    assert judged.groupby("verdict")["frames"].sum().to_dict() == {"agreed": 14, "rejected": 7}
    page = page_of(minimal)
    assert "What it says of labelled frames" in page
    assert "since the classifier has 1 labelled night, and a correction needs 10" in page
    assert minimal.run() == {}


def test_an_audit_is_drawn_once_and_judged_when_its_table_comes(minimal: Project) -> None:
    assert minimal.run("audit") == {"draw_audit": 1, "write_audit_pages": 1}
    sample = minimal.path("results/first/audit.parquet")
    drawn, frames = sample.read_bytes(), pd.read_parquet(sample)["frame_id"]
    assert minimal.path("results/first/audit/audit-first.html").exists()
    assert minimal.run("audit") == {}
    write_labels(minimal.path("labels/audit-first.csv"), zip(frames, ["unknown", *CLASSES] * 3, strict=False))
    assert set(minimal.run()) == {"judge_audit", "write_catalogue", "write_export"}
    page = page_of(minimal)
    assert "How good the whole catalogue is" in page
    assert "up to the night of 2015-01-15" in page
    exported = minimal.path("results/first/catalogue/export")
    assert "audit.csv" in (exported / "README.md").read_text()
    assert set(pd.read_csv(exported / "audit.csv")["by"]) == {"all", "condition", "seen", "year"}
    # Neither a new month nor another seed draws it anew; pages that somebody has deleted come back.
    write_evening(minimal.path("archive"), "2015-03-15T20:00", 3)
    minimal.config["releases"]["first"]["catalogue"]["audit"] = {"seed": 1, "frames": 60}
    minimal.save()
    shutil.rmtree(minimal.path("results/first/audit"))
    done = minimal.run("audit")
    assert done["write_audit_pages"] == done["classify_month"] == 1
    assert "draw_audit" not in done
    assert sample.read_bytes() == drawn


def test_a_release_with_models_may_have_the_general_catalogue_beside_its_report(minimal: Project) -> None:
    release = {**CONFIG["releases"]["small"], "catalogue": {"model": "general"}, "labels": ["labels/anna.csv"]}
    minimal.config |= {name: CONFIG[name] for name in ("features", "models", "seeds")} | {
        "releases": {"first": release}
    }
    minimal.save()
    write_labels(minimal.path("labels/anna.csv"), [])
    planned = minimal.planned()
    assert {"train_run", "write_report", "judge_untrained"} <= set(planned)
    assert "calibrate_classifier" not in planned


def test_another_general_classifier_makes_the_catalogue_anew(minimal: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(minimal.folder)
    found = Plan(check(minimal.config)).survey.general
    assert next(iter(found)) == "classifier.json"
    assert set(found) == {path.name for path in FOLDER.iterdir()}
    other = minimal.path("other")
    shutil.copytree(FOLDER, other)
    (other / "more.json").write_text("{}")
    monkeypatch.setattr(survey, "GENERAL_FOLDER", other)
    plan = Plan(check(minimal.config))
    assert [path.format(release="first") for path in plan.general[1:]] == [
        f"results/first/catalogue/{name}" for name in sorted(plan.survey.general) if name != "classifier.json"
    ]
    (other / "classifier.json").unlink()
    with pytest.raises(ConfigError, match=r"there is no classifier\.json; install norrsken anew"):
        Plan(check(minimal.config))


def test_years_are_those_of_the_archive(minimal: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(minimal.folder)
    write_evening(minimal.path("archive"), "2016-12-31T22:00", 1)
    assert Plan(check(minimal.config)).release.years == [2015, 2016, 2017]


def first_of(config: dict[str, Any]) -> dict[str, Any]:
    release: dict[str, Any] = config["releases"]["first"]
    return release


NIGHT = {"night": {"method": "night"}}
WRONG: list[tuple[Edit, str]] = [
    (
        lambda c: first_of(c).pop("catalogue"),
        "releases.first: years and labels and splits are missing; they may be only with catalogue: {model: general}",
    ),
    (lambda c: first_of(c).update(catalogue=None), "years and labels and splits are missing"),
    (
        lambda c: first_of(c).update(catalogue={}, years=[2015], labels=["a.csv"]),
        "releases.first: splits is missing; it may be only with catalogue: {model: general}, which needs no training",
    ),
    (lambda c: first_of(c).update(splits=NIGHT), "releases.first: splits is there, but labels is missing"),
    (lambda c: first_of(c).update(frozen=True), "releases.first: frozen is there, but labels is missing"),
    (
        lambda c: first_of(c).update(splits=NIGHT, labels=["a.csv"]),
        "models is missing: releases.first has splits, on each of which every model is run",
    ),
    (lambda c: c.update(models={"general": CONFIG["models"]["shufflenet"]}), "the classifier that comes with norrsken"),
    (
        lambda c: first_of(c).update(catalogue={"model": "general", "precision": 0.8}),
        "precision is 0.8, but the limits of the general classifier were made for 0.9",
    ),
    (lambda c: c["cameras"][0].update(lens=None, rotate=90, flip=True, block=2), "no entry of cameras has a lens"),
    (lambda c: c["releases"].update(second=dict(first_of(c))), "release: this key is missing"),
]


@pytest.mark.parametrize(("edit", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_is_missing_is_named(edit: Edit, message: str) -> None:
    assert message in refusal(MINIMAL, edit)


def test_a_label_set_with_other_classes_is_refused() -> None:
    raw = copy.deepcopy(MINIMAL)
    first_of(raw)["label_set"] = "oath"
    with pytest.raises(ConfigError, match=r"the label set 'oath' has the classes .*: expected kvammen2020"):
        check(raw).label_set("first")


def test_selections_and_labelling_may_come_before_labels() -> None:
    raw = copy.deepcopy(MINIMAL)
    first_of(raw).update(selections="labels/selections.csv", labelling={"every": 5})
    assert check(raw).release == "first"


def test_an_archive_that_is_mostly_unfamiliar_is_told() -> None:
    assert unlike({}) is None
    assert unlike({"bad": 10}) is None
    assert unlike({"classified": 40, "unsure": 10, "unfamiliar": 50, "bad": 100}) is None
    warning = unlike({"classified": 30, "unsure": 10, "unfamiliar": 60, "bad": 900})
    assert warning is not None
    assert warning.startswith("The archive looks unlike what the classifier was trained on: 60 %")


def test_without_labels_there_is_a_reason_for_no_correction() -> None:
    correction = no_correction(CLASSES)
    assert (correction.fits, correction.frames) == ([], 0)
    assert correction.missing == "the release has no labelled frames to fit it to"
