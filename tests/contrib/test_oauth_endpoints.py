"""The endpoints of contrib.oauth, called as a framework would."""

from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from authority_queries.contrib.oauth import (
    AskConsent,
    AuthorizationRequest,
    Provider,
    Redirect,
    Request,
    SignIn,
    unseal,
)
from authority_queries.records import Client, User
from authority_queries.testing import SampleTenant
from tests.contrib.conftest import (
    CALLBACK,
    CHALLENGE,
    ISSUER,
    VERIFIER,
    get,
    post,
)

pytestmark = pytest.mark.one_version


@pytest.fixture
def app(authority_tenant: SampleTenant) -> Client:
    return authority_tenant.client("app", redirect_uris=[CALLBACK])


@pytest.fixture
def ann(authority_tenant: SampleTenant) -> User:
    return authority_tenant.user("ann", email="ann@shop.example", display_name="Ann")


def authorize(provider: Provider, **more: str) -> AuthorizationRequest:
    request = get(
        "/authorize",
        **{
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "state": "xyz",
            "nonce": "n-0S6",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **more,
        },
    )
    begun = provider.authorization.begin(request)
    assert isinstance(begun, AuthorizationRequest), begun
    return begun


def code_for(provider: Provider, tenant: SampleTenant, user: User, **more: str) -> str:
    request = authorize(provider, **more)
    cookie, _ = tenant.session(user)
    session = provider.authorization._authority.verify_session(cookie)
    assert session is not None
    provider.authorization.consent(request, session)
    decision = provider.authorization.decide(request, cookie)
    assert isinstance(decision, Redirect), decision
    query = parse_qs(urlsplit(decision.url).query)
    assert (query["state"], query["iss"]) == (["xyz"], [ISSUER])
    return query["code"][0]


def test_a_code_becomes_tokens_and_a_refresh_rotates_them(
    provider: Provider, authority_tenant: SampleTenant, app: Client, ann: User
) -> None:
    code = code_for(provider, authority_tenant, ann)
    redeem = post(
        "/token",
        grant_type="authorization_code",
        code=code,
        client_id="app",
        redirect_uri=CALLBACK,
        code_verifier=VERIFIER,
    )
    first = provider.token.answer(redeem)
    assert first.status == 200, first
    assert first.body is not None
    keys = KeySet.import_key_set(provider.jwks().body)  # type: ignore[arg-type]  # JSON
    claims = jwt.decode(str(first.body["id_token"]), keys).claims
    assert (claims["sub"], claims["aud"], claims["nonce"]) == (
        ann.subject_id,
        "app",
        "n-0S6",
    )
    found = provider.userinfo.answer(
        Request(
            method="GET",
            url=ISSUER + "/userinfo",
            headers=[("Authorization", f"Bearer {first.body['access_token']}")],
        )
    )
    assert found.body is not None
    assert found.body["email"] == "ann@shop.example"
    refresh = post(
        "/token",
        grant_type="refresh_token",
        refresh_token=str(first.body["refresh_token"]),
        client_id="app",
    )
    second = provider.token.answer(refresh)
    again = provider.token.answer(refresh)
    assert second.body is not None
    assert again.body is not None
    assert second.body["access_token"] == again.body["access_token"]
    replayed = provider.token.answer(redeem)
    assert (replayed.status, replayed.body and replayed.body["error"]) == (
        400,
        "invalid_grant",
    )


def test_what_is_missing_is_asked_for(
    provider: Provider, authority_tenant: SampleTenant, app: Client, ann: User
) -> None:
    request = unseal(authorize(provider).seal(provider.settings), provider.settings)
    assert isinstance(provider.authorization.decide(request, None), SignIn)
    cookie, _ = authority_tenant.session(ann)
    assert isinstance(provider.authorization.decide(request, cookie), AskConsent)
    silent = authorize(provider, prompt="none")
    for cookies, error in ((None, "login_required"), (cookie, "consent_required")):
        decision = provider.authorization.decide(silent, cookies)
        assert isinstance(decision, Redirect)
        assert parse_qs(urlsplit(decision.url).query)["error"] == [error]
