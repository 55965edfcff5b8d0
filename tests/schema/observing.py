"""Applies a migration statement by statement, and observes what a live system would.

It looks at locks, files of tables, PostgreSQL's own messages and changed rows. It reads
no SQL, so a DO block or a procedure hides nothing.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.errors import ActiveSqlTransaction
from yoyo.migrations import read_sql_migration

from authority_queries.service.migration_books import safe_conninfo

# What PostgreSQL reports with client_min_messages = debug1: it reads a whole table.
_SCANS: Final = re.compile(
    r'verifying table "(?P<verified>.+)"'
    r'|building index "(?P<index>.+)" on table "(?P<indexed>.+)" (?:serially|with )'
    r'|validating foreign key constraint "(?P<fk>.+)"'
)
_RELATIONS: Final = """
select
    pg_class.oid,
    pg_class.relname::text as name,
    coalesce(pg_partition_root(pg_class.oid), pg_class.oid)::regclass::text as root,
    pg_class.relkind::text as kind,
    pg_class.relfilenode as file,
    exists (
        select from pg_policy
        where
            pg_policy.polrelid = pg_class.oid
            and pg_get_expr(pg_policy.polqual, pg_class.oid)
            like '%authority.tenant_id%'
    ) as is_isolated
from pg_class
where
    pg_class.relnamespace = to_regnamespace('authority')
    and pg_class.relkind in ('r', 'p', 'v', 'i', 'I')
"""
_LOCKS: Final = """
select pg_locks.relation, pg_locks.mode
from pg_locks
where pg_locks.pid = pg_backend_pid() and pg_locks.locktype = 'relation'
"""
_ROWS: Final = """
select
    relid,
    pg_stat_get_xact_tuples_inserted(relid) as inserted,
    pg_stat_get_xact_tuples_updated(relid)
    + pg_stat_get_xact_tuples_deleted(relid) as changed
from unnest(%s::oid[]) as relid
"""
_TIMEOUT: Final = "select setting::integer from pg_settings where name = 'lock_timeout'"
_CHANGING: Final = {"INSERT", "UPDATE", "DELETE", "MERGE"}
# The body of a function locks the tables that it names when it is created, too.
_DEFINING: Final = {"CREATE", "ALTER"}
_WRITES: Final = "RowExclusiveLock"
# The table of a foreign key, and whether row-level security hides rows from whoever
# validates it: PostgreSQL reads them as the owner of the tables.
_REFERENCING: Final = """
select
    pg_constraint.conrelid,
    not (pg_roles.rolsuper or pg_roles.rolbypassrls)
    and exists (
        select from pg_class
        where
            pg_class.oid in (pg_constraint.conrelid, pg_constraint.confrelid)
            and pg_class.relrowsecurity and pg_class.relforcerowsecurity
    ) as is_hidden
from pg_constraint
cross join pg_roles
where pg_constraint.conname = %s and pg_roles.rolname = current_user
"""


@dataclass(frozen=True)
class Relation:
    """A table, a view or an index that existed before the migration."""

    oid: int
    name: str
    root: str
    kind: str
    file: int
    is_isolated: bool


@dataclass
class Observed:
    """What one statement did to relations that existed before the migration.

    `locks` are all that the transaction holds after it, by relation: `authority.users`,
    or the partitioned table. `tag` is PostgreSQL's, such as `UPDATE 0`. `scans` has a
    reason for each table that was read whole.
    `written` are tables that this statement locked as an insert, update or delete does.
    `unproved` are foreign keys that were validated without seeing all rows.
    """

    sql: str
    tag: str = ""
    locks: Mapping[str, set[str]] = field(default_factory=dict)
    scans: dict[str, str] = field(default_factory=dict)
    rewritten: set[str] = field(default_factory=set)
    inserted: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    isolated: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    unproved: set[str] = field(default_factory=set)
    lock_timeout: int = 0
    is_concurrent: bool = False


def observe(conninfo: str, file: Path) -> list[Observed]:
    """Apply the migration, and return what each statement did. Marks nothing."""
    directives, _, statements = read_sql_migration(str(file))
    is_whole = directives.get("transactional", "true") != "false"
    with closing(psycopg.connect(safe_conninfo(conninfo))) as connection:
        observer = _Observer(connection)
        return [*observer.run(statements, is_whole=is_whole)]


class _Observer:
    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        connection.execute("set lc_messages = 'C'")
        connection.execute("set client_min_messages = debug1")
        connection.execute("set authority.is_throwaway = on")  # no books of yoyo's
        connection.commit()
        self._said: list[str] = []
        connection.add_notice_handler(
            lambda said: self._said.append(said.message_primary or "")
        )
        self._before = self._relations()
        self._files = {oid: one.file for oid, one in self._before.items()}
        self._written = dict.fromkeys(self._before, (0, 0))
        self._writing: set[str] = set()
        connection.commit()

    def run(self, statements: list[str], *, is_whole: bool) -> Iterator[Observed]:
        for sql in statements:
            self._said.clear()
            try:
                done = self._connection.execute(sql.encode()).statusmessage or ""
            except ActiveSqlTransaction:
                # `concurrently`: the statement has transactions of its own.
                self._connection.rollback()
                self._connection.autocommit = True
                self._connection.execute(sql.encode())
                self._connection.autocommit = False
                yield Observed(sql=sql, is_concurrent=True)
                self._files |= {o: r.file for o, r in self._relations().items()}
                continue
            yield self._look(Observed(sql=sql, tag=done))
            if not is_whole:
                self._commit()
        self._commit()

    def _commit(self) -> None:
        self._connection.commit()
        self._written = dict.fromkeys(self._before, (0, 0))
        self._writing = set()

    def _relations(self) -> dict[int, Relation]:
        rows = self._connection.execute(_RELATIONS.encode()).fetchall()
        return {row[0]: Relation(*row) for row in rows}

    def _look(self, seen: Observed) -> Observed:
        locks: dict[str, set[str]] = {}
        for oid, mode in self._connection.execute(_LOCKS).fetchall():
            one = self._before.get(oid)
            if one is not None and one.kind in "rpv":
                locks.setdefault(one.root, set()).add(mode)
        seen.locks = locks
        writing = {name for name, modes in locks.items() if _WRITES in modes}
        kind, *_, count = [*seen.tag.split(), ""]
        if kind in _CHANGING and count == "0":
            seen.written = writing
        elif kind not in _DEFINING:
            seen.written = writing - self._writing
        self._writing = writing
        [(seen.lock_timeout,)] = self._connection.execute(_TIMEOUT).fetchall()
        self._look_at_files(seen)
        self._look_at_rows(seen)
        self._look_at_scans(seen)
        return seen

    def _look_at_files(self, seen: Observed) -> None:
        for oid, one in self._relations().items():
            if self._files.get(oid, one.file) != one.file:
                seen.rewritten.add(self._before[oid].name)
            self._files[oid] = one.file

    def _look_at_rows(self, seen: Observed) -> None:
        tables = [oid for oid, one in self._before.items() if one.kind in "rp"]
        for oid, inserted, changed in self._connection.execute(_ROWS, [tables]):
            one = self._before[oid]
            before = self._written[oid]
            self._written[oid] = (inserted, changed)
            name = one.root
            seen.inserted[name] = seen.inserted.get(name, 0) + inserted - before[0]
            seen.changed[name] = seen.changed.get(name, 0) + changed - before[1]
            if one.is_isolated:
                seen.isolated.add(name)

    def _look_at_scans(self, seen: Observed) -> None:
        by_name = {one.name: one for one in self._before.values()}
        for said in [*self._said]:
            if (found := _SCANS.match(said)) is None:
                continue
            if found["fk"]:
                rows = self._connection.execute(_REFERENCING, [found["fk"]]).fetchall()
                # A new partition has the foreign key of its parent.
                is_new = any(oid not in self._before for oid, _ in rows)
                tables = [] if is_new else [self._before[oid] for oid, _ in rows]
                why = f"to validate {found['fk']}"
                if not is_new and any(is_hidden for _, is_hidden in rows):
                    seen.unproved.add(found["fk"])
            else:
                name = found["verified"] or found["indexed"]
                tables = [by_name[name]] if name in by_name else []
                why = f"to build {found['index']}" if found["index"] else "to verify it"
            for one in tables:
                seen.scans[one.root] = why
