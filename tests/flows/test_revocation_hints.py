"""A hint shortens the wait, and nothing depends on it."""

import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import monotonic

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from authority_queries import Settings, migrate
from authority_queries.service.embedded.account import server_account
from tests.conftest import PASSWORD
from tests.factories import HOUR, make_tenant
from tests.flows.followers import PATIENCE, Dba, Feed, Follow, publish
from tests.isolation.pgbouncer import pooled, program
from tests.isolation.services import settings_for
from tests.schema.fresh_server import fresh_server
from tests.stores import Logins, routed_store

SOON = timedelta(milliseconds=50)
WAITS_TO_READ = """
select count(*) from pg_stat_activity
where
    datname = current_database()
    and wait_event_type = 'Lock'
    and query like '%/* revocations.list_since */%'
"""


@pytest.fixture
def other(logins: Logins) -> Feed:
    with routed_store(logins) as store:
        return Feed(logins, make_tenant(store).id)


def test_a_hint_wakes_a_follower_long_before_its_next_poll(
    *,
    follow: Follow,
    settings: Settings,
    feed: Feed,
    logins: Logins,
    figures: list[str],
) -> None:
    took = []
    with (
        routed_store(logins) as store,
        feed.followed(follow, settings, poll_interval=HOUR) as queue,
    ):
        feed.wait_for_listeners(1)
        for number in range(100):
            start = monotonic()
            publish(store, feed.tenant_id, f"jti-{number}")
            assert queue.get(timeout=PATIENCE) == f"jti-{number}"
            took.append(monotonic() - start)
    figures.append(
        f"hints ({follow.__name__}): {len(took)} entries seen between two polls, "
        f"{1000 * median(took):.1f} ms (median) after their publisher began"
    )


def test_forged_hints_do_not_drive_a_follower(
    *,
    follow: Follow,
    settings: Settings,
    feed: Feed,
    logins: Logins,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "authority_queries.sql")
    with (
        feed.followed(follow, settings, poll_interval=HOUR) as queue,
        psycopg.connect(logins.app, autocommit=True) as forger,
    ):
        feed.wait_for_listeners(1)
        caplog.clear()
        end = monotonic() + 1
        while monotonic() < end:
            forger.execute(
                "select pg_notify('authority_revocations', %s)", (str(feed.tenant_id),)
            )
        assert sum("list_since" in line for line in caplog.messages) < 15
        feed.publish("real")
        assert queue.get(timeout=PATIENCE) == "real"


def test_a_follower_listens_before_it_reads(
    follow: Follow, settings: Settings, feed: Feed, logins: Logins, dba: Dba
) -> None:
    """Otherwise an entry published between the two is missed until the next poll."""
    with psycopg.connect(logins.dba) as holder:
        holder.execute("lock table authority.revocations in access exclusive mode")
        with feed.followed(follow, settings, poll_interval=HOUR):
            try:
                feed.wait_for_listeners(1)
                while dba.execute(WAITS_TO_READ).fetchone() != (1,):
                    pass
            finally:
                holder.rollback()


def test_an_entry_of_another_tenant_wakes_no_follower(
    *,
    follow: Follow,
    settings: Settings,
    feed: Feed,
    other: Feed,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "authority_queries.sql")

    def reads() -> int:
        return sum("list_since" in line for line in caplog.messages)

    with feed.followed(follow, settings, poll_interval=HOUR) as queue:
        deadline = monotonic() + PATIENCE
        while not any("get_position" in line for line in caplog.messages):
            assert monotonic() < deadline
        for number in range(20):
            other.publish(f"other-{number}")
        feed.publish("ours")
        assert queue.get(timeout=PATIENCE) == "ours"
        assert reads() == 2


def test_a_follower_without_hints_reads_every_entry(
    follow: Follow, settings: Settings, feed: Feed
) -> None:
    feed.publish("before")
    with feed.followed(follow, settings, listen=False, poll_interval=SOON) as queue:
        for target in ("before", *(f"jti-{number}" for number in range(20))):
            if target != "before":
                feed.publish(target)
            assert queue.get(timeout=PATIENCE) == target
        assert feed.listeners() == []


def test_a_follower_reconnects_and_misses_nothing(
    follow: Follow, settings: Settings, feed: Feed
) -> None:
    killed = 0
    with feed.followed(follow, settings, poll_interval=HOUR) as queue:
        for number in range(4):
            feed.wait_for_listeners(1)
            killed += feed.kill_listeners()
            feed.publish(f"jti-{number}")
            assert queue.get(timeout=PATIENCE) == f"jti-{number}"
    assert killed == 4


def test_a_follower_polls_while_it_cannot_listen(
    follow: Follow, settings: Settings, feed: Feed, logins: Logins, dba: Dba
) -> None:
    login = settings.connection_parameters["user"]
    with (
        feed.followed(follow, settings, poll_interval=SOON) as queue,
        routed_store(logins) as store,
    ):
        feed.wait_for_listeners(1)
        # The pool has one connection, the store another.
        dba.execute(f"alter role {login} connection limit 2".encode())
        try:
            assert feed.kill_listeners() == 1
            for number in range(5):
                publish(store, feed.tenant_id, f"jti-{number}")
                assert queue.get(timeout=PATIENCE) == f"jti-{number}"
            assert feed.listeners() == []
        finally:
            dba.execute(f"alter role {login} connection limit -1".encode())
        feed.wait_for_listeners(1)


def test_a_follower_only_polls_through_a_pooler(
    *,
    follow: Follow,
    logins: Logins,
    login_names: dict[str, str],
    feed: Feed,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if program() is None:
        pytest.skip("pgbouncer is not installed")  # -- because it is no Python package
    with pooled(logins.app, {login_names["app"]: PASSWORD}) as bouncer:
        through = settings_for(bouncer, prepared_statements=False)
        with feed.followed(follow, through, poll_interval=SOON) as queue:
            for number in range(20):
                feed.publish(f"jti-{number}")
                assert queue.get(timeout=PATIENCE) == f"jti-{number}"
    warning = "no notifications of revocations through a pooler; polling only"
    assert warning in caplog.messages
    assert not any("listen" in line for line in caplog.messages)


class OwnServer:
    """A server that tests may restart."""

    def __init__(self, conninfo: str, programs: Path) -> None:
        migrate(conninfo)
        with psycopg.connect(conninfo, autocommit=True) as dba:
            dba.execute("create role auth_service login in role authority_app")
            dba.execute("create role auth_ops login in role authority_maintenance")
            grant = "grant connect on database {} to auth_service, auth_ops"
            dba.execute(sql.SQL(grant).format(sql.Identifier(dba.info.dbname)))
            row = dba.execute("show data_directory").fetchone()
        assert row is not None
        self.conninfo = conninfo
        self._data: str = row[0]
        self._programs = programs
        self._logins = Logins(
            dba=conninfo,
            app=make_conninfo(conninfo, user="auth_service"),
            maintenance=make_conninfo(conninfo, user="auth_ops"),
            reader=conninfo,
        )
        self.settings = settings_for(self._logins.app, pool_min_size=4, pool_max_size=4)

    def new_feed(self) -> Feed:
        """Create a tenant, and return its feed."""
        with routed_store(self._logins) as store:
            return Feed(self._logins, make_tenant(store).id)

    def restart(self, mode: str) -> None:
        subprocess.run(
            [self._programs / "pg_ctl", "restart", "-w", "-m", mode, "-D", self._data],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **server_account().as_other_user(),
        )


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnServer]:
    with fresh_server() as (conninfo, psql):
        yield OwnServer(conninfo, Path(psql).parent)


def test_a_follower_outlives_restarts_of_the_server(
    follow: Follow, own_server: OwnServer
) -> None:
    feed = own_server.new_feed()
    with feed.followed(follow, own_server.settings, poll_interval=HOUR) as queue:
        for mode in ("fast", "immediate"):
            feed.publish(f"before {mode}")
            assert queue.get(timeout=PATIENCE) == f"before {mode}"
            own_server.restart(mode)
            feed.publish(f"after {mode}")
            assert queue.get(timeout=PATIENCE) == f"after {mode}"


def test_an_entry_is_published_while_the_queue_of_hints_is_full(
    own_server: OwnServer,
) -> None:
    with psycopg.connect(own_server.conninfo, autocommit=True) as dba:
        if dba.info.server_version < 170000:
            pytest.skip("no setting keeps the queue below 8 GB")
        dba.execute("alter system set max_notify_queue_pages = 64")
    own_server.restart("fast")
    with (
        psycopg.connect(own_server.conninfo, autocommit=True) as dba,
        psycopg.connect(own_server.conninfo) as listener,
    ):
        listener.execute("listen somewhere").connection.commit()
        listener.execute("select 'hears nothing until its transaction ends'")

        def notify() -> None:
            for number in range(1000):
                payload = f"{number}".ljust(7999)
                dba.execute("select pg_notify('somewhere', %s)", (payload,))

        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            notify()
        feed = own_server.new_feed()
        feed.publish("jti-1")
        told = dba.execute(
            "select target from authority.revocations where tenant_id = %s",
            (feed.tenant_id,),
        ).fetchall()
        dba.execute("alter system reset all")
    own_server.restart("fast")
    assert told == [("jti-1",)]


def test_a_follower_polls_while_its_listening_connection_is_silent(
    follow: Follow, own_server: OwnServer
) -> None:
    """The other side has disappeared without closing the connection."""
    feed = own_server.new_feed()
    with feed.followed(follow, own_server.settings, poll_interval=SOON) as queue:
        feed.wait_for_listeners(1)
        (listener,) = feed.listeners()
        os.kill(listener, signal.SIGSTOP)
        try:
            for number in range(5):
                feed.publish(f"jti-{number}")
                assert queue.get(timeout=PATIENCE) == f"jti-{number}"
        finally:
            os.kill(listener, signal.SIGCONT)
