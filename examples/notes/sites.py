"""The application at one host, and a browser that visits it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from authlib.integrations.starlette_client import OAuth
from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates

from examples.notes.api import SCOPES
from examples.notes.sessions import Session, Sessions

_FOLDER = Path(__file__).parent
_TEMPLATES = Jinja2Templates(_FOLDER / "templates")
STATIC = _FOLDER.parent / "openid_provider/static"
CLIENT_ID = "notes"


@dataclass(frozen=True)
class Site:
    """The application at one host, whose people sign in at one issuer."""

    origin: str
    issuer: str
    resource: str
    # Authlib's StarletteOAuth2App, which publishes few types.
    client: Any


def make_site(
    host: str, issuer: str, resource: str, secret: str, sessions: Sessions
) -> Site:
    """Return the site. Authlib finds the endpoints when the first person signs in."""
    oauth: Any = OAuth(update_token=sessions.renew)
    client = oauth.register(
        "issuer",
        client_id=CLIENT_ID,
        client_secret=secret,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": " ".join(["openid", "profile", *SCOPES]),
            "code_challenge_method": "S256",
            "trust_env": False,  # no proxy reaches an issuer on this machine
            "timeout": 30,
        },
    )
    return Site(f"http://{host}", issuer, resource, client)


class Visit:
    """A request of a browser."""

    def __init__(self, request: Request) -> None:
        site = request.app.state.sites.get(request.headers.get("host", ""))
        if site is None:
            raise HTTPException(404, "no site has this host name")
        self.request = request
        self.site: Site = site
        self._sessions: Sessions = request.app.state.sessions

    @property
    def session(self) -> Session | None:
        """The session of the browser."""
        found = self._sessions.get(self.request.session.get("id"))
        return found if found and found.issuer == self.site.issuer else None

    def start(self, session: Session) -> None:
        """Start a session under a new id."""
        self.end()
        self.request.session["id"] = self._sessions.start(session)

    def end(self) -> Session | None:
        """End the session of this browser, and return it."""
        ended = self._sessions.end(self.request.session.get("id"))
        self.request.session.clear()
        return ended

    def end_all(self, *, sid: str | None, subject: str | None) -> None:
        """End the sessions that a notice of the issuer names."""
        self._sessions.end_all(self.site.issuer, sid=sid, subject=subject)

    def check_origin(self) -> None:
        """Refuse a form of another page."""
        if self.request.headers.get("origin") != self.site.origin:
            raise HTTPException(403, "the form is not of this page")

    def page(self, name: str, status: int = 200, **values: object) -> Response:
        """Return a page, whose forms may lead to the issuer."""
        policy = (
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; "
            f"base-uri 'none'; form-action 'self' {self.site.issuer}"
        )
        response: HTMLResponse = _TEMPLATES.TemplateResponse(
            self.request,
            f"{name}.html",
            {"site": self.site, "session": self.session, **values},
            status_code=status,
            headers={
                "content-security-policy": policy,
                "x-content-type-options": "nosniff",
                "referrer-policy": "same-origin",
                "cache-control": "no-store",
            },
        )
        return response


AnyVisit: TypeAlias = Annotated[Visit, Depends(Visit)]
