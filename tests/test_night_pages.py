"""The pages of nights, in a real browser: Debian's Chromium, driven by Playwright, from file://."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, PAPER
from PIL import Image
from playwright.sync_api import Locator, Page

from norrsken import schemas, tables
from norrsken.calendar import night_start
from norrsken.catalogue.night_pages import write_night_pages
from norrsken.config.jobs import NightPageSettings
from norrsken.nights.keogram import LAYOUT, Keogram
from norrsken.nights.keogram_axis import axis_of
from norrsken.paper import CLASSES

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
SETTINGS = NightPageSettings(site=CONFIG["site"] | {"name": HOSTILE}, filter={}, label_set=PAPER)

#: Half an hour of arcs, a gap of half an hour, then of twenty minutes each: patches, cloud, and what has no class.
FIRST = date(2014, 12, 20)
SPELLS = [(0, 30, "arcs", "clear"), (60, 80, "patchy", "clear"), (80, 100, "breakup", "cloudy"),
          (100, 120, "not_classified", "clear")]  # fmt: skip
EVENING = datetime(2014, 12, 20, 18, tzinfo=UTC)
EVENT_COLUMNS = ["night", "label", "start", "end", "minutes", "peak_time", "peak_frame"]


def frame_of(minute: int) -> str:
    return f"KRN{EVENING + timedelta(minutes=minute):%Y%m%dT%H%M%S}"


def events(path: Path, rows: list[tuple[str, int, int]]) -> str:
    """Events of the first night as class, first and last minute; the peak is the first frame."""
    table = [
        [FIRST, label, *(f"{EVENING + timedelta(minutes=m):%FT%TZ}" for m in (a, b)), b - a,
         f"{EVENING + timedelta(minutes=a):%FT%TZ}", frame_of(a)]
        for label, a, b in rows
    ]  # fmt: skip
    pd.DataFrame(table, columns=EVENT_COLUMNS).to_csv(path, index=False)
    return str(path)


def write(path: Path, schema: pa.Schema, columns: dict[str, Any]) -> None:
    """Write a table; numbers that are not given are 0."""
    n = len(columns["frame_id"])
    filled = {
        f.name: columns.get(
            f.name, [0 if pa.types.is_primitive(f.type) else [] if pa.types.is_list(f.type) else ""] * n
        )
        for f in schema
    }
    tables.write(path, pa.table(filled).cast(schema), schema, {})


@pytest.fixture
def archive(tmp_path: Path) -> dict[str, list[str]]:
    """Three nights of two months: one with aurora, one without a keogram, one without a catalogue."""
    minutes = [m for a, b, *_ in SPELLS for m in range(a, b)]
    labels = [label for a, b, label, _ in SPELLS for _ in range(a, b)]
    conditions = [condition for a, b, _, condition in SPELLS for _ in range(a, b)]
    ids, times = [frame_of(m) for m in minutes], [EVENING + timedelta(minutes=m) for m in minutes]
    images = [np.full(schemas.IMAGE_SHAPE, m, np.uint8).tobytes() for m in minutes]
    common = {"frame_id": ids, "time": times, "night": [FIRST] * len(ids)}
    write(
        tmp_path / "nights/2014-12/2014-12-20.parquet",
        schemas.NIGHT_TABLE,
        {
            name: [*values, *more]
            for (name, values), more in zip(
                {**common, "status": ["kept"] * len(ids), "image": images}.items(),
                [[frame_of(200)], [EVENING + timedelta(minutes=200)], [FIRST], ["moon"], [None]],
                strict=True,
            )
        },
    )
    mlt, confidence = [23.5] * len(ids), [0.5 + m / 240 for m in minutes]
    write(
        tmp_path / "catalogue/2014-12/2014-12-20.parquet",
        schemas.catalogue_table(CLASSES),
        {**common, "label": labels, "condition": conditions, "confidence": confidence, "mlt": mlt},
    )
    write(tmp_path / "catalogue/2014-12/2014-12-21.parquet", schemas.catalogue_table(CLASSES), {"frame_id": []})
    (tmp_path / "catalogue/2015-01").mkdir()
    for night in (date(2014, 12, 21), date(2015, 1, 16)):
        path = tmp_path / f"nights/{night:%Y-%m}/{night}.parquet"
        write(path, schemas.NIGHT_TABLE, {"frame_id": []})
    for night in (FIRST, date(2015, 1, 16)):
        start = night_start(night, CONFIG["site"]["longitude"])
        keogram = Keogram(start, np.empty(0, np.int64))
        path = tmp_path / f"keograms/{night:%Y-%m}/{night}.png"
        path.parent.mkdir(parents=True)
        keogram.save(path)
    return {
        name: [str(path) for path in sorted((tmp_path / name).iterdir())]
        for name in ("catalogue", "nights", "keograms")
    }


@pytest.fixture
def pages(archive: dict[str, list[str]], tmp_path: Path) -> Path:
    """The pages, moved away from the archive."""
    table = events(tmp_path / "events.csv", [("arcs", 3, 28), ("patchy", 62, 79)])
    write_night_pages(**archive, events=table, lost=[], settings=SETTINGS, output=str(tmp_path / "pages"))
    return (tmp_path / "pages").rename(tmp_path / "elsewhere")


def box(element: Locator) -> dict[str, float]:
    found = element.bounding_box()
    assert found is not None
    return dict(found)


def test_the_calendar_leads_to_each_night(pages: Path, page: Page) -> None:
    page.goto((pages / "index.html").as_uri())
    assert page.locator("h1").inner_text() == f"Nights of {HOSTILE}"
    assert page.locator("h2").all_inner_texts() == [
        "2014 1 night, 1 h observed; aurora 71 %",
        "2015 0 nights, 0 h observed",
    ]
    days = page.locator(".day")
    assert [day.get_attribute("title") for day in days.all()] == [
        "2014-12-20: 1.2 h observed: Arcs 43 %, Patchy 29 %, Not classified 29 %",
        "2014-12-21: no clear sky; 0 of 0 frames kept",
        "2015-01-16: no clear sky; 0 of 0 frames kept",
    ]
    assert "arcs" in (days.nth(0).get_attribute("class") or "")
    days.nth(1).click()
    assert page.url.endswith("2014-12.html#2014-12-21")
    assert 0 <= box(page.locator("[id='2014-12-21'] h2"))["y"] < 800


def test_a_night_is_drawn_on_the_axis_of_its_keogram(pages: Path, page: Page) -> None:
    page.goto((pages / "2014-12.html").as_uri())
    night = page.locator(".night").first
    assert "Arcs 43 %" in night.locator("h2").inner_text()
    assert "90 of 91 frames kept" in night.locator("h2").inner_text()
    picture, svg = box(night.locator(".sky img")), box(night.locator(".sky > svg"))
    assert (picture["x"], picture["width"]) == pytest.approx((svg["x"], svg["width"]), abs=0.01)
    scale = picture["width"] / LAYOUT["width"]
    start = night_start(FIRST, CONFIG["site"]["longitude"])

    def of_axis(minute: int) -> float:
        since = (EVENING - start) / timedelta(minutes=1) + minute
        return picture["x"] + (LAYOUT["left"] + since) * scale

    for name, (a, b) in {"arcs": (0, 30), "patchy": (60, 80), "not_classified": (100, 120)}.items():
        mark = box(night.locator(f".mark.k-{name}").first)
        assert (mark["x"], mark["x"] + mark["width"]) == pytest.approx((of_axis(a), of_axis(b)), abs=0.5)
    # What was not to be seen through cloud has no class.
    assert night.locator(".mark.k-breakup").count() == 0
    cloud = box(night.locator(".strip [fill='url(#cloudy)']"))
    assert cloud["x"] == pytest.approx(of_axis(80), abs=0.5)
    # A line of the confidence for each time without a gap or cloud: three.
    assert (night.locator(".confidence").get_attribute("d") or "").count("M") == 3
    assert "90 frames" in (night.locator(".strip").get_attribute("aria-label") or "")

    for minute, said in ((10, "18:10 UT: Arcs, 54 %, clear"), (45, "18:45 UT: no classified frame"),
                         (90, "19:30 UT: Breakup, 88 %, cloudy")):  # fmt: skip
        page.mouse.move(of_axis(minute) + scale / 2, picture["y"] + picture["height"] / 2)
        assert page.locator("#tip").inner_text() == said


def test_a_night_has_the_axes_of_its_keogram(archive: dict[str, list[str]], tmp_path: Path, page: Page) -> None:
    axis = axis_of(SETTINGS.site, latitude=True)
    assert axis.right is not None
    start = night_start(FIRST, CONFIG["site"]["longitude"])
    Keogram(start, np.empty(0, np.int64), axis).save(tmp_path / "keograms/2014-12/2014-12-20.png")
    table = events(tmp_path / "events.csv", [])
    write_night_pages(**archive, events=table, lost=[], settings=SETTINGS, output=str(tmp_path / "pages"))
    page.goto((tmp_path / "pages/2014-12.html").as_uri())
    svg, picture = page.locator(".night").first.locator(".sky > svg"), box(page.locator(".sky img").first)
    scale = picture["width"] / LAYOUT["width"]
    sky, left = picture["y"] + LAYOUT["top"] * scale, picture["x"] + LAYOUT["left"] * scale
    for side, edge in ((axis.left, left), (axis.right, left + LAYOUT["minutes"] * scale)):
        assert svg.get_by_text(side.title, exact=True).count() == 1
        for row, text in side.ticks:
            label = box(
                next(found for found in svg.get_by_text(text, exact=True).all() if abs(box(found)["x"] - edge) < 80)
            )
            middle = sky + (2 * row + 1) * scale
            assert label["y"] + label["height"] / 2 == pytest.approx(middle, abs=2)
    page.goto((tmp_path / "pages/2015-01.html").as_uri())  # nobody knows where its rows look
    texts = page.locator(".sky > svg text").all_text_contents()
    assert texts[:3] == ["N", "zenith", "S"]
    assert "zenith angle" not in texts


def test_narrower_keograms_of_earlier_versions_have_their_sky_below_the_marks(
    archive: dict[str, list[str]], tmp_path: Path, page: Page
) -> None:
    path, minute = tmp_path / "keograms/2014-12/2014-12-20.png", 1000
    picture = np.asarray(Image.open(path)).copy()
    picture[LAYOUT["top"] : LAYOUT["top"] + LAYOUT["sky"], LAYOUT["left"] + minute : LAYOUT["left"] + minute + 10] = (
        255,
        0,
        0,
    )
    Image.fromarray(picture[:, :1520]).save(path)
    table = events(tmp_path / "events.csv", [])
    write_night_pages(**archive, events=table, lost=[], settings=SETTINGS, output=str(tmp_path / "pages"))
    page.goto((tmp_path / "pages/2014-12.html").as_uri())
    page.wait_for_function("document.images[0].complete && document.images[0].naturalWidth === 1520")
    place = box(page.locator(".sky > svg").first)
    page.screenshot(path=tmp_path / "page.png")
    seen = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).astype(int)
    red = np.argwhere((seen[..., 0] > 200) & (seen[..., 1] < 60))
    scale = place["width"] / LAYOUT["width"]
    assert red[:, 1].min() == pytest.approx(place["x"] + (LAYOUT["left"] + minute) * scale, abs=1.1)
    assert red[:, 0].min() == pytest.approx(place["y"] + 4 * scale, abs=1.1)
    assert red[:, 0].max() + 1 == pytest.approx(place["y"] + (4 + LAYOUT["sky"]) * scale, abs=1.1)


@pytest.mark.parametrize(("settings", "title"), [({}, "sequence"), ({"smoothing": {"weight": 0.1}}, "smoothed")])
def test_what_each_frame_would_be_by_itself_stands_below_what_it_is(
    archive: dict[str, list[str]], tmp_path: Path, page: Page, settings: dict[str, object], title: str
) -> None:
    path = tmp_path / "catalogue/2014-12/2014-12-20.parquet"
    schema = schemas.catalogue_table(CLASSES, in_time=True)
    rows = pq.read_table(path)
    alone = ["discrete" if i == 10 else label for i, label in enumerate(rows["label"].to_pylist())]
    rows = rows.append_column(schemas.ALONE_LABEL, pa.array(alone))
    for name in schemas.catalogue_table(CLASSES, in_time=True).names[len(rows.column_names) :]:
        rows = rows.append_column(name, pa.nulls(len(rows), pa.float32()))
    nullable = pa.schema([one.with_nullable(True) for one in schema])
    tables.write(path, rows.select(nullable.names).cast(nullable), nullable, settings)
    table = events(tmp_path / "events.csv", [("arcs", 3, 28)])
    write_night_pages(**archive, events=table, lost=[], settings=SETTINGS, output=str(tmp_path / "pages"))
    page.goto((tmp_path / "pages/2014-12.html").as_uri())
    night = page.locator(".night").first
    assert {title, "single"} <= set(night.locator(".sky text").all_text_contents())
    assert f"{title}: judged with the frames before and after" in page.inner_text(".legend")
    single, together = box(night.locator(".mark.k-discrete")), box(night.locator(".mark.k-arcs").first)
    assert single["y"] >= together["y"] + together["height"]
    assert single["width"] == pytest.approx(together["width"] / 30, rel=0.1)
    page.mouse.move(single["x"] + single["width"] / 2, single["y"])
    assert page.locator("#tip").inner_text() == "18:10 UT: Arcs, 54 %, clear; by itself Discrete"


def test_the_longest_events_are_shown_and_pictures_load(pages: Path, page: Page) -> None:
    page.goto((pages / "2014-12.html").as_uri())
    captions = page.locator("figcaption").all_inner_texts()
    assert captions == [
        "1 Arcs 51 %\n18:03 UT, 23:30 MLT\n18:03–18:28, 25 min",
        "2 Patchy 76 %\n19:02 UT, 23:30 MLT\n19:02–19:19, 17 min",
    ]
    page.locator("figure").last.scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every((image) => image.naturalWidth > 0)")
    assert page.locator("img").count() == 3  # with the keogram; the other night of the month has none
    assert "no keogram" in page.locator(".night").nth(1).locator(".sky").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/2015-01.html")
    assert page.locator("h2").all_inner_texts()[0].startswith("2015-01-16")
    page.keyboard.press("ArrowRight")  # there is no later month
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/2014-12.html")
    page.click("text=Calendar")
    page.wait_for_url("**/index.html")


def test_each_class_is_shown_before_one_is_shown_twice(archive: dict[str, list[str]], tmp_path: Path) -> None:
    rows = [("arcs", m, m + 20 - m) for m in range(8)] + [("patchy", 61, 63)]
    table = events(tmp_path / "events.csv", rows)
    write_night_pages(**archive, events=table, lost=[], settings=SETTINGS, output=str(tmp_path / "pages"))
    shown = {path.stem for path in (tmp_path / "pages/frames").iterdir()}
    assert shown == {frame_of(m) for m in (0, 1, 2, 3, 4, 61)}


def test_a_peak_is_shown_by_the_frame_that_was_kept_not_by_its_duplicate(
    archive: dict[str, list[str]], tmp_path: Path
) -> None:
    night = tmp_path / "nights/2014-12/2014-12-20.parquet"
    table = tables.read(night, schemas.NIGHT_TABLE)
    doubles = table.to_pandas().assign(status="duplicate", image=None)
    doubled = pa.concat_tables([table, pa.Table.from_pandas(doubles, schemas.NIGHT_TABLE, preserve_index=False)])
    tables.write(night, doubled.sort_by("frame_id"), schemas.NIGHT_TABLE, {})
    row = events(tmp_path / "events.csv", [("patchy", 62, 79)])
    write_night_pages(**archive, events=row, lost=[], settings=SETTINGS, output=str(tmp_path / "pages"))
    with Image.open(tmp_path / f"pages/frames/{frame_of(62)}.png") as shown:
        assert np.asarray(shown)[0, 0].tolist() == [62, 62, 62]


def test_an_event_without_its_frame_is_an_error(archive: dict[str, list[str]], tmp_path: Path) -> None:
    table = events(tmp_path / "events.csv", [("arcs", 40, 45)])
    with pytest.raises(tables.TableError, match=frame_of(40)):
        write_night_pages(**archive, events=table, lost=[], settings=SETTINGS, output=str(tmp_path / "pages"))
    assert not (tmp_path / "pages").exists()


def test_an_archive_without_nights_has_a_calendar(tmp_path: Path) -> None:
    write_night_pages([], [], [], events(tmp_path / "events.csv", []), [], SETTINGS, str(tmp_path / "pages"))
    assert "no night yet" in (tmp_path / "pages/index.html").read_text()
