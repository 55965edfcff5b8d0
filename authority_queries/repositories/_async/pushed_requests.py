"""Pushed authorization requests (RFC 9126), each used once within minutes."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import NotFoundError
from authority_queries.queries import pushed_requests as queries
from authority_queries.records import PushedRequest
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_digest,
    check_not_negative,
    check_positive,
)

_MINUTE: Final = timedelta(minutes=1)


class AsyncPushedRequests(AsyncRepository):
    """Queries of `queries/pushed_requests.sql`.

    `mint_token("request_uri", …)` and `format_request_uri` make a request_uri. It is
    passed as the hash of `parse_request_uri`.
    """

    async def create(
        self,
        *,
        tenant_id: UUID,
        request_uri_hash: bytes,
        client_id: str,
        parameters: JsonObject,
        lifetime: timedelta = _MINUTE,
    ) -> PushedRequest:
        """Store the request that an authenticated client pushed (RFC 9126 section 2.2).

        `client_id` is the client's name in the protocol. `parameters` are those of the
        request, without the client's credentials; the key of a DPoP header becomes
        dpop_jkt (RFC 9449 section 10.1). `lifetime` (`expires_in`) is at most 10
        minutes. Raises NotFoundError if the client is unknown or disabled, or the
        tenant is not active; DuplicateError, InvalidValueError, InvalidArgumentError.
        """
        request = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            request_uri_hash=request_uri_hash,
            client_id=client_id,
            parameters=parameters,
            lifetime=check_positive("lifetime", lifetime),
        )
        if request is None:
            message = "no enabled client of an active tenant has this client_id"
            raise NotFoundError(message)
        return request

    async def redeem(
        self,
        *,
        tenant_id: UUID,
        request_uri_hash: bytes,
        client_id: str,
        redemption_id: UUID,
    ) -> PushedRequest | None:
        """Use a pushed request at the authorization endpoint (RFC 9126 section 4).

        `client_id` is that of the browser's request. `redemption_id` identifies the
        user of the request, such as the browser's session: the same id gets the same
        row again until the request expires, for example after a reload. One of any
        number of ids succeeds. None does not include the reason. A rollback undoes the
        use.
        """
        return await queries.redeem_async(
            self._connection,
            tenant_id=tenant_id,
            request_uri_hash=check_digest("request_uri_hash", request_uri_hash),
            client_id=client_id,
            redemption_id=redemption_id,
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of requests that expired this long ago, of all tenants.

        Returns how many; call it again while that is `batch_size`. Calls may run
        concurrently: they skip locked rows.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
