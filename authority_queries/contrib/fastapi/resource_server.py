"""Verified tokens as dependencies of an API."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from fastapi import FastAPI, HTTPException, Request

from authority_queries import AsyncAuthority, AsyncStore, AsyncVerifier, Settings
from authority_queries.contrib.fastapi.requests import read_head
from authority_queries.contrib.oauth import ProtocolError
from authority_queries.contrib.oauth import Request as OAuthRequest
from authority_queries.contrib.oauth._async.authentication import prove_key
from authority_queries.contrib.oauth.outcomes import ErrorCode
from authority_queries.records import VerifiedToken
from authority_queries.repositories.values import is_confirmed, is_sign_in_sufficient

_MAX_AGE: Final = timedelta(minutes=1)
_PROOF_LIFETIME: Final = timedelta(minutes=1)
_SKEW: Final = timedelta(seconds=30)


class ResourceServer:
    """An API whose callers present access tokens.

    - `resource`: its URI (RFC 8707). Tokens must name it. None accepts tokens for any
      resource.
    - `tenant_id`: the only tenant whose tokens it accepts. None accepts those of all:
      compare `token.tenant_id` with what the request is about.
    - `origin`: its scheme and host, with which DPoP proofs are compared.
    - `max_age`: for how long an answer is kept while the feed is followed.
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
    ) -> None:
        self._origin = origin
        self._resource = resource
        self._tenant_id = tenant_id
        self._settings = settings
        self._max_age = max_age
        self._certificate_header = certificate_header
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

    def token(
        self,
        *scopes: str,
        acr_values: Sequence[str] | None = None,
        max_age: timedelta | None = None,
    ) -> Callable[[Request], Awaitable[VerifiedToken]]:
        """Return a dependency: the live token of the request, with these scopes.

        `acr_values` and `max_age` require a sign-in (RFC 9470). Refusals are answered
        with a challenge (RFC 6750 section 3).
        """

        async def verified(request: Request) -> VerifiedToken:
            token = await self._verified(request)
            if not set(scopes) <= set(token.scopes):
                raise _challenge("insufficient_scope", scope=" ".join(scopes))
            now = datetime.now(UTC)
            if not is_sign_in_sufficient(
                token, now=now, acr_values=acr_values, max_age=max_age
            ):
                required = {"acr_values": " ".join(acr_values or ())}
                if max_age is not None:
                    required["max_age"] = str(int(max_age.total_seconds()))
                raise _challenge("insufficient_user_authentication", **required)
            return token

        return verified

    @asynccontextmanager
    async def unit(self, token: VerifiedToken) -> AsyncIterator[AsyncStore]:
        """Open a unit of work in the tenant of a verified token."""
        async with self.authority.tenant(token.tenant_id) as store:
            yield store

    async def _verified(self, request: Request) -> VerifiedToken:
        try:
            return await self._judged(
                read_head(request, self._origin, self._certificate_header)
            )
        except ProtocolError as error:
            raise _challenge(error.error) from None

    async def _judged(self, read: OAuthRequest) -> VerifiedToken:
        presented = read.bearer()
        if presented is None:
            raise _challenge(None)
        scheme, string = presented
        assert self._verifier is not None, "lifespan"  # noqa: S101 -- as in authority
        live = await self._verifier.verify_token(
            string, tenant_id=self._tenant_id, resource=self._resource
        )
        if live is None:
            raise _challenge("invalid_token")
        jkt = None
        if scheme == "dpop":
            async with self.authority.tenant(live.tenant_id, autocommit=True) as store:
                jkt = await prove_key(
                    store,
                    live.tenant_id,
                    read,
                    access_token=string,
                    lifetime=_PROOF_LIFETIME,
                    skew=_SKEW,
                )
        if not is_confirmed(live, jkt=jkt, x5t_s256=read.certificate_thumbprint):
            raise _challenge("invalid_token")
        return live


def _challenge(code: ErrorCode | None, **members: str) -> HTTPException:
    """Return a refusal with its challenge (RFC 6750 section 3)."""
    shown = {"error": code or "", **members}
    listed = ", ".join(f'{name}="{value}"' for name, value in shown.items() if value)
    return HTTPException(
        403 if code == "insufficient_scope" else 401,
        detail=(code or "invalid_token").replace("_", " "),
        headers={"www-authenticate": f"Bearer {listed}".strip()},
    )
