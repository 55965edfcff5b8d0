from typing import TypedDict
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.engine.runtime import (
    JsonObject,
)
from authority_queries.errors import (
    ConcurrencyConflictError,
    DuplicateError,
    InvalidArgumentError,
    NotFoundError,
    TenantInactiveError,
)
from tests.factories import make_tenant
from tests.refusals import refusal_of
from tests.repositories.paging import cursor_at


class Edit(TypedDict):
    code: str
    display_name: str
    settings: JsonObject


def test_a_created_tenant_is_found_by_id_and_by_code(store: Store) -> None:
    tenant = make_tenant(store, code="acme", settings={"theme": ["dark", None]})
    assert tenant.status == "active"
    assert tenant.row_version == 1
    assert tenant.settings == {"theme": ["dark", None]}
    assert store.tenants.get_by_id(tenant_id=tenant.id) == tenant
    assert store.tenants.get_by_code(code="acme") == tenant
    assert store.tenants.get_by_id(tenant_id=uuid4()) is None
    assert store.tenants.get_by_code(code="nobody") is None


def test_a_new_tenant_has_system_roles_permissions_and_scopes(
    store: Store,
) -> None:
    tenant = make_tenant(store)
    roles = {role.name: role for role in store.roles.list(tenant_id=tenant.id).items}
    assert set(roles) == {"admin", "auditor", "operator"}
    assert all(role.is_system for role in roles.values())
    allowed = store.roles.list_permissions(
        tenant_id=tenant.id, role_id=roles["auditor"].id
    ).items
    assert "audit:read" in {permission.name for permission in allowed}
    assert "users:write" not in {permission.name for permission in allowed}
    scopes = store.scopes.list(tenant_id=tenant.id).items
    assert {scope.name for scope in scopes if scope.is_system} == {
        "openid",
        "profile",
        "email",
        "address",
        "phone",
        "offline_access",
    }


def test_pages_lead_forward_and_back(store: Store) -> None:
    codes = [make_tenant(store, code=f"t{n}").code for n in range(5)]
    first = store.tenants.list(page_size=2)
    assert [t.code for t in first.items] == codes[:2]
    assert first.previous is None
    second = store.tenants.list(after=first.next, page_size=2)
    last = store.tenants.list(after=second.next, page_size=2)
    assert [t.code for t in last.items] == codes[4:]
    assert last.next is None
    back = store.tenants.list(before=last.previous, page_size=2)
    assert back == second
    start = store.tenants.list(before=back.previous, page_size=2)
    assert start.items == first.items
    assert start.previous is None
    assert start.next == first.next
    assert store.tenants.list(after=cursor_at("zzz", "tenants.list")).items == []


def test_a_page_has_1_to_1000_rows_and_one_direction(store: Store) -> None:
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        store.tenants.list(page_size=0)
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        store.tenants.list(page_size=1001)
    with pytest.raises(InvalidArgumentError, match="either after or before"):
        store.tenants.list(after="a", before="b")


def test_a_code_is_unique_and_a_dns_label(store: Store) -> None:
    make_tenant(store, code="acme")
    with pytest.raises(DuplicateError, match=r"tenants\.create.*code") as caught:
        make_tenant(store, code="acme")
    assert caught.value.constraint == "tenants_code_key"
    for code in ("", "Acme", "-a", "a-", "a" * 64, "ä"):
        with refusal_of("code"):
            make_tenant(store, code=code)
    with refusal_of("status"):
        make_tenant(store, status="asleep")


def test_an_update_requires_the_version_that_was_read(store: Store) -> None:
    tenant = make_tenant(store)
    edit: Edit = {"code": "new", "display_name": "New", "settings": {"a": 1}}
    changed = store.tenants.update(tenant_id=tenant.id, row_version=1, **edit)
    assert (changed.code, changed.row_version) == ("new", 2)
    assert changed.updated_at >= tenant.updated_at
    with pytest.raises(ConcurrencyConflictError, match="row_version 1"):
        store.tenants.update(tenant_id=tenant.id, row_version=1, **edit)
    with pytest.raises(NotFoundError, match="tenant"):
        store.tenants.update(tenant_id=uuid4(), row_version=1, **edit)
    assert store.tenants.get_by_id(tenant_id=tenant.id) == changed


def test_a_tenant_is_suspended_resumed_and_terminated_for_good(store: Store) -> None:
    tenant = make_tenant(store, status="trial")
    assert store.tenants.suspend(tenant_id=tenant.id).status == "suspended"
    assert store.tenants.suspend(tenant_id=tenant.id).status == "suspended"
    assert store.tenants.resume(tenant_id=tenant.id).status == "active"
    assert store.tenants.terminate(tenant_id=tenant.id).status == "terminated"
    assert store.tenants.terminate(tenant_id=tenant.id).status == "terminated"
    with pytest.raises(TenantInactiveError, match="terminated"):
        store.tenants.resume(tenant_id=tenant.id)
    with pytest.raises(NotFoundError):
        store.tenants.suspend(tenant_id=uuid4())
