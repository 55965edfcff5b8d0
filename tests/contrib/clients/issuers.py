"""Issuers over HTTP, each tenant under a path of its own, with pages without HTML."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import parse_qs
from uuid import UUID

import httpx
from fastapi import Depends, FastAPI, HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from authority_queries import AsyncAuthority, Keyring, Settings
from authority_queries.contrib.fastapi import (
    ResourceServer,
    add_problem_handlers,
    provider_routes,
    read_request,
)
from authority_queries.contrib.oauth import (
    AskConsent,
    AskSignOut,
    AsyncOutgoing,
    AsyncProvider,
    AuthorizationRequest,
    Decision,
    ErrorPage,
    Fetched,
    OutgoingRules,
    ProviderSettings,
    Redirect,
    SignedOut,
)
from authority_queries.contrib.oauth.fetching import DOCUMENT_OCTETS
from authority_queries.engine.json_types import JsonValue
from authority_queries.records import VerifiedToken
from tests.contrib.serving import free_port, serving

# The cookie of a person's session, and that of one who allows every request.
SESSION, ALLOWS = "session", "allows"
_HERE = ip_address("127.0.0.1")
_KEYRING = Keyring(current="k", keys={"k": bytes(32)})


@dataclass
class Issuers:
    """The issuers of a server. The codes of tenants are the paths of their issuers.

    `documents` has the metadata documents of clients by URL; `secrets` a
    secret for the clients of each tenant; `trusted` the issuers of the API;
    `notices` the logout tokens that a client's server has received; `keys` what that
    server publishes.
    """

    origin: str
    browser: httpx.Client
    tenants: dict[str, UUID] = field(default_factory=dict)
    documents: dict[str, Fetched] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    trusted: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    keys: dict[str, JsonValue] = field(default_factory=dict)
    authority: AsyncAuthority | None = None
    _providers: dict[str, AsyncProvider] = field(default_factory=dict)

    @property
    def keys_url(self) -> str:
        return f"{self.origin}/keys"

    def issuer(self, code: str) -> str:
        return f"{self.origin}/{code}"

    async def of(self, request: Request) -> AsyncProvider:
        code = request.path_params["tenant"]
        if code not in self.tenants:
            raise HTTPException(404)
        if code not in self._providers:
            assert self.authority is not None
            settings = ProviderSettings(
                issuer=self.issuer(code),
                keyring=_KEYRING,
                derivation_key=bytes(32),
                registration="open",
                metadata_documents=True,
            )
            provider = AsyncProvider(
                self.authority, self.tenants[code], settings, sender=_Sender(self)
            )
            await provider.rotate_keys()
            self._providers.setdefault(code, provider)
        return self._providers[code]


class _Sender(AsyncOutgoing):
    """Sends requests to this machine, and has the documents of https URLs."""

    def __init__(self, issuers: Issuers) -> None:
        super().__init__(OutgoingRules(allow_loopback=True))
        self._issuers = issuers

    async def fetch(self, url: str, *, most_octets: int = DOCUMENT_OCTETS) -> Fetched:
        found = self._issuers.documents.get(url)
        return found or await super().fetch(url, most_octets=most_octets)


def make_app(issuers: Issuers, settings: Settings) -> FastAPI:
    """Return the issuers, and an API at /api."""
    api = ResourceServer(
        origin=issuers.origin,
        resource=f"{issuers.origin}/api",
        settings=settings,
        issuers=issuers.trusted,
        scopes=["articles"],
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with api.lifespan(app):
            issuers.authority = api.authority
            yield

    app = FastAPI(lifespan=lifespan)
    add_problem_handlers(app)
    app.include_router(api.metadata_routes())
    app.include_router(provider_routes(issuers.of, prefix="/{tenant}"))
    pages = Pages(issuers)
    app.add_route("/{tenant}/authorize", pages.authorize, methods=["GET"])
    app.add_route("/{tenant}/device", pages.device, methods=["POST"])
    app.add_route("/{tenant}/end_session", pages.end_session, methods=["GET"])
    app.add_route("/{tenant}/notified", pages.notified, methods=["POST"])
    app.add_route("/{tenant}/deliver", pages.deliver, methods=["POST"])

    @app.get("/keys")
    async def keys() -> dict[str, JsonValue]:
        return issuers.keys

    @app.get("/api")
    async def articles(
        token: Annotated[VerifiedToken, Depends(api.token("articles"))],
    ) -> dict[str, str | None]:
        return {"for": token.username}

    return app


class Pages:
    """The pages of an issuer, for a person who answers by cookies."""

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers

    async def authorize(self, request: Request) -> Response:
        provider = await self._issuers.of(request)
        read = await read_request(request, provider.settings.issuer)
        begun = await provider.authorization.begin(read)
        if not isinstance(begun, AuthorizationRequest):
            return _shown(begun)
        cookie = request.cookies.get(SESSION)
        decision = await provider.authorization.decide(begun, cookie)
        if isinstance(decision, AskConsent) and ALLOWS in request.cookies:
            session = await provider.session(cookie)
            assert session is not None
            await provider.authorization.consent(begun, session.user_id)
            decision = await provider.authorization.decide(
                begun, cookie, is_consented=True
            )
        return _shown(decision)

    async def device(self, request: Request) -> Response:
        provider = await self._issuers.of(request)
        form = parse_qs((await request.body()).decode())
        cookie, [code] = request.cookies.get(SESSION, ""), form["user_code"]
        pages = provider.device_pages
        if await pages.find(code, cookie, _HERE) is None:
            return PlainTextResponse("unknown", 400)
        if ALLOWS in request.cookies:
            return PlainTextResponse(await pages.approve(code, cookie))
        await pages.deny(code, cookie)
        return PlainTextResponse("denied")

    async def end_session(self, request: Request) -> Response:
        provider = await self._issuers.of(request)
        read = await read_request(request, provider.settings.issuer)
        ended = await provider.logout.begin(read, request.cookies.get(SESSION))
        if isinstance(ended, SignedOut) and ended.redirect is not None:
            return _shown(ended.redirect)
        return _shown(ended)

    async def deliver(self, request: Request) -> Response:
        """Deliver the notices of sign-outs now."""
        provider = await self._issuers.of(request)
        return JSONResponse(await provider.logout.deliver_notices())

    async def notified(self, request: Request) -> Response:
        """Receive a notice, as the server of a client."""
        form = parse_qs((await request.body()).decode())
        self._issuers.notices += form["logout_token"]
        return Response(status_code=204)


def _shown(decision: Decision | AskSignOut | SignedOut) -> Response:
    """Return a redirect, or the name of the page that a person would see."""
    if isinstance(decision, Redirect):
        return Response(status_code=303, headers={"location": decision.url})
    if isinstance(decision, ErrorPage):
        return PlainTextResponse(f"ErrorPage: {decision.error}", 400)
    return PlainTextResponse(type(decision).__name__)


@contextmanager
def serving_issuers(settings: Settings) -> Iterator[Issuers]:
    """Serve issuers during the block."""
    port = free_port()
    with httpx.Client(trust_env=False, timeout=60) as browser:
        issuers = Issuers(f"http://127.0.0.1:{port}", browser)
        with serving(make_app(issuers, settings), port):
            yield issuers
