"""What moves through a frame while it is exposed: aircraft with their lights, and satellites in sunlight.

How many there are and how bright is invented. How fast they move, and when satellites are in the Earth's shadow, is
geometry.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from norrsken.astronomy import Heavens
from norrsken.simulation.display import MINUTES
from norrsken.simulation.lens import Lens
from norrsken.simulation.sky import Points, point_light

EARTH_RADIUS = 6371.0  # km
_GRAVITY = 398600.0  # km³/s²

#: Of each kind in a night of 1,440 minutes, on average: as many of them come near or rise high enough.
AIRCRAFT, SATELLITES = 5.0, 150.0

#: Steps in which trails are drawn, s; in one the fastest move by less than a pixel of Kiruna's.
_STEP = 0.08

_WHITE, _RED, _GREEN = (np.array(c, np.float32) for c in ((1.0, 0.95, 0.9), (1.0, 0.12, 0.08), (0.1, 1.0, 0.45)))


@dataclass(frozen=True)
class Aircraft:
    """A straight flight.

    closest: second of the night; aside: km by which it passes, to the right of its heading,
    which is in radians from true north by east. speed: km/s. height: km. magnitude: of its steady lights at 10 km.
    flash: seconds between flashes.
    """

    closest: float
    aside: float
    heading: float
    speed: float
    height: float
    magnitude: float
    flash: float

    def place(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where it is, km to north, east and up: (3, n)."""
        along = (seconds - self.closest) * self.speed
        ahead, right = np.array([np.cos(self.heading), np.sin(self.heading)]), self._right
        north, east = along * ahead[:, None] + self.aside * right[:, None]
        return np.stack([north, east, self.height - (north**2 + east**2) / (2 * EARTH_RADIUS)])

    @property
    def _right(self) -> NDArray[np.float64]:
        return np.array([-np.sin(self.heading), np.cos(self.heading)])

    def lights(self, start: float, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Where its lights are in an exposure, km, (3, n), and the light of each, (n, 3): see `sky.point_light`."""
        steady = start + np.arange(0, seconds, _STEP)
        # The lamp on the left wing is red and that on the right is green; the wing that is nearer to us is seen.
        side = _GREEN if self.aside < 0 else _RED
        beat = np.arange(np.ceil(start / self.flash), np.ceil((start + seconds) / self.flash)) * self.flash
        beacon = beat + 0.5 * self.flash
        beacon = beacon[beacon < start + seconds]
        bright = point_light(self.magnitude)
        colours = [
            np.tile(bright * _STEP / 6 * (0.35 * _WHITE + 0.65 * side), (len(steady), 1)),
            np.tile(0.4 * bright * _WHITE, (len(beat), 1)),
            np.tile(0.15 * bright * _RED, (len(beacon), 1)),
        ]
        place = self.place(np.concatenate([steady, beat, beacon]))
        distance = np.linalg.norm(place, axis=0)
        return place, (np.concatenate(colours) * (10 / distance[:, None]) ** 2).astype(np.float32)


@dataclass(frozen=True)
class Satellite:
    """A satellite in a circular orbit.

    closest: second of the night; aside: radians between its track and the site, seen from the Earth's centre, towards
    the right. heading: radians from true north by east. height: km. magnitude: at 1,000 km.
    """

    closest: float
    aside: float
    heading: float
    height: float
    magnitude: float

    def place(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where it is, km to north, east and up from the site: (3, n)."""
        radius = EARTH_RADIUS + self.height
        angle = np.sqrt(_GRAVITY / radius**3) * (seconds - self.closest)
        ahead = np.array([np.cos(self.heading), np.sin(self.heading), 0])
        right = np.array([-np.sin(self.heading), np.cos(self.heading), 0])
        highest = np.cos(self.aside) * np.array([0, 0, 1]) + np.sin(self.aside) * right
        place = radius * (highest[:, None] * np.cos(angle) + ahead[:, None] * np.sin(angle))
        place[2] -= EARTH_RADIUS
        return np.asarray(place)

    def lights(
        self, start: float, seconds: float, sun: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The same as of `Aircraft`, dark in the Earth's shadow. sun: unit vector to north, east and up, (3,)."""
        place = self.place(start + np.arange(0, seconds, _STEP))
        from_centre = place + np.array([[0], [0], [EARTH_RADIUS]])
        along = sun @ from_centre
        beside = np.linalg.norm(from_centre - sun[:, None] * along, axis=0)
        lit = (along > 0) | (beside > EARTH_RADIUS)
        distance = np.linalg.norm(place, axis=0)
        light = point_light(self.magnitude) * _STEP / 6 * (1000 / distance) ** 2 * lit
        return place, (light[:, None] * _WHITE).astype(np.float32)


@dataclass(frozen=True)
class Traffic:
    """All that flies over in a night."""

    aircraft: tuple[Aircraft, ...]
    satellites: tuple[Satellite, ...]


def traffic_of(random: np.random.Generator) -> Traffic:
    """The traffic of a night."""
    end = 60.0 * MINUTES
    aircraft = []
    for _ in range(random.poisson(AIRCRAFT)):
        high = random.random() < 0.75  # the others land or have started
        aircraft.append(
            Aircraft(
                closest=random.uniform(0, end),
                aside=random.uniform(-40, 40) if high else random.uniform(-12, 12),
                heading=random.uniform(0, 2 * np.pi),
                speed=random.uniform(0.21, 0.26) if high else random.uniform(0.08, 0.13),
                height=random.uniform(9, 12) if high else random.uniform(1.5, 4),
                magnitude=random.normal(-1.0, 0.7) if high else random.normal(0.5, 0.7),
                flash=random.uniform(0.9, 1.4),
            )
        )
    satellites = tuple(
        Satellite(
            closest=random.uniform(0, end),
            aside=random.uniform(-0.14, 0.14),
            # What comes so far north is in a polar orbit.
            heading=random.choice([0.0, np.pi]) + random.normal(0, 0.35),
            height=random.uniform(420, 1100),
            magnitude=random.normal(3.8, 1.2),
        )
        for _ in range(random.poisson(SATELLITES))
    )
    return Traffic(tuple(aircraft), satellites)


def trails(traffic: Traffic, heavens: Heavens, minute: int, seconds: float, lens: Lens) -> Points | None:
    """The trails in an exposure of so many seconds from the beginning of a minute; None where there are none."""
    start = 60.0 * minute
    altitude, azimuth = (np.radians(angle[minute]) for angle in (heavens.sun_altitude, heavens.sun_azimuth))
    sun = np.array([np.cos(altitude) * np.cos(azimuth), np.cos(altitude) * np.sin(azimuth), np.sin(altitude)])
    lights = [plane.lights(start, seconds) for plane in traffic.aircraft if abs(plane.closest - start) < 900]
    lights += [one.lights(start, seconds, sun) for one in traffic.satellites if abs(one.closest - start) < 420]
    if not lights:
        return None
    place, colour = np.concatenate([at for at, _ in lights], axis=1), np.concatenate([light for _, light in lights])
    # Light is counted as if the exposure took 6 s; what is seen for a moment is not brighter in a shorter one.
    return Points.of(place / np.linalg.norm(place, axis=0), colour * np.float32(6 / seconds), lens)
