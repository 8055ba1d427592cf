"""What two annotators say of simulated nights of the decade: for data sets that need no archive."""

from dataclasses import asdict
from datetime import date, timedelta

import numpy as np
import pandas as pd

from norrsken.config.config import Config
from norrsken.config.releases import Order
from norrsken.simulation import annotators
from norrsken.simulation.night import Night, Scene, scene
from norrsken.simulation.truth import SPAN, simulated_by, worth_labelling

#: The order in which each annotator sees the frames, and every how manieth minute is offered.
ORDERS: tuple[Order, ...] = ("time", "random")
EVERY = 4


def season(seed: int) -> list[date]:
    """The nights of the decade that are dark, in an order by chance."""
    random = np.random.default_rng(seed)
    days = [date(2010, 1, 1) + timedelta(days=int(day)) for day in random.permutation(3652)]
    return [day for day in days if not (5, 1) < (day.month, day.day) < (8, 15)]


def label_minutes(night: Night, evening: date, config: Config) -> tuple[pd.DataFrame, dict[int, Scene]]:
    """The minutes of a night that somebody would mark, with the labels of both annotators, and what is seen in each.

    The index of the table is the minute, and so are the keys of the scenes, through the configuration's first camera.
    Columns: night, time, spoilt, the shares of `truth.Shares`, and the labels `one` and `two`. It is empty where there
    is nothing to label.
    """
    dark = night.dark(config.filter)
    scenes = {
        minute: scene(night, minute, config.cameras[0])
        for minute in night.minutes()
        if dark[minute] and minute % EVERY == 0
    }
    shown = [{"spoilt": one.spoilt, **asdict(one.shares)} for one in scenes.values()]
    truth = pd.DataFrame(shown, index=list(scenes)).assign(night=evening)
    truth["time"] = [pd.Timestamp(night.time(minute)) for minute in scenes]
    if len(truth):
        truth = truth[worth_labelling(truth, pd.Series(True, truth.index), SPAN // EVERY)]
    if truth.empty:
        return truth, scenes
    simulated = simulated_by(config.label_set(config.release))
    one, two = (annotators.annotate(truth, k, order, night.seed, simulated) for k, order in enumerate(ORDERS))
    return truth.assign(one=one, two=two), scenes
