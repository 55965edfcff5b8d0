"""Verification of tokens and sessions outside a unit of work."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from authority_queries.engine.checks import instance, one_of, text
from authority_queries.queries import sessions
from authority_queries.queries import tokens as queries
from authority_queries.records import LiveSession, VerifiedToken
from authority_queries.repositories.arguments import check_lsn
from authority_queries.repositories.row_batches import check_many
from authority_queries.repositories.values import verified
from authority_queries.service._async.pool import AsyncPool
from authority_queries.service._async.pooled import AsyncPooled
from authority_queries.service._async.replica import AsyncReplica
from authority_queries.service.presented import find_presented
from authority_queries.service.replica_health import ReplicaReads
from authority_queries.service.settings import Settings

_kind: Final = one_of("access", "refresh")
_resource: Final = text()
_token: Final = instance(str)


class AsyncVerification(AsyncPooled):
    """Verifies what clients present, each in one trip, on the primary or a standby."""

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

    async def verify_token(
        self,
        token: str,
        *,
        kind: Literal["access", "refresh"] = "access",
        tenant_id: UUID | None = None,
        resource: str | None = None,
        after: str | None = None,
        foreign: bool = False,
    ) -> VerifiedToken | None:
        """Return the token with this string if it is live, or None. This is one trip.

        For a resource server, which needs no unit of work. The result is that of
        `store.tokens.verify`. A string that is not a token of this kind returns None
        without a trip, and so does a token of another tenant when `tenant_id` is set.
        A server of one tenant passes `tenant_id`; a server of several tenants compares
        the `tenant_id` of the result. A server that passes its URI as `resource` gets
        only tokens that name it (RFC 8707), whether issued for one or several
        resources.

        With `foreign`, which requires `tenant_id`, a string of another store finds the
        token that was imported from there, while the tenant accepts these
        (`tenants.accept_foreign_tokens`).

        With `replica_url` a standby answers if it has replayed what was committed
        `replica_max_lag` ago, what this Authority wrote for the tenant, and everything
        before `after`, which another process got from `get_lsn`. Otherwise the primary
        answers. Raises InvalidArgumentError for arguments of other types.
        """
        _kind("kind", kind)
        if resource is not None:
            _resource("resource", resource)
        if after is not None:
            check_lsn("after", after)
        presented = find_presented(token, kind, tenant_id, foreign=foreign)
        if presented is None:
            return None
        if self._replica is not None:
            async with self._replica.attempt(presented[0], after) as connection:
                if connection is not None:
                    return await queries.verify_by_token_async(
                        connection,
                        tenant_id=presented[0],
                        token_hash=presented[1],
                        type=kind,
                        resource=resource,
                    )
        return await self._verify_on_primary(*presented, kind, resource)

    async def _verify_on_primary(
        self,
        tenant_id: UUID,
        token_hash: bytes,
        kind: Literal["access", "refresh"] = "access",
        resource: str | None = None,
    ) -> VerifiedToken | None:
        """Return the token with this hash if it is live, or None.

        A verifier calls this, because it reads the feed of the primary: a standby may
        lag behind an entry that the verifier has read. Nothing would end its answer.
        """
        async with self._lend() as connection:
            return await queries.verify_by_token_async(
                connection,
                tenant_id=tenant_id,
                token_hash=token_hash,
                type=kind,
                resource=resource,
            )

    @property
    def replica_reads(self) -> ReplicaReads:
        """The counts of reads on the standbys of `replica_url`, and on the primary."""
        return ReplicaReads() if self._replica is None else self._replica.reads

    async def verify_tokens(
        self,
        tokens: Sequence[str],
        *,
        kind: Literal["access", "refresh"] = "access",
        tenant_id: UUID | None = None,
        resource: str | None = None,
        foreign: bool = False,
    ) -> list[VerifiedToken | None]:
        """Return for each string, in their order, what `verify_token` would return.

        This is one trip for at most 1000 tokens, whatever tenants they are of. The
        database reads the tokens of each tenant with that tenant set. Raises
        InvalidArgumentError for more tokens and for arguments of other types, with the
        position of a token, from 0: `tokens[17]`.
        """
        _kind("kind", kind)
        if resource is not None:
            _resource("resource", resource)
        check_many("tokens", tokens)
        for position, each in enumerate(tokens):
            _token(f"tokens[{position}]", each)
        presented = [
            find_presented(each, kind, tenant_id, foreign=foreign) for each in tokens
        ]
        asked = [each for each in presented if each is not None]
        live: dict[tuple[UUID, bytes], VerifiedToken] = {}
        if asked:
            async with self._lend() as connection:
                found = await queries.verify_many_by_token_async(
                    connection,
                    tenant_ids=[tenant for tenant, _ in asked],
                    token_hashes=[digest for _, digest in asked],
                    type=kind,
                    resource=resource,
                )
            live = {(each.tenant_id, each.token_hash): verified(each) for each in found}
        return [None if each is None else live.get(each) for each in presented]

    async def verify_session(
        self, cookie: str, *, tenant_id: UUID | None = None
    ) -> LiveSession | None:
        """Return the live session with this cookie, or None. This is one trip.

        The result is that of `store.sessions.verify`. A string that is not the content
        of a cookie returns None without a trip, and so does a cookie of another tenant
        when `tenant_id` is set. A server of several tenants compares the `tenant_id` of
        the result. Raises InvalidArgumentError for arguments of other types.
        """
        presented = find_presented(cookie, "session", tenant_id)
        if presented is None:
            return None
        tenant_id, cookie_hash = presented
        async with self._lend() as connection:
            return await sessions.verify_async(
                connection, tenant_id=tenant_id, cookie_hash=cookie_hash
            )
