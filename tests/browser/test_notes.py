"""The sample application, which signs in with Authlib and calls an API, in Chromium."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from examples.notes.api import FIRST_NOTE
from tests.browser.conftest import CHROMIUM, Sites
from tests.browser.steps import fill_in

pytestmark = [
    pytest.mark.one_version,
    pytest.mark.skipif(
        CHROMIUM is None, reason="not run: Debian's package chromium is not installed"
    ),
]
_PATIENCE = 15


def _sign_in(page: Page, app: str, username: str) -> None:
    """Sign in at the application, and allow it to read the notes."""
    page.goto(app)
    page.get_by_role("link", name="Sign in").click()
    fill_in(page, username)
    page.get_by_role("button", name="Allow").click()
    expect(page).to_have_url(f"{app}/")


def test_a_web_application_signs_in_calls_its_api_and_signs_out(
    page: Page, sites: Sites, shot: Callable[[Page, str], None]
) -> None:
    _sign_in(page, sites.notes, sites.user())
    expect(page.get_by_text("You are Cat Carter")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_text([FIRST_NOTE])
    page.get_by_label("New note").fill("Buy <milk>")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("listitem")).to_have_text([FIRST_NOTE, "Buy <milk>"])
    shot(page, "notes")
    session = list(sites.sessions.by_id.values())[-1]
    old, session.tokens = session.tokens, {**session.tokens, "expires_at": 1}
    page.reload()  # with a new access token
    expect(page.get_by_role("listitem")).to_have_text([FIRST_NOTE, "Buy <milk>"])
    assert session.tokens["access_token"] != old["access_token"]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("You are signed out")
    page.goto(f"{sites.north}/account")
    expect(page).to_have_url(f"{sites.north}/sign_in")


def test_a_sign_out_at_the_issuer_ends_the_session_of_the_application(
    page: Page, sites: Sites
) -> None:
    before = len(sites.sessions.by_id)
    _sign_in(page, sites.notes, sites.user())
    assert len(sites.sessions.by_id) == before + 1
    page.get_by_role("link", name="your account page").click()
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("You are signed out")
    end = time.monotonic() + _PATIENCE
    # The notice comes without a request of the browser.
    while len(sites.sessions.by_id) > before:
        assert time.monotonic() < end
        page.wait_for_timeout(50)
    page.goto(sites.notes)
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_an_application_without_access_forgets_its_session(
    page: Page, sites: Sites
) -> None:
    _sign_in(page, sites.notes, sites.user())
    page.goto(f"{sites.north}/account")
    page.get_by_role("button", name="Remove: Notes").click()
    expect(page.get_by_role("status")).to_contain_text("no access any more")
    page.goto(sites.notes)
    expect(page.get_by_role("status")).to_contain_text("Your session has ended")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("status")).to_contain_text("You have not allowed")


def test_people_of_two_tenants_have_sessions_and_notes_of_their_own(
    context: BrowserContext, page: Page, sites: Sites
) -> None:
    _sign_in(page, sites.notes, sites.user())
    page.get_by_label("New note").fill("North")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("listitem")).to_have_text([FIRST_NOTE, "North"])
    _sign_in(page, sites.south_notes, sites.user("south"))
    expect(page.get_by_role("listitem")).to_have_text([FIRST_NOTE])
    kept = context.cookies(sites.notes)
    found = {each.get("name"): each.get("value") for each in kept}
    planted = {"name": "notes", "value": found["notes"], "url": sites.south_notes}
    context.add_cookies([planted])  # type: ignore[list-item]  # a TypedDict's keys
    page.goto(sites.south_notes)
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
