"""Introspection, revocation and userinfo."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from authority_queries.contrib.oauth._async.endpoint import AsyncEndpoint
from authority_queries.contrib.oauth.answers import NO_STORE, Answer, ProtocolError
from authority_queries.contrib.oauth.challenges import (
    challenged,
    check_presented,
    needs_proof,
    without_token,
)
from authority_queries.contrib.oauth.introspection import introspected, may_introspect
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.engine.json_types import JsonValue
from authority_queries.records import VerifiedToken
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.secrets import TokenString


class AsyncIntrospection(AsyncEndpoint):
    """Answers resource servers that ask about a token (RFC 7662)."""

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        parameters = Parameters(request.parameters)
        presented = self._read(parameters.get("token") or "")

        async def find_first() -> VerifiedToken | None:
            return await self._find(store, presented[:1])

        presenter, found = await self._authentication.present_and(
            store, request, parameters, find_first
        )
        if not presenter.is_authenticated:
            message = "a public client cannot introspect"
            raise ProtocolError("invalid_client", message)
        parameters.require("token")
        if found is None:
            found = await self._find(store, presented[1:])
        if found is None or not may_introspect(presenter.client, found):
            return Answer(headers=NO_STORE, body={"active": False})
        return Answer(headers=NO_STORE, body=introspected(found, self._settings.issuer))

    async def find(self, store: AsyncStore, token: str) -> VerifiedToken | None:
        """Return the live access or refresh token with this string, or None."""
        return await self._find(store, self._read(token))

    async def _find(
        self, store: AsyncStore, presented: Sequence[TokenString]
    ) -> VerifiedToken | None:
        for each in presented:
            found = await store.tokens.verify(
                tenant_id=self._tenant_id,
                token_hash=each.hash,
                type="access" if each.kind == "access" else "refresh",
            )
            if found is not None:
                return found
        return None


class AsyncRevocation(AsyncEndpoint):
    """Revokes a token for its client (RFC 7009). The answer is always the same."""

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        parameters = Parameters(request.parameters)
        presenter = await self._authentication.present(store, request, parameters)
        for presented in self._read(parameters.require("token"))[:1]:
            await store.tokens.revoke(
                tenant_id=self._tenant_id,
                token_hash=presented.hash,
                client_id=presenter.client.client_id,
                reason="revoked_by_client",
            )
        return Answer(headers=NO_STORE)


class AsyncUserinfo(AsyncEndpoint):
    """Returns the claims of the user of a token (OpenID Connect Core section 5.3)."""

    _methods: ClassVar[Sequence[str]] = ("GET", "POST")

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        if request.method == "POST":
            request = _with_posted_token(request)
        token = await self.verify(store, request, "openid")
        user = None
        if token.user_id is not None:
            user = await store.users.get_by_id(
                tenant_id=self._tenant_id, user_id=token.user_id
            )
        if user is None:
            raise challenged(ProtocolError("invalid_token", "the token has no user"))
        claims: Mapping[str, JsonValue] = self._settings.claims(user, token.scopes)
        return Answer(headers=NO_STORE, body={**claims, "sub": user.subject_id})

    async def verify(
        self,
        store: AsyncStore,
        request: Request,
        *scopes: str,
        resource: str | None = None,
    ) -> VerifiedToken:
        """Return the live token of the request, with these scopes for this resource.

        A bound token must come with its DPoP proof or its certificate. Raises
        ProtocolError.
        """
        presented = request.bearer()
        if presented is None:
            raise without_token()
        scheme, string = presented
        found = await self._find(store, string)
        try:
            jkt = None
            if found is not None and scheme == "dpop":
                jkt = await self._authentication.prove(
                    store, request, access_token=string
                )
            thumbprint = request.certificate_thumbprint
            live = check_presented(found, scheme, jkt, thumbprint)
            if resource is not None and resource not in live.resources:
                raise ProtocolError("invalid_token", "the token is for another API")
            if not set(scopes) <= set(live.scopes):
                raise ProtocolError("insufficient_scope", "a scope is missing")
        except ProtocolError as error:
            members: dict[str, str] = {}
            if error.error == "insufficient_scope":
                members["scope"] = " ".join(scopes)
            is_dpop = needs_proof(found, scheme)
            raise challenged(error, is_dpop=is_dpop, members=members) from None
        return live

    async def _find(self, store: AsyncStore, string: str) -> VerifiedToken | None:
        for parsed in self._read(string)[:1]:
            if parsed.kind == "access":
                return await store.tokens.verify(
                    tenant_id=self._tenant_id, token_hash=parsed.hash, type="access"
                )
        return None


def _with_posted_token(request: Request) -> Request:
    """Return a form's token as a header (RFC 6750 section 2.2)."""
    token = Parameters(request.parameters).get("access_token")
    if token is None:
        return request
    header = ("authorization", f"Bearer {token}")
    return replace(request, headers=[*request.headers, header])
