"""Sign-in, notes, sign-out."""

from typing import Annotated

from authlib.integrations.starlette_client import OAuthError
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from joserfc.errors import JoseError

from examples.notes.notices import read_notice
from examples.notes.sessions import Session
from examples.notes.sites import AnyVisit, Visit

_UNAUTHORIZED = 401
router = APIRouter()


@router.get("/")
async def home(visit: AnyVisit) -> Response:
    """Show the person's notes, or a link to the sign-in."""
    if visit.session is None:
        return visit.page("welcome")
    notes = await _call_api(visit, "GET")
    if notes is None:
        return visit.page("welcome", is_ended=True)
    return visit.page("notes", notes=notes)


@router.post("/notes")
async def write(visit: AnyVisit, text: Annotated[str, Form()]) -> Response:
    """Add a note."""
    visit.check_origin()
    if await _call_api(visit, "POST", json={"text": text}) is None:
        return visit.page("welcome", is_ended=True)
    return RedirectResponse("/", 303)


@router.get("/sign_in")
async def sign_in(visit: AnyVisit) -> Response:
    """Send the browser to the issuer, with PKCE, a state and a nonce."""
    begun: Response = await visit.site.client.authorize_redirect(
        visit.request, f"{visit.site.origin}/callback", resource=visit.site.resource
    )
    return begun


@router.get("/callback")
async def callback(visit: AnyVisit) -> Response:
    """Start a session for the person whom the issuer names."""
    site, request = visit.site, visit.request
    if request.query_params.get("iss") != site.issuer:  # RFC 9207 section 2.4
        return visit.page("error", 400)
    try:
        tokens = await site.client.authorize_access_token(request)
        person = await site.client.userinfo(token=tokens)
    except (OAuthError, JoseError) as error:  # its text may be a stranger's
        is_denied = error.error == "access_denied"
        return visit.page("error", 400, is_denied=is_denied)
    claims = tokens["userinfo"]  # of the ID token, whose signature it has checked
    name = person.get("name", claims["sub"])
    visit.start(Session(site.issuer, claims["sub"], claims["sid"], name, tokens))
    return RedirectResponse("/", 303)


@router.post("/sign_out")
async def sign_out(visit: AnyVisit) -> Response:
    """Sign out here and at the issuer, which ends the tokens."""
    visit.check_origin()
    session = visit.end()
    if session is None:
        return RedirectResponse("/", 303)
    begun: Response = await visit.site.client.logout_redirect(
        visit.request,
        f"{visit.site.origin}/signed_out",
        id_token_hint=session.tokens["id_token"],
    )
    return begun


@router.get("/signed_out")
async def signed_out(visit: AnyVisit) -> Response:
    """Confirm that the issuer has signed the person out."""
    try:
        await visit.site.client.validate_logout_response(visit.request)
    except OAuthError:
        return RedirectResponse("/", 303)
    return visit.page("welcome", is_signed_out=True)


@router.post("/backchannel_logout")
async def hear(visit: AnyVisit, logout_token: Annotated[str, Form()] = "") -> Response:
    """End the sessions that a notice of the issuer names."""
    headers = {"cache-control": "no-store"}
    try:
        claims = await read_notice(visit.site.client, logout_token)
    except (JoseError, ValueError):
        return Response(status_code=400, headers=headers)
    visit.end_all(sid=claims.get("sid"), subject=claims.get("sub"))
    return Response(headers=headers)


async def show_failure(request: Request, _: Exception) -> Response:
    """Return a page if the issuer or the API does not answer."""
    return Visit(request).page("error", 502, is_away=True)


async def _call_api(visit: Visit, method: str, **given: object) -> list[str] | None:
    """Return the notes. If the tokens have ended, end the session and return None."""
    if visit.session is None:
        return None
    try:  # Authlib refreshes an old access token
        answer = await visit.site.client.request(
            method, f"{visit.site.resource}/notes", token=visit.session.tokens, **given
        )
    except OAuthError:
        answer = None
    if answer is None or answer.status_code == _UNAUTHORIZED:
        visit.end()
        return None
    answer.raise_for_status()
    notes: list[str] = answer.json()
    return notes
