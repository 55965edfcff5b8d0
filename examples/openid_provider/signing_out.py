"""Sign-out, at the person's or at a client's request."""

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.responses import Response

from authority_queries.contrib.fastapi import read_request
from authority_queries.contrib.oauth import (
    AskSignOut,
    ErrorPage,
    SignedOut,
    seal,
    unseal_members,
)
from examples.openid_provider.browser import AnyBrowser, Browser

_THEN = "after_sign_out"
router = APIRouter(prefix="/end_session")


@router.get("")
async def end_session_page(browser: AnyBrowser) -> Response:
    """Sign out, or ask (OpenID Connect RP-Initiated Logout 1.0)."""
    provider = browser.provider
    read = await read_request(browser.request, provider.settings.issuer)
    begun = await provider.logout.begin(read, browser.session)
    match begun:
        case ErrorPage(description=description):
            return browser.page("error", 400, description=description)
        case AskSignOut(redirect=redirect, session=session):
            then = "" if redirect is None else redirect.url
            sealed = seal({"url": then}, _THEN, provider.settings)
            return browser.page("sign_out", then=sealed, session=session, target=then)
        case SignedOut(redirect=redirect, frames=frames):
            return _leave(browser, "" if redirect is None else redirect.url, frames)


@router.post("")
async def end_session_by_post(browser: AnyBrowser) -> Response:
    """Repeat the request as a link (RP-Initiated Logout 1.0 section 2)."""
    return await browser.as_link("/end_session")


@router.post("/answer")
async def end_session(browser: AnyBrowser) -> Response:
    """Sign out a person who was asked."""
    form, provider = await browser.form(), browser.provider
    then = unseal_members(form["then"], _THEN, provider.settings)["url"]
    session = await provider.session(browser.session)
    frames = () if session is None else await provider.logout.end_session(session)
    return _leave(browser, str(then), frames)


def _leave(browser: Browser, then: str, frames: Sequence[str]) -> Response:
    """Delete the cookie. Load the frames, if any, then redirect to the client."""
    if then and not frames:
        return browser.forget(browser.redirect(then))
    return browser.forget(browser.page("signed_out", then=then, frames=frames))
