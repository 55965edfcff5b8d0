"""Services' use of licences: seats and uses, counted twice."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from authority_queries.errors import LimitReachedError
from tests.soak.tenants import LIMIT, SEATS, Home
from tests.soak.token_lives import LATE
from tests.soak.token_work import Desk

LEASE = timedelta(days=1)
HOLDERS = SEATS + 2


@dataclass(eq=False)
class Holder:
    """A holder, who `has` a seat or `may_have` one while an answer is outstanding."""

    name: str
    has: bool = False
    may_have: bool = False
    number: int = 0
    is_busy: bool = False
    ghosts_until: float = 0.0

    def may_take(self, now: float) -> bool:
        return self.may_have or now < self.ghosts_until


@dataclass(eq=False)
class Counted:
    """The ledger's record of the licences of one tenant."""

    holders: list[Holder] = field(
        default_factory=lambda: [Holder(f"holder-{n}") for n in range(HOLDERS)]
    )
    recorded: Counter[UUID] = field(default_factory=Counter)
    unknown: Counter[UUID] = field(default_factory=Counter)
    # The number of changes of the holders' state: a refusal is judged only when none
    # occurred meanwhile.
    changes: int = 0


COUNTED: dict[UUID, Counted] = {}


def counted(home: Home) -> Counted:
    return COUNTED.setdefault(home.tenant_id, Counted())


def _take(desk: Desk, mine: Counted) -> Holder | None:
    with desk.ledger.lock:
        free = [holder for holder in mine.holders if not holder.is_busy]
        if not free:
            return None
        holder = desk.chance.choice(free)
        holder.is_busy = True
        return holder


async def use_seat(desk: Desk) -> None:
    """Check a seat out or in: no more holders than seats, no needless refusal."""
    home = desk.home()
    mine = counted(home)
    holder = _take(desk, mine)
    if holder is None:
        return
    key = {"tenant_id": home.tenant_id, "license_id": home.license.id}
    try:
        if holder.may_have:
            await _check_in(desk, holder, {**key, "holder": holder.name})
        else:
            await _check_out(desk, mine, holder, {**key, "holder": holder.name})
    finally:
        holder.is_busy = False


async def _check_out(
    desk: Desk, mine: Counted, holder: Holder, key: dict[str, Any]
) -> None:
    now = monotonic()
    with desk.ledger.lock:
        taken = sum(each.may_take(now) for each in mine.holders)
        # A lost call may still be executed later.
        holder.may_have, holder.ghosts_until = True, now + LATE
        mine.changes += 1
        before = mine.changes
    with desk.ledger.call("license_seats.check_out", LimitReachedError) as call:
        async with desk.door.unit(key["tenant_id"]) as store:
            seat = await store.license_seats.check_out(**key, lease=LEASE)
    if call.is_unknown:
        return
    with desk.ledger.lock:
        holder.ghosts_until = 0.0
        if call.is_acknowledged:
            holder.has, holder.number = True, seat.seat_number
            numbers = [each.number for each in mine.holders if each.has]
            fits = len(numbers) <= SEATS and len({*numbers}) == len(numbers)
            desk.ledger.expect(fits, "more holders than seats", f"seats {numbers}")
        else:
            holder.may_have = False
            is_judged = call.error is LimitReachedError and mine.changes == before
            holds = taken >= SEATS or not is_judged
            desk.ledger.expect(holds, "a free seat is refused", f"{taken} taken")
            mine.changes += 1


async def _check_in(desk: Desk, holder: Holder, key: dict[str, Any]) -> None:
    with desk.ledger.lock:
        had, holder.has = holder.has, False
    with desk.ledger.call("license_seats.check_in") as call:
        async with desk.door.unit(key["tenant_id"]) as store:
            gave = await store.license_seats.check_in(**key)
        if not gave:
            call.refuse()
    with desk.ledger.lock:
        if call.is_unknown:
            return
        desk.ledger.expect(
            call.is_acknowledged or not had or call.error, "a seat is gone", holder.name
        )
        holder.may_have = bool(call.error)
        counted_of = COUNTED[key["tenant_id"]]
        counted_of.changes += 1


async def record_usage(desk: Desk) -> None:
    """A use counts once under its key, however often it is reported."""
    home = desk.home()
    license_ = desk.chance.choice([home.license, home.limited])
    mine, quantity, key = counted(home), desk.chance.randint(1, 5), str(uuid4())
    with desk.ledger.lock:
        mine.unknown[license_.id] += quantity
    outcomes: list[str] = []
    for _ in range(desk.chance.choice([1, 1, 2, 3])):
        with desk.ledger.call("license_usage.record", LimitReachedError) as call:
            async with desk.door.unit(home.tenant_id) as store:
                receipt = await store.license_usage.record(
                    tenant_id=home.tenant_id,
                    license_id=license_.id,
                    metric="calls",
                    quantity=quantity,
                    idempotency_key=key,
                )
        outcomes.append(call.outcome)
        if call.is_acknowledged:
            _judge_receipt(desk, receipt, quantity, outcomes)
    with desk.ledger.lock:
        if "acknowledged" in outcomes:
            mine.recorded[license_.id] += quantity
        if "acknowledged" in outcomes or "unknown" not in outcomes:
            mine.unknown[license_.id] -= quantity


def _judge_receipt(
    desk: Desk, receipt: Any, quantity: int, outcomes: list[str]
) -> None:
    earlier = outcomes[:-1]
    is_new = "acknowledged" not in earlier
    desk.ledger.expect(
        not receipt.recorded or is_new, "a use counts twice", str(outcomes)
    )
    must_be_new = all(outcome == "refused" for outcome in earlier)
    desk.ledger.expect(
        receipt.recorded or not must_be_new, "a new use is not recorded", str(outcomes)
    )
    desk.ledger.expect(
        receipt.quantity == quantity, "another's receipt", f"{receipt.quantity}"
    )
    allowed = receipt.allowance is None or receipt.used <= LIMIT
    desk.ledger.expect(allowed, "a limit is exceeded", f"{receipt.used} of {LIMIT}")


async def audit_usage(desk: Desk) -> None:
    """A total is the acknowledged uses, and any part of the unknown ones."""
    for home in desk.homes:
        mine = counted(home)
        for license_ in (home.license, home.limited):
            with desk.ledger.call("license_usage.list_totals") as call:
                async with desk.door.unit(home.tenant_id) as store:
                    totals = (
                        await store.license_usage.list_totals(
                            tenant_id=home.tenant_id, license_id=license_.id
                        )
                    ).items
            if not call.is_acknowledged:
                continue
            used = sum(total.used for total in totals)
            least = mine.recorded[license_.id]
            most = least + mine.unknown[license_.id]
            desk.ledger.expect(
                least <= used <= most,
                "usage is not what was reported",
                f"{used}, acknowledged {least}, with unknown {most}",
            )
