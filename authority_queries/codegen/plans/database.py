"""A throwaway database with sample rows, and a session that switches roles."""

import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from authority_queries.codegen import throwaway
from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.plans.layout import CATALOGUE
from authority_queries.codegen.template_key import template_key
from authority_queries.service.migrations import migrate_plainly

# Before 17 EXPLAIN writes a subquery's result as $1, like a parameter.
_OLDEST: Final = 17
# ANALYZE reads 300 rows for each: all 300,000 and fewer, so that no sample is random.
_STATISTICS_TARGET: Final = 1000
_FREEZE_CLOCK: Final = Path(__file__).with_name("freeze_clock.sql")
# Ways to read the running clock that a function of the session cannot replace: SQL's
# keywords, functions of PostgreSQL's that call it, and literals.
_READS_RUNNING_CLOCK: Final = re.compile(
    r"\b(current_(date|time|timestamp)|localtime(stamp)?)\b|\bage\s*\("
    r"|'\s*(now|today|tomorrow|yesterday)\b",
    re.I,
)
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlanningSession:
    """A session that switches roles.

    `made` are the roles that no migration creates. Each was created when it was first
    needed, with the privilege to read and write every table.
    """

    connection: psycopg.Connection[object]
    made: list[Identifier] = field(default_factory=list)

    @contextmanager
    def acting_as(self, role: str | None) -> Iterator[None]:
        """Switch to the role during the block; None and `none` stay with the login.

        Raises psycopg.Error.
        """
        if role in {None, "none"}:
            yield
            return
        name = Identifier(role)
        if not CATALOGUE.rows(self.connection, "get_role", role=role):
            with self.connection.transaction():
                _make(self.connection, name)
            self.made.append(name)
        self.connection.execute(SQL("set role {}").format(name))
        try:
            yield
        finally:
            self.connection.execute("reset role")

    @contextmanager
    def altered(self, statements: Sequence[str]) -> Iterator[None]:
        """Alter the schema during the block. Raises psycopg.Error."""
        with self.connection.transaction(force_rollback=True):
            for statement in statements:
                self.connection.execute(statement.encode())
            yield

    def drop_made_roles(self) -> None:
        """Drop the roles, which belong to the server and outlive the database."""
        while self.made:
            name = self.made.pop()
            self.connection.execute(SQL("drop owned by {}").format(name))
            self.connection.execute(SQL("drop role {}").format(name))


@contextmanager
def planning_session(
    *,
    migrations: Sequence[Path],
    sample: Path,
    server: str | None,
    queries: Sequence[str] = (),
) -> Iterator[PlanningSession]:
    """Return a session on a database with these rows, to plan these queries in.

    An embedded server's rows are kept from run to run, if the clock can be stopped.
    Raises GenerationError and what throwaway_database does.
    """
    key = None
    if server is None and _can_stop_clock(migrations, queries):
        key = _key(migrations, sample)
    prepare = partial(_prepare, migrations, sample, freeze=key is not None)
    with (
        throwaway.prepared_database(prepare, key=key, server=server) as conninfo,
        # A new session has the database's settings only.
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        CATALOGUE.rows(connection, "pin_planner")
        session = PlanningSession(connection)
        try:
            yield session
        finally:
            session.drop_made_roles()


def _key(migrations: Sequence[Path], sample: Path) -> str | None:
    code = [sys.modules[__name__], throwaway]
    return template_key([*migrations, sample, _FREEZE_CLOCK], code)


def _prepare(
    migrations: Sequence[Path], sample: Path, conninfo: str, *, freeze: bool
) -> None:
    """Apply the migrations and insert the rows, with the clock stopped if asked."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        _refuse_old(connection)
        if freeze:
            connection.execute(_FREEZE_CLOCK.read_bytes())
    _LOG.info("applying the migrations")
    migrate_plainly(conninfo, migrations)
    _LOG.info("inserting the rows of %s", sample.name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        _fill(connection, sample)


def _can_stop_clock(migrations: Sequence[Path], queries: Sequence[str]) -> bool:
    """Return whether all of this reads the clock by functions that can be replaced."""
    scripts = (
        path.read_text(encoding="utf-8", errors="replace")
        for folder in migrations
        for path in folder.rglob("*.sql")
    )
    return not any(_READS_RUNNING_CLOCK.search(text) for text in (*queries, *scripts))


def _refuse_old(connection: psycopg.Connection[object]) -> None:
    version = connection.info.server_version // 10000
    if version < _OLDEST:
        message = (
            f"plans need PostgreSQL {_OLDEST} or newer, this server is {version}: "
            "name no server, to use the embedded one"
        )
        raise GenerationError(message)


def _fill(connection: psycopg.Connection[object], sample: Path) -> None:
    database = Identifier(connection.info.dbname)
    target = SQL("alter database {} set default_statistics_target = {}")
    # It is set for the database, so that autovacuum reads all rows too.
    connection.execute(target.format(database, _STATISTICS_TARGET))
    connection.execute(
        SQL("set default_statistics_target = {}").format(_STATISTICS_TARGET)
    )
    try:
        text = sample.read_bytes()
        connection.execute(text)
    except OSError as error:
        message = f"{sample}: cannot be read: {error.strerror}"
        raise GenerationError(message) from error
    except psycopg.Error as error:
        position = error.diag.statement_position
        before = text.decode(errors="replace")[: int(position or 1) - 1]
        line = before.count("\n") + 1
        message = f"{sample}:{line}: PostgreSQL says: {error.diag.message_primary}"
        raise GenerationError(message) from error
    connection.execute("vacuum (freeze, analyze)")


def _make(connection: psycopg.Connection[object], role: Identifier) -> None:
    connection.execute(SQL("create role {} nosuperuser nologin").format(role))
    grants: tuple[LiteralString, ...] = (
        "grant usage on schema {} to {}",
        "grant select, insert, update, delete on all tables in schema {} to {}",
        "grant usage on all sequences in schema {} to {}",
        "grant execute on all routines in schema {} to {}",
    )
    for row in CATALOGUE.rows(connection, "list_schemas"):
        for grant in grants:
            connection.execute(SQL(grant).format(Identifier(row.schema_name), role))
