"""Moves the time of a test database by replacing authority.clock()."""

from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg.sql import SQL, Composable, Literal

from authority_queries.engine.checks import moment

_REPLACE: Final = SQL(
    "create or replace function authority.clock() returns timestamptz "
    "language sql stable parallel safe return {}"
)
_NOW: Final = SQL("statement_timestamp()")
_MOVED: Final = SQL("statement_timestamp() + {}::interval")
_FROZEN: Final = SQL("{}::timestamptz")


class Clock:
    """The time of a test's database, for all its connections.

    PostgreSQL's own clock, the process and libraries keep the real time. Only the owner
    of the database can replace the function, so no service can move the time.
    """

    def __init__(self, connection: psycopg.Connection[object]) -> None:
        self._connection = connection
        self._offset = timedelta(0)
        self._frozen: datetime | None = None

    def advance(self, by: timedelta) -> None:
        """Move the time forward, or back by a negative duration."""
        if self._frozen is not None:
            self.freeze(self._frozen + by)
            return
        self._offset += by
        self._replace(_MOVED.format(Literal(self._offset)))

    def freeze(self, at: datetime) -> None:
        """Stop the time at a moment with a time zone, for a test that predicts times.

        Raises InvalidArgumentError.
        """
        moment("at", at)
        self._frozen = at
        self._replace(_FROZEN.format(Literal(at)))

    def reset(self) -> None:
        """Return to the real time."""
        self._offset, self._frozen = timedelta(0), None
        self._replace(_NOW)

    def _replace(self, time: Composable) -> None:
        self._connection.execute(_REPLACE.format(time))
