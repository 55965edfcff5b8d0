"""A verifier whose feed is away, another one, or of a parent process."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

import psycopg
import pytest

from authority_queries import Authority, Settings, Store
from authority_queries.errors import UnavailableError
from authority_queries.records import Client, Token
from authority_queries.secrets import TokenString
from tests.conftest import PASSWORD
from tests.factories import make_client, make_tenant, make_token
from tests.flows.cached_verifier import Dba
from tests.flows.followers import Feed
from tests.flows.verifiers import FORMS, Opened, opened_sync, statistics, until, warm
from tests.forking import in_child
from tests.isolation.pgbouncer import pooled, program
from tests.isolation.services import settings_for
from tests.stores import Logins

SOON = timedelta(milliseconds=50)
# An outage is noticed soon.
QUICK = {"poll_interval": SOON, "max_staleness": 4 * SOON}
Opener = Callable[..., Any]
both_forms = pytest.mark.parametrize("opened", FORMS.values(), ids=FORMS)


@pytest.fixture
def client(store: Store) -> Client:
    return make_client(store, make_tenant(store).id)


@pytest.fixture
def issued(store: Store, client: Client) -> tuple[TokenString, Token]:
    return make_token(store, client)


@pytest.fixture
def string(issued: tuple[TokenString, Token]) -> str:
    return issued[0].token


@pytest.fixture
def end(store: Store, issued: tuple[TokenString, Token]) -> Callable[[], object]:
    """A call that revokes the token."""
    minted, token = issued
    return lambda: store.tokens.revoke_by_id(
        tenant_id=minted.tenant_id, token_id=token.id, reason="stolen"
    )


class Feeds:
    """Hides the feeds from services, but not the tokens."""

    def __init__(self, dba: Dba) -> None:
        self._dba = dba

    def hide(self) -> None:
        self._dba.execute(
            "revoke execute on function authority.find_feed_heads(uuid[]) "
            "from authority_app"
        )

    def show(self) -> None:
        self._dba.execute(
            "grant execute on function authority.find_feed_heads(uuid[]) "
            "to authority_app"
        )


@pytest.fixture
def feeds(dba: Dba) -> Feeds:
    return Feeds(dba)


def is_stale(verifier: Opened) -> bool:
    """Return whether the feeds are away for longer than QUICK allows."""
    return (verifier.subject.staleness or 0) > QUICK["max_staleness"].total_seconds()


@both_forms
def test_without_its_feed_a_verifier_asks_the_database_for_each_call(
    *,
    opened: Opener,
    settings: Settings,
    string: str,
    end: Callable[[], object],
    feeds: Feeds,
) -> None:
    with opened(settings, **QUICK) as verifier:
        warm(verifier, string)
        feeds.hide()
        until(lambda: is_stale(verifier), "the outage")
        before = statistics(verifier)
        assert all(verifier.verify(string) for _ in range(5))
        now = statistics(verifier)
        assert (now.hits, now.bypasses) == (before.hits, before.bypasses + 5)
        end()
        assert verifier.verify(string) is None  # without any entry
        feeds.show()
        until(lambda: not is_stale(verifier), "the feed")


def test_answers_survive_an_outage_in_which_nothing_ended_them(
    settings: Settings, string: str, feeds: Feeds
) -> None:
    with opened_sync(settings, **QUICK) as verifier:
        warm(verifier, string)
        feeds.hide()
        until(lambda: is_stale(verifier), "the outage")
        feeds.show()
        until(lambda: not is_stale(verifier), "the feed")
        before = statistics(verifier)
        assert verifier.verify(string) is not None
        assert statistics(verifier).hits == before.hits + 1


def test_while_the_server_is_away_a_verifier_answers_until_the_bound(
    *,
    logins: Logins,
    string: str,
    dba: Dba,
    figures: list[str],
) -> None:
    settings = settings_for(logins.app, pool_timeout=0.2)
    login = settings.connection_parameters["user"]
    with opened_sync(settings, **QUICK) as verifier:
        warm(verifier, string)
        began = monotonic()
        dba.execute(f"alter role {login} connection limit 0".encode())
        try:
            dba.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where usename = %s",
                (login,),
            )
            until(lambda: is_unavailable(verifier, string), "the bound")
            took = monotonic() - began
        finally:
            dba.execute(f"alter role {login} connection limit -1".encode())
        until(lambda: not is_unavailable(verifier, string), "the server")
        warm(verifier, string)
    figures.append(
        f"verifier: {1000 * took:.0f} ms until it answered nothing without a server, "
        f"with max_staleness of {1000 * QUICK['max_staleness'].total_seconds():.0f} ms"
    )


def is_unavailable(verifier: Opened, string: str) -> bool:
    try:
        return verifier.verify(string) is None
    except (psycopg.OperationalError, UnavailableError):
        return True


@pytest.mark.parametrize("way", ["shorter", "as long", "longer", "far ahead"])
def test_a_feed_that_was_restored_ends_all_answers_of_its_tenant(
    *,
    way: str,
    settings: Settings,
    string: str,
    client: Client,
    dba: Dba,
    logins: Logins,
) -> None:
    feed = Feed(logins, client.tenant_id)
    feed.publish("1", "2", "3")
    with opened_sync(settings, listen=False, poll_interval=SOON) as verifier:
        warm(verifier, string)
        (followed,) = verifier.subject._cache.feeds.values()
        assert followed.position == 3
        last = {"shorter": 2, "as long": 3, "longer": 5, "far ahead": 5000}[way]
        with dba.transaction():
            dba.execute("delete from authority.revocations where sequence > 1")
            dba.execute(
                "insert into authority.revocations "
                "(tenant_id, sequence, category, target, reason) "
                "select %s, n, 'key', n::text, 'test' "
                "from generate_series(2, least(%s, 1005)) as n",
                (client.tenant_id, last),
            )
            dba.execute(
                "update authority.revocation_sequences "
                "set last_sequence = %s, "
                "updated_at = (select max(created_at) from authority.revocations)",
                (last,),
            )
        until(lambda: statistics(verifier).ended, "the other feed")
        assert (statistics(verifier).ended, followed.position) == (1, last)
        warm(verifier, string)


def test_a_pruned_feed_ends_no_answer(
    settings: Settings, string: str, client: Client, dba: Dba, logins: Logins
) -> None:
    feed = Feed(logins, client.tenant_id)
    feed.publish("1", "2")
    with opened_sync(settings, poll_interval=SOON) as verifier:
        warm(verifier, string)
        (followed,) = verifier.subject._cache.feeds.values()
        with dba.transaction():
            feed.publish("3", "4")
            dba.execute("delete from authority.revocations")
        until(lambda: followed.position == 4, "the entries")
        feed.publish("5")
        until(lambda: followed.position == 5, "the next entry")
        assert statistics(verifier).ended == 0


def test_behind_a_pooler_a_verifier_polls(
    *,
    logins: Logins,
    login_names: dict[str, str],
    string: str,
    end: Callable[[], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if program() is None:
        pytest.skip("pgbouncer is not installed")  # -- because it is no Python package
    with (
        pooled(logins.app, {login_names["app"]: PASSWORD}) as bouncer,
        opened_sync(settings_for(bouncer), poll_interval=SOON) as verifier,
    ):
        warm(verifier, string)
        end()
        until(lambda: verifier.verify(string) is None, "the entry")
        assert statistics(verifier).ended == 1
    assert "polling only" in caplog.text


def test_a_tenant_that_is_suspended_and_resumed_is_followed_again(
    settings: Settings, string: str, store: Store, client: Client
) -> None:
    with opened_sync(settings, poll_interval=SOON, refused_for=SOON) as verifier:
        warm(verifier, string)
        store.tenants.suspend(tenant_id=client.tenant_id)
        until(lambda: verifier.verify(string) is None, "the suspension")
        assert statistics(verifier).tenants == 0
        store.tenants.resume(tenant_id=client.tenant_id)
        until(lambda: verifier.verify(string) is not None, "the resumption")
        warm(verifier, string)


def test_a_forked_child_begins_with_nothing_and_follows_by_itself(
    settings: Settings, string: str, client: Client
) -> None:
    with (
        Authority.open(settings) as authority,
        authority.verifier(poll_interval=SOON) as verifier,
    ):
        while verifier.statistics.hits == 0:
            assert verifier.verify_token(string) is not None

        def child() -> tuple[int, int]:
            held = verifier.statistics.tokens
            hits = verifier.statistics.hits
            while verifier.statistics.hits == hits:
                assert verifier.verify_token(string) is not None
            with authority.tenant(client.tenant_id) as unit:
                unit.tenants.revoke_tokens(tenant_id=client.tenant_id)
            until(lambda: verifier.verify_token(string) is None, "the entry")
            return held, verifier.statistics.ended

        answered = in_child(child)
        assert answered() == (0, 1)
        until(lambda: verifier.verify_token(string) is None, "the entry, here too")
        assert verifier.statistics.ended == 1
