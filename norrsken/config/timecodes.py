"""Times in the names of files and directories: the codes of `strftime`, as regular expressions, and clocks.

A code may be written without its leading zero, `2015-1-5`, where no digit stands beside it; `20150105` needs both.
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta, timezone, tzinfo
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from trollsift.parser import format_spec_to_regex

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

#: Code → how it is written with all its digits, and how without leading zeros.
_CODES = {
    "Y": (r"(?:19|20)\d{2}",) * 2,
    "y": (r"\d{2}",) * 2,
    "m": (r"0[1-9]|1[0-2]", r"0?[1-9]|1[0-2]"),
    "d": (r"0[1-9]|[12]\d|3[01]", r"0?[1-9]|[12]\d|3[01]"),
    "j": (r"00[1-9]|0[1-9]\d|[12]\d{2}|3[0-5]\d|36[0-6]", r"0{0,2}[1-9]|0?[1-9]\d|[12]\d{2}|3[0-5]\d|36[0-6]"),
    "H": (r"[01]\d|2[0-3]", r"[01]?\d|2[0-3]"),
    "I": (r"0[1-9]|1[0-2]", r"0?[1-9]|1[0-2]"),
    "M": (r"[0-5]\d", r"[0-5]?\d"),
    "S": (r"[0-5]\d", r"[0-5]?\d"),
    "f": (r"\d{1,6}",) * 2,
    "b": (f"(?i:{'|'.join(_MONTHS)})",) * 2,
    "p": (r"[AaPp][Mm]",) * 2,
    "z": (r"Z|[+-](?:0\d|1[0-4]):?[0-5]\d",) * 2,
}
_WITHOUT_DIGITS = ("b", "p", "z")

#: The codes that name a date.
DATE_CODES = ("Y", "y", "m", "b", "d", "j")


class Token(NamedTuple):
    """A piece of a pattern. kind: `text`, `code` (value: its letter), or `other`: a field that may hold digits."""

    kind: str
    value: str


def tokens(pattern: str) -> Iterator[Token]:
    """The pieces of a pattern of `strftime`; `%%` is a percent sign. Raises `ValueError` for an unknown code."""
    for i, piece in enumerate(re.split(r"%(.)", pattern)):
        if i % 2 == 0 or piece == "%":
            yield Token("text", piece)
        elif piece in _CODES:
            yield Token("code", piece)
        else:
            raise ValueError(f"{pattern!r} has %{piece}; known are {', '.join(f'%{code}' for code in _CODES)}")


def name_tokens(pattern: str) -> Iterator[Token]:
    """The pieces of a file name's pattern in trollsift's notation. Raises `ValueError` where it is not in it.

    Fields whose format has a `%` are times, of which only `time` is read. A width of `exposure_ms` is the least width.
    """
    seen = set[str]()
    for text, name, written, _ in string.Formatter().parse(pattern):
        yield Token("text", text)
        if name is None:
            continue
        form = written or ""
        if not name.isidentifier():
            raise ValueError(f"{pattern!r} has a field named {name!r}, which is no name")
        if name == "time":
            yield from tokens(form)
        elif name in seen:
            yield Token("other", f"(?P={name})")
        elif "%" in form:
            yield Token("other", f"(?P<{name}>{expression([*tokens(form)], groups=False)})")
        elif name == "exposure_ms":
            width = re.fullmatch(r"0?(\d+)d", form)
            digits = rf"\d{{{width[1]},}}" if width else r"[-+]?\d+" if form == "d" else ".+?"
            yield Token("other", f"(?P<{name}>{digits})")
        else:
            try:
                yield Token("other", format_spec_to_regex(name, form) if form else f"(?P<{name}>.*?)")
            except KeyError:
                raise ValueError(f"{pattern!r} has a field of a format that cannot be read: {form!r}") from None
        seen.add(name)


def name_expression(pattern: str) -> re.Pattern[str]:
    """A file name's pattern, in trollsift's notation, as a regular expression; raises `ValueError` as `name_tokens`."""
    try:
        return re.compile(expression([*name_tokens(pattern)]))
    except re.error as error:
        raise ValueError(f"{pattern!r} cannot be read: {error}") from None


def expression(pieces: Sequence[Token], groups: bool = True) -> str:
    """The pieces as a regular expression; `other` pieces stand as they are.

    groups: whether the n-th code is a group named `{code}_{n}`.
    """
    parts, pieces = [], [piece for piece in pieces if piece.value]
    count = 0
    for i, (kind, value) in enumerate(pieces):
        if kind == "text":
            parts.append(re.escape(value))
        elif kind == "other":
            parts.append(value)
        else:
            before, after = (pieces[k] if 0 <= k < len(pieces) else None for k in (i - 1, i + 1))
            crowded = _has_digit(before, -1) or _has_digit(after, 0)
            name = f"?P<{value}_{count}>" if groups else "?:"
            parts.append(f"({name}{_CODES[value][0 if crowded else 1]})")
            count += 1
    return "".join(parts)


def _has_digit(piece: Token | None, end: int) -> bool:
    """Whether a digit can stand at this end of a piece."""
    if piece is None:
        return False
    return piece.value[end].isdigit() if piece.kind == "text" else piece.value not in _WITHOUT_DIGITS


def agrees(day: date, code: str, value: str) -> bool:
    """Whether a code of a date has the value that it has on this day."""
    match code:
        case "Y":
            return day.year == int(value)
        case "y":
            return day.year % 100 == int(value)
        case "b":
            return _MONTHS[day.month - 1] == value.lower()
        case "m":
            return day.month == int(value)
        case "d":
            return day.day == int(value)
        case _:
            return day.timetuple().tm_yday == int(value)


def date_of(codes: Mapping[str, str]) -> date | None:
    """The first day that these codes can mean; None where there is none, or where they do not agree.

    Without a month it is the first of the year, without a day the first of the month. Raises `KeyError` without a year.
    """
    if "Y" in codes:
        year = int(codes["Y"])
    else:  # as POSIX reads two digits
        year = int(codes["y"])
        year += 1900 if year > 68 else 2000
    try:
        if "j" in codes and "d" not in codes:
            day = date(year, 1, 1) + timedelta(days=int(codes["j"]) - 1)
        else:
            month = int(codes["m"]) if "m" in codes else 1 + _MONTHS.index(codes.get("b", "jan").lower())
            day = date(year, month, int(codes.get("d", "1")))
    except ValueError:
        return None
    return day if all(agrees(day, code, codes[code]) for code in DATE_CODES if code in codes) else None


@cache
def zone(clock: str) -> tzinfo:
    """The time zone of a clock: `UTC`, a difference to it such as `+01:00`, or a zone such as `Europe/Stockholm`.

    Raises `ValueError` where it is none of them.
    """
    if clock == "UTC":
        return UTC
    difference = re.fullmatch(r"([+-])(\d{1,2}):?([0-5]\d)", clock)
    if difference is not None and int(difference[2]) <= 14:
        offset = timedelta(hours=int(difference[2]), minutes=int(difference[3]))
        return timezone(-offset if difference[1] == "-" else offset)
    try:
        return ZoneInfo(clock)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{clock!r} is no clock; expected UTC, a difference such as +01:00, or a zone such as Europe/Stockholm"
        ) from None
