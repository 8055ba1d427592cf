"""Neural networks: torchvision's architectures from random weights, cross-entropy and Adam (section 2.3).

The frames are held as uint8 on the device and normalised and augmented there. The paper gives no epochs, batch size,
learning rate or augmentation; ours are settings. Augmentation keeps what defines the classes: no 90° rotation, because
arcs are east-west, and no change of hue, because of colored aurora.
"""

import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from norrsken.classes import CLASSES
from norrsken.config import Network
from norrsken.dataset import drawn_by_class
from norrsken.errors import NorrskenError
from norrsken.models.interface import Prediction
from norrsken.scores import macro_scores

log = logging.getLogger(__name__)

#: Brightness is changed by up to this share: exposures and transparency differ by more than that from night to night.
BRIGHTNESS = 0.1

#: Frames a step of prediction.
PREDICT_BATCH = 256


class TrainingError(NorrskenError):
    """The training cannot go on."""


class Normalised(nn.Module):
    """A network behind its normalisation, so that the model's file holds both. Takes 0…255, (n, 3, h, w)."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean.view(1, 3, 1, 1))
        self.register_buffer("std", std.view(1, 3, 1, 1))

    def forward(self, frames: Tensor) -> Tensor:
        scores: Tensor = self.network((frames.float() - self.mean) / self.std)
        return scores


class NetworkClassifier:
    """A torchvision network as a `Classifier`. Weights, validation frames, order, augmentation come from the seed."""

    suffix = ".safetensors"

    def __init__(self, settings: Network, seed: int) -> None:
        if settings.architecture not in torchvision.models.list_models(torchvision.models):
            raise TrainingError(f"torchvision has no classification network named {settings.architecture!r}")
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats its results only with this
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_num_threads(settings.threads)
        torch.manual_seed(seed)
        self.settings, self.seed = settings, seed
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.device = torch.cuda.get_device_name() if self._device.type == "cuda" else "cpu"
        self._network = torchvision.models.get_model(settings.architecture, weights=None, num_classes=len(CLASSES))
        self._model: Normalised | None = None

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._network.parameters())

    def fit(self, inputs: NDArray[np.uint8], labels: NDArray[np.int64]) -> list[dict[str, float]]:
        """Train for the set number of epochs; the validation frames only follow the training."""
        settings = self.settings
        random_frames = np.random.default_rng(self.seed)
        chosen = drawn_by_class(labels, range(len(CLASSES)), settings.validation_share, random_frames)
        frames, targets = self._to_device(inputs[~chosen]), torch.from_numpy(labels[~chosen]).to(self._device)
        if len(frames) < 2:
            raise TrainingError(f"{len(frames)} training frames; a network needs two at least")
        mean, std = _mean_and_std(inputs[~chosen])
        model = Normalised(self._network, mean, std).to(self._device).to(memory_format=torch.channels_last)
        self._model = model
        optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate)
        # Batches of equal size, so that none is too small for batch normalisation.
        batches = max(len(frames) // settings.batch_size, 1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=batches * settings.epochs
        )
        random = torch.Generator(self._device).manual_seed(self.seed)
        history: list[dict[str, float]] = []
        for epoch in range(1, settings.epochs + 1):
            start, rate = time.perf_counter(), schedule.get_last_lr()[0]
            loss = train_one_epoch(model, frames, targets, batches, optimizer, schedule, random)
            row: dict[str, float] = {"epoch": epoch, "learning_rate": float(rate), "train_loss": loss}
            if chosen.any():
                row |= self._validate(inputs[chosen], labels[chosen])
            row["seconds"] = time.perf_counter() - start
            history.append(row)
            log.info("epoch %d/%d: %s", epoch, settings.epochs, ", ".join(f"{k} {v:.4g}" for k, v in row.items()))
        return history

    def predict(self, inputs: NDArray[np.uint8]) -> Prediction:
        scores, embeddings = self._forward(inputs)
        return Prediction(scores.softmax(dim=1).numpy(), None if embeddings is None else embeddings.numpy())

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        model = self._trained()
        tensors = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
        # One key: safetensors writes several in any order, and the same weights shall be the same file.
        save_file(tensors, path, {"norrsken": json.dumps({"classes": CLASSES, **about}, sort_keys=True)})

    def _validate(self, inputs: NDArray[np.uint8], labels: NDArray[np.int64]) -> dict[str, float]:
        scores, _ = self._forward(inputs)
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(labels)).item()
        return {"validation_loss": loss, "validation_f1": macro_scores(labels, scores.argmax(dim=1).numpy())["f1"]}

    @torch.inference_mode()
    def _forward(self, inputs: NDArray[np.uint8]) -> tuple[Tensor, Tensor | None]:
        """Scores before the softmax (n, 7), and what enters the last layer (n, m) where that is linear, on the CPU."""
        model = self._trained().eval()
        embeddings: list[Tensor] = []
        linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
        hooks = [
            layer.register_forward_pre_hook(lambda _, entering: embeddings.append(entering[0].float().cpu()))
            for layer in linear[-1:]
        ]
        parts = np.array_split(inputs, -(-len(inputs) // PREDICT_BATCH))
        scores = [model(self._to_device(part)).float().cpu() for part in parts]
        for hook in hooks:
            hook.remove()
        return torch.cat(scores), torch.cat(embeddings) if embeddings else None

    def _to_device(self, images: NDArray[np.uint8]) -> Tensor:
        """(n, h, w, 3) → (n, 3, h, w) in the same order of bytes, which is torch's channels_last."""
        return torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2)

    def _trained(self) -> Normalised:
        if self._model is None:
            raise TrainingError("the network is not trained yet")
        return self._model


def train_one_epoch(
    model: nn.Module,
    frames: Tensor,
    targets: Tensor,
    batches: int,
    optimizer: torch.optim.Optimizer,
    schedule: Any,
    random: torch.Generator,
) -> float:
    """One pass over all training frames in a new order; the mean loss. Raises `TrainingError` if that is not finite."""
    model.train()
    total = torch.zeros((), device=frames.device)
    order = torch.randperm(len(frames), generator=random, device=frames.device)
    for batch in order.tensor_split(batches):
        loss = nn.functional.cross_entropy(model(augment(frames[batch], random)), targets[batch])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        total += loss.detach() * len(batch)
    mean = total.item() / len(frames)
    if not np.isfinite(mean):
        raise TrainingError(f"the loss became {mean}; lower learning_rate")
    return mean


def augment(frames: Tensor, random: torch.Generator) -> Tensor:
    """Half of the frames flipped east-west, each a little brighter or darker. (n, 3, h, w) uint8 → float 0…255."""
    n, device = len(frames), frames.device
    flipped = torch.rand(n, 1, 1, 1, generator=random, device=device) < 0.5
    brightness = 1 + BRIGHTNESS * (2 * torch.rand(n, 1, 1, 1, generator=random, device=device) - 1)
    return torch.where(flipped, frames.flip(3), frames).float() * brightness


def _mean_and_std(images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each colour over the training frames, from the histogram: exact and small."""
    counts = np.stack([np.bincount(images[..., colour].ravel(), minlength=256) for colour in range(3)])
    weights, values = counts / counts.sum(axis=1, keepdims=True), np.arange(256)
    mean = weights @ values
    std = np.sqrt((weights * (values - mean[:, None]) ** 2).sum(axis=1))
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(np.maximum(std, 1.0), dtype=torch.float32)
