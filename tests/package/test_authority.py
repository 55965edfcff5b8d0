import asyncio
import threading
from contextlib import suppress
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from authority_queries import (
    AsyncAuthority,
    AsyncMaintenance,
    Authority,
    Maintenance,
    Settings,
    Store,
    mint_token,
)
from authority_queries.errors import (
    InvalidArgumentError,
    PermissionDeniedError,
    UnavailableError,
    UnitEndedError,
)
from authority_queries.secrets import TokenString
from authority_queries.service.migrations import yoyo_url
from tests.factories import HOUR, make_tenant
from tests.stores import Logins, routed_store

CLOSED = "postgresql://me:swordfish@127.0.0.1:1/x"


@pytest.fixture
def service(logins: Logins) -> Settings:
    return Settings(database_url=yoyo_url(logins.app))


@pytest.fixture
def operator(logins: Logins) -> Settings:
    return Settings(database_url=yoyo_url(logins.maintenance))


@pytest.fixture
def tenant_id(logins: Logins) -> UUID:
    with routed_store(logins) as store:
        return make_tenant(store, code="acme").id


def issue(authority: Authority, tenant_id: UUID) -> TokenString:
    minted = mint_token("access", tenant_id)
    with authority.tenant(tenant_id) as store:
        client = store.clients.create(
            tenant_id=tenant_id, client_id="app", client_type="public"
        )
        store.tokens.create(
            tenant_id=tenant_id,
            type="access",
            token_hash=minted.hash,
            client_uuid=client.id,
            resources=["urn:mail"],
            lifetime=HOUR,
        )
    return minted


def test_a_unit_of_work_commits_or_rolls_back_all_calls(
    service: Settings, tenant_id: UUID
) -> None:
    with Authority.open(service) as authority:
        with authority.tenant(tenant_id) as store:
            store.users.create(tenant_id=tenant_id, username="kept")
        with suppress(ZeroDivisionError), authority.tenant(tenant_id) as store:
            store.users.create(tenant_id=tenant_id, username="lost")
            _ = 1 / 0
        with authority.tenant(tenant_id) as store:
            page = store.users.list(tenant_id=tenant_id)
    assert [user.username for user in page.items] == ["kept"]


def test_each_call_of_a_unit_in_autocommit_commits(
    service: Settings, tenant_id: UUID
) -> None:
    with Authority.open(service) as authority:
        with (
            suppress(ZeroDivisionError),
            authority.tenant(tenant_id, autocommit=True) as store,
        ):
            store.users.create(tenant_id=tenant_id, username="kept")
            _ = 1 / 0
        with authority.tenant(tenant_id) as store:
            assert store.users.get_by_username(tenant_id=tenant_id, username="kept")


def test_maintenance_opens_a_store_or_a_transaction(operator: Settings) -> None:
    with Maintenance.open(operator) as maintenance:
        with suppress(ZeroDivisionError), maintenance.store() as store:
            store.tenants.create(code="kept", display_name="Kept")
            _ = 1 / 0
        with suppress(ZeroDivisionError), maintenance.transaction() as store:
            store.tenants.create(code="lost", display_name="Lost")
            _ = 1 / 0
        with maintenance.transaction() as store:
            store.tenants.create(code="both", display_name="Both")
        with pytest.raises(UnitEndedError):
            store.tenants.list()
        with maintenance.store() as store:
            assert [found.code for found in store.tenants.list().items] == [
                "both",
                "kept",
            ]


def test_verify_token_takes_a_string_and_find_tenant_a_code(
    service: Settings, tenant_id: UUID
) -> None:
    with Authority.open(service) as authority:
        token = issue(authority, tenant_id).token
        verified = authority.verify_token(token)
        assert verified is not None
        assert verified.tenant_id == tenant_id
        assert authority.verify_token(token, kind="refresh") is None
        assert authority.verify_token(token, tenant_id=tenant_id) == verified
        assert authority.verify_token(token, tenant_id=uuid4()) is None
        assert authority.verify_token(token, resource="urn:mail") == verified
        assert authority.verify_token(token, resource="urn:files") is None
        text: Any = str(tenant_id)
        with pytest.raises(
            InvalidArgumentError, match="tenant_id must be a UUID, not str"
        ):
            authority.verify_token(token, tenant_id=text)
        with pytest.raises(InvalidArgumentError, match="resource must be a str"):
            authority.verify_token("no token", resource=cast(Any, 1))
        nothing: Any = None
        with pytest.raises(InvalidArgumentError, match="token must be a str, not None"):
            authority.verify_token(nothing)
        with pytest.raises(InvalidArgumentError, match="kind must be one of"):
            authority.verify_token(token, kind=nothing)
        assert authority.verify_token(mint_token("access", tenant_id).token) is None
        assert authority.verify_token("no token") is None
        assert authority.find_tenant("acme") == tenant_id
        assert authority.find_tenant("nobody") is None


def test_the_asynchronous_form_behaves_the_same(
    service: Settings, operator: Settings, tenant_id: UUID
) -> None:
    async def play() -> list[str]:
        async with AsyncMaintenance.open(operator) as maintenance:
            async with maintenance.transaction() as store:
                await store.tenants.create(code="other", display_name="Other")
            async with maintenance.store() as store:
                assert len((await store.tenants.list()).items) == 2
        async with AsyncAuthority.open(service) as authority:
            assert await authority.find_tenant("acme") == tenant_id
            absent = mint_token("access", tenant_id).token
            assert await authority.verify_token(absent) is None
            async with authority.tenant(tenant_id) as store:
                await store.users.create(tenant_id=tenant_id, username="kept")
            with suppress(ZeroDivisionError):
                async with authority.tenant(tenant_id) as store:
                    await store.users.create(tenant_id=tenant_id, username="lost")
                    _ = 1 / 0
            async with authority.tenant(tenant_id, autocommit=True) as store:
                page = await store.users.list(tenant_id=tenant_id)
                return [user.username for user in page.items]

    assert asyncio.run(play()) == ["kept"]


def test_an_error_for_a_missing_server_does_not_show_the_password() -> None:
    settings = Settings(database_url=CLOSED, connect_timeout=0.2)
    with (
        pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1/x: .*refused") as caught,
        Authority.open(settings),
    ):
        pass
    assert "swordfish" not in str(caught.value)

    async def play() -> None:
        async with AsyncAuthority.open(settings):
            pass

    with pytest.raises(UnavailableError):
        asyncio.run(play())


def test_a_service_cannot_use_maintenance(logins: Logins) -> None:
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        pytest.raises(PermissionDeniedError),
    ):
        Store(connection).login_attempts.create_partitions()


def test_a_pool_without_a_free_connection_raises_after_its_timeout(
    service: Settings, operator: Settings
) -> None:
    tight = {"pool_max_size": 1, "pool_timeout": 0.1}
    with (
        Maintenance.open(operator.model_copy(update=tight)) as maintenance,
        maintenance.store(),
        pytest.raises(UnavailableError),
        maintenance.store(),
    ):
        pass

    async def play() -> None:
        async with (
            AsyncAuthority.open(service.model_copy(update=tight)) as authority,
            authority.tenant(uuid4(), autocommit=True),
        ):
            with pytest.raises(UnavailableError):
                await authority.find_tenant("acme")

    asyncio.run(play())


def test_a_connection_sets_role_application_name_and_timeout(
    logins: Logins, tenant_id: UUID
) -> None:
    settings = Settings(database_url=yoyo_url(logins.app), statement_timeout=0.05)
    with Authority.open(settings) as authority, authority.tenant(tenant_id) as store:
        shown = [
            store.connection.execute(sql.SQL("show {}").format(sql.Identifier(name)))
            for name in ("statement_timeout", "application_name", "role")
        ]
        assert [cursor.fetchone() for cursor in shown] == [
            ("50ms",),
            ("authority",),
            ("authority_app",),
        ]


def test_one_authority_serves_many_threads(logins: Logins, tenant_id: UUID) -> None:
    settings = Settings(database_url=yoyo_url(logins.app), pool_max_size=4)
    with Authority.open(settings) as authority:

        def create() -> None:
            with authority.tenant(tenant_id) as store:
                store.users.create(tenant_id=tenant_id, username=uuid4().hex)

        threads = [threading.Thread(target=create) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with authority.tenant(tenant_id) as store:
            assert len(store.users.list(tenant_id=tenant_id).items) == 16
