"""The pages of the example, and oidc-client-ts, in Chromium."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import CHROMIUM, PASSWORD, Sites
from tests.browser.steps import begin, code_of, enroll, fill_in, result, sign_in

pytestmark = [
    pytest.mark.one_version,
    pytest.mark.skipif(
        CHROMIUM is None, reason="not run: Debian's package chromium is not installed"
    ),
]
Shot = Callable[[Page, str], None]


def test_a_client_signs_in_refreshes_and_signs_out(
    client_page: Page, sites: Sites, shot: Shot
) -> None:
    page = client_page
    begin(page, scope="openid profile notes.read offline_access")
    shot(page, "sign_in")
    fill_in(page, sites.user())
    expect(page.get_by_text("Read your notes")).to_be_visible()
    expect(page.get_by_text("Stay connected")).to_be_visible()
    shot(page, "consent")
    page.get_by_role("button", name="Allow").click()
    first = result(page)
    assert first["name"] == "Cat Carter"
    assert first["refresh"]
    second = page.evaluate("manager.signinSilent().then(summary)")
    assert (second["sid"], second["name"]) == (first["sid"], "Cat Carter")
    assert second["access"] != first["access"]
    assert second["refresh"] != first["refresh"]
    page.evaluate("() => { manager.signoutRedirect() }")
    page.wait_for_url(f"{sites.north}/end_session**")
    expect(page.get_by_role("heading")).to_have_text("You are signed out")
    page.wait_for_url(f"{sites.app}/**")  # the page goes on by itself
    [frame] = [url for url in sites.requests if "/frame.html" in url]
    query = parse_qs(urlsplit(frame).query)
    assert query == {"iss": [sites.north], "sid": [first["sid"]]}
    page.goto(f"{sites.north}/account")
    expect(page).to_have_url(f"{sites.north}/sign_in")


def test_a_hidden_frame_signs_in_while_the_session_lives(
    client_page: Page, sites: Sites
) -> None:
    page = client_page
    begin(page)
    fill_in(page, sites.user())
    page.get_by_role("button", name="Allow").click()
    first = result(page)
    frame = (
        "manager.signinSilent({forceIframeAuth: true})"
        ".then(summary, error => error.error)"
    )
    second = page.evaluate(frame)
    assert second["sid"] == first["sid"]
    assert second["access"] != first["access"]
    page.context.clear_cookies()
    assert page.evaluate(frame) == "login_required"


def test_a_client_hears_that_the_person_denies(client_page: Page, sites: Sites) -> None:
    begin(client_page)
    fill_in(client_page, sites.user())
    client_page.get_by_role("button", name="Deny").click()
    client_page.wait_for_function("document.title === 'access_denied'")


def test_wrong_passwords_are_refused_and_then_too_many(
    client_page: Page, sites: Sites, shot: Shot
) -> None:
    page, username = client_page, sites.user()
    begin(page)
    sites.guess(username, 9)
    fill_in(page, username, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("is wrong")
    fill_in(page, username)
    expect(page.get_by_role("alert")).to_contain_text("Too many attempts")
    shot(page, "throttled")
    assert page.get_by_label("Username").input_value() == username
    fill_in(page, sites.user())  # and the client's request is still there
    page.get_by_role("button", name="Allow").click()
    result(page)


def test_a_second_factor_is_added_and_asked_for(
    client_page: Page, sites: Sites, shot: Shot
) -> None:
    page, username = client_page, sites.user()
    sign_in(page, sites.north, username)
    authenticator, codes = enroll(page, shot)
    assert len(codes) == 10
    page.get_by_text("I have kept them").click()
    expect(page.get_by_text("10 left")).to_be_visible()
    page.context.clear_cookies()
    page.goto(f"{sites.app}/?issuer={sites.north}")
    begin(page, acr_values="urn:example:two-factors")
    fill_in(page, username)
    shot(page, "second_factor")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
    page.get_by_label("Code").fill(code_of(authenticator, later=1))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow").click()
    result(page)
    page.context.clear_cookies()
    page.goto(f"{sites.north}/sign_in")
    fill_in(page, username)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("9 left")).to_be_visible()
    page.get_by_role("button", name="Remove: Authenticator").click()
    expect(page.get_by_text("Recovery codes")).to_have_count(0)


def test_a_request_for_two_factors_names_the_way_to_add_one(
    client_page: Page, sites: Sites
) -> None:
    begin(client_page, acr_values="urn:example:two-factors")
    fill_in(client_page, sites.user())
    expect(client_page.get_by_role("alert")).to_contain_text("requires two factors")
    client_page.get_by_role("link", name="Your account").click()
    expect(client_page.get_by_role("heading", level=1)).to_have_text("Cat Carter")


def test_a_device_is_connected_listed_and_disconnected(
    page: Page, sites: Sites, shot: Shot
) -> None:
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}
    scope = {"client_id": "television", "scope": "openid notes.read offline_access"}
    with httpx.Client(base_url=sites.north, trust_env=False) as television:
        begun = television.post("/device_authorization", data=scope).json()
        page.goto(begun["verification_uri_complete"])
        fill_in(page, sites.user())  # and goes on with the device
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading")).to_have_text("Connect The television?")
        shot(page, "device")
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Go on at the device")
        form = {**grant, "client_id": "television", "device_code": begun["device_code"]}
        answer = television.post("/token", data=form).json()
        page.goto(f"{sites.north}/account")
        shot(page, "account")
        page.get_by_role("button", name="Disconnect: The television").click()
        expect(page.get_by_text("No device is connected")).to_be_visible()
        bearer = {"authorization": f"Bearer {answer['access_token']}"}
        assert television.get("/userinfo", headers=bearer).status_code == 401


def test_pages_need_no_script_and_no_mouse(chromium: Browser, sites: Sites) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page, username = context.new_page(), sites.user()
    page.goto(sites.north)
    for _ in range(3):  # past the link to the content, and the name
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign_in")
    for text in (username, "Tab", PASSWORD):
        page.keyboard.press(text) if text == "Tab" else page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    focused = page.locator(":focus")
    for _ in range(20):
        page.keyboard.press("Tab")
        if focused.inner_text() == "Sign out everywhere":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("All your browsers")
    context.close()


def test_another_browser_is_signed_out_by_a_new_password(
    chromium: Browser, page: Page, sites: Sites
) -> None:
    username, other = sites.user(), chromium.new_context()
    elsewhere = other.new_page()
    for each in (page, elsewhere):
        sign_in(each, sites.north, username)
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill("another long password")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_role("status")).to_contain_text("Your password is changed")
    elsewhere.reload()
    expect(elsewhere).to_have_url(f"{sites.north}/sign_in")
    fill_in(elsewhere, username, "another long password")
    expect(elsewhere).to_have_url(f"{sites.north}/account")
    other.close()


def test_a_form_of_another_origin_is_refused(page: Page, sites: Sites) -> None:
    sign_in(page, sites.north, sites.user())
    page.goto(f"{sites.app}/")
    with page.expect_navigation():
        page.evaluate(
            """url => {
                const form = document.body.appendChild(document.createElement("form"));
                form.method = "post";
                form.action = url;
                form.submit();
            }""",
            f"{sites.north}/account/sign_out_everywhere",
        )
    expect(page.get_by_role("alert")).to_contain_text("of another site")
    page.goto(f"{sites.north}/account")
    expect(page.get_by_role("heading", level=1)).to_have_text("Cat Carter")


def test_no_page_shows_in_a_frame_or_runs_a_script(page: Page, sites: Sites) -> None:
    answer = page.goto(f"{sites.north}/sign_in")
    assert answer is not None
    headers = answer.headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    page.goto(f"{sites.app}/")
    page.evaluate(
        """url => new Promise(loaded => {
            const frame = document.createElement("iframe");
            frame.onload = loaded;
            frame.src = url;
            document.body.append(frame);
        })""",
        f"{sites.north}/sign_in",
    )
    assert page.frames[1].get_by_label("Username").count() == 0


def test_two_tenants_do_not_share_a_session(
    context: BrowserContext, page: Page, sites: Sites
) -> None:
    sign_in(page, sites.north, sites.user())
    [cookie] = [each for each in context.cookies() if each.get("name") == "session"]
    planted = {"name": "session", "value": str(cookie.get("value")), "url": sites.south}
    context.add_cookies([planted])  # type: ignore[list-item]  # a TypedDict's keys
    page.goto(f"{sites.south}/account")
    expect(page).to_have_url(f"{sites.south}/sign_in")
    fill_in(page, sites.user("south"))
    expect(page).to_have_url(f"{sites.south}/account")


def test_pages_read_well_in_the_dark_and_on_a_phone(
    chromium: Browser, sites: Sites, shot: Shot
) -> None:
    context = chromium.new_context(
        viewport={"width": 380, "height": 640}, color_scheme="dark", is_mobile=True
    )
    page = context.new_page()
    sign_in(page, sites.south, sites.user("south"))
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 380  # nothing is beside the screen
    shot(page, "account_phone")
    context.close()
