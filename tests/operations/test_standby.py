"""A physical standby: what works there, what is refused, and what its lag means."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from authority_queries import (
    AsyncAuthority,
    Authority,
    Exporter,
    Maintenance,
    NewToken,
    Store,
    mint_token,
)
from authority_queries.cli import main
from authority_queries.errors import (
    InvalidArgumentError,
    ReadOnlyError,
    ReplicaLagError,
    RetryableError,
    UnavailableError,
)
from tests.cluster import Cluster
from tests.factories import (
    HOUR,
    MINUTE,
    make_client,
    make_session,
    make_user,
)
from tests.operations.servers import (
    PATIENCE,
    Pair,
    delay,
    paused,
    reading,
    running_pair,
    scalar,
    settings_of,
    until,
)

FAR = "1:FFFFFFFF/0"  # no log goes so far
PAGE, HEADER = 8192, 24  # octets of the log's pages, and of what begins them
EMPTY_MESSAGE = 56  # octets of its record
TENTH = timedelta(seconds=0.1)
DELAY = 0.4  # seconds


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


@pytest.fixture
def follower(pair: Pair) -> Iterator["psycopg.Connection[Any]"]:
    """A superuser's session on a standby that has replayed everything."""
    pair.reader.await_replay(pair.writer.get_lsn(), within=timedelta(seconds=PATIENCE))
    with psycopg.connect(pair.standby.conninfo, autocommit=True) as dba:
        yield dba


@pytest.fixture
def leader(pair: Pair) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(pair.primary.conninfo, autocommit=True) as dba:
        yield dba


def test_a_standby_verifies_and_reads(
    pair: Pair, leader: "psycopg.Connection[Any]"
) -> None:
    minted, token = pair.issue()
    with Maintenance.open(settings_of(pair.primary)) as maintenance:
        assert maintenance.seal_audit() > 0
    pair.reader.await_replay(pair.writer.get_lsn())
    verified = pair.reader.verify_token(minted.token)
    assert verified is not None
    assert verified.id == token.id
    assert pair.reader.find_tenant("acme") == pair.tenant_id
    with pair.reader.tenant(pair.tenant_id) as store:
        assert store.clients.list(tenant_id=pair.tenant_id).items
    with Maintenance.open(reading(pair.standby)) as maintenance:
        report = maintenance.verify_audit(pair.tenant_id)
        assert report.is_intact
        assert report.chains
    with Exporter.open(reading(pair.standby)) as exporter:
        assert any(exporter.export_tenant(pair.tenant_id))


def test_a_standby_verifies_a_session_and_notes_no_use(
    pair: Pair, leader: "psycopg.Connection[Any]"
) -> None:
    with pair.writer.tenant(pair.tenant_id) as store:
        cookie, session = make_session(store, make_user(store, pair.tenant_id))
    used = "select max(last_used_at) from authority.sessions"
    leader.execute(
        "update authority.sessions set "
        "authenticated_at = authenticated_at - interval '2 min', "
        "created_at = created_at - interval '2 min', "
        "last_used_at = last_used_at - interval '2 min'"
    )
    before = scalar(leader, used)
    pair.reader.await_replay(pair.writer.get_lsn())
    verified = pair.reader.verify_session(cookie.token)
    assert verified is not None
    assert (verified.id, verified.last_used_at) == (session.id, before)
    assert pair.writer.verify_session(cookie.token) is not None
    assert scalar(leader, used) > before


def test_a_standby_refuses_writes_by_an_error_that_names_it(pair: Pair) -> None:
    def revoke(*, autocommit: bool) -> None:
        with pair.reader.tenant(pair.tenant_id, autocommit=autocommit) as store:
            store.clients.revoke_tokens(
                tenant_id=pair.tenant_id, client_uuid=pair.client.id
            )

    def refresh() -> None:
        with pair.reader._lend() as connection:
            Store(connection).redemptions.refresh(
                tenant_id=pair.tenant_id,
                token_hash=mint_token("refresh", pair.tenant_id).hash,
                client_id=pair.client.client_id,
                redemption_id=uuid4(),
                refresh_token=NewToken(
                    hash=mint_token("refresh", pair.tenant_id).hash, lifetime=HOUR
                ),
            )

    with pair.writer.tenant(pair.tenant_id) as store:
        make_client(store, pair.tenant_id)  # an event to seal
    pair.reader.await_replay(pair.writer.get_lsn())
    with Maintenance.open(reading(pair.standby)) as maintenance:
        writes: list[Callable[[], object]] = [
            partial(revoke, autocommit=False),
            partial(revoke, autocommit=True),
            refresh,
            maintenance.prune,
            maintenance.seal_audit,
        ]
        for write in writes:
            with pytest.raises(ReadOnlyError, match="the server is a standby"):
                write()
    # The pool has replaced the connection, in case the server is no longer the primary.
    with pair.reader._lend() as connection:
        used = connection.info.backend_pid
    with pytest.raises(ReadOnlyError):
        revoke(autocommit=True)
    with pair.reader._lend() as connection:
        assert connection.info.backend_pid != used
    assert pair.reader.find_tenant("acme") == pair.tenant_id


def test_opening_names_the_setting_for_a_standby(pair: Pair) -> None:
    begun = monotonic()
    with pytest.raises(UnavailableError, match=r"set target_session_attrs=any$"):
        Authority.open(settings_of(pair.standby)).__enter__()
    assert monotonic() - begun < 5


def test_a_paused_standby_accepts_a_revoked_token_and_await_replay_refuses(
    pair: Pair, follower: "psycopg.Connection[Any]"
) -> None:
    minted, token = pair.issue()
    pair.reader.await_replay(pair.writer.get_lsn())
    with paused(follower):
        lsn = pair.revoke(token)
        assert pair.writer.verify_token(minted.token) is None
        assert pair.accepts(minted)
        begun = monotonic()
        with pytest.raises(ReplicaLagError, match=r"not to .* within 0.1 s"):
            pair.reader.await_replay(lsn, within=TENTH)
        assert TENTH.total_seconds() <= monotonic() - begun < 1
        assert pair.accepts(minted)
    pair.reader.await_replay(lsn)
    assert not pair.accepts(minted)


def test_a_revocation_reaches_a_standby_after_its_delay(
    pair: Pair, follower: "psycopg.Connection[Any]", figures: list[str]
) -> None:
    def seconds_alive() -> float:
        minted, token = pair.issue()
        pair.reader.await_replay(
            pair.writer.get_lsn(), within=timedelta(seconds=PATIENCE)
        )
        pair.revoke(token)
        begun = monotonic()
        until(lambda: not pair.accepts(minted))
        return monotonic() - begun

    without = seconds_alive()
    delay(follower, f"{DELAY * 1000:.0f}ms")
    delayed = seconds_alive()
    delay(follower, "0")
    figures.append(
        f"a revoked token on a standby lived for {without * 1000:.0f} ms, and for "
        f"{delayed * 1000:.0f} ms with recovery_min_apply_delay = {DELAY:g} s"
    )
    assert without < DELAY <= delayed + 0.1 < DELAY + 2


def test_who_awaits_an_lsn_reads_its_own_writes(
    pair: Pair,
    leader: "psycopg.Connection[Any]",
    follower: "psycopg.Connection[Any]",
    figures: list[str],
) -> None:
    def rounds(wait: Callable[[str], object]) -> int:
        stale = 0
        for _ in range(20):
            minted, token = pair.issue()
            pair.reader.await_replay(pair.writer.get_lsn())
            wait(pair.revoke(token))
            stale += pair.accepts(minted)
        return stale

    delay(follower, "20ms")
    without = rounds(lambda _: None)
    awaited = rounds(pair.reader.await_replay)
    with _remote_apply(leader):
        applied = rounds(lambda _: None)
    delay(follower, "0")
    figures.append(
        f"revoked tokens that a standby accepted: {without} of 20, {awaited} of 20 "
        f"after await_replay, {applied} of 20 with remote_apply"
    )
    assert (without > 15, awaited, applied) == (True, 0, 0)


@contextmanager
def _remote_apply(leader: "psycopg.Connection[Any]") -> Iterator[None]:
    """Let each commit on the primary wait for the replay on the standby."""
    for name, value in (
        ("synchronous_commit", "remote_apply"),
        ("synchronous_standby_names", "*"),
    ):
        leader.execute(f"alter system set {name} = '{value}'")
    leader.execute("select pg_reload_conf()")
    until(
        lambda: (
            scalar(leader, "select max(sync_state) from pg_stat_replication") == "sync"
        )
    )
    try:
        yield
    finally:
        leader.execute("alter system reset all")
        leader.execute("select pg_reload_conf()")


def test_the_asynchronous_form_awaits(pair: Pair) -> None:
    async def main() -> None:
        async with (
            AsyncAuthority.open(settings_of(pair.primary)) as writer,
            AsyncAuthority.open(reading(pair.standby)) as reader,
        ):
            minted, token = pair.issue()
            pair.revoke(token)
            await reader.await_replay(await writer.get_lsn())
            assert await reader.verify_token(minted.token) is None
            with pytest.raises(ReplicaLagError):
                await reader.await_replay(FAR, within=timedelta(0))

    asyncio.run(main())


def test_a_follower_polls_a_standby(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    _, token = pair.issue()
    pair.revoke(token)
    follower = pair.reader.follow_revocations(pair.tenant_id, poll_interval=TENTH)
    with closing(follower) as entries:
        assert any(entry.target == str(token.id) for entry in entries)
    assert "polling only: ReadOnlyError" in caplog.text


def test_an_lsn_at_the_beginning_of_a_page_is_reached(
    pair: Pair, leader: "psycopg.Connection[Any]"
) -> None:
    # A standby reports the end of the last record, not the header behind it.
    at = f"select (pg_current_wal_insert_lsn() - '0/0')::bigint % {PAGE}"
    emit = "select pg_logical_emit_message(false, '', repeat('x', %s))"
    until(lambda: _fill_page(leader, at, emit))
    lsn = pair.writer.get_lsn()
    assert scalar(leader, f"select pg_current_wal_insert_lsn() - '{lsn[2:]}'") == HEADER
    pair.reader.await_replay(lsn)
    assert pair.reader.get_lsn() == lsn


def _fill_page(leader: "psycopg.Connection[Any]", at: str, emit: str) -> bool:
    """Write towards the end of the log's page. Return whether a record ended there."""
    left = PAGE - int(scalar(leader, at))
    size = left - EMPTY_MESSAGE
    if size > 200:  # longer messages have longer headers
        size = min(size - 100, 4000)
    leader.execute(emit, [max(0, size)])
    return bool(scalar(leader, at) == HEADER)


def test_a_primary_knows_at_once_that_it_does_not_have_a_write(pair: Pair) -> None:
    pair.writer.await_replay(pair.writer.get_lsn(), within=timedelta(0))
    begun = monotonic()
    with pytest.raises(ReplicaLagError, match="lost in a failover"):
        pair.writer.await_replay(FAR, within=MINUTE)
    assert monotonic() - begun < 5
    wrongs: list[Any] = [
        "",
        "1:0/",
        "0/16B3748",
        "1:0/16B3748 ",
        "1:G/0",
        "0:0/1",
        None,
    ]
    for wrong in wrongs:
        with pytest.raises(InvalidArgumentError, match="lsn must be "):
            pair.reader.await_replay(wrong)


def test_a_repository_reports_the_replay(pair: Pair) -> None:
    lsn = pair.revoke(pair.issue()[1])
    pair.reader.await_replay(lsn)
    with (
        Maintenance.open(reading(pair.standby)) as maintenance,
        maintenance.store() as store,
    ):
        replay = store.server.get_replay(lsn=lsn)
        assert (replay.is_standby, replay.is_reached) == (True, True)
        assert replay.replayed_at is not None
        assert not store.server.get_replay(lsn=FAR).is_reached
        assert store.server.get_lsn() == replay.lsn


def test_a_conflict_with_the_replay_can_be_retried(
    pair: Pair, leader: "psycopg.Connection[Any]"
) -> None:
    def read(between: Callable[[], object]) -> None:
        with pair.reader.tenant(pair.tenant_id) as store:
            store.clients.list(tenant_id=pair.tenant_id)
            between()
            store.clients.list(tenant_id=pair.tenant_id)

    def lock() -> None:
        # The unit's transaction has a lock of the table, which the replay needs.
        with leader.transaction():
            leader.execute("lock table authority.clients in access exclusive mode")
        until(lambda: _conflicts(leader, pair.standby) > 0)

    with pytest.raises(RetryableError, match="repeat the unit of work"):
        read(lock)
    read(lambda: None)


def _conflicts(leader: "psycopg.Connection[Any]", standby: Cluster) -> int:
    with psycopg.connect(standby.conninfo) as dba:
        return int(
            scalar(dba, "select confl_lock from pg_stat_database_conflicts limit 1")
        )


def test_the_commands_say_that_the_server_is_a_standby(
    pair: Pair,
    follower: "psycopg.Connection[Any]",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = reading(pair.standby).database_url
    assert url is not None
    monkeypatch.setenv("AUTHORITY_DATABASE_URL", url.get_secret_value())
    codes = {
        command: main(command.split())
        for command in ("doctor", "check", "audit verify", "prune", "migrate", "demo")
    }
    assert codes == {
        "doctor": 0,
        "check": 0,
        "audit verify": 0,
        "prune": 1,
        "migrate": 1,
        "demo": 1,
    }
    said = capsys.readouterr()
    assert "a standby, which has replayed a commit of" in said.out
    assert "the server is a standby: it may not have replayed" in said.out
    assert "prune: the server is a standby: prune on its primary" in said.err
    assert said.err.count("is a standby, which takes no writes") == 2
