"""Introspection, revocation and userinfo."""

from collections.abc import Mapping

from authority_queries.contrib.oauth._async.endpoint import AsyncEndpoint
from authority_queries.contrib.oauth.answers import NO_STORE, Answer, ProtocolError
from authority_queries.contrib.oauth.challenges import challenged, scheme_of
from authority_queries.contrib.oauth.introspection import introspected, may_introspect
from authority_queries.contrib.oauth.requests import Parameters, Request
from authority_queries.engine.json_types import JsonValue
from authority_queries.records import VerifiedToken
from authority_queries.repositories._async.store import AsyncStore
from authority_queries.repositories.values import is_confirmed


class AsyncIntrospection(AsyncEndpoint):
    """Answers resource servers that ask about a token (RFC 7662)."""

    async def _answer(self, store: AsyncStore, request: Request) -> Answer:
        parameters = Parameters(request.parameters)
        presenter = await self._authentication.present(store, request, parameters)
        if not presenter.is_authenticated:
            message = "a public client cannot introspect"
            raise ProtocolError("invalid_client", message)
        found = await self.find(store, parameters.require("token"))
        if found is None or not may_introspect(presenter.client, found):
            return Answer(headers=NO_STORE, body={"active": False})
        return Answer(headers=NO_STORE, body=introspected(found, self._settings.issuer))

    async def find(self, store: AsyncStore, token: str) -> VerifiedToken | None:
        """Return the live access or refresh token with this string, or None."""
        for presented in self._read(token):
            found = await store.tokens.verify(
                tenant_id=self._tenant_id,
                token_hash=presented.hash,
                type="access" if presented.kind == "access" else "refresh",
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
            raise challenged("insufficient_scope", "the scope openid is missing")
        user = await store.users.get_by_id(
            tenant_id=self._tenant_id, user_id=token.user_id
        )
        if user is None:
            raise challenged("invalid_token", "the token is not valid")
        claims: Mapping[str, JsonValue] = self._settings.claims(user, token.scopes)
        return Answer(headers=NO_STORE, body={**claims, "sub": user.subject_id})

    async def verify(self, store: AsyncStore, request: Request) -> VerifiedToken:
        """Return the live token of the request. Raises ProtocolError.

        A bound token must come with its DPoP proof or its certificate.
        """
        presented = request.bearer()
        if presented is None:
            raise challenged(None, "a token is missing")
        scheme, string = presented
        live = None
        for parsed in self._read(string)[:1]:
            if parsed.kind == "access":
                live = await store.tokens.verify(
                    tenant_id=self._tenant_id, token_hash=parsed.hash, type="access"
                )
        jkt = None
        if scheme == "dpop":
            jkt = await self._prove(store, request, string)
        thumbprint = request.certificate_thumbprint
        if live is None or not is_confirmed(live, jkt=jkt, x5t_s256=thumbprint):
            wanted = scheme_of(scheme, live.cnf_jkt if live else None)
            message = "the token is not valid"
            raise challenged("invalid_token", message, scheme=wanted)
        return live

    async def _prove(
        self, store: AsyncStore, request: Request, token: str
    ) -> str | None:
        try:
            return await self._authentication.prove(store, request, access_token=token)
        except ProtocolError as error:
            raise challenged(error.error, error.description, scheme="DPoP") from None
