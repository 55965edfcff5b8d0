"""One call is one statement, counted in the server's own log."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from tests.factories import HOUR, make_client, make_token

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
    "revocations.publish": lambda store, tenant: store.revocations.publish(
        tenant_id=tenant, category="token", target="t", reason="r"
    ),
    "licenses.create": lambda store, tenant: store.licenses.create(
        tenant_id=tenant, key_hash=bytes(32), plan="p", seats=3
    ),
}


@pytest.fixture
def watched(conninfo: str) -> "tuple[Store, list[str], Any]":
    """A store whose server sends its statement log along."""
    connection = psycopg.connect(conninfo, autocommit=True)
    logged: list[str] = []
    connection.add_notice_handler(
        lambda diagnostic: logged.append(diagnostic.message_primary or "")
    )
    connection.execute("set log_statement = 'all'")
    connection.execute("set client_min_messages = 'log'")
    logged.clear()
    return Store(connection), logged, connection


def statements(logged: "list[str]") -> "list[str]":
    return [line for line in logged if line.startswith(("statement:", "execute "))]


@pytest.mark.parametrize("name", CALLS)
def test_one_call_is_one_statement(
    name: str, watched: "tuple[Store, list[str], Any]"
) -> None:
    store, logged, connection = watched
    with connection:
        tenant = store.tenants.create(code="acme", display_name="Acme")
        logged.clear()
        CALLS[name](store, tenant.id)
        assert len(statements(logged)) == 1, logged


def test_rotation_is_one_statement_and_a_refusal_two(
    watched: "tuple[Store, list[str], Any]",
) -> None:
    store, logged, connection = watched
    with connection:
        tenant = store.tenants.create(code="acme", display_name="Acme")
        client = make_client(store, tenant.id)
        minted, _ = make_token(store, client, "refresh")

        def rotate() -> str:
            logged.clear()
            return store.tokens.rotate(
                tenant_id=tenant.id,
                token_hash=minted.hash,
                client_id=client.client_id,
                redemption_id=uuid4(),
                refresh_token_hash=uuid4().bytes * 2,
                refresh_lifetime=HOUR,
                access_token_hash=uuid4().bytes * 2,
                access_lifetime=HOUR,
            ).outcome

        assert (rotate(), len(statements(logged))) == ("rotated", 1)
        assert (rotate(), len(statements(logged))) == ("reused", 2)
