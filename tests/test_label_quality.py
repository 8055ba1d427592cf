"""Labels worth a second look: which are most likely wrong, how noisy they are, and the page that settles them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from norrsken import schemas, tables
from norrsken.classify import label_quality
from norrsken.classify.label_quality import NOISE, QUALITY, judge_labels, out_of_sample, rated
from norrsken.config.label_set import DEFAULT, read_label_set
from norrsken.curation.second_look import write_second_look_page
from norrsken.curation.settling import settled
from norrsken.dataset.labels import Given, outcome
from norrsken.paper import EXCLUSIONS

NIGHTS, EACH, CLASSES = 20, 30, ("arcs", "patchy", "edge")


def planted(share: float = 0.05, sharp: float = 1.5) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, pd.DataFrame]:
    """Votes of two annotators, what is seen, the night of each frame, and which labels are wrong."""
    random = np.random.default_rng(0)
    n = NIGHTS * EACH
    truth = random.integers(0, len(CLASSES), n)
    seen = (sharp * np.eye(len(CLASSES))[truth] + random.normal(0, 1, (n, 3))).astype(np.float32)
    votes = pd.DataFrame({"anna": truth, "bertil": truth}).astype(float)
    wrong = pd.DataFrame(random.random((n, 2)) < share, columns=votes.columns)
    votes = votes.where(~wrong, (votes + 1) % len(CLASSES))
    votes.loc[random.random(n) < 0.3, "bertil"] = np.nan  # for him these are unusable
    return votes, seen, np.arange(n) // EACH, wrong


@pytest.fixture(scope="module")
def labels() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, pd.DataFrame, np.ndarray]:
    votes, seen, nights, wrong = planted()
    return votes, seen, nights, wrong, out_of_sample(seen, votes, nights, len(CLASSES))


def test_planted_errors_come_first_and_before_what_a_classifier_alone_doubts(
    labels: tuple[pd.DataFrame, np.ndarray, np.ndarray, pd.DataFrame, np.ndarray],
) -> None:
    votes, _, _, wrong, chances = labels
    frames = np.arange(len(votes)).astype(str).tolist()
    table = rated(frames, votes, chances, CLASSES)
    assert list(table) == [*QUALITY]
    assert len(table) == votes.notna().to_numpy().sum()
    assert table["quality"].is_monotonic_increasing

    def found(rows: pd.DataFrame) -> float:
        return float(np.mean([wrong.loc[int(row.frame_id), row.annotator] for row in rows.head(30).itertuples()]))

    alone = [chances[int(row.frame_id), CLASSES.index(row.label)] for row in table.itertuples()]
    assert found(table) > 0.75
    assert found(table) > found(table.assign(quality=alone).sort_values("quality")) + 0.1
    first = table.head(30)
    assert (first["label"] != first["likely"]).mean() > 0.9


def test_of_one_annotator_labels_are_rated_by_the_classifier_alone(
    labels: tuple[pd.DataFrame, np.ndarray, np.ndarray, pd.DataFrame, np.ndarray],
) -> None:
    votes, seen, nights, wrong, _ = labels
    one = votes[["anna"]]
    table = rated(
        np.arange(len(one)).astype(str).tolist(), one, out_of_sample(seen, one, nights, len(CLASSES)), CLASSES
    )
    assert wrong.loc[table.head(20)["frame_id"].astype(int), "anna"].mean() > 0.3 > 2 * wrong["anna"].mean()


def test_no_frame_is_judged_by_what_was_fitted_to_its_own_night() -> None:
    """Each night has a mark of its own, and half of the nights are labelled the wrong way round."""
    nights = np.arange(400) // 20
    truth = np.tile([0, 1], 200)
    marks = np.eye(20)[nights]
    seen = np.column_stack([truth, marks * (2 * truth[:, None] - 1)]).astype(np.float32)
    odd = nights % 2 == 1
    votes = pd.DataFrame({"anna": np.where(odd, 1 - truth, truth).astype(float)})
    chances = out_of_sample(seen, votes, nights, 2)
    right = chances.argmax(axis=1) == votes["anna"]
    assert right.mean() < 0.7  # by its own night's mark every label would be known


def write_labelled(folder: Path, votes: pd.DataFrame, verdicts: list[str]) -> Path:
    """A release of frames that are told apart by what `seen` says of them; the image's first pixel is its number."""
    n = len(votes)
    schema = schemas.labelled_table(list(votes), EXCLUSIONS)
    named = votes.map(lambda code: None if np.isnan(code) else CLASSES[int(code)])
    images = np.zeros((n, *schemas.IMAGE_SHAPE), np.uint8)
    days = np.datetime64("2015-01-01") + np.arange(n) // EACH
    columns = {
        "frame_id": pa.array([f"KRN{i:06d}" for i in range(n)]),
        "time": pa.array(days.astype("datetime64[ms]"), pa.timestamp("ms")).cast(pa.timestamp("ms", "UTC")),
        "night": pa.array(days),
        **{f"label_{name}": pa.array(named[name].fillna("unknown")) for name in votes},
        "verdict": pa.array(verdicts),
        "label": pa.array(named.iloc[:, 0].where([verdict == "agreed" for verdict in verdicts])),
        "image": tables.image_column(images),
    }
    empty = {field.name: pa.nulls(n, field.type) for field in schema if field.name not in columns}
    path = folder / "labelled.parquet"
    names = tables.labels_metadata(read_label_set(DEFAULT).names)
    tables.write(path, pa.table(columns | empty).select(schema.names).cast(schema), schema, {}, **names)
    return path


def test_noise_is_that_which_was_planted_and_the_page_shows_the_worst_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    votes, seen, _, wrong = planted(0.1, 3.0)
    same = (votes["anna"] == votes["bertil"]).tolist()
    path = write_labelled(tmp_path, votes, ["agreed" if alike else "disagreement" for alike in same])
    monkeypatch.setattr(label_quality, "what_is_seen", lambda _, frames: seen[[int(frame[3:]) for frame in frames]])
    quality, noise = judge_labels(path)
    assert list(noise) == [*NOISE]
    assert set(noise["annotator"]) == {"anna", "bertil"}
    for row in noise.itertuples():
        of_class = votes[row.annotator] == CLASSES.index(row.label)
        true = wrong.loc[of_class, row.annotator].mean()
        # The classifier is wrong at times, too.
        assert true - 0.05 < row.noise < true + 0.2
        assert row.noise_low < row.noise < row.noise_high
        assert row.likely == CLASSES[CLASSES.index(row.label) - 1]
    settled_before = tmp_path / "adjudicated.csv"
    settled_before.write_text("frame_id,label\nKRN19990101T000000,edge\n")  # of another year
    names = read_label_set(DEFAULT)
    write_second_look_page(str(path), quality, str(settled_before), "small", names, str(tmp_path / "page"))
    text = (tmp_path / "page/index.html").read_text(encoding="utf-8")
    first = quality[quality["label"] != quality["likely"]]["frame_id"].unique()
    assert text.index(first[0]) < text.index(first[1]) < text.index(first[-1])
    assert {file.stem for file in (tmp_path / "page/frames").glob("*.png")} == set(first)
    assert "rather" in text
    assert '"KRN19990101T000000": "edge"' in text or '"KRN19990101T000000":"edge"' in text
    doubted = quality[quality["label"] != quality["likely"]].iloc[0]
    assert f"anna: {names.titles[CLASSES[int(votes['anna'].iloc[int(doubted['frame_id'][3:])])]]}; bertil: " in text


def test_sparse_labels_are_rated_as_far_as_they_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    votes, seen, nights, _ = planted()
    # One labels every other frame only, and then nobody else does: no frame has two labels.
    apart = votes.assign(bertil=votes["anna"].where(np.arange(len(votes)) % 2 == 0))
    apart["anna"] = apart["anna"].where(np.arange(len(votes)) % 2 == 1)
    chances = out_of_sample(seen, apart, nights, len(CLASSES))
    assert len(rated(np.arange(len(votes)).astype(str).tolist(), apart, chances, CLASSES)) == len(votes)
    # Another one has labelled nothing but frames that are not done yet.
    late = votes.assign(bertil=np.nan)
    late.loc[:40, "bertil"] = 0
    path = write_labelled(tmp_path, late, ["incomplete" if i <= 40 else "agreed" for i in range(len(late))])
    monkeypatch.setattr(label_quality, "what_is_seen", lambda _, frames: seen[[int(frame[3:]) for frame in frames]])
    quality, noise = judge_labels(path)
    assert set(quality["annotator"]) == set(noise["annotator"]) == {"anna"}
    assert len(quality) == len(late) - 41
    assert noise["noise_low"].notna().all()


def test_too_little_to_judge_gives_empty_tables(tmp_path: Path) -> None:
    votes = planted()[0].head(EACH * 2)  # two nights
    path = write_labelled(tmp_path, votes, ["agreed"] * len(votes))
    for table, columns in zip(judge_labels(path), (QUALITY, NOISE), strict=True):
        assert len(table) == 0
        assert list(table) == [*columns]


def test_what_is_settled_takes_the_place_of_a_label_on_which_all_agree() -> None:
    def settle(label: str) -> Given:
        return Given(label, 2)

    assert outcome(["arcs", "arcs"], settle("edge"), EXCLUSIONS) == ("adjudicated", "edge")
    assert outcome(["arcs"], settle("rejected"), EXCLUSIONS) == ("rejected", None)
    assert outcome(["arcs", "arcs"], settle("arcs"), EXCLUSIONS) == ("agreed", "arcs")
    assert outcome(["unknown", "unknown"], settle("arcs"), EXCLUSIONS) == ("adjudicated", "arcs")
    assert outcome(["arcs", None], settle("edge"), EXCLUSIONS) == ("incomplete", None)
    assert outcome(["arcs", "edge"], None, EXCLUSIONS) == ("disagreement", None)


def test_every_page_exports_what_was_settled_anywhere() -> None:
    columns = ["frame_id", "label_anna", "label_bertil", "verdict", "label"]
    rows = [
        ("a", "arcs", "arcs", "agreed", "arcs"),
        ("b", "arcs", "arcs", "adjudicated", "edge"),
        ("c", "arcs", "arcs", "rejected", None),  # settled to be unusable
        ("d", "rejected", "rejected", "rejected", None),  # by themselves
        ("e", "arcs", "edge", "disagreement", None),
        ("f", "arcs", None, "incomplete", None),
    ]
    assert settled(pd.DataFrame(rows, columns=columns)) == {"b": "edge", "c": "rejected"}
