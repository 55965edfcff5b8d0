"""The page on which people see their sessions, applications and second factor."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from authority_queries import Actor, mint_totp_secret
from authority_queries.records import LiveSession
from authority_queries.secrets import mint_recovery_codes
from examples.openid_provider.browser import SignedIn

router = APIRouter(prefix="/account")


@router.get("")
async def account(visit: SignedIn) -> Response:
    browser, session = visit
    of_user = {"tenant_id": session.tenant_id, "user_id": session.user_id}
    async with browser.provider.unit() as store:
        return browser.page(
            "account",
            session=session,
            sessions=(await store.sessions.list_by_user(**of_user)).items,
            consents=(await store.consents.list_by_user(**of_user)).items,
            credentials=await store.user_credentials.list_by_user(**of_user),
        )


@router.post("/end_session")
async def end_session(visit: SignedIn) -> Response:
    browser, session = visit
    form = await browser.form()
    async with browser.provider.unit(actor=_actor(session)) as store:
        chosen = await store.sessions.get_by_id(
            tenant_id=session.tenant_id, session_id=UUID(form["session_id"])
        )
        if chosen is not None and chosen.user_id == session.user_id:
            await store.sessions.end(
                tenant_id=session.tenant_id,
                session_id=chosen.id,
                reason="ended_by_user",
            )
    return browser.redirect("/account")


@router.post("/sign_out_everywhere")
async def sign_out_everywhere(visit: SignedIn) -> Response:
    browser, session = visit
    await browser.form()
    of_user = {"tenant_id": session.tenant_id, "user_id": session.user_id}
    async with browser.provider.unit(actor=_actor(session)) as store:
        await store.users.revoke_tokens(**of_user)
        await store.sessions.end_all(**of_user, reason="signed_out_everywhere")
    return browser.forget(browser.redirect("/sign_in"))


@router.post("/revoke_consent")
async def revoke_consent(visit: SignedIn) -> Response:
    browser, session = visit
    form = await browser.form()
    async with browser.provider.unit(actor=_actor(session)) as store:
        await store.consents.revoke(
            tenant_id=session.tenant_id,
            user_id=session.user_id,
            client_id=form["client_id"],
            reason="withdrawn_by_user",
        )
    return browser.redirect("/account")


@router.post("/add_totp")
async def add_totp(visit: SignedIn) -> Response:
    browser, session = visit
    await browser.form()
    secret = mint_totp_secret()
    async with browser.provider.unit(actor=_actor(session)) as store:
        await store.totp_credentials.enroll(
            tenant_id=session.tenant_id,
            user_id=session.user_id,
            secret=secret,
            keyring=browser.provider.settings.keyring,
            name="Authenticator",
        )
    uri = secret.uri(account=session.username, issuer=browser.provider.settings.issuer)
    return browser.page("add_totp", uri=uri)


@router.post("/confirm_totp")
async def confirm_totp(visit: SignedIn) -> Response:
    browser, session = visit
    form = await browser.form()
    of_user = {"tenant_id": session.tenant_id, "user_id": session.user_id}
    codes = mint_recovery_codes()
    async with browser.provider.unit(actor=_actor(session)) as store:
        confirmation = await store.totp_credentials.confirm(
            **of_user,
            code=form["code"].strip(),
            keyring=browser.provider.settings.keyring,
        )
        if confirmation.outcome != "confirmed":
            return browser.page("add_totp", 400, uri=None)
        await store.recovery_codes.replace(**of_user, codes=codes)
    return browser.page("recovery_codes", codes=codes)


def _actor(session: LiveSession) -> Actor:
    return Actor(user_id=session.user_id)
