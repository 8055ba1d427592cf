"""Libraries that only one kind of exchange needs, so that they are not installed with norrsken."""

import importlib
from types import ModuleType

from norrsken.errors import NorrskenError

#: What to type for asilib and pyaurorax, which cannot stand beside what the workflow needs.
FIELD = "install envs/field.txt into an environment of its own, as docs/exchange.md shows"


class ExchangeError(NorrskenError):
    """What was made cannot be handed on, or the library for it is not there."""


def library(module: str, purpose: str, install: str) -> ModuleType:
    """An optional library; raises `ExchangeError` where it is not there.

    purpose: what needs it. install: what to do.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExchangeError(f"{purpose} needs {module.partition('.')[0]} ({error}); {install}") from None
