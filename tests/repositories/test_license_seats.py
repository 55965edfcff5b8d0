from collections.abc import Callable
from datetime import timedelta

import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    LicenseNotUsableError,
    LimitReachedError,
)
from authority_queries.testing import Clock
from tests.factories import HOUR
from tests.flows.races import race
from tests.refusals import refusal_of
from tests.repositories.license_helpers import (
    GRACE,
    NOW,
    UNUSABLE,
    Dba,
    Fields,
    change,
    check_out,
    key_of,
    new,
    new_unusable,
    seats_taken,
    totals,
    use,
)
from tests.stores import Logins

LEASE = timedelta(minutes=5)  # the default


def test_seats_are_leased_until_none_is_free(store: Store) -> None:
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
    assert store.license_seats.check_in(**key, holder="ann")
    assert not store.license_seats.check_in(**key, holder="ann")
    assert check_out(store, license_, "eve").seat_number == 1


def test_an_ended_lease_frees_the_seat(store: Store, clock: Clock) -> None:
    license_ = new(store, seats=1)
    check_out(store, license_, "ann")
    clock.advance(LEASE)
    assert check_out(store, license_, "ann").holder == "ann"
    clock.advance(LEASE)
    assert check_out(store, license_, "bob").holder == "bob"
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")


def test_a_heartbeat_prolongs_a_lease_that_has_not_ended(
    store: Store, clock: Clock
) -> None:
    license_ = new(store, seats=1)
    key = key_of(license_)
    assert store.license_seats.renew(**key, holder="ann") is None
    seat = check_out(store, license_, "ann")
    clock.advance(LEASE / 2)
    renewed = store.license_seats.renew(**key, holder="ann")
    assert renewed is not None
    assert renewed.leased_until > seat.leased_until
    assert store.license_seats.renew(**key, holder="bob") is None
    clock.advance(LEASE)
    assert store.license_seats.renew(**key, holder="ann") is None


def test_a_holder_must_not_be_empty_and_a_licence_may_have_no_seats(
    store: Store,
) -> None:
    with refusal_of("holder"):
        check_out(store, new(store, seats=1), "")
    with pytest.raises(LimitReachedError):
        check_out(store, new(store), "ann")


@pytest.mark.parametrize("state", UNUSABLE)
def test_an_unusable_licence_refuses_seats_and_usage(store: Store, state: str) -> None:
    license_ = new_unusable(store, state, seats=1, limits={"calls": 5})
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")
    with pytest.raises(LicenseNotUsableError):
        use(store, license_)
    assert totals(store, license_) == []


def test_a_licence_in_grace_with_policy_full_allows_everything(
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


def test_a_licence_in_grace_with_policy_keep_only_renews_leases(
    store: Store, clock: Clock
) -> None:
    license_ = new(store, **GRACE, grace_policy="keep", seats=3, limits={"calls": 5})
    key = key_of(license_)
    check_out(store, license_, "ann", lease=2 * HOUR)
    check_out(store, license_, "bob", lease=HOUR)
    use(store, license_, 2, idempotency_key="k")
    clock.advance(1.5 * HOUR)
    for holder in ("bob", "eve"):  # with an ended lease, and without any
        with pytest.raises(LimitReachedError, match="no seat is free"):
            check_out(store, license_, holder)
        assert store.license_seats.renew(**key, holder=holder) is None
    with pytest.raises(LicenseNotUsableError):
        use(store, license_)
    assert use(store, license_, 2, idempotency_key="k").used == 2
    renewed = store.license_seats.renew(**key, holder="ann", lease=HOUR)
    assert renewed is not None
    assert check_out(store, license_, "ann", lease=3 * HOUR).seat_number == 1
    clock.advance(1.5 * HOUR)
    assert store.license_seats.renew(**key, holder="ann") is None
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")


def test_a_seat_is_neither_leased_nor_renewed_on_an_unusable_licence(
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
        assert store.license_seats.renew(**key_of(license_), holder="ann") is None
        assert store.license_seats.check_in(**key_of(license_), holder="ann")


@pytest.mark.parametrize("lease", [timedelta(0), -HOUR])
def test_a_lease_must_be_positive(store: Store, lease: timedelta) -> None:
    license_ = new(store, seats=1)
    with pytest.raises(InvalidArgumentError, match="lease must be longer"):
        check_out(store, license_, "ann", lease=lease)
    with pytest.raises(InvalidArgumentError, match="lease must be longer"):
        store.license_seats.renew(**key_of(license_), holder="ann", lease=lease)


def test_a_holder_gets_its_own_seat_although_others_are_locked(
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


@pytest.mark.parametrize("grace_policy", ["full", "keep"])
def test_no_lease_outlives_its_licence(
    store: Store, clock: Clock, grace_policy: str
) -> None:
    license_ = new(store, seats=3, **GRACE, grace_policy=grace_policy)
    assert license_.valid_until is not None
    end = license_.valid_until + license_.grace
    month: Fields = {"lease": timedelta(days=30)}
    assert check_out(store, license_, "ann", **month).leased_until == end  # a free one
    assert check_out(store, license_, "ann", **month).leased_until == end  # its own
    check_out(store, license_, "bob")
    clock.advance(LEASE)
    assert check_out(store, license_, "bob", **month).leased_until == end  # its last
    clock.advance(2 * HOUR)
    key = key_of(license_)
    renewed = store.license_seats.renew(**key, holder="bob", **month)
    assert renewed is not None
    assert renewed.leased_until == end
    assert seats_taken(store, license_) == 2
    clock.advance(HOUR)
    assert seats_taken(store, license_) == 0
    endless = new(store, seats=1)
    assert check_out(store, endless, "ann", **month).leased_until > end


def test_fewer_seats_remove_free_ones_first_then_those_that_end_first(
    store: Store, clock: Clock
) -> None:
    license_ = new(store, seats=5)
    key = key_of(license_)
    for minutes, holder in enumerate(("ann", "bob", "eve", "mia"), 10):
        check_out(store, license_, holder, lease=timedelta(minutes=minutes))
    store.license_seats.check_in(**key, holder="ann")
    three = change(store, license_, seats=3)
    assert (three.seats, three.row_version) == (3, 2)
    assert seats_taken(store, license_) == 3
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "ann")
    one = change(store, three, seats=1)
    for holder, left in (("bob", False), ("eve", False), ("mia", True)):
        renewed = store.license_seats.renew(**key, holder=holder)
        assert (renewed is not None) is left, holder
    four = change(store, one, seats=4)
    numbers = {check_out(store, license_, name).seat_number for name in "abc"}
    assert len(numbers) == 3
    with pytest.raises(LimitReachedError):
        check_out(store, license_, "d")
    none = change(store, four, seats=0)
    assert (none.seats, seats_taken(store, license_)) == (0, 0)


def test_an_earlier_end_shortens_running_leases(store: Store, clock: Clock) -> None:
    license_ = new(store, seats=2)
    check_out(store, license_, "ann", lease=5 * HOUR)
    check_out(store, license_, "bob", lease=HOUR / 2)
    shorter = change(store, license_, valid_until=NOW + HOUR, grace=HOUR)
    assert seats_taken(store, shorter) == 2
    clock.advance(HOUR)
    assert seats_taken(store, shorter) == 1
    clock.advance(HOUR)
    assert seats_taken(store, shorter) == 0
    # A licence with a later end leases seats again.
    longer = change(store, shorter, valid_until=None)
    assert check_out(store, longer, "ann").holder == "ann"


def test_the_number_of_seats_is_right_after_concurrent_changes(
    sync_store: Store, dba: Dba, logins: Logins
) -> None:
    license_ = new(sync_store, seats=9)
    sizes = [3, 8, 1, 6] * 3

    def vendor(store: Store) -> int:
        changed = license_
        for seats in sizes:
            changed = change(store, changed, seats=seats)
        return 0

    def holder(name: str) -> Callable[[Store], int]:
        def run(store: Store) -> int:
            refused = 0
            for number in range(30):
                try:
                    check_out(store, license_, name)
                except LimitReachedError:
                    refused += 1
                if number % 3 == 0:
                    store.license_seats.check_in(**key_of(license_), holder=name)
            return refused

        return run

    race(logins, license_.tenant_id, [vendor, *map(holder, "abcdefgh")])
    row = dba.execute("select count(*) from authority.license_seats").fetchone()
    assert row == (sizes[-1],)
