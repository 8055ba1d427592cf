"""The network that looks at a frame for the sky's condition; `tools/fit_condition.py` trains it.

It sees a frame without its dark level and stretched to the same contrast, because cameras and their archives differ in
level and contrast more than skies do; the levels themselves are told beside what it sees.
"""

from functools import cache
from importlib.resources import as_file, files

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from norrsken.classify.sky_measures import LEVELS, WIDTH
from norrsken.models.device import keep_memory
from norrsken.models.folded import fold, some_frame

#: timm's name of the network whose last layer is left out.
ARCHITECTURE = "tf_efficientnet_lite0"

#: The shares of a frame's pixels that are darker than its dark level, and than its bright one.
DARK, BRIGHT = 0.05, 0.995

#: The least contrast that is stretched, levels: below it there is noise alone.
LEAST_CONTRAST = 4.0

#: Frames in a step: more do not fit the caches of a CPU.
BATCH = 16

WEIGHTS = files("norrsken.classify").joinpath("condition.safetensors")


class SkyNetwork(nn.Module):
    """Takes frames (n, 3, 128, 128) of 0…255; gives (n, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        self.network: nn.Module = timm.create_model(ARCHITECTURE, num_classes=0)
        self.scaled = nn.BatchNorm1d(LEVELS)

    def forward(self, frames: Tensor) -> Tensor:
        some = frames[..., ::2, ::2].flatten(2)
        dark, bright = (some.quantile(share, dim=-1) for share in (DARK, BRIGHT))
        contrast = (bright - dark).amax(dim=1, keepdim=True)
        levels = torch.cat([(dark + 4).log(), (some.mean(dim=2) + 4).log(), contrast.clamp(min=1).log()], dim=1)
        above = (frames - dark[..., None, None]) / contrast.clamp(min=LEAST_CONTRAST)[..., None, None]
        # The network was trained on ImageNet with about −1…1 for black…white.
        seen = self.network(2 * above.clamp(-1, 2) - 0.6)
        return torch.cat([seen, self.scaled(levels)], dim=1)


@torch.inference_mode()
def seen(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the network that comes with norrsken gives of processed frames: (n, 128, 128, 3) uint8 → (n, WIDTH)."""
    network, found = shipped(), np.empty((len(images), WIDTH))
    for start in range(0, len(images), BATCH):
        # The same bytes as channels_last, which is faster.
        frames = torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH])).permute(0, 3, 1, 2).float()
        found[start : start + BATCH] = network(frames).numpy()
    return found


@cache
def shipped() -> SkyNetwork:
    """The network with the weights that come with norrsken, for prediction alone."""
    keep_memory()
    network = SkyNetwork()
    with as_file(WEIGHTS) as path:
        network.load_state_dict(load_file(path))
    fold(network, some_frame())
    return network.to(memory_format=torch.channels_last)
