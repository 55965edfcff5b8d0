"""The text of psycopg's errors, without the values that PostgreSQL repeats in it."""

from typing import Final

import psycopg

# Classes of SQLSTATE whose message itself repeats input: what cannot be read as its
# type, and what functions of the schema's owner raise.
_TELLING: Final = ("22", "P0")


def hide_values(error: BaseException) -> None:
    """Leave in the error's text what may be logged; `diag` keeps all of it.

    DETAIL repeats rows, CONTEXT repeats parameters and JSON. A UnicodeEncodeError of
    Python carries the whole string.
    """
    if isinstance(error, UnicodeEncodeError):
        error.object = ""
        error.args = (error.encoding, "", error.start, error.end, error.reason)
    elif isinstance(error, psycopg.Error) and error.sqlstate is not None:
        error.args = (_without_values(error, error.sqlstate),)


def _without_values(error: psycopg.Error, sqlstate: str) -> str:
    message = error.diag.message_primary
    if message is None or sqlstate.startswith(_TELLING):
        message = "hidden, it may repeat a value: `diag` and the server's log have it"
    return f"{message} (SQLSTATE {sqlstate})"
