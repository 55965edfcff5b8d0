from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypedDict
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    ConcurrencyConflictError,
    DuplicateError,
    InUseError,
    InvalidArgumentError,
    MissingReferenceError,
    NotFoundError,
    SystemRowError,
)
from authority_queries.records import (
    Role,
    User,
    UserRole,
)
from tests.factories import make_tenant, make_user
from tests.refusals import refusal_of
from tests.stores import Logins

FUTURE = datetime(2999, 1, 1, tzinfo=UTC)


class Edit(TypedDict):
    name: str
    description: str
    permissions: list[str]


EDIT: Edit = {
    "name": "helper",
    "description": "Helps.",
    "permissions": ["users:write", "audit:read", "users:write"],
}


def make_role(store: Store, tenant_id: UUID, name: str, *permissions: str) -> Role:
    return store.roles.create(tenant_id=tenant_id, name=name, permissions=permissions)


def system_role(store: Store, tenant_id: UUID) -> Role:
    role = store.roles.get_by_name(tenant_id=tenant_id, name="auditor")
    assert role is not None
    return role


def allowed(store: Store, role: Role) -> list[str]:
    permissions = store.roles.list_permissions(
        tenant_id=role.tenant_id, role_id=role.id
    ).items
    return [permission.name for permission in permissions]


def may(store: Store, user: User) -> list[str]:
    permissions = store.roles.list_user_permissions(
        tenant_id=user.tenant_id, user_id=user.id
    ).items
    return [permission.name for permission in permissions]


def assign(store: Store, user: User, role: Role, **fields: Any) -> UserRole:
    return store.user_roles.assign(
        tenant_id=user.tenant_id, user_id=user.id, role_id=role.id, **fields
    )


def held(store: Store, user: User) -> Sequence[Role]:
    return store.user_roles.list_by_user(tenant_id=user.tenant_id, user_id=user.id)


def end_assignment(dba: "psycopg.Connection[Any]", assignment: UserRole) -> None:
    dba.execute(
        "update authority.user_roles set expires_at = now() "
        "where user_id = %s and role_id = %s",
        [assignment.user_id, assignment.role_id],
    )


def test_a_created_role_is_found_and_has_each_permission_once(store: Store) -> None:
    tenant_id = make_tenant(store).id
    role = store.roles.create(tenant_id=tenant_id, **EDIT)
    assert role == replace(
        role,
        tenant_id=tenant_id,
        name="helper",
        description="Helps.",
        is_system=False,
        row_version=1,
    )
    assert store.roles.get_by_id(tenant_id=tenant_id, role_id=role.id) == role
    assert store.roles.get_by_name(tenant_id=tenant_id, name="helper") == role
    assert allowed(store, role) == ["audit:read", "users:write"]
    names = [listed.name for listed in store.roles.list(tenant_id=tenant_id).items]
    assert names == ["admin", "auditor", "helper", "operator"]


def test_a_role_may_have_no_permissions(store: Store) -> None:
    role = store.roles.create(tenant_id=make_tenant(store).id, name="guest")
    assert role.description == ""
    assert allowed(store, role) == []


def test_an_unknown_role_is_not_found(store: Store) -> None:
    tenant_id, nothing = make_tenant(store).id, uuid4()
    assert store.roles.get_by_id(tenant_id=tenant_id, role_id=nothing) is None
    assert store.roles.get_by_name(tenant_id=tenant_id, name="nothing") is None
    assert (
        store.roles.list_permissions(tenant_id=tenant_id, role_id=nothing).items == []
    )
    user = replace(make_user(store, tenant_id), id=nothing)
    assert may(store, user) == []
    assert held(store, user) == []
    assert not store.roles.delete(tenant_id=tenant_id, role_id=nothing)


def test_a_role_name_is_an_identifier(store: Store) -> None:
    tenant_id = make_tenant(store).id
    longest = "a" * 90 + "_.:-012345"
    assert make_role(store, tenant_id, longest).name == longest
    for name in ("", "Admin", "1st", "a b", "a\n", "\u00e4", longest + "6"):
        with refusal_of("name"):
            make_role(store, tenant_id, name)


def test_a_role_needs_a_free_name_and_an_existing_tenant(store: Store) -> None:
    tenant_id = make_tenant(store).id
    with pytest.raises(DuplicateError, match=r"roles\.create.*name") as caught:
        make_role(store, tenant_id, "admin")
    assert caught.value.constraint == "roles_tenant_id_name_key"
    with pytest.raises(MissingReferenceError) as missing:
        make_role(store, uuid4(), "admin")
    assert missing.value.constraint == "roles_tenant_id_fk"
    with refusal_of("description"):
        store.roles.create(tenant_id=tenant_id, name="nul", description="\0")


def test_a_role_with_an_unknown_permission_is_not_written(store: Store) -> None:
    tenant_id = make_tenant(store).id
    with pytest.raises(MissingReferenceError) as caught:
        make_role(store, tenant_id, "helper", "audit:read", "moon:walk")
    assert caught.value.constraint == "role_permissions_permission_fk"
    assert store.roles.get_by_name(tenant_id=tenant_id, name="helper") is None
    role = make_role(store, tenant_id, "reader", "audit:read")
    walking: Edit = {**EDIT, "permissions": ["moon:walk"]}
    with pytest.raises(MissingReferenceError):
        store.roles.update(
            tenant_id=tenant_id, role_id=role.id, row_version=1, **walking
        )
    assert store.roles.get_by_id(tenant_id=tenant_id, role_id=role.id) == role
    assert allowed(store, role) == ["audit:read"]


def test_an_update_replaces_the_permissions_of_the_version_read(store: Store) -> None:
    tenant_id = make_tenant(store).id
    role = make_role(store, tenant_id, "reader", "audit:read", "users:read")
    keys = {"tenant_id": tenant_id, "role_id": role.id}
    changed = store.roles.update(**keys, row_version=1, **EDIT)
    assert changed.updated_at > role.updated_at
    assert changed == replace(
        role,
        name="helper",
        description="Helps.",
        updated_at=changed.updated_at,
        row_version=2,
    )
    assert allowed(store, role) == ["audit:read", "users:write"]
    with pytest.raises(
        ConcurrencyConflictError, match="role is no longer at row_version 1"
    ):
        store.roles.update(**keys, row_version=1, **EDIT)
    with pytest.raises(NotFoundError, match="no such role"):
        store.roles.update(tenant_id=tenant_id, role_id=uuid4(), row_version=2, **EDIT)
    taken: Edit = {**EDIT, "name": "admin"}
    with pytest.raises(DuplicateError):
        store.roles.update(**keys, row_version=2, **taken)
    assert store.roles.get_by_id(**keys) == changed
    emptied: Edit = {**EDIT, "permissions": []}
    store.roles.update(**keys, row_version=2, **emptied)
    assert allowed(store, role) == []


def test_a_system_role_can_be_neither_changed_nor_deleted(store: Store) -> None:
    tenant_id = make_tenant(store).id
    role = system_role(store, tenant_id)
    keys = {"tenant_id": tenant_id, "role_id": role.id}
    permissions = allowed(store, role)
    with pytest.raises(SystemRowError, match="auditor"):
        store.roles.update(**keys, row_version=1, **EDIT)
    with pytest.raises(SystemRowError, match="auditor"):
        store.roles.delete(**keys)
    assert store.roles.get_by_id(**keys) == role
    assert allowed(store, role) == permissions


def test_a_role_cannot_be_deleted_while_it_is_assigned(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    user = make_user(store, make_tenant(store).id)
    role = make_role(store, user.tenant_id, "reader", "audit:read")
    keys = {"tenant_id": user.tenant_id, "role_id": role.id}
    assign(store, user, role)
    end_assignment(dba, assign(store, make_user(store, user.tenant_id), role))
    with pytest.raises(InUseError, match="user_roles still refer to it") as caught:
        store.roles.delete(**keys)
    assert caught.value.constraint == "user_roles_tenant_id_role_id_fk"
    assert store.user_roles.revoke(user_id=user.id, **keys)
    assert not store.user_roles.revoke(user_id=user.id, **keys)
    assert store.roles.delete(**keys)
    assert not store.roles.delete(**keys)
    assert allowed(store, role) == []


def test_expired_assignments_do_not_block_deleting_a_role(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    user = make_user(store, make_tenant(store).id)
    role, other = (make_role(store, user.tenant_id, name) for name in ("a", "b"))
    for each in (role, other):
        end_assignment(dba, assign(store, user, each))
    assert store.roles.delete(tenant_id=user.tenant_id, role_id=role.id)
    left = dba.execute("select role_id from authority.user_roles").fetchall()
    assert left == [(other.id,)]
    # The assignments of a system role, which is not deleted, stay.
    system = system_role(store, user.tenant_id)
    end_assignment(dba, assign(store, user, system))
    with pytest.raises(SystemRowError):
        store.roles.delete(tenant_id=user.tenant_id, role_id=system.id)
    left = dba.execute("select role_id from authority.user_roles").fetchall()
    assert {id_ for (id_,) in left} == {other.id, system.id}


def test_a_role_that_is_concurrently_assigned_is_not_deleted(
    sync_store: Store, dba: "psycopg.Connection[Any]", logins: Logins
) -> None:
    user = make_user(sync_store, make_tenant(sync_store).id)
    role = make_role(sync_store, user.tenant_id, "reader")
    end_assignment(dba, assign(sync_store, user, role))
    with (
        psycopg.connect(logins.app_for(user.tenant_id)) as assigner,
        ThreadPoolExecutor(1) as threads,
    ):
        assign(Store(assigner), user, role, expires_at=FUTURE)
        deleted = threads.submit(
            sync_store.roles.delete, tenant_id=user.tenant_id, role_id=role.id
        )
        waiting = "select from pg_stat_activity where wait_event_type = 'Lock'"
        while not (deleted.done() or dba.execute(waiting).fetchall()):
            pass
        assigner.commit()
        with pytest.raises(InUseError):
            deleted.result(timeout=60)
    assert held(sync_store, user) == [role]


def test_assigning_a_role_again_replaces_granter_and_expiry(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    auditor = system_role(store, user.tenant_id)
    helper = make_role(store, user.tenant_id, "a-helper")
    first = assign(store, user, auditor, granted_by="root", expires_at=FUTURE)
    again = assign(store, user, auditor)
    assert first == UserRole(
        tenant_id=user.tenant_id,
        user_id=user.id,
        role_id=auditor.id,
        granted_by="root",
        expires_at=FUTURE,
        created_at=first.created_at,
    )
    assert again == replace(first, granted_by=None, expires_at=None)
    assign(store, user, helper)
    assert held(store, user) == [helper, auditor]


def test_an_assignment_ends_at_its_expiry(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    user = make_user(store, make_tenant(store).id)
    role = system_role(store, user.tenant_id)
    end_assignment(dba, assign(store, user, role))
    assert held(store, user) == []
    assign(store, user, role, expires_at=FUTURE)
    assert held(store, user) == [role]
    assign(store, user, role, expires_at=datetime(2000, 1, 1, tzinfo=UTC))
    assert held(store, user) == []
    with pytest.raises(InvalidArgumentError, match="expires_at must have a time zone"):
        assign(store, user, role, expires_at=datetime(2999, 1, 1))


def test_an_assignment_names_a_user_and_a_role_of_the_tenant(store: Store) -> None:
    tenant_id, foreign_id = make_tenant(store).id, make_tenant(store).id
    user, role = make_user(store, tenant_id), system_role(store, tenant_id)
    foreign_user = replace(make_user(store, foreign_id), tenant_id=tenant_id)
    for missing in (replace(role, id=uuid4()), system_role(store, foreign_id)):
        with pytest.raises(MissingReferenceError) as caught:
            assign(store, user, missing)
        assert caught.value.constraint == "user_roles_tenant_id_role_id_fk"
    for nobody in (replace(user, id=uuid4()), foreign_user):
        with pytest.raises(MissingReferenceError) as caught:
            assign(store, nobody, role)
        assert caught.value.constraint == "user_roles_tenant_id_user_id_fk"


def test_an_active_user_has_the_permissions_of_its_roles(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    user = make_user(store, make_tenant(store).id)
    one = make_role(store, user.tenant_id, "one", "users:read", "audit:read")
    two = make_role(store, user.tenant_id, "two", "users:read", "users:write")
    assign(store, user, one, expires_at=FUTURE)
    assignment = assign(store, user, two)
    assert may(store, user) == ["audit:read", "users:read", "users:write"]
    end_assignment(dba, assignment)
    assert may(store, user) == ["audit:read", "users:read"]
    for status in ("pending", "suspended"):
        dba.execute("update authority.users set status = %s", [status])
        assert may(store, user) == []


def test_another_tenant_cannot_reach_a_role(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    role = make_role(store, user.tenant_id, "reader", "audit:read")
    assign(store, user, role)
    tenant_id = make_tenant(store).id
    foreign = {"tenant_id": tenant_id, "role_id": role.id}
    foreign_user = replace(user, tenant_id=tenant_id)
    assert store.roles.get_by_id(**foreign) is None
    assert store.roles.get_by_name(tenant_id=tenant_id, name="reader") is None
    assert role not in store.roles.list(tenant_id=tenant_id).items
    assert (
        store.roles.list_permissions(tenant_id=tenant_id, role_id=role.id).items == []
    )
    assert may(store, foreign_user) == []
    assert held(store, foreign_user) == []
    assert store.users.list_by_role(tenant_id=tenant_id, role_id=role.id).items == []
    with pytest.raises(NotFoundError):
        store.roles.update(**foreign, row_version=1, **EDIT)
    assert not store.roles.delete(**foreign)
    assert not store.user_roles.revoke(user_id=user.id, **foreign)
    assert held(store, user) == [role]
    assert may(store, user) == ["audit:read"]
