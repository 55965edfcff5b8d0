"""What can go wrong, as one hierarchy. No message carries a secret or a row's value.

The database decides, Python names: errors of PostgreSQL are told apart by SQLSTATE
and by the constraint's name, never by the text of a message. What has no name here
(a lost connection, a deadlock) passes through as psycopg raised it.
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
    StaleModuleError,
    UnitAbortedError,
)

__all__ = [
    "AuthorityError",
    "BrokenPromiseError",
    "CardinalityError",
    "ClosedError",
    "ConcurrencyConflictError",
    "ConfigurationError",
    "ConstraintError",
    "CrossTenantError",
    "DuplicateError",
    "FeedRewoundError",
    "ForkedError",
    "IdempotencyKeyReusedError",
    "InUseError",
    "InvalidArgumentError",
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
    "SchemaVersionError",
    "StaleModuleError",
    "SystemRowError",
    "TenantInactiveError",
    "UnavailableError",
    "UnitAbortedError",
    "UnitEndedError",
]


class ConfigurationError(AuthorityError):
    """A setting is wrong. The message names its key, its value and what is allowed."""


class UnavailableError(AuthorityError):
    """No connection to PostgreSQL could be had in time."""


class ClosedError(AuthorityError):
    """An Authority or Maintenance is used after the block that it was opened for."""


class SchemaVersionError(AuthorityError):
    """The database's schema is missing, or too old or too new for this package."""


class MigrationError(AuthorityError):
    """The migrations cannot be applied: none were found, or another run holds them."""


class InvalidTokenError(InvalidArgumentError):
    """A string is no token of this store: wrong shape, prefix, length or checksum."""


class NotFoundError(AuthorityError):
    """What was to be changed does not exist in the tenant."""


class ConcurrencyConflictError(AuthorityError):
    """The row is not at the row_version that the update names: read it again."""


class SystemRowError(AuthorityError):
    """The row belongs to the system: it can be neither changed nor deleted."""


class TenantInactiveError(AuthorityError):
    """The tenant is unknown, suspended or terminated, and is issued nothing."""


class UnitEndedError(AuthorityError):
    """A store is used after the block that it was lent for."""


class OpenTransactionError(AuthorityError):
    """What must outlive the caller's rollback is asked for inside its transaction."""


class FeedRewoundError(AuthorityError):
    """A feed ends before what its follower has seen: the database was restored."""


class LicenseNotUsableError(AuthorityError):
    """The licence is unknown, gives none now, or does not name the metric."""


class IdempotencyKeyReusedError(AuthorityError):
    """The key names another use already; nothing was recorded: give each its own."""


class LimitReachedError(ConstraintError):
    """A licence has no more to give: its limit or its seats are used up."""
