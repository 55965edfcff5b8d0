"""Reads the rows here, in batches."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from authority_queries.engine.json_types import JsonValue
from authority_queries.importing.comparing.fields import is_secret
from authority_queries.importing.comparing.rows import (
    Key,
    ReadBack,
    RowKey,
    key_fields,
    read_back,
)
from authority_queries.importing.writing.tables import TABLES, Table
from authority_queries.queries import tenants, tokens
from authority_queries.records import TokenType
from authority_queries.repositories._sync.store import Store
from authority_queries.repositories.arguments import MAX_PAGE_SIZE

_SYSTEM_KINDS: Final = ("role", "scope")


class Rows:
    """The rows of all tenants, by the keys of the source."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tenants: dict[str, UUID | None] = {}
        self._system: dict[tuple[str, str], frozenset[Key]] = {}

    def find_tenant(self, code: str) -> UUID | None:
        """Return the id of the tenant with this code, or None."""
        if code not in self._tenants:
            found = tenants.find(self._store.connection, code=code)
            self._tenants[code] = found
        return self._tenants[code]

    def read(
        self, tenant: str, table: Table, keys: Sequence[Key]
    ) -> Sequence[ReadBack | None]:
        """Return the row of each key, or None."""
        tenant_id = self.find_tenant(tenant)
        found: list[ReadBack | None] = [None] * len(keys)
        if tenant_id is None:
            return found
        rows = self._store.comparisons.read_rows(
            tenant_id=tenant_id,
            table_name=table.name,
            key_columns=table.key,
            keys=keys,
        )
        for row in rows:
            key = keys[row.number - 1]
            is_of_system = key in self._system_keys(tenant, table.kind)
            found[row.number - 1] = read_back(
                table, _object(row.found), is_of_system=is_of_system
            )
        return found

    def find(
        self, tenant: str, table_name: str, key: Mapping[str, str]
    ) -> dict[str, JsonValue] | None:
        """Return the columns of the row with this key, or None."""
        tenant_id = self.find_tenant(tenant)
        if tenant_id is None:
            return None
        rows = self._store.comparisons.read_rows(
            tenant_id=tenant_id,
            table_name=table_name,
            key_columns=[*key],
            keys=[[*key.values()]],
        )
        for row in rows:
            return _object(row.found)
        return None

    def is_live(self, tenant: str, token_hash: bytes, kind: str) -> bool:
        """Return whether a token with this hash and of this type verifies."""
        tenant_id = self.find_tenant(tenant)
        return tenant_id is not None and bool(
            tokens.verify_by_token(
                self._store.connection,
                tenant_id=tenant_id,
                token_hash=token_hash,
                type=cast("TokenType", kind),
                resource=None,
            )
        )

    def accepts_foreign_tokens(self, tenant: str, now: datetime) -> bool:
        """Return whether strings of another store verify in the tenant."""
        found = self.find(tenant, "tenants", {"code": tenant})
        until = found and found["foreign_tokens_until"]
        return bool(until) and datetime.fromisoformat(str(until)) > now

    def list_keys(self, tenant: str, kind: str) -> Iterator[RowKey]:
        """Yield the keys of all rows of a kind and tenant."""
        tenant_id, table = self.find_tenant(tenant), TABLES[kind]
        after: JsonValue = None
        while tenant_id is not None:
            page = self._store.comparisons.list_row_keys(
                tenant_id=tenant_id,
                table_name=table.name,
                key_columns=table.key,
                after=after,
                page_size=MAX_PAGE_SIZE,
            )
            for each in _listed(page.keys):
                yield _row_key(table, each)
            after = page.last_key
            if page.listed < MAX_PAGE_SIZE:
                return

    def _system_keys(self, tenant: str, kind: str) -> frozenset[Key]:
        """Return the keys of the rows that every tenant has from its creation."""
        if kind not in _SYSTEM_KINDS:
            return frozenset()
        place = (tenant, kind)
        if place not in self._system:
            rows = self.list_keys(tenant, kind)
            self._system[place] = frozenset(row.key for row in rows if row.is_system)
        return self._system[place]


def _object(found: JsonValue) -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", found)


def _listed(keys: JsonValue) -> list[list[JsonValue]]:
    return cast("list[list[JsonValue]]", keys or [])


def _row_key(table: Table, listed: list[JsonValue]) -> RowKey:
    texts, created_at, is_system, expires_at, primary_key = listed
    names = cast("list[str | None]", texts)
    key = tuple(name for name in names if name is not None)
    if len(key) < len(names):  # a row is missing to which this one refers
        key = ("\0", str(primary_key))
    if any(is_secret(table.entry, field) for field in key_fields(table)):
        label = f"id {_object(primary_key)['id']}"
    else:
        label = ", ".join("nothing" if name is None else name for name in names)
    return RowKey(
        key=key,
        created_at=datetime.fromisoformat(str(created_at)),
        expires_at=_moment(expires_at),
        is_system=is_system is True,
        label=label,
    )


def _moment(text: JsonValue) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))
