"""Codes that are issued in a session, and the families that end with it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from authority_queries import Store, mint_token
from authority_queries.records import Authorization, Session
from authority_queries.secrets import TokenString
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    make_consent,
    make_session,
    make_user,
    new_token,
)
from tests.refusals import refusal_of
from tests.repositories.grant_helpers import (
    Party,
    issue_code,
    make_code,
    make_party,
    redeem_code,
)
from tests.repositories.session_helpers import verify
from tests.repositories.token_helpers import diagnose

SECOND = timedelta(seconds=1)
OFFLINE = ["openid", "offline_access"]


def at_work(store: Store, **fields: Any) -> tuple[Party, TokenString, Session]:
    """Return a client, a user who allows it everything, and the user's session."""
    party = make_party(store, backchannel_logout_uri="https://app.example/out")
    make_consent(store, party.client, party.user, scopes=[*OFFLINE, "email"])
    return party, *make_session(store, party.user, **fields)


def code_in(store: Store, party: Party, session_id: UUID, **fields: Any) -> str:
    return issue_code(store, party, session_id=session_id, **fields)[1].outcome


def family_of(store: Store, party: Party) -> Authorization:
    (family,) = store.authorizations.list_by_user(
        tenant_id=party.tenant_id, user_id=party.user.id
    ).items
    return family


def end(store: Store, session: Session) -> int:
    ended = store.sessions.end(
        tenant_id=session.tenant_id, session_id=session.id, reason="signed_out"
    )
    assert ended is not None
    return ended.notices


def test_a_code_has_the_sign_in_of_its_session(store: Store, clock: Clock) -> None:
    party, cookie, session = at_work(store)
    for _ in range(2):
        clock.advance(10 * MINUTE)
        assert verify(store, cookie)
    code, issued = issue_code(
        store, party, session_id=session.id, family_lifetime=90 * 24 * HOUR
    )
    assert issued.outcome == "issued"
    family = family_of(store, party)
    assert (family.session_id, family.ends_with_session) == (session.id, True)
    assert family.expires_at == session.expires_at
    diagnosis = diagnose(store, code)
    assert diagnosis.authenticated_at == session.authenticated_at
    assert code_in(store, party, session.id) == "issued"
    (client,) = store.sessions.list_clients(
        tenant_id=party.tenant_id, session_id=session.id
    ).items
    assert client.client_uuid == party.client.id
    assert end(store, session) == 1
    assert diagnose(store, code).dead_because == "session_ended"


@pytest.mark.parametrize("family_lifetime", [None, HOUR])
def test_a_family_ends_with_its_session_or_before(
    store: Store, family_lifetime: timedelta | None
) -> None:
    party, _, session = at_work(store, lifetime=2 * HOUR)
    make_code(store, party, session_id=session.id, family_lifetime=family_lifetime)
    family = family_of(store, party)
    assert family.expires_at is not None
    if family_lifetime is None:
        assert family.expires_at == session.expires_at
    else:
        assert family.expires_at < session.expires_at


def test_a_family_with_offline_access_outlives_its_session(
    store: Store, clock: Clock
) -> None:
    party, _, session = at_work(store, lifetime=HOUR)
    online = make_code(store, party, session_id=session.id)
    offline = make_code(store, party, session_id=session.id, scopes=OFFLINE)
    access = {name: party.mint("access") for name in ("online", "offline")}
    for name, code in (("online", online), ("offline", offline)):
        redemption = redeem_code(
            store, party, code, access_token=new_token(access[name])
        )
        assert redemption.outcome == "redeemed"
        assert redemption.sid == session.sid
    families = {
        family.ends_with_session: family
        for family in store.authorizations.list_by_user(
            tenant_id=party.tenant_id, user_id=party.user.id
        ).items
    }
    assert families[False].session_id == families[True].session_id == session.id
    assert families[False].expires_at is None
    assert end(store, session) == 1
    assert diagnose(store, access["online"]).dead_because == "session_ended"
    assert diagnose(store, access["offline"]).dead_because is None
    clock.advance(timedelta(days=3))
    assert store.logout_notices.prune_expired() == 1
    assert store.sessions.prune_expired() == 1
    assert store.authorizations.get_by_id(
        tenant_id=party.tenant_id, authorization_id=families[False].id
    )


@pytest.mark.parametrize("why", ["ended", "idle", "over", "of another", "unknown"])
def test_a_session_that_is_not_live_asks_for_a_new_sign_in(
    store: Store, clock: Clock, why: str
) -> None:
    party, cookie, session = at_work(store, lifetime=HOUR)
    session_id = session.id
    if why == "ended":
        end(store, session)
    elif why == "idle":
        clock.advance(30 * MINUTE)
    elif why == "over":
        for _ in range(3):
            clock.advance(20 * MINUTE)
            verify(store, cookie)
    elif why == "of another":
        other = make_user(store, party.tenant_id)
        session_id = make_session(store, other)[1].id
    else:
        session_id = uuid4()
    assert code_in(store, party, session_id) == "login_required"
    assert code_in(store, party, session_id, scopes=OFFLINE) == "login_required"
    assert (
        store.sessions.list_clients(
            tenant_id=party.tenant_id, session_id=session_id
        ).items
        == []
    )


def test_a_session_before_the_last_sign_out_asks_for_a_new_sign_in(
    store: Store,
) -> None:
    party, _, session = at_work(store)
    assert store.users.revoke_tokens(tenant_id=party.tenant_id, user_id=party.user.id)
    assert code_in(store, party, session.id) == "login_required"


def test_what_a_request_requires_is_compared_with_the_sign_in_of_the_session(
    store: Store, clock: Clock
) -> None:
    party, cookie, session = at_work(store, acr="urn:one", amr=["pwd"])
    clock.advance(10 * MINUTE)
    new = mint_token("session", party.tenant_id)
    asked: dict[str, Any] = {"max_age": 5 * MINUTE, "acr_values": ["urn:two"]}
    assert code_in(store, party, session.id, **asked) == "login_required"
    asked["max_age"] = 15 * MINUTE
    refused = code_in(store, party, session.id, **asked)
    assert refused == "unmet_authentication_requirements"
    assert code_in(store, party, session.id, acr_values=["urn:one"]) == "issued"
    stepped = store.sessions.step_up(
        tenant_id=party.tenant_id,
        cookie_hash=cookie.hash,
        new_cookie_hash=new.hash,
        acr="urn:two",
        amr=["pwd", "otp"],
        authenticated_at=None,
    )
    assert stepped is not None
    asked["max_age"] = MINUTE
    code = make_code(store, party, session_id=session.id, **asked)
    redemption = redeem_code(store, party, code)
    assert redemption.outcome == "redeemed"
    assert (redemption.acr, redemption.amr) == ("urn:two", ["pwd", "otp"])
    assert redemption.authenticated_at == stepped.authenticated_at


def test_a_code_takes_the_longest_sign_in_that_a_session_holds(store: Store) -> None:
    longest = {
        "acr": "~" * 255,
        "amr": [f"{number:02}".ljust(64, "m") for number in range(20)],
    }
    party, _, session = at_work(store, **longest)
    assert code_in(store, party, session.id) == "issued"


def test_a_code_has_one_sign_in(store: Store) -> None:
    party, _, session = at_work(store)
    claims = {
        "authenticated_at": session.authenticated_at,
        "acr": "urn:one",
        "amr": ["pwd"],
    }
    for name, value in claims.items():
        with refusal_of(name):
            code_in(store, party, session.id, **{name: value})
