"""The page of a catalogue, in a real browser: its widest table can be read on a small screen."""

from pathlib import Path

import pandas as pd
from conftest import CONFIG, PAPER
from playwright.sync_api import Page

from norrsken.catalogue.correction import Correction, Fit
from norrsken.catalogue.overview import write_overview
from norrsken.classes import AVAILABILITY
from norrsken.classify.classifier_file import (
    AuroraDecision,
    Classifier,
    ClassJudgement,
    Decided,
    Judgement,
    Limit,
    Member,
    Seen,
    Share,
)
from norrsken.classify.condition import shipped, write_condition
from norrsken.config.config import Config
from norrsken.figures.availability import draw_availability
from norrsken.files import write_csv
from norrsken.paper import CLASSES

#: A fit whose numbers the page does not show.
FIT = Fit(weights=[], offsets=[], shares=[])

SETTINGS = Config.model_validate(CONFIG).report_settings("small")


def write_classifier(folder: Path) -> Path:
    """A `classifier.json` with the paper's classes, all counts of which have five digits; its model is not there."""
    share = Share(value=0.9, low=0.85, high=0.95)
    of_class = ClassJudgement(frames=12_345, nights=345, classified=share, precision=share, calibration_error=0.02)
    decided = Decided(frames=12_345, nights=345, yes=share, no=share)
    aurora = AuroraDecision(
        classes=list(PAPER.aurora), clear_sky="faint", slope=1, intercept=0, yes=0.9, no=0.1, fitted_on="validation"
    )
    judged = Judgement(
        frames=18_046, nights=512, precision=share, classified=share, f1=0.7, calibration_error=0.02,
        by_class=dict.fromkeys(CLASSES, of_class), with_aurora=decided, without_aurora=decided,
    )  # fmt: skip
    classifier = Classifier(
        name="random/resnet18", members=[Member(path="model", sha256="")], temperature=1, fitted_on="members",
        asked_precision=0.9, least_confidence=0.5, aurora=aurora, validation=judged, test=judged,
        limits=dict.fromkeys(CLASSES, Limit(confidence=0.55, frames=12_345, nights=345, of="all")),
        seen=Seen(train=[], validation=[], test=[]),
    )  # fmt: skip
    path = folder / "classifier.json"
    path.write_text(classifier.model_dump_json())
    return path


def write_page(folder: Path) -> Path:
    """The page of a catalogue with the paper's labels, all counts of which have five digits."""
    write_classifier(folder)
    model = shipped()
    scores = model.scores | {"release_rejected": 0, "release_clear": 0}
    write_condition(model.model_copy(update={"scores": scores}), folder / "condition.json")
    counts = dict.fromkeys(PAPER.catalogue_labels, 12345)
    row = {"verdict": "agreed", "annotator": "bertil", "frames": 98_765, "clear": 0.9, "sky_clear": 0.9}
    rows = [row | {"given": name, "classified": 0.9, "confidence": 0.8, **counts} for name in PAPER.class_names]
    shares = dict.fromkeys(("share", "low", "high", "estimate", "estimate_low", "estimate_high"), 0.5)
    shares |= {"hours": 12_345.0, "hours_observed": 12_345.0}
    hours = dict.fromkeys((f"hours_{part}" for part in AVAILABILITY), 12_345.0 / len(AVAILABILITY))
    correction = Correction(classes=list(CLASSES), frames=12_345, nights=345, missing=None, fits=[FIT])
    (folder / "correction.json").write_text(correction.model_dump_json())
    tables = {
        "untrained": pd.DataFrame(rows),
        "occurrence": pd.DataFrame({"by": "all", "label": [*PAPER.catalogue_labels, "aurora", "undecided"], **shares}),
        "events": pd.DataFrame(columns=["label", "minutes"]),
        "onsets": pd.DataFrame(columns=["night"]),
        "availability": pd.DataFrame({"night": ["2015-01-12"], "hours_dark": 12_345.0} | hours),
    }
    draw_availability(tables["availability"], 67.8, folder / "availability.png")
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
    shown = {name: str(folder / f"{name}.csv") for name in tables}
    page = folder / "index.html"
    write_overview(
        [], *(str(folder / f"{name}.json") for name in ("classifier", "correction", "condition")), shown, figures={},
        availability_figure=str(folder / "availability.png"), truth=False, settings=SETTINGS, output=str(page),
    )  # fmt: skip
    return page


def test_the_widest_tables_of_the_papers_labels_fit_a_small_screen(tmp_path: Path, page: Page) -> None:
    page.goto(write_page(tmp_path).as_uri())
    of_scores, of_decisions, of_labels, of_shares = page.locator(".scroll").all()
    assert of_scores.locator("tbody tr").count() == 1 + len(PAPER.class_names)
    assert of_labels.locator("thead th").count() == 5 + len(PAPER.catalogue_labels)
    assert of_shares.locator("tbody tr").count() == len(PAPER.catalogue_labels) + 2
    for table in (of_scores, of_decisions, of_labels, of_shares):
        assert table.evaluate("box => box.scrollWidth <= box.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_table_that_does_not_fit_moves_under_its_first_column(tmp_path: Path, page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 800})
    page.goto(write_page(tmp_path).as_uri())
    table = page.locator(".scroll").nth(2)
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")
    table.evaluate("box => { box.scrollLeft = box.scrollWidth }")
    first, last = table.locator("tbody tr").last.locator("td").first, table.locator("thead th").last
    box, edge = first.bounding_box(), last.bounding_box()
    assert box is not None
    assert edge is not None
    assert 0 <= box["x"] < 50
    assert edge["x"] + edge["width"] <= 640
