"""Roles and their permissions."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.errors import SystemRowError
from authority_queries.queries import roles as queries
from authority_queries.records import (
    Permission,
    Role,
)
from authority_queries.repositories._async.pages import page, page_after
from authority_queries.repositories._async.repository import AsyncRepository, stale
from authority_queries.repositories.cursors import by_text
from authority_queries.repositories.values import Page

_ORDER: Final = by_text("roles.list", "name")
_PERMISSIONS: Final = by_text("roles.list_permissions", "name")
_USER_PERMISSIONS: Final = by_text("roles.list_user_permissions", "name")


class AsyncRoles(AsyncRepository):
    """Queries of `queries/roles.sql`."""

    async def get_by_id(self, *, tenant_id: UUID, role_id: UUID) -> Role | None:
        """Get a role by id."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, role_id=role_id
        )

    async def get_by_name(self, *, tenant_id: UUID, name: str) -> Role | None:
        """Get a role by name."""
        return await queries.get_by_name_async(
            self._connection, tenant_id=tenant_id, name=name
        )

    async def list(
        self,
        *,
        tenant_id: UUID,
        after: str | None = None,
        before: str | None = None,
        page_size: int = 50,
    ) -> Page[Role]:
        """List the roles of the tenant, in order of name."""
        return await page(
            partial(queries.list_after_async, self._connection, tenant_id=tenant_id),
            partial(queries.list_before_async, self._connection, tenant_id=tenant_id),
            _ORDER,
            after=after,
            before=before,
            page_size=page_size,
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        name: str,
        description: str = "",
        permissions: Sequence[str] = (),
    ) -> Role:
        """Create a role with these permissions of the catalogue.

        Raises DuplicateError, InvalidValueError, MissingReferenceError for an unknown
        tenant or permission.
        """
        return await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            name=name,
            description=description,
            permissions=permissions,
        )

    async def update(
        self,
        *,
        tenant_id: UUID,
        role_id: UUID,
        row_version: int,
        name: str,
        description: str,
        permissions: Sequence[str],
    ) -> Role:
        """Replace name, description and permissions of the role read at `row_version`.

        Raises NotFoundError, ConcurrencyConflictError, SystemRowError,
        DuplicateError, InvalidValueError, MissingReferenceError.
        """
        role = await queries.update_async(
            self._connection,
            tenant_id=tenant_id,
            role_id=role_id,
            row_version=row_version,
            name=name,
            description=description,
            permissions=permissions,
        )
        if role is None:
            current = await self._refuse_system(tenant_id, role_id)
            raise stale("role", row_version, current)
        return role

    async def delete(self, *, tenant_id: UUID, role_id: UUID) -> bool:
        """Delete a role and its expired assignments. False if there was none.

        Raises InUseError while the role is assigned, SystemRowError.
        """
        if await queries.delete_async(
            self._connection, tenant_id=tenant_id, role_id=role_id
        ):
            return True
        await self._refuse_system(tenant_id, role_id)
        return False

    async def list_permissions(
        self,
        *,
        tenant_id: UUID,
        role_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[Permission]:
        """List the permissions of a role, in order of name."""
        return await page_after(
            partial(
                queries.list_permissions_async,
                self._connection,
                tenant_id=tenant_id,
                role_id=role_id,
            ),
            _PERMISSIONS,
            after=after,
            page_size=page_size,
        )

    async def list_user_permissions(
        self,
        *,
        tenant_id: UUID,
        user_id: UUID,
        after: str | None = None,
        page_size: int = 50,
    ) -> Page[Permission]:
        """List the permissions of an active user, through all roles held now."""
        return await page_after(
            partial(
                queries.list_user_permissions_async,
                self._connection,
                tenant_id=tenant_id,
                user_id=user_id,
            ),
            _USER_PERMISSIONS,
            after=after,
            page_size=page_size,
        )

    async def _refuse_system(self, tenant_id: UUID, role_id: UUID) -> Role | None:
        role = await self.get_by_id(tenant_id=tenant_id, role_id=role_id)
        if role is not None and role.is_system:
            message = f"the role {role.name} is a system role"
            raise SystemRowError(message)
        return role
