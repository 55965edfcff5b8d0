from typing import get_args
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import InvalidArgumentError
from authority_queries.records import (
    TokenDiagnosisDeadBecause,
    VerifiedToken,
)
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.repositories.deaths import DEATHS, KINDS, live
from tests.repositories.grant_helpers import (
    NOTHING,
    Party,
    redeem_code,
    refresh,
)
from tests.repositories.token_helpers import (
    THUMBPRINT,
    Dba,
    Fields,
    active_ids,
    diagnose,
    revoke,
    sign_in,
    verify,
)


def test_a_live_token_of_a_user_is_verified_in_full(store: Store) -> None:
    at = sign_in(
        store,
        scopes=["openid"],
        resources=["https://api.example"],
        authorization_details=[{"type": "mail", "folders": ["in"]}],
        cnf_jkt=THUMBPRINT,
        cnf_x5t_s256="B" * 43,
        payload=b"sealed",
        properties={"a": 1},
    )
    assert verify(store, at.minted) == VerifiedToken(
        tenant_id=at.tenant_id,
        id=at.token.id,
        type="access",
        is_foreign=False,
        client_id=at.client.client_id,
        authorization_id=at.token.authorization_id,
        user_id=at.user.id,
        subject_id=at.user.subject_id,
        username=at.user.username,
        service_account_id=None,
        account_id=None,
        actor=None,
        scopes=["openid"],
        resources=["https://api.example"],
        authorization_details=[{"type": "mail", "folders": ["in"]}],
        cnf_jkt=THUMBPRINT,
        cnf_x5t_s256="B" * 43,
        payload=b"sealed",
        properties={"a": 1},
        authenticated_at=at.token.authenticated_at,
        acr="silver",
        amr=["pwd", "otp"],
        created_at=at.token.created_at,
        expires_at=at.token.expires_at,
        sid=None,
        depends_on=None,
    )


def test_a_token_of_a_service_account_dies_with_it(store: Store, dba: Dba) -> None:
    client = make_client(store, make_tenant(store).id)
    account = make_service_account(store, client.tenant_id)
    minted, token = make_token(store, client, service_account_id=account.id)
    found = verify(store, minted)
    assert found is not None
    assert (found.id, found.client_id) == (token.id, client.client_id)
    assert (found.service_account_id, found.account_id) == (
        account.id,
        account.account_id,
    )
    assert (found.user_id, found.subject_id, found.username) == (None,) * 3
    dba.execute("update authority.service_accounts set enabled = false")
    assert verify(store, minted) is None


def test_a_token_of_the_client_itself_has_no_subject(store: Store) -> None:
    client = make_client(store, make_tenant(store, status="trial").id)
    minted, _ = make_token(store, client)
    found = verify(store, minted)
    assert found is not None
    assert found.client_id == client.client_id
    assert (found.user_id, found.subject_id, found.username) == (None,) * 3
    assert (found.service_account_id, found.account_id) == (None, None)
    assert found.authorization_id is None


@pytest.mark.parametrize("name", DEATHS)
def test_a_token_is_dead_for_each_single_reason(
    store: Store, dba: Dba, clock: Clock, name: str
) -> None:
    death = DEATHS[name]
    at = live(store, dba, clock, is_account=death.is_accounts)
    other, _ = make_token(
        store, make_client(store, make_tenant(store).id), lifetime=2 * HOUR
    )
    for kind in KINDS:
        assert verify(store, at.minted[kind], kind) is not None
    death.die(at)
    for kind in KINDS:
        assert verify(store, at.minted[kind], kind) is None
    assert verify(store, other) is not None


@pytest.mark.parametrize("name", DEATHS)
def test_an_operator_gets_the_reason(
    store: Store, dba: Dba, clock: Clock, name: str
) -> None:
    death = DEATHS[name]
    at = live(store, dba, clock, is_account=death.is_accounts)
    for kind in KINDS:
        assert diagnose(store, at.minted[kind]).dead_because is None
    death.die(at)
    for kind in KINDS:
        assert diagnose(store, at.minted[kind]).dead_because == death.reason


@pytest.mark.parametrize("name", DEATHS)
def test_a_dead_token_is_not_redeemed_and_callers_cannot_tell_why(
    store: Store, dba: Dba, clock: Clock, name: str
) -> None:
    death = DEATHS[name]
    at = live(store, dba, clock, is_account=death.is_accounts)
    user = at.user or make_user(store, at.tenant_id)
    party = Party(client=at.client, user=user)
    death.die(at)
    plain: Fields = {"redirect_uri": None, "code_verifier": None}
    code, token = at.minted["authorization_code"], at.minted["refresh"]
    assert redeem_code(store, party, code, **plain) == NOTHING
    assert refresh(store, party, token) == NOTHING
    # The reason precedes the check of scopes.
    assert refresh(store, party, token, scopes=["phone"]) == NOTHING
    rows = dba.execute(
        "select redeemed_at from authority.tokens where tenant_id = %s", [at.tenant_id]
    ).fetchall()
    assert rows == [(None,)] * len(KINDS)
    row = dba.execute(
        "select revocation_reason from authority.authorizations where id = %s",
        [at.family_id],
    ).fetchone()
    assert row in ((None,), ("withdrawn",))


@pytest.mark.parametrize("name", DEATHS)
def test_no_dead_token_is_listed(
    store: Store, dba: Dba, clock: Clock, name: str
) -> None:
    at = live(store, dba, clock, is_account=DEATHS[name].is_accounts)
    key: Fields = {"tenant_id": at.tenant_id, **at.subject}
    ids = sorted(token.id for token in at.tokens.values())
    assert [each.id for each in store.tokens.list_active_by_subject(**key).items] == ids
    assert active_ids(store, at.client) == ids
    DEATHS[name].die(at)
    assert store.tokens.list_active_by_subject(**key).items == []
    assert active_ids(store, at.client) == []


def test_every_reason_has_a_test() -> None:
    tested = {death.reason for death in DEATHS.values()}
    elsewhere = {"redeemed", "exchanged_from_dead", "foreign_refused"}
    assert tested | elsewhere == set(get_args(TokenDiagnosisDeadBecause))


def test_a_redeemed_token_is_dead(store: Store) -> None:
    at = sign_in(store)
    party = Party(client=at.client, user=at.user)
    minted, token = make_token(store, at.client, "refresh", user_id=at.user.id)
    assert verify(store, minted, "refresh") is not None
    assert token.id in active_ids(store, at.client)
    assert refresh(store, party, minted).outcome == "redeemed"
    assert verify(store, minted, "refresh") is None
    assert diagnose(store, minted).dead_because == "redeemed"
    assert token.id not in active_ids(store, at.client)


def test_the_first_of_several_reasons_is_returned(
    store: Store, dba: Dba, clock: Clock
) -> None:
    at = live(store, dba, clock, is_account=False)
    minted = at.minted["access"]
    for name in (
        "user's epoch moved",
        "user suspended",
        "client's epoch moved",
        "client disabled",
        "tenant's epoch moved",
        "tenant suspended",
        "consent narrowed",
        "consent revoked",
        "authorization expired",
        "authorization revoked",
        "expired",
        "revoked",
    ):
        DEATHS[name].die(at)
        assert diagnose(store, minted).dead_because == DEATHS[name].reason


def test_a_diagnosis_contains_the_ids_of_all_parties(store: Store) -> None:
    at = sign_in(store, scopes=["openid"])
    found = diagnose(store, at.minted)
    assert (found.id, found.type) == (at.token.id, "access")
    assert (found.client_id, found.user_id) == (at.client.client_id, at.user.id)
    assert found.authorization_id == at.token.authorization_id
    assert (found.service_account_id, found.scopes) == (None, ["openid"])
    assert found.expires_at == at.token.expires_at
    assert revoke(store, at.token)
    assert diagnose(store, at.minted).revocation_reason == "stolen"
    key: Fields = {"tenant_id": at.tenant_id, "token_hash": bytes(32)}
    assert store.tokens.diagnose(**key) is None
    elsewhere: Fields = {"tenant_id": uuid4(), "token_hash": at.minted.hash}
    assert store.tokens.diagnose(**elsewhere) is None
    with pytest.raises(InvalidArgumentError, match="token_hash must have 32 octets"):
        store.tokens.diagnose(tenant_id=at.tenant_id, token_hash=b"raw")


def test_a_token_is_verified_only_as_its_type_and_in_its_tenant(store: Store) -> None:
    at = sign_in(store)
    other = make_tenant(store)
    key: Fields = {"tenant_id": at.tenant_id, "token_hash": at.minted.hash}
    assert store.tokens.verify(**key, type="refresh") is None
    assert store.tokens.verify(**{**key, "tenant_id": other.id}) is None
    assert store.tokens.verify(**{**key, "token_hash": bytes(32)}) is None
    minted, _ = make_token(store, at.client, "refresh")
    assert verify(store, minted) is None
    key["token_hash"] = minted.hash
    assert store.tokens.verify(**key, type="refresh") is not None
