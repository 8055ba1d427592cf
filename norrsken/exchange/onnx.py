"""A classifier as one ONNX graph: averaged runs, calibration and normalisation, for everything that has no torch."""

import json
import logging
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from norrsken import __version__
from norrsken.classify import onnx_file, sky_network
from norrsken.classify.model import Ensemble
from norrsken.config.models import Network
from norrsken.config.site import CROP
from norrsken.evaluation.calibration import TINY
from norrsken.exchange.library import ExchangeError, library
from norrsken.files import written_aside
from norrsken.models.network import TorchClassifier
from norrsken.models.normalised import Normalised, maps_of

#: By how much a probability of the graph may differ from that of torch.
TOLERANCE = 1e-4

#: The same of the other outputs. A rounding error may put a frame beside another one of thousands in familiarity.
_MOST_APART = {onnx_file.FAMILIARITY: 2e-3, onnx_file.SKY: 1e-3}

#: The version of ONNX's operators, which runtimes of the last years know.
_OPSET = 18

_INSTALL = "install it beside norrsken: pip install 'norrsken[onnx]', or --editable '.[onnx]' in a clone"


class Graph(nn.Module):
    """A classifier with all that belongs to it.

    Takes frames (n, 128, 128, 3) uint8; gives calibrated probabilities (n, classes) and, where the classifier measures
    familiarity, that (n,), and what the network for the sky's condition sees (n, `sky_measures.WIDTH`).
    """

    mean: Tensor
    scale: Tensor
    axes: Tensor
    distances: Tensor

    def __init__(self, classifier: Ensemble) -> None:
        """Raises `ExchangeError` where its runs are no networks that see single frames."""
        super().__init__()
        self.networks = nn.ModuleList(_networks(classifier))
        self.temperature = classifier.settings.temperature
        limit, known = classifier.settings.familiarity, classifier.familiarity
        self.layers = [] if limit is None else limit.layers
        self.sky: nn.Module | None = None
        if known is not None:
            for name, array in known.arrays().items():
                self.register_buffer(name, torch.from_numpy(array))
            self.sky = sky_network.shipped()

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        inputs = frames.permute(0, 3, 1, 2).float()
        first, *others = self.networks
        with maps_of(cast(Normalised, first), self.layers) as gathered:
            said = [first(inputs).softmax(dim=1)]
        said += [network(inputs).softmax(dim=1) for network in others]
        mean = torch.stack(said).mean(dim=0)
        probabilities = (mean.clamp(min=TINY).log() / self.temperature).softmax(dim=1)
        if self.sky is None:
            return (probabilities,)
        maps = torch.cat([torch.cat(of_layer) for of_layer in gathered], dim=1)
        return probabilities, self._familiarity(maps), self.sky(inputs)

    def _familiarity(self, maps: Tensor) -> Tensor:
        """As `Familiarity.of`: (n, m) → (n,)."""
        scaled = (maps.clamp(min=0).log1p() - self.mean) / self.scale
        distance = (scaled @ self.axes).square().sum(dim=1, keepdim=True).sqrt()
        return 1 - (self.distances < distance).float().mean(dim=1)


def export_onnx(classifier: str | os.PathLike[str], output: Path) -> float:
    """Write the classifier of a `classifier.json` to an ONNX file; returns by how much it differs from torch at most.

    The difference is that of probabilities of some frames of noise. Raises `ExchangeError` where the classifier is
    of another kind, a library is missing, or the graph differs by more than `TOLERANCE`: then nothing is written.
    """
    for module in ("onnx", "onnxscript", "onnxruntime"):
        library(module, "norrsken export onnx", _INSTALL)
    ensemble = Ensemble(classifier)
    graph = Graph(ensemble).eval().cpu()
    names = [onnx_file.PROBABILITIES, onnx_file.FAMILIARITY, onnx_file.SKY][: 1 if graph.sky is None else 3]
    logging.getLogger("onnxscript").setLevel(logging.WARNING)
    program = torch.onnx.export(
        graph,
        (_frames(2),),
        dynamo=True,
        verbose=False,
        dynamic_shapes=({0: torch.export.Dim("n")},),
        input_names=[onnx_file.FRAMES],
        output_names=names,
        opset_version=_OPSET,
    )
    if program is None:
        raise ExchangeError(f"{classifier}: torch has made no graph of it")
    about = {
        onnx_file.CLASSES: ",".join(ensemble.classes),
        onnx_file.GRID: f"RGB, {CROP} x {CROP} pixels, as norrsken processes the frames of "
        f"{' or '.join(dict.fromkeys(camera.grid for camera in ensemble.source.cameras))}",
        onnx_file.VERSION: __version__,
        onnx_file.CLASSIFIER: json.dumps(ensemble.settings.plain()),
        onnx_file.SOURCE: json.dumps(ensemble.source.plain()),
    }
    model = program.model_proto
    for key, value in about.items():
        model.metadata_props.add(key=key, value=value)
    written = model.SerializeToString()
    difference = _difference(ensemble, written, str(output))
    if difference > TOLERANCE:
        raise ExchangeError(f"{classifier}: the graph differs from torch by {difference:.2g}, expected {TOLERANCE:g}")
    with written_aside(output) as temporary:
        temporary.write_bytes(written)
    return difference


def _networks(classifier: Ensemble) -> list[Normalised]:
    """The networks of the classifier's runs."""
    networks = []
    for member in classifier.members:
        settings = member.card.run.model
        if not isinstance(member.classifier, TorchClassifier) or not isinstance(settings, Network):
            raise ExchangeError(
                f"{classifier.path}: {member.path} is of kind {settings.kind}: only networks that see single frames "
                "can be exported"
            )
        networks.append(member.classifier.model)
    return networks


def _frames(number: int) -> Tensor:
    """Frames to try the graph with: noise of all levels, the last one even."""
    random = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (number, CROP, CROP, 3), generator=random, dtype=torch.uint8)
    frames = (frames * torch.linspace(0.1, 1, number)[:, None, None, None]).to(torch.uint8)
    frames[-1] = 30
    return frames


def _difference(classifier: Ensemble, written: bytes, name: str) -> float:
    """By how much probabilities of the written graph differ from the classifier's at most. name: for messages.

    Raises `ExchangeError` where the other outputs differ by more than rounding does.
    """
    frames = _frames(8).numpy()
    session: Any = onnx_file.opened(written, name)
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, {onnx_file.FRAMES: frames}), strict=True))
    look = classifier.look(frames)
    expected = {onnx_file.FAMILIARITY: look.familiarity, onnx_file.SKY: sky_network.seen(frames)}
    for output, most in _MOST_APART.items():
        apart = float(np.abs(found[output] - expected[output]).max()) if output in found else 0.0
        if apart > most:
            raise ExchangeError(f"{name}: {output} of the graph differs from torch's by {apart:.2g}, expected {most:g}")
    return float(np.abs(found[onnx_file.PROBABILITIES] - classifier.probabilities_of(look)).max())
