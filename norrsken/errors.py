"""Errors that a user can mend: their messages say what was found where, and what was expected."""

from collections.abc import Iterable, Sequence

#: How many problems an error lists.
SHOWN = 5


class NorrskenError(Exception):
    """Base of all errors whose message is enough, without a traceback."""


def raise_listed(problems: Sequence[str], kind: type[NorrskenError]) -> None:
    """Raise an error that lists the first problems; do nothing where there are none."""
    if problems:
        more = [f"… and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise kind("\n".join([*problems[:SHOWN], *more]))


def quoted(names: Iterable[str]) -> str:
    """Names as an error lists them, each in quotation marks."""
    return ", ".join(map(repr, names)) or "nothing"
