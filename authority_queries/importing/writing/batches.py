"""Writes a batch of documents in the transaction of its caller."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from authority_queries.engine.errors import ConstraintError, InvalidArgumentError
from authority_queries.importing.documents import Document
from authority_queries.importing.entries import TenantEntry
from authority_queries.importing.writing.drafts import Draft, Rows
from authority_queries.importing.writing.outcomes import Outcome
from authority_queries.importing.writing.rows import RefusedError
from authority_queries.importing.writing.tables import Table
from authority_queries.importing.writing.tenants import TenantIds
from authority_queries.repositories._sync.store import Store

_OTHER: Final = "{} of this key is stored already, of another owner or with another id"
_NEWER: Final = "{} was changed here later than in the source"
# Their rows are inserted once, and never updated.
_LOGS: Final = ("license_usage", "login_attempts", "revocations")
_USAGE: Final = "license_usage"
_SETTLED: Final = ("tokens", "revocations")


class _OtherRowsError(Exception):
    """Documents have keys of stored rows that are other rows, or newer ones."""

    def __init__(self, documents: Sequence[Document], reason: str) -> None:
        super().__init__()
        self.documents = documents
        self.reason = reason


class BatchWriter:
    """Writes documents. Those that the database refuses change nothing.

    `only` is the code of the tenant whose documents are imported; None means all. With
    `updates`, stored rows that differ are updated.
    """

    def __init__(
        self,
        store: Store,
        tenants: TenantIds,
        *,
        only: str | None = None,
        updates: bool = False,
    ) -> None:
        self._store = store
        self._tenants = tenants
        self._only = only
        self._updates = updates

    def write(self, documents: Sequence[Document]) -> Outcome:
        """Write the documents, and return what became of them.

        The caller has begun a transaction, and commits it.
        """
        outcome = Outcome(read=len(documents))
        converted: list[tuple[str, Document]] = []
        for document in documents:
            code = self._code_of(document)
            if not document.entries and document.refused is None:
                # It has no row, and needs no tenant: all its fields were dropped.
                dropped = ((each.field, each.reason) for each in document.dropped)
                outcome.dropped.update(dropped)
                outcome.rowless += 1
            elif code is not None and self._only not in (None, code):
                outcome.skipped += 1
            elif document.refused is not None:
                outcome.refuse(document.id, document.refused)
            elif code is None:
                outcome.refuse(document.id, "it names no tenant: name one by --tenant")
            else:
                converted.append((code, document))
        self._try(converted, outcome)
        return outcome

    def _code_of(self, document: Document) -> str | None:
        own = (each for each in document.entries if isinstance(each, TenantEntry))
        code = next((entry.code for entry in own), document.tenant)
        return self._tenants.default if code is None else code

    def _try(self, documents: Sequence[tuple[str, Document]], outcome: Outcome) -> None:
        """Write the documents in a savepoint. Halve them if one of them is refused."""
        if not documents:
            return
        known = self._tenants.known
        try:
            with self._store.connection.transaction():
                outcome.add(self._insert(documents))
        except _OtherRowsError as others:
            self._tenants.known = known
            for document in others.documents:
                outcome.refuse(document.id, others.reason)
            refused = {id(document) for document in others.documents}
            rest = [each for each in documents if id(each[1]) not in refused]
            self._try(rest, outcome)
        except (ConstraintError, InvalidArgumentError) as error:
            self._tenants.known = known
            if len(documents) == 1:
                outcome.refuse(documents[0][1].id, _reason(error))
                return
            half = len(documents) // 2
            self._try(documents[:half], outcome)
            self._try(documents[half:], outcome)

    def _insert(self, documents: Sequence[tuple[str, Document]]) -> Outcome:
        outcome = Outcome()
        codes = dict.fromkeys(code for code, _ in documents)
        for code in codes:
            own = [document for of, document in documents if of == code]
            self._insert_tenant(code, own, outcome)
        return outcome

    def _insert_tenant(
        self, code: str, documents: Sequence[Document], outcome: Outcome
    ) -> None:
        entries = [
            entry
            for document in documents
            for entry in document.entries
            if isinstance(entry, TenantEntry)
        ]
        try:
            tenant_id, is_new = self._tenants.find(code, entries)
        except RefusedError as error:
            for document in documents:
                outcome.refuse(document.id, str(error))
            return
        outcome.add_rows("tenant", given=len(entries) or is_new, created=is_new)
        draft = Draft(code, outcome)
        draft.fill(self._store, tenant_id, documents)
        for table, rows in draft.tables():
            for part in rows.parts():
                created = self._insert_rows(tenant_id, table, part)
                outcome.add_rows(table.kind, given=len(part.objects), created=created)
                is_old = created < len(part.objects)
                if self._updates and is_old and table.name not in _LOGS:
                    updated = self._update_rows(tenant_id, table, part)
                    outcome.updated[table.kind] += updated

    def _insert_rows(self, tenant_id: UUID, table: Table, rows: Rows) -> int:
        text = rows.as_json()
        entries = self._store.entries
        if table.name == _USAGE and not rows.is_counted:
            created = entries.import_license_usage(tenant_id=tenant_id, rows_json=text)
        else:
            created = entries.import_rows(
                tenant_id=tenant_id,
                table_name=table.name,
                columns=table.columns,
                key_columns=table.key,
                rows_json=text,
            )
        if created < len(rows.objects) and table.fixed:
            self._refuse_others(tenant_id, table, rows, text)
        if table.name in _SETTLED:
            entries.settle(tenant_id=tenant_id, table_name=table.name, rows_json=text)
        return created

    def _refuse_others(
        self, tenant_id: UUID, table: Table, rows: Rows, text: str
    ) -> None:
        positions = self._store.entries.find_others(
            tenant_id=tenant_id,
            table_name=table.name,
            key_columns=table.key,
            fixed=table.fixed,
            rows_json=text,
        )
        _refuse(table, rows, positions, _OTHER)

    def _update_rows(self, tenant_id: UUID, table: Table, rows: Rows) -> int:
        """Update the rows that differ, and return how many."""
        differing = self._store.entries.update_rows(
            tenant_id=tenant_id,
            table_name=table.name,
            columns=table.columns,
            key_columns=table.key,
            fixed=table.fixed,
            rows_json=rows.as_json(),
        )
        kept = [row.place for row in differing if not row.is_updated]
        _refuse(table, rows, kept, _NEWER)
        return len(differing)


def _refuse(table: Table, rows: Rows, places: Sequence[int], why: str) -> None:
    """Raise an error that names the documents of the rows at these places, if any."""
    documents = (rows.documents[place - 1] for place in places)
    distinct = {id(document): document for document in documents}
    if distinct:
        reason = why.format(table.kind.replace("_", " "))
        raise _OtherRowsError([*distinct.values()], reason)


def _reason(error: ConstraintError | InvalidArgumentError) -> str:
    """Return the words of an error without the name of our statement."""
    text = str(error)
    statement = getattr(error, "query", None)
    return text.removeprefix(f"{statement}: ") if statement else text
