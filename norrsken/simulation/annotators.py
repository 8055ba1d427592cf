"""Two simulated annotators, who see what the truth measures, but not exactly, and not alike (section 2.2).

The first works in order of time: the eye is led by the last frames, and the habits drift over the years. The second
takes the frames at random, so that each judgement is by itself. They differ most in whether a frame fits a class at
all, as in the paper, where 46 % of the labels disagree, but only 5 % of those that both took to fit a class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken.config.label_set import Simulated
from norrsken.config.releases import Order
from norrsken.curation.labelling import Shown
from norrsken.simulation.textures import wander
from norrsken.simulation.truth import MEASURES, class_weights, forms, named

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Habit:
    """How an annotator works.

    blur: deviation of the logarithm of each measure as the eye takes it. strict: how much more than even odds a class
    must have to be given, in logits. mood, drift: deviation of `strict` from frame to frame, and over the years. cloud:
    the share of light, taken away by clouds, above which a frame is rejected.
    """

    blur: float
    strict: float
    mood: float
    drift: float
    cloud: float


HABITS = (
    Habit(blur=0.16, strict=0.75, mood=2.0, drift=0.5, cloud=0.17),
    Habit(blur=0.18, strict=1.65, mood=2.2, drift=0.0, cloud=0.21),
)

#: How many frames are labelled in an evening, and when the first of these evenings begins.
_SESSION, _EVENING = 600, np.datetime64("2019-11-04T18:00:00")

#: How many frames the eye of somebody who works in order of time remembers.
_MEMORY = 8


def annotate(
    truth: pd.DataFrame, annotator: int, order: Order, seed: int, simulated: Simulated, again: bool = False
) -> NDArray[np.str_]:
    """The labels that an annotator (0, 1, …) gives to the frames of a night, in order of time: (n,).

    order: the order in which they are seen. simulated: what the labels are called. again: whether the frames are seen a
    second time.
    """
    habit = HABITS[annotator % len(HABITS)]
    random = np.random.default_rng([seed, annotator, int(truth["time"].iloc[0].timestamp()), *([1] if again else [])])
    shape = (len(MEASURES) + 2, len(truth))
    noise = random.standard_normal(shape)
    if order == "time":  # the eye remembers
        noise = np.sqrt(0.5) * (noise + wander(random, shape, _MEMORY))
    seen = {
        name: truth[name].to_numpy() * np.exp(habit.blur * deviate)
        for name, deviate in zip(MEASURES, noise, strict=False)
    }
    years = truth["time"].iloc[0].timestamp() / (365.25 * 86400)
    needed = habit.strict + habit.mood * noise[-1] + habit.drift * np.sin(2 * np.pi * years / 3.1 + annotator)
    spoilt = truth["spoilt"].to_numpy() & (noise[-2] > -1.3)
    shown = forms(class_weights(seen), 1 / (1 + np.exp(-needed)))
    return named(shown, seen["cloud"] > habit.cloud, spoilt, simulated)


def record(
    frame_ids: Sequence[str], answers: Sequence[Sequence[str]], shown: Sequence[Shown], annotator: int, seed: int
) -> pd.DataFrame:
    """The table that the labelling page would export: frames in the order in which they were shown, some twice.

    answers: the labels of the frames, those of the first and those of the second time.
    """
    pace, doubt = np.random.default_rng([seed, annotator]).spawn(2)
    seconds = pace.lognormal(np.log(1.8), 0.5, len(shown)).round(2)
    sessions = np.arange(len(shown)) // _SESSION
    times = _EVENING + sessions * np.timedelta64(1, "D") + (1000 * np.cumsum(seconds)).astype("timedelta64[ms]")
    return pd.DataFrame(
        {
            "frame_id": [frame_ids[frame] for frame, _ in shown],
            "label": [answers[repeat][frame] for frame, repeat in shown],
            "order": range(1, len(shown) + 1),
            "session": sessions + 1,
            "seconds": seconds,
            "repeat": [int(repeat) for _, repeat in shown],
            "context": (doubt.random(len(shown)) < 0.04).astype(int),
            "time": [f"{time}Z" for time in times.astype("datetime64[s]")],
        }
    )
