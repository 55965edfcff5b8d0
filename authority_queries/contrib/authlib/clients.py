"""The store's clients as Authlib's model."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Request

from authority_queries.contrib.oauth.authorization_requests import is_registered
from authority_queries.contrib.oauth.registrations import metadata_of
from authority_queries.contrib.oauth.scopes import permitted_scopes
from authority_queries.credentials import verify_client_secret
from authority_queries.engine.json_types import JsonObject, JsonValue
from authority_queries.errors import ConfigurationError
from authority_queries.records import Client as ClientRecord
from authority_queries.repositories._sync.store import Store

_SECRETS: Final = frozenset({"client_secret_basic", "client_secret_post"})
# Opens a unit of work of a tenant.
Unit: TypeAlias = Callable[[], AbstractContextManager[Store]]


@dataclass(frozen=True)
class Client(ClientMixin):
    """A client. `record` is its row. An application may override methods.

    `is_authenticated`: contrib.oauth has compared its credentials and their method.
    """

    unit: Unit = field(repr=False)
    record: ClientRecord
    is_authenticated: bool = False

    @property
    def client_id(self) -> str:
        """The client_id."""
        return self.record.client_id

    @property
    def client_name(self) -> str:
        """The name to show to people."""
        return self.record.display_name or self.record.client_id

    @property
    def client_metadata(self) -> JsonObject:
        """The metadata (RFC 7591 section 2), and the client's `properties`."""
        return {**self.record.properties, **metadata_of(self.record, None)}

    @property
    def id_token_signed_response_alg(self) -> JsonValue:
        """What `properties` has under this name, or None."""
        return self.client_metadata.get("id_token_signed_response_alg")

    @property
    def redirect_uris(self) -> Sequence[str]:
        """The registered redirect URIs."""
        return self.record.redirect_uris

    @property
    def grant_types(self) -> Sequence[str] | None:
        """The grants of its registration. None: every grant."""
        return self.record.grant_types

    @property
    def response_types(self) -> Sequence[str]:
        """The response types of its registration."""
        allowed = self.record.response_types
        return ("code",) if allowed is None else allowed

    @property
    def scope(self) -> str:
        """The scopes that it is restricted to, or an empty text."""
        return " ".join(sorted(permitted_scopes(self.record) or ()))

    @property
    def token_endpoint_auth_method(self) -> str | None:
        """How it is registered to authenticate.

        A method of the application's own is in the `properties`, under this name.
        """
        method = self.client_metadata.get("token_endpoint_auth_method")
        return None if method is None else str(method)

    @property
    def jwks(self) -> JsonObject | None:
        """Its keys."""
        return self.record.json_web_key_set

    @property
    def jwks_uri(self) -> str | None:
        """Where it publishes its keys."""
        return self.record.jwks_uri

    def get_client_id(self) -> str:
        """Return the client_id."""
        return self.record.client_id

    def get_default_redirect_uri(self) -> str:
        """Return the only redirect URI, or an empty text."""
        uris = self.record.redirect_uris
        return uris[0] if len(uris) == 1 else ""

    def get_allowed_scope(self, scope: Collection[str] | str | None) -> str:
        """Return the requested scopes that the client may have."""
        requested = scope.split() if isinstance(scope, str) else scope or ()
        permitted = permitted_scopes(self.record)
        if permitted is None:
            return " ".join(requested)
        return " ".join(each for each in requested if each in permitted)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether the URI is registered."""
        return is_registered(self.record, redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether this is a live secret of the client."""
        with self.unit() as store:
            live = store.client_secrets.list_live(
                tenant_id=self.record.tenant_id, client_id=self.record.client_id
            )
        return any(
            verify_client_secret(each.secret_hash, client_secret) for each in live
        )

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 -- of Authlib
        """Return whether the client may authenticate in this way."""
        if self.is_authenticated:
            return True
        registered = self.token_endpoint_auth_method
        if registered is not None:
            return method == registered
        if self.record.client_type == "public":
            return method == "none"
        return method in _SECRETS

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the client may use the response type: `code` at most."""
        allowed = self.record.response_types
        return response_type == "code" and (allowed is None or "code" in allowed)

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client's registration allows the grant."""
        allowed = self.record.grant_types
        return allowed is None or grant_type in allowed


def client_of(request: OAuth2Request) -> Client:
    """Return the client of a request. Raises ConfigurationError."""
    if isinstance(request.client, Client):
        return request.client
    message = "query_client must be that of the Issuer"
    raise ConfigurationError(message)
