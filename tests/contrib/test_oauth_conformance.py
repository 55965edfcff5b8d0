"""Parts of the specifications that conformance suites ask for."""

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from authority_queries import hash_client_secret
from authority_queries.contrib.oauth import Answer, ErrorPage, Provider, SignIn
from authority_queries.records import User
from authority_queries.testing import SampleTenant
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

# The refusals of a code that does not exist, with a right and with a wrong proof.
RIGHT, WRONG = "invalid_grant", "invalid_dpop_proof"

NOTIFIED = "https://app.example/logout"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


def variant(provider: Provider, **changed: object) -> Provider:
    """Return the issuer with other settings."""
    settings = replace(provider.settings, **changed)  # type: ignore[arg-type]  # any
    return Provider(provider.authorization._authority, provider.tenant_id, settings)


def test_classes_that_the_issuer_does_not_offer_are_not_required(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    code_for(provider, authority_tenant, ann, acr_values="1 2")
    offering = variant(provider, acr_values_supported=["urn:two"])
    cookie, _ = authority_tenant.session(ann)
    for values, kept in (("1 2", None), ("1 urn:two", ["urn:two"])):
        request = asked(offering, acr_values=values)
        assert request.acr_values == kept
        decision = offering.authorization.decide(request, cookie)
        assert isinstance(decision, SignIn) is (kept is not None)


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_a_prompt_for_the_person_comes_before_consent(
    prompt: str, provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    cookie, _ = authority_tenant.session(ann)
    decision = provider.authorization.decide(asked(provider, prompt=prompt), cookie)
    assert isinstance(decision, SignIn)
    assert decision.is_again


def test_an_id_token_hint_names_the_person(
    provider: Provider,
    authority_tenant: SampleTenant,
    ann: User,
) -> None:
    code = code_for(provider, authority_tenant, ann)
    hint = str(body(provider.token.answer(redeem(code)))["id_token"])
    bob = authority_tenant.user("bob")
    provider.authorization.consent(asked(provider), bob.id)
    anns, _ = authority_tenant.session(ann)
    bobs, _ = authority_tenant.session(bob)
    silent = asked(provider, id_token_hint=hint, prompt="none")
    assert "code" in query_of(provider.authorization.decide(silent, anns))
    refused = query_of(provider.authorization.decide(silent, bobs))
    assert refused["error"] == "login_required"
    request = asked(provider, id_token_hint=hint)
    assert isinstance(provider.authorization.decide(request, bobs), SignIn)
    again, _ = authority_tenant.session(bob)
    refused = query_of(provider.authorization.decide(request, again))
    assert refused["error"] == "login_required"


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request_uri": "https://app.example/request"}, "request_uri_not_supported"),
        ({"id_token_hint": "x.y.z"}, "invalid_request"),
    ],
)
def test_a_parameter_that_is_not_supported_is_refused(
    given: dict[str, str], refusal: str, provider: Provider
) -> None:
    request = get("/authorize", response_type="code", client_id="app", **given)
    assert query_of(provider.authorization.begin(request))["error"] == refusal


def test_parameters_are_added_to_the_query_of_a_redirect_uri(
    provider: Provider, authority_tenant: SampleTenant
) -> None:
    for number, (uri, known) in enumerate(
        {"https://x.example/?": {}, "https://x.example/?a=b": {"a": ["b"]}}.items()
    ):
        with authority_tenant.unit() as store:
            store.clients.create(
                tenant_id=authority_tenant.id,
                client_id=f"with-query-{number}",
                client_type="public",
                redirect_uris=[uri],
                post_logout_redirect_uris=[uri],
            )
        client_id = f"with-query-{number}"
        denied = provider.authorization.deny(
            asked(provider, client_id=client_id, redirect_uri=uri)
        )
        query = parse_qs(urlsplit(denied.url).query)
        assert query.items() >= {**known, "state": ["xyz"]}.items()
        ended = provider.logout.begin(
            get(
                "/end_session",
                client_id=client_id,
                post_logout_redirect_uri=uri,
                state="xyz",
            ),
            None,
        )
        assert not isinstance(ended, ErrorPage)
        assert ended.redirect is not None
        assert parse_qs(urlsplit(ended.redirect.url).query) == known | {
            "state": ["xyz"]
        }


def test_a_broken_request_for_a_sign_out_shows_a_page(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    code = code_for(provider, authority_tenant, ann)
    hint = str(body(provider.token.answer(redeem(code)))["id_token"])
    cookie, _ = authority_tenant.session(ann)
    repeated = get("/end_session")
    repeated = replace(repeated, parameters=[("state", "1"), ("state", "2")])
    of_another = get("/end_session", id_token_hint=hint, client_id="other")
    for request in (repeated, of_another):
        assert isinstance(provider.logout.begin(request, cookie), ErrorPage)
    assert provider.session(cookie) is not None


def test_the_metadata_is_complete(provider: Provider) -> None:
    found = body(provider.metadata())
    assert {"openid", "offline_access"} <= {*found["scopes_supported"]}  # type: ignore[misc]  # a list
    assert {"sub", "email_verified"} <= {*found["claims_supported"]}  # type: ignore[misc]  # a list
    for endpoint in ("token", "introspection", "revocation"):
        methods = found[f"{endpoint}_endpoint_auth_methods_supported"]
        assert isinstance(methods, list)
        assert "private_key_jwt" in methods
        assert ("none" in methods) is (endpoint != "introspection")
        assert found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
    assert found["request_uri_parameter_supported"] is False
    own = body(variant(provider, claims=lambda _, __: {}).metadata())
    assert "claims_supported" not in own


def test_endpoints_accept_only_their_methods(provider: Provider) -> None:
    for endpoint in (
        provider.token,
        provider.introspection,
        provider.revocation,
        provider.pushed_requests,
        provider.devices,
    ):
        answer = endpoint.answer(get("/", client_id="app", token="x"))
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


EXCHANGES = {
    "audience": ({"audience": "api"}, "invalid_target"),
    "another type": ({"requested_token_type": ID_TOKEN}, "invalid_request"),
    "an actor without its token": (
        {"actor_token_type": ACCESS_TOKEN},
        "invalid_request",
    ),
    "details": (
        {"grant_type": "client_credentials", "authorization_details": '[{"type":"x"}]'},
        "invalid_authorization_details",
    ),
}


@pytest.mark.parametrize("case", EXCHANGES)
def test_a_client_that_asks_for_what_is_not_supported_is_told(
    case: str, provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    authority_tenant.client("api", secret="swordfish")
    code = code_for(provider, authority_tenant, ann)
    subject = str(body(provider.token.answer(redeem(code)))["access_token"])
    more, refusal = EXCHANGES[case]
    given = {
        "grant_type": EXCHANGE,
        "subject_token": subject,
        "subject_token_type": ACCESS_TOKEN,
        "client_id": "api",
        "client_secret": "swordfish",
    }
    assert body(provider.token.answer(post("/token", **given)))
    refused = provider.token.answer(post("/token", **given | more))
    assert error(refused) == refusal
    bare = {**given, "grant_type": "client_credentials"}
    assert "scope" not in body(provider.token.answer(post("/token", **bare)))


def test_userinfo_accepts_a_token_in_one_place(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    code = code_for(provider, authority_tenant, ann)
    token = str(body(provider.token.answer(redeem(code)))["access_token"])
    posted = post("/userinfo", access_token=token)
    assert body(provider.userinfo.answer(posted))["sub"] == ann.subject_id
    twice = replace(posted, headers=[bearer(token)])
    assert error(provider.userinfo.answer(twice)) == "invalid_request"
    queried = provider.userinfo.answer(get("/userinfo", access_token=token))
    assert queried.status == 401
    assert queried.headers["www-authenticate"] == "Bearer"


def test_a_challenge_names_the_scheme_and_the_error(
    provider: Provider, authority_tenant: SampleTenant, ann: User
) -> None:
    client = authority_tenant.client()
    unbound = authority_tenant.access_token(client, ann, scopes=["profile"])
    key, url = ECKey.generate_key("P-256"), f"{ISSUER}/userinfo"
    proven = proof(key, "GET", url, ath=ath(unbound))
    wrong = proof(key, "POST", url, ath=ath(unbound))
    dpop = ("Authorization", f"DPoP {unbound}")
    for headers, status, start in (
        ([bearer(unbound)], 403, 'Bearer error="insufficient_scope"'),
        ([bearer("x")], 401, 'Bearer error="invalid_token"'),
        ([dpop], 401, 'DPoP error="invalid_token"'),
        ([dpop, proven], 401, 'DPoP error="invalid_token"'),
        ([dpop, wrong], 401, 'DPoP error="invalid_dpop_proof"'),
    ):
        answer = provider.userinfo.answer(replace(get("/userinfo"), headers=headers))
        challenge = answer.headers["www-authenticate"]
        assert (answer.status, challenge.startswith(start)) == (status, True), challenge
        assert ("algs=" in challenge) is challenge.startswith("DPoP")
        assert ('scope="openid"' in challenge) is (status == 403)


@pytest.mark.parametrize(
    ("htu", "refusal"),
    [
        ("HTTPS://AUTH.example:443/token?a#b", RIGHT),
        ("https://auth.example/%74oken", RIGHT),
        ("https://auth.example/token/", WRONG),
        ("https://auth.example:8443/token", WRONG),
        ("https://auth.example%2Ftoken", WRONG),
        ("https://[auth.example/token", WRONG),
    ],
)
def test_the_url_of_a_proof_is_compared_in_its_normal_form(
    htu: str, refusal: str, provider: Provider
) -> None:
    given = proof(ECKey.generate_key("P-256"), "POST", htu)
    request = replace(redeem("x"), headers=[given])
    assert error(provider.token.answer(request)) == refusal


def test_a_pushed_request_names_one_key(
    provider: Provider, authority_tenant: SampleTenant
) -> None:
    key = ECKey.generate_key("P-256")
    given = {"response_type": "code", "client_id": "app", "redirect_uri": CALLBACK}
    for jkt, status in ((key.thumbprint(), 201), ("x" * 43, 400)):
        pushed = replace(
            post("/par", **given, dpop_jkt=jkt),
            headers=[proof(key, "POST", f"{ISSUER}/par")],
        )
        assert provider.pushed_requests.answer(pushed).status == status


def test_a_client_registers_its_certificate_as_x5c(
    provider: Provider, authority_tenant: SampleTenant
) -> None:
    der = b"a certificate"
    key = ECKey.generate_key("P-256").as_dict(private=False)
    with authority_tenant.unit() as store:
        store.clients.create(
            tenant_id=authority_tenant.id,
            client_id="tls",
            client_type="confidential",
            token_endpoint_auth_method="self_signed_tls_client_auth",
            json_web_key_set={"keys": [{**key, "x5c": [b64encode(der).decode()]}]},
        )
    asking = post("/token", grant_type="client_credentials", client_id="tls")
    for certificate, status in ((der, 200), (b"another", 401), (None, 401)):
        answer = provider.token.answer(replace(asking, certificate=certificate))
        assert answer.status == status


def test_an_assertion_for_a_stranger_too_is_refused(
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
    for audience, status in (
        (ISSUER, 200),
        ([ISSUER, f"{ISSUER}/token"], 200),
        ([ISSUER, "https://evil.example"], 401),
        ([], 401),
    ):
        claims: dict[str, object] = {"iss": "signer", "sub": "signer", "aud": audience}
        claims |= {"exp": int(time.time()) + 60, "jti": secrets.token_hex(4)}
        assertion = jwt.encode({"alg": "ES256", "kid": "1"}, claims, key)
        request = post(
            "/token",
            grant_type="client_credentials",
            client_assertion_type=ASSERTION,
            client_assertion=assertion,
        )
        assert provider.token.answer(request).status == status, audience


def registered(
    provider: Provider, metadata: Mapping[str, object], url: str = "", token: str = ""
) -> Answer:
    """Register a client, or replace the one of this URL with its token."""
    document = json.dumps({"redirect_uris": [CALLBACK], **metadata})
    request = replace(post("/register"), body=document.encode())
    if token:
        request = replace(request, method="PUT", url=url, headers=[bearer(token)])
    return provider.registration.answer(request)


DEVICE_ONLY: dict[str, object] = {"grant_types": [DEVICE], "redirect_uris": None}
PRIVATE = {"keys": [ECKey.generate_key("P-256").as_dict(private=True)]}
METADATA: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "types that do not exist": (
        {"response_types": ["code", "code token"]},
        {"response_types": ["code"]},
    ),
    "a loopback address": (
        {"redirect_uris": ["http://127.0.0.1/callback"]},
        {"application_type": "native"},
    ),
    "a loopback address of a web server": (
        {"redirect_uris": ["http://[::1]/"], "application_type": "web"},
        {"application_type": "web"},
    ),
    "no redirects": (DEVICE_ONLY, {"response_types": [], "redirect_uris": []}),
    "null": ({"contacts": None, "jwks": None}, {"grant_types": ["authorization_code"]}),
    "the algorithm": (
        {"id_token_signed_response_alg": "ES256"},
        {"id_token_signed_response_alg": "ES256", "subject_type": "public"},
    ),
    "sign-outs": (
        {
            "backchannel_logout_uri": NOTIFIED,
            "backchannel_logout_session_required": True,
        },
        {
            "backchannel_logout_uri": NOTIFIED,
            "backchannel_logout_session_required": True,
        },
    ),
    "requirements": (
        {
            "require_pushed_authorization_requests": True,
            "dpop_bound_access_tokens": True,
        },
        {
            "require_pushed_authorization_requests": True,
            "dpop_bound_access_tokens": True,
        },
    ),
}


@pytest.mark.parametrize("case", METADATA)
def test_a_registration_answers_what_it_registered(
    case: str, provider: Provider
) -> None:
    given, expected = METADATA[case]
    found = body(registered(provider, given), 201)
    assert {name: found.get(name) for name in expected} == expected


BAD_METADATA: dict[str, dict[str, object]] = {
    "only types that do not exist": {"response_types": ["token"]},
    "no redirect_uri": {"redirect_uris": None},
    "another algorithm": {"id_token_signed_response_alg": "HS256"},
    "no signature": {"id_token_signed_response_alg": "none"},
    "pairwise subjects": {"subject_type": "pairwise"},
    "a list for a text": {"subject_type": []},
    "an object for a text": {"id_token_signed_response_alg": {}},
    "encryption": {"id_token_encrypted_response_alg": "RSA-OAEP"},
    "signed userinfo": {"userinfo_signed_response_alg": "ES256"},
    "signed requests": {"request_object_signing_alg": "ES256"},
    "no keys": {"token_endpoint_auth_method": "private_key_jwt"},
    "private keys": {"jwks": PRIVATE},
    "two places of keys": {"jwks": {"keys": []}, "jwks_uri": "https://app.example/k"},
    "a script": {"logo_uri": "javascript:alert(1)"},
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_metadata_that_cannot_be_met_is_refused(case: str, provider: Provider) -> None:
    refused = registered(provider, BAD_METADATA[case])
    is_redirect = case == "no redirect_uri"
    expected = "invalid_redirect_uri" if is_redirect else "invalid_client_metadata"
    assert error(refused) == expected


def test_a_client_is_replaced_under_its_own_id(provider: Provider) -> None:
    keys = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
    signing = {"token_endpoint_auth_method": "private_key_jwt", "jwks": keys}
    made = body(registered(provider, signing), 201)
    url, token = made["registration_client_uri"], made["registration_access_token"]

    def put(**more: object) -> Answer:
        return registered(provider, more, str(url), str(token))

    for wrong in ({}, {"client_id": "other"}):
        assert error(put(**wrong)) == "invalid_client_metadata"
    client_id = made["client_id"]
    assert "client_secret" not in body(put(client_id=client_id, **signing))
    secret = body(put(client_id=client_id))["client_secret"]  # it has none yet
    again = body(put(client_id=client_id))
    assert "client_secret" not in again
    asking = post("/introspect", token="x")
    known = replace(asking, headers=[basic(str(client_id), str(secret))])
    assert body(provider.introspection.answer(known)) == {"active": False}


def test_replacements_at_once_are_told_so(provider: Provider) -> None:
    made = body(registered(provider, {}), 201)
    url, token = (
        str(made["registration_client_uri"]),
        str(made["registration_access_token"]),
    )
    start = Barrier(8)

    def put(number: int) -> int:
        start.wait()
        named = {"client_id": made["client_id"], "client_name": str(number)}
        return registered(provider, named, url, token).status

    with ThreadPoolExecutor(8) as pool:
        statuses = [*pool.map(put, range(8))]
    assert 200 in statuses
    assert {*statuses} <= {200, 409}


def test_a_client_does_what_it_must(provider: Provider) -> None:
    must = {
        "token_endpoint_auth_method": "none",
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
    }
    client_id = str(body(registered(provider, must), 201)["client_id"])
    given = {
        "response_type": "code",
        "client_id": client_id,
        "code_challenge": "x" * 43,
    }
    given |= {"code_challenge_method": "S256"}
    begun = provider.authorization.begin(get("/authorize", **given))
    assert isinstance(begun, ErrorPage)
    pushed = body(provider.pushed_requests.answer(post("/par", **given)), 201)
    referring = {"client_id": client_id, "request_uri": str(pushed["request_uri"])}
    begun = provider.authorization.begin(get("/authorize", **referring))
    assert not isinstance(begun, ErrorPage)
    asking = redeem("x", client_id=client_id)
    assert error(provider.token.answer(asking)) == WRONG
    proven = replace(
        asking, headers=[proof(ECKey.generate_key("P-256"), "POST", f"{ISSUER}/token")]
    )
    assert error(provider.token.answer(proven)) == RIGHT


@pytest.mark.parametrize("grant", ["client_credentials", "refresh_token", "another"])
def test_a_client_that_must_prove_a_key_gets_no_token_without(
    grant: str, provider: Provider, authority_tenant: SampleTenant
) -> None:
    with authority_tenant.unit() as store:
        client = store.clients.create(
            tenant_id=authority_tenant.id,
            client_id="reports",
            client_type="confidential",
            requirements=["ft:dpop"],
        )
        store.client_secrets.add(
            tenant_id=client.tenant_id,
            client_uuid=client.id,
            secret_hash=hash_client_secret("swordfish and more"),
        )
    request = post("/token", grant_type=grant)
    sent = replace(request, headers=[basic("reports", "swordfish and more")])
    assert error(provider.token.answer(sent)) == WRONG
