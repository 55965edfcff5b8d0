"""When a code needs its user's consent (OpenID Connect Core section 3.1.2.4)."""

import pytest

from authority_queries import Store
from tests.factories import make_client, make_consent, make_user
from tests.repositories.grant_helpers import (
    CALLBACK,
    Party,
    family_of,
    is_alive,
    issue_code,
    make_code,
    make_party,
    redeem_code,
)


@pytest.mark.parametrize("consent_type", ["explicit", "external", "systematic"])
def test_clients_other_than_implicit_ones_need_the_users_consent(
    store: Store, consent_type: str
) -> None:
    party = make_party(store, consent_type=consent_type)
    stranger = make_user(store, party.tenant_id)
    _, issued = issue_code(store, party, user_id=stranger.id, scopes=[])
    assert issued.outcome == "consent_required"
    make_consent(store, party.client, stranger, scopes=["openid"])
    for scopes, outcome in ((["openid", "email"], "consent_required"), ([], "issued")):
        _, issued = issue_code(store, party, user_id=stranger.id, scopes=scopes)
        assert issued.outcome == outcome


def test_an_implicit_client_needs_no_consent_and_may_exceed_a_narrower_one(
    store: Store,
) -> None:
    party = make_party(store, consent_type="implicit")
    without = make_client(
        store, party.tenant_id, consent_type="implicit", redirect_uris=[CALLBACK]
    )
    alone = make_code(store, Party(client=without, user=party.user))
    assert family_of(store, alone).consent_id is None
    wider = make_code(store, party, scopes=["openid", "email", "phone"])
    assert family_of(store, wider).consent_id is None
    assert redeem_code(store, party, wider).outcome == "redeemed"


def test_a_revoked_consent_to_an_implicit_client_ends_its_tokens(
    store: Store,
) -> None:
    party = make_party(store, consent_type="implicit")
    code = make_code(store, party)
    assert is_alive(store, code)
    assert store.consents.revoke(**party.of_consent, reason="withdrawn")
    assert not is_alive(store, code)


def test_the_consent_of_another_user_or_to_another_client_does_not_count(
    store: Store,
) -> None:
    party = make_party(store)
    other = make_client(store, party.tenant_id, redirect_uris=[CALLBACK])
    stranger = make_user(store, party.tenant_id)
    for fields in ({"client_id": other.client_id}, {"user_id": stranger.id}):
        assert issue_code(store, party, **fields)[1].outcome == "consent_required"
