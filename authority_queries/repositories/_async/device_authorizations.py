"""The device flow (RFC 8628): what devices ask for, and what users decide."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import device_authorizations as queries
from authority_queries.records import (
    DeviceApproval,
    DeviceAuthorizationRequest,
    DevicePoll,
    PendingDeviceAuthorization,
)
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_digest,
    check_not_negative,
    check_optional_positive,
    check_positive,
)

_LIFETIME: Final = timedelta(minutes=10)
_INTERVAL: Final = timedelta(seconds=5)
_DAY: Final = timedelta(days=1)


class AsyncDeviceAuthorizations(AsyncRepository):
    """Queries of `queries/device_authorizations.sql`.

    Device codes come in as the SHA-256 of their string
    (`mint_token("device_code", …).hash`), user codes as `hash_user_code(…)`. A refusal
    is a result, not an error. `client_id` is the name in the protocol.

    User codes are short enough to be guessed (RFC 8628 section 5.1). Before each call
    that takes one which this session has not been shown yet, ask
    `login_attempts.reserve(…, factor="user_code")` for the user's name and address. Do
    not call `succeed` after a right one: a guesser who has a device too could always
    have his guesses forgotten.
    """

    async def create(
        self,
        *,
        tenant_id: UUID,
        device_code_hash: bytes,
        user_code_hash: bytes,
        client_id: str,
        scopes: Sequence[str] = (),
        cnf_jkt: str | None = None,
        properties: JsonObject | None = None,
        poll_interval: timedelta = _INTERVAL,
        lifetime: timedelta = _LIFETIME,
    ) -> DeviceAuthorizationRequest:
        """Record a device's request (RFC 8628 section 3.1).

        Whether the client may use this grant is for the caller to say. With `cnf_jkt`
        only who proves that key polls and redeems, as RFC 9449 section 10 has it for
        authorization codes. What is redeemed inherits `properties`. Raises
        DuplicateError where a user code is taken, so that the caller mints another
        one, and InvalidValueError for a lifetime above 30 minutes.
        """
        return await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            device_code_hash=check_digest("device_code_hash", device_code_hash),
            user_code_hash=check_digest("user_code_hash", user_code_hash),
            client_id=client_id,
            scopes=scopes,
            cnf_jkt=cnf_jkt,
            properties={} if properties is None else properties,
            poll_interval=check_positive("poll_interval", poll_interval),
            lifetime=check_positive("lifetime", lifetime),
        )

    async def get_by_user_code(
        self, *, tenant_id: UUID, user_code_hash: bytes
    ) -> PendingDeviceAuthorization | None:
        """Get what the user is to be asked for, if it can still be decided.

        A look is a guess: reserve it first.
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
        properties: JsonObject | None = None,
        family_lifetime: timedelta | None = None,
    ) -> DeviceApproval:
        """Say yes, and begin the family that the device code will be redeemed for.

        Once, and not after a `deny`. Fewer `scopes` than were asked for are allowed;
        the user's sign-in and consent are judged as by `grants.issue_code`.
        `properties` are put over the request's own. However often it is refreshed, the
        family ends after `family_lifetime`. In a transaction polls wait for its end.
        Raises InvalidValueError.
        """
        return await queries.approve_async(
            self._connection,
            tenant_id=tenant_id,
            user_code_hash=check_digest("user_code_hash", user_code_hash),
            user_id=user_id,
            scopes=scopes,
            properties={} if properties is None else properties,
            authenticated_at=authenticated_at,
            family_lifetime=check_optional_positive("family_lifetime", family_lifetime),
        )

    async def deny(
        self, *, tenant_id: UUID, user_code_hash: bytes, user_id: UUID
    ) -> bool:
        """Say no, for good. False when there was nothing left to decide.

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
        """Ask what a device that polls is told (RFC 8628 section 3.5).

        On `approved` call `redemptions.redeem_device_code` next; `invalid` is the error
        invalid_grant, and the other outcomes are errors of that name. Polls are counted
        whatever becomes of the request that carries them, so this is refused inside a
        transaction (OpenTransactionError).
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
        """Delete a batch of requests that expired longer ago than this.

        Of all tenants; what was redeemed stays. A device that polls for one that is
        deleted is told invalid instead of expired_token. Gives how many; call again
        while it is `batch_size`. Rows that are locked are left for the next run, so
        that any number may run at once.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
