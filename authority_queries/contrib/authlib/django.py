"""Authlib's authorization server for Django, without Django's models."""

from authlib.integrations.django_oauth2 import (
    AuthorizationServer as _AuthorizationServer,
)
from authlib.oauth2.rfc6749 import OAuth2Request

from authority_queries.contrib.authlib.clients import Client
from authority_queries.contrib.authlib.issuer import Issuer
from authority_queries.engine.json_types import JsonValue


class AuthorizationServer(_AuthorizationServer):
    """Authlib's server, which asks an issuer instead of Django's models."""

    def __init__(self, issuer: Issuer) -> None:
        super().__init__(None, None)
        self._issuer = issuer

    def query_client(  # type: ignore[override]  # the stub has no None
        self, client_id: str
    ) -> Client | None:
        """Return an enabled client, or None."""
        return self._issuer.query_client(client_id)

    def save_token(  # type: ignore[override]  # the stub has no JSON
        self, token: dict[str, JsonValue], request: OAuth2Request
    ) -> None:
        """Store what a grant of Authlib has generated (`Issuer.save_token`)."""
        self._issuer.save_token(token, request)
