"""What the sample application refuses, from an issuer whose key the tests have."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authority_queries import Settings
from authority_queries.engine.json_types import JsonObject
from examples.notes.app import make_app
from examples.notes.sessions import Session, Sessions
from tests.contrib.serving import free_port, serving

pytestmark = pytest.mark.one_version

_KEY: Final = ECKey.generate_key("P-256", {"kid": "1"})
_OTHER: Final = ECKey.generate_key("P-256", {"kid": "1"})
_UNKNOWN: Final = ECKey.generate_key("P-256", {"kid": "2"})
_EVENT: Final[JsonObject] = {"http://schemas.openid.net/event/backchannel-logout": {}}
APP: Final = "http://notes.example"


@dataclass
class World:
    """The application in a browser, and the URL of its issuer."""

    issuer: str
    browser: TestClient
    sessions: Sessions
    redeemed: list[str]

    def session(self, **changed: str) -> str:
        given = {"issuer": self.issuer, "subject": "ann", "sid": "1", "name": "Ann"}
        return self.sessions.start(Session(**given | changed, tokens={}))

    def notice(self, key: ECKey = _KEY, **changed: object) -> str:
        """Return a logout token of the session of Ann. None removes a claim."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": "notes",
            "sub": "ann",
            "sid": "1",
            "iat": now,
            "exp": now + 60,
            "jti": "x",
            "events": _EVENT,
        }
        kept = {k: v for k, v in {**claims, **changed}.items() if v is not None}
        return jwt.encode({"alg": "ES256", "kid": key.kid}, kept, key)

    def send(self, token: str) -> int:
        form = {"logout_token": token}
        return self.browser.post("/backchannel_logout", data=form).status_code


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    document = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "id_token_signing_alg_values_supported": ["ES256"],
    }

    async def metadata(_: Request) -> JSONResponse:
        return JSONResponse(document)

    async def keys(_: Request) -> JSONResponse:
        return JSONResponse({"keys": [_KEY.as_dict(private=False)]})

    redeemed: list[str] = []

    async def token(request: Request) -> JSONResponse:
        redeemed.append((await request.body()).decode())
        return JSONResponse({"error": "invalid_grant"}, 400)

    routes = [
        Route("/token", token, methods=["POST"]),
        Route("/.well-known/openid-configuration", metadata),
        Route("/jwks", keys),
    ]
    app = make_app(Settings(), {"notes.example": issuer}, "a secret")
    with serving(Starlette(routes=routes), port):
        browser = TestClient(app, base_url=APP, follow_redirects=False)
        yield World(issuer, browser, app.state.sessions, redeemed)


def test_a_notice_ends_the_sessions_that_it_names(world: World) -> None:
    named = world.session()
    others = [
        world.session(sid="2"),
        world.session(issuer="http://another.example"),
        world.session(subject="bob", sid="3"),
    ]
    assert world.send(world.notice()) == 200
    assert world.sessions.get(named) is None
    assert all(world.sessions.get(each) for each in others)
    assert world.send(world.notice(sid=None)) == 200  # all sessions of Ann
    assert [bool(world.sessions.get(each)) for each in others] == [False, True, True]


_FORGED: Final[Mapping[str, Mapping[str, Any]]] = {
    "of another key with the same kid": {"key": _OTHER},
    "of an unknown key": {"key": _UNKNOWN},
    "of another issuer": {"iss": "http://another.example"},
    "for another client": {"aud": "television"},
    "expired": {"exp": 1_700_000_000},
    "without a time": {"iat": None},
    "an ID token": {"events": None, "nonce": "x"},
    "with a nonce": {"nonce": "x"},
    "of another event": {"events": {"urn:example:event": {}}},
    "of nobody": {"sub": None, "sid": None},
}


@pytest.mark.parametrize("case", _FORGED)
def test_a_forged_notice_ends_nothing(world: World, case: str) -> None:
    living = world.session()
    assert world.send(world.notice(**_FORGED[case])) == 400
    assert world.sessions.get(living)


def test_what_is_no_notice_is_refused(world: World) -> None:
    header, claims, _ = world.notice().split(".")
    unsigned = f"eyJhbGciOiJub25lIn0.{claims}."
    living = world.session()
    for token in ("", "x", "a.b.c", f"{header}.{claims}.", unsigned):
        assert world.send(token) == 400
    assert world.sessions.get(living)


def test_only_an_answer_of_the_issuer_to_this_browser_is_redeemed(
    world: World,
) -> None:
    asked = world.browser.get("/sign_in").headers["location"]
    state = parse_qs(urlsplit(asked).query)["state"][0]
    answer = {"code": "x", "state": state, "iss": world.issuer}
    for changed in (
        {"iss": ""},
        {"iss": "http://another.example"},  # RFC 9207 section 4
        {"state": "of another browser"},
        {"error": "<Call 555>"},
    ):
        refused = world.browser.get("/callback", params=answer | changed)
        assert refused.status_code == 400
        assert "555" not in refused.text
    assert not world.redeemed
    # The issuer refuses this code, which it has received with the verifier.
    assert world.browser.get("/callback", params=answer).status_code == 400
    [form] = world.redeemed
    assert "code_verifier=" in form
    assert ">Sign in<" in world.browser.get("/").text


def test_a_form_of_another_page_changes_nothing(world: World) -> None:
    for path in ("/sign_out", "/notes"):
        for origin in ({}, {"origin": "null"}, {"origin": "http://evil.example"}):
            answer = world.browser.post(path, data={"text": "x"}, headers=origin)
            assert answer.status_code == 403
    assert world.browser.get("/", headers={"host": "evil.example"}).status_code == 404


def test_an_issuer_that_is_away_is_a_page_of_the_application() -> None:
    app = make_app(Settings(), {"notes.example": "http://127.0.0.1:1"}, "a secret")
    answer = TestClient(app, base_url=APP).get("/sign_in")
    assert answer.status_code == 502
    assert "does not answer" in answer.text
