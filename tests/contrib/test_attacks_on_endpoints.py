"""Attacks on tokens, clients and the server, tried against the running example."""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from authority_queries import hash_client_secret
from authority_queries.engine.json_types import JsonObject
from tests.contrib.attacking import (
    CALLBACK,
    Target,
    code_of,
    fields,
    json_of,
)
from tests.contrib.flows import VERIFIER

pytestmark = pytest.mark.one_version

FORM = {"content-type": "application/x-www-form-urlencoded"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = ECKey.generate_key("P-256", {"kid": "1"})
PUBLIC = KEY.as_dict(private=False)
HERE = ["https://evil.example/"]


def octets(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def jwt_of(header: object, claims: object, signature: str = "AAAA") -> str:
    return f"{octets(header)}.{octets(claims)}.{signature}"


def signed(header: JsonObject, claims: object) -> str:
    text = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact({"alg": "ES256", **header}, text, KEY)


def ask_token(target: Target, **headers: str) -> httpx.Response:
    given = {"grant_type": "refresh_token", "client_id": "notes", "refresh_token": "x"}
    with target.browser() as client:
        return client.post("/token", data=given, headers=headers)


HEADER: JsonObject = {"alg": "ES256", "typ": "dpop+jwt", "jwk": PUBLIC}
HMAC = {"alg": "HS256", "typ": "dpop+jwt", "jwk": {"kty": "oct", "k": "AAAA"}}
PRIVATE = {**HEADER, "jwk": KEY.as_dict(private=True)}
BROKEN_PROOFS: dict[str, Callable[[dict[str, object]], str]] = {
    "no signature": lambda claims: jwt_of({**HEADER, "alg": "none"}, claims, ""),
    "HMAC": lambda claims: jwt_of(HMAC, claims),
    "a private key": lambda claims: signed(PRIVATE, claims),
    "another typ": lambda claims: signed({**HEADER, "typ": "JWT"}, claims),
    "critical members": lambda claims: jwt_of({**HEADER, "crit": ["x"]}, claims),
    "a key that is a text": lambda claims: jwt_of({**HEADER, "jwk": "x"}, claims),
    "a key that is a list": lambda claims: jwt_of({**HEADER, "jwk": [1]}, claims),
    "a header that is a list": lambda claims: jwt_of([1], claims),
    "a small RSA key": lambda claims: jwt_of(
        {**HEADER, "alg": "RS256", "jwk": {"kty": "RSA", "n": "AQ", "e": "AQ"}}, claims
    ),
    "nested JSON": lambda _: signed(HEADER, b"[" * 9000),
    "no object": lambda _: signed(HEADER, ["x"]),
    "a far time": lambda claims: signed(HEADER, claims | {"iat": 253402300799}),
    "an early time": lambda claims: signed(HEADER, claims | {"iat": -62135596800}),
    "no number": lambda claims: signed(HEADER, claims | {"iat": float("nan")}),
    "another method": lambda claims: signed(HEADER, claims | {"htm": "post"}),
    "another endpoint": lambda claims: signed(
        HEADER, claims | {"htu": str(claims["htu"]).replace("token", "par")}
    ),
    "no jti": lambda claims: signed(HEADER, claims | {"jti": 1}),
}


@pytest.mark.parametrize("case", BROKEN_PROOFS)
def test_a_proof_with_a_trick_is_refused(target: Target, case: str) -> None:
    claims: dict[str, object] = {"htm": "POST", "htu": f"{target.url()}/token"}
    claims |= {"iat": int(time.time()), "jti": secrets.token_hex(8)}
    right = ask_token(target, dpop=signed(HEADER, claims))
    assert json_of(right, 400)["error"] == "invalid_grant"  # the proof was right
    claims["jti"] = secrets.token_hex(8)
    answer = ask_token(target, dpop=BROKEN_PROOFS[case](claims))
    assert json_of(answer, 400)["error"] == "invalid_dpop_proof"


def test_an_assertion_with_a_trick_is_refused(target: Target) -> None:
    key_sets: list[JsonObject] = [{"keys": [PUBLIC]}, {"keys": [1]}, {"keys": [[]]}]
    names = [f"signer-{secrets.token_hex(4)}" for _ in key_sets]
    with target.unit() as store:
        for name, keys in zip(names, key_sets, strict=True):
            store.clients.create(
                tenant_id=target.tenant_id(),
                client_id=name,
                client_type="confidential",
                token_endpoint_auth_method="private_key_jwt",
                json_web_key_set=keys,
            )

    def ask(assertion: str, client_id: str) -> int:
        given = {"grant_type": "client_credentials", "client_assertion": assertion}
        given |= {"client_assertion_type": ASSERTION, "client_id": client_id}
        with target.browser() as client:
            return client.post("/token", data=given).status_code

    def claims(name: str, **changed: object) -> dict[str, object]:
        known = {"iss": name, "sub": name, "aud": target.url(), "exp": time.time() + 60}
        return {**known, "jti": secrets.token_hex(8), **changed}

    name = names[0]
    assert ask(signed({"kid": "1"}, claims(name)), name) == 200
    for broken in names[1:]:
        assert ask(signed({}, claims(broken)), broken) == 401
    pem, head = KEY.as_pem(private=False), jwt_of({"alg": "HS256"}, claims(name), "")
    mac = hmac.digest(pem, head.removesuffix(".").encode(), "sha256")
    thief = ECKey.generate_key("P-256")
    own_key = {"alg": "ES256", "jwk": thief.as_dict(private=False)}
    pointed = {"alg": "ES256", "jku": HERE[0], "x5u": HERE[0], "kid": "../1"}
    text = json.dumps(claims(name)).encode()
    for assertion in (
        jwt_of({"alg": "none"}, claims(name), ""),
        head + octets(mac),  # with the public key as the secret
        jws.serialize_compact(own_key, text, thief),
        jws.serialize_compact(pointed, text, thief),
        signed({"kid": "1"}, claims(name, nbf=-62135596800)),
        signed({"kid": "1"}, claims(name, exp=253402300799)),
        signed({"kid": "1"}, claims(name, sub=names[1])),
        signed({"kid": "1"}, b"[" * 9000),
        "A" * 20000,
    ):
        assert ask(assertion, name) == 401
    assert ask(signed({"kid": "1"}, claims(names[1])), names[1]) == 401


def test_a_large_request_is_refused_before_it_is_read(target: Target) -> None:
    def gigabyte() -> "list[bytes]":
        return [b"a=" + b"x" * 999_998] * 20

    for path in ("/token", "/register", "/sign_in", "/par", "/introspect"):
        with target.browser() as client:
            answer = client.post(path, content=iter(gigabyte()), headers=FORM)
            assert answer.status_code == 400
            assert "too long" in answer.text
            many = "&".join(f"a{number}=" for number in range(5000))
            answer = client.post(path, content=many, headers=FORM)
            assert answer.status_code in {400, 401}
    with target.browser() as client:
        nested = client.post("/register", content=b"[" * 200_000)
        assert json_of(nested, 400)["error"] == "invalid_client_metadata"


REGISTRATIONS: dict[str, dict[str, object]] = {
    "javascript": {"redirect_uris": ["javascript:alert(1)"]},
    "data": {"redirect_uris": ["data:text/html,x"]},
    "lines": {"redirect_uris": ["https://evil.example/\r\nX: y"]},
    "a policy": {"redirect_uris": ["https://evil.example;script-src/"]},
    "another policy": {"redirect_uris": ["https://evil.example,default-src/"]},
    "no ASCII": {"redirect_uris": ["https://\u0435vil.example/"]},
    "userinfo": {"redirect_uris": ["https://north.example@evil.example/"]},
    "http": {"redirect_uris": ["http://localhost.evil.example/"]},
    "many": {"redirect_uris": [f"https://e.example/{n}" for n in range(5000)]},
    "after sign-out": {"post_logout_redirect_uris": ["javascript:alert(1)"]},
    "metadata of the cloud": {"backchannel_logout_uri": "http://169.254.169.254/"},
    "a private address": {"backchannel_logout_uri": "https://10.0.0.1/"},
    "a private name": {"backchannel_logout_uri": "https://localhost/"},
    "an octal address": {"backchannel_logout_uri": "https://0177.0.0.1/"},
    "a file": {"backchannel_logout_uri": "file:///etc/passwd"},
    "a frame": {"frontchannel_logout_uri": "https://evil.example;script-src/"},
    "a turned name": {"client_name": "North\u202egnidarT"},
    "a name of two lines": {"client_name": "North\nTrading"},
    "client_credentials": {"grant_types": ["client_credentials"]},
    "exchanges": {"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]},
    "passwords": {"grant_types": ["password"]},
    "no keys": {"token_endpoint_auth_method": "private_key_jwt", "jwks": {}},
    "a long name": {"client_name": "x" * 10_000},
}


@pytest.mark.parametrize("case", REGISTRATIONS)
def test_a_stranger_cannot_register(target: Target, case: str) -> None:
    metadata = {"redirect_uris": HERE, **REGISTRATIONS[case]}
    assert "error" in json_of(target.register(**metadata), 400)


def test_a_stranger_becomes_nobody_else(target: Target) -> None:
    public = {"redirect_uris": HERE, "token_endpoint_auth_method": "none"}
    chosen = {"client_id": "notes", "consent_type": "implicit", "enabled": False}
    found = json_of(target.register(**public, **chosen, scope="ept:introspection"), 201)
    assert found["client_id"] != "notes"
    token = {"authorization": f"Bearer {found['registration_access_token']}"}
    with target.browser() as client:
        own = f"/register/{found['client_id']}"
        put = client.put(own, json={"redirect_uris": HERE}, headers=token)
        assert json_of(put, 400)["error"] == "invalid_client_metadata"  # confidential
        for method in ("GET", "PUT", "DELETE"):
            other = client.request(method, "/register/notes", headers=token, json={})
            assert other.status_code == 401
    with target.unit() as store:
        client_row = store.clients.get_by_client_id(
            tenant_id=target.tenant_id(), client_id=str(found["client_id"])
        )
    assert client_row is not None
    assert client_row.consent_type == "explicit"
    assert "ept:introspection" not in client_row.permissions


def test_a_token_is_shown_only_to_whom_it_concerns(target: Target) -> None:
    browser = target.signed_in(target.user())
    given = {
        "grant_type": "authorization_code",
        "code": code_of(browser, scope="openid offline_access"),
        "client_id": "notes",
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    tokens = json_of(browser.post("/token", data=given))
    stranger = json_of(target.register(redirect_uris=HERE), 201)
    api = f"api-{secrets.token_hex(4)}"
    with target.unit() as store:
        row = store.clients.create(
            tenant_id=target.tenant_id(),
            client_id=api,
            client_type="confidential",
            permissions=["ept:introspection"],
        )
        store.client_secrets.add(
            tenant_id=target.tenant_id(),
            client_uuid=row.id,
            secret_hash=hash_client_secret("swordfish-and-more"),
        )

    def is_active(caller: tuple[str, str], token: object) -> bool:
        with target.browser() as client:
            answer = client.post("/introspect", data={"token": str(token)}, auth=caller)
        return json_of(answer)["active"] is True

    their_own = (str(stranger["client_id"]), str(stranger["client_secret"]))
    assert not is_active(their_own, tokens["access_token"])
    assert not is_active(their_own, tokens["refresh_token"])
    assert is_active((api, "swordfish-and-more"), tokens["access_token"])
    assert not is_active((api, "swordfish-and-more"), tokens["refresh_token"])
    with target.browser() as client:
        revoke = {"token": str(tokens["access_token"])}
        assert client.post("/revoke", data=revoke, auth=their_own).status_code == 200
    assert is_active((api, "swordfish-and-more"), tokens["access_token"])


def test_a_client_cannot_be_confused(target: Target) -> None:
    with target.browser() as client:
        for data, auth in (
            ({"client_id": "notes"}, ("reports", "x")),
            ({"client_id": "reports", "client_secret": "x"}, ("reports", "x")),
            ({"client_id": ["notes", "reports"]}, None),
            ({"client_id": "notes", "client_secret": ["a", "b"]}, None),
        ):
            answer = client.post("/token", data=data, auth=auth)
            assert json_of(answer, 400)["error"] == "invalid_request"
        refused = [
            client.post("/token", data={"client_id": name, "grant_type": "x"}).json()
            for name in ("reports", "nobody")
        ]
        assert refused[0] == refused[1]
        in_the_query = client.post("/token?client_id=notes&grant_type=refresh_token")
        assert in_the_query.status_code == 401
        spoofed = {"x-client-cert": ":AAAA:", "client-cert": ":AAAA:"}
        form = {"client_id": "reports", "grant_type": "client_credentials"}
        answer = client.post("/token", data=form, headers=spoofed)
        assert json_of(answer, 401)["error"] == "invalid_client"


def test_a_repeated_field_of_a_page_is_refused(target: Target) -> None:
    with target.browser() as browser:
        token = fields(browser.get("/sign_in"))["form_token"]
        body = f"form_token=x&form_token={token}&username=a&password=b&sealed=&then="
        assert browser.post("/sign_in", content=body, headers=FORM).status_code == 400


def test_logs_have_no_secrets(target: Target, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    browser = target.signed_in(target.user())
    code = code_of(browser)
    ask_token(target, authorization="Basic bm90ZXM6c2VjcmV0LW9mLWEtY2xpZW50")
    logged = [
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))  # the attacker's own
    ]
    text = "\n".join(logged)
    for secret in (code, browser.cookies["session"], "a password of the tests"):
        assert secret not in text
