"""A network behind its normalisation, and what its layers see."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: The share of a frame's pixels that are darker than its dark level.
DARK = 0.05


class Normalised(nn.Module):
    """A network behind its normalisation, so that the model's file holds both.

    Takes frames (n, 3, h, w) of 0…255, which are resampled to `size` pixels on a side, or features (n, m).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, inputs: tuple[int, ...], size: int | None = None, level: str | None = None
    ) -> None:
        """inputs: the shape over which mean and deviation are taken: (3, 1, 1) or (m,). level: see `Network`."""
        super().__init__()
        self.network, self.size, self.level = network, size, level
        self.register_buffer("mean", torch.zeros(1, *inputs))
        self.register_buffer("std", torch.ones(1, *inputs))

    def forward(self, inputs: Tensor) -> Tensor:
        normal = self.levelled(inputs).sub_(self.mean).div_(self.std)
        if self.size is not None and normal.shape[-1] != self.size:
            normal = nn.functional.interpolate(normal, (self.size,) * 2, mode="bilinear", antialias=True)
        scores: Tensor = self.network(normal)
        return scores

    def normalise_by(self, mean: NDArray[Any], std: NDArray[Any]) -> None:
        """Take a mean and a deviation of each colour, 0…255, or of each feature."""
        for buffer, values in ((self.mean, mean), (self.std, std)):
            buffer.copy_(torch.from_numpy(np.asarray(values, np.float32)).view_as(buffer))

    def levelled(self, inputs: Tensor) -> Tensor:
        """A copy of the inputs as float32, of frames without their dark level where the settings take it out."""
        copy = inputs.to(torch.float32, copy=True)
        if self.level is not None:
            # A sixteenth of the pixels tells the level well enough, and is sorted sixteen times as fast.
            some = copy[..., ::4, ::4].flatten(2)
            darkest = some.topk(max(round(DARK * some.shape[-1]), 1), dim=-1, largest=False).values
            copy -= darkest.amax(dim=-1)[..., None, None]  # ONNX has no kthvalue
        return copy


@contextmanager
def maps_of(model: Normalised, layers: Sequence[str]) -> Iterator[list[list[Tensor]]]:
    """Meanwhile mean and deviation of each map that comes out of the layers are gathered, by layer and batch."""
    gathered: list[list[Tensor]] = [[] for _ in layers]

    def gather(into: list[Tensor], maps: Tensor) -> None:
        into.append(torch.cat([maps.mean(dim=(2, 3)), maps.std(dim=(2, 3))], dim=1).float().cpu())

    hooks = [
        model.network.get_submodule(layer).register_forward_hook(lambda _, __, maps, into=into: gather(into, maps))
        for layer, into in zip(layers, gathered, strict=True)
    ]
    try:
        yield gathered
    finally:
        for hook in hooks:
            hook.remove()
