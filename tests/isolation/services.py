"""A service in both forms, so that each test of units of work runs on the two."""

import asyncio
from collections.abc import Iterator
from inspect import isawaitable
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import psycopg
import pytest

from authority_queries import AsyncAuthority, AsyncStore, Authority, Settings, Store
from authority_queries.engine.runtime import AsyncQueryFile, QueryFile
from authority_queries.service.migrations import yoyo_url

# The ways to open a unit of work.
MODES = pytest.mark.parametrize(
    "mode", [{}, {"autocommit": True}], ids=["transaction", "autocommit"]
)


def settings_for(conninfo: str, **changes: Any) -> Settings:
    """Return settings with one connection, so that the next user gets the same one."""
    defaults = {"pool_max_size": 1, "pool_timeout": 5.0}
    return Settings(database_url=yoyo_url(conninfo), **{**defaults, **changes})


class SyncService:
    """Makes the objects that a service uses: the blocking form."""

    def open(self, settings: Settings) -> Any:
        return Authority.open(settings)

    def connect(self, conninfo: str, *, autocommit: bool = True) -> Any:
        return psycopg.connect(conninfo, autocommit=autocommit)

    def store(self, connection: Any) -> Any:
        return Store(connection)

    def unit(self, connection: Any, tenant_id: UUID, **options: Any) -> Any:
        return Store.unit(connection, tenant_id, **options)

    def load(self, path: Path) -> Any:
        return QueryFile(path)


class AsyncService(SyncService):
    """The asynchronous form; each call runs to its end."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def open(self, settings: Settings) -> Any:
        return Blocking(AsyncAuthority.open(settings), self._runner)

    def connect(self, conninfo: str, *, autocommit: bool = True) -> Any:
        connect = Blocking(psycopg.AsyncConnection.connect, self._runner)
        return connect(conninfo, autocommit=autocommit)

    def store(self, connection: Any) -> Any:
        return Blocking(AsyncStore, self._runner)(connection)

    def unit(self, connection: Any, tenant_id: UUID, **options: Any) -> Any:
        return Blocking(AsyncStore.unit, self._runner)(connection, tenant_id, **options)

    def load(self, path: Path) -> Any:
        return Blocking(AsyncQueryFile(path), self._runner)


class Blocking:
    """An asynchronous object with a blocking interface."""

    def __init__(self, subject: Any, runner: asyncio.Runner) -> None:
        self._subject = subject
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return self._blocking(getattr(self._subject, name))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        given = [
            argument._subject if isinstance(argument, Blocking) else argument
            for argument in arguments
        ]
        return self._blocking(self._subject(*given, **named))

    def __enter__(self) -> Any:
        entered = self._blocking(self._subject.__aenter__())
        return self if entered is self._subject else entered

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        return self._blocking(self._subject.__aexit__(kind, error, traceback))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return self._blocking(self._subject.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def _blocking(self, value: Any) -> Any:
        if isawaitable(value):
            value = self._runner.run(_awaited(value))
        asynchronous = "Async" in type(value).__name__ or hasattr(value, "__anext__")
        if callable(value) or asynchronous:
            return Blocking(value, self._runner)
        return value


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def running(form: str) -> Iterator[SyncService]:
    """Yield the service in the form sync or async."""
    if form == "sync":
        yield SyncService()
        return
    with asyncio.Runner() as runner:
        yield AsyncService(runner)
