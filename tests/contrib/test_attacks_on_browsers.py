"""Guesses, HTML and injected codes, tried against the running example."""

import httpx
import pytest

from examples.openid_provider.sample import SECRET
from tests.contrib.attacking import (
    APP,
    PASSWORD,
    REQUEST,
    Target,
    ask,
    code_of,
    fields,
    json_of,
    query,
)
from tests.contrib.flows import CHALLENGE, VERIFIER

pytestmark = pytest.mark.one_version

EVIL = "https://evil.example/"
STRANGER = {"redirect_uris": [EVIL], "token_endpoint_auth_method": "none"}


def test_answers_do_not_tell_which_users_exist(target: Target) -> None:
    suspended = target.user()
    with target.unit() as store:
        store.users.update(
            tenant_id=target.tenant_id(),
            user_id=suspended.id,
            row_version=suspended.row_version,
            username=suspended.username,
            email=None,
            display_name="",
            status="suspended",
            attributes={},
        )
    browser = target.browser()
    own = fields(browser.get("/sign_in"))
    answers: list[httpx.Response] = []
    for username, password in (
        (target.user().username, "wrong"),
        (suspended.username, PASSWORD),
        ("nobody", PASSWORD),
    ):
        given = own | {"username": username, "password": password}
        answers.append(browser.post("/sign_in", data=given))
        assert answers[-1].status_code == 401
    assert len({answer.text.count("wrong") for answer in answers}) == 1
    assert len({answer.elapsed.total_seconds() > 0.01 for answer in answers}) == 1


def test_passwords_are_not_guessed_without_a_limit(target: Target) -> None:
    ann, browser = target.user(), target.browser()
    own = fields(browser.get("/sign_in"))
    given = own | {"username": ann.username, "password": "guess"}
    statuses = [browser.post("/sign_in", data=given).status_code for _ in range(11)]
    assert statuses == [*[401] * 10, 429]


def test_user_codes_are_not_guessed_by_answers(target: Target) -> None:
    given = {"client_id": "television", "scope": "openid"}
    device = json_of(target.browser().post("/device_authorization", data=given))
    thief = target.signed_in(target.user())
    own = fields(thief.get("/device"))
    for _ in range(20):
        guess = own | {"user_code": "BCDF-GHJK", "answer": "allow"}
        assert thief.post("/device/answer", data=guess).status_code == 200
    right = own | {"user_code": str(device["user_code"]), "answer": "allow"}
    assert "not connected" in thief.post("/device/answer", data=right).text


def test_a_name_and_a_browser_cannot_write_html(target: Target) -> None:
    name = '"><script>alert(1)</script>'
    registered = json_of(target.register(**STRANGER, client_name=name), 201)
    browser = target.browser()
    browser.headers["user-agent"] = name
    ann = target.user()
    given = {"username": ann.username, "password": PASSWORD}
    browser.post("/sign_in", data=fields(browser.get("/sign_in")) | given)
    wanted = {"client_id": str(registered["client_id"]), "redirect_uri": EVIL}
    consent = ask(browser, **wanted)
    assert "evil.example" in consent.text  # where the person goes
    pages = (
        consent,
        ask(target.browser(), **wanted),
        browser.get("/account"),
        browser.get("/device", params={"user_code": name}),
    )
    for page in pages:
        assert page.status_code == 200
        assert "<script" not in page.text


def test_a_code_needs_the_verifier_of_its_own_request(target: Target) -> None:
    browser = target.signed_in(target.user())
    client = {"client_id": "notes", "redirect_uri": f"{APP}/callback"}
    given = {"grant_type": "authorization_code", **client, "code_verifier": VERIFIER}
    secret = ("notes", SECRET)
    del given["client_id"]
    # RFC 9700 section 4.8.2: an attacker has removed the challenge from the request.
    downgraded = ask(browser, **client, code_challenge="", code_challenge_method="")
    assert downgraded.status_code in {200, 303}
    if downgraded.status_code == 200:
        allowed = fields(downgraded) | {"answer": "allow"}
        downgraded = browser.post("/consent", data=allowed)
    code = query(downgraded).get("code")
    if code is not None:
        answer = browser.post("/token", data={**given, "code": code}, auth=secret)
        assert json_of(answer, 400)["error"] == "invalid_grant"
    plain = ask(browser, **client, code_challenge_method="plain")
    assert plain.status_code == 400 or query(plain)["error"] == "invalid_request"
    injected = {**given, "code": code_of(browser, **client), "code_verifier": "x" * 43}
    answer = browser.post("/token", data=injected, auth=secret)
    assert json_of(answer, 400)["error"] == "invalid_grant"


def test_a_request_uri_serves_one_client_once(target: Target) -> None:
    browser = target.browser()
    pushed = json_of(browser.post("/par", data={**REQUEST, "state": "pushed"}), 201)
    reference = {"request_uri": str(pushed["request_uri"])}
    assert ask(browser, **reference, client_id="television").status_code == 400
    page = ask(browser, **reference, state="changed", redirect_uri=EVIL)
    assert page.status_code == 200
    assert ask(browser, **reference).status_code == 400
    assert CHALLENGE not in page.text
