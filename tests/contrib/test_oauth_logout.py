"""Sign-out at a client's request, and notices to the other clients."""

from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from authority_queries import Authority
from authority_queries.contrib.oauth import (
    AskSignOut,
    ErrorPage,
    Provider,
    SignedOut,
)
from authority_queries.records import User
from authority_queries.testing import SampleTenant
from tests.contrib.flows import CALLBACK, ISSUER, asked, body, get, query_of, redeem
from tests.contrib.receiving import Receiver, sending

pytestmark = pytest.mark.one_version

NOTIFIED = "https://app.example/logout"
FRAME = "https://app.example/frame?of=app"
AFTER = "https://app.example/after"


@pytest.fixture
def signed_in(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> tuple[str, str]:
    """The cookie of a session in which a client has tokens, and its ID token."""
    with authority_tenant.unit() as store:
        store.clients.create(
            tenant_id=authority_tenant.id,
            client_id="app",
            client_type="public",
            redirect_uris=[CALLBACK],
            post_logout_redirect_uris=[AFTER],
            backchannel_logout_uri=NOTIFIED,
            frontchannel_logout_uri=FRAME,
        )
    cookie, _ = authority_tenant.session(ann)
    request = asked(provider)
    provider.authorization.consent(request, ann.id)
    code = query_of(provider.authorization.decide(request, cookie))["code"]
    return cookie, str(body(provider.token.answer(redeem(code)))["id_token"])


def test_a_hint_of_the_session_signs_out_at_once(
    provider: Provider, authority: Authority, signed_in: tuple[str, str]
) -> None:
    cookie, id_token = signed_in
    session = authority.verify_session(cookie)
    assert session is not None
    request = get(
        "/end_session",
        id_token_hint=id_token,
        post_logout_redirect_uri=AFTER,
        state="s t",
    )
    done = provider.logout.begin(request, cookie)
    assert isinstance(done, SignedOut)
    assert done.redirect is not None
    assert done.redirect.url == f"{AFTER}?state=s+t"
    query = urlencode({"iss": ISSUER, "sid": str(session.sid)})
    assert done.frames == [f"{FRAME}&{query}"]
    assert authority.verify_session(cookie) is None


def test_notices_are_delivered_once_and_repeated_after_a_failure(
    provider: Provider, signed_in: tuple[str, str]
) -> None:
    cookie, id_token = signed_in
    provider.logout.begin(get("/end_session", id_token_hint=id_token), cookie)
    sender = Receiver(0)
    logout = sending(provider, sender).logout
    assert logout.deliver_notices() == 1
    assert logout.deliver_notices() == 0  # it waits for the next try
    assert len(sender.received) == 1


def test_a_notice_is_a_signed_logout_token(
    provider: Provider, signed_in: tuple[str, str], ann: User
) -> None:
    cookie, id_token = signed_in
    provider.logout.begin(get("/end_session", id_token_hint=id_token), cookie)
    sender = Receiver(204)
    logout = sending(provider, sender).logout
    assert [logout.deliver_notices() for _ in range(2)] == [1, 0]
    [(url, token)] = sender.received
    keys = KeySet.import_key_set(body(provider.jwks()))  # type: ignore[arg-type]  # JSON
    found = jwt.decode(token, keys)
    assert url == NOTIFIED
    assert found.header["typ"] == "logout+jwt"
    assert (found.claims["iss"], found.claims["aud"]) == (ISSUER, "app")
    assert found.claims["sub"] == ann.subject_id
    assert "nonce" not in found.claims


def test_without_a_hint_the_person_is_asked(
    provider: Provider,
    authority: Authority,
    authority_tenant: SampleTenant,
    ann: User,
    signed_in: tuple[str, str],
) -> None:
    cookie, id_token = signed_in
    other, _ = authority_tenant.session(ann)
    for given, theirs in (({}, cookie), ({"id_token_hint": id_token}, other)):
        asking = provider.logout.begin(get("/end_session", **given), theirs)
        assert isinstance(asking, AskSignOut)
        assert authority.verify_session(theirs) is not None
        provider.logout.end_session(asking.session)
        assert authority.verify_session(theirs) is None


@pytest.mark.parametrize(
    "given",
    [
        {"post_logout_redirect_uri": AFTER},
        {"post_logout_redirect_uri": "https://evil.example/", "client_id": "app"},
        {"post_logout_redirect_uri": AFTER, "id_token_hint": "x.y.z"},
    ],
)
def test_a_redirect_that_no_client_has_registered_is_refused(
    given: dict[str, str], provider: Provider, signed_in: tuple[str, str]
) -> None:
    refused = provider.logout.begin(get("/end_session", **given), signed_in[0])
    assert isinstance(refused, ErrorPage)
