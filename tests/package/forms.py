"""One interface for both forms of a query file, so that each test runs with both."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from authority_queries.engine.runtime import AsyncQueryFile, QueryFile


class SyncForm:
    """Creates query files and connections of the synchronous form."""

    def load(
        self, path: Path, types: Mapping[str, type | str | None] | None = None
    ) -> "QueryFile | BlockingFile":
        return QueryFile(path, types=types)

    @contextmanager
    def connect(self, conninfo: str, *, autocommit: bool = True) -> Iterator[Any]:
        with psycopg.connect(conninfo, autocommit=autocommit) as connection:
            yield connection

    def execute(self, connection: Any, sql: str) -> Any:
        return connection.execute(sql)

    def rollback(self, connection: Any) -> None:
        connection.rollback()

    @contextmanager
    def block(self, manager: Any) -> Iterator[Any]:
        with manager as entered:
            yield entered


class AsyncForm(SyncForm):
    """Creates asynchronous ones, and runs each call to its end."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def load(
        self, path: Path, types: Mapping[str, type | str | None] | None = None
    ) -> "BlockingFile":
        return BlockingFile(AsyncQueryFile(path, types=types), self)

    @contextmanager
    def connect(self, conninfo: str, *, autocommit: bool = True) -> Iterator[Any]:
        connection = self.run(
            psycopg.AsyncConnection.connect(conninfo, autocommit=autocommit)
        )
        with self.block(connection):
            yield connection

    def execute(self, connection: Any, sql: str) -> Any:
        cursor = self.run(connection.execute(sql))
        return self.run(cursor.fetchall()) if cursor.description else None

    def rollback(self, connection: Any) -> None:
        self.run(connection.rollback())

    @contextmanager
    def block(self, manager: Any) -> Iterator[Any]:
        entered = self.run(manager.__aenter__())
        try:
            yield self._items(entered) if hasattr(entered, "__anext__") else entered
        except BaseException as error:
            self.run(manager.__aexit__(type(error), error, error.__traceback__))
            raise
        else:
            self.run(manager.__aexit__(None, None, None))

    def run(self, awaitable: Any) -> Any:
        async def awaited() -> Any:
            return await awaitable

        return self._runner.run(awaited())

    def _items(self, items: Any) -> Iterator[Any]:
        while True:
            try:
                yield self.run(items.__anext__())
            except StopAsyncIteration:
                return


class BlockingFile:
    """An asynchronous query file whose functions block."""

    def __init__(self, file: AsyncQueryFile, form: AsyncForm) -> None:
        self._file = file
        self._form = form
        self.queries = file.queries

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def made(name: str, *arguments: Any) -> Callable[..., Any]:
            function = getattr(self._file, kind)(name, *arguments)
            if kind == "stream":
                return function  # type: ignore[no-any-return] # its block is awaited
            return lambda *given, **named: self._form.run(function(*given, **named))

        return made


def write(folder: Path, text: str) -> Path:
    """Write `queries/tracks.sql`."""
    path = folder / "queries" / "tracks.sql"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def numbers(count: int) -> Iterable[dict[str, object]]:
    """Return the parameters of a batch as a generator."""
    return ({"id": number, "title": f"no. {number}"} for number in range(count))
