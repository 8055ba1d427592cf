"""Checkpoints, from which stopped trainings go on: weights, state of Adam and history after an epoch, in one file.

The format is safetensors. Nothing else need be kept: learning rate, order and augmentation of an epoch follow from the
seed and the epoch's number.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from norrsken.errors import NorrskenError
from norrsken.files import to_json, written_aside

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of a training, in the file `path`.

    fingerprint: a digest of settings, seed, data and versions; a file with another fingerprint is of no use.
    """

    path: Path
    fingerprint: str

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, float]]) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        for i, parameter in enumerate(model.parameters()):
            tensors |= {f"adam.{i}.{name}": tensor for name, tensor in optimizer.state[parameter].items()}
        save_tensors(self.path, tensors, {"fingerprint": self.fingerprint, "history": history})

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
        """Bring model and optimizer to the state of the file; return its history, empty where it is of no use."""
        try:
            with safe_open(self.path, "pt") as file:
                metadata = json.loads(file.metadata()["norrsken"])
                if metadata["fingerprint"] != self.fingerprint:
                    log.info("%s is of another run: the training begins anew", self.path)
                    return []
            tensors = load_file(self.path)
        except FileNotFoundError:
            return []
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            log.warning("%s cannot be read (%s): the training begins anew", self.path, error)
            return []
        model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()})
        for i, parameter in enumerate(model.parameters()):
            start = f"adam.{i}."
            state = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
            optimizer.state[parameter] = {name: _like(parameter, tensor) for name, tensor in state.items()}
        history: list[dict[str, float]] = metadata["history"]
        log.info("%s: the training goes on after epoch %d", self.path, len(history))
        return history


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and what the file says of them; raises `NorrskenError` where it cannot, such as on a full disk."""
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    size = sum(tensor.nbytes for tensor in plain.values())
    try:
        with written_aside(path) as temporary:
            # There is one key: safetensors writes several in any order, and the same weights shall give the same file.
            save_file(plain, temporary, {"norrsken": to_json(metadata)})
    except (OSError, SafetensorError) as error:
        raise NorrskenError(f"{path}: {size / 1e6:,.0f} MB cannot be written: {error}") from None


def _like(parameter: Tensor, saved: Tensor) -> Tensor:
    """A saved state of Adam on the parameter's device, in its order of memory, which Adam relies on."""
    if saved.shape != parameter.shape:  # it is the number of steps
        return saved.to(parameter.device)
    return torch.empty_like(parameter, requires_grad=False).copy_(saved)
