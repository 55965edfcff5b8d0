from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.engine.runtime import (
    JsonValue,
)
from authority_queries.errors import (
    ConcurrencyConflictError,
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    LicenseNotUsableError,
    LimitReachedError,
    MissingReferenceError,
    NotFoundError,
)
from authority_queries.testing import Clock
from tests.factories import HOUR, make_license, make_tenant
from tests.refusals import refusal_of
from tests.repositories.license_helpers import (
    NAIVE,
    NOW,
    UNUSABLE,
    Fields,
    change,
    check_out,
    key_of,
    new,
    totals,
    use,
    validate,
)


def test_a_created_licence_is_found_by_id_and_by_key(store: Store) -> None:
    tenant = make_tenant(store)
    fields: Fields = {
        "plan": "enterprise",
        "seats": 3,
        "features": ["sso", "audit"],
        "limits": {"calls": 1000, "exports": None},
        "usage_period": "year",
        "overage_policy": "allow",
        "valid_from": NOW,
        "valid_until": NOW + HOUR,
        "grace": timedelta(days=3),
        "grace_policy": "keep",
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
    ("fields", "argument"),
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
        ({"overage_policy": "bill"}, "overage_policy"),
        ({"grace_policy": "none"}, "grace_policy"),
        ({"valid_from": NOW, "valid_until": NOW}, "valid_until"),
        ({"grace": -HOUR}, "grace"),
    ],
)
def test_a_value_outside_its_column_is_refused(
    store: Store, fields: Fields, argument: str
) -> None:
    with refusal_of(argument):
        new(store, **fields)


@pytest.mark.parametrize("field", ["valid_from", "valid_until"])
def test_a_datetime_without_a_time_zone_is_refused(store: Store, field: str) -> None:
    moment: Fields = {field: NAIVE}
    with pytest.raises(InvalidArgumentError, match=f"{field} must have a time zone"):
        new(store, **moment)


def test_a_key_is_unique_in_its_tenant_and_the_tenant_must_exist(store: Store) -> None:
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
    with pytest.raises(InvalidArgumentError, match="key_hash must have 32 octets"):
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
        assert (found.usable_until, found.grows_until) == (None, None)
    else:
        end = license_.valid_until + license_.grace
        assert (found.usable_until, found.grows_until) == (end, end)


def test_a_licence_passes_through_its_states_with_time(
    store: Store, clock: Clock
) -> None:
    times = {"valid_from": NOW + HOUR, "valid_until": NOW + 3 * HOUR}
    license_ = new(store, **times, grace=2 * HOUR, grace_policy="keep")
    states: list[str] = []
    for _ in range(4):
        found = validate(store, license_)
        assert found is not None
        assert found.grows_until == NOW + 3 * HOUR
        assert found.usable_until == NOW + 5 * HOUR
        states.append(found.state)
        clock.advance(2 * HOUR)
    assert states == ["not_yet_valid", "valid", "grace", "expired"]


def test_a_day_of_grace_is_24_hours_in_every_time_zone(
    store: Store,
) -> None:
    before_summer = datetime(2031, 3, 29, 12, tzinfo=UTC)
    license_ = new(store, valid_until=before_summer, grace=timedelta(days=1))
    if isinstance(store.connection, psycopg.Connection):
        store.connection.execute("set timezone = 'Europe/Berlin'")
    found = validate(store, license_)
    assert found is not None
    assert found.usable_until == before_summer + timedelta(days=1)


def test_a_validation_returns_what_the_licence_includes(
    store: Store, clock: Clock
) -> None:
    license_ = new(store, plan="pro", seats=3, features=["sso"])
    check_out(store, license_, "ann")
    clock.advance(HOUR)
    check_out(store, license_, "bob")
    found = validate(store, license_)
    assert found is not None
    assert (found.id, found.plan, found.features) == (license_.id, "pro", ["sso"])
    assert (found.seats, found.seats_taken) == (3, 1)


def test_an_unknown_key_or_one_of_an_inactive_tenant_is_not_valid(
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


@pytest.mark.parametrize("limit", [[5], [], {}, "5", True, -1, 1.5, 1e30])
def test_a_limit_is_a_whole_number_or_none(store: Store, limit: JsonValue) -> None:
    with pytest.raises(InvalidValueError, match="licenses_limits_check"):
        new(store, limits={"good": 1, "bad": limit})


def test_a_limit_written_as_a_decimal_is_the_same_whole_number(store: Store) -> None:
    license_ = new(store, limits={"calls": 5.0})
    assert use(store, license_, 5).used == 5


def test_a_licence_is_updated_at_the_version_that_was_read(store: Store) -> None:
    license_ = new(store, limits={"calls": 5}, seats=1)
    fields: Fields = {
        "plan": "business",
        "seats": 2,
        "features": ["sso"],
        "limits": {"calls": 7, "exports": None},
        "overage_policy": "allow",
        "valid_from": NOW - HOUR,
        "valid_until": NOW + HOUR,
        "grace": HOUR,
        "grace_policy": "keep",
        "properties": {"invoice": 7},
    }
    changed = change(store, license_, **fields)
    assert changed == replace(
        license_, **fields, row_version=2, updated_at=changed.updated_at
    )
    assert changed.updated_at > license_.updated_at
    assert store.licenses.get_by_id(**key_of(license_)) == changed
    with pytest.raises(ConcurrencyConflictError):
        change(store, license_, plan="team")
    with pytest.raises(InvalidValueError, match="licenses_valid_until_check"):
        change(store, changed, valid_until=NOW - 2 * HOUR)
    with pytest.raises(NotFoundError):
        change(store, replace(license_, id=uuid4()))
    with pytest.raises(NotFoundError):
        change(store, replace(license_, tenant_id=make_tenant(store).id))
    revoked = store.licenses.revoke(**key_of(license_), reason="fraud")
    with pytest.raises(LicenseNotUsableError, match="revoked"):
        change(store, revoked)
    assert store.licenses.get_by_id(**key_of(license_)) == revoked


def test_a_limit_below_the_usage_admits_no_use_and_a_higher_one_does(
    store: Store,
) -> None:
    license_ = new(store, limits={"calls": 10})
    use(store, license_, 8)
    lower = change(store, license_, limits={"calls": 5})
    with pytest.raises(LimitReachedError):
        use(store, license_)
    assert [total.used for total in totals(store, license_)] == [8]
    change(store, lower, limits={"calls": 9})
    assert use(store, license_).used == 9
