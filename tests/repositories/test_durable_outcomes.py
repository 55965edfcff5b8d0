"""A redemption commits separately: a rollback of the caller does not undo it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from psycopg.pq import TransactionStatus

from authority_queries import Store
from authority_queries.errors import OpenTransactionError
from authority_queries.records import Redemption
from tests.isolation.services import SyncService, running
from tests.repositories.grant_helpers import (
    Grant,
    count,
    family_of,
    is_alive,
    make_grant,
    redeem_code,
    refresh,
)
from tests.repositories.token_helpers import Dba
from tests.stores import Logins, routed_store

Call = Callable[[Any, Grant], Redemption]
CALLS: dict[str, Call] = {
    "redemptions.redeem_code": lambda store, grant: redeem_code(
        store, grant, grant.code
    ),
    "redemptions.refresh": lambda store, grant: refresh(store, grant, grant.refresh),
}
EACH = pytest.mark.parametrize("name", CALLS)


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def arranged(logins: Logins) -> Iterator[Store]:
    with routed_store(logins) as store:
        yield store


@contextmanager
def a_transaction(
    service: SyncService, logins: Logins, tenant_id: UUID
) -> Iterator[Any]:
    with service.connect(logins.app_for(tenant_id), autocommit=False) as connection:
        connection.execute("select 'before'")
        yield service.store(connection)
        assert connection.info.transaction_status == TransactionStatus.INTRANS


@contextmanager
def a_transaction_to_be(
    service: SyncService, logins: Logins, tenant_id: UUID
) -> Iterator[Any]:
    with service.connect(logins.app_for(tenant_id), autocommit=False) as connection:
        yield service.store(connection)
        assert connection.info.transaction_status == TransactionStatus.IDLE


@contextmanager
def a_transaction_block(
    service: SyncService, logins: Logins, tenant_id: UUID
) -> Iterator[Any]:
    with (
        service.connect(logins.app_for(tenant_id)) as connection,
        connection.transaction(),
    ):
        yield service.store(connection)


@contextmanager
def a_transaction_by_hand(
    service: SyncService, logins: Logins, tenant_id: UUID
) -> Iterator[Any]:
    with service.connect(logins.app_for(tenant_id)) as connection:
        connection.execute("begin")
        yield service.store(connection)


@contextmanager
def a_pipeline(service: SyncService, logins: Logins, tenant_id: UUID) -> Iterator[Any]:
    with (
        service.connect(logins.app_for(tenant_id)) as connection,
        connection.pipeline(),
    ):
        yield service.store(connection)


@contextmanager
def a_unit(service: SyncService, logins: Logins, tenant_id: UUID) -> Iterator[Any]:
    with (
        service.connect(logins.app) as connection,
        service.unit(connection, tenant_id) as store,
    ):
        yield store


@contextmanager
def a_used_unit(service: SyncService, logins: Logins, tenant_id: UUID) -> Iterator[Any]:
    with a_unit(service, logins, tenant_id) as store:
        assert store.users.list(tenant_id=tenant_id)
        yield store


@contextmanager
def a_block_in_a_unit(
    service: SyncService, logins: Logins, tenant_id: UUID
) -> Iterator[Any]:
    with (
        service.connect(logins.app) as connection,
        service.unit(connection, tenant_id, autocommit=True) as store,
        store.connection.transaction(),
    ):
        yield store


def last_statements(dba: Dba) -> str:
    """Return the last statement of each connection to the database."""
    sent = dba.execute(
        "select query from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    return "\n".join(text for (text,) in sent)


@EACH
@pytest.mark.parametrize(
    "opened",
    [
        a_transaction,
        a_transaction_to_be,
        a_transaction_block,
        a_transaction_by_hand,
        a_pipeline,
        a_unit,
        a_used_unit,
        a_block_in_a_unit,
    ],
)
def test_a_redemption_in_a_transaction_is_refused_before_anything_is_sent(
    service: SyncService,
    logins: Logins,
    dba: Dba,
    *,
    arranged: Store,
    name: str,
    opened: Callable[..., Any],
) -> None:
    grant = make_grant(arranged)
    assert is_alive(arranged, grant.refresh)
    before = count(dba, "tokens")
    with opened(service, logins, grant.tenant_id) as store:
        with pytest.raises(OpenTransactionError, match=rf"^{name}: .*autocommit=True"):
            CALLS[name](store, grant)
        assert "/* redemptions.redeem */" not in last_statements(dba)
    assert count(dba, "tokens") == before
    assert is_alive(arranged, grant.refresh)
    assert family_of(arranged, grant.refresh).revoked_at is None


@EACH
def test_a_redemption_works_in_a_unit_in_autocommit(
    service: SyncService, logins: Logins, dba: Dba, arranged: Store, name: str
) -> None:
    grant = make_grant(arranged)
    with (
        service.connect(logins.app) as connection,
        service.unit(connection, grant.tenant_id, autocommit=True) as store,
    ):
        outcome = CALLS[name](store, grant).outcome
        assert "/* tenants.commit */" in last_statements(dba)
    assert outcome == ("redeemed" if name.endswith("refresh") else "reused")


def test_reuse_stands_when_the_caller_fails_afterwards(
    service: SyncService, logins: Logins, arranged: Store
) -> None:
    grant = make_grant(arranged)

    def fail() -> None:
        with (
            service.connect(logins.app) as connection,
            service.unit(connection, grant.tenant_id, autocommit=True) as store,
        ):
            assert CALLS["redemptions.redeem_code"](store, grant).outcome == "reused"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert family_of(arranged, grant.code).revocation_reason == "token_reuse"
    assert not is_alive(arranged, grant.access)
