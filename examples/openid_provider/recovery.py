"""A new password by a link in a mail, for a person who has forgotten the old one."""

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.background import BackgroundTask

from examples.openid_provider.account import mail_change
from examples.openid_provider.browser import SHORTEST_PASSWORD, AnyBrowser, Browser
from examples.openid_provider.mail import compose

router = APIRouter()


@router.get("/forgot_password")
async def forgot_page(browser: AnyBrowser) -> Response:
    """Ask for the username or the address."""
    return browser.page("forgot_password")


@router.post("/forgot_password")
async def forgot(browser: AnyBrowser) -> Response:
    """Answer first. Look up the user and send the mail after the answer."""
    name = (await browser.form())["name"].strip()
    refused = await browser.provider.mailed_links.reserve_reset(name, browser.address)
    if refused is not None:
        return browser.page("forgot_password", 429, refused=refused)
    response = browser.page("mail_sent")
    response.background = BackgroundTask(_send, browser, name)
    return response


@router.get("/new_password")
async def new_password_page(browser: AnyBrowser) -> Response:
    """Ask for the new password. The link stays unused: programs open links too."""
    token = browser.request.query_params.get("token", "")
    if not await browser.provider.mailed_links.is_reset(token):
        return browser.page("link_expired", 400)
    return browser.page("new_password", token=token)


@router.post("/new_password")
async def new_password(browser: AnyBrowser) -> Response:
    """Set the new password. It signs nobody in, because a second factor may be due."""
    form = await browser.form()
    token, password = form["token"], form["new_password"]
    if len(password) < SHORTEST_PASSWORD:
        return browser.page("new_password", 400, token=token, is_short=True)
    user = await browser.provider.mailed_links.reset_password(token, password)
    if user is None:
        return browser.page("link_expired", 400)
    response = browser.forget(browser.page("password_set"))
    response.background = BackgroundTask(
        mail_change,
        browser,
        user.email,
        "The password was changed by a link in a mail.",
    )
    return response


async def _send(browser: Browser, name: str) -> None:
    link = await browser.provider.mailed_links.mint_reset(name)
    if link is None:
        return
    await browser.site.mail(
        compose(
            link.email,
            f"A new password for {browser.site.name}",
            f"Somebody has asked for a new password for the account {link.username}.",
            browser.link("new_password", link.token),
            "The link works once, for 30 minutes. If it was not you, do nothing.",
        )
    )
