from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from authority_queries import Store
from authority_queries.records import LogoutNotice, Session
from authority_queries.testing import Clock
from tests.factories import HOUR, MINUTE, make_session, make_tenant, make_user
from tests.refusals import refusal_of
from tests.repositories.paging import pages_of
from tests.repositories.session_helpers import Dba, use_client

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def queue(store: Store, dba: Dba, clients: int = 1) -> Session:
    """End a session that notifies this many clients."""
    _, session = make_session(store, make_user(store, make_tenant(store).id))
    for _ in range(clients):
        use_client(store, dba, session)
    ended = store.sessions.end(
        tenant_id=session.tenant_id, session_id=session.id, reason="signed_out"
    )
    assert ended is not None
    assert ended.notices == clients
    return session


def claim(store: Store, session: Session, **fields: Any) -> Sequence[LogoutNotice]:
    return store.logout_notices.claim(tenant_id=session.tenant_id, **fields)


def fail(store: Store, notice: LogoutNotice, **fields: Any) -> Any:
    return store.logout_notices.record_failure(
        tenant_id=notice.tenant_id,
        notice_id=notice.id,
        **{"attempts": notice.attempts, "error": "503", **fields},
    )


def test_a_notice_is_claimed_by_one_worker_and_delivered_once(
    store: Store, dba: Dba
) -> None:
    session = queue(store, dba, clients=3)
    first = claim(store, session, batch_size=2)
    second = claim(store, session)
    assert len(first) == 2
    assert len({notice.id for notice in [*first, *second]}) == 3
    assert claim(store, session) == []
    record = store.logout_notices.record_delivery
    for notice in [*first, *second]:
        assert notice.attempts == 1
        assert record(tenant_id=notice.tenant_id, notice_id=notice.id)
        assert not record(tenant_id=notice.tenant_id, notice_id=notice.id)
    listed = store.logout_notices.list(tenant_id=session.tenant_id).items
    assert [one.status for one in listed] == ["delivered"] * 3
    tenant: dict[str, Any] = {"tenant_id": session.tenant_id}
    assert store.logout_notices.list(**tenant, status="waiting").items == []
    pages = pages_of(store.logout_notices.list, **tenant, page_size=1)
    assert pages == [[each] for each in listed]


def test_a_notice_of_a_killed_worker_comes_back_after_its_lease(
    store: Store, dba: Dba, clock: Clock
) -> None:
    session = queue(store, dba)
    (dead,) = claim(store, session, lease=MINUTE)
    clock.advance(59 * SECOND)
    assert claim(store, session) == []
    clock.advance(SECOND)
    (again,) = claim(store, session)
    assert (again.id, again.attempts) == (dead.id, 2)
    # The first worker was only slow: its failure is not recorded, its success is.
    assert fail(store, dead) is None
    assert store.logout_notices.record_delivery(
        tenant_id=dead.tenant_id, notice_id=dead.id
    )
    assert fail(store, again) is None
    clock.advance(HOUR)
    assert claim(store, session) == []


def test_a_failed_notice_waits_ever_longer_and_is_given_up(
    store: Store, dba: Dba, clock: Clock
) -> None:
    session = queue(store, dba)
    longest = 10 * SECOND
    for attempt in range(1, 12):
        (notice,) = claim(store, session, most_attempts=11)
        assert notice.attempts == attempt
        clock.freeze(notice.next_attempt_at - MINUTE)
        failure = fail(store, notice, longest_pause=5 * MINUTE, most_attempts=11)
        if attempt == 11:
            assert failure.status == "given_up"
            break
        pause = failure.next_attempt_at - (notice.next_attempt_at - MINUTE)
        assert longest / 2 <= pause <= longest
        longest = min(2 * longest, 5 * MINUTE)
        clock.freeze(failure.next_attempt_at - timedelta(microseconds=1))
        assert claim(store, session) == []
        clock.freeze(failure.next_attempt_at)
    (record,) = store.logout_notices.list(
        tenant_id=session.tenant_id, status="given_up"
    ).items
    assert (record.attempts, record.last_error) == (11, "503")
    assert record.finished_at is not None
    clock.advance(HOUR)
    assert claim(store, session) == []


def test_pauses_differ(store: Store, dba: Dba) -> None:
    session = queue(store, dba, clients=10)
    failures = {
        fail(store, notice).next_attempt_at - notice.next_attempt_at
        for notice in claim(store, session)
    }
    # Each differs by far more than the statements take.
    assert max(failures) - min(failures) > SECOND


@pytest.mark.parametrize("why", ["killed", "expired", "no uri"])
def test_a_notice_that_nobody_can_send_is_given_up(
    store: Store, dba: Dba, clock: Clock, why: str
) -> None:
    session = queue(store, dba)
    if why == "killed":
        assert len(claim(store, session, most_attempts=1)) == 1
        clock.advance(HOUR)
    elif why == "expired":
        clock.advance(DAY)
    else:
        dba.execute("update authority.clients set backchannel_logout_uri = null")
    assert claim(store, session, most_attempts=1) == []
    (record,) = store.logout_notices.list(
        tenant_id=session.tenant_id, status="given_up"
    ).items
    assert (
        record.last_error
        == {
            "killed": "the last worker has not reported",
            "expired": "the notice has expired",
            "no uri": "the client has no backchannel_logout_uri",
        }[why]
    )


def test_a_worker_of_all_tenants_finds_those_with_notices(
    store: Store, dba: Dba, clock: Clock
) -> None:
    first, second = queue(store, dba, clients=2), queue(store, dba)
    both = sorted([first.tenant_id, second.tenant_id])
    assert store.logout_notices.list_tenants() == both
    assert store.logout_notices.list_tenants(page_size=1) == both[:1]
    assert len(claim(store, first)) == 2
    assert store.logout_notices.list_tenants() == [second.tenant_id]
    clock.advance(HOUR)
    assert store.logout_notices.list_tenants() == both


def test_a_notice_goes_with_its_client_and_is_pruned_after_its_end(
    store: Store, dba: Dba, clock: Clock
) -> None:
    session = queue(store, dba, clients=2)
    gone, _ = claim(store, session)
    assert store.clients.delete(
        tenant_id=session.tenant_id, client_uuid=gone.client_uuid
    )
    clock.advance(DAY - MINUTE)
    assert store.logout_notices.prune_expired() == 0
    clock.advance(2 * MINUTE)
    assert store.logout_notices.prune_expired(older_than=HOUR) == 0
    assert store.logout_notices.prune_expired() == 1


def test_a_value_out_of_range_is_refused(store: Store, dba: Dba) -> None:
    session = queue(store, dba)
    of_claims: list[tuple[str, object]] = [
        ("lease", timedelta(0)),
        ("most_attempts", 0),
        ("most_attempts", 101),
        ("batch_size", 0),
    ]
    for field, value in of_claims:
        with refusal_of(field):
            claim(store, session, **{field: value})
    (notice,) = claim(store, session)
    of_failures: list[tuple[str, object]] = [
        ("first_pause", timedelta(0)),
        ("longest_pause", timedelta(0)),
        ("error", None),
    ]
    for field, value in of_failures:
        with refusal_of(field):
            fail(store, notice, **{field: value})
    assert fail(store, notice, error="e" * 5000).status == "waiting"
