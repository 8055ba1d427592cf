"""A network that was trained on ImageNet as a frozen extractor of features (Clausen & Nickisch 2018,
doi 10.1029/2018JA025274; section 2.3).
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import timm
import torch
from numpy.typing import NDArray
from torch import nn

from norrsken.config.models import Pretrained
from norrsken.errors import NorrskenError
from norrsken.models import device
from norrsken.models.checkpoint import save_tensors

#: Frames in a step.
BATCH = 64


class PretrainedError(NorrskenError):
    """The weights cannot be had, or they are not those of the network."""


class PretrainedNetwork:
    """A timm network with ImageNet's 1,000 classes; its scores before the softmax are the features."""

    def __init__(self, settings: Pretrained) -> None:
        self._device = device.prepare(settings.threads)
        self._network = _create(settings).eval().to(self._device).to(memory_format=torch.channels_last)
        preprocessing = timm.data.resolve_model_data_config(self._network)
        self._size = settings.input_size or int(preprocessing["input_size"][-1])
        self._mean, self._std = (
            torch.tensor(preprocessing[key], device=self._device).view(1, 3, 1, 1) * 255 for key in ("mean", "std")
        )

    def about(self) -> dict[str, Any]:
        """What is said of the network: its number of parameters, a digest by which it is known again, where it runs."""
        return {
            "parameters": sum(p.numel() for p in self._network.parameters()),
            "digest": _digest(self._network),
            "device": device.name(self._device),
        }

    @torch.inference_mode()
    def scores(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The scores of frames before the softmax: (n, 128, 128, 3) → (n, 1000)."""
        parts = []
        for start in range(0, len(frames), BATCH):
            batch = device.tensor(frames[start : start + BATCH]).to(self._device).permute(0, 3, 1, 2).float()
            batch = nn.functional.interpolate(batch, (self._size,) * 2, mode="bicubic", antialias=True)
            with device.precision(self._device):
                parts.append(self._network((batch.clamp(0, 255) - self._mean) / self._std).float().cpu().numpy())
        return np.concatenate(parts)


def download(network: str, path: Path) -> None:
    """Fetch timm's weights of a network into a safetensors file, on a machine with a way to the internet."""
    settings = Pretrained(kind="pretrained", network=network)
    save_tensors(path, _create(settings).state_dict(), {"network": network})


def _create(settings: Pretrained) -> nn.Module:
    name, weights = settings.network, settings.weights
    if not timm.is_model(name.split(".", maxsplit=1)[0]):
        raise PretrainedError(f"timm has no network named {name!r}")
    if weights == "random":
        torch.manual_seed(0)
        return _untrained(name)
    if weights == "download":
        try:
            network: nn.Module = timm.create_model(name, pretrained=True)
            return network
        except (OSError, RuntimeError) as error:
            raise PretrainedError(
                f"the weights of {name} cannot be downloaded here ({type(error).__name__}). On a machine with a way "
                f"to the internet, such as a login node, run\n    norrsken weights {name} {name}.safetensors\nand say "
                f"`weights: {name}.safetensors` in the entry of features"
            ) from None
    try:
        state = safetensors.torch.load_file(weights)
    except (OSError, safetensors.SafetensorError) as error:
        raise PretrainedError(f"weights: {weights}: cannot be read as safetensors: {error}") from None
    network = _untrained(name)
    expected = network.state_dict()
    wrong = [key for key in expected if key not in state or state[key].shape != expected[key].shape]
    if wrong:
        raise PretrainedError(
            f"weights: {weights} does not fit {name}: {len(wrong)} of {len(expected)} tensors are missing or of "
            f"another shape, the first is {wrong[0]}"
        )
    network.load_state_dict(state, strict=False)  # the file may hold more, such as a head that timm left out
    return network


def _untrained(name: str) -> nn.Module:
    network: nn.Module = timm.create_model(name)
    return network


def _digest(network: nn.Module) -> str:
    text = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        text.update(key.encode())
        text.update(tensor.cpu().contiguous().numpy().tobytes())
    return text.hexdigest()[:16]
