"""The revocation feed: its publishers, its followers, and what both must agree on."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime
from threading import Lock
from time import monotonic, sleep
from uuid import UUID, uuid4

from authority_queries import AsyncAuthority, Authority
from authority_queries.records import Revocation
from tests.factories import HOUR
from tests.soak.errors import described, is_loss
from tests.soak.ledger import Ledger
from tests.soak.tenants import Home
from tests.soak.token_work import Desk

END = "end"
DAY = 24 * HOUR
FORMS = ("sync", "async")
FOLLOWED = 2  # tenants


class Feed:
    """The ledger's record of one tenant's feed."""

    def __init__(self, ledger: Ledger, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.published: dict[int, str] = {}
        self.lock = Lock()
        self._ledger = ledger

    def acknowledge(self, entry: Revocation) -> None:
        with self.lock:
            rule = "two entries have one number"
            is_new = entry.sequence not in self.published
            self._ledger.expect(is_new, rule, str(entry.sequence))
            self.published[entry.sequence] = entry.target

    def audit(self, followers: Sequence["Follower"]) -> None:
        """Assert that every follower has read each acknowledged entry unchanged."""
        for follower in followers:
            if follower.tenant_id != self.tenant_id:
                continue
            for sequence, target in self.published.items():
                seen = follower.seen.get(sequence)
                rule = "a follower misses an entry" if seen is None else "another entry"
                detail = f"{follower.form}, number {sequence}"
                self._ledger.expect(seen == target, rule, detail)
            twice = len(follower.seen) - len({*follower.seen.values()})
            self._ledger.expect(not twice, "an entry is seen twice", follower.form)


class Follower:
    """Follows in one form, and begins again at its position every now and then."""

    def __init__(self, ledger: Ledger, feed: Feed, form: str) -> None:
        self.form = form
        self.seen: dict[int, str] = {}
        self.starts = 0
        self.has_ended = False
        self._position = 0
        self._ledger = ledger
        self.tenant_id = feed.tenant_id

    def run(self, authority: Authority) -> None:
        while not self.has_ended:
            self.starts += 1
            try:
                entries = authority.follow_revocations(
                    self.tenant_id, after=self._position
                )
                with closing(entries):
                    for entry in entries:
                        if not self._see(entry):
                            break
            except Exception as error:
                self._judge(error)
                sleep(0.2)

    async def run_async(self, authority: AsyncAuthority) -> None:
        while not self.has_ended:
            self.starts += 1
            try:
                entries = authority.follow_revocations(
                    self.tenant_id, after=self._position
                )
                async with aclosing(entries):
                    async for entry in entries:
                        if not self._see(entry):
                            break
            except Exception as error:
                self._judge(error)
                await asyncio.sleep(0.2)

    def _see(self, entry: Revocation) -> bool:
        """Enter one entry; return whether to go on."""
        follows = entry.sequence == self._position + 1
        rule = "a follower's entries are not in order"
        detail = f"{self.form}: {entry.sequence} after {self._position}"
        self._ledger.expect(follows, rule, detail)
        self._position = entry.sequence
        self.seen[entry.sequence] = entry.target
        self._ledger.count("entries followed")
        self.has_ended = entry.target == END
        return not self.has_ended and entry.sequence % 7 > 0

    def _judge(self, error: Exception) -> None:
        now = monotonic()
        if not (is_loss(error) and self._ledger.weather.met(now - 1, now)):
            self._ledger.violate("a follower fails", f"{self.form}: {described(error)}")


class Feeds:
    """The feeds of a process, by tenant."""

    def __init__(self, ledger: Ledger, homes: list[Home]) -> None:
        self.homes = homes
        self.by_tenant = {
            home.tenant_id: Feed(ledger, home.tenant_id) for home in homes
        }
        followed = [*self.by_tenant.values()][:FOLLOWED]
        self.followers = [
            Follower(ledger, feed, form) for feed in followed for form in FORMS
        ]

    async def publish(self, desk: Desk, target: str = "") -> None:
        """Publish, in a unit or alone, with a hint or without."""
        for home in desk.homes if target else [desk.home()]:
            await self._publish(desk, home, target or str(uuid4()))

    async def _publish(self, desk: Desk, home: Home, target: str) -> None:
        with desk.ledger.call("revocations.publish") as call:
            async with desk.door.unit(home.tenant_id) as store:
                entry = await store.revocations.publish(
                    tenant_id=home.tenant_id,
                    category="token",
                    target=target,
                    reason="soak",
                    expires_at=datetime.now(UTC) + DAY,
                    hint=desk.chance.random() < 0.7,
                )
        if call.is_acknowledged:
            self.by_tenant[home.tenant_id].acknowledge(entry)
