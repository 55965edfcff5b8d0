"""The password, authenticators and recovery codes, which people change here."""

from collections.abc import Sequence
from uuid import UUID

import segno
from fastapi import APIRouter
from fastapi.responses import Response
from markupsafe import Markup
from starlette.background import BackgroundTask

from authority_queries import AsyncStore, hash_password, mint_totp_secret
from authority_queries.contrib.oauth import Refused, seal, unseal_members
from authority_queries.errors import ConcurrencyConflictError
from authority_queries.records import LiveSession
from authority_queries.secrets import mint_recovery_codes
from examples.openid_provider.account import actor_of, tell
from examples.openid_provider.browser import (
    SHORTEST_PASSWORD,
    Browser,
    SignedIn,
    SignedInLately,
)

_URI = "totp_uri"
router = APIRouter(prefix="/account")


@router.post("/add_totp")
async def add_totp(visit: SignedInLately) -> Response:
    """Show the secret of a new authenticator."""
    browser, session = visit
    await browser.form()
    secret = mint_totp_secret()
    async with browser.provider.unit(actor=actor_of(session)) as store:
        await store.totp_credentials.enroll(
            tenant_id=session.tenant_id,
            user_id=session.user_id,
            secret=secret,
            keyring=browser.provider.settings.keyring,
            name="Authenticator",
        )
    uri = secret.uri(account=session.username, issuer=browser.site.name)
    return _show_secret(browser, uri)


@router.post("/confirm_totp")
async def confirm_totp(visit: SignedInLately) -> Response:
    """Check the first code. Then show the recovery codes."""
    browser, session = visit
    form, settings = await browser.form(), browser.provider.settings
    codes = mint_recovery_codes()
    async with browser.provider.unit(actor=actor_of(session)) as store:
        confirmation = await store.totp_credentials.confirm(
            tenant_id=session.tenant_id,
            user_id=session.user_id,
            code=form["code"].strip(),
            keyring=settings.keyring,
        )
        if confirmation.outcome != "confirmed":
            uri = unseal_members(form["uri"], _URI, settings, browser=browser.token)[
                "uri"
            ]
            return _show_secret(browser, str(uri), is_wrong=True)
        await store.recovery_codes.replace(
            tenant_id=session.tenant_id, user_id=session.user_id, codes=codes
        )
    response = browser.page("recovery_codes", codes=codes, what="authenticator")
    response.background = BackgroundTask(tell, visit, "An authenticator was added.")
    return response


@router.post("/remove_totp")
async def remove_totp(visit: SignedInLately) -> Response:
    """Remove an authenticator, and with the last one the recovery codes."""
    browser, session = visit
    chosen = (await browser.form())["credential_id"]
    tenant_id, user_id = session.tenant_id, session.user_id
    async with browser.provider.unit(actor=actor_of(session)) as store:
        listed = await store.user_credentials.list_by_user(
            tenant_id=tenant_id, user_id=user_id
        )
        if chosen not in {str(each.id) for each in listed if each.kind == "totp"}:
            return browser.redirect("/account")
        await store.totp_credentials.delete(
            tenant_id=tenant_id, user_id=user_id, totp_credential_id=UUID(chosen)
        )
        await forget_codes(store, session)
    response = browser.redirect("/account?done=factor")
    response.background = BackgroundTask(tell, visit, "An authenticator was removed.")
    return response


@router.get("/password")
async def password_page(visit: SignedIn) -> Response:
    """Ask for the new password."""
    browser, session = visit
    return browser.page("password", session=session)


@router.post("/password")
async def password(visit: SignedIn) -> Response:
    """Change the password, and sign out the person's other browsers."""
    browser, session = visit
    form, tenant_id, user_id = await browser.form(), session.tenant_id, session.user_id
    new = form["new_password"]
    if len(new) < SHORTEST_PASSWORD:
        return browser.page("password", 400, session=session, is_short=True)
    checked = await browser.provider.sign_in.check_password(
        session.username, form["password"], browser.address
    )
    if isinstance(checked, Refused):
        return browser.page("password", 401, session=session, refused=checked)
    async with browser.provider.unit(actor=actor_of(session)) as store:
        user = await store.users.get_by_id(tenant_id=tenant_id, user_id=user_id)
        assert user is not None  # noqa: S101 -- the session is live
        try:
            await store.users.set_password_hash(
                tenant_id=tenant_id,
                user_id=user_id,
                row_version=user.row_version,
                password_hash=hash_password(new),
            )
        except ConcurrencyConflictError:
            return browser.page("password", 409, session=session, is_changed=True)
        await store.sessions.end_all(
            tenant_id=tenant_id,
            user_id=user_id,
            kept_session_id=session.id,
            reason="password_changed",
        )
    response = browser.redirect("/account?done=password")
    response.background = BackgroundTask(tell, visit, "The password was changed.")
    return response


async def first_codes(browser: Browser, session: LiveSession) -> Sequence[str]:
    """Create recovery codes for a person who has none. Else return none."""
    tenant_id, user_id = session.tenant_id, session.user_id
    async with browser.provider.unit(actor=actor_of(session)) as store:
        listed = await store.user_credentials.list_by_user(
            tenant_id=tenant_id, user_id=user_id
        )
        if any(each.kind == "recovery_codes" for each in listed):
            return ()
        codes = mint_recovery_codes()
        await store.recovery_codes.replace(
            tenant_id=tenant_id, user_id=user_id, codes=codes
        )
    return codes


async def forget_codes(store: AsyncStore, session: LiveSession) -> None:
    """Delete the recovery codes of a person who has no other factor any more."""
    tenant_id, user_id = session.tenant_id, session.user_id
    listed = await store.user_credentials.list_by_user(
        tenant_id=tenant_id, user_id=user_id
    )
    if all(each.kind == "recovery_codes" for each in listed):
        await store.recovery_codes.delete(tenant_id=tenant_id, user_id=user_id)


def _show_secret(browser: Browser, uri: str, *, is_wrong: bool = False) -> Response:
    settings = browser.provider.settings
    code = segno.make(uri).svg_inline(omitsize=True, dark="#000", light="#fff")
    return browser.page(
        "add_totp",
        400 if is_wrong else 200,
        qr=Markup(code),  # noqa: S704 -- segno wrote it
        secret=uri.partition("secret=")[2].partition("&")[0],
        sealed=seal({"uri": uri}, _URI, settings, browser=browser.token),
        is_wrong=is_wrong,
    )
