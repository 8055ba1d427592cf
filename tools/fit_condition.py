"""Fits the model of the sky's condition that comes with norrsken to simulated nights with weather of all kinds.

Usage: python tools/fit_condition.py

Writes `norrsken/classify/condition.json`, with how well it does on nights that it was not fitted to.
"""

from datetime import date, timedelta
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import GroupKFold

from norrsken.classes import CONDITIONS
from norrsken.classify import condition
from norrsken.config.config import Config, load
from norrsken.nights.images import process
from norrsken.simulation import sky
from norrsken.simulation.archive import REJECTING_CLOUD
from norrsken.simulation.night import Night, Scene, scene
from norrsken.simulation.weather import SPOILING

#: Another sky than that of the demo and of `norrsken simulate`, whose seed is 0 unless said.
SEED = 1007

#: Nights, frames of each, and so many more of breakups and of each weather that spoils frames, which are rare.
NIGHTS, FRAMES, MORE = 600, 6, 3

#: What the spoilt ones count in the fit: more than their share, or it would not be worth while to find them.
SPOILT_WEIGHT = 0.5

#: A breakup in kR: a classifier that takes it for glare or moonlight would miss what matters most.
BREAKUP = 20.0

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


def measured(config: Config, night: date) -> pd.DataFrame:
    """What is measured in some frames of a night (`measures`), which is `bad` by rule, and their true conditions.

    Columns besides: night; spoilt, by what; breakup; drawn, whether from all frames.
    """
    cv2.setNumThreads(1)
    whole, camera = Night.of(night, config.site, SEED), config.cameras[0]
    random = np.random.default_rng([SEED, night.toordinal()])
    minutes = np.array(whole.minutes(), np.intp)
    spoilt = {what: minutes[whole.weather.spoilt(what)[minutes]] for what in SPOILING}
    breakup = whole.course.aurora.breakup > BREAKUP
    rare = [minutes[breakup[minutes]], *spoilt.values()]
    chosen = [random.choice(some, min(most, len(some)), replace=False)
              for some, most in ((minutes, FRAMES), *((some, MORE) for some in rare))]  # fmt: skip
    rows = []
    for i, minute in enumerate(np.concatenate(chosen).tolist()):
        shown = scene(whole, minute, camera)
        light = sky.moonlight(whole.heavens, minute) + sky.twilight(float(whole.heavens.sun_altitude[minute]))
        frame = process(shown.photograph(), camera, config.site.up)[None]
        rows.append({
            "night": night,
            "measures": condition.measure(frame)[0],
            "bad": condition.bad(frame)[0],
            "spoilt": next((what for what, some in spoilt.items() if minute in some), ""),
            "breakup": breakup[minute],
            "true": true_condition(shown, light),
            "drawn": i < len(chosen[0]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Simulate, fit, and write the model."""
    config = load(ROOT / "config.yaml")
    dark = [date(2010, 1, 1) + timedelta(days=i) for i in range(3652)]
    dark = [night for night in dark if night.month <= 4 or night.month >= 9]
    chosen = np.random.default_rng(SEED).choice(len(dark), NIGHTS, replace=False)
    frames = pd.concat(joblib.Parallel(n_jobs=-1)(joblib.delayed(measured)(config, dark[i]) for i in chosen))
    measures, true = np.stack(frames["measures"].to_list()), frames["true"].to_numpy(str)
    weights = np.where(~frames["drawn"] & (frames["true"] == "bad"), SPOILT_WEIGHT, 1)

    frames["found"] = "bad"
    for train, test in GroupKFold(5).split(measures, true, frames["night"]):
        model = condition.fit(measures[train], true[train], weights[train])
        seen = test[~frames["bad"].to_numpy(bool)[test]]
        frames.iloc[seen, frames.columns.get_loc("found")] = condition.predict(measures[seen], model)
    drawn = frames[frames["drawn"]]
    found = precision_recall_fscore_support(drawn["true"], drawn["found"], labels=CONDITIONS)
    scores: dict[str, float | int | str | None] = {"nights": frames["night"].nunique(), "frames": len(drawn)}
    for name, precision, recall, _, number in zip(CONDITIONS, *found, strict=True):
        scores |= {
            f"{name}_frames": int(number),
            f"{name}_precision": round(float(precision), 4),
            f"{name}_recall": round(float(recall), 4),
        }
    for what in SPOILING:
        some = frames[frames["spoilt"] == what]
        scores |= {f"{what}_frames": len(some), f"{what}_found": round(float((some["found"] == "bad").mean()), 4)}
    some = frames[frames["breakup"] & (frames["true"] == "clear")]
    scores |= {"breakup_frames": len(some), "breakup_clear": round(float((some["found"] == "clear").mean()), 4)}
    print(scores)
    model = condition.fit(measures, true, weights).model_copy(update={"scores": scores})
    condition.write_condition(model, ROOT / "norrsken/classify/condition.json")


if __name__ == "__main__":
    main()
