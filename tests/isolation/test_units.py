"""What a unit of work keeps, refuses and leaves behind, in both forms."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from authority_queries import AsyncAuthority, Authority, NewToken, Store
from authority_queries.errors import (
    ConfigurationError,
    CrossTenantError,
    DuplicateError,
    InvalidArgumentError,
    TenantInactiveError,
    UnitAbortedError,
    UnitEndedError,
)
from tests.factories import HOUR, make_tenant, make_user
from tests.isolation.services import MODES, SyncService, running, settings_for
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def authority(service: SyncService, logins: Logins) -> Iterator[Any]:
    with service.open(settings_for(logins.app)) as authority:
        yield authority


@pytest.fixture
def arranged(logins: Logins) -> Iterator[Store]:
    with routed_store(logins) as store:
        yield store


@pytest.fixture
def acme(arranged: Store) -> UUID:
    return make_tenant(arranged, code="acme").id


@pytest.fixture
def globex(arranged: Store) -> UUID:
    """Another tenant, with a user."""
    tenant = make_tenant(arranged, code="globex")
    make_user(arranged, tenant.id, username="hank")
    return tenant.id


def usernames(dba: "psycopg.Connection[Any]", tenant_id: UUID) -> list[str]:
    found = dba.execute(
        "select username from authority.users where tenant_id = %s order by username",
        (tenant_id,),
    )
    return [username for (username,) in found]


def test_a_unit_is_committed_at_its_end(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    with authority.tenant(acme) as store:
        store.users.create(tenant_id=acme, username="ann")
        store.users.create(tenant_id=acme, username="bob")
        assert usernames(dba, acme) == []
    assert usernames(dba, acme) == ["ann", "bob"]


@pytest.mark.parametrize(
    "error", [ZeroDivisionError, KeyboardInterrupt, GeneratorExit, SystemExit]
)
def test_an_exception_rolls_the_unit_back(
    authority: Any,
    acme: UUID,
    dba: "psycopg.Connection[Any]",
    error: type[BaseException],
) -> None:
    def fail() -> None:
        with authority.tenant(acme) as store:
            store.users.create(tenant_id=acme, username="ann")
            raise error

    with pytest.raises(error):
        fail()
    assert usernames(dba, acme) == []
    with authority.tenant(acme) as store:
        assert store.users.list(tenant_id=acme).items == []


@MODES
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError])
def test_a_unit_that_cleans_up_after_an_interruption_has_errors_of_its_own(
    authority: Any,
    acme: UUID,
    interruption: type[BaseException],
    mode: dict[str, bool],
) -> None:
    def clean_up() -> None:
        try:
            raise interruption
        except interruption:
            with authority.tenant(acme, **mode) as store:
                for name in ("ann", "ANN"):
                    store.users.create(tenant_id=acme, username=name)

    with pytest.raises(DuplicateError):
        clean_up()


def test_an_abandoned_generator_rolls_its_unit_back(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    def created() -> Generator[str, None, None]:
        with authority.tenant(acme) as store:
            yield store.users.create(tenant_id=acme, username="ann").username
            yield store.users.create(tenant_id=acme, username="bob").username

    users = created()
    assert next(users) == "ann"
    users.close()
    assert usernames(dba, acme) == []


@pytest.fixture(params=["unknown", "suspended", "terminated"])
def inactive(request: pytest.FixtureRequest, arranged: Store, acme: UUID) -> UUID:
    """The id of a tenant that no unit may work for."""
    if request.param == "unknown":
        return uuid4()
    end = {"suspended": "suspend", "terminated": "terminate"}[request.param]
    getattr(arranged.tenants, end)(tenant_id=acme)
    return acme


@MODES
def test_the_first_call_for_an_inactive_tenant_fails_and_does_nothing(
    authority: Any,
    inactive: UUID,
    mode: dict[str, bool],
    dba: "psycopg.Connection[Any]",
) -> None:
    with (
        pytest.raises(TenantInactiveError, match=r"^users\.create: "),
        authority.tenant(inactive, **mode) as store,
    ):
        store.users.create(tenant_id=inactive, username="ann")
    assert usernames(dba, inactive) == []


def test_a_unit_without_a_call_fails_for_an_inactive_tenant(
    authority: Any, inactive: UUID
) -> None:
    with (
        pytest.raises(TenantInactiveError, match=r"^tenants\.enter: "),
        authority.tenant(inactive),
    ):
        pass


def test_a_refused_tenant_stays_refused_in_the_block(
    authority: Any, inactive: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    def ignore() -> None:
        with authority.tenant(inactive) as store:
            with pytest.raises(TenantInactiveError):
                store.users.create(tenant_id=inactive, username="ann")
            with pytest.raises(UnitAbortedError, match="an earlier error has aborted"):
                store.users.create(tenant_id=inactive, username="bob")

    for _ in range(50):
        with pytest.raises(UnitAbortedError):
            ignore()
    assert usernames(dba, inactive) == []


def test_the_next_call_refuses_a_tenant_that_was_suspended_meanwhile(
    authority: Any, acme: UUID, arranged: Store, dba: "psycopg.Connection[Any]"
) -> None:
    with authority.tenant(acme, autocommit=True) as store:
        store.users.create(tenant_id=acme, username="ann")
        arranged.tenants.suspend(tenant_id=acme)
        with pytest.raises(TenantInactiveError):
            store.users.create(tenant_id=acme, username="bob")
    assert usernames(dba, acme) == ["ann"]


def test_each_call_commits_in_autocommit(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    with (
        suppress(ZeroDivisionError),
        authority.tenant(acme, autocommit=True) as store,
    ):
        store.users.create(tenant_id=acme, username="ann")
        assert usernames(dba, acme) == ["ann"]
        with pytest.raises(DuplicateError):
            store.users.create(tenant_id=acme, username="ANN")
        store.users.create(tenant_id=acme, username="bob")
        _ = 1 / 0
    assert usernames(dba, acme) == ["ann", "bob"]


@MODES
def test_a_store_ends_with_its_block(
    authority: Any, acme: UUID, globex: UUID, mode: dict[str, Any]
) -> None:
    with authority.tenant(acme, **mode) as kept:
        kept.users.create(tenant_id=acme, username="ann")
    users = kept.users
    with pytest.raises(UnitEndedError, match="has ended"):
        kept.users.list(tenant_id=acme)
    with authority.tenant(globex, **mode) as store:
        uses: tuple[Callable[[], object], ...] = (
            lambda: users.list(tenant_id=globex),
            lambda: kept.redemptions.refresh(
                tenant_id=globex,
                token_hash=bytes(32),
                client_id="app",
                redemption_id=uuid4(),
                refresh_token=NewToken(hash=bytes(32), lifetime=HOUR),
            ),
            lambda: kept.connection,
        )
        for use in uses:
            with pytest.raises(UnitEndedError):
                use()
        found = store.users.list(tenant_id=globex)
        assert [user.username for user in found.items] == ["hank"]


def test_a_store_on_an_own_connection_ends_with_its_unit(
    service: SyncService, logins: Logins, acme: UUID
) -> None:
    with service.connect(logins.app) as connection:
        with service.unit(connection, acme) as store:
            store.users.create(tenant_id=acme, username="ann")
        with pytest.raises(UnitEndedError):
            store.users.get_by_username(tenant_id=acme, username="ann")


def test_a_transaction_in_an_autocommit_unit_works_for_the_tenant_from_its_first_call(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    with authority.tenant(acme, autocommit=True) as store:
        with suppress(ZeroDivisionError), store.connection.transaction():
            store.users.create(tenant_id=acme, username="ann")
            _ = 1 / 0
        with store.connection.transaction():
            store.users.create(tenant_id=acme, username="bob")
            told = store.connection.execute("select count(*) from authority.users")
            assert told.fetchone() == (1,)
        told = store.connection.execute("select count(*) from authority.users")
        assert told.fetchone() == (0,)
    assert usernames(dba, acme) == ["bob"]


@MODES
def test_a_call_for_another_tenant_or_none_is_refused_and_breaks_nothing(
    authority: Any,
    acme: UUID,
    globex: UUID,
    mode: dict[str, bool],
    dba: "psycopg.Connection[Any]",
) -> None:
    with authority.tenant(acme, **mode) as store:
        with pytest.raises(
            CrossTenantError, match=r"^users\.create: tenant_id must be "
        ):
            store.users.create(tenant_id=globex, username="ann")
        with pytest.raises(
            CrossTenantError,
            match=r"^tenants\.list_after: the query takes no tenant_id",
        ):
            store.tenants.list()
        with pytest.raises(
            CrossTenantError,
            match=r"^tenants\.get_by_code: the query takes no tenant_id",
        ):
            store.tenants.get_by_code(code="globex")
        with pytest.raises(
            CrossTenantError, match=r"^server\.describe: the query takes no tenant_id"
        ):
            store.server.describe()
        store.users.create(tenant_id=acme, username="bob")
        with pytest.raises(CrossTenantError):
            store.users.get_by_username(tenant_id=globex, username="hank")
    assert (usernames(dba, acme), usernames(dba, globex)) == (["bob"], ["hank"])


def test_refusals_send_nothing(
    service: SyncService,
    logins: Logins,
    dba: "psycopg.Connection[Any]",
) -> None:
    def last_sent(connection: Any) -> object:
        told = dba.execute(
            "select query from pg_stat_activity where pid = %s",
            (connection.info.backend_pid,),
        )
        return told.fetchone()

    with service.connect(logins.app) as connection:
        connection.execute("select 'before'")
        before = last_sent(connection)
        with (
            pytest.raises(CrossTenantError),
            service.unit(connection, uuid4(), autocommit=True) as store,
        ):
            store.users.list(tenant_id=uuid4())
        assert before is not None
        assert last_sent(connection) == before


@pytest.mark.parametrize("tenant_id", ["00000000-0000-0000-0000-000000000000", None])
def test_a_tenant_id_that_is_not_a_uuid_is_refused(
    authority: Any, tenant_id: Any
) -> None:
    with (
        pytest.raises(InvalidArgumentError, match="tenant_id must be a UUID"),
        authority.tenant(tenant_id),
    ):
        pass


def test_a_caught_error_does_not_look_like_success(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    def ignore() -> None:
        with authority.tenant(acme) as store:
            store.users.create(tenant_id=acme, username="ann")
            with pytest.raises(DuplicateError):
                store.users.create(tenant_id=acme, username="ANN")

    with pytest.raises(UnitAbortedError, match="nothing of the unit"):
        ignore()
    assert usernames(dba, acme) == []


@pytest.mark.parametrize("first", [True, False])
def test_a_savepoint_isolates_an_error_from_the_rest_of_the_unit(
    authority: Any,
    acme: UUID,
    first: bool,  # noqa: FBT001 -- because pytest passes it by name
    dba: "psycopg.Connection[Any]",
) -> None:
    make = dba.execute(
        "insert into authority.users (tenant_id, username, username_key) "
        "values (%s, 'taken', 'taken')",
        (acme,),
    )
    assert make.rowcount == 1
    with authority.tenant(acme) as store:
        if not first:
            store.users.create(tenant_id=acme, username="ann")
        with suppress(DuplicateError), store.connection.transaction():
            store.users.create(tenant_id=acme, username="taken")
        with store.connection.transaction():
            store.users.create(tenant_id=acme, username="bob")
    assert usernames(dba, acme) == [*([] if first else ["ann"]), "bob", "taken"]


def test_a_savepoint_without_a_call_changes_nothing(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    with authority.tenant(acme) as store:
        with store.connection.transaction():
            pass
        with suppress(ZeroDivisionError), store.connection.transaction():
            _ = 1 / 0
        store.users.create(tenant_id=acme, username="ann")
    assert usernames(dba, acme) == ["ann"]


def test_a_transaction_that_ends_in_the_block_accepts_no_more_calls(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    ended = "was ended inside its block"

    def end_by_hand(end: str) -> None:
        with authority.tenant(acme) as store:
            store.users.create(tenant_id=acme, username=end)
            getattr(store.connection, end)()
            with pytest.raises(UnitAbortedError, match=ended):
                store.users.list(tenant_id=acme)

    for end in ("commit", "rollback"):
        with pytest.raises(UnitAbortedError, match=ended):
            end_by_hand(end)
    assert usernames(dba, acme) == ["commit"]


def test_raw_sql_may_be_the_first_statement_of_the_units_transaction(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    insert = (
        "insert into authority.users (tenant_id, username, username_key) "
        "values (%s, 'ann', 'ann')"
    )
    with authority.tenant(acme) as store:
        store.connection.execute(insert, (acme,))
        seen = store.connection.execute("select username from authority.users")
        assert seen.fetchall() == [("ann",)]
        assert usernames(dba, acme) == []
        store.users.create(tenant_id=acme, username="bob")
    assert usernames(dba, acme) == ["ann", "bob"]


def test_failing_raw_sql_at_the_beginning_keeps_nothing(
    authority: Any, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    def go_on() -> None:
        with authority.tenant(acme) as store:
            store.connection.execute("select from missing")
            store.users.create(tenant_id=acme, username="bob")

    with pytest.raises(psycopg.errors.UndefinedTable):
        go_on()
    with pytest.raises(psycopg.errors.UndefinedTable), authority.tenant(acme) as store:
        store.connection.execute("select from missing")
    assert usernames(dba, acme) == []


@MODES
def test_a_pipeline_in_a_unit_works_for_the_tenant(
    authority: Any,
    acme: UUID,
    mode: dict[str, bool],
    dba: "psycopg.Connection[Any]",
) -> None:
    with authority.tenant(acme, **mode) as store:
        with store.connection.pipeline():
            store.users.create(tenant_id=acme, username="ann")
            found = store.users.get_by_username(tenant_id=acme, username="ANN")
            store.users.create(tenant_id=acme, username="bob")
        assert found is not None
    assert usernames(dba, acme) == ["ann", "bob"]


@MODES
def test_a_value_that_cannot_be_sent_breaks_nothing(
    authority: Any,
    acme: UUID,
    mode: dict[str, bool],
    dba: "psycopg.Connection[Any]",
) -> None:
    with authority.tenant(acme, **mode) as store:
        with pytest.raises(InvalidArgumentError, match="must be a str, not object"):
            store.users.create(tenant_id=acme, username=object())
        store.users.create(tenant_id=acme, username="bob")
    assert usernames(dba, acme) == ["bob"]


def test_an_own_connection_works_for_the_tenant_only_in_the_block(
    service: SyncService, logins: Logins, acme: UUID, dba: "psycopg.Connection[Any]"
) -> None:
    count = "select count(*) from authority.users"
    with service.connect(logins.app) as connection:
        with service.unit(connection, acme) as store:
            store.users.create(tenant_id=acme, username="ann")
            assert connection.execute(count).fetchone() == (1,)
        assert connection.execute(count).fetchone() == (0,)
        with service.unit(connection, acme, autocommit=True) as store:
            assert len(store.users.list(tenant_id=acme).items) == 1
        assert connection.execute(count).fetchone() == (0,)
        assert not connection.closed
    assert usernames(dba, acme) == ["ann"]


@MODES
def test_an_own_connection_outlives_errors_of_the_unit(
    service: SyncService, logins: Logins, acme: UUID, mode: dict[str, bool]
) -> None:
    unknown = uuid4()

    def fail(tenant_id: UUID, *names: str) -> None:
        with service.unit(connection, tenant_id, **mode) as store:
            for name in names:
                store.users.create(tenant_id=tenant_id, username=name)
            raise ZeroDivisionError

    with service.connect(logins.app) as connection:
        for tenant_id, names, error in (
            (acme, ("ann", "ANN"), DuplicateError),
            (unknown, ("bob",), TenantInactiveError),
            (acme, ("cyd",), ZeroDivisionError),
        ):
            with pytest.raises(error):
                fail(tenant_id, *names)
            assert not connection.closed
            status = connection.info.transaction_status
            assert status == TransactionStatus.IDLE


def test_an_own_connection_must_be_free(
    service: SyncService, logins: Logins, acme: UUID
) -> None:
    allowed = "in autocommit and no transaction"
    with (
        service.connect(logins.app, autocommit=False) as connection,
        pytest.raises(InvalidArgumentError, match=allowed),
        service.unit(connection, acme),
    ):
        pass
    with service.connect(logins.app) as connection, connection.transaction():
        with (
            pytest.raises(InvalidArgumentError, match=allowed),
            service.unit(connection, acme),
        ):
            pass
        status = connection.info.transaction_status
        assert status == TransactionStatus.INTRANS


@MODES
@pytest.mark.superuser("it is refused")
@pytest.mark.parametrize("login", ["dba", "maintenance", "owner"])
def test_a_login_that_bypasses_row_security_is_refused(
    *,
    service: SyncService,
    logins: Logins,
    acme: UUID,
    login: str,
    mode: dict[str, bool],
    dba: "psycopg.Connection[Any]",
) -> None:
    with service.connect(logins.dba if login == "dba" else logins.app) as connection:
        user, database = connection.info.user, connection.info.dbname
        powers = {
            "dba": ("select", "select"),
            "maintenance": (
                f"grant authority_maintenance to {user}",
                f"revoke authority_maintenance from {user}",
            ),
            "owner": (
                f"alter database {database} owner to {user}",
                f"alter database {database} owner to current_user",
            ),
        }
        given, taken = powers[login]
        dba.execute(given.encode())
        try:
            with (
                pytest.raises(ConfigurationError, match="member of authority_app"),
                service.unit(connection, acme, **mode) as store,
            ):
                store.users.create(tenant_id=acme, username="ann")
        finally:
            dba.execute(taken.encode())
    assert usernames(dba, acme) == []


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_refused_tenant_leaves_the_connection_usable_for_the_others(
    arranged: Store, logins: Logins, *, autocommit: bool
) -> None:
    served, suspended = make_tenant(arranged).id, make_tenant(arranged).id
    arranged.tenants.suspend(tenant_id=suspended)
    # psycopg prepares a statement at its fifth execution, about then.
    for before in range(4, 7):
        with psycopg.connect(logins.app, autocommit=True) as connection:

            def ask(tenant_id: UUID, on: Any = connection) -> object:
                with Store.unit(on, tenant_id, autocommit=autocommit) as unit:
                    return unit.tokens.verify(tenant_id=tenant_id, token_hash=bytes(32))

            for _ in range(before):
                assert ask(served) is None
            with pytest.raises(TenantInactiveError):
                ask(suspended)
            for _ in range(8):
                assert ask(served) is None


@MODES
def test_calls_of_several_tasks_wait_for_each_other(
    logins: Logins, acme: UUID, mode: dict[str, Any]
) -> None:
    async def play() -> set[tuple[int, ...]]:
        async with AsyncAuthority.open(settings_for(logins.app)) as authority:
            found = set()
            for _ in range(10):
                async with authority.tenant(acme, **mode) as store:
                    listed: list[Any] = await asyncio.gather(
                        store.users.list(tenant_id=acme),
                        store.clients.list(tenant_id=acme),
                        *(store.scopes.list(tenant_id=acme) for _ in range(3)),
                    )
                found.add(tuple(len(page.items) for page in listed))
            return found

    with routed_store(logins) as store:
        make_user(store, acme, username="ann")
    assert asyncio.run(asyncio.wait_for(play(), 30)) == {(1, 0, 6, 6, 6)}


@MODES
def test_calls_of_several_threads_wait_for_each_other(
    logins: Logins, acme: UUID, mode: dict[str, Any]
) -> None:
    with (
        Authority.open(settings_for(logins.app)) as authority,
        ThreadPoolExecutor(8) as pool,
    ):
        for _ in range(10):
            with authority.tenant(acme, **mode) as store:
                lists = (store.users.list, store.scopes.list) * 4
                pages = pool.map(lambda ask: ask(tenant_id=acme), lists)
                assert [len(page.items) for page in pages] == [0, 6] * 4
