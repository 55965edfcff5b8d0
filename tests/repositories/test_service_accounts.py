from dataclasses import replace
from typing import TypedDict
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
)
from tests.factories import (
    make_authorization,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
)
from tests.refusals import refusal_of
from tests.repositories.paging import cursor_at


class Edit(TypedDict):
    account_id: str
    display_name: str
    description: str
    enabled: bool
    allowed_scopes: list[str]
    allowed_resources: list[str]
    authorized_client_uuids: list[UUID]
    attributes: JsonObject


EDIT: Edit = {
    "account_id": "nightly.job-1",
    "display_name": "Nightly job",
    "description": "Sends the reports.",
    "enabled": False,
    "allowed_scopes": ["reports:read", "reports:send"],
    "allowed_resources": ["https://reports.example"],
    "authorized_client_uuids": [uuid4(), uuid4()],
    "attributes": {"team": {"name": "ops", "size": 3}},
}


def test_a_created_service_account_is_found_by_each_of_its_keys(store: Store) -> None:
    tenant_id = make_tenant(store).id
    account = store.service_accounts.create(tenant_id=tenant_id, **EDIT)
    assert account == replace(account, tenant_id=tenant_id, row_version=1, **EDIT)
    by_id = store.service_accounts.get_by_id(
        tenant_id=tenant_id, service_account_id=account.id
    )
    by_account_id = store.service_accounts.get_by_account_id(
        tenant_id=tenant_id, account_id="nightly.job-1"
    )
    assert by_id == by_account_id == account


def test_a_service_account_needs_only_an_account_id(store: Store) -> None:
    account = store.service_accounts.create(
        tenant_id=make_tenant(store).id, account_id="job"
    )
    assert account == replace(
        account,
        display_name="",
        description="",
        enabled=True,
        allowed_scopes=[],
        allowed_resources=[],
        authorized_client_uuids=[],
        attributes={},
    )


def test_an_unknown_service_account_is_not_found(store: Store) -> None:
    tenant_id, nobody = make_tenant(store).id, uuid4()
    keys = {"tenant_id": tenant_id, "service_account_id": nobody}
    assert store.service_accounts.get_by_id(**keys) is None
    found = store.service_accounts.get_by_account_id(
        tenant_id=tenant_id, account_id="nobody"
    )
    assert found is None
    assert not store.service_accounts.delete(**keys)


def test_an_account_id_is_unique_in_its_tenant(store: Store) -> None:
    tenant_id = make_tenant(store).id
    make_service_account(store, tenant_id, account_id="job")
    with pytest.raises(DuplicateError, match=r"\.create.*account_id") as caught:
        make_service_account(store, tenant_id, account_id="job")
    assert caught.value.constraint == "service_accounts_tenant_id_account_id_key"
    elsewhere = make_service_account(store, make_tenant(store).id, account_id="job")
    assert elsewhere.account_id == "job"
    with pytest.raises(MissingReferenceError) as missing:
        make_service_account(store, uuid4(), account_id="job")
    assert missing.value.constraint == "service_accounts_tenant_id_fk"


def test_an_account_id_is_an_identifier(store: Store) -> None:
    tenant_id = make_tenant(store).id
    longest = "0" + "a_.-" * 24 + "xyz"
    made = make_service_account(store, tenant_id, account_id=longest)
    assert made.account_id == longest
    for account_id in ("", "Job", ".job", "a b", "a\n", "\u00e4", longest + "1"):
        with refusal_of("account_id"):
            make_service_account(store, tenant_id, account_id=account_id)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowed_scopes", ["a", None]),
        ("allowed_scopes", ["a b"]),
        ("allowed_resources", ["reports.example"]),
        ("authorized_client_uuids", [None]),
        ("authorized_client_uuids", [uuid4() for _ in range(1001)]),
        ("attributes", ["no object"]),
    ],
)
def test_a_value_out_of_range_is_refused(
    store: Store, field: str, value: object
) -> None:
    tenant_id = make_tenant(store).id
    with refusal_of(field):
        make_service_account(store, tenant_id, **{field: value})
    assert store.service_accounts.list(tenant_id=tenant_id).items == []


def test_pages_lead_forward_and_back(store: Store) -> None:
    tenant_id = make_tenant(store).id
    accounts = [
        make_service_account(store, tenant_id, account_id=f"job{n}") for n in range(5)
    ]
    list_ = store.service_accounts.list
    first = list_(tenant_id=tenant_id, page_size=2)
    second = list_(tenant_id=tenant_id, after=first.next, page_size=2)
    last = list_(tenant_id=tenant_id, after=second.next, page_size=2)
    assert [*first.items, *second.items, *last.items] == accounts
    assert (first.previous, last.next) == (None, None)
    assert list_(tenant_id=tenant_id, before=last.previous, page_size=2) == second
    assert list_(tenant_id=tenant_id, before=second.previous, page_size=2) == first


def test_an_update_requires_the_version_that_was_read(store: Store) -> None:
    tenant_id = make_tenant(store).id
    account = make_service_account(store, tenant_id, account_id="old")
    make_service_account(store, tenant_id, account_id="taken")
    keys = {"tenant_id": tenant_id, "service_account_id": account.id}
    changed = store.service_accounts.update(row_version=1, **keys, **EDIT)
    assert changed.updated_at > account.updated_at
    assert changed == replace(
        account, updated_at=changed.updated_at, row_version=2, **EDIT
    )
    with pytest.raises(ConcurrencyConflictError, match="service account is no longer"):
        store.service_accounts.update(row_version=1, **keys, **EDIT)
    with pytest.raises(NotFoundError, match="no such service account"):
        store.service_accounts.update(
            tenant_id=tenant_id, service_account_id=uuid4(), row_version=2, **EDIT
        )
    taken: Edit = {**EDIT, "account_id": "taken"}
    with pytest.raises(DuplicateError):
        store.service_accounts.update(row_version=2, **keys, **taken)
    assert store.service_accounts.get_by_id(**keys) == changed


def test_deleting_a_service_account_deletes_its_rows(store: Store) -> None:
    tenant_id = make_tenant(store).id
    client = make_client(store, tenant_id)
    account = make_service_account(store, tenant_id)
    keys = {"tenant_id": tenant_id, "service_account_id": account.id}
    consent = make_authorization(store, client, service_account_id=account.id)
    string, _ = make_token(store, client, service_account_id=account.id)
    of_client, _ = make_token(store, client)
    assert store.tokens.verify(tenant_id=tenant_id, token_hash=string.hash)
    assert store.service_accounts.delete(**keys)
    assert not store.service_accounts.delete(**keys)
    assert store.service_accounts.get_by_id(**keys) is None
    assert store.tokens.get_by_hash(tenant_id=tenant_id, token_hash=string.hash) is None
    gone = store.authorizations.get_by_id(
        tenant_id=tenant_id, authorization_id=consent.id
    )
    assert gone is None
    assert store.tokens.verify(tenant_id=tenant_id, token_hash=of_client.hash)


def test_another_tenant_cannot_reach_a_service_account(store: Store) -> None:
    account = make_service_account(store, make_tenant(store).id, account_id="job")
    own = {"tenant_id": account.tenant_id, "service_account_id": account.id}
    tenant_id = make_tenant(store).id
    foreign = {**own, "tenant_id": tenant_id}
    assert store.service_accounts.get_by_id(**foreign) is None
    found = store.service_accounts.get_by_account_id(
        tenant_id=tenant_id, account_id="job"
    )
    assert found is None
    list_ = store.service_accounts.list
    assert list_(tenant_id=tenant_id).items == []
    beyond = cursor_at("z", "service_accounts.list")
    assert list_(tenant_id=tenant_id, before=beyond).items == []
    with pytest.raises(NotFoundError):
        store.service_accounts.update(row_version=1, **foreign, **EDIT)
    assert not store.service_accounts.delete(**foreign)
    assert store.service_accounts.get_by_id(**own) == account
