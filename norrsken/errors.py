"""Errors that a user can mend: their messages say what was found where, and what was expected."""

from collections.abc import Iterable, Sequence

#: How many problems an error lists.
SHOWN = 5


class NorrskenError(Exception):
    """The base of all errors whose message alone tells the user enough: no traceback is shown."""


def raise_listed(problems: Sequence[str], kind: type[NorrskenError]) -> None:
    """Raise an error that lists the first problems; do nothing where there are none."""
    if problems:
        rest = [f"… and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise kind("\n".join([*problems[:SHOWN], *rest]))


def quoted(names: Iterable[str]) -> str:
    """The names as an error lists them, each in quotation marks; `nothing` where there are none."""
    return ", ".join(map(repr, names)) or "nothing"
