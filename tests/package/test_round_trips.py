"""One call sends one statement. The server's own log counts them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from authority_queries import Store, mint_token
from authority_queries.engine._sync.pooler_detection import look
from authority_queries.engine.direct_connections import _direct
from authority_queries.errors import OpenTransactionError
from tests.factories import HOUR, make_client, make_tenant, make_token, new_token
from tests.stores import Logins, routed_store

Call = Callable[[Store, UUID], object]

CALLS: dict[str, Call] = {
    "tenants.create": lambda store, _: store.tenants.create(
        code="other", display_name="Other"
    ),
    "users.create": lambda store, tenant: store.users.create(
        tenant_id=tenant, username="ann"
    ),
    "users.list": lambda store, tenant: store.users.list(tenant_id=tenant),
    "roles.create": lambda store, tenant: store.roles.create(
        tenant_id=tenant, name="r", permissions=["users:read", "roles:read"]
    ),
    "scopes.resolve": lambda store, tenant: store.scopes.resolve(
        tenant_id=tenant, names=["openid", "email"]
    ),
    "tokens.verify": lambda store, tenant: store.tokens.verify(
        tenant_id=tenant, token_hash=bytes(32)
    ),
    "consents.list_by_user": lambda store, tenant: (
        store.consents.list_by_user(tenant_id=tenant, user_id=uuid4()).items
    ),
    "grants.issue_code": lambda store, tenant: store.grants.issue_code(
        tenant_id=tenant,
        token_hash=bytes(32),
        client_id="app",
        user_id=uuid4(),
        authenticated_at=None,
    ),
    "grants.issue_to_client": lambda store, tenant: store.grants.issue_to_client(
        tenant_id=tenant, token_hash=bytes(32), client_id="app", lifetime=HOUR
    ),
    "exchanges.exchange": lambda store, tenant: store.exchanges.exchange(
        tenant_id=tenant,
        token_hash=bytes(32),
        client_id="app",
        subject_token_hash=bytes(32),
        lifetime=HOUR,
    ),
    "tokens.revoke": lambda store, tenant: store.tokens.revoke(
        tenant_id=tenant, token_hash=bytes(32), client_id="app", reason="r"
    ),
    "revocations.publish": lambda store, tenant: store.revocations.publish(
        tenant_id=tenant, category="key", target="t", reason="r"
    ),
    "licenses.create": lambda store, tenant: store.licenses.create(
        tenant_id=tenant, key_hash=bytes(32), plan="p", seats=3
    ),
}


class Watched:
    """A store of a tenant's service, which receives the server's statement log."""

    def __init__(self, conninfo: str) -> None:
        self.logged: list[str] = []
        self.connection: psycopg.Connection[Any] = psycopg.connect(
            conninfo, autocommit=True
        )
        self.connection.add_notice_handler(
            lambda diagnostic: self.logged.append(diagnostic.message_primary or "")
        )
        look(self.connection)
        self.connection.execute("set client_min_messages = 'log'")
        self.store = Store(self.connection)

    @property
    def statements(self) -> list[str]:
        return [
            line for line in self.logged if line.startswith(("statement:", "execute "))
        ]


@pytest.fixture
def watch(
    logins: Logins, dba: "psycopg.Connection[Any]"
) -> Iterator[Callable[[str], Watched]]:
    """Returns a function that opens a watched store."""
    # A role may not set log_statement for itself.
    dba.execute(
        sql.SQL("alter database {} set log_statement = 'all'").format(
            sql.Identifier(dba.info.dbname)
        )
    )
    with ExitStack() as opened:

        def watch(conninfo: str) -> Watched:
            watched = Watched(conninfo)
            opened.enter_context(watched.connection)
            return watched

        yield watch


@pytest.fixture
def tenant_id(logins: Logins) -> UUID:
    with routed_store(logins) as store:
        return make_tenant(store).id


@pytest.mark.parametrize("name", CALLS)
def test_one_call_is_one_statement(
    name: str, watch: Callable[[str], Watched], logins: Logins, tenant_id: UUID
) -> None:
    is_operators = name.startswith("tenants.")
    watched = watch(logins.maintenance if is_operators else logins.app_for(tenant_id))
    watched.logged.clear()
    CALLS[name](watched.store, tenant_id)
    assert len(watched.statements) == 1, watched.logged


def test_a_redemption_is_one_statement_whatever_its_outcome(
    watch: Callable[[str], Watched], logins: Logins, tenant_id: UUID
) -> None:
    watched = watch(logins.app_for(tenant_id))
    client = make_client(watched.store, tenant_id)
    minted, _ = make_token(watched.store, client, "refresh", scopes=["openid"])
    request = uuid4()

    def refresh(redemption_id: UUID, **presented: Any) -> tuple[str, int]:
        watched.logged.clear()
        result = watched.store.redemptions.refresh(
            tenant_id=tenant_id,
            token_hash=minted.hash,
            client_id=client.client_id,
            redemption_id=redemption_id,
            refresh_token=new_token(mint_token("refresh", tenant_id)),
            access_token=new_token(mint_token("access", tenant_id)),
            **presented,
        )
        begin, *statements, commit = watched.statements
        assert ("begin" in begin, commit) == (True, "statement: COMMIT")
        return result.outcome, len(statements)

    assert refresh(request, cnf_jkt="k" * 43, scopes=["email"]) == ("invalid_scope", 1)
    assert refresh(request) == ("redeemed", 1)
    assert refresh(request) == ("already_redeemed", 1)
    assert refresh(uuid4(), leeway=HOUR) == ("recently_redeemed", 1)
    assert refresh(uuid4()) == ("reused", 1)
    minted, _ = make_token(watched.store, make_client(watched.store, tenant_id))
    assert refresh(uuid4()) == ("invalid", 1)


def test_a_callers_connection_is_asked_once_for_a_pooler(
    watch: Callable[[str], Watched], logins: Logins, tenant_id: UUID
) -> None:
    dsn, counts = logins.app_for(tenant_id), []
    for use in ("calls", "unit"):
        watched = watch(dsn)
        del _direct[watched.connection]
        watched.logged.clear()
        for _ in range(8):
            if use == "calls":
                watched.store.users.list(tenant_id=tenant_id)
            else:
                with Store.unit(watched.connection, tenant_id) as store:
                    store.users.list(tenant_id=tenant_id)
        asked = [line for line in watched.statements if "get_process_id" in line]
        counts.append((len(asked), len(watched.statements)))
    assert counts == [(1, 9), (1, 33)]


def test_a_call_that_is_refused_in_a_transaction_is_not_sent(
    watch: Callable[[str], Watched], logins: Logins, tenant_id: UUID
) -> None:
    watched = watch(logins.app_for(tenant_id))
    with watched.connection.transaction():
        watched.logged.clear()
        with pytest.raises(OpenTransactionError, match=r"redemptions\.redeem_code"):
            watched.store.redemptions.redeem_code(
                tenant_id=tenant_id,
                token_hash=bytes(32),
                client_id="app",
                redemption_id=uuid4(),
            )
        assert watched.statements == []


def test_a_unit_of_work_adds_begin_enter_and_commit(
    watch: Callable[[str], Watched], logins: Logins, tenant_id: UUID
) -> None:
    watched = watch(logins.app)
    watched.logged.clear()
    with Store.unit(watched.connection, tenant_id) as store:
        store.users.list(tenant_id=tenant_id)
        store.roles.list(tenant_id=tenant_id)
    begin, enter, _, _, commit = watched.statements
    assert "tenants.begin" in begin
    assert "authority.enter_tenant" in enter
    assert "COMMIT" in commit
