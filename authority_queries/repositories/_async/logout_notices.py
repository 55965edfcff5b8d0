"""Logout notices: logout tokens to send to the clients of ended sessions."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.calls import AsyncCall
from authority_queries.queries import logout_notices as queries
from authority_queries.records import (
    LogoutFailure,
    LogoutNotice,
    LogoutNoticeStatus,
    LogoutRecord,
)
from authority_queries.repositories._async.pages import page_after
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_not_negative,
    check_page_size,
    check_positive,
    check_within,
)
from authority_queries.repositories.cursors import by_id
from authority_queries.repositories.values import Page

_LEASE: Final = timedelta(minutes=1)
_FIRST_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_MOST_ATTEMPTS: Final = 10
_LONGEST_ERROR: Final = 2000

_ORDER: Final = by_id("logout_notices.list")


class AsyncLogoutNotices(AsyncRepository):
    """Queries of `queries/logout_notices.sql`.

    A worker claims notices, sends a logout token for each, and records what came of it
    (OpenID Connect Back-Channel Logout section 2.5). `sessions.end` queues notices. A
    notice expires 24 hours after that.
    """

    async def claim(
        self,
        *,
        tenant_id: UUID,
        lease: timedelta = _LEASE,
        most_attempts: int = _MOST_ATTEMPTS,
        batch_size: int = 10,
    ) -> Sequence[LogoutNotice]:
        """Claim notices to send now. No other worker gets them during the `lease`.

        Commit before you send. Make the lease longer than sending the batch takes: a
        notice without a record is claimed again afterwards. The logout token has the
        notice's `id` as jti, its `sid` and `subject_id`. A notice that was claimed
        `most_attempts` times is given up, so that one that kills its workers ends.
        Calls may run concurrently: they skip locked rows. Raises InvalidArgumentError.
        """
        return await queries.claim_async(
            self._connection,
            tenant_id=tenant_id,
            lease=check_positive("lease", lease),
            most_attempts=check_within("most_attempts", most_attempts, 1, 100),
            batch_size=check_within("batch_size", batch_size, 1, 1000),
        )

    async def record_delivery(self, *, tenant_id: UUID, notice_id: UUID) -> bool:
        """Record that the client has answered 200 or 204.

        Returns False if that was recorded before, or there is no such notice.
        """
        return bool(
            await queries.record_delivery_async(
                self._connection, tenant_id=tenant_id, notice_id=notice_id
            )
        )

    async def record_failure(
        self,
        *,
        tenant_id: UUID,
        notice_id: UUID,
        attempts: int,
        error: str,
        first_pause: timedelta = _FIRST_PAUSE,
        longest_pause: timedelta = _LONGEST_PAUSE,
        most_attempts: int = _MOST_ATTEMPTS,
    ) -> LogoutFailure | None:
        """Record that an attempt failed, and when the next one is due.

        `attempts` is `LogoutNotice.attempts` of the claim. Pauses double, from
        `first_pause` to `longest_pause`, each shortened at random by up to a half.
        After `most_attempts` the notice is given up. `error` is cut to 2000 characters:
        write no token into it. Returns None if the lease has ended and another worker
        has claimed or finished the notice. Raises InvalidArgumentError.
        """
        return await queries.record_failure_async(
            self._connection,
            tenant_id=tenant_id,
            notice_id=notice_id,
            attempts=attempts,
            error=error[:_LONGEST_ERROR] if isinstance(error, str) else error,
            first_pause=check_positive("first_pause", first_pause),
            longest_pause=check_positive("longest_pause", longest_pause),
            most_attempts=check_within("most_attempts", most_attempts, 1, 100),
        )

    async def list(
        self,
        *,
        tenant_id: UUID,
        status: LogoutNoticeStatus | None = None,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[LogoutRecord]:
        """List notices, finished or not, in order of id."""
        call: AsyncCall[list[LogoutRecord]] = queries.list_after_async
        if status is not None:
            call = partial(queries.list_by_status_after_async, notice_status=status)
        return await page_after(
            partial(call, self._connection, tenant_id=tenant_id),
            _ORDER,
            after=after,
            page_size=page_size,
        )

    async def list_tenants(self, *, page_size: int = 1000) -> Sequence[UUID]:
        """List tenants with notices to claim now, for a worker of many tenants.

        For a connection of `authority_maintenance`.
        """
        found = await queries.list_tenants_async(
            self._connection, page_size=check_page_size(page_size)
        )
        return [tenant.tenant_id for tenant in found]

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of notices that expired this long ago, in all tenants.

        Returns how many; call it again while that is `batch_size`. Calls may run
        concurrently: they skip locked rows.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
