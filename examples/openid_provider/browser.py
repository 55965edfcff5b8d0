"""Cookies, forms and headers: what protects the person's browser."""

import hmac
import secrets
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from authority_queries.contrib.oauth import AsyncProvider
from authority_queries.records import LiveSession

FOLDER = Path(__file__).parent
_TEMPLATES = Jinja2Templates(FOLDER / "templates")
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Browser:
    """The browser that sent a request to an issuer."""

    def __init__(self, request: Request, provider: AsyncProvider) -> None:
        self.request = request
        self.provider = provider
        self._is_secure = provider.settings.issuer.startswith("https:")
        prefix = "__Host-" if self._is_secure else ""
        self._session_name, self._form_name = f"{prefix}session", f"{prefix}form"

    @property
    def session(self) -> str | None:
        """The cookie of the session."""
        return self.request.cookies.get(self._session_name)

    @property
    def address(self) -> IPv4Address | IPv6Address:
        """The address of the person's host. Behind a proxy, uvicorn reads it."""
        assert self.request.client is not None  # noqa: S101 -- a TCP server
        return ip_address(self.request.client.host)

    @property
    def user_agent(self) -> str | None:
        """The name of the browser."""
        return (self.request.headers.get("user-agent") or "")[:255] or None

    def page(
        self, name: str, status: int = 200, *, target: str = "", **values: object
    ) -> Response:
        """Return a page whose forms have the token of this browser.

        `target`: a URI to which the answer of a form may redirect.
        """
        token = self.request.cookies.get(self._form_name) or secrets.token_urlsafe(32)
        issuer = self.provider.settings.issuer
        response: HTMLResponse = _TEMPLATES.TemplateResponse(
            self.request,
            f"{name}.html",
            {"form_token": token, "issuer": issuer, **values},
            status_code=status,
            headers={**HEADERS, "content-security-policy": _policy(target)},
        )
        self._keep(response, self._form_name, token)
        return response

    def redirect(self, url: str, *, session: str | None = None) -> Response:
        """Redirect after a form. With `session`, the browser gets a new cookie."""
        response = RedirectResponse(url, status_code=303, headers=HEADERS)
        return response if session is None else self.keep_session(response, session)

    def keep_session(self, response: Response, cookie: str) -> Response:
        """Give the browser the cookie of its new session."""
        self._keep(response, self._session_name, cookie)
        return response

    def forget(self, response: Response) -> Response:
        """Delete the cookie of the session."""
        response.delete_cookie(self._session_name, path="/")
        return response

    async def form(self) -> dict[str, str]:
        """Return the fields of a form of this issuer. Refuse one from elsewhere."""
        fields = {k: str(v) for k, v in (await self.request.form()).items()}
        origin = self.request.headers.get("origin")
        expected = urlsplit(self.provider.settings.issuer)
        is_own = origin in {None, f"{expected.scheme}://{expected.netloc}"}
        token = self.request.cookies.get(self._form_name, "")
        given = fields.pop("form_token", "")
        if not (is_own and token and hmac.compare_digest(token, given)):
            raise HTTPException(
                403, "the form is not of this page: go back, and reload"
            )
        return fields

    def _keep(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name, value, secure=self._is_secure, httponly=True, samesite="lax", path="/"
        )


def _policy(target: str) -> str:
    """Return the policy of a page. Chromium applies form-action to redirects too."""
    if not target:
        return _POLICY
    parts = urlsplit(target)
    place = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
    return f"{_POLICY} {place}"


async def browser_of(request: Request) -> Browser:
    """Return the browser of a request, at the issuer of its host."""
    return Browser(request, await request.app.state.issuers.of(request))


async def signed_in(request: Request) -> tuple[Browser, LiveSession]:
    """Return a browser and its session. Without one, redirect to the sign-in."""
    browser = await browser_of(request)
    session = await browser.provider.session(browser.session)
    if session is None:
        raise HTTPException(303, headers={"location": "/sign_in"})
    return browser, session


# A browser, and a browser in which a person has signed in, as dependencies.
AnyBrowser: TypeAlias = Annotated[Browser, Depends(browser_of)]
SignedIn: TypeAlias = Annotated[tuple[Browser, LiveSession], Depends(signed_in)]
