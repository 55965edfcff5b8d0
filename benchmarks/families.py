"""`python -m benchmarks.families`: what pruning leaves of families that are alive.

Exits with 1 when more tokens stay than are remembered, with 2 when there is nothing to
measure on.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Store
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.resources import MIGRATIONS
from authority_queries.service._sync.pruning import ROLE, prune
from authority_queries.service.retention import Retention
from benchmarks.machine import machine
from benchmarks.rows import insert_rows

_FAMILIES: Final = 14
_DAYS: Final = 90
_LIFETIMES: Final = (1, 7, 14, 30, 90)
_HEADERS: Final = (
    "refresh tokens live",
    "tokens",
    "kept until the family ends",
    "kept now",
    "kB before",
    "kB now",
)

# Each family as it is after so many days: each hour its refresh token was redeemed for
# the next one and for an access token of an hour. Only the last ones are not used.
_INSERT: Final = """
with families as (
    insert into authority.authorizations
    (tenant_id, client_uuid, tokens_expire_at, created_at)
    select
        tenant_id, id, now() + %(lifetime)s, now() - %(days)s * interval '24 hours'
    from authority.clients, generate_series(1, %(families)s)
    returning tenant_id, id, client_uuid
),

refreshes as (
    select
        families.*,
        kinds.*,
        hours.n,
        now() - hours.n * interval '1 hour' as issued_at
    from families
    cross join generate_series(0, %(days)s * 24 - 1) as hours (n)
    cross join (
        values ('access', interval '1 hour'), ('refresh', %(lifetime)s::interval)
    ) as kinds (type, lifetime)
)

insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, authorization_id, redeemed_at,
    redemption_hash, expires_at, created_at, authenticated_at
)
select
    tenant_id,
    type,
    sha256(uuid_send(gen_random_uuid())),
    client_uuid,
    id,
    case when is_used then issued_at + interval '1 hour' end,
    case when is_used then sha256('1') end,
    issued_at + lifetime,
    issued_at,
    issued_at
from refreshes
cross join lateral (values (type = 'refresh' and n > 0)) as uses (is_used)
"""
_COUNT: Final = """
select
    count(*),
    count(*) filter (where type = 'refresh' or expires_at >= now() - interval '1 day'),
    pg_total_relation_size('authority.tokens') / 1024
from authority.tokens
"""


class _Line(NamedTuple):
    """A line of the table."""

    lifetime: str
    tokens: int
    with_family: int
    kept: int
    size: int
    size_now: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.families", description=__doc__
    )
    parser.add_argument(
        "--server", metavar="CONNINFO", help="where to measure (else embedded)"
    )
    server = parser.parse_args(arguments).server
    with throwaway_database([MIGRATIONS], server) as database:
        print(machine(database), end="\n\n")
        with psycopg.connect(database, autocommit=True) as dba:
            insert_rows(dba)
            lines = [_pruned(database, dba, days) for days in _LIFETIMES]
    print(f"{_FAMILIES} living families, refreshed hourly for {_DAYS} days:")
    print(tabulate(lines, headers=_HEADERS), end="\n\n")
    limits = [_remembered(days) for days in _LIFETIMES]
    print(f"tokens that are remembered: {', '.join(map(str, limits))}")
    return int(any(line.kept > most for line, most in zip(lines, limits, strict=True)))


def _remembered(days: int) -> int:
    """Return how many tokens may stay: a day longer than they are remembered."""
    hours_of_refresh = min((days + 2) * 24, _DAYS * 24)
    hours_of_access = 1 + 24
    return _FAMILIES * (hours_of_refresh + hours_of_access)


def _pruned(database: str, dba: psycopg.Connection[Any], days: int) -> _Line:
    dba.execute("truncate authority.authorizations cascade")
    lifetime = timedelta(days=days)
    given = {"families": _FAMILIES, "days": _DAYS, "lifetime": lifetime}
    dba.execute(_INSERT.encode(), given)
    dba.execute("vacuum full analyze authority.tokens")
    ((tokens, with_family, size),) = dba.execute(_COUNT.encode()).fetchall()
    with psycopg.connect(
        make_conninfo(database, options=f"-c role={ROLE}"), autocommit=True
    ) as operator:
        prune(Store(operator), retention=Retention(expired=timedelta(days=1)))
    dba.execute("vacuum full authority.tokens")
    ((kept, _, size_now),) = dba.execute(_COUNT.encode()).fetchall()
    return _Line(f"{days} days", tokens, with_family, kept, size, size_now)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.families: {error}", file=sys.stderr)
        sys.exit(2)
