"""The client credentials grant (RFC 6749 section 4.4)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
)
from authority_queries.records import (
    Client,
    ClientTokenIssuance,
    ClientTokenIssuanceOutcome,
)
from authority_queries.secrets import TokenString, mint_token
from tests.factories import (
    HOUR,
    make_client,
    make_service_account,
    make_tenant,
)
from tests.refusals import refusal_of
from tests.repositories.grant_helpers import count, token_of
from tests.repositories.token_helpers import THUMBPRINT, Dba, Fields, verify


def issue(
    store: Store, client: Client, **fields: Any
) -> tuple[TokenString, ClientTokenIssuance]:
    minted = mint_token("access", client.tenant_id)
    defaults: Fields = {
        "tenant_id": client.tenant_id,
        "token_hash": minted.hash,
        "client_id": client.client_id,
        "lifetime": HOUR,
    }
    return minted, store.grants.issue_to_client(**{**defaults, **fields})


def test_a_client_gets_a_token_of_its_own(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    minted, issued = issue(
        store,
        client,
        scopes=["api.read", "api.write"],
        cnf_jkt=THUMBPRINT,
        cnf_x5t_s256="B" * 43,
        payload=b"sealed",
        properties={"region": "eu"},
    )
    token, found = token_of(store, minted), verify(store, minted)
    assert (issued.outcome, issued.token_id) == ("issued", token.id)
    assert (issued.scopes, issued.expires_at) == (token.scopes, token.expires_at)
    assert found is not None
    assert (found.client_id, found.scopes) == (
        client.client_id,
        ["api.read", "api.write"],
    )
    assert (found.user_id, found.service_account_id, found.account_id) == (None,) * 3
    assert (found.authorization_id, found.actor) == (None, None)
    assert (found.cnf_jkt, found.cnf_x5t_s256) == (THUMBPRINT, "B" * 43)
    assert (found.payload, found.properties) == (b"sealed", {"region": "eu"})
    assert found.expires_at - found.created_at == HOUR


def test_a_client_gets_a_token_of_a_service_account_that_authorises_it(
    store: Store,
) -> None:
    client = make_client(store, make_tenant(store, status="trial").id)
    account = make_service_account(
        store,
        client.tenant_id,
        allowed_scopes=["api.read", "api.write"],
        authorized_client_uuids=[client.id],
    )
    minted, issued = issue(
        store, client, service_account_id=account.id, scopes=["api.read"]
    )
    found = verify(store, minted)
    assert (issued.outcome, issued.scopes) == ("issued", ["api.read"])
    assert found is not None
    assert (found.service_account_id, found.account_id) == (
        account.id,
        account.account_id,
    )


def _unauthorize(_: Store, dba: Dba, __: Client) -> object:
    return dba.execute(
        "update authority.service_accounts set authorized_client_uuids = '{}'"
    )


def _disable_account(_: Store, dba: Dba, __: Client) -> object:
    return dba.execute("update authority.service_accounts set enabled = false")


def _disable_client(_: Store, dba: Dba, __: Client) -> object:
    return dba.execute("update authority.clients set enabled = false")


def _make_public(_: Store, dba: Dba, __: Client) -> object:
    return dba.execute("update authority.clients set client_type = 'public'")


def _suspend_tenant(store: Store, _: Dba, client: Client) -> object:
    return store.tenants.suspend(tenant_id=client.tenant_id)


Before = Callable[[Store, Dba, Client], object]
# The arguments, the change before, and whether it matters without an account.
REFUSALS: dict[str, tuple[ClientTokenIssuanceOutcome, Before | Fields, bool]] = {
    "tenant suspended": ("tenant_inactive", _suspend_tenant, True),
    "client disabled": ("client_inactive", _disable_client, True),
    "client unknown": ("client_inactive", {"client_id": "nobody"}, True),
    "client public": ("client_public", _make_public, True),
    "account disabled": ("service_account_inactive", _disable_account, False),
    "account unknown": (
        "service_account_inactive",
        {"service_account_id": uuid4()},
        False,
    ),
    "client not authorised": ("client_not_authorized", _unauthorize, False),
    "scopes not allowed": ("invalid_scope", {"scopes": ["api.read", "admin"]}, False),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_refused_token_leaves_no_row(store: Store, dba: Dba, why: str) -> None:
    outcome, wrong, stands_alone = REFUSALS[why]
    client = make_client(store, make_tenant(store).id)
    account = make_service_account(
        store,
        client.tenant_id,
        allowed_scopes=["api.read"],
        authorized_client_uuids=[client.id],
    )
    if not isinstance(wrong, dict):
        wrong(store, dba, client)
        wrong = {}
    for_account: Fields = {"service_account_id": account.id, "scopes": ["api.read"]}
    subjects: list[Fields] = [for_account, {}] if stands_alone else [for_account]
    for subject in subjects:
        _, issued = issue(store, client, **{**subject, **wrong})
        assert issued.outcome == outcome
        assert (issued.token_id, issued.scopes, issued.expires_at) == (None,) * 3
    assert count(dba, "tokens") == 0


def test_the_first_reason_for_a_refusal_is_returned(store: Store, dba: Dba) -> None:
    client = make_client(store, make_tenant(store).id)
    account = make_service_account(store, client.tenant_id)
    subject: Fields = {"service_account_id": account.id, "scopes": ["api.read"]}
    dba.execute("update authority.clients set enabled = false, client_type = 'public'")
    dba.execute("update authority.service_accounts set enabled = false")
    for outcome, repair in (
        ("client_inactive", "update authority.clients set enabled = true"),
        ("client_public", "update authority.clients set client_type = 'confidential'"),
        (
            "service_account_inactive",
            "update authority.service_accounts set enabled = true",
        ),
        (
            "client_not_authorized",
            "update authority.service_accounts set authorized_client_uuids = "
            "array(select id from authority.clients)",
        ),
        (
            "invalid_scope",
            "update authority.service_accounts set allowed_scopes = '{api.read}'",
        ),
    ):
        assert issue(store, client, **subject)[1].outcome == outcome
        dba.execute(repair.encode())
    assert issue(store, client, **subject)[1].outcome == "issued"


def test_an_account_of_another_tenant_is_unknown(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    theirs = make_service_account(
        store, make_tenant(store).id, authorized_client_uuids=[client.id]
    )
    _, issued = issue(store, client, service_account_id=theirs.id)
    assert issued.outcome == "service_account_inactive"


def test_the_token_has_no_family_and_is_requested_again(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    minted, _ = issue(store, client)
    token = token_of(store, minted)
    assert (token.type, token.authorization_id, token.parent_id) == (
        "access",
        None,
        None,
    )
    with pytest.raises(DuplicateError, match="tokens_tenant_id_token_hash_key"):
        issue(store, client, token_hash=minted.hash)
    assert issue(store, client)[1].outcome == "issued"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"token_hash": b"raw"}, "token_hash must have 32 octets"),
        ({"lifetime": timedelta(0)}, "lifetime must be longer than 0"),
    ],
)
def test_an_argument_of_the_wrong_shape_is_refused(
    store: Store, wrong: Fields, message: str
) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidArgumentError, match=message):
        issue(store, client, **wrong)
    with refusal_of("cnf_x5t_s256"):
        issue(store, client, cnf_x5t_s256="x" * 42)
