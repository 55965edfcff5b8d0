"""Followers of a revocation feed, in both forms, and the server's view of them."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import aclosing, closing, contextmanager
from queue import SimpleQueue
from time import monotonic
from typing import Any, TypeAlias
from uuid import UUID

import psycopg

from authority_queries import AsyncAuthority, Authority, Settings, Store
from authority_queries.records import Revocation
from tests.stores import Logins, routed_store

Dba: TypeAlias = "psycopg.Connection[Any]"
# Receives each entry, and returns whether to go on.
Seen: TypeAlias = Callable[[Revocation], bool]
Follow: TypeAlias = Callable[..., None]
END = "end"
PATIENCE = 30  # seconds until a test fails

_LISTENERS = """
select pid from pg_stat_activity
where
    datname = current_database()
    and state = 'idle'
    and query like '%/* revocations.listen */%'
"""


def follow(settings: Settings, tenant_id: UUID, seen: Seen, **options: Any) -> None:
    """Follow until the callback returns False."""
    with (
        Authority.open(settings) as authority,
        closing(authority.follow_revocations(tenant_id, **options)) as entries,
    ):
        for entry in entries:
            if not seen(entry):
                return


async def _follow_async(
    settings: Settings, tenant_id: UUID, seen: Seen, **options: Any
) -> None:
    async with (
        AsyncAuthority.open(settings) as authority,
        aclosing(authority.follow_revocations(tenant_id, **options)) as entries,
    ):
        async for entry in entries:
            if not seen(entry):
                return


def follow_async(settings: Settings, tenant_id: UUID, seen: Seen, **more: Any) -> None:
    """Do the same in the asynchronous form."""
    asyncio.run(_follow_async(settings, tenant_id, seen, **more))


FORMS: dict[str, Follow] = {"sync": follow, "async": follow_async}


def publish(store: Store, tenant_id: UUID, target: str = "jti") -> Revocation:
    return store.revocations.publish(
        tenant_id=tenant_id, category="key", target=target, reason="test"
    )


class Feed:
    """A tenant's feed as a test reads it, with the server's view of its followers."""

    def __init__(self, logins: Logins, tenant_id: UUID) -> None:
        self._logins = logins
        self.tenant_id = tenant_id

    def publish(self, *targets: str) -> None:
        with routed_store(self._logins) as store:
            for target in targets:
                publish(store, self.tenant_id, target)

    def listeners(self) -> list[int]:
        """Return the server processes that listen, and wait."""
        with psycopg.connect(self._logins.dba) as dba:
            return [pid for (pid,) in dba.execute(_LISTENERS)]

    def kill_listeners(self) -> int:
        """Terminate the listeners' connections, and return how many."""
        pids = self.listeners()
        with psycopg.connect(self._logins.dba) as dba:
            for pid in pids:
                dba.execute("select pg_terminate_backend(%s, 5000)", (pid,))
        return len(pids)

    def wait_for_listeners(self, count: int) -> None:
        deadline = monotonic() + PATIENCE
        while len(self.listeners()) != count:
            assert monotonic() < deadline, f"not {count} listeners"

    @contextmanager
    def followed(
        self, follow: Follow, settings: Settings, **options: Any
    ) -> Iterator["SimpleQueue[str]"]:
        """Follow in a thread; yield the queue of the targets that it reads."""
        queue: SimpleQueue[str] = SimpleQueue()

        def seen(entry: Revocation) -> bool:
            queue.put(entry.target)
            return entry.target != END

        with ThreadPoolExecutor(1) as threads:
            done = threads.submit(follow, settings, self.tenant_id, seen, **options)
            try:
                yield queue
            finally:
                self.publish(END)
                if not wait([done], timeout=PATIENCE).done:
                    # The follower reads again, so the test fails and does not hang.
                    self.kill_listeners()
            done.result()
