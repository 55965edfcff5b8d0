"""The base of the repositories: the connection, stale updates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries.engine._async.unit import unit_of
from authority_queries.engine.forks import check_process, process_of
from authority_queries.errors import (
    AuthorityError,
    ConcurrencyConflictError,
    DuplicateError,
    NotFoundError,
    OpenTransactionError,
    UnitEndedError,
)
from authority_queries.repositories._async.transactions import single_transaction


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
