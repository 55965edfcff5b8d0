"""The settings of a provider."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from authority_queries.engine.checks import (
    Check,
    instance,
    octets,
    one_of,
    text,
    text_list,
)
from authority_queries.engine.json_types import JsonObject
from authority_queries.engine.refusals import refusal
from authority_queries.records import User
from authority_queries.repositories.arguments import check_not_negative, check_positive
from authority_queries.secrets.encryption import Keyring
from authority_queries.secrets.signing_keys import SigningAlgorithm

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_KEY_OCTETS: Final = 32
_WITH_A_PERSON: Final = (
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
)

_NAMES: Final = text_list(100, 512)
_CHECKS: Final[Mapping[str, Check[object]]] = {
    "issuer": text(),
    "keyring": instance(Keyring),
    "derivation_key": octets(least=_KEY_OCTETS),
    "signing_alg": one_of(*get_args(SigningAlgorithm)),
    "access_token_lifetime": check_positive,
    "refresh_token_lifetime": check_positive,
    "family_lifetime": check_positive,
    "code_lifetime": check_positive,
    "id_token_lifetime": check_positive,
    "leeway": check_not_negative,
    "clock_skew": check_not_negative,
    "proof_lifetime": check_positive,
    "registration": one_of("closed", "token", "open"),
    "registration_grant_types": _NAMES,
    "acr_values_supported": _NAMES,
}
# The claims of `standard_claims`.
STANDARD_CLAIMS: Final = (
    "name",
    "preferred_username",
    "updated_at",
    "email",
    "email_verified",
)
# The claims of a user for the granted scopes (OpenID Connect Core section 5.4).
Claims: TypeAlias = Callable[[User, Sequence[str]], JsonObject]


def standard_claims(user: User, scopes: Sequence[str]) -> JsonObject:
    """Return name, preferred_username, updated_at and email for profile and email."""
    claims: dict[str, str | bool | int] = {}
    if "profile" in scopes:
        claims["name"] = user.display_name or user.username
        claims["preferred_username"] = user.username
        claims["updated_at"] = int(user.updated_at.timestamp())
    if "email" in scopes and user.email is not None:
        claims["email"] = user.email
        claims["email_verified"] = user.email_verified
    return claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Paths of the endpoints, after the issuer's URL."""

    authorization: str = "/authorize"
    token: str = "/token"  # noqa: S105 -- a path
    introspection: str = "/introspect"
    revocation: str = "/revoke"
    userinfo: str = "/userinfo"
    jwks: str = "/jwks"
    pushed_authorization_request: str = "/par"
    device_authorization: str = "/device_authorization"
    device_verification: str = "/device"
    registration: str = "/register"
    end_session: str = "/end_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """The rules of one issuer that are not rows of its tenant.

    - `issuer`: its URL, https, without query and fragment (RFC 8414 section 2). http is
      allowed for a loopback address.
    - `keyring`: decrypts the signing keys.
    - `derivation_key`: 32 octets or more, from which the successors of a refresh token
      are derived, so that a lost answer can be repeated (`derive_token`).
    - `leeway`: for how long a client that lost the answer may repeat a refresh, or the
      last poll of a device.
    - `clock_skew`, `proof_lifetime`: for the times of assertions and DPoP proofs.
    - `registration`: who may register clients (RFC 7591): nobody, callers with the
      `initial_access_token`, or everybody.
    - `registration_grant_types`: the grants of clients that register themselves or have
      a metadata document. By default those at which a person consents.
    - `metadata_documents`: whether a client_id may be the URL of the client's metadata.
    - `accepts_foreign_tokens`: whether endpoints accept token strings of the store from
      which the tenant was imported. An operator must allow them for the tenant, too.
    - `imported_password_hash`: any one hash of the store from which users were
      imported, as long as users have such hashes. Each sign-in then takes the same
      time.
    - `acr_values_supported`: the classes of sign-ins that your pages offer. If a client
      requests one of them, it is required. Others are voluntary (OpenID Connect Core
      section 15.1).
    - `claims`: returns the members of the userinfo endpoint, without `sub`.
    """

    issuer: str
    keyring: Keyring = field(repr=False)
    derivation_key: bytes = field(repr=False)
    signing_alg: SigningAlgorithm = "ES256"
    access_token_lifetime: timedelta = 10 * _MINUTE
    refresh_token_lifetime: timedelta = 14 * _DAY
    family_lifetime: timedelta = 90 * _DAY
    code_lifetime: timedelta = _MINUTE
    id_token_lifetime: timedelta = _HOUR
    leeway: timedelta = timedelta(seconds=10)
    clock_skew: timedelta = timedelta(seconds=30)
    proof_lifetime: timedelta = _MINUTE
    registration: Literal["closed", "token", "open"] = "closed"
    initial_access_token: str | None = field(default=None, repr=False)
    registration_grant_types: Sequence[str] = _WITH_A_PERSON
    metadata_documents: bool = False
    accepts_foreign_tokens: bool = False
    imported_password_hash: str | None = field(default=None, repr=False)
    acr_values_supported: Sequence[str] = ()
    endpoints: Endpoints = Endpoints()
    claims: Claims = standard_claims
    metadata: Mapping[str, str | bool | Sequence[str]] = field(
        default_factory=dict[str, str | bool | Sequence[str]]
    )

    def __post_init__(self) -> None:
        _check_types(self)
        parts = urlsplit(self.issuer)
        local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise refusal("issuer", "must be an https URL, or http to a loopback host")
        if parts.query or parts.fragment or self.issuer.endswith("/"):
            raise refusal("issuer", "must have no query, fragment or / at its end")
        if self.registration == "token" and not self.initial_access_token:
            raise refusal("initial_access_token", "must be set: registration is token")

    def url(self, path: str) -> str:
        """Return the URL of an endpoint."""
        return self.issuer + path


def _check_types(settings: ProviderSettings) -> None:
    """Refuse values of a wrong type, for example from a file of settings.

    An unknown value of `registration` would let everybody register.
    """
    for name, check in _CHECKS.items():
        check(name, getattr(settings, name))
