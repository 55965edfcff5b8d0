"""Links and codes that are sent to an e-mail address, and used once."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import InvalidArgumentError
from authority_queries.names import check_email
from authority_queries.queries import one_time_tokens as queries
from authority_queries.queries import users
from authority_queries.records import (
    OneTimeToken,
    OneTimeTokenCreation,
    OneTimeTokenPurpose,
    OneTimeTokenRedemption,
)
from authority_queries.repositories._async.pages import page_after
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    check_digest,
    check_not_negative,
    check_optional_digest,
    check_password_hash,
    check_positive,
)
from authority_queries.repositories.cursors import by_text
from authority_queries.repositories.values import Page

_DAY: Final = timedelta(days=1)
_CODE_LIFETIME: Final = timedelta(minutes=10)
_LIFETIMES: Final[Mapping[OneTimeTokenPurpose, timedelta]] = {
    "email_verification": _DAY,
    "invitation": 7 * _DAY,
    "password_reset": timedelta(hours=1),
    "sign_in": _CODE_LIFETIME,
}

_ORDER: Final = by_text("one_time_tokens.list_by_purpose", "recipient")


class AsyncOneTimeTokens(AsyncRepository):
    """Queries of `queries/one_time_tokens.sql`.

    A link has a token of `mint_token("one_time", …)`, passed as its hash. A code is
    `mint_one_time_code()`, passed as `hash_one_time_code(…)`. A refusal is an outcome,
    not an error. Answer a person the same whatever the outcome: others must not learn
    which addresses and codes exist.
    """

    async def create(
        self,
        *,
        tenant_id: UUID,
        purpose: OneTimeTokenPurpose,
        user_id: UUID | None = None,
        email: str | None = None,
        token_hash: bytes | None = None,
        code_hash: bytes | None = None,
        max_attempts: int = 5,
        properties: JsonObject | None = None,
        lifetime: timedelta | None = None,
        resend_after: timedelta = timedelta(minutes=1),
    ) -> OneTimeTokenCreation:
        """Create a token with a link, a code or both, and end the one before.

        Send it to the `email` of the result, after the commit. Without an `email` it is
        the user's; without a `user_id` it is for an address that has no user yet. The
        default lifetime is 10 minutes with a code and for a sign_in, an hour for a
        password_reset, a day for an email_verification, 7 days for an invitation.
        Raises InvalidArgumentError, InvalidValueError.
        """
        if token_hash is None and code_hash is None:
            message = "pass a token_hash, a code_hash, or both"
            raise InvalidArgumentError(message, argument="token_hash")
        if user_id is None and email is None:
            message = "pass a user_id, an email, or both"
            raise InvalidArgumentError(message, argument="email")
        if lifetime is None:
            default = _LIFETIMES.get(purpose, _CODE_LIFETIME)
            lifetime = default if code_hash is None else _CODE_LIFETIME
        return await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            purpose=purpose,
            user_id=user_id,
            email=check_email(email),
            token_hash=token_hash,
            code_hash=code_hash,
            max_attempts=max_attempts,
            properties={} if properties is None else properties,
            lifetime=check_positive("lifetime", lifetime),
            resend_after=check_not_negative("resend_after", resend_after),
        )

    async def get_by_token(
        self, *, tenant_id: UUID, purpose: OneTimeTokenPurpose, token_hash: bytes
    ) -> OneTimeToken | None:
        """Get an unused token by its link, for the page that asks before the use."""
        return await queries.get_by_token_async(
            self._connection,
            tenant_id=tenant_id,
            purpose=purpose,
            token_hash=check_digest("token_hash", token_hash),
        )

    async def list_by_purpose(
        self,
        *,
        tenant_id: UUID,
        purpose: OneTimeTokenPurpose,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[OneTimeToken]:
        """List tokens that are not pruned, such as invitations, by recipient."""
        call = partial(queries.list_by_purpose_async, self._connection)
        return await page_after(
            partial(call, tenant_id=tenant_id, purpose=purpose),
            _ORDER,
            after=after,
            page_size=page_size,
        )

    async def redeem(
        self, *, tenant_id: UUID, purpose: OneTimeTokenPurpose, token_hash: bytes
    ) -> OneTimeTokenRedemption:
        """Use a token by its link.

        The use of an email_verification sets `email_verified`. In a transaction, the
        user is locked until its end, and a rollback undoes the use. Raises
        DuplicateError if another user has verified the address.
        """
        return await self._redeem(
            tenant_id=tenant_id,
            purpose=purpose,
            token_hash=check_digest("token_hash", token_hash),
        )

    async def redeem_code(
        self,
        *,
        tenant_id: UUID,
        purpose: OneTimeTokenPurpose,
        code_hash: bytes,
        user_id: UUID | None = None,
        email: str | None = None,
    ) -> OneTimeTokenRedemption:
        """Use a token by its code.

        Pass the `user_id` that the token was created for, or without one the `email`. A
        wrong code counts, and a rollback must not undo that: raises
        OpenTransactionError inside a transaction. Reserve each guess with
        `login_attempts.reserve(…, factor="one_time_code")` before: the limit of a token
        begins again with the next one. Raises DuplicateError as `redeem`.
        """
        async with self._at_once("one_time_tokens.redeem_code"):
            return await self._redeem(
                tenant_id=tenant_id,
                purpose=purpose,
                code_hash=check_digest("code_hash", code_hash),
                user_id=user_id,
                email=email,
            )

    async def reset_password(
        self,
        *,
        tenant_id: UUID,
        password_hash: str,
        token_hash: bytes | None = None,
        code_hash: bytes | None = None,
        user_id: UUID | None = None,
    ) -> OneTimeTokenRedemption:
        """Use a password_reset by its link, or by its user and code.

        One statement uses the token, sets the password and signs the user out
        everywhere. A second one signs the user out once more after the commit, because
        the old password still signed in until then. So it must not be called in a
        transaction: raises OpenTransactionError.
        """
        checked = check_password_hash("password_hash", password_hash)
        async with self._at_once("one_time_tokens.reset_password"):
            redeemed = await self._redeem(
                tenant_id=tenant_id,
                purpose="password_reset",
                token_hash=check_optional_digest("token_hash", token_hash),
                code_hash=check_optional_digest("code_hash", code_hash),
                user_id=user_id,
                password_hash=checked,
            )
        if redeemed.outcome == "redeemed" and redeemed.user_id is not None:
            async with self._at_once("one_time_tokens.reset_password"):
                await users.revoke_tokens_async(
                    self._connection, tenant_id=tenant_id, user_id=redeemed.user_id
                )
        return redeemed

    async def _redeem(
        self,
        *,
        tenant_id: UUID,
        purpose: OneTimeTokenPurpose,
        token_hash: bytes | None = None,
        code_hash: bytes | None = None,
        user_id: UUID | None = None,
        email: str | None = None,
        password_hash: str | None = None,
    ) -> OneTimeTokenRedemption:
        if (token_hash is None) == (code_hash is None):
            message = "pass either token_hash or code_hash"
            raise InvalidArgumentError(message, argument="token_hash")
        if code_hash is not None and (user_id is None) == (email is None):
            message = "pass either user_id or email with a code_hash"
            raise InvalidArgumentError(message, argument="user_id")
        return await queries.redeem_async(
            self._connection,
            tenant_id=tenant_id,
            purpose=purpose,
            token_hash=token_hash,
            user_id=user_id,
            email=check_email(email),
            code_hash=code_hash,
            password_hash=password_hash,
        )

    async def cancel(self, *, tenant_id: UUID, token_id: UUID) -> bool:
        """Delete a token. Returns False if there is none, or a newer one took it."""
        return bool(
            await queries.cancel_async(
                self._connection, tenant_id=tenant_id, token_id=token_id
            )
        )

    async def prune_expired(
        self, *, older_than: timedelta = _DAY, batch_size: int = 1000
    ) -> int:
        """Delete a batch of tokens that expired this long ago, of all tenants.

        Returns how many; call it again while that is `batch_size`. Calls may run
        concurrently: they skip locked rows.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
