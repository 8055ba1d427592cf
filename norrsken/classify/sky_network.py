"""The small network that looks at a frame for the sky's condition; `tools/fit_condition.py` trains it.

It sees a frame twice: as it is, and without its dark level and stretched to the same contrast, because cameras and
their archives differ in level, colours and contrast more than skies do.
"""

from functools import cache
from importlib.resources import as_file, files

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

#: Outputs of its layers, and by how much each of them makes the maps smaller.
LAYERS = ((24, 2), (36, 1), (48, 2), (72, 2), (96, 1), (144, 2))

#: How many numbers it gives of a frame: mean and deviation of each of its last maps.
WIDTH = 2 * LAYERS[-1][0]

#: The shares of a frame's pixels that are darker than its dark level, and than its bright one.
DARK, BRIGHT = 0.05, 0.995

#: The least contrast that is stretched, levels: below it there is noise alone.
LEAST_CONTRAST = 4.0

#: Frames in a step.
BATCH = 64

WEIGHTS = files("norrsken.classify").joinpath("condition.safetensors")


class SkyNetwork(nn.Module):
    """Takes frames (n, 3, 128, 128) of 0…255; gives (n, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        widths = [6, *(width for width, _ in LAYERS)]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(given, width, 3, step, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
                for given, (width, step) in zip(widths, LAYERS, strict=False)
            )
        )

    def forward(self, frames: Tensor) -> Tensor:
        maps = self.layers(torch.cat([2 * stretched(frames) - 0.6, frames / 128 - 1], dim=1))
        return torch.cat([maps.mean(dim=(2, 3)), maps.std(dim=(2, 3))], dim=1)


def stretched(frames: Tensor) -> Tensor:
    """Frames whose dark level is 0 in each colour, and the bright one of their brightest colour 1."""
    some = frames[..., ::2, ::2].flatten(2)
    dark, bright = (some.quantile(share, dim=-1) for share in (DARK, BRIGHT))
    contrast = (bright - dark).amax(dim=1, keepdim=True).clamp(min=LEAST_CONTRAST)
    return ((frames - dark[..., None, None]) / contrast[..., None, None]).clamp(-1, 2)


@torch.inference_mode()
def measured_by(network: SkyNetwork, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What a network gives of processed frames: (n, 128, 128, 3) uint8 → (n, WIDTH)."""
    found = np.empty((len(images), WIDTH))
    for start in range(0, len(images), BATCH):
        frames = torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH])).permute(0, 3, 1, 2).float()
        found[start : start + BATCH] = network(frames).numpy()
    return found


@cache
def shipped_network() -> SkyNetwork:
    """The network that comes with norrsken."""
    network = SkyNetwork()
    with as_file(WEIGHTS) as path:
        network.load_state_dict(load_file(path))
    return network.eval()
