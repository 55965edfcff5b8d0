"""What a redemption decides stands, whatever its caller does: it commits by itself."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from authority_queries import Store
from authority_queries.errors import OpenTransactionError
from authority_queries.records import Redemption
from tests.factories import MINUTE, new_token
from tests.isolation.services import SyncService, running
from tests.repositories.grant_helpers import (
    DAY,
    Grant,
    count,
    family_of,
    is_alive,
    make_grant,
    redeem_code,
    redeem_uncommitted,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import Dba, Fields
from tests.stores import Logins, routed_store

Call = Callable[[Any, Grant], Redemption]
CALLS: dict[str, Call] = {
    "grants.redeem_code": lambda store, grant: redeem_code(store, grant, grant.code),
    "grants.refresh": lambda store, grant: refresh(store, grant, grant.refresh),
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
    """Give what each connection to the database has sent last."""
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
def test_inside_a_transaction_it_is_refused_before_anything_is_sent(
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
        assert "/* grants.redeem */" not in last_statements(dba)
    assert count(dba, "tokens") == before
    assert is_alive(arranged, grant.refresh)
    assert family_of(arranged, grant.refresh).revoked_at is None


@EACH
def test_it_works_in_a_unit_in_autocommit(
    service: SyncService, logins: Logins, dba: Dba, arranged: Store, name: str
) -> None:
    grant = make_grant(arranged)
    with (
        service.connect(logins.app) as connection,
        service.unit(connection, grant.tenant_id, autocommit=True) as store,
    ):
        outcome = CALLS[name](store, grant).outcome
        assert "/* grants.redeem */" in last_statements(dba)
    assert outcome == {"redeem_code": "reused", "refresh": "redeemed"}[name[7:]]


def test_reuse_stands_when_the_caller_fails_afterwards(
    service: SyncService, logins: Logins, arranged: Store
) -> None:
    grant = make_grant(arranged)

    def fail() -> None:
        with (
            service.connect(logins.app) as connection,
            service.unit(connection, grant.tenant_id, autocommit=True) as store,
        ):
            assert CALLS["grants.redeem_code"](store, grant).outcome == "reused"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert family_of(arranged, grant.code).revocation_reason == "token_reuse"
    assert not is_alive(arranged, grant.access)


def _end_when_awaited(
    dba: Dba, first: "psycopg.Connection[Any]", *, commits: bool
) -> None:
    """End the transaction as soon as another one waits for it."""
    deadline = monotonic() + 60
    while not dba.execute("select from pg_locks where not granted").fetchall():
        assert monotonic() < deadline, "nobody waits"
    (first.commit if commits else first.rollback)()


@pytest.mark.parametrize(
    ("is_retry", "leeway", "commits", "outcome"),
    [
        (True, timedelta(0), True, "already_redeemed"),
        (True, MINUTE, True, "already_redeemed"),
        (False, MINUTE, True, "recently_redeemed"),
        (False, timedelta(0), True, "reused"),
        (True, timedelta(0), False, "redeemed"),
        (False, timedelta(0), False, "redeemed"),
    ],
)
def test_who_comes_while_another_request_is_running_is_told_its_end(
    store: Store,
    dba: Dba,
    logins: Logins,
    *,
    is_retry: bool,
    leeway: timedelta,
    commits: bool,
    outcome: str,
) -> None:
    grant, request = make_grant(store), uuid4()
    minted = grant.mint("refresh")
    mine = grant.mint("refresh")
    arguments: Fields = {
        "redemption_id": request if is_retry else uuid4(),
        "leeway": leeway,
        "refresh_token": new_token(mine, DAY),
    }
    with (
        psycopg.connect(logins.app_for(grant.tenant_id)) as connection,
        ThreadPoolExecutor(1) as threads,
    ):
        first = redeem_uncommitted(
            connection,
            grant.refresh,
            type="refresh",
            client_id=grant.client.client_id,
            redemption_id=request,
            refresh_token_hash=minted.hash,
        )
        assert first.outcome == "redeemed"
        ended = threads.submit(_end_when_awaited, dba, connection, commits=commits)
        second = refresh(store, grant, grant.refresh, **arguments)
        ended.result(timeout=60)
    assert second.outcome == outcome
    if outcome in ("already_redeemed", "recently_redeemed"):
        # It waited, and its snapshot is older than the tokens: it looked again.
        assert second.access_token_id == first.access_token_id
        assert second.refresh_token_id == first.refresh_token_id
        assert second.refresh_expires_at == first.refresh_expires_at
        assert is_alive(store, minted)
    elif outcome == "reused":
        assert second.refresh_token_id is None
        assert not is_alive(store, minted)
    else:
        assert second.refresh_token_id == token_of(store, mine).id
        assert is_alive(store, mine)
    assert count(dba, "tokens") == 5


@pytest.mark.parametrize(
    ("commits", "outcome"), [(True, "invalid"), (False, "redeemed")]
)
def test_who_comes_while_the_family_is_being_revoked_waits_for_it(
    store: Store, dba: Dba, logins: Logins, *, commits: bool, outcome: str
) -> None:
    grant = make_grant(store)
    with (
        psycopg.connect(logins.app_for(grant.tenant_id)) as connection,
        ThreadPoolExecutor(1) as threads,
    ):
        assert Store(connection).authorizations.revoke(
            tenant_id=grant.tenant_id,
            authorization_id=grant.family_id,
            reason="sign-out",
        )
        ended = threads.submit(_end_when_awaited, dba, connection, commits=commits)
        assert refresh(store, grant, grant.refresh).outcome == outcome
        ended.result(timeout=60)
    assert count(dba, "tokens") == (3 if commits else 5)
    assert is_alive(store, grant.access) is not commits
