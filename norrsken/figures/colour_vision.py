"""How well readers tell the colours of labels apart, with normal sight and with each kind of colour blindness."""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

#: The kinds of sight, and which anomaly of Machado et al. (2009) simulates each at its full severity.
SIGHTS = {
    "normal sight": None,
    "deuteranopia": "Deuteranomaly",
    "protanopia": "Protanomaly",
    "tritanopia": "Tritanomaly",
}

#: The difference by CIEDE2000 from which two colours count as told apart. It lies between two pairs. Okabe & Ito (2008)
#: chose their colours for colour-blind readers; with the middle grey of our figures the closest two of them, the green
#: and the grey, differ by 9.6. Full red and a green of the same lightness (#FF0000, #009200), which these readers are
#: known to confuse, differ by 9.3. A difference of 1 is just seen where two colours touch, but in a figure they lie
#: apart and are small.
LEAST_DIFFERENCE = 9.5


class ClosePair(NamedTuple):
    """Two labels whose colours are hard to tell apart.

    sight: `normal sight` where everyone has that trouble, otherwise the kind of colour blindness that brings the two
    colours closest together. difference: by CIEDE2000, for readers with that sight.
    """

    first: str
    second: str
    sight: str
    difference: float


def close_pairs(colours: Mapping[str, str]) -> list[ClosePair]:
    """The pairs of labels whose colours differ by less than `LEAST_DIFFERENCE`, the closest first.

    colours: label → `#RRGGBB`. What a colour-blind reader sees is simulated after Machado et al. (2009,
    doi 10.1109/TVCG.2009.113) in linear sRGB; for tritanopia this is an approximation only, as its authors say.
    The differences are by CIEDE2000 (ISO/CIE 11664-6).
    """
    import colour  # It takes a second, and few commands measure colours.
    import numpy as np

    names = list(colours)
    if len(names) < 2:
        return []
    pairs = np.array(list(combinations(range(len(names)), 2)))
    light = colour.cctf_decoding(np.array([colour.notation.HEX_to_RGB(colours[name]) for name in names]), "sRGB")
    seen = {}
    for sight, anomaly in SIGHTS.items():
        # Not by colour.matrix_cvd_Machado2009, which takes this very matrix but warns each time of what is said above.
        matrix = colour.CVD_MATRICES_MACHADO2010[anomaly][1.0] if anomaly else np.eye(3)
        lab = colour.XYZ_to_Lab(colour.sRGB_to_XYZ(np.clip(light @ matrix.T, 0, 1), apply_cctf_decoding=False))
        seen[sight] = colour.delta_E(lab[pairs[:, 0]], lab[pairs[:, 1]], method="CIE 2000")
    found = []
    for k, (i, j) in enumerate(pairs):
        differences = {sight: float(seen[sight][k]) for sight in SIGHTS}
        for_everyone = differences["normal sight"] < LEAST_DIFFERENCE
        sight = "normal sight" if for_everyone else min(differences, key=differences.__getitem__)
        if differences[sight] < LEAST_DIFFERENCE:
            found.append(ClosePair(names[i], names[j], sight, differences[sight]))
    return sorted(found, key=lambda pair: pair.difference)


def colour_warnings(colours: Mapping[str, str]) -> list[str]:
    """A sentence for each of the `close_pairs`; colours: label → `#RRGGBB`."""
    return [
        f"The colours of {pair.first!r} ({colours[pair.first]}) and {pair.second!r} ({colours[pair.second]}) are hard "
        f"to tell apart with {pair.sight}: they differ by {pair.difference:.1f} (CIEDE2000), and at least "
        f"{LEAST_DIFFERENCE:g} is wanted."
        for pair in close_pairs(colours)
    ]
