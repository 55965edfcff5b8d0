"""The base of the repositories: the connection, pages, stale updates."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import TypeVar

from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries.engine._async.unit import unit_of
from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.forks import check_process, process_of
from authority_queries.errors import (
    AuthorityError,
    ConcurrencyConflictError,
    DuplicateError,
    InvalidArgumentError,
    NotFoundError,
    OpenTransactionError,
    UnitEndedError,
)
from authority_queries.repositories._async.transactions import single_transaction
from authority_queries.repositories.arguments import check_limit
from authority_queries.repositories.values import Page

Record = TypeVar("Record")


class AsyncLease:
    """The connection of a store, until the store's block ends."""

    def __init__(self, connection: AsyncConnection[object]) -> None:
        self._process = process_of(connection)
        check_process(self._process)
        self._connection = connection
        self.has_ended = False

    @property
    def connection(self) -> AsyncConnection[object]:
        """Return the connection.

        Raises UnitEndedError after the store's block, when another unit may use the
        connection; ForkedError if it belongs to the parent process.
        """
        check_process(self._process)
        if self.has_ended:
            message = "the block that the store was lent for has ended"
            raise UnitEndedError(message)
        return self._connection


class AsyncRepository:
    """Typed access to the queries of one file, over one connection.

    The caller owns connection and transaction: no method commits. Each method is one
    statement unless its docstring states otherwise.
    """

    def __init__(self, lease: AsyncLease) -> None:
        self._lease = lease

    @property
    def _connection(self) -> AsyncConnection[object]:
        return self._lease.connection

    @asynccontextmanager
    async def _at_once(self, call: str) -> AsyncIterator[None]:
        """Commit the block separately, so that no rollback of the caller undoes it.

        Raises OpenTransactionError inside a transaction. Outside of any unit the block
        runs in a transaction of its own, which takes two more trips.
        """
        connection, unit = self._connection, unit_of(self._connection)
        if not (
            connection.autocommit
            and connection.info.transaction_status == TransactionStatus.IDLE
            and connection.info.pipeline_status == PipelineStatus.OFF
            and (unit is None or unit.is_autocommit)
        ):
            message = (
                f"{call}: a rollback must not undo this call: make it outside of any "
                "transaction, in `authority.tenant(…, autocommit=True)`"
            )
            raise OpenTransactionError(message)
        if unit is None:
            async with single_transaction(connection):
                yield
        else:
            yield


async def page(
    list_after: AsyncCall[list[Record]],
    list_before: AsyncCall[list[Record]],
    cursor: str | Callable[[Record], str],
    *,
    after: str | None,
    before: str | None,
    limit: int,
) -> Page[Record]:
    """Return a page of the list that the two queries read in either direction.

    Reads one row more than `limit`, to know whether the list goes on. `cursor` names
    the field that the list is ordered by, or returns a row's position.
    """
    if after is not None and before is not None:
        message = "pass either after or before, not both"
        raise InvalidArgumentError(message, argument="before")
    size = check_limit(limit)
    position = attrgetter(cursor) if isinstance(cursor, str) else cursor
    if before is None:
        items = await list_after(after=after, page_size=size + 1)
        has_next, has_previous = len(items) > size, after is not None
        items = items[:size]
    else:
        items = await list_before(before=before, page_size=size + 1)
        has_next, has_previous = True, len(items) > size
        items = items[:size][::-1]
    return Page(
        items=items,
        next=position(items[-1]) if items and has_next else None,
        previous=position(items[0]) if items and has_previous else None,
    )


def shared_sub(query: str, argument: str) -> DuplicateError:
    """Return the error of a sub that both a user and a machine would have.

    A resource server could mistake the token of one for that of the other (RFC 9068
    section 5).
    """
    kinds = "a client or a service account" if argument == "subject_id" else "a user"
    message = f"{query}: {argument} must not be the sub of {kinds} of the tenant"
    return DuplicateError(message, argument=argument, query=query)


def stale(what: str, row_version: int, current: object | None) -> AuthorityError:
    """Return the error of an update that found no row at `row_version`."""
    if current is None:
        return NotFoundError(f"no such {what} in the tenant")
    return ConcurrencyConflictError(
        f"the {what} is no longer at row_version {row_version}: read it again"
    )
