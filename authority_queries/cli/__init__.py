"""The `authority` command. Results on stdout, diagnostics on stderr.

Exit codes: 0 done, 1 a finding or a failure, 2 wrong use or a wrong setting.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from authority_queries._backend import running_backend
from authority_queries.cli.demo import run_demo
from authority_queries.cli.doctor import examine
from authority_queries.cli.psql import run_psql
from authority_queries.errors import AuthorityError, ConfigurationError
from authority_queries.migrations import migrate
from authority_queries.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    arguments, rest = _parser().parse_known_args(argv)
    if rest and arguments.command is not _psql:
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    command: Callable[[Settings, Sequence[str]], int] = arguments.command
    try:
        return command(Settings(), rest)
    except ConfigurationError as error:
        print(f"authority: {error}", file=sys.stderr)
        return 2
    except AuthorityError as error:
        print(f"authority: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="authority",
        description="Storage of a multi-tenant OAuth / OpenID Connect authority.",
        epilog="Which database: AUTHORITY_DATABASE_URL, else a PostgreSQL that starts "
        "by itself with its data in AUTHORITY_DATA_DIR.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, command, text in (
        ("migrate", _migrate, "apply the pending migrations, with yoyo"),
        ("doctor", _doctor, "say what would be used and whether it works"),
        ("demo", _demo, "store a sample authority and use it, step by step"),
        ("psql", _psql, "run psql on the database; what follows is psql's"),
    ):
        commands.add_parser(
            name, help=text, description=text, add_help=command is not _psql
        ).set_defaults(command=command)
    return parser


def _migrate(settings: Settings, _: Sequence[str]) -> int:
    with running_backend(settings) as conninfo:
        applied = migrate(conninfo)
    for migration in applied:
        print(f"applied {migration}")
    print(f"{len(applied)} applied on {settings.describe()}")
    return 0


def _doctor(settings: Settings, _: Sequence[str]) -> int:
    with running_backend(settings) as conninfo:
        return examine(settings, conninfo)


def _demo(settings: Settings, _: Sequence[str]) -> int:
    run_demo(settings)
    return 0


def _psql(settings: Settings, rest: Sequence[str]) -> int:
    with running_backend(settings) as conninfo:
        return run_psql(settings, conninfo, rest)
