"""A unit of work leaves its connection clean for the next user, whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.pq import PipelineStatus, TransactionStatus

from authority_queries import Store
from authority_queries.errors import AuthorityError, TenantInactiveError
from tests.factories import make_client, make_tenant, make_token, make_user
from tests.isolation.services import MODES, SyncService, running, settings_for
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

EXPECTED = (psycopg.Error, AuthorityError, ZeroDivisionError, KeyboardInterrupt)
# The result that a session without a tenant reads from a table that is not empty.
LEFT = """
select
    coalesce(current_setting('authority.tenant_id', true), ''),
    current_user::text,
    (select count(*) from authority.users)
"""
STUCK = """
select count(*) from pg_stat_activity
where datname = current_database() and usename = %s and state <> 'idle'
"""


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def authority(service: SyncService, logins: Logins) -> Iterator[Any]:
    settings = settings_for(logins.app, statement_timeout=0.5)
    with service.open(settings) as authority:
        yield authority


@pytest.fixture
def arranged(logins: Logins) -> Iterator[Store]:
    with routed_store(logins) as store:
        yield store


@pytest.fixture
def acme(arranged: Store) -> UUID:
    tenant = make_tenant(arranged, code="acme")
    make_user(arranged, tenant.id, username="taken")
    return tenant.id


def assert_nothing_is_left(
    authority: Any, dba: "psycopg.Connection[Any]", login: str
) -> None:
    with authority._lend() as connection:
        assert connection.autocommit
        assert connection.info.transaction_status == TransactionStatus.IDLE
        assert connection.pgconn.pipeline_status == PipelineStatus.OFF
        left = connection.execute(LEFT).fetchone()
        assert left == ("", "authority_app", 0)
        assert connection.info.transaction_status == TransactionStatus.IDLE
    assert dba.execute(STUCK, (login,)).fetchone() == (0,)


def create(store: Any, tenant_id: UUID, name: Any = "ann") -> None:
    store.users.create(tenant_id=tenant_id, username=name)


def terminate(store: Any, tenant_id: UUID) -> None:
    """End the server's side of the connection, as a restart does."""
    create(store, tenant_id)
    info = store.connection.info
    with psycopg.connect(info.dsn, password=info.password) as other:
        other.execute("select pg_terminate_backend(%s)", (info.backend_pid,))
    create(store, tenant_id, "bob")


def fail_in_pipeline(store: Any, tenant_id: UUID) -> None:
    with store.connection.pipeline():
        create(store, tenant_id)
        store.connection.execute("select 1 / 0")
        create(store, tenant_id, "bob")


def fail_in_savepoint(store: Any, tenant_id: UUID) -> None:
    with store.connection.transaction():
        create(store, tenant_id, "taken")


def fail_unawaited(store: Any, tenant_id: UUID) -> None:
    store.connection.execute("select 1 / 0")
    raise ZeroDivisionError


def fail_after(store: Any, tenant_id: UUID) -> None:
    create(store, tenant_id)
    raise KeyboardInterrupt


def give_up(store: Any, tenant_id: UUID) -> None:
    with suppress(AuthorityError):
        create(store, tenant_id, "taken")


def begin_by_hand(store: Any, tenant_id: UUID) -> None:
    create(store, tenant_id)
    with suppress(psycopg.Error):
        store.connection.execute("begin")
    raise ZeroDivisionError


ENDS: dict[str, Callable[[Any, UUID], object]] = {
    "well": create,
    "without a call": lambda store, _: None,
    "raw": lambda store, _: store.connection.execute(LEFT).fetchall(),
    "duplicate": lambda store, tenant: create(store, tenant, "taken"),
    "duplicate, caught": give_up,
    "unsendable": lambda store, tenant: create(store, tenant, object()),
    "another tenant": lambda store, _: create(store, uuid4()),
    "interrupted": fail_after,
    "in a savepoint": fail_in_savepoint,
    "in a pipeline": fail_in_pipeline,
    "not awaited": fail_unawaited,
    "transaction by hand": begin_by_hand,
    "statement timeout": lambda store, _: store.connection.execute(
        "select pg_sleep(60)"
    ).fetchall(),
    "terminated": terminate,
}


@MODES
@pytest.mark.parametrize("end", ENDS)
def test_a_unit_leaves_nothing_in_the_pool_when_it_ends(
    *,
    authority: Any,
    acme: UUID,
    end: str,
    mode: dict[str, bool],
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
) -> None:
    for _ in range(3):
        with suppress(*EXPECTED), authority.tenant(acme, **mode) as store:
            ENDS[end](store, acme)
        assert_nothing_is_left(authority, dba, login_names["app"])
        dba.execute("delete from authority.users where username in ('ann', 'bob')")
    with authority.tenant(acme) as store:
        assert len(store.users.list(tenant_id=acme).items) == 1


@MODES
def test_a_refused_tenant_leaves_nothing_in_the_pool(
    *,
    authority: Any,
    acme: UUID,
    mode: dict[str, bool],
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(50):
        unknown = uuid4()
        with (
            pytest.raises(TenantInactiveError),
            authority.tenant(unknown, **mode) as store,
        ):
            create(store, unknown)
        assert_nothing_is_left(authority, dba, login_names["app"])
    # A refusal needs no warning, and any caller can cause any number of them.
    assert not [line for line in caplog.records if line.name.startswith("psycopg")]


def test_a_verification_and_a_look_up_leave_nothing_in_the_pool(
    authority: Any,
    acme: UUID,
    arranged: Store,
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
) -> None:
    minted, _ = make_token(arranged, make_client(arranged, acme))
    assert authority.verify_token(minted.token) is not None
    assert_nothing_is_left(authority, dba, login_names["app"])
    arranged.tenants.suspend(tenant_id=acme)
    assert authority.verify_token(minted.token) is None
    assert_nothing_is_left(authority, dba, login_names["app"])
    assert authority.find_tenant("acme") == acme
    assert authority.find_tenant("unknown") is None
    assert_nothing_is_left(authority, dba, login_names["app"])


def test_a_borrower_who_leaves_autocommit_does_not_spoil_the_pool(
    authority: Any,
    acme: UUID,
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
) -> None:
    with authority.tenant(acme, autocommit=True) as store:
        create(store, acme)
        store.connection.set_autocommit(False)
    assert_nothing_is_left(authority, dba, login_names["app"])
    with authority.tenant(acme) as store:
        assert len(store.users.list(tenant_id=acme).items) == 2


def test_a_lock_timeout_leaves_nothing_in_the_pool(
    authority: Any,
    acme: UUID,
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
    logins: Logins,
) -> None:
    with psycopg.connect(logins.dba) as holder:
        holder.execute("lock table authority.users in access exclusive mode")
        with (
            pytest.raises(psycopg.errors.QueryCanceled),
            authority.tenant(acme) as store,
        ):
            create(store, acme)
        holder.rollback()
    assert_nothing_is_left(authority, dba, login_names["app"])
