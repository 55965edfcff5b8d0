"""Introspection, revocation and userinfo."""

from collections.abc import Mapping, Sequence
from typing import Literal

from authority_queries.contrib.oauth._async.endpoint import AsyncEndpoint
from authority_queries.contrib.oauth.answers import NO_STORE, Answer, ProtocolError
from authority_queries.contrib.oauth.introspection import introspected, may_introspect
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.engine.json_types import JsonValue
from authority_queries.records import VerifiedToken
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.values import is_confirmed
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
    """Revokes a token for its client (RFC 7009). The answer never says whether."""

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

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        token = await self.verify(store, request)
        if "openid" not in token.scopes or token.user_id is None:
            raise _challenge("insufficient_scope", "the scope openid is missing")
        user = await store.users.get_by_id(
            tenant_id=self._tenant_id, user_id=token.user_id
        )
        if user is None:
            raise _challenge("invalid_token", "the token is not valid")
        claims: Mapping[str, JsonValue] = self._settings.claims(user, token.scopes)
        return Answer(headers=NO_STORE, body={**claims, "sub": user.subject_id})

    async def verify(self, store: AsyncStore, request: Request) -> VerifiedToken:
        """Return the live token of the request. Raises ProtocolError.

        A bound token must come with its DPoP proof or its certificate.
        """
        presented = request.bearer()
        if presented is None:
            raise _challenge("invalid_token", "a token is missing")
        scheme, string = presented
        live = None
        for parsed in self._read(string)[:1]:
            if parsed.kind == "access":
                live = await store.tokens.verify(
                    tenant_id=self._tenant_id, token_hash=parsed.hash, type="access"
                )
        jkt = None
        if scheme == "dpop":
            jkt = await self._authentication.prove(store, request, access_token=string)
        thumbprint = request.certificate_thumbprint
        if live is None or not is_confirmed(live, jkt=jkt, x5t_s256=thumbprint):
            raise _challenge("invalid_token", "the token is not valid")
        return live


def _challenge(
    code: Literal["invalid_token", "insufficient_scope"], description: str
) -> ProtocolError:
    """Return a refusal with its challenge (RFC 6750 section 3)."""
    challenge = f'Bearer error="{code}", error_description="{description}"'
    return ProtocolError(code, description, headers={"www-authenticate": challenge})
