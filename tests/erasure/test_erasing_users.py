"""`Maintenance.erase_user`: everything of one person, and nothing of others."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import Maintenance
from authority_queries.errors import InvalidArgumentError
from authority_queries.service.erasures import ErasureReport
from authority_queries.testing import Clock
from tests.erasure.rows import all_rows, only_in, places_of
from tests.erasure.waiting import wait_for_lock
from tests.erasure.world import World, identities

Dba: TypeAlias = "psycopg.Connection[Any]"
NOTHING = timedelta(0)


def hers_alone(world: World) -> set[str]:
    """Return every value of her rows that no row of others has, and her long names."""
    hers, others = world.of_ann(world.before), world.of_others(world.before)
    return only_in(hers, others) | (world.names - {"ann", "Ann"})


def expected_counts(world: World) -> dict[str, int]:
    counted = Counter(row.table for row in world.of_ann(world.before))
    return {**counted, "license_seats": 1, "user_roles": counted["user_roles"] + 1}


def test_every_value_of_an_erased_user_is_gone(
    world: World, maintenance: Maintenance, clock: Clock
) -> None:
    values = hers_alone(world)
    assert {"ann@example.com", str(world.ann), "request of ann 2"} <= values
    assert len(values) >= 50
    report = maintenance.erase_user(world.own, world.ann, batch_size=3)
    assert report.is_complete
    assert report.traces == {}
    told = {table.step: table.rows for table in report.tables}
    # The events of the erasure itself were redacted, too.
    assert told.pop("audit_events") >= 5
    assert told == expected_counts(world)
    assert not [row for row in world.rows_of(world.own) if row.names({"ann", "Ann"})]
    # The feed ends the user's tokens until they have expired.
    found = places_of(world.dba, values)
    assert found.keys() == {"revocations.target"}
    assert len(found["revocations.target"]) == 1
    clock.advance(timedelta(days=3))
    assert maintenance.prune(only=["revocations"]).is_complete
    assert places_of(world.dba, values) == {}


def test_rows_of_others_stay_as_they_were(
    world: World, maintenance: Maintenance
) -> None:
    maintenance.erase_user(world.own, world.ann, feed_for=NOTHING)
    assert places_of(world.dba, hers_alone(world)) == {}
    after = identities(world.of_others(all_rows(world.dba)))
    kept = identities(world.of_others(world.before))
    assert len(kept) > 100
    assert kept - after == set()
    # Of Bob's role and of the free seat nothing but her name has gone.
    changed = {table for table, _ in after - kept}
    assert changed == {"license_seats", "user_roles", "audit_events"}


def test_a_crashed_run_is_resumed(world: World, maintenance: Maintenance) -> None:
    batches = 0

    def crash(_: object) -> None:
        nonlocal batches
        batches += 1
        if batches == 12:
            world.dba.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )

    with pytest.raises(psycopg.OperationalError):
        maintenance.erase_user(world.own, world.ann, batch_size=1, progress=crash)
    assert places_of(world.dba, hers_alone(world)) != {}
    # Whoever crashed had already ended the sign-ins.
    (status,) = world.dba.execute(
        "select status from authority.users where id = %s", (world.ann,)
    ).fetchone() or ("",)
    assert status == "suspended"
    resumed = maintenance.erase_user(world.own, world.ann, feed_for=NOTHING)
    assert resumed.is_complete
    left = {table.step: table.rows for table in resumed.tables}
    # The events of the erasure itself come in addition.
    left.pop("audit_events")
    assert 0 < sum(left.values()) < sum(expected_counts(world).values())
    assert places_of(world.dba, hers_alone(world)).keys() <= {"revocations.target"}


def test_two_runs_at_once_share_the_rows(
    world: World, maintenance: Maintenance
) -> None:
    def run(_: int) -> ErasureReport:
        return maintenance.erase_user(world.own, world.ann, batch_size=1)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(run, range(2)))
    assert all(report.is_complete for report in reports)
    erased: Counter[str] = Counter()
    for report in reports:
        erased.update({table.step: table.rows for table in report.tables})
    assert erased.pop("audit_events") >= 5
    assert erased == expected_counts(world)
    published = [
        row
        for row in world.rows_of(world.own)
        if row.columns.get("reason") == "user_erased"
    ]
    assert len(published) == 1


def test_a_row_that_a_service_commits_late_goes_too(
    world: World, maintenance: Maintenance, conninfo: str
) -> None:
    with psycopg.connect(conninfo) as service:
        service.execute(
            "insert into authority.tokens "
            "(tenant_id, type, token_hash, client_uuid, user_id, expires_at) "
            "select tenant_id, 'access', sha256('late'), id, %s, "
            "authority.clock() + interval '1 hour' "
            "from authority.clients where tenant_id = %s",
            (world.ann, world.own),
        )
        with ThreadPoolExecutor(1) as pool:
            run = pool.submit(maintenance.erase_user, world.own, world.ann)
            wait_for_lock(world.dba)
            service.commit()
            report = run.result(timeout=30)
    assert report.is_complete
    assert not [row for row in world.rows_of(world.own) if row.names({str(world.ann)})]


def test_traces_in_rows_of_others_are_reported(
    world: World, maintenance: Maintenance
) -> None:
    world.dba.execute(
        "update authority.users set attributes = "
        """'{"friends": ["ann"], "note": "asked ann@example.com", "x": "anna"}' """
        "where username = 'Bob'"
    )
    report = maintenance.erase_user(world.own, world.ann)
    assert report.traces == {"users.attributes": 1}
    again = maintenance.erase_user(world.own, world.ann)
    assert (again.rows, again.is_complete, again.tables) == (0, True, [])


def test_a_trace_is_found_however_it_is_written(
    world: World, maintenance: Maintenance
) -> None:
    name = 'annie "\\" ü'
    world.dba.execute(
        "update authority.roles set description = %s where tenant_id = %s",
        (name, world.own),
    )
    world.dba.execute(
        "update authority.clients set properties = jsonb_build_object(%s::text, 1) "
        "where tenant_id = %s",
        (name, world.own),
    )
    report = maintenance.erase_user(world.own, world.ann, other_names=[name])
    assert report.traces == {
        "audit_events.changes": 4,
        "clients.properties": 1,
        "roles.description": 3,
    }


def test_the_name_of_another_user_is_not_erased(
    world: World, maintenance: Maintenance
) -> None:
    maintenance.erase_user(world.own, world.ann, other_names=["bob", "INVALID"])
    kept = [
        row.columns["correlation_id"]
        for row in world.rows_of(world.own)
        if row.table == "login_attempts"
    ]
    assert kept == ["bob 1", "nobody 1"]


def test_what_names_the_sub_of_another_user_is_not_erased(
    world: World, maintenance: Maintenance
) -> None:
    # Bob's sub is Ann's username. His entry in the feed and his seat have it.
    world.dba.execute(
        "with renamed as (update authority.users set subject_id = 'ann' "
        "where username = 'Bob' returning tenant_id), "
        "seated as (update authority.license_seats set holder = 'ann' from renamed "
        "where holder = 'bob' and license_seats.tenant_id = renamed.tenant_id) "
        "update authority.revocations set target = 'ann' from renamed "
        "where sequence = 104 and revocations.tenant_id = renamed.tenant_id"
    )
    report = maintenance.erase_user(world.own, world.ann)
    assert report.traces == {
        "audit_events.changes": 1,
        "license_seats.holder": 1,
        "revocations.target": 1,
        "user_roles.granted_by": 1,
        "users.subject_id": 1,
    }
    rows = world.rows_of(world.own)
    assert not [
        row
        for row in rows
        if row.table == "login_attempts" and "ann" in str(row.columns["username"])
    ]


def test_every_column_of_a_user_is_in_the_list(dba: Dba) -> None:
    columns = dba.execute(
        "select pg_class.relname::text, pg_attribute.attname::text from pg_attribute "
        "join pg_class on pg_class.oid = attrelid "
        "where relnamespace = 'authority'::regnamespace and not relispartition "
        "and relkind in ('r', 'p') and attname in "
        "('user_id', 'username', 'holder', 'granted_by', 'actor', 'target')"
    ).fetchall()
    listed = dba.execute(
        "select name, condition from authority.rows_of_users()"
    ).fetchall()
    assert len(columns) > 10
    for table, column in columns:
        assert table == "users" or [
            condition
            for name, condition in listed
            if name == table and f"held.{column}" in condition
        ], f"{table}.{column}"


@pytest.mark.parametrize(
    "arguments",
    [{"batch_size": 0}, {"feed_for": timedelta(-1)}, {"time_limit": NOTHING}],
)
def test_wrong_arguments_erase_nothing(
    world: World, maintenance: Maintenance, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgumentError):
        maintenance.erase_user(world.own, world.ann, **arguments)
    assert identities(all_rows(world.dba)) == identities(world.before)
