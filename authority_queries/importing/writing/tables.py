"""The table of each kind of entry: its key, its columns and its references."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, get_args

from authority_queries.importing.entries import (
    AnyEntry,
    AuthorizationEntry,
    ClientEntry,
    ClientRegistrationEntry,
    ClientSecretEntry,
    ConsentEntry,
    Entry,
    LicenseEntry,
    LicenseSeatEntry,
    LicenseUsageEntry,
    LicenseUsageTotalEntry,
    LoginAttemptEntry,
    OneTimeTokenEntry,
    RecoveryCodesEntry,
    RevocationEntry,
    RevocationSequenceEntry,
    RoleEntry,
    RolePermissionEntry,
    ScopeEntry,
    ServiceAccountEntry,
    SessionClientEntry,
    SessionEntry,
    SigningKeyEntry,
    TenantEntry,
    TokenEntry,
    TotpCredentialEntry,
    UserEntry,
    UserIdentityEntry,
    UserRoleEntry,
    WebauthnCredentialEntry,
)

# The kinds that other entries name by natural keys. Entries name all others by `id`.
NamedKind: TypeAlias = Literal["user", "client", "role", "service_account"]
NAMED_KINDS: Final[tuple[NamedKind, ...]] = get_args(NamedKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A field that names a row of another kind, and the column with the row's id.

    The field has the natural key of the row if `kind` is set, a list of them for
    `authorized_clients`. Otherwise it has the id itself. If the row of an optional
    reference is missing, the field is dropped; otherwise the document is refused.
    """

    field: str
    column: str
    kind: NamedKind | None = None
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of one kind of entry. Each column that is not named here is a field.

    - `key`: the columns that with tenant_id identify a row. They are a unique key.
    - `names`: the fields from which an id is derived if the entry has none.
    - `fixed`: the columns in which a stored row with the same key must agree with the
      entry. Otherwise it is another row: its document is refused, so that nothing is
      added to the account of somebody else.
    - `computed`: columns that `rows` computes from the entry.
    - `marks`: fields that are no columns.
    """

    entry: type[Entry]
    name: str
    key: tuple[str, ...]
    names: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    fixed: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of the entries."""
        return str(self.entry.model_fields["kind"].default)

    @property
    def fields(self) -> Mapping[str, str]:
        """The column of each field."""
        renamed = {each.field: each.column for each in self.references}
        return {
            field: renamed.get(field, field)
            for field in self.entry.model_fields
            if field not in ("kind", *self.marks)
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that an import writes, besides tenant_id."""
        return (*self.fields.values(), *self.computed)


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
    entry=TenantEntry,
    name="tenants",
    key=("code",),
    names=("code",),
    marks=("is_complete",),
)
_TABLES: Final = (
    TENANTS,
    Table(entry=SigningKeyEntry, name="signing_keys", key=("kid",)),
    Table(entry=RoleEntry, name="roles", key=("name",), names=("name",)),
    Table(
        entry=RolePermissionEntry,
        name="role_permissions",
        key=("role_id", "permission"),
        references=(_ROLE,),
    ),
    Table(entry=ScopeEntry, name="scopes", key=("name",), names=("name",)),
    Table(
        entry=ClientEntry,
        name="clients",
        key=("client_id",),
        names=("client_id",),
        fixed=("id",),
    ),
    Table(
        entry=ClientRegistrationEntry,
        name="client_registrations",
        key=("client_uuid",),
        references=(_CLIENT,),
    ),
    Table(
        entry=ClientSecretEntry,
        name="client_secrets",
        key=("id",),
        references=(_CLIENT,),
        fixed=("client_uuid",),
    ),
    Table(
        entry=ServiceAccountEntry,
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
        entry=UserEntry,
        name="users",
        key=("subject_id",),
        names=("subject_id",),
        computed=("username_key",),
        fixed=("id",),
    ),
    Table(
        entry=UserRoleEntry,
        name="user_roles",
        key=("user_id", "role_id"),
        references=(_USER, _ROLE),
    ),
    Table(
        entry=UserIdentityEntry,
        name="user_identities",
        key=("issuer", "subject"),
        references=(_USER,),
        fixed=("user_id",),
    ),
    Table(
        entry=WebauthnCredentialEntry,
        name="webauthn_credentials",
        key=("credential_id",),
        names=("credential_id",),
        references=(_USER,),
        fixed=("id", "user_id"),
    ),
    Table(
        entry=TotpCredentialEntry,
        name="totp_credentials",
        key=("id",),
        references=(_USER,),
        fixed=("user_id",),
    ),
    Table(
        entry=RecoveryCodesEntry,
        name="recovery_codes",
        key=("user_id",),
        references=(_USER,),
    ),
    Table(
        entry=SessionEntry,
        name="sessions",
        key=("id",),
        references=(_USER,),
        fixed=("user_id",),
    ),
    Table(
        entry=SessionClientEntry,
        name="session_clients",
        key=("session_id", "client_uuid"),
        references=(_SESSION, _CLIENT),
    ),
    Table(
        entry=OneTimeTokenEntry,
        name="one_time_tokens",
        key=("id",),
        references=(_USER,),
        fixed=("purpose", "user_id"),
    ),
    Table(
        entry=ConsentEntry,
        name="consents",
        key=("id",),
        names=("user", "client"),
        references=(_USER, _CLIENT),
        fixed=("user_id", "client_uuid"),
    ),
    Table(
        entry=AuthorizationEntry,
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
        entry=TokenEntry,
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
    Table(entry=RevocationSequenceEntry, name="revocation_sequences", key=()),
    Table(
        entry=RevocationEntry,
        name="revocations",
        key=("sequence",),
        fixed=("category", "target"),
    ),
    Table(
        entry=LoginAttemptEntry,
        name="login_attempts",
        key=("created_at", "id"),
        # A log outlives its users.
        references=(replace(_USER, is_optional=True),),
    ),
    Table(
        entry=LicenseEntry,
        name="licenses",
        key=("key_hash",),
        names=("key_hash",),
        fixed=("id",),
    ),
    Table(
        entry=LicenseSeatEntry,
        name="license_seats",
        key=("license_id", "seat_number"),
        references=(_LICENSE,),
    ),
    Table(
        entry=LicenseUsageTotalEntry,
        name="license_usage_totals",
        key=("license_id", "metric", "period_start"),
        references=(_LICENSE,),
    ),
    Table(
        entry=LicenseUsageEntry,
        name="license_usage",
        key=("license_id", "metric", "idempotency_key"),
        references=(_LICENSE,),
        marks=("is_counted",),
    ),
)

# By kind, each after those that it refers to.
TABLES: Final[Mapping[str, Table]] = {table.kind: table for table in _TABLES}


def table_of(entry: AnyEntry) -> Table:
    """Return the table of an entry."""
    return TABLES[entry.kind]
