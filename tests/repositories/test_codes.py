from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
)
from authority_queries.records import CodeIssuanceOutcome
from authority_queries.testing import Clock
from tests.factories import HOUR, MINUTE
from tests.refusals import refusal_of
from tests.repositories.grant_helpers import (
    CALLBACK,
    CHALLENGE,
    DAY,
    Party,
    count,
    family_of,
    issue_code,
    make_code,
    make_party,
    redeem_code,
    token_of,
)
from tests.repositories.token_helpers import THUMBPRINT, Dba, Fields

MICROSECOND = timedelta(microseconds=1)


def test_a_code_is_issued_with_its_family_and_all_its_fields(store: Store) -> None:
    party = make_party(store)
    minted, issued = issue_code(
        store,
        party,
        nonce="n",
        cnf_jkt=THUMBPRINT,
        properties={"device": "tv"},
        family_lifetime=30 * DAY,
    )
    code, family = token_of(store, minted), family_of(store, minted)
    assert (issued.outcome, issued.token_id) == ("issued", code.id)
    assert (issued.authorization_id, issued.scopes) == (family.id, ["openid", "email"])
    assert issued.expires_at == code.expires_at
    assert (code.type, code.client_uuid) == ("authorization_code", party.client.id)
    assert (code.user_id, code.service_account_id) == (party.user.id, None)
    assert (code.redirect_uri, code.code_challenge) == (CALLBACK, CHALLENGE)
    assert (code.nonce, code.cnf_jkt) == ("n", THUMBPRINT)
    assert (code.scopes, code.properties) == (["openid", "email"], {"device": "tv"})
    assert (code.parent_id, code.redeemed_at, code.revoked_at) == (None, None, None)
    assert code.authenticated_at == code.created_at
    assert code.expires_at - code.created_at == MINUTE
    consent = store.consents.get(**party.of_consent)
    assert consent is not None
    assert (family.consent_id, family.scopes) == (consent.id, ["openid", "email"])
    assert (family.client_uuid, family.user_id) == (party.client.id, party.user.id)
    assert family.expires_at is not None
    assert family.expires_at - family.created_at == 30 * DAY
    assert family.tokens_expire_at == code.expires_at
    assert family.revoked_at is None


def test_a_family_without_a_lifetime_has_no_end(store: Store) -> None:
    party = make_party(store)
    assert family_of(store, make_code(store, party)).expires_at is None


def test_a_code_ends_with_its_family(store: Store) -> None:
    minted, issued = issue_code(
        store, make_party(store), family_lifetime=timedelta(seconds=20)
    )
    family = family_of(store, minted)
    assert issued.expires_at == family.expires_at
    assert family.expires_at == family.created_at + timedelta(seconds=20)


def test_a_code_stores_when_the_user_signed_in(store: Store) -> None:
    party = make_party(store)
    earlier = party.user.created_at - HOUR
    minted = make_code(store, party, authenticated_at=earlier)
    assert token_of(store, minted).authenticated_at == earlier


def test_a_sign_in_slightly_ahead_of_the_clock_is_accepted(
    store: Store, clock: Clock
) -> None:
    now = datetime.now(UTC)
    clock.freeze(now)
    party = make_party(store)
    for ahead in (MINUTE, timedelta(milliseconds=5)):
        minted = make_code(store, party, authenticated_at=now + ahead)
        assert token_of(store, minted).authenticated_at == now - MINUTE
    with pytest.raises(InvalidValueError, match="tokens_authenticated_at_check"):
        issue_code(store, party, authenticated_at=now + MINUTE + MICROSECOND)


def _end_tenant(store: Store, _: Dba, party: Party) -> object:
    return store.tenants.terminate(tenant_id=party.tenant_id)


def _suspend_tenant(store: Store, _: Dba, party: Party) -> object:
    return store.tenants.suspend(tenant_id=party.tenant_id)


def _disable_client(_: Store, dba: Dba, __: Party) -> object:
    return dba.execute("update authority.clients set enabled = false")


def _suspend_user(_: Store, dba: Dba, __: Party) -> object:
    return dba.execute("update authority.users set status = 'suspended'")


def _withdraw(store: Store, _: Dba, party: Party) -> object:
    return store.consents.revoke(**party.of_consent, reason="withdrawn")


# The change before the call, or the arguments.
REFUSALS: dict[
    str, tuple[CodeIssuanceOutcome, Callable[[Store, Dba, Party], object] | Fields]
] = {
    "tenant suspended": ("tenant_inactive", _suspend_tenant),
    "tenant terminated": ("tenant_inactive", _end_tenant),
    "client disabled": ("client_inactive", _disable_client),
    "client unknown": ("client_inactive", {"client_id": "nobody"}),
    "user suspended": ("user_inactive", _suspend_user),
    "user unknown": ("user_inactive", {"user_id": uuid4()}),
    "redirect URI not registered": (
        "redirect_uri_not_registered",
        {"redirect_uri": "https://evil.example/cb"},
    ),
    "without PKCE": ("pkce_required", {"code_challenge": None}),
    "consent withdrawn": ("consent_required", _withdraw),
    "more scopes than allowed": ("consent_required", {"scopes": ["openid", "phone"]}),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_refused_code_leaves_no_row(store: Store, dba: Dba, why: str) -> None:
    party = make_party(store, client_type="public")
    outcome, wrong = REFUSALS[why]
    if not isinstance(wrong, dict):
        wrong(store, dba, party)
        wrong = {}
    _, issued = issue_code(store, party, **wrong)
    assert issued.outcome == outcome
    assert (issued.token_id, issued.authorization_id) == (None, None)
    assert (issued.scopes, issued.expires_at) == (None, None)
    assert (count(dba, "authorizations"), count(dba, "tokens")) == (0, 0)


def test_the_first_reason_for_a_refusal_is_returned(store: Store) -> None:
    party = make_party(store, client_type="public")
    presented: Fields = {
        "client_id": "nobody",
        "user_id": uuid4(),
        "redirect_uri": "https://evil.example/cb",
        "authenticated_at": party.user.created_at,
        "code_challenge": None,
        "scopes": ["phone"],
    }
    store.users.revoke_tokens(tenant_id=party.tenant_id, user_id=party.user.id)
    store.tenants.suspend(tenant_id=party.tenant_id)
    assert issue_code(store, party, **presented)[1].outcome == "tenant_inactive"
    store.tenants.resume(tenant_id=party.tenant_id)
    for outcome, right in (
        ("client_inactive", {"client_id": party.client.client_id}),
        ("redirect_uri_not_registered", {"redirect_uri": CALLBACK}),
        ("user_inactive", {"user_id": party.user.id}),
        ("login_required", {"authenticated_at": None}),
        ("pkce_required", {"code_challenge": CHALLENGE}),
        ("consent_required", {"scopes": ["openid"]}),
    ):
        assert issue_code(store, party, **presented)[1].outcome == outcome
        presented |= right
    assert issue_code(store, party, **presented)[1].outcome == "issued"


def test_a_confidential_client_may_omit_pkce(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party, code_challenge=None)
    assert redeem_code(store, party, code).outcome == "invalid"
    redeemed = redeem_code(store, party, code, code_verifier=None)
    assert redeemed.outcome == "redeemed"


def test_a_code_lives_at_most_10_minutes(store: Store, dba: Dba) -> None:
    party = make_party(store)
    with pytest.raises(InvalidValueError) as caught:
        issue_code(store, party, lifetime=10 * MINUTE + timedelta(microseconds=1))
    assert caught.value.constraint == "tokens_type_expires_at_check"
    assert (count(dba, "authorizations"), count(dba, "tokens")) == (0, 0)
    _, issued = issue_code(store, party, lifetime=10 * MINUTE)
    assert issued.outcome == "issued"


def test_a_code_with_a_duplicate_hash_leaves_no_family(store: Store, dba: Dba) -> None:
    party = make_party(store)
    code = make_code(store, party)
    with pytest.raises(DuplicateError, match="tokens_tenant_id_token_hash_key"):
        issue_code(store, party, token_hash=code.hash)
    assert (count(dba, "authorizations"), count(dba, "tokens")) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"token_hash": b"raw"}, "token_hash must have 32 octets"),
        ({"code_challenge": "short"}, "code_challenge must be base64url"),
        ({"lifetime": timedelta(0)}, "lifetime must be longer"),
        ({"family_lifetime": timedelta(0)}, "family_lifetime must be longer"),
    ],
)
def test_an_argument_of_the_wrong_shape_is_refused(
    store: Store, wrong: Fields, message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        issue_code(store, make_party(store), **wrong)


def test_a_thumbprint_is_base64url_of_sha256(store: Store) -> None:
    with refusal_of("cnf_jkt"):
        issue_code(store, make_party(store), cnf_jkt="x" * 42)
