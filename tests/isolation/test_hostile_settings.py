"""Settings of a session, its role or its database do not change what a call means."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import ClientCursor, IsolationLevel
from psycopg.abc import Buffer
from psycopg.conninfo import make_conninfo
from psycopg.types.string import TextBinaryLoader

from authority_queries import Maintenance, NewToken, Store, mint_token
from authority_queries.errors import ConfigurationError, InvalidArgumentError
from authority_queries.queries import tenants, tokens, users
from authority_queries.records import Client
from authority_queries.secrets import TokenString
from tests.factories import HOUR, make_client, make_tenant, make_token
from tests.flows.token_families import count_families
from tests.hostile import make_hostile
from tests.isolation.services import MODES, SyncService, running, settings_for
from tests.stores import Logins, routed_store

RACERS = 8
PAYLOAD = bytes(range(256))


@pytest.fixture
def client(logins: Logins) -> Client:
    with routed_store(logins) as store:
        return make_client(store, make_tenant(store, code="acme").id)


@pytest.fixture
def access(logins: Logins, client: Client) -> TokenString:
    with routed_store(logins) as store:
        return make_token(store, client, payload=PAYLOAD)[0]


@pytest.fixture
def refresh(logins: Logins, client: Client) -> list[TokenString]:
    with routed_store(logins) as store:
        return [make_token(store, client, "refresh")[0] for _ in range(4)]


@pytest.fixture
def hostile(
    client: Client,
    access: TokenString,
    refresh: list[TokenString],
    dba: "psycopg.Connection[Any]",
    login_names: dict[str, str],
) -> None:
    """Every setting has another value, for the database and for the login."""
    make_hostile(dba, roles=login_names.values(), database=True)


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


class Shouting(TextBinaryLoader):
    """A loader with which a caller has his own texts read."""

    def load(self, data: Buffer) -> str:
        return str(super().load(data)).upper()


def own_connection(conninfo: str, stack: ExitStack) -> "psycopg.Connection[Any]":
    """A connection with everything that psycopg lets a caller set."""
    connection = stack.enter_context(
        psycopg.connect(conninfo, autocommit=True, cursor_factory=ClientCursor)
    )
    connection.isolation_level = IsolationLevel.SERIALIZABLE
    connection.read_only = connection.deferrable = True
    connection.adapters.register_loader("text", Shouting)
    return connection


@MODES
@pytest.mark.superuser("reads the same on a plain connection")
@pytest.mark.usefixtures("hostile")
def test_a_unit_behaves_the_same_under_hostile_settings(
    *,
    service: SyncService,
    logins: Logins,
    access: TokenString,
    mode: dict[str, Any],
    dba: "psycopg.Connection[Any]",
) -> None:
    tenant_id = access.tenant_id
    with ExitStack() as stack:
        authority = stack.enter_context(service.open(settings_for(logins.app)))
        units = [
            authority.tenant(tenant_id, **mode),
            service.unit(
                stack.enter_context(service.connect(logins.app)), tenant_id, **mode
            ),
            Store.unit(own_connection(logins.app, stack), tenant_id, **mode),
        ]
        for number, unit in enumerate(units):
            with unit as store:
                user = store.users.create(tenant_id=tenant_id, username=f"ann-{number}")
                token = store.tokens.verify(tenant_id=tenant_id, token_hash=access.hash)
            assert user == users.get_by_id(dba, tenant_id=tenant_id, user_id=user.id)
            assert user.created_at.tzinfo is UTC
            assert token is not None
            assert token.payload == PAYLOAD
            assert token.expires_at.tzinfo is UTC
            assert token.expires_at - token.created_at == HOUR
        told = authority.verify_token(access.token)
        assert (told, authority.find_tenant("acme")) == (token, tenant_id)


@pytest.mark.superuser("reads the same on a plain connection")
@pytest.mark.usefixtures("hostile")
def test_generated_functions_behave_the_same_on_any_connection(
    logins: Logins, access: TokenString, dba: "psycopg.Connection[Any]"
) -> None:
    asked: dict[str, Any] = {
        "resource": None,
        "tenant_id": access.tenant_id,
        "token_hash": access.hash,
        "type": "access",
    }
    with ExitStack() as stack:
        connection = own_connection(logins.app, stack)
        told = tokens.verify_by_token(connection, **asked)
        assert told == tokens.verify_by_token(dba, **asked)
        assert told is not None
        assert told.payload == PAYLOAD
        assert told.expires_at.tzinfo is UTC
        assert tenants.find(connection, code="acme") == access.tenant_id


@pytest.mark.parametrize("has_unit", [True, False], ids=["unit", "bare"])
@pytest.mark.usefixtures("hostile")
def test_one_of_8_redeemers_wins_and_the_reuse_ends_the_family(
    *,
    logins: Logins,
    client: Client,
    refresh: list[TokenString],
    dba: "psycopg.Connection[Any]",
    has_unit: bool,
) -> None:
    tenant_id = client.tenant_id
    bare = f"-c authority.tenant_id={tenant_id}"
    start = Barrier(RACERS)

    def redeem(store: Store, presented: TokenString) -> str:
        return store.redemptions.refresh(
            tenant_id=tenant_id,
            token_hash=presented.hash,
            client_id=client.client_id,
            redemption_id=uuid4(),
            refresh_token=NewToken(
                hash=mint_token("refresh", tenant_id).hash, lifetime=HOUR
            ),
        ).outcome

    def run(_: int) -> list[str]:
        outcomes = []
        with psycopg.connect(
            logins.app, autocommit=True, options="" if has_unit else bare
        ) as connection:
            connection.isolation_level = IsolationLevel.SERIALIZABLE
            for presented in refresh:
                start.wait(60)
                if has_unit:
                    with Store.unit(connection, tenant_id, autocommit=True) as store:
                        outcomes.append(redeem(store, presented))
                else:
                    outcomes.append(redeem(Store(connection), presented))
        return outcomes

    assert count_families(dba).live == len(refresh)
    with ThreadPoolExecutor(RACERS) as threads:
        told = Counter(
            outcome for each in threads.map(run, range(RACERS)) for outcome in each
        )
    assert told == {"redeemed": len(refresh), "reused": (RACERS - 1) * len(refresh)}
    assert count_families(dba).live == 0


@pytest.mark.usefixtures("hostile")
def test_an_error_names_a_setting_that_a_unit_cannot_change(
    service: SyncService, logins: Logins, client: Client
) -> None:
    tenant_id = client.tenant_id
    latin = make_conninfo(logins.app, client_encoding="latin1")
    with (
        service.connect(latin) as connection,
        pytest.raises(InvalidArgumentError, match="client_encoding is UTF8"),
        service.unit(connection, tenant_id),
    ):
        pass
    with (
        service.connect(logins.app) as connection,
        service.unit(connection, tenant_id, autocommit=True) as store,
    ):
        with (
            pytest.raises(ConfigurationError, match="transaction_isolation must be"),
            store.connection.transaction(),
        ):
            store.users.list(tenant_id=tenant_id)
        assert store.users.list(tenant_id=tenant_id).items == []


@pytest.mark.usefixtures("hostile")
def test_a_report_may_read_one_snapshot(logins: Logins, client: Client) -> None:
    with psycopg.connect(logins.reader) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        tenants.enter(connection, tenant_id=client.tenant_id, actor_json=None)
        told = connection.execute("select current_setting('transaction_isolation')")
        assert told.fetchone() == ("repeatable read",)


@pytest.mark.usefixtures("hostile")
def test_operators_work_under_hostile_settings(logins: Logins, client: Client) -> None:
    settings = settings_for(make_conninfo(logins.maintenance, options=""))
    with Maintenance.open(settings) as maintenance, maintenance.store() as store:
        globex = store.tenants.create(code="globex", display_name="Globex")
        assert globex.created_at.tzinfo is UTC
        asked = "select current_setting(%s)"
        for name, value in (
            ("default_transaction_isolation", "read committed"),
            ("lock_timeout", "0"),
            ("timezone", "UTC"),
        ):
            told = store.connection.execute(asked, (name,)).fetchone()
            assert told == (value,)
    with Maintenance.open(settings) as maintenance:
        report = maintenance.prune()
    assert report.is_complete, report
