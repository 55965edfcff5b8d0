"""Licences, their seats, and their usage."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import (
    IdempotencyKeyReusedError,
    LicenseNotUsableError,
    LimitReachedError,
    NotFoundError,
)
from authority_queries.queries import licenses as queries
from authority_queries.records import (
    License,
    LicenseGracePolicy,
    LicenseOveragePolicy,
    LicenseSeat,
    LicenseStatus,
    LicenseUsagePeriod,
    LicenseValidation,
    UsageReceipt,
    UsageTotal,
)
from authority_queries.repositories._async.repository import AsyncRepository, stale
from authority_queries.repositories.arguments import (
    check_digest,
    check_not_negative,
    check_positive,
)

_LEASE = timedelta(minutes=5)
_MONTH = timedelta(days=30)


class AsyncLicenses(AsyncRepository):
    """Queries of `queries/licenses.sql`.

    Keys come in as the SHA-256 of their string (`parse_token(…).hash`).
    """

    async def create(
        self,
        *,
        tenant_id: UUID,
        key_hash: bytes,
        plan: str,
        seats: int = 0,
        features: Sequence[str] = (),
        limits: JsonObject | None = None,
        usage_period: LicenseUsagePeriod = "month",
        overage_policy: LicenseOveragePolicy = "refuse",
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        grace: timedelta = timedelta(0),
        grace_policy: LicenseGracePolicy = "full",
        properties: JsonObject | None = None,
    ) -> License:
        """Create a licence. `limits` maps a metric to the most per period, or to None.

        A metric that `limits` does not name cannot be used; None means no limit.
        `overage_policy` refuses a use beyond a limit, or allows it and tells the
        overage. After `valid_until`, for the time of `grace`, `grace_policy` lets
        everything go on (full) or only leases that run be renewed (keep).
        Raises DuplicateError, InvalidValueError, MissingReferenceError for an unknown
        tenant.
        """
        return await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            key_hash=check_digest("key_hash", key_hash),
            plan=plan,
            seats=seats,
            features=features,
            limits={} if limits is None else limits,
            usage_period=usage_period,
            overage_policy=overage_policy,
            valid_from=valid_from,
            valid_until=valid_until,
            grace=check_not_negative("grace", grace),
            grace_policy=grace_policy,
            properties={} if properties is None else properties,
        )

    async def get_by_id(self, *, tenant_id: UUID, license_id: UUID) -> License | None:
        """Get a licence by its key inside the store, valid or not."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, license_id=license_id
        )

    async def get_by_key(self, *, tenant_id: UUID, key_hash: bytes) -> License | None:
        """Get a licence by the hash of its key, valid or not."""
        return await queries.get_by_key_async(
            self._connection,
            tenant_id=tenant_id,
            key_hash=check_digest("key_hash", key_hash),
        )

    async def validate(
        self, *, tenant_id: UUID, key_hash: bytes
    ) -> LicenseValidation | None:
        """Tell what a key opens and in which state its licence is now.

        From `grows_until` on it gives no new seat and records no use, from
        `usable_until` on it renews none: the difference is a grace that only keeps.
        None when no licence of an active tenant has the key.
        """
        return await queries.validate_async(
            self._connection,
            tenant_id=tenant_id,
            key_hash=check_digest("key_hash", key_hash),
        )

    async def update(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        row_version: int,
        plan: str,
        seats: int,
        features: Sequence[str],
        limits: JsonObject,
        overage_policy: LicenseOveragePolicy,
        valid_from: datetime,
        valid_until: datetime | None,
        grace: timedelta,
        grace_policy: LicenseGracePolicy,
        properties: JsonObject,
    ) -> License:
        """Replace what was sold, of the licence read at `row_version`.

        Its key, its usage period and its status stay. Where seats are taken away, free
        ones go first, then those whose lease ends first: the holders learn it at their
        next heartbeat. No lease outlives the new end. A limit below the usage admits
        nothing more in the period; recorded uses stay.

        Raises NotFoundError, ConcurrencyConflictError, LicenseNotUsableError when it is
        revoked, InvalidValueError.
        """
        changed = await queries.update_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            row_version=row_version,
            plan=plan,
            seats=seats,
            features=features,
            limits=limits,
            overage_policy=overage_policy,
            valid_from=valid_from,
            valid_until=valid_until,
            grace=grace,
            grace_policy=grace_policy,
            properties=properties,
        )
        if changed is not None:
            return changed
        current = await self.get_by_id(tenant_id=tenant_id, license_id=license_id)
        if current is not None and current.status == "revoked":
            message = (
                "licenses.update: the licence is revoked, for good: create another"
            )
            raise LicenseNotUsableError(message)
        raise stale("licence", row_version, current)

    async def suspend(
        self, *, tenant_id: UUID, license_id: UUID, reason: str
    ) -> License:
        """Stop a licence until it is resumed.

        Raises LicenseNotUsableError when it is unknown or revoked.
        """
        return await self._set_status(tenant_id, license_id, "suspended", reason)

    async def resume(self, *, tenant_id: UUID, license_id: UUID) -> License:
        """Make a suspended licence active.

        Raises LicenseNotUsableError when it is unknown or revoked.
        """
        return await self._set_status(tenant_id, license_id, "active", None)

    async def revoke(
        self, *, tenant_id: UUID, license_id: UUID, reason: str
    ) -> License:
        """Stop a licence for good.

        Raises LicenseNotUsableError when it is unknown or revoked before.
        """
        return await self._set_status(tenant_id, license_id, "revoked", reason)

    async def _set_status(
        self,
        tenant_id: UUID,
        license_id: UUID,
        status: LicenseStatus,
        reason: str | None,
    ) -> License:
        changed = await queries.set_status_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            status=status,
            reason=reason,
        )
        if changed is None:
            message = "the licence is unknown or revoked"
            raise LicenseNotUsableError(message)
        return changed

    async def check_out_seat(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        holder: str,
        lease: timedelta = _LEASE,
    ) -> LicenseSeat:
        """Take a seat for the time of the lease, or renew the holder's own.

        `leased_until` is at most the end of the licence with its grace.

        Never more seats than the licence has, however many ask at once; one holder
        that asks twice at once is given one seat. Raises LimitReachedError when no seat
        is free, the licence is not usable, or it is in grace and only keeps seats.
        Locks the licence for holders without a lease: the next one waits until the
        transaction ends.
        """
        seat = await queries.check_out_seat_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            holder=holder,
            lease=check_positive("lease", lease),
        )
        if seat is None:
            message = (
                "licenses.check_out_seat: no free seat on a licence that gives any"
            )
            raise LimitReachedError(message)
        return seat

    async def renew_seat(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        holder: str,
        lease: timedelta = _LEASE,
    ) -> LicenseSeat | None:
        """Prolong a lease from now (heartbeat), at most to the licence's end.

        None when it had ended, or the licence is not usable any more: check out again.
        A licence in grace renews under either policy.
        """
        return await queries.renew_seat_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            holder=holder,
            lease=check_positive("lease", lease),
        )

    async def check_in_seat(
        self, *, tenant_id: UUID, license_id: UUID, holder: str
    ) -> bool:
        """Give a seat back. False when the holder had none."""
        return bool(
            await queries.check_in_seat_async(
                self._connection,
                tenant_id=tenant_id,
                license_id=license_id,
                holder=holder,
            )
        )

    async def record_usage(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        metric: str,
        quantity: int,
        idempotency_key: str,
    ) -> UsageReceipt:
        """Record a use once, however often it is reported under the same key.

        `quantity` is at most 10^12: report more in parts. A wrong report is taken back
        by `correct_usage`.

        The same use again gives `recorded` False and its own period's total as it is
        now, also when the limit is reached or the licence has ended since. That is a
        second statement, which sees what the first one waited for.

        Raises LimitReachedError when the period's limit would be exceeded and the
        licence refuses overage, LicenseNotUsableError when it records nothing now or
        does not name the metric, IdempotencyKeyReusedError when the key was used with
        another quantity, InvalidValueError. Then nothing is recorded.
        """
        receipt = await queries.record_usage_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            quantity=quantity,
            idempotency_key=idempotency_key,
        )
        if receipt is not None:
            return receipt
        known = await self.get_receipt(
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            idempotency_key=idempotency_key,
        )
        if known is None:
            message = "the licence takes no use now, or does not name the metric"
            raise LicenseNotUsableError(message)
        if known.quantity != quantity:
            message = "licenses.record_usage: the key was used with another quantity"
            raise IdempotencyKeyReusedError(message)
        return known

    async def correct_usage(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        metric: str,
        corrects: str,
        idempotency_key: str,
    ) -> UsageReceipt:
        """Take back the whole use that was recorded under the key `corrects`.

        The correction counts in the period of that use, also when the licence has ended
        since; the ledger keeps both. Then report the right quantity, under a key of its
        own. The same correction again returns `recorded` False.

        Raises NotFoundError when there is no such use, or another correction took it
        back; IdempotencyKeyReusedError when the key is a use's.
        """
        receipt = await queries.correct_usage_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            corrects=corrects,
            idempotency_key=idempotency_key,
        )
        if receipt is not None:
            return receipt
        known = await self.get_receipt(
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            idempotency_key=idempotency_key,
        )
        if known is None:
            message = "licenses.correct_usage: corrects must name a use not taken back"
            raise NotFoundError(message)
        if known.corrects != corrects:
            message = "licenses.correct_usage: idempotency_key is used: give a new one"
            raise IdempotencyKeyReusedError(message)
        return known

    async def get_receipt(
        self, *, tenant_id: UUID, license_id: UUID, metric: str, idempotency_key: str
    ) -> UsageReceipt | None:
        """Get what was recorded under a key, with its period's total as it is now.

        `recorded` is False: this records nothing. None when the key is not known.
        """
        return await queries.get_receipt_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            idempotency_key=idempotency_key,
        )

    async def list_usage(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        metric: str | None = None,
        from_period: date | None = None,
    ) -> Sequence[UsageTotal]:
        """List totals by metric and period, newest period first.

        A period goes from `period_start` up to, and without, `period_end`: days in UTC.
        """
        return await queries.list_usage_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            metric=metric,
            from_period=from_period,
        )

    async def prune_usage(
        self, *, older_than: timedelta = _MONTH, batch_size: int = 1000
    ) -> int:
        """Delete a batch of uses whose period ended this long ago, of all tenants.

        Totals stay: they are the bill. A key that is deleted records again, so give
        more than the longest time after which a reporter may still retry. Gives how
        many; call again while it is `batch_size`.
        """
        return await queries.prune_usage_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
