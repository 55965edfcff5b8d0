"""Time as tests move it: by replacing the one function that all of it comes from."""

from datetime import timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL, Literal

_REPLACE = SQL(
    "create or replace function authority.clock() returns timestamptz "
    "language sql stable parallel safe return statement_timestamp() + {}::interval"
)


class Clock:
    """The time of one test's database, for every connection to it from now on.

    Only who owns the function can do this: a superuser here, nobody in production.
    """

    def __init__(self, dba: "psycopg.Connection[Any]") -> None:
        self._dba = dba
        self._offset = timedelta(0)

    def advance(self, by: timedelta) -> None:
        """Move the time forward, or back."""
        self._offset += by
        self._dba.execute(_REPLACE.format(Literal(self._offset)))
