"""The chains: what an operator or a superuser did to the events is found."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from authority_queries import Actor, AuditHead, Authority, Maintenance, Retention
from authority_queries.errors import InvalidArgumentError
from authority_queries.service.audits import ChainReport
from authority_queries.testing import Clock
from tests.factories import make_user
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
EVENTS = 7


def record(authority: Authority, tenant_id: UUID, count: int = EVENTS) -> None:
    """Record events, each in a transaction of its own."""
    with authority.tenant(tenant_id, autocommit=True) as store:
        for number in range(count):
            store.audit_events.record(
                tenant_id=tenant_id, action="report.viewed", target_id=str(number)
            )


def seal(maintenance: Maintenance, batch_size: int = 3) -> int:
    return maintenance.seal_audit(batch_size=batch_size)


@pytest.fixture
def sealed(authority: Authority, maintenance: Maintenance, tenant_id: UUID) -> UUID:
    """A tenant with a chain of seven events, in one month."""
    record(authority, tenant_id)
    assert seal(maintenance) == EVENTS
    return tenant_id


def chain_of(
    maintenance: Maintenance, tenant_id: UUID, *heads: AuditHead
) -> ChainReport:
    """Verify the tenant's only chain, with batches of several sizes."""
    reports = [
        maintenance.verify_audit(tenant_id, heads=heads, batch_size=size)
        for size in (1, 3, EVENTS, 1000)
    ]
    (chain,) = reports[0].chains
    for report in reports[1:]:
        (other,) = report.chains
        assert (other.problem, other.number) == (chain.problem, chain.number)
    assert reports[0].is_intact == (chain.problem is None)
    return chain


def found(maintenance: Maintenance, tenant_id: UUID) -> tuple[object, int | None]:
    chain = chain_of(maintenance, tenant_id)
    return chain.problem, chain.number


def test_an_untouched_chain_is_intact(maintenance: Maintenance, sealed: UUID) -> None:
    chain = chain_of(maintenance, sealed)
    assert (chain.problem, chain.events) == (None, EVENTS)
    assert chain.head is not None
    assert AuditHead.parse(str(chain.head)) == chain.head


def test_numbers_are_in_the_order_of_time(
    maintenance: Maintenance, sealed: UUID, dba: Dba
) -> None:
    rows = dba.execute(
        "select number, target_id from authority.audit_events "
        "where tenant_id = %s order by created_at",
        (sealed,),
    ).fetchall()
    assert rows == [(number + 1, str(number)) for number in range(EVENTS)]


COLUMNS = [
    "action = 'report.edited'",
    "is_change = true",
    "target_kind = 'report'",
    "target_id = '99'",
    "user_id = gen_random_uuid()",
    """changes = '{"a": 1}'""",
    "actor_kind = 'user'",
    "actor_id = 'somebody'",
    "client_id = 'portal'",
    "address = '192.0.2.9'",
    "user_agent = 'Browser'",
    "correlation_id = 'x'",
    "login = 'somebody'",
    "created_at = created_at + interval '1 microsecond'",
    "id = gen_random_uuid()",
    "target_salt = gen_random_uuid()",
    "actor_salt = gen_random_uuid()",
    "target_digest = sha256('')",
    "actor_digest = sha256('')",
    "seal = sha256('')",
]
EDIT = "update authority.audit_events set {} where number = 4"
COPY = """
    insert into authority.audit_events
    (tenant_id, action, actor_kind, number, seal, created_at)
    select tenant_id, action, actor_kind, {}, seal, created_at
    from authority.audit_events where number = 4
"""
DELETE = "delete from authority.audit_events where number in ({})"
# What is done to the sealed events 1 to 7, what is found, and where.
ATTACKS = {
    **{
        f"edit {column.split()[0]}": (EDIT.format(column), "event_changed", 4)
        for column in COLUMNS
    },
    "delete one": (DELETE.format("4"), "event_missing", 4),
    "delete the first": (DELETE.format("1"), "event_missing", 1),
    "delete the last": (DELETE.format("7"), "event_missing", 7),
    "delete some": (DELETE.format("3, 4, 5"), "event_missing", 3),
    "delete all": (DELETE.format("1, 2, 3, 4, 5, 6, 7"), "event_missing", 1),
    # Of two events with one number, the random id decides which comes first.
    "insert between": (COPY.format(4), "event_changed event_inserted", 4),
    "insert at the end": (COPY.format(8), "event_inserted", 8),
    "insert far behind": (COPY.format(5000), "event_inserted", 8),
    "insert before": (COPY.format(0), "event_inserted", 8),
    "reorder": (
        "update authority.audit_events set number = 9 - number where number in (4, 5)",
        "event_changed",
        4,
    ),
    "move to another month": (
        EDIT.format("created_at = created_at - interval '40 days'"),
        "event_missing",
        4,
    ),
    "shorten the chain": (
        "with gone as (delete from authority.audit_events where number = 7) "
        "update authority.audit_chains set last_number = 6",
        "chain_changed",
        6,
    ),
    "delete the chain": ("delete from authority.audit_chains", "chain_missing", 0),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_superuser_does_is_found(
    maintenance: Maintenance, sealed: UUID, dba: Dba, attack: str
) -> None:
    statement, problems, number = ATTACKS[attack]
    dba.execute(statement.encode())
    chain = maintenance.verify_audit(sealed).chains[-1]
    assert (chain.problem or "") in problems.split()
    assert chain.number == number


def test_every_column_is_sealed(dba: Dba, sealed: UUID) -> None:
    edited = {name.removeprefix("edit ") for name in ATTACKS}
    columns = dba.execute(
        "select attname from pg_attribute "
        "where attrelid = 'authority.audit_events'::regclass "
        "and attnum > 0 and not attisdropped"
    ).fetchall()
    assert {name for (name,) in columns} - edited == {"tenant_id", "number"}
    assert sealed


def test_a_chain_that_is_computed_anew_contradicts_a_kept_head(
    maintenance: Maintenance, sealed: UUID, dba: Dba
) -> None:
    head = chain_of(maintenance, sealed).head
    assert head is not None
    middle = replace(
        head,
        number=4,
        seal=dba.execute(
            "select seal from authority.audit_events where number = 4"
        ).fetchall()[0][0],
    )
    assert chain_of(maintenance, sealed, head, middle).problem is None
    dba.execute(EDIT.format("target_id = 'edited'").encode())
    dba.execute(b"update authority.audit_events set number = null, seal = null")
    dba.execute(b"delete from authority.audit_chains")
    assert seal(maintenance) == EVENTS
    assert chain_of(maintenance, sealed).problem is None
    rewritten = chain_of(maintenance, sealed, head, middle)
    assert (rewritten.problem, rewritten.number) == ("head_changed", 4)
    dba.execute(b"delete from authority.audit_events where number > 3")
    dba.execute(
        b"update authority.audit_chains set last_number = 3, last_seal = "
        b"(select seal from authority.audit_events where number = 3)"
    )
    assert chain_of(maintenance, sealed).problem is None
    cut = chain_of(maintenance, sealed, head)
    assert (cut.problem, cut.number) == ("event_missing", 4)
    dba.execute(b"delete from authority.audit_events")
    dba.execute(b"delete from authority.audit_chains")
    assert chain_of(maintenance, sealed, head).problem == "chain_missing"


def test_a_month_follows_the_one_before(
    maintenance: Maintenance,
    authority: Authority,
    tenant_id: UUID,
    dba: Dba,
    clock: Clock,
) -> None:
    for _ in range(3):
        record(authority, tenant_id)
        assert seal(maintenance) == EVENTS
        clock.advance(timedelta(days=31))
    record(authority, tenant_id)  # and not sealed
    report = maintenance.verify_audit(tenant_id)
    assert report.is_intact
    assert [chain.events for chain in report.chains] == [EVENTS] * 3
    middle = report.chains[1].month
    for statement in (
        "delete from authority.audit_chains where month = %(month)s",
        "delete from authority.audit_events where created_at >= %(month)s "
        "and created_at < %(month)s + interval '1 month'",
    ):
        dba.execute(statement.encode(), {"month": middle})
    broken = maintenance.verify_audit(tenant_id)
    assert [chain.problem for chain in broken.chains] == [None, "link_broken"]


def test_a_late_event_joins_its_month(
    maintenance: Maintenance, authority: Authority, tenant_id: UUID, clock: Clock
) -> None:
    record(authority, tenant_id)
    seal(maintenance)
    clock.advance(timedelta(days=31))
    record(authority, tenant_id)
    seal(maintenance)
    clock.advance(-timedelta(days=31))
    record(authority, tenant_id)
    clock.advance(timedelta(days=62))
    record(authority, tenant_id)
    assert seal(maintenance) == 2 * EVENTS
    report = maintenance.verify_audit(tenant_id)
    assert report.is_intact
    assert [chain.events for chain in report.chains] == [2 * EVENTS, EVENTS, EVENTS]


@pytest.mark.parametrize("has_partition", [True, False])
def test_pruning_a_month_breaks_no_other(
    maintenance: Maintenance,
    authority: Authority,
    tenant_id: UUID,
    clock: Clock,
    dba: Dba,
    *,
    has_partition: bool,
) -> None:
    if not has_partition:
        clock.advance(timedelta(days=3000))
    for _ in range(3):
        record(authority, tenant_id)
        seal(maintenance)
        clock.advance(timedelta(days=31))
    before = maintenance.verify_audit(tenant_id)
    kept = Retention(audit_events=timedelta(days=45))
    for _ in range(2):
        assert maintenance.prune(retention=kept).is_complete
    after = maintenance.verify_audit(tenant_id)
    assert after.is_intact
    assert [chain.month for chain in after.chains] == [
        chain.month for chain in before.chains if chain.month >= after.chains[0].month
    ]
    assert 1 <= len(after.chains) < len(before.chains)
    (chains,) = dba.execute(b"select count(*) from authority.audit_chains").fetchall()
    assert chains == (len(after.chains),)


def test_the_chains_of_tenants_are_apart(
    maintenance: Maintenance, sealed: UUID, authority: Authority
) -> None:
    with maintenance.store() as store:
        other = store.tenants.create(code="other", display_name="Other")
    assert seal(maintenance, batch_size=1000) > 30
    record(authority, other.id, 2)
    seal(maintenance)
    assert chain_of(maintenance, sealed).events == EVENTS
    assert maintenance.verify_audit(other.id).is_intact


def test_operators_read_no_event(logins: Logins, sealed: UUID) -> None:
    options = f"-c authority.tenant_id={sealed}"
    with (
        psycopg.connect(logins.maintenance, options=options) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("select count(*) from authority.audit_events")


def test_a_head_is_checked() -> None:
    fields: dict[str, Any] = {
        "tenant_id": UUID(int=1),
        "month": date(2026, 1, 1),
        "number": 1,
        "seal": bytes(32),
    }
    for name, value in (("tenant_id", "1"), ("number", 0), ("seal", b"short")):
        with pytest.raises(InvalidArgumentError):
            AuditHead(**{**fields, name: value})


def digest(*values: object) -> bytes:
    """Return the SHA-256 of a JSON array as PostgreSQL prints it."""
    return sha256(json.dumps(values, ensure_ascii=False, default=str).encode()).digest()


def test_an_auditor_computes_the_seals_from_the_rows(
    maintenance: Maintenance, authority: Authority, tenant_id: UUID, dba: Dba
) -> None:
    """Without any function of the database: docs/audit.md has the format."""
    actor = Actor(user_id=UUID(int=7), address=IPv4Address("192.0.2.7"), user_agent="ü")
    with authority.tenant(tenant_id, actor=actor) as store:
        user = make_user(store, tenant_id, username="Zoë", attributes={"b": 1, "a": []})
        store.audit_events.record(tenant_id=tenant_id, action="x", details={"n": "\n"})
    maintenance.seal_audit()
    dba.execute("set timezone = 'UTC'")
    (chain,) = dba.execute("select * from authority.audit_chains").fetchall()
    seal = digest(str(chain[0]), str(chain[1]), None, None, None)
    cursor = dba.cursor(row_factory=dict_row)
    rows = cursor.execute("select * from authority.audit_events order by number")
    for row in rows.fetchall():
        target = digest(
            row["target_salt"], row["target_id"], row["user_id"], row["changes"]
        )
        who = digest(
            row["actor_salt"],
            row["actor_id"],
            row["client_id"],
            row["address"],
            row["user_agent"],
            row["correlation_id"],
        )
        since = row["created_at"] - datetime(1970, 1, 1, tzinfo=UTC)
        event = json.dumps(
            [
                str(row["tenant_id"]),
                str(row["id"]),
                since // timedelta(microseconds=1),
                row["action"],
                row["is_change"],
                row["target_kind"],
                row["actor_kind"],
                row["login"],
            ]
        )
        number = row["number"].to_bytes(8, "big")
        seal = sha256(seal + number + target + who + event.encode()).digest()
        assert row["seal"] == seal
    assert chain[3] == seal
    assert user.username == "Zoë"
