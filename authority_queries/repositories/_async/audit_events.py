"""The audit events: who did what to which row, and the chains that seal them."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from authority_queries.engine.runtime import JsonObject
from authority_queries.queries import audit_events as queries
from authority_queries.records import (
    AuditEvent,
    AuditEventActorKind,
    AuditVerification,
)
from authority_queries.repositories._async.pages import page
from authority_queries.repositories._async.repository import AsyncRepository
from authority_queries.repositories.arguments import (
    MAX_MONTHS_AHEAD,
    check_count,
    check_not_negative,
    check_within,
)
from authority_queries.repositories.cursors import newest_first
from authority_queries.repositories.values import Page

_RETENTION: Final = timedelta(days=400)
_ORDER: Final = newest_first("audit_events.list")
_BY_TARGET: Final = newest_first("audit_events.list_by_target")
_BY_ACTOR: Final = newest_first("audit_events.list_by_actor")


class AsyncAuditEvents(AsyncRepository):
    """Queries of `queries/audit_events.sql`.

    A list is newest first.
    """

    async def record(
        self,
        *,
        tenant_id: UUID,
        action: str,
        target_kind: str | None = None,
        target_id: str | None = None,
        user_id: UUID | None = None,
        details: JsonObject | None = None,
    ) -> AuditEvent:
        """Record an event of your own, such as `report.viewed`, with the unit's actor.

        The transaction's changes of tables are recorded without this call. `user_id` is
        the user whom the event concerns: the erasure of that user redacts target and
        details. Put no secrets into `details`. Raises InvalidValueError.
        """
        return await queries.record_async(
            self._connection,
            tenant_id=tenant_id,
            action=action,
            target_kind=target_kind,
            target_id=target_id,
            user_id=user_id,
            details={} if details is None else details,
        )

    async def list(
        self,
        *,
        tenant_id: UUID,
        after: str | None = None,
        before: str | None = None,
        page_size: int = 50,
    ) -> Page[AuditEvent]:
        """List a page of all events of the tenant."""
        return await page(
            partial(queries.list_after_async, self._connection, tenant_id=tenant_id),
            partial(queries.list_before_async, self._connection, tenant_id=tenant_id),
            _ORDER,
            after=after,
            before=before,
            page_size=page_size,
        )

    async def list_by_target(
        self,
        *,
        tenant_id: UUID,
        target_kind: str,
        target_id: str,
        after: str | None = None,
        before: str | None = None,
        page_size: int = 50,
    ) -> Page[AuditEvent]:
        """List a page of the events of one row: the name of its table, and its key.

        A key of several columns is joined by `/`, without the tenant, as in
        `user_roles`: the user's id, `/`, the role's id.
        """
        filters: dict[str, Any] = {
            "tenant_id": tenant_id,
            "target_kind": target_kind,
            "target_id": target_id,
        }
        return await page(
            partial(queries.list_by_target_after_async, self._connection, **filters),
            partial(queries.list_by_target_before_async, self._connection, **filters),
            _BY_TARGET,
            after=after,
            before=before,
            page_size=page_size,
        )

    async def list_by_actor(
        self,
        *,
        tenant_id: UUID,
        actor_kind: AuditEventActorKind,
        actor_id: str,
        after: str | None = None,
        before: str | None = None,
        page_size: int = 50,
    ) -> Page[AuditEvent]:
        """List a page of what one actor did.

        `actor_id` is the id of a user or service account, the client_id of a client, or
        the database login.
        """
        filters: dict[str, Any] = {
            "tenant_id": tenant_id,
            "actor_kind": actor_kind,
            "actor_id": actor_id,
        }
        return await page(
            partial(queries.list_by_actor_after_async, self._connection, **filters),
            partial(queries.list_by_actor_before_async, self._connection, **filters),
            _BY_ACTOR,
            after=after,
            before=before,
            page_size=page_size,
        )

    async def seal(self, *, batch_size: int = 1000) -> int:
        """Link a batch of events of all tenants to their chains, as an operator.

        Returns how many; call it again while that is `batch_size`:
        `Maintenance.seal_audit`. Calls may run concurrently.
        """
        return await queries.seal_async(
            self._connection, batch_size=check_count("batch_size", batch_size)
        )

    async def list_months(self, *, tenant_id: UUID) -> Sequence[date]:
        """List the months with a chain, as an operator, oldest first."""
        months = await queries.list_months_async(self._connection, tenant_id=tenant_id)
        return [found.month for found in months]

    async def verify(
        self,
        *,
        tenant_id: UUID,
        month: date,
        after_number: int = 0,
        after_seal: bytes = b"",
        batch_size: int = 1000,
    ) -> AuditVerification:
        """Verify a batch of one chain, as an operator: `Maintenance.verify_audit`."""
        return await queries.verify_async(
            self._connection,
            tenant_id=tenant_id,
            month=month,
            after_number=after_number,
            after_seal=after_seal,
            batch_size=check_count("batch_size", batch_size),
        )

    async def create_partitions(self, *, months_ahead: int = 3) -> int:
        """Create missing partitions, up to this many months ahead (0 to 120).

        Run it monthly, as an operator. Returns how many it created.
        """
        return await queries.create_partitions_async(
            self._connection,
            months_ahead=check_within(
                "months_ahead", months_ahead, 0, MAX_MONTHS_AHEAD
            ),
        )

    async def drop_partitions(self, *, retention: timedelta = _RETENTION) -> int:
        """Drop monthly partitions, with their chains, that end before the retention.

        Run it monthly, as an operator. Returns how many it dropped. Locks the events
        for a moment; raises psycopg's LockNotAvailable after waiting 2 s: call it
        again.
        """
        return await queries.drop_partitions_async(
            self._connection, retention=check_not_negative("retention", retention)
        )

    async def prune_default(
        self, *, retention: timedelta = _RETENTION, batch_size: int = 1000
    ) -> int:
        """Delete a batch of old events that are in no monthly partition.

        Returns how many; call it again while that is `batch_size`.
        """
        return await queries.prune_default_async(
            self._connection,
            retention=check_not_negative("retention", retention),
            batch_size=batch_size,
        )
