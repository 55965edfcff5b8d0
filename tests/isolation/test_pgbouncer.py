"""Behind PgBouncer in transaction mode, tenants share a connection and nothing else."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Authority
from authority_queries.errors import ConfigurationError
from tests.conftest import PASSWORD
from tests.factories import make_client, make_tenant, make_token, make_user
from tests.isolation.pgbouncer import pooled, program
from tests.isolation.services import SyncService, running, settings_for
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

ROUNDS = 100
SEEN = "select username, pg_backend_pid() from authority.users"
SET = """
select coalesce(current_setting('authority.tenant_id', true), ''), pg_backend_pid()
"""


@pytest.fixture
def bouncer(logins: Logins, login_names: dict[str, str]) -> Iterator[str]:
    """Return the connection string of a service that goes through PgBouncer."""
    if program() is None:
        pytest.skip("pgbouncer is not installed")  # -- because it is no Python package
    with pooled(logins.app, {login_names["app"]: PASSWORD}) as conninfo:
        yield conninfo


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


class Tenant:
    """A tenant with one user, and the rows that a service may read of it."""

    def __init__(self, logins: Logins, name: str) -> None:
        with routed_store(logins) as store:
            self.id: UUID = make_tenant(store, code=name).id
            user = make_user(store, self.id, username=f"{name}-user")
            self.user, self.user_id = user.username, user.id
            minted, token = make_token(store, make_client(store, self.id))
            self.token, self.token_id = minted.token, token.id


@pytest.fixture
def acme(logins: Logins) -> Tenant:
    return Tenant(logins, "acme")


@pytest.fixture
def globex(logins: Logins) -> Tenant:
    return Tenant(logins, "globex")


class Seen:
    """Forbidden rows that came through the bouncer, and the server processes."""

    def __init__(self) -> None:
        self.wrong: list[object] = []
        self.servers: set[int] = set()
        self.count = 0

    def add(self, rows: list[tuple[object, int]], expected: list[object]) -> None:
        self.count += 1
        self.servers |= {server for _, server in rows}
        if [value for value, _ in rows] != expected:
            self.wrong.append((rows, expected))


def in_unit(authority: Any, tenant: Tenant, seen: Seen) -> None:
    with authority.tenant(tenant.id) as store:
        user = store.users.get_by_username(tenant_id=tenant.id, username=tenant.user)
        assert user is not None
        seen.add(store.connection.execute(SEEN).fetchall(), [tenant.user])
        seen.add(store.connection.execute(SET).fetchall(), [str(tenant.id)])


def in_autocommit(authority: Any, tenant: Tenant, seen: Seen) -> None:
    with authority.tenant(tenant.id, autocommit=True) as store:
        found = store.users.list(tenant_id=tenant.id).items
        assert [user.username for user in found] == [tenant.user]
        seen.add(store.connection.execute(SEEN).fetchall(), [])
        seen.add(store.connection.execute(SET).fetchall(), [""])


def in_failing_unit(authority: Any, tenant: Tenant, seen: Seen) -> None:
    with suppress(ZeroDivisionError), authority.tenant(tenant.id) as store:
        store.users.create(tenant_id=tenant.id, username="lost")
        raise ZeroDivisionError


def verified(authority: Any, tenant: Tenant, seen: Seen) -> None:
    token = authority.verify_token(tenant.token)
    assert token is not None
    assert token.id == tenant.token_id


def without_unit(authority: Any, tenant: Tenant, seen: Seen) -> None:
    with authority._lend() as connection:
        seen.add(connection.execute(SEEN).fetchall(), [])
        seen.add(connection.execute(SET).fetchall(), [""])


USES = [in_unit, in_autocommit, in_failing_unit, verified, without_unit]


def test_tenants_that_share_a_server_connection_read_only_their_rows(
    bouncer: str,
    acme: Tenant,
    globex: Tenant,
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
) -> None:
    seen = Seen()
    start = threading.Barrier(2 * len(USES))
    settings = settings_for(bouncer, pool_max_size=5)

    def use(authority: Authority, tenant: Tenant, how: Callable[..., None]) -> None:
        start.wait()
        for _ in range(ROUNDS):
            how(authority, tenant, seen)

    with (
        Authority.open(settings) as for_acme,
        Authority.open(settings) as for_globex,
        ThreadPoolExecutor(start.parties) as threads,
    ):
        for done in [
            threads.submit(use, authority, tenant, how)
            for how in USES
            for authority, tenant in ((for_acme, acme), (for_globex, globex))
        ]:
            done.result()
        assert_nothing_is_set(bouncer, dba, login_names["app"])
    assert seen.wrong == []
    assert seen.count == 2 * 3 * 2 * ROUNDS
    assert len(seen.servers) == 1


def assert_nothing_is_set(
    bouncer: str, dba: "psycopg.Connection[Any]", login: str
) -> None:
    with psycopg.connect(bouncer, autocommit=True, prepare_threshold=None) as client:
        assert client.execute(SEEN).fetchall() == []
        [(value, server)] = client.execute(SET).fetchall()
        assert value == ""
        # PgBouncer holds the one session of services, without a transaction.
        told = dba.execute(
            "select pid, state from pg_stat_activity where usename = %s", (login,)
        )
        assert told.fetchall() == [(server, "idle")]


def test_both_forms_work_through_the_bouncer(
    service: SyncService, bouncer: str, acme: Tenant
) -> None:
    seen = Seen()
    with service.open(settings_for(bouncer)) as authority:
        for _ in range(2):
            for use in USES:
                use(authority, acme, seen)
        assert authority.find_tenant("acme") == acme.id
    assert seen.wrong == []


def test_the_logins_membership_applies_where_the_pooler_drops_options(
    bouncer: str, logins: Logins, acme: Tenant, login_names: dict[str, str]
) -> None:
    direct, through = settings_for(logins.app), settings_for(bouncer)
    roles = []
    for settings in (direct, through):
        with Authority.open(settings) as authority, authority._lend() as connection:
            assert connection.execute(SEEN).fetchall() == []
            told = connection.execute("select current_user::text").fetchone()
            roles.append(told)
    assert roles == [("authority_app",), (login_names["app"],)]


PREPARED = "select name from pg_prepared_statements where not from_sql"
CALLS = 500


def test_forced_prepared_statements_are_refused_behind_a_pooler(
    service: SyncService, bouncer: str, logins: Logins, acme: Tenant
) -> None:
    with (
        pytest.raises(ConfigurationError, match="AUTHORITY_PREPARED_STATEMENTS"),
        service.open(settings_for(bouncer, prepared_statements=True)),
    ):
        pass
    direct = settings_for(logins.app, prepared_statements=True)
    with service.open(direct) as authority, authority.tenant(acme.id) as store:
        for _ in range(7):
            store.users.list(tenant_id=acme.id)
        assert store.connection.execute(PREPARED).fetchall() != []


@pytest.mark.parametrize("is_pooled", [True, False], ids=["pooled", "direct"])
def test_an_own_connection_prepares_nothing_through_a_pooler(
    *,
    service: SyncService,
    bouncer: str,
    logins: Logins,
    acme: Tenant,
    is_pooled: bool,
    tmp_path: Path,
) -> None:
    path = tmp_path / "queries" / "some.sql"
    path.parent.mkdir()
    path.write_text("-- name: do(n)*!\nselect :n::int8;\n\n-- name: ask()#\nselect;")
    file = service.load(path)
    batch, script = file.batch("do"), file.script("ask")

    def units(connection: Any) -> None:
        for mode in ({}, {"autocommit": True}):
            with service.unit(connection, acme.id, **mode) as store:
                store.users.list(tenant_id=acme.id)

    uses: list[Callable[[Any], object]] = [
        units,
        lambda connection: service.store(connection).tenants.get_by_id(
            tenant_id=acme.id
        ),
        lambda connection: batch(connection, [{"n": 1}, {"n": 2}]),
        script,
    ]
    for use in uses:
        with service.connect(bouncer if is_pooled else logins.app) as connection:
            for _ in range(14):
                use(connection)
            found = connection.execute(PREPARED, prepare=False).fetchall()
        assert bool(found) is not (is_pooled or use is script)


def test_no_client_executes_another_clients_statement(
    bouncer: str, acme: Tenant
) -> None:
    """By default, psycopg's names of prepared statements are equal in all processes."""
    start = threading.Barrier(8)
    wrong: list[object] = []

    def call(authority: Authority, number: int) -> None:
        start.wait()
        for _ in range(CALLS):
            with authority.tenant(acme.id, autocommit=True) as store:
                if number % 2:
                    user_id = acme.user_id
                    user = store.users.get_by_id(tenant_id=acme.id, user_id=user_id)
                    is_right = user is not None and user.username == acme.user
                else:
                    is_right = not store.users.delete(
                        tenant_id=acme.id, user_id=uuid4()
                    )
            if not is_right:
                wrong.append(number)

    with (
        Authority.open(settings_for(bouncer, pool_max_size=4)) as looks,
        Authority.open(settings_for(bouncer, pool_max_size=4)) as deletes,
        ThreadPoolExecutor(start.parties) as threads,
    ):
        for done in [
            threads.submit(call, looks if number % 2 else deletes, number)
            for number in range(start.parties)
        ]:
            if error := done.exception():
                wrong.append(error)
    assert wrong == []
