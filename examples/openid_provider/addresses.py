"""The e-mail address, which people verify on their account."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.background import BackgroundTask

from examples.openid_provider.browser import AnyBrowser, Browser, SignedIn
from examples.openid_provider.mail import compose
from examples.openid_provider.pages import ask_to_sign_in

router = APIRouter()


@router.post("/account/verify_email")
async def send(visit: SignedIn) -> Response:
    """Mail the link that verifies the address."""
    browser, session = visit
    await browser.form()
    response = browser.redirect("/account?done=mailed")
    response.background = BackgroundTask(_send, browser, session.user_id)
    return response


@router.get("/verify_email")
async def verify_page(browser: AnyBrowser) -> Response:
    """Ask the person whose account it is to press a button."""
    token = browser.request.query_params.get("token", "")
    session = await browser.provider.session(browser.session)
    if session is None:
        return ask_to_sign_in(browser, f"/verify_email?{browser.request.url.query}")
    return browser.page("verify_email", token=token, session=session)


@router.post("/verify_email")
async def verify(visit: SignedIn) -> Response:
    """Verify the address of the person who has signed in."""
    browser, session = visit
    token = (await browser.form())["token"]
    links = browser.provider.mailed_links
    if not await links.verify_email(token, session.user_id):
        return browser.page("link_expired", 400)
    return browser.redirect("/account?done=verified")


async def _send(browser: Browser, user_id: UUID) -> None:
    link = await browser.provider.mailed_links.mint_verification(user_id)
    if link is None:
        return
    await browser.site.mail(
        compose(
            link.email,
            f"Your address at {browser.site.name}",
            f"Confirm that this is the address of the account {link.username}:",
            browser.link("verify_email", link.token),
            "The link works once, for a day. If it is not yours, do nothing.",
        )
    )
