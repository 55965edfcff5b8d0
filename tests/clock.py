"""Moves a test's time by replacing authority.clock(), the only source of time."""

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
    """The time of one test's database, for all its connections.

    Only the owner of the function can replace it: a superuser here, no login in
    production.
    """

    def __init__(self, dba: "psycopg.Connection[Any]") -> None:
        self._dba = dba
        self._offset = timedelta(0)
        self._frozen: datetime | None = None

    def advance(self, by: timedelta) -> None:
        """Move the time forward or back."""
        if self._frozen is not None:
            self.freeze(self._frozen + by)
            return
        self._offset += by
        self._replace(_MOVED.format(Literal(self._offset)))

    def freeze(self, at: datetime) -> None:
        """Stop the time at this moment, until it is moved again.

        For a test that predicts times: the real time that passes between a prediction
        and the database's action could change an outcome at a boundary.
        """
        self._frozen = at
        self._replace(_FROZEN.format(Literal(at)))

    def _replace(self, time: Composable) -> None:
        self._dba.execute(_REPLACE.format(time))
