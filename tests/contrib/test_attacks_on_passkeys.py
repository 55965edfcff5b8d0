"""Attacks on the ceremonies of passkeys, tried against the running example."""

import html
import json
import re

import httpx
import pytest

from authority_queries.records import User
from tests.contrib.attacking import PASSWORD, Target, fields
from tests.contrib.test_oauth_passkeys import octets_of
from tests.soft_authenticator import SoftAuthenticator

pytestmark = pytest.mark.one_version


def form_of(page: httpx.Response) -> tuple[bytes, dict[str, str]]:
    """Return the challenge of a page, and the fields of its form for a passkey."""
    form = page.text.partition('class="passkey" data-')[2]
    options = re.match(r'\w+="([^"]*)"', form)
    assert options is not None, page.text
    challenge = json.loads(html.unescape(options[1]))["challenge"]
    return octets_of(challenge), fields_of(form.partition("</form>")[0])


def fields_of(form: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found}


def with_passkey(target: Target, user: User) -> tuple[httpx.Client, SoftAuthenticator]:
    """Return a browser in which a user of south has added a passkey."""
    device = SoftAuthenticator(
        user_handle=user.id.bytes, rp_id="localhost", origin=target.url("south")
    )
    browser = target.signed_in(user, "south")
    page = browser.post("/account/add_passkey", data=fields(browser.get("/account")))
    challenge, form = form_of(page)
    form |= {"answer": json.dumps(device.create(challenge)), "name": "Mine"}
    page = browser.post("/account/confirm_passkey", data=form)
    assert "Your recovery codes" in page.text
    return browser, device


def answered(browser: httpx.Client, device: SoftAuthenticator) -> dict[str, str]:
    """Return the form of the sign-in, with the answer of a device."""
    challenge, form = form_of(browser.get("/sign_in"))
    return form | {"answer": json.dumps(device.get(challenge))}


def test_an_answer_serves_one_browser_once(target: Target) -> None:
    ann = target.user("south")
    _, device = with_passkey(target, ann)
    victim, thief = target.browser("south"), target.browser("south")
    given = answered(victim, device)
    token = fields(thief.get("/sign_in"))["form_token"]
    stolen = thief.post("/passkey", data=given | {"form_token": token})
    assert (stolen.status_code, "session" in thief.cookies) == (400, False)
    assert victim.post("/passkey", data=given).headers["location"] == "/account"
    first = victim.cookies["session"]
    assert victim.post("/passkey", data=given).status_code == 401  # replayed
    assert victim.post("/passkey", data=answered(victim, device)).status_code == 303
    assert victim.cookies["session"] != first


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://localhost.evil.example"},
        {"origin": "http://localhost"},
        {"rp_id": "evil.example"},
        {"verifies_user": False},
    ],
    ids=str,
)
def test_an_answer_for_another_site_is_refused(
    target: Target, changed: dict[str, object]
) -> None:
    _, device = with_passkey(target, target.user("south"))
    browser = target.browser("south")
    for name, value in changed.items():
        setattr(device, name, value)
    assert browser.post("/passkey", data=answered(browser, device)).status_code == 401


def test_a_password_needs_the_passkey_of_its_own_user(target: Target) -> None:
    ann, eve = target.user("south"), target.user("south")
    _, of_ann = with_passkey(target, ann)
    _, of_eve = with_passkey(target, eve)
    browser = target.browser("south")
    given = {"username": ann.username, "password": PASSWORD}
    page = browser.post("/sign_in", data=fields(browser.get("/sign_in")) | given)
    assert "session" not in browser.cookies  # a password is not enough any more
    challenge, form = form_of(page)
    wrong = form | {"answer": json.dumps(of_eve.get(challenge))}
    page = browser.post("/second_factor/passkey", data=wrong)
    assert page.status_code == 401
    challenge, form = form_of(page)
    right = form | {"answer": json.dumps(of_ann.get(challenge))}
    assert browser.post("/second_factor/passkey", data=right).status_code == 303
    assert ann.username in browser.get("/account").text


def test_a_site_at_an_address_has_no_passkeys_and_no_script(target: Target) -> None:
    browser = target.signed_in(target.user())
    form = fields(browser.get("/account")) | {"answer": "", "ceremony": "", "name": ""}
    form |= {"sealed": "", "then": ""}
    for path in ("/passkey", "/account/add_passkey", "/account/confirm_passkey"):
        assert browser.post(path, data=form).status_code == 404
    for site, has_script in (("north", False), ("south", True)):
        page = target.browser(site).get("/sign_in")
        policy = page.headers["content-security-policy"]
        assert ("; script-src 'self'" in policy) is has_script
        assert "unsafe" not in policy
        assert ("<script" in page.text) is has_script
        other = target.browser(site).get("/forgot_password")
        assert "script-src" not in other.headers["content-security-policy"]


def test_a_passkey_of_another_person_is_not_removed(target: Target) -> None:
    ann, eve = target.user("south"), target.user("south")
    with_passkey(target, ann)
    thief, _ = with_passkey(target, eve)
    with target.unit("south") as store:
        [of_ann] = store.webauthn_credentials.list_by_user(
            tenant_id=ann.tenant_id, user_id=ann.id
        )
    for chosen in (str(of_ann.id), "x", ""):
        given = fields(thief.get("/account")) | {"credential_id": chosen}
        assert thief.post("/account/remove_passkey", data=given).status_code == 303
    with target.unit("south") as store:
        for user in (ann, eve):
            assert store.webauthn_credentials.list_by_user(
                tenant_id=user.tenant_id, user_id=user.id
            )
