"""What a first connection finds, and why a connection could not be made."""

from pathlib import Path
from typing import Final

import psycopg
from psycopg import AsyncConnection, OperationalError
from psycopg import errors as sqlstate
from psycopg.conninfo import make_conninfo
from psycopg.pq import Ping

from authority_queries.errors import (
    AuthorityError,
    ConfigurationError,
    SchemaVersionError,
)
from authority_queries.queries import server
from authority_queries.resources import MIGRATIONS
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service.waiting import ping_async

_PATIENCE: Final = 2  # seconds for a question about what has failed already


async def check_database(connection: AsyncServiceConnection) -> None:
    """Refuse a database that this package cannot work with, in one trip.

    Raises SchemaVersionError, ConfigurationError.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        message = f"the database's encoding is {encoding}; UTF8 is allowed"
        raise ConfigurationError(message)
    ours = newest_migration()
    try:
        found = await server.get_schema_version_async(connection)
    except (sqlstate.InvalidSchemaName, sqlstate.UndefinedFunction) as error:
        message = (
            "the database has no schema of the authority, or one from before its "
            "first release: `authority migrate`"
        )
        raise SchemaVersionError(message) from error
    if found.newest < ours:
        message = (
            f"the database is at {found.newest}, and this package needs {ours}: "
            "`authority migrate`"
        )
        raise SchemaVersionError(message)
    if ours < found.oldest_package:
        message = (
            f"the database is at {found.newest}, which serves packages from "
            f"{found.oldest_package} on, and this one is at {ours}: "
            "`pip install --upgrade authority-queries`"
        )
        raise SchemaVersionError(message)


def newest_migration() -> str:
    """Give the id of the last migration that this package brings."""
    return max(
        path.stem
        for path in Path(MIGRATIONS).glob("*.sql")
        if not path.stem.endswith(".rollback")
    )


async def is_passing(error: OperationalError, conninfo: str) -> bool:
    """Tell whether a failure to connect may pass by itself: nobody was let in.

    Not by its text, which is in the server's language.
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
        connect_timeout=_PATIENCE,
    )
    return await ping_async(asked) != Ping.OK


async def is_standby(conninfo: str) -> bool:
    """Tell whether a connection could be had, but not to a primary."""
    try:
        connection = await AsyncConnection.connect(
            conninfo, target_session_attrs="any", connect_timeout=_PATIENCE
        )
    except OperationalError:
        return False
    await connection.close()
    return True


async def explain(error: OperationalError, without_role: str, role: str) -> str:
    """Return why a connection that acts as `role` was refused, and what helps.

    `without_role` is how to connect as nobody but who logs in.
    """
    why = str(error)
    try:
        async with await AsyncConnection.connect(
            without_role, autocommit=True, connect_timeout=_PATIENCE
        ) as connection:
            asker = await server.describe_async(connection)
    except (psycopg.Error, AuthorityError):
        return why  # PostgreSQL's own: the password, the database, a standby
    if asker is None:
        return why
    if role in asker.missing_roles:
        return f"{why}; the role comes with the schema: `authority migrate`"
    if role not in asker.may_act_as:
        return f"{why}; a DBA helps: `grant {role} to {asker.role_name}`"
    return why
