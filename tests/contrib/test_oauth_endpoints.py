"""The endpoints of contrib.oauth, called as a framework would."""

import json
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import get_args
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from authority_queries.contrib.oauth import (
    AskConsent,
    ErrorPage,
    Fetched,
    Outgoing,
    ProtocolError,
    Provider,
    SignIn,
    outcomes,
    seal,
    unseal,
)
from authority_queries.contrib.oauth.fetching import DOCUMENT_OCTETS
from authority_queries.engine.json_types import JsonValue
from authority_queries.records import (
    ClientTokenIssuanceOutcome,
    CodeIssuanceOutcome,
    DeviceApprovalOutcome,
    DeviceAuthorizationRequestOutcome,
    DevicePollOutcome,
    RedemptionOutcome,
    TokenExchangeOutcome,
    User,
)
from authority_queries.testing import Clock, SampleTenant
from tests.contrib.flows import (
    ACCESS_TOKEN,
    ASSERTION,
    CALLBACK,
    DEVICE,
    EXCHANGE,
    ISSUER,
    asked,
    ath,
    basic,
    bearer,
    body,
    code_for,
    error,
    get,
    post,
    proof,
    query_of,
    redeem,
)

pytestmark = [pytest.mark.one_version, pytest.mark.usefixtures("app")]

HERE = ip_address("198.51.100.7")


@pytest.mark.parametrize(
    ("table", "cases"),
    [
        (outcomes.REDEMPTION, RedemptionOutcome),
        (outcomes.CLIENT_CREDENTIALS, ClientTokenIssuanceOutcome),
        (outcomes.EXCHANGE, TokenExchangeOutcome),
        (outcomes.POLL, DevicePollOutcome),
        (outcomes.DEVICE_REQUEST, DeviceAuthorizationRequestOutcome),
        (outcomes.AUTHORIZATION, CodeIssuanceOutcome),
        (outcomes.DEVICE_APPROVAL, DeviceApprovalOutcome),
    ],
)
def test_each_outcome_has_an_error(table: "dict[str, str]", cases: object) -> None:
    assert table.keys() == set(get_args(cases))


def test_a_code_becomes_tokens_and_an_id_token(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    code = code_for(provider, authority_tenant, ann)
    tokens = body(provider.token.answer(redeem(code)))
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", "openid profile email")
    keys = KeySet.import_key_set(body(provider.jwks()))  # type: ignore[arg-type]  # JSON
    claims = jwt.decode(str(tokens["id_token"]), keys).claims
    assert (claims["sub"], claims["aud"]) == (ann.subject_id, "app")
    assert (claims["iss"], claims["nonce"]) == (ISSUER, "n-0S6")
    asking = replace(get("/userinfo"), headers=[bearer(tokens["access_token"])])
    found = body(provider.userinfo.answer(asking))
    assert (found["sub"], found["email"]) == (ann.subject_id, "ann@shop.example")
    assert error(provider.token.answer(redeem(code))) == "invalid_grant"
    assert error(provider.userinfo.answer(asking), 401) == "invalid_token"  # reuse


def test_a_lost_refresh_is_repeated_and_a_late_one_is_reuse(
    provider: Provider,
    authority_tenant: SampleTenant,
    ann: User,
    authority_clock: Clock,
) -> None:
    code = code_for(provider, authority_tenant, ann)
    first = body(provider.token.answer(redeem(code)))
    refresh = post(
        "/token",
        grant_type="refresh_token",
        refresh_token=str(first["refresh_token"]),
        client_id="app",
    )
    second, again = (body(provider.token.answer(refresh)) for _ in range(2))
    assert second["access_token"] == again["access_token"] != first["access_token"]
    assert second["refresh_token"] == again["refresh_token"]
    authority_clock.advance(provider.settings.leeway * 2)
    assert error(provider.token.answer(refresh)) == "invalid_grant"


WRONG = {
    "another verifier": ({"code_verifier": "x" * 43}, "invalid_grant"),
    "no verifier": ({"code_verifier": ""}, "invalid_grant"),
    "another redirect_uri": (
        {"redirect_uri": "https://evil.example/"},
        "invalid_grant",
    ),
    "another client": ({"client_id": "other"}, "invalid_grant"),
    "no code": ({"code": ""}, "invalid_request"),
    "a malformed code": ({"code": "x"}, "invalid_grant"),
    "another grant": ({"grant_type": "password"}, "unsupported_grant_type"),
    "a wrong resource": ({"resource": "https://api.example"}, "invalid_target"),
    "details": ({"authorization_details": "{"}, "invalid_authorization_details"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_redemption_is_refused(
    case: str, provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    authority_tenant.client("other", redirect_uris=[CALLBACK])
    changed, expected = WRONG[case]
    code = code_for(provider, authority_tenant, ann)
    assert error(provider.token.answer(redeem(code, **changed))) == expected


def test_a_repeated_parameter_is_refused(provider: Provider) -> None:
    request = post("/token", ("client_id", "app"), ("client_id", "app"))
    assert error(provider.token.answer(request)) == "invalid_request"


def test_what_is_missing_is_asked_for(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    request = unseal(asked(provider).seal(provider.settings), provider.settings)
    assert isinstance(provider.authorization.decide(request, None), SignIn)
    cookie, _ = authority_tenant.session(ann)
    assert isinstance(provider.authorization.decide(request, cookie), AskConsent)
    silent = asked(provider, prompt="none")
    for cookies, expected in ((None, "login_required"), (cookie, "consent_required")):
        refused = query_of(provider.authorization.decide(silent, cookies))
        assert (refused["error"], refused["state"]) == (expected, "xyz")
    provider.authorization.consent(request, ann.id)
    again = provider.authorization.decide(asked(provider, prompt="login"), cookie)
    assert isinstance(again, SignIn)
    assert again.is_again
    consented = asked(provider, prompt="consent")
    assert isinstance(provider.authorization.decide(consented, cookie), AskConsent)
    done = provider.authorization.decide(consented, cookie, is_consented=True)
    assert "code" in query_of(done)


BAD_REQUESTS = {
    "unknown client": {"client_id": "nobody"},
    "no client": {"client_id": ""},
    "another redirect_uri": {"redirect_uri": "https://evil.example/"},
    "an unknown request_uri": {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_request_of_an_attacker_causes_no_redirect(
    case: str, provider: Provider
) -> None:
    given = {"response_type": "code", "client_id": "app", "redirect_uri": CALLBACK}
    given |= {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
    given |= BAD_REQUESTS[case]
    request = get("/authorize", **{k: v for k, v in given.items() if v})
    assert isinstance(provider.authorization.begin(request), ErrorPage)


def test_a_request_without_pkce_or_with_an_unknown_scope_goes_back_to_the_client(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    cookie, _ = authority_tenant.session(ann)
    plain = asked(provider, code_challenge="", code_challenge_method="")
    decision = provider.authorization.decide(plain, cookie)
    assert query_of(decision)["error"] == "invalid_request"
    for changed, expected in (
        ({"scope": "nothing"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ):
        given = {"response_type": "code", "client_id": "app", "redirect_uri": CALLBACK}
        begun = provider.authorization.begin(get("/authorize", **given | changed))
        assert query_of(begun)["error"] == expected


def test_a_sealed_request_of_another_issuer_is_refused(provider: Provider) -> None:
    sealed = asked(provider).seal(provider.settings)
    elsewhere = replace(provider.settings, issuer="https://other.example")
    newer = seal(
        {"received_at": datetime.now(UTC).isoformat(), "unknown": 1},
        "authorization_request",
        provider.settings,
    )
    for text, settings in (
        (sealed, elsewhere),
        ("x" + sealed, provider.settings),
        (newer, provider.settings),
    ):
        with pytest.raises(Exception, match="not of this server"):
            unseal(text, settings)
    told: dict[str, JsonValue] = {
        "user_id": str(uuid4()),
        "began_at": datetime.now(UTC).isoformat(),
        "x": 1,
    }
    text = seal(told, "sign_in", provider.settings, browser="b")
    with pytest.raises(ProtocolError, match="not of this server"):
        provider.sign_in.unseal(text, browser="b")


def test_a_pushed_request_is_used_once(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    pushed = post("/par", client_id="app", response_type="code", scope="openid")
    answer = body(provider.pushed_requests.answer(pushed), 201)
    request = get("/authorize", client_id="app", request_uri=str(answer["request_uri"]))
    begun = provider.authorization.begin(request)
    assert getattr(begun, "scopes", None) == ["openid"]
    assert isinstance(provider.authorization.begin(request), ErrorPage)


def test_a_confidential_client_authenticates_in_its_way(
    provider: Provider, authority_tenant: SampleTenant
) -> None:
    authority_tenant.client("backend", secret="a secret: with % and +")
    ask = post("/token", grant_type="client_credentials")
    right = basic("backend", "a secret: with % and +")
    tokens = body(provider.token.answer(replace(ask, headers=[right])))
    assert "refresh_token" not in tokens
    wrong = replace(ask, headers=[basic("backend", "guess")])
    answer = provider.token.answer(wrong)
    assert error(answer, 401) == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic")
    both = replace(
        post("/token", grant_type="client_credentials", client_secret="x"),
        headers=[right],
    )
    assert error(provider.token.answer(both)) == "invalid_request"
    public = post("/token", grant_type="client_credentials", client_id="backend")
    assert error(provider.token.answer(public), 401) == "invalid_client"


def test_a_client_assertion_is_used_once(
    provider: Provider, authority_tenant: SampleTenant
) -> None:
    key = ECKey.generate_key("P-256", {"kid": "1"})
    with authority_tenant.unit() as store:
        store.clients.create(
            tenant_id=authority_tenant.id,
            client_id="signer",
            client_type="confidential",
            token_endpoint_auth_method="private_key_jwt",
            json_web_key_set={"keys": [key.as_dict(private=False)]},
        )

    def asserted(**changed: object) -> "dict[str, str]":
        claims: dict[str, object] = {
            "iss": "signer",
            "sub": "signer",
            "aud": ISSUER,
            "jti": "1",
        }
        claims |= {"exp": int(time.time()) + 60, **changed}
        signed = jwt.encode({"alg": "ES256", "kid": "1"}, claims, key)
        return {"client_assertion_type": ASSERTION, "client_assertion": signed}

    def ask(given: "dict[str, str]") -> int:
        request = post("/token", grant_type="client_credentials", **given)
        return provider.token.answer(request).status

    once = asserted()
    assert [ask(once), ask(once)] == [200, 401]
    far = int(time.time()) + 200_000
    for changed in ({"aud": "x"}, {"sub": "x"}, {"exp": 1}, {"exp": far}, {"jti": ""}):
        assert ask(asserted(**{"jti": secrets.token_hex(4), **changed})) == 401, changed


def test_a_token_of_a_proof_needs_a_proof_of_the_same_key(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    key, thief = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    request = redeem(code_for(provider, authority_tenant, ann))
    proven = replace(request, headers=[proof(key, "POST", ISSUER + "/token")])
    tokens = body(provider.token.answer(proven))
    assert tokens["token_type"] == "DPoP"
    token = str(tokens["access_token"])
    url = ISSUER + "/userinfo"

    def ask(*headers: tuple[str, str], scheme: str = "DPoP") -> tuple[int, str]:
        given = [("Authorization", f"{scheme} {token}"), *headers]
        request = replace(get("/userinfo"), headers=given)
        answer = provider.userinfo.answer(request)
        challenge = answer.headers.get("www-authenticate", "")
        assert challenge.startswith("DPoP ") == (answer.status != 200)
        assert ('algs="ES256 ' in challenge) == (answer.status != 200)
        return answer.status, challenge.partition('error="')[2].partition('"')[0]

    right = proof(key, "GET", url, ath=ath(token))
    assert [ask(right), ask(right)] == [(200, ""), (401, "invalid_dpop_proof")]
    assert ask() == (401, "invalid_token")
    assert ask(proof(thief, "GET", url, ath=ath(token))) == (401, "invalid_token")
    assert ask(scheme="Bearer") == (401, "invalid_token")
    for wrong in (
        proof(key, "POST", url, ath=ath(token)),
        proof(key, "GET", url),
        proof(key, "GET", url, ath=ath(token), iat=int(time.time()) - 600),
    ):
        assert ask(wrong) == (401, "invalid_dpop_proof")
    nothing = provider.userinfo.answer(get("/userinfo"))
    assert (nothing.status, nothing.headers["www-authenticate"]) == (401, "Bearer")


def test_a_device_waits_for_its_person(
    provider: Provider,
    authority_tenant: SampleTenant,
    ann: User,
    authority_clock: Clock,
) -> None:
    begun = body(
        provider.devices.answer(post("/device_authorization", client_id="app"))
    )
    poll = post(
        "/token",
        grant_type=DEVICE,
        device_code=str(begun["device_code"]),
        client_id="app",
    )
    assert error(provider.token.answer(poll)) == "authorization_pending"
    assert error(provider.token.answer(poll)) == "slow_down"
    cookie, _ = authority_tenant.session(ann)
    typed = str(begun["user_code"]).lower()
    assert provider.device_pages.find("BCDF-GHJK", cookie, HERE) is None
    found = provider.device_pages.find(typed, cookie, HERE)
    assert found is not None
    assert found.client_id == "app"
    assert provider.device_pages.approve(typed, cookie) == "approved"
    authority_clock.advance(provider.settings.leeway * 2)
    tokens = body(provider.token.answer(poll))
    assert body(provider.token.answer(poll))["access_token"] == tokens["access_token"]


def test_introspection_and_revocation(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    authority_tenant.client("api", secret="swordfish")
    tokens = body(
        provider.token.answer(redeem(code_for(provider, authority_tenant, ann)))
    )

    def introspect(token: object, *headers: tuple[str, str]) -> "dict[str, object]":
        request = replace(post("/introspect", token=str(token)), headers=headers)
        return dict(body(provider.introspection.answer(request)))

    caller = basic("api", "swordfish")
    live = introspect(tokens["access_token"], caller)
    assert (live["active"], live["sub"]) == (True, ann.subject_id)
    assert introspect(tokens["refresh_token"], caller) == {"active": False}
    for token in ("nonsense", "aq_access_x", str(tokens["access_token"])[:-1] + "x"):
        assert introspect(token, caller) == {"active": False}
    public = post("/introspect", token="x", client_id="app")
    assert error(provider.introspection.answer(public), 401) == "invalid_client"
    for _ in range(2):
        revoke = post("/revoke", token=str(tokens["refresh_token"]), client_id="app")
        assert provider.revocation.answer(revoke).status == 200
    assert introspect(tokens["access_token"], caller) == {"active": False}


def test_an_exchange_narrows(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    authority_tenant.client("api", secret="swordfish")
    code = code_for(provider, authority_tenant, ann)
    subject = str(body(provider.token.answer(redeem(code)))["access_token"])
    request = post(
        "/token",
        grant_type=EXCHANGE,
        subject_token=subject,
        subject_token_type=ACCESS_TOKEN,
        scope="openid",
    )
    asking = replace(request, headers=[basic("api", "swordfish")])
    exchanged = body(provider.token.answer(asking))
    assert (exchanged["scope"], exchanged["issued_token_type"]) == (
        "openid",
        ACCESS_TOKEN,
    )


def test_a_client_registers_and_manages_itself(provider: Provider) -> None:
    document = {"redirect_uris": [CALLBACK], "client_name": "New", "scope": "openid"}

    def send(method: str, url: str, *headers: tuple[str, str], **more: object):  # type: ignore[no-untyped-def]  # an Answer
        request = replace(get(""), method=method, url=url, headers=headers)
        return provider.registration.answer(
            replace(request, body=json.dumps({**document, **more}).encode())
        )

    made = body(send("POST", ISSUER + "/register"), 201)
    url, token = str(made["registration_client_uri"]), made["registration_access_token"]
    assert (made["client_name"], made["scope"]) == ("New", "openid")
    named = {"client_name": "Newer", "client_id": made["client_id"]}
    renamed = body(send("PUT", url, bearer(token), **named))
    assert body(send("GET", url, bearer(token)))["client_name"] == "Newer"
    assert renamed["client_id"] == made["client_id"]
    assert error(send("GET", url, bearer("guess")), 401) == "invalid_token"
    bad = send("POST", ISSUER + "/register", redirect_uris=["http://x.example/"])
    assert error(bad) == "invalid_redirect_uri"
    assert send("DELETE", url, bearer(token)).status == 204
    assert error(send("GET", url, bearer(token)), 401) == "invalid_token"
    closed = replace(provider.settings, registration="closed")
    other = Provider(provider.registration._authority, provider.tenant_id, closed)
    refused = other.registration.answer(replace(get("/register"), method="POST"))
    assert refused.status == 401


def test_the_metadata_names_the_endpoints(provider: Provider) -> None:
    found = body(provider.metadata())
    assert found["issuer"] == ISSUER
    assert found["token_endpoint"] == ISSUER + "/token"
    assert {"openid", "profile"} <= set(found["scopes_supported"])  # type: ignore[arg-type]  # a list


def test_a_client_may_be_the_url_of_its_metadata(
    provider: Provider, authority_clock: Clock
) -> None:
    url = "https://client.example/metadata.json"
    fetched: list[str] = []
    document: dict[str, JsonValue] = {"client_id": url, "redirect_uris": [CALLBACK]}

    class Documents(Outgoing):
        def fetch(self, url: str, *, most_octets: int = DOCUMENT_OCTETS) -> Fetched:
            fetched.append(url)
            if "unreachable" in url:
                raise ConnectionError
            return Fetched(document={**document}, max_age=timedelta(hours=1))

    of_urls = Provider(
        provider.authorization._authority,
        provider.tenant_id,
        replace(provider.settings, metadata_documents=True),
        sender=Documents(),
    )
    for _ in range(2):
        assert asked(of_urls, client_id=url).client_id == url
    assert fetched == [url]
    for client_id in (url + "?unreachable", url + "?of-another-client"):
        request = get("/authorize", client_id=client_id, response_type="code")
        assert isinstance(of_urls.authorization.begin(request), ErrorPage)


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        (
            {"code_challenge": "x" * 43, "code_challenge_method": "plain"},
            "invalid_request",
        ),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"prompt": "often"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"authorization_details": "{"}, "invalid_authorization_details"),
        ({"authorization_details": "[{}]"}, "invalid_authorization_details"),
        ({"resource": "no-uri"}, "invalid_target"),
        ({"resource": "https://api.example/#fragment"}, "invalid_target"),
        ({"nonce": "n" * 2049}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        (
            {"code_challenge": "short", "code_challenge_method": "S256"},
            "invalid_request",
        ),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_the_client_learns_what_is_wrong_if_its_redirect_uri_is_registered(
    provider: Provider, wrong: dict[str, str], refusal: str
) -> None:
    given = {"response_type": "code", "client_id": "app", "state": "xyz", **wrong}
    sent = query_of(provider.authorization.begin(get("/authorize", **given)))
    assert (sent["error"], sent["state"]) == (refusal, "xyz")
    elsewhere = get("/authorize", **given, redirect_uri="https://evil.example/")
    assert isinstance(provider.authorization.begin(elsewhere), ErrorPage)


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
def test_a_request_that_would_be_refused_is_not_pushed(
    provider: Provider, wrong: dict[str, str], refusal: str
) -> None:
    given = {"response_type": "code", "client_id": "app", "redirect_uri": CALLBACK}
    answer = provider.pushed_requests.answer(post("/par", **given | wrong))
    assert error(answer) == refusal
