"""Verified tokens as dependencies of an API."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, FastAPI, HTTPException, Request
from starlette.responses import JSONResponse

from authority_queries import AsyncAuthority, AsyncStore, AsyncVerifier, Settings
from authority_queries.contrib.fastapi.requests import read_head
from authority_queries.contrib.oauth import ProtocolError
from authority_queries.contrib.oauth import Request as OAuthRequest
from authority_queries.contrib.oauth._async.authentication import prove_key
from authority_queries.contrib.oauth.challenges import (
    challenged,
    check_presented,
    needs_proof,
    without_token,
)
from authority_queries.contrib.oauth.urls import is_origin, is_resource, origin_of
from authority_queries.engine.checks import optional, text_list
from authority_queries.engine.refusals import refusal
from authority_queries.errors import ConfigurationError
from authority_queries.records import VerifiedToken
from authority_queries.repositories.values import is_sign_in_sufficient

_MAX_AGE: Final = timedelta(minutes=1)
_PROOF_LIFETIME: Final = timedelta(minutes=1)
_SKEW: Final = timedelta(seconds=30)
_names: Final = text_list(100, 2048)
_optional_names: Final = optional(_names)
_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
_NOT_RUNNING: Final = (
    "the lifespan of the ResourceServer is not running: pass lifespan=server.lifespan "
    "to FastAPI. The lifespan of a mounted application does not run"
)


class ResourceServer:
    """An API whose callers present access tokens.

    - `resource`: its URI (RFC 8707). Tokens must name it. None accepts tokens for any
      resource.
    - `tenant_id`: the only tenant whose tokens it accepts. None accepts the tokens of
      all tenants: compare `token.tenant_id` with the tenant of the request.
    - `origin`: its scheme and host, with which DPoP proofs are compared. By default
      those of `resource`.
    - `max_age`: for how long an answer is cached while the feed is followed.
    - `foreign`: whether it accepts strings of the store from which the tenant was
      imported. It needs a `tenant_id`.
    - `issuers`: the issuers of tokens for `resource`. Challenges then name the metadata
      of `metadata_routes` (RFC 9728 section 5.1), which list the `scopes`.
    """

    def __init__(
        self,
        *,
        origin: str | None = None,
        resource: str | None = None,
        tenant_id: UUID | None = None,
        settings: Settings | None = None,
        max_age: timedelta = _MAX_AGE,
        certificate_header: str | None = None,
        foreign: bool = False,
        issuers: Sequence[str] = (),
        scopes: Sequence[str] = (),
    ) -> None:
        _names("issuers", issuers)
        _names("scopes", scopes)
        if foreign and tenant_id is None:
            raise refusal("foreign", "needs a tenant_id")
        if origin is not None and not is_origin(origin):
            raise refusal("origin", "must be like https://api.example")
        if resource is not None and not is_resource(resource):
            raise refusal("resource", "must be an absolute URI without a fragment")
        self._foreign = foreign
        self._origin = origin or origin_of(resource)
        self._resource = resource
        self._tenant_id = tenant_id
        self._settings = settings
        self._max_age = max_age
        self._certificate_header = certificate_header
        self._issuers = issuers
        self._scopes = scopes
        self._opened: tuple[AsyncAuthority, AsyncVerifier] | None = None

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Connect while the application runs: `FastAPI(lifespan=server.lifespan)`.

        A lifespan of your own enters it: `async with server.lifespan(app):`.
        """
        async with (
            AsyncAuthority.open(self._settings) as authority,
            authority.verifier(max_age=self._max_age) as verifier,
        ):
            self._opened = authority, verifier
            yield

    @property
    def authority(self) -> AsyncAuthority:
        """The open authority, for units of work."""
        return self._open()[0]

    def metadata_routes(self) -> APIRouter:
        """Return the route of the API's metadata (RFC 9728 section 3).

        Clients that know only the API find its issuers there.
        """
        if self._resource is None:
            message = "metadata_routes needs ResourceServer(resource=…)"
            raise ConfigurationError(message)
        router = APIRouter()

        async def metadata() -> JSONResponse:
            document: dict[str, str | list[str]] = {
                "resource": self._resource or "",
                "authorization_servers": list(self._issuers),
                "bearer_methods_supported": ["header"],
            }
            if self._scopes:
                document["scopes_supported"] = list(self._scopes)
            return JSONResponse(document)

        path = _WELL_KNOWN + urlsplit(self._resource).path.rstrip("/")
        router.add_api_route(path, metadata, methods=["GET"], include_in_schema=False)
        return router

    def token(
        self,
        *scopes: str,
        acr_values: Sequence[str] | None = None,
        max_age: timedelta | None = None,
    ) -> Callable[[Request], Awaitable[VerifiedToken]]:
        """Return a dependency: the request's live token with these scopes.

        `acr_values` and `max_age` require a sign-in (RFC 9470). A refused request gets
        a challenge (RFC 6750 section 3). Raises InvalidArgumentError.
        """
        _optional_names("acr_values", acr_values)

        async def verified(request: Request) -> VerifiedToken:
            required = {"scope": " ".join(scopes)}
            token = await self._verified(request, required)
            is_dpop = token.cnf_jkt is not None
            if not set(scopes) <= set(token.scopes):
                refused = ProtocolError("insufficient_scope", "a scope is missing")
                raise self._refused(refused, required, is_dpop=is_dpop)
            now = datetime.now(UTC)
            if not is_sign_in_sufficient(
                token, now=now, acr_values=acr_values, max_age=max_age
            ):
                required = {"acr_values": " ".join(acr_values or ())}
                if max_age is not None:
                    required["max_age"] = str(int(max_age.total_seconds()))
                refused = ProtocolError(
                    "insufficient_user_authentication", "sign in again"
                )
                raise self._refused(refused, required, is_dpop=is_dpop)
            return token

        return verified

    @asynccontextmanager
    async def unit(self, token: VerifiedToken) -> AsyncIterator[AsyncStore]:
        """Open a unit of work in the tenant of a verified token."""
        async with self.authority.tenant(token.tenant_id) as store:
            yield store

    def _open(self) -> tuple[AsyncAuthority, AsyncVerifier]:
        if self._opened is None:
            raise ConfigurationError(_NOT_RUNNING)
        return self._opened

    async def _verified(
        self, request: Request, required: Mapping[str, str]
    ) -> VerifiedToken:
        _, verifier = self._open()
        is_dpop = False
        try:
            read = read_head(request, self._origin, self._certificate_header)
            presented = read.bearer()
            if presented is None:
                raise self._refused(None, required)
            scheme, string = presented
            live = await verifier.verify_token(
                string,
                tenant_id=self._tenant_id,
                resource=self._resource,
                foreign=self._foreign,
            )
            is_dpop = needs_proof(live, scheme)
            return await self._confirmed(read, live, string, scheme)
        except ProtocolError as error:
            raise self._refused(error, {}, is_dpop=is_dpop) from None

    async def _confirmed(
        self, read: OAuthRequest, live: VerifiedToken | None, string: str, scheme: str
    ) -> VerifiedToken:
        """Return a live token whose key the request proves. Raises ProtocolError."""
        jkt = None
        if live is not None and scheme == "dpop":
            async with self.authority.tenant(live.tenant_id, autocommit=True) as store:
                jkt = await prove_key(
                    store,
                    live.tenant_id,
                    read,
                    access_token=string,
                    lifetime=_PROOF_LIFETIME,
                    skew=_SKEW,
                )
        return check_presented(live, scheme, jkt, read.certificate_thumbprint)

    def _refused(
        self,
        refused: ProtocolError | None,
        members: Mapping[str, str],
        *,
        is_dpop: bool = False,
    ) -> HTTPException:
        """Return a refusal with its challenge. `refused` is None without a token."""
        shown = dict(members)
        if self._issuers and self._resource is not None:
            parts = urlsplit(self._resource)
            path = _WELL_KNOWN + parts.path.rstrip("/")
            shown["resource_metadata"] = f"{parts.scheme}://{parts.netloc}{path}"
        if refused is None:
            refused = without_token(shown)
        else:
            refused = challenged(refused, is_dpop=is_dpop, members=shown)
        return HTTPException(
            refused.status, detail=refused.description, headers=dict(refused.headers)
        )
