"""The entry point of the owner of a database: moves a tenant to another database."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from datetime import timedelta
from time import monotonic
from typing import ClassVar, Final
from uuid import UUID

from authority_queries.errors import NotFoundError, TenantActiveError
from authority_queries.queries import tenants
from authority_queries.records import Tenant
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.arguments import check_not_negative, check_tenant_id
from authority_queries.service._async.dumping import AsyncDump
from authority_queries.service._async.loading import AsyncLoad
from authority_queries.service._async.pooled import AsyncPooled
from authority_queries.service.tenant_dumps import LoadReport, MoveProgress
from authority_queries.service.waiting import pause_async

_A_MINUTE: Final = timedelta(minutes=1)
_POLL: Final = 0.05  # seconds


class AsyncMover(AsyncPooled):
    """Dumps and loads a tenant whole, with hashes and encrypted keys.

    Its login is that of the migrations: the owner of the database, or a member of it.
    """

    role: ClassVar[str] = "pg_database_owner"

    async def find_tenant(self, code: str) -> UUID | None:
        """Return the id of the tenant with this code, whatever its status, or None."""
        async with self._lend() as connection:
            return await tenants.find_async(connection, code=code)

    async def hold_tenant(self, tenant_id: UUID) -> bool:
        """Suspend an active tenant for a move. Return False if it was not active.

        Unlike `store.tenants.suspend` it publishes nothing in the feed, so that
        self-contained tokens stay valid after the move. Raises NotFoundError,
        UnavailableError.
        """
        check_tenant_id(tenant_id)
        async with self._lend() as connection, AsyncStore.lent(connection) as store:
            await _tenant(store, tenant_id)
            return await store.tenant_moves.hold(tenant_id=tenant_id)

    async def dump_tenant(
        self,
        tenant_id: UUID,
        *,
        wait: timedelta = _A_MINUTE,
        progress: Callable[[MoveProgress], object] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Yield the dump of a tenant that is suspended or terminated, as text.

        Waits until all transactions have ended that may have begun before the
        suspension, so that the dump has all their rows. All rows are of one moment. The
        generator holds a connection and a transaction until it ends: close it
        (`aclosing`). It reads a thousand rows at a time.

        Raises TenantActiveError, also when such a transaction still runs after `wait`;
        NotFoundError, UnavailableError, InvalidArgumentError.
        """
        check_tenant_id(tenant_id)
        until = monotonic() + check_not_negative("wait", wait).total_seconds()
        async with self._lend() as connection, AsyncStore.lent(connection) as store:
            held = await _tenant(store, tenant_id)
            await _await_units(store, tenant_id, until)
            await store.exports.begin()
            try:
                if await _tenant(store, tenant_id) != held:
                    message = "the tenant was changed when the dump began: repeat it"
                    raise TenantActiveError(message)
                dump = AsyncDump(store, held, progress)
                async for text in dump.texts():
                    yield text
            finally:
                await connection.rollback()

    async def load_tenant(
        self,
        lines: AsyncIterable[str],
        *,
        feed_ahead: int = 0,
        progress: Callable[[MoveProgress], object] | None = None,
    ) -> LoadReport:
        """Insert the tenant of a dump, in one transaction, with the status that it had.

        `lines` are the lines of the dump, each with its line break. `feed_ahead` skips
        this many numbers of the feed: for a tenant that is restored to an earlier
        moment. Inserts a thousand rows at a time.

        Raises InvalidDumpError for a truncated or changed dump, SchemaVersionError for
        one of another schema, DuplicateError if the tenant or its code is there;
        ConstraintError, PermissionDeniedError, UnavailableError. Nothing is inserted
        then.
        """
        async with (
            self._lend() as connection,
            AsyncStore.lent(connection) as store,
            connection.transaction(),
        ):
            return await AsyncLoad(store, progress).run(lines, feed_ahead)


async def _tenant(store: AsyncStore, tenant_id: UUID) -> Tenant:
    found = await store.tenants.get_by_id(tenant_id=tenant_id)
    if found is None:
        message = "no such tenant"
        raise NotFoundError(message)
    return found


async def _await_units(store: AsyncStore, tenant_id: UUID, until: float) -> None:
    """Wait for the transactions that are open now. Later ones see the suspension."""
    earlier = {*await store.tenant_moves.list_open_units(tenant_id=tenant_id)}
    while earlier:
        if monotonic() > until:
            message = (
                "transactions still run that may have begun before the tenant was "
                f"suspended ({'; '.join(sorted(earlier))}): end them, or wait longer"
            )
            raise TenantActiveError(message)
        await pause_async(_POLL)
        earlier &= {*await store.tenant_moves.list_open_units(tenant_id=tenant_id)}
