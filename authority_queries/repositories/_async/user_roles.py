"""Roles that are assigned to users."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from authority_queries.queries import user_roles as queries
from authority_queries.records import Role, UserRole
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import check_not_negative


class AsyncUserRoles(AsyncRepository):
    """Queries of `queries/user_roles.sql`."""

    async def list_by_user(self, *, tenant_id: UUID, user_id: UUID) -> Sequence[Role]:
        """List the roles that the user holds now, in order of name: at most 100."""
        return await queries.list_by_user_async(
            self._connection, tenant_id=tenant_id, user_id=user_id
        )

    async def assign(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        role_id: UUID,
        granted_by: str | None = None,
        expires_at: datetime | None = None,
    ) -> UserRole:
        """Assign a role, or replace granter and expiry of its assignment.

        Raises MissingReferenceError for an unknown user or role, LimitReachedError
        for more than 100 assignments of a user.
        """
        return await queries.assign_async(
            self._connection,
            tenant_id=tenant_id,
            user_id=user_id,
            role_id=role_id,
            granted_by=granted_by,
            expires_at=expires_at,
        )

    async def revoke(self, *, tenant_id: UUID, user_id: UUID, role_id: UUID) -> bool:
        """Remove a role from a user. False if it was not assigned."""
        return bool(
            await queries.revoke_async(
                self._connection, tenant_id=tenant_id, user_id=user_id, role_id=role_id
            )
        )

    async def prune_expired(
        self, *, older_than: timedelta = timedelta(0), batch_size: int = 1000
    ) -> int:
        """Delete a batch of role assignments that ended this long ago, of all tenants.

        Returns how many; call it again while that is `batch_size`.
        """
        return await queries.prune_expired_async(
            self._connection,
            older_than=check_not_negative("older_than", older_than),
            batch_size=batch_size,
        )
