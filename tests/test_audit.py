"""The audit of a catalogue: who is drawn, what the sample says of the whole, and that it stays."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import CONFIG, refusal

from norrsken import schemas, tables
from norrsken.catalogue.audit import AuditError, audited, draw_audit, judge_audit, write_audit_pages
from norrsken.classes import CONDITIONS, NOT_CLASSIFIED
from norrsken.config.jobs import LabellingSettings, LabelSettings
from norrsken.config.label_set import Label, LabelNames
from norrsken.config.releases import Audit
from norrsken.dataset.labels import LabelError
from norrsken.evaluation.stratified import Strata, share

CLASSES = ["arcs", "patchy", "clear"]
LABELLING = LabellingSettings(
    release="small",
    longitude=20.4,
    years=[],
    orders={"audit": "random"},
    every=1,
    repeats=0.03,
    seed=0,
    labels=[
        Label(name=name, title=name.title(), definition=name, key=name[0], colour="#000000")
        for name in (*CLASSES, "unknown")
    ],
    references=[],
    of_class=None,
)
LABELS = LabelSettings(
    station="KRN",
    longitude=20.4,
    years=[],
    label_names=LabelNames(classes=CLASSES, exclusions=["unknown"], hidden_sky=[]),
)


def write_catalogue(folder: Path, frames: int = 3000, nights: int = 12) -> pd.DataFrame:
    """A catalogue of two winters, with night tables beside it; returns its frames with what they show in truth."""
    random = np.random.default_rng(1)
    labels = random.choice([*CLASSES, NOT_CLASSIFIED], frames, p=[0.05, 0.25, 0.4, 0.3])
    confused = {
        "arcs": ([*CLASSES, "unknown"], [0.7, 0.1, 0.05, 0.15]),
        "patchy": ([*CLASSES, "unknown"], [0.05, 0.8, 0.05, 0.1]),
        "clear": ([*CLASSES, "unknown"], [0.0, 0.05, 0.93, 0.02]),
        NOT_CLASSIFIED: ([*CLASSES, "unknown"], [0.1, 0.2, 0.1, 0.6]),
    }
    true = [random.choice(confused[name][0], p=confused[name][1]) for name in labels]
    night = np.sort(random.integers(0, nights, frames))
    start = np.array([f"{2014 + n % 2}-{1 + n // 2:02d}-1{n % 2}T16:00:00" for n in range(nights)], "datetime64[s]")
    times = start[night] + (np.arange(frames) % 400) * np.timedelta64(60, "s")
    table = pd.DataFrame({"time": times, "night": start[night].astype("datetime64[D]"), "label": labels, "true": true})
    table = table.drop_duplicates("time").sort_values("time", ignore_index=True)
    table["frame_id"] = "KRN" + table["time"].dt.strftime("%Y%m%dT%H%M%S")
    table["condition"] = random.choice(CONDITIONS[:3], len(table), p=[0.6, 0.3, 0.1])
    for day, rows in table.groupby("night"):
        month = f"{day:%Y-%m}"
        images = np.full((len(rows), 128, 128, 3), 20, np.uint8)
        known = {
            "frame_id": rows["frame_id"],
            "time": pa.array(rows["time"].to_numpy("datetime64[ms]")).cast(pa.timestamp("ms", "UTC")),
            "night": pa.array([day.date()] * len(rows), pa.date32()),
            "label": rows["label"],
            "condition": rows["condition"],
            "seen": ["none"] * len(rows),
            "status": ["kept"] * len(rows),
            "image": tables.image_column(images),
        }
        for kind, schema in (("catalogue", schemas.catalogue_table(CLASSES)), ("nights", schemas.NIGHT_TABLE)):
            open_schema = pa.schema([one.with_nullable(True) for one in schema])
            columns = {one.name: known.get(one.name, pa.nulls(len(rows), one.type)) for one in open_schema}
            path = folder / kind / month / f"{day.date()}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            tables.write(path, pa.table(columns).cast(open_schema), open_schema, {})
    return table


def months(folder: Path, kind: str) -> list[str]:
    return sorted(str(path) for path in (folder / kind).iterdir())


def draw(folder: Path, frames: int = 200, seed: int = 0) -> pd.DataFrame:
    draw_audit(months(folder, "catalogue"), Audit(frames=frames, seed=seed), str(folder / "audit.parquet"))
    return tables.read(folder / "audit.parquet", schemas.AUDIT_TABLE).to_pandas()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("audit")
    return folder, write_catalogue(folder)


def test_every_label_gives_as_many_frames_in_proportion_over_skies_and_years(
    archive: tuple[Path, pd.DataFrame],
) -> None:
    folder, whole = archive
    drawn = draw(folder)
    assert drawn["label"].value_counts().to_dict() == dict.fromkeys([*CLASSES, NOT_CLASSIFIED], 50)
    assert drawn.groupby("label")["label_frames"].first().to_dict() == whole["label"].value_counts().to_dict()
    for name in ("clear", NOT_CLASSIFIED):
        for column in ("condition", "year"):
            of_whole = whole.assign(year=whole["time"].dt.year)[whole["label"] == name][column]
            expected = 50 * of_whole.value_counts(normalize=True)
            found = drawn[drawn["label"] == name][column].value_counts().reindex(expected.index, fill_value=0)
            assert (found - expected).abs().max() <= 3  # one for each of the cells that add up to it
    assert drawn["frame_id"].tolist() == draw(folder)["frame_id"].tolist()
    assert drawn["frame_id"].tolist() != draw(folder, seed=1)["frame_id"].tolist()
    assert drawn["time"].is_monotonic_increasing


def test_the_page_shows_the_frames_and_not_their_labels(archive: tuple[Path, pd.DataFrame]) -> None:
    folder, _ = archive
    drawn = draw(folder)
    write_audit_pages(str(folder / "audit.parquet"), months(folder, "nights"), LABELLING, str(folder / "audit"))
    assert {path.stem for path in (folder / "audit/frames").rglob("*.png")} == set(drawn["frame_id"])
    text = (folder / "audit/audit.html").read_text()
    assert all(frame_id in text for frame_id in drawn["frame_id"])
    assert NOT_CLASSIFIED not in text


def test_the_estimates_are_those_of_the_whole_catalogue_and_their_intervals_hold() -> None:
    """Of many samples about 95 % of the intervals hold what is true of the whole catalogue."""
    random = np.random.default_rng(5)
    label = random.choice([*CLASSES, NOT_CLASSIFIED], 20_000, p=[0.03, 0.27, 0.4, 0.3])
    given = np.where(random.random(20_000) < 0.8, label, random.choice([*CLASSES, ""], 20_000))
    given[given == NOT_CLASSIFIED] = "arcs"
    whole = pd.DataFrame({"label": label, "given": given, "condition": "clear", "seen": "none", "year": 2014})
    whole["label_drawn"] = whole["label"]
    whole["label_frames"] = whole["label"].map(whole["label"].value_counts())
    truth = audited(whole, CLASSES).set_index(["by", "label"])
    classified = whole[whole["label"] != NOT_CLASSIFIED]
    assert truth.loc[("all", "all"), "precision"] == pytest.approx((classified["label"] == classified["given"]).mean())
    arcs = whole[whole["given"] == "arcs"]
    assert truth.loc[("all", "arcs"), "recall"] == pytest.approx((arcs["label"] == "arcs").mean())
    assert truth.loc[("all", "arcs"), "recall_high"] - truth.loc[("all", "arcs"), "recall_low"] < 1e-9
    held, errors = [], []
    for seed in range(150):
        parts = [of.sample(60, random_state=seed) for _, of in whole.groupby("label")]
        found = audited(pd.concat(parts), CLASSES).set_index(["by", "label"])
        for score in ("precision", "recall", "no_class"):
            inside = (found[f"{score}_low"] <= truth[score] + 1e-12) & (truth[score] - 1e-12 <= found[f"{score}_high"])
            held.append(inside.loc["all"].to_numpy())
            errors.append((found[score] - truth[score]).loc["all"].to_numpy())
    of_each = np.mean(np.reshape(held, (150, -1)), axis=0)
    assert 0.93 < of_each.mean() < 0.99
    assert of_each.min() > 0.87
    assert np.abs(np.mean(np.reshape(errors, (150, -1)), axis=0)).max() < 0.02


def test_a_census_is_sure_and_nothing_is_nothing() -> None:
    strata = Strata(np.zeros(10, np.int64), np.array([10]))
    half = np.arange(10) < 5
    assert share(half, np.ones(10, bool), strata, True) == pytest.approx((0.5, 0.5, 0.5))
    assert np.isnan(share(half, np.zeros(10, bool), strata, True)).all()
    of_many = share(np.ones(10, bool), np.ones(10, bool), Strata(np.zeros(10, np.int64), np.array([10_000])), True)
    assert of_many.value == of_many.high == 1
    assert 0.6 < of_many.low < 0.75  # Wilson's interval of 10 of 10, with Student's t


def test_what_no_frame_of_the_sample_shows_may_be_there_all_the_same() -> None:
    """A class of few frames, all of them audited: others that should be called so may be among those that were not."""
    strata = Strata(np.repeat([0, 1], [20, 60]), np.array([20, 1200]))
    found = np.arange(80) < 20
    known, unknown = (share(found, found, strata, whole_is_known) for whole_is_known in (True, False))
    assert known == (1, 1, 1)
    assert unknown.value == unknown.high == 1
    # That the sample has none of n others has a chance of (1 - 60 / 1200)^n, which is 2.5 % for n = 72.
    assert unknown.low < 20 / (20 + 60)


def label_table(path: Path, labels: "pd.Series[str]") -> str:
    pd.DataFrame({"frame_id": labels.index, "label": labels.to_numpy()}).to_csv(path, index=False)
    return str(path)


def judge(folder: Path, tables_of: list[str], output: Path) -> pd.DataFrame:
    judge_audit(str(folder / "audit.parquet"), tables_of, months(folder, "catalogue"), LABELS, str(output))
    return pd.read_csv(output, keep_default_na=False, na_values=[""])


def test_the_table_tells_what_people_say(archive: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    folder, whole = archive
    drawn = draw(folder, 1000)
    true = whole.set_index("frame_id")["true"][drawn["frame_id"]]
    table = judge(folder, [label_table(tmp_path / "audit.csv", true)], tmp_path / "out.csv")
    together = table[table["by"] == "all"].set_index("label")
    for name in CLASSES:
        called, shown = whole[whole["label"] == name], whole[whole["true"] == name]
        row = together.loc[name]
        # Two times as far as an interval reaches, so that chance does not decide.
        precision, recall = (called["true"] == name).mean(), (shown["label"] == name).mean()
        assert abs(row["precision"] - precision) <= row["precision_high"] - row["precision_low"]
        assert abs(row["recall"] - recall) <= row["recall_high"] - row["recall_low"]
        assert row["frames"] == len(called)
    assert together.loc["all", "audited"] == (drawn["label"] != NOT_CLASSIFIED).sum()
    assert set(table["by"]) == {"all", "condition", "seen", "year"}
    assert table[table["by"] == "condition"]["frames"].sum() == pytest.approx(together.loc["all", "frames"], abs=2)


def test_frames_on_which_auditors_differ_have_no_class_and_unfinished_work_counts(
    archive: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    folder, whole = archive
    drawn = draw(folder)
    true = whole.set_index("frame_id")["true"][drawn["frame_id"]]
    other = true.copy()
    other[::4] = "unknown"
    first, second = label_table(tmp_path / "a.csv", true), label_table(tmp_path / "b.csv", other)
    alone, both = (judge(folder, paths, tmp_path / "out.csv").iloc[0] for paths in ([first], [first, second]))
    assert both["no_class"] > alone["no_class"] + 0.1
    assert both["precision"] < alone["precision"] - 0.1
    part = label_table(tmp_path / "b.csv", other[:90])
    unfinished = judge(folder, [first, part], tmp_path / "out.csv").iloc[0]
    assert unfinished["audited"] < both["audited"]
    assert unfinished["frames"] == pytest.approx(both["frames"], abs=1)  # those that are labelled stand for all


def test_labels_of_other_frames_and_no_labels_are_refused(archive: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    folder, _ = archive
    draw(folder)
    wrong = label_table(tmp_path / "audit.csv", pd.Series(["arcs"], ["KRN19990101T000000"]))
    with pytest.raises(LabelError, match=r"audit.csv:2: KRN19990101T000000 is not in .*audit.parquet"):
        judge(folder, [wrong], tmp_path / "out.csv")
    empty = label_table(tmp_path / "audit.csv", pd.Series([], [], dtype=str))
    with pytest.raises(AuditError, match=r"no frame of .*audit.parquet is labelled by all"):
        judge(folder, [empty], tmp_path / "out.csv")


def test_a_catalogue_that_has_changed_is_judged_by_the_same_sample(
    archive: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    """Another classifier gives other labels: the sample still stands for all frames, by how it was drawn."""
    folder, whole = archive
    drawn = draw(folder, 1000)
    changed = whole.assign(new=np.where(whole["label"] == "arcs", "patchy", whole["label"]))
    frames = drawn.rename(columns={"label": "label_drawn"}).merge(changed[["frame_id", "new", "true"]], on="frame_id")
    frames = frames.assign(label=frames["new"], given=frames["true"].where(frames["true"] != "unknown"), seen="none")
    row = audited(frames, CLASSES).set_index(["by", "label"]).loc[("all", "patchy")]
    truth = (changed[changed["new"] == "patchy"]["true"] == "patchy").mean()
    assert abs(row["precision"] - truth) < row["precision_high"] - row["precision_low"]
    assert row["frames"] == changed["new"].eq("patchy").sum()


def test_frames_that_the_catalogue_lost_stand_for_others_that_it_lost(
    archive: tuple[Path, pd.DataFrame],
) -> None:
    """A classifier that does not know one of two cameras leaves its frames out: the others do not stand for them."""
    folder, whole = archive
    drawn = draw(folder, 1000)
    lost = whole.assign(label=whole["label"].where(whole["condition"] != "cloudy"), seen="none")
    frames = drawn.drop(columns="condition").rename(columns={"label": "label_drawn"})
    frames = frames.merge(lost[["frame_id", "label", "true", "condition", "seen"]], on="frame_id")
    row = audited(frames.assign(given=frames["true"]), CLASSES).set_index(["by", "label"]).loc[("all", "clear")]
    assert row["frames"] == pytest.approx((lost["label"] == "clear").sum(), rel=0.1)
    assert row["value"] == ""


def test_old_names_of_labels_are_not_those_of_auditors(archive: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    folder, whole = archive
    drawn = draw(folder)
    true = label_table(tmp_path / "audit.csv", whole.set_index("frame_id")["true"][drawn["frame_id"]])
    settings = LABELS.model_copy(update={"relabel": {"arcs": None}})
    for name, chosen in (("a.csv", LABELS), ("b.csv", settings)):
        judge_audit(str(folder / "audit.parquet"), [true], months(folder, "catalogue"), chosen, str(tmp_path / name))
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_auditors_need_names_of_their_own() -> None:
    def same(raw: dict) -> None:  # type: ignore[type-arg]
        raw["releases"]["small"]["catalogue"] = {"audit": {"labels": ["audit/anna.csv"]}}
        raw["releases"]["small"]["labels"] = ["labels/anna.csv", "labels/bertil.csv"]

    assert "expected another file name for each table" in refusal(CONFIG, same)
