"""The device flow (RFC 8628): requests of devices and decisions of users."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonArray, JsonObject
from authority_queries.queries import device_authorizations as queries
from authority_queries.records import (
    DeviceApproval,
    DeviceAuthorizationRequest,
    DevicePoll,
    PendingDeviceAuthorization,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_acr_values,
    check_digest,
    check_max_age,
    check_not_negative,
    check_optional_positive,
    check_positive,
)

_LIFETIME: Final = timedelta(minutes=10)
_INTERVAL: Final = timedelta(seconds=5)
_DAY: Final = timedelta(days=1)


class AsyncDeviceAuthorizations(AsyncRepository):
    """Queries of `queries/device_authorizations.sql`.

    Device codes are passed as the SHA-256 of their string
    (`mint_token("device_code", …).hash`), user codes as `hash_user_code(…)`. A refusal
    is an outcome, not an error. `client_id` is the client's name in the protocol.

    User codes are short enough to be guessed (RFC 8628 section 5.1). Call
    `login_attempts.reserve(…, factor="user_code")` with the user's name and address
    before each call that takes a user code which the session has not presented before.
    Do not call `succeed` after a right code: it would let a guesser who owns a device
    reset the throttle.
    """

    async def create(
        self,
        *,
        tenant_id: UUID,
        device_code_hash: bytes,
        user_code_hash: bytes,
        client_id: str,
        scopes: Sequence[str] = (),
        resources: Sequence[str] = (),
        authorization_details: JsonArray = (),
        cnf_jkt: str | None = None,
        properties: JsonObject | None = None,
        poll_interval: timedelta = _INTERVAL,
        lifetime: timedelta = _LIFETIME,
    ) -> DeviceAuthorizationRequest:
        """Record a device's request (RFC 8628 section 3.1).

        The caller decides whether the client may use this grant. With `cnf_jkt`, polls
        and the redemption must prove that key, as in RFC 9449 section 10. The tokens
        inherit `properties`. Raises DuplicateError if the user code is taken: mint
        another one. Raises InvalidValueError for a lifetime above 30 minutes.
        """
        return await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            device_code_hash=device_code_hash,
            user_code_hash=user_code_hash,
            client_id=client_id,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            cnf_jkt=cnf_jkt,
            properties={} if properties is None else properties,
            poll_interval=check_positive("poll_interval", poll_interval),
            lifetime=check_positive("lifetime", lifetime),
        )

    async def get_by_user_code(
        self, *, tenant_id: UUID, user_code_hash: bytes
    ) -> PendingDeviceAuthorization | None:
        """Get the request that the user is asked to approve, while it is pending.

        Each call is a guess of a user code: reserve it first.
        """
        return await queries.get_by_user_code_async(
            self._connection,
            tenant_id=tenant_id,
            user_code_hash=check_digest("user_code_hash", user_code_hash),
        )

    async def approve(
        self,
        *,
        tenant_id: UUID,
        user_code_hash: bytes,
        user_id: UUID,
        authenticated_at: datetime | None,
        scopes: Sequence[str] | None = None,
        resources: Sequence[str] | None = None,
        authorization_details: JsonArray | None = None,
        properties: JsonObject | None = None,
        acr: str | None = None,
        amr: Sequence[str] | None = None,
        max_age: timedelta | None = None,
        acr_values: Sequence[str] | None = None,
        requested_at: datetime | None = None,
        family_lifetime: timedelta | None = None,
    ) -> DeviceApproval:
        """Approve a pending request, and begin the family of the tokens to come.

        `scopes`, `resources` and `authorization_details` may be fewer than the device
        asked for; None are all of them. The user's sign-in and consent must meet the
        rules of `grants.issue_code`; `requested_at` is when the user opened the page,
        and `max_age` and `acr_values` are your server's. `properties` are merged over
        those of the request. The family ends after `family_lifetime`, however often it
        is refreshed. Polls wait until the transaction ends. Raises InvalidValueError.
        """
        return await queries.approve_async(
            self._connection,
            tenant_id=tenant_id,
            user_code_hash=check_digest("user_code_hash", user_code_hash),
            user_id=user_id,
            scopes=scopes,
            resources=resources,
            authorization_details=authorization_details,
            properties={} if properties is None else properties,
            authenticated_at=authenticated_at,
            acr=acr,
            amr=amr,
            max_age=check_max_age(max_age),
            acr_values=check_acr_values(acr_values),
            requested_at=requested_at,
            family_lifetime=check_optional_positive("family_lifetime", family_lifetime),
        )

    async def deny(
        self, *, tenant_id: UUID, user_code_hash: bytes, user_id: UUID
    ) -> bool:
        """Deny a pending request, for good. Returns False if none was pending.

        Raises MissingReferenceError for an unknown user.
        """
        return bool(
            await queries.deny_async(
                self._connection,
                tenant_id=tenant_id,
                user_code_hash=check_digest("user_code_hash", user_code_hash),
                user_id=user_id,
            )
        )

    async def poll(
        self,
        *,
        tenant_id: UUID,
        device_code_hash: bytes,
        client_id: str,
        cnf_jkt: str | None = None,
    ) -> DevicePoll:
        """Count a device's poll and return the answer to it (RFC 8628 section 3.5).

        After `approved`, call `redemptions.redeem_device_code`. `invalid` is the error
        invalid_grant; every other outcome is the error of that name. A rollback must
        not undo the count: raises OpenTransactionError inside a transaction.
        """
        async with self._at_once("device_authorizations.poll"):
            return await queries.poll_async(
                self._connection,
                tenant_id=tenant_id,
                device_code_hash=check_digest("device_code_hash", device_code_hash),
                client_id=client_id,
                cnf_jkt=cnf_jkt,
            )

    async def prune_expired(
        self, *, older_than: timedelta = _DAY, batch_size: int = 1000
    ) -> int:
        """Delete a batch of requests that expired this long ago, of all tenants.

        Redeemed tokens stay. A poll for a deleted request returns invalid instead of
        expired_token. Returns how many; call it again while that is `batch_size`. Calls
        may run concurrently: they skip locked rows.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
