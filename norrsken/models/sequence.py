"""A classifier that sees a frame between its neighbours in time: the paper's "labeled stacks" (section 4).

A network for single frames sees each frame. What is kept of the embeddings passes a small recurrent layer, forwards up
to the frame in the middle and backwards down to it (Cho et al. 2014, arXiv 1406.1078). No frame goes through the
network twice, however many others it is a neighbour of.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from norrsken.config.jobs import RunSettings
from norrsken.config.models import Network, SequenceNetwork
from norrsken.dataset.context import NONE, Stacks
from norrsken.models import architectures, device
from norrsken.models.augmentation import augment
from norrsken.models.interface import Prediction
from norrsken.models.network import STEP, TorchClassifier, Trained, TrainingError
from norrsken.models.normalised import Normalised
from norrsken.models.random_cameras import seen_by_others
from norrsken.models.weights import weights_digest

#: Shares of the training's stacks that lose all neighbours, or the frame in the middle, and of other frames that are
#: lost: the frame alone is learnt as well as gaps, and the network's memory of its own training frames counts less.
ALONE, WITHOUT_MIDDLE, LOST = 0.1, 0.3, 0.1

#: In training a stack is moved by up to so many minutes: a label holds for frames right before and after, too.
SHIFT = 2.0

#: A training on embeddings has so many views of each frame: of the frame itself, and of it changed as the network's own
#: training changed its frames. Else what that has taught is forgotten: on a camera that was not trained on, a third of
#: the frames that the network alone gets right were lost. Two views did as well as three.
VIEWS = 2

#: The share of what is kept of a frame that is dropped in training.
DROPOUT = 0.2

#: Times are told in units of so many minutes.
UNIT = 10.0


class Stack(NamedTuple):
    """b stacks on the device. frames: (b, t, …), images or vectors. minutes: (b, t). there: (b, t), which there are."""

    frames: Tensor
    minutes: Tensor
    there: Tensor


class InTime(nn.Module):
    """What sees each frame, and what reads the embeddings of a stack in their order.

    network: ends in the embedding, (n, 3, h, w) → (n, size). width: how many numbers are kept of each frame. middle:
    the place in the stack of the frame that is classified.
    """

    def __init__(self, network: Normalised, size: int, width: int, middle: int, classes: int) -> None:
        super().__init__()
        self.network, self.middle = network, middle
        self.norm = nn.LayerNorm(size)
        self.reduce = nn.Linear(size, width)
        self.when = nn.Linear(2, width)
        self.dropout = nn.Dropout(DROPOUT)
        self.forwards = nn.GRU(width, width, batch_first=True)
        self.backwards = nn.GRU(width, width, batch_first=True)
        self.last = nn.Linear(3 * width, classes)

    def keep(self, embeddings: Tensor) -> Tensor:
        """What is kept of each frame, whatever stack it is in: (…, size) → (…, width)."""
        kept: Tensor = self.reduce(self.norm(embeddings))
        return kept

    def of_stacks(self, kept: Stack) -> Tensor:
        """The scores of the frames in the middle: of b stacks of what `keep` gives → (b, classes)."""
        when = torch.stack([kept.minutes, kept.minutes.abs()], dim=-1) / UNIT
        # It is a small part of the work, so it keeps its full precision where the network does not.
        with torch.autocast(kept.frames.device.type, enabled=False):
            states = torch.relu(kept.frames.float() + self.when(when)) * kept.there[..., None]
            states = self.dropout(states)
            before, _ = self.forwards(states[:, : self.middle + 1])
            after, _ = self.backwards(states[:, self.middle :].flip(1))
            scores: Tensor = self.last(torch.cat([states[:, self.middle], before[:, -1], after[:, -1]], dim=1))
        return scores

    def forward(self, stack: Stack) -> Tensor:
        if stack.frames.ndim < 5:
            return self.of_stacks(stack._replace(frames=self.keep(stack.frames)))
        # The network learns, too: of the frames that are there.
        kept = self.keep(self.network(stack.frames[stack.there]))
        frames = kept.new_zeros(*stack.there.shape, kept.shape[-1])
        frames[stack.there] = kept
        return self.of_stacks(stack._replace(frames=frames))


class Held:
    """All stacks of a training on the device, of which a batch is asked for by its rows."""

    def __init__(self, frames: Tensor, places: Tensor, minutes: Tensor) -> None:
        self._frames, self._places, self._minutes = frames, places, minutes
        self.device = frames.device

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, rows: Tensor) -> Stack:
        places = self._places[rows]
        return Stack(self._frames[places.clamp(min=0)], self._minutes[rows], places != NONE)


class SequenceClassifier(Trained):
    """An `InTime` as a `Classifier` of `Stacks`.

    They are of images; to be trained where what sees each frame does not learn, they are of its embeddings.
    """

    def __init__(self, model: InTime, settings: SequenceNetwork, frames: Network, seed: int, classes: int) -> None:
        """frames: the settings of what sees each frame."""
        super().__init__(model, settings, seed, classes, self._changed, begun=True)
        self._in_time, self._frames, self._learns = model, frames, settings.tuned
        self._random = torch.Generator(self._device).manual_seed(seed)
        model.network.requires_grad_(settings.tuned)

    @property
    def model(self) -> InTime:
        """The network and what reads its embeddings, with their weights."""
        return self._in_time

    def see_as(self, seeing: TorchClassifier) -> None:
        """Take the weights of a trained network, but for those of its last layer."""
        last = f"network.{_last_linear(seeing.model.network)}."
        state = seeing.model.state_dict()
        self._in_time.network.load_state_dict({key: state[key] for key in state if not key.startswith(last)})

    @property
    def stock_parameters(self) -> int | None:
        frames = self._frames
        return architectures.stock_parameters(frames.architecture, frames.weights)

    def to_train(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """What is trained on of frames (n, 128, 128, 3): themselves where the network learns.

        Else their embeddings in several views, (n, views, m) float16. The same calls in the same order give the same.
        """
        if self._learns:
            return images

        def changed(frames: Tensor) -> Tensor:
            strength = self._frames.cameras
            seen = frames if strength is None else seen_by_others(frames, self._random, strength)
            embeddings: Tensor = self._in_time.network(augment(seen, self._random))
            return embeddings

        others = [self._of_all(images, changed) for _ in range(VIEWS - 1)]
        return np.stack([self.embed(images), *others], axis=1).astype(np.float16)

    def embed(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network sees in frames: (n, 128, 128, 3) → (n, m)."""
        return self._of_all(images, self._in_time.network)

    def keep(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is kept of these: (n, m) → (n, k)."""
        return self._of_all(embeddings, self._in_time.keep)

    @cached_property
    def network_digest(self) -> str:
        """Tells networks apart: those of one digest see the same in a frame."""
        return weights_digest(self._in_time.network)

    def judge(self, kept: Stacks) -> NDArray[np.float32]:
        """The probabilities of the frames in the middle of n stacks of what is kept: (n, classes)."""
        return np.asarray(self._scores_of(kept).softmax(dim=1).numpy())

    def predict(self, inputs: Stacks, layers: Sequence[str] = ()) -> Prediction:
        """inputs: of images, or of what `to_train` makes of them: then of the first view. layers: none are told of."""
        return Prediction(np.asarray(self._scores(inputs).softmax(dim=1).numpy()), None)

    def _scores(self, inputs: Stacks, rows: NDArray[np.intp] | None = None) -> Tensor:
        used = (inputs if rows is None else inputs[rows]).compact()
        if used.frames.dtype == np.uint8:
            return self._scores_of(Stacks(self.keep(self.embed(used.frames)), used.windows))
        itself = used.frames[:, 0].astype(np.float32)
        return self._scores_of(Stacks(self.keep(itself), used.windows))

    @torch.inference_mode()
    def _scores_of(self, kept: Stacks) -> Tensor:
        model, held = self._in_time.eval(), self._to_device(kept)
        with device.precision(self._device):
            parts = [
                model.of_stacks(held[torch.arange(start, min(start + STEP, len(kept)), device=self._device)])
                for start in range(0, len(kept), STEP)
            ]
        return torch.cat([part.float().cpu() for part in parts]) if parts else torch.empty(0, self._classes)

    @torch.inference_mode()
    def _of_all(self, inputs: NDArray[Any], function: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
        """What a function makes of inputs, some at a time."""
        self._in_time.eval()
        with device.precision(self._device):
            step = device.frames_at_once(self._device)
            parts = [
                function(self._to_device(inputs[start : start + step])).float().cpu()
                for start in range(0, max(len(inputs), 1), step)
            ]
        return np.asarray(torch.cat(parts).numpy())

    def _changed(self, stack: Stack, random: torch.Generator) -> Stack:
        """Move stacks in time, and take frames away; change images as those of single frames are, alike in a stack."""
        frames, minutes, there = _moved(stack, self._in_time.middle, random)
        on, middle = there.device, self._in_time.middle
        if frames.ndim == 4:  # embeddings: one of the views for each stack
            view = torch.randint(frames.shape[2], (len(frames),), generator=random, device=on)
            frames = frames[torch.arange(len(frames), device=on), :, view].float()
        others = torch.rand(there.shape, generator=random, device=on)
        alone, without = torch.rand(2, len(there), generator=random, device=on)
        lost = (others < LOST) | (alone < ALONE)[:, None]
        lost[:, middle] = False
        there = there & ~lost
        there[:, middle] &= (without >= WITHOUT_MIDDLE) | (there.sum(dim=1) == 1)
        if frames.ndim == 5:
            strength, half = self._frames.cameras, -(-len(frames) // 2)
            if strength is not None:
                frames = frames.float()
                others = seen_by_others(frames[:half].flatten(0, 1), random, strength)
                frames[:half] = others.view(frames[:half].shape)
            together = frames.flatten(1, 2)  # the frames of a stack as colours of one
            frames = augment(together, random).view(frames.shape)
        return Stack(frames, minutes * there, there)

    def _to_device(self, inputs: Any) -> Any:
        if not isinstance(inputs, Stacks):
            return super()._to_device(inputs)
        places, minutes = (device.tensor(array).to(self._device) for array in inputs.windows)
        return Held(super()._to_device(inputs.frames), places, minutes)

    def _arrays(self, inputs: Stacks) -> Iterator[NDArray[Any]]:
        yield from (inputs.frames, *inputs.windows)


def _moved(stack: Stack, middle: int, random: torch.Generator) -> Stack:
    """Stacks that are moved by some frames each, to where there is a frame that is near enough.

    As far forwards as backwards: else a label would be learnt as that of a time before it.
    """
    stacks, size = stack.there.shape
    by = torch.arange(size, device=stack.there.device)
    near = stack.there & (stack.minutes.abs() <= SHIFT) & ((by - middle).abs() <= min(middle, size - 1 - middle))
    drawn = torch.where(near, torch.rand(near.shape, generator=random, device=near.device), -1.0).argmax(dim=1)
    places = by + (drawn - middle)[:, None]
    inside, rows = (places >= 0) & (places < size), torch.arange(stacks, device=by.device)[:, None]
    places = places.clamp(0, size - 1)
    there = stack.there[rows, places] & inside
    minutes = stack.minutes[rows, places] - stack.minutes[rows[:, 0], drawn][:, None]
    return Stack(stack.frames[rows, places], minutes * there, there)


def sequence(run: RunSettings, seed: int, classes: int) -> SequenceClassifier:
    """An untrained classifier of stacks, whose network has no weights of use yet. run: with context and frames."""
    if not isinstance(run.model, SequenceNetwork) or run.context is None or run.frames is None:
        raise ValueError(f"{run.name} is no sequence, or it is not said what it sees")
    torch.manual_seed(seed)
    made = architectures.create(run.frames.architecture, classes, run.frames.weights, filled=False)
    last = _last_linear(made)
    if last is None:
        raise TrainingError(f"{run.frames.architecture} has no linear layer whose input could be read in time")
    size = made.get_parameter(f"{last}.weight").shape[1]
    made.set_submodule(last, nn.Identity())
    network = Normalised(made, (3, 1, 1), run.frames.input_size, run.frames.level)
    model = InTime(network, size, run.model.width, run.context.before, classes)
    return SequenceClassifier(model, run.model, run.frames, seed, classes)


def _last_linear(network: nn.Module) -> str | None:
    """The name of the layer that makes scores of embeddings, as `TorchClassifier.predict` finds it, if there is one."""
    names: list[str] = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    return names[-1] if names else None
