"""Functions of the schema do not depend on the settings of the caller's session."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries.testing import Clock
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
# In these settings zone names are ambiguous, and days and months change places.
HOSTILE = (
    "-c timezone=Asia/Kolkata -c datestyle=SQL,DMY",
    "-c timezone=Australia/Sydney -c datestyle=Postgres,MDY "
    "-c intervalstyle=sql_standard -c standard_conforming_strings=off",
)

_BOUNDS = """
select pg_get_expr(relpartbound, oid) from pg_class
where relispartition and relnamespace = 'authority'::regnamespace
and relname ~ '^login_attempts_y' and relkind = 'r' order by relname
"""


def bounds(dba: Dba) -> list[tuple[datetime, datetime]]:
    """Return the beginning and the end of each monthly partition."""
    with dba.transaction():
        dba.execute("set local timezone = 'UTC'")
        dba.execute("set local datestyle = 'ISO'")
        texts = [text for (text,) in dba.execute(_BOUNDS.encode()).fetchall()]
    found = [re.findall(r"'([^']+)'", text) for text in texts]
    return [
        (datetime.fromisoformat(begin), datetime.fromisoformat(end))
        for begin, end in found
    ]


@pytest.mark.parametrize("settings", HOSTILE)
def test_partitions_hold_whole_months_in_utc(
    dba: Dba, clock: Clock, logins: Logins, settings: str
) -> None:
    clock.freeze(datetime(2031, 1, 15, tzinfo=UTC))
    conninfo = make_conninfo(logins.maintenance, options=settings)
    with psycopg.connect(conninfo, autocommit=True) as operator:
        create = "select authority.create_login_attempt_partitions(12)"
        drop = "select authority.drop_login_attempt_partitions('0')"
        operator.execute(drop)  # drops the partitions that the migration made
        assert bounds(dba) == []
        assert operator.execute(create).fetchall() == [(13,)]
        made = bounds(dba)
        assert made[0][0] == datetime(2031, 1, 1, tzinfo=UTC)
        assert made[-1][1] == datetime(2032, 2, 1, tzinfo=UTC)
        assert all(first[1] == second[0] for first, second in pairwise(made))
        assert dba.execute(create).fetchall() == [(0,)]
        clock.freeze(datetime(2031, 3, 1, tzinfo=UTC) - timedelta(microseconds=1))
        assert operator.execute(drop).fetchall() == [(1,)]
        clock.advance(timedelta(microseconds=1))
        assert operator.execute(drop).fetchall() == [(1,)]
        assert bounds(dba) == made[2:]


def test_months_ahead_have_a_limit_that_an_operator_cannot_pass(
    logins: Logins, dba: Dba
) -> None:
    before = bounds(dba)
    with psycopg.connect(logins.maintenance, autocommit=True) as operator:
        for months in ("-1", "121", "5000000000", "null"):
            call = f"select authority.create_login_attempt_partitions({months})"
            with pytest.raises(
                psycopg.errors.InvalidParameterValue, match="months_ahead"
            ):
                operator.execute(call.encode())
    assert bounds(dba) == before


@pytest.mark.parametrize("settings", HOSTILE)
def test_loopback_addresses_are_compared_alike(logins: Logins, settings: str) -> None:
    conninfo = make_conninfo(logins.app, options=settings)
    with psycopg.connect(conninfo) as service:
        told = service.execute(
            "select authority.without_loopback_port(uri) "
            "from unnest(%s::text[]) as uris (uri)",
            [["http://127.0.0.1:8080/cb", "http://[::1]:1/", "http://127x0.0.1:8080/"]],
        ).fetchall()
    assert told == [
        ("http://127.0.0.1/cb",),
        ("http://[::1]/",),
        ("http://127x0.0.1:8080/",),
    ]
