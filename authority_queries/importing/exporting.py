"""Writes tenants as entries: the portable form that `authority import` reads."""

from collections.abc import Callable, Generator, Iterable, Mapping
from time import monotonic
from types import MappingProxyType
from typing import ClassVar, Final
from uuid import UUID

from authority_queries.errors import NotFoundError
from authority_queries.importing.entries.end import End, NotExported
from authority_queries.importing.writing.tables import TABLES, Table
from authority_queries.queries import tenants
from authority_queries.repositories._sync.store import Store
from authority_queries.repositories.arguments import MAX_PAGE_SIZE, check_tenant_id
from authority_queries.service._sync.pooled import Pooled
from authority_queries.service.tenant_dumps import MoveProgress

_Report = Callable[[MoveProgress], object]
# The tables of tenants without a kind. Each has a reason that people read.
NOT_EXPORTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "audit_chains": "the seals of audit_events",
        "audit_events": "they record changes in this database, sealed in its order: "
        "`authority tenant dump` moves them, `authority export tenant` writes them",
        "device_authorizations": "the devices that wait for their user begin again",
        "login_throttles": "the counters of failed sign-ins begin again",
        "logout_notices": "the clients that wait for a notice of a sign-out get none",
        "pushed_requests": "the sign-ins that wait at the user begin again",
        "used_jtis": "an assertion or proof could be replayed until it expires",
    }
)


class EntryExporter(Pooled):
    """Writes all rows of tenants as entries, with hashes and encrypted keys.

    Its login is that of the migrations: the owner of the database, or a member of it. A
    tenant can be exported whatever its status.
    """

    role: ClassVar[str] = "pg_database_owner"

    def find_tenant(self, code: str) -> UUID | None:
        """Return the id of the tenant with this code, whatever its status, or None."""
        with self._lend() as connection:
            return tenants.find(connection, code=code)

    def export_tenant(
        self, tenant_id: UUID, *, progress: _Report | None = None
    ) -> Generator[str, None]:
        """Yield the lines of a tenant as texts. Each text has one line or more.

        The lines are JSON objects in the order in which they refer to each other. The
        last one is an `End`. All rows are of one moment. The generator holds a
        connection and a transaction until it ends: close it (`closing`). It reads a
        thousand rows at a time.

        Raises NotFoundError, UnavailableError, PermissionDeniedError,
        InvalidArgumentError.
        """
        check_tenant_id(tenant_id)
        return self._export([tenant_id], progress)

    def export_tenants(
        self, *, progress: _Report | None = None
    ) -> Generator[str, None]:
        """Yield the lines of all tenants in order of code, as `export_tenant`."""
        return self._export(None, progress)

    def _export(
        self, tenant_ids: Iterable[UUID] | None, progress: _Report | None
    ) -> Generator[str, None]:
        with self._lend() as connection, Store.lent(connection) as store:
            store.exports.begin()
            try:
                export = _Export(store, progress)
                listed = _all_tenants(store) if tenant_ids is None else tenant_ids
                for tenant_id in listed:
                    yield from export.texts(tenant_id)
                yield export.end()
            finally:
                connection.rollback()


class _Export:
    """One export, in the transaction of its caller."""

    def __init__(self, store: Store, progress: _Report | None) -> None:
        self._store = store
        self._progress = progress
        self._entries = dict.fromkeys(TABLES, 0)
        self._not_exported: list[NotExported] = []

    def texts(self, tenant_id: UUID) -> Generator[str, None]:
        found = self._store.tenants.get_by_id(tenant_id=tenant_id)
        if found is None:
            message = "no such tenant"
            raise NotFoundError(message)
        for table in TABLES.values():
            yield from self._rows(tenant_id, table)
        for name, reason in NOT_EXPORTED.items():
            measured = self._store.tenant_moves.measure_rows(
                tenant_id=tenant_id, table_name=name
            )
            if measured.counted:
                self._not_exported.append(
                    NotExported(
                        tenant=found.code,
                        table=name,
                        rows=measured.counted,
                        expires_at=measured.expires_at,
                        reason=reason,
                    )
                )

    def end(self) -> str:
        entries = {kind: rows for kind, rows in self._entries.items() if rows}
        end = End(entries=entries, not_exported=tuple(self._not_exported))
        return end.model_dump_json(exclude_none=True) + "\n"

    def _rows(self, tenant_id: UUID, table: Table) -> Generator[str, None]:
        began, after, rows, batches = monotonic(), None, 0, 0
        is_last = False
        while not is_last:
            page = self._store.tenant_moves.export_entries(
                tenant_id=tenant_id,
                table_name=table.name,
                kind=table.kind,
                after=after,
                page_size=MAX_PAGE_SIZE,
            )
            after, is_last = page.last_key, page.listed < MAX_PAGE_SIZE
            if page.lines is not None:
                rows, batches = rows + page.listed, batches + 1
                self._entries[table.kind] += page.listed
                yield page.lines
            if self._progress is not None and rows:
                self._progress(
                    MoveProgress(
                        step=table.name,
                        rows=rows,
                        batches=batches,
                        seconds=monotonic() - began,
                        outcome="done" if is_last else "unfinished",
                    )
                )


def _all_tenants(store: Store) -> Generator[UUID, None]:
    after = ""
    while page := store.tenant_moves.list_tenants(after=after):
        yield from (tenant.id for tenant in page)
        after = page[-1].code
