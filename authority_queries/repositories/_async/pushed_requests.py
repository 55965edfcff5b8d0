"""Pushed authorization requests (RFC 9126): kept for minutes, used once."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import InvalidArgumentError, NotFoundError
from authority_queries.queries import pushed_requests as queries
from authority_queries.records import PushedRequest
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_digest,
    check_not_negative,
    check_positive,
)

_MINUTE: Final = timedelta(minutes=1)
# As the schema's check has it.
_LONGEST: Final = timedelta(minutes=10)


class AsyncPushedRequests(AsyncRepository):
    """Queries of `queries/pushed_requests.sql`.

    A request_uri is made by `mint_token("request_uri", …)` and `format_request_uri`,
    and comes in as the hash of `parse_request_uri`.
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
        """Keep the request that an authenticated client has pushed (RFC 9126 2.2).

        `client_id` is the name in the protocol, `parameters` what the client asks for,
        without what it authenticated with. A key of a DPoP header goes in as dpop_jkt
        (RFC 9449 section 10.1). `lifetime`, for `expires_in`, is 10 minutes at most.
        Raises NotFoundError when the client is unknown or disabled or the tenant is
        not active; DuplicateError, InvalidValueError, InvalidArgumentError.
        """
        if check_positive("lifetime", lifetime) > _LONGEST:
            message = "lifetime must be at most 10 minutes"
            raise InvalidArgumentError(message, argument="lifetime")
        request = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            request_uri_hash=check_digest("request_uri_hash", request_uri_hash),
            client_id=client_id,
            parameters=parameters,
            lifetime=lifetime,
        )
        if request is None:
            message = "an active tenant has no enabled client with this id"
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
        """Use a pushed request up, at the authorization endpoint (RFC 9126 section 4).

        `client_id` is the one of the browser's request;
        `redemption_id` says who uses it, such as the browser's session: repeated
        before the request expires, it gives the row again, so that a lost answer or
        a reload does no harm. Of any number of other ids one gets it. Every reason
        for None is alike. In a transaction a rollback gives it back.
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
        """Delete a batch that expired longer ago than this, of all tenants.

        Gives how many; call again while it is `batch_size`. Rows that are locked are
        left for the next run, so that any number may run at once.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
