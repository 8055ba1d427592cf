"""A classifier that sees a frame between its neighbours: how it learns, and what a catalogue is that it makes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import CONFIG, Edit, Project, jobs, refusal, write_evening
from pydantic import ValidationError

from norrsken import schemas, stages, tables
from norrsken.calendar import night_of
from norrsken.catalogue.frames import classify_month
from norrsken.classify.condition import shipped
from norrsken.classify.film import Filming
from norrsken.classify.frames import classify
from norrsken.classify.model import Ensemble, FrameClassifier
from norrsken.config.context import Context
from norrsken.config.jobs import RunSettings
from norrsken.config.models import Network, SequenceNetwork
from norrsken.config.site import Camera, FrameSource, Place
from norrsken.dataset.context import NONE, Film, Stacks, Windows, windows
from norrsken.evaluation.smoothing import smooth
from norrsken.files import digest
from norrsken.models import classifiers
from norrsken.models.checkpoint import Checkpoint
from norrsken.models.interface import Card
from norrsken.models.network import TorchClassifier, TrainingError
from norrsken.models.sequence import SHIFT, SequenceClassifier, Stack, _moved, sequence
from norrsken.paper import CLASSES

CONTEXT = Context(before=2, after=1)
NETWORK = Network(kind="network", architecture="shufflenet_v2_x0_5", epochs=1, input_size=32, threads=1)


def settings(**keys: Any) -> RunSettings:
    """The settings of a small sequence."""
    model = {"kind": "sequence", "frames": "net", "epochs": 30, "width": 16, "learning_rate": 0.01, "threads": 1} | keys
    return RunSettings(name="seq", model=SequenceNetwork.model_validate(model), context=CONTEXT, frames=NETWORK)


def made(run: RunSettings | None = None, seed: int = 0, classes: int = 3) -> SequenceClassifier:
    seeing = classifiers.build(NETWORK, 0, classes)
    assert isinstance(seeing, TorchClassifier)
    classifier = sequence(run or settings(), seed, classes)
    classifier.see_as(seeing)
    return classifier


def film(frames: int, random: np.random.Generator) -> np.ndarray:
    """Processed frames whose brightness differs: (n, 128, 128, 3)."""
    return random.integers(0, 256, (frames, 1, 1, 3), np.uint8) * np.ones((1, 128, 128, 1), np.uint8)


def around(frames: int) -> Windows:
    return windows(np.arange(frames) * 60_000, np.zeros(frames, int), CONTEXT)


def test_no_frame_goes_through_the_network_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, seen = made(), []
    forward = type(classifier._in_time.network).forward

    def counted(self: torch.nn.Module, frames: torch.Tensor) -> torch.Tensor:
        seen.append(len(frames))
        return forward(self, frames)

    monkeypatch.setattr(type(classifier._in_time.network), "forward", counted)
    frames = film(20, np.random.default_rng(0))
    prediction = classifier.predict(Stacks(frames, around(20)))
    assert sum(seen) == 20
    np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1, atol=1e-5)
    some = classifier.predict(Stacks(frames, around(20))[np.array([10])])
    assert sum(seen) == 24  # the frame and its three neighbours
    np.testing.assert_allclose(some.probabilities[0], prediction.probabilities[10], atol=1e-5)


def test_what_lies_beyond_a_gap_changes_nothing() -> None:
    classifier, random = made(), np.random.default_rng(0)
    frames = film(5, random)
    places = np.array([[NONE, NONE, 2, 3]])
    minutes = np.array([[0, 0, 0, 1]], np.float32)
    first = classifier.predict(Stacks(frames, Windows(places, minutes))).probabilities
    others = frames.copy()
    others[[0, 1, 4]] = film(3, random)
    assert np.array_equal(classifier.predict(Stacks(others, Windows(places, minutes))).probabilities, first)
    changed = frames.copy()
    changed[3] = 255 - changed[3]
    assert not np.allclose(classifier.predict(Stacks(changed, Windows(places, minutes))).probabilities, first)


def test_it_learns_what_only_the_neighbours_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class is what the frame before looks like; the frame itself tells nothing of it."""
    monkeypatch.setattr("norrsken.models.sequence.SHIFT", 0.0)
    random = np.random.default_rng(0)
    looks = random.integers(0, 2, 400)
    vectors = (random.normal(size=(2, 1024))[looks] + 0.3 * random.normal(size=(400, 1024))).astype(np.float32)
    labels, test = np.roll(looks, 1), np.arange(400) >= 300
    vectors = vectors[:, None]  # one view of each
    classifier, stacks = made(classes=2), Stacks(vectors, around(400))
    history = classifier.fit(stacks, labels, kept_out=test)
    assert history[-1]["validation_f1"] > 0.95
    alone = Stacks(vectors, Windows.alone(400, CONTEXT))
    said = [classifier.predict(inputs).probabilities.argmax(axis=1)[test] for inputs in (stacks, alone)]
    right = [float((predicted == labels[test]).mean()) for predicted in said]
    assert right[0] > 0.95
    assert right[1] < 0.7


def test_a_stopped_training_goes_on_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("norrsken.models.network.CHECKPOINT_SECONDS", (0.0, 0.0))
    random = np.random.default_rng(0)
    stacks = Stacks(random.normal(size=(60, 2, 1024)).astype(np.float32), around(60))
    labels = random.integers(0, 3, 60)
    run = settings(epochs=4)
    whole = made(run)
    whole.fit(stacks, labels)
    path, save = tmp_path / "checkpoint.safetensors", Checkpoint.save

    def save_and_stop(self: Checkpoint, model: Any, optimizer: Any, history: list[dict[str, float]]) -> None:
        save(self, model, optimizer, history)
        if len(history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        made(run).fit(stacks, labels, checkpoint=path)
    resumed = made(run)
    resumed.fit(stacks, labels, checkpoint=path)
    said = [one.predict(stacks).probabilities for one in (whole, resumed)]
    np.testing.assert_array_equal(*said)


@pytest.mark.parametrize("tuned", [False, True])
def test_what_sees_the_frames_learns_only_where_it_shall(tuned: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    run = settings(tuned=tuned, epochs=1)
    classifier = made(run)
    before = classifier.network_digest
    images = film(20, random)
    inputs = classifier.to_train(images)
    assert (inputs.dtype == np.uint8) == tuned
    labels = random.integers(0, 3, 20)
    history = classifier.fit(Stacks(inputs, around(20)), labels, kept_out=np.arange(20) > 15)
    assert np.isfinite(history[0]["train_loss"])
    said = classifier.predict(Stacks(images, around(20))).probabilities
    other = made(run)
    other.fit(Stacks(inputs, around(20)), labels, kept_out=np.arange(20) > 15)
    np.testing.assert_array_equal(other.predict(Stacks(images, around(20))).probabilities, said)
    del classifier.network_digest
    assert (classifier.network_digest != before) == tuned
    card = Card(
        classes=["a", "b", "c"],
        run=run,
        split="night",
        seed=0,
        frames=FrameSource(processing=stages.PROCESSING, cameras=[]),
        extractor=None,
        program_version="0",
    )
    classifier.save(tmp_path / "model.safetensors", card)
    loaded, read = classifiers.load(tmp_path / "model.safetensors")
    assert read.run.context == CONTEXT
    stacks = Stacks(images, around(20))
    np.testing.assert_array_equal(loaded.predict(stacks).probabilities, classifier.predict(stacks).probabilities)
    fast, _ = classifiers.load_to_predict(tmp_path / "model.safetensors")
    np.testing.assert_allclose(fast.predict(stacks).probabilities, classifier.predict(stacks).probabilities, atol=1e-5)


def test_stacks_are_moved_to_frames_that_are_near_and_there() -> None:
    times = np.array([0, 1, 2, 3, 9, 10]) * 60_000
    found = windows(times, np.zeros(6, int), CONTEXT)
    rows = np.repeat(np.arange(6), 200)
    places = torch.from_numpy(found.places[rows])
    stack = Stack(places.clamp(min=0)[..., None].float(), torch.from_numpy(found.minutes[rows]), places != NONE)
    moved = _moved(stack, CONTEXT.before, torch.Generator().manual_seed(0))
    middle = moved.frames[:, CONTEXT.before, 0].numpy().astype(int)
    assert moved.there[:, CONTEXT.before].all()
    assert np.abs(times[middle] - times[rows]).max() <= SHIFT * 60_000
    # There is one frame after, so it may be moved back by one: else labels would be learnt as those of earlier frames.
    assert {tuple(pair) for pair in zip(rows, middle, strict=True)} >= {(2, 1), (2, 2), (2, 3), (4, 4), (4, 5)}
    assert (np.abs(middle - rows) <= 1).all()
    there = moved.there.numpy()
    held = moved.frames[..., 0].numpy().astype(int)
    away = (times[held] - times[middle][:, None]) / 60_000
    np.testing.assert_allclose(moved.minutes.numpy()[there], away[there])
    assert not moved.minutes.numpy()[~there].any()


def sequences(raw: dict[str, Any]) -> None:
    """Make a configuration one with a context and a sequence."""
    raw["releases"]["small"] |= {"splits": {"night": {"method": "night"}}, "context": {"before": 2, "after": 1}}
    raw["models"]["sequence"] = {"kind": "sequence", "frames": "shufflenet", "epochs": 5, "threads": 2}


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda raw: raw["models"]["sequence"].update(frames="net"), "'net', which is not under models; expected one"),
        (lambda raw: raw["models"]["sequence"].update(frames="3nn"), "'3nn', which is of kind nearest-neighbours"),
        (
            lambda raw: raw["models"]["shufflenet"].update(validation_share=0.1),
            "models.sequence.validation_share is 0.2, but models.shufflenet, which sees its frames, keeps out 0.1 only",
        ),
        (
            lambda raw: raw["releases"]["small"].update(catalogue={"model": "sequence"}, context=None),
            "'sequence', a sequence, which sees frames between their neighbours, but releases.small has no context",
        ),
        (lambda raw: raw["models"]["sequence"].update(before=3), "3 frames before and 1 after, but the context of"),
        (lambda raw: raw["models"]["sequence"].update(before=0, after=0), "a sequence sees one neighbour at least"),
        (
            lambda raw: raw["releases"]["small"].update(catalogue={"model": "sequence", "smoothing": True}),
            "smoothing is true, but none of 'sequence' sees single frames and keeps some out",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(edit: Edit, sentence: str) -> None:
    def both(raw: dict[str, Any]) -> None:
        sequences(raw)
        edit(raw)

    assert sentence in refusal(CONFIG, both)


def test_smoothing_needs_neighbours_and_frames_that_were_not_trained_on() -> None:
    def smooth_with(**keys: Any) -> Edit:
        def edit(raw: dict[str, Any]) -> None:
            sequences(raw)
            raw["releases"]["small"] |= {"catalogue": {"smoothing": True, **keys}}

        return edit

    def without_context(raw: dict[str, Any]) -> None:
        raw["releases"]["small"]["catalogue"] = {"smoothing": True}

    def trained_on_all(raw: dict[str, Any]) -> None:
        smooth_with(model="shufflenet")(raw)
        for name in ("shufflenet", "sequence"):
            raw["models"][name]["validation_share"] = 0.0

    assert "catalogue.smoothing is true, but the release has no context" in refusal(CONFIG, without_context)
    assert "none of 'shufflenet' sees single frames and keeps some out" in refusal(CONFIG, trained_on_all)
    assert "the general classifier knows nothing of how classes pass" in refusal(CONFIG, smooth_with(model="general"))


def test_a_release_without_context_is_run_without_sequences(new_project: Project) -> None:
    new_project.config["models"]["sequence"] = {"kind": "sequence", "frames": "shufflenet", "epochs": 5}
    new_project.save()
    said = new_project.snakemake("--dry-run", "train")
    assert "The release small has no context, so that sequence is not run" in said
    assert jobs(said)["train_run"] == 5


def test_times_farther_apart_than_two_hours_are_no_context() -> None:
    with pytest.raises(ValidationError, match="15 frames before and 4 after, 10 minutes apart reach farther than 120"):
        Context(before=15, minutes=10)


def test_a_network_without_a_linear_layer_cannot_see_frames() -> None:
    frames = NETWORK.model_copy(update={"architecture": "squeezenet1_1"})
    with pytest.raises(TrainingError, match="squeezenet1_1 has no linear layer"):
        sequence(settings().model_copy(update={"frames": frames}), 0, 3)


def save(path: Path, classifier: SequenceClassifier, source: FrameSource) -> None:
    card = Card(
        classes=["a", "b", "c"],
        run=settings(),
        split="night",
        seed=classifier.seed,
        frames=source,
        extractor=None,
        program_version="0",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    classifier.save(path, card)


CAMERA = Camera.model_validate(CONFIG["cameras"][0])
SOURCE = FrameSource(processing=stages.PROCESSING, cameras=[CAMERA])


def trained(seed: int = 0) -> SequenceClassifier:
    """A sequence of which the neighbours have a say."""
    classifier = made(seed=seed)
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(100, 1, 1024)).astype(np.float32)
    classifier.fit(Stacks(vectors, around(100)), random.integers(0, 3, 100))
    return classifier


def classifier_file(folder: Path, smoothing: bool = False) -> Path:
    """A `classifier.json` of two sequences."""
    members = []
    for seed in (0, 1):
        save(folder / f"{seed}/model.safetensors", trained(seed), SOURCE)
        path = folder / f"{seed}/model.safetensors"
        members.append({"path": f"{seed}/model.safetensors", "sha256": digest(path)})
    share = {"value": 1.0, "low": None, "high": None}
    judged = {"frames": 1, "nights": 1, "precision": share, "classified": share, "f1": 1.0, "calibration_error": 0.0}
    judged |= {"by_class": {}, "with_aurora": None, "without_aurora": None}
    limit = {"confidence": 0.0, "frames": 1, "nights": 1, "of": "all"}
    said = {
        "name": "night/sequence",
        "members": members,
        "temperature": 1.0,
        "fitted_on": "ensemble",
        "asked_precision": 0.5,
        "least_confidence": 0.0,
        "limits": dict.fromkeys("abc", limit),
        "aurora": None,
        "validation": None,
        "test": judged,
        "seen": {"train": [], "validation": [], "test": []},
    }
    (folder / "classifier.json").write_text(json.dumps(said))
    return folder / "classifier.json"


def write_nights(folder: Path, times: np.ndarray, images: np.ndarray, longitude: float) -> list[str]:
    """Write night tables of frames, in the folders of the months; return these."""
    nights = [night_of(time.astype(datetime).replace(tzinfo=UTC), longitude) for time in times]
    for night in sorted(set(nights)):
        rows = [i for i, one in enumerate(nights) if one == night]
        known = {
            "frame_id": [f"KRN{np.datetime_as_string(times[i], 's').replace('-', '').replace(':', '')}" for i in rows],
            "time": pa.array(times[rows].astype("datetime64[ms]"), pa.timestamp("ms")).cast(pa.timestamp("ms", "UTC")),
            "night": pa.array([night] * len(rows), pa.date32()),
            "sun_altitude": np.full(len(rows), -12, np.float32),
            "moon_altitude": np.full(len(rows), -12, np.float32),
            "status": ["kept"] * len(rows),
            "image": tables.image_column(images[rows]),
        }
        schema = pa.schema([one.with_nullable(True) for one in schemas.NIGHT_TABLE])
        empty = {one.name: pa.nulls(len(rows), one.type) for one in schema if one.name not in known}
        path = folder / f"{night:%Y-%m}/{night}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table(known | empty).select(schema.names).cast(schema)
        tables.write(path, table, schema, {}, frames=SOURCE.plain())
    return sorted(str(path) for path in folder.iterdir())


def catalogue(months: list[str], classifier: Path, output: Path) -> pd.DataFrame:
    """The catalogue of months, each with those beside it."""
    place = Place(station="KRN", latitude=78.2, longitude=16.0, elevation=0)
    condition = output.parent / "condition.json"
    condition.parent.mkdir(parents=True, exist_ok=True)
    condition.write_text(shipped().model_dump_json())
    for i, month in enumerate(months):
        beside = [*months[max(i - 1, 0) : i], *months[i + 1 : i + 2]]
        classify_month(month, str(classifier), str(condition), place, str(output / Path(month).name), beside)
    parts = [pq.read_table(path).to_pandas() for path in sorted(output.rglob("*.parquet"))]
    joined = pd.concat(parts).sort_values("time", ignore_index=True)
    return joined.drop(columns=["mlt", "magnetic_latitude", "night"])


def test_the_catalogue_does_not_depend_on_how_the_archive_is_cut(tmp_path: Path) -> None:
    """In the polar night the frames go on over noon, and over the noon that opens a month."""
    classifier, random = classifier_file(tmp_path / "runs"), np.random.default_rng(0)
    minutes = np.concatenate([np.arange(-30, 30), np.arange(60, 70)])
    times = np.datetime64("2014-12-01T10:56:00") + minutes * np.timedelta64(60, "s")  # noon at 16° E
    images = film(len(times), random)
    cut = write_nights(tmp_path / "cut", times, images, 16.0)
    assert [Path(month).name for month in cut] == ["2014-11", "2014-12"]
    whole = write_nights(tmp_path / "whole", times, images, 100.0)
    assert [Path(month).name for month in whole] == ["2014-12"]
    found = [catalogue(months, classifier, tmp_path / f"of-{len(months)}") for months in (cut, whole)]
    pd.testing.assert_frame_equal(*found, check_exact=False, atol=1e-6)
    names = [f"{name}_{one}" for name in ("p", "alone") for one in "abc"]
    apart = classify_each(cut, classifier, tmp_path / "apart")
    assert not np.allclose(apart[names], found[0][names], atol=1e-4)  # at the cut the neighbours have a say
    near = np.abs(minutes) > 3
    np.testing.assert_allclose(apart[names][near], found[0][names][near], atol=1e-6)
    table = next(iter((tmp_path / "of-2").rglob("*.parquet")))
    assert pq.read_schema(table).names == schemas.catalogue_table(["a", "b", "c"], in_time=True).names


def classify_each(months: list[str], classifier: Path, output: Path) -> pd.DataFrame:
    """The catalogue of months of which none knows of the others."""
    parts = [catalogue([month], classifier, output / Path(month).name) for month in months]
    return pd.concat(parts).sort_values("time", ignore_index=True)


def test_frames_are_classified_alike_from_tables_at_once_and_as_they_come(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    times = np.datetime64("2014-12-01T18:00:00") + np.arange(12) * np.timedelta64(60, "s")
    images = film(12, random)
    (month,) = write_nights(tmp_path / "nights", times, images, 16.0)
    path = classifier_file(tmp_path / "runs")
    of_catalogue = catalogue([month], path, tmp_path / "catalogue")
    for model in (Ensemble(path), FrameClassifier(tmp_path / "runs/0/model.safetensors")):
        said = pd.concat(classify(model, [month], {}))
        film_of_all = Film(times.astype("datetime64[ms]").astype(np.int64), np.zeros(12, int), np.zeros(12, int))
        verdict = model.conclude(model.look(images), film_of_all)
        np.testing.assert_allclose(said[["p_a", "p_b", "p_c"]], verdict.probabilities, atol=1e-6)
    np.testing.assert_allclose(
        pd.concat(classify(Ensemble(path), [month], {}))[["p_a"]], of_catalogue[["p_a"]], atol=1e-6
    )
    model = Ensemble(path)
    stamps = [pd.Timestamp(time, tz="UTC") for time in times]

    def as_they_come(order: list[int]) -> np.ndarray:
        filming, found = Filming(model), np.zeros((12, 3))
        for i in order:
            found[i] = filming.judge([stamps[i]], model.look(images[[i]]), None, SOURCE).probabilities[0]
        return found

    def between(*places: int) -> np.ndarray:
        """The fifth frame, between others of which some are not there yet."""
        minutes = np.array([[0 if i == NONE else i - 5 for i in places]], np.float32)
        look = model.look(images)
        runs = zip(model.members, look.said, strict=True)
        return np.mean([run.said(kept, Windows(np.array([places]), minutes)) for run, kept in runs], axis=0)[0]

    np.testing.assert_allclose(as_they_come([*range(12)])[5], between(3, 4, 5, NONE), atol=1e-6)
    late = as_they_come([0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11])
    np.testing.assert_allclose(late[5], between(3, NONE, 5, NONE), atol=1e-6)
    np.testing.assert_allclose(late[7:], as_they_come([*range(12)])[7:], atol=1e-6)  # nothing is forgotten for it
    unknown = [*stamps[:5], pd.NaT, *stamps[6:]]
    verdict = Filming(model).judge(unknown, model.look(images), None, SOURCE)
    np.testing.assert_allclose(verdict.probabilities[5], between(NONE, NONE, 5, NONE), atol=1e-6)
    np.testing.assert_allclose(verdict.probabilities[:3], film_of_all_said(model, images, times)[:3], atol=1e-6)


def film_of_all_said(model: Ensemble, images: np.ndarray, times: np.ndarray) -> np.ndarray:
    film = Film(times.astype("datetime64[ms]").astype(np.int64), np.zeros(12, int), np.zeros(12, int))
    return model.conclude(model.look(images), film).probabilities


def test_frames_that_go_on_and_on_are_judged_in_parts_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("norrsken.classify.frames.BATCH", 4)
    times = np.datetime64("2014-12-01T18:00:00") + np.arange(300) * np.timedelta64(60, "s")
    (month,) = write_nights(tmp_path / "nights", times, film(300, np.random.default_rng(1)), 16.0)
    model = Ensemble(classifier_file(tmp_path / "runs"))
    whole = list(classify(model, [month], {}))
    monkeypatch.setattr("norrsken.classify.frames.HELD", 2)
    parts = list(classify(model, [month], {}))
    assert len(whole) == 1 < len(parts)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole[0], check_exact=False, atol=1e-6)


#: What of a catalogue depends on how frames are judged.
TARGETS = ("results/small/catalogue/2015-01", "results/small/catalogue/untrained.csv")


def of_catalogue(project: Project) -> pd.DataFrame:
    paths = sorted(project.path("results/small/catalogue").rglob("????-??-??.parquet"))
    return pd.concat(pq.read_table(path).to_pandas() for path in paths)


def test_a_catalogue_is_made_by_a_sequence_then_smoothed(new_project: Project) -> None:
    project = new_project
    for night in (17, 18, 19, 20):
        rows = write_evening(project.path("archive"), f"2015-01-{night}T18:00", 14)
        for annotator in ("anna", "bertil"):
            with project.path(f"labels/{annotator}.csv").open("a") as table:
                table.writelines(f"{frame},{label}\n" for frame, label in rows)
    sequences(project.config)
    project.config["models"] = {name: project.config["models"][name] for name in ("shufflenet", "sequence")}
    project.config["releases"]["small"]["catalogue"] = {"model": "sequence", "precision": 0.5}
    project.config["seeds"] = [0]
    project.save()
    assert project.run(*TARGETS)["train_run"] == 2
    frames = of_catalogue(project)
    assert set(frames["model"]) == {"night/sequence"}
    alone = frames[[f"alone_{name}" for name in CLASSES]].to_numpy()
    np.testing.assert_allclose(alone.sum(axis=1), 1, atol=1e-5)
    assert not np.allclose(alone, frames[[f"p_{name}" for name in CLASSES]])
    untrained = pd.read_csv(project.path(TARGETS[1]))
    tested = pq.read_table(project.path("results/small/night/sequence/0/predictions.parquet")).num_rows
    agreed = untrained[(untrained["annotator"] == "anna") & (untrained["verdict"] == "agreed")]
    assert agreed["frames"].sum() == tested
    assert project.planned(*TARGETS) == {}

    # A sequence is trained again with what sees its frames, and this not with it.
    planned = {}
    for name, key, value in (("shufflenet", "learning_rate", 0.002), ("sequence", "width", 32)):
        entry = project.config["models"][name]
        project.config["models"][name] = entry | {key: value}
        project.save()
        planned[name] = project.planned("train_sequence")["train_run"]
        project.config["models"][name] = entry
    assert planned == {"shufflenet": 2, "sequence": 1}

    project.config["releases"]["small"]["catalogue"] = {"smoothing": True, "precision": 0.5}
    project.save()
    repeated = project.run(*TARGETS)
    assert repeated == {"calibrate_classifier": 1, "classify_month": 1, "judge_untrained": 1}
    frames = of_catalogue(project)
    assert set(frames["model"]) == {"night/shufflenet"}
    smoothing = json.loads(project.path("results/small/catalogue/classifier.json").read_text())["smoothing"]
    rates = np.array(smoothing["rates"])
    np.testing.assert_allclose(rates.sum(axis=1), 0, atol=1e-4)
    assert (np.diagonal(rates) < 0).all()
    one = frames[frames["night"].astype(str) == "2015-01-15"]
    times = one["time"].to_numpy("datetime64[ms]").astype(np.int64)
    alone = one[[f"alone_{name}" for name in CLASSES]].to_numpy(np.float64)
    expected = smooth(alone, times, rates * smoothing["speed"], smoothing["weight"])
    np.testing.assert_allclose(one[[f"p_{name}" for name in CLASSES]], expected, atol=1e-4)
