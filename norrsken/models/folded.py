"""Batch normalisation folded into the convolutions before it: the same network with fewer steps, for prediction."""

import logging
from itertools import groupby

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from norrsken.config.site import CROP
from norrsken.models.normalised import Normalised

log = logging.getLogger(__name__)

#: A convolution and the normalisation that takes its output.
Pair = tuple[nn.Conv2d, nn.BatchNorm2d]

#: By how much the outputs of the folded network may differ from those of the plain one, beside their largest one.
TOLERANCE = 1e-3


def fold_networks(model: nn.Module) -> None:
    """Fold in the networks of a classifier that see frames, as `fold` does, where a CPU is to run them.

    A GPU spends no time on it that is worth other rounding errors.
    """
    for part in list(model.modules()):
        if isinstance(part, Normalised) and part.size is not None and part.mean.device.type == "cpu":
            fold(part, some_frame())


def some_frame() -> Tensor:
    """A frame of noise, (1, 3, 128, 128) of 0…255."""
    return 255 * torch.rand(1, 3, CROP, CROP, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def fold(model: nn.Module, inputs: Tensor) -> int:
    """Fold each batch normalisation that directly follows a convolution into its weights; return how many.

    The network can then no longer be trained. Its outputs are the same but for rounding; its other modules stay, with
    their names. A network whose outputs become others, since one of its convolutions is read elsewhere too, stays as it
    was. inputs: some with which the network shows what follows what.
    """
    model.eval()
    pairs, before = _pairs(model, inputs)
    names = {module: name for name, module in model.named_modules()}
    kept = [(conv, norm, dict(conv.named_parameters())) for conv, norm in pairs]
    for conv, norm in pairs:
        mean, var = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        weight, bias = fuse_conv_bn_weights(conv.weight, conv.bias, mean, var, norm.eps, norm.weight, norm.bias)
        conv.weight = nn.Parameter(weight.to(memory_format=torch.channels_last), requires_grad=False)
        conv.bias = nn.Parameter(bias, requires_grad=False)
        rest = nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()
        model.set_submodule(names[norm], rest.eval())
    if not pairs or (model(inputs) - before).abs().max() <= TOLERANCE * before.abs().max():
        return len(pairs)
    for conv, norm, parameters in kept:
        for name in ("weight", "bias"):
            conv.register_parameter(name, parameters.get(name))
        model.set_submodule(names[norm], norm)
    log.info("the batch normalisation of this network cannot be folded")
    return 0


def _pairs(model: nn.Module, inputs: Tensor) -> tuple[list[Pair], Tensor]:
    """Convolutions and the normalisations that take their outputs, each of which is used once; the model's outputs."""
    made: list[tuple[nn.Conv2d, Tensor]] = []  # the tensors are kept, so that none takes the place of another one
    used: list[tuple[nn.BatchNorm2d, Tensor]] = []
    hooks = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(lambda conv, _, maps: made.append((conv, maps))))
        elif type(module) in (nn.BatchNorm2d, BatchNormAct2d):
            hooks.append(module.register_forward_pre_hook(lambda norm, maps: used.append((norm, maps[0]))))
    try:
        outputs: Tensor = model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    convs, norms = ([module for module, _ in calls] for calls in (made, used))
    found = [
        (conv, norm)
        for conv, written in made
        for norm, read in used
        if read is written and convs.count(conv) == norms.count(norm) == 1 and norm.running_mean is not None
    ]
    # A convolution that two normalisations read cannot take both in.
    several = [list(group) for _, group in groupby(found, lambda pair: id(pair[0]))]
    return [group[0] for group in several if len(group) == 1], outputs
