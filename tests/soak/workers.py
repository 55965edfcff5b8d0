"""The workers of this process: threads, tasks and followers, on two pools."""

import asyncio
from collections.abc import Callable
from itertools import count
from random import Random
from threading import Event, Thread
from typing import Any

from authority_queries import AsyncAuthority, Authority
from tests.soak.cancellations import cancel_some
from tests.soak.feed import END, Feeds
from tests.soak.ledger import Ledger
from tests.soak.licence_work import audit_usage
from tests.soak.other_work import audit_users
from tests.soak.plan import Plan
from tests.soak.pools import count_usable, count_usable_async
from tests.soak.remembered_tokens import Lives
from tests.soak.store_forms import Door, Tasks, Threads, run_now
from tests.soak.tenants import Home
from tests.soak.token_work import Desk, verify_one
from tests.soak.work import Work, work

_CANCELLED_AT_ONCE = 16


class Crew:
    """Works until it is told to stop, and then checks everything.

    `cancelling` is set while tasks are to be cancelled at random moments.
    """

    def __init__(self, plan: Plan, ledger: Ledger, conninfo: str, feeds: Feeds) -> None:
        self.stop = Event()
        self.cancelling = Event()
        self.lives = Lives()
        self._plan = plan
        self._ledger = ledger
        self._feeds = feeds
        self._settings = plan.settings(conninfo)
        self._tasks_rest = Event()
        self._more: dict[Work, int] = {feeds.publish: 40}
        self._numbers = count(plan.seed * 1000)

    def run(self, meanwhile: Callable[[Authority], None]) -> None:
        """Work while `meanwhile` is running."""
        looping = self._begin(lambda: asyncio.run(self._run_tasks()))
        with Authority.open(self._settings) as authority:
            door = Threads(authority)
            workers = [
                self._begin(lambda: run_now(self._work(door)))
                for _ in range(self._plan.threads)
            ]
            followers = [
                self._begin(follower.run, authority)
                for follower in self._feeds.followers
                if follower.form == door.form
            ]
            try:
                meanwhile(authority)
            finally:
                self.stop.set()
            self._join("a worker", workers)
            self._tasks_rest.wait(timeout=self._longest)
            run_now(self._close(self._desk(door)))
            self._join("a follower", followers)
            usable = count_usable(authority, self.home.tenant_id)
            self._judge_pool(door.form, usable)
        self._join("the loop of the tasks", [looping])

    @property
    def home(self) -> Home:
        """Return one of the tenants that it works for."""
        return self._feeds.homes[0]

    def do(self, authority: Authority, work: Work) -> None:
        """Do one piece of work, in the caller's thread."""
        run_now(work(self._desk(Threads(authority))))

    @property
    def _longest(self) -> float:
        return 6 * self._plan.patience

    def _desk(self, door: Door) -> Desk:
        chance = Random(next(self._numbers))
        return Desk(door, self._ledger, self.lives, self._feeds.homes, chance)

    async def _work(self, door: Door) -> None:
        await work(self._desk(door), self._plan.pace, self.stop, self._more)

    async def _run_tasks(self) -> None:
        async with AsyncAuthority.open(self._settings) as authority:
            door = Tasks(authority)
            followers = [
                asyncio.ensure_future(follower.run_async(authority))
                for follower in self._feeds.followers
                if follower.form == door.form
            ]
            workers = [self._work(door) for _ in range(self._plan.tasks)]
            stormy = [self._storm(door) for _ in range(_CANCELLED_AT_ONCE)]
            await asyncio.gather(*workers, *stormy)
            self._tasks_rest.set()
            _, late = await asyncio.wait(followers, timeout=self._longest)
            rule = "a follower does not see the end of its feed"
            self._ledger.expect(not late, rule, f"{len(late)} of {len(followers)}")
            for follower in late:
                follower.cancel()
            usable = await count_usable_async(authority, self.home.tenant_id)
            self._judge_pool(door.form, usable)

    async def _storm(self, door: Door) -> None:
        desk = self._desk(door)
        while not self.stop.is_set():
            if self.cancelling.is_set():
                await cancel_some(desk, self._ledger)
            else:
                await asyncio.sleep(0.1)

    async def _close(self, desk: Desk) -> None:
        """Publish the end of each feed, and check everything once more."""
        await self._feeds.publish(desk, END)
        for life in self.lives.all():
            await verify_one(desk, life)
        await audit_usage(desk)
        await audit_users(desk)

    def _judge_pool(self, form: str, usable: int) -> None:
        lost = self._plan.pool_size - usable
        self._ledger.count(f"connections lost, {form}", by=lost)
        self._ledger.expect(not lost, "connections are lost", f"{form}: {lost}")

    def _begin(self, run: Callable[..., object], *arguments: Any) -> Thread:
        def guarded() -> None:
            try:
                run(*arguments)
            except BaseException as error:
                self._ledger.violate("a worker ends", repr(error))
                raise

        thread = Thread(target=guarded, daemon=True)
        thread.start()
        return thread

    def _join(self, who: str, threads: list[Thread]) -> None:
        for thread in threads:
            thread.join(timeout=self._longest)
            self._ledger.expect(not thread.is_alive(), "work does not end", f"{who}")
