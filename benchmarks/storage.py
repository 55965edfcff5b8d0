"""`python -m benchmarks.storage`: the share of HOT updates, and the size of tables.

Exits with 1 when fewer of a table's updates are HOT than its limit, with 2 when there
is nothing to measure on.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal
from tabulate import tabulate

from authority_queries import Store
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.resources import MIGRATIONS
from benchmarks.machine import machine
from benchmarks.rows import insert_rows
from benchmarks.storage_work import WORK, Site

# The least share of HOT updates, as the tables are migrated.
_LIMITS: Final[Mapping[str, float]] = {
    "tokens": 0.9,
    "login_throttles": 0.5,
    "pushed_requests": 0.95,
}
_CANDIDATES: Final = (100, 90, 80, 70)
_HEADERS: Final = ("table", "fillfactor", "updates", "HOT", "rows", "kB", "indexes kB")
_FORMATS: Final = ("", "", "", ".0%", "", "", "")
# As the throttles were when each check changed an index.
_INDEX: Final = "create index on authority.login_throttles (drains_at)"
_UPDATED: Final = [*chain.from_iterable(WORK.values())]
_STATE: Final = """
select
    coalesce(
        (
            select option_value from pg_options_to_table(pg_class.reloptions)
            where option_name = 'fillfactor'
        ),
        '100'
    ) as fillfactor,
    n_tup_upd,
    n_tup_hot_upd,
    pg_table_size(relid),
    pg_indexes_size(relid),
    (select count(*) from {}) as live_rows
from pg_stat_user_tables
inner join pg_class on relid = pg_class.oid
where schemaname = 'authority' and pg_stat_user_tables.relname = %s
"""
# When autovacuum would come.
_IS_DUE: Final = """
select
    n_dead_tup > 50 + n_live_tup * coalesce(
        (
            select option_value::float8 from pg_options_to_table(pg_class.reloptions)
            where option_name = 'autovacuum_vacuum_scale_factor'
        ),
        0.2
    )
from pg_stat_user_tables
inner join pg_class on relid = pg_class.oid
where schemaname = 'authority' and pg_stat_user_tables.relname = %s
"""


class _Line(NamedTuple):
    """What one table was like after its work."""

    table: str
    fillfactor: str
    updates: int
    hot: float
    rows: int
    size: int
    index_size: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.storage", description=__doc__
    )
    parser.add_argument(
        "--server", metavar="CONNINFO", help="where to measure (else embedded)"
    )
    parser.add_argument(
        "--candidates", action="store_true", help="try other fillfactors first"
    )
    given = parser.parse_args(arguments)
    with throwaway_database([MIGRATIONS], given.server) as database:
        print(machine(database), end="\n\n")
    if given.candidates:
        lines = chain.from_iterable(
            _measured(given.server, fillfactor) for fillfactor in _CANDIDATES
        )
        by_table = sorted(lines, key=lambda line: _UPDATED.index(line.table))
        _show("One fillfactor for all tables:", by_table)
    before = _measured(given.server, is_before=True)
    _show("Before: no storage parameters, an index of drains_at:", before)
    after = _measured(given.server)
    _show("After, as migrated:", after)
    low = [line.table for line in after if line.hot < _LIMITS.get(line.table, 0)]
    print(f"fewer HOT updates than allowed: {', '.join(low) or 'none'}")
    return 1 if low else 0


def _show(title: str, lines: Iterable[_Line]) -> None:
    print(title)
    print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS), end="\n\n")


def _measured(
    server: str | None, fillfactor: int | None = None, *, is_before: bool = False
) -> list[_Line]:
    """Work on new tables, and look at them."""
    with (
        throwaway_database([MIGRATIONS], server) as database,
        psycopg.connect(database, autocommit=True) as dba,
    ):
        for table in _UPDATED:
            _set_up(dba, table, fillfactor, is_before=is_before)
        if is_before:
            dba.execute(_INDEX.encode())
        site = _site(dba)
        for work in WORK:
            site.pass_time(0)
            work(site)
        return [_line(dba, table) for table in _UPDATED]


def _set_up(
    dba: Connection[Any], table: str, fillfactor: int | None, *, is_before: bool
) -> None:
    """Set the table's fillfactor. Only this benchmark vacuums it."""
    name = Identifier("authority", table)
    dba.execute(SQL("alter table {} set (autovacuum_enabled = off)").format(name))
    if is_before:
        reset = "alter table {} reset (fillfactor, autovacuum_vacuum_scale_factor)"
        dba.execute(SQL(reset).format(name))
    if fillfactor is not None:
        change = SQL("alter table {} set (fillfactor = {})")
        dba.execute(change.format(name, Literal(fillfactor)))


def _site(dba: Connection[Any]) -> Site:
    rows = insert_rows(dba)
    dba.execute("truncate authority.tokens")
    users = dba.execute("select id from authority.users").fetchall()
    return Site(
        connection=dba,
        store=Store(dba),
        tenant_id=rows.tenant_id,
        client_uuid=rows.client_uuid,
        user_ids=tuple(user_id for (user_id,) in users),
        vacuum=lambda: _vacuum(dba),
    )


def _vacuum(dba: Connection[Any]) -> None:
    """Vacuum the tables that autovacuum would vacuum now."""
    dba.execute("select pg_stat_force_next_flush()")
    for table in _UPDATED:
        if dba.execute(_IS_DUE, [table]).fetchone() == (True,):
            name = Identifier("authority", table)
            dba.execute(SQL("vacuum (truncate off) {}").format(name))


def _line(dba: Connection[Any], table: str) -> _Line:
    dba.execute("select pg_stat_force_next_flush()")
    state = SQL(_STATE).format(Identifier("authority", table))
    ((fillfactor, updates, hot, size, index_size, rows),) = dba.execute(
        state, [table]
    ).fetchall()
    share = hot / updates if updates else 0.0
    return _Line(
        table, fillfactor, updates, share, rows, size // 1024, index_size // 1024
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.storage: {error}", file=sys.stderr)
        sys.exit(2)
