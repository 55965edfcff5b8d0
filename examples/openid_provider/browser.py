"""Cookies, forms and headers, which protect the person's browser."""

import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from authority_queries.contrib.fastapi import read_form, read_request
from authority_queries.contrib.oauth import AuthorizationRequest, unseal
from authority_queries.records import LiveSession
from examples.openid_provider.issuers import Issuers, Site

FOLDER = Path(__file__).parent
_TEMPLATES = Jinja2Templates(FOLDER / "templates")
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
# With no-referrer, browsers send `Origin: null` with the forms of these pages.
_HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
_TLS_HEADERS = {"strict-transport-security": "max-age=31536000"}
_SOURCE = re.compile(r"[\w.:\[\]-]*")
# Changes of factors require a sign-in that is at most this old.
_RECENT = timedelta(minutes=10)
SHORTEST_PASSWORD = 12


class Form(dict[str, str]):
    """The fields of a form."""

    def __missing__(self, name: str) -> NoReturn:
        raise HTTPException(400, f"the form has no field {name}")


class Browser:
    """The browser that sent a request to a site."""

    def __init__(self, request: Request, site: Site) -> None:
        self.request = request
        self.site = site
        self.provider = site.provider
        self._is_secure = self.provider.settings.issuer.startswith("https:")
        prefix = "__Host-" if self._is_secure else ""
        self._session_name, self._form_name = f"{prefix}session", f"{prefix}form"
        # A secret of this browser: forms have it, and sealed texts are bound to it.
        self.token = request.cookies.get(self._form_name) or secrets.token_urlsafe(32)

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
        """The User-Agent header."""
        return self.request.headers.get("user-agent")

    def page(
        self,
        name: str,
        status: int = 200,
        *,
        target: str = "",
        frames: Sequence[str] = (),
        script: str = "",
        **values: object,
    ) -> Response:
        """Return a page whose forms have the token of this browser.

        `target`: a URI to which the answer to a form may redirect. `frames`: URIs that
        the page loads in frames. `script`: a script in static/, without its suffix.
        """
        policy = _policy([target] if target else [], frames, script)
        response: HTMLResponse = _TEMPLATES.TemplateResponse(
            self.request,
            f"{name}.html",
            {
                "form_token": self.token,
                "site": self.site,
                "frames": frames,
                "script": script,
                "shortest": SHORTEST_PASSWORD,
                **values,
            },
            status_code=status,
            headers={**self._headers, "content-security-policy": policy},
        )
        self._keep(response, self._form_name, self.token)
        return response

    def link(self, page: str, token: str = "") -> str:
        """Return the URL of a page, for a mail: the issuer's, whatever `Host` was."""
        url = self.provider.settings.url(f"/{page}")
        return f"{url}?{urlencode({'token': token})}" if token else url

    def redirect(self, url: str) -> Response:
        """Redirect the browser after a form."""
        return RedirectResponse(url, status_code=303, headers=self._headers)

    async def as_link(self, path: str) -> Response:
        """Repeat a client's POST as a GET, with which the browser sends its cookies."""
        read = await read_request(self.request, self.provider.settings.issuer)
        return self.redirect(f"{path}?{urlencode(read.parameters)}")

    def keep_session(self, response: Response, cookie: str) -> Response:
        """Send the browser the cookie of its new session."""
        self._keep(response, self._session_name, cookie)
        return response

    def forget(self, response: Response) -> Response:
        """Delete the cookie of the session."""
        response.delete_cookie(
            self._session_name, path="/", secure=self._is_secure, httponly=True
        )
        return response

    async def form(self) -> Form:
        """Return the fields of a form of this site. Refuse one from elsewhere."""
        fields = Form(await read_form(self.request))
        origin = self.request.headers.get("origin")
        expected = urlsplit(self.provider.settings.issuer)
        is_own = origin in {None, f"{expected.scheme}://{expected.netloc}"}
        token = self.request.cookies.get(self._form_name, "").encode()
        given = fields.pop("form_token", "").encode()
        if not (is_own and token and hmac.compare_digest(token, given)):
            raise HTTPException(403, "the form is of another site, or too old")
        return fields

    def unseal(self, sealed: str) -> AuthorizationRequest:
        """Return the request that a form of this browser has."""
        return unseal(sealed, self.provider.settings, browser=self.token)

    @property
    def _headers(self) -> dict[str, str]:
        return {**_HEADERS, **_TLS_HEADERS} if self._is_secure else _HEADERS

    def _keep(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name, value, secure=self._is_secure, httponly=True, samesite="lax", path="/"
        )


def _policy(targets: Sequence[str], frames: Sequence[str], script: str) -> str:
    """Return the policy of a page. Chromium applies form-action to redirects too."""
    parts = [" ".join([_POLICY, *(_place(target) for target in targets)])]
    if frames:
        parts.append(f"frame-src {' '.join(_place(uri) for uri in frames)}")
    if script:
        parts.append("script-src 'self'")
    return "; ".join(parts)


def _place(uri: str) -> str:
    parts = urlsplit(uri)
    if not (uri.isascii() and _SOURCE.fullmatch(parts.netloc)):
        return ""  # such a host could end the directive or the header
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def browser_of(request: Request) -> Browser:
    """Return the browser of a request, at the site of its host."""
    issuers: Issuers = request.app.state.issuers
    return Browser(request, issuers.site(request))


async def signed_in(request: Request) -> tuple[Browser, LiveSession]:
    """Return a browser and its session. Without one, redirect to the sign-in."""
    browser = browser_of(request)
    session = await browser.provider.session(browser.session)
    if session is None:
        raise HTTPException(303, headers={"location": "/sign_in"})
    return browser, session


async def signed_in_lately(request: Request) -> tuple[Browser, LiveSession]:
    """Return a browser and its session. Without a recent sign-in, redirect to one."""
    browser, session = await signed_in(request)
    if datetime.now(UTC) - session.authenticated_at > _RECENT:
        raise HTTPException(303, headers={"location": "/sign_in?why=again"})
    return browser, session


# A browser, and a browser in which a person has signed in, as dependencies.
AnyBrowser: TypeAlias = Annotated[Browser, Depends(browser_of)]
SignedIn: TypeAlias = Annotated[tuple[Browser, LiveSession], Depends(signed_in)]
SignedInLately: TypeAlias = Annotated[
    tuple[Browser, LiveSession], Depends(signed_in_lately)
]
