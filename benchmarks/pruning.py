"""`python -m benchmarks.pruning`: how fast batches delete, at the start and the end.

Exits with 1 when the last batches take more than 1.5 times the processor time with kept
rows than without, and with 2 when there is no server.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Store
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.resources import MIGRATIONS
from authority_queries.service._sync.pruning import ROLE, prune
from authority_queries.service.retention import StepName
from benchmarks.machine import machine
from benchmarks.rows import insert_rows

_LIMIT: Final = 1.5
_OVER: Final = 50_000
_KEPT: Final = 200_000
_FEW: Final = 10
_HEADERS: Final = (
    "step",
    "kept beside",
    "snapshot",
    "rows/s",
    "first CPU ms",
    "last CPU ms",
    "last to first",
)
_FORMATS: Final = ("", "", "", ".0f", ".1f", ".1f", ".2f")

# Kept for reuse detection: redeemed refresh tokens in live families.
_INSERT_KEPT: Final = """
with families as (
    insert into authority.authorizations
    (tenant_id, client_uuid, tokens_expire_at, created_at)
    select tenant_id, id, now() + interval '30 days', now() - interval '90 days'
    from authority.clients, generate_series(1, 1000)
    returning tenant_id, id, client_uuid
)

insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, authorization_id, redeemed_at,
    redemption_hash, expires_at, created_at, authenticated_at
)
select
    tenant_id, 'refresh', sha256(uuid_send(gen_random_uuid())), client_uuid, id,
    now() - interval '1 day', sha256('1'), now() + interval '10 days',
    now() - interval '20 days', now() - interval '20 days'
from families, generate_series(1, %(kept)s / 1000)
"""

_INSERT_OVER: Final[dict[StepName, str]] = {
    "tokens": """
insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, expires_at, created_at, authenticated_at
)
select
    tenant_id, 'access', sha256(uuid_send(gen_random_uuid())), id,
    now() - numbers.n * interval '1 second' - interval '2 days',
    now() - interval '30 days', now() - interval '30 days'
from authority.clients, generate_series(1, %(over)s) as numbers (n)
""",
    "refresh_tokens": """
with family as (
    insert into authority.authorizations
    (tenant_id, client_uuid, tokens_expire_at, created_at)
    select tenant_id, id, now() + interval '30 days', now() - interval '90 days'
    from authority.clients
    returning tenant_id, id, client_uuid
)

insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, authorization_id, redeemed_at,
    redemption_hash, expires_at, created_at, authenticated_at
)
select
    tenant_id, 'refresh', sha256(uuid_send(gen_random_uuid())), client_uuid, id,
    now() - interval '20 days', sha256('1'),
    now() - numbers.n * interval '1 second' - interval '3 days',
    now() - interval '30 days', now() - interval '30 days'
from family, generate_series(1, %(over)s) as numbers (n)
""",
    "authorizations": """
with families as (
    insert into authority.authorizations
    (tenant_id, client_uuid, tokens_expire_at, created_at)
    select
        tenant_id, id, now() - numbers.n * interval '1 second' - interval '2 days',
        now() - interval '90 days'
    from authority.clients, generate_series(1, %(over)s) as numbers (n)
    returning tenant_id, id, client_uuid
)

insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, authorization_id, redeemed_at,
    redemption_hash, expires_at, created_at, authenticated_at
)
select
    tenant_id, 'refresh', sha256(uuid_send(gen_random_uuid())), client_uuid, id,
    now() - interval '40 days', sha256('1'), now() - interval '2 days',
    now() - interval '41 days', now() - interval '41 days'
from families, generate_series(1, 3)
""",
}


class _Line(NamedTuple):
    """A line of the table."""

    step: str
    kept: int
    snapshot: str
    per_second: float
    first: float
    last: float
    ratio: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pruning", description=__doc__
    )
    parser.add_argument(
        "--server",
        metavar="CONNINFO",
        help="server to measure on (default: embedded)",
    )
    server = parser.parse_args(arguments).server
    lines: list[_Line] = []
    for kept in (0, _KEPT):
        with throwaway_database([MIGRATIONS], server) as database:
            if not lines:
                print(machine(database), end="\n\n")
            lines += _measured(database, kept)
    print(f"Pruning {_OVER:,} rows, 1,000 a batch; CPU ms, median of {_FEW} batches:")
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")
    alone, beside = (
        next(line.last for line in lines if line[:3] == ("tokens", kept, "new"))
        for kept in (0, _KEPT)
    )
    ratio = beside / alone
    print(f"last batches beside kept rows to none: {ratio:.2f}; allowed: {_LIMIT}")
    return 1 if ratio > _LIMIT else 0


def _measured(database: str, kept: int) -> list[_Line]:
    lines = []
    with psycopg.connect(database, autocommit=True) as dba:
        insert_rows(dba)
        if kept:
            dba.execute(_INSERT_KEPT, {"kept": kept})
        for step, insert in _INSERT_OVER.items():
            for snapshot in ("new", "old"):
                dba.execute(insert.encode(), {"over": _OVER})
                dba.execute("vacuum analyze")
                with ExitStack() as stack:
                    if snapshot == "old":
                        # As pg_dump's: vacuum removes no row that is deleted later.
                        reader = stack.enter_context(psycopg.connect(database))
                        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                        reader.execute("select count(*) from authority.tenants")
                    lines.append(_line(database, step, kept, snapshot))
    return lines


def _line(database: str, step: StepName, kept: int, snapshot: str) -> _Line:
    with psycopg.connect(
        make_conninfo(database, options=f"-c role={ROLE}"), autocommit=True
    ) as connection:
        spent = _processor_time_of(connection.info.backend_pid)
        told = [spent()]
        report = prune(
            Store(connection), only=[step], progress=lambda _: told.append(spent())
        )
    if report.rows != _OVER:
        message = f"{report.rows} rows of {_OVER} were pruned: nothing to compare"
        raise RuntimeError(message)
    # Without the last batch, which finds no rows.
    batches = [end - begin for begin, end in pairwise(told)][:-1]
    first, last = median(batches[:_FEW]), median(batches[-_FEW:])
    speed = report.rows / report.steps[0].seconds
    return _Line(step, kept, snapshot, speed, first, last, last / first)


def _processor_time_of(backend_pid: int) -> Callable[[], float]:
    """Return the server process's processor milliseconds, on this Linux machine."""
    schedstat = Path(f"/proc/{backend_pid}/schedstat")
    return lambda: int(schedstat.read_text().split()[0]) / 1e6


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.pruning: {error}", file=sys.stderr)
        sys.exit(2)
