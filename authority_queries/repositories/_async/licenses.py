"""Licences."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import LicenseNotUsableError
from authority_queries.queries import licenses as queries
from authority_queries.records import (
    License,
    LicenseGracePolicy,
    LicenseOveragePolicy,
    LicenseStatus,
    LicenseUsagePeriod,
    LicenseValidation,
)
from authority_queries.repositories._async.repository import AsyncRepository, stale
from authority_queries.repositories.arguments import (
    check_digest,
    check_not_negative,
)


class AsyncLicenses(AsyncRepository):
    """Queries of `queries/licenses.sql`.

    Keys are passed as the SHA-256 of their string (`parse_token(…).hash`).
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
        """Create a licence with its free seats.

        `limits` maps a metric to its limit per period, or to None for no limit. A
        metric that it does not name cannot be used. `overage_policy` refuses a use
        beyond the limit, or allows it and reports the overage. For the time of `grace`
        after `valid_until`, `grace_policy` allows everything (full) or only renewals of
        running leases (keep). Raises DuplicateError, InvalidValueError,
        MissingReferenceError for an unknown tenant.
        """
        return await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            key_hash=key_hash,
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
        """Get a licence by id, valid or not."""
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
        """Return what a key's licence includes, and its state now.

        New leases and uses end at `grows_until`, renewals of leases at `usable_until`:
        the two differ by a grace with the policy keep. Returns None if no licence of an
        active tenant has the key.
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
        """Replace the editable fields of the licence that was read at `row_version`.

        Key, usage period and status do not change. If `seats` shrinks, free seats go
        first, then those whose lease ends first: their holders learn it at the next
        heartbeat. Leases end with the licence at the latest. A limit below the current
        usage admits no more use in the period; recorded uses stay.

        Raises NotFoundError; ConcurrencyConflictError; LicenseNotUsableError if the
        licence is revoked; InvalidValueError.
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
            message = "licenses.update: the licence is revoked: create another one"
            raise LicenseNotUsableError(message)
        raise stale("licence", row_version, current)

    async def suspend(
        self, *, tenant_id: UUID, license_id: UUID, reason: str
    ) -> License:
        """Stop a licence until it is resumed.

        Raises LicenseNotUsableError if it is unknown or revoked.
        """
        return await self._set_status(tenant_id, license_id, "suspended", reason)

    async def resume(self, *, tenant_id: UUID, license_id: UUID) -> License:
        """Make a suspended licence active.

        Raises LicenseNotUsableError if it is unknown or revoked.
        """
        return await self._set_status(tenant_id, license_id, "active", None)

    async def revoke(
        self, *, tenant_id: UUID, license_id: UUID, reason: str
    ) -> License:
        """Stop a licence for good.

        Raises LicenseNotUsableError if it is unknown or already revoked.
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
