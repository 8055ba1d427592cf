"""The catalogue: what is chosen, how sure it is, what is repeated when, what it says beside a simulation's truth."""

import json
import re
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import CONFIG, PAPER, REAL_FRAMES, Project, write_evening
from test_status import status

from norrsken import schemas, stages, tables
from norrsken.catalogue import truth
from norrsken.catalogue.calibrate import class_limits, fit_aurora, least_confidence
from norrsken.catalogue.correction import Correction
from norrsken.catalogue.judge import LIMIT_FRAMES, LIMIT_NIGHTS, Frames, judge
from norrsken.catalogue.occurrence import tabulate_occurrence
from norrsken.classes import CONDITIONS
from norrsken.classify import condition
from norrsken.classify.choose import choose
from norrsken.classify.classifier_file import ClassifyError
from norrsken.classify.model import Ensemble
from norrsken.classify.sky_measures import MEASURES, WIDTH, measures
from norrsken.cli import main
from norrsken.config.config import Config
from norrsken.config.site import Camera, FrameSource
from norrsken.evaluation.calibration import entropy, fit_temperature, tempered
from norrsken.evaluation.validation import SET_FRAMES, SET_NIGHTS, best_of, nights_aside, validation_f1
from norrsken.files import write_csv
from norrsken.nights.images import process, read_frame
from norrsken.paper import CLASSES
from norrsken.simulation.truth import TRUTH_TABLE

RANDOM = np.random.default_rng(0)

#: What the last month of an archive adds to, when there is a new one.
OF_ALL_MONTHS = dict.fromkeys(
    (
        "find_events", "tabulate_availability", "tabulate_occurrence", "write_night_pages", "write_export",
        "write_catalogue",
    ),
    1,
)  # fmt: skip


def draws(n: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, 7), and labels that come up as often as they say."""
    probabilities = tempered(RANDOM.dirichlet(np.ones(7), n), 1 / sharpness)
    return probabilities, np.array([RANDOM.choice(7, p=row) for row in probabilities])


def test_a_temperature_undoes_overconfidence() -> None:
    honest, labels = draws(4000, 1.0)
    assert fit_temperature(honest, labels) == pytest.approx(1, abs=0.1)
    assert fit_temperature(tempered(honest, 0.5), labels) == pytest.approx(2, abs=0.2)
    assert tempered(honest, 1) == pytest.approx(honest)
    assert tempered(np.array([[1.0, 0, 0, 0, 0, 0, 0]]), 3).sum() == pytest.approx(1)


def test_the_least_confidence_reaches_the_precision_and_classifies_as_much_as_it_can() -> None:
    frames = with_nights(*draws(5000, 2.0))
    right, confidence = frames.probabilities.argmax(axis=1) == frames.labels, frames.probabilities.max(axis=1)
    least = least_confidence(frames, 0.9)
    assert right[confidence >= least].mean() == pytest.approx(0.9, abs=0.03)
    predicted = frames.probabilities.argmax(axis=1)
    assert least_confidence(frames._replace(labels=predicted), 0.999) == pytest.approx(confidence.min(), abs=1e-6)
    assert least_confidence(frames._replace(labels=(predicted + 1) % 7), 0.5) == 1.0


def test_a_limit_is_no_matter_of_the_luck_of_few_frames() -> None:
    """Limits of 40 frames each, judged on very many: on average they keep what was asked."""
    many = with_nights(*draws(20_000, 2.0))
    right, confidence = many.probabilities.argmax(axis=1) == many.labels, many.probabilities.max(axis=1)
    kept = []
    for _ in range(200):
        limit = least_confidence(many.of(np.isin(np.arange(20_000), RANDOM.integers(0, 20_000, 40))), 0.8)
        kept.append(right[confidence >= limit].mean() if limit < confidence.max() else 0.8)
    assert np.mean(kept) == pytest.approx(0.8, abs=0.02)


def with_nights(probabilities: np.ndarray, labels: np.ndarray, nights: int = 20) -> Frames:
    """The frames, of so many nights in turn."""
    return Frames(probabilities, labels, np.datetime64("2015-01-01") + np.arange(len(labels)) % nights)


def test_a_class_that_is_worse_than_the_others_gets_a_higher_limit_of_its_own() -> None:
    """What is called discrete is right less often than it is sure: the pooled limit would hide it."""
    discrete, n = CLASSES.index("discrete"), 14_000
    called, confidence = np.arange(n) % 7, RANDOM.uniform(0.4, 0.99, n)
    probabilities = np.repeat((1 - confidence)[:, None] / 6, 7, axis=1)
    probabilities[np.arange(n), called] = confidence
    right = RANDOM.random(n) < confidence - 0.25 * (called == discrete)
    frames = with_nights(probabilities, np.where(right, called, (called + 1) % 7))
    pooled = least_confidence(frames, 0.6)
    limits = class_limits(frames, pooled, 0.6, CLASSES)
    assert {limit.of for limit in limits.values()} == {"class"}
    assert limits["discrete"].confidence == pytest.approx(0.71, abs=0.06)  # from there on 0.6 are right in the mean
    assert limits["arcs"].confidence < pooled + 0.05 < limits["discrete"].confidence
    confidences = np.array([limits[name].confidence for name in CLASSES])
    assert judge(frames, confidences, None, CLASSES).by_class["discrete"].precision.value == pytest.approx(
        0.6, abs=0.04
    )
    judged = judge(frames, np.full(7, pooled), None, CLASSES)
    assert judged.by_class["discrete"].precision.value < 0.5  # type: ignore[operator]
    assert sum(one.frames for one in judged.by_class.values()) == judged.frames == n


def test_too_few_frames_or_nights_share_the_limit_of_all() -> None:
    probabilities, labels = draws(8000, 2.0)
    few = class_limits(with_nights(probabilities, labels, nights=LIMIT_NIGHTS - 1), 0.6, 0.8, CLASSES)
    assert {(limit.confidence, limit.of) for limit in few.values()} == {(0.6, "all")}
    called = probabilities.argmax(axis=1) == 0
    rows = ~called | (called.cumsum() < LIMIT_FRAMES)
    limits = class_limits(with_nights(probabilities[rows], labels[rows]), 0.6, 0.8, CLASSES)
    assert [name for name, limit in limits.items() if limit.of != "class"] == [CLASSES[0]]
    assert (limits[CLASSES[0]].of, limits[CLASSES[0]].frames) == ("all", LIMIT_FRAMES - 1)


def test_classes_with_too_few_frames_have_a_limit_of_their_frames_together() -> None:
    """Two rare classes are worse than the others, and the limit of all frames would hide it."""
    probabilities, labels = draws(8000, 2.0)
    called = probabilities.argmax(axis=1)
    rows = (called > 1) | np.isin(
        np.arange(8000), np.concatenate([np.flatnonzero(called == code)[:30] for code in (0, 1)])
    )
    frames = with_nights(probabilities[rows], labels[rows])
    wrong = (frames.probabilities.argmax(axis=1) <= 1) & (RANDOM.random(len(frames.labels)) < 0.5)
    frames = frames._replace(labels=np.where(wrong, 6, frames.labels))
    pooled = least_confidence(frames, 0.8)
    limits = class_limits(frames, pooled, 0.8, CLASSES)
    assert [limits[name].of for name in CLASSES] == ["rest"] * 2 + ["class"] * 5
    assert limits[CLASSES[0]].confidence == limits[CLASSES[1]].confidence > pooled


def sky_or_aurora(n: int, share_of_aurora: float, nights: int = 20) -> Frames:
    """Frames of a clear sky and of arcs, of which the classifier is less sure than it could be, and of nothing else."""
    faint, arcs = CLASSES.index("faint"), CLASSES.index("arcs")
    shown = RANDOM.random(n) < share_of_aurora
    odds = RANDOM.normal(np.where(shown, 1.0, -1.0), 1.0)  # whose true log odds are twice as much
    probabilities = np.full((n, 7), 1e-9)
    probabilities[:, arcs] = 1 / (1 + np.exp(-odds))
    probabilities[:, faint] = 1 - probabilities[:, arcs]
    return with_nights(probabilities, np.where(shown, arcs, faint), nights)


def test_aurora_is_decided_as_if_it_were_as_frequent_as_a_clear_sky() -> None:
    """Twenty of twenty-one validation frames show aurora; on other frames, half of which do, the decision is right."""
    trained = pd.Series(["arcs"] * 20 + ["faint"])
    fitted = fit_aurora(sky_or_aurora(40_000, 20 / 21), trained, PAPER.names, "faint", 0.9)
    assert fitted is not None
    assert fitted.fitted_on == "validation"
    assert (fitted.slope, fitted.intercept) == (pytest.approx(2, abs=0.15), pytest.approx(0, abs=0.15))
    frames = sky_or_aurora(40_000, 0.5)
    probability = fitted.probability(frames.probabilities, CLASSES)
    decided, shown = fitted.decide(probability), frames.labels == CLASSES.index("arcs")
    for low in np.arange(0, 1, 0.2):
        of_bin = (probability >= low) & (probability < low + 0.2)
        assert shown[of_bin].mean() == pytest.approx(probability[of_bin].mean(), abs=0.04)
    assert shown[decided == "yes"].mean() > 0.9
    assert 1 - shown[decided == "no"].mean() > 0.9
    assert 0.1 < (decided == "undecided").mean() < 0.6
    judged = judge(frames, np.zeros(7), fitted, CLASSES)
    assert judged.with_aurora is not None
    assert judged.without_aurora is not None
    assert judged.with_aurora.frames + judged.without_aurora.frames == 40_000
    assert judged.with_aurora.yes.value == pytest.approx((decided == "yes")[shown].mean(), abs=1e-4)
    assert judged.without_aurora.no.value == pytest.approx((decided == "no")[~shown].mean(), abs=1e-4)


def test_a_decision_on_aurora_with_few_frames_takes_out_only_what_the_labels_are() -> None:
    trained = pd.Series(["arcs"] * 20 + ["faint"])
    few = fit_aurora(sky_or_aurora(60, 0.5), trained, PAPER.names, "faint", 0.9)
    assert few is not None
    assert (few.fitted_on, few.slope, few.intercept) == ("labels", 1, pytest.approx(-np.log(20), abs=1e-5))
    assert fit_aurora(sky_or_aurora(60, 0.5), pd.Series(["arcs"]), PAPER.names, "faint", 0.9) is None
    assert fit_aurora(sky_or_aurora(60, 0.5), trained, PAPER.names, None, 0.9) is None


def test_a_judgement_counts_only_what_got_a_class() -> None:
    probabilities = np.full((4, 7), 0.01)
    probabilities[range(4), [0, 0, 1, 1]] = [0.94, 0.9, 0.5, 0.94]
    frames = with_nights(probabilities, np.array([0, 1, 1, 1]), nights=1)
    found = judge(frames, np.full(7, 0.6), None, CLASSES)
    assert (found.frames, found.classified.value, found.precision.value) == (4, 0.75, pytest.approx(2 / 3, abs=1e-4))
    assert found.precision.low is None  # one night tells nothing of others
    of_first = found.by_class[CLASSES[0]]
    assert (of_first.frames, of_first.classified.value, of_first.precision.value) == (2, 1.0, 0.5)
    assert found.by_class[CLASSES[2]].precision.value is None
    assert judge(frames, np.full(7, 0.99), None, CLASSES).precision.value is None
    many = judge(with_nights(*draws(4000, 2.0)), np.full(7, 0.6), None, CLASSES)
    assert many.precision.low < many.precision.value < many.precision.high  # type: ignore[operator]


def write_run(folder: Path, name: str, method: str, f1: dict[str, int]) -> tuple[dict[str, str], str]:
    """Metrics of a run, and its validation frames: id → 1 where it is right."""
    path = folder / f"{name}.parquet"
    right = np.array([*f1.values()], bool)
    columns = {"frame_id": [*f1], "label": ["arcs"] * len(f1), "predicted": np.where(right, "arcs", "edge")}
    columns |= {f"p_{label}": np.float32(label == "arcs") * np.ones(len(f1), np.float32) for label in CLASSES}
    rows = pa.table({**columns, "embedding": pa.array([None] * len(f1), pa.list_(pa.float32()))})
    schema = schemas.predictions_table(CLASSES)
    tables.write(path, rows.select(schema.names).cast(schema), schema, {})
    return {"model": name, "split": "s", "split_method": method}, str(path)


def test_models_are_compared_on_the_validation_nights_that_all_have_kept_out(tmp_path: Path) -> None:
    """A model that keeps more nights out is not better for being right on the others."""
    runs = [
        write_run(tmp_path, "a", "night", {"1": 1, "2": 1, "3": 0}),
        write_run(tmp_path, "b", "night", {"1": 1, "2": 0, "3": 1, "4": 1, "5": 1, "6": 1}),
        write_run(tmp_path, "c", "night", {}),
    ]
    nights = pd.Series(np.datetime64("2015-01-12"), [*"123456"])
    scores = validation_f1(*zip(*runs, strict=True), nights)
    assert set(scores) == {("s", "a"), ("s", "b")}
    assert scores["s", "a"] == scores["s", "b"]  # each is right on two of the three
    own = [({**run, "split_method": "random"}, path) for run, path in runs]
    assert validation_f1(*zip(*own, strict=True), nights)["s", "b"] > scores["s", "b"]
    assert best_of({"a": 0.5, "b": 0.7, "c": 0.7}) == "b"


def test_nights_that_are_set_aside_have_no_say_in_which_model_is_best(tmp_path: Path) -> None:
    ids = [f"{night:02d}-{i}" for night in range(2 * SET_NIGHTS) for i in range(SET_FRAMES // SET_NIGHTS + 1)]
    nights = pd.Series([np.datetime64("2015-01-01") + int(name[:2]) for name in ids], ids)
    aside = nights_aside(nights)
    assert len(aside) == SET_NIGHTS
    even = {name: int(night not in aside) for name, night in nights.items()}
    runs = [
        write_run(tmp_path, "right-on-others", "night", even),
        write_run(tmp_path, "right-aside", "night", {name: 1 - right for name, right in even.items()}),
    ]
    scores = validation_f1(*zip(*runs, strict=True), nights)
    assert scores["s", "right-on-others"] > 0 == scores["s", "right-aside"]
    assert len(nights_aside(nights[nights < aside[-1]])) == 0  # a night less is too few


def test_entropy_is_in_bits() -> None:
    assert entropy(np.array([[1.0, 0, 0, 0, 0, 0, 0], [1 / 7] * 7])) == pytest.approx([0, np.log2(7)])


def test_black_overexposed_frozen_and_empty_frames_are_bad() -> None:
    frames = RANDOM.integers(20, 60, (6, 128, 128, 3), np.uint8)
    frames[1], frames[2] = 3, 255
    frames[4] = frames[3]
    frames[5] = 30, 60, 90
    assert condition.bad(frames).tolist() == [False, True, True, False, True, True]
    assert condition.bad(frames[:1], before=frames[0]).tolist() == [True]
    assert set(condition.conditions(frames, condition.shipped())) <= set(CONDITIONS)


def test_beams_stars_and_glare_are_told_from_arcs() -> None:
    sky = RANDOM.normal([30, 32, 28], 2, (4, 128, 128, 3))
    arc, beam, stars = np.zeros((3, 128, 128, 3))
    arc[40:56], beam[:, 63:65] = [10, 90, 5], [10, 90, 10]
    stars[tuple(RANDOM.integers(0, 128, (2, 60)))] = 80
    lamp = np.exp(-np.arange(128)[:, None, None] / 20) * [200, 180, 140] * np.ones((1, 128, 1))
    measured = measures(np.clip(np.stack([arc, beam, stars, lamp]) + sky, 0, 255).astype(np.uint8))
    assert [MEASURES[i] for i in (12, 15, 16)] == ["glare", "beam", "stars"]
    assert measured[:, [12, 15]].argmax(axis=0).tolist() == [3, 1]
    assert measured[1, 15] > measured[0, 15] + 1
    assert measured[2, 16] > measured[0, 16] + 1


def test_the_shipped_condition_says_how_well_it_does() -> None:
    model = condition.shipped()
    assert len(model.weights) == len(CONDITIONS)
    assert len(model.mean) == WIDTH + len(MEASURES)
    for score, least in {
        "clear_recall": 0.9,
        "cloudy_precision": 0.85,
        "cameras_clear_recall": 0.9,
        "elsewhere_clear_recall": 0.85,
        "laser_found": 0.6,
        "headlight_found": 0.7,
        "breakup_clear": 0.85,
    }.items():
        assert model.scores[score] > least  # type: ignore[operator]


@pytest.mark.skipif(not REAL_FRAMES.is_dir(), reason=f"the real frames are not there: {REAL_FRAMES}")
def test_what_can_be_seen_in_real_frames_is_told() -> None:
    camera = Camera(
        valid_from="2010-01-01", name="a", width=720, height=480, rotate=0, flip=False, block=2, pattern="{time:%Y}"
    )
    expected = {"0101062052": "bad", "0221192040": "clear", "0221193040": "clear", "0223030010": "clear",
                "0218235440": "cloudy", "0225233410": "cloudy"}  # fmt: skip
    frames = [process(read_frame(REAL_FRAMES / f"2014{name}.jpg", camera), camera) for name in expected]
    assert condition.conditions(np.array(frames), condition.shipped()).tolist() == list(expected.values())


def test_a_release_with_telling_rejected_frames_gets_a_model_of_its_own() -> None:
    nights = np.repeat(np.arange("2015-01-01", "2015-01-21", dtype="datetime64[D]"), 10)
    clear = np.arange(200) % 2 == 0
    shipped = condition.shipped()
    measured = RANDOM.normal(size=(200, len(shipped.mean))) * shipped.deviation * 0.1 + shipped.mean
    measured[~clear, -3] += 3 * shipped.deviation[-3]
    own = choose(measured, clear, nights)
    assert own.clear is not None
    assert own.scores["release_own"] > own.scores["release_shipped"]  # type: ignore[operator]
    assert ((condition.predict(measured, own) == "clear") == clear).mean() > 0.95
    few = choose(measured[:60], clear[:60], nights[:60])
    assert few.clear is None
    assert few.scores["release_rejected"] == 30


@pytest.fixture
def project(catalogued: Path, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(catalogued, tmp_path / "project")))


def test_every_kept_frame_is_in_the_catalogue(catalogued: Path) -> None:
    folder = catalogued / "results/small/catalogue"
    for night in (catalogued / "results/nights").glob("*/*.parquet"):
        path = folder / night.parent.name / night.name
        kept = pq.read_table(night, columns=["frame_id", "status"]).to_pandas().query("status == 'kept'")
        table = tables.read(path, schemas.catalogue_table(CLASSES)).to_pandas()
        assert table["frame_id"].tolist() == kept["frame_id"].tolist()
        assert table[[f"p_{name}" for name in CLASSES]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
        assert set(table["model"]) == {"random/shufflenet"}
        limits = json.loads((folder / "classifier.json").read_text())["limits"]
        likely = table[[f"p_{name}" for name in CLASSES]].idxmax(axis=1).str.removeprefix("p_")
        sure = table["confidence"] >= likely.map({name: limit["confidence"] for name, limit in limits.items()})
        good = table["condition"] != "bad"
        assert ((table["label"] != "not_classified") == (sure & good)).all()
        assert ((table["reason"] == "bad") == ~good).all()
        assert ((table["reason"] == "unsure") == (good & ~sure)).all()
        assert (table["aurora"].notna() == good).all()
        assert table["aurora_probability"].between(0, 1).all()
        assert table["magnetic_latitude"].between(64, 66).all()
    assert {path.name for path in folder.iterdir()} == {
        "2014-12", "2015-01", "availability.csv", "classifier.json", "condition.json", "correction.json", "events.csv",
        "export", "figures", "index.html", "occurrence.csv", "onsets.csv", "pages", "untrained.csv",
    }  # fmt: skip


def test_the_page_of_the_catalogue_loads_nothing_and_links_to_what_is_there(catalogued: Path) -> None:
    page = (catalogued / "results/small/catalogue/index.html").read_text()
    assert not re.search(r"""src=["'](?!data:)""", page)
    for link in re.findall(r'href="([^"]+)"', page):
        assert (catalogued / "results/small/catalogue" / link).exists()


def test_what_it_was_never_trained_on_is_told_by_annotator(catalogued: Path) -> None:
    table = pd.read_csv(catalogued / "results/small/catalogue/untrained.csv")
    doubted = table[(table["verdict"] == "disagreement") & (table["annotator"] == "bertil")]
    assert doubted["given"].tolist() == ["unknown"]
    assert doubted["frames"].tolist() == [11]
    assert (table[[*CLASSES, "not_classified"]].sum(axis=1) == table["frames"]).all()


def test_a_new_month_adds_itself_and_frames_of_a_camera_that_the_classifier_does_not_know_are_left_out(
    project: Project,
) -> None:
    assert project.planned() == {}
    (camera,) = project.config["cameras"]
    project.config["cameras"] = [camera, {**camera, "valid_from": "2016-02-06", "block": 1}]
    project.config["releases"]["small"]["frozen"] = True
    project.save()
    for evening in ("2016-02-05T18:00", "2016-02-06T18:00"):
        write_evening(project.path("archive"), evening)
    done = project.run("catalogue")
    assert done == {"ingest_month": 1, "write_keogram_page": 1, "classify_month": 1, "catalogue": 1, **OF_ALL_MONTHS}
    folder = project.path("results/small/catalogue")
    counts = {path.stem: (tables.count(path), tables.left_out(path)) for path in (folder / "2016-02").glob("*.parquet")}
    assert counts == {"2016-02-05": (28, {}), "2016-02-06": (0, {"other camera": 28})}
    for page, said in {
        "index.html": "28 kept frames are of a camera that it was not trained on",
        "export/README.md": "28 frames of a camera that the classifier was not trained on",
        "pages/2016-02.html": "not classified: a camera that the classifier was not trained on",
        "pages/index.html": "2016-02-06: a camera that the classifier was not trained on; 28 of 28 frames kept",
    }.items():
        assert (folder / page).read_text().count(said) == 1, page


def test_the_status_counts_its_months(project: Project) -> None:
    shutil.rmtree(project.path("results/small/catalogue/2015-01"))
    rows = [line.rsplit(maxsplit=4) for line in status(project).splitlines()]
    assert ["months of the catalogue", "1", "·", "1", "·"] in rows


def test_another_model_remakes_the_catalogue(project: Project) -> None:
    project.config["releases"]["small"]["catalogue"]["model"] = "svm-linear"
    project.save()
    planned = project.planned("catalogue")
    assert planned["classify_month"] == 2
    assert "train_run" not in planned
    project.run("results/small/catalogue/2015-01")
    path = project.path("results/small/catalogue/2015-01/2015-01-15.parquet")
    table = tables.read(path, schemas.catalogue_table(CLASSES)).to_pandas()
    assert set(table["model"]) == {"random/svm-linear"}
    # Without frames kept out every one gets a class that shows anything at all.
    assert set(table["label"][table["condition"] != "bad"]) <= set(CLASSES)
    assert json.loads(project.path("results/small/catalogue/classifier.json").read_text())["validation"] is None


def test_a_model_that_was_replaced_is_refused(
    catalogued: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.loads((catalogued / "results/small/catalogue/classifier.json").read_text())
    for member in said["members"]:
        member["path"] = str(catalogued / "results/small/catalogue" / member["path"])
    (tmp_path / "classifier.json").write_text(json.dumps(said))
    Ensemble(tmp_path / "classifier.json")
    said["members"][1]["sha256"] = "0" * 64
    (tmp_path / "classifier.json").write_text(json.dumps(said))
    with pytest.raises(ClassifyError, match="another file now"):
        Ensemble(tmp_path / "classifier.json")


def test_scores_beside_the_truth_count_what_fits_no_class() -> None:
    frames = pd.DataFrame(
        {
            "nights": ["new"] * 5,
            "weather": ["clear", "clear", "cloud", "clear", "clear"],
            "true": ["arcs", "unknown", "rejected", "arcs", "faint"],
            "label": ["arcs", "arcs", "arcs", "not_classified", "faint"],
        }
    )
    rows = truth.score(frames, PAPER).set_index(["nights", "weather", "label"])
    assert rows.loc[("new", "all", "arcs"), ["frames", "found", "precision", "recall"]].tolist() == pytest.approx(
        [2, 3, 1 / 3, 1 / 2]
    )
    assert rows.loc[("new", "clear", "arcs"), "precision"] == pytest.approx(1 / 2)
    assert np.isnan(rows.loc[("trained on", "all", "arcs"), "precision"])


def test_an_ensemble_says_the_same_from_the_command_line(
    catalogued: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = catalogued / "results"
    monkeypatch.chdir(tmp_path)  # the members' files are found from anywhere
    arguments = [folder / "small/catalogue/classifier.json", folder / "nights/2015-01/2015-01-15.parquet"]
    assert main(["classify", *map(str, arguments), "--csv", "found.csv"]) == 0
    found = pd.read_csv("found.csv").set_index("frame")
    table = tables.read(
        folder / "small/catalogue/2015-01/2015-01-15.parquet", schemas.catalogue_table(CLASSES)
    ).to_pandas()
    table = table[table["condition"] != "bad"].set_index("frame_id")
    assert found.loc[table.index, "label"].tolist() == table["label"].tolist()
    assert found.loc[table.index, "p_arcs"].to_numpy() == pytest.approx(table["p_arcs"].to_numpy(), abs=1e-4)


def test_the_comparison_with_the_truth_is_a_page_of_its_own(tmp_path: Path) -> None:
    times = pd.date_range("2015-01-12T20:00Z", periods=14, freq="min", unit="ms")
    ids = [f"KRN{time:%Y%m%dT%H%M%S}" for time in times]
    names = [*CLASSES, *CLASSES]
    common = {"frame_id": ids, "time": times, "night": [date(2015, 1, 12)] * 14}
    found = {field.name: [None if field.nullable else 0.5] * 14 for field in schemas.catalogue_table(CLASSES)}
    found |= {**common, "label": names, "condition": ["clear"] * 13 + ["cloudy"], "model": ["night/x"] * 14}
    found |= {"seen": ["test"] * 14, "aurora": ["no" if name == "faint" else "yes" for name in names]}
    known = {field.name: [None if field.nullable else 0.0] * 14 for field in TRUTH_TABLE}
    known |= {**common, "label": [*names[1:], "rejected"], "path": ids, "spoilt": [False] * 14, "offered": [True] * 14}
    known["cloud"] = [0.0] * 13 + [0.8]
    source = FrameSource(processing=stages.PROCESSING, cameras=[])
    for path, columns, schema in (
        ("catalogue/2015-01/2015-01-12.parquet", found, schemas.catalogue_table(CLASSES)),
        ("truth/2015-01-12.parquet", known, TRUTH_TABLE),
    ):
        table = pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema})
        tables.write(tmp_path / path, table, schema, {}, frames=source.plain())
    settings = Config.model_validate(CONFIG).report_settings("small").model_copy(update={"title": "<b>"})
    months, output = [str(tmp_path / "catalogue/2015-01")], tmp_path / "page"
    uncorrected = Correction(classes=list(CLASSES), frames=0, nights=0, missing="frames", fits=[])
    occurrence = tmp_path / "occurrence.csv"
    write_csv(tabulate_occurrence(months, None, uncorrected, PAPER), occurrence)
    truth.compare_with_truth(months, str(occurrence), str(tmp_path / "truth"), settings, str(output))
    scores = pd.read_csv(output / "scores.csv").set_index(["nights", "weather", "label"])
    assert scores.loc[("new", "all", "faint"), ["frames", "found", "recall"]].tolist() == [2, 2, 0]
    assert scores.loc[("new", "cloud", "faint"), "found"] == 1
    conditions = pd.read_csv(output / "condition.csv").set_index("weather")
    assert conditions.loc["cloud", "cloudy"] == conditions.loc["cloud"].sum() == 1
    hours = pd.read_csv(output / "occurrence.csv").set_index(["hour", "label"])
    shares = hours.loc[(20, "breakup"), ["counted", "estimate", "true", "dominant"]].tolist()
    assert shares == pytest.approx(
        [2 / 13, 2 / 13, 1 / 13, 0], abs=1e-5
    )  # the measures of the truth say that all are faint
    assert hours.loc[(20, "faint"), "dominant"] == 1
    decisions = pd.read_csv(output / "aurora.csv").set_index(["nights", "shows"])
    assert decisions.loc[("new", "faint")].to_dict() == {"no": 1, "yes": 12, "undecided": 0}
    page = (output / "index.html").read_text()
    assert "&lt;b&gt;: the catalogue beside the truth" in page
    assert page.count("data:image/png") == 2
