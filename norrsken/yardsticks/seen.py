"""What the runs of a model see in frames: how sure they are, and how far the frames are from those trained on."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from norrsken import tables
from norrsken.classify.familiarity import Familiarity, Floats
from norrsken.classify.model import FrameClassifier, look_through
from norrsken.models.network import TorchClassifier

Images = NDArray[np.uint8]

#: Frames that are held in memory at a time.
AT_A_TIME = 256

#: Layers of more maps than these are left out: their covariance would be too large, and they are the last ones, which
#: see a change of the camera less well.
MOST_MAPS = 512


#: Of fewer training frames nothing can be told of what is familiar.
LEAST_FRAMES = 10


class Seen(NamedTuple):
    """What is seen in n frames.

    confidence: (n,), the highest of the mean probabilities over the runs, which no temperature has calibrated.
    maps: (n, m), what familiarity is measured on; None where the model has nothing of the kind.
    """

    confidence: NDArray[np.float64]
    maps: Floats | None


class Watcher:
    """The runs of one model. Familiarity is that of the first run alone, as in a catalogue.

    It is measured on the maps of a network's layers, as that of the general classifier. Other models have none.
    """

    def __init__(self, runs: Sequence[FrameClassifier]) -> None:
        self._runs = runs
        self._layers: list[str] | None = None
        first = runs[0].classifier
        self._network = first if isinstance(first, TorchClassifier) and runs[0].context is None else None

    def look(self, images: Images) -> Seen:
        """What is seen in processed frames: (n, 128, 128, 3) uint8."""
        if self._network is None:
            look = look_through(self._runs, images)
            said = [run.said(seen) for run, seen in zip(self._runs, look.said, strict=True)]
            return Seen(_confidence(said), None)
        inputs = self._runs[0].inputs(images)
        if self._layers is None:
            self._layers = stage_outputs(self._network, inputs[:2]) if inputs.ndim == 4 else []
        first = self._network.predict(inputs, self._layers)
        others = [run.classifier.predict(inputs).probabilities for run in self._runs[1:]]
        return Seen(_confidence([first.probabilities, *others]), first.maps)

    def look_at(self, dataset: str, frame_ids: Sequence[str], change: Callable[[Images], Images] | None = None) -> Seen:
        """The same of frames of `dataset.parquet`, in their order, after a change of them where one is given."""
        batches = (images for _, images in tables.image_batches(dataset, frame_ids, AT_A_TIME))
        return _joined(self.look(images if change is None else change(images)) for images in batches)


def _joined(parts: Iterable[Seen]) -> Seen:
    confidence, maps = zip(*parts, strict=True)
    known = [one for one in maps if one is not None]
    return Seen(np.concatenate(confidence), np.concatenate(known) if known else None)


def _confidence(said: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.mean(said, axis=0, dtype=np.float64)
    return np.asarray(mean.max(axis=1))


def stage_outputs(classifier: TorchClassifier, frames: Images) -> list[str]:
    """The layers of a network, by torch's names, whose maps are the last ones of their size in pixels.

    frames: (n, 128, 128, 3), a few to look at. Layers of more than `MOST_MAPS` maps are left out, those whose maps are
    a single pixel, and those deeper than the blocks of which a network consists: names with more than one dot.
    """
    last: dict[int, str] = {}

    def keep(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_: nn.Module, __: object, maps: object) -> None:
            if isinstance(maps, Tensor) and maps.ndim == 4 and maps.shape[1] <= MOST_MAPS:
                size = maps.shape[2]
                # What makes maps larger again only spreads what is known.
                if 1 < size <= min(last, default=size):
                    last[size] = name

        return hook

    network = classifier.model.network
    blocks = ((name, module) for name, module in network.named_modules() if name and name.count(".") <= 1)
    hooks = [module.register_forward_hook(keep(name)) for name, module in blocks]
    try:
        with torch.inference_mode():
            classifier.predict(frames)
    finally:
        for hook in hooks:
            hook.remove()
    return list(last.values())


def fit_familiarity(trained: Seen, familiar: Seen) -> Familiarity | None:
    """What is familiar to the runs, by training frames and by frames kept out of the training.

    None without maps, and for fewer than `LEAST_FRAMES` of either.
    """
    if trained.maps is None or familiar.maps is None:
        return None
    if min(len(trained.maps), len(familiar.maps)) < LEAST_FRAMES:
        return None
    return Familiarity.fit(trained.maps, familiar.maps)
