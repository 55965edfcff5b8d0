"""The ledger of licences' usage, and its totals."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Final, TypedDict
from uuid import UUID

from authority_queries.engine.calls import AsyncCall
from authority_queries.errors import (
    AuthorityError,
    IdempotencyKeyReusedError,
    LicenseNotUsableError,
    NotFoundError,
)
from authority_queries.queries import license_usage as queries
from authority_queries.records import UsageReceipt, UsageTotal
from authority_queries.repositories._async.pages import page_after
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_not_negative
from authority_queries.repositories.cursors import LAST_DATE, Order, read_text
from authority_queries.repositories.values import Page

_MONTH: Final = timedelta(days=30)

_FIRST_DATE: Final = date(1900, 1, 1)
_ORDER: Final = Order(
    name="license_usage.list_totals",
    fields={"period_start": date.fromisoformat, "metric": read_text},
    start=(LAST_DATE, ""),
)
_ORDER_OF_METRIC: Final = Order(
    name="license_usage.list_totals metric",
    fields={"period_start": date.fromisoformat},
    start=(LAST_DATE,),
)


class _Entry(TypedDict):
    """The key of an entry of the ledger."""

    tenant_id: UUID
    license_id: UUID
    metric: str
    idempotency_key: str


class AsyncLicenseUsage(AsyncRepository):
    """Queries of `queries/license_usage.sql`.

    An entry is recorded once per `idempotency_key`. A repeated call returns the receipt
    of the first one: `recorded` is False, and the total is the current one of that
    entry's period. This takes a second statement, because the first one cannot see an
    entry that it waited for.
    """

    async def record(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        metric: str,
        quantity: int,
        idempotency_key: str,
    ) -> UsageReceipt:
        """Record a use of a metric. `quantity` is at most 10^12.

        A repeated call succeeds even if the limit is reached or the licence has ended
        since. `correct` takes a wrong report back.

        Raises LimitReachedError if the use would exceed the period's limit and the
        licence refuses overage; LicenseNotUsableError if the licence records no usage
        now or does not name the metric; IdempotencyKeyReusedError if the key was used
        with another quantity; InvalidValueError. An error records nothing.
        """
        entry = _Entry(
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            idempotency_key=idempotency_key,
        )
        return await queries.record_async(
            self._connection, **entry, quantity=quantity
        ) or await self._recorded_before(
            entry,
            lambda known: known.quantity == quantity,
            LicenseNotUsableError(
                "license_usage.record: the licence records no usage now, "
                "or does not name the metric"
            ),
        )

    async def correct(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        metric: str,
        corrects: str,
        idempotency_key: str,
    ) -> UsageReceipt:
        """Take back the whole use that was recorded under the key `corrects`.

        The correction counts in the period of that use, even if the licence has ended
        since. The ledger keeps both entries. Record the right quantity afterwards,
        under a new key.

        Raises NotFoundError if no such use exists, or another correction has taken it
        back; IdempotencyKeyReusedError if `idempotency_key` is the key of a use or of
        another correction.
        """
        entry = _Entry(
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            idempotency_key=idempotency_key,
        )
        return await queries.correct_async(
            self._connection, **entry, corrects=corrects
        ) or await self._recorded_before(
            entry,
            lambda known: known.corrects == corrects,
            NotFoundError(
                "license_usage.correct: corrects must be the key of a use "
                "that no correction has taken back"
            ),
        )

    async def _recorded_before(
        self,
        entry: _Entry,
        is_same: Callable[[UsageReceipt], bool],
        absent: AuthorityError,
    ) -> UsageReceipt:
        known = await self.get_receipt(**entry)
        if known is None:
            raise absent
        if not is_same(known):
            message = (
                "idempotency_key was used with another quantity or correction: "
                "use a new key"
            )
            raise IdempotencyKeyReusedError(message)
        return known

    async def get_receipt(
        self, *, tenant_id: UUID, license_id: UUID, metric: str, idempotency_key: str
    ) -> UsageReceipt | None:
        """Return what was recorded under a key, with its period's current total.

        `recorded` is False. Returns None if the key is unknown.
        """
        return await queries.get_receipt_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            idempotency_key=idempotency_key,
        )

    async def list_totals(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        metric: str | None = None,
        from_period: date | None = None,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[UsageTotal]:
        """List totals, newest period first, and of a period in descending metric.

        `period_start` is the first day of the period and `period_end` the day after the
        last one, in UTC.
        """
        call: AsyncCall[list[UsageTotal]] = queries.list_totals_async
        if metric is not None:
            call = partial(queries.list_totals_of_metric_async, metric=metric)
        return await page_after(
            partial(
                call,
                self._connection,
                tenant_id=tenant_id,
                license_id=license_id,
                from_period=_FIRST_DATE if from_period is None else from_period,
            ),
            _ORDER if metric is None else _ORDER_OF_METRIC,
            after=after,
            page_size=page_size,
        )

    async def prune(
        self, *, older_than: timedelta = _MONTH, batch_size: int = 1000
    ) -> int:
        """Delete a batch of entries whose period ended this long ago, of all tenants.

        Returns how many; call it again while that is `batch_size`. Totals stay: they
        are the bill. A deleted key can be recorded again, so `older_than` must exceed
        the longest time after which a reporter retries.
        """
        return await queries.prune_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
