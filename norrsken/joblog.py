"""The log of a job: written while the job works, read to say how it stands."""

import logging
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from norrsken.errors import NorrskenError

log = logging.getLogger(__name__)

_FORMAT = "%(asctime)s %(levelname)s %(message)s"
_LINE = re.compile(r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d):\S+ (?P<level>[A-Z]+) (?P<message>.*)$", re.MULTILINE)
_BEGUN, _DONE = "begun on ", "done"


@dataclass(frozen=True)
class JobState:
    """What a job's log says of it.

    state: also `running` where the job was killed and could not say so. since: the minute in which it began, in local
    time. message: the message of its error; empty where there is none.
    """

    state: Literal["running", "done", "failed"]
    host: str
    since: str
    message: str


@contextmanager
def log_to(path: str) -> Iterator[None]:
    """Write what a job says to its log file, with its error; the error's message goes to the terminal too."""
    logging.basicConfig(filename=path, filemode="w", level=logging.INFO, format=_FORMAT)
    logging.captureWarnings(True)
    signal.signal(signal.SIGTERM, _terminated)
    log.info("%s%s", _BEGUN, socket.gethostname())
    try:
        yield
    except BaseException as error:
        plain = isinstance(error, NorrskenError | SystemExit)
        message = str(error) if plain else f"{type(error).__name__}: {error}"
        log.critical("%s", message, exc_info=not plain)
        print(f"norrsken: {message}", file=sys.stderr)
        sys.exit(1)
    log.info(_DONE)


def read(path: str | Path) -> JobState | None:
    """The state of the job that wrote this log last; None where there is no log of a job."""
    try:
        lines = [*_LINE.finditer(Path(path).read_text(encoding="utf-8", errors="replace"))]
    except OSError:
        return None
    if not lines or not lines[0]["message"].startswith(_BEGUN):
        return None
    host, since = lines[0]["message"].removeprefix(_BEGUN), lines[0]["time"]
    for line in lines:
        if line["level"] == "CRITICAL":
            return JobState("failed", host, since, line["message"])
    return JobState("done" if lines[-1]["message"] == _DONE else "running", host, since, "")


def _terminated(*_: object) -> NoReturn:
    sys.exit("ended by SIGTERM: the job was cancelled, or its time was up")
