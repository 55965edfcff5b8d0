"""Scopes that clients may ask for (RFC 6749 section 3.3)."""

from collections.abc import Sequence
from uuid import UUID

from psycopg.types.json import Jsonb

from authority_queries._arguments import check_list
from authority_queries._async.adapter import load_queries
from authority_queries._async.repository import AsyncRepository, stale
from authority_queries.errors import SystemRowError
from authority_queries.records import JsonObject, Page, Scope


class AsyncScopes(AsyncRepository):
    """Queries of `queries/scopes.sql`."""

    _queries = load_queries("scopes")

    async def get_by_id(self, *, tenant_id: UUID, scope_id: UUID) -> Scope | None:
        """Get a scope by its key inside the store."""
        return await self._one(
            Scope, "get_by_id", tenant_id=tenant_id, scope_id=scope_id
        )

    async def get_by_name(self, *, tenant_id: UUID, name: str) -> Scope | None:
        """Get a scope by its name, which is case-sensitive."""
        return await self._one(Scope, "get_by_name", tenant_id=tenant_id, name=name)

    async def list(
        self,
        *,
        tenant_id: UUID,
        after: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Page[Scope]:
        """List scopes in order of name."""
        return await self._page(
            Scope, "name", after=after, before=before, limit=limit, tenant_id=tenant_id
        )

    async def create(
        self,
        *,
        tenant_id: UUID,
        name: str,
        display_name: str = "",
        display_names: JsonObject | None = None,
        description: str = "",
        descriptions: JsonObject | None = None,
        resources: Sequence[str] = (),
        properties: JsonObject | None = None,
    ) -> Scope:
        """Create a scope. `resources` are the audiences that it opens (RFC 8707).

        Raises DuplicateError, InvalidValueError, MissingReferenceError for an unknown
        tenant.
        """
        return await self._first(
            Scope,
            "create",
            tenant_id=tenant_id,
            name=name,
            display_name=display_name,
            display_names=Jsonb(display_names or {}),
            description=description,
            descriptions=Jsonb(descriptions or {}),
            resources=check_list("resources", resources),
            properties=Jsonb(properties or {}),
        )

    async def update(
        self,
        *,
        tenant_id: UUID,
        scope_id: UUID,
        row_version: int,
        name: str,
        display_name: str,
        display_names: JsonObject,
        description: str,
        descriptions: JsonObject,
        resources: Sequence[str],
        properties: JsonObject,
    ) -> Scope:
        """Replace what can be edited of the scope that was read at `row_version`.

        Raises NotFoundError, ConcurrencyConflictError, SystemRowError,
        DuplicateError, InvalidValueError.
        """
        scope = await self._one(
            Scope,
            "update",
            tenant_id=tenant_id,
            scope_id=scope_id,
            row_version=row_version,
            name=name,
            display_name=display_name,
            display_names=Jsonb(display_names),
            description=description,
            descriptions=Jsonb(descriptions),
            resources=check_list("resources", resources),
            properties=Jsonb(properties),
        )
        if scope is None:
            current = await self._refuse_system(tenant_id, scope_id)
            raise stale("scope", row_version, current)
        return scope

    async def delete(self, *, tenant_id: UUID, scope_id: UUID) -> bool:
        """Delete a scope. False when there was none. Raises SystemRowError."""
        if await self._count("delete", tenant_id=tenant_id, scope_id=scope_id):
            return True
        await self._refuse_system(tenant_id, scope_id)
        return False

    async def resolve(
        self, *, tenant_id: UUID, names: Sequence[str]
    ) -> Sequence[Scope]:
        """Get the scopes with these names, in order of name; unknown ones are left out.

        What the caller asked for and did not get back is an invalid_scope.
        """
        return await self._all(
            Scope, "resolve", tenant_id=tenant_id, names=check_list("names", names)
        )

    async def _refuse_system(self, tenant_id: UUID, scope_id: UUID) -> Scope | None:
        scope = await self.get_by_id(tenant_id=tenant_id, scope_id=scope_id)
        if scope is not None and scope.is_system:
            message = f"the scope {scope.name} is a system scope"
            raise SystemRowError(message)
        return scope
