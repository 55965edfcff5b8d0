"""What a person does on the pages."""

import base64
import re
import time
from collections.abc import Callable
from typing import TypedDict

from playwright.sync_api import Page

from authority_queries.credentials.totp import TotpSecret
from tests.browser.conftest import PASSWORD

_PERIOD = 30


class Summary(TypedDict):
    """What the client of the tests has received."""

    name: str
    sid: str
    scope: str
    access: str
    refresh: str


def fill_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Fill in the form of the sign-in, and send it."""
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_in(page: Page, site: str, username: str) -> None:
    """Sign in to the account."""
    page.goto(f"{site}/sign_in")
    fill_in(page, username)
    page.wait_for_url(f"{site}/account")


def begin(page: Page, **arguments: str) -> None:
    """Have the client send the browser to the authorization endpoint."""
    with page.expect_navigation(url=re.compile("/authorize")):
        page.evaluate("arguments => { manager.signinRedirect(arguments) }", arguments)


def result(page: Page, title: str = "signed in") -> Summary:
    """Return what the client has, when it is back."""
    page.wait_for_function(f"document.title === '{title}'")
    summary: Summary = page.evaluate("window.result")
    return summary


def enroll(
    page: Page, shot: Callable[[Page, str], None]
) -> tuple[TotpSecret, list[str]]:
    """Add an authenticator on the account page. Return it, and the recovery codes."""
    page.get_by_role("button", name="Add an authenticator").click()
    shot(page, "authenticator")
    page.get_by_text("Type the key instead").click()
    key = page.locator(".key").inner_text()
    padding = "=" * (-len(key) % 8)
    authenticator = TotpSecret(secret=base64.b32decode(key + padding))
    page.get_by_label("The first code").fill(code_of(authenticator))
    page.get_by_role("button", name="Confirm").click()
    return authenticator, page.locator(".codes code").all_inner_texts()


def code_of(authenticator: TotpSecret, *, later: int = 0) -> str:
    """Return the code that the authenticator shows."""
    return authenticator.code(int(time.time()) // _PERIOD + later)
