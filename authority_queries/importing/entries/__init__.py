"""The portable form of an authority: one entry for each row, as JSON lines."""

from typing import Annotated, Final, TypeAlias

from pydantic import Field, TypeAdapter

from authority_queries.importing.entries.base import Entry
from authority_queries.importing.entries.clients import (
    ClientEntry,
    ClientRegistrationEntry,
    ClientSecretEntry,
    ScopeEntry,
    ServiceAccountEntry,
)
from authority_queries.importing.entries.tenants import (
    LicenseEntry,
    LicenseSeatEntry,
    LicenseUsageEntry,
    LoginAttemptEntry,
    RevocationEntry,
    RoleEntry,
    RolePermissionEntry,
    TenantEntry,
)
from authority_queries.importing.entries.tokens import (
    AuthorizationEntry,
    ConsentEntry,
    TokenEntry,
)
from authority_queries.importing.entries.users import (
    RecoveryCodesEntry,
    TotpCredentialEntry,
    UserEntry,
    UserIdentityEntry,
    UserRoleEntry,
    WebauthnCredentialEntry,
)

# Each entry follows those that it refers to.
AnyEntry: TypeAlias = (
    TenantEntry
    | RoleEntry
    | RolePermissionEntry
    | ScopeEntry
    | ClientEntry
    | ClientRegistrationEntry
    | ClientSecretEntry
    | ServiceAccountEntry
    | UserEntry
    | UserRoleEntry
    | UserIdentityEntry
    | WebauthnCredentialEntry
    | TotpCredentialEntry
    | RecoveryCodesEntry
    | ConsentEntry
    | AuthorizationEntry
    | TokenEntry
    | RevocationEntry
    | LoginAttemptEntry
    | LicenseEntry
    | LicenseSeatEntry
    | LicenseUsageEntry
)
ENTRY: Final = TypeAdapter[AnyEntry](Annotated[AnyEntry, Field(discriminator="kind")])

__all__ = [
    "ENTRY",
    "AnyEntry",
    "AuthorizationEntry",
    "ClientEntry",
    "ClientRegistrationEntry",
    "ClientSecretEntry",
    "ConsentEntry",
    "Entry",
    "LicenseEntry",
    "LicenseSeatEntry",
    "LicenseUsageEntry",
    "LoginAttemptEntry",
    "RecoveryCodesEntry",
    "RevocationEntry",
    "RoleEntry",
    "RolePermissionEntry",
    "ScopeEntry",
    "ServiceAccountEntry",
    "TenantEntry",
    "TokenEntry",
    "TotpCredentialEntry",
    "UserEntry",
    "UserIdentityEntry",
    "UserRoleEntry",
    "WebauthnCredentialEntry",
]
