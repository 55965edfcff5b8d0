"""The entry point of services: units of work of a tenant, and token verification."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import ClassVar
from uuid import UUID

from authority_queries.engine._async.unit import refuse_nested_unit
from authority_queries.engine.calls import AsyncBlock, AsyncEntered
from authority_queries.engine.refusals import refusal
from authority_queries.queries import tenants
from authority_queries.records import Revocation
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
from authority_queries.service._async.connection import AsyncServiceConnection
from authority_queries.service._async.feed_reader import AsyncFeedReader
from authority_queries.service._async.follower import AsyncFollower
from authority_queries.service._async.hints import AsyncHints
from authority_queries.service._async.verification import AsyncVerification
from authority_queries.service._async.verifier import AsyncVerifier
from authority_queries.service.caching.cache import TokenCache
from authority_queries.service.caching.limits import VerifierLimits


class AsyncAuthority(AsyncVerification):
    """Opens units of work, each for one tenant, which the database enforces."""

    role: ClassVar[str] = "authority_app"

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
        lent: AsyncEntered[AsyncServiceConnection] = (
            self._lend()
            if self._replica is None
            else self._replica.route(tenant_id, read_only=read_only, after=after)
        )
        work = partial(
            unit_of_work, autocommit=autocommit, actor=actor, read_only=read_only
        )
        async with self._work(tenant_id, lent, work) as store:
            yield store

    @asynccontextmanager
    async def _unit(
        self, tenant_id: UUID, *, seconds: float | None = None
    ) -> AsyncIterator[AsyncStore]:
        """Open a unit in autocommit in which no wait is longer than `seconds`."""
        work = partial(unit_of_work, autocommit=True)
        async with self._work(tenant_id, self._lend(seconds), work) as store:
            yield store

    @asynccontextmanager
    async def _work(
        self,
        tenant_id: UUID,
        lent: AsyncEntered[AsyncServiceConnection],
        work: AsyncBlock[None],
    ) -> AsyncIterator[AsyncStore]:
        refuse_nested_unit()
        async with (
            lent as connection,
            work(connection, tenant_id),
            AsyncStore.lent(connection) as store,
        ):
            yield store

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
            partial(self._unit, tenant_id),
            AsyncHints(self._pool.connect, str(tenant_id).__eq__, enabled=listen),
            poll_interval=poll_interval,
            give_up_after=give_up_after,
        )
        return follower.follow(after)

    def verifier(
        self,
        *,
        max_age: timedelta = timedelta(minutes=1),
        max_staleness: timedelta = timedelta(seconds=5),
        max_tokens: int = 20_000,
        poll_interval: timedelta = timedelta(seconds=1),
        listen: bool = True,
        refused_for: timedelta = timedelta(seconds=1),
        max_refused: int = 10_000,
        max_tenants: int = 1000,
    ) -> AsyncVerifier:
        """Return a verifier that answers from memory while it follows the feeds.

        Its answers are verified at most `max_age` ago, end with their token, and with
        what a feed ends. When the feed of a tenant was not read to its end for
        `max_staleness`, each call about that tenant asks the database.

        It keeps at most `max_tokens` answers, and follows at most `max_tenants`: other
        tenants' tokens are verified in the database. A refusal is kept for
        `refused_for`, at most `max_refused` of them. It reads the feeds every
        `poll_interval`, and after a notification unless `listen` is false.

        Close it, or use it in a `with` block: then it stops reading. Raises
        InvalidArgumentError.
        """
        limits = VerifierLimits.of(
            max_age=max_age,
            max_staleness=max_staleness,
            poll_interval=poll_interval,
            refused_for=refused_for,
            max_tokens=max_tokens,
            max_refused=max_refused,
            max_tenants=max_tenants,
        )
        reader = AsyncFeedReader(
            TokenCache(limits),
            lend=self._lend,
            unit=self._unit,
            connect=self._pool.connect,
            listen=listen,
        )
        return AsyncVerifier(reader, verify=self._verify)

    async def find_tenant(self, code: str) -> UUID | None:
        """Return the id of the tenant with this code, whatever its status, or None."""
        async with self._lend() as connection:
            return await tenants.find_async(connection, code=code)
