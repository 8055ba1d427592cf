"""Colour all-sky cameras drawn at random, for archives that many cameras have taken: one for each UTC date.

A camera follows from seed and date alone. Its frame, lens, response, tone and noise are drawn evenly from ranges that
hold the cameras of `examples/cameras/`; the ranges are wide guesses, fitted to no camera. So are its surroundings.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, get_args

import numpy as np
import yaml

from norrsken.config.colour import DEFAULT_TONE, LINES, Response
from norrsken.config.lens import Lens
from norrsken.config.site import Camera, SimulatedCamera, Skyline, TownLight

#: Pixels of the frame's short side, and how much longer the other one is.
SHORT_SIDE, ASPECTS = (440, 1100), (1.0, 1.0, 4 / 3, 3 / 2)

#: The horizon's radius beside half of the short side: a little more than the frame holds, down to a small circle.
HORIZON = (0.75, 1.06)

#: How far the zenith is from the middle of the frame, beside the horizon's radius.
OFF_CENTRE = 0.04

#: Response to a line: of the colour that sees it best, and of the two others beside that.
OWN, CROSSTALK = (0.3, 0.95), (0.02, 0.35)

EXPONENT, GAIN = (1.6, 2.8), (0.5, 2.0)


def random_camera(day: date, seed: int, pattern: str) -> Camera:
    """The camera of a UTC date. pattern: of its file names."""
    random = np.random.default_rng([seed, day.toordinal(), 2])
    surroundings = np.random.default_rng([seed, day.toordinal(), 3])

    def even(limits: tuple[float, float]) -> float:
        return round(float(random.uniform(*limits)), 3)

    short, aspect = int(random.integers(*SHORT_SIDE)), float(random.choice(ASPECTS))
    width, height = round(short * aspect), short
    horizon = round(even(HORIZON) * short / 2, 1)
    middle = ((width - 1) / 2, (height - 1) / 2)
    x, y = (round(at + even((-OFF_CENTRE, OFF_CENTRE)) * horizon, 1) for at in middle)
    lens = Lens(
        zenith=(x, y),
        horizon=horizon,
        alpha=even((0.02, 0.9)),  # from nearly r = f θ to nearly r = f sin θ
        north=even((-180, 180)),
        east="left" if random.random() < 0.5 else "right",
    )
    response: Response = {}
    for line, own in LINES.items():
        best = even(OWN)
        seen = [round(best * even(CROSSTALK), 3) for _ in LINES]
        seen[own] = best
        response[line] = (seen[0], seen[1], seen[2])
    return Camera(
        name=f"drawn at random for {day}",
        valid_from=day,
        width=width,
        height=height,
        lens=lens,
        pattern=pattern,
        response=response,
        tone=DEFAULT_TONE if random.random() < 0.3 else even(EXPONENT),
        simulated=SimulatedCamera(
            noise=even((0.5, 2.5)),
            vignetting=even((0.05, 0.5)),
            background=even((0.3, 3.0)),
            gain=round(float(np.exp(random.uniform(*np.log(GAIN)))), 3),
            quality=int(random.integers(75, 98)),
            skyline=get_args(Skyline)[surroundings.integers(len(get_args(Skyline)))],
            town=get_args(TownLight)[surroundings.integers(len(get_args(TownLight)))],
        ),
    )


def all_keys(camera: Camera) -> dict[str, Any]:
    """A camera's keys and values, with those that its dump leaves out because they shape no real frame."""
    return {
        "name": camera.name,
        **camera.model_dump(mode="json"),
        "response": dict(sorted(camera.response.items())),
        "tone": camera.tone,
        "simulated": camera.simulated.model_dump(),
    }


def cameras_yaml(cameras: Sequence[Camera]) -> str:
    """The entry `cameras` of a configuration, for `snakemake --configfile`: all keys, also those for the simulation."""
    entries = {"cameras": [all_keys(camera) for camera in cameras]}
    text: str = yaml.safe_dump(entries, sort_keys=False, default_flow_style=None, width=120)
    return "# Cameras that norrsken simulate has drawn at random, one for each UTC date.\n" + text


def random_cameras(nights: Iterable[date], seed: int, pattern: str) -> list[Camera]:
    """The cameras of all UTC dates on which these nights may have frames, in order."""
    days = {night + timedelta(days=later) for night in nights for later in (0, 1, 2)}
    return [random_camera(day, seed, pattern) for day in sorted(days)]
