"""A plugin: a whole run of the tests executes every query, held by row-level security.

A query that only a superuser has executed counts as not executed, and a test that lets
a superuser execute one fails. PostgreSQL itself tells who is one: it reports each
change of `is_superuser` to its client, by `set role` too, so nothing more is sent.

Where workers execute the tests, each names its queries when it ends, and the process
that reports the run looks at all of them.

It is loaded before coverage starts, so it imports the package only when it is asked.
"""

import logging
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.workers import hand_over, handed_over, is_worker

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

_PLACE = re.compile(r"queries/(\w+)\.sql:\d+ (\w+)")
# What `authority doctor` asks, of whatever role is given to it.
_FOR_ANYBODY = {("server", "describe")}


class _Executed(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.queries: set[tuple[str, str]] = set()
        self.as_superuser: set[tuple[str, str]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        # Tests of the run time announce other files, with all sorts of names.
        if place := _PLACE.fullmatch(record.getMessage()):
            superuser = _connection().info.parameter_status("is_superuser") == "on"
            found = self.as_superuser if superuser else self.queries
            found.add((place[1], place[2]))


def _connection() -> "psycopg.Connection[object] | psycopg.AsyncConnection[object]":
    """The connection that the query is about to be sent on.

    The log does not name it, so it is looked for in who called the logger.
    """
    frame = sys._getframe()
    while True:
        connection = frame.f_locals.get("conn")
        if isinstance(connection, psycopg.Connection | psycopg.AsyncConnection):
            return connection
        assert frame.f_back is not None, "a query without a connection"
        frame = frame.f_back


_executed = _Executed()


def pytest_configure(config: pytest.Config) -> None:
    logger = logging.getLogger("authority_queries.sql")
    logger.addHandler(_executed)
    logger.setLevel(logging.DEBUG)
    config.addinivalue_line(
        "markers", "superuser(reason): lets a superuser execute our queries"
    )


@pytest.fixture(autouse=True)
def _no_query_is_executed_by_a_superuser(
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    _executed.as_superuser.clear()
    yield
    found = _executed.as_superuser - _FOR_ANYBODY
    if found and request.node.get_closest_marker("superuser") is None:
        names = ", ".join(sorted(map(".".join, found.intersection(names_by_file()))))
        # Where that is the point: pytest.mark.superuser("why").
        assert not names, f"row-level security did not hold who executed {names}"


def names_by_file() -> list[tuple[str, str]]:
    """All queries: ("users", "create"), …"""
    from authority_queries.engine._sync.query_file import (  # noqa: PLC0415 -- see above
        QueryFile,
    )
    from authority_queries.resources import QUERIES  # noqa: PLC0415 -- see above

    return [
        (path.stem, name)
        for path in sorted(QUERIES.glob("*.sql"))
        for name in QueryFile(path).queries.available_queries
        if not name.endswith("_cursor")
    ]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: "WorkerController") -> None:
    found = handed_over(node, "queries", list[list[str]]())
    _executed.queries.update((file, name) for file, name in found)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if is_worker(session.config):
        hand_over(session.config, "queries", sorted(map(list, _executed.queries)))
        return
    chosen = session.config.args_source is pytest.Config.ArgsSource.ARGS
    if chosen or session.config.getoption("keyword") or session.testsfailed:
        return
    missed = [
        f"{file}.{name}"
        for file, name in names_by_file()
        if (file, name) not in _executed.queries
    ]
    if missed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        assert reporter is not None
        reporter.write_line(
            f"\nno test executed, held by row-level security: {', '.join(missed)}",
            red=True,
        )
