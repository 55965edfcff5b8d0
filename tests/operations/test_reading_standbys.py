"""An Authority with `replica_url`: which reads go to a standby, and none is stale."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import psutil
import psycopg
import pytest

from authority_queries import AsyncAuthority, Authority, Settings, Store, mint_token
from authority_queries.errors import InvalidArgumentError, ReadOnlyError, RetryableError
from authority_queries.service.migrations import yoyo_url
from authority_queries.service.replica_health import ReplicaReads
from tests.factories import HOUR, make_client, make_token, new_token
from tests.operations.promotion import WRITERS, Writer, lost, of_both
from tests.operations.servers import (
    PATIENCE,
    Pair,
    delay,
    paused,
    running_pair,
    scalar,
    until,
)

pytestmark = pytest.mark.one_version

READS, ROUNDS = 10_020, 501  # 20 reads of each token
LAG = 0.4  # seconds


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


@pytest.fixture
def standby(pair: Pair) -> Iterator["psycopg.Connection[Any]"]:
    """A superuser's session on the standby."""
    with psycopg.connect(pair.standby.conninfo, autocommit=True) as dba:
        yield dba


@pytest.fixture
def reader(pair: Pair) -> Iterator[Authority]:
    with Authority.open(both(pair, replica_wait=1)) as reader:
        yield reader


def both(pair: Pair, **more: Any) -> Settings:
    return Settings(
        database_url=yoyo_url(pair.primary.conninfo),
        replica_url=yoyo_url(pair.standby.conninfo),
        **more,
    )


def since(before: ReplicaReads, after: ReplicaReads) -> ReplicaReads:
    return ReplicaReads(
        standby=after.standby - before.standby,
        lagging=after.lagging - before.lagging,
        written=after.written - before.written,
        away=after.away - before.away,
    )


def is_standby(store: Store) -> bool:
    return store.connection.info.parameter_status("in_hot_standby") == "on"


# The longest wait for a replay, and the delay of the replay.
LAGS = ((0.1, "10ms"), (0.0, "10ms"), (0.002, "1h"))


def test_no_read_after_an_lsn_is_stale_however_the_standby_lags(
    pair: Pair, standby: "psycopg.Connection[Any]", figures: list[str]
) -> None:
    stale = naive = 0
    reads = []
    for wait, lag in LAGS:
        issued = [pair.issue() for _ in range(ROUNDS // len(LAGS))]
        pair.reader.await_replay(pair.writer.get_lsn())
        delay(standby, lag)
        with Authority.open(both(pair, replica_wait=wait)) as reader:
            for minted, token in issued:
                lsn = pair.revoke(token)
                with suppress(RetryableError):  # the replay needs the row
                    naive += pair.accepts(minted)
                for _ in range(READS // ROUNDS):
                    stale += reader.verify_token(minted.token, after=lsn) is not None
            reads.append(reader.replica_reads)
        delay(standby, "0")
    waiting, hasty, hopeless = reads
    on_standby = sum(each.standby for each in reads)
    counted = on_standby + sum(each.lagging + each.written for each in reads)
    figures.append(
        f"verifications of revoked tokens while a standby lags: {stale} of {counted:,} "
        f"accepted with the LSN, {on_standby:,} of them on the standby; "
        f"{naive} of {ROUNDS} accepted without"
    )
    assert (stale, counted) == (0, READS)
    assert waiting.standby > READS // len(LAGS) // 2
    assert (hasty.lagging > 0, hopeless.standby) == (True, 0)
    assert naive > ROUNDS // 4  # those of the longest delay


def test_a_writer_reads_its_own_writes(
    pair: Pair, reader: Authority, standby: "psycopg.Connection[Any]"
) -> None:
    def stale(*, autocommit: bool) -> bool:
        with reader.tenant(pair.tenant_id) as store:
            minted, token = make_token(store, pair.client)
        until_answered(reader, lambda: reader.verify_token(minted.token))
        with paused(standby):
            with reader.tenant(pair.tenant_id, autocommit=autocommit) as store:
                assert store.tokens.revoke_by_id(
                    tenant_id=pair.tenant_id, token_id=token.id, reason="stolen"
                )
                inside = autocommit and reader.verify_token(minted.token) is not None
            after = reader.verify_token(minted.token) is not None
            assert pair.accepts(minted)  # the standby lags
            return inside or after

    assert [stale(autocommit=each) for each in (True, False) * 3] == [False] * 6


def test_a_revoked_token_is_accepted_for_at_most_the_longest_lag(
    pair: Pair, standby: "psycopg.Connection[Any]", figures: list[str]
) -> None:
    minted, token = pair.issue()
    until(lambda: pair.accepts(minted))
    with (
        Authority.open(both(pair, replica_max_lag=LAG, replica_wait=0)) as reader,
        paused(standby),
    ):
        assert reader.verify_token(minted.token) is not None
        pair.revoke(token)
        revoked = accepted = monotonic()
        while (begun := monotonic()) < revoked + PATIENCE:
            if reader.verify_token(minted.token) is None:
                break
            accepted = begun
        before = reader.replica_reads
        assert before.standby > 1
        assert reader.verify_token(minted.token) is None
        assert since(before, reader.replica_reads).standby == 0
    figures.append(
        f"a paused standby accepted a revoked token for {accepted - revoked:.2f} s "
        f"with replica_max_lag = {LAG:g} s"
    )
    # However slow the machine is: the read's sample is from before the revocation.
    assert accepted - revoked < LAG


def test_a_verifier_keeps_no_answer_of_a_standby(
    pair: Pair, standby: "psycopg.Connection[Any]"
) -> None:
    (stolen, token), (followed, last) = pair.issue(), pair.issue()
    until(lambda: pair.accepts(followed))
    with (
        Authority.open(both(pair, replica_max_lag=30, replica_wait=5)) as reader,
        reader.verifier() as verifier,
    ):
        until_answered(reader, lambda: reader.verify_token(stolen.token))
        for _ in range(2):
            assert verifier.verify_token(followed.token) is not None
        with paused(standby):
            pair.revoke(token)
            pair.revoke(last)
            until(lambda: verifier.statistics.ended == 1)  # it has read both entries
            assert reader.verify_token(stolen.token) is not None  # the standby lags
            assert verifier.verify_token(stolen.token) is None


def test_positions_that_no_server_has_leave_the_standby_to_others(pair: Pair) -> None:
    minted, _ = pair.issue()
    until(lambda: pair.accepts(minted))
    size, patience = 4, 1
    with (
        Authority.open(
            both(pair, replica_wait=patience, replica_max_lag=30, pool_max_size=size)
        ) as reader,
        ThreadPoolExecutor(2 * size) as attackers,
    ):
        until_answered(reader, lambda: reader.verify_token(minted.token))

        def attack(number: int) -> object:
            nowhere = f"9:FFFFFFFF/{2**32 - 1 - number:X}"  # before the earlier ones
            return reader.verify_token(minted.token, after=nowhere)

        before, begun = reader.replica_reads, monotonic()
        attacks = [attackers.submit(attack, number) for number in range(2 * size)]
        until(lambda: reader.replica_reads.lagging >= size + before.lagging)
        assert reader.verify_token(minted.token) is not None
        assert reader.replica_reads.standby == before.standby + 1
        assert monotonic() - begun < patience
        assert all(attack.result() for attack in attacks)


def test_reads_of_a_fresh_standby_are_one_trip(pair: Pair, reader: Authority) -> None:
    minted, _ = pair.issue()
    until(lambda: pair.accepts(minted))
    assert reader.verify_token(minted.token) is not None  # opens the connections
    before = reader.replica_reads
    for _ in range(100):
        assert reader.verify_token(minted.token) is not None
    assert since(before, reader.replica_reads).standby > 50


def test_a_unit_that_only_reads_uses_a_standby(pair: Pair, reader: Authority) -> None:
    def revoke(store: Store) -> None:
        store.clients.revoke_tokens(
            tenant_id=pair.tenant_id, client_uuid=pair.client.id
        )

    with reader.tenant(pair.tenant_id) as store:
        assert not is_standby(store)
        client = make_client(store, pair.tenant_id)
    lsn = reader.get_lsn()
    for autocommit in (False, True):
        # A sample that is newer than the write is taken within a quarter of a second.
        sleep(0.3)
        with reader.tenant(
            pair.tenant_id, autocommit=autocommit, read_only=True, after=lsn
        ) as store:
            found = store.clients.get_by_client_id(
                tenant_id=pair.tenant_id, client_id=client.client_id
            )
            assert (found, is_standby(store)) == (client, True)
    for opened in (reader, pair.writer):
        with (
            pytest.raises(ReadOnlyError),
            opened.tenant(pair.tenant_id, read_only=True) as store,
        ):
            revoke(store)
    with pytest.raises(InvalidArgumentError, match="unless read_only is True"):
        reader.tenant(pair.tenant_id, after=lsn).__enter__()
    with pytest.raises(InvalidArgumentError, match="after must be what get_lsn"):
        reader.verify_token(mint_token("access", pair.tenant_id).token, after="0/1")


def test_redemptions_never_leave_the_primary(pair: Pair, reader: Authority) -> None:
    def redeem(minted: bytes, *, read_only: bool) -> str:
        with reader.tenant(
            pair.tenant_id, autocommit=True, read_only=read_only
        ) as store:
            if not read_only:
                assert not is_standby(store)
            return store.redemptions.refresh(
                tenant_id=pair.tenant_id,
                token_hash=minted,
                client_id=pair.client.client_id,
                redemption_id=uuid4(),
                access_token=new_token(mint_token("access", pair.tenant_id), HOUR),
                refresh_token=new_token(mint_token("refresh", pair.tenant_id), HOUR),
            ).outcome

    with pair.writer.tenant(pair.tenant_id) as store:
        minted = [make_token(store, pair.client, "refresh")[0] for _ in range(20)]
    pair.reader.await_replay(pair.writer.get_lsn())
    with pytest.raises(ReadOnlyError):
        redeem(minted[0].hash, read_only=True)
    before = reader.replica_reads
    for each in minted:
        assert redeem(each.hash, read_only=False) == "redeemed"
    assert since(before, reader.replica_reads) == ReplicaReads()


def test_another_timeline_is_not_reached(pair: Pair, reader: Authority) -> None:
    timeline, _, rest = pair.writer.get_lsn().partition(":")
    pair.reader.await_replay(f"{timeline}:{rest}")
    later = f"{int(timeline) + 1}:0/1"
    with pair.reader._lend() as connection:
        replay = Store(connection).server.get_replay
        assert replay(lsn=f"{timeline}:{rest}").is_reached
        assert not replay(lsn=later).is_reached
    before = reader.replica_reads
    minted, _ = pair.issue()
    assert reader.verify_token(minted.token, after=later) is not None
    assert since(before, reader.replica_reads).lagging == 1


def test_the_asynchronous_form_reads_a_standby(pair: Pair) -> None:
    async def main() -> None:
        minted, token = pair.issue()
        lsn = pair.writer.get_lsn()
        async with AsyncAuthority.open(both(pair, replica_wait=5)) as reader:
            assert await reader.verify_token(minted.token, after=lsn) is not None
            async with reader.tenant(pair.tenant_id, read_only=True) as store:
                assert store.connection.info.parameter_status("in_hot_standby") == "on"
            lsn = pair.revoke(token)
            assert await reader.verify_token(minted.token, after=lsn) is None
            assert reader.replica_reads.standby > 1

    asyncio.run(main())


@contextmanager
def frozen(pair: Pair) -> Iterator[None]:
    """Stop the standby's processes, as a hanging machine does."""
    with psycopg.connect(pair.standby.conninfo) as dba:
        server = psutil.Process(dba.info.backend_pid).parent()
    assert server is not None
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a server process whose client has left
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def test_reads_go_to_the_primary_while_the_standby_is_away(
    pair: Pair, caplog: pytest.LogCaptureFixture, figures: list[str]
) -> None:
    caplog.set_level(logging.INFO, "authority_queries.replica")
    minted, _ = pair.issue()
    until(lambda: pair.accepts(minted))

    def slowest(reader: Authority) -> float:
        begun = monotonic()
        assert reader.verify_token(minted.token) is not None
        return monotonic() - begun

    with Authority.open(both(pair)) as reader:
        assert slowest(reader) < PATIENCE
        with frozen(pair):
            hung = max(slowest(reader) for _ in range(50))
        until_answered(reader, lambda: slowest(reader))
        pair.standby.stop()
        gone = max(slowest(reader) for _ in range(50))
        pair.standby.start("-c", "fsync=off", "-c", "max_standby_streaming_delay=0")
        until_answered(reader, lambda: slowest(reader))
    figures.append(
        f"the slowest verification with a frozen standby took {hung:.1f} s, with a "
        f"stopped one {gone * 1000:.0f} ms"
    )
    assert (hung < 6, gone < 2) == (True, True)
    texts = [record.getMessage() for record in caplog.records]
    assert sum("is away, reads go to the primary" in text for text in texts) >= 2
    assert sum("answers again" in text for text in texts) >= 2


def until_answered(reader: Authority, call: Callable[[], object]) -> None:
    before = reader.replica_reads.standby

    def is_answered() -> bool:
        call()
        sleep(0.02)
        return reader.replica_reads.standby > before

    until(is_answered)


def test_a_service_starts_without_its_standby(pair: Pair) -> None:
    nowhere = yoyo_url(pair.standby.conninfo + " port=1")
    minted, _ = pair.issue()
    settings = Settings(
        database_url=yoyo_url(pair.primary.conninfo), replica_url=nowhere
    )
    with Authority.open(settings) as reader:
        assert reader.verify_token(minted.token) is not None
        assert reader.replica_reads.away == 1


def test_nothing_acknowledged_is_lost_when_a_synchronous_standby_is_promoted(
    pair: Pair, standby: "psycopg.Connection[Any]", figures: list[str]
) -> None:
    """The last test of this file, because it ends the primary."""
    with psycopg.connect(pair.primary.conninfo, autocommit=True) as dba:
        dba.execute("alter system set synchronous_standby_names = '*'")
        dba.execute("select pg_reload_conf()")
        sync = "select max(sync_state) from pg_stat_replication"
        until(lambda: scalar(dba, sync) == "sync")
    stop = Event()
    with (
        Authority.open(of_both(pair)) as authority,
        ThreadPoolExecutor(WRITERS) as pool,
    ):
        writers = [Writer(authority, pair) for _ in range(WRITERS)]
        ledgers = [writer.ledger for writer in writers]

        def finish_rounds(count: int) -> None:
            goal = count + sum(ledger.rounds for ledger in ledgers)
            until(lambda: sum(ledger.rounds for ledger in ledgers) >= goal)

        results = [pool.submit(writer.work, stop) for writer in writers]
        try:
            finish_rounds(40)
            # As a broken network: what is committed from now on is not acknowledged.
            standby.execute("alter system set primary_conninfo = ''")
            standby.execute("select pg_reload_conf()")
            sleep(0.3)
            pair.primary.kill()
            standby.execute("select pg_promote()")
            finish_rounds(40)
        finally:
            stop.set()
        for result in results:
            result.result()
    missing = lost(ledgers, standby)
    errors = sum((ledger.errors for ledger in ledgers), Counter())
    figures.append(
        f"promotion under load: {len(missing)} of {sum(map(len, ledgers)):,} "
        f"acknowledged writes lost, {errors.total()} calls of {WRITERS} writers "
        f"failed, the longest round {max(ledger.longest for ledger in ledgers):.1f} s"
    )
    assert missing == []
    assert sum(ledger.stale for ledger in ledgers) == 0
    # A call that met the crash fails. The next one waits for the new primary.
    assert errors.total() <= 2 * WRITERS
