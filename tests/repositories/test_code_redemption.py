"""A code is redeemed once, by its client (RFC 6749 section 4.1.2)."""

from base64 import urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from psycopg.sql import SQL, Identifier

from authority_queries import NewToken, Store
from authority_queries.errors import DuplicateError, InvalidArgumentError
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    make_client,
    make_pushed_request,
    make_tenant,
    new_token,
)
from tests.repositories.grant_helpers import (
    CALLBACK,
    DAY,
    NOTHING,
    VERIFIER,
    count,
    family_of,
    is_alive,
    make_code,
    make_grant,
    make_party,
    redeem_code,
    token_of,
)
from tests.repositories.token_helpers import Dba, Fields


def test_a_code_is_redeemed_for_an_access_and_a_refresh_token(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party, nonce="n", properties={"device": "tv"})
    access, minted, request = party.mint("access"), party.mint("refresh"), uuid4()
    redeemed = redeem_code(
        store,
        party,
        code,
        redemption_id=request,
        access_token=new_token(access),
        refresh_token=new_token(minted, DAY),
    )
    used, family = token_of(store, code), family_of(store, code)
    assert (redeemed.outcome, redeemed.authorization_id) == ("redeemed", family.id)
    assert redeemed.user_id == party.user.id
    assert redeemed.subject_id == party.user.subject_id
    assert (redeemed.service_account_id, redeemed.nonce) == (None, "n")
    assert redeemed.scopes == ["openid", "email"]
    assert redeemed.properties == {"device": "tv"}
    assert redeemed.authenticated_at == used.authenticated_at
    assert used.redeemed_at is not None
    assert not is_alive(store, code)
    issued = token_of(store, access), token_of(store, minted)
    assert [token.type for token in issued] == ["access", "refresh"]
    assert (redeemed.access_token_id, redeemed.refresh_token_id) == tuple(
        token.id for token in issued
    )
    assert (redeemed.access_expires_at, redeemed.refresh_expires_at) == tuple(
        token.expires_at for token in issued
    )
    for token, lifetime in zip(issued, (HOUR, DAY), strict=True):
        assert token.expires_at - token.created_at == lifetime
        assert (token.client_uuid, token.user_id) == (party.client.id, party.user.id)
        assert (token.authorization_id, token.parent_id) == (family.id, used.id)
        assert token.scopes == ["openid", "email"]
        assert token.properties == {"device": "tv"}
        assert token.authenticated_at == used.authenticated_at
        assert (token.nonce, token.redirect_uri) == (None, None)
    assert is_alive(store, access)
    assert is_alive(store, minted)


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_only_the_requested_tokens_are_issued(
    store: Store, dba: Dba, kind: str
) -> None:
    party = make_party(store)
    other = {"access": "refresh", "refresh": "access"}[kind]
    code = make_code(store, party)
    redeemed = redeem_code(store, party, code, **{f"{other}_token": None})
    assert redeemed.outcome == "redeemed"
    assert getattr(redeemed, f"{kind}_token_id") is not None
    assert getattr(redeemed, f"{other}_token_id") is None
    assert getattr(redeemed, f"{other}_expires_at") is None
    assert count(dba, "tokens") == 2


def test_fewer_scopes_restrict_the_access_token_only(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party)
    access, refresh = party.mint("access"), party.mint("refresh")
    assert redeem_code(store, party, code, scopes=["other"]).outcome == "invalid_scope"
    redeemed = redeem_code(
        store,
        party,
        code,
        scopes=["email"],
        access_token=new_token(access),
        refresh_token=new_token(refresh, DAY),
    )
    assert (redeemed.outcome, redeemed.scopes) == ("redeemed", ["email"])
    assert token_of(store, access).scopes == ["email"]
    assert token_of(store, refresh).scopes == ["openid", "email"]


def test_a_code_may_be_redeemed_without_new_tokens(store: Store, dba: Dba) -> None:
    party, request = make_party(store), uuid4()
    code = make_code(store, party)
    nothing: Fields = {
        "access_token": None,
        "refresh_token": None,
        "redemption_id": request,
    }
    assert redeem_code(store, party, code, **nothing).outcome == "redeemed"
    assert redeem_code(store, party, code, **nothing).outcome == "already_redeemed"
    assert count(dba, "tokens") == 1


WRONG: list[Fields] = [
    {"client_id": "somebody-else"},
    {"redirect_uri": "https://evil.example/cb"},
    {"redirect_uri": CALLBACK + "/"},
    {"code_verifier": "x" * 43},
    {"code_verifier": VERIFIER + "x"},
    {"code_verifier": None},
    {"token_hash": bytes(32)},
    {"tenant_id": UUID(int=0)},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_request_with_a_mismatch_is_invalid_and_revokes_nothing(
    store: Store, dba: Dba, wrong: Fields
) -> None:
    party, request = make_party(store), uuid4()
    code = make_code(store, party)
    assert redeem_code(store, party, code, **wrong) == NOTHING
    assert is_alive(store, code)
    assert count(dba, "tokens") == 1
    redeemed = redeem_code(store, party, code, redemption_id=request)
    assert redeemed.outcome == "redeemed"
    # As a new request and as a repeated one.
    for redemption_id in (uuid4(), request):
        again: Fields = {**wrong, "redemption_id": redemption_id}
        assert redeem_code(store, party, code, **again) == NOTHING
    assert family_of(store, code).revoked_at is None
    assert count(dba, "tokens") == 3


def test_a_redirect_uri_may_be_omitted_if_the_client_has_exactly_one(
    store: Store,
) -> None:
    party = make_party(store)
    code = make_code(store, party)
    assert redeem_code(store, party, code, redirect_uri=None).outcome == "redeemed"
    other = make_party(store, redirect_uris=[CALLBACK, "https://app.example/2"])
    code = make_code(store, other)
    assert redeem_code(store, other, code, redirect_uri=None) == NOTHING
    # A redirect_uri that the authorization request omitted is a mismatch.
    code = make_code(store, party, redirect_uri=None)
    assert redeem_code(store, party, code) == NOTHING
    assert redeem_code(store, party, code, redirect_uri=None).outcome == "redeemed"


def test_no_table_contains_the_id_of_a_redemption(sync_store: Store, dba: Dba) -> None:
    party, request, session = make_party(sync_store), uuid4(), uuid4()
    code = make_code(sync_store, party)
    redeem_code(sync_store, party, code, redemption_id=request)
    reference, _ = make_pushed_request(sync_store, party.client)
    used = sync_store.pushed_requests.redeem(
        tenant_id=party.tenant_id,
        request_uri_hash=reference.hash,
        client_id=party.client.client_id,
        redemption_id=session,
    )
    assert used is not None
    kept = {"tokens": request, "pushed_requests": session}
    for table, raw in kept.items():
        query = SQL("select string_agg(kept::text, '') from authority.{} as kept")
        (text,) = dba.execute(query.format(Identifier(table))).fetchone() or ("",)
        assert sha256(raw.bytes).hexdigest() in text
        assert str(raw) not in text
        assert raw.hex not in text


def test_another_client_of_the_tenant_cannot_redeem(store: Store) -> None:
    party = make_party(store)
    thief = make_client(store, party.tenant_id, redirect_uris=[CALLBACK])
    code = make_code(store, party)
    stolen: Fields = {"client_id": thief.client_id}
    assert redeem_code(store, party, code, **stolen) == NOTHING
    assert redeem_code(store, party, code).outcome == "redeemed"
    assert redeem_code(store, party, code, **stolen) == NOTHING
    assert family_of(store, code).revoked_at is None


def test_another_tenant_cannot_redeem(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party)
    elsewhere: Fields = {"tenant_id": make_tenant(store).id}
    for _ in range(2):
        assert redeem_code(store, party, code, **elsewhere) == NOTHING
    assert is_alive(store, code)


def test_only_a_code_is_redeemed_as_a_code(store: Store) -> None:
    grant = make_grant(store)
    plain: Fields = {"redirect_uri": None, "code_verifier": None}
    for minted in (grant.refresh, grant.access):
        assert redeem_code(store, grant, minted, **plain) == NOTHING
        assert is_alive(store, minted)


def test_an_expired_code_is_invalid(store: Store, clock: Clock) -> None:
    party = make_party(store)
    code = make_code(store, party, lifetime=MINUTE)
    clock.advance(MINUTE)
    assert redeem_code(store, party, code) == NOTHING
    assert family_of(store, code).revoked_at is None


def test_tokens_end_with_their_family(store: Store, clock: Clock) -> None:
    party = make_party(store)
    code = make_code(store, party, family_lifetime=20 * MINUTE)
    redeemed = redeem_code(store, party, code)
    end = family_of(store, code).expires_at
    assert redeemed.outcome == "redeemed"
    assert (redeemed.access_expires_at, redeemed.refresh_expires_at) == (end, end)


def test_a_redemption_keeps_the_family_until_its_last_token_expires(
    store: Store,
) -> None:
    grant = make_grant(store)
    family, minted = family_of(store, grant.code), token_of(store, grant.refresh)
    assert family.expires_at is None
    assert family.tokens_expire_at == minted.expires_at + DAY


def test_a_redemption_that_fails_leaves_the_code_alive(store: Store, dba: Dba) -> None:
    party = make_party(store)
    code = make_code(store, party)
    same = new_token(party.mint("access"))
    for tokens in (
        {"access_token": same, "refresh_token": same},
        {"access_token": new_token(code)},
    ):
        with pytest.raises(DuplicateError, match="tokens_tenant_id_token_hash_key"):
            redeem_code(store, party, code, **tokens)
    assert is_alive(store, code)
    assert count(dba, "tokens") == 1
    assert redeem_code(store, party, code).outcome == "redeemed"


@pytest.mark.parametrize("verifier", ["", "short", "x" * 129, "ä" * 43, "x" * 42 + "+"])
def test_a_verifier_of_the_wrong_shape_matches_no_code(
    store: Store, verifier: str
) -> None:
    party = make_party(store)
    plain = make_code(store, party, code_challenge=None)
    assert redeem_code(store, party, plain, code_verifier=verifier).outcome == "invalid"
    # It matches no code, even if the code has its challenge.
    digest = sha256(verifier.encode()).digest()
    challenge = urlsafe_b64encode(digest).decode().rstrip("=")
    code = make_code(store, party, code_challenge=challenge)
    assert redeem_code(store, party, code, code_verifier=verifier).outcome == "invalid"
    assert is_alive(store, code)


@pytest.mark.parametrize("raw", [b"", bytes(31), b"aq_ac_raw"])
def test_a_hash_has_32_octets(store: Store, raw: bytes) -> None:
    party = make_party(store)
    code = make_code(store, party)
    with pytest.raises(InvalidArgumentError, match="token_hash must have 32 octets"):
        redeem_code(store, party, code, token_hash=raw)
    with pytest.raises(InvalidArgumentError, match="hash must have 32 octets"):
        NewToken(hash=raw, lifetime=HOUR)
    with pytest.raises(InvalidArgumentError, match="lifetime must be longer"):
        NewToken(hash=bytes(32), lifetime=timedelta(0))


def test_the_hash_of_a_new_token_does_not_show_in_repr() -> None:
    assert "hash" not in repr(NewToken(hash=b"h" * 32, lifetime=HOUR))


def test_a_redemption_without_a_client_id_is_invalid(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party)
    nobody: Fields = {"client_id": None}
    assert redeem_code(store, party, code, **nobody).outcome == "invalid"
    assert redeem_code(store, party, code).outcome == "redeemed"
    assert redeem_code(store, party, code, **nobody).outcome == "invalid"
