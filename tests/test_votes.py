"""Frames on which annotators differ: as distributions to train on, as a second test, and as sets of classes."""

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, Edit, Project, refusal
from crepes import ConformalClassifier

from norrsken import schemas, stages, tables
from norrsken.catalogue.calibrate import make_classifier
from norrsken.catalogue.judge import Frames
from norrsken.catalogue.sets import CONFIDENCE, drawn_labels, fit_limits, make_sets
from norrsken.classify.ambiguous import judge_votes
from norrsken.classify.classifier_file import read_classifier
from norrsken.classify.general import CLASSIFIER
from norrsken.classify.label_quality import NOISE
from norrsken.classify.model import Ensemble
from norrsken.classify.verdict import possible_classes
from norrsken.config.config import check
from norrsken.config.jobs import RunSettings
from norrsken.config.label_set import DEFAULT, LabelNames, read_label_set
from norrsken.config.models import Network
from norrsken.config.site import FrameSource
from norrsken.config.splits import Split
from norrsken.dataset.splits import read_split, split_dataset
from norrsken.dataset.votes import read_votes, votes_of
from norrsken.evaluation.calibration import cross_entropy
from norrsken.evaluation.validation import SET_FRAMES, enough_for_sets, nights_aside
from norrsken.models.network import least_loss
from norrsken.paper import CLASSES, EXCLUSIONS
from norrsken.report.votes import COLUMNS, tabulate_votes
from norrsken.training.run import Lesson, train_run, with_votes

NAMES = LabelNames(classes=("arcs", "patchy", "edge"), exclusions=("unknown",), hidden_sky=())
NONE = None


def labelled(*rows: tuple[str | None, str | None, str | None, str | None, str, str | None]) -> pd.DataFrame:
    """Rows of labels of a and b, what they said again, verdict and label."""
    columns = ["label_a", "label_b", "repeat_a", "repeat_b", "verdict", "label"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(frame_id=[f"f{i}" for i in range(len(table))], night=pd.Timestamp("2015-01-12"))


def test_votes_are_the_distribution_of_annotators_and_of_their_own_repeats() -> None:
    votes = votes_of(
        labelled(
            ("arcs", "arcs", NONE, NONE, "agreed", "arcs"),
            ("arcs", "patchy", NONE, NONE, "disagreement", NONE),
            ("arcs", "patchy", "edge", NONE, "disagreement", NONE),  # a has half a vote each time
            ("arcs", "arcs", NONE, "edge", "agreed", "arcs"),
            ("arcs", "unknown", NONE, NONE, "disagreement", NONE),
            ("unknown", "unknown", NONE, NONE, "unknown", NONE),  # nobody gives it a class
            ("unknown", "unknown", NONE, "edge", "unknown", NONE),  # b gave it one, the second time
            ("arcs", "patchy", NONE, NONE, "adjudicated", "edge"),  # only what was settled counts
            ("arcs", "patchy", NONE, NONE, "unknown", NONE),  # settled to be unusable
        ),
        NAMES,
    )
    assert votes.frame_ids.tolist() == ["f0", "f1", "f2", "f3", "f4", "f6", "f7"]
    assert votes.shares.tolist() == [
        [1, 0, 0],
        [0.5, 0.5, 0],
        [0.25, 0.5, 0.25],
        [0.75, 0, 0.25],
        [1, 0, 0],
        [0, 0, 1],
        [0, 0, 1],
    ]
    assert votes.usable.tolist() == [1, 1, 1, 1, 0.5, 0.25, 1]
    assert votes.agreed.tolist() == [True, False, False, True, False, False, True]
    assert votes.of_frames(np.array(["f4", "f0"])).usable.tolist() == [0.5, 1]
    with pytest.raises(KeyError, match="f5"):
        votes.of_frames(np.array(["f0", "f5"]))


def test_a_loss_of_votes_is_least_where_the_probabilities_are_the_votes() -> None:
    votes = np.array([[0.5, 0.5, 0], [0.2, 0, 0.2], [1, 0, 0]], np.float32)  # the second counts less
    shares = votes / votes.sum(axis=1, keepdims=True)
    found = -(votes * np.log(np.maximum(shares, 1e-30))).sum(axis=1).mean()
    assert least_loss(votes) == pytest.approx(found)
    assert least_loss(np.array([0, 2])) == 0
    assert cross_entropy(np.array([[0.5, 0.5, 0]]), votes[:1]) == pytest.approx(np.log(2))
    assert cross_entropy(np.array([[0.5, 0.25, 0.25]]), np.array([1])) == pytest.approx(np.log(4))


def test_votes_belong_to_models_that_are_trained_with_cross_entropy() -> None:
    def edit(model: str, **keys: object) -> Edit:
        return lambda raw: raw["models"][model].update(keys)

    def kept(targets: str) -> str:
        raw = copy.deepcopy(CONFIG)
        raw["models"]["shufflenet"]["targets"] = targets
        return str(check(raw).run_settings("shufflenet").plain())

    assert "targets" not in kept("agreed")  # runs of before are not made again
    assert "'targets': 'votes'" in kept("votes")
    assert "models.3nn.targets" in refusal(CONFIG, edit("3nn", targets="votes"))
    assert "unusable_weight is 0.5, but targets is agreed" in refusal(CONFIG, edit("shufflenet", unusable_weight=0.5))


NIGHTS, EACH = 40, 6


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release in which frames of two classes are told by their brightness, and annotators differ on grey ones.

    Every third frame is grey: one annotator calls it arcs, the other one patchy, or unusable.
    """
    folder = tmp_path_factory.mktemp("votes")
    random = np.random.default_rng(0)
    rows = []
    for night in range(NIGHTS):
        for i in range(EACH):
            kind = ("arcs", "patchy", "grey")[i % 3]
            two = ("patchy" if i % 2 else "unknown") if kind == "grey" else kind
            level = {"arcs": 60, "patchy": 180, "grey": 120}[kind]
            image = np.clip(random.normal(level, 8, schemas.IMAGE_SHAPE), 0, 255).astype(np.uint8)
            verdict = "disagreement" if kind == "grey" else "agreed"
            one = "arcs" if kind == "grey" else kind
            rows.append((f"KRN{night:04d}{i:04d}", night, one, two, verdict, None if kind == "grey" else kind, image))
    ids, nights, one, two, verdicts, labels, images = zip(*rows, strict=True)
    days = np.datetime64("2015-01-01") + np.array(nights)
    schema = schemas.labelled_table(["anna", "bertil"], EXCLUSIONS)
    columns = {
        "frame_id": pa.array(ids),
        "time": pa.array(days.astype("datetime64[ms]"), pa.timestamp("ms")).cast(pa.timestamp("ms", "UTC")),
        "night": pa.array(days),
        "label_anna": pa.array(one),
        "label_bertil": pa.array(two),
        "verdict": pa.array(verdicts),
        "label": pa.array(labels, pa.string()),
        "image": tables.image_column(np.array(images)),
    }
    empty = {field.name: pa.nulls(len(ids), field.type) for field in schema if field.name not in columns}
    source = FrameSource(processing=stages.PROCESSING, cameras=check(CONFIG).cameras).plain()
    names = tables.labels_metadata(read_label_set(DEFAULT).names)
    table = pa.table(columns | empty).select(schema.names).cast(schema)
    tables.write(folder / "labelled.parquet", table, schema, {}, frames=source, **names)
    splits = {"night": Split(method="night", test_share=0.3), "random": Split(method="random", test_share=0.3)}
    split_dataset(str(folder / "labelled.parquet"), splits, str(folder / "dataset.parquet"))
    return folder


def settings(targets: str) -> RunSettings:
    entry = {
        "kind": "network",
        "architecture": "resnet18",
        "epochs": 3,
        "batch_size": 16,
        "input_size": 32,
        "threads": 1,
    }
    more = {"targets": "votes", "unusable_weight": 0.5} if targets == "votes" else {}
    return RunSettings(name=targets, model=Network.model_validate(entry | {"threads": 1} | more))


def train(release: Path, folder: Path, targets: str, split: str = "night", seed: int = 0) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        name: str(folder / file)
        for name, file in (
            ("history", "history.csv"),
            ("predictions", "predictions.parquet"),
            ("validation", "validation.parquet"),
            ("metrics", "metrics.json"),
        )
    }
    votes = str(release / "labelled.parquet") if targets == "votes" else None
    train_run(str(release / "dataset.parquet"), None, split, seed, settings(targets), **files, labelled=votes)
    return files


@pytest.fixture(scope="module")
def runs(release: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("runs")
    return {targets: train(release, folder / targets, targets) for targets in ("agreed", "votes")}


def test_a_model_of_votes_is_trained_on_ambiguous_frames_of_training_nights_only(
    release: Path, runs: dict[str, dict[str, str]]
) -> None:
    metrics = {targets: pd.read_json(files["metrics"], typ="series") for targets, files in runs.items()}
    division = read_split(release / "dataset.parquet", "night")
    kept_out = division.train.nights[division.validation(0.2, 0)]
    untouched = {*division.test.nights, *kept_out}
    votes = read_votes(release / "labelled.parquet")
    wanted = [night not in untouched for night in votes.nights[~votes.agreed]]
    assert metrics["votes"]["ambiguous_frames"] == sum(wanted) > 0
    assert "ambiguous_frames" not in metrics["agreed"]
    # Both are tested and followed on the same frames.
    for name in ("predictions", "validation"):
        one, other = (tables.read_predictions(runs[targets][name]) for targets in ("agreed", "votes"))
        assert one["frame_id"].tolist() == other["frame_id"].tolist()
    assert (metrics["agreed"]["f1"], metrics["votes"]["f1"]) == pytest.approx((2 / 7, 2 / 7))  # of seven classes


def test_a_model_of_votes_is_in_doubt_where_people_are(
    release: Path, runs: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    judged = {}
    for targets, files in runs.items():
        output = tmp_path / f"{targets}.parquet"
        paths = [files["metrics"]], [files["predictions"]], [files["validation"]]
        judge_votes(*paths, str(release / "dataset.parquet"), str(release / "labelled.parquet"), str(output))
        judged["night", targets] = str(output)
    rows = tables.read(judged["night", "votes"], schemas.VOTES_TABLE).to_pandas()
    division, votes = read_split(release / "dataset.parquet", "night"), read_votes(release / "labelled.parquet")
    tested = votes.frame_ids[np.isin(votes.nights, division.test.nights)]
    assert sorted(rows["frame_id"]) == sorted(tested)
    assert set(rows.loc[rows["agreed"], "disagreement"]) == {0}
    assert set(rows.loc[~rows["agreed"], "disagreement"].round(4)) == {1}
    table = tabulate_votes(judged).set_index("model")
    assert table["targets"].to_dict() == {"agreed": "agreed", "votes": "votes"}
    # All grey frames look alike, so that the mean of what is said of them is best.
    said = votes.shares[~votes.agreed & np.isin(votes.nights, division.test.nights)].mean(axis=0)
    best = -(said[said > 0] * np.log(said[said > 0])).sum()
    assert table.loc["votes", "cross_entropy_mean"] == pytest.approx(best, abs=0.05)
    assert table.loc["votes", "cross_entropy_mean"] < table.loc["agreed", "cross_entropy_mean"]
    assert table.loc["votes", "cross_entropy_low"] < best + 0.05 < table.loc["votes", "cross_entropy_high"] + 0.1
    assert table.loc["agreed", "behind"] > 0 == table.loc["votes", "behind"]
    assert table.loc["votes", "correlation_mean"] > 0.9


def test_without_differing_annotators_votes_are_the_agreed_labels_and_the_note_says_so(
    release: Path, tmp_path: Path
) -> None:
    table = tables.read_without_images(release / "labelled.parquet")
    with tables.opened(release / "labelled.parquet", schemas.labelled_table([]), ["image"]) as file:
        whole = file.read()
    alike = whole.filter(pa.array(table["verdict"] == "agreed"))
    (tmp_path / "one").mkdir()
    schema = schemas.labelled_table(["anna", "bertil"], EXCLUSIONS)
    names = tables.labels_metadata(read_label_set(DEFAULT).names)
    source = tables.frame_source(release / "labelled.parquet").plain()
    tables.write(tmp_path / "one/labelled.parquet", alike.cast(schema), schema, {}, frames=source, **names)
    split = {"night": Split(method="night", test_share=0.3)}
    split_dataset(str(tmp_path / "one/labelled.parquet"), split, str(tmp_path / "one/dataset.parquet"))
    files = train(tmp_path / "one", tmp_path / "run", "votes")
    metrics = pd.read_json(files["metrics"], typ="series")
    assert metrics["ambiguous_frames"] == 0
    assert metrics["f1"] == pytest.approx(2 / 7)
    # Nothing is there to judge it by either; the table has its columns all the same.
    paths = [files["metrics"]], [files["predictions"]], [files["validation"]]
    judge_votes(*paths, *(str(tmp_path / "one" / f"{name}.parquet") for name in ("dataset", "labelled", "votes")))
    table = tabulate_votes({("night", "votes"): tmp_path / "one/votes.parquet"})
    assert len(table) == 0
    assert list(table) == [*COLUMNS]


def test_frames_that_may_be_of_the_test_are_never_trained_on(release: Path, tmp_path: Path) -> None:
    """A frame of unknown night, and one that is published as a test frame."""
    with tables.opened(release / "labelled.parquet", schemas.labelled_table([]), ["image"]) as file:
        whole = file.read()
    grey = np.flatnonzero(np.array(whole["verdict"].to_pylist()) == "disagreement")
    nights = whole["night"].to_numpy().astype("datetime64[D]")
    nights[grey] = np.datetime64("NaT")
    parts = np.where(np.arange(len(nights)) % 4 == 0, "test", "train")
    places = {name: whole.schema.get_field_index(name) for name in ("night", "time")}
    whole = whole.set_column(places["night"], pa.field("night", pa.date32()), pa.array(nights))
    whole = whole.append_column("part", pa.array(parts))
    pq.write_table(whole, tmp_path / "labelled.parquet")
    splits = {"night": Split(method="night", test_share=0.3), "published": Split(method="published")}
    split_dataset(str(tmp_path / "labelled.parquet"), splits, str(tmp_path / "dataset.parquet"))

    def ambiguous(split: str) -> int:
        division = read_split(tmp_path / "dataset.parquet", split, images=True)
        none = np.zeros(len(division.train.labels), bool)
        assert division.train.images is not None
        lesson = Lesson(division.train.images, division.train.labels, none)
        return with_votes(lesson, division, str(tmp_path / "labelled.parquet"), 0.5).ambiguous

    assert ambiguous("night") == 0
    assert ambiguous("published") == (parts[grey] == "train").sum() < len(grey)


# Sets


def honest(n: int, seed: int, nights: int = 40) -> Frames:
    """Frames whose labels follow the probabilities."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.25, 0.5, 0.25], n)
    labels = (probabilities.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return Frames(probabilities, labels, np.datetime64("2015-01-01") + random.integers(0, nights, n))


def test_sets_hold_the_class_as_often_as_promised_and_as_crepes_makes_them() -> None:
    calibration, test = honest(3000, 1), honest(4000, 2)
    limits = fit_limits(calibration, NAMES.classes)
    assert {limit.of for limit in limits.values()} == {"class"}
    values = np.array([limits[name].probability for name in NAMES.classes])
    possible = possible_classes(test.probabilities, values)
    for code in range(3):
        own = calibration.labels == code
        conformal = ConformalClassifier()
        conformal.fit(alphas=1 - calibration.probabilities[own, code])
        alphas = 1 - test.probabilities[:, code]
        theirs = conformal.predict_set(alphas[:, None], confidence=CONFIDENCE, smoothing=False)[:, 0].astype(bool)
        most = test.probabilities.argmax(axis=1) == code
        assert (possible[:, code] == theirs | most).mean() > 0.999  # limits have six decimals
    sets = make_sets(calibration, test, np.arange(4000) < 1000, NAMES.classes)
    assert sets.labelled.coverage.value == pytest.approx(0.9, abs=0.02)
    assert sets.labelled.coverage.low is not None
    assert (sets.agreed.frames, sets.ambiguous.frames) == (1000, 3000)
    assert all(judged.coverage.value == pytest.approx(0.9, abs=0.03) for judged in sets.by_class.values())


def test_a_class_with_few_frames_shares_its_limit() -> None:
    frames = honest(3000, 3)
    few = np.flatnonzero(frames.labels == 2)[SET_FRAMES - 1 :]
    kept = np.ones(3000, bool)
    kept[few] = False
    limits = fit_limits(frames.of(kept), NAMES.classes)
    # It is alone, and too few to share with: then all of them together decide.
    assert [limits[name].of for name in NAMES.classes] == ["class", "class", "all"]
    assert limits["edge"].frames == SET_FRAMES - 1
    assert not enough_for_sets(frames.nights[:59])
    assert not enough_for_sets(np.repeat(frames.nights[:1], 100))  # of one night


def test_the_most_probable_class_is_never_excluded_and_a_set_is_never_empty() -> None:
    possible = possible_classes(np.array([[0.4, 0.35, 0.25], [0.9, 0.05, 0.05]]), np.array([0.5, 0.3, 0.6]))
    assert possible.tolist() == [[True, True, False], [True, False, False]]


def test_the_label_of_an_ambiguous_frame_is_that_of_one_annotator() -> None:
    rows = [("arcs", "patchy", NONE, NONE, "disagreement", NONE)] * 2000
    codes = drawn_labels(votes_of(labelled(*rows), NAMES))
    assert set(codes) == {0, 1}
    assert codes.mean() == pytest.approx(0.5, abs=0.05)
    assert (drawn_labels(votes_of(labelled(*rows), NAMES)) == codes).all()


def test_every_second_validation_night_decides_nothing_but_the_sets(
    release: Path, runs: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> Path:
        files, output = runs["agreed"], tmp_path / "classifier.json"
        paths = ([files["metrics"]], [files["validation"]], [files["predictions"]])
        sources = str(release / "dataset.parquet"), str(release / "labelled.parquet")
        make_classifier(*paths, *sources, None, 0.9, str(output))
        return output

    without = read_classifier(made())
    assert without.sets is None  # six validation nights are too few
    monkeypatch.setattr("norrsken.evaluation.validation.SET_FRAMES", 10)
    monkeypatch.setattr("norrsken.evaluation.validation.SET_NIGHTS", 2)
    nights = np.array(["2015-01-03", "2015-01-01", "2015-01-04", "2015-01-02", "2015-01-02", "NaT"], "M8[D]")
    assert nights_aside(pd.Series(np.tile(nights, 10))).astype(str).tolist() == ["2015-01-02", "2015-01-04"]
    found = read_classifier(path := made())
    assert found.sets is not None
    assert found.validation is not None
    assert without.validation is not None
    assert found.validation.nights < without.validation.nights
    frames = {name: limit.frames for name, limit in found.sets.limits.items()}
    assert sum(frames.values()) == EACH * (without.validation.nights - found.validation.nights)
    assert set(frames) == set(CLASSES)
    assert found.sets.ambiguous.frames > 0
    with tables.opened(release / "labelled.parquet", schemas.labelled_table([]), ["image"]) as file:
        images = tables.images(file.read_row_group(0, ["image"])["image"])
    verdict = Ensemble(path).judge(images)
    assert verdict.possible is not None
    assert verdict.possible.any(axis=1).all()


def test_a_model_of_votes_brings_the_second_test_of_all_models_into_the_report(project: Project) -> None:
    votes = {**CONFIG["models"]["shufflenet"], "targets": "votes"}
    project.config["models"] = {"3nn": CONFIG["models"]["3nn"], "shufflenet-votes": votes}
    project.config["seeds"] = [0]
    release = project.config["releases"]["small"]
    release |= {"splits": {"night": {"method": "night", "test_share": 0.3}}, "catalogue": {"model": "shufflenet-votes"}}
    project.save()
    done = project.run("report")
    assert (done["train_run"], done["judge_votes"], done["tabulate_votes"], done["calibrate_classifier"]) == (
        2,
        2,
        1,
        1,
    )
    assert "merge_labels" not in done
    report = project.path("results/small/report")
    table = pd.read_csv(report / "votes.csv").set_index("model")
    assert table["targets"].to_dict() == {"3nn": "agreed", "shufflenet-votes": "votes"}
    assert (table["frames"] > 0).all()
    assert table["cross_entropy_low"].isna().all()  # of one or two nights
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "Frames that fit more than one class" in page
    assert "How often a label may be wrong" not in page  # four nights are too few
    card = (report / "cards/shufflenet-votes.md").read_text(encoding="utf-8")
    assert "it was also trained on" in card
    assert "## Frames on which annotators differ" in card
    assert "Classes that cannot be excluded" not in page + card  # too few nights

    # What a classifier with sets says of them stands in the report, and in the card of its model.
    classifier = project.path("results/small/catalogue/classifier.json")
    sets = read_classifier(CLASSIFIER).sets
    assert sets is not None
    classifier.write_text(json.dumps(json.loads(classifier.read_text()) | {"sets": sets.plain()}))
    assert set(project.run("report")) == {"write_card", "write_report"}
    page = (report / "index.html").read_text(encoding="utf-8")
    cards = [(report / f"cards/{name}.md").read_text(encoding="utf-8") for name in ("shufflenet-votes", "3nn")]
    assert "Classes that cannot be excluded" in page
    assert ["Classes that cannot be excluded" in card for card in cards] == [True, False]
    assert f"{sets.labelled.coverage.value:.2f} of 2,826 frames of 22 test nights" in " ".join(cards[0].split())

    # An annotator who never gave a class has no noise of it.
    noise = project.path("results/small/label_noise.csv")
    rows = [("anna", "arcs", 40, 0.1, 0.05, 0.2, "edge", 0.1), ("bertil", "edge", 3, None, None, None, None, None)]
    pd.DataFrame(rows, columns=[*NOISE]).to_csv(noise, index=False)
    assert set(project.run("report")) == {"write_card", "write_report"}
    assert "Arcs 0.10" in (report / "cards/3nn.md").read_text(encoding="utf-8")
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "How often a label may be wrong" in page
    assert "0.10 <small>[0.05, 0.20]</small>" in page

    # Trained on agreed labels again, it is a new model, and there is no second test any more.
    del project.config["models"]["shufflenet-votes"]["targets"]
    project.save()
    planned = project.planned("report")
    assert planned["train_run"] == 1
    assert not {"judge_votes", "tabulate_votes", "merge_labels"} & set(planned)
