from datetime import date, timedelta

import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidValueError,
    LicenseNotUsableError,
    LimitReachedError,
)
from tests.factories import make_tenant
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


def test_a_use_is_recorded_once_under_its_key(store: Store) -> None:
    license_ = new(store, limits={"calls": 10, "exports": 10})
    first = use(store, license_, 3, idempotency_key="k")
    again = use(store, license_, 3, idempotency_key="k")
    assert (first.recorded, first.used, first.allowed) == (True, 3, 10)
    assert (again.recorded, again.used, again.allowed) == (False, None, 10)
    assert use(store, license_, idempotency_key="k", metric="exports").recorded
    assert use(store, license_, 2).used == 5
    assert [total.used for total in totals(store, license_)] == [5, 1]


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


def test_a_metric_is_used_without_limit_or_not_at_all(store: Store) -> None:
    license_ = new(store, limits={"calls": None, "exports": 0})
    receipt = use(store, license_, 10**12)
    assert (receipt.used, receipt.allowed) == (10**12, None)
    with pytest.raises(LimitReachedError):
        use(store, license_, metric="exports")
    with pytest.raises(LicenseNotUsableError):
        use(store, license_, metric="imports")
    with pytest.raises(InvalidValueError, match="quantity_check"):
        use(store, license_, 0)
    with pytest.raises(InvalidValueError, match="idempotency_key_check"):
        use(store, license_, idempotency_key="")


def test_usage_starts_again_with_each_period(store: Store, dba: Dba) -> None:
    license_ = new(store, limits={"calls": 5, "exports": 5}, usage_period="day")
    today = use(store, license_, 5).period_start
    dba.execute(
        "update authority.license_usage_totals set period_start = period_start - 1"
    )
    assert use(store, license_, 2).used == 2
    assert use(store, license_, metric="exports").used == 1
    found = totals(store, license_)
    assert [(t.metric, t.period_start, t.used) for t in found] == [
        ("calls", today, 2),
        ("exports", today, 1),
        ("calls", today - timedelta(days=1), 5),
    ]
    assert {total.allowed for total in found} == {5}
    assert totals(store, license_, metric="calls") == [found[0], found[2]]
    assert totals(store, license_, from_period=today) == found[:2]
    assert totals(store, license_, metric="imports") == []


@pytest.mark.parametrize("period", ["day", "month", "year"])
def test_a_period_starts_on_its_first_day_in_utc(
    store: Store, dba: Dba, period: str
) -> None:
    license_ = new(store, limits={"calls": 5}, usage_period=period)
    row = dba.execute("select (now() at time zone 'UTC')::date").fetchone()
    assert row is not None
    assert isinstance(row[0], date)
    starts = {
        "day": row[0],
        "month": row[0].replace(day=1),
        "year": row[0].replace(month=1, day=1),
    }
    assert use(store, license_).period_start == starts[period]


def test_another_tenant_reaches_no_licence(store: Store) -> None:
    license_ = new(store, seats=2, limits={"calls": 5})
    check_out(store, license_, "ann")
    use(store, license_)
    key: Fields = {**key_of(license_), "tenant_id": make_tenant(store).id}
    by_key: Fields = {"tenant_id": key["tenant_id"], "key_hash": license_.key_hash}
    licenses = store.licenses
    assert licenses.get_by_id(**key) is None
    assert licenses.get_by_key(**by_key) is None
    assert licenses.validate(**by_key) is None
    assert licenses.renew_seat(**key, holder="ann") is None
    assert not licenses.check_in_seat(**key, holder="ann")
    assert licenses.list_usage(**key) == []
    with pytest.raises(LicenseNotUsableError):
        licenses.revoke(**key, reason="r")
    with pytest.raises(LicenseNotUsableError):
        licenses.resume(**key)
    with pytest.raises(LimitReachedError):
        licenses.check_out_seat(**key, holder="eve")
    with pytest.raises(LicenseNotUsableError):
        licenses.record_usage(
            **key, metric="calls", quantity=1, idempotency_key="theirs"
        )
    found = validate(store, license_)
    assert found is not None
    assert (found.state, found.seats_taken) == ("valid", 1)
    assert [total.used for total in totals(store, license_)] == [1]
