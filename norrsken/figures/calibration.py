"""Figure of a camera's lens over one of its frames: where the stars are, and where the lens puts them."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from norrsken.cameras.calibrate import Matched, off
from norrsken.config.lens import Lens
from norrsken.figures.style import LINES
from norrsken.files import written_aside

#: Zenith angles of the circles, degrees.
_CIRCLES = (30, 60, 90)

_FOUND, _PREDICTED = "#E69F00", "#56B4E9"


def draw_calibration(frame: NDArray[np.uint8], lens: Lens, stars: Matched, path: str | os.PathLike[str]) -> None:
    """The frame with circles on the stars that were found in it and crosses where the lens puts them.

    frame: (h, w, 3) uint8 RGB. stars: those of this frame alone, as `Calibration.matched.of(number)` gives them. The
    frame is made brighter, so that the stars are seen.
    """
    height, width = frame.shape[:2]
    figure = Figure(figsize=(7, 7 * height / width + 0.5), layout="constrained")
    axes = figure.subplots()
    highest = max(float(np.percentile(frame, 99)), 1.0)
    axes.imshow(np.clip(frame / highest, 0, 1) ** 0.7)
    _draw_grid(axes, lens)
    axes.scatter(stars.x, stars.y, s=40, facecolors="none", edgecolors=_FOUND, linewidths=0.8, label="star found")
    axes.scatter(
        stars.predicted_x,
        stars.predicted_y,
        s=14,
        marker="x",
        c=_PREDICTED,
        linewidths=0.6,
        label="where the lens puts it",
    )
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_axis_off()
    axes.legend(loc="lower left", fontsize=7, framealpha=0.7)
    axes.set_title(_title(lens, stars), fontsize=10, color=LINES[0])
    with written_aside(path) as temporary:
        figure.savefig(temporary, dpi=150, format=Path(path).suffix.removeprefix(".") or "png")


def _title(lens: Lens, stars: Matched) -> str:
    if not len(stars.x):
        return "No star was matched in this frame"
    residual = float(np.sqrt(np.mean(off(lens, stars) ** 2)))
    return f"{len(stars.x)} stars lie {residual:.2f}° (root mean square) from where the lens puts them"


def _draw_grid(axes: Axes, lens: Lens) -> None:
    """Circles of equal zenith angle, with their names, and the quarters of the sky at the horizon."""
    around = np.radians(np.arange(0, 361, 2.0))
    line: dict[str, Any] = {"color": "white", "linewidth": 0.6, "alpha": 0.7}
    for angle in _CIRCLES:
        axes.plot(*lens.pixel(np.full_like(around, np.radians(angle)), around, np), **line)
        x, y = lens.pixel(np.radians(angle - 1), np.radians(45), np)
        axes.text(x, y, f"{angle}°", color="white", fontsize=7, ha="center", va="center", clip_on=True)
    for quarter, name in enumerate("NESW"):
        azimuth = quarter * np.pi / 2
        # Just inside the horizon, so that the letter is in the picture where the circle fills it.
        x, y = lens.pixel(np.radians(84), azimuth, np)
        axes.text(x, y, name, color="white", fontsize=13, fontweight="bold", ha="center", va="center", clip_on=True)
        ends = [lens.pixel(np.radians(angle), azimuth, np) for angle in (87, 90)]
        axes.plot(*zip(*ends, strict=True), color="white", linewidth=1.5)
