"""Processes that fork after an Authority was opened, as a preloading server's do."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from uuid import UUID

import psycopg
import pytest

from authority_queries import AsyncAuthority, Authority, Settings, Store
from authority_queries.errors import ForkedError
from tests.factories import make_client, make_tenant, make_token, make_user
from tests.flows.followers import Feed
from tests.forking import in_child
from tests.isolation.services import settings_for
from tests.stores import Logins

CHILDREN, ROUNDS = 3, 12


@pytest.fixture
def tenant_id(store: Store) -> UUID:
    return make_tenant(store).id


@pytest.fixture
def tokens(store: Store, tenant_id: UUID) -> dict[str, str | None]:
    """Token strings, with the client of each live token."""
    tokens: dict[str, str | None] = {}
    for number in range(8):
        client = make_client(store, tenant_id)
        minted, token = make_token(store, client)
        is_dead = number % 2 == 0
        if is_dead:
            store.tokens.revoke_by_id(
                tenant_id=tenant_id, token_id=token.id, reason="test"
            )
        tokens[minted.token] = None if is_dead else client.client_id
    return tokens


def judge(authority: Authority, tokens: dict[str, str | None]) -> "Counter[str]":
    """Verify each token often, in threads, and count right and wrong answers."""

    def verify() -> "Counter[str]":
        seen: Counter[str] = Counter()
        for token, client_id in list(tokens.items()) * ROUNDS:
            found = authority.verify_token(token)
            seen["right" if (found and found.client_id) == client_id else "wrong"] += 1
        return seen

    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(verify) for _ in range(2)]
        return runs[0].result() + runs[1].result()


async def judge_async(
    authority: AsyncAuthority, tokens: dict[str, str | None]
) -> "Counter[str]":
    async def verify() -> "Counter[str]":
        seen: Counter[str] = Counter()
        for token, client_id in list(tokens.items()) * ROUNDS:
            found = await authority.verify_token(token)
            seen["right" if (found and found.client_id) == client_id else "wrong"] += 1
        return seen

    runs = await asyncio.gather(verify(), verify())
    return runs[0] + runs[1]


def fork_and_judge(work: Callable[[], "Counter[str]"]) -> "Counter[str]":
    children = [in_child(work) for _ in range(CHILDREN)]
    total = work()
    for child in children:
        total += child()
    return total


EXPECTED = {"right": (CHILDREN + 1) * 2 * ROUNDS * 8}


def test_children_and_their_parent_get_their_own_answers(
    logins: Logins, tokens: dict[str, str | None]
) -> None:
    settings = settings_for(logins.app, pool_max_size=2, pool_min_size=2)
    with Authority.open(settings) as authority:
        assert fork_and_judge(lambda: judge(authority, tokens)) == EXPECTED

    with asyncio.Runner() as runner:
        opened = AsyncAuthority.open(settings)
        served = runner.run(opened.__aenter__())
        judged = fork_and_judge(lambda: asyncio.run(judge_async(served, tokens)))
        assert judged == EXPECTED
        runner.run(opened.__aexit__(None, None, None))


def test_a_child_that_exits_ends_only_its_own_session(
    settings: Settings, tenant_id: UUID, store: Store
) -> None:
    """The child has inherited an open unit, and leaves all blocks of its parent."""

    def leave() -> str:
        with pytest.raises(ForkedError):
            unit.users.list(tenant_id=tenant_id)
        with pytest.raises(ForkedError):
            stack.close()
        gc.collect()
        return "left"

    with ExitStack() as stack:
        authority = stack.enter_context(Authority.open(settings))
        unit = stack.enter_context(authority.tenant(tenant_id))
        make_user(unit, tenant_id, username="ann")
        before = unit.connection.info.backend_pid
        assert in_child(leave)() == "left"
        make_user(unit, tenant_id, username="bob")
        assert unit.connection.info.backend_pid == before
    assert len(store.users.list(tenant_id=tenant_id).items) == 2


def test_a_childs_pool_connects_anew_and_keeps_its_limit(
    settings: Settings, tenant_id: UUID
) -> None:
    def backend(authority: Authority) -> int:
        with authority.tenant(tenant_id) as store:
            return store.connection.info.backend_pid

    with Authority.open(settings) as authority:
        mine = backend(authority)

        def twice() -> tuple[int, int]:
            return backend(authority), backend(authority)

        with authority.tenant(tenant_id):  # the parent's only connection is lent
            first, second = in_child(twice)()
        assert first == second != mine
        assert backend(authority) == mine


def test_an_own_connection_from_before_the_fork_is_refused(
    logins: Logins, tenant_id: UUID
) -> None:
    with psycopg.connect(logins.app, autocommit=True) as connection:
        with Store.unit(connection, tenant_id) as unit:
            make_user(unit, tenant_id)
        store = Store(connection)

        def use() -> list[str]:
            refused = []
            for attempt in (
                lambda: Store.unit(connection, tenant_id).__enter__(),
                lambda: Store(connection),
                lambda: store.users.list(tenant_id=tenant_id),
            ):
                with pytest.raises(ForkedError) as caught:
                    attempt()
                refused.append(type(caught.value).__name__)
            return refused

        assert in_child(use)() == ["ForkedError"] * 3
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_follower_goes_on_in_both_processes(settings: Settings, feed: Feed) -> None:
    feed.publish("1", "2", "3")
    with (
        Authority.open(settings) as authority,
        closing(authority.follow_revocations(feed.tenant_id)) as entries,
    ):
        assert next(entries).target == "1"
        assert next(entries).target == "2"

        def follow() -> tuple[str, str]:
            return next(entries).target, next(entries).target

        child = in_child(follow)
        assert next(entries).target == "3"
        feed.publish("4")
        assert next(entries).target == "4"
        assert child() == ("3", "4")
