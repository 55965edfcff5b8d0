"""The store's users, codes and tokens as Authlib's models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oauth2.rfc8628 import DeviceCredentialMixin
from authlib.oidc.core import AuthorizationCodeMixin

from authority_queries.contrib.authlib.clients import Client, Unit
from authority_queries.errors import ConfigurationError
from authority_queries.records import (
    DevicePollOutcome,
    LiveSession,
    RedemptionRedeemed,
    VerifiedToken,
)
from authority_queries.records import Token as TokenRecord
from authority_queries.records import User as UserRecord
from authority_queries.secrets import TokenString


@dataclass(frozen=True)
class User:
    """A user. `record` is the row. An application may add its own methods.

    For an application with sessions of its own: `authenticated_at` is the time of the
    sign-in (None: now), `acr` and `amr` are how the user signed in (RFC 8176).
    """

    record: UserRecord
    authenticated_at: datetime | None = None
    acr: str | None = None
    amr: Sequence[str] | None = None

    @property
    def id(self) -> UUID:
        """The id of the row."""
        return self.record.id

    def get_user_id(self) -> str:
        """Return the `sub`."""
        return self.record.subject_id


@dataclass(frozen=True, slots=True)
class EndUser:
    """The person in the browser: a live session of the store, and its cookie."""

    session: LiveSession
    cookie: str = field(repr=False)

    @property
    def id(self) -> UUID:
        """The id of the user."""
        return self.session.user_id

    def get_user_id(self) -> str:
        """Return the `sub`."""
        return self.session.subject_id


@dataclass(frozen=True, slots=True)
class LiveToken(TokenMixin):
    """A live token. `record` has its user, scopes, resources and sign-in.

    `string` is for the check of a DPoP proof, `to_user` for `get_user`. `unit` is None
    if a `Verifier` has found the token: it has no connection to read users by.
    """

    unit: Unit | None = field(repr=False)
    record: VerifiedToken
    string: str = field(default="", repr=False)
    to_user: Callable[[UserRecord], User] = field(default=User, repr=False)

    @property
    def scope(self) -> str:
        """The scopes."""
        return self.get_scope()

    @property
    def client_id(self) -> str:
        """The client_id."""
        return self.record.client_id

    @property
    def user_id(self) -> UUID | None:
        """The id of the user whom it represents."""
        return self.record.user_id

    @property
    def user(self) -> User | None:
        """The user whom it represents. Each use reads the row."""
        return self.get_user()

    @property
    def issued_at(self) -> int:
        """The time of its issuance, in seconds."""
        return int(self.record.created_at.timestamp())

    @property
    def expires_in(self) -> int:
        """The lifetime in seconds."""
        return self.get_expires_in()

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
        if self.record.user_id is None:
            return None
        with self._unit()() as store:
            found = store.users.get_by_id(
                tenant_id=self.record.tenant_id, user_id=self.record.user_id
            )
        return None if found is None else self.to_user(found)

    def get_client(self) -> Client:
        """Return the client that the token was issued to."""
        unit = self._unit()
        with unit() as store:
            found = store.clients.get_by_client_id(
                tenant_id=self.record.tenant_id, client_id=self.record.client_id
            )
        assert found is not None  # noqa: S101 -- its tokens would have gone with it
        return Client(unit, found)

    def _unit(self) -> Unit:
        if self.unit is None:
            message = (
                "a Verifier finds no users and clients: use token.record, or pass an "
                "Authority to the validator"
            )
            raise ConfigurationError(message)
        return self.unit


@dataclass(frozen=True, slots=True)
class StoredToken(AuthorizationCodeMixin, TokenMixin):
    """A code or a token, dead or alive. Only the database decides about it.

    `redemption` is its decision, after the code was redeemed.
    """

    record: TokenRecord
    string: TokenString = field(repr=False)
    redemption: RedemptionRedeemed | None = field(default=None, repr=False)

    @property
    def code_challenge(self) -> str | None:
        """The challenge of a code (RFC 7636 section 4.2)."""
        return self.record.code_challenge

    @property
    def code_challenge_method(self) -> str:
        """The only method of the store."""
        return "S256"

    @property
    def scope(self) -> str:
        """The scopes."""
        return self.get_scope()

    def check_client(self, client: ClientMixin) -> bool:
        """Return whether it is the client's."""
        return (
            isinstance(client, Client) and self.record.client_uuid == client.record.id
        )

    def get_redirect_uri(self) -> str:
        """Return an empty text. The database compares the URI (`record` has it)."""
        return ""

    def get_scope(self) -> str:
        """Return the scopes."""
        return " ".join(self.record.scopes)

    def get_nonce(self) -> str | None:
        """Return the nonce of the request."""
        return self.record.nonce

    def get_auth_time(self) -> int:
        """Return the time of the sign-in, in seconds."""
        return int(self.record.authenticated_at.timestamp())

    def get_acr(self) -> str | None:  # type: ignore[override]  # Authlib's own is None
        """Return the acr of the sign-in, once the code is redeemed."""
        return None if self.redemption is None else self.redemption.acr

    def get_amr(self) -> list[str] | None:  # type: ignore[override]  # Authlib's own is None
        """Return how the user signed in, once the code is redeemed."""
        found = None if self.redemption is None else self.redemption.amr
        return None if found is None else list(found)


@dataclass(frozen=True, slots=True)
class StoredDevice(DeviceCredentialMixin):
    """A device that polls. `outcome` is the answer to its poll."""

    string: TokenString = field(repr=False)
    client_id: str
    outcome: DevicePollOutcome
    code: TokenRecord | None = None

    def get_client_id(self) -> str:
        """Return the client_id."""
        return self.client_id

    def get_scope(self) -> str:
        """Return the scopes that the person has approved."""
        return "" if self.code is None else " ".join(self.code.scopes)

    def is_expired(self) -> bool:
        """Return whether the person has not answered in time."""
        return self.outcome == "expired_token"


def user_id_of(user: object) -> UUID | None:
    """Return the id of the row of a user, or None for anything else."""
    if isinstance(user, User):
        return user.record.id
    return user.session.user_id if isinstance(user, EndUser) else None


def words(scope: str | Sequence[str] | None) -> Sequence[str]:
    """Return the scopes of a text or a list."""
    return scope.split() if isinstance(scope, str) else list(scope or ())
