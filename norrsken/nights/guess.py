"""Guesses how names tell a time: the patterns of files and folders that an archive's own names fit.

Names that differ in their digits only have one template. Each run of digits may be a code of a time, or several, or a
number that does not matter; what fits the names and tells most of the time is the guess.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import islice, product
from typing import NamedTuple

from norrsken.config.directories import DirectoryPattern
from norrsken.config.timecodes import expression, tokens
from norrsken.nights.names import NamePattern, time_of

#: Digits in a run → what they may mean, likelier first. Runs of one digit are like those of two: unpadded numbers.
_MEANINGS = {
    2: ("%m", "%d", "%H", "%M", "%S", "%y"),
    3: ("%j", "%f"),
    4: ("%Y", "%m%d", "%H%M"),
    5: ("%y%j",),
    6: ("%y%m%d", "%d%m%y", "%Y%m", "%H%M%S", "%f"),
    7: ("%Y%j",),
    8: ("%Y%m%d", "%d%m%Y", "%H%M%S%f"),
    9: ("%H%M%S%f",),
    10: ("%Y%m%d%H",),
    11: ("%Y%j%H%M", "%y%j%H%M%S"),
    12: ("%Y%m%d%H%M", "%y%m%d%H%M%S"),
    13: ("%Y%j%H%M%S",),
    14: ("%Y%m%d%H%M%S",),
    17: ("%Y%m%d%H%M%S%f",),
    20: ("%Y%m%d%H%M%S%f",),
}
_OF_FOLDERS = ("Y", "m", "d", "j", "H")
_SEVERAL = 4000
_RUN = re.compile(r"\d+")
_EXPOSURE = re.compile(r"(?:E|_?[Ee]xp(?:osure)?_?)$")


class Example(NamedTuple):
    """A file: its folder below the archive's root, and its name."""

    folder: str
    name: str


class Guess(NamedTuple):
    """Patterns that read examples. share: of the examples that they read. codes: how much of the time they tell."""

    directories: str
    pattern: str
    share: float
    codes: float


def template(text: str) -> str:
    """A name with the length of each run of digits in place of the run; exposures have any length."""
    pieces = _RUN.split(text)
    lengths = [max(len(run), 2) for run in _RUN.findall(text)]
    runs = ["" if _EXPOSURE.search(pieces[i]) else str(length) for i, length in enumerate(lengths)]
    return "".join(f"{piece}<{run}>" for piece, run in zip(pieces, runs, strict=False)) + pieces[-1]


def guess(examples: Sequence[Example]) -> Guess | None:
    """The patterns that read most of these files, all of one template; None where none tells date and time.

    A pattern that puts the times of files far from those of their folders is none.
    """
    folders = [*_patterns([example.folder for example in examples], for_files=False)]
    names = [*_patterns([example.name for example in examples], for_files=True)]
    best: Guess | None = None
    for directories, pattern in islice(product(folders, names), _SEVERAL):
        try:
            reading = DirectoryPattern(directories)
        except ValueError:
            continue
        share = _share(examples, reading, pattern)
        codes = len(set(re.findall(r"%(.)", pattern))) + len(set(reading.codes)) - (0.5 * _repeats(reading.codes))
        if share > 0 and (best is None or (round(share, 1), codes) > (round(best.share, 1), best.codes)):
            best = Guess(directories, pattern, share, codes)
    return best


def _repeats(codes: Sequence[str]) -> int:
    return len(codes) - len(set(codes))


def _share(examples: Sequence[Example], directories: DirectoryPattern, pattern: str) -> float:
    """The share of the examples whose names tell a time within a day of that of their folder."""
    fitting, reading = 0, _compiled(pattern)
    for example in examples:
        leaf, fields = directories.leaf(example.folder), reading.fields(example.name)
        time = time_of(fields, leaf) if leaf is not None and isinstance(fields, dict) else ""
        if leaf is not None and isinstance(time, datetime):
            fitting += leaf.start - timedelta(days=1) <= time < leaf.end + timedelta(days=1)
    return fitting / len(examples)


@cache
def _compiled(pattern: str) -> NamePattern:
    return NamePattern(pattern)


def _patterns(texts: Sequence[str], for_files: bool) -> Iterator[str]:
    """Patterns that the texts, all of one template, may have; likelier ones first."""
    literals = _RUN.split(texts[0])
    columns = [*zip(*(_RUN.findall(text) for text in texts), strict=True)]
    options = [[*_options(i, column, literals[i], for_files)] for i, column in enumerate(columns)]
    found: list[tuple[int, int, str]] = []
    for choice in islice(product(*options), 20 * _SEVERAL):
        codes = [code for part in choice for code in re.findall(r"%(.)", part)]
        if not _makes_sense(codes, for_files):
            continue
        if not for_files and not _begins_with_year(choice, literals):
            continue
        pattern = literals[0]
        for i, part in enumerate(choice):
            pattern = (pattern[:-1] if part == "%z" else pattern) + part + literals[i + 1]
        found.append((-len(set(codes)) + _repeats(codes), len(found), _joined(pattern, for_files=for_files)))
    for _, _, pattern in sorted(found)[:40]:
        yield pattern


def _options(place: int, values: Sequence[str], before: str, for_files: bool) -> Iterator[str]:
    """What a run of digits may mean. values: those of the examples. before: the text before it."""
    lengths = {max(len(value), 2) for value in values}
    for meaning in _MEANINGS.get(min(lengths), ()) if len(lengths) == 1 else ():
        codes = set(re.findall(r"%(.)", meaning))
        fits = re.compile(expression([*tokens(meaning)]))
        if (for_files or codes <= {*_OF_FOLDERS}) and all(fits.fullmatch(value) for value in values):
            yield meaning
    if not for_files:
        if len(set(values)) == 1:
            yield values[0]
        return
    if before.endswith(("+", "-")) and all(len(value) == 4 and value < "1500" for value in values):
        yield "%z"
    width = f"0{min(map(len, values))}d" if any(value[0] == "0" for value in values) else "d"
    if _EXPOSURE.search(before):
        yield f"{{exposure_ms:{width}}}"
    elif len(set(values)) == 1:
        yield values[0]
    else:
        yield f"{{number{place}:{width}}}"


def _begins_with_year(choice: Sequence[str], literals: Sequence[str]) -> bool:
    """Whether the uppermost folder that tells something of the time tells the year, and hours come last."""
    path = "".join(text + part for text, part in zip(literals, [*choice, ""], strict=True))
    parts = [part for part in path.split("/") if "%" in part]
    return "%Y" in parts[0] and "%H" not in "".join(parts)[:-2]


def _makes_sense(codes: Sequence[str], for_files: bool) -> bool:
    """Whether the codes of a pattern can tell a time together; names need the hour and the minute."""
    known = set(codes)
    if for_files:
        if not {"H", "M"} <= known or _repeats([code for code in codes if code in "HMSf"]):
            return False
        of_day = [code for code in "HMSf" if code in known]
        if of_day != codes[codes.index("H") :][: len(of_day)] or ("f" in known and "S" not in known):
            return False
        if _repeats(codes) or {"Y", "y"} <= known:
            return False
    elif "Y" not in known:
        return False
    has_year = bool({"Y", "y"} & known)
    if has_year and for_files and not ({"m", "d"} <= known or "j" in known):
        return False
    return has_year or not {"m", "j", "d"} & known


@cache
def _joined(pattern: str, for_files: bool) -> str:
    """Codes of a name as fields: text between two of them belongs to the field, where it has no braces."""
    if not for_files:
        return pattern
    fields = re.split(r"(\{[^}]*\})", pattern)
    parts = []
    for part in fields:
        codes = [*re.finditer(r"%.", part)]
        if part.startswith("{") or not codes:
            parts.append(part)
            continue
        start, end = codes[0].start(), codes[-1].end()
        parts.append(f"{part[:start]}{{time:{part[start:end]}}}{part[end:]}")
    return "".join(parts)
