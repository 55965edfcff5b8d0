"""Verifies the chains of audit events, one batch at a time."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import cast
from uuid import UUID

from authority_queries.records import AuditVerification
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.service.audits import (
    AuditHead,
    AuditProblem,
    AuditReport,
    ChainReport,
)


async def verify_audit(
    store: AsyncStore,
    tenant_id: UUID,
    *,
    heads: Collection[AuditHead],
    batch_size: int,
) -> AuditReport:
    """Verify all chains of a tenant, as `Maintenance.verify_audit` describes."""
    kept = [head for head in heads if head.tenant_id == tenant_id]
    months = {*await store.audit_events.list_months(tenant_id=tenant_id)}
    chains = [
        AsyncChainRun(
            store,
            tenant_id,
            month,
            kept={head.number: head.seal for head in kept if head.month == month},
            batch_size=batch_size,
        )
        for month in sorted(months | {head.month for head in kept})
    ]
    return AuditReport(chains=[await chain.verify() for chain in chains])


class AsyncChainRun:
    """The verification of one chain, with its progress."""

    def __init__(
        self,
        store: AsyncStore,
        tenant_id: UUID,
        month: date,
        *,
        kept: Mapping[int, bytes],
        batch_size: int,
    ) -> None:
        self._store = store
        self._tenant_id = tenant_id
        self._month = month
        self._kept = kept
        self._batch_size = batch_size
        self._number = 0
        self._seal = b""

    async def verify(self) -> ChainReport:
        """Verify batches until the chain ends or has a problem."""
        while True:
            found = await self._verify_batch()
            if found.problem is not None:
                problem = cast("AuditProblem", found.problem)
                return self._report(problem, found.last_number)
            self._number, self._seal = found.last_number, found.last_seal or b""
            if self._kept.get(self._number, self._seal) != self._seal:
                return self._report("head_changed", self._number)
            if found.is_last:
                is_shorter = any(number > self._number for number in self._kept)
                if is_shorter:
                    return self._report("event_missing", self._number + 1)
                return self._report()

    async def _verify_batch(self) -> AuditVerification:
        # A batch ends where a head was kept, to compare the seal there.
        ends = [end - self._number for end in self._kept if end > self._number]
        return await self._store.audit_events.verify(
            tenant_id=self._tenant_id,
            month=self._month,
            after_number=self._number,
            after_seal=self._seal,
            batch_size=min([self._batch_size, *ends]),
        )

    def _report(
        self, problem: AuditProblem | None = None, number: int | None = None
    ) -> ChainReport:
        return ChainReport(
            tenant_id=self._tenant_id,
            month=self._month,
            events=self._number,
            seal=self._seal or None,
            problem=problem,
            number=number,
        )
