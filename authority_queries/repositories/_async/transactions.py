"""Transactions with this schema's settings: a tenant's units, and single ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from authority_queries.engine._async.query_file import AsyncQueryFile
from authority_queries.engine._async.tenancy import AsyncUnitStatements
from authority_queries.engine._async.unit import ENDING, open_unit
from authority_queries.engine.calls import AsyncEntered
from authority_queries.engine.refusals import wrong_type
from authority_queries.repositories.actors import Actor
from authority_queries.resources import QUERIES

_QUERIES: Final = AsyncQueryFile(QUERIES / "tenants.sql")
_begin: Final = _QUERIES.send("begin")
_begin_on_standby: Final = _QUERIES.send("begin_on_standby")
_begin_read_only: Final = _QUERIES.send("begin_read_only")
_enter: Final = _QUERIES.send("enter")
_commit: Final = _QUERIES.send("commit")
_begin_alone: Final = _QUERIES.script("begin_alone")
_begin_alone_on_standby: Final = _QUERIES.script("begin_on_standby")


def unit_of_work(
    connection: AsyncConnection[object],
    tenant_id: UUID,
    *,
    autocommit: bool,
    actor: Actor | None = None,
    read_only: bool = False,
) -> AsyncEntered[None]:
    """Return a block that sets the connection's tenant and actor: `open_unit`.

    PostgreSQL refuses every write of a unit with `read_only`.
    """
    if not isinstance(actor, Actor | None):
        raise wrong_type("actor", "an Actor", actor)
    statements = AsyncUnitStatements(
        begin=_begin_read_only if read_only else _begin,
        begin_on_standby=_begin_read_only if read_only else _begin_on_standby,
        enter=partial(_enter, actor_json=None if actor is None else actor.setting()),
        commit=_commit,
    )
    return open_unit(connection, tenant_id, statements, autocommit=autocommit)


@asynccontextmanager
async def single_transaction(
    connection: AsyncConnection[object],
) -> AsyncIterator[None]:
    """Run the block in a transaction with a unit's settings, outside of any unit."""
    is_on_standby = connection.info.parameter_status("in_hot_standby") == "on"
    begin = _begin_alone_on_standby if is_on_standby else _begin_alone
    await begin(connection)
    try:
        yield
        with ENDING:
            await connection.commit()
    except BaseException:
        with suppress(psycopg.Error):
            await connection.rollback()
        raise
