"""Clients that others wrote, behind one interface.

Each call sends what the library sends. A refusal is the error of the library's own
exception, so the table shows what its users catch.
"""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from oauthlib.oauth2 import (
    BackendApplicationClient,
    DeviceClient,
    OAuth2Error,
    WebApplicationClient,
)
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as OauthlibSession

# Loading the authorities of a TLS context takes most of the time of a client.
_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
JWT = "private_key_jwt"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"

Tokens = dict[str, Any]


class RefusedError(Exception):
    """The issuer refuses. `error` is what the library's exception has."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A client that the issuer knows, as the library is configured with it."""

    issuer: str
    client_id: str
    secret: Any = None
    method: str = "none"
    scope: str = "openid profile email"
    redirect_uri: str = "http://127.0.0.1/callback"
    claims: Mapping[str, Any] | None = None  # of its assertions


class Library:
    """A library that we did not write."""

    name: ClassVar[str]


class Driver(Library, ABC):
    """One library, configured as one client."""

    # What its users cannot ask it to send.
    lacks: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, of: Registered) -> None:
        self.of = of
        self.verifier: str | None = None

    def url(self, path: str) -> str:
        return self.of.issuer + path

    @abstractmethod
    def begin(self, **more: str) -> str:
        """Return the URL for the browser, with state and PKCE of the library."""

    @abstractmethod
    def redeem(self, callback: str, **more: str) -> Tokens:
        """Redeem the code of the URL to which the browser was sent."""

    @abstractmethod
    def refresh(self, refresh_token: str, **more: str) -> Tokens: ...

    @abstractmethod
    def token(self, grant_type: str, **more: Any) -> Tokens: ...

    @abstractmethod
    def post(self, path: str, form: Mapping[str, Any]) -> Tokens:
        """Post a form with the client's authentication."""

    @abstractmethod
    def get(self, url: str, access_token: str) -> Tokens:
        """Call an API with a token."""

    @abstractmethod
    def close(self) -> None:
        """Close its connections."""


def _answered(response: Any) -> Tokens:
    """Return the document of a response. Raises RefusedError."""
    if not response.content:
        return {} if response.status_code < 400 else _refuse(response.status_code)
    document: Tokens = response.json()
    if response.status_code >= 400:
        _refuse(document.get("error") or document.get("status") or challenge(response))
    return document


def challenge(response: Any) -> str:
    """Return the error of a challenge."""
    text = response.headers.get("www-authenticate", "")
    return text.partition('error="')[2].partition('"')[0] or str(response.status_code)


def _refuse(error: object) -> Tokens:
    raise RefusedError(str(error))


class Authlib(Driver):
    """Authlib's session on requests."""

    name = "Authlib (requests)"

    def __init__(self, of: Registered) -> None:
        super().__init__(of)
        self._session = OAuth2Session(**_configured(of))
        if of.method == JWT:
            self._session.register_client_auth_method(_signer(of))
        self._session.trust_env = False

    def begin(self, **more: str) -> str:
        self.verifier = generate_token(48)
        url, self._state = self._session.create_authorization_url(
            self.url("/authorize"), code_verifier=self.verifier, **more
        )
        return str(url)

    def redeem(self, callback: str, **more: str) -> Tokens:
        _check_error(callback)
        given = {"code_verifier": self.verifier, **more}
        return self._fetched(
            authorization_response=callback, state=self._state, **given
        )

    def refresh(self, refresh_token: str, **more: str) -> Tokens:
        more = {"scope": "", **more}
        try:
            return dict(
                self._session.refresh_token(
                    self.url("/token"), refresh_token=refresh_token, **more
                )
            )
        except (OAuthError, requests.HTTPError) as error:
            raise _as_refused(error) from None

    def token(self, grant_type: str, **more: Any) -> Tokens:
        return self._fetched(grant_type=grant_type, **more)

    def post(self, path: str, form: Mapping[str, Any]) -> Tokens:
        auth = self._session.client_auth(self.of.method)
        return _answered(
            self._session.request(
                "POST",
                self.url(path),
                data=form,
                auth=auth,  # type: ignore[arg-type]  # the stubs do not know it
                withhold_token=True,
            )
        )

    def get(self, url: str, access_token: str) -> Tokens:
        self._session.token = {"access_token": access_token, "token_type": "Bearer"}
        return _answered(self._session.get(url))

    def close(self) -> None:
        self._session.close()

    def _fetched(self, **given: Any) -> Tokens:
        try:
            return dict(self._session.fetch_token(self.url("/token"), **given))
        except (OAuthError, requests.HTTPError) as error:
            raise _as_refused(error) from None


class AuthlibAsync(Driver):
    """Authlib's client on httpx."""

    name = "Authlib (httpx, async)"

    def __init__(self, of: Registered) -> None:
        super().__init__(of)
        self._runner = asyncio.Runner()
        self._client = AsyncOAuth2Client(
            trust_env=False, verify=_TLS, timeout=60, **_configured(of)
        )
        if of.method == JWT:
            self._client.register_client_auth_method(_signer(of))

    def begin(self, **more: str) -> str:
        self.verifier = generate_token(48)
        url, self._state = self._client.create_authorization_url(
            self.url("/authorize"), code_verifier=self.verifier, **more
        )
        return str(url)

    def redeem(self, callback: str, **more: str) -> Tokens:
        _check_error(callback)
        given = {"code_verifier": self.verifier, **more}
        return self._fetched(
            authorization_response=callback, state=self._state, **given
        )

    def refresh(self, refresh_token: str, **more: str) -> Tokens:
        more = {"scope": "", **more}
        return self._run(
            lambda: self._client.refresh_token(
                self.url("/token"), refresh_token=refresh_token, **more
            )
        )

    def token(self, grant_type: str, **more: Any) -> Tokens:
        return self._fetched(grant_type=grant_type, **more)

    def post(self, path: str, form: Mapping[str, Any]) -> Tokens:
        auth = self._client.client_auth(self.of.method)
        return _answered(
            self._runner.run(
                self._client.request(
                    "POST",
                    self.url(path),
                    data=dict(form),
                    auth=auth,
                    withhold_token=True,
                )
            )
        )

    def get(self, url: str, access_token: str) -> Tokens:
        self._client.token = {"access_token": access_token, "token_type": "Bearer"}
        return _answered(self._runner.run(self._client.get(url)))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def _fetched(self, **given: Any) -> Tokens:
        return self._run(lambda: self._client.fetch_token(self.url("/token"), **given))

    def _run(self, call: Callable[[], Coroutine[None, None, Any]]) -> Tokens:
        try:
            return dict(self._runner.run(call()))
        except Exception as error:
            raise _as_refused(error) from None


class RequestsOauthlib(Driver):
    """requests-oauthlib, on OAuthLib."""

    name = "requests-oauthlib"
    lacks = frozenset({JWT})

    def __init__(self, of: Registered) -> None:
        super().__init__(of)
        self._session = self._made(WebApplicationClient(of.client_id))

    def _made(self, client: Any) -> Any:
        session = OauthlibSession(
            client=client,
            redirect_uri=self.of.redirect_uri,
            scope=self.of.scope.split(),
            pkce="S256" if isinstance(client, WebApplicationClient) else None,
        )
        session.trust_env = False
        return session

    def begin(self, **more: str) -> str:
        url, _ = self._session.authorization_url(self.url("/authorize"), **more)
        self.verifier = self._session._code_verifier
        return str(url)

    def redeem(self, callback: str, **more: str) -> Tokens:
        if "code_verifier" in more:
            self._session._code_verifier = more.pop("code_verifier")
        if "redirect_uri" in more:
            self._session.redirect_uri = more.pop("redirect_uri")
        return self._fetched(self._session, authorization_response=callback, **more)

    def refresh(self, refresh_token: str, **more: str) -> Tokens:
        self._session.scope = more.pop("scope", "").split()
        named = {} if self.of.secret else {"client_id": self.of.client_id}
        try:
            return dict(
                self._session.refresh_token(
                    self.url("/token"),
                    refresh_token=refresh_token,
                    auth=self._auth(),
                    **named,
                    **more,
                )
            )
        except (OAuth2Error, ValueError) as error:
            raise _as_refused(error) from None

    def token(self, grant_type: str, **more: Any) -> Tokens:
        kind = DeviceClient if grant_type == DEVICE else BackendApplicationClient
        scope = more.pop("scope", self.of.scope).split()
        client = kind(self.of.client_id, scope=scope or None)
        if grant_type not in {DEVICE, "client_credentials"}:
            client.grant_type = grant_type
        session = self._made(client)
        try:
            return self._fetched(session, **more)
        finally:
            session.close()

    def post(self, path: str, form: Mapping[str, Any]) -> Tokens:
        data = dict(form)
        if self.of.method == "none":
            data["client_id"] = self.of.client_id
        if self.of.method == "client_secret_post":
            data |= {"client_id": self.of.client_id, "client_secret": self.of.secret}
        return _answered(
            self._session.post(
                self.url(path), data=data, auth=self._auth(), withhold_token=True
            )
        )

    def get(self, url: str, access_token: str) -> Tokens:
        self._session.token = {"access_token": access_token, "token_type": "Bearer"}
        return _answered(self._session.get(url))

    def close(self) -> None:
        self._session.close()

    def _auth(self) -> HTTPBasicAuth | None:
        if self.of.method != "client_secret_basic":
            return None
        return HTTPBasicAuth(self.of.client_id, self.of.secret)

    def _fetched(self, session: Any, **given: Any) -> Tokens:
        auth = self._auth()
        try:
            return dict(
                session.fetch_token(
                    self.url("/token"),
                    auth=auth,
                    include_client_id=auth is None,
                    client_secret=self.of.secret if auth is None else None,
                    **given,
                )
            )
        except (OAuth2Error, ValueError) as error:
            raise _as_refused(error) from None


class AuthlibApp(Library):
    """Authlib's integration with Starlette, which discovers the issuer."""

    name = "Authlib (Starlette)"


class AuthlibProtector(Library):
    """Authlib's ResourceProtector, which introspects."""

    name = "Authlib (ResourceProtector)"


class Mcp(Library):
    """The OAuth client of the SDK of the Model Context Protocol."""

    name = "MCP Python SDK"


class PyJwt(Library):
    """PyJWT, with its client for key sets."""

    name = "PyJWT"


class Joserfc(Library):
    """Authlib's session, with DPoP proofs made by joserfc."""

    name = "Authlib and joserfc"


def _configured(of: Registered) -> dict[str, Any]:
    return {
        "client_id": of.client_id,
        "client_secret": of.secret,
        "token_endpoint_auth_method": of.method,
        "scope": of.scope,
        "redirect_uri": of.redirect_uri,
        "code_challenge_method": "S256",
    }


def _signer(of: Registered) -> PrivateKeyJWT:
    return PrivateKeyJWT(alg="ES256", claims=of.claims)


def _as_refused(error: Exception) -> RefusedError:
    """Return the error that the issuer sent, as the library's exception has it."""
    response = getattr(error, "response", None)
    if response is not None:
        return RefusedError(str(response.status_code))
    return RefusedError(str(getattr(error, "error", None) or type(error).__name__))


def _check_error(callback: str) -> None:
    """Read an error as Authlib's integrations do. Its sessions expect a code."""
    error = query_of(callback).get("error")
    if error is not None:
        raise RefusedError(error)


def query_of(url: str) -> dict[str, str]:
    """Return the parameters of a redirect."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


DRIVERS: tuple[type[Driver], ...] = (Authlib, AuthlibAsync, RequestsOauthlib)
