"""Entries as rows: values by column, and their JSON."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Final, TypeAlias
from uuid import UUID

from authority_queries.credentials.client_secrets import is_minted_secret_hash
from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.importing.documents import derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    ClientSecretEntry,
    LoginAttemptEntry,
    TokenEntry,
    TotpCredentialEntry,
    UserEntry,
)
from authority_queries.importing.writing.tables import (
    NamedKind,
    Reference,
    Table,
    table_of,
)
from authority_queries.names import check_email, username_key
from authority_queries.repositories.arguments import check_password_hash

Row: TypeAlias = dict[str, object]
# The ids of rows by kind and natural key.
Ids: TypeAlias = Mapping[tuple[NamedKind, str], UUID]
# The columns of a table: each with its field and, if it is one, its reference.
_Plan: TypeAlias = tuple[tuple[str, str, Reference | None], ...]


class RefusedError(Exception):
    """A document cannot be imported. The text is the reason, without a value."""


def id_of(entry: AnyEntry, tenant: str) -> UUID | None:
    """Return the id of the entry's row, or None if its table has none.

    `tenant` is the code of the tenant.
    """
    given: UUID | None = getattr(entry, "id", None)
    names = table_of(entry).names
    if given is not None or not names:
        return given
    parts = (getattr(entry, name) for name in names)
    key = "\n".join(part.hex() if isinstance(part, bytes) else part for part in parts)
    return derive_id(tenant, entry.kind, key)


def names_in(entry: AnyEntry) -> set[tuple[NamedKind, str]]:
    """Return the kind and the natural key of each row that the entry names."""
    found: set[tuple[NamedKind, str]] = set()
    for reference in table_of(entry).references:
        value = getattr(entry, reference.field)
        if reference.kind is not None and value is not None:
            names = (value,) if isinstance(value, str) else value
            found.update((reference.kind, name) for name in names)
    return found


def row_of(entry: AnyEntry, *, tenant: str, ids: Ids) -> Row:
    """Return the row of an entry, without tenant_id: a value for each column.

    A column that is None takes its default if it cannot be null. `tenant` is the code
    of the tenant, and `ids` has the rows that the entry names. Raises RefusedError.
    """
    table = table_of(entry)
    row: Row = {}
    for column, field, reference in _plan(table):
        value = getattr(entry, field)
        if reference is not None and reference.kind is not None and value is not None:
            value = _resolved(reference, reference.kind, value, ids)
        row[column] = value
    if "id" in row:
        row["id"] = id_of(entry, tenant)
    _complete(entry, row)
    _date(row)
    return row


def as_json(row: Row) -> str:
    """Return the row as a JSON object that PostgreSQL reads. Raises RefusedError."""
    sent = {name: value for name, value in row.items() if value is not None}
    try:
        return _encoder.encode(sent)
    except (ValueError, RecursionError):
        message = "a number is not finite, or an object is nested too deeply"
        raise RefusedError(message) from None


@cache
def _plan(table: Table) -> _Plan:
    references = {reference.field: reference for reference in table.references}
    return tuple(
        (column, field, references.get(field)) for field, column in table.fields.items()
    )


def _resolved(
    reference: Reference, kind: NamedKind, value: object, ids: Ids
) -> UUID | list[UUID] | None:
    if isinstance(value, str):
        found = ids.get((kind, value))
        if found is None and not reference.is_optional:
            raise _missing(reference)
        return found
    try:
        return [ids[kind, name] for name in _names(value)]
    except KeyError:
        raise _missing(reference) from None


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple | list) else ()


def _missing(reference: Reference) -> RefusedError:
    what = (reference.kind or "row").replace("_", " ")
    return RefusedError(f"{reference.field} names a {what} that was not imported")


def _date(row: Row) -> None:
    """Let the times that are not known be the time of the creation."""
    created_at = row.get("created_at")
    for column in ("updated_at", "authenticated_at", "valid_from"):
        if column in row and row[column] is None:
            row[column] = created_at


def _complete(entry: AnyEntry, row: Row) -> None:
    """Check what the database cannot, and compute the columns without a field."""
    try:
        match entry:
            case UserEntry():
                row["username_key"] = username_key(entry.username)
                check_email(entry.email)
                check_password_hash("password_hash", entry.password_hash)
            case ClientSecretEntry() if not is_minted_secret_hash(entry.secret_hash):
                check_password_hash("secret_hash", entry.secret_hash)
            case TokenEntry():
                row["redemption_hash"] = _redemption_of(entry)
            case TotpCredentialEntry():
                _confirm(entry, row)
            case LoginAttemptEntry() if entry.created_at is None:
                message = "created_at is required: it is part of the key"
                raise RefusedError(message)
            case _:
                pass
    except InvalidArgumentError as error:
        raise RefusedError(str(error)) from None


def _redemption_of(entry: TokenEntry) -> bytes | None:
    """Return a hash that no request's id has, so that nobody repeats the redemption."""
    if entry.redeemed_at is None or entry.redemption_hash is not None:
        return entry.redemption_hash
    return sha256(b"imported redemption " + entry.token_hash).digest()


def _confirm(entry: TotpCredentialEntry, row: Row) -> None:
    if entry.confirmed_at is None:
        if entry.pending_until is not None:
            return
        message = "confirmed_at is required: an unconfirmed secret is registered again"
        raise RefusedError(message)
    if entry.last_used_step is None:
        row["last_used_step"] = 0
    if entry.last_used_at is None:
        row["last_used_at"] = entry.confirmed_at


def _encode(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case bytes():
            return f"\\x{value.hex()}"
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return f"{value.days} days {value.seconds}.{value.microseconds:06} seconds"
        case _:
            message = f"no JSON for {type(value).__name__}"
            raise TypeError(message)


_encoder: Final = json.JSONEncoder(
    allow_nan=False, separators=(",", ":"), default=_encode
)
