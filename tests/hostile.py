"""Settings that change what a session means, as a database or a role may have them."""

from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

# In tests/repositories and tests/flows with `pytest --hostile`.
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
# What a session sets that works without units, as the pool of operators does: there is
# no transaction of ours that would.
BARE: Final = (
    r"-c default_transaction_isolation=read\ committed -c lock_timeout=0 "
    "-c default_transaction_read_only=off -c row_security=on -c array_nulls=on"
)


def make_hostile(
    dba: "psycopg.Connection[Any]", *, roles: Iterable[str] = (), database: bool = False
) -> None:
    """Set them for a database, and for roles in it, for the sessions to come."""
    name = Identifier(dba.info.dbname)
    targets: list[Composable] = [
        SQL("role {} in database {}").format(Identifier(role), name) for role in roles
    ]
    if database:
        targets.append(SQL("database {}").format(name))
    statements = [
        SQL("alter {} set {} = {}").format(target, Identifier(key), Literal(value))
        for target in targets
        for key, value in HOSTILE.items()
    ]
    dba.execute(SQL("; ").join(statements))
