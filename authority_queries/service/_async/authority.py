"""The entry point of services: units of work of a tenant, and token verification."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final, Literal
from uuid import UUID

from authority_queries.engine._async.unit import refuse_nested_unit
from authority_queries.engine.checks import one_of, optional, text
from authority_queries.errors import InvalidTokenError
from authority_queries.queries import sessions, tenants
from authority_queries.queries import tokens as queries
from authority_queries.records import LiveSession, Revocation, VerifiedToken
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories._async.transactions import unit_of_work
from authority_queries.repositories.actors import Actor
from authority_queries.repositories.arguments import (
    check_optional_positive,
    check_position,
    check_positive,
    check_tenant_id,
)
from authority_queries.repositories.row_batches import check_many
from authority_queries.repositories.values import verified
from authority_queries.secrets import TokenKind, TokenString, parse_token
from authority_queries.service._async.feed_reader import AsyncFeedReader
from authority_queries.service._async.follower import AsyncFollower
from authority_queries.service._async.hints import AsyncHints
from authority_queries.service._async.pool import AsyncPooled
from authority_queries.service._async.verifier import AsyncVerifier
from authority_queries.service.caching.cache import TokenCache
from authority_queries.service.caching.limits import VerifierLimits

_kind: Final = one_of("access", "refresh")
_resource: Final = optional(text())


class AsyncAuthority(AsyncPooled):
    """Opens units of work, each for one tenant, which the database enforces."""

    role: ClassVar[str] = "authority_app"

    @asynccontextmanager
    async def tenant(
        self,
        tenant_id: UUID,
        *,
        autocommit: bool = False,
        actor: Actor | None = None,
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
        async with self._unit(tenant_id, autocommit=autocommit, actor=actor) as store:
            yield store

    @asynccontextmanager
    async def _unit(
        self,
        tenant_id: UUID,
        *,
        autocommit: bool,
        actor: Actor | None = None,
        seconds: float | None = None,
    ) -> AsyncIterator[AsyncStore]:
        """Open a unit of work in which no wait is longer than `seconds`."""
        refuse_nested_unit()
        async with (
            self._lend(seconds) as connection,
            unit_of_work(connection, tenant_id, autocommit=autocommit, actor=actor),
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
    ) -> VerifiedToken | None:
        """Return the token with this string if it is live, or None. This is one trip.

        For a resource server, which needs no unit of work. The result is that of
        `store.tokens.verify`. A string that is not a token of this kind returns None
        without a trip, and so does a token of another tenant when `tenant_id` is set.
        A server of one tenant passes `tenant_id`; a server of several tenants compares
        the `tenant_id` of the result. A server that passes its URI as `resource` gets
        only tokens that name it (RFC 8707), whether issued for one or several
        resources. Raises InvalidArgumentError for arguments of other types.
        """
        _kind("kind", kind)
        _resource("resource", resource)
        presented = _presented(token, kind, tenant_id)
        if presented is None:
            return None
        async with self._lend() as connection:
            return await queries.verify_by_token_async(
                connection,
                tenant_id=presented.tenant_id,
                token_hash=presented.hash,
                type=kind,
                resource=resource,
            )

    async def verify_tokens(
        self,
        tokens: Sequence[str],
        *,
        kind: Literal["access", "refresh"] = "access",
        tenant_id: UUID | None = None,
        resource: str | None = None,
    ) -> list[VerifiedToken | None]:
        """Return for each string, in their order, what `verify_token` would return.

        This is one trip for at most 1000 tokens, whatever tenants they are of. The
        database reads the tokens of each tenant with that tenant set. Raises
        InvalidArgumentError for more tokens and for arguments of other types.
        """
        _kind("kind", kind)
        _resource("resource", resource)
        check_many("tokens", tokens)
        presented = [_presented(each, kind, tenant_id) for each in tokens]
        asked = [each for each in presented if each is not None]
        live: dict[tuple[UUID, bytes], VerifiedToken] = {}
        if asked:
            async with self._lend() as connection:
                found = await queries.verify_many_by_token_async(
                    connection,
                    tenant_ids=[each.tenant_id for each in asked],
                    token_hashes=[each.hash for each in asked],
                    type=kind,
                    resource=resource,
                )
            live = {(each.tenant_id, each.token_hash): verified(each) for each in found}
        return [
            None if each is None else live.get((each.tenant_id, each.hash))
            for each in presented
        ]

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
            partial(self._unit, tenant_id, autocommit=True),
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
        return AsyncVerifier(reader, verify=self.verify_token)

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
