"""`python -m benchmarks.importing`: a dump of MongoDB is imported, beside bare COPY.

Exits with 1 when the import takes more than 300 MB of memory.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from tabulate import tabulate

from authority_queries import migrate
from authority_queries.errors import AuthorityError
from authority_queries.service.embedded import running_embedded_server
from authority_queries.service.embedded.folders import temporary_folder
from authority_queries.service.migrations import yoyo_url
from benchmarks.importing_dump import write_dump
from benchmarks.machine import machine

# Not /tmp, which may be in memory.
_DISK: Final = Path("/var/tmp")  # noqa: S108 -- the folder in it is made by tempfile
_MOST: Final = 300  # MB
_TABLES: Final = ("users", "authorizations", "tokens")
_IMPORT: Final = ("collection", "documents", "rows", "seconds", "rows/s")
_COPY: Final = ("COPY into", "rows", "seconds", "rows/s", "to import")
_COLUMNS: Final = """
select attname from pg_attribute
where attrelid = %s::regclass and attnum > 0 and attgenerated = '' and not attisdropped
order by attnum
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return 1 above the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.importing", description=__doc__
    )
    parser.add_argument("--users", type=int, default=100_000, metavar="COUNT")
    parser.add_argument("--tokens", type=int, default=1_000_000, metavar="COUNT")
    given = parser.parse_args(arguments)
    with temporary_folder(_DISK) as folder:
        dump, report = folder / "dump", folder / "report.json"
        dump.mkdir()
        size = write_dump(dump, users=given.users, tokens=given.tokens)
        with running_embedded_server(folder / "data") as parameters:
            database = make_conninfo("", **parameters)
            migrate(database)
            print(machine(database), end="\n\n")
            memory, processor = _imported(database, dump, report)
            found = json.loads(report.read_text())
            lines = _print_import(found, size, processor)
            _print_copies(database, lines)
    print(f"\nmemory of the import: {memory:.0f} MB; allowed: {_MOST}")
    return 1 if memory > _MOST else 0


def _imported(database: str, dump: Path, report: Path) -> tuple[float, float]:
    """Run the command. Return its memory in MB and its processor time in seconds."""
    command = [
        *(sys.executable, "-m", "authority_queries", "import", f"mongodb:{dump}"),
        *("--tenant", "acme", "--report", str(report), "--quiet"),
        *("--journal", str(report.with_name("journal"))),
    ]
    environment = {**os.environ, "AUTHORITY_DATABASE_URL": yoyo_url(database)}
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(sys.executable, command, environment, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(2)
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def _print_import(
    report: Mapping[str, Any], size: int, processor: float
) -> Mapping[str, float]:
    """Print the import, and return its rows per second by collection."""
    began, rates, lines = 0.0, {}, []
    for one in report["collections"]:
        rows = sum(one["created"].values())
        seconds = one["seconds"]
        rates[one["name"].rpartition(".")[2]] = rows / seconds
        lines.append((one["name"], one["read"], rows, seconds, rows / seconds))
        began += seconds
    lines.append(("all", "", report["rows"], began, report["rows"] / began))
    print(f"Importing {size / 1e6:,.0f} MB of BSON, processor {processor:.0f} s:")
    print(tabulate(lines, headers=_IMPORT, floatfmt=("", "", "", ".1f", ",.0f")))
    return rates


def _print_copies(database: str, rates: Mapping[str, float]) -> None:
    """Copy the imported rows into tables with the same checks and indexes.

    Those have no foreign keys, no triggers and no row-level security.
    """
    lines = []
    with psycopg.connect(database, autocommit=True) as dba:
        for table in _TABLES:
            rows, seconds = _copied(dba, table)
            rate = rows / seconds
            lines.append((table, rows, seconds, rate, rate / rates[table]))
    print()
    print(tabulate(lines, headers=_COPY, floatfmt=("", "", ".1f", ",.0f", ".1f")))


def _copied(dba: "psycopg.Connection[Any]", table: str) -> tuple[int, float]:
    names = [name for (name,) in dba.execute(_COLUMNS, (f"authority.{table}",))]
    columns = SQL(", ").join(map(Identifier, names))
    source, target = Identifier("authority", table), Identifier(f"copied_{table}")
    dba.execute(SQL("create table {} (like {} including all)").format(target, source))
    out = SQL("copy (select {} from {}) to stdout").format(columns, source)
    with dba.cursor() as cursor, cursor.copy(out) as copy:
        octets = [bytes(part) for part in copy]
    began = monotonic()
    into = SQL("copy {} ({}) from stdin").format(target, columns)
    with dba.cursor() as cursor:
        with cursor.copy(into) as copy:
            for part in octets:
                copy.write(part)
        return cursor.rowcount, monotonic() - began


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.importing: {error}", file=sys.stderr)
        sys.exit(2)
