"""Races for the last unit of a licence and for its seats; the outcomes are counted."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import LimitReachedError
from authority_queries.records import License, LicenseSeat, UsageReceipt
from authority_queries.testing import Clock
from tests.factories import HOUR, make_license, make_tenant
from tests.flows.races import both_units, race
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
DAY = timedelta(days=1)


def new(store: Store, **fields: Any) -> License:
    return make_license(store, make_tenant(store).id, **fields)[1]


def use(store: Store, license_: License, key: str) -> UsageReceipt:
    return store.license_usage.record(
        tenant_id=license_.tenant_id,
        license_id=license_.id,
        metric="calls",
        quantity=1,
        idempotency_key=key,
    )


def use_up(store: Store, license_: License, units: int) -> None:
    for n in range(units):
        assert use(store, license_, f"before-{n}").recorded


def meter(license_: License, key: str) -> Callable[[Store], UsageReceipt | None]:
    def run(store: Store) -> UsageReceipt | None:
        try:
            return use(store, license_, key)
        except LimitReachedError:
            return None

    return run


def hold(license_: License, holder: str) -> Callable[[Store], LicenseSeat | None]:
    def run(store: Store) -> LicenseSeat | None:
        try:
            return store.license_seats.check_out(
                tenant_id=license_.tenant_id, license_id=license_.id, holder=holder
            )
        except LimitReachedError:
            return None

    return run


def used(dba: Dba) -> list[tuple[int, int]]:
    """Return the ledger's sum beside the stored total."""
    return dba.execute(
        "select (select sum(quantity)::bigint from authority.license_usage), used "
        "from authority.license_usage_totals"
    ).fetchall()


def holders(dba: Dba, license_: License) -> list[str]:
    rows = dba.execute(
        "select holder from authority.license_seats where license_id = %s "
        "and leased_until > authority.clock()",
        [license_.id],
    ).fetchall()
    return [holder for (holder,) in rows]


def wait_for_a_waiter(dba: Dba, waiting: "Future[Any]") -> None:
    while not dba.execute("select from pg_locks where not granted").fetchall():
        assert not waiting.done()


def test_one_of_16_meterers_records_the_last_unit(
    store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    license_ = new(store, limits={"calls": 10})
    use_up(store, license_, 9)
    meterers = [meter(license_, f"key-{n}") for n in range(16)]
    receipts = race(logins, license_.tenant_id, meterers)
    recorded = Counter(r and r.recorded for r in receipts)
    figures.append(f"16 meterers at the last unit: {recorded[True]} recorded")
    assert recorded == {True: 1, None: 15}
    assert used(dba) == [(10, 10)]


@both_units
def test_16_reports_under_one_key_record_the_last_unit_once(
    store: Store, dba: Dba, logins: Logins, *, autocommit: bool
) -> None:
    license_ = new(store, limits={"calls": 10})
    use_up(store, license_, 9)
    meterers = [meter(license_, "key")] * 16
    receipts = race(logins, license_.tenant_id, meterers, autocommit=autocommit)
    outcomes = Counter(r and (r.recorded, r.quantity, r.used) for r in receipts)
    assert outcomes == {(True, 1, 10): 1, (False, 1, 10): 15}
    assert used(dba) == [(10, 10)]


def test_all_16_meterers_beyond_a_limit_that_allows_it_are_recorded(
    store: Store, dba: Dba, logins: Logins
) -> None:
    license_ = new(store, limits={"calls": 10}, overage_policy="allow")
    use_up(store, license_, 9)
    meterers = [meter(license_, f"key-{n}") for n in range(16)]
    receipts = race(logins, license_.tenant_id, meterers)
    counted = sorted((r.used, r.overage) for r in receipts if r and r.recorded)
    assert counted == [(10 + excess, excess) for excess in range(16)]
    assert used(dba) == [(25, 25)]
    (total,) = store.license_usage.list_totals(
        tenant_id=license_.tenant_id, license_id=license_.id
    ).items
    assert (total.used, total.allowance, total.overage) == (25, 10, 15)


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_report_that_waits_for_its_key_returns_the_recorded_use(
    store: Store, dba: Dba, logins: Logins, ends: str
) -> None:
    license_ = new(store, limits={"calls": 1})
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(logins.app_for(license_.tenant_id)) as first,
    ):
        assert use(Store(first), license_, "key").recorded
        waiting = threads.submit(use, store, license_, "key")
        wait_for_a_waiter(dba, waiting)
        getattr(first, ends)()
        receipt = waiting.result(timeout=60)
    assert (receipt.recorded, receipt.used) == (ends == "rollback", 1)


def test_5_of_16_holders_get_the_5_seats(
    store: Store, dba: Dba, logins: Logins
) -> None:
    for _ in range(5):
        license_ = new(store, seats=5)
        runs = [hold(license_, f"holder-{n}") for n in range(16)]
        seats = race(logins, license_.tenant_id, runs)
        assert sorted(s.seat_number for s in seats if s) == [1, 2, 3, 4, 5]
        assert sorted(holders(dba, license_)) == sorted(s.holder for s in seats if s)
        assert hold(license_, "late")(store) is None


def test_an_ended_lease_is_taken_over_once(
    store: Store, dba: Dba, clock: Clock, logins: Logins
) -> None:
    for _ in range(5):
        license_ = new(store, seats=5)
        old = [hold(license_, f"old-{n}") for n in range(5)]
        assert all(run(store) for run in old)
        clock.advance(HOUR)
        runs = [*old, *(hold(license_, f"new-{n}") for n in range(11))]
        seats = race(logins, license_.tenant_id, runs)
        assert sorted(s.seat_number for s in seats if s) == [1, 2, 3, 4, 5]
        assert sorted(holders(dba, license_)) == sorted(s.holder for s in seats if s)


@both_units
def test_a_holder_that_asks_8_times_at_once_gets_one_seat(
    store: Store, dba: Dba, logins: Logins, *, autocommit: bool
) -> None:
    for _ in range(10):
        license_ = new(store, seats=8)
        runs = [hold(license_, "ann")] * 8
        seats = race(logins, license_.tenant_id, runs, autocommit=autocommit)
        assert Counter(s and s.seat_number for s in seats) == {1: 8}
        assert holders(dba, license_) == ["ann"]


def test_a_holder_that_waits_for_itself_gets_its_own_seat(
    store: Store, dba: Dba, logins: Logins
) -> None:
    license_ = new(store, seats=2)
    key: dict[str, Any] = {"tenant_id": license_.tenant_id, "license_id": license_.id}
    assert hold(license_, "bob")(store)
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(logins.app_for(license_.tenant_id)) as first,
    ):
        assert Store(first).license_seats.check_out(**key, holder="ann")
        # Now the first seat is free, and so is the second for a caller that does not
        # wait.
        assert store.license_seats.check_in(**key, holder="bob")
        waiting = threads.submit(hold(license_, "ann"), store)
        wait_for_a_waiter(dba, waiting)
        first.commit()
        seat = waiting.result(timeout=60)
    assert seat is not None
    assert (seat.seat_number, holders(dba, license_)) == (2, ["ann"])


def test_a_holder_whose_ended_lease_is_taken_over_gets_another_seat(
    store: Store, dba: Dba, clock: Clock, logins: Logins
) -> None:
    license_ = new(store, seats=2)
    assert hold(license_, "ann")(store)
    clock.advance(HOUR)
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(logins.app_for(license_.tenant_id)) as first,
    ):
        assert hold(license_, "bob")(Store(first))
        waiting = threads.submit(hold(license_, "ann"), store)
        wait_for_a_waiter(dba, waiting)
        first.commit()
        seat = waiting.result(timeout=60)
    assert seat is not None
    assert (seat.seat_number, sorted(holders(dba, license_))) == (2, ["ann", "bob"])


def test_8_pruners_beside_4_meterers_leave_the_totals_and_the_running_period(
    store: Store, clock: Clock, logins: Logins
) -> None:
    license_ = new(store, limits={"calls": None}, usage_period="day")
    yesterday = 200
    use_up(store, license_, yesterday)
    clock.advance(DAY)

    def prune(_: int) -> int:
        with psycopg.connect(logins.maintenance, autocommit=True) as connection:
            store = Store(connection)
            return sum(
                store.license_usage.prune(older_than=timedelta(0), batch_size=5)
                for _ in range(20)
            )

    def meter_on(number: int) -> int:
        conninfo = logins.app_for(license_.tenant_id)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            receipts = [
                use(Store(connection), license_, f"{number}-{n}") for n in range(50)
            ]
        return sum(receipt.recorded for receipt in receipts)

    with ThreadPoolExecutor(12) as threads:  # a deadlock would be raised here
        pruned = threads.map(prune, range(8))
        metered = threads.map(meter_on, range(4))
        assert sum(pruned) == yesterday
        assert sum(metered) == 200
    totals = store.license_usage.list_totals(
        tenant_id=license_.tenant_id, license_id=license_.id
    ).items
    assert [total.used for total in totals] == [200, yesterday]
    assert not use(store, license_, "0-0").recorded
    assert store.license_usage.prune(older_than=timedelta(0)) == 0
