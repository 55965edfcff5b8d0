"""Tokens that are bound to a key or a certificate (RFC 9449, RFC 8705)."""

from dataclasses import replace

import pytest

from authority_queries import Store, is_confirmed
from tests.factories import new_token
from tests.repositories.grant_helpers import (
    DAY,
    NOTHING,
    Grant,
    is_alive,
    make_code,
    make_grant,
    make_party,
    next_refresh,
    redeem_code,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import Fields, sign_in, verify

KEY, OTHER_KEY = "K" * 43, "k" * 43
BOTH = pytest.mark.parametrize("name", ["cnf_jkt", "cnf_x5t_s256"])


def make_bound(store: Store, name: str, client_type: str) -> Grant:
    party = make_party(store, client_type=client_type)
    return make_grant(store, party, redemption={name: KEY})


@BOTH
@pytest.mark.parametrize("client_type", ["public", "confidential"])
def test_tokens_are_bound_to_what_the_request_proved(
    store: Store, name: str, client_type: str
) -> None:
    grant = make_bound(store, name, client_type)
    found = verify(store, grant.access)
    assert found is not None
    other = {"cnf_jkt": "cnf_x5t_s256", "cnf_x5t_s256": "cnf_jkt"}[name]
    assert (getattr(found, name), getattr(found, other)) == (KEY, None)
    # A confidential client authenticates its refresh with its credentials.
    bound = KEY if client_type == "public" else None
    token = token_of(store, grant.refresh)
    assert (getattr(token, name), getattr(token, other)) == (bound, None)


@BOTH
def test_a_public_client_must_refresh_with_its_key(store: Store, name: str) -> None:
    grant = make_bound(store, name, "public")
    for wrong in ({}, {name: OTHER_KEY}):
        assert refresh(store, grant, grant.refresh, **wrong) == NOTHING
    assert is_alive(store, grant.refresh)
    successor, access = grant.mint("refresh"), grant.mint("access")
    tokens: Fields = {
        "refresh_token": new_token(successor, DAY),
        "access_token": new_token(access),
    }
    right = {name: KEY, **tokens}
    assert refresh(store, grant, grant.refresh, **right).outcome == "redeemed"
    assert getattr(token_of(store, successor), name) == KEY
    assert getattr(token_of(store, access), name) == KEY


@BOTH
def test_a_request_without_the_key_of_a_used_token_revokes_nothing(
    store: Store, name: str
) -> None:
    grant = make_bound(store, name, "public")
    successor = grant.mint("refresh")
    tokens: Fields = {name: KEY, "refresh_token": new_token(successor, DAY)}
    assert refresh(store, grant, grant.refresh, **tokens).outcome == "redeemed"
    for wrong in ({}, {name: OTHER_KEY}):
        assert refresh(store, grant, grant.refresh, **wrong) == NOTHING
    assert is_alive(store, successor)
    assert refresh(store, grant, grant.refresh, **{name: KEY}).outcome == "reused"
    assert not is_alive(store, successor)


@BOTH
def test_a_public_client_may_begin_to_prove_a_key(store: Store, name: str) -> None:
    grant = make_grant(store, make_party(store, client_type="public"))
    successor = grant.mint("refresh")
    tokens: Fields = {name: KEY, "refresh_token": new_token(successor, DAY)}
    assert refresh(store, grant, grant.refresh, **tokens).outcome == "redeemed"
    assert refresh(store, grant, successor) == NOTHING
    assert refresh(store, grant, successor, **{name: KEY}).outcome == "redeemed"


@BOTH
def test_a_confidential_client_may_change_its_key(store: Store, name: str) -> None:
    grant = make_bound(store, name, "confidential")
    access, successor = grant.mint("access"), grant.mint("refresh")
    changed: Fields = {
        name: OTHER_KEY,
        "access_token": new_token(access),
        "refresh_token": new_token(successor, DAY),
    }
    assert refresh(store, grant, grant.refresh, **changed).outcome == "redeemed"
    assert getattr(token_of(store, access), name) == OTHER_KEY
    unbound = next_refresh(store, grant, successor)
    assert getattr(token_of(store, unbound), name) is None


@pytest.mark.parametrize("client_type", ["public", "confidential"])
def test_a_code_is_bound_by_dpop_jkt(store: Store, client_type: str) -> None:
    party = make_party(store, client_type=client_type)
    code = make_code(store, party, cnf_jkt=KEY)
    for wrong in (None, OTHER_KEY):
        assert redeem_code(store, party, code, cnf_jkt=wrong) == NOTHING
    assert is_alive(store, code)
    assert redeem_code(store, party, code, cnf_jkt=KEY).outcome == "redeemed"
    for wrong in (None, OTHER_KEY):
        assert redeem_code(store, party, code, cnf_jkt=wrong) == NOTHING
    assert redeem_code(store, party, code, cnf_jkt=KEY).outcome == "reused"


def test_an_unbound_code_accepts_any_key(store: Store) -> None:
    grant = make_grant(store, redemption={"cnf_jkt": KEY})
    assert token_of(store, grant.access).cnf_jkt == KEY


# A token's key and certificate, what the request proved, and the answer.
TRUTH = [
    (None, None, None, None, True),
    (None, None, KEY, None, False),
    (None, None, None, KEY, True),
    (None, None, KEY, KEY, False),
    (KEY, None, None, None, False),
    (KEY, None, KEY, None, True),
    (KEY, None, OTHER_KEY, None, False),
    (KEY, None, None, KEY, False),
    (KEY, None, KEY, OTHER_KEY, True),
    (None, KEY, None, None, False),
    (None, KEY, None, KEY, True),
    (None, KEY, None, OTHER_KEY, False),
    (None, KEY, KEY, None, False),
    (None, KEY, KEY, KEY, False),
    (KEY, OTHER_KEY, KEY, OTHER_KEY, True),
    (KEY, OTHER_KEY, KEY, None, False),
    (KEY, OTHER_KEY, None, OTHER_KEY, False),
    (KEY, OTHER_KEY, OTHER_KEY, KEY, False),
    (KEY, None, "", None, False),
    (KEY, None, "ä", None, False),
]


@pytest.mark.parametrize(("jkt", "x5t", "proved", "certificate", "answer"), TRUTH)
def test_a_bound_token_requires_its_proof(
    store: Store,
    jkt: str | None,
    x5t: str | None,
    proved: str | None,
    certificate: str | None,
    *,
    answer: bool,
) -> None:
    at = sign_in(store, cnf_jkt=jkt, cnf_x5t_s256=x5t)
    verified = verify(store, at.minted)
    assert verified is not None
    assert is_confirmed(verified, jkt=proved, x5t_s256=certificate) is answer


def test_without_a_proof_only_a_bearer_token_is_confirmed(store: Store) -> None:
    at = sign_in(store)
    verified = verify(store, at.minted)
    assert verified is not None
    assert is_confirmed(verified)
    assert not is_confirmed(replace(verified, cnf_jkt=KEY))
    assert not is_confirmed(replace(verified, cnf_x5t_s256=KEY))
