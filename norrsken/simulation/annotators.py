"""Two simulated annotators, who see what the truth measures, but not exactly, and not alike (section 2.2).

The first works in order of time: his eye follows the last frames, and his habits drift over the years. The second
takes the frames at random: each judgement is by itself. What they differ in most is whether a frame fits a class at
all, as in the paper, where 46 % of the labels disagree, but only 5 % of those that both took to fit a class.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken.simulation.textures import wander
from norrsken.simulation.truth import MEASURES, class_weights, labels

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Habit:
    """How an annotator works.

    in_order: by time, or at random. blur: deviation of the logarithm of each measure as the eye takes it. strict: how
    much more than even odds a class must have to be given, in logits. mood: deviation of that from frame to frame, and
    drift: over the years. cloud: the cloud that makes him reject a frame.
    """

    in_order: bool
    blur: float
    strict: float
    mood: float
    drift: float
    cloud: float


HABITS = (
    Habit(in_order=True, blur=0.16, strict=0.75, mood=2.0, drift=0.5, cloud=0.17),
    Habit(in_order=False, blur=0.18, strict=1.65, mood=2.2, drift=0.0, cloud=0.21),
)

#: Frames over which the eye of somebody who works in order of time remembers.
_MEMORY = 8


def annotate(truth: pd.DataFrame, annotator: int, seed: int) -> NDArray[np.str_]:
    """The labels that an annotator (0, 1, …) gives to the frames of a night, in order of time: (n,)."""
    habit = HABITS[annotator % len(HABITS)]
    random = np.random.default_rng([seed, annotator, int(truth["time"].iloc[0].timestamp())])
    shape = (len(MEASURES) + 2, len(truth))
    noise = random.standard_normal(shape)
    if habit.in_order:  # the eye remembers
        noise = np.sqrt(0.5) * (noise + wander(random, shape, _MEMORY))
    seen = {
        name: truth[name].to_numpy() * np.exp(habit.blur * deviate)
        for name, deviate in zip(MEASURES, noise, strict=False)
    }
    years = truth["time"].iloc[0].timestamp() / (365.25 * 86400)
    needed = habit.strict + habit.mood * noise[-1] + habit.drift * np.sin(2 * np.pi * years / 3.1 + annotator)
    rejected = (seen["cloud"] > habit.cloud) | (truth["spoilt"].to_numpy() & (noise[-2] > -1.3))
    return labels(class_weights(seen), rejected, 1 / (1 + np.exp(-needed)))


def order(frames: int, annotator: int, seed: int) -> NDArray[np.int64]:
    """The order in which an annotator goes through so many frames."""
    if HABITS[annotator % len(HABITS)].in_order:
        return np.arange(frames)
    return np.random.default_rng([seed, annotator]).permutation(frames)
