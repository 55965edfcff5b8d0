from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
)
from authority_queries.queries import revocations as queries
from authority_queries.records import (
    Revocation,
)
from authority_queries.testing import Clock
from tests.factories import HOUR, make_tenant
from tests.refusals import refusal_of
from tests.repositories.paging import pages_of
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]
NOW = datetime.now(UTC)
NAIVE = datetime(2030, 1, 1)


def publish(store: Store, tenant_id: UUID, **fields: Any) -> Revocation:
    entry: Fields = {"category": "key", "target": "a-kid", "reason": "stolen"}
    return store.revocations.publish(tenant_id=tenant_id, **{**entry, **fields})


def sequences(store: Store, tenant_id: UUID, **follower: Any) -> list[int]:
    entries = store.revocations.list_since(tenant_id=tenant_id, **follower)
    return [entry.sequence for entry in entries]


def active(store: Store, tenant_id: UUID, **filters: Any) -> list[int]:
    entries = store.revocations.list_active(tenant_id=tenant_id, **filters).items
    return [entry.sequence for entry in entries]


def test_a_published_entry_is_in_the_feed_as_given(store: Store) -> None:
    tenant = make_tenant(store)
    entry = publish(
        store,
        tenant.id,
        category="key",
        target="kid-1",
        reason="rotated out",
        properties={"by": ["ops", None]},
        effective_at=NOW - HOUR,
        expires_at=NOW + HOUR,
    )
    assert (entry.tenant_id, entry.sequence) == (tenant.id, 1)
    assert (entry.category, entry.target) == ("key", "kid-1")
    assert (entry.reason, entry.properties) == ("rotated out", {"by": ["ops", None]})
    assert (entry.effective_at, entry.expires_at) == (NOW - HOUR, NOW + HOUR)
    assert store.revocations.list_since(tenant_id=tenant.id) == [entry]


def test_an_entry_is_effective_at_once_and_without_end_by_default(store: Store) -> None:
    entry = publish(store, make_tenant(store).id)
    assert (entry.effective_at, entry.expires_at) == (entry.created_at, None)
    assert active(store, entry.tenant_id) == [1]


def test_each_tenants_sequence_starts_at_1(store: Store) -> None:
    first, second = (make_tenant(store).id for _ in range(2))
    published = [publish(store, id_).sequence for id_ in (first, first, second, first)]
    assert published == [1, 2, 1, 3]
    assert sequences(store, first) == [1, 2, 3]
    assert sequences(store, second) == [1]


def test_a_rolled_back_publication_leaves_no_gap(store: Store, logins: Logins) -> None:
    tenant = make_tenant(store)
    publish(store, tenant.id)
    with psycopg.connect(logins.app_for(tenant.id)) as connection:
        assert publish(Store(connection), tenant.id).sequence == 2
        connection.rollback()
    assert publish(store, tenant.id).sequence == 2
    with pytest.raises(InvalidValueError):
        publish(store, tenant.id, effective_at=NOW, expires_at=NOW)
    assert publish(store, tenant.id).sequence == 3
    assert sequences(store, tenant.id) == [1, 2, 3]


def test_a_follower_resumes_after_its_last_entry(store: Store) -> None:
    tenant = make_tenant(store)
    for _ in range(5):
        publish(store, tenant.id)
    assert sequences(store, tenant.id, page_size=2) == [1, 2]
    assert sequences(store, tenant.id, sequence=2, page_size=2) == [3, 4]
    assert sequences(store, tenant.id, sequence=4, page_size=2) == [5]
    assert sequences(store, tenant.id, sequence=5) == []


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_has_1_to_1000_entries(store: Store, limit: int) -> None:
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        sequences(store, uuid4(), page_size=limit)
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        active(store, uuid4(), page_size=limit)


def test_entries_in_force_are_filtered_by_category_and_target(store: Store) -> None:
    tenant = make_tenant(store)
    publish(store, tenant.id, category="key", target="a")
    publish(store, tenant.id, category="subject", target="a")
    publish(store, tenant.id, category="subject", target="b")
    assert active(store, tenant.id) == [1, 2, 3]
    assert active(store, tenant.id, category="subject") == [2, 3]
    assert active(store, tenant.id, target="a") == [1, 2]
    assert active(store, tenant.id, category="subject", target="a") == [2]
    assert active(store, tenant.id, category="client") == []
    pages = pages_of(store.revocations.list_active, tenant_id=tenant.id, page_size=2)
    assert [[each.sequence for each in page] for page in pages] == [[1, 2], [3]]


def test_entries_not_yet_or_no_longer_in_force_are_not_active(store: Store) -> None:
    tenant = make_tenant(store)
    past: Fields = {"effective_at": NOW - 2 * HOUR}
    publish(store, tenant.id, effective_at=NOW + HOUR)
    publish(store, tenant.id, **past, expires_at=NOW - HOUR)
    publish(store, tenant.id, **past, expires_at=NOW + HOUR)
    publish(store, tenant.id, **past)
    assert active(store, tenant.id) == [3, 4]
    assert sequences(store, tenant.id) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"category": "weather"}, "category"),
        ({"target": ""}, "target"),
        ({"effective_at": NOW, "expires_at": NOW}, "expires_at"),
        ({"expires_at": NOW - HOUR}, "expires_at"),
        ({"category": "token"}, "expires_at"),
        ({"category": "authorization"}, "expires_at"),
    ],
)
def test_a_value_outside_its_column_is_refused(
    store: Store, fields: Fields, argument: str
) -> None:
    tenant = make_tenant(store)
    with refusal_of(argument):
        publish(store, tenant.id, **fields)
    assert sequences(store, tenant.id) == []


@pytest.mark.parametrize("field", ["effective_at", "expires_at"])
def test_a_datetime_without_a_time_zone_is_refused(store: Store, field: str) -> None:
    moment: Fields = {field: NAIVE}
    with pytest.raises(InvalidArgumentError, match=f"{field} must have a time zone"):
        publish(store, uuid4(), **moment)


def test_an_unknown_tenant_has_no_feed(store: Store) -> None:
    with pytest.raises(MissingReferenceError):
        publish(store, uuid4())
    assert sequences(store, uuid4()) == []


def test_another_tenant_cannot_read_an_entry(store: Store) -> None:
    here, there = (make_tenant(store).id for _ in range(2))
    publish(store, here)
    assert sequences(store, there) == []
    assert active(store, there, target="a-kid") == []


def test_expired_entries_are_pruned_in_batches_and_the_rest_is_kept(
    store: Store, dba: Dba
) -> None:
    tenant = make_tenant(store)
    start = NOW - timedelta(days=1)
    for hours in (3, 2, 1, -1):
        expiry: Fields = {"expires_at": NOW - hours * HOUR}
        publish(store, tenant.id, effective_at=start, **expiry)
    publish(store, tenant.id)
    assert store.revocations.prune_expired(older_than=4 * HOUR) == 0
    assert store.revocations.prune_expired(older_than=3 * HOUR) == 1
    assert store.revocations.prune_expired(batch_size=1) == 1
    assert sequences(store, tenant.id) == [3, 4, 5]
    with dba.transaction():
        dba.execute("select from authority.revocations for update")
        assert store.revocations.prune_expired() == 0
    assert store.revocations.prune_expired() == 1
    assert sequences(store, tenant.id) == [4, 5]


def test_the_position_is_that_of_the_newest_entry_pruned_or_not(store: Store) -> None:
    here, there = (make_tenant(store).id for _ in range(2))

    def position(tenant_id: UUID) -> int:
        return store.revocations.get_position(tenant_id=tenant_id)

    assert position(here) == 0
    past: Fields = {"effective_at": NOW - 2 * HOUR, "expires_at": NOW - HOUR}
    for _ in range(2):
        publish(store, here, **past)
    assert (position(here), position(there)) == (2, 0)
    assert store.revocations.prune_expired() == 2
    assert position(here) == 2


def test_a_publication_notifies_only_its_tenant_at_the_commit(
    store: Store, logins: Logins
) -> None:
    tenant = make_tenant(store)
    with (
        psycopg.connect(logins.app, autocommit=True) as listener,
        psycopg.connect(logins.app_for(tenant.id)) as publisher,
    ):
        queries.listen(listener)
        publish(Store(publisher), tenant.id)
        publish(Store(publisher), tenant.id)
        assert not [*listener.notifies(timeout=0)]
        publisher.commit()
        publish(Store(publisher), tenant.id)
        publisher.rollback()
        publish(store, tenant.id, hint=False)
        publish(store, tenant.id)
        heard = [*listener.notifies(timeout=60, stop_after=2)]
        heard += listener.notifies(timeout=0)
    assert [(each.channel, each.payload) for each in heard] == [
        ("authority_revocations", str(tenant.id))
    ] * 2


def test_a_sequence_number_is_never_reused_even_after_pruning(store: Store) -> None:
    tenant = make_tenant(store)
    past: Fields = {"effective_at": NOW - 2 * HOUR, "expires_at": NOW - HOUR}
    publish(store, tenant.id, **past)
    assert store.revocations.prune_expired() == 1
    assert publish(store, tenant.id).sequence == 2


def test_an_entry_without_an_end_is_pruned_when_a_later_one_replaces_it(
    store: Store, clock: Clock
) -> None:
    here, there = (make_tenant(store).id for _ in range(2))
    publish(store, here)
    publish(store, here, effective_at=NOW + 5 * HOUR)  # not in force yet
    publish(store, here, effective_at=NOW - HOUR)  # refuses fewer tokens than the first
    publish(store, here, target="another")
    publish(store, here, category="client")
    publish(store, here, expires_at=NOW + 9 * HOUR)
    publish(store, there)
    prune = store.revocations.prune_superseded
    assert prune() == 0
    last = publish(store, here)
    publish(store, here)
    clock.advance(HOUR)
    assert prune(older_than=2 * HOUR) == 0
    assert prune(batch_size=2) == 2
    assert prune(batch_size=2) == 1
    assert prune() == 0
    assert sequences(store, here) == [2, 4, 5, 6, 8]
    assert active(store, here) == [4, 5, 6, 8]
    clock.advance(5 * HOUR)
    assert prune() == 0  # the second one is in force already
    publish(store, here, effective_at=last.effective_at + 9 * HOUR)
    assert prune() == 0
    clock.advance(9 * HOUR)
    assert prune() == 2
    assert active(store, here) == [4, 5, 9]
