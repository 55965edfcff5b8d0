"""Statements without a cursor: one connection used by many callers at once."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from authority_queries.engine import exchanges
from authority_queries.queries import users
from authority_queries.records import User
from tests.factories import make_tenant, make_user
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version
CALLERS = 8
CALLS = 100


@pytest.fixture
def found(logins: Logins) -> list[User]:
    """A user for each caller, all of one tenant."""
    with routed_store(logins) as store:
        tenant = make_tenant(store).id
        return [make_user(store, tenant, username=f"user{n}") for n in range(CALLERS)]


@pytest.fixture
def service(logins: Logins, found: list[User]) -> str:
    """The connection string of a service of that tenant."""
    return logins.app_for(found[0].tenant_id)


def read(connection: "psycopg.Connection[Any]", user: User) -> User | None:
    return users.get_by_id(connection, tenant_id=user.tenant_id, user_id=user.id)


def test_threads_on_one_connection_read_their_own_rows(
    service: str, found: list[User]
) -> None:
    with (
        psycopg.connect(service, autocommit=True) as connection,
        ThreadPoolExecutor(CALLERS) as pool,
    ):

        def reads(user: User) -> Counter[bool]:
            return Counter(read(connection, user) == user for _ in range(CALLS))

        counts = sum(pool.map(reads, found), Counter[bool]())
    assert counts == {True: CALLERS * CALLS}


def test_tasks_on_one_connection_read_their_own_rows(
    service: str, found: list[User]
) -> None:
    async def run() -> Counter[bool]:
        async with await psycopg.AsyncConnection.connect(
            service, autocommit=True
        ) as connection:

            async def reads(user: User) -> bool:
                row = await users.get_by_id_async(
                    connection, tenant_id=user.tenant_id, user_id=user.id
                )
                return row == user

            return Counter(
                await asyncio.gather(*(reads(user) for user in found * CALLS))
            )

    assert asyncio.run(run()) == {True: CALLERS * CALLS}


def test_an_idle_connection_keeps_no_values_and_no_rows(
    service: str, found: list[User]
) -> None:
    with psycopg.connect(service, autocommit=True) as connection:
        for _ in range(3):
            read(connection, found[0])
        (kept,) = exchanges._idle[connection]
        assert [query.params for query in kept._queries.values()] == [None]
        assert kept._result is None
        assert kept._transformer.pgresult is None
        # A reference to its connection would keep a lost one open.
        assert kept._transformer.connection is None


def test_other_encodings_use_a_cursor(service: str, found: list[User]) -> None:
    with psycopg.connect(service, autocommit=True) as connection:
        connection.execute("set client_encoding to latin1")
        for _ in range(3):
            assert read(connection, found[0]) == found[0]
        assert connection not in exchanges._idle
