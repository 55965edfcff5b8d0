"""The place of a migration's failing statement in its file.

yoyo raises psycopg's error, which has an offset in a statement but not the statement.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import psycopg
from yoyo.migrations import read_sql_migration

_COMMENTS: Final = re.compile(r"(?:\s+|--[^\n]*\n)*")


class _Step(Protocol):
    id: int

    def apply(self, backend: object, force: bool = ...) -> None: ...  # noqa: FBT001 -- yoyo's signature
    def rollback(self, backend: object, force: bool = ...) -> None: ...  # noqa: FBT001 -- yoyo's signature


class Migration(Protocol):
    """The attributes of yoyo's migrations that are used here."""

    id: str
    path: str
    steps: Sequence[_Step]
    use_transactions: bool

    def load(self) -> None:
        """Read the file."""


class StepWatch:
    """Wraps a step of a migration, and remembers the error that it raised."""

    def __init__(self, step: _Step) -> None:
        self.id = step.id
        self.rollback = step.rollback
        self.error: psycopg.Error | None = None
        self._step = step

    def apply(self, backend: object, force: bool = False) -> None:  # noqa: FBT001, FBT002 -- yoyo's signature
        """Apply the step."""
        try:
            self._step.apply(backend, force)
        except psycopg.Error as error:
            self.error = error
            raise


def watch_steps(migration: Migration) -> Sequence[StepWatch]:
    """Wrap the steps of a migration that yoyo is about to apply."""
    migration.load()
    watches = [StepWatch(step) for step in migration.steps]
    migration.steps = watches
    return watches


def place_of(
    error: psycopg.Error, migration: Migration, watches: Sequence[StepWatch]
) -> str:
    """Return `schema/migrations/0007_x.sql:31`, without a line if it is unknown."""
    path = Path(migration.path).resolve()
    folder = Path.cwd()
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    failed = [number for number, watch in enumerate(watches) if watch.error is error]
    if not failed or path.suffix != ".sql":
        return shown.as_posix()
    return f"{shown.as_posix()}:{_line(path, failed[0], error)}"


def _line(path: Path, number: int, error: psycopg.Error) -> int:
    text = path.read_text(encoding="utf-8")
    start, statement = list(_statements(path, text))[number]
    position = error.diag.statement_position
    comments = _COMMENTS.match(statement)
    within = int(position) - 1 if position else comments.end() if comments else 0
    return text.count("\n", 0, start + within) + 1


def _statements(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Return the statements that yoyo executes, each with its offset in the text."""
    end = 0
    for statement in read_sql_migration(str(path))[2]:
        start = text.index(statement, end)
        yield start, statement
        end = start + len(statement)
