"""The examples do what they say, and the pages for readers are in step with the program and with each other."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import CONFIG, PAPER, ROOT
from test_architecture import FLOORS, PACKAGE

from norrsken import __version__, schemas, tables
from norrsken.catalogue.correction import read_correction
from norrsken.catalogue.export import write_export
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.classes import CONDITIONS
from norrsken.config.config import Config
from norrsken.paper import CLASSES

sys.path.insert(0, str(ROOT / "tools"))
import draw_rulegraph

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/*.md"))


def read_catalogue(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples/read_catalogue.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def varied(catalogued: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results with a catalogue in which every label and condition occurs: one epoch teaches a network nothing."""
    results, random = tmp_path_factory.mktemp("varied") / "results", np.random.default_rng(0)
    shutil.copytree(catalogued / "results/nights", results / "nights")
    shutil.copytree(catalogued / "results/small/catalogue", results / "small/catalogue")
    months = [str(path) for path in sorted(results.glob("small/catalogue/????-??"))]
    for path in tables.night_tables(months):
        rows = tables.read(path, schemas.catalogue_table(CLASSES)).to_pandas()
        n, probabilities = len(rows), random.dirichlet(np.ones(7), len(rows))
        rows["label"] = [PAPER.catalogue_labels[i] for i in random.integers(0, 8, n)]
        rows["condition"] = [CONDITIONS[i] for i in random.choice(4, n, p=[0.7, 0.1, 0.1, 0.1])]
        rows = rows.assign(**{f"p_{name}": probabilities[:, i] for i, name in enumerate(CLASSES)})
        tables.write(path, pa.Table.from_pandas(rows), schemas.catalogue_table(CLASSES), {})
    settings = CONFIG["releases"]["small"] | {"catalogue": {}}
    config = Config.model_validate(CONFIG | {"releases": {"small": settings}})
    classifier = str(results / "small/catalogue/classifier.json")
    write_export(months, classifier, [], config.export_settings("small"), str(results / "small/catalogue/export"))
    return results


@pytest.fixture(params=["as made", "varied"])
def release(request: pytest.FixtureRequest, catalogued: Path, varied: Path) -> Path:
    """The folder of a release: with what the workflow made of it, and with more to see."""
    return (catalogued / "results" if request.param == "as made" else varied) / "small"


def clear_frames(release: Path) -> pa.Table:
    frames = pa.concat_tables(pq.read_table(path) for path in sorted(release.glob("catalogue/*/*.parquet")))
    return frames.filter(pc.equal(frames["condition"].cast(pa.string()), "clear"))


def test_the_example_prints_what_the_tables_hold(release: Path) -> None:
    done = read_catalogue(release)
    night, brightest, *rest = done.stdout.split("\n\n")

    table = pq.read_table(release.parent / "nights/2015-01/2015-01-16.parquet")
    assert night.splitlines()[0].startswith("Frames of the night 2015-01-16 ")
    counted = {status: int(n) for status, n in (line.split() for line in night.splitlines()[1:])}
    assert counted == {
        one["values"]: one["counts"] for one in table["status"].cast(pa.string()).value_counts().to_pylist()
    }
    at = int(tables.images(table["image"]).mean(axis=(1, 2, 3)).argmax())
    assert f" {table['frame_id'][at]}, archived as {table['path'][at]}." in brightest

    clear = clear_frames(release)
    if not len(clear):
        assert (done.returncode, done.stderr[:34]) == (1, "No frame of the catalogue is taken")
        assert rest == [""]
        return
    assert (done.returncode, done.stderr) == (0, "")
    hours, surest, course = rest
    labels = {one["values"]: one["counts"] for one in clear["label"].cast(pa.string()).value_counts().to_pylist()}
    printed = {label: (int(n), float(h)) for label, n, h in (line.split() for line in hours.splitlines()[2:])}
    assert printed == {label: (n, pytest.approx(n / 60, abs=6e-4)) for label, n in labels.items()}  # a frame a minute

    classified = sorted(labels.keys() - {"not_classified"})
    assert len(surest.splitlines()) == 1 + len(classified)
    for name, line in zip(classified, surest.splitlines()[1:], strict=True):
        of_class = clear.filter(pc.equal(clear["label"].cast(pa.string()), name))
        at = int(of_class["confidence"].to_numpy().argmax())
        assert line.startswith(f"{name}: {of_class['frame_id'][at]}, 201")
        assert line.endswith(f", {of_class['confidence'][at].as_py():.3f}, {of_class['mlt'][at].as_py():.1f} h MLT")

    names, _, *rows = course.splitlines()[1:]
    assert names.split() == ["class_name", *CLASSES]
    found = {int(hour): [float(value) for value in values] for hour, *values in map(str.split, rows)}
    of_2015 = clear.filter(pc.equal(pc.year(clear["time"]), 2015)).to_pandas()
    expected = of_2015.groupby(of_2015["mlt"].astype(int))[[f"p_{name}" for name in CLASSES]].mean()
    assert sorted(found) == expected.index.tolist()
    np.testing.assert_allclose(list(found.values()), expected.loc[list(found)], atol=6e-4)


def test_the_examples_hours_are_those_of_the_table_of_occurrence(varied: Path) -> None:
    months = [str(path) for path in sorted(varied.glob("small/catalogue/????-??"))]
    correction = read_correction(varied / "small/catalogue/correction.json")
    occurrence = tabulate_occurrence(months, None, correction, PAPER).query("by == 'all' and frames > 0")
    assert {*occurrence["label"]} >= {*PAPER.catalogue_labels}
    hours = read_catalogue(varied / "small").stdout.split("\n\n")[2]
    for label, frames, seen in zip(occurrence["label"], occurrence["frames"], occurrence["hours"], strict=True):
        if label in PAPER.catalogue_labels:  # not "aurora", which is several of them
            assert re.search(rf"^ *{label} +{frames} +{seen:.3f}$", hours, re.MULTILINE)


def test_the_example_says_what_is_missing(varied: Path, tmp_path: Path) -> None:
    assert f"{tmp_path} has no catalogue" in read_catalogue(tmp_path).stderr
    release = Path(shutil.copytree(varied / "small", tmp_path / "small"))
    assert f"{tmp_path}/nights is not there" in read_catalogue(release).stderr
    shutil.rmtree(release / "catalogue/export")
    done = read_catalogue(release)
    assert "has no NetCDF file" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_citation_and_changelog_name_the_version_of_the_program() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["cff-version"], citation["version"], citation["license"]) == ("1.2.0", __version__, "MIT")
    assert [reference["doi"] for reference in citation["references"]] == ["10.1029/2020JA027808"]
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0] == __version__


def links(page: Path) -> set[Path]:
    """The files that a page links to."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    return {(page.parent / target).resolve() for target in targets if "://" not in target}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not target.exists()] == []


def test_the_index_links_every_page() -> None:
    index = ROOT / "docs/README.md"
    more = ["CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "benchmarks/README.md", "examples/read_catalogue.py"]
    pages = {*ROOT.glob("docs/*.md"), *(ROOT / name for name in more)} - {index}
    assert pages - links(index) == set()


def test_the_architecture_names_every_folder_in_the_order_of_the_floors() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    package = page.split("## The package")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)(?:/|\.py)` \|", package, re.MULTILINE) == list(FLOORS)
    entries = [
        f"{path.name}/" if path.is_dir() else path.name for path in PACKAGE.iterdir() if path.name[0] not in "_."
    ]
    assert [name for name in entries if f"`{name}`" not in package and name != "py.typed"] == []
    assert [name for name in ("workflow/rules", "profiles", "envs", "examples", "tools", "benchmarks", "tests")
            if f"| `{name}/` |" not in page] == []  # fmt: skip


def test_the_picture_of_the_rules_is_that_of_the_workflow() -> None:
    picture = draw_rulegraph.PICTURE.read_text()
    graph = draw_rulegraph.rule_graph()
    boxes, arrows = draw_rulegraph.boxed(draw_rulegraph.without_detours(graph))
    drawn = {html.unescape(title) for title in re.findall(r"<title>(.*?)</title>", picture)}
    expected = {*boxes, *(f"{earlier}->{later}" for earlier, later in arrows)}
    assert {title for title in drawn if not title.startswith(("%", "cluster_"))} == expected, "run: make rulegraph"
    assert {rule for rule in graph if f">{rule}</text>" not in picture} == set()
