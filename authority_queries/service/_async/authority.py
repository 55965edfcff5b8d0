"""The entry point of services: a tenant's units of work, and tokens as they come in."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final, Literal
from uuid import UUID

from authority_queries.engine._async.unit import refuse_nested_unit
from authority_queries.engine.checks import one_of
from authority_queries.errors import InvalidTokenError
from authority_queries.queries import tenants, tokens
from authority_queries.records import Revocation, VerifiedToken
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories._async.transactions import unit_of_work
from authority_queries.repositories.arguments import (
    check_optional_positive,
    check_position,
    check_positive,
    check_tenant_id,
)
from authority_queries.secrets import parse_token
from authority_queries.service._async.follower import AsyncFollower
from authority_queries.service._async.hints import AsyncHints
from authority_queries.service._async.pool import AsyncPooled

_kind: Final = one_of("access", "refresh")


class AsyncAuthority(AsyncPooled):
    """What a service does: for one tenant at a time, held to it by the database."""

    role: ClassVar[str] = "authority_app"

    @asynccontextmanager
    async def tenant(
        self, tenant_id: UUID, *, autocommit: bool = False
    ) -> AsyncIterator[AsyncStore]:
        """Work for one tenant in one transaction: committed at the end, or rolled back.

        The transaction begins, and PostgreSQL learns the tenant, in the trip of the
        first call, which raises TenantInactiveError when the tenant is unknown,
        suspended or terminated: then nothing else has been done. With `autocommit`
        each call is one trip and a transaction of its own. Calls of several tasks wait
        for each other: a unit has one connection.

        What names another tenant in the block, or none, raises CrossTenantError
        before it is sent, another unit inside this one NestedUnitError; `verify_token`
        and `find_tenant` take a connection of their own. The store ends with the block:
        used later it raises UnitEndedError. Raises also
        UnavailableError when no connection is free within `pool_timeout`,
        UnitAbortedError when the block goes on, or ends well, after an error of
        PostgreSQL, or has committed or rolled back by itself.

        SQL of your own on `store.connection` comes after the first call: before it the
        connection is in psycopg's pipeline mode, where errors come late, and a
        savepoint after a result that was fetched ends the transaction.
        """
        async with self._unit(tenant_id, autocommit=autocommit) as store:
            yield store

    @asynccontextmanager
    async def _unit(
        self, tenant_id: UUID, *, autocommit: bool, seconds: float | None = None
    ) -> AsyncIterator[AsyncStore]:
        """Work for one tenant, with no wait longer than `seconds`."""
        refuse_nested_unit()
        async with (
            self._lend(seconds) as connection,
            unit_of_work(connection, tenant_id, autocommit=autocommit),
            AsyncStore.lent(connection) as store,
        ):
            yield store

    async def verify_token(
        self,
        token: str,
        *,
        kind: Literal["access", "refresh"] = "access",
        tenant_id: UUID | None = None,
    ) -> VerifiedToken | None:
        """Get a token by its string if all that it hangs on is alive, in one trip.

        For a resource server, which does nothing else for the tenant that the string
        names. As `store.tokens.verify`; a string that is no token of this kind is None
        too, without a trip, and so is another tenant's where `tenant_id` is given. A
        server of one tenant gives it; one of several compares the token's own. Raises
        InvalidArgumentError for arguments of other types.
        """
        _kind("kind", kind)
        if tenant_id is not None:
            check_tenant_id(tenant_id)
        try:
            presented = parse_token(token, kind=kind)
        except InvalidTokenError:
            return None
        if tenant_id not in (None, presented.tenant_id):
            return None
        async with self._lend() as connection:
            return await tokens.verify_by_token_async(
                connection,
                tenant_id=presented.tenant_id,
                token_hash=presented.hash,
                type=kind,
            )

    def follow_revocations(
        self,
        tenant_id: UUID,
        *,
        after: int = 0,
        poll_interval: timedelta = timedelta(seconds=5),
        listen: bool = True,
        give_up_after: timedelta | None = None,
    ) -> AsyncGenerator[Revocation, None]:
        """Follow the tenant's feed: each entry after `after`, once, in order, for ever.

        The feed is read every `poll_interval`, and at once when a notification says
        that the tenant has published; these come on a connection of its own unless
        `listen` is false. Notifications without anything published make it wait longer
        before it follows the next one, up to `poll_interval`. Between reads it holds no
        connection of the pool. A server that is away or silent is waited for, without
        an end or until it could not be read for `give_up_after`, when UnavailableError
        is raised; the logger `authority_queries.feed` warns meanwhile.

        Close what is given (`aclosing`), or its connection stays until Python collects
        it. Raises InvalidArgumentError at once; while it follows FeedRewoundError for
        a feed that ends before `after`, TenantInactiveError, and NestedUnitError
        inside a unit of work.
        """
        check_tenant_id(tenant_id)
        check_position("after", after)
        check_positive("poll_interval", poll_interval)
        check_optional_positive("give_up_after", give_up_after)
        follower = AsyncFollower(
            tenant_id,
            partial(self._unit, tenant_id, autocommit=True),
            AsyncHints(self._pool.connect, tenant_id, enabled=listen),
            poll_interval=poll_interval,
            give_up_after=give_up_after,
        )
        return follower.follow(after)

    async def find_tenant(self, code: str) -> UUID | None:
        """Get the id of the tenant with this code, whatever its status."""
        async with self._lend() as connection:
            return await tenants.find_async(connection, code=code)
