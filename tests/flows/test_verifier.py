"""A verifier answers from memory what the database would answer."""

import copy
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from authority_queries import Authority, Settings, Store, feed_keys
from authority_queries.errors import ClosedError, InvalidArgumentError
from authority_queries.records import Client
from authority_queries.secrets import TokenString, mint_token
from authority_queries.service.caching.frozen import FrozenDict, FrozenList, freeze
from tests.factories import HOUR, make_client, make_tenant, make_token
from tests.flows.cached_verifier import Dba
from tests.flows.cached_world import World, make_world
from tests.flows.test_published_ends import ENDS
from tests.flows.verifiers import FORMS, Opened, opened_sync, statistics, until, warm
from tests.isolation.services import settings_for
from tests.stores import Logins

API = "https://api.example"
SECOND = timedelta(seconds=1)
SOON = timedelta(milliseconds=20)
Opener = Callable[..., Any]

both_forms = pytest.mark.parametrize("opened", FORMS.values(), ids=FORMS)


@pytest.fixture
def client(store: Store) -> Client:
    return make_client(store, make_tenant(store).id)


@pytest.fixture
def minted(store: Store, client: Client) -> TokenString:
    details: Any = {
        "resources": [API],
        "properties": {"plan": {"name": "pro"}, "n": [1]},
    }
    return make_token(store, client, scopes=["openid"], **details)[0]


@pytest.fixture
def verifier(settings: Settings) -> Iterator[Opened]:
    with opened_sync(settings) as opened:
        yield opened


def test_texts_of_a_token_leave_memory_with_it(
    settings: Settings, minted: TokenString
) -> None:
    with Authority.open(settings) as authority:
        live = authority.verify_token(minted.token)
    assert live is not None
    name, key = f"token:{uuid4()}", f"urn:{uuid4()}"
    frozen = freeze(replace(live, depends_on=[name], properties={key: 1}))
    assert frozen.depends_on == [name]
    # Python 3.12 keeps texts that are interned for ever. These are not.
    for kept in (frozen.depends_on[0], *frozen.properties):
        assert kept is not None
        assert sys.intern(f" {kept}"[1:]) is not kept


@both_forms
def test_an_answer_from_memory_is_that_of_the_database(
    opened: Opener, settings: Settings, minted: TokenString
) -> None:
    with opened(settings) as verifier, Authority.open(settings) as authority:
        warm(verifier, minted.token)
        found = verifier.verify(minted.token)
        assert found == authority.verify_token(minted.token)
        trips = statistics(verifier).misses
        tenant_id = minted.tenant_id
        verify = verifier.verify
        assert verify(minted.token, tenant_id=tenant_id, resource=API) is found
        assert verify(minted.token, tenant_id=uuid4()) is None
        assert verify(minted.token, resource="https://other.example") is None
        for wrong in (
            minted.token[:-1],
            "é" * 81,
            "",
            mint_token("refresh", tenant_id),
        ):
            text = wrong if isinstance(wrong, str) else wrong.token
            assert verify(text) is None
        with pytest.raises(InvalidArgumentError, match="tenant_id must be a UUID"):
            verify(minted.token, tenant_id=str(tenant_id))
        with pytest.raises(InvalidArgumentError, match="resource must be a str"):
            verify(minted.token, resource=1)
        with pytest.raises(InvalidArgumentError, match="token must be a str"):
            verify(minted.token.encode())
        assert statistics(verifier).misses == trips


def test_callers_cannot_change_a_shared_answer(
    verifier: Opened, minted: TokenString
) -> None:
    warm(verifier, minted.token)
    found: Any = verifier.verify(minted.token)
    before = copy.deepcopy(found)
    for act in (
        lambda: found.properties.update(plan="free"),
        lambda: found.properties["plan"].pop("name"),
        lambda: found.properties["n"].append(2),
        lambda: found.scopes.append("admin"),
        found.resources.clear,
    ):
        with pytest.raises(TypeError, match="shared by all callers"):
            act()
    assert found == before == verifier.verify(minted.token)
    assert json.dumps(found.properties) == '{"n": [1], "plan": {"name": "pro"}}'
    before.properties["plan"]["name"] = "free"  # a copy can be changed


def test_every_end_of_a_token_ends_its_answer(
    settings: Settings, store: Store, dba: Dba, figures: list[str]
) -> None:
    """One verifier follows a tenant for each way in which tokens end."""
    ended = kept = 0
    with Authority.open(settings) as authority, opened_sync(settings) as verifier:
        for name, end in ENDS.items():
            world = make_world(store, dba)
            tokens = access_tokens(world)
            options: Any = {"tenant_id": world.client.tenant_id, "foreign": True}
            warm(verifier, *tokens, **options)
            end.act(world)
            until(partial(is_read, verifier, world), f"the feed of {name}")
            for token in tokens:
                expected = authority.verify_token(token, **options)
                assert verifier.verify(token, **options) == expected, name
                ended += expected is None
                kept += expected is not None
        assert statistics(verifier).tenants > len(ENDS) / 2
    figures.append(
        f"verifier: {len(ENDS)} ways to end tokens of as many tenants, {ended} answers "
        f"ended, {kept} kept"
    )
    assert ended > 2 * len(ENDS)
    assert kept > len(ENDS)


def access_tokens(world: World) -> list[str]:
    live = {token.id for token in world.verifier.cache.values()}
    return [
        minted.token for name, minted in world.minted.items() if world.ids[name] in live
    ]


def is_read(verifier: Opened, world: World) -> bool:
    """Return whether the verifier has read the tenant's feed, or has dropped it."""
    feed = verifier.subject._cache.feeds.get(world.client.tenant_id)
    return feed is None or feed.position >= newest(world)


def newest(world: World) -> int:
    row = world.dba.execute(
        "select last_sequence from authority.revocation_sequences where tenant_id = %s",
        [world.client.tenant_id],
    ).fetchone()
    return 0 if row is None else int(row[0])


def test_an_answer_is_verified_again_after_its_maximal_age(
    settings: Settings, minted: TokenString, dba: Dba
) -> None:
    """A token that ends without an entry: the table's triggers are off."""
    seldom = {"poll_interval": HOUR, "max_staleness": 2 * HOUR, "listen": False}
    with opened_sync(settings, max_age=SECOND / 2, **seldom) as verifier:
        warm(verifier, minted.token)
        dba.execute("set session_replication_role = replica")
        dba.execute("delete from authority.tokens")
        took = until(lambda: verifier.verify(minted.token) is None, "a new answer")
        assert took < 5


def test_an_answer_ends_with_its_token(
    settings: Settings, store: Store, client: Client
) -> None:
    minted, _ = make_token(store, client, lifetime=SECOND)
    with opened_sync(settings) as verifier, Authority.open(settings) as authority:
        warm(verifier, minted.token)
        until(lambda: authority.verify_token(minted.token) is None, "the token's end")
        assert verifier.verify(minted.token) is None
        assert statistics(verifier).ended == 0


def test_refusals_are_kept_for_a_moment_and_bounded(
    settings: Settings, minted: TokenString
) -> None:
    with opened_sync(settings, max_refused=10, refused_for=SECOND / 5) as verifier:
        unknown = mint_token("access", minted.tenant_id).token
        assert verifier.verify(unknown) is verifier.verify(unknown) is None
        assert (statistics(verifier).misses, statistics(verifier).refused_hits) == (
            1,
            1,
        )
        until(lambda: trips_for(verifier, unknown), "another trip")
        for _ in range(30):
            assert verifier.verify(mint_token("access", uuid4()).token) is None
        assert statistics(verifier).refused == 10
        assert statistics(verifier).tenants == 0


def trips_for(verifier: Opened, token: str) -> int:
    before = statistics(verifier).misses
    verifier.verify(token)
    return statistics(verifier).misses - before


def test_memory_is_bounded(settings: Settings, store: Store, client: Client) -> None:
    strings = [make_token(store, client)[0].token for _ in range(8)]
    others = make_client(store, make_tenant(store).id)
    other = make_token(store, others)[0].token
    with opened_sync(settings, max_tokens=3, max_tenants=1) as verifier:
        for string in strings:
            warm(verifier, string)
        assert (statistics(verifier).tokens, statistics(verifier).evictions) == (3, 5)
        cache = verifier.subject._cache
        keys = [feed_keys(answer.token) for answer in cache.answers.values()]
        (feed,) = cache.feeds.values()
        assert feed._by_key.keys() == frozenset().union(*keys)
        for _ in range(3):
            assert trips_for(verifier, other) == 1
        assert statistics(verifier).tenants == 1


def test_a_tenant_without_answers_is_not_followed_and_nothing_is_read_for_it(
    settings: Settings, minted: TokenString, connections: Callable[[], int]
) -> None:
    short = {"max_age": SECOND / 5, "poll_interval": SOON}
    before = connections()
    with opened_sync(settings, **short) as verifier:
        for _ in range(2):
            warm(verifier, minted.token)
            assert (statistics(verifier).staleness or 9) < 5
            until(lambda: statistics(verifier).tenants == 0, "the end of following")
            until(lambda: connections() == before + 1, "the end of listening")
            assert statistics(verifier).staleness is None


@both_forms
def test_a_closed_verifier_refuses_and_leaves_no_connection(
    opened: Opener,
    settings: Settings,
    minted: TokenString,
    connections: Callable[[], int],
) -> None:
    before = connections()
    with opened(settings) as verifier:
        warm(verifier, minted.token)
        until(lambda: connections() == before + 2, "a listener")
        verifier.close()
        verifier.close()
        with pytest.raises(ClosedError, match="the verifier is closed"):
            verifier.verify(minted.token)
        with pytest.raises(ClosedError, match="the verifier is closed"):
            verifier.verify("no token")
        until(lambda: connections() == before + 1, "the end of listening")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_age": timedelta(0)}, "max_age"),
        ({"max_staleness": SECOND}, "max_staleness must be longer than poll_interval"),
        ({"max_staleness": 5}, "max_staleness must be a timedelta, not int"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tenants": 0}, "max_tenants"),
        ({"refused_for": -SECOND}, "refused_for"),
    ],
)
def test_a_verifier_refuses_bad_limits_at_once(
    options: dict[str, Any], message: str
) -> None:
    never_used: Any = type("Pool", (), {"lend": None, "connect": None})()
    with pytest.raises(InvalidArgumentError, match=message):
        Authority(never_used, Settings()).verifier(**options)


def test_a_verifier_works_inside_a_unit_of_work(
    logins: Logins, minted: TokenString
) -> None:
    settings = settings_for(logins.app, pool_max_size=3)
    with ExitStack() as stack:
        authority = stack.enter_context(Authority.open(settings))
        verifier = stack.enter_context(authority.verifier(poll_interval=SOON))
        with authority.tenant(minted.tenant_id) as store:
            store.revocations.get_position(tenant_id=minted.tenant_id)
            for _ in range(3):
                assert verifier.verify_token(minted.token) is not None
        with authority.tenant(minted.tenant_id) as store:
            store.tenants.revoke_tokens(tenant_id=minted.tenant_id)
        until(lambda: verifier.verify_token(minted.token) is None, "the sign-out")


def test_a_server_with_another_clock_decides_when_a_token_ends(
    settings: Settings, minted: TokenString
) -> None:
    """The estimate uses the server's clock and the time that passed here since."""
    with opened_sync(settings) as verifier:
        warm(verifier, minted.token)
        (feed,) = verifier.subject._cache.feeds.values()
        token = verifier.verify(minted.token)
        assert token is not None
        for away in (timedelta(days=-400), timedelta(0), timedelta(days=400)):
            moment = token.expires_at - SECOND + away
            feed.was_read(1000.0, moment, 5.0)
            moved = replace(token, expires_at=token.expires_at + away)
            assert feed.end_of(moved.expires_at) == pytest.approx(1001.0)


@pytest.mark.parametrize(
    ("kind", "readers"),
    [
        (FrozenList, {"copy", "count", "index", "__add__", "__mul__", "__rmul__"}),
        (FrozenDict, {"copy", "get", "items", "keys", "values", "fromkeys", "__or__"}),
    ],
)
def test_every_method_that_changes_a_list_or_an_object_is_refused(
    kind: type, readers: set[str]
) -> None:
    """A new method of a later Python must be judged here."""
    plain = kind.__mro__[1]
    changing = {
        name
        for name in vars(plain)
        if not name.startswith("__") or name in {"__iadd__", "__imul__", "__ior__"}
    } | {"__setitem__", "__delitem__"}
    refused = {name for name in changing if name in vars(kind)}
    assert changing - refused == {each for each in readers if each in changing}
    for name in refused:
        with pytest.raises(TypeError, match="shared by all callers"):
            getattr(kind(), name)()
