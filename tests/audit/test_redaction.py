"""An erased user is gone from the events, and the chains stay intact."""

from ipaddress import IPv4Address
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest

from authority_queries import Actor, Authority, Maintenance
from authority_queries.records import AuditEvent
from tests.factories import make_user
from tests.isolation.services import MODES

Dba: TypeAlias = "psycopg.Connection[Any]"


def actor(user_id: UUID, number: int) -> Actor:
    return Actor(
        user_id=user_id,
        client_id=f"client-{number}",
        address=IPv4Address(f"192.0.2.{number}"),
        user_agent=f"Browser {number}",
        correlation_id=f"request {number}",
    )


def events(authority: Authority, tenant_id: UUID) -> list[AuditEvent]:
    with authority.tenant(tenant_id) as store:
        return [*store.audit_events.list(tenant_id=tenant_id).items][::-1]


def seal(maintenance: Maintenance) -> None:
    maintenance.seal_audit()


@pytest.mark.parametrize("is_sealed", [True, False])
def test_an_erased_user_leaves_digests_in_an_intact_chain(
    maintenance: Maintenance,
    authority: Authority,
    tenant_id: UUID,
    dba: Dba,
    *,
    is_sealed: bool,
) -> None:
    with authority.tenant(tenant_id) as store:
        bob = make_user(store, tenant_id, username="Bob").id
    with authority.tenant(tenant_id, actor=actor(bob, 1)) as store:
        ann = make_user(store, tenant_id, username="Ann", email="ann@example.com").id
    with authority.tenant(tenant_id, actor=actor(ann, 2)) as store:
        carol = make_user(store, tenant_id, username="Carol").id
        store.roles.create(
            tenant_id=tenant_id, name="tester", description="Ask ann@example.com."
        )
        store.audit_events.record(
            tenant_id=tenant_id, action="a.seen", target_kind="a", target_id=str(ann)
        )
    if is_sealed:
        seal(maintenance)
    seals = dba.execute("select id, seal from authority.audit_events").fetchall()
    report = maintenance.erase_user(tenant_id, ann)
    # The row itself still has her address: no event does.
    assert (report.is_complete, report.traces) == (True, {"roles.description": 1})
    seal(maintenance)
    assert maintenance.verify_audit(tenant_id).is_intact
    after = dict(dba.execute("select id, seal from authority.audit_events").fetchall())
    assert not is_sealed or {key: after[key] for key, _ in seals} == dict(seals)

    text = repr(dba.execute("select * from authority.audit_events").fetchall())
    for hers in (str(ann), "Ann", "ann@example.com", "192.0.2.2", "Browser 2"):
        assert hers not in text
    of_bob, of_ann, of_carol, of_role, seen, *ended = events(authority, tenant_id)
    assert of_bob.user_id == bob
    # Bob made Ann: what he did and from where stays, whom he made does not.
    assert (of_ann.action, of_ann.actor_id) == ("users.insert", str(bob))
    assert of_ann.address == IPv4Address("192.0.2.1")
    assert (of_ann.target_id, of_ann.user_id, of_ann.changes) == (None, None, {})
    # Ann made Carol: that somebody did stays.
    assert (of_carol.target_id, of_carol.user_id) == (str(carol), carol)
    assert (of_carol.actor_kind, of_carol.actor_id) == ("user", None)
    assert of_carol.changes["username"] == {"new": "Carol"}
    # Her address was in an event about another row.
    assert (of_role.action, of_role.changes) == ("roles.insert", {})
    assert (seen.action, seen.target_id) == ("a.seen", None)
    assert [event.action for event in ended] == ["users.update", "users.delete"]
    assert {event.target_id for event in ended} == {None}


def test_a_digest_reveals_no_value_that_can_be_guessed(
    maintenance: Maintenance, authority: Authority, tenant_id: UUID, dba: Dba
) -> None:
    with authority.tenant(tenant_id) as store:
        ann = make_user(store, tenant_id, username="Ann").id
    (before,) = dba.execute("select target_salt from authority.audit_events").fetchall()
    maintenance.erase_user(tenant_id, ann)
    after = dba.execute(
        "select target_salt, target_digest from authority.audit_events"
    ).fetchall()
    assert {salt for salt, _ in after} == {None}
    digests = {digest for _, digest in after}
    assert None not in digests
    assert len(digests) == len(after) == 3
    assert str(before[0]) not in repr(after)


def test_a_redaction_cannot_be_turned_into_an_edit(
    maintenance: Maintenance, authority: Authority, tenant_id: UUID, dba: Dba
) -> None:
    with authority.tenant(tenant_id) as store:
        ann = make_user(store, tenant_id, username="Ann").id
    maintenance.erase_user(tenant_id, ann)
    seal(maintenance)
    dba.execute(
        "update authority.audit_events set target_digest = null, target_id = 'bob' "
        "where number = 2"
    )
    (chain,) = maintenance.verify_audit(tenant_id).chains
    assert (chain.problem, chain.number) == ("event_changed", 2)


@MODES
def test_a_long_name_with_quotes_is_found(
    maintenance: Maintenance,
    authority: Authority,
    tenant_id: UUID,
    mode: dict[str, Any],
) -> None:
    name = 'Ann "the\\boss" of Accounting'
    with authority.tenant(tenant_id, **mode) as store:
        ann = make_user(store, tenant_id, username="Ann").id
        store.roles.create(tenant_id=tenant_id, name="x", description=f"Of {name}.")
    report = maintenance.erase_user(tenant_id, ann, other_names=[name])
    assert report.traces == {"roles.description": 1}
    described = [
        event
        for event in events(authority, tenant_id)
        if event.action == "roles.insert"
    ]
    assert [event.changes for event in described] == [{}]
