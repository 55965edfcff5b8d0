"""A throwaway database with believable rows, and a session that plans as a service."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.plans.layout import CATALOGUE
from authority_queries.codegen.throwaway import throwaway_database

# Before 17 EXPLAIN writes a subquery's result as $1, as if it were a parameter.
_OLDEST: Final = 17
# ANALYZE reads 300 rows for each: all 300,000 and fewer, so that no sample is random.
_STATISTICS_TARGET: Final = 1000


@contextmanager
def planning_session(
    *, migrations: Sequence[Path], sample: Path, role: str | None, server: str | None
) -> Iterator[psycopg.Connection[object]]:
    """Give a session on a new database with these rows, that acts as the role.

    A role that no migration makes is made for the time of the block, with the right to
    read and write every table. Raises GenerationError and what throwaway_database does.
    """
    with throwaway_database(migrations, server) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            _refuse_old(connection)
            _fill(connection, sample)
        # A new session: one that has the database's own settings only.
        with (
            psycopg.connect(conninfo, autocommit=True) as connection,
            _acting_as(connection, role),
        ):
            CATALOGUE.rows(connection, "pin_planner")
            yield connection


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
    # Of the database, so that an autovacuum that comes along reads all rows too.
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


@contextmanager
def _acting_as(
    connection: psycopg.Connection[object], role: str | None
) -> Iterator[None]:
    if role is None:
        yield
        return
    name = Identifier(role)
    is_new = not CATALOGUE.rows(connection, "get_role", role=role)
    try:
        if is_new:
            _make(connection, name)
        connection.execute(SQL("set role {}").format(name))
    except psycopg.Error as error:
        message = f"cannot act as the role {role}: {error.diag.message_primary}"
        raise GenerationError(message) from error
    try:
        yield
    finally:
        connection.execute("reset role")
        if is_new:
            connection.execute(SQL("drop owned by {}").format(name))
            connection.execute(SQL("drop role {}").format(name))


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
