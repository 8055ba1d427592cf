"""Features from a network trained on ImageNet: where its weights come from, and what is said when they do not come."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.torch
import skimage.data
import timm
import torch
from conftest import Project
from pydantic import ValidationError

from norrsken.cli import main
from norrsken.config.jobs import RunSettings
from norrsken.config.models import Network, Pretrained
from norrsken.config.site import FrameSource
from norrsken.errors import NorrskenError
from norrsken.models import classifiers
from norrsken.models.interface import Card
from norrsken.models.pretrained import PretrainedNetwork
from norrsken.models.weights import create
from norrsken.paper import CLASSES

NAME = "mobilenetv3_small_050"
FRAMES = np.random.default_rng(0).integers(0, 256, (5, 128, 128, 3), np.uint8)


def network(weights: str, name: str = NAME) -> PretrainedNetwork:
    settings = {"kind": "pretrained", "network": name, "weights": weights, "input_size": 64, "threads": 1}
    return PretrainedNetwork(Pretrained.model_validate(settings))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(timm.create_model(NAME).state_dict(), path)
    return path


def test_weights_come_from_a_file(weights: Path) -> None:
    from_file, random = network(str(weights)), network("random")
    assert from_file.about()["digest"] != random.about()["digest"]
    assert from_file.scores(FRAMES).shape == (5, 1000)
    torch.manual_seed(5)
    expected = timm.create_model(NAME).eval()
    given = timm.data.resolve_model_data_config(expected)
    mean, std = (np.array(given[key]) for key in ("mean", "std"))
    frames = torch.from_numpy(FRAMES).permute(0, 3, 1, 2).float()
    small = torch.nn.functional.interpolate(frames, (64, 64), mode="bicubic", antialias=True).clamp(0, 255)
    ready = (small.permute(0, 2, 3, 1).numpy() / 255 - mean) / std
    with torch.inference_mode():
        scores = expected(torch.from_numpy(ready).permute(0, 3, 1, 2).float())
    np.testing.assert_allclose(from_file.scores(FRAMES), scores, atol=1e-4)


@pytest.mark.parametrize(("picture", "kind"), [("chelsea", 285), ("coffee", 967)])
def test_the_weights_of_the_package_know_pictures(picture: str, kind: int) -> None:
    """285 is an Egyptian cat and 967 an espresso, of ImageNet's classes."""
    image = getattr(skimage.data, picture)()
    top, left = ((side - min(image.shape[:2])) // 2 for side in image.shape[:2])
    square = image[top : image.shape[0] - top, left : image.shape[1] - left]
    small = cv2.resize(square, (128, 128), interpolation=cv2.INTER_AREA)
    settings = {"kind": "pretrained", "network": "tf_efficientnet_lite0", "weights": "package", "threads": 1}
    assert PretrainedNetwork(Pretrained.model_validate(settings)).scores(small[None])[0].argmax() == kind


def test_a_package_has_the_weights_of_its_network_only() -> None:
    with pytest.raises(ValidationError, match="which has tf_efficientnet_lite0, not inception_v4"):
        network("package", "inception_v4")


def tuned(weights: str, **more: object) -> Network:
    settings = {"kind": "network", "architecture": "tf_efficientnet_lite0", "weights": weights, "input_size": 32}
    settings |= {"epochs": 1, "batch_size": 7, "threads": 1, "learning_rate": 1e-4}
    return Network.model_validate(settings | {"optimizer": "adamw", "weight_decay": 0.05, "layer_decay": 0.7} | more)


def test_a_network_is_fine_tuned_from_the_weights_of_the_package(tmp_path: Path) -> None:
    labels = np.arange(14) % 7
    frames = np.random.default_rng(0).integers(0, 256, (14, 128, 128, 3), np.uint8)
    classifier = classifiers.build(tuned("package"), 0, 7)
    pretrained = create("tf_efficientnet_lite0", "package").state_dict()
    classifier.fit(frames, labels)
    run = RunSettings(name="lite", model=tuned("package"))
    source = FrameSource(processing=1, cameras=[])
    card = Card(
        classes=list(CLASSES), run=run, split="night", seed=0, frames=source, extractor=None, program_version="1"
    )
    classifier.save(tmp_path / "model.safetensors", card)
    trained = safetensors.torch.load_file(tmp_path / "model.safetensors")
    changes = {
        name: float((trained[f"network.{name}"] - pretrained[name]).abs().max())
        for name in ("conv_stem.weight", "blocks.3.0.conv_pw.weight", "conv_head.weight")
    }
    assert 0 < changes["conv_stem.weight"] < changes["blocks.3.0.conv_pw.weight"] < changes["conv_head.weight"] < 1e-3
    np.testing.assert_allclose(trained["mean"].flatten(), 127.5)  # that of its weights, not of the frames
    loaded, _ = classifiers.load(tmp_path / "model.safetensors")
    expected = classifier.predict(frames).probabilities
    np.testing.assert_array_equal(loaded.predict(frames).probabilities, expected)


def test_the_dark_level_of_a_frame_makes_no_difference_where_it_is_taken_out() -> None:
    frames = np.random.default_rng(0).integers(0, 150, (14, 128, 128, 3), np.uint8)
    lighter = frames + np.array([30, 10, 60], np.uint8)
    for level, alike in (("dark", True), (None, False)):
        classifier = classifiers.build(tuned("package", level=level), 0, 7)
        one, other = (classifier.predict(images).probabilities for images in (frames, lighter))
        assert np.allclose(one, other, atol=1e-5) == alike


def test_frames_without_their_dark_level_are_normalised_as_they_are() -> None:
    settings = Network(
        kind="network", architecture="shufflenet_v2_x0_5", level="dark", epochs=1, batch_size=7, threads=1
    )
    frames = np.random.default_rng(0).integers(20, 150, (14, 128, 128, 3), np.uint8)
    classifier = classifiers.build(settings, 0, 7)
    classifier.fit(frames, np.arange(14) % 7)
    darker = frames.astype(int) - np.percentile(frames[:, ::4, ::4], 5, axis=(1, 2), method="lower")[:, None, None]
    mean = classifier._model.mean.flatten()
    np.testing.assert_allclose(mean, darker.mean(axis=(0, 1, 2)), atol=1.5)
    assert mean.max() < 70


def test_the_last_layer_follows_the_seed_alone() -> None:
    one, same, other = (classifiers.build(tuned("package"), seed, 7) for seed in (0, 0, 1))
    weights = [classifier._model.network.classifier.weight for classifier in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_trained_network_needs_not_the_weights_that_it_started_from(weights: Path, tmp_path: Path) -> None:
    settings = tuned(str(weights), architecture=NAME)
    frames = FRAMES[[0, 1, 2, 3]]
    classifier = classifiers.build(settings, 0, 2)
    classifier.fit(frames, np.array([0, 1, 0, 1]))
    source = FrameSource(processing=1, cameras=[])
    run = RunSettings(name="small", model=settings)
    card = Card(classes=["a", "b"], run=run, split="s", seed=0, frames=source, extractor=None, program_version="1")
    classifier.save(tmp_path / "model.safetensors", card)
    weights.unlink()
    loaded, _ = classifiers.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(frames).probabilities, classifier.predict(frames).probabilities)


@pytest.mark.parametrize("more", [{"weight_decay": 0.1, "layer_decay": None}, {"weight_decay": 0, "layer_decay": 0.5}])
def test_what_belongs_to_adamw_is_not_said_of_adam(more: dict) -> None:
    with pytest.raises(ValidationError, match=r"(weight|layer)_decay belongs to optimizer: adamw"):
        tuned("package", optimizer="adam", **more)


def test_the_papers_networks_are_written_as_before() -> None:
    """What is new is not in the settings of runs that do not use it, so that no run is repeated."""
    plain = Network(kind="network", architecture="resnet18", epochs=3).plain()
    assert not {"weights", "optimizer", "weight_decay", "layer_decay"} & plain.keys()


def test_random_weights_are_the_same_each_time() -> None:
    np.testing.assert_array_equal(network("random").scores(FRAMES), network("random").scores(FRAMES))


def test_where_weights_cannot_be_downloaded_it_says_how_to_fetch_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*arguments: object, **settings: object) -> None:
        raise OSError("no way to the hub")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(NorrskenError, match=f"norrsken weights {NAME} {NAME}.safetensors"):
        network("download")


def test_weights_that_were_fetched_can_be_named(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = timm.create_model(NAME)
    made.load_state_dict(safetensors.torch.load_file(weights))
    with monkeypatch.context() as online:
        online.setattr(timm, "create_model", lambda name, pretrained: made)
        assert main(["weights", NAME, str(tmp_path / "fetched.safetensors")]) == 0
    assert "fetched.safetensors" in capsys.readouterr().out
    assert network(str(tmp_path / "fetched.safetensors")).about() == network(str(weights)).about()


def test_weights_of_another_network_are_refused(weights: Path) -> None:
    with pytest.raises(NorrskenError, match=r"does not fit mobilenetv3_small_100: \d+ of \d+ tensors are missing"):
        network(str(weights), "mobilenetv3_small_100")


def test_a_file_that_is_not_safetensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(NorrskenError, match=f"{path}: cannot be read as safetensors"):
        network(str(path))
    with pytest.raises(NorrskenError, match="cannot be read as safetensors"):
        network(str(tmp_path / "missing.safetensors"))


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(NorrskenError, match="timm has no network named 'inception_v5'"):
        network("random", "inception_v5")


def test_the_weights_are_an_input_of_the_features(project: Project) -> None:
    project.config["features"]["inception"] = {
        "kind": "pretrained", "network": "inception_v4.tf_in1k", "weights": "weights/inception.safetensors",
    }  # fmt: skip
    project.config["models"]["linear"] = {"kind": "linear", "features": "inception", "epochs": 1}
    project.save()
    assert "weights/inception.safetensors" in project.snakemake("--dry-run", check=False)
    project.path("weights").mkdir()
    project.path("weights/inception.safetensors").write_bytes(b"")
    assert project.planned("train_linear") == {"extract_features": 1, "train_run": 2, "collect_scores": 1}
