"""`authority doctor`: the settings in use, and whether the database works."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from tabulate import tabulate

from authority_queries.errors import UnavailableError
from authority_queries.records import (
    ServerDescription,
)
from authority_queries.repositories._sync.store import Store
from authority_queries.service._sync.authority import Authority
from authority_queries.service.migration_books import (
    applied_migrations,
    find_books,
    find_planted,
    find_traps,
    safe_conninfo,
)
from authority_queries.service.migrations import packaged_migrations
from authority_queries.service.schema_check import check_database
from authority_queries.service.settings import Settings

_OLDEST: Final = 150000
_NEWEST: Final = 189999
_MANY: Final = 4  # differences that are counted instead of named
_CLOCK_TOLERANCE: Final = timedelta(seconds=2)

_Check = tuple[str, str, str]


def examine(settings: Settings, conninfo: str) -> int:
    """Print a table of checks. Return 1 if any check is a finding, otherwise 0.

    Writes nothing to the database. Raises UnavailableError.
    """
    try:
        checks = _all_checks(settings, conninfo)
    except psycopg.OperationalError as error:
        message = f"no connection to {settings.describe()}: {error}"
        raise UnavailableError(message) from error
    print(tabulate(checks, headers=("check", "found", "verdict"), tablefmt="simple"))
    return int(any(not verdict.startswith("ok") for _, _, verdict in checks))


def _all_checks(settings: Settings, conninfo: str) -> list[_Check]:
    books = find_books(conninfo)
    traps = find_traps(conninfo)
    with psycopg.connect(safe_conninfo(conninfo), autocommit=True) as connection:
        server = Store(connection).server.describe()
        now = datetime.now(UTC)
    is_readable = books.may_be_read and traps is None
    is_hidden = books.are_there and not is_readable
    applied = applied_migrations(conninfo) if is_readable else set()
    todo = [name for name in packaged_migrations() if name not in applied]
    todo = [] if is_hidden else todo
    advice = "remove these before you migrate"
    return [
        *_checks(settings, server, now),
        *_roles(server),
        ("unsafe objects", traps or "none", _verdict(not traps, advice)),
        _foreign_objects(find_planted(conninfo)),
        _migrations(server, todo, may_be_read=not is_hidden),
        *_differences(conninfo, todo),
    ]


def _checks(
    settings: Settings, server: ServerDescription, now: datetime
) -> Iterator[_Check]:
    backend = "embedded" if settings.uses_embedded else "postgres"
    yield "backend", backend, "ok"
    yield "database", settings.describe(), "ok"
    supported = _OLDEST <= server.version_number <= _NEWEST
    yield "server", server.version, _verdict(supported, "use PostgreSQL 15 to 18")
    yield "replication", _replication(server, now), "ok"
    utf8 = server.encoding == "UTF8"
    yield "encoding", server.encoding, _verdict(utf8, "create the database with UTF8")
    skew = abs(server.clock - now)
    yield (
        "clock",
        f"{skew.total_seconds():.3f} s from this machine's",
        _verdict(skew <= _CLOCK_TOLERANCE, "set the wrong clock"),
    )
    yield (
        "authority.clock()",
        "the server's time" if server.is_clock_true else "replaced",
        _verdict(server.is_clock_true, "restore it from schema/snapshot.sql"),
    )


def _replication(server: ServerDescription, now: datetime) -> str:
    if not server.is_standby:
        return "a primary"
    if server.replayed_at is None:
        return "a standby, which takes no writes"
    age = max(timedelta(), now - server.replayed_at).total_seconds()
    return f"a standby, which has replayed a commit of {age:.1f} s ago"


def _roles(server: ServerDescription) -> Iterator[_Check]:
    yield "login", _powers(server), "ok"
    missing = ", ".join(server.missing_roles)
    advice = "authority migrate"
    if server.has_schema:  # their grants are lost
        advice = "create the roles, and restore the database again: docs/backups.md"
    elif not server.may_create_roles:
        advice = "have a DBA run schema/bootstrap.sql"
    yield (
        "roles",
        f"missing: {missing}" if missing else "all exist",
        _verdict(not missing, advice),
    )
    yield "services act as", *_services(server)
    yield _connecting(server)
    open_tables = ", ".join(server.unprotected_tables)
    yield (
        "row-level security",
        f"off: {open_tables}" if open_tables else "on, for each table",
        _verdict(not open_tables, "enable and force it for each table"),
    )


def _connecting(server: ServerDescription) -> _Check:
    """Find members of the roles in other databases, which could connect to this one."""
    let_in = ", ".join(server.let_in)
    public = let_in.replace("everybody", "public")
    advice = f"revoke connect on database {server.database_name} from {public}"
    found = let_in or "logins with a grant of their own"
    return "may connect", found, _verdict(not let_in, advice)


def _powers(server: ServerDescription) -> str:
    powers = {
        "superuser": server.is_superuser,
        "may create roles": server.may_create_roles,
        "may migrate": server.may_migrate,
    }
    return ", ".join([server.role_name, *(name for name, has in powers.items() if has)])


def _services(server: ServerDescription) -> tuple[str, str]:
    """Return the role of services that log in as this login, and the verdict."""
    advice = f"services must log in as a member of only {Authority.role}"
    if Authority.role in server.missing_roles:
        return f"nothing: {Authority.role} is missing", "create the roles first"
    if Authority.role not in server.may_act_as:
        found = f"nothing: {server.role_name} is not a member of {Authority.role}"
        useful = server.may_migrate or server.may_act_as
        return found, f"ok for other work; {advice}" if useful else advice
    if Authority.role not in server.held_roles:
        found = f"{Authority.role}, which row-level security does not restrict"
        return found, f"revoke what the migrations did not grant to {Authority.role}"
    found = f"{Authority.role}, restricted by row-level security"
    if server.role_name not in server.held_roles:
        return found, f"ok, but {server.role_name} is not restricted: {advice}"
    return found, "ok"


def _foreign_objects(names: Sequence[str]) -> _Check:
    advice = "ok here; for plain yoyo add ?schema=authority_yoyo to the URL"
    return "foreign objects", ", ".join(names) or "none", advice if names else "ok"


def _migrations(
    server: ServerDescription, todo: Sequence[str], *, may_be_read: bool
) -> _Check:
    if not may_be_read:
        return "pending migrations", "this login may not read them", "ok"
    if not todo:
        return "pending migrations", "none", "ok"
    found = f"{len(todo)}, {todo[0]} to {todo[-1]}" if len(todo) > 1 else todo[0]
    if server.is_standby:
        return "pending migrations", found, "authority migrate, on the primary"
    if server.may_migrate:
        return "pending migrations", found, "authority migrate"
    return "pending migrations", found, "authority migrate, as the database's owner"


def _differences(conninfo: str, todo: Sequence[str]) -> Iterator[_Check]:
    """Compare a database without known pending migrations with the release."""
    if todo:
        return
    names = [each.object for each in check_database(conninfo).differences]
    found = ", ".join(names) if len(names) < _MANY else f"{len(names)} objects"
    yield "differences", found or "none", _verdict(not names, "authority check")


def _verdict(good: object, advice: str) -> str:
    return "ok" if good else advice
