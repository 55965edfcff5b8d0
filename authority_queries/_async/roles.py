"""Roles and what they allow."""

from collections.abc import Sequence
from uuid import UUID

from authority_queries._arguments import check_list
from authority_queries._async.adapter import load_queries
from authority_queries._async.repository import AsyncRepository, stale
from authority_queries.errors import SystemRowError
from authority_queries.records import Permission, Role


class AsyncRoles(AsyncRepository):
    """Queries of `queries/roles.sql`."""

    _queries = load_queries("roles")

    async def get_by_id(self, *, tenant_id: UUID, role_id: UUID) -> Role | None:
        """Get a role by its key inside the store."""
        return await self._one(Role, "get_by_id", tenant_id=tenant_id, role_id=role_id)

    async def get_by_name(self, *, tenant_id: UUID, name: str) -> Role | None:
        """Get a role by its identifier."""
        return await self._one(Role, "get_by_name", tenant_id=tenant_id, name=name)

    async def list(self, *, tenant_id: UUID) -> Sequence[Role]:
        """List all roles of the tenant, in order of name."""
        return await self._all(Role, "list_all", tenant_id=tenant_id)

    async def create(
        self,
        *,
        tenant_id: UUID,
        name: str,
        description: str = "",
        permissions: Sequence[str] = (),
    ) -> Role:
        """Create a role that allows these permissions of the catalogue.

        Raises DuplicateError, InvalidValueError, MissingReferenceError for an unknown
        tenant or permission.
        """
        return await self._first(
            Role,
            "create",
            tenant_id=tenant_id,
            name=name,
            description=description,
            permissions=check_list("permissions", permissions),
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
        role = await self._one(
            Role,
            "update",
            tenant_id=tenant_id,
            role_id=role_id,
            row_version=row_version,
            name=name,
            description=description,
            permissions=check_list("permissions", permissions),
        )
        if role is None:
            current = await self._refuse_system(tenant_id, role_id)
            raise stale("role", row_version, current)
        return role

    async def delete(self, *, tenant_id: UUID, role_id: UUID) -> bool:
        """Delete a role. False when there was none.

        Raises InUseError while it is assigned, SystemRowError.
        """
        if await self._count("delete", tenant_id=tenant_id, role_id=role_id):
            return True
        await self._refuse_system(tenant_id, role_id)
        return False

    async def list_permissions(
        self, *, tenant_id: UUID, role_id: UUID
    ) -> Sequence[Permission]:
        """List what a role allows, in order of name."""
        return await self._all(
            Permission, "list_permissions", tenant_id=tenant_id, role_id=role_id
        )

    async def list_user_permissions(
        self, *, tenant_id: UUID, user_id: UUID
    ) -> Sequence[Permission]:
        """List what an active user may do through all roles held now, each once."""
        return await self._all(
            Permission, "list_user_permissions", tenant_id=tenant_id, user_id=user_id
        )

    async def _refuse_system(self, tenant_id: UUID, role_id: UUID) -> Role | None:
        role = await self.get_by_id(tenant_id=tenant_id, role_id=role_id)
        if role is not None and role.is_system:
            message = f"the role {role.name} is a system role"
            raise SystemRowError(message)
        return role
