"""An owner's list without pages has at most 100 rows, and the error names the owner."""

from functools import partial
from typing import Any, TypeAlias

import psycopg
import pytest

from authority_queries import Keyring, Store, mint_totp_secret
from authority_queries.errors import LimitReachedError
from tests.factories import PHC, make_client, make_tenant, make_user
from tests.soft_authenticator import SoftAuthenticator, enroll

Dba: TypeAlias = "psycopg.Connection[Any]"
KEYRING = Keyring(current="2026", keys={"2026": b"k" * 32})


def test_a_user_has_at_most_100_roles(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    assign = partial(store.user_roles.assign, tenant_id=user.tenant_id, user_id=user.id)
    roles = [
        store.roles.create(tenant_id=user.tenant_id, name=f"r{number}")
        for number in range(101)
    ]
    for role in roles[:100]:
        assign(role_id=role.id)
    assign(role_id=roles[0].id)
    with pytest.raises(LimitReachedError, match="at most 100 roles") as caught:
        assign(role_id=roles[100].id)
    assert caught.value.argument == "user_id"
    listed = store.user_roles.list_by_user(tenant_id=user.tenant_id, user_id=user.id)
    assert len(listed) == 100


def test_a_client_has_at_most_100_secrets(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    add = partial(
        store.client_secrets.add,
        tenant_id=client.tenant_id,
        client_uuid=client.id,
        secret_hash=PHC,
    )
    for _ in range(100):
        add()
    with pytest.raises(LimitReachedError, match="at most 100 secrets"):
        add()


def test_a_user_has_at_most_100_passkeys(store: Store, dba: Dba) -> None:
    user = make_user(store, make_tenant(store).id)
    enroll(store, user, SoftAuthenticator(user_handle=user.id.bytes))
    dba.execute(
        "insert into authority.webauthn_credentials "
        "select (jsonb_populate_record(enrolled, jsonb_build_object("
        "'id', gen_random_uuid(), 'credential_id', sha256(n::text::bytea)))).* "
        "from authority.webauthn_credentials as enrolled, generate_series(1, 99) as n"
    )
    with pytest.raises(LimitReachedError, match="at most 100 WebAuthn") as caught:
        enroll(store, user, SoftAuthenticator(user_handle=user.id.bytes))
    assert caught.value.argument == "user_id"
    assert caught.value.constraint == "webauthn_credentials_user_id_limit"


def test_a_user_has_at_most_100_totp_secrets_and_a_pending_one_is_replaced(
    store: Store, dba: Dba
) -> None:
    user = make_user(store, make_tenant(store).id)
    enroll_totp = partial(
        store.totp_credentials.enroll,
        tenant_id=user.tenant_id,
        user_id=user.id,
        secret=mint_totp_secret(),
        keyring=KEYRING,
    )
    enroll_totp()
    dba.execute(
        "insert into authority.totp_credentials "
        "select (jsonb_populate_record(enrolled, jsonb_build_object("
        "'id', gen_random_uuid(), 'pending_until', null, 'confirmed_at', now(), "
        "'last_used_step', 1, 'last_used_at', now()))).* "
        "from authority.totp_credentials as enrolled, generate_series(1, 99)"
    )
    assert enroll_totp().outcome == "enrolled"
    dba.execute(
        "update authority.totp_credentials set pending_until = null, "
        "confirmed_at = now(), last_used_step = 1, last_used_at = now() "
        "where confirmed_at is null"
    )
    with pytest.raises(LimitReachedError, match="at most 100 TOTP") as caught:
        enroll_totp()
    assert caught.value.argument == "user_id"
    assert caught.value.constraint == "totp_credentials_user_id_limit"
