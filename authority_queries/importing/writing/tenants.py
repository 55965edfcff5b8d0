"""The ids of the tenants of a run."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from authority_queries.engine.json_types import JsonObject
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import TenantEntry
from authority_queries.importing.writing.rows import RefusedError
from authority_queries.queries import tenants
from authority_queries.repositories._sync.store import Store


class TenantIds:
    """Finds tenants by their codes, and creates them from entries.

    `default` is the code of the tenant of documents that name none. That tenant is
    created if it does not exist. `note` is recorded as an audit event of each tenant,
    once in a run, in the transaction that first imports into it.
    """

    def __init__(self, store: Store, default: str | None, note: JsonObject) -> None:
        self.default = default
        self.known: Mapping[str, UUID] = {}
        self._store = store
        self._note = note

    def find(self, code: str, entries: Sequence[TenantEntry]) -> tuple[UUID, bool]:
        """Return the id of a tenant, and whether it was created.

        `entries` are those of the tenant in the batch. Raises RefusedError if there is
        no such tenant and no entry creates it.
        """
        known = self.known.get(code)
        if known is not None:
            return known, False
        stored = tenants.find(self._store.connection, code=code)
        if stored is not None and any(
            entry.is_complete and entry.id != stored for entry in entries
        ):
            message = "its tenant has another id here, which no token of it names"
            raise RefusedError(message)
        found = stored or self._create(code, entries)
        self._store.entries.record(tenant_id=found, details=self._note)
        # A new mapping, so that a caller can keep the old one and go back to it.
        self.known = {**self.known, code: found}
        return found, stored is None

    def _create(self, code: str, entries: Sequence[TenantEntry]) -> UUID:
        if entries:
            entry = entries[0]
        elif code == self.default:
            entry = TenantEntry(code=code, display_name=code)
        else:
            message = "its tenant is not in the database, and was not imported"
            raise RefusedError(message)
        return self._store.entries.import_tenant(
            new_id=entry.id or derive_id(code, entry.kind, code),
            code=code,
            display_name=entry.display_name,
            status=entry.status,
            settings=entry.settings,
            tokens_valid_after=entry.tokens_valid_after,
            created_at=entry.created_at,
            updated_at=entry.updated_at,
            foreign_tokens_until=entry.foreign_tokens_until,
            is_complete=entry.is_complete,
        )
