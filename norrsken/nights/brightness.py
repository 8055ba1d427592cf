"""Whether the clock of an archive's names is right: the sky is bright with the Sun up, and dark without it.

Of each night a few frames are measured: some that are shown anyway, and at most five of those that the Sun rejects.
"""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from norrsken.config.site import Place

#: The table of a month's measured frames, beside its night tables.
BRIGHTNESS = "brightness.csv"

_SHOWN = 12

#: With the Sun above this altitude, a picture is bright; below that one, dark. Degrees.
_UP, _DOWN = 3.0, -15.0

#: Means of pictures, of 255. Those below the first are of a closed shutter; automatic exposures lie between.
_BLACK, _DARK, _BRIGHT = 3.0, 60.0, 120.0

_LEAST_NIGHTS, _MOST_NIGHTS = 3, 40
_HALF_HOUR = 1_800_000

#: Differences between names and true time that are tried, in half hours, and how many of them may fit a night that
#: still tells which it is.
_SHIFTS = np.arange(-24, 24)
_WIDEST = 12


class Sample(NamedTuple):
    """A measured frame. time: ms since 1970-01-01 UTC, as its name gives it. sun_altitude: degrees, at that time.

    brightness: the mean of the processed frame, of 255.
    """

    night: str
    time: int
    sun_altitude: float
    brightness: float


def to_measure(sun: NDArray[np.float64], shown: NDArray[np.bool_]) -> set[int]:
    """Positions of the frames of a night to measure. sun: (n,) altitudes, degrees. shown: (n,) those that are opened.

    Of the frames that are not shown only those with the Sun up can tell something, and most those near to its setting
    and rising: two of each, and the one with the highest Sun.
    """
    places = np.flatnonzero(shown)
    steps = np.linspace(0, len(places) - 1, min(_SHOWN, len(places))).round().astype(int)
    chosen = {int(places[step]) for step in steps}
    up = np.flatnonzero(~shown & (sun > _UP))
    if len(up):
        lowest = int(sun.argmin())
        for part in (up[up < lowest], up[up > lowest]):
            ordered = part[sun[part].argsort(kind="stable")]
            chosen |= {int(ordered[place]) for place in (0, max(1, len(ordered) // 4)) if place < len(ordered)}
        chosen.add(int(up[sun[up].argmax()]))
    return chosen


def write_samples(samples: Iterable[Sample], nights: str | os.PathLike[str]) -> None:
    """Write a month's measured frames into the folder of its night tables."""
    with Path(nights, BRIGHTNESS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Sample._fields)
        writer.writerows((s.night, s.time, f"{s.sun_altitude:.2f}", f"{s.brightness:.1f}") for s in samples)


def read_samples(folders: Iterable[str | os.PathLike[str]]) -> list[Sample]:
    """The measured frames of these months' folders; none of a folder of an earlier version."""
    found = []
    for folder in folders:
        path = Path(folder, BRIGHTNESS)
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [*csv.DictReader(file)]
            found += [
                Sample(r["night"], int(r["time"]), float(r["sun_altitude"]), float(r["brightness"])) for r in rows
            ]
    return found


def clock_warning(samples: Sequence[Sample], site: Place) -> str:
    """A sentence where pictures are dark with the Sun up, as they are when the names are in another time; else empty.

    It names the difference only where the nights agree on it, at least three, and asks otherwise.
    """
    nights: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        nights[sample.night].append(sample)
    odd = [
        night
        for night, measured in nights.items()
        if sum(_is_dark(s.brightness) and s.sun_altitude > _UP for s in measured) >= 2
    ]
    if not odd:
        return ""
    example = min(odd)
    number = "one night" if len(odd) == 1 else f"{len(odd)} nights"
    said = f"Frames of {number} are dark although the Sun is up by their names, such as those of {example}."
    hours = _hours([nights[night] for night in sorted(odd)[:_MOST_NIGHTS]], site)
    if hours is None:
        return (
            f"{said} Are the names in another time than archive.clock says? Or is the camera's shutter closed by day?"
        )
    return (
        f"{said} They fit if their clock is about {abs(hours):g} h {'ahead of' if hours > 0 else 'behind'} what "
        "archive.clock says: set it, to a difference or a zone."
    )


def _is_dark(brightness: float) -> bool:
    return _BLACK <= brightness < _DARK


def _hours(nights: Sequence[Sequence[Sample]], site: Place) -> float | None:
    """By how many hours the names are ahead of the true time, where at least three nights agree within an hour."""
    centres = [centre for night in nights if (centre := _centre(night, site)) is not None]
    if len(centres) < max(_LEAST_NIGHTS, 0.8 * len(nights)):
        return None
    middle = float(np.median(centres))
    if np.mean(np.abs(np.array(centres) - middle) <= 1) < 0.8 or abs(middle) < 1:
        return None
    return round(middle)


def _centre(night: Sequence[Sample], site: Place) -> float | None:
    """The middle, in hours, of the differences with which a night's pictures and the Sun agree.

    None where they agree with none, or where bright pictures do not bound them: then it could be anything.
    """
    from norrsken.astronomy import sun_and_moon_altitude

    times = np.array([sample.time for sample in night], np.int64)
    brightness = np.array([sample.brightness for sample in night])
    dark, bright = (brightness >= _BLACK) & (brightness < _DARK), brightness > _BRIGHT
    shifted = (times[None] - _SHIFTS[:, None] * _HALF_HOUR).ravel()
    sun = sun_and_moon_altitude(shifted, site)[0].reshape(len(_SHIFTS), len(times))
    wrong = ((dark & (sun > _UP)) | (bright & (sun < _DOWN))).mean(axis=1)
    fits = wrong <= min(0.1, wrong.min() + 0.01)
    # The day is a circle: begin where nothing fits, so that what fits stands in one piece.
    begin = int(fits.argmin())
    fitting = np.flatnonzero(np.roll(fits, -begin))
    if fits.all() or len(fitting) == 0 or np.ptp(fitting) + 1 > len(fitting) or np.ptp(fitting) > _WIDEST:
        return None
    middle = (fitting.mean() + begin + _SHIFTS[0]) / 2
    return float((middle + 12) % 24 - 12)
