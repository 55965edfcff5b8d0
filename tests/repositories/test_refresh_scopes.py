"""Fewer scopes at a refresh restrict the access token only (RFC 6749 section 6)."""

from collections.abc import Sequence

import pytest

from authority_queries import Store
from tests.factories import new_token
from tests.repositories.grant_helpers import (
    DAY,
    count,
    family_of,
    is_alive,
    make_grant,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import Dba

ALL = ["openid", "email"]


@pytest.mark.parametrize(
    "scopes", [["openid"], ["email"], [], ALL, ["email", "openid"]]
)
def test_fewer_scopes_restrict_the_access_token_only(
    store: Store, scopes: Sequence[str]
) -> None:
    grant = make_grant(store)
    access, successor = grant.mint("access"), grant.mint("refresh")
    result = refresh(
        store,
        grant,
        grant.refresh,
        scopes=scopes,
        access_token=new_token(access),
        refresh_token=new_token(successor, DAY),
    )
    assert (result.outcome, result.scopes) == ("redeemed", scopes)
    assert token_of(store, access).scopes == scopes
    assert token_of(store, successor).scopes == ALL
    # The next refresh may request all scopes again.
    again = refresh(store, grant, successor)
    assert (again.outcome, again.scopes) == ("redeemed", ALL)


@pytest.mark.parametrize("scopes", [["phone"], ["openid", "phone"], [*ALL, "phone"]])
def test_more_scopes_are_refused_and_the_token_stays_usable(
    store: Store, dba: Dba, scopes: Sequence[str]
) -> None:
    grant = make_grant(store)
    before = count(dba, "tokens")
    result = refresh(store, grant, grant.refresh, scopes=scopes)
    assert (result.outcome, result.scopes) == ("invalid_scope", ALL)
    assert (result.access_token_id, result.refresh_token_id) == (None, None)
    assert count(dba, "tokens") == before
    assert is_alive(store, grant.refresh)
    assert family_of(store, grant.refresh).revoked_at is None
    assert refresh(store, grant, grant.refresh).outcome == "redeemed"


def test_scopes_granted_later_are_not_in_an_old_family(store: Store) -> None:
    grant = make_grant(store)
    store.consents.grant(**grant.of_consent, scopes=["phone"])
    wider = refresh(store, grant, grant.refresh, scopes=[*ALL, "phone"])
    assert wider.outcome == "invalid_scope"


def test_more_scopes_with_a_used_token_are_reuse(store: Store) -> None:
    grant = make_grant(store)
    refresh(store, grant, grant.refresh)
    wider = refresh(store, grant, grant.refresh, scopes=["phone"])
    assert wider.outcome == "reused"
