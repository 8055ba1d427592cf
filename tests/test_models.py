"""Every kind of model, through the one interface, on a data set that can be told apart."""

import csv
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
import torch
from conftest import CONFIG_OF_ALL_KINDS, ROOT, picture
from safetensors import safe_open

from norrsken import schemas, stages, tables
from norrsken.config.config import Config, load
from norrsken.config.jobs import RunSettings
from norrsken.config.models import Network, Pretrained
from norrsken.config.site import FrameSource
from norrsken.dataset.splits import read_images, read_split
from norrsken.errors import NorrskenError
from norrsken.models import classifiers
from norrsken.models.architectures import RepeatablePool, stock_parameters
from norrsken.models.augmentation import BRIGHTNESS, ROTATION, augment
from norrsken.models.checkpoint import save_tensors
from norrsken.models.pretrained import PretrainedNetwork
from norrsken.models.weights import create as create_with_weights
from norrsken.paper import CLASSES, PAPER_TABLE2, model_title, not_the_papers
from norrsken.training.features import Extractor, extract_features, histogram_of_gradients, read_features
from norrsken.training.run import HISTORY_COLUMNS, NOT_CONVERGED, RANDOM_FEATURES, train_run

CONFIGURATION = Config.model_validate(CONFIG_OF_ALL_KINDS)
MODELS = CONFIG_OF_ALL_KINDS["models"]
FRAMES = 84


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("release") / "dataset.parquet"
    labels = [CLASSES[i % 7] for i in range(FRAMES)]
    images = np.stack([picture(label, i)[:256:2, :256:2] for i, label in enumerate(labels)])
    table = pa.table(
        {
            "frame_id": [f"KRN{i:04d}" for i in range(FRAMES)],
            "time": pa.array([i * 60_000 for i in range(FRAMES)], pa.timestamp("ms", "UTC")),
            "night": pa.array([0] * FRAMES, pa.date32()),
            "label": labels,
            "image": tables.image_column(images),
            "split_random": ["test" if i % 4 == 3 else "train" for i in range(FRAMES)],
        }
    )
    source = FrameSource(processing=stages.PROCESSING, cameras=CONFIGURATION.cameras)
    settings = {"random": {"method": "random"}}
    tables.write(path, table, schemas.dataset_table(["random"]), settings, frames=source.plain())
    for name in CONFIGURATION.features:
        extract_features(str(path), CONFIGURATION.features[name], str(path.with_name(f"{name}.parquet")))
    return path


def run(dataset: Path, folder: Path, name: str, seed: int = 0, settings: RunSettings | None = None) -> dict:
    settings = settings or CONFIGURATION.run_settings(name)
    used = getattr(settings.model, "features", None)
    features = str(dataset.with_name(f"{used}.parquet")) if used else None
    paths = [
        str(folder / file) for file in ("history.csv", "predictions.parquet", "validation.parquet", "metrics.json")
    ]
    folder.mkdir(parents=True, exist_ok=True)
    train_run(str(dataset), features, "random", seed, settings, *paths)
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("name", list(MODELS))
def test_a_run_writes_settings_history_predictions_and_scores(dataset: Path, tmp_path: Path, name: str) -> None:
    for left in ("model.skops", "model.safetensors"):
        (tmp_path / left).write_text("of a run with other settings")
    metrics = run(dataset, tmp_path, name, seed=3)
    assert (metrics["model"], metrics["split"], metrics["seed"]) == (name, "random", 3)
    assert metrics["settings"] == CONFIGURATION.run_settings(name).plain()
    assert {"norrsken", "python", "torch"} <= set(metrics["versions"])
    assert metrics["f1"] == pytest.approx(np.mean([scores["f1"] for scores in metrics["per_class"].values()]))
    assert np.sum(metrics["confusion"]) == metrics["test_frames"] == FRAMES // 4
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0] if rows else HISTORY_COLUMNS) == HISTORY_COLUMNS
    assert len(rows) == MODELS[name].get("epochs", 0)
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table.schema.names == schemas.predictions_table(CLASSES).names
    probabilities = np.column_stack([table[f"p_{name}"].to_numpy() for name in CLASSES])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert table["predicted"].to_pylist() == [CLASSES[i] for i in probabilities.argmax(axis=1)]
    trained_by_epochs = name in ("shufflenet", "linear")
    validation = tables.read_predictions(tmp_path / "validation.parquet")
    assert len(validation) == metrics["validation_frames"] == (7 if trained_by_epochs else 0)
    assert not set(validation["frame_id"]) & set(table["frame_id"].to_pylist())
    assert (table["embedding"][0].as_py() is not None) == trained_by_epochs
    assert metrics["images_per_second"] > 0
    assert metrics["notes"] == {"shufflenet": [NOT_CONVERGED], "linear": [RANDOM_FEATURES]}.get(name, [])
    assert metrics["stock_parameters"] == {"shufflenet": 1_366_792, "linear": 1_593_224}.get(name)
    expected = {metrics["model_file"], "metrics.json", "predictions.parquet", "validation.parquet", "history.csv"}
    assert {path.name for path in tmp_path.iterdir()} == expected  # and no checkpoint


@pytest.mark.parametrize("name", list(MODELS))
def test_a_seed_gives_the_same_predictions_again(dataset: Path, tmp_path: Path, name: str) -> None:
    for folder in ("once", "again"):
        run(dataset, tmp_path / folder, name, seed=1)
    once, again = (pq.read_table(tmp_path / folder / "predictions.parquet") for folder in ("once", "again"))
    assert once == again


def test_a_network_depends_on_its_seed(dataset: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        run(dataset, tmp_path / str(seed), "shufflenet", seed)
    one, two = (pq.read_table(tmp_path / str(seed) / "predictions.parquet") for seed in (1, 2))
    assert one["p_arcs"] != two["p_arcs"]


def test_the_same_seed_saves_the_same_weights_to_the_byte(dataset: Path, tmp_path: Path) -> None:
    files = []
    for folder in ("once", "again"):
        run(dataset, tmp_path / folder, "shufflenet", seed=1)
        files.append((tmp_path / folder / "model.safetensors").read_bytes())
    assert files[0] == files[1]


def test_a_network_learns(dataset: Path, tmp_path: Path) -> None:
    settings = RunSettings.model_validate(
        {
            "name": "net",
            "model": {"kind": "network", "architecture": "resnet18", "epochs": 10, "batch_size": 16, "input_size": 32},
        }
    )
    metrics = run(dataset, tmp_path, "net", settings=settings)
    assert metrics["f1"] > 0.8
    assert metrics["notes"] == []
    with (tmp_path / "history.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0] / 3


def assert_saved_model_predicts_as_recorded(dataset: Path, folder: Path) -> None:
    loaded = skops.io.load(folder / "model.skops")
    test = read_split(dataset, "random").test
    features = read_features(dataset.with_name("hog.parquet"), test.frame_ids.tolist())
    predicted = [CLASSES[code] for code in loaded.predict(features)]
    assert pq.read_table(folder / "predictions.parquet")["predicted"].to_pylist() == predicted


def test_nearest_neighbours_find_what_scikit_learn_finds(dataset: Path, tmp_path: Path) -> None:
    assert run(dataset, tmp_path, "3nn")["f1"] > 0.9
    assert_saved_model_predicts_as_recorded(dataset, tmp_path)


def test_the_svms_probabilities_order_the_classes_as_the_svm_does(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path, "svm-linear")
    assert_saved_model_predicts_as_recorded(dataset, tmp_path)


def test_a_models_file_knows_its_classes_settings_and_normalisation(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path, "shufflenet")
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        about = json.loads(file.metadata()["norrsken"])
        assert about["classes"] == list(CLASSES)
        assert about["run"]["name"] == "shufflenet"
        assert about["frames"]["cameras"][0]["block"] == 2
        assert file.get_tensor("mean").shape == (1, 3, 1, 1)


def test_resnet18_has_eleven_million_parameters() -> None:
    settings = Network(kind="network", architecture="resnet18", epochs=1)
    assert classifiers.build(settings, 0, len(CLASSES)).parameters == 11_180_103  # with seven outputs


@pytest.mark.parametrize("name", ["vgg16", "vgg19", "alexnet", "resnet18", "resnet50"])
def test_the_stock_networks_have_as_many_parameters_as_in_table_2(name: str) -> None:
    settings = load(ROOT / "config.yaml").models[name]
    assert isinstance(settings, Network)
    assert stock_parameters(settings.architecture) / 1e6 == pytest.approx(PAPER_TABLE2[name].parameters, abs=1.2)


def test_inception_v4_has_as_many_parameters_as_in_table_2() -> None:
    settings = load(ROOT / "config.yaml").features["inception-v4"].model_copy(update={"weights": "random"})
    assert isinstance(settings, Pretrained)
    about = PretrainedNetwork(settings).about()
    assert about["parameters"] / 1e6 == pytest.approx(PAPER_TABLE2["clausen-nickisch"].parameters, abs=1.2)


def test_the_nine_of_table_2_stand_in_the_configuration() -> None:
    config = load(ROOT / "config.yaml")
    papers, others = list(config.models)[:9], list(config.models)[9:]
    assert papers == list(PAPER_TABLE2)
    assert [config.models[name].gpu for name in papers] == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert {model_title(name) for name in others} == {"EfficientNet-Lite0", "ConvNeXt-T"}
    assert [not_the_papers(name, config.run_settings(name).plain()) for name in papers] == [""] * 9


def test_the_convnext_of_the_configuration_takes_a_step_from_weights_of_a_file(tmp_path: Path) -> None:
    settings = load(ROOT / "config.yaml").models["convnext-tiny"]
    assert isinstance(settings, Network)
    file = tmp_path / "weights.safetensors"
    save_tensors(file, create_with_weights(settings.architecture, "random").state_dict(), {})
    changes = {"weights": str(file), "epochs": 1, "batch_size": 7, "input_size": 32, "threads": 1}
    classifier = classifiers.build(settings.model_copy(update=changes), 0, len(CLASSES))
    images = np.random.default_rng(7).integers(0, 256, (28, 128, 128, 3), dtype=np.uint8)
    before = {name: tensor.clone() for name, tensor in classifier._model.named_parameters()}
    (row,) = classifier.fit(images, np.arange(28) % 7)
    assert 0 < row["train_loss"] < 10
    moved = [name for name, tensor in classifier._model.named_parameters() if not torch.equal(tensor, before[name])]
    assert {"network.stem.0.weight", "network.head.fc.weight"} <= set(moved)


@pytest.mark.parametrize("size", [(2, 3), (5, 7), (13, 6)])
def test_the_repeatable_pool_is_torchs(size: tuple[int, int]) -> None:
    maps = torch.randn(2, 3, *size)
    for wanted in (6, (7, 7), (1, 4)):
        pool = torch.nn.AdaptiveAvgPool2d(wanted)
        torch.testing.assert_close(RepeatablePool(pool)(maps), pool(maps))


def test_a_class_without_training_frames_has_probability_zero(dataset: Path) -> None:
    train, test, *_ = read_split(dataset, "random")
    features = read_features(dataset.with_name("hog.parquet"), train.frame_ids.tolist())
    for name in ("3nn", "svm-linear"):
        for seen in (range(1, 6), range(1, 3)):
            chosen = np.isin(train.labels, list(seen))
            classifier = classifiers.build(CONFIGURATION.models[name], 0, len(CLASSES))
            classifier.fit(features[chosen], train.labels[chosen])
            probabilities = classifier.predict(features).probabilities
            assert probabilities[:, [0, 6]].max() == 0
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert len(test.labels)


def test_augmentation_flips_east_west_only_and_keeps_the_hue() -> None:
    image = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    image[0, 0, 4:8, 4:8] = 100  # red in the north-west
    frames = image.expand(200, 3, 32, 32)
    results = augment(frames, torch.Generator().manual_seed(0))
    assert results[:, 1:].abs().max() == 0  # still red
    sides = torch.stack([results[:, 0, :12, :12].sum((1, 2)), results[:, 0, :12, 20:].sum((1, 2))], dim=1)
    east = sides.argmax(dim=1)
    assert 70 < east.sum() < 130  # as often in the north-east as in the north-west
    light = results.sum((1, 2, 3)) / image.sum()
    assert light.min() > 0.95 * (1 - BRIGHTNESS)
    assert light.max() < 1.05 * (1 + BRIGHTNESS)
    rows = (results[:, 0].sum(2) * torch.arange(32)).sum(1) / results[:, 0].sum((1, 2))
    assert rows.max() < 10  # never in the south, never turned by 90°
    assert rows.max() - rows.min() > 1.5  # but turned a little


def test_augmentation_turns_by_at_most_ten_degrees() -> None:
    line = torch.zeros(100, 3, 65, 65, dtype=torch.uint8)
    line[:, :, 32] = 200  # an arc from west to east
    results = augment(line, torch.Generator().manual_seed(1))[:, 0]
    heights = (results[:, :, 60] * torch.arange(65)).sum(1) / results[:, :, 60].sum(1) - 32
    assert heights.abs().max() < 28 * np.tan(np.radians(ROTATION)) + 0.5
    assert heights.abs().max() > 20 * np.tan(np.radians(ROTATION))


@pytest.mark.parametrize(
    ("architecture", "width"),
    [("squeezenet1_1", None), ("alexnet", 4096), ("efficientnet_b0", 1280), ("convnext_tiny", 768)],
)
def test_other_architectures_join_by_their_settings_alone(dataset: Path, architecture: str, width: int | None) -> None:
    train = read_split(dataset, "random").train
    settings = {"kind": "network", "architecture": architecture, "epochs": 1, "threads": 2, "learning_rate": 1e-4}
    settings["input_size"] = 64
    classifier = classifiers.build(Network.model_validate(settings), 0, len(CLASSES))
    images = read_images(dataset, train.frame_ids.tolist())
    classifier.fit(images, train.labels)
    prediction = classifier.predict(images[:5])
    assert prediction.probabilities.shape == (5, 7)
    assert (None if prediction.embeddings is None else prediction.embeddings.shape) == (width and (5, width))


@pytest.mark.filterwarnings("error:The given NumPy array is not writable")
@pytest.mark.parametrize("name", ["shufflenet", "linear"])
def test_arrays_that_are_read_only_are_taken_without_a_warning(dataset: Path, name: str) -> None:
    """Such an array shares the memory of an Arrow table, or of a file."""
    settings = CONFIGURATION.run_settings(name)
    train = read_split(dataset, "random").train
    images = read_images(dataset, train.frame_ids.tolist())
    inputs = images if settings.features is None else Extractor(settings.features)(images)
    classifier = classifiers.build(settings.model, 0, len(CLASSES), inputs.shape[-1])
    for array in (inputs, images, train.labels):
        array.flags.writeable = False
    torch.set_warn_always(True)
    try:
        classifier.fit(inputs, train.labels)
        classifier.predict(inputs)
        Extractor(CONFIGURATION.features["mobilenet"])(images)
    finally:
        torch.set_warn_always(False)


def test_training_does_not_hold_its_frames_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 frames are 5 GB: neither the training frames nor their levels as large numbers may be copied whole."""
    frames, labels = np.zeros((2000, *schemas.IMAGE_SHAPE), np.uint8), np.arange(2000) % 7
    settings = Network(kind="network", architecture="shufflenet_v2_x0_5", epochs=1)
    classifier = classifiers.build(settings, 0, len(CLASSES))
    monkeypatch.setattr("norrsken.models.network.train_one_epoch", lambda *arguments: 1.0)
    tracemalloc.start()
    try:
        classifier.fit(frames, labels, np.arange(2000) % 5 == 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.7 * frames.nbytes


@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_an_architecture_with_outputs_in_mid_network_is_refused() -> None:
    with pytest.raises(NorrskenError, match="googlenet has outputs in mid-network"):
        classifiers.build(Network(kind="network", architecture="googlenet", epochs=1), 0, len(CLASSES))


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(NorrskenError, match="'resnet19'"):
        classifiers.build(Network(kind="network", architecture="resnet19", epochs=1), 0, len(CLASSES))


def test_a_loss_that_is_not_finite_is_a_clear_error_and_leaves_no_model(dataset: Path, tmp_path: Path) -> None:
    network = {"kind": "network", "architecture": "alexnet", "epochs": 3, "learning_rate": 1e30}
    with pytest.raises(NorrskenError, match="lower learning_rate"):
        run(dataset, tmp_path, "net", settings=RunSettings.model_validate({"name": "net", "model": network}))
    assert list(tmp_path.iterdir()) == []


def test_features_are_in_the_order_asked_for_and_complete(dataset: Path) -> None:
    path = dataset.with_name("hog.parquet")
    train = read_split(dataset, "random").train
    wanted = train.frame_ids[::-1].tolist()
    features = read_features(path, wanted)
    np.testing.assert_array_equal(
        features[0], histogram_of_gradients(read_images(dataset, wanted[:1])[0], CONFIGURATION.features["hog"])
    )
    with pytest.raises(tables.TableError, match="the frame KRN9999 and 0 more are missing"):
        read_features(path, ["KRN9999"])
