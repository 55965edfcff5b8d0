r"""One immutable record per row shape, fields in the order of the columns.

What a field means stands in the comment of its column: `\d+ authority.users`.
Fields that carry a hash or an encrypted payload do not show in `repr`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Generic, Literal, TypeAlias, TypeVar
from uuid import UUID

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
JsonObject: TypeAlias = Mapping[str, JsonValue]

TenantStatus = Literal["active", "suspended", "trial", "terminated"]
UserStatus = Literal["pending", "active", "suspended"]
ApplicationType = Literal["web", "native"]
ClientType = Literal["confidential", "public"]
ConsentType = Literal["explicit", "external", "implicit", "systematic"]
AuthorizationType = Literal["permanent", "ad_hoc"]
TokenType = Literal[
    "access", "refresh", "authorization_code", "device_code", "user_code"
]
RedeemableTokenType = Literal[
    "refresh", "authorization_code", "device_code", "user_code"
]
RefusalOutcome = Literal["already_redeemed", "reused", "invalid"]
RevocationCategory = Literal["token", "subject", "client", "key", "authorization"]
LoginOutcome = Literal["succeeded", "failed", "throttled"]
UsagePeriod = Literal["day", "month", "year"]
LicenseStatus = Literal["active", "suspended", "revoked"]
LicenseState = Literal[
    "valid", "grace", "expired", "not_yet_valid", "suspended", "revoked"
]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A page of a list. `next` and `previous` are cursors for `after` and `before`.

    A cursor is None where the list ends.
    """

    items: Sequence[Item]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A row of authority.tenants."""

    id: UUID
    code: str
    display_name: str
    status: TenantStatus
    settings: JsonObject
    created_at: datetime
    updated_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A row of authority.users."""

    tenant_id: UUID
    id: UUID
    subject_id: UUID
    username: str
    username_normalized: str
    email: str | None
    email_verified: bool
    display_name: str
    password_hash: str | None = field(repr=False)
    status: UserStatus
    tokens_valid_after: datetime | None
    attributes: JsonObject
    created_at: datetime
    updated_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRole:
    """A row of authority.user_roles."""

    tenant_id: UUID
    user_id: UUID
    role_id: UUID
    granted_by: str | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A row of authority.roles."""

    tenant_id: UUID
    id: UUID
    name: str
    description: str
    is_system: bool
    created_at: datetime
    updated_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A row of authority.permissions."""

    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A row of authority.service_accounts."""

    tenant_id: UUID
    id: UUID
    account_id: str
    display_name: str
    description: str
    enabled: bool
    allowed_scopes: Sequence[str]
    authorized_clients: Sequence[UUID]
    attributes: JsonObject
    created_at: datetime
    updated_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A row of authority.clients."""

    tenant_id: UUID
    id: UUID
    client_id: str
    application_type: ApplicationType
    client_type: ClientType
    consent_type: ConsentType
    display_name: str
    display_names: JsonObject
    redirect_uris: Sequence[str]
    post_logout_redirect_uris: Sequence[str]
    permissions: Sequence[str]
    requirements: Sequence[str]
    settings: JsonObject
    properties: JsonObject
    json_web_key_set: JsonObject | None
    enabled: bool
    created_at: datetime
    updated_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecret:
    """A row of authority.client_secrets."""

    tenant_id: UUID
    id: UUID
    client_id: UUID
    secret_hash: str = field(repr=False)
    description: str
    valid_from: datetime
    valid_until: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A row of authority.scopes."""

    tenant_id: UUID
    id: UUID
    name: str
    display_name: str
    display_names: JsonObject
    description: str
    descriptions: JsonObject
    resources: Sequence[str]
    properties: JsonObject
    is_system: bool
    created_at: datetime
    updated_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A row of authority.authorizations."""

    tenant_id: UUID
    id: UUID
    client_id: UUID
    user_id: UUID | None
    service_account_id: UUID | None
    type: AuthorizationType
    scopes: Sequence[str]
    properties: JsonObject
    revoked_at: datetime | None
    revocation_reason: str | None
    created_at: datetime
    updated_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A row of authority.tokens."""

    tenant_id: UUID
    id: UUID
    type: TokenType
    token_hash: bytes = field(repr=False)
    client_id: UUID
    user_id: UUID | None
    service_account_id: UUID | None
    authorization_id: UUID | None
    scopes: Sequence[str]
    code_challenge: str | None
    redirect_uri: str | None
    nonce: str | None
    cnf_jkt: str | None
    cnf_x5t_s256: str | None
    payload: bytes | None = field(repr=False)
    properties: JsonObject
    expires_at: datetime
    redeemed_at: datetime | None
    redemption_id: UUID | None
    revoked_at: datetime | None
    revocation_reason: str | None
    authenticated_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """A live token, with what a resource server needs of its client and subject."""

    tenant_id: UUID
    id: UUID
    type: TokenType
    client_id: str
    authorization_id: UUID | None
    user_id: UUID | None
    subject_id: UUID | None
    username: str | None
    service_account_id: UUID | None
    account_id: str | None
    scopes: Sequence[str]
    cnf_jkt: str | None
    cnf_x5t_s256: str | None
    payload: bytes | None = field(repr=False)
    properties: JsonObject
    authenticated_at: datetime
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a redemption was refused."""

    outcome: RefusalOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Outcome of redeeming a single-use token. `token` is set when redeemed."""

    outcome: Literal["redeemed"] | RefusalOutcome
    token: Token | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Outcome of rotating a refresh token. Both tokens are set when rotated."""

    outcome: Literal["rotated"] | RefusalOutcome
    refresh_token: Token | None
    access_token: Token | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A row of authority.revocations."""

    tenant_id: UUID
    sequence: int
    category: RevocationCategory
    target: str
    reason: str
    properties: JsonObject
    effective_at: datetime
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAttempt:
    """A row of authority.login_attempts."""

    tenant_id: UUID
    id: UUID
    username: str
    user_id: UUID | None
    client_id: str | None
    address: IPv4Address | IPv6Address | None
    outcome: LoginOutcome
    reason: str | None
    correlation_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleDecision:
    """Whether a check may be made. `retry_after` is set when it may not."""

    allowed: bool
    remaining: int
    retry_after: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class License:
    """A row of authority.licenses."""

    tenant_id: UUID
    id: UUID
    key_hash: bytes = field(repr=False)
    plan: str
    seats: int
    features: Sequence[str]
    limits: JsonObject
    usage_period: UsagePeriod
    valid_from: datetime
    valid_until: datetime | None
    grace: timedelta
    status: LicenseStatus
    status_reason: str | None
    properties: JsonObject
    created_at: datetime
    updated_at: datetime
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseValidation:
    """What a licence key opens, and in which state the licence is now."""

    tenant_id: UUID
    id: UUID
    plan: str
    features: Sequence[str]
    state: LicenseState
    valid_until: datetime | None
    usable_until: datetime | None
    seats: int
    seats_taken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseSeat:
    """A row of authority.license_seats that somebody holds."""

    tenant_id: UUID
    license_id: UUID
    seat_number: int
    holder: str
    leased_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReceipt:
    """Answer to a report of usage.

    `recorded` is False, and `used` None, when the idempotency key had been recorded
    before. `allowed` None: the metric has no limit.
    """

    recorded: bool
    used: int | None
    allowed: int | None
    period_start: date


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotal:
    """A row of authority.license_usage_totals."""

    tenant_id: UUID
    license_id: UUID
    metric: str
    period_start: date
    used: int
    allowed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedMigration:
    """A row of yoyo's books."""

    migration_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDescription:
    """What `authority doctor` says of a server."""

    version_number: int
    version: str
    encoding: str
    folds_case: bool
    database_name: str
    role_name: str
    is_superuser: bool
    may_create_roles: bool
    may_migrate: bool
    has_migration_log: bool
    clock: datetime
