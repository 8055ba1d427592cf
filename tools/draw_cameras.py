"""Draws the picture of docs/cameras.md, an evening through several lenses. Usage: python tools/draw_cameras.py."""

from datetime import date
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from norrsken.config.config import load
from norrsken.config.observatory import load_observatory
from norrsken.nights.images import crop_outline, process
from norrsken.simulation.night import Night, scene

ROOT = Path(__file__).parent.parent
SITE = load(ROOT / "config.yaml").site

#: The files of examples/cameras, with what stands above the column.
CAMERAS = {
    "kiruna-nikon": "Kiruna, Nikon\n720 × 479",
    "longyearbyen-nipr": "Longyearbyen, NIPR\n720 × 480",
    "kho-sony": "KHO, Sony\n2832 × 2832",
    "auroramax": "AuroraMAX film\n744 × 744",
}

#: A night of the simulation with aurora of several forms in a clear evening, and the minutes shown, UTC.
NIGHT, SHOWN = date(2016, 1, 10), ("17:04", "21:27")

#: Shorter side of the archived frames in the picture, pixels.
SIDE = 480


def main() -> None:
    """Draw it."""
    night = Night.of(NIGHT, SITE, seed=0)
    minutes = [minute for minute in night.minutes() if f"{night.time(minute):%H:%M}" in SHOWN]
    figure = Figure(figsize=(10, 5.1 * len(minutes)), layout="constrained")
    axes = figure.subplots(2 * len(minutes), len(CAMERAS), squeeze=False)
    for column, (name, title) in enumerate(CAMERAS.items()):
        camera = load_observatory(ROOT / f"examples/cameras/{name}.yaml").cameras[0]
        for row, minute in enumerate(minutes):
            frame = scene(night, minute, camera).photograph()
            small, scale = smaller(frame)
            top, below = axes[2 * row, column], axes[2 * row + 1, column]
            top.imshow(small)
            outline = crop_outline(camera, SITE.up) * scale
            top.plot(*np.vstack([outline, outline[:1]]).T, color="#E69F00", linewidth=1)
            below.imshow(process(frame, camera, SITE.up), interpolation="nearest")
            if row == 0:
                top.set_title(title, fontsize=9)
            if column == 0:
                top.set_ylabel(f"{night.time(minute):%H:%M} UTC, as archived", fontsize=9)
                below.set_ylabel("processed, north up", fontsize=9)
    for one in axes.ravel():
        one.set_xticks([])
        one.set_yticks([])
        one.spines[:].set_visible(False)
    figure.savefig(ROOT / "docs/images/cameras.png", dpi=100)


def smaller(frame: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """A frame whose shorter side has `SIDE` pixels at most, and how much smaller it is."""
    scale = min(SIDE / min(frame.shape[:2]), 1.0)
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8), scale


if __name__ == "__main__":
    main()
