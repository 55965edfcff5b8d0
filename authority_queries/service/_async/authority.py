"""The entry point of services: units of work of a tenant, and token verification."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final, Literal
from uuid import UUID

from authority_queries.engine._async.unit import refuse_nested_unit
from authority_queries.engine.calls import AsyncBlock
from authority_queries.engine.checks import one_of, optional, text
from authority_queries.engine.refusals import refusal
from authority_queries.errors import InvalidTokenError
from authority_queries.queries import sessions, tenants, tokens
from authority_queries.records import LiveSession, Revocation, VerifiedToken
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories._async.transactions import unit_of_work
from authority_queries.repositories.actors import Actor
from authority_queries.repositories.arguments import (
    check_optional_lsn,
    check_optional_positive,
    check_position,
    check_positive,
    check_tenant_id,
)
from authority_queries.secrets import TokenKind, TokenString, parse_token
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.follower import AsyncFollower
from authority_queries.service._async.hints import AsyncHints
from authority_queries.service._async.pool import AsyncPool, AsyncPooled
from authority_queries.service._async.replica import AsyncReplica
from authority_queries.service.replica_health import ReplicaReads
from authority_queries.service.settings import Settings

_kind: Final = one_of("access", "refresh")
_resource: Final = optional(text())


class AsyncAuthority(AsyncPooled):
    """Opens units of work, each for one tenant, which the database enforces."""

    role: ClassVar[str] = "authority_app"

    def __init__(self, pool: AsyncPool, settings: Settings) -> None:
        super().__init__(pool, settings)
        has_replica = settings.replica_url is not None
        self._replica = (
            AsyncReplica(settings, self.role, self._lend) if has_replica else None
        )

    def _close(self) -> None:
        super()._close()
        if self._replica is not None:
            self._replica.close()

    @asynccontextmanager
    async def tenant(
        self,
        tenant_id: UUID,
        *,
        autocommit: bool = False,
        actor: Actor | None = None,
        read_only: bool = False,
        after: str | None = None,
    ) -> AsyncIterator[AsyncStore]:
        """Open a unit of work: one transaction of one tenant.

        The transaction commits when the block ends, and rolls back after an exception.
        The first call begins the transaction and sets the tenant in its own trip. It
        raises TenantInactiveError when the tenant is unknown, suspended or terminated;
        then nothing was executed. With `autocommit`, each call is one trip and one
        transaction. Calls of several tasks wait for each other, because a unit has one
        connection.

        The audit events of the block's changes have the `actor`; without one, the
        database login.

        With `read_only` a write in the block raises ReadOnlyError, and the unit works
        on a standby of `replica_url` that is fresh enough, or on the primary. `after`
        is as in `verify_token`. A standby may cancel the unit: RetryableError.

        A call in the block with another tenant_id, or with none, raises
        CrossTenantError before it is sent. Another unit inside this one raises
        NestedUnitError. `verify_token` and `find_tenant` use a connection of their own.
        A use of the store after the block raises UnitEndedError. Raises
        UnavailableError when no connection is free within `pool_timeout`. Raises
        UnitAbortedError when the block continues or ends normally after an error of
        PostgreSQL, or has committed or rolled back itself.

        Send your own SQL on `store.connection` only after the first call. Before it the
        connection is in psycopg's pipeline mode, where errors are raised late, and a
        savepoint after a fetched result ends the transaction.
        """
        check_tenant_id(tenant_id)
        if check_optional_lsn("after", after) is not None and not read_only:
            raise refusal("after", "must be None unless read_only is True")
        lend: AsyncBlock[AsyncServiceConnection] = self._lend
        if self._replica is not None:
            lend = partial(
                self._replica.route, tenant_id, read_only=read_only, after=after
            )
        work = partial(unit_of_work, actor=actor, read_only=read_only)
        async with self._unit(tenant_id, lend, work, autocommit=autocommit) as store:
            yield store

    @asynccontextmanager
    async def _unit(
        self,
        tenant_id: UUID,
        lend: AsyncBlock[AsyncServiceConnection],
        work: AsyncBlock[None] = unit_of_work,
        *,
        autocommit: bool = True,
    ) -> AsyncIterator[AsyncStore]:
        refuse_nested_unit()
        async with (
            lend() as connection,
            work(connection, tenant_id, autocommit=autocommit),
            AsyncStore.lent(connection) as store,
        ):
            yield store

    async def verify_token(
        self,
        token: str,
        *,
        kind: Literal["access", "refresh"] = "access",
        tenant_id: UUID | None = None,
        resource: str | None = None,
        after: str | None = None,
    ) -> VerifiedToken | None:
        """Return the token with this string if it is live, or None. This is one trip.

        For a resource server, which needs no unit of work. The result is that of
        `store.tokens.verify`. A string that is not a token of this kind returns None
        without a trip, and so does a token of another tenant when `tenant_id` is set.
        A server of one tenant passes `tenant_id`; a server of several tenants compares
        the `tenant_id` of the result. A server that passes its URI as `resource` gets
        only tokens that name it (RFC 8707), whether issued for one or several
        resources.

        With `replica_url` a standby answers if it has replayed what was committed
        `replica_max_lag` ago, what this Authority wrote for the tenant, and everything
        before `after`, which another process got from `get_lsn`. Otherwise the primary
        answers. Raises InvalidArgumentError for arguments of other types.
        """
        _kind("kind", kind)
        _resource("resource", resource)
        check_optional_lsn("after", after)
        presented = _presented(token, kind, tenant_id)
        if presented is None:
            return None
        verify = partial(
            tokens.verify_by_token_async,
            tenant_id=presented.tenant_id,
            token_hash=presented.hash,
            type=kind,
            resource=resource,
        )
        if self._replica is not None:
            async with self._replica.attempt(presented.tenant_id, after) as connection:
                if connection is not None:
                    return await verify(connection)
        async with self._lend() as connection:
            return await verify(connection)

    @property
    def replica_reads(self) -> ReplicaReads:
        """How many reads the standbys of `replica_url` answered, and why not others."""
        return ReplicaReads() if self._replica is None else self._replica.reads

    async def verify_session(
        self, cookie: str, *, tenant_id: UUID | None = None
    ) -> LiveSession | None:
        """Return the live session with this cookie, or None. This is one trip.

        The result is that of `store.sessions.verify`. A string that is not the content
        of a cookie returns None without a trip, and so does a cookie of another tenant
        when `tenant_id` is set. A server of several tenants compares the `tenant_id` of
        the result. Raises InvalidArgumentError for arguments of other types.
        """
        presented = _presented(cookie, "session", tenant_id)
        if presented is None:
            return None
        async with self._lend() as connection:
            return await sessions.verify_async(
                connection, tenant_id=presented.tenant_id, cookie_hash=presented.hash
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
        """Yield each entry of the tenant's feed after `after`, once, in order, forever.

        The generator reads the feed every `poll_interval`, and at once after a
        notification that the tenant has published. It receives notifications on a
        connection of its own, unless `listen` is false. Each notification without a new
        entry doubles the pause before it follows the next one, up to `poll_interval`.
        Between reads it holds no connection of the pool. While the server is down or
        silent it retries, and the logger `authority_queries.feed` warns. When the feed
        could not be read for `give_up_after`, it raises UnavailableError.

        Close the generator (`aclosing`), or its connection stays open until Python
        collects it. The call raises InvalidArgumentError. The iteration raises
        FeedRewoundError for a feed that ends before `after` or has other entries than
        before, TenantInactiveError, and NestedUnitError inside a unit of work.
        """
        check_tenant_id(tenant_id)
        check_position("after", after)
        check_positive("poll_interval", poll_interval)
        check_optional_positive("give_up_after", give_up_after)
        follower = AsyncFollower(
            tenant_id,
            lambda seconds: self._unit(tenant_id, partial(self._lend, seconds)),
            AsyncHints(self._pool.connect, tenant_id, enabled=listen),
            poll_interval=poll_interval,
            give_up_after=give_up_after,
        )
        return follower.follow(after)

    async def find_tenant(self, code: str) -> UUID | None:
        """Return the id of the tenant with this code, whatever its status, or None."""
        async with self._lend() as connection:
            return await tenants.find_async(connection, code=code)


def _presented(
    token: str, kind: TokenKind, tenant_id: UUID | None
) -> TokenString | None:
    """Parse a token of this kind, and of this tenant if there is one."""
    if tenant_id is not None:
        check_tenant_id(tenant_id)
    try:
        presented = parse_token(token, kind=kind)
    except InvalidTokenError:
        return None
    return presented if tenant_id in (None, presented.tenant_id) else None
