"""All errors of the package. No message carries a secret or a row's value.

The SQLSTATE and the constraint's name of PostgreSQL's error choose the class, never the
message's text. An error without a class here (a lost connection, a deadlock) is raised
as psycopg's own.
"""

from authority_queries.engine.errors import (
    AuthorityError,
    BrokenPromiseError,
    CardinalityError,
    ConstraintError,
    CrossTenantError,
    DuplicateError,
    ForkedError,
    InUseError,
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
    NestedUnitError,
    PermissionDeniedError,
    ReadOnlyError,
    RetryableError,
    StaleModuleError,
    UnitAbortedError,
)

__all__ = [
    "AuthorityError",
    "BackfillError",
    "BrokenPromiseError",
    "CardinalityError",
    "ClosedError",
    "ConcurrencyConflictError",
    "ConfigurationError",
    "ConstraintError",
    "CrossTenantError",
    "DecryptionError",
    "DuplicateError",
    "FeedRewoundError",
    "ForkedError",
    "IdempotencyKeyReusedError",
    "InUseError",
    "InvalidArgumentError",
    "InvalidDumpError",
    "InvalidTokenError",
    "InvalidValueError",
    "LicenseNotUsableError",
    "LimitReachedError",
    "MigrationError",
    "MissingReferenceError",
    "NestedUnitError",
    "NotFoundError",
    "OpenTransactionError",
    "PermissionDeniedError",
    "ReadOnlyError",
    "ReplicaLagError",
    "RetryableError",
    "SchemaVersionError",
    "StaleModuleError",
    "SystemRowError",
    "TenantActiveError",
    "TenantInactiveError",
    "TenantMovingError",
    "TenantNotTerminatedError",
    "UnavailableError",
    "UnitAbortedError",
    "UnitEndedError",
]


class ConfigurationError(AuthorityError):
    """A setting is wrong. The message has its key, its value and the allowed values."""


class UnavailableError(AuthorityError):
    """No connection to PostgreSQL was available in time."""


class ReplicaLagError(AuthorityError):
    """A standby has not replayed a write in time, or never will: ask the primary."""


class ClosedError(AuthorityError):
    """An Authority or Maintenance is used after the block of its `open`."""


class SchemaVersionError(AuthorityError):
    """The database's schema is missing, or too old or too new for this package."""


class MigrationError(AuthorityError):
    """The migrations cannot be applied. The message has the reason."""


class BackfillError(AuthorityError):
    """A backfill is refused, or could not lock its rows. The message has the reason."""


class InvalidTokenError(InvalidArgumentError):
    """A string is no token of this store: wrong shape, prefix, length or checksum."""


class SourceError(AuthorityError):
    """Another store, from which is imported, cannot be read."""


class InvalidDumpError(AuthorityError):
    """A dump of a tenant ends early, was changed, or has another format."""


class DecryptionError(AuthorityError):
    """A secret cannot be decrypted: another key, another row, or changed octets."""


class NotFoundError(AuthorityError):
    """The row to change does not exist in the tenant."""


class ConcurrencyConflictError(AuthorityError):
    """The row has another row_version than the update names: read the row again."""


class SystemRowError(AuthorityError):
    """The row belongs to the system. It cannot be changed or deleted."""


class TenantInactiveError(AuthorityError):
    """The tenant is unknown, suspended or terminated. Nothing is issued to it."""


class TenantMovingError(RetryableError):
    """A tenant moves to another cell, or has just moved: repeat the call later."""


class TenantActiveError(AuthorityError):
    """A tenant is active, or a unit of work of its active time goes on."""


class TenantNotTerminatedError(AuthorityError):
    """A tenant that is not terminated cannot be erased."""


class UnitEndedError(AuthorityError):
    """A store is used after the end of its block."""


class OpenTransactionError(AuthorityError):
    """A call whose effect must survive a rollback is made inside a transaction."""


class FeedRewoundError(AuthorityError):
    """A feed is not the one that its follower has read: the database was restored."""


class LicenseNotUsableError(AuthorityError):
    """The licence is unknown, not usable now, or without the metric."""


class IdempotencyKeyReusedError(AuthorityError):
    """Another use has this key. Nothing was recorded: use a new key for each use."""


class LimitReachedError(ConstraintError):
    """A licence's limit is reached, its seats are taken, or an owner has too many rows.

    A user has at most 100 roles, WebAuthn credentials and TOTP secrets, a client at
    most 100 secrets.
    """
