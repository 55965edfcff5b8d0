"""The page on which a person connects a device (RFC 8628 section 3.3)."""

from fastapi import APIRouter
from fastapi.responses import Response

from examples.openid_provider.browser import AnyBrowser, SignedIn
from examples.openid_provider.explaining import explain
from examples.openid_provider.pages import ask_to_sign_in

router = APIRouter(prefix="/device")


@router.get("")
async def device_page(browser: AnyBrowser) -> Response:
    """Ask for the code that the device shows."""
    if await browser.provider.session(browser.session) is None:
        query = browser.request.url.query
        return ask_to_sign_in(browser, f"/device?{query}" if query else "/device")
    code = browser.request.query_params.get("user_code", "")
    return browser.page("device", code=code)


@router.post("")
async def device(visit: SignedIn) -> Response:
    """Show the device's request. Never approve it in one step."""
    browser, session = visit
    code, cookie = (await browser.form())["user_code"], browser.session or ""
    found = await browser.provider.device_pages.find(code, cookie, browser.address)
    if found is None:
        return browser.page("device", 400, code=code, is_wrong=True)
    return browser.page(
        "device_consent",
        code=code,
        found=found,
        session=session,
        scopes=await explain(browser.provider, found.scopes),
    )


@router.post("/answer")
async def answer(visit: SignedIn) -> Response:
    """Approve or deny the device."""
    browser, _ = visit
    form, pages = await browser.form(), browser.provider.device_pages
    code, cookie = form["user_code"], browser.session or ""
    if form["answer"] != "allow":
        await pages.deny(code, cookie)
        return browser.page("device_done", outcome="denied")
    outcome = await pages.approve(code, cookie)
    return browser.page("device_done", outcome=outcome)
