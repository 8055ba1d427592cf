"""Networks of torchvision and timm with an output for each class, from random weights (section 2.3) or ImageNet's."""

from functools import cache

import timm
import torch
import torchvision
from torch import Tensor, nn

from norrsken.errors import NorrskenError
from norrsken.models.weights import create as create_with_weights
from norrsken.models.weights import fill_from_general, is_known


class UnknownArchitecture(NorrskenError):
    """Neither torchvision nor timm has such a network, or the network cannot be trained here."""


def create(architecture: str, classes: int, weights: str = "random", filled: bool = True) -> nn.Module:
    """A network with so many outputs. weights: see `weights.create`; what is random comes from torch's random state.

    A network from random weights is torchvision's where it has one of that name, else timm's; from other weights it is
    timm's. Only its last layer is then random. filled: False for a network whose weights will be replaced by those of a
    trained model, so that the ones that it started from need not be there.
    """
    if not _of_torchvision(architecture, weights):
        return _of_timm(architecture, classes, weights if filled else "random")
    network: nn.Module = torchvision.models.get_model(architecture, weights=None, num_classes=classes)
    if getattr(network, "aux_logits", False):
        raise UnknownArchitecture(f"{architecture} has outputs in mid-network, which the training does not know")
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.AdaptiveAvgPool2d) and child.output_size not in (1, (1, 1)):
                setattr(module, name, RepeatablePool(child))
    return network


def _of_timm(architecture: str, classes: int, weights: str) -> nn.Module:
    if not is_known(architecture):
        raise UnknownArchitecture(f"neither torchvision nor timm has a classification network named {architecture!r}")
    if weights == "random":
        network: nn.Module = timm.create_model(architecture, num_classes=classes)
        return network
    state = torch.get_rng_state()  # what is drawn here and then replaced shall not decide the last layer
    network = create_with_weights(architecture, "random" if weights == "general" else weights)
    torch.set_rng_state(state)
    network.reset_classifier(classes)  # type: ignore[operator]  # timm's networks all have it
    if weights == "general":
        fill_from_general(network)
    return network


def _of_torchvision(architecture: str, weights: str) -> bool:
    return weights == "random" and architecture in torchvision.models.list_models(torchvision.models)


def stock_parameters(architecture: str, weights: str = "random") -> int:
    """Number of parameters as published, with the 1,000 outputs of ImageNet: what Table 2 counts."""
    with torch.device("meta"):
        if _of_torchvision(architecture, weights):
            network = torchvision.models.get_model(architecture, weights=None)
        else:
            network = timm.create_model(architecture)
    return sum(parameter.numel() for parameter in network.parameters())


class RepeatablePool(nn.Module):
    """`nn.AdaptiveAvgPool2d` as two products of matrices: torch's own does not repeat its gradients on GPUs."""

    def __init__(self, pool: nn.AdaptiveAvgPool2d) -> None:
        super().__init__()
        size = pool.output_size
        self.output_size = size if isinstance(size, tuple) else (size, size)

    def forward(self, maps: Tensor) -> Tensor:
        # While a graph is exported tensors are stand-ins, which must not be kept for later.
        means = _means.__wrapped__ if torch.compiler.is_exporting() else _means
        down, across = (
            means(size, wanted or size, maps.device)
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
