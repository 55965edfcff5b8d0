"""Rows that were read back, as entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, TypeAlias

from pydantic import ValidationError

from authority_queries.engine.json_types import JsonValue
from authority_queries.importing.entries import AnyEntry, Entry
from authority_queries.importing.writing.rows import id_of
from authority_queries.importing.writing.tables import Table, table_of

# A key as `store.comparisons` takes it: a text for each column.
Key: TypeAlias = tuple[str, ...]
# Columns of no entry whose value is not compared.
_OWN: Final = frozenset({"tenant_id", "row_version"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """A row of this authority: what an entry has, and the columns besides.

    - `invalid`: the fields whose value no entry can have.
    - `rest`: the columns that are no fields of the entry, which an import leaves empty
      or computes.
    - `is_updated`: the authority has updated the row since its creation.
    - `is_of_system`: every tenant has the row from its creation.
    """

    entry: Entry
    invalid: frozenset[str]
    rest: Mapping[str, JsonValue]
    is_updated: bool
    is_of_system: bool

    def value(self, field: str) -> object:
        """Return the value of a field or of another column, or None."""
        return getattr(self.entry, field, None)

    def moment(self, column: str) -> datetime | None:
        """Return a time of the row, whether a field has it or not."""
        found = self.rest.get(column)
        if isinstance(found, str):
            return datetime.fromisoformat(found)
        value = self.value(column)
        return value if isinstance(value, datetime) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKey:
    """The key of a row here, and what a rule needs to know about the row."""

    key: Key
    created_at: datetime
    expires_at: datetime | None
    is_system: bool
    label: str


def key_of(entry: AnyEntry, tenant: str) -> Key | None:
    """Return the key of the row of an entry, or None if the entry does not have it.

    `tenant` is the code of the tenant.
    """
    table = table_of(entry)
    texts = []
    for field in key_fields(table):
        value = id_of(entry, tenant) if field == "id" else getattr(entry, field)
        if value is None:
            return None
        texts.append(key_text(value))
    return tuple(texts)


def key_text(value: object) -> str:
    """Return a value of a key as PostgreSQL writes it."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


def read_back(
    table: Table, found: Mapping[str, JsonValue], *, is_of_system: bool = False
) -> ReadBack:
    """Return a row of `store.comparisons.read_rows`."""
    fields = table.fields
    values = {
        field: _decode(table, field, found.get(column))
        for field, column in fields.items()
    }
    own = _OWN | {*fields.values()}
    entry, invalid = _entry(table.entry, values)
    return ReadBack(
        entry=entry,
        invalid=invalid,
        rest={name: value for name, value in found.items() if name not in own},
        is_updated=_is_above_one(found.get("row_version")),
        is_of_system=is_of_system,
    )


@cache
def key_fields(table: Table) -> Sequence[str]:
    """Return the fields of the key, in the order of its columns."""
    field_of = {column: field for field, column in table.fields.items()}
    return tuple(field_of[column] for column in table.key)


def _entry(
    model: type[Entry], values: dict[str, object]
) -> tuple[Entry, frozenset[str]]:
    try:
        return model.model_validate(values), frozenset()
    except ValidationError as error:
        invalid = frozenset(str(each["loc"][0]) for each in error.errors())
    return model.model_construct(None, **values), invalid


def _decode(table: Table, field: str, value: JsonValue) -> object:
    """Return the value for pydantic: octets as bytes, and no null for a list."""
    if field in _octets(table.entry):
        return _octets_of(value)
    if value is None and field == "authorized_clients":
        return ()
    return value


@cache
def _octets(model: type[Entry]) -> frozenset[str]:
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if "bytes" in repr(field.annotation)
    )


def _octets_of(value: JsonValue) -> object:
    if isinstance(value, list):
        return tuple(_octets_of(each) for each in value)
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("\\x"))
    return value


def _is_above_one(version: JsonValue) -> bool:
    return isinstance(version, int) and version > 1
