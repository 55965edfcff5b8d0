"""Passkeys: signing in with one, and those of the account."""

from typing import TypeAlias
from uuid import UUID

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response
from starlette.background import BackgroundTask

from authority_queries.contrib.oauth import Refused
from authority_queries.contrib.oauth.passkeys import AsyncPasskeys
from authority_queries.records import LiveSession
from examples.openid_provider.account import actor_of, tell
from examples.openid_provider.browser import AnyBrowser, Browser, SignedInLately
from examples.openid_provider.factors import first_codes, forget_codes
from examples.openid_provider.pages import (
    Goal,
    show_second_factor,
    show_sign_in,
    start,
)

router = APIRouter()
_Visit: TypeAlias = tuple[Browser, LiveSession]


@router.post("/passkey")
async def sign_in(browser: AnyBrowser) -> Response:
    """Sign in the owner of the passkey."""
    form, passkeys = await browser.form(), _passkeys(browser)
    goal = Goal(form["sealed"], form["then"])
    checked = await passkeys.check(
        form["answer"],
        form["ceremony"],
        browser=browser.token,
        address=browser.address,
    )
    if isinstance(checked, Refused):
        return show_sign_in(browser, goal, checked, why="passkey")
    return await start(browser, goal, checked)


@router.post("/second_factor/passkey")
async def second_factor(browser: AnyBrowser) -> Response:
    """Check a passkey of the person with a right password."""
    form, passkeys = await browser.form(), _passkeys(browser)
    goal = Goal(form["sealed"], form["then"])
    passed = browser.provider.sign_in.unseal(form["passed"], browser=browser.token)
    checked = await passkeys.check(
        form["answer"],
        form["ceremony"],
        browser=browser.token,
        address=browser.address,
        passed=passed,
    )
    if isinstance(checked, Refused):
        return await show_second_factor(browser, goal, passed, checked)
    return await start(browser, goal, checked)


@router.post("/account/add_passkey")
async def add(visit: SignedInLately) -> Response:
    """Ask the browser for a new passkey."""
    await visit[0].form()
    return await _ask(visit)


@router.post("/account/confirm_passkey")
async def confirm(visit: SignedInLately) -> Response:
    """Store the new passkey. With the first factor, show recovery codes."""
    browser, session = visit
    form = await browser.form()
    outcome = await _passkeys(browser).register(
        form["answer"],
        form["ceremony"],
        user_id=session.user_id,
        browser=browser.token,
        name=form["name"][:100],
    )
    if outcome != "enrolled":
        return await _ask(visit, is_wrong=True)
    codes = await first_codes(browser, session)
    response = (
        browser.page("recovery_codes", codes=codes, what="passkey")
        if codes
        else browser.redirect("/account?done=new_passkey")
    )
    response.background = BackgroundTask(tell, visit, "A passkey was added.")
    return response


@router.post("/account/remove_passkey")
async def remove(visit: SignedInLately) -> Response:
    """Remove a passkey, and with the last factor the recovery codes."""
    browser, session = visit
    chosen = (await browser.form())["credential_id"]
    tenant_id, user_id = session.tenant_id, session.user_id
    async with browser.provider.unit(actor=actor_of(session)) as store:
        own = await store.webauthn_credentials.list_by_user(
            tenant_id=tenant_id, user_id=user_id
        )
        if chosen not in {str(each.id) for each in own}:
            return browser.redirect("/account")
        await store.webauthn_credentials.delete(
            tenant_id=tenant_id, user_id=user_id, webauthn_credential_id=UUID(chosen)
        )
        await forget_codes(store, session)
    response = browser.redirect("/account?done=passkey")
    response.background = BackgroundTask(tell, visit, "A passkey was removed.")
    return response


async def _ask(visit: _Visit, *, is_wrong: bool = False) -> Response:
    browser, session = visit
    asked = await _passkeys(browser).begin_registration(
        session.user_id, browser=browser.token
    )
    return browser.page(
        "add_passkey",
        400 if is_wrong else 200,
        passkey=asked,
        is_wrong=is_wrong,
        script="passkeys",
    )


def _passkeys(browser: Browser) -> AsyncPasskeys:
    passkeys = browser.site.passkeys
    if passkeys is None:
        raise HTTPException(404, "this address has no passkeys")
    return passkeys
