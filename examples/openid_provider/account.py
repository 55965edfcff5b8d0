"""The page on which people see and end their sessions and connections."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from authority_queries import Actor, AsyncStore
from authority_queries.records import Authorization, Client, Consent, LiveSession
from examples.openid_provider.browser import Browser, SignedIn
from examples.openid_provider.mail import compose

router = APIRouter(prefix="/account")


@router.get("")
async def account(visit: SignedIn) -> Response:
    """Show sessions, applications, devices and factors of the person."""
    browser, session = visit
    tenant_id, user_id = session.tenant_id, session.user_id
    async with browser.provider.unit() as store:
        user = await store.users.get_by_id(tenant_id=tenant_id, user_id=user_id)
        sessions = await store.sessions.list_by_user(
            tenant_id=tenant_id, user_id=user_id
        )
        consents = await store.consents.list_by_user(
            tenant_id=tenant_id, user_id=user_id
        )
        families = await store.authorizations.list_by_user(
            tenant_id=tenant_id, user_id=user_id
        )
        credentials = await store.user_credentials.list_by_user(
            tenant_id=tenant_id, user_id=user_id
        )
        shown = await store.scopes.resolve(
            tenant_id=tenant_id,
            names=sorted({name for each in consents.items for name in each.scopes}),
        )
        clients = await _clients(store, session, [*consents.items, *families.items])
    return browser.page(
        "account",
        user=user,
        session=session,
        sessions=sorted(sessions.items, key=lambda each: each.id != session.id),
        consents=[each for each in consents.items if each.revoked_at is None],
        families=[each for each in families.items if not each.ends_with_session],
        credentials=credentials,
        clients=clients,
        scopes={scope.name: scope.display_name for scope in shown},
        notice=browser.request.query_params.get("done"),
        script="passkeys" if browser.site.passkeys else "",
    )


@router.post("/end_session")
async def end_session(visit: SignedIn) -> Response:
    """Sign out one browser of the person."""
    browser, session = visit
    chosen = (await browser.form())["session_id"]
    async with browser.provider.unit(actor=actor_of(session)) as store:
        page = await store.sessions.list_by_user(
            tenant_id=session.tenant_id, user_id=session.user_id, page_size=1000
        )
        for each in page.items:
            if str(each.id) == chosen:
                await store.sessions.end(
                    tenant_id=session.tenant_id,
                    session_id=each.id,
                    reason="ended_by_user",
                )
    return browser.redirect("/account?done=signed_out")


@router.post("/sign_out_everywhere")
async def sign_out_everywhere(visit: SignedIn) -> Response:
    """End all sessions and all tokens of the person."""
    browser, session = visit
    await browser.form()
    async with browser.provider.unit(actor=actor_of(session)) as store:
        await store.users.revoke_tokens(
            tenant_id=session.tenant_id, user_id=session.user_id
        )
    return browser.forget(browser.page("signed_out", is_everywhere=True))


@router.post("/revoke_consent")
async def revoke_consent(visit: SignedIn) -> Response:
    """End an application's access, with all its tokens."""
    browser, session = visit
    client_id = (await browser.form())["client_id"]
    async with browser.provider.unit(actor=actor_of(session)) as store:
        await store.consents.revoke(
            tenant_id=session.tenant_id,
            user_id=session.user_id,
            client_id=client_id,
            reason="withdrawn_by_user",
        )
    return browser.redirect("/account?done=removed")


@router.post("/disconnect")
async def disconnect(visit: SignedIn) -> Response:
    """End one connection of an application, such as that of one device."""
    browser, session = visit
    chosen = (await browser.form())["authorization_id"]
    async with browser.provider.unit(actor=actor_of(session)) as store:
        page = await store.authorizations.list_by_user(
            tenant_id=session.tenant_id, user_id=session.user_id, page_size=1000
        )
        for each in page.items:
            if str(each.id) == chosen:
                await store.authorizations.revoke(
                    tenant_id=session.tenant_id,
                    authorization_id=each.id,
                    reason="disconnected_by_user",
                )
    return browser.redirect("/account?done=disconnected")


def actor_of(session: LiveSession) -> Actor:
    """Return the actor for audit events: the person."""
    return Actor(user_id=session.user_id)


async def tell(visit: tuple[Browser, LiveSession], what: str) -> None:
    """Mail a person a notice of a change in the account."""
    browser, session = visit
    async with browser.provider.unit() as store:
        user = await store.users.get_by_id(
            tenant_id=session.tenant_id, user_id=session.user_id
        )
    if user is not None:
        await mail_change(browser, user.email, what)


async def mail_change(browser: Browser, address: str | None, what: str) -> None:
    """Mail a notice of a change in the account to its address."""
    if address is None:
        return
    subject = f"Your account of {browser.site.name} was changed"
    warning = (
        f"If it was not you, set a new password: {browser.link('forgot_password')}"
    )
    await browser.site.mail(compose(address, subject, what, warning))


async def _clients(
    store: AsyncStore, session: LiveSession, rows: Sequence[Consent | Authorization]
) -> Mapping[UUID, Client]:
    found = {
        client_uuid: await store.clients.get_by_id(
            tenant_id=session.tenant_id, client_uuid=client_uuid
        )
        for client_uuid in {row.client_uuid for row in rows}
    }
    return {key: client for key, client in found.items() if client is not None}
