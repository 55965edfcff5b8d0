"""All repositories over one connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self
from uuid import UUID

from psycopg import AsyncConnection

from authority_queries._async.authorizations import AsyncAuthorizations
from authority_queries._async.clients import AsyncClients
from authority_queries._async.consents import AsyncConsents
from authority_queries._async.device_authorizations import AsyncDeviceAuthorizations
from authority_queries._async.grants import AsyncGrants
from authority_queries._async.licenses import AsyncLicenses
from authority_queries._async.login_attempts import AsyncLoginAttempts
from authority_queries._async.nesting import only_unit
from authority_queries._async.pushed_requests import AsyncPushedRequests
from authority_queries._async.revocations import AsyncRevocations
from authority_queries._async.roles import AsyncRoles
from authority_queries._async.scopes import AsyncScopes
from authority_queries._async.server import AsyncServer
from authority_queries._async.service_accounts import AsyncServiceAccounts
from authority_queries._async.tenants import AsyncTenants
from authority_queries._async.tokens import AsyncTokens
from authority_queries._async.unit_of_work import unit_of_work
from authority_queries._async.used_jtis import AsyncUsedJtis
from authority_queries._async.users import AsyncUsers


class AsyncStore:
    """The repositories over one psycopg connection, which stays the caller's.

    On a connection in autocommit each call is one round trip and its own
    transaction; otherwise the caller commits. Row-level security shows no row unless
    the connection works for a tenant: `unit`.
    """

    def __init__(self, connection: AsyncConnection[object]) -> None:
        self.connection = connection
        self.tenants = AsyncTenants(connection)
        self.users = AsyncUsers(connection)
        self.roles = AsyncRoles(connection)
        self.service_accounts = AsyncServiceAccounts(connection)
        self.clients = AsyncClients(connection)
        self.scopes = AsyncScopes(connection)
        self.consents = AsyncConsents(connection)
        self.authorizations = AsyncAuthorizations(connection)
        self.grants = AsyncGrants(connection)
        self.device_authorizations = AsyncDeviceAuthorizations(connection)
        self.tokens = AsyncTokens(connection)
        self.pushed_requests = AsyncPushedRequests(connection)
        self.used_jtis = AsyncUsedJtis(connection)
        self.revocations = AsyncRevocations(connection)
        self.login_attempts = AsyncLoginAttempts(connection)
        self.licenses = AsyncLicenses(connection)
        self.server = AsyncServer(connection)

    @classmethod
    @asynccontextmanager
    async def unit(
        cls,
        connection: AsyncConnection[object],
        tenant_id: UUID,
        *,
        autocommit: bool = False,
    ) -> AsyncIterator[Self]:
        """Work for one tenant on a connection of your own: see `Authority.tenant`.

        The connection is in autocommit and in no transaction, or InvalidArgumentError
        is raised.
        """
        async with (
            only_unit(),
            unit_of_work(connection, tenant_id, autocommit=autocommit),
        ):
            yield cls(connection)
