"""What the feed does not publish, and what it publishes once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from authority_queries import Maintenance, Settings, Store, feed_keys, is_ended
from authority_queries.queries import revocations as queries
from authority_queries.service.migrations import yoyo_url
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
)
from tests.flows.cached_verifier import Dba
from tests.flows.cached_world import (
    ALL,
    OF_ANN,
    OF_CLIENT,
    OF_ROBOT,
    World,
    make_world,
    revoke,
    update_account,
    update_client,
)
from tests.stores import Logins


@pytest.fixture
def world(store: Store, dba: Dba) -> World:
    return make_world(store, dba)


def test_an_entry_ends_with_the_tokens_that_it_ends(world: World) -> None:
    assert revoke(world, "hers")
    (entry,) = world.verifier.read()
    assert entry.expires_at == world.verifier.cache[world.ids["hers"]].expires_at


def test_nothing_is_published_of_what_has_expired(world: World, clock: Clock) -> None:
    clock.advance(HOUR + timedelta(days=2))
    assert revoke(world, "hers")
    world.by_hand("delete from authority.authorizations where id = %s", "family")
    assert world.store.consents.revoke(**world.consent, reason="withdrawn")
    assert world.store.tokens.prune_expired() > 0
    assert world.verifier.read() == []


def test_a_rolled_back_end_is_not_published(world: World, logins: Logins) -> None:
    with psycopg.connect(logins.app_for(world.client.tenant_id)) as connection:
        store = Store(connection)
        assert store.users.revoke_tokens(**world.user)
        connection.rollback()
        with connection.transaction(force_rollback=True):
            assert store.clients.delete(**world.tenant, client_uuid=world.client.id)
    assert world.verifier.read() == []


def test_an_end_is_published_once(world: World) -> None:
    for _ in range(2):
        revoke(world, "refresh")
        world.store.users.delete(**world.user)
    assert [entry.reason for entry in world.verifier.read()] == [
        "sign_out",
        "user_deleted",
    ]


RENAMES: dict[str, tuple[Callable[[World], object], set[str]]] = {
    "client": (lambda at: update_client(at, client_id="renamed"), OF_CLIENT),
    "service account": (lambda at: update_account(at, account_id="other"), OF_ROBOT),
    "user": (
        lambda at: at.by_hand(
            "update authority.users set subject_id = gen_random_uuid() where id = %s",
            "ann",
        ),
        OF_ANN,
    ),
}


@pytest.mark.parametrize("what", RENAMES)
def test_a_renamed_subject_ends_the_copies_with_its_old_name(
    what: str, world: World
) -> None:
    """The tokens live, and have the new name when they are verified anew."""
    rename, of_it = RENAMES[what]
    rename(world)
    _, dropped = world.verifier.follow()
    assert dropped.keys() == {world.ids[name] for name in of_it}
    assert world.verifier.live().keys() == {world.ids[name] for name in ALL}


def test_ends_are_published_without_hints_if_the_session_is_silent(
    world: World, logins: Logins
) -> None:
    tenant_id = world.client.tenant_id
    with (
        psycopg.connect(logins.app, autocommit=True) as listener,
        psycopg.connect(logins.app_for(tenant_id), autocommit=True) as service,
    ):
        queries.listen(listener)
        service.execute("set authority.feed = silent")
        assert Store(service).clients.revoke_tokens(
            **world.tenant, client_uuid=world.client.id
        )
        assert [*listener.notifies(timeout=0)] == []
        service.execute("set authority.feed = off")  # what only an erasure may do
        assert Store(service).clients.revoke_tokens(
            **world.tenant, client_uuid=world.client.id
        )
        heard = [*listener.notifies(timeout=60, stop_after=1)]
    assert [each.payload for each in heard] == [str(tenant_id)]
    reasons = [entry.reason for entry in world.verifier.read()]
    assert reasons == ["client_signed_out"] * 2


def test_an_erased_user_has_the_entry_of_the_erasure_alone(
    world: World, logins: Logins
) -> None:
    tenant_id = world.client.tenant_id
    settings = Settings(database_url=yoyo_url(logins.maintenance), pool_max_size=1)
    with Maintenance.open(settings) as maintenance:
        assert maintenance.erase_user(tenant_id, world.ids["ann"]).is_complete
    entries, dropped = world.verifier.follow()
    assert [entry.reason for entry in entries] == ["user_erased"]
    assert dropped.keys() == {world.ids[name] for name in OF_ANN}


def test_many_ends_of_one_statement_are_numbered_without_gaps(world: World) -> None:
    world.dba.execute(
        "update authority.tokens set revoked_at = authority.clock(), "
        "revocation_reason = 'leaked'"
    )
    entries, dropped = world.verifier.follow()
    assert [entry.sequence for entry in entries] == [*range(1, len(ALL) + 1)]
    assert {entry.category for entry in entries} == {"token"}
    assert dropped.keys() == {world.ids[name] for name in ALL}


def test_an_entry_of_another_tenant_ends_nothing(world: World) -> None:
    assert revoke(world, "hers")
    (entry,) = world.verifier.read()
    token = world.verifier.cache[world.ids["hers"]]
    assert is_ended(token, entry)
    assert not is_ended(token, replace(entry, tenant_id=uuid4()))
    assert not is_ended(world.verifier.cache[world.ids["bobs"]], entry)


def test_only_an_exchanged_token_depends_on_others(world: World) -> None:
    cache = world.verifier.cache
    assert {name for name in ALL if cache[world.ids[name]].depends_on is not None} == {
        "foreign, traded",
        "traded",
    }
    assert feed_keys(cache[world.ids["traded"]]) >= feed_keys(
        cache[world.ids["hers"]]
    ) | feed_keys(cache[world.ids["robots"]])
