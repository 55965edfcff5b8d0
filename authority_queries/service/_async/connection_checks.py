"""Checks the database of a new connection, and explains why connecting failed."""

from functools import cache
from pathlib import Path
from typing import Final

import psycopg
from psycopg import AsyncConnection, OperationalError
from psycopg import errors as sqlstate
from psycopg.conninfo import make_conninfo
from psycopg.pq import Ping

from authority_queries.engine.direct_connections import note_process
from authority_queries.errors import (
    AuthorityError,
    ConfigurationError,
    PermissionDeniedError,
    SchemaVersionError,
)
from authority_queries.queries import server
from authority_queries.records import SchemaVersion, ServerDescription
from authority_queries.resources import MIGRATIONS
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service.waiting import ping_async

_OWNER: Final = "pg_database_owner"
_TIMEOUT: Final = 2  # seconds to connect for a diagnosis
# What a database is that cannot name its version, by PostgreSQL's reason.
_UNUSABLE: Final[dict[type[Exception], str]] = {
    sqlstate.InvalidSchemaName: (
        "the database has no schema authority: run `authority migrate`"
    ),
    sqlstate.UndefinedFunction: (
        "the schema authority has no version: its migrations did not end, or another "
        "program made it: run `authority migrate`"
    ),
    PermissionDeniedError: (
        "the role may not use the schema authority, which was restored without its "
        "privileges, or which another program made: run `authority check --fix-hint`"
    ),
}


async def check_database(connection: AsyncServiceConnection) -> bool:
    """Check that this package works with the database. This is one trip.

    Returns whether no pooler is between. Raises SchemaVersionError, ConfigurationError.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        message = f"the database's encoding must be UTF8, not {encoding}"
        raise ConfigurationError(message)
    try:
        found = await server.get_schema_version_async(connection)
    except tuple(_UNUSABLE) as error:
        raise SchemaVersionError(_UNUSABLE[type(error)]) from error
    _check_version(found)
    return note_process(connection, found.process_id)


def _check_version(found: SchemaVersion) -> None:
    ours = newest_migration()
    if found.newest < ours:
        message = (
            f"the database is at migration {found.newest}, and this package needs "
            f"{ours}: run `authority migrate`"
        )
        raise SchemaVersionError(message)
    if ours < found.oldest_package:
        message = (
            f"the database is at migration {found.newest}, which allows packages from "
            f"{found.oldest_package} on, and this package is at {ours}: "
            "run `pip install --upgrade authority-queries`"
        )
        raise SchemaVersionError(message)


@cache
def newest_migration() -> str:
    """Return the id of the last migration in this package."""
    return max(
        path.stem
        for path in Path(MIGRATIONS).glob("*.sql")
        if not path.stem.endswith(".rollback")
    )


async def is_temporary(error: OperationalError, conninfo: str) -> bool:
    """Return whether a failure to connect may pass: the server admits no login now.

    The error's text decides nothing, because it is in the server's language.
    """
    if isinstance(error, sqlstate.ConnectionTimeout):
        return True
    failed = error.pgconn
    if failed is None:  # no such host
        return False
    asked = make_conninfo(
        conninfo,
        host=failed.host.decode() or None,
        hostaddr=failed.hostaddr.decode() or None,
        port=failed.port.decode() or None,
        connect_timeout=_TIMEOUT,
    )
    return await ping_async(asked) != Ping.OK


async def is_standby(conninfo: str) -> bool:
    """Return whether connecting succeeds when a standby is allowed, too."""
    try:
        connection = await AsyncConnection.connect(
            conninfo, target_session_attrs="any", connect_timeout=_TIMEOUT
        )
    except OperationalError:
        return False
    await connection.close()
    return True


async def explain_refusal(error: OperationalError, without_role: str, role: str) -> str:
    """Return why a connection that acts as `role` was refused, and what helps.

    `without_role` is the connection string that sets no role.
    """
    why = str(error)
    try:
        async with await AsyncConnection.connect(
            without_role, autocommit=True, connect_timeout=_TIMEOUT
        ) as connection:
            asker = await server.describe_async(connection)
    except (psycopg.Error, AuthorityError):
        if await is_standby(without_role):
            return f"{why}; to read from a standby, set target_session_attrs=any"
        return why  # PostgreSQL's reason: the password, the database
    advice = asker and _advice(asker, role)
    return f"{why}{advice}" if advice else why


def _advice(asker: ServerDescription, role: str) -> str | None:
    """Return what helps a login that may not act as `role`."""
    if role in asker.missing_roles and asker.has_schema:
        return (
            ": the database was restored without its roles. Create them, and restore "
            "it again: docs/backups.md"
        )
    if role in asker.missing_roles:
        return "; `authority migrate` creates the role"
    if role == _OWNER:
        return "; log in as the owner of the database, or as a member of it"
    if role not in ("none", *asker.may_act_as):
        return f"; ask a DBA for `grant {role} to {asker.role_name}`"
    return None
