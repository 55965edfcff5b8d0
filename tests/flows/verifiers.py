"""Verifiers with a cache in both forms, with one interface for threads."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from threading import Thread
from time import monotonic, sleep
from typing import Any, Protocol, TypeVar

from authority_queries import (
    AsyncAuthority,
    AsyncVerifier,
    Authority,
    Settings,
    Verifier,
    VerifierStatistics,
)
from authority_queries.records import VerifiedToken

Result = TypeVar("Result")
PATIENCE = 30  # seconds until a test fails


class Opened(Protocol):
    """A verifier as a test sees it: it blocks, and many threads may call it."""

    @property
    def subject(self) -> Verifier | AsyncVerifier: ...

    def verify(self, token: str, **options: Any) -> VerifiedToken | None: ...
    def close(self) -> None: ...


class _Sync:
    def __init__(self, verifier: Verifier) -> None:
        self.subject = verifier

    def verify(self, token: str, **options: Any) -> VerifiedToken | None:
        return self.subject.verify_token(token, **options)

    def close(self) -> None:
        self.subject.close()


class AsyncOpened:
    def __init__(self, verifier: AsyncVerifier, loop: "Loop") -> None:
        self.subject = verifier
        self.run = loop.run

    def verify(self, token: str, **options: Any) -> VerifiedToken | None:
        return self.run(self.subject.verify_token(token, **options))

    def close(self) -> None:
        self.run(self.subject.close())


class Loop:
    """An event loop that goes on in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = Thread(target=self.loop.run_forever)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(PATIENCE)

    @classmethod
    @contextmanager
    def running(cls) -> "Iterator[Loop]":
        self = cls()
        self._thread.start()
        try:
            yield self
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            self.loop.close()


@contextmanager
def opened_sync(settings: Settings, **options: Any) -> Iterator[Opened]:
    with (
        Authority.open(settings) as authority,
        authority.verifier(**options) as verifier,
    ):
        yield _Sync(verifier)


@contextmanager
def opened_async(settings: Settings, **options: Any) -> Iterator[Opened]:
    with Loop.running() as loop:
        opened = AsyncAuthority.open(settings)
        authority = loop.run(opened.__aenter__())
        try:
            verifier = authority.verifier(**options)
            yield AsyncOpened(verifier, loop)
            loop.run(verifier.close())
        finally:
            loop.run(opened.__aexit__(None, None, None))


FORMS: dict[str, Callable[..., AbstractContextManager[Opened]]] = {
    "sync": opened_sync,
    "async": opened_async,
}


def until(condition: Callable[[], object], what: str) -> float:
    """Wait for the condition. Return the seconds that it took."""
    began = monotonic()
    while not condition():
        assert monotonic() < began + PATIENCE, f"not in time: {what}"
        sleep(0.002)
    return monotonic() - began


def statistics(verifier: Opened) -> VerifierStatistics:
    return verifier.subject.statistics


def warm(verifier: Opened, *tokens: str, **options: Any) -> None:
    """Verify until each token is answered from memory."""

    def is_hit(token: str) -> bool:
        before = statistics(verifier).hits
        assert verifier.verify(token, **options) is not None
        return statistics(verifier).hits > before

    for token in tokens:
        until(partial(is_hit, token), "an answer from memory")
