"""What the repositories have in common."""

from collections.abc import Callable
from operator import attrgetter
from typing import TypeVar

from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries._arguments import check_limit
from authority_queries._async.unit import unit_of
from authority_queries._calls import AsyncCall
from authority_queries.errors import (
    AuthorityError,
    ConcurrencyConflictError,
    InvalidArgumentError,
    NotFoundError,
    OpenTransactionError,
    UnitEndedError,
)
from authority_queries.results import Page

Record = TypeVar("Record")


class AsyncLease:
    """The connection of a store, for as long as it may be used."""

    def __init__(self, connection: AsyncConnection[object]) -> None:
        self._connection: AsyncConnection[object] | None = connection

    @property
    def connection(self) -> AsyncConnection[object]:
        """Give it. Raises UnitEndedError: it may work for somebody else by now."""
        if self._connection is None:
            message = "the block that the store was lent for has ended"
            raise UnitEndedError(message)
        return self._connection

    def end(self) -> None:
        """Take it away from all that have the lease."""
        self._connection = None


class AsyncRepository:
    """Typed access to the queries of one file, over one connection.

    The caller owns connection and transaction: no method commits, and each is one
    statement unless its docstring says otherwise.
    """

    def __init__(self, lease: AsyncLease) -> None:
        self._lease = lease

    @property
    def _connection(self) -> AsyncConnection[object]:
        return self._lease.connection

    def _commits_at_once(self, call: str) -> None:
        """Refuse to decide inside a transaction what its rollback must not undo.

        Raises OpenTransactionError.
        """
        connection, unit = self._connection, unit_of(self._connection)
        if (
            connection.autocommit
            and connection.info.transaction_status == TransactionStatus.IDLE
            and connection.info.pipeline_status == PipelineStatus.OFF
            and (unit is None or unit.is_autocommit)
        ):
            return
        message = (
            f"{call}: what it decides must outlive a rollback: call it outside of any "
            "transaction, in `authority.tenant(…, autocommit=True)`"
        )
        raise OpenTransactionError(message)


async def page(
    list_after: AsyncCall[list[Record]],
    list_before: AsyncCall[list[Record]],
    cursor: str,
    *,
    after: str | None,
    before: str | None,
    limit: int,
) -> Page[Record]:
    """Give a page by one of two queries; one row more tells the end.

    `cursor` names the field that the list is ordered by.
    """
    if after is not None and before is not None:
        message = "give either after or before, not both"
        raise InvalidArgumentError(message, argument="before")
    size = check_limit(limit)
    position: Callable[[Record], str] = attrgetter(cursor)
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


def stale(what: str, row_version: int, current: object | None) -> AuthorityError:
    """Tell why an update found no row: it is gone, or at another version."""
    if current is None:
        return NotFoundError(f"no such {what} in the tenant")
    return ConcurrencyConflictError(
        f"the {what} is no longer at row_version {row_version}: read it again"
    )
