"""What the pages for people are made of; `test_pages.py` tries them in a browser."""

import numpy as np
import pytest
from conftest import CONFIG, Project
from PIL import Image

from norrsken import schemas, tables
from norrsken.config.config import Config
from norrsken.config.jobs import LabellingSettings
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
