"""Passkeys and links in mails, in Chromium with a virtual authenticator."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import CHROMIUM, Sites
from tests.browser.steps import fill_in, sign_in

pytestmark = [
    pytest.mark.one_version,
    pytest.mark.skipif(
        CHROMIUM is None, reason="not run: Debian's package chromium is not installed"
    ),
]
Shot = Callable[[Page, str], None]
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "defaultBackupEligibility": True,
    "defaultBackupState": True,
}


@pytest.fixture
def device(page: Page) -> CDPSession:
    """An authenticator of the browser, whose owner touches it at once."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return session


def add_passkey(page: Page, sites: Sites) -> str:
    """Create a user with a passkey, sign out, and return the username."""
    username = sites.user("south")
    sign_in(page, sites.south, username)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("Its name").fill("Laptop")
    page.get_by_role("button", name="Create the passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    page.get_by_text("I have kept them").click()
    expect(page.get_by_text("Laptop")).to_be_visible()
    page.context.clear_cookies()
    return username


def test_a_passkey_signs_in_until_it_is_removed(
    page: Page, device: CDPSession, sites: Sites, shot: Shot
) -> None:
    username = add_passkey(page, sites)
    page.goto(f"{sites.south}/sign_in")
    shot(page, "sign_in_passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{sites.south}/account")
    expect(page.get_by_text("with two factors")).to_be_visible()
    page.get_by_role("button", name="Remove: Laptop").click()
    expect(page.get_by_role("status")).to_have_text("The passkey is removed.")
    expect(page.get_by_text("Recovery codes")).to_have_count(0)
    page.context.clear_cookies()
    page.goto(f"{sites.south}/sign_in")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("was not accepted")
    fill_in(page, username)  # nothing but the password is left
    page.wait_for_url(f"{sites.south}/account")


def test_an_answer_is_refused_again_and_at_another_tenant(
    page: Page, device: CDPSession, sites: Sites
) -> None:
    add_passkey(page, sites)
    page.goto(f"{sites.south}/sign_in")
    with page.expect_request("**/passkey") as sent:
        page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{sites.south}/account")
    form = sent.value.post_data_json
    assert form is not None
    assert json.loads(form["answer"])["type"] == "public-key"
    again = page.request.post(f"{sites.south}/passkey", form=form)
    assert again.status == 401
    assert page.request.post(f"{sites.north}/passkey", form=form).status == 403


def test_a_passkey_is_the_second_factor_of_a_password(
    page: Page, device: CDPSession, sites: Sites
) -> None:
    username = add_passkey(page, sites)
    page.goto(f"{sites.south}/sign_in")
    fill_in(page, username)
    expect(page.get_by_label("Code")).to_be_visible()  # or one of the recovery codes
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{sites.south}/account")
    expect(page.get_by_text("with two factors")).to_be_visible()


def test_a_device_without_a_passkey_is_told(
    page: Page, device: CDPSession, sites: Sites
) -> None:
    page.goto(f"{sites.south}/sign_in")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("did not work")
    assert page.url == f"{sites.south}/sign_in"


def test_without_scripts_or_a_host_name_no_passkey_is_offered(
    chromium: Browser, page: Page, sites: Sites
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    without = context.new_page()
    sign_in(without, sites.south, sites.user("south"))
    assert not without.get_by_text("Add a passkey").is_visible()
    without.goto(f"{sites.south}/sign_in")
    assert not without.get_by_text("Use a passkey").is_visible()
    context.close()
    page.goto(f"{sites.north}/sign_in")
    assert page.get_by_text("Use a passkey").count() == 0


def test_a_forgotten_password_is_replaced_by_a_mail(
    page: Page, sites: Sites, shot: Shot
) -> None:
    username = sites.user()
    page.goto(f"{sites.north}/sign_in")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Username or e-mail").fill(username)
    shot(page, "forgot_password")
    page.get_by_role("button", name="Send the mail").click()
    expect(page.get_by_role("status")).to_contain_text("a mail is on its way")
    referrers: list[str | None] = []
    page.on("request", lambda sent: referrers.append(sent.all_headers().get("referer")))
    page.goto(sites.link_to("new_password", username))
    page.get_by_label("New password").fill("another long password")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("status")).to_contain_text("signed out")
    page.get_by_role("link", name="Sign in").click()
    fill_in(page, username, "another long password")
    page.wait_for_url(f"{sites.north}/account")
    assert f"{sites.north}/" in referrers  # of the style sheet and the form
    assert not any("token" in (each or "") for each in referrers)
    page.get_by_role("button", name="Verify").click()
    page.goto(sites.link_to("verify_email", username))
    page.get_by_role("button", name="Confirm the address").click()
    expect(page.get_by_text("Your e-mail address is verified")).to_be_visible()
