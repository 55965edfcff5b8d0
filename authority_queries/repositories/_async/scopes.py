"""Scopes that clients may ask for (RFC 6749 section 3.3)."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import SystemRowError
from authority_queries.queries import scopes as queries
from authority_queries.records import Scope
from authority_queries.repositories._async.pages import page
from authority_queries.repositories._async.repository import (
    AsyncRepository,
    stale,
)
from authority_queries.repositories.cursors import by_text
from authority_queries.repositories.values import Page

_ORDER: Final = by_text("scopes.list", "name")


class AsyncScopes(AsyncRepository):
    """Queries of `queries/scopes.sql`."""

    async def get_by_id(self, *, tenant_id: UUID, scope_id: UUID) -> Scope | None:
        """Get a scope by id."""
        return await queries.get_by_id_async(
            self._connection, tenant_id=tenant_id, scope_id=scope_id
        )

    async def get_by_name(self, *, tenant_id: UUID, name: str) -> Scope | None:
        """Get a scope by its name, which is case-sensitive."""
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
    ) -> Page[Scope]:
        """List scopes in order of name."""
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
        display_name: str = "",
        display_names: JsonObject | None = None,
        description: str = "",
        descriptions: JsonObject | None = None,
        resources: Sequence[str] = (),
        properties: JsonObject | None = None,
    ) -> Scope:
        """Create a scope. `resources` are its audiences (RFC 8707).

        Raises DuplicateError, InvalidValueError, MissingReferenceError for an unknown
        tenant.
        """
        return await queries.create_async(
            self._connection,
            tenant_id=tenant_id,
            name=name,
            display_name=display_name,
            display_names={} if display_names is None else display_names,
            description=description,
            descriptions={} if descriptions is None else descriptions,
            resources=resources,
            properties={} if properties is None else properties,
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
        """Replace the editable fields of the scope that was read at `row_version`.

        Raises NotFoundError, ConcurrencyConflictError, SystemRowError,
        DuplicateError, InvalidValueError.
        """
        scope = await queries.update_async(
            self._connection,
            tenant_id=tenant_id,
            scope_id=scope_id,
            row_version=row_version,
            name=name,
            display_name=display_name,
            display_names=display_names,
            description=description,
            descriptions=descriptions,
            resources=resources,
            properties=properties,
        )
        if scope is None:
            current = await self._refuse_system(tenant_id, scope_id)
            raise stale("scope", row_version, current)
        return scope

    async def delete(self, *, tenant_id: UUID, scope_id: UUID) -> bool:
        """Delete a scope. False if there was none. Raises SystemRowError."""
        if await queries.delete_async(
            self._connection, tenant_id=tenant_id, scope_id=scope_id
        ):
            return True
        await self._refuse_system(tenant_id, scope_id)
        return False

    async def resolve(
        self, *, tenant_id: UUID, names: Sequence[str]
    ) -> Sequence[Scope]:
        """List the scopes with these names, in order of name, without unknown ones.

        A requested name that is not returned is an invalid_scope.
        """
        return await queries.resolve_async(
            self._connection, tenant_id=tenant_id, names=names
        )

    async def _refuse_system(self, tenant_id: UUID, scope_id: UUID) -> Scope | None:
        scope = await self.get_by_id(tenant_id=tenant_id, scope_id=scope_id)
        if scope is not None and scope.is_system:
            message = f"the scope {scope.name} is a system scope"
            raise SystemRowError(message)
        return scope
