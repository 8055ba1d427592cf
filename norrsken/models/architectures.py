"""torchvision's networks with an output for each class, from random weights (section 2.3)."""

from functools import cache

import torch
import torchvision
from torch import Tensor, nn

from norrsken.errors import NorrskenError


class UnknownArchitecture(NorrskenError):
    """torchvision has no such network, or the network cannot be trained here."""


def create(architecture: str, classes: int) -> nn.Module:
    """A network with so many outputs; its weights come from torch's random state."""
    if architecture not in torchvision.models.list_models(torchvision.models):
        raise UnknownArchitecture(f"torchvision has no classification network named {architecture!r}")
    network: nn.Module = torchvision.models.get_model(architecture, weights=None, num_classes=classes)
    if getattr(network, "aux_logits", False):
        raise UnknownArchitecture(f"{architecture} has outputs in mid-network, which the training does not know")
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.AdaptiveAvgPool2d) and child.output_size not in (1, (1, 1)):
                setattr(module, name, RepeatablePool(child))
    return network


def stock_parameters(architecture: str) -> int:
    """Number of parameters as published, with the 1,000 outputs of ImageNet: what Table 2 counts."""
    with torch.device("meta"):
        network = torchvision.models.get_model(architecture, weights=None)
    return sum(parameter.numel() for parameter in network.parameters())


class RepeatablePool(nn.Module):
    """`nn.AdaptiveAvgPool2d` as two products of matrices: torch's own does not repeat its gradients on GPUs."""

    def __init__(self, pool: nn.AdaptiveAvgPool2d) -> None:
        super().__init__()
        size = pool.output_size
        self.output_size = size if isinstance(size, tuple) else (size, size)

    def forward(self, maps: Tensor) -> Tensor:
        down, across = (
            _means(size, wanted or size, maps.device)
            for size, wanted in zip(maps.shape[2:], self.output_size, strict=True)
        )
        return down @ maps @ across.T


@cache
def _means(size: int, wanted: int, device: torch.device) -> Tensor:
    """The matrix (wanted, size) that takes means over nearly equal parts, as torch divides them."""
    matrix = torch.zeros(wanted, size)
    for i in range(wanted):
        start, end = i * size // wanted, -(-(i + 1) * size // wanted)
        matrix[i, start:end] = 1 / (end - start)
    return matrix.to(device)
