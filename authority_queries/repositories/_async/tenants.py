"""Tenants, who own all other rows."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final, Literal
from uuid import UUID

from authority_queries.engine.refusals import refusal
from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import NotFoundError, TenantInactiveError
from authority_queries.queries import tenants as queries
from authority_queries.records import Tenant, TenantStatus
from authority_queries.repositories._async.pages import page
from authority_queries.repositories._async.repository import (
    AsyncRepository,
    stale,
)
from authority_queries.repositories.arguments import check_optional_positive
from authority_queries.repositories.cursors import by_text
from authority_queries.repositories.values import Page

_ORDER: Final = by_text("tenants.list", "code")
_LONGEST: Final = timedelta(days=400)
_OPEN: Final = ["active", "trial"]


class AsyncTenants(AsyncRepository):
    """Queries of `queries/tenants.sql`."""

    async def get_by_id(self, *, tenant_id: UUID) -> Tenant | None:
        """Get a tenant, whatever its status."""
        return await queries.get_by_id_async(self._connection, tenant_id=tenant_id)

    async def get_by_code(self, *, code: str) -> Tenant | None:
        """Get a tenant by its name in URLs, whatever its status."""
        return await queries.get_by_code_async(self._connection, code=code)

    async def list(
        self,
        *,
        after: str | None = None,
        before: str | None = None,
        page_size: int = 50,
    ) -> Page[Tenant]:
        """List tenants in order of code."""
        return await page(
            partial(queries.list_after_async, self._connection),
            partial(queries.list_before_async, self._connection),
            _ORDER,
            after=after,
            before=before,
            page_size=page_size,
        )

    async def create(
        self,
        *,
        code: str,
        display_name: str,
        status: Literal["active", "trial"] = "active",
        settings: JsonObject | None = None,
    ) -> Tenant:
        """Create a tenant with the system roles and the standard OpenID scopes.

        Raises DuplicateError if the code is taken, InvalidValueError if it is not a
        DNS label.
        """
        return await queries.create_async(
            self._connection,
            code=code,
            display_name=display_name,
            status=status,
            settings={} if settings is None else settings,
        )

    async def update(
        self,
        *,
        tenant_id: UUID,
        row_version: int,
        code: str,
        display_name: str,
        settings: JsonObject,
    ) -> Tenant:
        """Replace the editable fields of the tenant that was read at `row_version`.

        Raises NotFoundError, ConcurrencyConflictError, DuplicateError,
        InvalidValueError.
        """
        tenant = await queries.update_async(
            self._connection,
            tenant_id=tenant_id,
            row_version=row_version,
            code=code,
            display_name=display_name,
            settings=settings,
        )
        if tenant is None:
            current = await self.get_by_id(tenant_id=tenant_id)
            raise stale("tenant", row_version, current)
        return tenant

    async def suspend(self, *, tenant_id: UUID) -> Tenant:
        """Stop the tenant, until `resume`: nothing is issued or verified. Idempotent.

        Raises NotFoundError; TenantInactiveError if the tenant is terminated.
        """
        return await self._set_status(tenant_id, "suspended", [*_OPEN, "suspended"])

    async def resume(self, *, tenant_id: UUID) -> Tenant:
        """Make a suspended or trial tenant active. Idempotent.

        Raises NotFoundError; TenantInactiveError if the tenant is terminated.
        """
        return await self._set_status(tenant_id, "active", [*_OPEN, "suspended"])

    async def terminate(self, *, tenant_id: UUID) -> Tenant:
        """Close the tenant for good; its rows stay until `erase_tenant`. Idempotent.

        Raises NotFoundError.
        """
        every = [*_OPEN, "suspended", "terminated"]
        return await self._set_status(tenant_id, "terminated", every)

    async def _set_status(
        self, tenant_id: UUID, status: TenantStatus, allowed_from: Sequence[str]
    ) -> Tenant:
        tenant = await queries.set_status_async(
            self._connection,
            tenant_id=tenant_id,
            status=status,
            allowed_from=[*allowed_from],
        )
        if tenant is not None:
            return tenant
        if await self.get_by_id(tenant_id=tenant_id) is None:
            message = "no such tenant"
            raise NotFoundError(message)
        message = f"the tenant is terminated and cannot become {status}"
        raise TenantInactiveError(message)

    async def revoke_tokens(self, *, tenant_id: UUID) -> Tenant | None:
        """Sign out all users and machines by moving the tenant's epoch: one row.

        Returns None for an unknown tenant.
        """
        return await queries.revoke_tokens_async(self._connection, tenant_id=tenant_id)

    async def accept_foreign_tokens(
        self, *, tenant_id: UUID, lifetime: timedelta | None
    ) -> Tenant:
        """Accept imported tokens under the strings of the other store, for this time.

        `lifetime` begins now and is at most 400 days. None ends the time at once: the
        feed has the end, so that verifiers drop the answers that they keep. Own tokens
        are not affected, and neither are those that a refresh with a foreign token has
        issued. Raises NotFoundError, InvalidArgumentError.
        """
        check_optional_positive("lifetime", lifetime)
        if lifetime is not None and lifetime > _LONGEST:
            raise refusal("lifetime", "must be 400 days or shorter")
        tenant = await queries.accept_foreign_tokens_async(
            self._connection, tenant_id=tenant_id, lifetime=lifetime
        )
        if tenant is None:
            message = "no such tenant"
            raise NotFoundError(message)
        return tenant
