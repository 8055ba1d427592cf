"""`norrsken classify --follow --tonight`: the page and the JSON of the running night, in a real browser."""

import copy
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import CONFIG, HEIGHT, PAPER, ROOT, WIDTH, jpeg, looking, picture
from playwright.sync_api import Browser, Page

from norrsken import stages
from norrsken.calendar import night_start
from norrsken.classes import NOT_CLASSIFIED
from norrsken.classify.classifier_file import ClassifyError
from norrsken.classify.frames import Frames
from norrsken.classify.shown_classes import COLOURS, ShownClass, shown_classes
from norrsken.classify.tonight import JSON, PAGE, Tonight
from norrsken.classify.tonight_sky import MinuteColumns, Span, axis_span, dark_minutes
from norrsken.classify.verdict import FrameModel
from norrsken.cli import main
from norrsken.config.config import Config
from norrsken.config.observatory import Observatory
from norrsken.config.site import FrameSource
from norrsken.nights.keogram import MINUTES, Keogram
from norrsken.paper import CLASSES

CONFIGURATION = Config.model_validate(CONFIG)
OBSERVATORY = Observatory(site=CONFIGURATION.site, cameras=CONFIGURATION.cameras)
LENS = {"zenith": [131.5, 129.5], "horizon": 125, "projection": "equidistant", "north": 0, "east": "left"}
CAMERA = {"valid_from": "2009-01-01", "width": WIDTH, "height": HEIGHT, "lens": LENS}
EVENING = datetime(2015, 1, 15, 18, tzinfo=UTC)
HOSTILE = "<script>alert(1)<img src=x onerror=alert(2)>"


def shown(folder: Path) -> dict[str, Any]:
    """What the page of a folder is made of."""
    text = (folder / PAGE).read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def told(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / JSON).read_text())
    return data


# Without a browser


def model_of(classes: Sequence[str] = CLASSES, measures: bool = True) -> FrameModel:
    """As much of a model as the page asks for."""
    source = FrameSource(processing=stages.PROCESSING, cameras=CONFIGURATION.cameras)
    about = {"classes": tuple(classes), "digest": "0123456789abcdef" * 4, "source": source, "in_time": False}
    return cast(FrameModel, SimpleNamespace(**about, measures_familiarity=measures))


def tonight_in(folder: Path, observatory: Observatory | None = OBSERVATORY, **about: Any) -> Tonight:
    model = model_of(**about)
    return Tonight(folder, model, observatory, shown_classes(model.classes, None), 30.0)


def table(
    times: Sequence[datetime | None], labels: Sequence[str] = (), conditions: Sequence[str] = (), name: str = ""
) -> pd.DataFrame:
    """What is said of frames, which are arcs under a clear sky where nothing else is given."""
    of = [*labels, *["arcs"] * (len(times) - len(labels))]
    frames = [name or (f"{time:KRN%Y%m%dT%H%M%S}" if time else f"frame{i}.jpg") for i, time in enumerate(times)]
    scores = {f"p_{one}": [0.9 if label == one else 0.1 / 6 for label in of] for one in CLASSES}
    reasons = ["unsure" if label == NOT_CLASSIFIED else "" for label in of]
    skies = [*conditions, *["clear"] * (len(times) - len(conditions))]
    stamps = [pd.NaT if time is None else pd.Timestamp(time) for time in times]
    return pd.DataFrame({"frame": frames, "time": stamps, "label": of, **scores, "condition": skies, "reason": reasons})


def frames_at(times: Sequence[datetime | None], level: int = 100) -> Frames:
    names = list(table(times)["frame"])
    stamps = [pd.NaT if time is None else pd.Timestamp(time) for time in times]
    return Frames(names, stamps, np.full((len(times), 128, 128, 3), level, np.uint8))


def minutes(*numbers: int) -> list[datetime | None]:
    return [EVENING + timedelta(minutes=number) for number in numbers]


def test_frames_stand_in_order_of_their_times_however_they_come(tmp_path: Path) -> None:
    tonight = tonight_in(tmp_path)
    tonight.add(table(minutes(10, 0), ["arcs", "breakup"], ["clear", "cloudy"]))
    tonight.add(table(minutes(5), [NOT_CLASSIFIED]))
    tonight.write()
    data, drawn = told(tmp_path), shown(tmp_path)["drawn"]
    assert np.diff(drawn["times"]).tolist() == [300, 300]
    assert drawn["kinds"] == [CLASSES.index("breakup"), len(CLASSES), CLASSES.index("arcs")]
    assert drawn["conditions"] == [1, 0, 0]
    assert drawn["begin"] + drawn["times"][0] == EVENING.timestamp()
    assert (data["night"], data["frames"], data["last"]["time"]) == ("2015-01-15", 3, "2015-01-15T18:10:00Z")
    assert {name: count for name, count in data["labels"].items() if count} == {
        "arcs": 1,
        "breakup": 1,
        NOT_CLASSIFIED: 1,
    }
    assert data["labels_clear"]["breakup"] == 0
    assert data["conditions"] == {"clear": 2, "cloudy": 1, "bright": 0, "bad": 0}


def test_a_new_night_begins_the_page_anew_and_late_frames_of_the_last_one_do_not_count(tmp_path: Path) -> None:
    tonight, day = tonight_in(tmp_path), 24 * 60
    for night in range(4):
        tonight.see(frames_at(minutes(night * day, night * day + 1)))
        tonight.add(table(minutes(night * day, night * day + 1)))
        tonight.add(table(minutes(night * day - 60 * 10)))  # in the evening of the night before, after its last frame
    tonight.write()
    assert (told(tmp_path)["night"], told(tmp_path)["frames"]) == ("2015-01-18", 2)
    assert len(shown(tmp_path)["drawn"]["times"]) == 2


def test_without_a_configuration_a_night_ends_at_noon_of_ut(tmp_path: Path) -> None:
    noon = datetime(2015, 1, 16, 11, 30, tzinfo=UTC)  # at 20.42° E, the mean Sun has passed the meridian
    for observatory, night in ((None, "2015-01-15"), (OBSERVATORY, "2015-01-16")):
        tonight = tonight_in(tmp_path / night, observatory)
        tonight.add(table([noon]))
        tonight.write()
        assert told(tmp_path / night)["night"] == night
    assert told(tmp_path / "2015-01-15")["site"] is None


def test_frames_without_a_time_are_counted_and_the_last_one_is_shown(tmp_path: Path) -> None:
    tonight = tonight_in(tmp_path)
    tonight.see(frames_at([None, None]))
    tonight.add(table([None, None]))
    tonight.write()
    data = told(tmp_path)
    assert (data["night"], data["frames"], data["without_time"]) == (None, 0, 2)
    assert (data["last"]["frame"], data["last"]["time"]) == ("frame1.jpg", None)
    assert shown(tmp_path)["drawn"] is None
    assert set(shown(tmp_path)["pictures"]) == {"seen"}
    tonight.add(table(minutes(0)))  # once frames have times, one without is not the last one
    tonight.add(table([None]))
    tonight.write()
    assert told(tmp_path)["last"]["time"] == "2015-01-15T18:00:00Z"


def test_a_clock_that_is_wrong_does_not_end_the_night(tmp_path: Path) -> None:
    tonight = tonight_in(tmp_path)
    tonight.see(frames_at([datetime(2099, 1, 1, tzinfo=UTC)]))
    tonight.add(table([datetime(2099, 1, 1, tzinfo=UTC)]))
    tonight.add(table(minutes(0)))
    tonight.write()
    data = told(tmp_path)
    assert (data["night"], data["frames"], data["ahead"]) == ("2015-01-15", 1, 1)


def test_a_model_that_measures_no_condition_says_none(tmp_path: Path) -> None:
    tonight = tonight_in(tmp_path, measures=False)
    tonight.add(table(minutes(0)).drop(columns=["condition", "reason"]))
    tonight.write()
    data = told(tmp_path)
    assert (data["conditions"], data["labels_clear"], data["last"]["condition"]) == (None, None, None)
    assert data["labels"]["arcs"] == 1


def test_the_json_holds_no_folder_of_this_computer(tmp_path: Path) -> None:
    tonight = tonight_in(tmp_path)
    tonight.add(table(minutes(0), name="/home/kalle/incoming/KRN20150115T180000.JPG"))
    tonight.write()
    assert "kalle" not in (tmp_path / JSON).read_text() + (tmp_path / PAGE).read_text()
    assert told(tmp_path)["last"]["frame"] == "KRN20150115T180000.JPG"


def test_neither_file_is_ever_half_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    tonight = tonight_in(tmp_path)
    tonight.write()
    ended, read = threading.Event(), [0]

    def reader() -> None:
        while not ended.is_set():
            assert (tmp_path / PAGE).read_text().endswith("</html>")
            told(tmp_path)
            read[0] += 1

    problems: list[object] = []
    thread = threading.Thread(target=lambda: problems.extend(_raised(reader)))
    thread.start()
    for minute in range(30):
        tonight.see(frames_at(minutes(minute)))
        tonight.add(table(minutes(minute)))
        tonight.write()
    ended.set()
    thread.join()
    assert problems == []
    assert read[0] > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == [PAGE, JSON]


def _raised(call: Callable[[], None]) -> Iterator[object]:
    try:
        call()
    except Exception as error:
        yield error


def test_what_a_killed_program_left_is_hidden_and_cleared_away(tmp_path: Path) -> None:
    for name in (PAGE, JSON):
        (tmp_path / f".part-elsewhere-1@{name}").write_text("half")
    tonight_in(tmp_path).write()
    assert sorted(path.name for path in tmp_path.iterdir()) == [PAGE, JSON]


def test_a_page_without_new_frames_is_not_written_again_but_the_look_is_told(tmp_path: Path) -> None:
    tonight = tonight_in(tmp_path)
    tonight.add(table(minutes(0)))
    tonight.write()
    (tmp_path / PAGE).unlink()
    (tmp_path / JSON).unlink()
    tonight.write()
    assert [path.name for path in tmp_path.iterdir()] == [JSON]


def test_the_keogram_is_that_of_the_night_table_in_whatever_order_frames_come() -> None:
    start = night_start(date(2015, 1, 15), 20.42)
    random = np.random.default_rng(0)
    seconds = np.sort(random.choice(np.arange(3600 * 8, 3600 * 9), 90, replace=False))
    times = round(start.timestamp() * 1000) + seconds.astype(np.int64) * 1000
    images = random.integers(0, 256, (len(times), 128, 128, 3), dtype=np.uint8)
    expected = Keogram(start, times)
    columns = MinuteColumns(round(start.timestamp() * 1000))
    for time, image in zip(times.tolist(), images, strict=True):
        expected.add(time, image)
    for i in random.permutation(len(times)):
        columns.add(int(times[i]), images[i])
    assert np.array_equal(columns.keogram(times, Span(0, MINUTES)), expected.columns)
    assert np.array_equal(columns.keogram(times, Span(400, 500)), expected.columns[:, 400:500])


def test_the_axis_has_the_dark_hours_and_all_frames() -> None:
    start = round(night_start(date(2015, 1, 15), 0.0).timestamp() * 1000)
    assert axis_span(start, np.array([start + 5.5 * 3600_000], np.int64), None) == (300, 660)  # six hours at least
    assert axis_span(start, np.array([start + 5.5 * 3600_000], np.int64), Span(290, 900)) == (240, 900)
    assert axis_span(start, np.array([start, start + 86_399_999], np.int64), Span(290, 900)) == (0, MINUTES)
    site = CONFIGURATION.site
    assert dark_minutes(date(2015, 1, 15), None) is None
    assert dark_minutes(date(2015, 6, 21), site) is None
    assert dark_minutes(date(2100, 1, 1), site) is None
    dark = dark_minutes(date(2015, 1, 15), site)
    assert dark is not None
    # On that day the Sun is 6° below the horizon of Kiruna about 14:10 and 7:05 UT.
    opened = night_start(date(2015, 1, 15), site.longitude)
    assert abs(opened + timedelta(minutes=dark.begin) - datetime(2015, 1, 15, 14, 10, tzinfo=UTC)) < timedelta(
        hours=0.5
    )
    assert abs(opened + timedelta(minutes=dark.end) - datetime(2015, 1, 16, 7, 5, tzinfo=UTC)) < timedelta(hours=0.5)


def test_classes_have_the_colours_of_their_label_set(tmp_path: Path) -> None:
    assert [one.colour for one in shown_classes(CLASSES, None)] == [PAPER.colours[name] for name in CLASSES]
    assert shown_classes(["cloudy", "arc"], None)[0].title == "Cloudy"  # of a set that comes with the program
    unknown = shown_classes(["one", "two"], None)
    assert unknown == [ShownClass("one", "one", COLOURS[0]), ShownClass("two", "two", COLOURS[1])]
    own = {
        "title": "Own",
        "classes": [
            {"name": name, "title": name.title(), "definition": "It is.", "colour": f"#00000{i}", "key": str(i + 1)}
            for i, name in enumerate(("one", "two"))
        ],
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    config = copy.deepcopy(CONFIG)
    config["releases"]["broken"] = {"label_set": str(tmp_path / "none.yaml")}
    config["releases"]["own"] = {"label_set": str(tmp_path / "own.yaml")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    known = shown_classes(["two", "one"], tmp_path / "config.yaml")
    assert known == [ShownClass("two", "Two", "#000001", "It is."), ShownClass("one", "One", "#000000", "It is.")]


def test_rows_that_a_person_has_changed_are_named(tmp_path: Path) -> None:
    csv = tmp_path / "frames.csv"
    tonight = tonight_in(tmp_path / "web")
    rows = table(minutes(0)).assign(familiarity=0.0, model="")
    rows.assign(label="nothing").to_csv(csv, index=False)
    with pytest.raises(ClassifyError, match=r"frames.csv, line 2: not as norrsken classify wrote it"):
        tonight.resume(csv)


# The command


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose camera has whatever behind the time in the names of its files."""
    path = tmp_path_factory.mktemp("observatory") / "config.yaml"
    camera = CAMERA | {"pattern": "KRN{time:%Y%m%dT%H%M%S}{rest}.JPG"}
    path.write_text(yaml.safe_dump({"site": CONFIG["site"] | {"name": HOSTILE}, "cameras": [camera]}))
    return path


def put(folder: Path, time: datetime, seed: int = 0, rest: str = "E") -> Path:
    path = folder / f"KRN{time:%Y%m%dT%H%M%S}{rest}.JPG"
    path.write_bytes(jpeg(picture("arcs", seed)))
    return path


def follow(
    configuration: Path, folder: Path, looks: Sequence[Callable[[], object]], monkeypatch: pytest.MonkeyPatch
) -> int:
    """Follow `folder/in` with the general classifier, and after each look do what `looks` says."""
    arguments = ["--general", "--config", str(configuration), "--csv", str(folder / "frames.csv"), "--follow", "10"]
    with looking(looks, monkeypatch):
        return main(["classify", str(folder / "in"), *arguments, "--tonight", str(folder / "web")])


def test_it_is_for_following_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["classify", "model.skops", str(tmp_path), "--csv", str(tmp_path / "frames.csv")]
    assert main([*arguments, "--tonight", str(tmp_path / "web")]) == 1
    assert "--tonight shows the night while frames come: give --follow, too" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_it_is_imported_where_it_is_not_asked_for(configuration: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    put(tmp_path / "in", EVENING)
    arguments = ["classify", str(tmp_path / "in"), "--general", "--config", str(configuration)]
    code = f"import sys; from norrsken.cli import main; assert main({arguments!r}) == 0; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()
    assert "norrsken.classify.frames" in modules
    unwanted = "norrsken.classify.tonight norrsken.classify.tonight_sky norrsken.classify.shown_classes norrsken.pages"
    assert not {*unwanted.split(), "jinja2"} & {*modules}


def test_the_page_follows_the_night(
    configuration: Path, tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, web = tmp_path / "in", tmp_path / "web"
    folder.mkdir()
    handler = partial(_Quiet, directory=str(web))
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.on("console", lambda message: errors.append(message.text))
    page.clock.install(time=EVENING + timedelta(minutes=3, seconds=40))

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def first() -> None:
            page.goto(f"http://127.0.0.1:{server.server_port}/{PAGE}")
            assert page.inner_text("#label") == "No frame yet"
            assert page.locator("header span").inner_text() == HOSTILE
            page.evaluate("window.loaded = 'once'")
            for minute in (0, 1, 3):
                put(folder, EVENING + timedelta(minutes=minute), minute)
            put(folder, EVENING + timedelta(minutes=2), rest=HOSTILE)

        def second() -> None:
            page.clock.run_for(10_000)
            page.wait_for_function("document.querySelector('#progress').textContent.includes('4 frames')")
            data = told(web)
            assert re.fullmatch(r"last frame 5\d s ago", page.inner_text("#age"))
            assert page.locator("#message").is_hidden()
            titles = PAPER.titles | {"cloudy": "Cloudy", "bright": "Bright"}
            last, row = data["last"], pd.read_csv(tmp_path / "frames.csv").set_index("time").loc["2015-01-15T18:03:00Z"]
            assert (last["label"], last["condition"]) == (row["label"], row["condition"])
            assert page.inner_text("#label") == titles.get(last["condition"], titles[last["label"]])
            assert "2015-01-15 18:03:00 UT" in page.inner_text("#frame figcaption")
            assert page.locator(".sky > svg .strip").get_attribute("aria-label") == (
                "Classes of the night 2015-01-15, 4 frames"
            )
            page.wait_for_function("[...document.images].every((image) => image.naturalWidth > 0)")
            assert page.evaluate("document.querySelector('#frame img').naturalWidth") == 2 * LENS["horizon"] + 1  # type: ignore[operator]
            put(folder, EVENING + timedelta(minutes=4), rest=HOSTILE)  # the last one's name is on the page

        def third() -> None:
            page.clock.run_for(60_000)
            page.wait_for_function("document.querySelector('#progress').textContent.includes('5 frames')")
            assert page.inner_text("#frame figcaption").endswith(f"KRN20150115T180400{HOSTILE}.JPG")
            page.clock.run_for(15 * 60_000)
            assert page.inner_text("#age") == "last frame 15 min ago"
            assert "No new frame for 15 min: this is not the sky of now." in page.inner_text("#message")
            put(folder, EVENING + timedelta(days=1))

        def fourth() -> None:
            page.clock.set_system_time(EVENING + timedelta(days=1, seconds=10))
            page.clock.run_for(10_000)
            page.wait_for_function("document.querySelector('#progress').textContent.includes('2015-01-16, 1 frame')")
            assert page.locator("#message").is_hidden()
            assert "1 frames" in (page.locator(".strip").get_attribute("aria-label") or "")
            assert page.evaluate("window.loaded") == "once"

        assert follow(configuration, tmp_path, [first, second, third, fourth], monkeypatch) == 0
        server.shutdown()
    page.close()
    assert errors == []


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_after_a_restart_the_page_goes_on_where_it_was(
    configuration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    put(tmp_path / "in", EVENING - timedelta(days=1))
    for minute in range(4):
        put(tmp_path / "in", EVENING + timedelta(minutes=minute), minute)
    follow(configuration, tmp_path, [], monkeypatch)
    before, page = told(tmp_path / "web"), shown(tmp_path / "web")
    shutil.rmtree(tmp_path / "web")
    follow(configuration, tmp_path, [], monkeypatch)
    when = {"updated": "", "changed": ""}
    after, again = told(tmp_path / "web"), shown(tmp_path / "web")
    assert after | when == before | when
    assert after["frames"] == 4
    assert again | when == page | when  # with the keogram and the last picture
    for path in (tmp_path / "in").iterdir():  # the pictures are gone: the strip is still there
        path.unlink()
    follow(configuration, tmp_path, [], monkeypatch)
    gone = shown(tmp_path / "web")
    assert gone["pictures"] == {}
    assert {key: gone["drawn"][key] for key in ("times", "kinds")} == {
        key: page["drawn"][key] for key in ("times", "kinds")
    }
    assert gone["drawn"]["keogram"] != page["drawn"]["keogram"]


def test_what_hinders_the_page_does_not_end_the_classifying(
    configuration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    obstacle = tmp_path / "web" / PAGE

    def obstruct() -> None:
        obstacle.unlink()
        (obstacle / "in the way").mkdir(parents=True)
        put(tmp_path / "in", EVENING)

    looks = [obstruct, lambda: shutil.rmtree(obstacle)]
    assert follow(configuration, tmp_path, looks, monkeypatch) == 0
    assert len(pd.read_csv(tmp_path / "frames.csv")) == 1
    said = capsys.readouterr().err
    assert said.count("norrsken: the page of the night is not written: ") == 1
    assert shown(tmp_path / "web")["frames"] == 1


# The page from a file


def write_night(folder: Path, **about: Any) -> None:
    """An evening: half an hour of arcs, a gap of as long, then a quarter of an hour of breakup behind cloud."""
    tonight = tonight_in(folder, **about)
    arcs, breakup = minutes(*range(30)), minutes(*range(60, 75))
    tonight.see(frames_at([*arcs, *breakup]))
    tonight.add(table([*arcs, *breakup], ["arcs"] * 30 + ["breakup"] * 15, ["clear"] * 30 + ["cloudy"] * 15))
    tonight.write()


def test_what_cloud_hides_has_no_class(tmp_path: Path, page: Page) -> None:
    write_night(tmp_path)
    page.clock.install(time=EVENING + timedelta(minutes=75))
    page.goto((tmp_path / PAGE).as_uri())
    assert page.inner_text("#label") == "Cloudy"
    assert page.locator("#frame").is_visible()
    assert page.locator("#seen").is_hidden()  # there is no larger picture, of which it would be a part
    assert "By itself the classifier says: Breakup, 90 %." in page.inner_text("#why")
    arcs, breakup = (f".mark[data-kind='{CLASSES.index(name)}']" for name in ("arcs", "breakup"))
    assert page.locator(breakup).count() == 0
    strip, cloud = page.locator(arcs).first.bounding_box(), page.locator(".strip [fill='url(#cloudy)']").bounding_box()
    assert strip is not None
    assert cloud is not None
    assert cloud["width"] == pytest.approx(strip["width"] / 2, abs=0.5)
    assert cloud["x"] - strip["x"] == pytest.approx(2 * strip["width"], abs=0.5)
    assert page.locator(arcs).first.evaluate("(mark) => getComputedStyle(mark).fill") == "rgb(0, 158, 115)"
    assert page.locator(".legend").inner_text().split("\n") == [
        "Arcs 100 %",
        "of 30 frames under a clear sky",
        "Cloudy: 15 frames",
    ]
    page.mouse.move(strip["x"] + strip["width"] / 2 + 0.1, strip["y"])
    assert page.locator("#tip").inner_text() == "18:15 UT: Arcs, 90 %, clear"
    page.mouse.move(strip["x"] + 1.5 * strip["width"], strip["y"])
    assert page.locator("#tip").inner_text().endswith("no classified frame")


def test_a_page_of_a_file_loads_itself_again(tmp_path: Path, page: Page) -> None:
    write_night(tmp_path)
    page.clock.install(time=EVENING + timedelta(minutes=75))
    page.goto((tmp_path / PAGE).as_uri())
    assert "45 frames" in page.inner_text("#progress")
    tonight = tonight_in(tmp_path)
    tonight.add(table(minutes(76)))
    tonight.write()
    page.clock.run_for(31_000)
    page.wait_for_function("document.querySelector('#progress').textContent.includes('1 frame')")


@pytest.mark.parametrize("measures", [True, False])
def test_it_fits_a_phone(tmp_path: Path, page: Page, measures: bool) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    write_night(tmp_path, measures=measures)
    page.goto((tmp_path / PAGE).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    svg = page.locator(".sky > svg").bounding_box()
    assert svg is not None
    sizes = page.locator(".sky text").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().height)")
    assert min(sizes) > 9
    lefts = page.locator(".sky text").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().left)")
    assert min(lefts) >= svg["x"]
    assert "No new frame for" in page.inner_text("#message")  # of years


def test_frames_without_a_class_and_those_without_a_time_say_why(tmp_path: Path, page: Page) -> None:
    tonight = tonight_in(tmp_path)
    tonight.add(table([None], [NOT_CLASSIFIED]))
    tonight.write()
    page.goto((tmp_path / PAGE).as_uri())
    assert page.inner_text("#label") == "Not classified"
    assert page.inner_text("#why").startswith("The classifier is not sure enough. Most probable: ")
    assert page.inner_text("#progress") == "1 frame without a time in its name, which is not drawn"
    assert page.locator(".night").is_hidden()


def test_the_documentation_tells_each_key(tmp_path: Path) -> None:
    write_night(tmp_path)
    data = told(tmp_path)
    keys = [*data, *(f"last.{key}" for key in data["last"])]
    text = (ROOT / "docs/catalogue.md").read_text().split("`tonight.json` has these keys.")[1]
    assert sorted(re.findall(r"^\| `([a-z_.]+)`", text, re.MULTILINE)) == sorted(keys)
