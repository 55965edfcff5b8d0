"""Discovery, ID tokens, sign-out, DPoP, and introspection by a resource server."""

import asyncio
import hashlib
import time
from base64 import urlsafe_b64encode
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import jwt as pyjwt
from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from authlib.oauth2.rfc6749 import OAuth2Error, ResourceProtector
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.requests import Request

from tests.contrib.clients.cases import case
from tests.contrib.clients.drivers import (
    AuthlibApp,
    AuthlibProtector,
    Joserfc,
    PyJwt,
    Tokens,
)
from tests.contrib.clients.stage import (
    CALLBACK,
    Stage,
    joined,
    outcome,
    without,
)

OPENID, DPOP = "discovery and ID token", "DPoP"
PROTECTOR = "protected resource (introspection)"


def _request(session: dict[str, Any], url: str = CALLBACK) -> Request:
    query = url.partition("?")[2].encode()
    scope = {"type": "http", "method": "GET", "session": session, "headers": []}
    return Request({**scope, "path": "/callback", "query_string": query})


def _app(stage: Stage, client_id: str = "app") -> Any:
    metadata = f"{stage.issuer}/.well-known/openid-configuration"
    more = {"scope": "openid email", "code_challenge_method": "S256"}
    client_kwargs = {**more, "trust_env": False, "timeout": 60}
    return OAuth().register(
        "issuer",
        client_id=client_id,
        server_metadata_url=metadata,
        client_kwargs=client_kwargs,
    )


def _signed_in(stage: Stage, change: Any = lambda url: url) -> str:
    """Sign in as an application of Starlette does. Return whom it takes it for."""

    async def run() -> str:
        app, session = _app(stage), dict[str, Any]()
        begun = await app.authorize_redirect(_request(session), CALLBACK)
        callback = change(stage.visit(begun.headers["location"]))
        try:
            found = await app.authorize_access_token(_request(session, callback))
        except OAuthError as error:
            return str(error.error)
        claims = found["userinfo"]  # of the ID token, whose signature it has checked
        assert claims["iss"] == stage.issuer
        return "the user" if claims["sub"] == stage.ann.subject_id else "another"

    return asyncio.run(run())


@case(OPENID, "right: keys, iss, aud, nonce, at_hash", "the user", by=AuthlibApp)
def _(stage: Stage) -> str:
    return _signed_in(stage)


@case(OPENID, "state of another browser", "mismatching_state", by=AuthlibApp)
def _(stage: Stage) -> str:
    return _signed_in(stage, lambda url: without(url, state="forged"))


@case(OPENID, "right: keys, iss, aud", "the user", by=PyJwt)
def _(stage: Stage) -> str:
    claims = _decoded(stage, stage.issuer)
    return "the user" if claims["sub"] == stage.ann.subject_id else "another"


@case(OPENID, "ID token of another tenant", "PyJWKClientError", by=PyJwt)
def _(stage: Stage) -> str:
    try:
        _decoded(stage, stage.abroad.issuer)
    except pyjwt.PyJWTError as error:
        return type(error).__name__
    return "accepted"


def _decoded(stage: Stage, issuer: str) -> dict[str, Any]:
    """Check an ID token of the stage with the keys of an issuer."""
    document = stage.issuers.browser.get(f"{issuer}/.well-known/openid-configuration")
    token = stage.sign_in()["id_token"]
    key = pyjwt.PyJWKClient(document.json()["jwks_uri"]).get_signing_key_from_jwt(token)
    return pyjwt.decode(token, key, algorithms=["ES256"], issuer=issuer, audience="app")


@case("sign-out", "with the ID token as hint", "redirect, SignIn", by=AuthlibApp)
def _(stage: Stage) -> str:
    tokens = stage.sign_in()

    async def run() -> str:
        begun = await _app(stage).logout_redirect(
            _request({}), CALLBACK, id_token_hint=tokens["id_token"]
        )
        return str(begun.headers["location"])

    returned = stage.visit(asyncio.run(run()))
    kind = "redirect" if returned.startswith(CALLBACK) else returned
    return f"{kind}, {stage.visit(stage.driver().begin())}"


@case("sign-out", "unregistered redirect", "ErrorPage: invalid_request", by=AuthlibApp)
def _(stage: Stage) -> str:
    tokens = stage.sign_in()

    async def run() -> str:
        begun = await _app(stage).logout_redirect(
            _request({}), "https://evil.example/", id_token_hint=tokens["id_token"]
        )
        return str(begun.headers["location"])

    return stage.visit(asyncio.run(run()))


@case("sign-out", "hint of another person's session", "AskSignOut", by=AuthlibApp)
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    theirs, _ = stage.tenant.session(stage.tenant.user())

    async def run() -> str:
        begun = await _app(stage).logout_redirect(
            _request({}), id_token_hint=tokens["id_token"]
        )
        return str(begun.headers["location"])

    return stage.visit(asyncio.run(run()), cookie=theirs)


def _notified(stage: Stage) -> tuple[str, Tokens]:
    """Sign in at a client with a server, sign out, and return the client's notice."""
    url = f"{stage.issuer}/notified"
    # A client that registers itself may not name a private address.
    with stage.tenant.unit() as store:
        client = store.clients.create(
            tenant_id=stage.tenant.id,
            client_id=f"listener-{uuid4()}",
            client_type="public",
            redirect_uris=[CALLBACK],
            backchannel_logout_uri=url,
        )
    tokens = stage.sign_in(stage.driver(client.client_id))
    hint = tokens["id_token"]
    assert (
        stage.visit(f"{stage.issuer}/end_session?id_token_hint={hint}") == "SignedOut"
    )
    stage.issuers.notices.clear()
    delivered = stage.issuers.browser.post(f"{stage.issuer}/deliver")
    assert delivered.json() == 1
    [notice] = stage.issuers.notices
    issued = pyjwt.decode(hint, options={"verify_signature": False})
    return notice, {"client_id": client.client_id, "sid": issued["sid"]}


@case("back-channel sign-out", "notice to a listening server", "sid, sub", by=PyJwt)
def _(stage: Stage) -> str:
    notice, client = _notified(stage)
    key = pyjwt.PyJWKClient(stage.issuer + "/jwks").get_signing_key_from_jwt(notice)
    claims = pyjwt.decode(
        notice,
        key,
        algorithms=["ES256"],
        issuer=stage.issuer,
        audience=client["client_id"],
        options={"require": ["iat", "exp", "jti", "events"]},
    )
    assert "nonce" not in claims
    expected = {"sid": client["sid"], "sub": stage.ann.subject_id}
    return ", ".join(name for name, value in expected.items() if claims[name] == value)


@case("back-channel sign-out", "keys of another tenant", "PyJWKClientError", by=PyJwt)
def _(stage: Stage) -> str:
    notice, _ = _notified(stage)
    keys = pyjwt.PyJWKClient(stage.abroad.issuer + "/jwks")
    try:
        keys.get_signing_key_from_jwt(notice)
    except pyjwt.PyJWTError as error:
        return type(error).__name__
    return "accepted"


class _Validator(IntrospectTokenValidator):
    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._driver = stage.driver("basic")

    def introspect_token(self, token_string: str) -> Tokens:
        return self._driver.post("/introspect", {"token": token_string})


def _protected(stage: Stage, token: str, scope: str = "openid") -> str:
    protector = ResourceProtector()
    protector.register_token_validator(_Validator(stage))
    request = SimpleNamespace(headers={"Authorization": f"Bearer {token}"})
    try:
        protector.validate_request([scope], request)  # type: ignore[no-untyped-call]  # the stubs have no types for it
    except OAuth2Error as error:
        return str(error.error)
    return "ok"


@case(PROTECTOR, "right", "ok", by=AuthlibProtector)
def _(stage: Stage) -> str:
    return _protected(stage, stage.sign_in()["access_token"])


@case(PROTECTOR, "without the scope", "insufficient_scope", by=AuthlibProtector)
def _(stage: Stage) -> str:
    return _protected(stage, stage.sign_in()["access_token"], "articles")


@case(PROTECTOR, "revoked", "invalid_token", by=AuthlibProtector)
def _(stage: Stage) -> str:
    tokens = stage.sign_in()
    stage.driver().post("/revoke", {"token": tokens["refresh_token"]})
    return _protected(stage, tokens["access_token"])


@case(PROTECTOR, "of another tenant", "invalid_token", by=AuthlibProtector)
def _(stage: Stage) -> str:
    return _protected(stage, stage.abroad.sign_in()["access_token"])


class _Prover:
    """Makes DPoP proofs (RFC 9449), which no library here makes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._key = ECKey.generate_key("P-256")

    def proof(self, method: str, path: str, token: str = "", **claims: Any) -> str:
        header = {
            "typ": "dpop+jwt",
            "alg": "ES256",
            "jwk": dict(self._key.as_dict(private=False)),
        }
        made = {
            "jti": str(uuid4()),
            "htm": method,
            "htu": self._stage.issuer + path,
            "iat": int(time.time()),
        }
        if token:
            digest = hashlib.sha256(token.encode()).digest()
            made["ath"] = urlsafe_b64encode(digest).rstrip(b"=").decode()
        return jwt.encode(header, made | claims, self._key)

    def tokens(self, **claims: Any) -> Tokens:
        driver = self._stage.driver()
        callback = self._stage.visit(driver.begin())
        proof = self.proof("POST", "/token", **claims)
        return driver.redeem(callback, headers={"DPoP": proof})  # type: ignore[arg-type]  # Authlib passes it on

    def userinfo(self, tokens: Tokens, proof: str, scheme: str = "DPoP") -> str:
        headers = {"authorization": f"{scheme} {tokens['access_token']}"}
        response = self._stage.issuers.browser.get(
            self._stage.issuer + "/userinfo",
            headers={**headers, **({"dpop": proof} if proof else {})},
        )
        return "ok" if response.is_success else str(response.json()["error"])


@case(DPOP, "bound token with its key", "DPoP, ok", by=Joserfc)
def _(stage: Stage) -> str:
    prover = _Prover(stage)
    tokens = prover.tokens()
    proof = prover.proof("GET", "/userinfo", tokens["access_token"])
    return f"{tokens['token_type']}, {prover.userinfo(tokens, proof)}"


@case(DPOP, "proof replayed", "ok, invalid_dpop_proof", by=Joserfc)
def _(stage: Stage) -> str:
    prover = _Prover(stage)
    tokens = prover.tokens()
    proof = prover.proof("GET", "/userinfo", tokens["access_token"])
    return joined(*(lambda: prover.userinfo(tokens, proof) for _ in range(2)))


@case(DPOP, "bound token without a proof", "invalid_token", by=Joserfc)
def _(stage: Stage) -> str:
    prover = _Prover(stage)
    return prover.userinfo(prover.tokens(), "", "Bearer")


@case(DPOP, "key of somebody else", "invalid_token", by=Joserfc)
def _(stage: Stage) -> str:
    prover, thief = _Prover(stage), _Prover(stage)
    tokens = prover.tokens()
    proof = thief.proof("GET", "/userinfo", tokens["access_token"])
    return prover.userinfo(tokens, proof)


@case(DPOP, "proof for another URL", "invalid_dpop_proof", by=Joserfc)
def _(stage: Stage) -> str:
    return outcome(lambda: _Prover(stage).tokens(htu=stage.abroad.issuer + "/token"))


@case(DPOP, "expired proof", "invalid_dpop_proof", by=Joserfc)
def _(stage: Stage) -> str:
    return outcome(lambda: _Prover(stage).tokens(iat=1_700_000_000))


@case(DPOP, "refresh of a public client without its key", "invalid_grant", by=Joserfc)
def _(stage: Stage) -> str:
    tokens = _Prover(stage).tokens()
    return outcome(lambda: stage.driver().refresh(tokens["refresh_token"]))
