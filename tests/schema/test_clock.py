"""The database's clock is one function that only its owner can replace."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import errors

from authority_queries.testing import Clock
from tests.stores import Logins

_HOUR = timedelta(hours=1)
_ASK = "select authority.clock() - statement_timestamp()"


def test_the_clock_is_the_time_of_the_statement(
    logins: Logins, dba: "psycopg.Connection[Any]"
) -> None:
    for conninfo in (logins.app, logins.maintenance, logins.reader):
        with psycopg.connect(conninfo) as connection:
            assert connection.execute(_ASK).fetchone() == (timedelta(0),)
    plan = dba.execute("explain (verbose) select authority.clock()").fetchall()
    # PostgreSQL has inlined the function: the plan contains no call.
    assert "Output: statement_timestamp()" in str(plan)


def test_a_test_moves_the_clock_for_open_connections(
    logins: Logins, clock: Clock
) -> None:
    with psycopg.connect(logins.app, autocommit=True) as service:
        service.prepare_threshold = 0
        for hours in (0, 1, 2):
            assert service.execute(_ASK).fetchone() == (hours * _HOUR,)
            clock.advance(_HOUR)
    with psycopg.connect(logins.app) as later:
        assert later.execute(_ASK).fetchone() == (3 * _HOUR,)


def test_a_test_stops_the_clock_and_moves_it_from_there(
    logins: Logins, clock: Clock
) -> None:
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    with psycopg.connect(logins.app, autocommit=True) as service:
        service.prepare_threshold = 0
        clock.freeze(noon)
        for moved in (timedelta(0), timedelta(microseconds=1), -_HOUR):
            clock.advance(moved)
            noon += moved
            for _ in range(2):
                asked = service.execute("select authority.clock()").fetchone()
                assert asked == (noon,)


@pytest.mark.parametrize("role", ["app", "maintenance", "reader"])
def test_no_login_of_production_can_move_the_clock(role: str, logins: Logins) -> None:
    with psycopg.connect(getattr(logins, role), autocommit=True) as connection:
        for attempt in (
            "create or replace function authority.clock() returns timestamptz "
            "language sql stable return '2001-01-01'::timestamptz",
            "alter function authority.clock() rename to old_clock",
            "drop function authority.clock()",
            "create function authority.statement_timestamp() returns timestamptz "
            "language sql stable return '2001-01-01'::timestamptz",
            "create function public.clock() returns timestamptz "
            "language sql stable return '2001-01-01'::timestamptz",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(attempt.encode())
        # A session's temporary objects are not found before those that existed at its
        # creation.
        connection.execute(
            "create function pg_temp.statement_timestamp() returns timestamptz "
            "language sql stable return '2001-01-01'::timestamptz"
        )
        connection.execute("set search_path = pg_temp, pg_catalog")
        (drift,) = connection.execute(
            "select authority.clock() - pg_catalog.statement_timestamp()"
        ).fetchall()[0]
        assert drift == timedelta(0)
