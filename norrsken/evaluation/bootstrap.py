"""The bootstrap over nights or frames: what other nights or frames, drawn with replacement, would have given."""

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000

#: Per cent of the draws that lie below a 95 % interval; as many lie above it.
_TAIL = 2.5


def redrawn(counts: NDArray[np.float64], draws: int = DRAWS) -> NDArray[np.float64]:
    """Sums over as many units as there are, drawn with replacement: (units, …) → (draws, …); equal at each call."""
    units = len(counts)
    times = np.random.default_rng(0).multinomial(units, np.full(units, 1 / units), draws)
    drawn: NDArray[np.float64] = np.tensordot(times.astype(np.float64), counts, 1)
    return drawn


def interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of a value in all draws in which it is defined: (draws,) → low, high; nan where it never is."""
    if np.isnan(drawn).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(drawn, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


#: For fewer nights than these no interval is given, since it would be far too narrow.
MIN_UNITS = 10
