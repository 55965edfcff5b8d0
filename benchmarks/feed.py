"""`python -m benchmarks.feed`: what the feed that writes itself costs.

The same calls on a database without the triggers, on one with them and the setting
`authority.feed = silent`, and on that one with hints. Rounds of the three take turns,
on a server that waits for its disk.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from threading import Barrier
from time import perf_counter
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from tabulate import tabulate

from authority_queries import migrate
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.folders import temporary_folder
from benchmarks.feed_tenants import FeedTenant, open_tenant
from benchmarks.machine import machine

# Not /tmp, which may be in memory.
_DISK: Final = Path("/var/tmp")  # noqa: S108 -- the folder in it is made by tempfile
_ROUNDS: Final = 11
_CALLS: Final = 40  # a way, a round
_TENANTS: Final = 8
_SIGN_OUTS: Final = 50  # a caller, a round
_BULK: Final = 10_000
# A tenant.
_FAMILIES: Final = (_ROUNDS + 1) * (4 * _CALLS + (_TENANTS + 2) * _SIGN_OUTS)

_TRIGGERS: Final = """
select tgrelid::regclass::text, tgname from pg_trigger where tgname like '%\\_feed'
"""
_REVOKE: Final = """
update authority.tokens set revoked_at = authority.clock(), revocation_reason = 'bulk'
from (
    select tenant_id, id from authority.tokens
    where type = 'access' and revoked_at is null
    order by tenant_id limit %(size)s
) as chosen
where tokens.tenant_id = chosen.tenant_id and tokens.id = chosen.id
"""

_WAYS: Final = ("without", "silent", "hints")


def main() -> int:
    """Measure, and print the tables."""
    with (
        temporary_folder(_DISK) as folder,
        running_embedded_server(folder / "data") as parameters,
        ExitStack() as stack,
    ):
        server = make_conninfo("", **parameters)
        without, published = (_database(server, name) for name in ("bare", "feed"))
        _drop_triggers(without)
        databases = (without, published, published)
        print(machine(server))
        ways = [
            [
                open_tenant(stack, database, f"{way}-{number}", _FAMILIES)
                for number in range(_TENANTS)
            ]
            for way, database in zip(_WAYS, databases, strict=True)
        ]
        for database in (without, published):
            with psycopg.connect(database, autocommit=True) as dba:
                dba.execute("vacuum analyze")
        _print_calls([tenants[0] for tenants in ways])
        _print_rates(ways)
        _print_bulk(without, published)
    return 0


def _database(server: str, name: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("create database {}").format(Identifier(name)))
    database = make_conninfo(server, dbname=name)
    migrate(database)
    return database


def _drop_triggers(database: str) -> None:
    with psycopg.connect(database) as dba:
        for table, name in dba.execute(_TRIGGERS).fetchall():
            drop = SQL("drop trigger {} on {}")
            dba.execute(drop.format(Identifier(name), Identifier(*table.split("."))))


def _print_calls(tenants: list[FeedTenant]) -> None:
    """Print the time of each call, by one tenant. No commit waits for the disk."""
    for tenant in tenants:
        tenant.connection.execute("set synchronous_commit = off")
    calls: dict[str, Callable[[FeedTenant], None]] = {
        "refresh": FeedTenant.refresh,
        "refresh, then reuse": FeedTenant.reuse,
        "users.revoke_tokens": FeedTenant.sign_out_everywhere,
        "tokens.revoke of a refresh token": FeedTenant.sign_out,
    }
    lines = []
    for name, call in calls.items():
        rounds = [
            [_seconds(call, tenant) for tenant in tenants] for _ in range(_ROUNDS + 1)
        ][1:]
        micros = [median(column) * 1e6 for column in zip(*rounds, strict=True)]
        lines.append((name, *micros))
    by_hand = [
        _seconds(FeedTenant.sign_out_by_hand, tenants[0]) for _ in range(_ROUNDS)
    ]
    lines.append(("the same, published by hand", median(by_hand) * 1e6))
    print(f"\none caller, {_ROUNDS} rounds of {_CALLS} calls, median µs a call")
    print(tabulate(lines, ("call", *_WAYS), floatfmt=".0f"))
    for tenant in tenants:
        tenant.connection.execute("reset synchronous_commit")


def _seconds(call: Callable[[FeedTenant], None], tenant: FeedTenant) -> float:
    started = perf_counter()
    for _ in range(_CALLS):
        call(tenant)
    return (perf_counter() - started) / _CALLS


def _print_rates(ways: list[list[FeedTenant]]) -> None:
    callers = {
        "1 in 1 tenant": [way[:1] for way in ways],
        f"{_TENANTS} in {_TENANTS} tenants": ways,
        f"{_TENANTS} in 1 tenant": [
            [way[0].another() for _ in range(_TENANTS)] for way in ways
        ],
    }
    lines = []
    for name, peers in callers.items():
        rounds = [[_rate(peer) for peer in peers] for _ in range(_ROUNDS)]
        lines.append((name, *map(median, zip(*rounds, strict=True))))
    print(f"\nfsync on, {_ROUNDS} rounds of {_SIGN_OUTS} sign-outs each, median /s")
    print(tabulate(lines, ("callers that sign out", *_WAYS), floatfmt=".0f"))


def _rate(tenants: list[FeedTenant]) -> float:
    """Return the sign-outs per second."""
    start = Barrier(len(tenants) + 1)

    def sign_out_all(tenant: FeedTenant) -> None:
        start.wait()
        for _ in range(_SIGN_OUTS):
            tenant.sign_out()

    with ThreadPoolExecutor(len(tenants)) as threads:
        running = [threads.submit(sign_out_all, tenant) for tenant in tenants]
        start.wait()
        started = perf_counter()
        for each in running:
            each.result()
        return len(tenants) * _SIGN_OUTS / (perf_counter() - started)


def _print_bulk(*databases: str) -> None:
    """Print the time of statements by hand that end many tokens."""
    lines = []
    for size in (_BULK // 10, _BULK):
        seconds = []
        for database in databases:
            with psycopg.connect(database, autocommit=True) as dba:
                started = perf_counter()
                dba.execute(_REVOKE, {"size": size})
                seconds.append(perf_counter() - started)
        lines.append((size, *seconds))
    headers = ("access tokens revoked by one statement", "without s", "hints s")
    print()
    print(tabulate(lines, headers, floatfmt=".2f"))


if __name__ == "__main__":
    sys.exit(main())
