"""What the pages for people are made of; `test_pages.py` tries them in a browser."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, Project
from PIL import Image

from norrsken import schemas, tables
from norrsken.classes import CONDITIONS
from norrsken.config.config import Config
from norrsken.config.jobs import ConditionPageSettings, LabellingSettings
from norrsken.config.label_set import TAKEN_KEYS
from norrsken.curation.conditions import LABELS, MOST_OF_NIGHT, choose_frames, write_condition_page
from norrsken.curation.labelling import MAX_FRAMES, REPEAT_AFTER, LabellingError, sequence, write_labelling_pages

SETTINGS = Config.model_validate(CONFIG).labelling_settings("small")


def test_the_first_annotator_works_in_order_of_time_and_the_others_at_random() -> None:
    assert SETTINGS.orders == {"anna": "time", "bertil": "random"}
    anna, bertil, carla = (
        [frame for frame, repeat in sequence(1000, name, order, SETTINGS) if not repeat]
        for name, order in (("anna", "time"), ("bertil", "random"), ("carla", "random"))
    )
    assert anna == list(range(1000)) == sorted(bertil) == sorted(carla)
    assert abs(np.corrcoef(bertil, range(1000))[0, 1]) < 0.1
    assert bertil != carla
    assert sequence(1000, "bertil", "random", SETTINGS) == sequence(1000, "bertil", "random", SETTINGS)
    other = SETTINGS.model_copy(update={"seed": 1})
    assert sequence(1000, "bertil", "random", SETTINGS) != sequence(1000, "bertil", "random", other)


@pytest.mark.parametrize("order", ["time", "random"])
def test_some_frames_come_again_later(order: str) -> None:
    shown = sequence(1000, "anna", order, SETTINGS)
    first = {frame: place for place, (frame, repeat) in enumerate(shown) if not repeat}
    again = {frame: place for place, (frame, repeat) in enumerate(shown) if repeat}
    assert len(first) == 1000
    assert len(again) == 30
    assert min(again[frame] - first[frame] for frame in again) >= REPEAT_AFTER
    assert len({place // 100 for place in again.values()}) > 5  # all along the way
    assert all(not repeat for _, repeat in sequence(REPEAT_AFTER, "anna", order, SETTINGS))


def test_frames_are_as_in_the_night_tables(project: Project) -> None:
    month = project.path("results/nights/2014-12")
    write_labelling_pages([str(month)], None, None, SETTINGS, str(project.path("labelling")))
    night = tables.read(month / "2014-12-20.parquet", schemas.NIGHT_TABLE).slice(3, 1)
    frame = Image.open(project.path(f"labelling/frames/2014-12-20/{night['frame_id'][0]}.png"))
    assert (np.asarray(frame) == tables.images(night["image"].drop_null())[0]).all()
    assert {path.name for path in project.path("labelling").iterdir()} == {"frames", "anna.html", "bertil.html"}


def write(project: Project, settings: LabellingSettings) -> None:
    write_labelling_pages(
        [str(project.path("results/nights/2014-12"))], None, None, settings, str(project.path("labelling"))
    )


def test_years_and_every_nth_frame_are_kept_to(project: Project) -> None:
    write(project, SETTINGS.model_copy(update={"years": [2014], "every": 7}))
    names = sorted(path.stem for path in project.path("labelling/frames").rglob("*.png"))
    assert names[:4] == [f"KRN20141220T18{minute:02d}00" for minute in (0, 7, 14, 21)]
    assert {name[3:7] for name in names} == {"2014"}


def test_nothing_to_label_and_too_much_to_label_are_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabellingError, match="no frame of the release's years was kept"):
        write(project, SETTINGS.model_copy(update={"years": [1999]}))
    assert not project.path("labelling").exists()
    assert MAX_FRAMES == 50_000
    monkeypatch.setattr("norrsken.curation.labelling.MAX_FRAMES", 20)
    with pytest.raises(
        LabellingError, match=r"more than 20 frames to label; choose times .* \(labelling.every, now 1\)"
    ):
        write(project, SETTINGS)
    write(project, SETTINGS.model_copy(update={"every": 4}))


def condition_settings(**changed: int | str) -> ConditionPageSettings:
    return Config.model_validate(CONFIG).condition_page_settings().model_copy(update=changed)


def write_nights(folder: Path, nights: Sequence[date], frames: int = 60) -> list[Path]:
    """Night tables with frames that the filters kept, and every fifth one that they did not."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{night}.parquet" for night in nights]
    for night, path in zip(nights, paths, strict=True):
        ids = [f"KRN{night:%Y%m%d}T18{minute:02d}00" for minute in range(frames)]
        status = ["moon" if i % 5 == 4 else "kept" for i in range(frames)]
        schema = pa.schema([schemas.NIGHT_TABLE.field(name) for name in ("frame_id", "status")])
        pq.write_table(pa.table({"frame_id": ids, "status": status}).cast(schema), path)
    return paths


def test_conditions_are_labelled_in_frames_of_many_nights_over_all_times(tmp_path: Path) -> None:
    nights = [date(2015, 1, 1) + timedelta(days=day) for day in range(300)]
    paths = write_nights(tmp_path, nights)
    chosen = choose_frames(paths, [], condition_settings(frames=100))
    assert [len(ids) for ids in chosen.values()] == [1] * 100
    days = [date.fromisoformat(path.stem).toordinal() for path in chosen]
    assert max(np.diff(days)) <= 8  # no long time is left out
    minutes = np.array([int(ids[0][-4:-2]) for ids in chosen.values()])
    assert np.histogram(minutes, [0, 20, 40, 60])[0].min() > 20  # nor a part of the night
    assert {minute % 5 for minute in minutes} == {0, 1, 2, 3}  # kept frames only
    assert chosen == choose_frames(reversed(paths), [], condition_settings(frames=100))
    assert chosen != choose_frames(paths, [], condition_settings(frames=100, seed=1))


def test_a_night_offers_a_handful_of_frames_that_are_far_apart(tmp_path: Path) -> None:
    paths = write_nights(tmp_path, [date(2015, 1, day) for day in (1, 2, 3, 4)])
    chosen = choose_frames(paths, [], condition_settings())
    assert [len(ids) for ids in chosen.values()] == [MOST_OF_NIGHT] * 4
    minutes = np.array([[int(frame[-4:-2]) for frame in ids] for ids in chosen.values()])
    assert np.diff(minutes, axis=1).min() >= 5
    few = choose_frames(
        write_nights(tmp_path, [date(2015, 1, 9), date(2015, 1, 10)], frames=2), [], condition_settings()
    )
    assert [len(ids) for ids in few.values()] == [2, 2]
    (tmp_path / "none").mkdir()
    assert choose_frames(write_nights(tmp_path / "none", [date(2015, 1, 9)], frames=0), [], condition_settings()) == {}


def test_frames_stay_offered_when_the_archive_grows(tmp_path: Path) -> None:
    nights = [date(2015, 1, 1) + timedelta(days=day) for day in range(150)]
    paths = write_nights(tmp_path, nights)
    settings = condition_settings(frames=100)

    def offered(nights: Iterable[Path], labelled: Iterable[str]) -> set[str]:
        return {frame for ids in choose_frames(nights, labelled, settings).values() for frame in ids}

    before = offered(paths[:100], [])
    after = offered(paths[:110], [])
    assert len(before) == len(after) == 100
    assert len(before - after) <= 10  # new nights take the place of as many
    assert before <= offered(paths, before)  # what has a label stays
    few = choose_frames(paths[:10], [], settings)
    assert few.items() <= choose_frames(paths[:20], [], settings).items()


def test_the_page_of_conditions_offers_the_four(project: Project) -> None:
    months = [str(folder) for folder in sorted(project.path("results/nights").iterdir())]
    labelled = "KRN20141220T180300"
    project.path("sky.csv").write_text(f"frame_id,label\n{labelled},clear\n")
    for table, name, frames in ((None, "labels/conditions.csv", 8), ("sky.csv", "labels/sky.csv", 9)):
        settings = condition_settings(frames=8, **({"table": name} if table else {}))
        output = project.path("conditions")
        write_condition_page(months, table and str(project.path(table)), settings, str(output))
        page = json.JSONDecoder().raw_decode(
            (text := (output / "index.html").read_text())[text.index("PAGE = ") + 7 :]
        )[0]
        assert tuple(label["name"] for label in page["labels"]) == CONDITIONS
        assert f"{page['folder']}{page['file']}.csv" == name
        assert len(page["frames"]) == len(page["sequence"]) == frames
        assert all((output / f"frames/{frame}.png").exists() for frame in page["frames"])
    assert f"2014-12-20/{labelled}" in page["frames"]
    with pytest.raises(LabellingError, match="no frame of the archive was kept"):
        write_condition_page([], None, settings, str(project.path("conditions")))


def test_the_keys_of_conditions_do_nothing_else() -> None:
    keys = {label["key"] for label in LABELS}
    assert len(keys) == 4
    assert not keys & (TAKEN_KEYS.keys() - {"c"})  # the page does not show neighbours, which c stands for elsewhere
