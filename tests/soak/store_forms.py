"""The two forms of the store behind one interface: work is written once, as coroutines.

In threads a coroutine never waits, because each call of the blocking form is done when
it has returned: the coroutine runs to its end in one step.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from authority_queries import AsyncAuthority, Authority
from authority_queries.records import VerifiedToken

Result = TypeVar("Result")


class Door(Protocol):
    """A worker's access to the store."""

    form: str

    def unit(
        self, tenant_id: UUID, *, autocommit: bool = True
    ) -> AbstractAsyncContextManager[Any]: ...

    async def verify_token(
        self, token: str, **options: Any
    ) -> VerifiedToken | None: ...

    async def pause(self, seconds: float) -> None: ...


class _Done(Generic[Result]):
    """An awaitable whose result exists already."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def __await__(self) -> Generator[None, None, Result]:
        yield from ()
        return self._result


class _Repository:
    def __init__(self, repository: object) -> None:
        self._repository = repository

    def __getattr__(self, name: str) -> Callable[..., _Done[Any]]:
        method = getattr(self._repository, name)
        return lambda **arguments: _Done(method(**arguments))


class Store:
    """A blocking store whose calls can be awaited."""

    def __init__(self, store: object) -> None:
        self._store = store

    def __getattr__(self, name: str) -> _Repository:
        return _Repository(getattr(self._store, name))


class Threads:
    """The blocking form."""

    form = "sync"

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    @asynccontextmanager
    async def unit(
        self, tenant_id: UUID, *, autocommit: bool = True
    ) -> AsyncIterator[Any]:
        with self._authority.tenant(tenant_id, autocommit=autocommit) as store:
            yield Store(store)

    async def verify_token(self, token: str, **options: Any) -> VerifiedToken | None:
        return self._authority.verify_token(token, **options)

    async def pause(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 -- a thread's coroutine has no loop


class Tasks:
    """The asynchronous form."""

    form = "async"

    def __init__(self, authority: AsyncAuthority) -> None:
        self._authority = authority

    def unit(
        self, tenant_id: UUID, *, autocommit: bool = True
    ) -> AbstractAsyncContextManager[Any]:
        return self._authority.tenant(tenant_id, autocommit=autocommit)

    async def verify_token(self, token: str, **options: Any) -> VerifiedToken | None:
        return await self._authority.verify_token(token, **options)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_now(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    work.close()
    message = "the work of a thread waits for a loop"
    raise AssertionError(message)
