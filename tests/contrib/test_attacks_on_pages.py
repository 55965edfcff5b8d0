"""Attacks on people and their browsers, tried against the running example."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from fastapi.routing import APIRoute

from authority_queries import mint_token
from examples.openid_provider import (
    account,
    addresses,
    devices,
    factors,
    pages,
    passkeys,
    recovery,
    signing_out,
)
from tests.contrib.attacking import (
    APP,
    CALLBACK,
    PASSWORD,
    REQUEST,
    Target,
    ask,
    code_of,
    fields,
    first_code,
    json_of,
    query,
)
from tests.contrib.flows import VERIFIER

pytestmark = pytest.mark.one_version

EVIL = "https://evil.example/"
STRANGER = {"redirect_uris": [EVIL], "token_endpoint_auth_method": "none"}


@pytest.mark.parametrize(
    "uri",
    [
        EVIL,
        f"{CALLBACK}/",
        f"{CALLBACK}?x=1",
        f"{CALLBACK}#x",
        f"{CALLBACK}/../evil",
        CALLBACK.upper(),
        f"{APP}@evil.example/callback.html",
        f"{CALLBACK}\r\nX-Evil: 1",
        "javascript:alert(1)",
    ],
)
def test_an_unregistered_redirect_uri_gets_a_page(target: Target, uri: str) -> None:
    answer = ask(target.browser(), redirect_uri=uri)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert uri not in answer.text


def test_a_stranger_cannot_make_the_issuer_redirect_at_once(target: Target) -> None:
    client_id = str(json_of(target.register(**STRANGER), 201)["client_id"])
    for changed in ({"scope": "nothing"}, {"response_type": "token"}):
        answer = ask(
            target.browser(), client_id=client_id, redirect_uri=EVIL, **changed
        )
        assert (answer.status_code, "location" in answer.headers) == (400, False)
    # An administrator's client is told, and every answer names its issuer (RFC 9207).
    told = query(ask(target.browser(), scope="nothing"))
    assert (told["error"], told["iss"]) == ("invalid_scope", target.url())


def test_the_state_cannot_add_headers_or_parameters(target: Target) -> None:
    state = "x\r\nSet-Cookie: a=b&code=evil#"
    answer = ask(target.browser(), state=state, prompt="none")
    assert query(answer)["state"] == state
    assert "code" not in query(answer)
    assert "set-cookie" not in answer.headers


FORMS = [
    "/sign_in",
    "/second_factor",
    "/consent",
    "/device",
    "/device/answer",
    "/end_session/answer",
    "/account/end_session",
    "/account/sign_out_everywhere",
    "/account/revoke_consent",
    "/account/disconnect",
    "/account/add_totp",
    "/account/confirm_totp",
    "/account/remove_totp",
    "/account/password",
    "/forgot_password",
    "/new_password",
    "/account/verify_email",
    "/verify_email",
    "/passkey",
    "/second_factor/passkey",
    "/account/add_passkey",
    "/account/confirm_passkey",
    "/account/remove_passkey",
]
# They show a page.
WITH_PAGE = {
    "/sign_in",
    "/device",
    "/account/password",
    "/forgot_password",
    "/new_password",
    "/verify_email",
}


def test_a_form_of_another_site_is_refused(target: Target) -> None:
    ann = target.user()
    browser = target.signed_in(ann)
    thief = target.browser()
    theirs = fields(thief.get("/sign_in"))["form_token"]
    for path in FORMS:
        given = {"username": ann.username, "password": PASSWORD, "answer": "allow"}
        assert browser.post(path, data=given).status_code == 403, path
        given["form_token"] = theirs  # of the attacker's own browser
        assert browser.post(path, data=given).status_code == 403, path
    own = fields(browser.get("/account"))
    for origin in ("https://evil.example", "null", target.url("south")):
        answer = browser.post(
            "/account/sign_out_everywhere", data=own, headers={"origin": origin}
        )
        assert answer.status_code == 403
    assert browser.get("/account").status_code == 200


def test_every_form_is_attacked() -> None:
    routers = (pages, passkeys, recovery, devices, signing_out, account, factors)
    paths = {
        route.path
        for part in (*routers, addresses)
        for route in part.router.routes
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    }
    # Clients' pages may post to these two, which ask the person (OpenID Connect).
    assert paths - {"/authorize", "/end_session"} == set(FORMS)


def test_no_get_changes_anything(target: Target) -> None:
    browser = target.signed_in(target.user())
    for path in FORMS:
        if path not in WITH_PAGE:
            assert browser.get(path).status_code == 405
    assert browser.get("/end_session").status_code == 200  # it asks
    assert browser.get("/account").status_code == 200


def test_a_client_may_send_its_requests_by_post(target: Target) -> None:
    browser = target.signed_in(target.user())
    for path, given in (("/authorize", REQUEST), ("/end_session", {"state": "x y"})):
        repeated = browser.post(path, data=given, headers={"origin": APP})
        assert repeated.status_code == 303
        assert repeated.headers["location"] == f"{path}?{urlencode(given)}"
        assert "set-cookie" not in repeated.headers
        assert browser.get(repeated.headers["location"]).status_code == 200


def test_pages_cannot_be_framed_kept_or_referred_to(target: Target) -> None:
    browser = target.signed_in(target.user())
    for path in ("/sign_in", "/account", "/device", "/end_session", "/authorize"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] in {"no-referrer", "same-origin"}
    assert ask(browser, prompt="none").headers["cache-control"] == "no-store"


def test_each_sign_in_has_a_new_cookie_that_scripts_cannot_read(
    target: Target,
) -> None:
    ann, bob = target.user(), target.user()
    browser = target.signed_in(ann)
    planted = browser.cookies["session"]
    given = {"username": bob.username, "password": PASSWORD}
    answer = browser.post("/sign_in", data=fields(browser.get("/sign_in")) | given)
    kept = answer.headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=lax" in kept
    assert browser.cookies["session"] != planted
    thief = target.browser()
    thief.cookies.set("session", planted)
    assert thief.get("/account").status_code == 303  # the session has ended


def test_a_right_password_helps_no_other_browser(target: Target) -> None:
    ann = target.user()
    browser = target.signed_in(ann)
    page = browser.post("/account/add_totp", data=fields(browser.get("/account")))
    given = fields(page) | {"code": first_code(page)}
    assert browser.post("/account/confirm_totp", data=given).status_code == 200
    victim, thief = target.browser(), target.browser()
    signing_in = {"username": ann.username, "password": PASSWORD}
    page = victim.post("/sign_in", data=fields(victim.get("/sign_in")) | signing_in)
    stolen = {"passed": fields(page)["passed"], "code": "000000"}
    own = fields(thief.get("/sign_in"))
    assert thief.post("/second_factor", data=own | stolen).status_code == 400
    assert victim.post("/second_factor", data=fields(page) | stolen).status_code == 401
    for kind in ("sealed", "then"):  # nor is it a request, or a path
        confused = fields(page) | {kind: stolen["passed"]}
        assert victim.post("/second_factor", data=confused | stolen).status_code >= 400


def test_a_sealed_request_belongs_to_its_browser_and_its_tenant(
    target: Target,
) -> None:
    stolen = fields(ask(target.browser()))["sealed"]
    for code in ("north", "south"):
        browser = target.signed_in(target.user(code), code)
        own = fields(browser.get("/account"))
        given = own | {"sealed": stolen, "user_id": "", "answer": "allow"}
        assert browser.post("/consent", data=given).status_code == 400


def test_a_cookie_and_a_code_of_one_tenant_are_nothing_at_the_other(
    target: Target,
) -> None:
    browser = target.signed_in(target.user())
    code = code_of(browser)
    south = target.browser("south")
    south.cookies.set("session", browser.cookies["session"])
    assert south.get("/account").status_code == 303
    given = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": "spa",
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    assert json_of(south.post("/token", data=given), 400)["error"] == "invalid_grant"
    json_of(browser.post("/token", data=given))
    for host in ("evil.example", f"127.0.0.1:{target.port}.evil.example", ""):
        assert browser.get("/sign_in", headers={"host": host}).status_code in {400, 404}
    forwarded = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    found = browser.get("/.well-known/openid-configuration", headers=forwarded)
    for path in ("/.well-known/openid-configuration", "/jwks"):
        head = browser.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert "access-control-allow-origin" in head.headers
    assert json_of(found)["issuer"] == target.url()


def test_a_browser_left_open_may_not_change_factors(target: Target) -> None:
    user = target.user()
    minted = mint_token("session", user.tenant_id)
    with target.unit() as store:
        assert store.sessions.start(
            tenant_id=user.tenant_id,
            cookie_hash=minted.hash,
            user_id=user.id,
            authenticated_at=datetime.now(UTC) - timedelta(minutes=11),
        )
    browser = target.browser()
    browser.cookies.set("session", minted.token)
    assert browser.get("/account").status_code == 200
    answer = browser.post("/account/add_totp", data={})
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign_in?why=again",
    )
    page = browser.get(answer.headers["location"])
    assert "Sign in again to change how you sign in." in page.text
