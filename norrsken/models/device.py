"""Where torch computes, and how it is made to compute the same again."""

import ctypes
import os
import warnings
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

#: glibc's numbers of the settings that `keep_memory` gives to its allocator, and their values: from how many free bytes
#: on it returns memory to the system, from how many on a block has pages of its own, and how many pools there are.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = (-1, 2**31 - 1), (-3, 2**30), (-8, 1)


def prepare(threads: int) -> torch.device:
    """The GPU where there is one, else the CPU with so many threads; torch is set to repeat its results on both."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats its results only with this
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else torch fills all new memory, to show who reads it too early: that takes 6 % of a small network's training.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a module's property
    torch.set_num_threads(threads)
    keep_memory()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def keep_memory() -> None:
    """Let this process use again the memory that it has freed.

    A layer's output is large, so glibc gives it pages of its own and returns them when it is freed. The system then has
    to fill the pages of the next layer with zeros: that is 10 to 30 % of the work of a network's forward pass. One pool
    for all threads holds less than one for each. Other C libraries do not have these settings.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, value in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX):
            set_option(option, value)


def name(device: torch.device) -> str:
    """The name of a device, for the record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def frames_at_once(device: torch.device) -> int:
    """Frames that a network sees in a step of prediction: a GPU is filled by many, a CPU's caches by few."""
    return 256 if device.type == "cuda" else 32


def tensor(array: NDArray[Any]) -> Tensor:
    """A tensor that shares the memory of an array, which may be read-only; nobody may write into the tensor then."""
    with warnings.catch_warnings():
        # A copy would end the warning too, but the frames of a data set fill the memory once already.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)


def precision(device: torch.device) -> torch.autocast:
    """Mixed precision where it pays: bfloat16 on GPUs that have it, float32 elsewhere.

    bfloat16 has the range of float32, so that no loss need be scaled.
    """
    pays = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=pays)
