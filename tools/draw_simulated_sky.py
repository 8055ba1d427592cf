"""Draws the pictures of docs/simulated-sky.md. Usage: python tools/draw_simulated_sky.py."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from norrsken.config.config import load
from norrsken.figures.frames import draw_samples
from norrsken.nights.images import process, upright
from norrsken.paper import CLASSES
from norrsken.simulation.lens import lens_of
from norrsken.simulation.night import Night, scene
from norrsken.simulation.truth import class_weights

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs/images"
CONFIG = load(ROOT / "config.yaml")
CAMERA, UP = CONFIG.cameras[0], CONFIG.site.up

#: The same camera with the lens that it has for the simulation, by which its frames are turned north up.
LENS_CAMERA = CAMERA.model_copy(update={"lens": lens_of(CAMERA, UP).projection})


def nights() -> Iterator[Night]:
    """Nights of seed 0 in an order of their own."""
    for day in np.random.default_rng(1).permutation(3652).tolist():
        night = date(2010, 1, 1) + timedelta(days=day)
        if not (5, 1) < (night.month, night.day) < (8, 15):
            yield Night.of(night, CONFIG.site, 0)


def classes(each: int) -> dict[str, list[NDArray[np.uint8]]]:
    """Frames in which hardly anything but one class is to be seen, of as many nights."""
    found: dict[str, list[NDArray[np.uint8]]] = defaultdict(list)
    for night in nights():
        clear = dark(night) & (night.weather.cover < 0.1) & (night.weather.haze < 0.2) & (night.course.activity > -0.2)
        seen = set()
        for minute in np.flatnonzero(clear).tolist()[::15]:
            shown = scene(night, minute, CAMERA)
            weights = class_weights({name: np.array([value]) for name, value in asdict(shown.shares).items()})[0]
            name = CLASSES[int(weights.argmax())]
            if weights.max() > 0.85 and shown.shares.cloud < 0.2 and len(found[name]) < each and name not in seen:
                found[name].append(process(shown.photograph(), CAMERA, UP))
                seen.add(name)
        if all(len(found[name]) == each for name in CLASSES):
            return {name: found[name] for name in CLASSES}
    raise RuntimeError("the decade has too few clear frames of some class")


#: What to look for in a night: (name, minutes in which it is).
WEATHER: list[tuple[str, Callable[[Night], NDArray[np.bool_]]]] = [
    ("clear", lambda n: dark(n) & (n.weather.cover < 0.03) & (n.weather.haze < 0.03) & (n.course.activity < -0.3)),
    ("aurora and thin cloud", lambda n: dark(n) & between(n.weather.cover, 0.2, 0.35) & (n.course.activity > 0.6)),
    ("an aircraft", lambda n: dark(n) & (n.weather.cover < 0.03) & flown_over(n)),
    ("haze over aurora", lambda n: dark(n) & (n.weather.haze > 0.3) & (n.weather.cover < 0.05) & lively(n)),
    ("thin, high cloud", lambda n: dark(n) & between(n.weather.cover, 0.4, 0.6) & (n.weather.cirrus > 0.8) & lively(n)),
    ("broken cloud", lambda n: dark(n) & between(n.weather.cover, 0.45, 0.55) & (n.weather.cirrus < 0.3)),
    (
        "overcast, lit by the town",
        lambda n: dark(n) & (n.weather.cover > 0.97) & (n.weather.cirrus < 0.3) & (n.weather.thickness > 2),
    ),
    ("clear, Moon", lambda n: moonlit(n) & (n.weather.cover < 0.03)),
    ("cloud, Moon", lambda n: moonlit(n) & between(n.weather.cover, 0.4, 0.6)),
    ("twilight", lambda n: between(n.heavens.sun_altitude, -13.5, -12.5) & (n.weather.cover < 0.1)),
    ("laser", lambda n: dark(n) & (n.weather.laser > 0) & (n.weather.cover < 0.3)),
    ("snow on the dome", lambda n: dark(n) & (n.weather.snow > 0.45) & lively(n) & np.bool_(not n.weather.frost)),
    ("frost on the dome", lambda n: dark(n) & (n.weather.snow > 0.3) & lively(n) & np.bool_(n.weather.frost)),
    ("light pillars", lambda n: dark(n) & (n.weather.pillars > 0.8) & (n.weather.cover < 0.1)),
    ("a car's headlight", lambda n: dark(n) & (n.weather.headlight > 0) & (n.weather.cover < 0.3)),
]


def between(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    """Where values lie between two."""
    return np.asarray((values > low) & (values < high))


def dark(night: Night) -> NDArray[np.bool_]:
    """Minutes without Sun and Moon in which the camera works."""
    quiet = (night.weather.black == 0) & (night.weather.outage == 0)
    return np.asarray(quiet & (night.heavens.sun_altitude < -18) & (night.heavens.moon_altitude < 0))


def lively(night: Night) -> NDArray[np.bool_]:
    """Minutes with aurora."""
    return np.asarray(night.course.activity > 0.5)


def flown_over(night: Night) -> NDArray[np.bool_]:
    """Minutes in which an aircraft is near."""
    seconds = 60 * np.arange(len(night.weather.cover))
    away = [np.abs(seconds - one.closest) for one in night.traffic.aircraft if abs(one.aside) < 12]
    return np.min(away, axis=0, initial=np.inf) < 30 if away else np.zeros(len(seconds), np.bool_)


def moonlit(night: Night) -> NDArray[np.bool_]:
    """Minutes of a bright Moon high in a sky without aurora."""
    bright = (night.heavens.moon_altitude > 20) & (night.heavens.moon_phase > 0.7)
    return np.asarray(bright & (night.heavens.sun_altitude < -18) & (night.course.activity < 0.2))


def weather() -> NDArray[np.uint8]:
    """The whole circle in all conditions, five a row, turned north up."""
    pictures: dict[str, NDArray[np.uint8]] = {}
    for night in nights():
        for name, where in WEATHER:
            minutes = np.flatnonzero(where(night))
            if name not in pictures and len(minutes):
                image = upright(scene(night, int(minutes[len(minutes) // 2]), CAMERA).photograph(), LENS_CAMERA, UP)
                picture = cv2.resize(image, (320, 320), interpolation=cv2.INTER_AREA)
                cv2.putText(picture, name, (6, 314), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230, 230, 230), 1, cv2.LINE_AA)
                pictures[name] = np.asarray(picture, np.uint8)
                break
        if len(pictures) == len(WEATHER):
            break
    tiles = [pictures[name] for name, _ in WEATHER]
    return np.vstack([np.hstack(tiles[i : i + 5]) for i in range(0, len(tiles), 5)])


def main() -> None:
    """Draw both pictures."""
    cv2.imwrite(str(IMAGES / "weather.jpg"), weather()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    draw_samples(classes(6), CONFIG.label_set(CONFIG.release), IMAGES / "classes.png")
    (IMAGES / "classes.pdf").unlink()  # for papers, not for pages


if __name__ == "__main__":
    main()
