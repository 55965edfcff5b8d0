"""Accounts of users at other identity providers."""

from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import DuplicateError
from authority_queries.queries import user_identities as queries
from authority_queries.records import (
    IdentifiedUser,
    UserIdentity,
    UserIdentityUnlinking,
)
from authority_queries.repositories._async.pages import page_after
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.cursors import Order, read_text
from authority_queries.repositories.values import Page

_ORDER: Final = Order(
    name="user_identities.list_by_user",
    fields={"issuer": read_text, "subject": read_text},
    start=("", ""),
)


class AsyncUserIdentities(AsyncRepository):
    """Queries of `queries/user_identities.sql`.

    `issuer` and `subject` are the `iss` and `sub` of an ID token that the caller has
    verified (OpenID Connect Core section 3.1.3.7), or entityID and persistent NameID of
    a SAML assertion. They are compared exactly.
    """

    async def link(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        issuer: str,
        subject: str,
        profile: JsonObject | None = None,
    ) -> UserIdentity:
        """Link the account to the user, who has signed in to both.

        A second link to the same user stores the profile. The same address at both
        providers does not prove that both belong to one person. Raises DuplicateError
        with the argument `subject` if another user of the tenant has the account,
        MissingReferenceError for an unknown user, InvalidValueError.
        """
        linked = await queries.link_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            issuer=issuer,
            subject=subject,
            profile={} if profile is None else profile,
        )
        if linked is None:
            message = "user_identities.link: another user has this issuer and subject"
            raise DuplicateError(
                message, argument="subject", query="user_identities.link"
            )
        return linked

    async def list_by_user(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[UserIdentity]:
        """List the user's accounts in order of issuer and subject."""
        return await page_after(
            partial(
                queries.list_by_user_async,
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
            ),
            _ORDER,
            after=after,
            page_size=page_size,
        )

    async def find(
        self, *, tenant_id: UUID, issuer: str, subject: str
    ) -> IdentifiedUser | None:
        """Find the user of the account, whatever the user's status."""
        return await queries.find_async(
            self._connection, tenant_id=tenant_id, issuer=issuer, subject=subject
        )

    async def sign_in(
        self,
        *,
        tenant_id: UUID,
        issuer: str,
        subject: str,
        profile: JsonObject | None = None,
    ) -> IdentifiedUser | None:
        """Find the active user of the account, and record the use and the profile.

        Without a `profile` the stored one stays. Returns None if the account is not
        linked, or the user or the tenant is not active.
        """
        return await queries.sign_in_async(
            self._connection,
            tenant_id=tenant_id,
            issuer=issuer,
            subject=subject,
            profile=profile,
        )

    async def unlink(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        issuer: str,
        subject: str,
        is_last_allowed: bool = False,
    ) -> UserIdentityUnlinking:
        """Unlink the account from the user, unless it is the last way to sign in.

        The user must keep a password, another account, or a passkey that verifies its
        user. With `is_last_allowed=True` the caller decides, who may know other ways,
        such as links by mail.
        """
        return await queries.unlink_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            issuer=issuer,
            subject=subject,
            is_last_allowed=is_last_allowed,
        )
