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
from authority_queries.importing.entries.sessions import (
    OneTimeTokenEntry,
    SessionClientEntry,
    SessionEntry,
)
from authority_queries.importing.entries.tenants import (
    LicenseEntry,
    LicenseSeatEntry,
    LicenseUsageEntry,
    LicenseUsageTotalEntry,
    LoginAttemptEntry,
    RevocationEntry,
    RevocationSequenceEntry,
    RoleEntry,
    RolePermissionEntry,
    SigningKeyEntry,
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
    | SigningKeyEntry
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
    | SessionEntry
    | SessionClientEntry
    | OneTimeTokenEntry
    | ConsentEntry
    | AuthorizationEntry
    | TokenEntry
    | RevocationSequenceEntry
    | RevocationEntry
    | LoginAttemptEntry
    | LicenseEntry
    | LicenseSeatEntry
    | LicenseUsageTotalEntry
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
    "LicenseUsageTotalEntry",
    "LoginAttemptEntry",
    "OneTimeTokenEntry",
    "RecoveryCodesEntry",
    "RevocationEntry",
    "RevocationSequenceEntry",
    "RoleEntry",
    "RolePermissionEntry",
    "ScopeEntry",
    "ServiceAccountEntry",
    "SessionClientEntry",
    "SessionEntry",
    "SigningKeyEntry",
    "TenantEntry",
    "TokenEntry",
    "TotpCredentialEntry",
    "UserEntry",
    "UserIdentityEntry",
    "UserRoleEntry",
    "WebauthnCredentialEntry",
]
