from dataclasses import replace
from typing import Any, TypedDict
from uuid import UUID, uuid4

import pytest

from authority_queries import Store
from authority_queries.engine.runtime import (
    JsonObject,
)
from authority_queries.errors import (
    ConcurrencyConflictError,
    DuplicateError,
    MissingReferenceError,
    NotFoundError,
    SystemRowError,
)
from authority_queries.records import (
    Scope,
)
from tests.factories import make_tenant
from tests.refusals import refusal_of
from tests.repositories.paging import cursor_at

# scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), RFC 6749 section 3.3.
SCOPE_TOKEN_CHARACTERS = [chr(0x21), *map(chr, range(0x23, 0x5C))] + [
    chr(code) for code in range(0x5D, 0x7F)
]


class Edit(TypedDict):
    name: str
    display_name: str
    display_names: JsonObject
    description: str
    descriptions: JsonObject
    resources: list[str]
    properties: JsonObject


EDIT: Edit = {
    "name": "https://api.example.org/orders.read",
    "display_name": "Orders",
    "display_names": {"de": "Bestellungen"},
    "description": "See your orders.",
    "descriptions": {"de": "Deine Bestellungen sehen."},
    "resources": ["https://api.example.org", "urn:orders"],
    "properties": {"icon": None, "order": 1.5},
}


def make_scope(store: Store, tenant_id: UUID, name: str, **fields: Any) -> Scope:
    return store.scopes.create(tenant_id=tenant_id, name=name, **fields)


def system_scope(store: Store, tenant_id: UUID) -> Scope:
    scope = store.scopes.get_by_name(tenant_id=tenant_id, name="openid")
    assert scope is not None
    return scope


def test_a_created_scope_is_found_by_each_of_its_keys(store: Store) -> None:
    tenant_id = make_tenant(store).id
    scope = store.scopes.create(tenant_id=tenant_id, **EDIT)
    assert scope == replace(
        scope, tenant_id=tenant_id, is_system=False, row_version=1, **EDIT
    )
    assert store.scopes.get_by_id(tenant_id=tenant_id, scope_id=scope.id) == scope
    assert store.scopes.get_by_name(tenant_id=tenant_id, name=scope.name) == scope


def test_a_scope_needs_only_a_name(store: Store) -> None:
    scope = make_scope(store, make_tenant(store).id, "orders")
    assert scope == replace(
        scope,
        display_name="",
        display_names={},
        description="",
        descriptions={},
        resources=[],
        properties={},
    )


def test_an_unknown_scope_is_not_found(store: Store) -> None:
    tenant_id = make_tenant(store).id
    assert store.scopes.get_by_id(tenant_id=tenant_id, scope_id=uuid4()) is None
    assert store.scopes.get_by_name(tenant_id=tenant_id, name="orders") is None
    assert not store.scopes.delete(tenant_id=tenant_id, scope_id=uuid4())


def test_a_name_is_unique_in_its_tenant_and_case_sensitive(store: Store) -> None:
    tenant_id = make_tenant(store).id
    lower = make_scope(store, tenant_id, "orders")
    upper = make_scope(store, tenant_id, "Orders")
    assert store.scopes.get_by_name(tenant_id=tenant_id, name="Orders") == upper
    assert store.scopes.get_by_name(tenant_id=tenant_id, name="orders") == lower
    with pytest.raises(DuplicateError, match=r"scopes\.create.*name") as caught:
        make_scope(store, tenant_id, "orders")
    assert caught.value.constraint == "scopes_tenant_id_name_key"
    assert make_scope(store, make_tenant(store).id, "orders").name == "orders"
    with pytest.raises(MissingReferenceError) as missing:
        make_scope(store, uuid4(), "orders")
    assert missing.value.constraint == "scopes_tenant_id_fk"


def test_a_name_consists_of_the_characters_of_rfc_6749(store: Store) -> None:
    tenant_id = make_tenant(store).id
    for name in ("".join(SCOPE_TOKEN_CHARACTERS), *SCOPE_TOKEN_CHARACTERS, "a" * 255):
        assert make_scope(store, tenant_id, name).name == name
    ascii_ = {chr(code) for code in range(1, 0x80)}
    refused = ascii_ - {*SCOPE_TOKEN_CHARACTERS} | {"\u00e9", "\uff41"}
    for name in ["", "a" * 256, *(f"a{character}" for character in refused)]:
        with refusal_of("name"):
            make_scope(store, tenant_id, name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_names", ["no object"]),
        ("descriptions", ["no object"]),
        ("resources", ["urn:a", None]),
        ("resources", ["urn:a", "a"]),
        ("properties", ["no object"]),
    ],
)
def test_a_value_out_of_range_is_refused(
    store: Store, field: str, value: object
) -> None:
    tenant_id = make_tenant(store).id
    with refusal_of(field):
        make_scope(store, tenant_id, "orders", **{field: value})
    assert store.scopes.get_by_name(tenant_id=tenant_id, name="orders") is None


def test_pages_lead_forward_and_back(store: Store) -> None:
    tenant_id = make_tenant(store).id
    make_scope(store, tenant_id, "zebra")
    list_ = store.scopes.list
    first = list_(tenant_id=tenant_id, page_size=3)
    second = list_(tenant_id=tenant_id, after=first.next, page_size=3)
    last = list_(tenant_id=tenant_id, after=second.next, page_size=3)
    shown = [[scope.name for scope in page.items] for page in (first, second, last)]
    assert shown == [
        ["address", "email", "offline_access"],
        ["openid", "phone", "profile"],
        ["zebra"],
    ]
    assert (first.previous, last.next) == (None, None)
    assert list_(tenant_id=tenant_id, before=last.previous, page_size=3) == second
    assert list_(tenant_id=tenant_id, before=second.previous, page_size=3) == first


def test_many_names_are_resolved_at_once_without_unknown_ones(
    store: Store,
) -> None:
    tenant_id = make_tenant(store).id
    make_scope(store, make_tenant(store).id, "foreign")
    scopes = [make_scope(store, tenant_id, f"scope{n:03}") for n in range(100)]
    names = [scope.name for scope in reversed(scopes)]
    asked = ["openid", "openid", "OPENID", "", "foreign", "unknown", *names]
    assert store.scopes.resolve(tenant_id=tenant_id, names=asked) == [
        system_scope(store, tenant_id),
        *scopes,
    ]
    assert store.scopes.resolve(tenant_id=tenant_id, names=["unknown"]) == []
    assert store.scopes.resolve(tenant_id=tenant_id, names=[]) == []


def test_an_update_requires_the_version_that_was_read(store: Store) -> None:
    tenant_id = make_tenant(store).id
    scope = make_scope(store, tenant_id, "orders")
    keys = {"tenant_id": tenant_id, "scope_id": scope.id}
    changed = store.scopes.update(row_version=1, **keys, **EDIT)
    assert changed.updated_at > scope.updated_at
    assert changed == replace(
        scope, updated_at=changed.updated_at, row_version=2, **EDIT
    )
    with pytest.raises(ConcurrencyConflictError, match="scope is no longer"):
        store.scopes.update(row_version=1, **keys, **EDIT)
    with pytest.raises(NotFoundError, match="no such scope"):
        store.scopes.update(
            tenant_id=tenant_id, scope_id=uuid4(), row_version=2, **EDIT
        )
    taken: Edit = {**EDIT, "name": "openid"}
    with pytest.raises(DuplicateError):
        store.scopes.update(row_version=2, **keys, **taken)
    assert store.scopes.get_by_id(**keys) == changed


def test_a_system_scope_can_be_neither_changed_nor_deleted(store: Store) -> None:
    tenant_id = make_tenant(store).id
    scope = system_scope(store, tenant_id)
    keys = {"tenant_id": tenant_id, "scope_id": scope.id}
    with pytest.raises(SystemRowError, match="openid"):
        store.scopes.update(row_version=1, **keys, **EDIT)
    with pytest.raises(SystemRowError, match="openid"):
        store.scopes.delete(**keys)
    assert store.scopes.get_by_id(**keys) == scope


def test_a_scope_is_deleted_once(store: Store) -> None:
    scope = make_scope(store, make_tenant(store).id, "orders")
    keys = {"tenant_id": scope.tenant_id, "scope_id": scope.id}
    assert store.scopes.delete(**keys)
    assert not store.scopes.delete(**keys)
    assert store.scopes.get_by_id(**keys) is None


def test_another_tenant_cannot_reach_a_scope(store: Store) -> None:
    scope = make_scope(store, make_tenant(store).id, "orders")
    own = {"tenant_id": scope.tenant_id, "scope_id": scope.id}
    tenant_id = make_tenant(store).id
    foreign = {**own, "tenant_id": tenant_id}
    assert store.scopes.get_by_id(**foreign) is None
    assert store.scopes.get_by_name(tenant_id=tenant_id, name="orders") is None
    assert store.scopes.resolve(tenant_id=tenant_id, names=["orders"]) == []
    assert scope not in store.scopes.list(tenant_id=tenant_id).items
    beyond = cursor_at("z", "scopes.list")
    assert scope not in store.scopes.list(tenant_id=tenant_id, before=beyond).items
    with pytest.raises(NotFoundError):
        store.scopes.update(row_version=1, **foreign, **EDIT)
    assert not store.scopes.delete(**foreign)
    assert not store.scopes.delete(
        tenant_id=tenant_id, scope_id=system_scope(store, scope.tenant_id).id
    )
    assert store.scopes.get_by_id(**own) == scope
