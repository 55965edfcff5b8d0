"""Units of work: what is done for one tenant on one connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from authority_queries._arguments import check_tenant_id
from authority_queries._async.query_file import AsyncQueryFile
from authority_queries._async.unit import ENDING, AsyncUnit, forget_unit, unit_of
from authority_queries._forks import check_process, process_of
from authority_queries._resources import QUERIES
from authority_queries.errors import InvalidArgumentError, NestedUnitError

_QUERIES: Final = AsyncQueryFile(QUERIES / "tenants.sql")
_begin: Final = _QUERIES.send("begin")
_begin_on_standby: Final = _QUERIES.send("begin_on_standby")
_enter: Final = _QUERIES.send("enter")
_begin_alone: Final = _QUERIES.script("begin_alone")
_commit: Final = _QUERIES.send("commit")


@asynccontextmanager
async def unit_of_work(
    connection: AsyncConnection[object], tenant_id: UUID, *, autocommit: bool
) -> AsyncIterator[None]:
    """Let the connection work for one tenant in the block, and for none after it.

    Raises InvalidArgumentError for a connection that is in a transaction, not in
    autocommit or not in UTF-8, NestedUnitError for one that works for a tenant already,
    ForkedError for one that the process which forked this one has used.
    """
    check_tenant_id(tenant_id)
    process = process_of(connection)
    check_process(process)
    await forget_unit(connection)
    if unit_of(connection) is not None:
        message = "a unit of work is open on this connection already"
        raise NestedUnitError(message)
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    if not (connection.autocommit and idle):
        message = "a unit of work needs a connection in autocommit and no transaction"
        raise InvalidArgumentError(message)
    if connection.info.encoding != "utf-8":
        message = "a unit of work needs a connection whose client_encoding is UTF8"
        raise InvalidArgumentError(message)
    is_on_standby = connection.info.parameter_status("in_hot_standby") == "on"
    begin = _begin_on_standby if is_on_standby else _begin
    unit = AsyncUnit(
        connection,
        tenant_id,
        autocommit=autocommit,
        begin=partial(begin, connection),
        enter=partial(_enter, connection, tenant_id=tenant_id),
        commit=partial(_commit, connection),
    )
    try:
        await unit.open()
        yield
        check_process(process)
        await unit.finish()
    finally:
        unit.is_over = True  # before any call, which may be interrupted
        await unit.leave()


@asynccontextmanager
async def transaction_alone(connection: AsyncConnection[object]) -> AsyncIterator[None]:
    """Run the block outside of any unit, in a transaction that is as a unit's."""
    await _begin_alone(connection)
    try:
        yield
        with ENDING:
            await connection.commit()
    except BaseException:
        with suppress(psycopg.Error):
            await connection.rollback()
        raise
