"""The course of a simulated night: when the aurora comes, where its forms stand, and how they follow one another.

A substorm has a growth phase (arcs that drift equatorward), a breakup (brightening, expansion poleward and westward)
and a recovery (broken forms, then drifting and pulsating patches): Akasofu 1964, doi 10.1016/0032-0633(64)90151-5.
"""

from dataclasses import dataclass, fields
from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from norrsken.simulation.textures import wander

Series = NDArray[np.floating[Any]]

#: A night has one value for each minute, from the local noon that opens it.
MINUTES = 1440

#: Share of clear nights with aurora over Kiruna by hour of UT, 1985–1994, from the hour that begins at 15 UT. The first
#: and the last value continue it by hand.
OCCURRENCE = (0.20, 0.33, 0.46, 0.50, 0.60, 0.72, 0.78, 0.85, 0.83, 0.81, 0.77, 0.72, 0.71, 0.58, 0.48, 0.45, 0.30)
_OCCURRENCE_HOURS = np.arange(len(OCCURRENCE)) + 14.5
KIRUNA_LONGITUDE = 20.42

#: How many arcs can stand in the sky at once.
ARCS = 4


@dataclass(frozen=True)
class Aurora:
    """The aurora over the site: of one minute, or of a night's 1,440 minutes on the last axis of each field.

    Lengths are in km to magnetic east and north from the zenith, at 110 km height, brightness in kR of the line 557.7
    nm. arc_…: (4,) or (4, 1440), from the most equatorward arc. folds: displacement of sheets. rays: their contrast.
    breakup_…: the region that the breakup fills. discrete_turn: direction of the pieces, radians. red, purple: light of
    630.0 nm, and of the lower border, as shares of the green.
    """

    arc_north: Series
    arc_width: Series
    arc_brightness: Series
    arc_tilt: Series
    folds: Series
    rays: Series
    breakup: Series
    breakup_west: Series
    breakup_south: Series
    breakup_north: Series
    discrete: Series
    discrete_turn: Series
    patches: Series
    diffuse: Series
    red: Series
    purple: Series

    def at(self, minute: int) -> "Aurora":
        """The aurora of one minute of the night, in float32 as all that is drawn."""
        return Aurora(
            **{field.name: getattr(self, field.name)[..., minute].astype(np.float32) for field in fields(self)}
        )


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
    return Course(int(random.integers(2**31)), activity, onsets, _aurora(activity, hour, onsets, random))


def _activity(night: date, hour: Series, random: np.random.Generator) -> Series:
    """Above zero there is aurora somewhere in the sky; the share of nights in which it is, by hour, is `OCCURRENCE`.

    It is a normal deviate, in part the same all night, against a threshold by hour. Season (more at the equinoxes,
    Russell & McPherron 1973) and solar cycle (most in the declining phase, 2015) shift it.
    """
    threshold = [NormalDist().inv_cdf(share) for share in OCCURRENCE]
    year = night.year + night.timetuple().tm_yday / 365.25
    season = 0.2 * np.cos(4 * np.pi * (year - 0.22))
    cycle = 0.25 * np.cos(2 * np.pi * (year - 2015.5) / 11)
    deviate = 0.75 * random.standard_normal() + 0.6 * _smooth(random, 60) + season + cycle
    return np.asarray(np.interp(hour, _OCCURRENCE_HOURS, threshold, left=-1.5, right=-1.5) + deviate)


def _onsets(activity: Series, hour: Series, random: np.random.Generator) -> NDArray[np.int64]:
    """Minutes of breakup, mostly within three hours of magnetic midnight (21.2 UT), at least 100 minutes apart."""
    rate = 0.55 / 60 * np.clip(activity, 0, 1.6) * np.exp(-(((hour - 21.8) / 2.8) ** 2))
    onsets: list[int] = []
    for minute in np.flatnonzero(random.uniform(size=MINUTES) < rate):
        if not onsets or minute - onsets[-1] > 100:
            onsets.append(int(minute))
    return np.array(onsets, np.int64)


def _aurora(activity: Series, hour: Series, onsets: NDArray[np.int64], random: np.random.Generator) -> Aurora:
    n = len(onsets)
    age = (np.arange(MINUTES) - onsets[:, None]).astype(np.float64)  # (substorms, 1440), minutes since the onset
    strength = (np.exp(0.45 * random.standard_normal(n)) * (0.6 + 0.4 * activity[onsets]))[:, None]
    growth = np.where(age < 0, 1 + age / 70, 1 - age / 12).clip(0, 1).sum(axis=0).clip(0, 1)
    active = (strength * _pulse(age, -1, 3, 14)).sum(axis=0).clip(0, 2)
    recovery = (strength * _pulse(age, 22, 20, random.uniform(60, 130, (n, 1)))).sum(axis=0).clip(0, 1.5)
    morning = 1 / (1 + np.exp(-(hour - 24.3) / 0.8))

    # Arcs, one poleward of the other; the first is the one that breaks up.
    first = 300 - 290 * activity.clip(-0.5, 2) + 45 * _smooth(random, 25) - 90 * growth
    spacing = np.cumsum((70 + 30 * _smooth(random, 90, ARCS - 1)).clip(18), axis=0)
    come_and_go = (1 + 1.1 * _smooth(random, 30, ARCS)).clip(0, 1)
    come_and_go[0] = (1.5 + _smooth(random, 35)).clip(0, 1)
    quiet = (1 - 0.9 * active - 0.7 * recovery).clip(0.03, 1) * (1 - 0.5 * morning)
    present = ((activity + 0.1) / 0.3).clip(0, 1)
    kilorayleigh = np.exp(1.85 + 0.4 * _smooth(random, 45, ARCS)) * (1 + 0.8 * growth)

    # Pieces of sheets, in episodes of their own and after each breakup.
    torn = _episodes(random, 2.2, (8, 35))
    pieces = 9 * torn * activity.clip(0, 1.2) * (1 - 0.5 * morning) + (8 * strength * _pulse(age, 8, 6, 16)).sum(axis=0)
    pieces = pieces / (1 + np.exp((2 - pieces) / 0.4))  # there or not, like the patches

    patchy = (1.2 * recovery + 1.5 * morning * activity.clip(0, 1)) * (0.55 + 0.8 * _smooth(random, 35)).clip(0, 1.2)
    patchy = patchy.clip(0, 1.6) * (1 - 0.8 * torn) / (1 + 0.3 * pieces)
    patchy *= 1 / (1 + np.exp(-(patchy - 0.3) / 0.06))  # patches are there or not: few displays are hardly visible
    bright = (24 * strength * _pulse(age, 0, 3, random.uniform(8, 18, (n, 1)))).sum(axis=0)
    since = np.where(age < -1, 1e3, age).min(axis=0, initial=1e3)  # minutes since the last onset
    storm = max(float(activity.max()) - 1.9, 0)
    soft = _episodes(random, 0.3, (15, 60)) * random.uniform(1.2, 2.5)  # electrons of low energy: red
    hard = _episodes(random, 0.3, (5, 25)) * random.uniform(0.7, 1.6)  # of high energy: purple lower borders
    return Aurora(
        arc_north=np.vstack([first, first + spacing]),
        arc_width=np.exp(1.95 + 0.3 * _smooth(random, 40, ARCS)),
        arc_brightness=present * quiet * come_and_go * kilorayleigh * (1 - 0.7 * patchy.clip(0, 1)),
        arc_tilt=0.08 * _smooth(random, 60, ARCS),
        folds=4 + 6 * np.abs(_smooth(random, 25)) + 38 * active + 6 * torn,
        rays=(0.25 + 0.3 * _smooth(random, 20) + 0.15 * active + 0.7 * soft + 0.4 * hard).clip(0, 1.2),
        breakup=bright / (1 + np.exp(8 - bright)),  # it falls apart rather than fades
        breakup_west=random.uniform(0, 250) - 28 * since.clip(0, 40),
        breakup_south=first - 60,
        breakup_north=first + 30 + 18 * since.clip(0, 25),
        discrete=pieces,
        discrete_turn=np.pi / 2 + 0.5 * _smooth(random, 30),  # streamers run north-south more often than not
        patches=1.8 * patchy * np.exp(0.3 * _smooth(random, 15)),
        diffuse=0.5 * activity.clip(0, 1.5) * (0.25 + patchy) * np.exp(0.4 * _smooth(random, 40)),
        red=0.08 + soft + 0.25 * storm * np.exp(0.4 * _smooth(random, 40)),
        purple=0.04 + hard + 0.08 * active,
    )


def _smooth(random: np.random.Generator, minutes: float, rows: int | None = None) -> Any:
    """Random noise that changes over so many minutes: (1440,), or (rows, 1440)."""
    return wander(random, MINUTES if rows is None else (rows, MINUTES), minutes)


def _episodes(random: np.random.Generator, nightly: float, minutes: tuple[float, float]) -> Series:
    """Episodes, `nightly` of them on average, each with a length between the two of `minutes`: (1440,), 0…1."""
    series = np.zeros(MINUTES)
    for _ in range(random.poisson(nightly)):
        age = np.arange(MINUTES) - random.uniform(300, 1150)
        series = np.maximum(series, _pulse(age, 0, 4, random.uniform(*minutes)))
    return series


def _pulse(age: Series, delay: float, rise: float, length: Series | float) -> Series:
    """A pulse, 0…1: it rises over `rise` minutes after `delay`, lasts for `length`, then falls off."""
    t = ((age - delay) / rise).clip(0, 1)
    fall = np.exp(-(age - delay - rise - length).clip(0) / (0.35 * length + 3))
    return np.asarray(t * t * (3 - 2 * t) * fall)
