"""Seats of licences, and their leases."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authority_queries.errors import LimitReachedError
from authority_queries.queries import license_seats as queries
from authority_queries.records import LicenseSeat
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_positive

_LEASE: Final = timedelta(minutes=5)


class AsyncLicenseSeats(AsyncRepository):
    """Queries of `queries/license_seats.sql`.

    A seat is leased to a holder. A lease ends with its licence, grace included, at the
    latest.
    """

    async def check_out(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        holder: str,
        lease: timedelta = _LEASE,
    ) -> LicenseSeat:
        """Lease a free seat to the holder, or renew the holder's lease.

        Concurrent calls never take more seats than the licence has, and a holder that
        calls twice at once gets one seat. Raises LimitReachedError if no seat is free,
        the licence is not usable, or it is in grace and only keeps seats.

        A call for a holder without a lease locks the licence: the next such call waits
        until the transaction ends.
        """
        seat = await queries.check_out_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            holder=holder,
            lease=check_positive("lease", lease),
        )
        if seat is None:
            message = (
                "license_seats.check_out: no seat is free, or the licence leases none"
            )
            raise LimitReachedError(message)
        return seat

    async def renew(
        self,
        *,
        tenant_id: UUID,
        license_id: UUID,
        holder: str,
        lease: timedelta = _LEASE,
    ) -> LicenseSeat | None:
        """Prolong a lease from now (heartbeat), also while the licence is in grace.

        Returns None if the lease has ended or the licence is not usable any more: check
        out again.
        """
        return await queries.renew_async(
            self._connection,
            tenant_id=tenant_id,
            license_id=license_id,
            holder=holder,
            lease=check_positive("lease", lease),
        )

    async def check_in(self, *, tenant_id: UUID, license_id: UUID, holder: str) -> bool:
        """End the holder's lease and free the seat. False if there was no lease."""
        return bool(
            await queries.check_in_async(
                self._connection,
                tenant_id=tenant_id,
                license_id=license_id,
                holder=holder,
            )
        )
