from datetime import timedelta

import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    LicenseNotUsableError,
    LimitReachedError,
)
from tests.clock import Clock
from tests.factories import HOUR
from tests.refusals import refusal_of
from tests.repositories.license_helpers import (
    GRACE,
    UNUSABLE,
    Dba,
    check_out,
    key_of,
    new,
    new_unusable,
    totals,
    use,
)

LEASE = timedelta(minutes=5)  # by default


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


def test_a_lease_that_has_ended_frees_the_seat(store: Store, clock: Clock) -> None:
    license_ = new(store, seats=1)
    check_out(store, license_, "ann")
    clock.advance(LEASE)
    assert check_out(store, license_, "ann").holder == "ann"
    clock.advance(LEASE)
    assert check_out(store, license_, "bob").holder == "bob"
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")


def test_a_heartbeat_prolongs_a_lease_until_it_has_ended(
    store: Store, clock: Clock
) -> None:
    license_ = new(store, seats=1)
    key = key_of(license_)
    assert store.licenses.renew_seat(**key, holder="ann") is None
    seat = check_out(store, license_, "ann")
    clock.advance(LEASE / 2)
    renewed = store.licenses.renew_seat(**key, holder="ann")
    assert renewed is not None
    assert renewed.leased_until > seat.leased_until
    assert store.licenses.renew_seat(**key, holder="bob") is None
    clock.advance(LEASE)
    assert store.licenses.renew_seat(**key, holder="ann") is None


def test_a_holder_has_a_name_and_a_licence_may_have_no_seats(store: Store) -> None:
    with refusal_of("holder"):
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


def test_a_licence_in_grace_goes_on_where_its_policy_is_full(
    store: Store, clock: Clock
) -> None:
    license_ = new(store, **GRACE, seats=2, limits={"calls": 5})
    check_out(store, license_, "ann", lease=HOUR / 2)
    clock.advance(1.5 * HOUR)
    assert check_out(store, license_, "ann").seat_number == 1
    assert check_out(store, license_, "bob").seat_number == 2
    assert use(store, license_).recorded
    clock.advance(1.5 * HOUR)
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")
    with pytest.raises(LicenseNotUsableError):
        use(store, license_)


def test_a_licence_in_grace_only_keeps_leases_where_its_policy_says_so(
    store: Store, clock: Clock
) -> None:
    license_ = new(store, **GRACE, grace_policy="keep", seats=3, limits={"calls": 5})
    key = key_of(license_)
    check_out(store, license_, "ann", lease=2 * HOUR)
    check_out(store, license_, "bob", lease=HOUR)
    use(store, license_, 2, idempotency_key="k")
    clock.advance(1.5 * HOUR)
    for holder in ("bob", "eve"):  # whose lease has ended, and who had none
        with pytest.raises(LimitReachedError, match="gives any"):
            check_out(store, license_, holder)
        assert store.licenses.renew_seat(**key, holder=holder) is None
    with pytest.raises(LicenseNotUsableError):
        use(store, license_)
    assert use(store, license_, 2, idempotency_key="k").used == 2
    renewed = store.licenses.renew_seat(**key, holder="ann", lease=HOUR)
    assert renewed is not None
    assert check_out(store, license_, "ann", lease=3 * HOUR).seat_number == 1
    clock.advance(1.5 * HOUR)
    assert store.licenses.renew_seat(**key, holder="ann") is None
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")


def test_a_seat_is_neither_taken_nor_kept_on_a_licence_that_is_not_usable(
    store: Store,
) -> None:
    suspended, revoked = (new(store, seats=2) for _ in range(2))
    for license_ in (suspended, revoked):
        check_out(store, license_, "ann")
    store.tenants.suspend(tenant_id=suspended.tenant_id)
    store.licenses.revoke(**key_of(revoked), reason="fraud")
    for license_ in (suspended, revoked):
        for holder in ("ann", "bob"):
            with pytest.raises(LimitReachedError):
                check_out(store, license_, holder)
        assert store.licenses.renew_seat(**key_of(license_), holder="ann") is None
        assert store.licenses.check_in_seat(**key_of(license_), holder="ann")


@pytest.mark.parametrize("lease", [timedelta(0), -HOUR])
def test_a_lease_is_longer_than_nothing(store: Store, lease: timedelta) -> None:
    license_ = new(store, seats=1)
    with pytest.raises(InvalidArgumentError, match="lease must be longer"):
        check_out(store, license_, "ann", lease=lease)
    with pytest.raises(InvalidArgumentError, match="lease must be longer"):
        store.licenses.renew_seat(**key_of(license_), holder="ann", lease=lease)


def test_a_holder_is_given_its_own_seat_though_others_are_locked(
    store: Store, dba: Dba
) -> None:
    license_ = new(store, seats=2)
    mine = check_out(store, license_, "ann")
    with dba.transaction():
        dba.execute(
            "select from authority.license_seats where holder is null for update"
        )
        assert check_out(store, license_, "ann").seat_number == mine.seat_number
        with pytest.raises(LimitReachedError):
            check_out(store, license_, "bob")
