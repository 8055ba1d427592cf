"""Errors that a user can mend: their messages say what was found where, and what was expected."""


class NorrskenError(Exception):
    """Base of all errors whose message is enough, without a traceback."""
