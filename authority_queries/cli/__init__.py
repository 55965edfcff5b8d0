"""The `authority` command. Results on stdout, diagnostics on stderr.

Exit codes: 0 done, 1 a finding or a failure, 2 wrong use or a wrong setting.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

import psycopg

from authority_queries.cli import prune
from authority_queries.cli.generation import (
    add_arguments,
    add_only_argument,
    add_server_argument,
    run_format,
    run_generate,
    run_plans,
)
from authority_queries.cli.psql import run_psql
from authority_queries.errors import AuthorityError, ConfigurationError
from authority_queries.service.backend import running_backend
from authority_queries.service.migrations import migrate
from authority_queries.service.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    arguments, rest = _parser().parse_known_args(argv)
    if rest and arguments.command is not _psql:
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    # So that a server that was started is stopped, as it is by Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        return _run(arguments, rest)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing more can be flushed.
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
        # Of a statement of ours it repeats no value. DETAIL of others is left out.
        why = str(error).partition("\n")[0]
        return _fail(1, f"PostgreSQL says: {why} ({type(error).__name__})")


def _fail(code: int, message: str) -> int:
    print(f"authority: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="authority",
        description="Storage of a multi-tenant OAuth / OpenID Connect authority.",
        epilog="Which database: AUTHORITY_DATABASE_URL, else a PostgreSQL that starts "
        "by itself with its data in AUTHORITY_DATA_DIR.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, command: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=text, add_help=command is not _psql
        )
        added.set_defaults(command=command)
        return added

    migrating = add("migrate", _migrate, "apply the pending migrations, with yoyo")
    migrating.add_argument(
        "--break-lock",
        action="store_true",
        help="take the lock of a run that was killed; make sure that none is running",
    )
    add("doctor", _doctor, "say what would be used and whether it works")
    prune.add_arguments(add("prune", _prune, "delete what is over, of all tenants"))
    add("demo", _demo, "store a sample authority and use it, step by step")
    for name, command, text, add_all in (
        (
            "generate",
            run_generate,
            "write typed Python modules for the SQL files",
            (add_arguments, add_server_argument),
        ),
        (
            "plans",
            run_plans,
            "check how PostgreSQL executes the SQL files' queries",
            (add_arguments, add_server_argument, add_only_argument),
        ),
        (
            "format",
            run_format,
            "fill the column lists of queries that share a @row",
            (add_arguments,),
        ),
    ):
        adding = add(name, command, text)
        for add_some in add_all:
            add_some(adding)
    add("psql", _psql, "run psql on the database; what follows is psql's")
    return parser


def _migrate(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    with running_backend(settings) as conninfo:
        applied = migrate(conninfo, break_lock=arguments.break_lock)
    for migration in applied:
        print(f"applied {migration}")
    print(f"{len(applied)} applied on {settings.describe()}")
    return 0


def _doctor(settings: Settings, _: object, __: object) -> int:
    # Imported late because stale modules, which `generate` mends, cannot be.
    from authority_queries.cli.doctor import examine  # noqa: PLC0415 -- because of that

    with running_backend(settings) as conninfo:
        return examine(settings, conninfo)


def _prune(settings: Settings, arguments: argparse.Namespace, _: object) -> int:
    return prune.run_prune(settings, arguments)


def _demo(settings: Settings, _: object, __: object) -> int:
    # Imported late because stale modules, which `generate` mends, cannot be.
    from authority_queries.cli.demo import run_demo  # noqa: PLC0415 -- because of that

    run_demo(settings)
    return 0


def _psql(settings: Settings, _: object, rest: Sequence[str]) -> int:
    with running_backend(settings) as conninfo:
        return run_psql(settings, conninfo, rest)
