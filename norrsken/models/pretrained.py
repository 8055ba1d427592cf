"""A network that was trained on ImageNet as a frozen extractor of features (Clausen & Nickisch 2018,
doi 10.1029/2018JA025274; section 2.3).
"""

from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import nn

from norrsken.config.models import Pretrained
from norrsken.models import device
from norrsken.models.weights import create, weights_digest

#: Frames in a step.
BATCH = 64


class PretrainedNetwork:
    """A timm network with ImageNet's 1,000 classes; its scores before the softmax are the features."""

    def __init__(self, settings: Pretrained) -> None:
        self._device = device.prepare(settings.threads)
        network = create(settings.network, settings.weights).eval()
        self._network = network.to(self._device).to(memory_format=torch.channels_last)
        preprocessing = timm.data.resolve_model_data_config(self._network)
        self._size = settings.input_size or int(preprocessing["input_size"][-1])
        self._mean, self._std = (
            torch.tensor(preprocessing[key], device=self._device).view(1, 3, 1, 1) * 255 for key in ("mean", "std")
        )

    def about(self) -> dict[str, Any]:
        """What is said of the network: its number of parameters, a digest by which it is known again, where it runs."""
        return {
            "parameters": sum(p.numel() for p in self._network.parameters()),
            "digest": weights_digest(self._network),
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
