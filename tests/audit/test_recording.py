"""Who did what to which row: the trigger, the actor, and events of the service."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Actor, Authority, Maintenance, Store
from authority_queries.errors import (
    InvalidArgumentError,
    InvalidValueError,
)
from authority_queries.records import AuditEvent, User
from authority_queries.repositories.values import Page
from tests.factories import PHC, make_client, make_client_secret, make_user
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
ADMIN = UUID(int=7)
ACTOR = Actor(
    user_id=ADMIN,
    client_id="console",
    address=IPv6Address("::ffff:192.0.2.7"),
    user_agent="Browser",
    correlation_id="request 1",
)


def events(authority: Authority, tenant_id: UUID) -> list[AuditEvent]:
    """Return all events, oldest first."""
    with authority.tenant(tenant_id) as store:
        return [*store.audit_events.list(tenant_id=tenant_id).items][::-1]


def change_user(store: Store, user: User, **fields: Any) -> None:
    """Update a user, and change these fields alone."""
    names = ("username", "email", "display_name", "status", "attributes")
    unchanged = {name: getattr(user, name) for name in names}
    store.users.update(
        tenant_id=user.tenant_id,
        user_id=user.id,
        row_version=user.row_version,
        **{**unchanged, **fields},
    )


def test_a_change_is_recorded_with_its_actor(
    authority: Authority, tenant_id: UUID, logins: Logins
) -> None:
    with authority.tenant(tenant_id, actor=ACTOR) as store:
        user = make_user(store, tenant_id, username="Ann", email="ann@example.com")
        change_user(store, user, status="suspended")
    created, suspended = events(authority, tenant_id)
    assert created.action == "users.insert"
    assert created.changes["username"] == {"new": "Ann"}
    assert suspended.action == "users.update"
    assert suspended.changes == {"status": {"old": "active", "new": "suspended"}}
    for event in (created, suspended):
        assert event.is_change
        assert (event.target_kind, event.target_id) == ("users", str(user.id))
        assert event.user_id == user.id
        assert (event.actor_kind, event.actor_id) == ("user", str(ADMIN))
        assert event.client_id == "console"
        assert event.address == IPv4Address("192.0.2.7")
        assert (event.user_agent, event.correlation_id) == ("Browser", "request 1")
        assert event.login == psycopg.conninfo.conninfo_to_dict(logins.app)["user"]


@pytest.mark.parametrize("autocommit", [True, False])
def test_an_actor_ends_with_its_unit(
    authority: Authority, tenant_id: UUID, *, autocommit: bool
) -> None:
    actor = Actor(client_id="sync")
    with authority.tenant(tenant_id, autocommit=autocommit, actor=actor) as store:
        make_user(store, tenant_id)
        make_user(store, tenant_id)
    with authority.tenant(tenant_id, autocommit=autocommit) as store:
        make_user(store, tenant_id)
    told = [
        (event.actor_kind, event.actor_id) for event in events(authority, tenant_id)
    ]
    login = events(authority, tenant_id)[-1].login
    assert told == [("client", "sync"), ("client", "sync"), ("login", login)]


def test_nothing_is_recorded_of_a_change_that_is_none(
    authority: Authority, tenant_id: UUID
) -> None:
    with authority.tenant(tenant_id) as store:
        secret = make_client_secret(store, make_client(store, tenant_id))
        user = make_user(store, tenant_id)
    before = len(events(authority, tenant_id))
    with authority.tenant(tenant_id) as store:
        store.client_secrets.record_use(tenant_id=tenant_id, secret_id=secret.id)
        change_user(store, user)
    assert len(events(authority, tenant_id)) == before


def test_a_change_that_is_rolled_back_leaves_no_event(
    authority: Authority, tenant_id: UUID
) -> None:
    with authority.tenant(tenant_id) as store:
        with store.connection.transaction(force_rollback=True):
            make_user(store, tenant_id)
        make_user(store, tenant_id, username="Ann")
    (event,) = events(authority, tenant_id)
    assert event.changes["username"] == {"new": "Ann"}


def test_secrets_are_hidden(authority: Authority, tenant_id: UUID) -> None:
    with authority.tenant(tenant_id) as store:
        make_client_secret(store, make_client(store, tenant_id), secret_hash=PHC)
        user = make_user(store, tenant_id)
        store.users.set_password_hash(
            tenant_id=tenant_id,
            user_id=user.id,
            row_version=user.row_version,
            password_hash=PHC,
        )
    recorded = events(authority, tenant_id)
    assert recorded[-1].changes == {"password_hash": {"is_hidden": True}}
    assert recorded[1].changes["secret_hash"] == {"is_hidden": True}
    assert "argon2" not in repr(recorded)


def test_long_and_deep_values_are_only_measured(
    authority: Authority, tenant_id: UUID
) -> None:
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    long = {"text": "x" * 60_000}
    with authority.tenant(tenant_id) as store:
        user = make_user(store, tenant_id, attributes=long)
        change_user(store, user, attributes={"deep": deep})
    created, changed = events(authority, tenant_id)
    assert created.changes["attributes"] == {"new_octets": 60_012}
    assert set(changed.changes) == {"attributes"}
    assert changed.changes["attributes"] == {"old_octets": 60_012, "new_octets": 71}


def test_a_row_with_many_long_values_is_recorded_by_the_names_of_its_columns(
    authority: Authority, tenant_id: UUID, dba: Dba
) -> None:
    columns = [f"extra_{number}" for number in range(70)]
    for column in columns:
        dba.execute(f"alter table authority.users add {column} text".encode())
    dba.execute(
        "insert into authority.users (tenant_id, username, username_key, "
        f"{', '.join(columns)}) "
        f"select %s, 'ann', 'ann', {', '.join(['repeat(%s, 1000)'] * 70)}".encode(),
        (tenant_id, *"x" * 70),
    )
    (event,) = events(authority, tenant_id)
    assert event.changes["extra_1"] == {"is_too_long": True}


def test_a_service_records_events_of_its_own(
    authority: Authority, tenant_id: UUID
) -> None:
    with authority.tenant(tenant_id, actor=ACTOR) as store:
        told = store.audit_events.record(
            tenant_id=tenant_id,
            action="report.viewed",
            target_kind="report",
            target_id="42",
            user_id=ADMIN,
            details={"pages": 3},
        )
        with pytest.raises(InvalidValueError), store.connection.transaction():
            store.audit_events.record(tenant_id=tenant_id, action="Report viewed")
    assert events(authority, tenant_id) == [told]
    assert (told.is_change, told.actor_id) == (False, str(ADMIN))
    assert told.changes == {"pages": 3}


@pytest.mark.parametrize(
    "statement",
    [
        "update authority.audit_events set action = 'x'",
        "delete from authority.audit_events",
        "insert into authority.audit_events (tenant_id, action, actor_kind, is_change) "
        "values (current_setting('authority.tenant_id')::uuid, 'users.insert', "
        "'login', true)",
        "insert into authority.audit_events (tenant_id, action, actor_kind, login) "
        "values (current_setting('authority.tenant_id')::uuid, 'x', 'login', 'dba')",
        "insert into authority.audit_events (tenant_id, action, actor_kind, created_at)"
        " values (current_setting('authority.tenant_id')::uuid, 'x', 'login', now())",
        "update authority.audit_chains set last_number = 0",
        "truncate authority.audit_events",
    ],
)
@pytest.mark.parametrize("role", ["app", "maintenance", "reader"])
def test_no_role_changes_events_or_forges_changes(
    logins: Logins, tenant_id: UUID, role: str, statement: str
) -> None:
    options = f"-c authority.tenant_id={tenant_id}"
    with (
        psycopg.connect(getattr(logins, role), options=options) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_operators_are_recorded_by_their_login(
    maintenance: Maintenance, authority: Authority, tenant_id: UUID, logins: Logins
) -> None:
    with maintenance.transaction() as store:
        store.connection.execute("select set_config('authority.tenant_id', '', true)")
        store.tenants.suspend(tenant_id=tenant_id)
        store.tenants.resume(tenant_id=tenant_id)
    told = events(authority, tenant_id)
    login = psycopg.conninfo.conninfo_to_dict(logins.maintenance)["user"]
    assert [event.action for event in told] == ["tenants.update"] * 2
    assert {(event.actor_kind, event.actor_id, event.login) for event in told} == {
        ("login", login, login)
    }


def test_a_cascade_is_recorded(authority: Authority, tenant_id: UUID) -> None:
    with authority.tenant(tenant_id, actor=ACTOR) as store:
        user = make_user(store, tenant_id)
        role = store.roles.create(tenant_id=tenant_id, name="tester")
        store.user_roles.assign(
            tenant_id=tenant_id, user_id=user.id, role_id=role.id, granted_by="boss"
        )
        store.users.delete(tenant_id=tenant_id, user_id=user.id)
    assigned, *deleted = events(authority, tenant_id)[2:]
    assert assigned.target_id == f"{user.id}/{role.id}"
    assert assigned.changes == {"granted_by": {"is_hidden": True}}
    assert {event.action for event in deleted} == {"users.delete", "user_roles.delete"}
    assert {event.actor_id for event in deleted} == {str(ADMIN)}
    assert {event.user_id for event in deleted} == {user.id}


def test_lists_are_pages(authority: Authority, tenant_id: UUID) -> None:
    with authority.tenant(tenant_id, actor=ACTOR) as store:
        for number in range(7):
            for kind in ("report", "invoice"):
                store.audit_events.record(
                    tenant_id=tenant_id,
                    action=f"{kind}.viewed",
                    target_kind=kind,
                    target_id="1",
                    details={"number": number},
                )
    key: dict[str, Any] = {"tenant_id": tenant_id}
    with authority.tenant(tenant_id) as store:
        lists: list[tuple[int, Callable[..., Page[AuditEvent]]]] = [
            (14, lambda **more: store.audit_events.list(**key, **more)),
            (
                7,
                lambda **more: store.audit_events.list_by_target(
                    **key, target_kind="report", target_id="1", **more
                ),
            ),
            (
                14,
                lambda **more: store.audit_events.list_by_actor(
                    **key, actor_kind="user", actor_id=str(ADMIN), **more
                ),
            ),
        ]
        for expected, pages in lists:
            page = pages(page_size=3)
            seen = [*page.items]
            assert page.previous is None
            while page.next is not None:
                newer, page = page, pages(page_size=3, after=page.next)
                seen += page.items
                assert pages(page_size=3, before=page.previous) == newer
            times = [(event.created_at, event.id) for event in seen]
            assert times == sorted(times, reverse=True)
            assert len({*times}) == expected
        with pytest.raises(InvalidArgumentError, match="after must be a cursor"):
            store.audit_events.list(tenant_id=tenant_id, after="elsewhere")


def test_an_actor_is_checked() -> None:
    wrong: list[dict[str, Any]] = [
        {"user_id": "ann"},
        {"user_id": uuid4(), "service_account_id": uuid4()},
        {"client_id": ""},
        {"address": "192.0.2.7"},
        {"user_agent": 7},
        {"correlation_id": "x" * 257},
    ]
    for fields in wrong:
        with pytest.raises(InvalidArgumentError):
            Actor(**fields)


def test_an_agent_of_any_length_is_shortened(
    authority: Authority, tenant_id: UUID
) -> None:
    with authority.tenant(tenant_id, actor=Actor(user_agent="x" * 9000)) as store:
        make_user(store, tenant_id)
    (event,) = events(authority, tenant_id)
    assert event.user_agent == "x" * 512
    assert event.actor_kind == "login"


def test_a_unit_refuses_another_kind_of_actor(logins: Logins, tenant_id: UUID) -> None:
    actor: Any = "ann"
    with (
        psycopg.connect(logins.app, autocommit=True) as connection,
        pytest.raises(InvalidArgumentError, match="actor must be an Actor"),
    ):
        Store.unit(connection, tenant_id, actor=actor).__enter__()
