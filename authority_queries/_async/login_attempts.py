"""The log of sign-in attempts, and the throttle in front of them."""

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from authority_queries._arguments import check_limit, check_positive
from authority_queries._async.repository import AsyncRepository
from authority_queries.errors import InvalidArgumentError
from authority_queries.queries import login_attempts as queries
from authority_queries.records import (
    LoginAttempt,
    LoginAttemptOutcome,
    ThrottleDecision,
)

_DAY = timedelta(days=1)
_QUARTER_HOUR = timedelta(minutes=15)


class AsyncLoginAttempts(AsyncRepository):
    """Queries of `queries/login_attempts.sql`."""

    async def record(
        self,
        *,
        tenant_id: UUID,
        username: str,
        outcome: LoginAttemptOutcome,
        user_id: UUID | None = None,
        client_id: str | None = None,
        address: IPv4Address | IPv6Address | None = None,
        reason: str | None = None,
        correlation_id: str | None = None,
    ) -> LoginAttempt:
        """Log an attempt. `username` is what was typed, and may name nobody.

        Raises MissingReferenceError for an unknown tenant, InvalidValueError.
        """
        return await queries.record_async(
            self._connection,
            tenant_id=tenant_id,
            username=username,
            user_id=user_id,
            client_id=client_id,
            address=address,
            outcome=outcome,
            reason=reason,
            correlation_id=correlation_id,
        )

    async def list_recent_by_username(
        self,
        *,
        tenant_id: UUID,
        username: str,
        within: timedelta = _DAY,
        limit: int = 100,
    ) -> Sequence[LoginAttempt]:
        """List attempts to sign in as this username, newest first."""
        return await queries.list_recent_by_username_async(
            self._connection,
            tenant_id=tenant_id,
            username=username,
            within=within,
            page_size=check_limit(limit),
        )

    async def list_recent_by_address(
        self,
        *,
        tenant_id: UUID,
        address: IPv4Address | IPv6Address,
        within: timedelta = _DAY,
        limit: int = 100,
    ) -> Sequence[LoginAttempt]:
        """List attempts from this network address, newest first."""
        return await queries.list_recent_by_address_async(
            self._connection,
            tenant_id=tenant_id,
            address=address,
            within=within,
            page_size=check_limit(limit),
        )

    async def reserve(
        self,
        *,
        tenant_id: UUID,
        username: str,
        address: IPv4Address | IPv6Address,
        factor: str,
        attempt_limit: int = 10,
        time_window: timedelta = _QUARTER_HOUR,
    ) -> ThrottleDecision:
        """Ask, before a check of a factor, whether it may be made.

        Counts per account, network (/24 or /64) and factor. Commit it before the
        check: then racing guesses get `attempt_limit` checks in a window and not one
        more. The window ends by itself, so nobody is locked out for good. Call
        `succeed` or `fail` after the check.
        """
        if attempt_limit < 1:
            message = f"attempt_limit is {attempt_limit}; 1 or more is allowed"
            raise InvalidArgumentError(message)
        return await queries.reserve_async(
            self._connection,
            tenant_id=tenant_id,
            username=username,
            address=address,
            factor=factor,
            attempt_limit=attempt_limit,
            time_window=check_positive("time_window", time_window),
        )

    async def succeed(
        self,
        *,
        tenant_id: UUID,
        username: str,
        address: IPv4Address | IPv6Address,
        factor: str,
    ) -> None:
        """Forget the count for this account, network and factor: its owner came in."""
        await queries.succeed_async(
            self._connection,
            tenant_id=tenant_id,
            username=username,
            address=address,
            factor=factor,
        )

    async def fail(
        self,
        *,
        tenant_id: UUID,
        username: str,
        address: IPv4Address | IPv6Address,
        factor: str,
    ) -> None:
        """Note that the check failed; it stays counted until the window ends."""
        await queries.fail_async(
            self._connection,
            tenant_id=tenant_id,
            username=username,
            address=address,
            factor=factor,
        )

    async def prune_throttles(self, *, batch_size: int = 1000) -> int:
        """Delete a batch of throttles whose window has ended, of all tenants.

        Gives how many; call again while it is `batch_size`.
        """
        return await queries.prune_throttles_async(
            self._connection, batch_size=batch_size
        )

    async def create_partitions(self, *, months_ahead: int = 3) -> int:
        """Make the log's monthly partitions up to this many months ahead.

        Run monthly, as the tables' owner. Gives how many were missing.
        """
        return await queries.create_partitions_async(
            self._connection, months_ahead=months_ahead
        )
