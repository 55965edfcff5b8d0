"""A plugin: a whole run of the tests executes every query, or it fails.

It is loaded before coverage starts, so it imports the package only when it is asked.
"""

import logging
import re

import pytest

_PLACE = re.compile(r"queries/(\w+)\.sql:\d+ (\w+)")


class _Executed(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.messages: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.add(record.getMessage())


_executed = _Executed()


def pytest_configure() -> None:
    logger = logging.getLogger("authority_queries.sql")
    logger.addHandler(_executed)
    logger.setLevel(logging.DEBUG)


def names_by_file() -> list[tuple[str, str]]:
    """All queries: ("users", "create"), …"""
    from authority_queries._resources import QUERIES  # noqa: PLC0415 -- see above
    from authority_queries._sync.query_file import (  # noqa: PLC0415 -- see above
        QueryFile,
    )

    return [
        (path.stem, name)
        for path in sorted(QUERIES.glob("*.sql"))
        for name in QueryFile(path).queries.available_queries
        if not name.endswith("_cursor")
    ]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    chosen = session.config.args_source is pytest.Config.ArgsSource.ARGS
    if chosen or session.config.getoption("keyword") or session.testsfailed:
        return
    # Tests of the run time announce other files, with all sorts of names.
    places = (_PLACE.fullmatch(message) for message in _executed.messages)
    executed = {(place[1], place[2]) for place in places if place}
    missed = [
        f"{file}.{name}"
        for file, name in names_by_file()
        if (file, name) not in executed
    ]
    if missed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        assert reporter is not None
        reporter.write_line(f"\nno test executed: {', '.join(missed)}", red=True)
