"""Attacks on tokens, clients and the server, tried against the running example."""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from starlette.requests import Request

from authority_queries.contrib.fastapi.requests import read_head
from authority_queries.contrib.oauth import ProtocolError
from authority_queries.contrib.oauth.certificates import read_certificate
from authority_queries.engine.json_types import JsonObject
from tests.contrib.attacking import (
    Target,
    code_of,
    fields,
    json_of,
)

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
    given = {"grant_type": "refresh_token", "client_id": "spa", "refresh_token": "x"}
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


def test_two_certificates_in_one_header_are_refused() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"
    assert read_certificate(quote(pem)) == b"a"
    for both in (f"{quote(pem)},{quote(pem)}", quote(pem + pem), ":YQ==:,:YQ==:"):
        with pytest.raises(ProtocolError):
            read_certificate(both)


def test_a_repeated_header_of_a_certificate_is_refused() -> None:
    der = b":" + base64.b64encode(b"of a client") + b":"
    for count, is_refused in ((1, False), (2, True)):
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/token",
            "query_string": b"",
        }
        scope |= {"headers": [(b"client-cert", der)] * count}
        request = Request(scope)
        if is_refused:
            with pytest.raises(ProtocolError, match="repeated"):
                read_head(request, "https://auth.example", "client-cert")
        else:
            read = read_head(request, "https://auth.example", "client-cert")
            assert read.certificate == b"of a client"
