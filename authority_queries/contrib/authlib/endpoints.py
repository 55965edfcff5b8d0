"""Authlib's endpoints on the store."""

import json
from collections.abc import Callable
from typing import ClassVar

from authlib.oauth2.rfc6749 import Endpoint, JsonRequest, OAuth2Request
from authlib.oauth2.rfc7009 import RevocationEndpoint as _RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint as _IntrospectionEndpoint

from authority_queries.contrib.authlib.authenticating import CONFIDENTIAL, METHODS
from authority_queries.contrib.authlib.clients import Client
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.contrib.authlib.models import LiveToken, StoredToken
from authority_queries.contrib.authlib.requests import (
    Response,
    read_document,
    respond,
    translated,
)
from authority_queries.contrib.oauth import Answer, Provider, Request
from authority_queries.contrib.oauth.introspection import introspected, may_introspect
from authority_queries.engine.json_types import JsonObject


class TokenEndpoint(Endpoint):
    """Answers like `server.create_token_response`, as an endpoint with a name."""

    ENDPOINT_NAME = "token"
    issuer: ClassVar[Issuer]

    def create_endpoint_response(self, request: OAuth2Request) -> Response:
        """Return the response of the grant."""
        grant = self.server.get_token_grant(request)
        grant.validate_token_request()
        response: Response = grant.create_token_response()
        return response


class IntrospectionEndpoint(_IntrospectionEndpoint):
    """Answers resource servers that ask about a token (RFC 7662)."""

    CLIENT_AUTH_METHODS = CONFIDENTIAL
    issuer: ClassVar[Issuer]

    def query_token(
        self,
        token_string: str,
        token_type_hint: str | None,  # noqa: ARG002 -- of Authlib
    ) -> LiveToken | None:
        """Return a live access or refresh token, or None."""
        return self.issuer.find_live(token_string, "access", "refresh")

    def check_permission(
        self, token: LiveToken, client: Client, request: OAuth2Request
    ) -> bool:
        """Return whether the client may ask about the token, as contrib.oauth does."""
        del request
        return may_introspect(client.record, token.record)

    def introspect_token(self, token: LiveToken) -> JsonObject:
        """Return the answer of contrib.oauth."""
        return introspected(token.record, self.issuer.provider.settings.issuer)


class RevocationEndpoint(_RevocationEndpoint):
    """Revokes a token for its client (RFC 7009). The answer is always the same."""

    CLIENT_AUTH_METHODS = METHODS
    issuer: ClassVar[Issuer]

    def authenticate_token(
        self, request: OAuth2Request, client: Client
    ) -> StoredToken | None:
        """Return a token of the client, dead or alive, or None."""
        self.check_params(request, client)
        found = self.query_token(request.form["token"], None)
        return found if found is not None and found.check_client(client) else None

    def query_token(
        self,
        token_string: str,
        token_type_hint: str | None,  # noqa: ARG002 -- of Authlib
    ) -> StoredToken | None:
        """Return an access or refresh token, dead or alive, or None."""
        return self.issuer.find_token(token_string, "access", "refresh")

    def revoke_token(self, token: StoredToken, request: OAuth2Request) -> None:
        """Revoke the token. A refresh token ends its family."""
        assert isinstance(request.client, Client)  # noqa: S101 -- of query_client
        with translated(), self.issuer.provider.unit() as store:
            store.tokens.revoke(
                tenant_id=token.record.tenant_id,
                token_hash=token.record.token_hash,
                client_id=request.client.client_id,
                reason="revoked_by_client",
            )


class ProviderEndpoint(Endpoint):
    """An endpoint that contrib.oauth answers as a whole, client authentication too."""

    issuer: ClassVar[Issuer]

    def create_endpoint_response(self, request: OAuth2Request) -> Response:
        """Return the answer of contrib.oauth."""
        return respond(self.answer(self.issuer.provider, self.issuer.read(request)))

    def answer(self, provider: Provider, request: Request) -> Answer:
        """Return the provider's answer."""
        raise NotImplementedError


class DeviceAuthorizationEndpoint(ProviderEndpoint):
    """Begins a request that the person approves elsewhere (RFC 8628 section 3.1)."""

    ENDPOINT_NAME = "device_authorization"

    def answer(self, provider: Provider, request: Request) -> Answer:
        """Return the codes."""
        return provider.devices.answer(request)


class UserInfoEndpoint(ProviderEndpoint):
    """Returns the claims of a token's user (OpenID Connect Core section 5.3)."""

    ENDPOINT_NAME = "userinfo"

    def answer(self, provider: Provider, request: Request) -> Answer:
        """Return the claims."""
        return provider.userinfo.answer(request)


class MetadataEndpoint(ProviderEndpoint):
    """Returns the metadata (RFC 8414), without endpoints that Authlib does not have."""

    ENDPOINT_NAME = "metadata"
    _OTHERS = ("pushed_authorization_request_endpoint", "end_session_endpoint")

    def answer(self, provider: Provider, request: Request) -> Answer:  # noqa: ARG002
        """Return the metadata."""
        answer = provider.metadata()
        members = {
            name: value
            for name, value in (answer.body or {}).items()
            if name not in self._OTHERS
        }
        return Answer(headers=answer.headers, body=members)


class JwksEndpoint(ProviderEndpoint):
    """Returns the key set."""

    ENDPOINT_NAME = "jwks"

    def answer(self, provider: Provider, request: Request) -> Answer:  # noqa: ARG002
        """Return the keys."""
        return provider.jwks()


class ClientRegistrationEndpoint(Endpoint):
    """Registers clients (RFC 7591), and manages them (RFC 7592)."""

    ENDPOINT_NAME = "client_registration"
    issuer: ClassVar[Issuer]

    def create_endpoint_request(self, request: object) -> JsonRequest:
        """Return Authlib's request with a JSON body."""
        create: Callable[[object], JsonRequest] = self.server.create_json_request
        return create(request)

    def create_endpoint_response(self, request: JsonRequest) -> Response:  # type: ignore[override]  # as Authlib's own
        """Return the answer of contrib.oauth."""
        body = b""
        if request.method in {"POST", "PUT"} and request.payload is not None:
            body = json.dumps(request.payload.data).encode()
        issuer = self.issuer
        provider = issuer.provider
        given = read_document(
            request, body, provider.settings.issuer, issuer.certificate_header
        )
        return respond(provider.registration.answer(given))
