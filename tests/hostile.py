"""Settings that change what a session means, as a database or a role may have them."""

from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

# In all tests of `pytest --hostile`.
HOSTILE: Final = {
    "timezone": "America/New_York",
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "array_nulls": "off",
    "lock_timeout": "20ms",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "default_transaction_read_only": "on",
    "row_security": "off",
}
# Without a transaction of ours a statement has no other way to be one that writes, or
# that row security holds, or to have a null in an array.
BARE: Final = (
    "-c default_transaction_read_only=off -c row_security=on -c array_nulls=on"
)


def make_hostile(dba: "psycopg.Connection[Any]", *, of: str, name: str) -> None:
    """Set them for a database or a role, for the sessions to come.

    `of` is database, role, or for a role in this database `role in database`.
    """
    kind, _, place = of.partition(" ")
    target = SQL(f"{kind} {{}} {place} {{}}").format(
        Identifier(name), Identifier(dba.info.dbname) if place else SQL("")
    )
    _set(dba, target, {key: Literal(value) for key, value in HOSTILE.items()})


def make_plain(dba: "psycopg.Connection[Any]", name: str) -> None:
    """Keep a role from what its databases set."""
    plain: dict[str, Composable] = {}
    for key in HOSTILE:
        row = dba.execute(
            "select reset_val from pg_settings where name ilike %s", [key]
        )
        plain[key] = Literal((row.fetchone() or ("",))[0])
    _set(dba, SQL("role {}").format(Identifier(name)), plain)


def _set(
    dba: "psycopg.Connection[Any]", target: Composable, values: dict[str, Composable]
) -> None:
    statements = [
        SQL("alter {} set {} = {}").format(target, Identifier(key), value)
        for key, value in values.items()
    ]
    dba.execute(SQL("; ").join(statements))
