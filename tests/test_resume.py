"""A training that is stopped at any moment ends with the weights of one that was not."""

import json
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import warm
from conftest import picture
from slurm_cluster import wait_until

from norrsken.config.models import Network
from norrsken.errors import NorrskenError
from norrsken.models import classifiers, network
from norrsken.models.interface import Classifier, History
from norrsken.paper import CLASSES

SETTINGS = {"kind": "network", "epochs": 3, "batch_size": 8, "input_size": 64, "threads": 1}
IMAGES = np.stack([picture(CLASSES[i % 7], i)[:256:2, :256:2] for i in range(42)])
LABELS = np.arange(42) % 7

#: Trains as a job does, in the folder where it is run.
CODE = """
import json
from pathlib import Path
import numpy as np
from norrsken.config.models import Network
from norrsken.models import classifiers, network
network.CHECKPOINT_SECONDS = (0, 0)
given = np.load("given.npz")
classifier = classifiers.build(Network.model_validate_json(Path("settings.json").read_text()), 3, 7)
classifier.fit(given["images"], given["labels"], None, Path("checkpoint.safetensors"))
np.save("probabilities.npy", classifier.predict(given["images"]).probabilities)
"""


def train(checkpoint: Path | None, seed: int = 3, **changed: object) -> tuple[Classifier, History]:
    settings = Network.model_validate({**SETTINGS, "architecture": "shufflenet_v2_x0_5", **changed})
    classifier = classifiers.build(settings, seed, len(CLASSES))
    return classifier, classifier.fit(IMAGES, LABELS, None, checkpoint)


def probabilities(classifier: Classifier) -> np.ndarray:
    return classifier.predict(IMAGES).probabilities


@pytest.fixture(autouse=True)
def _a_checkpoint_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "CHECKPOINT_SECONDS", (0.0, 0.0))


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the training stop in the epoch after so many; returns what lets it go on."""
    original = network.train_one_epoch

    def stopping(*arguments: object) -> float:
        if arguments[4].number > epochs:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(network, "train_one_epoch", stopping)
    return lambda: monkeypatch.setattr(network, "train_one_epoch", original)


@pytest.mark.parametrize("architecture", ["shufflenet_v2_x0_5", "squeezenet1_1", "efficientnet_b0"])
def test_a_stopped_training_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    """With batch normalisation, with dropout, with stochastic depth."""
    undisturbed, history = train(None, architecture=architecture)
    for epochs in (1, 2):
        go_on = stop_after(epochs, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "checkpoint.safetensors", architecture=architecture)
        go_on()
    resumed, again = train(tmp_path / "checkpoint.safetensors", architecture=architecture)
    np.testing.assert_array_equal(probabilities(resumed), probabilities(undisturbed))
    assert [row["train_loss"] for row in again] == [row["train_loss"] for row in history]


def saved_at(checkpoint: Path) -> int:
    """When a checkpoint was saved; 0 where it was not."""
    return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0


def test_a_killed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "given.npz", images=IMAGES, labels=LABELS)
    settings = {**SETTINGS, "architecture": "shufflenet_v2_x0_5", "epochs": 16}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "train.py").write_text(CODE)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    where = {"folder": str(tmp_path), "environment": environment, "output": str(tmp_path / "printed.log")}
    checkpoint = tmp_path / "checkpoint.safetensors"
    for wait in (0.0, 0.1):
        before = saved_at(checkpoint)
        with warm.server().running(kind="script", path=str(tmp_path / "train.py"), **where) as (process, status):
            wait_until(lambda before=before: saved_at(checkpoint) > before, 60, "the training has saved a checkpoint")
            time.sleep(wait)
            os.kill(process, signal.SIGKILL)
            assert status() == -signal.SIGKILL
        assert not (tmp_path / "probabilities.npy").exists()
    with warm.server().running(kind="script", path=str(tmp_path / "train.py"), **where) as (_, status):
        assert status() == 0, (tmp_path / "printed.log").read_text()
    undisturbed, _ = train(None, epochs=16)
    np.testing.assert_array_equal(np.load(tmp_path / "probabilities.npy"), probabilities(undisturbed))


@pytest.mark.parametrize("change", [{"learning_rate": 2e-3}, {"epochs": 4}, {"seed": 4}])
def test_a_checkpoint_of_another_run_is_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, float]
) -> None:
    go_on = stop_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "checkpoint.safetensors")
    go_on()
    given = {"seed": 3, **change}
    other, _ = train(tmp_path / "checkpoint.safetensors", **given)  # type: ignore[arg-type]
    undisturbed, _ = train(None, **given)  # type: ignore[arg-type]
    np.testing.assert_array_equal(probabilities(other), probabilities(undisturbed))


def test_a_spoilt_checkpoint_is_of_no_use(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(b"half a checkpoint")
    spoilt, _ = train(checkpoint)
    undisturbed, _ = train(None)
    np.testing.assert_array_equal(probabilities(spoilt), probabilities(undisturbed))


def test_a_full_disk_is_a_clear_error_and_leaves_no_half_a_file(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))  # no file may become larger than that
    try:
        with pytest.raises(NorrskenError, match=r"checkpoint.safetensors: \d+ MB cannot be written: .*File too large"):
            train(tmp_path / "checkpoint.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def fill_the_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


def fill_the_memory() -> None:
    torch.empty(2**60)


@pytest.mark.parametrize("fill", [fill_the_gpu, fill_the_memory])
def test_out_of_memory_says_which_settings_to_lower(monkeypatch: pytest.MonkeyPatch, fill: Callable[[], None]) -> None:
    def full(*arguments: object) -> float:
        fill()
        return 0.0

    monkeypatch.setattr(network, "train_one_epoch", full)
    with pytest.raises(NorrskenError, match=r"lower batch_size \(now 8\) or input_size \(now 64\)"):
        train(None)
