from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    LicenseNotUsableError,
    LimitReachedError,
    MissingReferenceError,
)
from authority_queries.records import (
    License,
    LicenseSeat,
    LicenseValidation,
    UsageReceipt,
    UsageTotal,
)
from tests.factories import HOUR, make_license, make_tenant

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
NOW = datetime.now(UTC)
NAIVE = datetime(2030, 1, 1)
UNUSABLE: dict[str, Fields] = {
    "expired": {"valid_from": NOW - 2 * HOUR, "valid_until": NOW - HOUR},
    "not_yet_valid": {"valid_from": NOW + HOUR},
    "suspended": {},
    "revoked": {},
}


def new(store: Store, **fields: Any) -> License:
    return make_license(store, make_tenant(store).id, **fields)[1]


def key_of(license_: License) -> Fields:
    return {"tenant_id": license_.tenant_id, "license_id": license_.id}


def new_unusable(store: Store, state: str, **fields: Any) -> License:
    license_ = new(store, **UNUSABLE[state], **fields)
    if state == "suspended":
        store.licenses.suspend(**key_of(license_), reason="unpaid")
    if state == "revoked":
        store.licenses.revoke(**key_of(license_), reason="fraud")
    return license_


def validate(store: Store, license_: License) -> LicenseValidation | None:
    return store.licenses.validate(
        tenant_id=license_.tenant_id, key_hash=license_.key_hash
    )


def check_out(
    store: Store, license_: License, holder: str, **fields: Any
) -> LicenseSeat:
    return store.licenses.check_out_seat(**key_of(license_), holder=holder, **fields)


def end_leases(dba: Dba) -> None:
    dba.execute(
        "update authority.license_seats set leased_until = now() - interval '1 second' "
        "where holder is not null"
    )


def use(
    store: Store, license_: License, quantity: int = 1, **fields: Any
) -> UsageReceipt:
    report: Fields = {
        "metric": "calls",
        "quantity": quantity,
        "idempotency_key": str(uuid4()),
    }
    return store.licenses.record_usage(**key_of(license_), **{**report, **fields})


def totals(store: Store, license_: License, **filters: Any) -> list[UsageTotal]:
    return [*store.licenses.list_usage(**key_of(license_), **filters)]


def test_a_created_licence_is_found_by_id_and_by_key(store: Store) -> None:
    tenant = make_tenant(store)
    fields: Fields = {
        "plan": "enterprise",
        "seats": 3,
        "features": ["sso", "audit"],
        "limits": {"calls": 1000, "exports": None},
        "usage_period": "year",
        "valid_from": NOW,
        "valid_until": NOW + HOUR,
        "grace": timedelta(days=3),
        "properties": {"order": [1, None]},
    }
    key, license_ = make_license(store, tenant.id, **fields)
    assert {name: getattr(license_, name) for name in fields} == fields
    assert (license_.status, license_.status_reason) == ("active", None)
    assert (license_.key_hash, license_.row_version) == (key.hash, 1)
    assert "hash" not in repr(license_)
    assert store.licenses.get_by_id(**key_of(license_)) == license_
    by_key: Fields = {"tenant_id": tenant.id, "key_hash": key.hash}
    assert store.licenses.get_by_key(**by_key) == license_
    assert store.licenses.get_by_key(**{**by_key, "key_hash": bytes(32)}) is None
    unknown: Fields = {**key_of(license_), "license_id": uuid4()}
    assert store.licenses.get_by_id(**unknown) is None


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"plan": ""}, "plan"),
        ({"seats": -1}, "seats"),
        ({"seats": 100_001}, "seats"),
        ({"features": ["sso", None]}, "features"),
        ({"limits": {"calls": -1}}, "limits"),
        ({"limits": {"calls": "5"}}, "limits"),
        ({"limits": {"calls": True}}, "limits"),
        ({"limits": {"calls": {"a": 1}}}, "limits"),
        ({"usage_period": "week"}, "usage_period"),
        ({"valid_from": NOW, "valid_until": NOW}, "valid_until"),
        ({"grace": -HOUR}, "grace"),
    ],
)
def test_a_value_outside_its_column_is_refused(
    store: Store, fields: Fields, check: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        new(store, **fields)
    assert caught.value.constraint == f"licenses_{check}_check"


@pytest.mark.parametrize("field", ["valid_from", "valid_until"])
def test_a_moment_without_a_time_zone_is_refused(store: Store, field: str) -> None:
    moment: Fields = {field: NAIVE}
    with pytest.raises(InvalidArgumentError, match=f"{field} has no time zone"):
        new(store, **moment)


def test_a_key_is_unique_in_its_tenant_and_the_tenant_exists(store: Store) -> None:
    here, there = make_tenant(store), make_tenant(store)
    license_: Fields = {"key_hash": b"k" * 32, "plan": "team"}
    store.licenses.create(tenant_id=here.id, **license_)
    with pytest.raises(DuplicateError, match="licenses_tenant_id_key_hash_key"):
        store.licenses.create(tenant_id=here.id, **license_)
    assert store.licenses.create(tenant_id=there.id, **license_).tenant_id == there.id
    with pytest.raises(MissingReferenceError):
        store.licenses.create(tenant_id=uuid4(), **license_)


@pytest.mark.parametrize("key_hash", [b"", bytes(31), bytes(33)])
def test_a_hash_has_32_octets(store: Store, key_hash: bytes) -> None:
    tenant = make_tenant(store)
    with pytest.raises(InvalidValueError, match="licenses_key_hash_check"):
        store.licenses.create(tenant_id=tenant.id, key_hash=key_hash, plan="team")


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("valid", {}),
        ("valid", {"valid_until": NOW + HOUR}),
        ("grace", {**UNUSABLE["expired"], "grace": 2 * HOUR}),
        ("expired", {**UNUSABLE["expired"], "grace": HOUR / 2}),
        ("expired", UNUSABLE["expired"]),
        ("not_yet_valid", UNUSABLE["not_yet_valid"]),
    ],
)
def test_time_decides_the_state(store: Store, state: str, fields: Fields) -> None:
    license_ = new(store, **fields)
    found = validate(store, license_)
    assert found is not None
    assert (found.state, found.valid_until) == (state, license_.valid_until)
    if license_.valid_until is None:
        assert found.usable_until is None
    else:
        assert found.usable_until == license_.valid_until + license_.grace


def test_a_validation_tells_what_the_key_opens(store: Store, dba: Dba) -> None:
    license_ = new(store, plan="pro", seats=3, features=["sso"])
    check_out(store, license_, "ann")
    end_leases(dba)
    check_out(store, license_, "bob")
    found = validate(store, license_)
    assert found is not None
    assert (found.id, found.plan, found.features) == (license_.id, "pro", ["sso"])
    assert (found.seats, found.seats_taken) == (3, 1)


def test_a_key_that_is_unknown_or_of_an_inactive_tenant_opens_nothing(
    store: Store,
) -> None:
    license_ = new(store)
    unknown: Fields = {"tenant_id": license_.tenant_id, "key_hash": bytes(32)}
    assert store.licenses.validate(**unknown) is None
    store.tenants.suspend(tenant_id=license_.tenant_id)
    assert validate(store, license_) is None
    with pytest.raises(LicenseNotUsableError):
        use(store, license_)


def test_a_licence_is_suspended_resumed_and_revoked_for_good(store: Store) -> None:
    license_ = new(store)
    key = key_of(license_)
    suspended = store.licenses.suspend(**key, reason="unpaid")
    assert (suspended.status, suspended.status_reason) == ("suspended", "unpaid")
    assert suspended.row_version == 2
    found = validate(store, license_)
    assert found is not None
    assert found.state == "suspended"
    resumed = store.licenses.resume(**key)
    assert (resumed.status, resumed.status_reason) == ("active", None)
    revoked = store.licenses.revoke(**key, reason="fraud")
    assert (revoked.status, revoked.status_reason) == ("revoked", "fraud")
    found = validate(store, license_)
    assert found is not None
    assert found.state == "revoked"
    with pytest.raises(LicenseNotUsableError):
        store.licenses.resume(**key)
    with pytest.raises(LicenseNotUsableError):
        store.licenses.suspend(**key, reason="r")
    with pytest.raises(LicenseNotUsableError):
        store.licenses.revoke(**key, reason="r")
    assert store.licenses.get_by_id(**key) == revoked


def test_seats_are_handed_out_until_none_is_free(store: Store) -> None:
    license_ = new(store, seats=2)
    first = check_out(store, license_, "ann", lease=HOUR)
    assert (first.license_id, first.seat_number) == (license_.id, 1)
    assert first.holder == "ann"
    renewed = check_out(store, license_, "ann", lease=2 * HOUR)
    assert renewed.seat_number == 1
    assert renewed.leased_until - first.leased_until > HOUR / 2
    assert check_out(store, license_, "bob").seat_number == 2
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "eve")
    key = key_of(license_)
    assert store.licenses.check_in_seat(**key, holder="ann")
    assert not store.licenses.check_in_seat(**key, holder="ann")
    assert check_out(store, license_, "eve").seat_number == 1


def test_a_lease_that_has_ended_frees_the_seat(store: Store, dba: Dba) -> None:
    license_ = new(store, seats=1)
    check_out(store, license_, "ann")
    end_leases(dba)
    assert check_out(store, license_, "ann").holder == "ann"
    end_leases(dba)
    assert check_out(store, license_, "bob").holder == "bob"
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")


def test_a_heartbeat_prolongs_a_lease_until_it_has_ended(
    store: Store, dba: Dba
) -> None:
    license_ = new(store, seats=1)
    key = key_of(license_)
    assert store.licenses.renew_seat(**key, holder="ann") is None
    seat = check_out(store, license_, "ann")
    renewed = store.licenses.renew_seat(**key, holder="ann", lease=HOUR)
    assert renewed is not None
    assert renewed.leased_until > seat.leased_until
    assert store.licenses.renew_seat(**key, holder="bob") is None
    end_leases(dba)
    assert store.licenses.renew_seat(**key, holder="ann") is None


def test_a_holder_has_a_name_and_a_licence_may_have_no_seats(store: Store) -> None:
    with pytest.raises(InvalidValueError, match="license_seats_holder_check"):
        check_out(store, new(store, seats=1), "")
    with pytest.raises(LimitReachedError):
        check_out(store, new(store), "ann")


@pytest.mark.parametrize("state", UNUSABLE)
def test_a_licence_that_is_not_usable_gives_neither_seats_nor_usage(
    store: Store, state: str
) -> None:
    license_ = new_unusable(store, state, seats=1, limits={"calls": 5})
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")
    with pytest.raises(LicenseNotUsableError):
        use(store, license_)
    assert totals(store, license_) == []


def test_a_licence_in_grace_is_usable(store: Store) -> None:
    grace: Fields = {**UNUSABLE["expired"], "grace": 2 * HOUR}
    license_ = new(store, **grace, seats=1, limits={"calls": 5})
    assert check_out(store, license_, "ann").seat_number == 1
    assert use(store, license_).recorded


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
