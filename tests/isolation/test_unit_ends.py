"""Units that the server, a signal or their own silence ends."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from authority_queries import Authority
from authority_queries.errors import TenantInactiveError
from tests.factories import make_tenant
from tests.isolation.services import MODES, SyncService, running, settings_for
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

SQL = """
-- name: create_many(tenant_id, username)*!
insert into authority.users (tenant_id, username, username_key)
values (:tenant_id, :username, :username);

-- name: measure(tenant_id, value)$
select length(:value::text) where :tenant_id::uuid is not null;
"""
# Troubles of PostgreSQL at the commit: it takes a while, or its disk is full.
AT_COMMIT = """
create function public.at_commit() returns trigger language plpgsql as $$
begin
    {}
    return null;
end
$$;
create constraint trigger users_at_commit after insert on authority.users
deferrable initially deferred for each row execute function public.at_commit();
"""
TROUBLE = {
    "53100": psycopg.errors.DiskFull,
    "53200": psycopg.errors.OutOfMemory,
    "54000": psycopg.errors.ProgramLimitExceeded,
    "57014": psycopg.errors.QueryCanceled,
    "58030": psycopg.errors.IoError,
    "XX000": psycopg.errors.InternalError_,
    "40P01": psycopg.errors.DeadlockDetected,
}


class SoftLimitError(Exception):
    """An error that a worker raises in its signal handler, as Celery does."""


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def acme(logins: Logins) -> UUID:
    with routed_store(logins) as store:
        return make_tenant(store, code="acme").id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "queries" / "some.sql"
    path.parent.mkdir()
    path.write_text(SQL)
    return path


def create(store: Any, tenant_id: UUID) -> None:
    store.users.create(tenant_id=tenant_id, username=f"user-{uuid4()}")


@MODES
def test_a_server_error_at_the_commit_is_raised_unchanged(
    service: SyncService,
    logins: Logins,
    acme: UUID,
    mode: dict[str, Any],
    dba: "psycopg.Connection[Any]",
) -> None:
    raising = "raise exception 'trouble' using errcode = tg_argv[0];"
    dba.execute(AT_COMMIT.format(raising).encode())
    processes = set()

    def work(authority: Any) -> None:
        with authority.tenant(acme, **mode) as store:
            processes.add(store.connection.info.backend_pid)
            create(store, acme)

    with service.open(settings_for(logins.app)) as authority:
        for state, kind in TROUBLE.items():
            dba.execute(
                "drop trigger users_at_commit on authority.users; "
                "create constraint trigger users_at_commit after insert on "
                "authority.users deferrable initially deferred for each row "
                f"execute function public.at_commit('{state}')".encode()
            )
            with pytest.raises(kind) as caught:
                work(authority)
            assert caught.value.sqlstate == state
    assert len(processes) == 1
    assert dba.execute("select count(*) from authority.users").fetchone() == (0,)


@MODES
def test_an_error_of_a_signal_handler_is_raised_unchanged(
    logins: Logins,
    acme: UUID,
    mode: dict[str, Any],
    dba: "psycopg.Connection[Any]",
) -> None:
    dba.execute(AT_COMMIT.format("perform pg_sleep(0.1);").encode())

    def give_up(*_: object) -> None:
        raise SoftLimitError

    def work(authority: Authority) -> None:
        with authority.tenant(acme, **mode) as store:
            create(store, acme)

    before = signal.signal(signal.SIGALRM, give_up)
    try:
        with Authority.open(settings_for(logins.app)) as authority:
            for delay in (0.02, 0.04, 0.06):
                signal.setitimer(signal.ITIMER_REAL, delay)
                with pytest.raises(SoftLimitError):
                    work(authority)
            work(authority)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("first", ["call", "batch"])
def test_the_server_ends_a_silent_unit(
    service: SyncService, logins: Logins, acme: UUID, first: str, path: Path
) -> None:
    create_many = service.load(path).batch("create_many")
    uses: dict[str, Callable[[Any], object]] = {
        "call": lambda store: create(store, acme),
        "batch": lambda store: create_many(
            store.connection, [{"tenant_id": acme, "username": "ann"}]
        ),
    }
    timeout = "-c idle_in_transaction_session_timeout=100"
    conninfo = make_conninfo(logins.app, options=timeout)

    def fall_silent(authority: Any) -> None:
        with authority.tenant(acme) as store:
            uses[first](store)
            time.sleep(0.3)
            create(store, acme)

    with service.open(settings_for(conninfo)) as authority:
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            fall_silent(authority)
        with authority.tenant(acme) as store:
            assert store.users.list(tenant_id=acme).items == []


@MODES
def test_a_refusal_is_raised_and_not_logged(
    service: SyncService,
    logins: Logins,
    mode: dict[str, Any],
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    unknown = uuid4()
    measure = service.load(path).value("measure")
    # The text takes longer to send than the server takes to refuse the tenant.
    value = Jsonb(list(range(100_000)))
    with service.open(settings_for(logins.app)) as authority:
        for _ in range(3):
            with (
                pytest.raises(TenantInactiveError),
                authority.tenant(unknown, **mode) as store,
            ):
                measure(store.connection, tenant_id=unknown, value=value)
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []
