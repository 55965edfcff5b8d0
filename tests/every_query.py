"""A plugin: a full run fails if a query was not executed under row-level security.

A query that only a superuser has executed counts as not executed, and a test in which a
superuser executes a query fails. PostgreSQL reports each change of `is_superuser` to
the client, also by `set role`, so the plugin sends nothing.

With workers, each worker reports its queries at its end, and the main process checks
all of them.

Coverage starts after this plugin is loaded, so the plugin imports the package late.
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
# The query of `authority doctor`, which any role may execute.
_FOR_ANYBODY = {("server", "describe")}


class _Executed(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.queries: set[tuple[str, str]] = set()
        self.as_superuser: set[tuple[str, str]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        # Tests of the engine log other files, with any names.
        if place := _PLACE.fullmatch(record.getMessage()):
            superuser = _connection().info.parameter_status("is_superuser") == "on"
            found = self.as_superuser if superuser else self.queries
            found.add((place[1], place[2]))


def _connection() -> "psycopg.Connection[object] | psycopg.AsyncConnection[object]":
    """Return the connection of the query that is being logged.

    The log record does not have it, so this searches the frames of the callers.
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
        # A test that needs a superuser has pytest.mark.superuser("why").
        assert not names, f"a superuser executed {names}"


def names_by_file() -> list[tuple[str, str]]:
    """Return all queries: ("users", "create"), …"""
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
            f"\nno test executed under row-level security: {', '.join(missed)}",
            red=True,
        )
