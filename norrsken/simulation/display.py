"""What shines in the course of a night: strength, place and shape of each form of the aurora, minute by minute.

Sizes and speeds are those of the papers named where they are used. How often a form comes, how long it stays and how
bright it is, is invented, and chosen so that the classes come about as often as in Kvammen et al. 2020.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from norrsken.simulation.textures import wander

Series = NDArray[np.floating[Any]]

#: A night has one value for each minute, from the local noon that opens it.
MINUTES = 1440

#: How many arcs, streamers, and bands of a breakup can stand in the sky at once.
ARCS, STREAMERS, BANDS = 4, 3, 3

#: A breakup's shape is settled so many minutes before its onset, while nothing of it is seen.
_AHEAD = 20

#: Kinds of breakup, and how often each comes: curtains all over the sky, bands with dark sky between, a surge.
_KINDS, _CHANCES = ("curtains", "bands", "surge"), (0.12, 0.44, 0.44)


@dataclass(frozen=True)
class Aurora:
    """The aurora over the site: of one minute, or of a night's 1,440 minutes on the last axis of each field.

    Lengths are in km to magnetic east and north from the zenith, at 110 km height, brightness in kR of the line 557.7
    nm, directions in radians counterclockwise from east. Fields of several rows are (rows, 1440).

    - arc_…: (4, …), from the most equatorward arc. arc_torn: how deeply it is broken along its length, 0…1.
    - beads, bead_length: contrast and wavelength of beads along the first arc.
    - band, band_…: a single sheet at any angle; offset: its distance from the zenith.
    - sway, folds, curls: displacement of sheets, at scales of some 300 km, 100 km and 10 km. rays: contrast of their
      fine structure.
    - breakup_…: the region that the breakup fills, which lies askew by breakup_turn. banded: how much of its light is
      in bands (3, …), at these shares of its width, instead of in curtains; edge: how sharp its border is; stretch: how
      short its structures are.
    - surge_…: the vortex at the head of a surge; twist: by how many radians its middle is turned.
    - street_…: a street of spirals along the first arc; length: from one to the next.
    - discrete_…: direction and size of torn sheets; thick: how broad they are; few: how many of them are left out.
    - streamer_…: (3, …), north-south sheets; head: their equatorward end.
    - patch_size, patch_edge: scale of patches, and how soft they are. pulsation: share of their light that pulsates.
    - omega_…: an undulating poleward border of the diffuse aurora. neck: how much its tongues widen upwards.
    - red, purple: light of 630.0 nm, and of the lower border, as shares of the green. veil_…: red light without green;
      brightness in kR of the line 630.0 nm.
    """

    arc_north: Series
    arc_width: Series
    arc_brightness: Series
    arc_tilt: Series
    arc_torn: Series
    beads: Series
    bead_length: Series
    band: Series
    band_offset: Series
    band_turn: Series
    band_width: Series
    sway: Series
    folds: Series
    curls: Series
    rays: Series
    breakup: Series
    breakup_west: Series
    breakup_south: Series
    breakup_north: Series
    breakup_turn: Series
    breakup_banded: Series
    breakup_bands: Series
    breakup_edge: Series
    breakup_stretch: Series
    surge_twist: Series
    surge_east: Series
    surge_north: Series
    surge_radius: Series
    street_twist: Series
    street_east: Series
    street_north: Series
    street_radius: Series
    street_length: Series
    discrete: Series
    discrete_turn: Series
    discrete_size: Series
    discrete_thick: Series
    discrete_few: Series
    streamer: Series
    streamer_east: Series
    streamer_head: Series
    streamer_tail: Series
    streamer_width: Series
    streamer_tilt: Series
    patches: Series
    patch_size: Series
    patch_edge: Series
    pulsation: Series
    diffuse: Series
    omega: Series
    omega_east: Series
    omega_length: Series
    omega_south: Series
    omega_height: Series
    omega_neck: Series
    red: Series
    purple: Series
    veil: Series
    veil_north: Series
    veil_width: Series

    def at(self, minute: int) -> "Aurora":
        """The aurora of one minute of the night, in float32 as all that is drawn."""
        return Aurora(
            **{field.name: getattr(self, field.name)[..., minute].astype(np.float32) for field in fields(self)}
        )


def aurora_of(activity: Series, hour: Series, onsets: NDArray[np.int64], random: np.random.Generator) -> Aurora:
    """Draw what shines in a night. activity, hour (UT, if the site were Kiruna): (1440,). onsets: minutes."""
    n = len(onsets)
    age = (np.arange(MINUTES) - onsets[:, None]).astype(np.float64)  # (substorms, 1440), minutes since the onset
    strength = (np.exp(0.45 * random.standard_normal(n)) * (0.6 + 0.4 * activity[onsets]))[:, None]
    growth = np.where(age < 0, 1 + age / 70, 1 - age / 12).clip(0, 1).sum(axis=0).clip(0, 1)
    active = (strength * _pulse(age, -1, 3, 14)).sum(axis=0).clip(0, 2)
    stirred = (strength * _pulse(age, -2, 9, 12)).sum(axis=0).clip(0, 2)
    recovery = (strength * _pulse(age, 22, 20, random.uniform(60, 130, (n, 1)))).sum(axis=0).clip(0, 1.5)
    over = (strength * _pulse(age, 5, 6, 14)).sum(axis=0).clip(0, 1)  # arcs outlast the onset where it comes late
    morning = 1 / (1 + np.exp(-(hour - 24.3) / 0.8))
    awake = activity.clip(0, 1.2)
    soft = _episodes(random, 0.15, (15, 60)) * random.uniform(1.2, 2.5)  # electrons of low energy: red
    hard = _episodes(random, 0.25, (5, 25)) * random.uniform(0.7, 1.6)  # of high energy: purple lower borders
    storm = max(float(activity.max()) - 1.9, 0)

    arcs = _arcs(activity, growth, over, recovery, morning, random)
    first = arcs["arc_north"][0]
    breakup, swaying, folded = _breakup(onsets, age, strength, first, random)
    rayed = of_substorm(onsets, random.uniform(0, 1, n))

    # Pieces of sheets, in episodes of their own and after each breakup.
    torn = _episodes(random, 0.9, (8, 35))
    pieces = 9 * torn * awake * (1 - 0.5 * morning) * np.exp(0.35 * _smooth(random, 40))
    pieces += (8 * strength * _pulse(age, 8, 6, 12)).sum(axis=0)
    pieces = pieces / (1 + np.exp((2 - pieces) / 0.4))  # there or not, like the patches
    band = _episodes(random, 0.65, (8, 40)) * awake * np.exp(1.9 + 0.45 * _smooth(random, 40))

    plain = _episodes(random, 0.8, (20, 90)) * awake * (0.4 + 0.6 * morning)  # diffuse glow in which nothing has a form
    patchy = (1.2 * recovery + 1.6 * morning * activity.clip(0, 1)) * (0.6 + 0.8 * _smooth(random, 35)).clip(0, 1.2)
    patchy = patchy.clip(0, 1.6) * (1 - 0.8 * torn) / (1 + 0.3 * pieces)
    patchy *= 1 / (1 + np.exp(-(patchy - 0.3) / 0.06))  # patches are there or not: few displays are hardly visible
    arcs["arc_brightness"] = arcs["arc_brightness"] * (1 - 0.7 * patchy.clip(0, 1)) * (1 - 0.4 * plain.clip(0, 1))
    return Aurora(
        **arcs,
        **breakup,
        **_street(onsets, first, awake, random),
        **_streamers(onsets, arcs["arc_north"][-1], awake, random),
        **_omega(onsets, hour, awake, random),
        band=band,
        band_offset=110 * _smooth(random, 50),
        band_turn=0.9 * _smooth(random, 80),
        band_width=np.exp(2.3 + 0.4 * _smooth(random, 50)),
        sway=swaying * stirred + 25 * torn,
        # Folds are some 20 km and curls 2 to 10 km large: Hallinan & Davis 1970.
        folds=2 + 5 * np.abs(_smooth(random, 25)) + folded * stirred + 6 * torn + 8 * (band > 0.5),
        curls=(1.5 * _smooth(random, 20) + 1.5 * active + 1.5 * growth - 0.5).clip(0, 5),
        rays=(0.15 + 0.25 * _smooth(random, 20) + 0.3 * rayed * active + 0.7 * soft + 0.4 * hard).clip(0, 1.2),
        discrete=pieces,
        discrete_turn=np.pi / 2 + 0.9 * _smooth(random, 50),  # sheets run north-south more often than not
        discrete_size=np.exp(0.35 * _smooth(random, 90)),
        discrete_thick=np.exp(-1.35 + 0.45 * _smooth(random, 70)),
        discrete_few=(0.35 + 0.35 * _smooth(random, 50)).clip(0, 1),
        patches=1.8 * patchy * np.exp(0.3 * _smooth(random, 15)) * (1 - 0.8 * plain.clip(0, 1)),
        # From tens to hundreds of kilometres: Royrvik & Davis 1977.
        patch_size=np.exp(0.2 + 0.4 * _smooth(random, 120)).clip(0.75, 3),
        patch_edge=np.exp(-0.4 + 0.5 * _smooth(random, 60)).clip(0.3, 1.4),
        pulsation=(0.7 + 0.35 * _smooth(random, 40)).clip(0.05, 1) * np.maximum(morning, 0.4),
        diffuse=(0.5 * activity.clip(0, 1.5) * (0.25 + patchy) + 0.9 * plain) * np.exp(0.4 * _smooth(random, 40)),
        red=0.08 - 0.05 * active.clip(0, 1) + soft + 0.25 * storm * np.exp(0.4 * _smooth(random, 40)),
        purple=0.04 + hard + 0.08 * active,
        # Soft electrons poleward of the oval, and the arcs of stormy nights equatorward of it, which reach some kR:
        # Rees & Roble 1975, doi 10.1029/RG013i001p00201. Here both are one band of 60 to 250 km in width.
        veil=_episodes(random, 0.1, (20, 80)) * np.exp(0.7 + 0.5 * _smooth(random, 60)) * (0.3 + 0.7 * awake),
        veil_north=120 * _smooth(random, 90),
        veil_width=np.exp(4.4 + 0.35 * _smooth(random, 90)),
    )


def _arcs(
    activity: Series, growth: Series, over: Series, recovery: Series, morning: Series, random: np.random.Generator
) -> dict[str, Series]:
    """Arcs, one poleward of the other; the first is the one that breaks up.

    In its last minutes the second comes close to it, as if it had split, and beads of 30 to 100 km grow along it:
    Kalmoni et al. 2015, doi 10.1002/2015JA021470. The last arc is the poleward boundary, which brightens now and then.
    """
    first = 300 - 290 * activity.clip(-0.5, 2) + 45 * _smooth(random, 25) - 90 * growth
    steps = (70 + 30 * _smooth(random, 90, ARCS - 1)).clip(18)
    steps[0] *= 1 - 0.7 * growth**3
    come_and_go = (1 + 1.1 * _smooth(random, 30, ARCS)).clip(0, 1)
    come_and_go[0] = (1.8 + _smooth(random, 35)).clip(0, 1)
    come_and_go[1] = np.maximum(come_and_go[1], growth**3)
    quiet = (1 - 0.95 * over - 0.7 * recovery).clip(0.03, 1) * (1 - 0.35 * morning)
    present = ((activity + 0.1) / 0.3).clip(0, 1)
    kilorayleigh = np.exp(2.0 + 0.4 * _smooth(random, 45, ARCS)) * (1 + 0.8 * growth)
    brightness = present * quiet * come_and_go * kilorayleigh
    boundary = _episodes(random, 1.5, (4, 12)) * activity.clip(0, 1)
    brightness[-1] += 9 * boundary
    torn = (0.9 * _smooth(random, 45, ARCS) - 1.2).clip(0, 1)
    torn[-1] = np.maximum(torn[-1], boundary)
    return {
        "arc_north": np.vstack([first, first + np.cumsum(steps, axis=0)]),
        "arc_width": np.exp(1.95 + 0.35 * _smooth(random, 40, ARCS)),
        "arc_brightness": brightness,
        "arc_tilt": 0.1 * _smooth(random, 60, ARCS),
        "arc_torn": torn,
        "beads": ((growth - 0.93) / 0.07).clip(0, 1),
        "bead_length": np.exp(4.0 + 0.25 * _smooth(random, 60)).clip(30, 100),
    }


def _breakup(
    onsets: NDArray[np.int64], age: Series, strength: Series, first: Series, random: np.random.Generator
) -> tuple[dict[str, Series], Series, Series]:
    """Where breakups are, and what they are like, which differs from one to the next; how they sway and fold sheets.

    The head of a surge is 100 to 300 km large and travels at 1 to 2 km/s, fast at first and slower later: Craven et al.
    1989; Akasofu 1964. Some breakups are overhead; others stay in the north, with dark sky equatorward of them.
    """
    n = len(onsets)
    kind = random.choice(len(_KINDS), n, p=_CHANCES)
    curtains, surge = kind == _KINDS.index("curtains"), kind == _KINDS.index("surge")
    since = np.where(age < -1, 60, age).min(axis=0, initial=60).clip(-1, 60)  # minutes since the last onset
    south = np.where(curtains, -60, random.uniform(-130, 130, n))
    turn = random.standard_normal(n) * np.where(curtains, 0.15, 0.35)
    speed, slowing = random.uniform(60, 120, n), random.uniform(6, 12, n)  # km a minute, minutes
    start = np.where(curtains, random.uniform(0, 250, n), random.uniform(0, 600, n))
    radius = random.uniform(50, 150, n)
    bands = np.stack([random.uniform(0.0, 0.12, n), random.uniform(0.3, 0.6, n), random.uniform(0.75, 1, n)], axis=1)
    bands[random.uniform(size=n) < 0.5, 1] = 2  # beyond the region: this breakup has two bands

    def now(values: Series) -> Series:
        return of_substorm(onsets, values)

    bright = (24 * strength * _pulse(age, 0, 3, random.uniform(5, 13, (n, 1)))).sum(axis=0)
    after = since.clip(0)
    travelled = now(speed * slowing) * (1 - np.exp(-after / np.maximum(now(slowing), 1)))
    west = now(start) - travelled
    low = first + now(south)
    turned = (1 - np.exp(-after / 3)) * np.exp(-(after - 25).clip(0) / 5)
    where = {
        "breakup": bright / (1 + np.exp(11 - bright)),  # it falls apart rather than fades
        "breakup_west": west,
        "breakup_south": low,
        "breakup_north": low
        + 90
        + now(np.where(curtains, random.uniform(12, 32, n), random.uniform(4, 22, n))) * after.clip(0, 25),
        "breakup_turn": now(turn),
        "breakup_banded": now(np.where(curtains, random.uniform(0, 0.3, n), random.uniform(0.65, 1, n))),
        "breakup_bands": now(bands),
        "breakup_edge": now(np.where(curtains, 30, random.uniform(6, 30, n))),
        "breakup_stretch": now(np.where(curtains, random.uniform(0.25, 0.5, n), random.uniform(0.1, 0.3, n))),
        "surge_twist": now(np.where(surge, random.uniform(2, 5, n), 0)) * turned,
        "surge_east": west + now(radius),
        "surge_north": low + 0.8 * now(radius),
        "surge_radius": now(radius),
    }
    # Bands bend as a whole; the sheets of curtains are folded each by itself.
    swaying = np.where(curtains, 0, _spread(random, n, 45, 0.4))
    folded = np.where(curtains, _spread(random, n, 22, 0.55), _spread(random, n, 8, 0.55))
    return where, now(swaying), now(folded)


def _street(onsets: NDArray[np.int64], first: Series, awake: Series, random: np.random.Generator) -> dict[str, Series]:
    """Spirals in a street along the first arc, mostly at quiet times, sometimes at a breakup.

    They are 25 to 75 km in diameter and 125 to 175 km apart: Partamies et al. 2001; Davis & Hallinan 1976, doi
    10.1029/JA081i022p03953. Their drift (up to 1 km/s here) is that of the convection.
    """
    times = [*random.uniform(300, 1150, random.poisson(0.9)), *onsets[random.uniform(size=len(onsets)) < 0.3]]
    start, which = _latest(times)
    n = max(len(times), 1)
    age = np.arange(MINUTES) - start
    return {
        "street_twist": _pulse(age, 0, 5, random.uniform(5, 16, n)[which]) * random.uniform(2, 5, n)[which] * awake,
        "street_east": random.uniform(0, 150, n)[which] + random.uniform(-60, 20, n)[which] * age.clip(-60, 60),
        "street_north": first,
        "street_radius": random.uniform(14, 40, n)[which],
        "street_length": random.uniform(125, 175, n)[which],
    }


def _streamers(
    onsets: NDArray[np.int64], boundary: Series, awake: Series, random: np.random.Generator
) -> dict[str, Series]:
    """Streamers, which leave the poleward boundary and reach equatorward at 1 to 2 km/s, one beside the other.

    They are tens of km wide and hundreds long: Forsyth et al. 2020, doi 10.1007/s11214-020-00665-y.
    """
    late = [onset + random.uniform(5, 70) for onset in onsets for _ in range(random.poisson(0.8))]
    groups = [*late, *random.uniform(400, 1100, random.poisson(0.5))]
    names = ("streamer", "streamer_east", "streamer_head", "streamer_tail", "streamer_width", "streamer_tilt")
    series = {name: np.zeros((STREAMERS, MINUTES)) for name in names}
    for group in groups:
        east, tilt = random.uniform(-260, 260), 0.35 * random.standard_normal()
        for slot in range(1 + random.integers(STREAMERS)):
            start, length = int(group + 2.5 * slot), int(random.integers(8, 20))
            minutes = np.arange(max(start, 0), min(start + length, MINUTES))
            if not len(minutes):
                continue
            age = minutes - start
            at = (slot, minutes)
            tail = boundary[minutes[0]] + 40
            series["streamer"][at] = random.uniform(4, 13) * np.minimum(1, 1.5 * np.sin(np.pi * (age + 0.5) / length))
            series["streamer"][at] *= awake[minutes].clip(0.3)
            series["streamer_east"][at] = east + random.uniform(-4, 10) * age
            series["streamer_head"][at] = tail - 40 - np.minimum(random.uniform(60, 120) * age, 420)
            series["streamer_tail"][at] = tail - 12 * (age - 0.5 * length).clip(0)
            series["streamer_width"][at] = random.uniform(7, 20)
            series["streamer_tilt"][at] = tilt + 0.1 * random.standard_normal()
            east += random.uniform(50, 130) * random.choice([-1, 1])
    return {name: np.asarray(values) for name, values in series.items()}


def _omega(onsets: NDArray[np.int64], hour: Series, awake: Series, random: np.random.Generator) -> dict[str, Series]:
    """Omega bands and torches, in the hours after a breakup and past magnetic midnight.

    400 to 1,000 km from one tongue to the next, drifting eastward at 0.4 to 2 km/s: Opgenoorth et al. 1983, doi
    10.1029/JA088iA11p09171; Partamies et al. 2017, doi 10.5194/angeo-35-1069-2017.
    """
    late = [onset + random.uniform(30, 120) for onset in onsets if random.uniform() < 0.6]
    times = [time for time in (*late, *random.uniform(600, 1100, random.poisson(0.5))) if hour[int(time) % 1440] > 22]
    start, which = _latest(times)
    n = max(len(times), 1)
    age = np.arange(MINUTES) - start
    return {
        "omega": _pulse(age, 0, 8, random.uniform(15, 45, n)[which]) * awake * random.uniform(1.5, 4, n)[which],
        "omega_east": random.uniform(0, 1000, n)[which] + random.uniform(24, 90, n)[which] * age.clip(-60, 200),
        "omega_length": random.uniform(400, 900, n)[which],
        "omega_south": random.uniform(-200, 60, n)[which] + 15 * _smooth(random, 30),
        "omega_height": random.uniform(90, 280, n)[which],
        "omega_neck": random.uniform(-0.12, 0.18, n)[which],
    }


def of_substorm(onsets: NDArray[np.int64], values: Series) -> Series:
    """The values, (n,) or (n, rows), of the substorm that is on, or was the last one: (1440,) or (rows, 1440)."""
    if not len(onsets):
        return np.zeros((*values.shape[1:], MINUTES))
    which = np.searchsorted(onsets, np.arange(MINUTES) + _AHEAD, side="right") - 1
    return np.asarray(values[which.clip(0)].T)


def _latest(times: list[float]) -> tuple[Series, NDArray[np.int64]]:
    """The latest of some times by minute, and its place among them; long after the night where there is none."""
    if not times:
        return np.full(MINUTES, 1e6), np.zeros(MINUTES, np.int64)
    ordered = np.sort(times)
    which = (np.searchsorted(ordered, np.arange(MINUTES), side="right") - 1).clip(0)
    return ordered[which], which


def _spread(random: np.random.Generator, n: int, middle: float, deviation: float) -> Series:
    return np.asarray(middle * np.exp(deviation * random.standard_normal(n)))


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
