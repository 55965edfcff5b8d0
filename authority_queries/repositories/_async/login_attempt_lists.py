"""Pages of the log of sign-in attempts."""

from datetime import timedelta
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

from authority_queries.names import lookup_key
from authority_queries.queries import login_attempts as queries
from authority_queries.records import (
    LoginAttempt,
)
from authority_queries.repositories._async.pages import page_after
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_host,
)
from authority_queries.repositories.cursors import newest_first
from authority_queries.repositories.values import Page

_DAY: Final = timedelta(days=1)
_BY_USERNAME: Final = newest_first("login_attempts.list_recent_by_username")
_BY_ADDRESS: Final = newest_first("login_attempts.list_recent_by_address")


class AsyncLoginAttemptLists(AsyncRepository):
    """Queries of `queries/login_attempts.sql` that list attempts."""

    async def list_recent_by_username(
        self,
        *,
        tenant_id: UUID,
        username: str,
        within: timedelta = _DAY,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[LoginAttempt]:
        """List attempts to sign in with this username, newest first."""
        return await page_after(
            partial(
                queries.list_recent_by_username_async,
                self._connection,
                tenant_id=tenant_id,
                username_key=lookup_key(username),
                within=within,
            ),
            _BY_USERNAME,
            after=after,
            page_size=page_size,
        )

    async def list_recent_by_address(
        self,
        *,
        tenant_id: UUID,
        address: IPv4Address | IPv6Address,
        within: timedelta = _DAY,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[LoginAttempt]:
        """List attempts from this host, newest first. All spellings are equal."""
        return await page_after(
            partial(
                queries.list_recent_by_address_async,
                self._connection,
                tenant_id=tenant_id,
                address=check_host("address", address),
                within=within,
            ),
            _BY_ADDRESS,
            after=after,
            page_size=page_size,
        )
