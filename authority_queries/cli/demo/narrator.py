"""Prints each step as a table of actions, results and executed SQL."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tabulate import tabulate

_SQL_LOGGER = logging.getLogger("authority_queries.sql")
# Every unit begins with these statements, which the demo names once.
_OPENING = (" begin", " enter")


class _Statements(logging.Handler):
    """Collects the places of executed queries in the SQL files."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.places: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.getMessage().endswith(_OPENING):
            self.places.append(record.getMessage())

    def take(self) -> str:
        """Return the places since the last call, each once, one per line."""
        places, self.places = dict.fromkeys(self.places), []
        return "\n".join(places)


class Step:
    """The rows of one step's table."""

    def __init__(self, statements: _Statements) -> None:
        self._statements = statements
        self.rows: list[tuple[str, str, str]] = []

    def row(self, action: str, result: str, *, sql: str | None = None) -> None:
        """Add a row, with the SQL executed since the last row."""
        self.rows.append((action, result, sql or self._statements.take()))


class Narrator:
    """Numbers the steps and prints their tables."""

    def __init__(self) -> None:
        self._number = 0
        # One handler for all steps: logging loses a signal while it removes a handler.
        self._statements = _Statements()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Collect the rows of a step and print them at its end."""
        self._number += 1
        print(f"{self._number}. {title}", flush=True)
        self._statements.take()
        level = _SQL_LOGGER.level
        _SQL_LOGGER.addHandler(self._statements)
        _SQL_LOGGER.setLevel(logging.DEBUG)
        try:
            step = Step(self._statements)
            yield step
        finally:
            _SQL_LOGGER.removeHandler(self._statements)
            _SQL_LOGGER.setLevel(level)
        headers = ("what", "result", "SQL")
        print(tabulate(step.rows, headers=headers, tablefmt="grid"), end="\n\n")
