"""Networks whose batch normalisation is folded into their convolutions, to predict faster on a CPU."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from norrsken.classify.general import CLASSIFIER
from norrsken.classify.sky_network import WEIGHTS, SkyNetwork, shipped
from norrsken.models import architectures, classifiers
from norrsken.models.folded import fold, some_frame


def normalisations(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def trained(network: nn.Module) -> nn.Module:
    """The network with the statistics of a training in its batch normalisation."""
    random = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, least in ((module.running_mean, -0.5), (module.running_var, 0.5), (module.bias, -0.5)):
                assert values is not None
                values.data.uniform_(least, least + 1, generator=random)
    return network.eval()


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "shufflenet_v2_x0_5", "tf_efficientnet_lite0"])
@torch.no_grad()
def test_a_folded_network_says_the_same(name: str) -> None:
    plain = trained(architectures.create(name, 7))
    folded, frames = copy.deepcopy(plain), torch.randn(2, 3, 96, 96)
    number = fold(folded, some_frame() / 255)
    assert number > 0
    assert normalisations(folded) == normalisations(plain) - number
    torch.testing.assert_close(folded(frames).softmax(1), plain(frames).softmax(1), atol=1e-5, rtol=0)


class Twice(nn.Module):
    """A convolution whose output is read with normalisation and without."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, frames: Tensor) -> Tensor:
        maps = self.conv(frames)
        return torch.cat([maps, self.norm(maps)], dim=1)


@torch.no_grad()
def test_a_convolution_that_is_read_elsewhere_too_is_not_folded() -> None:
    model = trained(Twice())
    plain = copy.deepcopy(model)
    assert fold(model, some_frame()) == 0
    torch.testing.assert_close(model(some_frame()), plain(some_frame()), atol=0, rtol=0)
    assert model.state_dict().keys() == plain.state_dict().keys()


def test_a_model_that_is_loaded_to_predict_tells_the_same() -> None:
    path = CLASSIFIER.with_name("model-0.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (4, 128, 128, 3), dtype=np.uint8)
    layers = ["blocks.1", "blocks.6"]
    (plain, _), (fast, _) = classifiers.load(path), classifiers.load_to_predict(path)
    expected, found = plain.predict(images, layers), fast.predict(images, layers)
    assert expected.maps is not None
    assert found.maps is not None
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    np.testing.assert_allclose(found.maps, expected.maps, rtol=1e-3, atol=1e-4)
    if plain.device == "cpu":
        assert normalisations(fast.model) == 0 < normalisations(plain.model)  # type: ignore[attr-defined]


@torch.no_grad()
def test_the_network_for_the_skys_condition_sees_the_same_when_it_is_folded() -> None:
    from safetensors.torch import load_file

    plain = SkyNetwork().eval()
    plain.load_state_dict(load_file(str(WEIGHTS)))
    assert normalisations(shipped()) == 0 < normalisations(plain)
    torch.testing.assert_close(shipped()(some_frame()), plain(some_frame()), atol=1e-4, rtol=1e-4)
