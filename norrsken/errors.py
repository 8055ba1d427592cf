"""Errors that a user can mend: their messages say what was found where, and what was expected."""

import logging
import sys
from types import TracebackType


class NorrskenError(Exception):
    """Base of all errors whose message is enough, without a traceback."""


def log_to(path: str) -> None:
    """Send what a job has to say to its log file, its error included; the error's message goes to the terminal too."""
    logging.basicConfig(filename=path, filemode="w", level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.captureWarnings(True)
    sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    plain = isinstance(error, NorrskenError)
    logging.critical("%s", error, exc_info=None if plain else (kind, error, trace))
    print(f"norrsken: {error if plain else f'{kind.__name__}: {error}'}", file=sys.stderr)
