"""The store's rows as Authlib's models."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from authority_queries.contrib.oauth import Provider
from authority_queries.contrib.oauth.authorization_requests import is_registered
from authority_queries.contrib.oauth.registrations import metadata_of
from authority_queries.contrib.oauth.scopes import permitted_scopes
from authority_queries.credentials import verify_client_secret
from authority_queries.engine.json_types import JsonObject
from authority_queries.records import Client as ClientRecord
from authority_queries.records import LiveSession, VerifiedToken
from authority_queries.records import Token as TokenRecord
from authority_queries.records import User as UserRecord

_SECRETS = frozenset({"client_secret_basic", "client_secret_post"})


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A client. `record` is its row.

    `is_authenticated`: contrib.oauth has compared its credentials and their method.
    """

    provider: Provider = field(repr=False)
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
        """The metadata (RFC 7591 section 2)."""
        return metadata_of(self.record, None)

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
        with self.provider.unit() as store:
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
        registered = self.record.token_endpoint_auth_method
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


@dataclass(frozen=True, slots=True)
class User:
    """A user. `record` is the row."""

    record: UserRecord

    def get_user_id(self) -> str:
        """Return the `sub`."""
        return self.record.subject_id


@dataclass(frozen=True, slots=True)
class EndUser:
    """The person in the browser: a live session of the store, and its cookie."""

    session: LiveSession
    cookie: str = field(repr=False)

    def get_user_id(self) -> str:
        """Return the `sub`."""
        return self.session.subject_id


@dataclass(frozen=True, slots=True)
class LiveToken(TokenMixin):
    """A live token. `record` has its user, scopes, resources and sign-in.

    `string` is for the check of a DPoP proof.
    """

    provider: Provider | None = field(repr=False)
    record: VerifiedToken
    string: str = field(default="", repr=False)

    def check_client(self, client: Client) -> bool:
        """Return whether the token is the client's."""
        return self.record.client_id == client.get_client_id()

    def get_scope(self) -> str:
        """Return the scopes."""
        return " ".join(self.record.scopes)

    def get_expires_in(self) -> int:
        """Return the lifetime in seconds."""
        return int((self.record.expires_at - self.record.created_at).total_seconds())

    def is_expired(self) -> bool:
        """Return whether the token has expired since it was verified."""
        return self.record.expires_at <= datetime.now(UTC)

    def is_revoked(self) -> bool:
        """Return False: a revoked token is not found."""
        return False

    def get_user(self) -> User | None:
        """Return the user whom the token represents, or None."""
        if self.provider is None or self.record.user_id is None:
            return None
        with self.provider.unit() as store:
            found = store.users.get_by_id(
                tenant_id=self.record.tenant_id, user_id=self.record.user_id
            )
        return None if found is None else User(found)


@dataclass(frozen=True, slots=True)
class StoredToken(AuthorizationCodeMixin):
    """A code or a token, dead or alive. Only the database decides about it."""

    record: TokenRecord

    @property
    def code_challenge(self) -> str | None:
        """The challenge of a code (RFC 7636 section 4.2)."""
        return self.record.code_challenge

    @property
    def code_challenge_method(self) -> str:
        """The only method of the store."""
        return "S256"

    def check_client(self, client: Client) -> bool:
        """Return whether it is the client's."""
        return self.record.client_uuid == client.record.id

    def get_redirect_uri(self) -> str:
        """Return the redirect URI of the request."""
        return self.record.redirect_uri or ""

    def get_scope(self) -> str:
        """Return the scopes."""
        return " ".join(self.record.scopes)

    def get_nonce(self) -> str | None:
        """Return the nonce of the request."""
        return self.record.nonce

    def get_auth_time(self) -> int:
        """Return the time of the sign-in, in seconds."""
        return int(self.record.authenticated_at.timestamp())


def words(scope: str | Sequence[str] | None) -> Sequence[str]:
    """Return the scopes of a text or a list."""
    return scope.split() if isinstance(scope, str) else list(scope or ())
