"""Settings of a database or a role that change the meaning of statements."""

from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

# Set in tests/repositories and tests/flows by `pytest --hostile`.
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
# Options of a session without units, as the pool of operators sets them. Units set them
# in their transactions.
BARE: Final = (
    r"-c default_transaction_isolation=read\ committed -c lock_timeout=0 "
    "-c default_transaction_read_only=off -c row_security=on -c array_nulls=on"
)


def make_hostile(
    dba: "psycopg.Connection[Any]", *, roles: Iterable[str] = (), database: bool = False
) -> None:
    """Apply the settings to later sessions of a database, and of roles in it."""
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
