"""Rows that were read back, as entries."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from pydantic import TypeAdapter, ValidationError

from authority_queries.engine.json_types import JsonValue
from authority_queries.importing.entries import AnyEntry, Entry
from authority_queries.importing.writing.rows import id_of
from authority_queries.importing.writing.tables import TABLES, Table

# A key as `store.comparisons` takes it: a text for each column.
Key: TypeAlias = tuple[str, ...]
# Columns of no entry whose value is not compared.
_OWN: Final = frozenset({"tenant_id", "row_version"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The layout of the rows of a kind.

    - `columns`: the column of each field.
    - `key_fields`: the fields of the key, in the order of its columns.
    - `octets`: the fields whose values are octets, or lists of them.
    - `compared`: the columns of fields, and those that are not compared.
    """

    columns: Mapping[str, str]
    key_fields: Sequence[str]
    octets: frozenset[str]
    compared: frozenset[str]


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
    texts = []
    for field in LAYOUTS[entry.kind].key_fields:
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
    layout = LAYOUTS[table.kind]
    values = {
        field: found.get(column)
        for field, column in layout.columns.items()
        if field not in layout.octets
    }
    octets = {
        field: _octets_of(found.get(layout.columns[field])) for field in layout.octets
    }
    if values.get("authorized_clients", ()) is None:
        values["authorized_clients"] = ()
    entry, invalid = _entry(table.entry, values | octets)
    version = found.get("row_version")
    return ReadBack(
        entry=entry,
        invalid=invalid,
        rest={
            name: value for name, value in found.items() if name not in layout.compared
        },
        is_updated=isinstance(version, int) and version > 1,
        is_of_system=is_of_system,
    )


def _entry(
    model: type[Entry], values: Mapping[str, object]
) -> tuple[Entry, frozenset[str]]:
    try:
        return model.model_validate(values), frozenset()
    except ValidationError:
        pass
    valid: dict[str, object] = {}
    for field, value in values.items():
        with suppress(ValidationError):
            annotation: Any = model.model_fields[field].annotation
            valid[field] = TypeAdapter(annotation).validate_python(value)
    invalid = frozenset(values.keys() - valid.keys())
    return model.model_construct(None, **{**dict.fromkeys(invalid), **valid}), invalid


def _octets_of(value: JsonValue) -> object:
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("\\x"))
    if isinstance(value, Sequence):
        return tuple(_octets_of(each) for each in value)
    return value


def _layout(table: Table) -> Layout:
    columns = table.fields
    field_of = {column: field for field, column in columns.items()}
    return Layout(
        columns=columns,
        key_fields=[field_of[column] for column in table.key],
        octets=frozenset(
            name
            for name in columns
            if "bytes" in repr(table.entry.model_fields[name].annotation)
        ),
        compared=_OWN | {*columns.values()},
    )


LAYOUTS: Final[Mapping[str, Layout]] = {
    kind: _layout(table) for kind, table in TABLES.items()
}
