"""The `authority` command. Results on stdout, diagnostics on stderr.

Exit codes: 0 done, 1 a finding or a failure, 2 wrong use or a wrong setting.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

import psycopg

from authority_queries.cli import (
    audit,
    backfill,
    check,
    compare,
    erase,
    export,
    generation,
    importing,
    migrating,
    prune,
    stats,
    tenant,
)
from authority_queries.cli.psql import run_psql
from authority_queries.errors import AuthorityError, ConfigurationError
from authority_queries.service.backend import running_backend
from authority_queries.service.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments, rest = _parser().parse_known_args(argv)
    if rest and arguments.command is not _psql:
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    # Stops a server that was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        return _run(arguments, rest)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader has closed the pipe, so the flush at exit would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _run(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    command: Callable[[Settings, argparse.Namespace, Sequence[str]], int]
    command = arguments.command
    try:
        return command(Settings(), arguments, rest)
    except ConfigurationError as error:
        return _fail(2, str(error))
    except AuthorityError as error:
        return _fail(1, str(error))
    except psycopg.Error as error:
        return _fail(1, _words_of(error))


def _words_of(error: psycopg.Error) -> str:
    """Return the first line, which has no value for our statements; DETAIL may."""
    why = str(error).partition("\n")[0]
    return f"PostgreSQL: {why} ({type(error).__name__})"


def _fail(code: int, message: str) -> int:
    print(f"authority: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="authority",
        description="Storage of a multi-tenant OAuth / OpenID Connect authority.",
        epilog="The database is AUTHORITY_DATABASE_URL. Without it, an embedded "
        "PostgreSQL starts with its data in AUTHORITY_DATA_DIR.",
    )
    _add_commands(parser.add_subparsers(required=True, metavar="command"))
    return parser


def _add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    def add(name: str, command: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=text, add_help=command is not _psql
        )
        added.set_defaults(command=command)
        return added

    migrating.add_arguments(
        add("migrate", _migrate, "apply the pending migrations with yoyo")
    )
    add("doctor", _doctor, "check the settings, the database, its roles and schema")
    check.add_arguments(
        add("check", _check, "compare the database with what this release made")
    )
    backfill.add_arguments(
        add("backfill", _backfill, "change the rows of all tenants in batches")
    )
    prune.add_arguments(add("prune", _prune, "delete expired data of all tenants"))
    erase.add_arguments(add("erase", _erase, "delete a tenant or a user completely"))
    export.add_arguments(add("export", _export, "write a tenant or a user as JSON"))
    importing.add_arguments(
        add("import", _import, "bring the tenants of another store here")
    )
    compare.add_arguments(
        add("compare", _compare, "compare another store with what was imported from it")
    )
    tenant.add_arguments(add("tenant", _tenant, "move a tenant to another database"))
    audit.add_arguments(add("audit", _audit, "seal and verify the audit events"))
    stats.add_arguments(
        add("stats", _stats, "print what a DBA watches: text, JSON, Prometheus")
    )
    add("demo", _demo, "store a sample authority and use it, step by step")
    generation.add_commands(add)
    add("psql", _psql, "run psql on the database; passes all arguments to psql")


def _migrate(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return migrating.run_migrate(settings, arguments)


def _doctor(settings: Settings, _: object, __: object) -> int:
    # Imported here because stale generated modules cannot be imported.
    from authority_queries.cli.doctor import examine  # noqa: PLC0415 -- see above

    with running_backend(settings) as conninfo:
        return examine(settings, conninfo)


def _check(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    try:
        return check.run_check(settings, arguments)
    except AuthorityError as error:
        return _fail(check.UNCHECKED, str(error))


def _backfill(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return backfill.run_backfill(settings, arguments)


def _prune(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return prune.run_prune(settings, arguments)


def _erase(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return erase.run_erase(settings, arguments)


def _export(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return export.run_export(settings, arguments)


def _import(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return importing.run_import(settings, arguments)


def _compare(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    try:
        return compare.run_compare(settings, arguments)
    except ConfigurationError:
        raise
    except AuthorityError as error:
        return _fail(compare.NOT_COMPARED, str(error))
    except psycopg.Error as error:
        return _fail(compare.NOT_COMPARED, _words_of(error))


def _tenant(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return tenant.run_tenant(settings, arguments)


def _audit(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return audit.run_audit(settings, arguments)


def _stats(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return stats.run_stats(settings, arguments)


def _demo(settings: Settings, _: object, __: object) -> int:
    # Imported here because stale generated modules cannot be imported.
    from authority_queries.cli.demo import run_demo  # noqa: PLC0415 -- see above

    run_demo(settings)
    return 0


def _psql(settings: Settings, _: object, rest: Sequence[str]) -> int:
    with running_backend(settings) as conninfo:
        return run_psql(settings, conninfo, rest)
