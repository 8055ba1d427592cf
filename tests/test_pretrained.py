"""Features from a network trained on ImageNet: where its weights come from, and what is said when they do not come."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from conftest import Project

from norrsken.cli import main
from norrsken.config.models import Pretrained
from norrsken.errors import NorrskenError
from norrsken.models.pretrained import PretrainedNetwork

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
