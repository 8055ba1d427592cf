"""Label tables are read strictly, merged as the paper did, and counted as in its Table 1."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, PAPER, write_evening, write_frame, write_labels
from sklearn.metrics import cohen_kappa_score

from norrsken import schemas, tables
from norrsken.config.config import Config
from norrsken.config.jobs import LabelSettings
from norrsken.dataset.agreement import agreement, confusion, consistency, course
from norrsken.dataset.drift import drift
from norrsken.dataset.labels import Given, LabelError, merge_labels, read_labels, verdict
from norrsken.nights import ingest as nights
from norrsken.paper import CLASSES, PAPER_LABELS, PAPER_YEARS
from norrsken.report.tables import table1

CONFIGURATION = Config.model_validate(CONFIG)
SETTINGS = CONFIGURATION.label_settings("small")


def ingest(folder: Path) -> None:
    root, months = folder / "archive", [str(folder / name / "2015-01") for name in ("nights", "keograms")]
    settings = CONFIGURATION.night_settings(CONFIGURATION.cameras)
    nights.ingest_month(str(root), [str(root / "2015/01/15")], "2015-01", settings, *months, 1)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder with the night tables of one evening: 14 frames, two of each class."""
    write_evening(tmp_path / "archive", "2015-01-15T18:00", 14)
    root = tmp_path / "archive"
    (root / "2015/01/15/KRN20150115T184000E06000Q.JPG").write_bytes(b"broken")
    ingest(tmp_path)
    return tmp_path


def frame(minute: int) -> str:
    return f"KRN20150115T18{minute:02d}00"


def merge(folder: Path, settings: LabelSettings = SETTINGS, **labels: list[tuple[str, str]]) -> Path:
    paths = []
    for annotator, rows in labels.items():
        paths.append(folder / "labels" / f"{annotator}.csv")
        write_labels(paths[-1], rows)
    output = folder / "labelled.parquet"
    merge_labels(
        [str(path) for path in paths], [], None, None, [str(folder / "nights/2015-01")], [], settings, str(output)
    )
    return output


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["arcs", "arcs"], "agreed"),
        (["arcs", "patchy"], "disagreement"),
        (["unknown", "unknown"], "unknown"),
        (["rejected", "rejected"], "rejected"),
        (["unknown", "rejected"], "disagreement"),
        (["arcs", None], "incomplete"),
        (["arcs"], "agreed"),
        (["arcs", "arcs", "arcs"], "agreed"),
        (["arcs", "arcs", "edge"], "disagreement"),
    ],
)
def test_verdicts(labels: list[str | None], expected: str) -> None:
    assert verdict(labels, PAPER.names.exclusions) == expected


def test_labelled_frames_have_labels_verdict_and_image(made: Path) -> None:
    path = merge(
        made,
        anna=[(frame(0), "arcs"), (frame(1), "arcs"), (frame(2), "unknown"), (frame(3), "edge")],
        bertil=[(frame(0), "arcs"), (frame(1), "patchy"), (frame(2), "unknown")],
    )
    table = pq.read_table(path)
    assert table.schema.names == [field.name for field in schemas.labelled_table(["anna", "bertil"])]
    rows = table.to_pylist()
    assert [row["verdict"] for row in rows] == ["agreed", "disagreement", "unknown", "incomplete"]
    assert [row["label"] for row in rows] == ["arcs", None, None, None]
    assert rows[3]["label_bertil"] is None
    night = pq.read_table(made / "nights/2015-01/2015-01-15.parquet")
    assert table["image"].to_pylist() == night["image"].to_pylist()[:4]


def test_a_night_that_was_kept_of_an_earlier_version_is_read(made: Path) -> None:
    """It has fewer columns, and cannot be made anew when the archive has lost its files."""
    path = made / "nights/2015-01/2015-01-15.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["outside", "reason"]), path)
    assert pq.read_table(merge(made, anna=[(frame(0), "arcs")]))["label"].to_pylist() == ["arcs"]


def test_repeats_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame_id,label,repeat\nKRN1,arcs,0\nKRN1,patchy,1\n")
    assert read_labels(path, SETTINGS) == {"KRN1": Given("arcs", 2, repeat="patchy")}


def test_how_a_frame_was_labelled_is_read_where_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text(
        "frame_id,label,order,session,seconds,repeat,context,time\n"
        "KRN1,arcs,7,2,1.25,0,1,2026-11-22T20:00:00Z\n"
        "KRN2,edge,8,,quick,0,0,\n"
    )
    assert read_labels(path, SETTINGS) == {
        "KRN1": Given("arcs", 2, 7, 2, 1.25, True),
        "KRN2": Given("edge", 3, 8, None, None, False),
    }


def test_a_table_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_bytes('\ufefflabel,remark,frame_id\r\narcs,"two\r\nlines",KRN1\r\nedge,,KRN2\r\n'.encode())
    assert read_labels(path, SETTINGS) == {"KRN1": Given("arcs", 3), "KRN2": Given("edge", 4)}


@pytest.mark.parametrize("yes", ["1", "1.0", " 1 ", "True", "TRUE", "true", "1.00"])
@pytest.mark.parametrize("no", ["0", "0.0", "", " ", "False", "false"])
def test_a_repeat_is_one_however_a_program_writes_it(tmp_path: Path, yes: str, no: str) -> None:
    path = tmp_path / "anna.csv"
    path.write_text(f"frame_id,label,repeat\nKRN1,arcs,{no}\nKRN1,patchy,{yes}\n")
    assert read_labels(path, SETTINGS) == {"KRN1": Given("arcs", 2, repeat="patchy")}


@pytest.mark.parametrize("other", ["2", "yes", "x", "nan", "-1", "0.5"])
def test_a_repeat_that_says_something_else_is_named(tmp_path: Path, other: str) -> None:
    path = tmp_path / "anna.csv"
    path.write_text(f"frame_id,label,repeat\nKRN1,arcs,0\nKRN2,edge,{other}\n")
    with pytest.raises(LabelError, match=f"anna.csv:3: repeat is '{other}', expected 1, or 0 or nothing"):
        read_labels(path, SETTINGS)


def test_numbers_that_no_column_can_hold_count_as_missing(made: Path) -> None:
    """They must not end the merging, which writes 32 bits."""
    table = made / "labels/anna.csv"
    table.parent.mkdir()
    table.write_text(f"frame_id,label,order,session,seconds,context\n{frame(0)},arcs,1e30,inf,nan,True\n")
    assert read_labels(table, SETTINGS) == {frame(0): Given("arcs", 2, context=True)}
    output = made / "labelled.parquet"
    merge_labels([str(table)], [], None, None, [str(made / "nights/2015-01")], [], SETTINGS, str(output))
    assert pq.read_table(output)["order_anna"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame_id,label\nKRN1,arc\n", r"anna.csv:2: the label 'arc' is none of breakup"),
        ("frame_id,label\nKRN1,arcs\nKRN1,edge\n", r"anna.csv:3: KRN1 is 'edge' here and 'arcs' in line 2"),
        ("frame,label\n", "the column 'frame_id' is missing"),
        ("", "found an empty first line"),
        ("frame_id;label\nKRN1;arcs\n", "because semicolons stand between the cells"),
        ("frame_id,label\nKRN1,arcs,x\n", "anna.csv:2: has 3 cells, the header has 2"),
        ('frame_id,label\nKRN1,"arcs\nKRN2,edge\n', "anna.csv:2: the row that begins here is not CSV"),
        ("frame_id,label\n" + "KRN1,x\n" * 8, "and 3 more"),
    ],
)
def test_a_wrong_table_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "anna.csv").write_text(text)
    with pytest.raises(LabelError, match=message):
        read_labels(tmp_path / "anna.csv", SETTINGS)


@pytest.mark.parametrize(("encoding", "named"), [("cp1252", "cp1252"), ("utf-16", "UTF-16")])
def test_a_table_in_another_encoding_is_named(tmp_path: Path, encoding: str, named: str) -> None:
    (tmp_path / "anna.csv").write_bytes("frame_id,label,anm\nKRN1,arcs,grön båge\n".encode(encoding))
    with pytest.raises(LabelError, match=rf"anna\.csv:.*{named}.* Save it in UTF-8"):
        read_labels(tmp_path / "anna.csv", SETTINGS)


def test_frames_that_are_not_in_the_archive_are_an_error(made: Path) -> None:
    with pytest.raises(LabelError, match=r"anna.csv:3: KRN20150115T233000 is not in the archive"):
        merge(made, anna=[(frame(0), "arcs"), ("KRN20150115T233000", "arcs")])
    assert not (made / "labelled.parquet").exists()


@pytest.mark.parametrize("bad", ["LYR20150115T180000", "KRN2015", "", "KRN20150115T180000.JPG"])
def test_what_is_no_frame_id_is_an_error(made: Path, bad: str) -> None:
    with pytest.raises(LabelError, match="is not a frame id of this archive, such as KRN20150112T183000"):
        merge(made, anna=[(bad, "arcs")])


def test_frames_of_other_years_and_rejected_frames_are_left_out_and_counted(made: Path) -> None:
    path = merge(made, anna=[(frame(0), "arcs"), ("KRN20180115T180000", "arcs"), (frame(40), "arcs")])
    assert pq.read_metadata(path).num_rows == 1
    assert tables.left_out(path) == {"outside the release's years": 1, "unreadable": 1}


def test_agreement_is_cohens_kappa_over_nine_labels_and_over_seven() -> None:
    random = np.random.default_rng(0)
    names = np.array([*CLASSES, "unknown", "rejected"])
    anna = names[random.integers(0, 9, 400)]
    bertil = np.where(random.uniform(size=400) < 0.7, anna, names[random.integers(0, 9, 400)])
    labelled = pd.DataFrame({"label_anna": anna, "label_bertil": bertil, "night": np.arange(400) // 20})
    labelled.loc[:9, "label_bertil"] = None
    row = agreement(labelled, PAPER.names).iloc[0]
    both = labelled.dropna()
    assert row["frames"] == 390
    assert row["kappa"] == pytest.approx(cohen_kappa_score(both["label_anna"], both["label_bertil"]))
    suitable = both[both["label_anna"].isin(CLASSES) & both["label_bertil"].isin(CLASSES)]
    assert row["kappa_low"] < row["kappa"] < row["kappa_high"]
    assert row["kappa_high"] - row["kappa_low"] == pytest.approx(4 * 0.028, rel=0.3)  # two standard errors each way
    assert row["frames_suitable"] == len(suitable)
    assert row["agreement_suitable"] == pytest.approx((suitable["label_anna"] == suitable["label_bertil"]).mean())


def test_agreement_has_a_row_for_each_pair() -> None:
    labelled = pd.DataFrame({**{f"label_{name}": ["arcs", "edge"] for name in "abc"}, "night": 1})
    assert len(agreement(labelled, PAPER.names)) == 3
    assert len(agreement(labelled[["label_a", "night"]], PAPER.names)) == 0


def test_frames_that_come_in_nights_widen_the_interval_of_kappa() -> None:
    """Twenty frames of a night that are all the same say no more than one of them."""
    random = np.random.default_rng(1)
    anna = np.array(CLASSES)[random.integers(0, 7, 40)]
    bertil = np.where(random.uniform(size=40) < 0.7, anna, np.array(CLASSES)[random.integers(0, 7, 40)])
    one = pd.DataFrame({"label_a": anna, "label_b": bertil, "night": range(40)})
    many = one.loc[one.index.repeat(20)]
    width = [
        float((row := agreement(table, PAPER.names).iloc[0])["kappa_high"] - row["kappa_low"]) for table in (one, many)
    ]
    assert width[0] == pytest.approx(width[1], rel=0.01)


def test_consistency_compares_a_frame_with_its_repeat() -> None:
    table = {
        "label_a": ["arcs", "arcs", "edge", "edge"],
        "repeat_a": ["arcs", "patchy", "edge", None],
        "night": [1, 2, 3, 4],
    }
    row = consistency(pd.DataFrame(table), PAPER.names).iloc[0]
    assert (row["annotator"], row["frames"], row["agreement"]) == ("a", 3, pytest.approx(2 / 3))


def test_the_course_of_an_annotator_shows_drift() -> None:
    order = np.arange(1, 1001)
    table = pd.DataFrame(
        {
            "label_a": np.where(order > 500, "faint", "patchy"),
            "order_a": order,
            "session_a": 1 + (order > 700),
            "seconds_a": np.where(order > 700, 1.0, 3.0),
        }
    )
    found = course(table, PAPER.names)
    tenths = found[found["by"] == "order"]
    assert tenths["frames"].tolist() == [100] * 10
    assert tenths["faint"].tolist() == [0.0] * 5 + [1.0] * 5
    assert found[found["by"] == "session"]["seconds_median"].tolist() == [3.0, 1.0]


def test_the_confusion_of_two_annotators_has_all_nine_labels() -> None:
    counts = confusion(
        pd.DataFrame({"label_a": ["arcs", "arcs", None], "label_b": ["arcs", "rejected", "arcs"]}),
        "a",
        "b",
        PAPER.names,
    )
    assert counts.shape == (9, 9)
    assert (counts[2, 2], counts[2, 8], counts.sum()) == (1, 1, 2)


def test_table_1_counts_as_the_paper_does() -> None:
    """The paper's own counts, as frames, give the paper's Table 1."""
    labelled, dataset = [], []
    for label, (train, test, frames) in PAPER_LABELS.items():
        agreed = label in CLASSES
        verdicts = "agreed" if agreed else label
        labelled += [(verdicts, label if agreed else None)] * frames
        dataset += [(label, "train")] * (train or 0) + [(label, "test")] * (test or 0)
    frame = pd.DataFrame(labelled, columns=["verdict", "label"])
    years = [year for year, frames in PAPER_YEARS.items() for _ in range(frames)]
    frame["time"] = pd.to_datetime([f"{year}-02-01" for year in years], utc=True)
    table = table1(frame, pd.DataFrame(dataset, columns=["label", "split_random"]), list(PAPER_YEARS), PAPER)
    assert (table["images"] == table["paper_images"]).all()
    labels = table[(table["part"] == "label") & table["paper_train"].notna()]
    assert (labels["train_random"] == labels["paper_train"]).all()
    assert (labels["test_random"] == labels["paper_test"]).all()
    percent = table.set_index("name")["percent"]
    assert (percent["patchy"], percent["disagreement"], percent["breakup"]) == (15.32, 46.16, 1.04)


def test_drift_from_a_frozen_release_is_told(made: Path) -> None:
    rows = [(frame(i), "arcs") for i in range(6)]
    path = merge(made, anna=rows)
    tables_now = [str(made / "labels/anna.csv")]

    def told() -> list[str]:
        return drift(str(path), tables_now, [], None, None, str(made / "nights"), SETTINGS)

    assert told() == []
    write_labels(made / "labels/anna.csv", [(frame(0), "edge"), *rows[1:], (frame(7), "arcs"), (frame(40), "arcs")])
    assert told() == [
        f"{tables_now[0]} has other labels for 1 of its frames now.",
        "1 more frames of its years are labelled now.",
    ]
    write_labels(made / "labels/anna.csv", rows)
    write_frame(made / "archive", pd.Timestamp("2015-01-15T18:02Z").to_pydatetime(), "edge", 99)
    (made / "archive/2015/01/15/KRN20150115T180300E06000Q.JPG").unlink()
    ingest(made)
    assert told() == [
        "1 of its frames have other pixels in the night tables now.",
        "1 of its frames are not among the kept frames of the night tables now.",
    ]
    (made / "labels/anna.csv").unlink()
    assert told()[0] == f"{tables_now[0]} is not there to compare with."


def test_drift_of_what_was_settled_is_told(made: Path) -> None:
    labels = {"anna": [(frame(0), "arcs"), (frame(1), "arcs")], "bertil": [(frame(0), "edge"), (frame(1), "arcs")]}
    path, settled = merge(made, **labels), made / "adjudicated.csv"
    tables_now = [str(made / f"labels/{name}.csv") for name in labels]

    def told() -> list[str]:
        return drift(str(path), tables_now, [], str(settled), None, str(made / "nights"), SETTINGS)

    assert told() == [f"{settled} is not there to compare with."]
    write_labels(settled, [(frame(1), "arcs")])  # nothing to settle there
    assert told() == []
    write_labels(settled, [(frame(1), "edge")])  # they agree, and are wrong
    assert told() == [f"{settled} settles 1 of its frames otherwise now."]
    for label in ("edge", "rejected"):
        write_labels(settled, [(frame(0), label)])
        assert told() == [f"{settled} settles 1 of its frames otherwise now."]
