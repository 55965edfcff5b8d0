from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import InvalidArgumentError, InvalidValueError
from authority_queries.testing import Clock
from tests.factories import make_tenant
from tests.refusals import refusal_of
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def now() -> datetime:
    return datetime.now(UTC)  # when the test runs, not when it is collected


def use(store: Store, tenant_id: UUID, **fields: Any) -> bool:
    assertion = {
        "kind": "client_assertion",
        "issuer": "app",
        "jti": "a-jti",
        "expires_at": now() + MINUTE,
    }
    return store.used_jtis.use(tenant_id=tenant_id, **{**assertion, **fields})


def rows(dba: Dba) -> int:
    return len(dba.execute("select from authority.used_jtis").fetchall())


def test_a_jti_is_used_once(store: Store) -> None:
    tenant_id = make_tenant(store).id
    assert use(store, tenant_id) is True
    assert use(store, tenant_id) is False
    assert use(store, tenant_id, expires_at=now() + DAY / 2) is False


def test_a_jti_is_unique_per_tenant_kind_and_issuer(store: Store) -> None:
    tenant_id = make_tenant(store).id
    proof = {"kind": "dpop_proof", "issuer": THUMBPRINT}
    fields: list[dict[str, Any]] = [
        {},
        {"issuer": "App"},
        {"issuer": THUMBPRINT},
        {"jti": "A-jti"},
        {"jti": ""},
        {"jti": "x" * 1_000_000},
        {"jti": "a\0b"},
        {"jti": "\ud800"},
        proof,
        {**proof, "issuer": THUMBPRINT[::-1]},
        {**proof, "jti": "A-jti"},
    ]
    assert all(use(store, tenant_id, **each) for each in fields)
    assert not any(use(store, tenant_id, **each) for each in fields)
    assert use(store, make_tenant(store).id)


def test_an_assertion_is_accepted_once_and_never_again(
    store: Store, clock: Clock, dba: Dba
) -> None:
    tenant_id = make_tenant(store).id
    end = now() + MINUTE
    assert use(store, tenant_id, expires_at=end)
    for _ in range(20):
        clock.advance(timedelta(seconds=30))
        store.used_jtis.prune_expired()
        assert not use(store, tenant_id, expires_at=end)
    assert rows(dba) == 0


def test_an_assertion_past_its_end_is_not_accepted(store: Store, dba: Dba) -> None:
    tenant_id = make_tenant(store).id
    for end in (now() - MINUTE, now() - 1000 * DAY, datetime(1900, 1, 1, tzinfo=UTC)):
        assert not use(store, tenant_id, expires_at=end)
    assert rows(dba) == 0


@pytest.mark.parametrize("is_pruned", [True, False])
def test_after_its_end_a_jti_may_be_used_again(
    store: Store, clock: Clock, *, is_pruned: bool
) -> None:
    tenant_id = make_tenant(store).id
    assert use(store, tenant_id)
    clock.advance(10 * MINUTE)
    if is_pruned:
        assert store.used_jtis.prune_expired() == 1
    end = now() + 11 * MINUTE
    assert use(store, tenant_id, expires_at=end)
    assert not use(store, tenant_id, expires_at=end)
    assert not use(store, tenant_id, expires_at=end + MINUTE)


def test_an_end_more_than_a_day_away_is_refused(store: Store, dba: Dba) -> None:
    tenant_id = make_tenant(store).id
    assert use(store, tenant_id, expires_at=now() + DAY - MINUTE)
    for end in (now() + DAY + 5 * MINUTE, datetime(8999, 1, 1, tzinfo=UTC)):
        for jti in ("a-jti", "another"):
            with pytest.raises(InvalidValueError, match="used_jtis_expires_at_check"):
                use(store, tenant_id, jti=jti, expires_at=end)
    assert rows(dba) == 1


def test_a_datetime_without_a_time_zone_is_refused(store: Store) -> None:
    with pytest.raises(InvalidArgumentError, match="expires_at must have a time zone"):
        use(store, uuid4(), expires_at=datetime(2030, 1, 1))


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"issuer": ""}, "issuer"),
        ({"issuer": "x" * 256}, "issuer"),
        ({"issuer": "é"}, "issuer"),
        ({"kind": "dpop_proof"}, "kind"),
        ({"kind": "id_token"}, "kind"),
        ({"jti": None}, "jti"),
    ],
)
def test_an_invalid_issuer_is_refused(
    store: Store, fields: dict[str, Any], argument: str
) -> None:
    tenant_id = make_tenant(store).id
    with refusal_of(argument):
        use(store, tenant_id, **fields)


def test_an_unknown_tenant_cannot_use_a_jti(store: Store, dba: Dba) -> None:
    assert not use(store, uuid4())
    assert rows(dba) == 0


def test_a_rolled_back_use_leaves_the_jti_free(store: Store, logins: Logins) -> None:
    tenant_id = make_tenant(store).id
    with psycopg.connect(logins.app_for(tenant_id)) as connection:
        assert use(Store(connection), tenant_id)
        assert not use(Store(connection), tenant_id)
        connection.rollback()
    assert use(store, tenant_id)


def test_jtis_are_pruned_five_minutes_after_their_end(
    store: Store, dba: Dba, clock: Clock
) -> None:
    tenant_id = make_tenant(store).id
    for jti in "abc":
        use(store, tenant_id, jti=jti)
    use(store, tenant_id, jti="d", expires_at=now() + DAY / 2)
    clock.advance(5 * MINUTE)
    assert store.used_jtis.prune_expired() == 0
    clock.advance(2 * MINUTE)
    with dba.transaction():
        dba.execute("select from authority.used_jtis for update")
        assert store.used_jtis.prune_expired() == 0
    assert store.used_jtis.prune_expired(batch_size=2) == 2
    assert store.used_jtis.prune_expired(batch_size=2) == 1
    assert rows(dba) == 1
