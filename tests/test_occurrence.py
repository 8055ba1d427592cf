"""How much of the observed time a class was seen; the Kp index; and how it is drawn."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import PAPER
from PIL import Image
from test_events import NIGHT, write_night

from norrsken.catalogue.correction import Correction
from norrsken.catalogue.kp import KpError, read_kp
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.figures.occurrence import draw_occurrence

#: No correction, since there are no validation frames to fit it to.
NONE = Correction(classes=list(PAPER.judged), frames=0, nights=0, missing="frames", fits=[])


def rows(table: pd.DataFrame, by: str, label: str) -> pd.DataFrame:
    return table[(table["by"] == by) & (table["label"] == label)].set_index("value")


def test_shares_are_of_the_observed_time(tmp_path: Path) -> None:
    labels = ["arcs"] * 10 + ["faint"] * 20 + ["not_classified"] * 10 + ["breakup"] * 20
    condition = ["clear"] * 50 + ["cloudy"] * 10
    table = tabulate_occurrence([write_night(tmp_path, labels, condition=condition)], None, NONE, PAPER)
    whole = table[table["by"] == "all"].set_index("label")
    assert set(whole["frames_observed"].drop("aurora")) == {50}
    assert whole["frames"].to_dict() == {
        **{"breakup": 10, "colored": 0, "arcs": 10, "discrete": 0, "patchy": 0, "edge": 0, "faint": 20},
        **{"not_classified": 10, "aurora": 20, "undecided": 10},
    }
    assert whole["hours_observed"]["arcs"] == pytest.approx(50 / 60)
    assert whole["share"]["arcs"] == pytest.approx(0.2)
    # What is undecided is neither aurora nor its absence.
    assert whole["frames_observed"]["aurora"] == 40
    assert whole["share"]["aurora"] == pytest.approx(0.5)
    assert whole["share"]["undecided"] == pytest.approx(0.2)
    assert whole["low"].isna().all()  # one night
    without = ["not_classified", "undecided"]
    assert (whole["method"].drop(without) == "counted").all()
    assert (whole["estimate"].drop(without) == whole["share"].drop(without)).all()
    assert whole.loc[without, "estimate"].isna().all()
    assert (whole.loc[without, "method"] == "").all()


def test_decisions_are_counted_whichever_a_month_begins_with(tmp_path: Path) -> None:
    for day, first in enumerate((["not_classified"] * 7, ["arcs"] * 5, ["faint"] * 11)):
        rest = ["faint"] * 3 + ["arcs"] * 2 + ["not_classified"]
        month = write_night(tmp_path / str(day), [*first, *rest])
        whole = tabulate_occurrence([month], None, NONE, PAPER).query("by == 'all'").set_index("label")
        expected = pd.Series([*first, *rest]).value_counts()
        assert whole.loc["aurora", "frames"] == expected["arcs"]
        assert whole.loc["aurora", "frames_observed"] == expected["arcs"] + expected["faint"]
        assert whole.loc["undecided", "frames"] == expected["not_classified"]


def test_a_sky_that_cannot_be_judged_is_not_observed(tmp_path: Path) -> None:
    month = write_night(tmp_path, ["arcs"] * 10 + ["patchy"] * 30 + ["faint"] * 20)
    hidden = PAPER.model_copy(update={"hidden_sky": ["patchy", "rejected"]})
    table = tabulate_occurrence([month], None, NONE, hidden)
    whole = table[table["by"] == "all"].set_index("label")
    assert set(whole["frames_observed"]) == {30}
    assert whole.loc["patchy", "frames"] == 0
    assert whole.loc["aurora", "share"] == pytest.approx(1 / 3)
    draw_occurrence(table, "hour", hidden, tmp_path / "figure.png", reference=False)
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width > 1000


def test_every_frame_falls_into_its_bins(tmp_path: Path) -> None:
    month = write_night(tmp_path, ["arcs"] * 120, start="22:30")
    table = tabulate_occurrence([month], None, NONE, PAPER)
    hours, mlt = rows(table, "hour", "arcs")["frames"], rows(table, "mlt", "arcs")["frames"]
    assert hours[hours > 0].to_dict() == {22: 30, 23: 60, 0: 30}
    assert mlt[mlt > 0].to_dict() == {1: 60, 2: 60}
    assert rows(table, "month", "arcs")["frames"][1] == rows(table, "year", "arcs")["frames"][2015] == 120
    assert rows(table, "hour", "arcs")["share"].isna().sum() == 21
    assert "kp" not in set(table["by"])


def test_a_night_belongs_to_the_year_of_its_evening(tmp_path: Path) -> None:
    night = NIGHT.replace(year=2014, month=12, day=31)
    table = tabulate_occurrence([write_night(tmp_path, ["arcs"] * 120, night, "23:00")], None, NONE, PAPER)
    assert rows(table, "year", "arcs")["frames"].to_dict() == {2014: 120}
    assert rows(table, "month", "arcs")["frames"][12] == 120


def test_nights_weigh_by_time_not_by_frames(tmp_path: Path) -> None:
    month = write_night(tmp_path, ["arcs"] * 60)
    write_night(tmp_path, ["faint"] * 180, NIGHT + timedelta(1), minutes=np.arange(180) / 3)
    arcs = rows(tabulate_occurrence([month], None, NONE, PAPER), "year", "arcs").loc[2015]
    assert arcs["share"] == pytest.approx(0.5)
    assert arcs["frames_observed"] == 240


def test_a_night_counts_from_thirty_minutes_and_three_frames(tmp_path: Path) -> None:
    for day, (arcs, faint) in enumerate([(3, 27), (2, 28), (29, 0), (30, 0)]):
        month = write_night(tmp_path, ["arcs"] * arcs + ["faint"] * faint, NIGHT + timedelta(day))
    found = rows(tabulate_occurrence([month], None, NONE, PAPER), "hour", "aurora").loc[20]
    assert (found["nights_observed"], found["nights"]) == (3, 2)
    assert found["nights_share"] == pytest.approx(2 / 3)
    # Wilson's interval (1927), by hand: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n).
    assert found[["nights_low", "nights_high"]].tolist() == pytest.approx([0.2077, 0.9385], abs=1e-4)
    never = rows(tabulate_occurrence([month], None, NONE, PAPER), "hour", "patchy").loc[20]
    assert (never["nights_share"], never["nights_low"]) == (0, 0)
    assert 0.4 < never["nights_high"] < 0.7  # three nights without it do not mean never


def test_scattered_frames_stand_for_no_more_than_their_usual_step(tmp_path: Path) -> None:
    month = write_night(tmp_path, ["arcs", "arcs"], minutes=[0, 120])
    write_night(tmp_path, ["arcs"], NIGHT + timedelta(1))
    assert rows(tabulate_occurrence([month], None, NONE, PAPER), "year", "arcs")["hours"][2015] == pytest.approx(3 / 60)


def test_intervals_are_over_nights(tmp_path: Path) -> None:
    for day in range(12):
        labels = ["arcs" if day % 2 else "faint"] * 60
        month = write_night(tmp_path, labels if day < 9 else labels * 2, NIGHT + timedelta(day))
    table = tabulate_occurrence([month], None, NONE, PAPER)
    arcs, patchy = (rows(table, "hour", label).loc[20] for label in ("arcs", "patchy"))
    # The share of six of twelve nights has a deviation of 0.144, however many frames they have.
    assert arcs["share"] == pytest.approx(0.5)
    assert 0.15 < arcs["low"] < 0.3
    assert 0.7 < arcs["high"] < 0.85
    assert patchy["low"] == 0
    assert 0.2 < patchy["high"] < 0.35  # twelve nights without it do not mean never
    assert rows(table, "hour", "arcs").loc[21, ["low", "high"]].isna().all()  # three nights


def test_an_archive_without_frames_has_empty_shares(tmp_path: Path) -> None:
    table = tabulate_occurrence([write_night(tmp_path, [])], None, NONE, PAPER)
    assert table["share"].isna().all()
    assert (table["frames_observed"] == 0).all()
    assert set(table["by"]) == {"all", "hour", "mlt", "month"}


def write_kp(path: Path, *lines: str) -> str:
    path.write_text("time,kp\n" + "".join(f"{line}\n" for line in lines))
    return str(path)


def test_frames_fall_into_the_hours_of_the_kp_index(tmp_path: Path) -> None:
    kp = write_kp(tmp_path / "kp.csv", "2015-01-13T00:00Z,0", "2015-01-12T18:00:00+00:00,3.67")
    month = write_night(tmp_path, ["arcs"] * 400, start="17:30")  # until 00:09: 21 to 24 UT is missing
    found = rows(tabulate_occurrence([month], kp, NONE, PAPER), "kp", "arcs")["frames"]
    assert found[found > 0].to_dict() == {0: 10, 3: 180}


def test_a_wrong_table_of_the_kp_index_is_refused_with_its_lines(tmp_path: Path) -> None:
    lines = ("2015-01-12T18:00Z,-1", "2015-01-12T19:30Z,3", "yesterday,3", "2015-01-12T21:00,9")
    with pytest.raises(KpError) as error:
        read_kp(write_kp(tmp_path / "kp.csv", *lines, "2015-01-12T21:00Z,8", "2015-01-13T00:00Z,much"))
    found = str(error.value).splitlines()
    assert [line.removeprefix(f"{tmp_path}/kp.csv:")[0] for line in found] == ["2", "3", "4", "6", "7"]
    for line, said in zip(found, ("'-1'", "19:30", "'yesterday'", "twice", "'much'"), strict=True):
        assert said in line


@pytest.mark.parametrize("by", ["hour", "mlt", "month", "year", "kp"])
def test_occurrence_is_drawn(tmp_path: Path, by: str) -> None:
    month = write_night(tmp_path, ["arcs", "faint", "breakup"] * 60)
    drawn = []
    for months, reference in (([month], False), ([month], True), ([], False)):
        table = tabulate_occurrence(months, None, NONE, PAPER)
        draw_occurrence(table, by, PAPER, tmp_path / "figure.png", reference)
        with Image.open(tmp_path / "figure.png") as image:
            drawn.append((image.size, len(image.convert("RGB").getcolors(2**24) or ())))
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert (drawn[0] != drawn[1]) == (by == "hour")  # the curve of Kiruna is by hour
    assert (drawn[0][1] > drawn[2][1]) == (by != "kp")  # there is no table of it
