"""Fits the model of the sky's condition that comes with norrsken to simulated nights with weather of all kinds.

Usage: python docs/sky_condition.py

Writes `norrsken/catalogue/condition.json`, with how well it does on nights that it was not fitted to.
"""

from datetime import date, timedelta
from pathlib import Path

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import GroupKFold

from norrsken.catalogue import condition
from norrsken.classes import CONDITIONS
from norrsken.config import Config, load
from norrsken.images import process
from norrsken.simulation import sky
from norrsken.simulation.archive import REJECTING_CLOUD
from norrsken.simulation.night import Night, Scene, scene

#: Another sky than that of the demo and of `norrsken simulate`, whose seed is 0 unless said.
SEED = 1007

#: Nights, and frames of each.
NIGHTS, FRAMES = 600, 6

#: Moonlight and twilight at the zenith, in the simulation's units, of some three times the dark sky's own light.
BRIGHT = 0.02

ROOT = Path(__file__).parent.parent


def true_condition(shown: Scene, light: float) -> str:
    """light: of Moon and twilight at the zenith."""
    if shown.spoilt:
        return "bad"
    if shown.shares.cloud > REJECTING_CLOUD:
        return "cloudy"
    return "bright" if light > BRIGHT else "clear"


def measured(config: Config, night: date) -> tuple[condition.Features, list[str]]:
    """What is measured in some frames of a night, and their true conditions."""
    cv2.setNumThreads(1)
    whole, camera = Night.of(night, config.site, SEED), config.cameras[0]
    random = np.random.default_rng([SEED, night.toordinal()])
    minutes = whole.minutes()
    frames: list[NDArray[np.uint8]] = []
    found = []
    for minute in random.choice(minutes, min(FRAMES, len(minutes)), replace=False).tolist():
        shown = scene(whole, minute, camera)
        light = sky.moonlight(whole.heavens, minute) + sky.twilight(float(whole.heavens.sun_altitude[minute]))
        frames.append(process(shown.photograph(), camera))
        found.append(true_condition(shown, light))
    return condition.measure(np.array(frames)), found


def main() -> None:
    """Simulate, fit, and write the model."""
    config = load(ROOT / "config.yaml")
    dark = [date(2010, 1, 1) + timedelta(days=i) for i in range(3652)]
    dark = [night for night in dark if night.month <= 4 or night.month >= 9]
    chosen = np.random.default_rng(SEED).choice(len(dark), NIGHTS, replace=False)
    parts = joblib.Parallel(n_jobs=-1)(joblib.delayed(measured)(config, dark[i]) for i in chosen)
    parts = [part for part in parts if part[1]]
    features = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    nights = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])

    predicted = np.empty_like(labels)
    for train, test in GroupKFold(5).split(features, labels, nights):
        predicted[test] = condition.predict(features[test], condition.fit(features[train], labels[train]))
    found = precision_recall_fscore_support(labels, predicted, labels=CONDITIONS)
    scores: dict[str, float | int | str | None] = {"nights": len(parts), "frames": len(labels)}
    for name, precision, recall, _, frames in zip(CONDITIONS, *found, strict=True):
        scores |= {
            f"{name}_frames": int(frames),
            f"{name}_precision": round(precision, 4),
            f"{name}_recall": round(recall, 4),
        }
    print(scores)
    model = condition.fit(features, labels).model_copy(update={"scores": scores})
    condition.write_condition(model, ROOT / "norrsken/catalogue/condition.json")


if __name__ == "__main__":
    main()
