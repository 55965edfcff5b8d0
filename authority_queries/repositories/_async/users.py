"""Users."""

from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.names import check_email, lookup_key, username_key
from authority_queries.queries import users as queries
from authority_queries.records import User, UserStatus
from authority_queries.repositories._async.repository import (
    shared_sub,
    stale,
)
from authority_queries.repositories._async.user_lists import AsyncUserLists
from authority_queries.repositories.arguments import check_password_hash


class AsyncUsers(AsyncUserLists):
    """Queries of `queries/users.sql`."""

    async def get_by_id(self, *, tenant_id: UUID, user_id: UUID) -> User | None:
        """Get a user by id."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )

    async def get_by_username(self, *, tenant_id: UUID, username: str) -> User | None:
        """Get a user by username, in any case and Unicode form.

        Returns None also for a name that no user can have.
        """
        return await queries.get_by_username_async(
            self._connection, tenant_id=tenant_id, username_key=lookup_key(username)
        )

    async def get_by_verified_email(
        self, *, tenant_id: UUID, email: str
    ) -> User | None:
        """Get the user who has verified this address, in any case of ASCII letters.

        Send mail to the `email` of the user, never to the address that was typed.
        """
        return await queries.get_by_verified_email_async(
            self._connection, tenant_id=tenant_id, email=email
        )

    async def get_by_subject_id(
        self, *, tenant_id: UUID, subject_id: str
    ) -> User | None:
        """Get a user by the claim sub."""
        return await queries.get_by_subject_id_async(
            self._connection, tenant_id=tenant_id, subject_id=subject_id
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        username: str,
        subject_id: str | None = None,
        email: str | None = None,
        email_verified: bool = False,
        display_name: str = "",
        password_hash: str | None = None,
        status: UserStatus = "active",
        attributes: JsonObject | None = None,
    ) -> User:
        """Create a user, with the given sub or a new one.

        Pass `subject_id` for a user of another system, whose sub it keeps. `username`
        follows RFC 8265, in any case and Unicode form. `password_hash` comes from
        `hash_password` or `convert_password_hash`. Raises DuplicateError if the
        username is taken in any case, the verified address is another user's, or the
        sub is that of another user, a client or a service account;
        MissingReferenceError for an unknown tenant, InvalidArgumentError,
        InvalidValueError.
        """
        user = await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            subject_id=subject_id,
            username=username,
            username_key=username_key(username),
            email=check_email(email),
            email_verified=email_verified,
            display_name=display_name,
            password_hash=check_password_hash("password_hash", password_hash),
            status=status,
            attributes={} if attributes is None else attributes,
        )
        if user is None:
            raise shared_sub("users.create", "subject_id")
        return user

    async def update(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        row_version: int,
        username: str,
        email: str | None,
        display_name: str,
        status: UserStatus,
        attributes: JsonObject,
    ) -> User:
        """Replace the editable fields of the user that was read at `row_version`.

        Another `email` is not verified, until `verify_email`.
        Raises NotFoundError, ConcurrencyConflictError, DuplicateError,
        InvalidArgumentError, InvalidValueError.
        """
        user = await queries.update_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            row_version=row_version,
            username=username,
            username_key=username_key(username),
            email=check_email(email),
            display_name=display_name,
            status=status,
            attributes=attributes,
        )
        if user is None:
            current = await self.get_by_id(tenant_id=tenant_id, user_id=user_id)
            raise stale("user", row_version, current)
        return user

    async def verify_email(
        self, *, tenant_id: UUID, user_id: UUID, email: str
    ) -> User | None:
        """Mark the user's address as verified: the user has proven control of it.

        Returns None if the user has another address by now. Raises DuplicateError with
        the argument `email` if another user of the tenant has verified the address.
        """
        return await queries.verify_email_async(
            self._connection, tenant_id=tenant_id, user_id=user_id, email=email
        )

    async def delete(self, *, tenant_id: UUID, user_id: UUID) -> bool:
        """Delete a user with its roles, consents and tokens.

        The sign-in log and the throttles keep the name: `Maintenance.erase_user` erases
        it everywhere. Returns False if there was none.
        """
        return bool(
            await queries.delete_async(
                self._connection, tenant_id=tenant_id, user_id=user_id
            )
        )

    async def set_password_hash(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        row_version: int,
        password_hash: str | None,
    ) -> User:
        """Replace the password's hash of the user that was read at `row_version`.

        None disables sign-in by password. Raises NotFoundError and
        ConcurrencyConflictError. Do not retry a rehash after a conflict: it would bring
        back a password that was changed meanwhile. The next sign-in rehashes.
        """
        user = await queries.set_password_hash_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            row_version=row_version,
            password_hash=check_password_hash("password_hash", password_hash),
        )
        if user is None:
            current = await self.get_by_id(tenant_id=tenant_id, user_id=user_id)
            raise stale("user", row_version, current)
        return user

    async def revoke_tokens(self, *, tenant_id: UUID, user_id: UUID) -> User | None:
        """End everything issued to the user so far by moving the user's epoch.

        One row ends all tokens. The user's sessions end with it, and their clients are
        notified.

        Returns None for an unknown user. With a new password, call this in a
        transaction of its own, after the password's commit: until then the old password
        still signs in, and such a sign-in would be later than the epoch.
        """
        return await queries.revoke_tokens_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )
