"""Figures of the camera."""

import os
from collections.abc import Mapping

from matplotlib.figure import Figure

from norrsken.config.colour import Response
from norrsken.figures.style import save, say, without_frame

#: Auroral lines in nm: what emits them, and about the colour that they have.
LINES = {427.8: (r"N$_2^+$ 1NG", "#4b32c3"), 557.7: ("O($^1$S)", "#3a9d23"), 630.0: ("O($^1$D)", "#c81d11")}


#: Colours of what red, green and blue pixels see, apart also for colour-blind readers by their brightness.
CHANNELS = {"red": "#D55E00", "green": "#009E73", "blue": "#0072B2"}


def draw_response(cameras: Mapping[str, Response], path: str | os.PathLike[str]) -> None:
    """Relative response of each camera at the auroral lines that the configuration gives, as the paper's Figure 1.

    cameras: name → {wavelength in nm: response relative to the highest}, one number or those of red, green and blue.
    What lies between the points is not known.
    """
    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.subplots()
    for marker, (name, response) in zip("os^Dv", cameras.items(), strict=False):
        for wavelength, value in response.items():
            line, colour = LINES.get(wavelength, ("", "#444444"))
            highest = max(value) if isinstance(value, tuple) else value
            axes.vlines(wavelength, 0, highest, color=colour, linewidth=2)
            if isinstance(value, tuple):
                for share, of_channel in zip(value, CHANNELS.values(), strict=True):
                    axes.plot(wavelength, share, marker, color=of_channel, markersize=7)
            else:
                axes.plot(wavelength, value, marker, color=colour, markersize=8)
            text, above = f"{highest:.2f}\n{line} {wavelength:.1f} nm", (wavelength, highest + 0.04)
            axes.text(*above, text, ha="center", fontsize=8)
        axes.plot([], [], marker, color="#444444", label=name)
    if any(isinstance(value, tuple) for response in cameras.values() for value in response.values()):
        for channel, colour in CHANNELS.items():
            axes.plot([], [], "o", color=colour, markersize=5, label=f"{channel} pixels")
    axes.set_xlim(380, 700)
    axes.set_ylim(0, 1.2)
    axes.set_xlabel("wavelength, nm")
    axes.set_ylabel("relative response")
    without_frame(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    if not cameras:
        say(figure, "The configuration does not give the camera's response")
    save(figure, path)
