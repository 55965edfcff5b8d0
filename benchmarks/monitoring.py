"""`python -m benchmarks.monitoring`: how long the queries of `authority stats` take.

Exits with 1 when a query takes more than a second.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Store
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.resources import MIGRATIONS, QUERIES
from authority_queries.service.retention import Retention
from benchmarks.machine import machine

_LIMIT: Final = 1.0  # seconds
_RUNS: Final = 5
_SAMPLE: Final = QUERIES.parent / "schema" / "sample.sql"

# Each of these is due, recent or waiting, so that every count reaches its limit.
_INSERT: Final = """
insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, expires_at, created_at, authenticated_at
)
select
    clients.tenant_id, 'access', sha256(uuid_send(gen_random_uuid())), clients.id,
    now() - numbers.n * interval '1 second' - interval '2 days',
    now() - interval '30 days', now() - interval '30 days'
from (select tenant_id, id from authority.clients limit 1) as clients,
    generate_series(1, 100000) as numbers (n);
insert into authority.used_jtis (
    tenant_id, kind, issuer, jti_hash, expires_at, created_at
)
select
    tenants.id, 'client_assertion', 'app', sha256(uuid_send(gen_random_uuid())),
    now() - numbers.n * interval '1 second' - interval '2 days',
    now() - numbers.n * interval '1 second' - interval '49 hours'
from (select id from authority.tenants limit 1) as tenants,
    generate_series(1, 100000) as numbers (n);
insert into authority.login_attempts (tenant_id, username, outcome, created_at)
select
    tenants.id, 'ann', 'failed', now() - (200000 - numbers.n) * interval '1 second'
from (select id from authority.tenants limit 1) as tenants,
    generate_series(1, 200000) as numbers (n);
insert into authority.audit_events (tenant_id, action, actor_kind, created_at)
select
    tenants.id, 'report.viewed', 'login',
    now() - (100000 - numbers.n) * interval '1 second'
from (select id from authority.tenants limit 1) as tenants,
    generate_series(1, 100000) as numbers (n);
insert into authority.revocation_sequences (tenant_id, last_sequence)
select tenants.id, 1000000 from authority.tenants on conflict do nothing;
"""


def main() -> int:
    """Print the table. Return 1 when a query is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", help="a server's connection string")
    arguments = parser.parse_args()
    with throwaway_database([MIGRATIONS], server=arguments.server) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as dba:
            dba.execute(_SAMPLE.read_bytes())
            dba.execute(_INSERT.encode())
            dba.execute("vacuum analyze")
            rows = _count(dba)
        print(machine(conninfo))
        reader = make_conninfo(conninfo, options="-c role=authority_reader")
        with psycopg.connect(reader, autocommit=True) as connection:
            times = _measure(Store(connection))
    print(f"{rows:,} rows\n")
    print(
        tabulate(
            [(name, seconds * 1000) for name, seconds in times.items()],
            headers=("query", "ms"),
            floatfmt=".1f",
        )
    )
    print(f"\ntogether {sum(times.values()) * 1000:.0f} ms")
    return int(max(times.values()) > _LIMIT)


def _measure(store: Store) -> dict[str, float]:
    """Return the median time of each query in seconds."""
    monitoring, kept = store.monitoring, Retention()
    calls: dict[str, Callable[[], object]] = {
        "get_database": monitoring.get_database,
        "list_tables": monitoring.list_tables,
        "list_indexes": monitoring.list_indexes,
        "list_partitions": monitoring.list_partitions,
        "list_connections": monitoring.list_connections,
        "list_horizons": monitoring.list_horizons,
        "list_backlogs": lambda: monitoring.list_backlogs(
            kept_expired=kept.expired,
            kept_consents=kept.consents,
            kept_usage=kept.usage,
        ),
        "list_work": lambda: monitoring.list_work(recent=timedelta(minutes=5)),
        "list_tenants": monitoring.list_tenants,
    }
    return {
        name: median(_time(call) for _ in range(_RUNS)) for name, call in calls.items()
    }


def _time(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def _count(dba: "psycopg.Connection[tuple[object, ...]]") -> int:
    row = dba.execute(
        "select sum(greatest(reltuples, 0))::bigint from pg_class "
        "where relnamespace = 'authority'::regnamespace and relkind = 'r'"
    ).fetchone()
    return int(str(row[0])) if row else 0


if __name__ == "__main__":
    sys.exit(main())
