"""`authority doctor`: what would be used, and whether it works."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from tabulate import tabulate

from authority_queries._sync.store import Store
from authority_queries.errors import UnavailableError
from authority_queries.migrations import every
from authority_queries.records import (
    ServerDescription,
)
from authority_queries.settings import Settings

_OLDEST: Final = 150000
_NEWEST: Final = 189999
_CLOCK_TOLERANCE: Final = timedelta(seconds=2)

_Check = tuple[str, str, str]


def examine(settings: Settings, conninfo: str) -> int:
    """Print a table of checks; 1 when any of them is a finding.

    Writes nothing to the database. Raises UnavailableError.
    """
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            store = Store(connection)
            server = store.server.describe()
            now = datetime.now(UTC)
            applied = (
                {row.migration_id for row in store.server.list_applied_migrations()}
                if server.has_migration_log
                else set()
            )
    except psycopg.OperationalError as error:
        message = f"no connection to {settings.describe()}: {error}"
        raise UnavailableError(message) from error
    todo = [migration for migration in every() if migration not in applied]
    checks = [*_checks(settings, server, now), _migrations(server, todo)]
    print(tabulate(checks, headers=("check", "found", "verdict"), tablefmt="simple"))
    return int(any(verdict != "ok" for _, _, verdict in checks))


def _checks(
    settings: Settings, server: ServerDescription, now: datetime
) -> Iterator[_Check]:
    backend = "embedded" if settings.uses_embedded else "postgres"
    yield "backend", backend, "ok"
    yield "database", settings.describe(), "ok"
    supported = _OLDEST <= server.version_number <= _NEWEST
    yield "server", server.version, _verdict(supported, "PostgreSQL 15 to 18 is tested")
    utf8 = server.encoding == "UTF8"
    yield "encoding", server.encoding, _verdict(utf8, "usernames need UTF8")
    yield (
        "letter case",
        "of all letters" if server.folds_case else "of ASCII letters only",
        _verdict(server.folds_case, "create the database with a locale like C.UTF-8"),
    )
    yield "role", _role(server), "ok"
    skew = abs(server.clock - now)
    yield (
        "clock",
        f"{skew.total_seconds():.3f} s from this machine's",
        _verdict(skew <= _CLOCK_TOLERANCE, "set one of the clocks"),
    )


def _role(server: ServerDescription) -> str:
    powers = {
        "superuser": server.is_superuser,
        "may create roles": server.may_create_roles,
        "may migrate": server.may_migrate,
    }
    return ", ".join([server.role_name, *(name for name, has in powers.items() if has)])


def _migrations(server: ServerDescription, todo: Sequence[str]) -> _Check:
    if not todo:
        return "pending migrations", "none", "ok"
    found = f"{len(todo)}, {todo[0]} to {todo[-1]}"
    if server.may_migrate:
        return "pending migrations", found, "authority migrate"
    return "pending migrations", found, "authority migrate, as a role that may create"


def _verdict(good: object, advice: str) -> str:
    return "ok" if good else advice
