"""Several databases, each with some tenants: calls go to the tenant's database."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Literal, TypeVar
from uuid import UUID

from authority_queries.engine.calls import AsyncCall
from authority_queries.engine.checks import one_of, optional, text
from authority_queries.errors import (
    ConfigurationError,
    TenantInactiveError,
    TenantMovingError,
    UnavailableError,
)
from authority_queries.records import LiveSession, VerifiedToken
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.actors import Actor
from authority_queries.repositories.arguments import check_tenant_id
from authority_queries.service._async.authority import AsyncAuthority
from authority_queries.service.presented import find_presented

_Answer = TypeVar("_Answer")
_kind: Final = one_of("access", "refresh")
_resource: Final = optional(text())
_REMEMBERED: Final = 100_000  # tenants: about 20 MB


class AsyncCells:
    """The authorities of several databases, and the directory of their tenants.

    `authorities` has an open Authority for each cell's name. `find_cell` reads the
    directory. It returns the name of the tenant's cell, or None if no cell has the
    tenant, and raises TenantMovingError while the tenant moves. It must return the
    present state, because it decides whether a refusal is final. It is called once for
    each tenant, and again after each refusal.
    """

    def __init__(
        self,
        authorities: Mapping[str, AsyncAuthority],
        find_cell: AsyncCall[str | None],
    ) -> None:
        self._authorities = authorities
        self._find_cell = find_cell
        self._remembered: dict[UUID, str] = {}

    async def get_authority(self, tenant_id: UUID) -> AsyncAuthority | None:
        """Return the Authority of the tenant's cell, or None: no cell has the tenant.

        The tenant may have left this cell a moment ago. Then the cell refuses it.
        Raises TenantMovingError, and ConfigurationError if the directory names a cell
        without an Authority.
        """
        check_tenant_id(tenant_id)
        cell = self._remembered.get(tenant_id)
        return await self._look_up(tenant_id) if cell is None else self._in(cell)

    async def verify_token(
        self,
        token: str,
        *,
        kind: Literal["access", "refresh"] = "access",
        tenant_id: UUID | None = None,
        resource: str | None = None,
        foreign: bool = False,
    ) -> VerifiedToken | None:
        """Return the token with this string if it is live, or None.

        Like `AsyncAuthority.verify_token`, in the cell of the token's tenant. Before it
        returns None, it asks the directory whether the tenant is in another cell now.
        Raises TenantMovingError if the token may be live: repeat the call later.
        """
        _kind("kind", kind)
        _resource("resource", resource)

        async def ask(authority: AsyncAuthority) -> VerifiedToken | None:
            return await authority.verify_token(
                token,
                kind=kind,
                tenant_id=tenant_id,
                resource=resource,
                foreign=foreign,
            )

        presented = find_presented(token, kind, tenant_id, foreign=foreign)
        return await self._ask(presented and presented[0], ask)

    async def verify_session(
        self, cookie: str, *, tenant_id: UUID | None = None
    ) -> LiveSession | None:
        """Return the live session with this cookie, or None, like `verify_token`."""

        async def ask(authority: AsyncAuthority) -> LiveSession | None:
            return await authority.verify_session(cookie, tenant_id=tenant_id)

        presented = find_presented(cookie, "session", tenant_id)
        return await self._ask(presented and presented[0], ask)

    @asynccontextmanager
    async def tenant(
        self,
        tenant_id: UUID,
        *,
        autocommit: bool = False,
        actor: Actor | None = None,
    ) -> AsyncIterator[AsyncStore]:
        """Open a unit of work in the tenant's cell, like `AsyncAuthority.tenant`.

        Raises TenantMovingError if the tenant moves, or is in another cell than it
        was: repeat the unit of work. Raises TenantInactiveError for a tenant that no
        cell has, and for one that its cell refuses.
        """
        authority = await self.get_authority(tenant_id)
        if authority is None:
            message = "no cell has the tenant"
            raise TenantInactiveError(message)
        try:
            async with authority.tenant(
                tenant_id, autocommit=autocommit, actor=actor
            ) as store:
                yield store
        except (TenantInactiveError, UnavailableError) as error:
            if await self._look_up(tenant_id) in (None, authority):
                raise
            message = "the tenant has moved to another cell: repeat the unit of work"
            raise TenantMovingError(message) from error

    async def _ask(
        self, tenant_id: UUID | None, ask: AsyncCall[_Answer | None]
    ) -> _Answer | None:
        """Ask the tenant's cell, and after a refusal the cell that it has moved to."""
        authority = await self.get_authority(tenant_id) if tenant_id else None
        while authority is not None and tenant_id is not None:
            refusal = None
            try:
                if (answer := await ask(authority)) is not None:
                    return answer
            except UnavailableError as error:
                refusal = error
            asked, authority = authority, await self._look_up(tenant_id)
            if authority is asked:
                if refusal is not None:
                    raise refusal
                break
        return None

    async def _look_up(self, tenant_id: UUID) -> AsyncAuthority | None:
        """Ask the directory, and remember its answer."""
        self._remembered.pop(tenant_id, None)
        cell = await self._find_cell(tenant_id)
        if cell is None:
            return None
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[tenant_id] = cell
        return self._in(cell)

    def _in(self, cell: str) -> AsyncAuthority:
        if cell not in self._authorities:
            message = f"the directory names the cell {cell!r}, which has no Authority"
            raise ConfigurationError(message)
        return self._authorities[cell]
