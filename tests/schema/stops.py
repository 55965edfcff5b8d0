"""Stops a migration after each of its statements, and runs it again from there.

A transaction that ends early leaves nothing. So the state after some statements is kept
when a migration is not transactional, or when somebody runs its file with psql.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from yoyo.migrations import read_sql_migration

from authority_queries.service.catalogue import Catalogue, compare, read_catalogue


@dataclass(frozen=True)
class Script:
    """A migration."""

    name: str
    statements: Sequence[str]
    rollback: Sequence[str]
    is_transactional: bool

    @classmethod
    def read(cls, path: Path) -> Self:
        directives, _, statements = read_sql_migration(str(path))
        _, _, rollback = read_sql_migration(str(path.with_suffix(".rollback.sql")))
        transactional = directives.get("transactional", "true")
        return cls(path.stem, statements, rollback, transactional == "true")


class Stopper:
    """Applies migrations one after the other, and stops each."""

    def __init__(self, connection: psycopg.Connection[Any], *, compare: bool) -> None:
        """Compare catalogues after each stop, or after one in the middle of each."""
        self._connection = connection
        self._compares_all = compare
        self.stops = 0
        self.faults: list[str] = []

    def apply(self, script: Script) -> None:
        """Apply a migration twice, and once more after each of its statements."""
        if script.is_transactional:
            with self._connection.transaction():
                self._stop_in_transaction(script)
        else:
            self._stop_outside(script)

    def _stop_in_transaction(self, script: Script) -> None:
        """A savepoint after each statement is where the next run begins."""
        clean = self._clean(script)
        self._begin_session()
        for number, statement in enumerate(script.statements, start=1):
            self._connection.execute(statement.encode())
            is_last = number == len(script.statements)
            with self._connection.transaction(force_rollback=not is_last):
                self._run_again(script, number, clean)

    def _stop_outside(self, script: Script) -> None:
        """Its statements commit, so its rollback leads back to the state before."""
        self._execute_all(script.statements)
        clean = self._catalogue()
        for number in range(1, len(script.statements) + 1):
            self._execute_all(script.rollback)
            self._execute_all(script.statements[:number])
            self._run_again(script, number, clean)

    def _clean(self, script: Script) -> Catalogue:
        """Return the catalogue that a run without a stop leaves."""
        with self._connection.transaction(force_rollback=True):
            self._run(script)
            return self._catalogue()

    def _run_again(self, script: Script, number: int, clean: Catalogue) -> None:
        self.stops += 1
        where = f"{script.name}, stopped after statement {number}"
        try:
            self._run(script)
        except psycopg.Error as error:
            self.faults.append(f"{where}: {error.diag.message_primary}")
            return
        if self._compares_all or number == (len(script.statements) + 1) // 2:
            self.faults += [
                f"{where}: {difference.object} differs"
                for difference in compare(clean, self._catalogue())
            ]

    def _run(self, script: Script) -> None:
        """Run the whole migration, in one trip if it is one transaction."""
        if not script.is_transactional:
            self._execute_all(script.statements)
            return
        with self._connection.transaction():
            self._execute_all(["\n".join(script.statements)])

    def _execute_all(self, statements: Sequence[str]) -> None:
        self._begin_session()
        for statement in statements:
            self._connection.execute(statement.encode())

    def _begin_session(self) -> None:
        """Set what a new session of yoyo has."""
        self._connection.execute("reset all; reset role")
        self._connection.execute("set search_path = authority_yoyo")

    def _catalogue(self) -> Catalogue:
        self._begin_session()
        self._connection.execute("set search_path = pg_catalog; set timezone = 'UTC'")
        return read_catalogue(self._connection)
