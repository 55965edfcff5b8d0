"""The claim sub: kept from other systems, and never shared by a user and a machine."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import errors

from authority_queries import Store
from authority_queries.errors import ConcurrencyConflictError, DuplicateError
from authority_queries.records import Client, ServiceAccount
from tests.factories import (
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.refusals import refusal_of
from tests.stores import Logins

OF_OTHERS = {
    "Auth0": "auth0|5f7c8ec7c33c6c004bbafe82",
    "MongoDB": "507f1f77bcf86cd799439011",
    "Keycloak": "f:550e8400-e29b-41d4-a716-446655440000:ann",
    "Google": "110169484474386276334",
    "Entra": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "a directory": "cn=Ann Smith,ou=People",
    "longest": "x" * 255,
}


@pytest.mark.parametrize("subject_id", OF_OTHERS.values(), ids=OF_OTHERS)
def test_the_sub_of_another_system_is_kept(store: Store, subject_id: str) -> None:
    tenant_id = make_tenant(store).id
    user = make_user(store, tenant_id, subject_id=subject_id)
    assert user.subject_id == subject_id
    by_sub = store.users.get_by_subject_id
    assert by_sub(tenant_id=tenant_id, subject_id=subject_id) == user
    assert by_sub(tenant_id=tenant_id, subject_id=subject_id.swapcase() + "!") is None
    string, _ = make_token(store, make_client(store, tenant_id), user_id=user.id)
    token = store.tokens.verify(tenant_id=tenant_id, token_hash=string.hash)
    assert token is not None
    assert token.subject_id == subject_id


@pytest.mark.parametrize(
    "subject_id", ["", "x" * 256, "\u00e4nn", " ann", "ann ", "a\tb", "a\nb", "a\x7fb"]
)
def test_a_sub_is_printable_ascii(store: Store, subject_id: str) -> None:
    with refusal_of("subject_id"):
        make_user(store, make_tenant(store).id, subject_id=subject_id)


def test_a_sub_is_unique_in_its_tenant_and_case_sensitive(store: Store) -> None:
    tenant_id = make_tenant(store).id
    made = {make_user(store, tenant_id).subject_id for _ in range(2)}
    assert len(made) == 2
    make_user(store, tenant_id, subject_id="auth0|a")
    make_user(store, tenant_id, subject_id="auth0|A")
    make_user(store, make_tenant(store).id, subject_id="auth0|a")
    with pytest.raises(DuplicateError) as caught:
        make_user(store, tenant_id, subject_id="auth0|a")
    assert caught.value.constraint == "users_tenant_id_subject_id_key"
    assert caught.value.argument == "subject_id"


def test_a_service_cannot_change_a_sub(store: Store, logins: Logins) -> None:
    user = make_user(store, make_tenant(store).id)
    with psycopg.connect(logins.app_for(user.tenant_id)) as service:
        renamed = service.execute("update authority.users set display_name = 'x'")
        assert renamed.rowcount == 1
        with pytest.raises(errors.InsufficientPrivilege):
            service.execute("update authority.users set subject_id = 'x'")


Machine = Client | ServiceAccount
MACHINES: dict[str, tuple[Callable[..., Machine], str]] = {
    "client": (make_client, "client_id"),
    "service account": (make_service_account, "account_id"),
}


@pytest.mark.parametrize("kind", MACHINES)
def test_a_user_and_a_machine_never_have_the_same_sub(store: Store, kind: str) -> None:
    make, argument = MACHINES[kind]
    tenant_id, elsewhere = make_tenant(store).id, make_tenant(store).id
    user = make_user(store, tenant_id)
    make(store, tenant_id, **{argument: "robot"})
    with pytest.raises(DuplicateError, match="sub of a user") as caught:
        make(store, tenant_id, **{argument: user.subject_id})
    assert caught.value.argument == argument
    with pytest.raises(DuplicateError, match="sub of a client or") as caught:
        make_user(store, tenant_id, subject_id="robot")
    assert caught.value.argument == "subject_id"
    make_user(store, elsewhere, subject_id="robot")
    make(store, elsewhere, **{argument: user.subject_id})


@pytest.mark.parametrize("kind", MACHINES)
def test_a_machine_cannot_be_renamed_to_the_sub_of_a_user(
    store: Store, kind: str
) -> None:
    make, argument = MACHINES[kind]
    user = make_user(store, make_tenant(store).id)
    machine = make(store, user.tenant_id)
    with pytest.raises(DuplicateError, match="sub of a user") as caught:
        rename(store, machine, user.subject_id)
    assert caught.value.argument == argument
    assert rename(store, machine, "robot").row_version == 2
    with pytest.raises(ConcurrencyConflictError):
        rename(store, machine, user.subject_id)


def rename(store: Store, machine: Machine, name: str) -> Machine:
    """Update the machine that was read, under this name."""
    read: dict[str, Any] = {key: getattr(machine, key) for key in machine.__slots__}
    for key in ("created_at", "updated_at", "tokens_valid_after"):
        del read[key]
    if isinstance(machine, Client):
        read["client_uuid"] = read.pop("id")
        return store.clients.update(**{**read, "client_id": name})
    read["service_account_id"] = read.pop("id")
    return store.service_accounts.update(**{**read, "account_id": name})


def test_a_recreated_sub_inherits_no_token_and_no_revocation(store: Store) -> None:
    tenant_id = make_tenant(store).id
    client = make_client(store, tenant_id)
    user = make_user(store, tenant_id, subject_id="auth0|ann")
    old, _ = make_token(store, client, user_id=user.id)
    entry = store.revocations.publish(
        tenant_id=tenant_id,
        category="subject",
        target=user.subject_id,
        reason="left",
    )
    store.users.delete(tenant_id=tenant_id, user_id=user.id)
    again = make_user(store, tenant_id, subject_id="auth0|ann")
    new, token = make_token(store, client, user_id=again.id)
    verify = store.tokens.verify
    assert verify(tenant_id=tenant_id, token_hash=old.hash) is None
    assert verify(tenant_id=tenant_id, token_hash=new.hash) is not None
    # Verifiers refuse what was issued at or before this time.
    assert entry.effective_at < token.created_at
