"""How like real frames simulated ones are, class by class, in what can be measured of a processed frame.

Usage: python benchmarks/likeness.py PAPER FOLDER …

PAPER is the folder of `benchmarks/paper_size.py`, whose clean frames are compared; each FOLDER holds a real camera's
configuration, labelled frames and their table, as for `benchmarks/real_sky.py`. All frames are on the reference grid,
whose cells are 0.7° wide. Measured of each frame's luminance, in grey levels above its dark level, which 5 % of its
cells lie below:

- power at four scales: the deviation of what differs between two Gaussian blurs, of 1–2, 2–4, 4–8 and 8–16 cells;
- brightness: the 50th and the 95th percentile;
- lit: the share of the cells that are more than 20 levels above the dark level;
- east–west: of the structure, by its gradients' energy, the share that lies within 30° of east–west; a third of what
  has no direction does.

Prints a row for each class and set of frames in Markdown: medians, and in brackets the 10th and 90th percentile. Gain
and noise are the cameras' own, so absolute levels of two cameras need not agree where the sky is the same.
"""

import itertools
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from real_sky import read_folder

from norrsken import tables
from norrsken.paper import CLASSES

#: Standard deviations of the blurs, in cells, between which the power is measured.
SCALES = (1, 2, 4, 8, 16)

#: Share of the cells below the dark level, and levels above it from which a cell is lit.
DARK, LIT = 5, 20

#: Degrees from east–west, and the blur in cells before gradients are taken, so that noise has no say.
NEAR, SMOOTH = 30.0, 1.5


def measures(image: NDArray[np.uint8]) -> dict[str, float]:
    """What is measured of a processed frame, (128, 128, 3) uint8."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey -= np.percentile(grey, DARK)
    blurred = [cv2.GaussianBlur(grey, (0, 0), scale, borderType=cv2.BORDER_REFLECT) for scale in SCALES]
    found = {
        f"{fine}–{coarse} cells": float((sharp - soft).std())
        for (fine, sharp), (coarse, soft) in itertools.pairwise(zip(SCALES, blurred, strict=True))
    }
    found |= {f"{share} %": float(np.percentile(grey, share)) for share in (50, 95)}
    found["lit"] = float((grey > LIT).mean())
    smooth = cv2.GaussianBlur(grey, (0, 0), SMOOTH)
    right, down = (cv2.Sobel(smooth, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    along = np.abs(np.degrees(np.arctan2(right, down)))  # 0 and 180 where what is seen lies along a row
    energy = right**2 + down**2
    found["east–west"] = float(energy[np.minimum(along, 180 - along) < NEAR].sum() / max(energy.sum(), 1e-9))
    return found


def cell(values: NDArray[np.float64]) -> str:
    low, middle, high = np.percentile(values, [10, 50, 90])
    digits = 2 if high < 2 else 1 if high < 20 else 0
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit("usage: python benchmarks/likeness.py PAPER FOLDER …")
    table = pq.read_table(Path(sys.argv[1]) / "dataset.parquet", columns=["image", "label"])
    sets = {"simulated": (np.array(table["label"].to_pylist()), tables.images(table["image"]))}
    for folder in sys.argv[2:]:
        observatory, rows, images = read_folder(Path(folder))
        sets[observatory.site.name] = (rows["label"].to_numpy(str), images)
    heads: list[str] = []
    for name in CLASSES:
        for title, (labels, images) in sets.items():
            found = [measures(image) for image in images[labels == name]]
            if not found:
                continue
            if not heads:
                heads = [*found[0]]
                print(f"| class | frames | {' | '.join(heads)} |\n" + "|---" * (len(heads) + 2) + "|")
            cells = (cell(np.array([one[head] for one in found])) for head in heads)
            print(f"| {name} | {title}, {len(found)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
