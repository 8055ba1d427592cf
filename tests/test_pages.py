"""The pages for people, in a real browser: Debian's Chromium, driven by Playwright, from file://."""

import csv
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from conftest import CHROMIUM, CONFIG, PAPER, Project
from playwright.sync_api import BrowserContext, Page, sync_playwright

from norrsken import schemas, tables
from norrsken.config.config import Config
from norrsken.curation.keograms import write_keogram_page
from norrsken.curation.labelling import write_labelling_pages
from norrsken.dataset.sample import read_drawn
from norrsken.dataset.selections import read_selections
from norrsken.paper import CLASSES

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser here: chromium not found (Debian: chromium)")


class Person:
    """Somebody with a browser that remembers. errors: what its console said."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        self.errors: list[str] = []
        self.running = True
        self.playwright = sync_playwright().start()
        self.context: BrowserContext = self.playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=["--no-sandbox"], viewport={"width": 1280, "height": 800}
        )

    def open(self, path: Path, ready: str = "#progress") -> Page:
        """Open a page; it is ready when an element has text."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        page.goto(path.as_uri())
        page.wait_for_function(f"document.querySelector('{ready}').textContent !== ''")  # what was kept is there
        return page

    def close(self) -> None:
        self.context.close()
        self.stop()

    def crash(self) -> None:
        """The browser is killed when its pages say that all is kept, with no time to write anything more."""
        for page in self.context.pages:
            page.wait_for_function("document.getElementById('progress')?.ariaBusy !== 'true'")
        subprocess.run(["pkill", "--signal", "KILL", "--full", str(self.profile)], check=True)
        self.stop()

    def stop(self) -> None:
        if self.running:
            self.playwright.stop()
        self.running = False


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Callable[[str], Person]]:
    """Starts the browser of somebody by their name; the same name later has what was kept."""
    people: list[Person] = []

    def start(name: str) -> Person:
        people.append(Person(tmp_path / "profiles" / name))
        return people[-1]

    yield start
    for one in people:
        one.stop()
    assert [error for one in people for error in one.errors] == []


def exported(page: Page, path: Path) -> list[dict[str, str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with page.expect_download() as download:
        page.click("#export")
    download.value.save_as(path)
    with path.open() as file:
        return list(csv.DictReader(file))


def drag(page: Page, night: int, start: float, end: float) -> None:
    """From one share of a keogram's width to another."""
    page.locator(".night").nth(night).scroll_into_view_if_needed()
    box = page.locator(".night").nth(night).locator(".sky").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 3
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=4)
    page.mouse.up()


def test_times_are_chosen_from_keograms_and_shape_the_release(
    project: Project, person: Callable[[str], Person], tmp_path: Path
) -> None:
    anna = person("anna")
    page = anna.open(project.path("results/curation/keograms.html"))
    assert page.locator(".night").count() == 4
    drag(page, 0, 0.3, 0.5)
    assert "say who you are" in page.inner_text("#message")
    page.fill("#annotator", "anna")
    page.keyboard.press("Enter")
    drag(page, 0, 0.3, 0.5)  # 18:13 to 23:00
    assert page.locator(".span").count() == 1
    page.keyboard.press("ArrowDown")
    page.keyboard.press("n")
    assert "2 of 4 nights looked at" in page.inner_text("#progress")
    page.keyboard.press("u")
    assert "1 of 4 nights looked at" in page.inner_text("#progress")
    page.keyboard.press("n")
    for key in ("Space", "Shift+ArrowLeft", "Space", "ArrowRight", "Space"):  # by keyboard: from the night's middle
        page.keyboard.press(key)
    assert "3 of 4 nights looked at" in page.inner_text("#progress")
    rows = exported(page, project.path("labels/selections.csv"))
    assert [(row["night"], bool(row["start"]), row["annotator"]) for row in rows] == [
        ("2014-12-20", True, "anna"), ("2014-12-31", False, "anna"), ("2015-01-15", True, "anna")
    ]  # fmt: skip
    assert len(read_selections(project.path("labels/selections.csv"), 20.42).nights) == 3
    anna.crash()

    again = person("anna")
    assert "3 of 4" in again.open(project.path("results/curation/keograms.html")).inner_text("#progress")
    again.close()

    project.config["releases"]["small"] |= {"selections": "labels/selections.csv", "labelling": {"repeats": 0}}
    project.save()
    (start, end) = (rows[0][key] for key in ("start", "end"))
    project.run("labelling", "results/small/labelled.parquet")
    shown = {path.stem for path in project.path("results/small/labelling/frames").rglob("*.png")}
    kept = pd.concat(
        tables.read_without_images(path) for path in project.path("results/nights/2014-12").glob("*.parquet")
    )
    kept = kept[(kept["status"] == "kept") & (kept["time"] >= start) & (kept["time"] < end)]
    assert shown == set(kept["frame_id"])
    labelled = project.path("results/small/labelled.parquet")
    assert set(tables.read_without_images(labelled)["frame_id"]) == shown
    assert tables.left_out(labelled)["not selected"] > 50


def test_imports_of_selections_are_checked_row_by_row(
    project: Project, person: Callable[[str], Person], tmp_path: Path
) -> None:
    anna = person("anna")
    page = anna.open(project.path("results/curation/keograms.html"))
    page.fill("#annotator", "anna")
    page.keyboard.press("Enter")
    rows = [
        "2014-12-20,2014-12-20T18:00:00Z,2014-12-20T20:00:00Z,anna",
        "2014-12-31,,,anna",
        "2015-01-15,2015-01-15T20:00:00Z,2015-01-15T18:00:00Z,anna",
        "2015-01-16,2015-01-20T20:00:00Z,2015-01-20T21:00:00Z,anna",
        "2013-01-16,,,anna",
        "2014-12-20,2014-12-20T19:00:00Z,2014-12-20T21:00:00Z,anna",
        "2015-01-16,2015-01-16T20:00:00Z,2015-01-16T21:00:00Z,<img src=x onerror=alert(1)>",
    ]
    (tmp_path / "mixed.csv").write_text("night,start,end,annotator\n" + "\n".join(rows) + "\n")
    page.set_input_files("#file", tmp_path / "mixed.csv")
    page.wait_for_selector("text=2 nights taken")
    message = page.inner_text("#message")
    for row, why in ((4, "not after its start"), (5, "not in that night"), (6, "no night 2013-01-16"), (7, "overlaps")):
        assert f"row {row}: " in message
        assert why in message
    assert "<img src=x onerror=alert(1)>" in message
    assert [row["night"] for row in exported(page, tmp_path / "out.csv")] == ["2014-12-20", "2014-12-31"]
    page.set_input_files("#file", {"name": "other.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"})
    page.wait_for_selector("text=the column night is missing")
    anna.close()


def test_the_pages_escape_what_they_show(project: Project, person: Callable[[str], Person]) -> None:
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    config = Config.model_validate({**CONFIG, "site": {**CONFIG["site"], "name": hostile}})
    path = project.path("results/curation/hostile.html")
    months = [str(folder) for folder in project.path("results/nights").iterdir()]
    keograms = [str(folder) for folder in project.path("results/keograms").iterdir()]
    write_keogram_page(months, keograms, config.keogram_page_settings(), str(path))
    anna = person("anna")
    page = anna.open(path)
    assert hostile in page.inner_text("h1")
    assert page.locator(".night").count() == 4
    anna.close()


@pytest.fixture
def labelling(project: Project) -> Project:
    """A project with labelling pages."""
    project.config["releases"]["small"]["labelling"] = {"repeats": 0.1}
    project.save()
    project.run("labelling")
    return project


def press(page: Page, key: str) -> None:
    """Press a key and wait until the page has another frame."""
    before = page.get_attribute("#image", "src")
    page.keyboard.press(key)
    page.wait_for_function("(before) => document.getElementById('image').getAttribute('src') !== before", arg=before)


def shown(page: Page) -> str:
    return Path(page.get_attribute("#image", "src") or "").stem


def test_twenty_frames_by_keyboard_with_a_crash_in_the_middle(
    labelling: Project, person: Callable[[str], Person], tmp_path: Path
) -> None:
    path = labelling.path("results/small/labelling/bertil.html")
    bertil = person("bertil")
    page, seen = bertil.open(path), []
    for i in range(9):
        seen.append((shown(page), PAPER.names.labels[i]))
        press(page, str(i + 1))
    bertil.crash()

    bertil = person("bertil")
    page = bertil.open(path)
    assert "9 of " in page.inner_text("#progress")
    for i in range(9):
        seen.append((shown(page), PAPER.names.labels[i]))
        press(page, str(i + 1))
    press(page, "ArrowLeft")  # back: another label for the last one
    assert shown(page) == seen[-1][0]
    assert page.locator("#labels .given").get_attribute("value") == "rejected"
    seen[-1] = (shown(page), "arcs")
    press(page, "3")
    skipped = shown(page)
    press(page, "s")
    assert "1 skipped" in page.inner_text("#progress")
    page.keyboard.press("p")
    page.keyboard.press("1")  # nothing happens in a pause
    assert not page.locator("#image").is_visible()
    page.keyboard.press("p")
    page.keyboard.down("c")
    page.wait_for_selector("#context figure")
    page.keyboard.up("c")
    seen.append((shown(page), PAPER.names.labels[0]))
    press(page, "1")
    watched = shown(page)
    page.focus("#labels button")  # as after a click on it: the space bar must not press it
    page.keyboard.down(" ")  # a film of the minutes before and after
    page.keyboard.down(" ")  # held down, the key repeats itself
    page.wait_for_selector("#film")
    times = set()
    while len(times) < 4:
        times.add(page.inner_text("#film"))
    assert any(time.endswith(" min") for time in times)
    page.keyboard.up(" ")
    assert shown(page) == watched
    assert not page.locator("#film").is_visible()
    seen.append((watched, PAPER.names.labels[1]))
    press(page, "2")
    assert skipped not in [frame for frame, _ in seen[-2:]]
    rows = exported(page, tmp_path / "bertil.csv")
    assert [(row["frame_id"], row["label"]) for row in rows] == seen
    assert [int(row["order"]) for row in rows] == list(range(1, 21))
    assert [int(row["session"]) for row in rows] == [1] * 9 + [2] * 11
    assert [int(row["context"]) for row in rows] == [0] * 18 + [1, 1]
    assert all(float(row["seconds"]) > 0 for row in rows)
    while page.locator("#frame").is_visible():
        page.keyboard.press("8")
    rows = exported(page, tmp_path / "bertil.csv")
    frames = [row["frame_id"] for row in rows if row["repeat"] == "0"]
    assert len(set(frames)) == len(frames) == len(list(labelling.path("results/small/labelling/frames").rglob("*.png")))
    repeated = [row["frame_id"] for row in rows if row["repeat"] == "1"]
    assert set(repeated) < set(frames)
    assert len(repeated) == 11
    bertil.close()

    carla = person("carla")  # the same table on another computer, some of it damaged
    page = carla.open(path)
    lines = (tmp_path / "bertil.csv").read_text().splitlines()
    lines[2] = lines[2].replace("colored", "blue")
    lines[3] = lines[3].replace("KRN", "XXX")
    lines.append(lines[5])
    (tmp_path / "damaged.csv").write_text("\n".join(lines))
    page.set_input_files("#file", tmp_path / "damaged.csv")
    page.wait_for_selector(f"text={len(rows) - 2} labels taken")
    for part in ("row 3: the label blue", "row 4: XXX", "stands twice"):
        assert part in page.inner_text("#message")
    assert {shown(page)} <= {rows[1]["frame_id"], rows[2]["frame_id"]}
    assert len(exported(page, tmp_path / "carla.csv")) == len(rows) - 2
    carla.close()


def test_the_export_of_a_sample_says_how_each_frame_was_drawn(
    project: Project, person: Callable[[str], Person], tmp_path: Path
) -> None:
    kept = tables.read(project.path("results/nights/2015-01/2015-01-15.parquet"), schemas.NIGHT_TABLE).slice(0, 6)
    how = {"probability": [0.5, 0.125, 1.0] * 2, "part": ["time", "balanced"] * 3}
    sample = kept.select(["frame_id", "time", "night"])
    for name, values in how.items():
        sample = sample.append_column(name, [values])
    tables.write(tmp_path / "sample.parquet", sample, schemas.SAMPLE_TABLE, {})
    settings = Config.model_validate(CONFIG).labelling_settings("small")
    months, pages = [str(project.path("results/nights/2015-01"))], project.path("pages")
    write_labelling_pages(months, None, None, settings, str(pages), str(tmp_path / "sample.parquet"))
    anna = person("anna")
    page = anna.open(pages / "anna.html")
    while page.locator("#frame").is_visible():
        assert "balanced" not in page.inner_text("body")
        page.keyboard.press("3")
    rows = exported(page, tmp_path / "anna.csv")
    expected = dict(zip(sample["frame_id"].to_pylist(), zip(*how.values(), strict=True), strict=True))
    assert {row["frame_id"]: (float(row["probability"]), row["part"]) for row in rows} == expected
    assert read_drawn([str(tmp_path / "anna.csv")]) == expected

    # A frame that a new draw leaves out keeps its label, and stands for nothing.
    tables.write(tmp_path / "sample.parquet", sample.slice(1), schemas.SAMPLE_TABLE, {})
    write_labelling_pages(months, None, None, settings, str(pages), str(tmp_path / "sample.parquet"))
    rows = exported(anna.open(pages / "anna.html"), tmp_path / "anna.csv")
    assert (rows[0]["label"], rows[0]["probability"], rows[0]["part"]) == ("arcs", "", "")
    assert len(read_drawn([str(tmp_path / "anna.csv")])) == 5
    anna.close()


def test_two_annotators_come_to_table_1_and_settle_what_they_disagree_on(
    labelling: Project, person: Callable[[str], Person]
) -> None:
    """One labels frames by what they show, the other one takes every arc for a patch."""
    truth = pd.read_csv(labelling.path("labels/anna.csv")).set_index("frame_id")["label"]
    for name in ("anna", "bertil"):
        annotator = person(name)
        page = annotator.open(labelling.path(f"results/small/labelling/{name}.html"))
        while page.locator("#frame").is_visible():
            label = truth[shown(page)]
            page.keyboard.press(
                str(1 + PAPER.names.labels.index("patchy" if (name, label) == ("bertil", "arcs") else label))
            )
        exported(page, labelling.path(f"labels/{name}.csv"))
        annotator.close()
    tables_now = [pd.read_csv(labelling.path(f"labels/{name}.csv")) for name in ("anna", "bertil")]
    one, other = (table[table["repeat"] == 0]["frame_id"].tolist() for table in tables_now)
    assert one == sorted(other) != other  # one in order of time, the other at random
    targets = [f"results/small/{name}" for name in ("report/table1.csv", "disagreements", "report/figures/course.png")]
    labelling.run(*targets)
    table1 = pd.read_csv(labelling.path("results/small/report/table1.csv"))
    counts = table1[table1["part"] == "label"].set_index("name")["images"]
    frames = {path.stem for path in labelling.path("results/small/labelling/frames").rglob("*.png")}
    expected = truth[sorted(frames)].value_counts()
    assert counts["disagreement"] == expected["arcs"]
    assert {name: counts[name] for name in CLASSES if name != "arcs"} == {
        name: expected[name] for name in CLASSES if name != "arcs"
    }
    consistency = pd.read_csv(labelling.path("results/small/report/consistency.csv"))
    assert consistency["annotator"].tolist() == ["anna", "bertil"]
    assert (consistency["agreement"] == 1).all()
    assert (consistency["frames"] == 11).all()

    anna = person("anna")
    page = anna.open(labelling.path("results/small/disagreements/index.html"))
    assert page.inner_text("h2").startswith("anna: Arcs, bertil: Patchy")
    page.locator(".frame").first.click()
    page.keyboard.press("3")
    page.keyboard.press("9")
    page.keyboard.press("3")
    page.keyboard.press("u")
    assert f"2 of {expected['arcs']} settled" in page.inner_text("#progress")
    settled = exported(page, labelling.path("labels/adjudicated.csv"))
    assert [row["label"] for row in settled] == ["arcs", "rejected"]
    anna.close()
    labelling.config["releases"]["small"]["adjudicated"] = "labels/adjudicated.csv"
    labelling.save()
    with labelling.path("labels/adjudicated.csv").open("a") as table:
        table.write("KRN19990101T000000,edge\n")  # of another year, from an earlier page
    labelling.run(*targets)
    labelled = tables.read_without_images(labelling.path("results/small/labelled.parquet"))
    assert labelled.set_index("frame_id").loc[settled[0]["frame_id"], ["verdict", "label"]].tolist() == [
        "adjudicated",
        "arcs",
    ]
    assert labelled["verdict"].value_counts()["rejected"] == 1
    anna = person("somebody else")
    page = anna.open(labelling.path("results/small/disagreements/index.html"))
    assert f"2 of {expected['arcs']} settled" in page.inner_text("#progress")
    # What this page does not show is exported all the same.
    again = exported(page, labelling.path("labels/adjudicated.csv"))
    rows = {row["frame_id"]: row["label"] for row in again}
    assert rows == {row["frame_id"]: row["label"] for row in settled} | {"KRN19990101T000000": "edge"}
    anna.close()


def test_a_page_made_anew_leaves_what_was_labelled_as_it_is(
    labelling: Project, person: Callable[[str], Person]
) -> None:
    anna = person("anna")
    page = anna.open(labelling.path("results/small/labelling/anna.html"))
    frame = shown(page)
    press(page, "7")
    anna.close()
    labelling.config["releases"]["small"]["labelling"]["every"] = 3
    labelling.save()
    labelling.run("labelling")
    anna = person("anna")
    page = anna.open(labelling.path("results/small/labelling/anna.html"))
    assert "labelled" in page.inner_text("#progress")
    rows = exported(page, labelling.path("labels/new.csv"))
    assert [(row["frame_id"], row["label"]) for row in rows] == [(frame, "faint")]
    anna.close()


def test_the_report_opens_without_a_network_and_shows_all_its_pictures(
    project: Project, person: Callable[[str], Person]
) -> None:
    reader = person("reader")
    reader.context.set_offline(True)
    page = reader.open(project.path("results/small/report/index.html"), ready="h1")
    pictures = page.evaluate("[...document.images].map((image) => image.complete && image.naturalWidth > 0)")
    assert len(pictures) > 15
    assert all(pictures)
    # Nothing but tables that scroll by themselves is wider than the page.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    named = set(re.findall(r"<code>(results/[^<]+\.(?:csv|json))</code>", page.content()))
    expected = {"table1.csv", "table2.csv", "frames.csv", "agreement.csv", "resources.csv", "summary.json"}
    assert {Path(name).name for name in named} == expected
    assert all(project.path(name).exists() for name in named)
    reader.close()


def test_the_page_of_the_catalogue_shows_all_its_pictures(catalogued: Path, person: Callable[[str], Person]) -> None:
    reader = person("reader")
    reader.context.set_offline(True)
    page = reader.open(catalogued / "results/small/catalogue/index.html", ready="h1")
    pictures = page.evaluate("[...document.images].map((image) => image.complete && image.naturalWidth > 0)")
    assert len(pictures) == 5  # availability; occurrence by hour, magnetic local time, month, year
    assert all(pictures)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.click("text=Each night at a glance")
    page.wait_for_function("document.title.includes('Nights')")


def test_conditions_are_labelled_with_a_key_each(project: Project, person: Callable[[str], Person]) -> None:
    project.config["conditions"] = {"frames": 12}
    project.save()
    assert project.run("conditions") == {"write_condition_page": 1, "conditions": 1}
    path = project.path("results/curation/conditions/index.html")
    anna = person("anna")
    page = anna.open(path)
    assert page.inner_text("h1") == "Condition of the sky, KRN"
    buttons = page.locator("#labels button")
    assert [text.split("\n")[0] for text in buttons.all_inner_texts()] == ["C Clear", "O Cloudy", "B Bright", "X Bad"]
    boxes = [button.bounding_box() for button in buttons.all()]
    assert all(box is not None and box["width"] > 280 for box in boxes)  # the four fill the width
    page.keyboard.press("?")
    assert "bad goes before all others" in page.inner_text("#help")
    assert "before and after" not in page.inner_text("#help")
    page.keyboard.press("Escape")
    said = []
    for key, label in (("c", "clear"), ("o", "cloudy"), ("b", "bright"), ("x", "bad")):
        said.append((shown(page), label))
        press(page, key)
    anna.crash()

    anna = person("anna")
    page = anna.open(path)
    assert "4 of 12 labelled" in page.inner_text("#progress")
    table = project.path("labels/conditions.csv")
    assert [(row["frame_id"], row["label"]) for row in exported(page, table)] == said
    while page.locator("#frame").is_visible():
        page.keyboard.press("c")
    assert "put the file into labels/" in page.inner_text("#message")
    assert len({row["frame_id"] for row in exported(page, table)}) == 12
    anna.close()
    project.config["conditions"]["table"] = "labels/conditions.csv"
    project.config["conditions"]["frames"] = 6
    project.save()
    project.run("conditions")
    assert len(list(path.parent.glob("frames/*/*.png"))) == 12  # what has a label stays
