"""The entry point of operators: work on all tenants."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final
from uuid import UUID

from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.arguments import check_not_negative, check_tenant_id
from authority_queries.service._async import auditing, pruning
from authority_queries.service._async.erasing import AsyncErasure
from authority_queries.service._async.pooled import AsyncPooled
from authority_queries.service.audits import AuditHead, AuditReport
from authority_queries.service.erasures import ErasureReport, TableReport
from authority_queries.service.retention import (
    PruneReport,
    Retention,
    StepName,
    StepReport,
    check_batch_size,
    stop_condition,
)

_A_DAY: Final = timedelta(days=1)


class AsyncMaintenance(AsyncPooled):
    """Manages and erases tenants, erases users, prunes, and verifies audit events.

    Its role cannot read users, clients, secrets or licences: docs/tenant_isolation.md.
    """

    role: ClassVar[str] = pruning.ROLE

    @asynccontextmanager
    async def store(self) -> AsyncIterator[AsyncStore]:
        """Open a store in autocommit: each call is one trip and one transaction.

        Raises UnavailableError when no connection is free within `pool_timeout`.
        """
        async with self._lend() as connection, AsyncStore.lent(connection) as store:
            yield store

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncStore]:
        """Open a store in one transaction, which commits when the block ends normally.

        Raises UnavailableError when no connection is free within `pool_timeout`.
        """
        async with self.store() as store, store.connection.transaction():
            yield store

    async def prune(
        self,
        *,
        retention: Retention | None = None,
        batch_size: int = 1000,
        time_limit: timedelta | None = None,
        only: Collection[StepName] = (),
        max_load: float = 1.0,
        progress: Callable[[StepReport], object] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> PruneReport:
        """Delete expired data of all tenants, and create the next months' partitions.

        Each batch deletes at most `batch_size` rows in a transaction of its own. The
        steps take turns, one batch each. A batch skips locked rows, and checks a row
        again once it has locked it: any number of runs may work at once, beside
        services. `only` names the steps to run; without it all steps run. After
        `time_limit`, or when `stop` returns true, no batch begins.
        AUTHORITY_STATEMENT_TIMEOUT ends a batch. After each batch the run pauses, so
        that batches take at most the share `max_load` of its time. `progress` is called
        with the report of a step after each of its batches.

        An error ends its step and is in the report. The other steps continue. Raises
        PermissionDeniedError, UnavailableError, InvalidArgumentError.
        """
        async with self.store() as store:
            return await pruning.prune(
                store,
                retention=retention,
                batch_size=batch_size,
                time_limit=time_limit,
                only=only,
                max_load=max_load,
                progress=progress,
                stop=stop,
            )

    async def erase_tenant(
        self,
        tenant_id: UUID,
        *,
        batch_size: int = 1000,
        time_limit: timedelta | None = None,
        progress: Callable[[TableReport], object] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> ErasureReport:
        """Delete a terminated tenant with all its rows, the sign-in log included.

        Each batch deletes at most `batch_size` rows of one table in a transaction of
        its own. The tenant is the last row, so that a run that a crash or the
        `time_limit` has ended can be repeated. Runs may work at once. A run without
        rows reports none: the tenant is unknown or erased.

        Raises TenantNotTerminatedError, PermissionDeniedError, UnavailableError,
        InvalidArgumentError, and psycopg's error of a batch that failed; earlier
        batches are committed.
        """
        check_tenant_id(tenant_id)
        is_time_up = stop_condition(time_limit, stop)
        async with self.store() as store:
            batch = partial(store.erasures.erase_tenant, tenant_id=tenant_id)
            erasure = AsyncErasure(
                lambda size: batch(batch_size=size),
                batch_size=batch_size,
                progress=progress,
            )
            return await erasure.run(is_time_up)

    async def erase_user(
        self,
        tenant_id: UUID,
        user_id: UUID,
        *,
        other_names: Sequence[str] = (),
        feed_for: timedelta = _A_DAY,
        searches: bool = True,
        batch_size: int = 1000,
        time_limit: timedelta | None = None,
        progress: Callable[[TableReport], object] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> ErasureReport:
        """Erase a user with everything that names the user.

        The first batch suspends the user and publishes an entry of the revocation feed,
        which ends tokens that verifiers accept without asking the store. `feed_for` is
        how long such tokens live: the entry, with the `sub`, can be pruned after that
        time. 0 publishes none. `other_names` are former usernames, and other names by
        which rows may call the user: seats' holders, `granted_by`.

        The user's own row is the last one, so that a run that a crash or the
        `time_limit` has ended can be repeated. Before it goes, the store searches all
        columns of the tenant for the names of the user, unless `searches` is false, and
        reports what it found in `traces`.

        Raises as `erase_tenant`, whatever the status of the tenant.
        """
        check_tenant_id(tenant_id)
        kept = check_not_negative("feed_for", feed_for)
        is_time_up = stop_condition(time_limit, stop)
        async with self.store() as store:
            batch = partial(
                store.erasures.erase_user,
                tenant_id=tenant_id,
                user_id=user_id,
                other_names=other_names,
                feed_for=kept,
                searches=searches,
            )
            erasure = AsyncErasure(
                lambda size: batch(batch_size=size),
                batch_size=batch_size,
                progress=progress,
            )
            return await erasure.run(is_time_up)

    async def seal_audit(
        self,
        *,
        batch_size: int = 1000,
        time_limit: timedelta | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> int:
        """Link new audit events of all tenants to their chains. Return how many.

        Run it every minute: until then nobody notices that an event was deleted. Each
        batch seals at most `batch_size` events in a transaction of its own. Runs may
        work at once, and no writer waits for them. After `time_limit`, or when `stop`
        returns true, no batch begins. Raises as `prune`.
        """
        size, is_time_up = (
            check_batch_size(batch_size),
            stop_condition(time_limit, stop),
        )
        sealed, batch = 0, size
        async with self.store() as store:
            while batch == size and not is_time_up():
                batch = await store.audit_events.seal(batch_size=size)
                sealed += batch
        return sealed

    async def verify_audit(
        self,
        tenant_id: UUID,
        *,
        heads: Collection[AuditHead] = (),
        batch_size: int = 1000,
    ) -> AuditReport:
        """Verify the chains of a tenant's audit events, and report the first problems.

        An event can be missing, inserted or changed. Events that are not sealed yet are
        not verified: `seal_audit`. A superuser can also compute all seals anew:
        keep the `head` of each chain elsewhere, and pass what you kept as `heads`.
        Remove heads of months that were pruned.

        Each batch verifies at most `batch_size` events in one statement. Raises
        PermissionDeniedError, UnavailableError, InvalidArgumentError.
        """
        check_tenant_id(tenant_id)
        size = check_batch_size(batch_size)
        async with self.store() as store:
            return await auditing.verify_audit(
                store, tenant_id, heads=heads, batch_size=size
            )
