"""Classifiers that are trained with cross-entropy and Adam (section 2.3): networks on frames, linear ones on features.

The training frames are held as uint8 on the device, and normalised and augmented there. The paper gives no epochs,
batch size, learning rate, schedule or augmentation; docs/training.md says how ours were chosen.
"""

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn
from tqdm import tqdm

from norrsken import stages
from norrsken.config.models import Linear, Network, SequenceNetwork
from norrsken.errors import NorrskenError
from norrsken.evaluation.calibration import cross_entropy
from norrsken.evaluation.scores import macro_scores
from norrsken.models import architectures, device
from norrsken.models.augmentation import augment
from norrsken.models.checkpoint import Checkpoint, save_tensors
from norrsken.models.interface import Card, Prediction
from norrsken.models.normalised import Normalised, maps_of
from norrsken.models.random_cameras import seen_by_others

log = logging.getLogger(__name__)

#: Inputs in a step of what is computed over all of them.
STEP = 256

#: Seconds of training that a killed run loses at most, beside the epoch it was in: the fewest and the most. In between
#: it is `CHECKPOINT_PAUSES` times as long as a checkpoint takes to write, so that large networks do not wait for it.
CHECKPOINT_SECONDS = (10.0, 60.0)
CHECKPOINT_PAUSES = 50

#: The learning rate rises over this share of the steps, then falls as a cosine.
WARM_UP = 0.2

#: A training has converged when the network knows its training frames: below this mean loss of the last epoch, the
#: probability of the true class is above 3/4 in the geometric mean.
CONVERGED_LOSS = math.log(4 / 3)

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


class TrainingError(NorrskenError):
    """The training cannot go on."""


class Trained:
    """What is trained with cross-entropy. Weights, validation frames, order and augmentation follow from the seed.

    begun: whether it begins with weights that others have trained.
    """

    suffix = ".safetensors"

    def __init__(
        self,
        model: nn.Module,
        settings: Network | Linear | SequenceNetwork,
        seed: int,
        classes: int,
        augmentation: Callable[[Any, torch.Generator], Any],
        begun: bool = False,
    ) -> None:
        self.settings, self.seed, self._classes, self._begun = settings, seed, classes, begun
        self._device = device.prepare(settings.threads)
        self.device = device.name(self._device)
        self._model = model.to(self._device).to(memory_format=torch.channels_last)
        self._augment = augmentation
        self.converged = False

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._model.parameters())

    def fit(
        self,
        inputs: Any,
        labels: NDArray[Any],
        kept_out: NDArray[np.bool_] | None = None,
        checkpoint: Path | None = None,
    ) -> list[dict[str, float]]:
        """Train for the number of epochs in the settings; what is kept out only serves to follow the training."""
        chosen = np.zeros(len(labels), bool) if kept_out is None else kept_out
        # The frames stay where they are: a copy of those to train on would double the memory.
        train, validation = np.flatnonzero(~chosen), np.flatnonzero(chosen)
        if len(train) < 2:
            raise TrainingError(f"{len(train)} training frames; a network needs two at least")
        self._prepare(inputs, train)
        kept = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(inputs, labels, chosen))
        try:
            history = self._epochs(inputs, labels, train, validation, kept)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
                raise TrainingError(self._out_of_memory(str(error))) from None
            raise
        self.converged = history[-1]["train_loss"] - least_loss(labels[train]) < CONVERGED_LOSS
        return history

    def save(self, path: Path, card: Card) -> None:
        save_tensors(path, self._model.state_dict(), card.plain())

    def load(self, path: Path) -> None:
        """Take the weights of a file that `save` has written."""
        self._model.load_state_dict(load_file(path))

    def _epochs(
        self,
        inputs: Any,
        labels: NDArray[Any],
        train: NDArray[np.intp],
        validation: NDArray[np.intp],
        checkpoint: Checkpoint | None,
    ) -> list[dict[str, float]]:
        """Train on the inputs in the rows `train`; follow it on those in the rows `validation`."""
        settings = self.settings
        frames, targets, rows = (self._to_device(array) for array in (inputs, labels, train))
        optimizer = _optimizer(self._model, settings)
        # The batches have equal sizes, so that none is too small for batch normalisation.
        batches = max(len(train) // settings.batch_size, 1)
        history = checkpoint.restore(self._model, optimizer) if checkpoint else []
        (pause, longest), saved = CHECKPOINT_SECONDS, time.monotonic()
        for epoch in range(len(history) + 1, settings.epochs + 1):
            start = time.perf_counter()
            this_epoch = Epoch(epoch, settings.epochs, batches, self.seed, settings.learning_rate)
            loss = train_one_epoch(self._model, frames, targets, optimizer, this_epoch, self._augment, rows)
            seconds = time.perf_counter() - start
            rate = float(optimizer.param_groups[-1]["lr"])  # of the last layer
            row: dict[str, float] = {"epoch": epoch, "learning_rate": rate, "train_loss": loss}
            if len(validation):
                row |= self._validate(inputs, labels, validation)
            row |= {"images_per_second": len(train) / seconds, "seconds": time.perf_counter() - start}
            history.append(row)
            log.info("epoch %d/%d: %s", epoch, settings.epochs, ", ".join(f"{k} {v:.4g}" for k, v in row.items()))
            if checkpoint and epoch < settings.epochs and time.monotonic() - saved > pause:
                began = time.monotonic()
                checkpoint.save(self._model, optimizer, history)
                saved = time.monotonic()
                pause = min(max(pause, CHECKPOINT_PAUSES * (saved - began)), longest)
        return history

    def _prepare(self, inputs: Any, train: NDArray[np.intp]) -> None:
        """Learn from the inputs in the rows `train` what is not learnt by steps."""

    def _arrays(self, inputs: Any) -> Iterable[NDArray[Any]]:
        """The arrays of which the inputs consist."""
        return [inputs]

    def _validate(self, inputs: Any, labels: NDArray[Any], rows: NDArray[np.intp]) -> dict[str, float]:
        said, scores = labels[rows], self._scores(inputs, rows)
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(said)).item()
        codes = said if said.ndim == 1 else said.argmax(axis=1)
        macro = macro_scores(codes, scores.argmax(dim=1).numpy(), self._classes)
        return {"validation_loss": loss, **{f"validation_{name}": score for name, score in macro.items()}}

    def _scores(self, inputs: Any, rows: NDArray[np.intp] | None = None) -> Tensor:
        """Scores before the softmax, on the CPU: (n, classes). rows: of the inputs that are asked for; None: all."""
        return self._forward(inputs, rows)[0]

    @torch.inference_mode()
    def _forward(self, inputs: Any, rows: NDArray[np.intp] | None = None) -> tuple[Tensor, Tensor | None]:
        """Scores before the softmax (n, k), and what enters the last layer (n, m) where that is linear, on the CPU.

        rows: of the inputs that are asked for, of which some at a time are copied; None: all.
        """
        step = device.frames_at_once(self._device)
        parts = (slice(i, i + step) for i in range(0, len(inputs if rows is None else rows), step))
        model = self._model.eval()
        embeddings: list[Tensor] = []
        linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
        hooks = [
            layer.register_forward_pre_hook(lambda _, entering: embeddings.append(entering[0].float().cpu()))
            for layer in linear[-1:]
        ]
        with device.precision(self._device):
            scores = [
                model(self._to_device(inputs[part if rows is None else rows[part]])).float().cpu() for part in parts
            ]
        for hook in hooks:
            hook.remove()
        return torch.cat(scores), torch.cat(embeddings) if embeddings else None

    def _to_device(self, inputs: NDArray[Any]) -> Tensor:
        """Frames (n, h, w, 3) → (n, 3, h, w) in the same order of bytes, which is torch's channels_last."""
        tensor = device.tensor(inputs).to(self._device)
        return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor

    def _fingerprint(self, inputs: Any, labels: NDArray[Any], kept_out: NDArray[np.bool_]) -> str:
        """A digest of all that decides the weights."""
        decides = [self.settings.plain(), self.seed, stages.TRAINING, torch.__version__, self.device]
        text = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
        for array in (labels, kept_out, *self._arrays(inputs)):
            text.update(np.ascontiguousarray(array).data)
        if self._begun:  # a file may have other weights than before
            for tensor in self._model.state_dict().values():
                text.update(tensor.cpu().contiguous().numpy().tobytes())
        return text.hexdigest()

    def _out_of_memory(self, message: str) -> str:
        settings = self.settings
        size = f" or input_size (now {settings.input_size})" if isinstance(settings, Network) else ""
        return (
            f"{self.device}: out of memory; lower batch_size (now {settings.batch_size}){size} of the model, or ask "
            f"for a node with more memory. {message.splitlines()[0]}"
        )


class TorchClassifier(Trained):
    """A network on frames, or a linear classifier on features, behind its normalisation, as a `Classifier`."""

    _model: Normalised

    def __init__(
        self, model: Normalised, settings: Network | Linear, seed: int, classes: int, augmentation: Augmentation
    ) -> None:
        begun = isinstance(settings, Network) and settings.weights != "random"
        super().__init__(model, settings, seed, classes, augmentation, begun)

    @property
    def model(self) -> Normalised:
        """The network with its weights."""
        return self._model

    @property
    def stock_parameters(self) -> int | None:
        settings = self.settings
        if not isinstance(settings, Network):
            return None
        return architectures.stock_parameters(settings.architecture, settings.weights)

    def predict(self, inputs: NDArray[Any], layers: Sequence[str] = ()) -> Prediction:
        """layers: of the network, by torch's names, whose maps are told too; see `Prediction`."""
        with maps_of(self._model, layers) as maps:
            scores, embeddings = self._forward(inputs)
        found = [torch.cat(of_layer) for of_layer in maps]
        return Prediction(
            scores.softmax(dim=1).numpy(),
            None if embeddings is None else embeddings.numpy(),
            torch.cat(found, dim=1).numpy() if found else None,
        )

    def _prepare(self, inputs: NDArray[Any], train: NDArray[np.intp]) -> None:
        """Mean and standard deviation of each colour, or of each feature, over the training frames."""
        if self._begun:  # the weights were trained with those that they have
            return
        if inputs.dtype == np.uint8 and self._model.level is not None:
            mean, std = self._moments(inputs, train)
        elif inputs.dtype == np.uint8:  # computed from histograms, which are exact and small
            counts = np.zeros((3, 256), np.int64)
            for start in range(0, len(train), STEP):
                part = inputs[train[start : start + STEP]]
                counts += [np.bincount(part[..., colour].ravel(), minlength=256) for colour in range(3)]
            weights, values = counts / counts.sum(axis=1, keepdims=True), np.arange(256)
            mean = weights @ values
            std = np.maximum(np.sqrt((weights * (values - mean[:, None]) ** 2).sum(axis=1)), 1.0)
        else:
            features = inputs[train]
            mean, std = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
            std = np.where(std > 0, std, 1.0)
        self._model.normalise_by(mean, std)

    def _moments(self, inputs: NDArray[Any], train: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean and deviation of each colour of the training frames without their dark level."""
        sums = np.zeros((2, 3))
        for start in range(0, len(train), STEP):
            frames = self._model.levelled(self._to_device(inputs[train[start : start + STEP]])).double()
            sums += [part.mean(dim=(2, 3)).sum(dim=0).cpu().numpy() for part in (frames, frames * frames)]
        mean, square = sums / len(train)
        return mean, np.maximum(np.sqrt(square - mean**2), 1.0)


def network(settings: Network, seed: int, classes: int, filled: bool = True) -> TorchClassifier:
    """A network of torchvision or timm on frames. filled: see `architectures.create`."""
    torch.manual_seed(seed)
    made = architectures.create(settings.architecture, classes, settings.weights, filled)
    model = Normalised(made, (3, 1, 1), settings.input_size, settings.level)
    if settings.weights != "random":
        given = timm.data.resolve_model_data_config(made)
        model.normalise_by(*(255 * np.array(given[key]) for key in ("mean", "std")))
    return TorchClassifier(model, settings, seed, classes, augmentation_of(settings))


def augmentation_of(settings: Network) -> Augmentation:
    """What changes the training frames: flips, turns and brightness, and other cameras where the settings say so."""
    strength = settings.cameras
    if strength is None:
        return augment

    def through_cameras(frames: Tensor, random: torch.Generator) -> Tensor:
        # Half of a batch stays as the camera took it, so that it is learnt as well as others; its order is by chance.
        seen, half = frames.float(), -(-len(frames) // 2)
        seen[:half] = seen_by_others(frames[:half], random, strength)
        return augment(seen, random)

    return through_cameras


def linear(settings: Linear, seed: int, classes: int, width: int) -> TorchClassifier:
    """A linear classifier on `width` features."""
    torch.manual_seed(seed)
    model = Normalised(nn.Linear(width, classes), (width,))
    return TorchClassifier(model, settings, seed, classes, lambda features, random: features)


def least_loss(labels: NDArray[Any]) -> float:
    """The mean loss of a network that gives each class the probability of its votes: 0 for codes, (n,)."""
    if labels.ndim == 1:
        return 0.0
    counted = labels.sum(axis=1, keepdims=True)
    shares = np.divide(labels, counted, out=np.zeros_like(labels), where=counted > 0)
    return float(cross_entropy(shares, labels).mean())


def _optimizer(model: nn.Module, settings: Network | Linear | SequenceNetwork) -> torch.optim.Optimizer:
    """Adam over all parameters, or AdamW with the decay and the rates by layer that the settings ask for.

    `lr_scale` of a group is its share of the learning rate; the last group is the last layer's.
    """
    if not isinstance(settings, Network) or settings.optimizer == "adam":
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.optim.Adam(learning, settings.learning_rate, fused=True)
    groups = param_groups_layer_decay(
        model.network, settings.weight_decay, layer_decay=settings.layer_decay or 1.0, no_weight_decay_list=()
    )
    return torch.optim.AdamW(groups, settings.learning_rate, fused=True)


@dataclass(frozen=True)
class Epoch:
    """Which epoch of a training it is: all that decides its learning rates, order and augmentation.

    number: counts from 1. batches: the number of steps in an epoch.
    """

    number: int
    epochs: int
    batches: int
    seed: int
    learning_rate: float

    def rate(self, batch: int) -> float:
        """The learning rate of a step: linear up, then a cosine down to nearly nothing."""
        done = ((self.number - 1) * self.batches + batch + 1) / (self.epochs * self.batches + 1)
        shape = done / WARM_UP if done < WARM_UP else (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) / 2
        return self.learning_rate * shape


def train_one_epoch(
    model: nn.Module,
    frames: Tensor,
    targets: Tensor,
    optimizer: torch.optim.Optimizer,
    epoch: Epoch,
    augmentation: Augmentation,
    rows: Tensor | None = None,
) -> float:
    """Pass over all training frames in a new order; return the mean loss. Raises `TrainingError` if not finite.

    rows: where the training frames stand among `frames`; None: all of them are.
    """
    # Each epoch has its own seed: a training that goes on need not know how many numbers were drawn before it stopped.
    draws = int(np.random.SeedSequence([epoch.seed, epoch.number]).generate_state(1, np.uint64)[0] >> 1)
    torch.manual_seed(draws)  # dropout
    random = torch.Generator(frames.device).manual_seed(draws)
    model.train()
    total = torch.zeros((), device=frames.device)
    count = len(frames) if rows is None else len(rows)
    order = torch.randperm(count, generator=random, device=frames.device)
    if rows is not None:
        order = rows[order]
    bar = tqdm(order.tensor_split(epoch.batches), f"epoch {epoch.number}/{epoch.epochs}", leave=False, disable=None)
    for step, batch in enumerate(bar):
        for group in optimizer.param_groups:
            group["lr"] = epoch.rate(step) * group.get("lr_scale", 1.0)
        with device.precision(frames.device):
            loss = nn.functional.cross_entropy(model(augmentation(frames[batch], random)), targets[batch])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        total += loss.detach() * len(batch)
    mean = total.item() / count
    if not math.isfinite(mean):
        raise TrainingError(
            f"the loss became {mean} in epoch {epoch.number}; lower learning_rate (now {epoch.learning_rate})"
        )
    return mean
