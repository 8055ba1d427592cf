"""Directory patterns: how the date of a leaf directory is read from its path."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_CODES = {
    "Y": r"(?:19|20)\d{2}",  # the ephemeris of the Sun and Moon, de421, ends in 2053
    "m": r"0[1-9]|1[0-2]",
    "d": r"0[1-9]|[12]\d|3[01]",
    "j": r"00[1-9]|0[1-9]\d|[12]\d{2}|3[0-5]\d|36[0-6]",
    "H": r"[01]\d|2[0-3]",
}
_SPANS = {"H": timedelta(hours=1), "d": timedelta(days=1), "j": timedelta(days=1)}


@dataclass(frozen=True)
class LeafDirectory:
    """A directory that holds frames: its path below the archive's root, and the UTC time [start, end) in its name."""

    path: str
    start: datetime
    end: datetime


class DirectoryPattern:
    """A pattern such as `%Y/%m/%d`, as a regular expression for each level and one for the whole path."""

    def __init__(self, pattern: str) -> None:
        self.codes = re.findall(r"%(.)", pattern)
        unknown = [code for code in self.codes if code not in _CODES]
        if unknown:
            raise ValueError(f"{pattern!r} has %{unknown[0]}; %Y, %m, %d, %j and %H can be used")
        if "Y" not in self.codes or ({"d", "H"} & set(self.codes) and not {"m", "j"} & set(self.codes)):
            raise ValueError(f"{pattern!r} does not tell the date: it needs at least %Y, and %m or %j before %d or %H")
        if "H" in self.codes and not {"d", "j"} & set(self.codes):
            raise ValueError(f"{pattern!r} has an hour but no day")
        parts = pattern.strip("/").split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"{pattern!r} must lie below the archive's root, without empty parts, '.' or '..'")
        self.levels = [re.compile(_expression(part)) for part in parts]
        self.whole = re.compile(_expression("/".join(parts)))

    def leaf(self, path: str) -> LeafDirectory | None:
        """The leaf directory of this path, or None where the path does not fit or names no real date."""
        match = self.whole.fullmatch(path)
        if match is None:
            return None
        numbers = {code: int(value) for code, value in match.groupdict().items()}
        year, month = numbers["Y"], numbers.get("m", 1)
        try:
            start = datetime(year, month, numbers.get("d", 1), numbers.get("H", 0), tzinfo=UTC)
            if "j" in numbers:
                start += timedelta(days=numbers["j"] - 1)
                if start.year != year:
                    return None
        except ValueError:
            return None
        for code, span in _SPANS.items():
            if code in numbers:
                return LeafDirectory(path, start, start + span)
        after = (year + month // 12, month % 12 + 1) if "m" in numbers else (year + 1, 1)
        return LeafDirectory(path, start, datetime(*after, 1, tzinfo=UTC))


def _expression(pattern: str) -> str:
    """The pattern as a regular expression; where a code comes twice, it must have the same value."""
    pieces, seen = [], set[str]()
    for i, piece in enumerate(re.split(r"%(.)", pattern)):
        if i % 2 == 0:
            pieces.append(re.escape(piece))
        elif piece in seen:
            pieces.append(f"(?P={piece})")
        else:
            seen.add(piece)
            pieces.append(f"(?P<{piece}>{_CODES[piece]})")
    return "".join(pieces)
