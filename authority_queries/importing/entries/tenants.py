"""Tenants, their roles and their licences."""

from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from pydantic import Field

from authority_queries.importing.entries.base import (
    ChangedEntry,
    DatedEntry,
    Empty,
    Hidden,
    JsonArray,
    JsonObject,
    Moment,
    Names,
)
from authority_queries.records import (
    LicenseGracePolicy,
    LicenseOveragePolicy,
    LicenseStatus,
    LicenseUsagePeriod,
    LoginAttemptOutcome,
    RevocationCategory,
    SigningKeyAlg,
    TenantStatus,
)


class TenantEntry(ChangedEntry):
    """A tenant. Its key is `code`.

    `is_complete`: its system roles and standard scopes are among the entries, so that
    none is created with the tenant.
    """

    kind: Literal["tenant"] = "tenant"
    code: str
    display_name: str
    is_complete: bool = False
    status: TenantStatus = "active"
    settings: JsonObject = Empty
    tokens_valid_after: Moment | None = None
    foreign_tokens_until: Moment | None = None


class RoleEntry(ChangedEntry):
    """A role. Its key is `name`."""

    kind: Literal["role"] = "role"
    name: str
    description: str = ""
    is_system: bool = False


class RolePermissionEntry(DatedEntry):
    """A permission of a role. The permission is in the catalogue of the authority."""

    kind: Literal["role_permission"] = "role_permission"
    role: str
    permission: str


class LicenseEntry(ChangedEntry):
    """A licence. Its key is `key_hash`, the SHA-256 of the licence key."""

    kind: Literal["license"] = "license"
    key_hash: bytes = Hidden
    plan: str
    seats: int = 0
    features: Names = ()
    limits: JsonObject = Empty
    usage_period: LicenseUsagePeriod = "month"
    overage_policy: LicenseOveragePolicy = "refuse"
    valid_from: Moment
    valid_until: Moment | None = None
    grace: timedelta = timedelta()
    grace_policy: LicenseGracePolicy = "full"
    status: LicenseStatus = "active"
    status_reason: str | None = None
    properties: JsonObject = Empty


class LicenseSeatEntry(DatedEntry):
    """A seat of a licence. `license` is the `id` of its entry."""

    kind: Literal["license_seat"] = "license_seat"
    license: UUID
    seat_number: int
    holder: str | None = None
    leased_until: Moment | None = None
    updated_at: Moment | None = None


class LicenseUsageEntry(DatedEntry):
    """A metered use of a licence. `license` is the `id` of its entry.

    `is_counted`: a LicenseUsageTotalEntry has its sum.
    """

    kind: Literal["license_usage"] = "license_usage"
    license: UUID
    metric: str
    idempotency_key: str
    is_counted: bool = False
    period_start: date
    period_end: date
    quantity: int
    corrects: str | None = None


class LicenseUsageTotalEntry(DatedEntry):
    """The sum of a metered use in a period. `license` is the `id` of its entry."""

    kind: Literal["license_usage_total"] = "license_usage_total"
    license: UUID
    metric: str
    period_start: date
    period_end: date
    used: int
    allowance: int | None = None
    overage_policy: LicenseOveragePolicy
    updated_at: Moment | None = None


class LoginAttemptEntry(DatedEntry):
    """A sign-in attempt of the log. `user` is the subject_id of a user, if known."""

    kind: Literal["login_attempt"] = "login_attempt"
    id: UUID
    username: str
    outcome: LoginAttemptOutcome
    user: str | None = None
    client_id: str | None = None
    address: str | None = None
    reason: str | None = None
    correlation_id: str | None = None


class SigningKeyEntry(DatedEntry):
    """A key that signs tokens. Its private key is encrypted under a `Keyring`."""

    kind: Literal["signing_key"] = "signing_key"
    kid: str
    alg: SigningKeyAlg
    public_jwk: JsonObject
    private_key: bytes | None = Field(default=None, repr=False)
    encryption_key_id: str | None = None
    signs_from: Moment
    activated_at: Moment | None = None
    retired_at: Moment | None = None
    published_until: Moment | None = None
    compromised_at: Moment | None = None
    updated_at: Moment | None = None


class RevocationSequenceEntry(DatedEntry):
    """The newest number of the feed of revocations, which may have been pruned."""

    kind: Literal["revocation_sequence"] = "revocation_sequence"
    last_sequence: int
    updated_at: Moment | None = None


class RevocationEntry(DatedEntry):
    """An entry of the feed of revocations, in its order in the other store."""

    kind: Literal["revocation"] = "revocation"
    sequence: int
    category: RevocationCategory
    target: str
    reason: str
    scopes: Names | None = None
    resources: Names | None = None
    authorization_details: JsonArray | None = None
    properties: JsonObject = Empty
    effective_at: Moment
    expires_at: Moment | None = None
