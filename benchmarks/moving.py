"""`python -m benchmarks.moving`: how fast a tenant is dumped and loaded."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import monotonic, process_time
from typing import Final

import psycopg
from tabulate import tabulate

from authority_queries import Mover, Settings
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import yoyo_url
from benchmarks.machine import machine
from benchmarks.rows import Rows, insert_rows

_HEADERS: Final = (
    "step",
    "rows",
    "MB",
    "seconds",
    "rows/s",
    "CPU s",
    "rows/CPU s",
    "client MB",
)
_FORMATS: Final = ("", "", ".0f", ".1f", ".0f", ".1f", ".0f", ".0f")
_PID: Final = """
select pid from pg_stat_activity
where datname = current_database() and application_name = 'authority'
"""

_INSERT: Final = """
with families as (
    insert into authority.authorizations
    (tenant_id, client_uuid, user_id, scopes, tokens_expire_at)
    select %(tenant_id)s, %(client_uuid)s, users.id, '{openid,profile,email}',
        now() + interval '30 days'
    from authority.users, generate_series(1, %(tokens)s / 2000) as numbers (n)
    where users.tenant_id = %(tenant_id)s
    returning tenant_id, id, client_uuid, user_id, scopes
)

insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, user_id, authorization_id, scopes,
    expires_at, authenticated_at
)
select
    tenant_id, kinds.type, sha256(uuid_send(gen_random_uuid())), client_uuid, user_id,
    id, scopes, now() + interval '10 days', now()
from families, unnest(array['access', 'refresh']) as kinds (type),
    generate_series(1, 5)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.moving", description=__doc__
    )
    parser.add_argument("--tokens", type=int, default=200_000, metavar="COUNT")
    parser.add_argument("--server", metavar="CONNINFO", help="(default: embedded)")
    given = parser.parse_args(arguments)
    with (
        throwaway_database([MIGRATIONS], given.server) as source,
        throwaway_database([MIGRATIONS], given.server) as target,
        TemporaryDirectory() as folder,
    ):
        print(machine(source), end="\n\n")
        rows = _filled(source, given.tokens)
        file = Path(folder) / "dump"
        lines = [_dumped(source, rows, file), _loaded(target, file)]
    print(f"Moving a tenant with {given.tokens:,} tokens:")
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS))
    return 0


def _filled(conninfo: str, tokens: int) -> Rows:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        rows = insert_rows(connection)
        given = {
            "tenant_id": rows.tenant_id,
            "client_uuid": rows.client_uuid,
            "tokens": tokens,
        }
        connection.execute(_INSERT, given)
        connection.execute("vacuum analyze")
    return rows


def _settings(conninfo: str) -> Settings:
    return Settings(database_url=yoyo_url(conninfo))


def _dumped(conninfo: str, rows: Rows, file: Path) -> tuple[object, ...]:
    with Mover.open(_settings(conninfo)) as mover, file.open("w") as dump:
        mover.hold_tenant(rows.tenant_id)
        watch, count = _Watch(conninfo), 0
        for text in mover.dump_tenant(rows.tenant_id):
            count += text.count("\n[") + text.startswith("[")
            dump.write(text)
        return "dump", count, dump.tell() / 1e6, *watch.figures(count)


def _loaded(conninfo: str, file: Path) -> tuple[object, ...]:
    with Mover.open(_settings(conninfo)) as mover:
        watch = _Watch(conninfo)
        rows = mover.load_tenant(_lines(file)).rows
        return "load", rows, file.stat().st_size / 1e6, *watch.figures(rows)


def _lines(file: Path) -> Iterator[str]:
    with file.open() as dump:
        yield from dump


class _Watch:
    """Time by the clock, and processor time of this process and the server's."""

    def __init__(self, conninfo: str) -> None:
        with psycopg.connect(conninfo) as connection:
            ((pid,),) = connection.execute(_PID).fetchall()
        self._schedstat = Path(f"/proc/{pid}/schedstat")
        self._began, self._cpu = monotonic(), self._spent()

    def figures(self, rows: int) -> tuple[float, ...]:
        """Return the figures since the beginning, and the memory of this process."""
        seconds, cpu = monotonic() - self._began, self._spent() - self._cpu
        memory = getrusage(RUSAGE_SELF).ru_maxrss / 1024
        return seconds, rows / seconds, cpu, rows / cpu, memory

    def _spent(self) -> float:
        return process_time() + int(self._schedstat.read_text().split()[0]) / 1e9


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.moving: {error}", file=sys.stderr)
        sys.exit(2)
