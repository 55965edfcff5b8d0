"""Users, the roles assigned to them, and their epoch."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.names import (
    check_email,
    lookup_key,
    prefix_key,
    username_key,
)
from authority_queries.queries import users as queries
from authority_queries.records import (
    Role,
    User,
    UserRole,
    UserStatus,
)
from authority_queries.repositories._async.repository import (
    AsyncRepository,
    page,
    stale,
)
from authority_queries.repositories.arguments import (
    check_not_negative,
    check_password_hash,
)
from authority_queries.repositories.values import (
    Page,
)


class AsyncUsers(AsyncRepository):
    """Queries of `queries/users.sql`."""

    async def get_by_id(self, *, tenant_id: UUID, user_id: UUID) -> User | None:
        """Get a user by its key inside the store."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )

    async def get_by_username(self, *, tenant_id: UUID, username: str) -> User | None:
        """Get a user by username, in any case and Unicode form.

        None also for a name that no user can have.
        """
        return await queries.get_by_username_async(
            self._connection, tenant_id=tenant_id, username_key=lookup_key(username)
        )

    async def get_by_subject_id(
        self, *, tenant_id: UUID, subject_id: UUID
    ) -> User | None:
        """Get a user by its sub claim."""
        return await queries.get_by_subject_id_async(
            self._connection, tenant_id=tenant_id, subject_id=subject_id
        )

    async def list(
        self,
        *,
        tenant_id: UUID,
        status: UserStatus | None = None,
        prefix: str | None = None,
        role_id: UUID | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Page[User]:
        """List users in order of `username_key`.

        `prefix` keeps usernames that start so, in any case; `role_id` keeps who holds
        the role now.
        """
        key = None if prefix is None else prefix_key(prefix)
        return await page(
            partial(
                queries.list_after_async,
                self._connection,
                tenant_id=tenant_id,
                status=status,
                prefix=key,
                role_id=role_id,
            ),
            partial(
                queries.list_before_async,
                self._connection,
                tenant_id=tenant_id,
                status=status,
                prefix=key,
                role_id=role_id,
            ),
            "username_key",
            after=after,
            before=before,
            limit=limit,
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        username: str,
        email: str | None = None,
        email_verified: bool = False,
        display_name: str = "",
        password_hash: str | None = None,
        status: UserStatus = "active",
        attributes: JsonObject | None = None,
    ) -> User:
        """Create a user with a fresh subject id.

        `username` is one of RFC 8265, in any case and Unicode form; `password_hash` is
        of `hash_password` or `convert_password_hash`. Raises DuplicateError when the
        username is taken in any case, MissingReferenceError for an unknown tenant,
        InvalidArgumentError, InvalidValueError.
        """
        return await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            username=username,
            username_key=username_key(username),
            email=check_email(email),
            email_verified=email_verified,
            display_name=display_name,
            password_hash=check_password_hash("password_hash", password_hash),
            status=status,
            attributes={} if attributes is None else attributes,
        )

    async def update(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        row_version: int,
        username: str,
        email: str | None,
        email_verified: bool,
        display_name: str,
        status: UserStatus,
        attributes: JsonObject,
    ) -> User:
        """Replace what can be edited of the user that was read at `row_version`.

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
            email_verified=email_verified,
            display_name=display_name,
            status=status,
            attributes=attributes,
        )
        if user is None:
            current = await self.get_by_id(tenant_id=tenant_id, user_id=user_id)
            raise stale("user", row_version, current)
        return user

    async def delete(self, *, tenant_id: UUID, user_id: UUID) -> bool:
        """Delete a user with its assignments, consents and tokens.

        False when there was none.
        """
        return bool(
            await queries.delete_async(
                self._connection, tenant_id=tenant_id, user_id=user_id
            )
        )

    async def list_roles(self, *, tenant_id: UUID, user_id: UUID) -> Sequence[Role]:
        """List the roles that the user holds now, in order of name."""
        return await queries.list_roles_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )

    async def assign_role(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        role_id: UUID,
        granted_by: str | None = None,
        expires_at: datetime | None = None,
    ) -> UserRole:
        """Assign a role; again, it takes the new granter and expiry.

        Raises MissingReferenceError for an unknown user or role.
        """
        return await queries.assign_role_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            role_id=role_id,
            granted_by=granted_by,
            expires_at=expires_at,
        )

    async def revoke_role(
        self, *, tenant_id: UUID, user_id: UUID, role_id: UUID
    ) -> bool:
        """End an assignment. False when there was none."""
        return bool(
            await queries.revoke_role_async(
                self._connection, tenant_id=tenant_id, user_id=user_id, role_id=role_id
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
        """Replace the hash of the user that was read at `row_version`.

        None ends sign-in by password. Raises NotFoundError and
        ConcurrencyConflictError: a rehash after a sign-in must not bring back a
        password that was changed meanwhile; leave it for the next sign-in.
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
        """Kill everything issued to the user so far, by moving its epoch: one row.

        With a new password, call it after that one's commit, in a transaction of its
        own: until then the old password signs in, later than an epoch of the same
        transaction. None for an unknown user.
        """
        return await queries.revoke_tokens_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )

    async def prune_roles(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of assignments that ended this long ago, of all tenants.

        Returns how many; call again while it is `batch_size`.
        """
        return await queries.prune_roles_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
