from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    IdempotencyKeyReusedError,
    InvalidArgumentError,
    InvalidValueError,
    LicenseNotUsableError,
    LimitReachedError,
    NotFoundError,
)
from authority_queries.records import License, UsageReceipt
from authority_queries.testing import Clock
from tests.factories import HOUR, make_tenant
from tests.flows.races import race
from tests.refusals import refusal_of
from tests.repositories.license_helpers import (
    Dba,
    Fields,
    check_out,
    key_of,
    new,
    totals,
    use,
    validate,
)
from tests.stores import Logins

DAY = timedelta(days=1)


def test_a_use_is_recorded_once_under_its_key(store: Store) -> None:
    license_ = new(store, limits={"calls": 10, "exports": 10})
    first = use(store, license_, 3, idempotency_key="k")
    again = use(store, license_, 3, idempotency_key="k")
    assert (first.recorded, first.used, first.allowance) == (True, 3, 10)
    assert (again.recorded, again.used, again.allowance) == (False, 3, 10)
    assert use(store, license_, idempotency_key="k", metric="exports").recorded
    assert use(store, license_, 2).used == 5
    assert use(store, license_, 3, idempotency_key="k").used == 5
    assert [total.used for total in totals(store, license_)] == [1, 5]


def test_a_key_with_another_quantity_is_refused(store: Store) -> None:
    license_ = new(store, limits={"calls": 3})
    use(store, license_, 3, idempotency_key="k")
    for other in (1, 10**12):
        with pytest.raises(IdempotencyKeyReusedError):
            use(store, license_, other, idempotency_key="k")
    store.licenses.revoke(**key_of(license_), reason="fraud")
    with pytest.raises(IdempotencyKeyReusedError):
        use(store, license_, 1, idempotency_key="k")
    assert [total.used for total in totals(store, license_)] == [3]


def test_a_receipt_is_returned_after_its_period_and_its_licence(
    store: Store, clock: Clock
) -> None:
    license_ = new(store, limits={"calls": 5}, usage_period="day")
    entry = {**key_of(license_), "metric": "calls", "idempotency_key": "k"}
    assert store.license_usage.get_receipt(**entry) is None
    first = use(store, license_, 2, idempotency_key="k")
    clock.advance(DAY)
    second = use(store, license_, 5)
    assert second.period_start == first.period_end == first.period_start + DAY
    store.licenses.suspend(**key_of(license_), reason="unpaid")
    again = use(store, license_, 2, idempotency_key="k")
    assert again == replace(first, recorded=False)
    assert store.license_usage.get_receipt(**entry) == again
    with pytest.raises(LicenseNotUsableError):
        use(store, license_)


def test_an_exceeded_limit_counts_the_overage(store: Store) -> None:
    license_ = new(
        store,
        limits={"calls": 5, "exports": 0, "mails": None},
        overage_policy="allow",
    )
    assert use(store, license_, 4).overage == 0
    beyond = use(store, license_, 4, idempotency_key="k")
    assert (beyond.used, beyond.allowance, beyond.overage) == (8, 5, 3)
    again = use(store, license_, 4, idempotency_key="k")
    assert (again.recorded, again.used, again.overage) == (False, 8, 3)
    assert use(store, license_, 2, metric="exports").overage == 2
    assert use(store, license_, 2, metric="mails").overage == 0
    with pytest.raises(LicenseNotUsableError):
        use(store, license_, metric="imports")
    found = {total.metric: total.overage for total in totals(store, license_)}
    assert found == {"calls": 3, "exports": 2, "mails": 0}


def test_a_total_beyond_its_limit_admits_no_use_after_the_policy_changes_to_refuse(
    store: Store, dba: Dba
) -> None:
    license_ = new(store, limits={"calls": 5}, overage_policy="allow")
    use(store, license_, 8, idempotency_key="k")
    dba.execute("update authority.licenses set overage_policy = 'refuse'")
    with pytest.raises(LimitReachedError):
        use(store, license_)
    assert use(store, license_, 8, idempotency_key="k").overage == 3
    assert [total.used for total in totals(store, license_)] == [8]


def test_a_limit_is_reached_exactly_and_never_exceeded(store: Store) -> None:
    license_ = new(store, limits={"calls": 5})
    with pytest.raises(LimitReachedError, match="limit for this metric"):
        use(store, license_, 6)
    assert totals(store, license_) == []
    assert use(store, license_, 4).used == 4
    with pytest.raises(LimitReachedError) as caught:
        use(store, license_, 2, idempotency_key="k")
    assert caught.value.constraint == "license_usage_totals_used_check"
    last = use(store, license_, 1, idempotency_key="k")
    assert (last.recorded, last.used) == (True, 5)
    with pytest.raises(LimitReachedError):
        use(store, license_)
    assert not use(store, license_, idempotency_key="k").recorded
    assert [total.used for total in totals(store, license_)] == [5]


def test_a_metric_without_limit_is_unlimited_and_an_unknown_one_is_refused(
    store: Store,
) -> None:
    license_ = new(store, limits={"calls": None, "exports": 0})
    receipt = use(store, license_, 10**12)
    assert (receipt.used, receipt.allowance) == (10**12, None)
    with pytest.raises(LimitReachedError):
        use(store, license_, metric="exports")
    with pytest.raises(LicenseNotUsableError):
        use(store, license_, metric="imports")
    for quantity in (0, -1, 10**12 + 1, 2**63 - 1):
        with pytest.raises(InvalidValueError, match="quantity_check"):
            use(store, license_, quantity)
    with refusal_of("idempotency_key"):
        use(store, license_, idempotency_key="")


def test_usage_starts_at_0_in_each_period(store: Store, clock: Clock) -> None:
    license_ = new(store, limits={"calls": 5, "exports": 5}, usage_period="day")
    yesterday = use(store, license_, 5).period_start
    clock.advance(DAY)
    today = yesterday + DAY
    assert use(store, license_, 2).used == 2
    assert use(store, license_, metric="exports").used == 1
    found = totals(store, license_)
    assert [(t.metric, t.period_start, t.used) for t in found] == [
        ("exports", today, 1),
        ("calls", today, 2),
        ("calls", yesterday, 5),
    ]
    assert {total.allowance for total in found} == {5}
    assert totals(store, license_, metric="calls") == found[1:]
    assert totals(store, license_, from_period=today) == found[:2]
    assert totals(store, license_, metric="imports") == []


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("day", date(2032, 2, 29), date(2032, 3, 1)),
        ("month", date(2032, 2, 1), date(2032, 3, 1)),
        ("year", date(2032, 1, 1), date(2033, 1, 1)),
    ],
)
def test_a_period_is_a_calendar_period_in_utc(
    store: Store, clock: Clock, period: str, start: date, end: date
) -> None:
    license_ = new(store, limits={"calls": 5}, usage_period=period)
    clock.advance(datetime(2032, 2, 29, 23, 30, tzinfo=UTC) - datetime.now(UTC))
    if isinstance(store.connection, psycopg.Connection):
        store.connection.execute("set timezone = 'Asia/Tokyo'")
    receipt = use(store, license_)
    assert (receipt.period_start, receipt.period_end) == (start, end)
    (total,) = totals(store, license_)
    assert (total.period_start, total.period_end) == (start, end)


def test_uses_are_pruned_after_their_period_and_totals_stay(
    store: Store, dba: Dba, clock: Clock
) -> None:
    license_ = new(store, limits={"calls": 5}, usage_period="month")
    clock.advance(datetime(2032, 1, 31, 12, tzinfo=UTC) - datetime.now(UTC))
    for key in ("a", "b", "c"):
        use(store, license_, idempotency_key=key)
    assert store.license_usage.prune(older_than=timedelta(0)) == 0
    clock.advance(HOUR * 11)
    assert store.license_usage.prune(older_than=timedelta(0)) == 0
    clock.advance(HOUR * 2)  # February has begun
    use(store, license_, idempotency_key="d")
    assert store.license_usage.prune(older_than=2 * HOUR) == 0
    with dba.transaction():
        dba.execute("select from authority.license_usage for update")
        assert store.license_usage.prune(older_than=HOUR) == 0
    assert store.license_usage.prune(older_than=HOUR, batch_size=2) == 2
    assert store.license_usage.prune() == 0  # keeps 30 days
    assert store.license_usage.prune(older_than=HOUR, batch_size=2) == 1
    assert [total.used for total in totals(store, license_)] == [1, 3]
    assert not use(store, license_, idempotency_key="d").recorded
    # The key is unknown now.
    assert use(store, license_, idempotency_key="a").used == 2


def test_the_running_period_is_never_pruned(store: Store) -> None:
    with pytest.raises(InvalidArgumentError, match="older_than must be 0 or"):
        store.license_usage.prune(older_than=-DAY)


def test_another_tenant_cannot_reach_a_licence(store: Store) -> None:
    license_ = new(store, seats=2, limits={"calls": 5})
    check_out(store, license_, "ann")
    use(store, license_)
    key: Fields = {**key_of(license_), "tenant_id": make_tenant(store).id}
    by_key: Fields = {"tenant_id": key["tenant_id"], "key_hash": license_.key_hash}
    licenses = store.licenses
    assert licenses.get_by_id(**key) is None
    assert licenses.get_by_key(**by_key) is None
    assert licenses.validate(**by_key) is None
    assert store.license_seats.renew(**key, holder="ann") is None
    assert not store.license_seats.check_in(**key, holder="ann")
    assert store.license_usage.list_totals(**key).items == []
    with pytest.raises(LicenseNotUsableError):
        licenses.revoke(**key, reason="r")
    with pytest.raises(LicenseNotUsableError):
        licenses.resume(**key)
    with pytest.raises(LimitReachedError):
        store.license_seats.check_out(**key, holder="eve")
    with pytest.raises(LicenseNotUsableError):
        store.license_usage.record(
            **key, metric="calls", quantity=1, idempotency_key="theirs"
        )
    found = validate(store, license_)
    assert found is not None
    assert (found.state, found.seats_taken) == ("valid", 1)
    assert [total.used for total in totals(store, license_)] == [1]


def correct(
    store: Store, license_: License, corrects: str, key: str, **fields: Any
) -> UsageReceipt:
    correction: Fields = {**key_of(license_), "metric": "calls", **fields}
    return store.license_usage.correct(
        **correction, corrects=corrects, idempotency_key=key
    )


def test_a_use_is_corrected_once_and_the_ledger_keeps_both(
    store: Store, dba: Dba, clock: Clock
) -> None:
    license_ = new(store, limits={"calls": 10, "exports": 9}, usage_period="day")
    use(store, license_, 2, idempotency_key="right")
    use(store, license_, 8, idempotency_key="wrong")
    with pytest.raises(LimitReachedError):
        use(store, license_)
    clock.advance(DAY)
    store.licenses.revoke(**key_of(license_), reason="over")
    done = correct(store, license_, "wrong", "c")
    assert (done.recorded, done.quantity, done.corrects) == (True, -8, "wrong")
    assert (done.used, done.allowance, done.overage) == (2, 10, 0)
    again = correct(store, license_, "wrong", "c")
    assert again == replace(done, recorded=False)
    for corrects, key, metric in (
        ("wrong", "d", "calls"),  # another correction took it back
        ("c", "d", "calls"),  # the key of a correction
        ("none", "d", "calls"),
        ("right", "d", "exports"),
    ):
        with pytest.raises(NotFoundError, match="corrects must be the key of a use"):
            correct(store, license_, corrects, key, metric=metric)
    for key in ("c", "right"):
        with pytest.raises(IdempotencyKeyReusedError):
            correct(store, license_, "right", key)
    with pytest.raises(IdempotencyKeyReusedError):
        use(store, license_, 8, idempotency_key="c")
    assert [total.used for total in totals(store, license_)] == [2]
    ledger = "select idempotency_key, quantity, corrects from authority.license_usage"
    assert set(dba.execute(ledger.encode()).fetchall()) == {
        ("right", 2, None),
        ("wrong", 8, None),
        ("c", -8, "wrong"),
    }


def test_a_correction_admits_more_use_in_the_period(store: Store) -> None:
    license_ = new(store, limits={"calls": 10})
    use(store, license_, 10, idempotency_key="wrong")
    assert correct(store, license_, "wrong", "c").used == 0
    assert use(store, license_, 10).used == 10


def test_of_8_corrections_of_a_use_one_is_recorded(
    sync_store: Store, logins: Logins
) -> None:
    license_ = new(sync_store, limits={"calls": None})
    use(sync_store, license_, 5, idempotency_key="wrong")
    use(sync_store, license_, 2)

    def run(key: str) -> Callable[[Store], bool]:
        def attempt(store: Store) -> bool:
            try:
                return correct(store, license_, "wrong", key).recorded
            except NotFoundError:
                return False

        return attempt

    outcomes = race(logins, license_.tenant_id, [run(f"c-{n // 2}") for n in range(8)])
    assert sum(outcomes) == 1
    assert [total.used for total in totals(sync_store, license_)] == [2]
