"""The pages of an issuer: sign-in, consent, device, account, sign-out."""

from fastapi import APIRouter
from fastapi.responses import Response

from authority_queries.contrib.oauth import (
    AskConsent,
    AskSignOut,
    AuthorizationRequest,
    Decision,
    ErrorPage,
    Passed,
    Redirect,
    Refused,
    SignIn,
    seal,
    unseal,
    unseal_members,
)
from authority_queries.contrib.oauth import Request as OAuthRequest
from examples.openid_provider.browser import AnyBrowser, Browser
from examples.openid_provider.issuers import PASSWORD, TWO_FACTORS

_THEN = "after_sign_out"


router = APIRouter()


@router.get("/authorize")
async def authorize(browser: AnyBrowser) -> Response:
    begun = await browser.provider.authorization.begin(_read(browser))
    if isinstance(begun, AuthorizationRequest):
        return await _decide(browser, begun)
    return _show(browser, begun)


@router.get("/sign_in")
async def sign_in_page(browser: AnyBrowser) -> Response:
    return browser.page("sign_in", sealed="")


@router.post("/sign_in")
async def sign_in(browser: AnyBrowser) -> Response:
    form = await browser.form()
    checked = await browser.provider.sign_in.check_password(
        form["username"], form["password"], browser.address
    )
    return await _after(browser, form.get("sealed", ""), checked, page="sign_in")


@router.post("/second_factor")
async def second_factor(browser: AnyBrowser) -> Response:
    form = await browser.form()
    passed = browser.provider.sign_in.unseal(form["passed"])
    checked = await browser.provider.sign_in.check_code(
        passed, form["code"], browser.address
    )
    if isinstance(checked, Refused):
        return _ask_again(
            browser, "second_factor", checked, form["sealed"], passed=form["passed"]
        )
    return await _after(browser, form["sealed"], checked, page="second_factor")


@router.post("/consent")
async def consent(browser: AnyBrowser) -> Response:
    provider, form = browser.provider, await browser.form()
    asked = unseal(form["sealed"], provider.settings)
    session = await provider.session(browser.session)
    if form.get("answer") != "allow":
        return _show(browser, provider.authorization.deny(asked))
    if session is None:
        return await _decide(browser, asked)
    await provider.authorization.consent(asked, session.user_id)
    return await _decide(browser, asked, is_consented=True)


@router.get("/device")
async def device_page(browser: AnyBrowser) -> Response:
    if await browser.provider.session(browser.session) is None:
        return browser.redirect("/sign_in")
    return browser.page(
        "device", code=browser.request.query_params.get("user_code", "")
    )


@router.post("/device")
async def device(browser: AnyBrowser) -> Response:
    pages, form = browser.provider.device_pages, await browser.form()
    code, cookie = form["user_code"], browser.session or ""
    match form.get("answer"):
        case "allow":
            outcome = await pages.approve(code, cookie)
            return browser.page("device_done", is_allowed=outcome == "approved")
        case "deny":
            await pages.deny(code, cookie)
            return browser.page("device_done", is_allowed=False)
    found = await pages.find(code, cookie, browser.address)
    if found is None:
        return browser.page("device", 400, code=code, is_wrong=True)
    return browser.page("device", code=code, found=found)


@router.get("/end_session")
async def end_session_page(browser: AnyBrowser) -> Response:
    settings = browser.provider.settings
    begun = await browser.provider.logout.begin(_read(browser), browser.session)
    if isinstance(begun, ErrorPage):
        return _show(browser, begun)
    if isinstance(begun, AskSignOut):
        then = "" if begun.redirect is None else begun.redirect.url
        return browser.page("sign_out", then=seal({"url": then}, _THEN, settings))
    target = "/sign_in" if begun.redirect is None else begun.redirect.url
    return browser.forget(browser.redirect(target))


@router.post("/end_session")
async def end_session(browser: AnyBrowser) -> Response:
    form = await browser.form()
    session = await browser.provider.session(browser.session)
    if session is not None:
        await browser.provider.logout.end_session(session.id)
    then = unseal_members(form["then"], _THEN, browser.provider.settings)
    return browser.forget(browser.redirect(str(then["url"]) or "/sign_in"))


async def _after(
    browser: Browser, sealed: str, checked: Passed | Refused, *, page: str
) -> Response:
    """Go on after a check: ask again, ask for the second factor, or start."""
    provider = browser.provider
    if isinstance(checked, Refused):
        return _ask_again(browser, page, checked, sealed)
    if checked.factors and "mfa" not in checked.amr:
        passed = checked.seal(provider.settings)
        return browser.page("second_factor", sealed=sealed, passed=passed)
    cookie = await provider.sign_in.start(
        checked,
        acr=TWO_FACTORS if "mfa" in checked.amr else PASSWORD,
        address=browser.address,
        user_agent=browser.user_agent,
    )
    if cookie is None:
        return _ask_again(browser, "sign_in", Refused(), sealed)
    if not sealed:
        return browser.redirect("/account", session=cookie)
    asked = unseal(sealed, provider.settings)
    response = _show(browser, await provider.authorization.decide(asked, cookie))
    return browser.keep_session(response, cookie)


async def _decide(
    browser: Browser, asked: AuthorizationRequest, *, is_consented: bool = False
) -> Response:
    decision = await browser.provider.authorization.decide(
        asked, browser.session, is_consented=is_consented
    )
    return _show(browser, decision)


def _show(browser: Browser, decision: Decision) -> Response:
    settings = browser.provider.settings
    match decision:
        case Redirect(url=url):
            return browser.redirect(url)
        case ErrorPage(description=description):
            return browser.page("error", 400, description=description)
        case SignIn(request=asked, client=client):
            return browser.page(
                "sign_in",
                sealed=asked.seal(settings),
                client=client,
                target=asked.redirect_uri,
            )
        case AskConsent(request=asked, client=client):
            return browser.page(
                "consent",
                sealed=asked.seal(settings),
                client=client,
                asked=asked,
                target=asked.redirect_uri,
            )


def _ask_again(
    browser: Browser, page: str, refused: Refused, sealed: str, **values: object
) -> Response:
    status = 401 if refused.retry_after is None else 429
    return browser.page(page, status, sealed=sealed, refused=refused, **values)


def _read(browser: Browser) -> OAuthRequest:
    request = browser.request
    return OAuthRequest(
        method=request.method,
        url=browser.provider.settings.issuer + request.url.path,
        parameters=request.query_params.multi_items(),
    )
