"""The course of a simulated night: when the aurora comes, where its forms stand, and how they follow one another.

A substorm has a growth phase (arcs that drift equatorward), a breakup (brightening, expansion poleward and westward)
and a recovery (broken forms, then drifting and pulsating patches): Akasofu 1964, doi 10.1016/0032-0633(64)90151-5.
"""

from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from norrsken.simulation.display import MINUTES, Aurora, Series, aurora_of
from norrsken.simulation.textures import wander

#: Share of clear nights with aurora over Kiruna by hour of UT, 1985–1994, from the hour that begins at 15 UT. The first
#: and the last value continue it by hand.
OCCURRENCE = (0.20, 0.33, 0.46, 0.50, 0.60, 0.72, 0.78, 0.85, 0.83, 0.81, 0.77, 0.72, 0.71, 0.58, 0.48, 0.45, 0.30)
_OCCURRENCE_HOURS = np.arange(len(OCCURRENCE)) + 14.5
KIRUNA_LONGITUDE = 20.42


@dataclass(frozen=True)
class Course:
    """The course of a night.

    seed: that of its random shapes. activity: (1440,), aurora is seen while it is above 0. onsets: minutes at which
    breakups begin.
    """

    seed: int
    activity: Series
    onsets: NDArray[np.int64]
    aurora: Aurora


def course_of(night: date, noon_hour: float, longitude: float, random: np.random.Generator) -> Course:
    """Draw the course of a night. noon_hour: UT hour of its first minute; longitude: degrees east."""
    hour = noon_hour + np.arange(MINUTES) / 60 + (longitude - KIRUNA_LONGITUDE) / 15  # of UT, if this were Kiruna
    activity = _activity(night, hour, random)
    onsets = _onsets(activity, hour, random)
    seed = int(random.integers(2**31))
    # The forms have random numbers of their own, so that the weather does not depend on how many they take.
    return Course(seed, activity, onsets, aurora_of(activity, hour, onsets, random.spawn(1)[0]))


def _activity(night: date, hour: Series, random: np.random.Generator) -> Series:
    """Above zero there is aurora somewhere in the sky; the share of nights in which it is, by hour, is `OCCURRENCE`.

    It is a normal deviate, in part the same all night, against a threshold by hour. Season (more at the equinoxes,
    Russell & McPherron 1973) and solar cycle (most in the declining phase, 2015) shift it.
    """
    threshold = [NormalDist().inv_cdf(share) for share in OCCURRENCE]
    year = night.year + night.timetuple().tm_yday / 365.25
    season = 0.2 * np.cos(4 * np.pi * (year - 0.22))
    cycle = 0.25 * np.cos(2 * np.pi * (year - 2015.5) / 11)
    deviate = 0.75 * random.standard_normal() + 0.6 * wander(random, MINUTES, 60) + season + cycle
    return np.asarray(np.interp(hour, _OCCURRENCE_HOURS, threshold, left=-1.5, right=-1.5) + deviate)


def _onsets(activity: Series, hour: Series, random: np.random.Generator) -> NDArray[np.int64]:
    """Minutes of breakup, mostly within three hours of magnetic midnight (21.2 UT), at least 100 minutes apart."""
    rate = 0.55 / 60 * np.clip(activity, 0, 1.6) * np.exp(-(((hour - 21.8) / 2.8) ** 2))
    onsets: list[int] = []
    for minute in np.flatnonzero(random.uniform(size=MINUTES) < rate):
        if not onsets or minute - onsets[-1] > 100:
            onsets.append(int(minute))
    return np.array(onsets, np.int64)
