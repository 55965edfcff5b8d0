"""The table of each kind of entry: its key, its columns and its references."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from authority_queries.importing import entries
from authority_queries.importing.writing.shapes import (
    NAMED_KINDS,
    NamedKind,
    Reference,
    Table,
)

__all__ = [
    "NAMED_KINDS",
    "TABLES",
    "TENANTS",
    "NamedKind",
    "Reference",
    "Table",
    "table_of",
]

_USER: Final = Reference(field="user", column="user_id", kind="user")
_CLIENT: Final = Reference(field="client", column="client_uuid", kind="client")
_ACCOUNT: Final = Reference(
    field="service_account", column="service_account_id", kind="service_account"
)
_ROLE: Final = Reference(field="role", column="role_id", kind="role")
_SESSION: Final = Reference(field="session", column="session_id")
_LICENSE: Final = Reference(field="license", column="license_id")

# The tenant has no tenant_id; its key is unique in the database.
TENANTS: Final = Table(
    entry=entries.TenantEntry,
    name="tenants",
    key=("code",),
    names=("code",),
    marks=("is_complete",),
)
_TABLES: Final = (
    TENANTS,
    Table(entry=entries.SigningKeyEntry, name="signing_keys", key=("kid",)),
    Table(entry=entries.RoleEntry, name="roles", key=("name",), names=("name",)),
    Table(
        entry=entries.RolePermissionEntry,
        name="role_permissions",
        key=("role_id", "permission"),
        references=(_ROLE,),
    ),
    Table(entry=entries.ScopeEntry, name="scopes", key=("name",), names=("name",)),
    Table(
        entry=entries.ClientEntry,
        name="clients",
        key=("client_id",),
        names=("client_id",),
        fixed=("id",),
    ),
    Table(
        entry=entries.ClientRegistrationEntry,
        name="client_registrations",
        key=("client_uuid",),
        references=(_CLIENT,),
    ),
    Table(
        entry=entries.ClientSecretEntry,
        name="client_secrets",
        key=("id",),
        references=(_CLIENT,),
        fixed=("client_uuid",),
    ),
    Table(
        entry=entries.ServiceAccountEntry,
        name="service_accounts",
        key=("account_id",),
        names=("account_id",),
        references=(
            Reference(
                field="authorized_clients",
                column="authorized_client_uuids",
                kind="client",
            ),
        ),
        fixed=("id",),
    ),
    Table(
        entry=entries.UserEntry,
        name="users",
        key=("subject_id",),
        names=("subject_id",),
        computed=("username_key",),
        fixed=("id",),
    ),
    Table(
        entry=entries.UserRoleEntry,
        name="user_roles",
        key=("user_id", "role_id"),
        references=(_USER, _ROLE),
    ),
    Table(
        entry=entries.UserIdentityEntry,
        name="user_identities",
        key=("issuer", "subject"),
        references=(_USER,),
        fixed=("user_id",),
    ),
    Table(
        entry=entries.WebauthnCredentialEntry,
        name="webauthn_credentials",
        key=("credential_id",),
        names=("credential_id",),
        references=(_USER,),
        fixed=("id", "user_id"),
    ),
    Table(
        entry=entries.TotpCredentialEntry,
        name="totp_credentials",
        key=("id",),
        references=(_USER,),
        fixed=("user_id",),
    ),
    Table(
        entry=entries.RecoveryCodesEntry,
        name="recovery_codes",
        key=("user_id",),
        references=(_USER,),
    ),
    Table(
        entry=entries.SessionEntry,
        name="sessions",
        key=("id",),
        references=(_USER,),
        fixed=("user_id",),
    ),
    Table(
        entry=entries.SessionClientEntry,
        name="session_clients",
        key=("session_id", "client_uuid"),
        references=(_SESSION, _CLIENT),
    ),
    Table(
        entry=entries.OneTimeTokenEntry,
        name="one_time_tokens",
        key=("id",),
        references=(_USER,),
        fixed=("purpose", "user_id"),
    ),
    Table(
        entry=entries.ConsentEntry,
        name="consents",
        key=("id",),
        names=("user", "client"),
        references=(_USER, _CLIENT),
        fixed=("user_id", "client_uuid"),
    ),
    Table(
        entry=entries.AuthorizationEntry,
        name="authorizations",
        key=("id",),
        references=(
            _USER,
            _CLIENT,
            _ACCOUNT,
            Reference(field="consent", column="consent_id"),
            _SESSION,
        ),
        fixed=("client_uuid", "user_id", "service_account_id"),
    ),
    Table(
        entry=entries.TokenEntry,
        name="tokens",
        key=("token_hash",),
        names=("token_hash",),
        references=(
            _USER,
            _CLIENT,
            _ACCOUNT,
            Reference(field="authorization", column="authorization_id"),
            Reference(field="parent", column="parent_id"),
            Reference(field="subject_authorization", column="subject_authorization_id"),
        ),
        fixed=(
            "id",
            "client_uuid",
            "user_id",
            "service_account_id",
            "authorization_id",
        ),
    ),
    Table(entry=entries.RevocationSequenceEntry, name="revocation_sequences", key=()),
    Table(
        entry=entries.RevocationEntry,
        name="revocations",
        key=("sequence",),
        fixed=("category", "target"),
    ),
    Table(
        entry=entries.LoginAttemptEntry,
        name="login_attempts",
        key=("created_at", "id"),
        # A log outlives its users.
        references=(replace(_USER, is_optional=True),),
    ),
    Table(
        entry=entries.LicenseEntry,
        name="licenses",
        key=("key_hash",),
        names=("key_hash",),
        fixed=("id",),
    ),
    Table(
        entry=entries.LicenseSeatEntry,
        name="license_seats",
        key=("license_id", "seat_number"),
        references=(_LICENSE,),
    ),
    Table(
        entry=entries.LicenseUsageTotalEntry,
        name="license_usage_totals",
        key=("license_id", "metric", "period_start"),
        references=(_LICENSE,),
    ),
    Table(
        entry=entries.LicenseUsageEntry,
        name="license_usage",
        key=("license_id", "metric", "idempotency_key"),
        references=(_LICENSE,),
        marks=("is_counted",),
    ),
)

# By kind, each after those that it refers to.
TABLES: Final[Mapping[str, Table]] = {table.kind: table for table in _TABLES}


def table_of(entry: entries.AnyEntry) -> Table:
    """Return the table of an entry."""
    return TABLES[entry.kind]
