"""Plants what each figure counts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import psycopg
from psycopg import errors

from authority_queries import Keyring, mint_signing_key
from tests.factories import make_tenant
from tests.monitoring.conftest import Watched
from tests.prunable import LIVE, PRUNABLE, World
from tests.stores import routed_store

# Rows that are due, and rows that are not, for each step.
DUE = 3
STEPS = {
    step
    for step in PRUNABLE
    if not step.startswith("default_") and step != "superseded_revocations"
}


@contextmanager
def planted(watched: Watched) -> Iterator[None]:
    """Plant everything. Sessions and transactions stay open during the block."""
    dba = watched.dba
    dba.execute("select pg_stat_reset()")
    with routed_store(watched.logins) as store:
        world = World.make(store, dba)
        for step in STEPS:
            world.insert(step, DUE)
            if PRUNABLE[step].prolong is not None and step != "consents":
                world.insert(step, 1, LIVE)
        _plant_work(watched, world)
        # The other tenant's feed has entries, but no number.
        store.revocations.publish(
            tenant_id=make_tenant(store).id,
            category="client",
            target="app",
            reason="leaked",
        )
        for _ in range(2):  # one that signs, and the next one
            store.signing_keys.publish(
                tenant_id=world.tenant_id,
                key=mint_signing_key("ES256"),
                keyring=Keyring(current="key", keys={"key": bytes(range(32))}),
            )
    dba.execute(
        "update authority.signing_keys "
        "set activated_at = activated_at - interval '1 hour' where retired_at is null"
    )
    _plant_storage(watched)
    _plant_counters(watched)
    with ExitStack() as stack:
        _plant_transactions(watched, stack)
        watched.flush()
        yield


def _plant_work(watched: Watched, world: World) -> None:
    dba, tenant_id = watched.dba, world.tenant_id
    for status in ("trial", "suspended", "terminated"):
        dba.execute(
            "insert into authority.tenants (code, display_name, status) "
            "values (%s, 'x', %s)",
            (status, status),
        )
    world.insert("logout_notices", 2, LIVE)
    dba.execute(
        """
        with picked as (
            select id, row_number() over (order by id) as number
            from authority.logout_notices where expires_at > authority.clock()
        )

        update authority.logout_notices
        set
            status = case number when 1 then 'given_up' else status end,
            finished_at = case number when 1 then authority.clock() end,
            next_attempt_at
            = authority.clock() + case number when 2 then 60 else -60 end
            * interval '1 second'
        from picked where logout_notices.id = picked.id
        """
    )
    dba.execute(
        "insert into authority.login_throttles "
        "(tenant_id, username, factor, drains_at, refused_at) values "
        "(%(tenant)s, 'ann', 'password', authority.clock(), authority.clock()), "
        "(%(tenant)s, 'bob', 'password', authority.clock(), "
        "authority.clock() - interval '20 minutes')",
        {"tenant": tenant_id},
    )
    for outcome, minutes in (
        ("succeeded", 1),
        ("failed", 1),
        ("failed", 2),
        ("throttled", 1),
        ("failed", 20),
    ):
        dba.execute(
            "insert into authority.login_attempts "
            "(tenant_id, username, outcome, created_at) "
            "values (%s, 'ann', %s, authority.clock() - %s * interval '1 minute')",
            (tenant_id, outcome, minutes),
        )
    # A month without a partition.
    dba.execute(
        "insert into authority.login_attempts "
        "(tenant_id, username, outcome, created_at) "
        "values (%s, 'ann', 'failed', '2020-01-01Z')",
        (tenant_id,),
    )


def _plant_storage(watched: Watched) -> None:
    for statement in (
        "delete from authority.used_jtis where expires_at > authority.clock()",
        "update authority.tenants set display_name = display_name || '!'",
        "vacuum analyze authority.users",
        "update pg_catalog.pg_index set indisvalid = false "
        "where indexrelid = 'authority.roles_tenant_id_name_key'::regclass",
        "insert into authority_yoyo.yoyo_lock (locked, ctime, pid) "
        "values (1, now() at time zone 'UTC' - interval '1 hour', 4711)",
    ):
        watched.dba.execute(statement.encode())


def _plant_counters(watched: Watched) -> None:
    """Plant a deadlock, a temporary file and an index scan."""
    dba = watched.dba
    with (
        psycopg.connect(watched.logins.dba) as one,
        psycopg.connect(watched.logins.dba) as two,
    ):
        for connection in (one, two):
            connection.execute("set deadlock_timeout = '20ms'")
        one.execute("select pg_advisory_xact_lock(1)")
        two.execute("select pg_advisory_xact_lock(2)")
        lost: list[Exception] = []

        def wait(connection: "psycopg.Connection[object]", number: int) -> None:
            try:
                connection.execute("select pg_advisory_xact_lock(%s)", (number,))
            except errors.DeadlockDetected as error:
                lost.append(error)
            connection.rollback()

        threads = [Thread(target=wait, args=pair) for pair in ((one, 2), (two, 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(lost) == 1
    dba.execute("set work_mem = '64kB'")
    dba.execute(
        "select count(*) from ("
        "select g from generate_series(1, 99999) as g order by -g offset 0) as sorted"
    )
    dba.execute("set enable_seqscan = off")
    dba.execute("select from authority.users where tenant_id = gen_random_uuid()")
    dba.execute("reset all")


def _plant_transactions(watched: Watched, stack: ExitStack) -> None:
    """Leave transactions of each kind open, a slot behind, and notifications unread."""
    one, two, listener = (
        stack.enter_context(psycopg.connect(watched.logins.dba)) for _ in range(3)
    )
    listener.execute("listen authority_revocations")
    listener.commit()
    listener.execute("select 1")  # reads no notification while it is open
    for _ in range(3):
        watched.dba.execute(
            "select pg_notify('authority_revocations', repeat('x', 7999))"
        )
    # Two holders of one row's lock are a multixact.
    for connection in (one, two):
        connection.execute("select from authority.tenants for key share")
    prepared = stack.enter_context(psycopg.connect(watched.logins.dba))
    prepared.execute("select pg_current_xact_id()")
    prepared.execute("prepare transaction 'planted'")
    watched.dba.execute("select pg_create_physical_replication_slot('planted', true)")
    stack.callback(
        lambda: watched.dba.execute("select pg_drop_replication_slot('planted')")
    )
    stack.callback(lambda: watched.dba.execute("rollback prepared 'planted'"))
    for _ in range(2):
        watched.dba.execute("select pg_current_xact_id()")
    watched.dba.execute("select pg_switch_wal()")
