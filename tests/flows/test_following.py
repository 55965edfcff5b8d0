"""Where following begins, and what ends it."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from authority_queries import AsyncAuthority, Authority, Settings
from authority_queries.errors import (
    FeedRewoundError,
    InvalidArgumentError,
    TenantInactiveError,
    UnavailableError,
)
from tests.factories import HOUR
from tests.flows.followers import PATIENCE, Dba, Feed, Follow
from tests.isolation.services import settings_for
from tests.stores import Logins, routed_store

SOON = timedelta(milliseconds=10)


@pytest.fixture
def feed(feed: Feed) -> Feed:
    """A feed with three entries."""
    feed.publish("1", "2", "3")
    return feed


@pytest.mark.parametrize(
    "options",
    [
        {"after": -1},
        {"poll_interval": timedelta(0)},
        {"give_up_after": timedelta(0)},
    ],
)
@pytest.mark.parametrize("kind", [Authority, AsyncAuthority])
def test_a_follower_refuses_bad_arguments_at_once(
    kind: type[Authority] | type[AsyncAuthority], options: dict[str, Any]
) -> None:
    never_used: Any = SimpleNamespace(lend=None, connect=None)
    authority = kind(never_used, Settings())
    with pytest.raises(InvalidArgumentError, match=next(iter(options))):
        authority.follow_revocations(uuid4(), **options)
    text: Any = "no UUID"
    with pytest.raises(InvalidArgumentError, match="tenant_id must be a UUID, not str"):
        authority.follow_revocations(text)


def test_a_follower_resumes_after_its_last_entry(
    follow: Follow, settings: Settings, feed: Feed
) -> None:
    with feed.followed(follow, settings, after=1) as queue:
        assert [queue.get(timeout=PATIENCE) for _ in range(2)] == ["2", "3"]


def test_a_follower_catches_up_page_by_page(
    follow: Follow, settings: Settings, feed: Feed, dba: Dba
) -> None:
    dba.execute(
        "insert into authority.revocations "
        "(tenant_id, sequence, category, target, reason, expires_at) "
        "select %s, n, 'token', n::text, 'test', now() + interval '1 hour' "
        "from generate_series(4, 2500) as n",
        (feed.tenant_id,),
    )
    dba.execute("update authority.revocation_sequences set last_sequence = 2500")
    with feed.followed(follow, settings, poll_interval=HOUR) as queue:
        seen = [queue.get(timeout=PATIENCE) for _ in range(2500)]
    assert seen == [str(number) for number in range(1, 2501)]


def test_a_follower_skips_pruned_entries(
    follow: Follow, settings: Settings, feed: Feed, dba: Dba
) -> None:
    dba.execute("delete from authority.revocations where sequence = 2")
    with feed.followed(follow, settings) as queue:
        assert [queue.get(timeout=PATIENCE) for _ in range(2)] == ["1", "3"]
    dba.execute("delete from authority.revocations")
    with feed.followed(follow, settings, after=4, poll_interval=SOON) as queue:
        feed.publish("5")
        assert queue.get(timeout=PATIENCE) == "5"


def test_a_feed_that_ends_before_the_followers_position_is_an_error(
    follow: Follow, settings: Settings, feed: Feed
) -> None:
    with pytest.raises(
        FeedRewoundError, match="ends at 3, but this follower has read 4"
    ):
        follow(settings, feed.tenant_id, lambda _: True, after=4)
    assert feed.listeners() == []


def test_a_restore_while_following_is_an_error(
    follow: Follow, settings: Settings, feed: Feed, dba: Dba
) -> None:
    def restore(sequence: int) -> bool:
        if sequence == 3:
            dba.execute("delete from authority.revocations where sequence > 1")
            dba.execute("update authority.revocation_sequences set last_sequence = 1")
        return True

    with pytest.raises(
        FeedRewoundError, match="ends at 1, but this follower has read 3"
    ):
        follow(
            settings,
            feed.tenant_id,
            lambda entry: restore(entry.sequence),
            poll_interval=SOON,
        )


def test_a_restored_feed_that_has_overtaken_a_follower_is_an_error(
    follow: Follow, settings: Settings, feed: Feed, dba: Dba
) -> None:
    def restore_and_publish(sequence: int) -> bool:
        if sequence == 3:
            with dba.transaction():
                dba.execute("delete from authority.revocations where sequence > 1")
                dba.execute(
                    "insert into authority.revocations "
                    "(tenant_id, sequence, category, target, reason, expires_at) "
                    "select %s, n, 'token', n::text, 'test', now() + interval '1 hour' "
                    "from generate_series(2, 4) as n",
                    (feed.tenant_id,),
                )
                dba.execute(
                    "update authority.revocation_sequences set last_sequence = 4"
                )
        return sequence < 4

    with pytest.raises(
        FeedRewoundError, match="has another entry 3, but this follower has read 3"
    ):
        follow(
            settings,
            feed.tenant_id,
            lambda entry: restore_and_publish(entry.sequence),
            poll_interval=SOON,
        )


def test_a_follower_of_a_suspended_tenant_gets_an_error(
    follow: Follow, settings: Settings, feed: Feed, logins: Logins
) -> None:
    def suspend(sequence: int) -> bool:
        if sequence == 3:
            with routed_store(logins) as store:
                store.tenants.suspend(tenant_id=feed.tenant_id)
        return True

    with pytest.raises(TenantInactiveError):
        follow(
            settings,
            feed.tenant_id,
            lambda entry: suspend(entry.sequence),
            poll_interval=SOON,
        )


def test_a_follower_gives_up_after_its_limit(
    *,
    follow: Follow,
    logins: Logins,
    feed: Feed,
    dba: Dba,
    connections: Callable[[], int],
) -> None:
    settings = settings_for(logins.app, pool_timeout=0.1)
    login = settings.connection_parameters["user"]

    def shut_out(sequence: int) -> bool:
        if sequence == 3:
            dba.execute(f"alter role {login} connection limit 0".encode())
            dba.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where usename = %s",
                (login,),
            )
        return True

    try:
        with pytest.raises(UnavailableError, match="could not be read for"):
            follow(
                settings,
                feed.tenant_id,
                lambda entry: shut_out(entry.sequence),
                poll_interval=SOON,
                give_up_after=timedelta(seconds=0.5),
            )
    finally:
        dba.execute(f"alter role {login} connection limit -1".encode())
    assert connections() == 0
