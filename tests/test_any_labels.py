"""Releases of other labels than the paper's run from end to end, and a class is divided."""

import ast
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import PAPER, ROOT, Project, write_labels
from filelock import FileLock
from PIL import Image

from norrsken.catalogue.untrained import judge_untrained
from norrsken.config.label_set import parse_label_set, read_label_set
from norrsken.errors import NorrskenError
from norrsken.paper import CLASSES, EXCLUSIONS
from norrsken.simulation.truth import MEASURES, true_labels
from norrsken.tables import label_names

#: Where names of classes may stand; the sets themselves lie beside as YAML.
KNOWS = ("paper.py", "simulation/")

#: Words of the program that are labels of the paper too: module and word, with the reason.
NO_LABELS = {
    ("classify/sky_measures.py", "edge"): "one of what is measured in a frame",
    ("figures/scores.py", "edge"): "how matplotlib aligns bars",
}

#: One aurora, and none: the smallest set that there can be.
TWO = """
title: Aurora or none
classes:
- {name: aurora, title: Aurora, definition: Some aurora., colour: '#009E73', key: a}
- {name: none, title: No aurora, definition: None is seen., colour: '#777777', key: n}
clear_sky: none
"""

#: The file of arcs that people have divided, and what is in it.
DIVIDED = ("arc-single", "arcs-multiple")


def test_no_class_is_known_by_name_outside_its_set() -> None:
    """In string constants of the package; docstrings are for people."""
    known, found = {*CLASSES, *EXCLUSIONS}, set()
    for path in sorted((ROOT / "norrsken").rglob("*.py")):
        module = path.relative_to(ROOT / "norrsken").as_posix()
        if not module.startswith(KNOWS):
            constants = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
            found |= {(module, node.value) for node in constants if node.value in known}
    assert found == set(NO_LABELS)


def with_one_run(project: Project) -> None:
    """One model and one seed are enough to follow labels through the workflow."""
    project.config["models"] = {"3nn": project.config["models"]["3nn"]}
    project.config["seeds"] = [0]


def relabelled(project: Project, label_set: str, names: dict[str, str], **catalogue: Any) -> Project:
    """The project with its frames called otherwise, one model and one seed."""
    for path in project.path("labels").glob("*.csv"):
        rows = list(csv.DictReader(path.open()))
        write_labels(path, [(row["frame_id"], names[row["label"]]) for row in rows])
    project.config["releases"]["small"] |= {"label_set": label_set, "catalogue": {"model": "3nn", **catalogue}}
    with_one_run(project)
    project.save()
    return project


@pytest.fixture(scope="session")
def khonet(fresh: Path, shared: Path) -> Project:
    """The project with the four classes of the Kjell Henriksen Observatory, after a whole run."""
    with FileLock(shared / "khonet.lock"):
        folder = shared / "khonet" / "project"
        if folder.exists():
            return Project(folder)
        clear, cloudy, none, cloud = ("clear-aurora", "cloudy-aurora", "clear-no-aurora", "cloudy-no-aurora")
        names = dict(zip(CLASSES, (clear, clear, clear, cloudy, cloudy, none, cloud), strict=True))
        project = Project(Path(shutil.copytree(fresh, folder)))
        relabelled(project, "khonet", {**names, "unknown": "unclear"}).snakemake("all", "labelling")
    return project


def test_the_four_classes_of_an_observatory_run_from_end_to_end(khonet: Project) -> None:
    label_set, release = read_label_set("khonet"), khonet.path("results/small")
    classes = list(label_set.class_names)
    assert label_names(release / "labelled.parquet") == label_names(release / "dataset.parquet") == label_set.names
    run = json.loads((release / "random/3nn/0/metrics.json").read_text())
    assert list(run["per_class"]) == classes
    assert np.shape(run["confusion"]) == (4, 4)
    assert [
        name for name in pq.read_schema(release / "random/3nn/0/predictions.parquet").names if name[:2] == "p_"
    ] == [f"p_{name}" for name in classes]
    table1 = pd.read_csv(release / "report/table1.csv")
    assert table1.loc[table1["part"] == "label", "name"].tolist() == [*classes, "unclear", "disagreement", "total"]
    for table in ("table1", "table2"):
        assert not [name for name in pd.read_csv(release / f"report/{table}.csv") if "paper" in name]
        assert "Paper" not in (release / f"report/{table}.md").read_text()
    report = (release / "report/index.html").read_text()
    assert "Aurora in four classes after " in report
    assert 'class="paper"' not in report
    assert "Cloudy" in (release / "report/cards/3nn.md").read_text()


def test_what_is_made_of_the_catalogue_follows_the_labels(khonet: Project) -> None:
    catalogue, label_set = khonet.path("results/small/catalogue"), read_label_set("khonet")
    frames = pd.concat(pd.read_parquet(path) for path in catalogue.glob("????-??/*.parquet"))
    assert set(frames["label"].astype(str)) <= {*label_set.catalogue_labels}
    assert len(set(frames["label"])) > 1
    with netCDF4.Dataset(catalogue / "export/catalogue_2014.nc") as dataset:
        assert dataset["label"].flag_meanings.split() == [*label_set.catalogue_labels]
        assert dataset["probability"].shape[1] == 4
        assert dataset["class_name"][:].tolist() == [*label_set.class_names]
    occurrence = pd.read_csv(catalogue / "occurrence.csv").query("by == 'all'").set_index("label")
    clear = frames[frames["condition"] == "clear"]
    judged = ~clear["label"].isin(label_set.hidden_sky)
    assert set(occurrence["frames_observed"]) == {judged.sum()}, "a sky that cannot be judged is not observed"
    assert occurrence.loc["aurora", "frames"] == (clear["label"] == "clear-aurora").sum()
    assert occurrence.loc["cloudy-aurora", "frames"] == 0
    assert set(pd.read_csv(catalogue / "events.csv")["label"]) <= {*label_set.class_names}
    assert pd.read_csv(catalogue / "onsets.csv").empty
    page = (catalogue / "index.html").read_text()
    assert "no onsets" in page


def test_two_classes_run_from_end_to_end(new_project: Project) -> None:
    new_project.path("two.yaml").write_text(TWO)
    names = {name: "none" if name in ("faint", "unknown") else "aurora" for name in (*CLASSES, "unknown")}
    project = relabelled(new_project, "two.yaml", names)
    printed = project.snakemake("all", "labelling")
    assert "told apart" not in printed
    run = json.loads(project.path("results/small/random/3nn/0/metrics.json").read_text())
    assert list(run["per_class"]) == ["aurora", "none"]
    occurrence = pd.read_csv(project.path("results/small/catalogue/occurrence.csv"))
    assert occurrence.query("by == 'all'")["label"].tolist() == ["aurora", "none", "not_classified"]
    assert project.planned() == {}
    # Colours and titles are drawn anew, and nothing else is made again.
    project.path("two.yaml").write_text(TWO.replace("#009E73", "#0072B2").replace("Some aurora.", "Any aurora."))
    assert not {"merge_labels", "train_run", "classify_month", "find_events"} & set(project.planned())
    assert {"draw_confusion", "write_night_pages"} <= set(project.planned())
    # Another class is another data set, and another model.
    project.path("two.yaml").write_text(TWO.replace("name: none", "name: nothing").replace("sky: none", "sky: nothing"))
    assert {"merge_labels", "train_run", "classify_month"} <= set(project.planned())


def test_colours_that_cannot_be_told_apart_are_warned_of(new_project: Project) -> None:
    new_project.path("two.yaml").write_text(TWO.replace("#777777", "#009E70"))
    relabelled(new_project, "two.yaml", dict.fromkeys((*CLASSES, "unknown"), "aurora"))
    assert "The colours of 'aurora' (#009E73) and 'none'" in new_project.snakemake("--dry-run")


def test_a_frozen_release_refuses_other_labels(frozen_project: Project) -> None:
    frozen_project.config["releases"]["small"]["label_set"] = "khonet"
    frozen_project.save()
    printed = frozen_project.snakemake("--dry-run", check=False)
    assert "labelled.parquet: was made with the labels breakup" in printed
    assert "clear-aurora" in printed


def test_a_bad_set_stops_before_any_job(new_project: Project) -> None:
    for label_set, message in (
        ("khonett", "did you mean 'khonet'?"),
        ("own.yaml", "own.yaml: there is no such file; label_set"),
    ):
        new_project.config["releases"]["small"]["label_set"] = label_set
        new_project.save()
        assert message in new_project.snakemake("--dry-run", check=False)


# A class is divided


def divide(project: Project) -> None:
    """A release in which the arcs of the first one are labelled again, and one that uses what is said then."""
    first = project.config["releases"]["small"]
    into = list(DIVIDED)
    project.config["releases"]["arcs"] = first | {
        "label_set": "arcs-single-multiple",
        "relabel": {"arcs": None},
        "labelling": {"repeats": 0.2, "of": {"release": "small", "label": "arcs", "into": into}},
    }
    with_one_run(project)
    project.save()


def page_of(path: Path) -> dict[str, Any]:
    """What the script of a labelling page is given."""
    text = path.read_text()
    return json.JSONDecoder().raw_decode(text[text.index("PAGE = ") + 7 :])[0]  # type: ignore[no-any-return]


def test_a_page_offers_the_frames_of_one_class_and_what_is_said_divides_it(project: Project) -> None:
    divide(project)
    arguments = ("--config", "release=arcs")
    assert project.run("labelling", *arguments) == {"write_labelling_pages": 1, "labelling": 1}
    labelled = pd.read_parquet(project.path("results/small/labelled.parquet"), columns=["frame_id", "label"])
    arcs = labelled.loc[labelled["label"] == "arcs", "frame_id"].tolist()
    anna, bertil = (page_of(project.path(f"results/arcs/labelling/{name}.html")) for name in ("anna", "bertil"))
    for page in (anna, bertil):
        assert [path.split("/")[1] for path in page["frames"]] == arcs
        assert [label["name"] for label in page["labels"]] == [*DIVIDED, *EXCLUSIONS]
        assert all(project.path(f"results/arcs/labelling/frames/{path}.png").exists() for path in page["frames"])
    assert anna["sequence"] != bertil["sequence"]  # in time, and at random
    said = {frame: DIVIDED[i % 2] for i, frame in enumerate(arcs[:-1])}  # one is left out
    for name in ("anna", "bertil"):
        write_labels(project.path(f"divided/{name}.csv"), said.items())
    project.config["releases"]["arcs"]["divided"] = ["divided/anna.csv", "divided/bertil.csv"]
    project.save()
    project.snakemake("report", *arguments)
    again = pd.read_parquet(project.path("results/arcs/labelled.parquet"), columns=["frame_id", "label"])
    merged = again.set_index("frame_id")["label"]
    assert merged[list(said)].to_dict() == said
    others = labelled[labelled["label"].notna() & (labelled["label"] != "arcs")].set_index("frame_id")["label"]
    pd.testing.assert_series_equal(merged[others.index], others)
    assert arcs[-1] not in merged.index
    assert "relabel drops the label" in project.path("results/arcs/report/index.html").read_text()


def test_the_class_that_is_divided_must_be_there(project: Project) -> None:
    divide(project)
    release = project.config["releases"]["arcs"]
    for of, message in (
        ({"release": "smal", "label": "arcs"}, "releases.arcs.labelling.of.release is 'smal'"),
        ({"release": "small", "label": "arcs", "into": ["arcs"]}, "names 'arcs', which is not a label of the set"),
    ):
        release["labelling"]["of"] = of
        project.save()
        assert message in project.snakemake("-n", "labelling", "--config", "release=arcs", check=False)
    release["labelling"]["of"] = {"release": "small", "label": "omega"}
    project.save()
    project.snakemake("labelling", "--config", "release=arcs", check=False)
    log = project.path("results/logs/write_labelling_pages/arcs.log").read_text()
    assert "has no class 'omega'; it has breakup" in log
    project.path("results/small/labelled.parquet").unlink()
    printed = project.snakemake("-n", "labelling", "--config", "release=arcs", check=False)
    assert "snakemake labels --config release=small" in printed


# Sets of others, the simulation


def test_a_published_set_of_others_is_a_release(new_project: Project) -> None:
    random = np.random.default_rng(0)
    folder = new_project.path("oath")
    folder.mkdir()
    rows = ["# Labels of pictures", "", "class2,class6,picNum,label,rotAng"]
    for i in range(90):
        kind = i % 6
        picture = np.clip(random.normal(40 + 30 * kind, 8, (48, 48)), 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{i:05d}.png")
        rows.append(f"{int(kind > 2)},{kind},{i:05d},x,{i}")
    new_project.path("oath.csv").write_text("\n".join(rows) + "\n")
    relabel = dict(enumerate(read_label_set("oath").class_names))
    new_project.config["releases"]["oath"] = {
        "source": "frames",
        "title": "Pictures of others",
        "label_set": "oath",
        "path": "oath",
        "table": "oath.csv",
        "columns": {"path": "picNum", "label": "class6"},
        "file": "{path}.png",
        "relabel": {str(number): name for number, name in relabel.items()},
        "splits": {"random": {"method": "random", "test_share": 0.3}},
    }
    new_project.config["archive"]["root"] = "nowhere"
    with_one_run(new_project)
    new_project.save()
    done = new_project.run("report", "--config", "release=oath")
    assert done["read_pictures"] == 1
    assert not {"ingest_month", "merge_labels", "write_disagreement_page"} & set(done)
    table = pd.read_csv(new_project.path("results/oath/report/table1.csv")).query("part == 'label'")
    assert table.set_index("name")["images"].to_dict() == dict.fromkeys(relabel.values(), 15) | {
        "disagreement": 0,
        "total": 90,
    }
    assert new_project.planned("report", "--config", "release=oath") == {}
    new_project.path("oath.csv").unlink()
    assert "releases.oath.table: there is no 'oath.csv'" in new_project.snakemake(
        "-n", "--config", "release=oath", check=False
    )


def test_a_class_may_be_named_clear(catalogued: Path, tmp_path: Path) -> None:
    assert "clear" in read_label_set("oath").class_names
    folder = catalogued / "results/small"
    table, _ = judge_untrained(
        *(str(folder / name) for name in ("labelled.parquet", "dataset.parquet")),
        *(str(folder / "catalogue" / name) for name in ("classifier.json", "condition.json")),
    )
    assert "clear" in table


def test_the_truth_is_told_in_the_labels_of_a_set_that_can_be_mapped() -> None:
    frames, random = 200, np.random.default_rng(1)
    truth = pd.DataFrame({name: random.random(frames) / 3 for name in MEASURES})
    truth["spoilt"] = random.random(frames) < 0.1
    truth["label"] = random.choice([*CLASSES, *EXCLUSIONS], frames)
    truth.loc[truth["spoilt"], "label"] = "rejected"
    assert true_labels(truth, PAPER).tolist() == truth["label"].tolist()
    khonet = true_labels(truth, read_label_set("khonet"))
    clear = truth["label"].isin([name for name in CLASSES if name != "faint"])
    assert set(khonet[clear]) == {"clear-aurora"}
    assert set(khonet[truth["label"] == "faint"]) == {"clear-no-aurora"}
    cloudy = (truth["label"] == "rejected") & ~truth["spoilt"]
    assert set(khonet[cloudy]) <= {"cloudy-aurora", "cloudy-no-aurora"}
    with pytest.raises(NorrskenError, match="does not say which of its labels stand for what the simulated sky"):
        true_labels(truth, parse_label_set(TWO, "two.yaml"))
