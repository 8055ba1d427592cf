"""Directory patterns: how the date of a leaf directory is read from its path."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from norrsken.config.timecodes import DATE_CODES, Token, agrees, date_of, expression, tokens, zone

_ALLOWED = ("Y", "m", "d", "j", "H")
_ONE_DAY = timedelta(days=1)

#: What a directory that is named by a day holds: the times of that date, or the night that begins on its evening.
Folders = Literal["day", "night"]


@dataclass(frozen=True)
class LeafDirectory:
    """A directory that holds frames: its path below the archive's root, and the UTC time [start, end) in its name.

    day: the date in its name, in the archive's clock; None where it names no day. night: the night that all of its
    frames belong to; None where its name does not tell.
    """

    path: str
    start: datetime
    end: datetime
    day: date | None = None
    night: date | None = None


class DirectoryPattern:
    """A pattern such as `%Y/%m/%d`, as a regular expression for each level and one for the whole path."""

    def __init__(self, pattern: str, clock: str = "UTC", folders: Folders = "day") -> None:
        """clock: in which the names are; see `timecodes.zone`. Raises `ValueError` for a pattern without a date."""
        self.zone, self.folders = zone(clock), folders
        self.codes = re.findall(r"%(.)", pattern)
        unknown = [code for code in self.codes if code not in _ALLOWED]
        if unknown:
            raise ValueError(f"{pattern!r} has %{unknown[0]}; %Y, %m, %d, %j and %H can be used")
        if "Y" not in self.codes or ({"d", "H"} & set(self.codes) and not {"m", "j"} & set(self.codes)):
            raise ValueError(f"{pattern!r} does not tell the date: it needs at least %Y, and %m or %j before %d or %H")
        if "H" in self.codes and not {"d", "j"} & set(self.codes):
            raise ValueError(f"{pattern!r} has an hour but no day")
        parts = pattern.strip("/").split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"{pattern!r} must lie below the archive's root, without empty parts, '.' or '..'")
        self.levels = [re.compile(expression([*tokens(part)])) for part in parts]
        whole = [piece for part in parts for piece in (*tokens(part), Token("text", "/"))][:-1]
        self.whole = re.compile(expression(whole))
        self._levels_of_codes = [i for i, part in enumerate(parts) for _ in re.findall(r"%(.)", part)]
        numbered = list(enumerate(zip(self._levels_of_codes, self.codes, strict=True)))
        #: For each level, which of all codes name its date, and these codes.
        self._dates = [
            [(n, code) for n, (at, code) in numbered if at == level and code in DATE_CODES]
            for level in range(len(parts))
        ]
        #: The level that completes the date; above and on it, codes that come again must agree.
        self._complete = next((i for i in range(len(parts)) if self._tells_day(i)), len(parts))

    def _tells_day(self, level: int) -> bool:
        """Whether the levels down to this one tell a day."""
        codes = {code for at, code in zip(self._levels_of_codes, self.codes, strict=True) if at <= level}
        return codes >= {"Y", "m", "d"} or codes >= {"Y", "j"}

    def leaf(self, path: str) -> LeafDirectory | None:
        """The leaf directory of this path, or None where the path does not fit or names no real date.

        Codes that come again must agree with the date. A level below the date may name the next day instead: a night
        has a folder by its evening, and in it hours of the morning.
        """
        match = self.whole.fullmatch(path)
        if match is None:
            return None
        values = match.groups()
        first: dict[str, str] = {}
        for level, code, value in zip(self._levels_of_codes, self.codes, values, strict=True):
            if level <= self._complete:
                first.setdefault(code, value)
        named = date_of(first)
        shown = None if named is None else self._shown(named, values)
        hours = {int(value) for code, value in zip(self.codes, values, strict=True) if code == "H"}
        if named is None or shown is None or len(hours) > 1:
            return None
        if not {"d", "j"} & first.keys():
            after = date(shown.year + 1, 1, 1)
            if "m" in first:
                after = date(shown.year + shown.month // 12, shown.month % 12 + 1, 1)
            return LeafDirectory(path, self._utc(shown), self._utc(after))
        night = named if self.folders == "night" else None
        hour = min(hours, default=None)
        start = self._utc(shown, hour or 0)
        end = self._utc(shown + _ONE_DAY) if hour in (None, 23) else self._utc(shown, (hour or 0) + 1)
        return LeafDirectory(path, start, end, shown, night)

    def _utc(self, day: date, hour: int = 0) -> datetime:
        return datetime.combine(day, time(hour), self.zone).astimezone(UTC)

    def _shown(self, named: date, values: Sequence[str]) -> date | None:
        """The day of the lowest level: the named one or, below the level that completes its date, the next.

        values: of all codes; None where they agree with neither day.
        """
        day, next_day = named, named + _ONE_DAY
        for level, codes in enumerate(self._dates):
            if not all(agrees(day, code, values[n]) for n, code in codes):
                if level <= self._complete or not all(agrees(next_day, code, values[n]) for n, code in codes):
                    return None
                day = next_day
        return day
