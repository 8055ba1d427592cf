"""How a sample to label is drawn: how many frames of each class, which nights are for the test, and which frames.

Nights and frames have a place in an order that depends on the seed and on their name only. So the draw repeats, and in
an archive that grows no night changes sides and most frames that were drawn are drawn again.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

#: Places in the order are below this number.
_PLACES = 2**64


def places(names: Iterable[str], seed: int) -> NDArray[np.uint64]:
    """The place of each name in the order of a seed: (n,). Different names have different places, but for chance."""
    key = str(seed).encode()
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8, key=key).digest() for name in names)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def nights_by_time(nights: Iterable[date], share: float, seed: int) -> set[date]:
    """The nights that are sampled by time: about this share of them.

    One night at least is, and one is not; a single night is not.
    """
    names = sorted(set(nights))
    place = places([f"night {night}" for night in names], seed)
    order = np.argsort(place, kind="stable")
    number = int((place < np.uint64(min(int(share * _PLACES), _PLACES - 1))).sum())
    number = min(max(number, 1), len(names) - 1)
    return {names[i] for i in order[: max(number, 0)]}


def filled(sizes: Sequence[int] | NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """How many frames each class gives to a sample: (classes,), as equal as the sizes of the classes allow.

    A class with too few frames gives all of them, and the others share what is lacking. Where the rest cannot be shared
    equally, the first classes that have more give one more. All frames are given where there are not enough.
    """
    size = np.asarray(sizes, np.int64)
    given = np.zeros_like(size)
    left = min(total, int(size.sum()))
    while left:
        (more,) = np.nonzero(size > given)
        each = left // len(more)
        if each:
            given[more] += np.minimum(size[more] - given[more], each)
        else:
            given[more[:left]] += 1
        left = min(total, int(size.sum())) - int(given.sum())
    return given


def drawn(place: NDArray[np.uint64], stratum: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which frames are drawn: (n,), of each stratum the first ones in the order.

    place, stratum: of each frame, (n,). number: how many each stratum gives, (strata,).
    """
    order = np.lexsort((place, stratum))
    sizes = np.bincount(stratum, minlength=len(number))
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(place), np.int64)
    rank[order] = np.arange(len(place)) - starts[stratum[order]]
    result: NDArray[np.bool_] = rank < number[stratum]
    return result
