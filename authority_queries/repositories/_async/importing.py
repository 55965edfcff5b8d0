"""Imports of many rows, one statement for each batch."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from authority_queries.engine._async.transactions import own_transaction
from authority_queries.engine._async.unit import unit_of
from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.refusals import wrong_type
from authority_queries.errors import ConstraintError, InvalidArgumentError
from authority_queries.repositories.arguments import check_within
from authority_queries.repositories.row_batches import (
    MAX_ROWS,
    ImportReport,
    Row,
    RowBatch,
    batches,
    name_row,
)

_ROWS: Final = "rows"


class AsyncImport:
    """Sends rows in batches. `send` takes a JSON array, and returns the created rows.

    Each batch is a savepoint, or in autocommit a transaction of its own.
    """

    def __init__(
        self, connection: AsyncConnection[object], send: AsyncCall[int]
    ) -> None:
        self._connection = connection
        self._send = send

    async def run(
        self, rows: Iterable[Row], kind: type[Row], batch_size: int
    ) -> ImportReport:
        """Send all rows of this class.

        Raises the error of the first row that is refused, with its position.
        """
        if not isinstance(rows, Iterable):
            raise wrong_type(_ROWS, "an iterable", rows)
        size = check_within("batch_size", batch_size, 1, MAX_ROWS)
        await self._begin()
        created = given = 0
        for batch in batches(_ROWS, rows, kind, size):
            created += await self._write(batch)
            given += len(batch.objects)
        return ImportReport(created=created, existing=given - created)

    async def _begin(self) -> None:
        # The unit's beginning may be in an open pipeline, which has no savepoints.
        if unit := unit_of(self._connection):
            await unit.settle()

    async def _write(self, batch: RowBatch) -> int:
        try:
            if self._is_idle:
                return await self._send(batch.text())
            async with self._connection.transaction():
                return await self._send(batch.text())
        except (ConstraintError, InvalidArgumentError) as error:
            position = await self._find(batch, type(error))
            if position is not None:
                name_row(error, f"{_ROWS}[{position}]")
            raise

    async def _find(
        self, batch: RowBatch, kind: type[ConstraintError | InvalidArgumentError]
    ) -> int | None:
        """Return the position of the first row that is refused, by halving.

        None if the rows are accepted now, because other rows have changed.
        """
        accepted, refused = 0, len(batch.objects)
        if await self._is_accepted(batch, refused, kind):
            return None
        while refused - accepted > 1:
            count = (accepted + refused) // 2
            if await self._is_accepted(batch, count, kind):
                accepted = count
            else:
                refused = count
        return batch.first + accepted

    async def _is_accepted(
        self,
        batch: RowBatch,
        count: int,
        kind: type[ConstraintError | InvalidArgumentError],
    ) -> bool:
        """Return whether the first rows can be written, without writing them."""
        try:
            async with self._undone():
                await self._send(batch.text(count))
        except kind:
            return False
        return True

    @asynccontextmanager
    async def _undone(self) -> AsyncIterator[None]:
        """Roll back what the block has written."""
        if not self._is_idle:
            async with self._connection.transaction(force_rollback=True):
                yield
            return
        # A unit in autocommit begins its transactions itself.
        with suppress(psycopg.Rollback):
            async with own_transaction(self._connection):
                yield
                raise psycopg.Rollback

    @property
    def _is_idle(self) -> bool:
        status = self._connection.info.transaction_status
        return self._connection.autocommit and status == TransactionStatus.IDLE
