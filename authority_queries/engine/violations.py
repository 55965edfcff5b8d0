"""The table, column and constraint that an error of the driver is about."""

import re
from typing import Final, NamedTuple

import psycopg
from psycopg import errors as sqlstate

_QUOTED: Final = re.compile(r'"([^"]+)"')
_CONSTRAINT: Final = re.compile(r"_(?:pk|key|fk|check)$")
# The number of a shard, which a sharded server appends to the names of its copies.
_SHARD: Final = re.compile(r"_\d{6,}$")


class Violation(NamedTuple):
    """Names without a shard's number, each empty where the error has none."""

    table: str
    column: str
    constraint: str


def violation_of(error: psycopg.Error) -> Violation:
    """Return the names in the error's fields, or else those in its message.

    A sharded server passes on the message of a shard, without the fields. Names of
    constraints follow `{table}_{columns}_{kind}`.
    """
    diag = error.diag
    named = Violation(
        _whole(diag.table_name), diag.column_name or "", _whole(diag.constraint_name)
    )
    if isinstance(error, psycopg.IntegrityError) and not any(named):
        return _in_message(error)
    return named


def _in_message(error: psycopg.IntegrityError) -> Violation:
    message = error.diag.message_primary or str(error).partition("\n")[0]
    names = [_whole(name) for name in _QUOTED.findall(message)]
    if isinstance(error, sqlstate.NotNullViolation):
        column, table = (*names, "", "")[:2]
        return Violation(table, column, "")
    constraint = next(filter(_CONSTRAINT.search, names), "")
    tables = [name for name in names if constraint.startswith(f"{name}_")]
    # The message about a duplicate does not name the table.
    before_tenant, is_tenants, _ = constraint.partition("_tenant_id_")
    table = max(tables, key=len, default=before_tenant if is_tenants else "")
    return Violation(table, "", constraint)


def _whole(name: str | None) -> str:
    return _SHARD.sub("", name or "")
