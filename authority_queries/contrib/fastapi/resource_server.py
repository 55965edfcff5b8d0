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
from authority_queries.contrib.oauth.challenges import challenged, without_token
from authority_queries.engine.checks import optional, text_list
from authority_queries.engine.refusals import refusal
from authority_queries.errors import ConfigurationError
from authority_queries.records import VerifiedToken
from authority_queries.repositories.values import is_confirmed, is_sign_in_sufficient

_MAX_AGE: Final = timedelta(minutes=1)
_PROOF_LIFETIME: Final = timedelta(minutes=1)
_SKEW: Final = timedelta(seconds=30)
_names: Final = text_list(100, 2048)
_optional_names: Final = optional(_names)
_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


class ResourceServer:
    """An API whose callers present access tokens.

    - `resource`: its URI (RFC 8707). Tokens must name it. None accepts tokens for any
      resource.
    - `tenant_id`: the only tenant whose tokens it accepts. None accepts those of all:
      compare `token.tenant_id` with what the request is about.
    - `origin`: its scheme and host, with which DPoP proofs are compared.
    - `max_age`: for how long an answer is kept while the feed is followed.
    - `foreign`: whether it accepts strings of another store, from which the tenant was
      imported. It needs a `tenant_id`.
    - `issuers`: where clients get tokens for `resource`. Challenges then name the
      metadata of `metadata_routes` (RFC 9728 section 5.1). `scopes` are what the
      metadata lists.
    """

    def __init__(
        self,
        *,
        origin: str,
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
        self._foreign = foreign
        self._origin = origin
        self._resource = resource
        self._tenant_id = tenant_id
        self._settings = settings
        self._max_age = max_age
        self._certificate_header = certificate_header
        self._issuers = issuers
        self._scopes = scopes
        self._authority: AsyncAuthority | None = None
        self._verifier: AsyncVerifier | None = None

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Connect while the application runs: `FastAPI(lifespan=server.lifespan)`."""
        async with (
            AsyncAuthority.open(self._settings) as authority,
            authority.verifier(max_age=self._max_age) as verifier,
        ):
            self._authority, self._verifier = authority, verifier
            yield

    @property
    def authority(self) -> AsyncAuthority:
        """The open authority, for units of work."""
        if self._authority is None:
            message = "pass lifespan=server.lifespan to FastAPI"
            raise RuntimeError(message)
        return self._authority

    def metadata_routes(self) -> APIRouter:
        """Return the route of the API's metadata (RFC 9728 section 3).

        Clients that know only the API find its issuers there.
        """
        if self._resource is None:
            message = "an API with metadata needs a resource"
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
        """Return a dependency: the live token of the request, with these scopes.

        `acr_values` and `max_age` require a sign-in (RFC 9470). Refusals are answered
        with a challenge (RFC 6750 section 3). Raises InvalidArgumentError.
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

    async def _verified(
        self, request: Request, required: Mapping[str, str]
    ) -> VerifiedToken:
        is_dpop = False
        try:
            read = read_head(request, self._origin, self._certificate_header)
            presented = read.bearer()
            if presented is None:
                raise self._refused(None, required)
            is_dpop = presented[0] == "dpop"
            return await self._judged(read, presented[1], is_dpop=is_dpop)
        except ProtocolError as error:
            raise self._refused(error, {}, is_dpop=is_dpop) from None

    async def _judged(
        self, read: OAuthRequest, string: str, *, is_dpop: bool
    ) -> VerifiedToken:
        assert self._verifier is not None, "lifespan"  # noqa: S101 -- as in authority
        live = await self._verifier.verify_token(
            string,
            tenant_id=self._tenant_id,
            resource=self._resource,
            foreign=self._foreign,
        )
        if live is None:
            raise ProtocolError("invalid_token", "the token is not valid")
        jkt = None
        if is_dpop:
            async with self.authority.tenant(live.tenant_id, autocommit=True) as store:
                jkt = await prove_key(
                    store,
                    live.tenant_id,
                    read,
                    access_token=string,
                    lifetime=_PROOF_LIFETIME,
                    skew=_SKEW,
                )
        thumbprint = read.certificate_thumbprint
        is_right = is_confirmed(live, jkt=jkt, x5t_s256=thumbprint)
        if not is_right or (is_dpop and jkt is None):
            raise ProtocolError("invalid_token", "the token is not valid")
        return live

    def _refused(
        self,
        refused: ProtocolError | None,
        members: Mapping[str, str],
        *,
        is_dpop: bool = False,
    ) -> HTTPException:
        """Return a refusal with its challenge. None: there was no token."""
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
