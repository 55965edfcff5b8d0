"""All repositories over one connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self, TypeVar, overload
from uuid import UUID

from psycopg import AsyncConnection

from authority_queries.engine._async.together import AsyncTogether
from authority_queries.engine.calls import AsyncCall
from authority_queries.repositories._async.audit_events import AsyncAuditEvents
from authority_queries.repositories._async.client_registrations import (
    AsyncClientRegistrations,
)
from authority_queries.repositories._async.client_secrets import AsyncClientSecrets
from authority_queries.repositories._async.clients import AsyncClients
from authority_queries.repositories._async.comparisons import AsyncComparisons
from authority_queries.repositories._async.entries import AsyncEntries
from authority_queries.repositories._async.erasures import AsyncErasures
from authority_queries.repositories._async.exports import AsyncExports
from authority_queries.repositories._async.grant_store import AsyncGrantStore
from authority_queries.repositories._async.imports import AsyncImports
from authority_queries.repositories._async.license_seats import AsyncLicenseSeats
from authority_queries.repositories._async.license_usage import AsyncLicenseUsage
from authority_queries.repositories._async.licenses import AsyncLicenses
from authority_queries.repositories._async.monitoring import AsyncMonitoring
from authority_queries.repositories._async.repository import AsyncLease
from authority_queries.repositories._async.roles import AsyncRoles
from authority_queries.repositories._async.scopes import AsyncScopes
from authority_queries.repositories._async.server import AsyncServer
from authority_queries.repositories._async.service_accounts import AsyncServiceAccounts
from authority_queries.repositories._async.sign_in_store import AsyncSignInStore
from authority_queries.repositories._async.signing_keys import AsyncSigningKeys
from authority_queries.repositories._async.tenant_moves import AsyncTenantMoves
from authority_queries.repositories._async.tenants import AsyncTenants
from authority_queries.repositories._async.transactions import unit_of_work
from authority_queries.repositories._async.user_roles import AsyncUserRoles
from authority_queries.repositories._async.users import AsyncUsers
from authority_queries.repositories.actors import Actor

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


class AsyncStore(AsyncGrantStore, AsyncSignInStore):
    """The repositories over one psycopg connection, which stays the caller's.

    On a connection in autocommit each call is one round trip and its own transaction;
    otherwise the caller commits. Row-level security hides all rows until the connection
    is set to a tenant: `unit`.
    """

    def __init__(self, connection: AsyncConnection[object]) -> None:
        self._lease = lease = AsyncLease(connection)
        AsyncGrantStore.__init__(self, lease)
        AsyncSignInStore.__init__(self, lease)
        self.tenants = AsyncTenants(lease)
        self.users = AsyncUsers(lease)
        self.user_roles = AsyncUserRoles(lease)
        self.roles = AsyncRoles(lease)
        self.service_accounts = AsyncServiceAccounts(lease)
        self.clients = AsyncClients(lease)
        self.client_registrations = AsyncClientRegistrations(lease)
        self.client_secrets = AsyncClientSecrets(lease)
        self.scopes = AsyncScopes(lease)
        self.signing_keys = AsyncSigningKeys(lease)
        self.licenses = AsyncLicenses(lease)
        self.license_seats = AsyncLicenseSeats(lease)
        self.license_usage = AsyncLicenseUsage(lease)
        self._open_records(lease)

    def _open_records(self, lease: AsyncLease) -> None:
        self.audit_events = AsyncAuditEvents(lease)
        self.comparisons = AsyncComparisons(lease)
        self.entries = AsyncEntries(lease)
        self.erasures = AsyncErasures(lease)
        self.exports = AsyncExports(lease)
        self.imports = AsyncImports(lease)
        self.monitoring = AsyncMonitoring(lease)
        self.tenant_moves = AsyncTenantMoves(lease)
        self.server = AsyncServer(lease)

    @property
    def connection(self) -> AsyncConnection[object]:
        """The connection. Raises UnitEndedError after the block of `lent` or `unit`."""
        return self._lease.connection

    @overload
    async def together(self, a: AsyncCall[A], b: AsyncCall[B], /) -> tuple[A, B]: ...

    @overload
    async def together(
        self, a: AsyncCall[A], b: AsyncCall[B], c: AsyncCall[C], /
    ) -> tuple[A, B, C]: ...

    @overload
    async def together(
        self, a: AsyncCall[A], b: AsyncCall[B], c: AsyncCall[C], d: AsyncCall[D], /
    ) -> tuple[A, B, C, D]: ...

    @overload
    async def together(self, *calls: AsyncCall[A]) -> tuple[A, ...]: ...

    async def together(self, *calls: AsyncCall[object]) -> tuple[object, ...]:
        """Return the results of independent reads of this unit of work, in one trip.

        Pass functions without arguments, each of which makes one call of this store.
        Each function runs twice: first to send its statement, then to return the
        result. The statements are executed in their order, in one transaction also in
        an autocommit unit. Raises the first statement's error, and
        InvalidArgumentError outside a unit of work.
        """
        return (*await AsyncTogether().run(self.connection, calls),)

    @classmethod
    @asynccontextmanager
    async def lent(cls, connection: AsyncConnection[object]) -> AsyncIterator[Self]:
        """Make a store that raises UnitEndedError after the block."""
        store = cls(connection)
        try:
            yield store
        finally:
            store._lease.has_ended = True

    @classmethod
    @asynccontextmanager
    async def unit(
        cls,
        connection: AsyncConnection[object],
        tenant_id: UUID,
        *,
        autocommit: bool = False,
        actor: Actor | None = None,
    ) -> AsyncIterator[Self]:
        """Set your own connection to one tenant for a block: see `Authority.tenant`.

        Raises InvalidArgumentError unless the connection is in autocommit, in UTF-8 and
        in no transaction. Ignores its isolation_level and read_only. Raises ForkedError
        if the connection was used before this process was forked.
        """
        async with (
            unit_of_work(connection, tenant_id, autocommit=autocommit, actor=actor),
            cls.lent(connection) as store,
        ):
            yield store
