"""Time as tests move it: by replacing the one function that all of it comes from."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL, Composable, Literal

_REPLACE = SQL(
    "create or replace function authority.clock() returns timestamptz "
    "language sql stable parallel safe return {}"
)
_MOVED = SQL("statement_timestamp() + {}::interval")
_FROZEN = SQL("{}::timestamptz")


class Clock:
    """The time of one test's database, for every connection to it from now on.

    Only who owns the function can do this: a superuser here, nobody in production.
    """

    def __init__(self, dba: "psycopg.Connection[Any]") -> None:
        self._dba = dba
        self._offset = timedelta(0)
        self._frozen: datetime | None = None

    def advance(self, by: timedelta) -> None:
        """Move the time forward, or back."""
        if self._frozen is not None:
            self.freeze(self._frozen + by)
            return
        self._offset += by
        self._replace(_MOVED.format(Literal(self._offset)))

    def freeze(self, at: datetime) -> None:
        """Let it be this moment until the time is moved again.

        For a test that foretells moments: between what it foretells and what the
        database does, real time passes, by which an outcome at a boundary would change.
        """
        self._frozen = at
        self._replace(_FROZEN.format(Literal(at)))

    def _replace(self, time: Composable) -> None:
        self._dba.execute(_REPLACE.format(time))
